package templates

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
)

// ErrNoLanguage says that none of a reader's languages is among a text's.
var ErrNoLanguage = errors.New("the text is in none of these languages; add one of them, or a fallback to the group")

// Set is one text in all its languages. It is safe for concurrent use.
type Set struct {
	texts map[language.Tag]*Template
	tags  []language.Tag // sorted
	names []string
}

// Result says which text was taken.
type Result struct {
	Locale   string // of the text
	Fallback bool   // not in the reader's own language and script: the document's Tag says so
}

// NewSet parses a text in all its languages: locale → source. An error is Faults over all of them; their files are
// called LOCALE.md. The placeholders must be the same in every language.
func NewSet(sources map[string]string) (*Set, error) {
	s := &Set{texts: map[language.Tag]*Template{}}
	var all Faults
	if len(sources) == 0 {
		all = append(all, Fault{File: "text", What: "there is no language", Repair: "write at least one LOCALE.md"})
	}
	for _, locale := range slices.Sorted(maps.Keys(sources)) {
		file := locale + ".md"
		t, err := Parse(file, locale, []byte(sources[locale]))
		var faults Faults
		if errors.As(err, &faults) {
			all = append(all, faults...)
			continue
		}
		if _, twice := s.texts[t.tag]; twice {
			all = append(all, Fault{File: file, What: "the language " + t.Locale + " is there already", Repair: "keep one file for it"})
			continue
		}
		s.texts[t.tag] = t
		s.tags = append(s.tags, t.tag)
	}
	all = append(all, s.compare()...)
	if len(all) > 0 {
		return nil, all
	}
	return s, nil
}

// compare finds the placeholders that some languages have and others lack.
func (s *Set) compare() Faults {
	in := map[string][]string{}
	for _, tag := range s.tags {
		for _, name := range s.texts[tag].names {
			in[name] = append(in[name], tag.String())
		}
	}
	s.names = slices.Sorted(maps.Keys(in))
	var faults Faults
	for _, tag := range s.tags {
		for _, name := range s.names {
			if !slices.Contains(in[name], tag.String()) {
				faults = append(faults, Fault{File: tag.String() + ".md", What: fmt.Sprintf("{%s} is missing; %s has it", name, strings.Join(in[name], ", ")),
					Repair: "use the same placeholders in every language"})
			}
		}
	}
	return faults
}

// Locales lists the languages, sorted.
func (s *Set) Locales() []string {
	out := make([]string, len(s.tags))
	for i, tag := range s.tags {
		out[i] = tag.String()
	}
	return out
}

// Names lists the placeholders, sorted.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Status of the text in one of its Locales.
func (s *Set) Status(locale string) Status {
	if tag, ok := parseLocale(locale); ok && s.texts[tag] != nil {
		return s.texts[tag].Status
	}
	return ""
}

// Choose finds the text for a reader: chain holds her locale, her fallbacks, her group's locale and its fallbacks, in
// that order. Tags that cannot be read are passed over. It returns ErrNoLanguage if there is none.
func (s *Set) Choose(chain []string) (Result, error) {
	var own language.Tag
	for i, wanted := range chain {
		tag, ok := parseLocale(wanted)
		if !ok {
			continue
		}
		if i == 0 {
			own = tag
		}
		if found, ok := find(tag, s.tags); ok {
			return Result{Locale: found.String(), Fallback: own == language.Und || !sameReading(own, found)}, nil
		}
	}
	return Result{}, fmt.Errorf("%s: %w", shorten(strings.Join(chain, ", ")), ErrNoLanguage)
}

// Render chooses the text for a reader as Choose does and puts values in; values are data and never become markup.
// The text of a fallback has its language in Tag. A missing value is an error that names it and the languages that
// need it.
func (s *Set) Render(chain []string, data map[string]string) (content.Document, Result, error) {
	result, err := s.Choose(chain)
	if err != nil {
		return content.Document{}, Result{}, err
	}
	if err := s.CheckData(data); err != nil {
		return content.Document{}, Result{}, err
	}
	tag, _ := parseLocale(result.Locale)
	doc, err := s.texts[tag].Render(data)
	if err != nil {
		return content.Document{}, Result{}, err
	}
	if result.Fallback {
		doc.Tag = doc.Locale
	}
	return doc, result, nil
}

// CheckData finds out whether every language can be rendered with these values.
func (s *Set) CheckData(data map[string]string) error {
	var missing []string
	for _, name := range s.names {
		if _, ok := data[name]; !ok {
			missing = append(missing, "{"+name+"}")
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no value for %s, which the text needs in %s", strings.Join(missing, ", "), strings.Join(s.Locales(), ", "))
	}
	return checkData(data)
}
