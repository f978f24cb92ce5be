package web

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// words are the pages' words in one language: key → message, in ICU MessageFormat.
type words map[string]string

// readWords reads the words of all languages. A line is "key: message"; "status: draft" says that no person has reviewed a
// file yet. Every language has the same keys.
func readWords(files fs.FS) (map[string]words, error) {
	names, err := fs.Glob(files, "words/*.txt")
	if err != nil {
		return nil, err
	}
	all := map[string]words{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		in := words{}
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			key, message, ok := strings.Cut(line, ": ")
			if !ok || in[key] != "" {
				return nil, fmt.Errorf("%s, line %d: want \"key: message\", each key once", name, i+1)
			}
			in[key] = message
		}
		all[strings.TrimSuffix(path.Base(name), ".txt")] = in
	}
	return all, nil
}

// lastResort is the language of who reads none that the pages have.
const lastResort = "en"

// speech is how one reader is spoken to.
type speech struct {
	words  words
	locale string // of the words, with what she asks for in numbers and dates
	plain  string // without
	reader templates.Reader
}

// speech finds the language of a member: the first of hers and her group's that the pages have.
func (s *Server) speech(m gateway.Member, g gateway.Group) speech {
	chain := append([]string{m.Locale}, m.Fallback...)
	chain = append(append(chain, g.Locale), g.Fallback...)
	zone, err := civil.Zone(m.Zone)
	if err != nil {
		zone = time.UTC
	}
	return s.speak(chain, zone)
}

func (s *Server) speak(chain []string, zone *time.Location) speech {
	chosen, have := lastResort, slices.Collect(maps.Keys(s.words))
	for _, want := range chain {
		if found := templates.Nearest(want, have); found != "" {
			chosen = found
			break
		}
	}
	out := speech{words: s.words[chosen], plain: chosen, locale: chosen, reader: templates.Reader{Zone: zone, Now: s.Now()}}
	if len(chain) > 0 {
		if tag, err := language.Parse(chain[0]); err == nil && tag.TypeForKey("nu") == "latn" {
			out.locale += "-u-nu-latn"
		}
	}
	return out
}

// stranger is spoken to as her browser asks for: nothing is known of her.
func (s *Server) stranger(r *http.Request) speech {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		tags = nil
	}
	chain := make([]string, len(tags))
	for i, tag := range tags {
		chain[i] = tag.String()
	}
	return s.speak(chain, time.UTC)
}

// Say gives a message of the pages; pairs are names and values of its placeholders.
func (s speech) Say(key string, pairs ...any) (string, error) {
	message, ok := s.words[key]
	if !ok {
		return "", fmt.Errorf("the pages have no words %q in %s", key, s.plain)
	}
	if !strings.Contains(message, "{") {
		return message, nil
	}
	sentence, err := templates.NewSentence(s.locale, message)
	if err != nil {
		return "", err
	}
	data := templates.Data{}
	var apart []string // marks and what takes their place
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i].(string), pairs[i+1]
		if address, ok := value.(isolated); ok { // the catalogue's language takes no marks that reorder text
			mark := string(rune(0xE000 + i))
			apart = append(apart, mark, "\u2068"+string(address)+"\u2069")
			value = mark
		}
		data[name] = value
	}
	text, err := sentence.Render(s.reader, data)
	return strings.NewReplacer(apart...).Replace(text), err
}

// isolated is a text that stays in one piece within a sentence of the other direction (Unicode Annex 9: FSI and PDI).
type isolated string

// Direction is that of the script: ltr or rtl.
func (s speech) Direction() string { return string(templates.DirectionOf(s.plain)) }

// Lang is the language of the words, for the page's attribute.
func (s speech) Lang() string { return s.plain }
