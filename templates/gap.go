package templates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Gap is what a text lacks in one of its languages: a plural form that CLDR knows there, in whose place other is written;
// or a placeholder that its other languages have, in one field or in all of them. It can be compared.
type Gap struct {
	Fault
	Locale      string // the language that lacks it
	Form        string // the plural form; empty: a placeholder is missing
	Placeholder string // empty: a plural form is missing

	in field // where it is missing; of a placeholder that is missing everywhere, the first
}

// forms notes the forms that a plural lacks. One of which every number has a case of its own, =n, is not missing.
func (f *finder) forms(n *node, offset int) {
	if f.plurals == nil || len(f.gaps) >= maxFaults {
		return
	}
	for _, form := range f.plurals().Forms(n.kind == ordinal) {
		if slices.ContainsFunc(n.arms, func(a arm) bool { return a.exact == nil && a.category == form.Category }) {
			continue
		}
		var open []string
		for i := range form.Samples {
			sample := &form.Samples[i]
			if !slices.ContainsFunc(n.arms, func(a arm) bool {
				if a.exact == nil {
					return false
				}
				shown, ok := a.exact.Subtract(n.offset)
				return ok && shown.Equal(&sample.Value)
			}) {
				open = append(open, sample.Text)
			}
		}
		if len(open) == 0 {
			continue
		}
		name := form.Category.String()
		gap := Gap{in: f.field, Form: name, Fault: f.fault(offset, fmt.Sprintf("{%s}: the form %s is missing, as in %s", n.name, name, strings.Join(open[:min(3, len(open))], ", ")),
			fmt.Sprintf("write the case %s {…} before other", name))}
		if !slices.Contains(f.gaps, gap) {
			f.gaps = append(f.gaps, gap)
		}
	}
}

// NewLooseSet is NewSet for those who would rather send with gaps than not: a language that lacks a placeholder in all its
// fields is left out, so that its readers get the next of their chain, and Gaps lists it. If every language lacks one, these are the faults.
func NewLooseSet(sources map[string]string) (*Set, error) {
	all, faults := newSet(sources)
	if len(faults) > 0 {
		return nil, faults
	}
	gaps := all.compare()
	if len(gaps) == 0 {
		return all, nil
	}
	s := &Set{texts: map[language.Tag]*Template{}, left: map[language.Tag][]Gap{}}
	for _, gap := range gaps {
		tag, _ := parseLocale(gap.Locale)
		s.left[tag] = append(s.left[tag], gap)
		faults = append(faults, gap.Fault)
	}
	for _, tag := range all.tags {
		if s.left[tag] == nil {
			s.add(all.texts[tag])
		} else {
			s.left[tag] = append(s.left[tag], all.texts[tag].gaps...)
		}
	}
	if len(s.tags) == 0 {
		return nil, faults
	}
	s.compare()
	return s, nil
}

// Gaps lists what the text lacks in its languages, those left out included, by language and line.
func (s *Set) Gaps() []Gap {
	var all []Gap
	for _, tag := range s.tags {
		all = append(all, s.texts[tag].gaps...)
	}
	for _, gaps := range s.left {
		all = append(all, gaps...)
	}
	slices.SortStableFunc(all, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Locale, b.Locale), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Placeholder, b.Placeholder))
	})
	return all
}

// LeftOut gives the gaps for which the text in a reader's own language is left out; nil: it is not, or there is none.
func (s *Set) LeftOut(own string) []Gap {
	if len(s.left) == 0 {
		return nil
	}
	tag, ok := parseLocale(own)
	if !ok {
		return nil
	}
	available := make([]language.Tag, 0, len(s.left))
	for tag := range s.left {
		available = append(available, tag)
	}
	found, _ := find(tag, available)
	return s.left[found]
}

// Shortfall is what a reader lacks in the fields that her channel shows.
type Shortfall struct {
	Foreign bool   // something is not in her language
	Partly  bool   // something that her channel shows is in her language
	Gets    string // the language that she gets instead; empty: none of her chain has it, and it is left out
	Gaps    []Gap  // plural forms that are missing where she reads
}

// Shortfall says what is missing in the chosen text on a channel that writes text messages, which show the field sms or
// else subject and body, or on one that shows subject and body.
func (r Result) Shortfall(textMessage bool) Shortfall {
	shown := [fieldCount]bool{subject: true, body: true}
	switch {
	case textMessage && r.from[short] != nil:
		shown = [fieldCount]bool{short: true}
	case r.from[body] == nil:
		shown[short] = true
		shown[body] = false
	}
	var s Shortfall
	for f, t := range r.from {
		switch {
		case !shown[f] || t == nil && len(r.set.with[f]) == 0:
			continue
		case t == nil:
			s.Foreign = true
			continue
		case r.foreign[f]:
			s.Foreign, s.Gets = true, t.Locale
		default:
			s.Partly = true
		}
		for _, gap := range t.gaps {
			if gap.in == field(f) {
				s.Gaps = append(s.Gaps, gap)
			}
		}
	}
	return s
}
