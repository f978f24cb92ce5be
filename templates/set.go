package templates

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// ErrNoLanguage says that none of a reader's languages is among a text's.
var ErrNoLanguage = errors.New("the text is in none of these languages; add one of them, or a fallback to the group")

// field is a part of a text that may be missing in some of its languages.
type field int

const (
	subject field = iota
	short
	body
	fieldCount
)

// has reports whether a text has a field.
func (t *Template) has(f field) bool {
	return [fieldCount]bool{len(t.subject) > 0, len(t.short) > 0, len(t.blocks) > 0}[f]
}

// Set is one text in all its languages. It is safe for concurrent use.
type Set struct {
	texts map[language.Tag]*Template
	tags  []language.Tag             // sorted
	with  [fieldCount][]language.Tag // those that have a field
	needs []placeholder
}

// Result says which text was taken for each field of a document.
type Result struct {
	Locale   string // of the body; without one, of the text message
	Fallback bool   // something is not in the reader's own language and script: it shows the tag of its language
	Subject  string // locale of the subject; empty: no language of the chain has one
	Short    string // locale of the text message; empty: it follows from the body, in the body's language
	Body     string // locale of the body; empty: there is none

	version string
}

// Version tells the renderings of one text with the same data apart: readers with the same version and zone get the same
// document. It is a language tag: Locale, and behind it what else decides (BCP 47 extensions and private-use subtags).
func (r Result) Version() string { return r.version }

// FallbackMark ends the version of a document whose body shows its language's tag; all of it is in one language then if
// nothing else stands between the locale and the mark.
const FallbackMark = "-x-fallback"

// NewSet parses a text in all its languages: locale → source. An error is Faults over all of them; their files are
// called LOCALE.md. The placeholders must be the same in every language that has the fields they stand in.
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
		s.add(t)
	}
	all = append(all, s.compare()...)
	if len(all) > 0 {
		return nil, all
	}
	return s, nil
}

func (s *Set) add(t *Template) {
	s.texts[t.tag] = t
	s.tags = append(s.tags, t.tag)
	for f := range fieldCount {
		if t.has(f) {
			s.with[f] = append(s.with[f], t.tag)
		}
	}
}

// compare finds the placeholders that some languages have and others lack. A language that lacks the fields in which the
// others have it is none of these: for those fields its readers get another language.
func (s *Set) compare() Faults {
	in := map[string][]string{}
	needs := map[string]need{}
	at := map[string]map[field]bool{}
	for _, tag := range s.tags {
		for f := range fieldCount {
			for name := range s.texts[tag].namesIn(f) {
				if at[name] == nil {
					at[name] = map[field]bool{}
				}
				at[name][f] = true
			}
		}
		for _, p := range s.texts[tag].needs {
			in[p.name] = append(in[p.name], tag.String())
			needs[p.name] |= p.need
		}
	}
	s.needs = sorted(needs)
	var faults Faults
	for _, tag := range s.tags {
		for _, name := range s.Names() {
			t := s.texts[tag]
			if t.uses(name) {
				continue
			}
			for f := range at[name] {
				if t.has(f) {
					faults = append(faults, Fault{File: tag.String() + ".md", What: fmt.Sprintf("{%s} is missing; %s has it", name, strings.Join(in[name], ", ")),
						Repair: "use the same placeholders in every language"})
					break
				}
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
func (s *Set) Names() []string { return namesOf(s.needs) }

// Status of the text in one of its Locales.
func (s *Set) Status(locale string) Status {
	if tag, ok := parseLocale(locale); ok && s.texts[tag] != nil {
		return s.texts[tag].Status
	}
	return ""
}

// Choose finds the text for a reader, field by field: the first of her chain that has it. It returns ErrNoLanguage if
// there is nothing. A text message is not taken from a language behind the body's: it follows from the body then.
func (s *Set) Choose(r Reader) (Result, error) {
	_, result, err := s.choose(r)
	return result, err
}

func (s *Set) choose(r Reader) (fields, Result, error) {
	var chosen [fieldCount]*Template
	var place [fieldCount]int
	for f := range fieldCount {
		chosen[f], place[f] = s.first(r.Chain, s.with[f])
	}
	if chosen[body] != nil && place[short] > place[body] {
		chosen[short] = nil
	}
	from := fields{chosen[subject], chosen[short], chosen[body]}
	if from.main() == nil {
		return from, Result{}, fmt.Errorf("%s: %w", shorten(strings.Join(r.Chain, ", ")), ErrNoLanguage)
	}
	return from, newResult(from, r.own()), nil
}

// first finds the text for the first of a chain's languages among those that have it, and the place in the chain.
func (s *Set) first(chain []string, with []language.Tag) (*Template, int) {
	for i, wanted := range chain {
		if tag, ok := parseLocale(wanted); ok {
			if found, ok := find(tag, with); ok {
				return s.texts[found], i
			}
		}
	}
	return nil, len(chain)
}

func newResult(from fields, own language.Tag) Result {
	main := from.main()
	r := Result{Locale: main.Locale}
	private := ""
	var heeded cldr.Options
	for f, t := range []*Template{from.subject, from.short, from.body} {
		if t == nil {
			continue
		}
		*[fieldCount]*string{&r.Subject, &r.Short, &r.Body}[f] = t.Locale
		r.Fallback = r.Fallback || foreign(t, own)
		as, options := t.differs(own)
		heeded.Gregorian, heeded.LatinDigits = heeded.Gregorian || options.Gregorian, heeded.LatinDigits || options.LatinDigits
		if t != main {
			private += "-" + [fieldCount]string{"subject", "short", "body"}[f] + "-" + strings.ToLower(t.Locale) + as
			if !foreign(t, own) {
				private += "-own"
			}
		}
	}
	as, _ := main.differs(own)
	private += as
	if foreign(main, own) {
		private += strings.TrimPrefix(FallbackMark, "-x")
	}
	if private != "" {
		private = "-x" + private
	}
	r.version = main.Locale + extension(heeded) + private
	return r
}

// differs says how a reader's customs change this text: by those of a locale, as subtags, and by options.
func (t *Template) differs(own language.Tag) (as string, o cldr.Options) {
	if !t.typed() {
		return "", cldr.Options{}
	}
	l, o := t.customsOf(own)
	if l.Name() != t.locale().Name() {
		as = "-as-" + strings.ToLower(l.Name())
	}
	return as, o
}

// foreign reports whether a text is not in the reader's own language and script.
func foreign(t *Template, own language.Tag) bool {
	return own == language.Und || !sameReading(own, t.tag)
}

// mixed reports whether a document holds more than one language, so that each field has to show its own tag.
func mixed(from fields, own language.Tag) bool {
	for _, t := range []*Template{from.subject, from.short, from.body} {
		if t != nil && t.tag != from.main().tag && (foreign(t, own) || foreign(from.main(), own)) {
			return true
		}
	}
	return false
}

// Render chooses the text for a reader as Choose does and puts values in; values are data and never become markup. What
// is not in her language shows its tag: in the document's Tag, or before the field if not all are in one language. A
// missing value is an error that names it and the languages that need it.
func (s *Set) Render(r Reader, data Data) (content.Document, Result, error) {
	from, result, err := s.choose(r)
	if err != nil {
		return content.Document{}, Result{}, err
	}
	if err := s.CheckData(data); err != nil {
		return content.Document{}, Result{}, err
	}
	doc, err := render(from, r, data)
	if err != nil {
		return content.Document{}, Result{}, err
	}
	own := r.own()
	switch {
	case !mixed(from, own):
		if result.Fallback {
			doc.Tag = doc.Locale
		}
	default:
		if t := from.subject; t != nil && foreign(t, own) {
			doc.Subject = "[" + t.Locale + "] " + doc.Subject
		}
		if t := from.short; t != nil && foreign(t, own) {
			doc.Short = "[" + t.Locale + "] " + doc.Short
		}
		if t := from.body; t != nil && foreign(t, own) {
			label(&doc, t.Locale)
		}
	}
	return doc, result, nil
}

// CheckData finds out whether every language can be rendered with these values.
func (s *Set) CheckData(data Data) error {
	if err := data.check(); err != nil {
		return err
	}
	return data.fit(s.needs, s.Locales)
}
