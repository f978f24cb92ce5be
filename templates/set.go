package templates

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

// String is the field's name in front matter.
func (f field) String() string { return [fieldCount]string{"subject", "sms", "body"}[f] }

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
	left  map[language.Tag][]Gap // languages that are left out, for the placeholders they lack
}

// Result says which text was taken for each field of a document.
type Result struct {
	Locale   string // of the body; without one, of the text message
	Fallback bool   // something is not in the reader's own language and script: it shows the tag of its language
	Subject  string // locale of the subject; empty: no language of the chain has one
	Short    string // locale of the text message; empty: it follows from the body, in the body's language
	Body     string // locale of the body; empty: there is none

	version string
	set     *Set
	from    fields
	foreign [fieldCount]bool
	mixed   bool
	by      [fieldCount]customs
}

// Version tells the renderings of one text with the same data apart: readers with the same version and zone get the same
// document, as long as numbers and times stand in placeholders with a format. It is a language tag: Locale, and behind it
// what else decides (BCP 47 extensions and private-use subtags).
func (r Result) Version() string { return r.version }

// Customs is the locale by whose customs the values of the text are written, as in en-GB for an English text that is read in
// Britain: whoever reads it reads other texts that are put into it by the same. told: the version tells it, because the text
// itself has such values.
func (r Result) Customs() (locale string, told bool) {
	main, c := r.from.main(), r.by[body]
	if r.from[body] == nil {
		c = r.by[short]
	}
	locale = main.Locale
	if name := c.locale.Name(); name != main.locale().Name() {
		locale = name
	}
	return locale + extension(c.options), main.typed()
}

// FallbackMark ends the version of a document whose body shows its language's tag; all of it is in one language then if
// nothing else stands between the locale and the mark.
const FallbackMark = "-x-fallback"

// NewSet parses a text in all its languages: locale → source. An error is Faults over all of them; their files are
// called LOCALE.md. The placeholders must be the same in every language that has the fields they stand in.
func NewSet(sources map[string]string) (*Set, error) {
	s, all := newSet(sources)
	for _, gap := range s.compare() {
		all = append(all, gap.Fault)
	}
	if len(all) > 0 {
		return nil, all
	}
	return s, nil
}

// newSet parses a text in all its languages.
func newSet(sources map[string]string) (*Set, Faults) {
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
	return s, all
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

// compare finds the placeholders that some languages have and others lack in all their fields. A language that lacks the
// fields in which the others have it is none of these: for those fields its readers get another language. One that has
// it elsewhere is fit to be sent, and what it lacks goes to its gaps.
func (s *Set) compare() []Gap {
	in := map[string][]string{}
	needs := map[string]need{}
	at := map[string]*[fieldCount][]string{} // placeholder → the languages that have it in each field
	for _, tag := range s.tags {
		for f := range fieldCount {
			for name := range s.texts[tag].namesIn(f) {
				if name == Name {
					continue // one language may call by name where another does not
				}
				if at[name] == nil {
					at[name] = &[fieldCount][]string{}
				}
				at[name][f] = append(at[name][f], tag.String())
			}
		}
		for _, p := range s.texts[tag].needs {
			in[p.name] = append(in[p.name], tag.String())
			needs[p.name] |= p.need
		}
	}
	s.needs = sorted(needs)
	var gaps []Gap
	for _, tag := range s.tags {
		t := s.texts[tag]
		for _, name := range s.Names() {
			gap := Gap{Locale: tag.String(), Placeholder: name, Fault: Fault{File: tag.String() + ".md", Repair: "use the same placeholders in every language"}}
			for f := range fieldCount {
				if !t.has(f) || at[name] == nil || at[name][f] == nil || slices.Contains(at[name][f], tag.String()) {
					continue
				}
				if !t.uses(name) {
					gap.What = fmt.Sprintf("{%s} is missing; %s", name, have(in[name]))
					gaps = append(gaps, gap)
					break
				}
				gap.in, gap.What = f, fmt.Sprintf("{%s} is missing in the %s; %s", name, f, have(at[name][f]))
				if !slices.ContainsFunc(t.gaps, func(g Gap) bool { return g.Placeholder == name && g.in == f }) {
					t.gaps = append(t.gaps, gap)
				}
			}
		}
	}
	return gaps
}

// have says which languages have what another lacks.
func have(languages []string) string {
	if len(languages) == 1 {
		return languages[0] + " has it"
	}
	return strings.Join(languages, ", ") + " have it"
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
	var from fields
	var place [fieldCount]int
	for f := range fieldCount {
		from[f], place[f] = s.first(r.Chain, s.with[f])
	}
	if from[body] != nil && place[short] > place[body] {
		from[short] = nil
	}
	if from.main() == nil {
		return Result{}, fmt.Errorf("%s: %w", shorten(strings.Join(r.Chain, ", ")), ErrNoLanguage)
	}
	return s.result(from, r.own()), nil
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

func (s *Set) result(from fields, own language.Tag) Result {
	main := from.main()
	r := Result{Locale: main.Locale, set: s, from: from, mixed: from.mixed(own)}
	private := ""
	var heeded cldr.Options
	for f, t := range from {
		if t == nil {
			continue
		}
		*[fieldCount]*string{&r.Subject, &r.Short, &r.Body}[f] = t.Locale
		r.foreign[f] = foreign(t, own)
		r.Fallback = r.Fallback || r.foreign[f]
		c := t.customsOf(own)
		r.by[f] = c
		as := t.unlike(c)
		if t.typed() {
			heeded.Gregorian, heeded.LatinDigits = heeded.Gregorian || c.options.Gregorian, heeded.LatinDigits || c.options.LatinDigits
		}
		if t != main {
			private += "-" + [fieldCount]string{"subject", "short", "body"}[f] + "-" + strings.ToLower(t.Locale) + as
			if !r.foreign[f] {
				private += "-own"
			}
		}
	}
	private += main.unlike(main.customsOf(own))
	if foreign(main, own) {
		private += strings.TrimPrefix(FallbackMark, "-x")
	}
	if private != "" {
		private = "-x" + private
	}
	r.version = main.Locale + extension(heeded) + private
	return r
}

// unlike names customs that change this text, as subtags.
func (t *Template) unlike(c customs) string {
	if !t.typed() || c.locale.Name() == t.locale().Name() {
		return ""
	}
	return "-as-" + strings.ToLower(c.locale.Name())
}

// foreign reports whether a text is not in the reader's own language and script.
func foreign(t *Template, own language.Tag) bool {
	return own == language.Und || !sameReading(own, t.tag)
}

// mixed reports whether a document holds more than one language, so that each field has to show its own tag.
func (f fields) mixed(own language.Tag) bool {
	for _, t := range f {
		if t != nil && t.tag != f.main().tag && (foreign(t, own) || foreign(f.main(), own)) {
			return true
		}
	}
	return false
}

// Render puts values into the chosen text; values are data and never become markup. It costs much less than choosing.
// Of the reader, zone and now count. What is not in her language shows its tag: in the document's Tag, or before the field
// if not all are in one language. A missing value is an error that names it and the languages that need it.
func (r Result) Render(reader Reader, data Data) (content.Document, error) {
	if err := r.set.CheckData(data); err != nil {
		return content.Document{}, err
	}
	doc, err := r.from.render(clockOf(reader), data, r.by)
	if err != nil {
		return content.Document{}, err
	}
	if !r.mixed {
		if r.Fallback {
			doc.Tag = doc.Locale
		}
		return doc, nil
	}
	if r.foreign[subject] {
		doc.Subject = "[" + r.Subject + "] " + doc.Subject
	}
	if r.foreign[short] {
		doc.Short = "[" + r.Short + "] " + doc.Short
	}
	if r.foreign[body] {
		label(&doc, r.Body)
	}
	return doc, nil
}

// Render chooses the text for a reader and puts values in.
func (s *Set) Render(r Reader, data Data) (content.Document, Result, error) {
	result, err := s.Choose(r)
	if err != nil {
		return content.Document{}, Result{}, err
	}
	doc, err := result.Render(r, data)
	if err != nil {
		return content.Document{}, Result{}, err
	}
	return doc, result, nil
}

// Zoned says whether the reader's zone has a say in what these values become: an instant is told by her clock, and how far
// a time or day of her clock is from now depends on it.
func (s *Set) Zoned(data Data) bool {
	for _, p := range s.needs {
		v := data[p.name]
		_, moment := v.(time.Time)
		if moment || p.need&needTime != 0 && isInstant(v) || p.need&needDistance != 0 && isTime(v) {
			return true
		}
	}
	return false
}

// CheckData finds out whether every language can be rendered with these values.
func (s *Set) CheckData(data Data) error {
	if err := data.check(); err != nil {
		return err
	}
	return data.fit(s.needs, s.Locales)
}
