package cldr

import (
	"fmt"
	"strconv"
	"sync"
)

// Form is a plural form that numbers below a million take, and numbers that take it.
type Form struct {
	Category Category
	Samples  []Sample // whole numbers first; all of them if they are few, else the least
}

// Sample is a number as it is written in a template.
type Sample struct {
	Text  string
	Value Decimal
}

// keptSamples bounds the samples of a form, of whole numbers and of fractions each.
const keptSamples = 16

// Forms lists the forms beside other that a text in this locale needs, in the order of the rules. What takes a million
// or more is left out: in French and its neighbours one form is for whole millions only, and these texts count people.
func (l *Locale) Forms(ordinal bool) []Form {
	if ordinal {
		return l.forms[1]()
	}
	return l.forms[0]()
}

// setPlurals takes the rules of a locale.
func (l *Locale) setPlurals(locale string) {
	l.plurals = pluralsOf(locale)
	for i, rs := range l.plurals {
		l.forms[i] = sync.OnceValue(func() []Form { return rs.forms(i == 1) })
	}
}

// forms tries numbers out. The rules look at remainders of 10 and 100, some at thousands, and at two digits of a fraction;
// ranks have none.
func (rs rules) forms(ordinal bool) []Form {
	if len(rs) == 0 {
		return nil
	}
	var found [categories][]Sample
	var kept [categories]int
	try := func(text string) {
		d, ok := ParseDecimal(text)
		if !ok {
			panic("cldr: no number " + text)
		}
		if c := rs.category(d.operands()); kept[c] < keptSamples {
			kept[c]++
			found[c] = append(found[c], Sample{text, d})
		}
	}
	for i := range 1200 {
		try(strconv.Itoa(i))
	}
	for i := range 998 {
		try(strconv.Itoa(1000 * (i + 2)))
	}
	if !ordinal {
		kept = [categories]int{}
		for i := range 30 {
			for f := range 10 {
				try(fmt.Sprintf("%d.%d", i, f))
			}
			for f := range 100 {
				try(fmt.Sprintf("%d.%02d", i, f))
			}
		}
	}
	var forms []Form
	for _, r := range rs {
		if r.category != Other && len(found[r.category]) > 0 {
			forms = append(forms, Form{r.category, found[r.category]})
		}
	}
	return forms
}
