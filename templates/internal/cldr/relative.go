package cldr

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Unit is a unit of relative time.
type Unit uint8

// The units, from the smallest.
const (
	Second Unit = iota
	Minute
	Hour
	DayUnit
	Week
	Month
	Year
)

// ParseUnit reads a unit's name.
func ParseUnit(s string) (Unit, bool) {
	for i, name := range [...]string{"second", "minute", "hour", "day", "week", "month", "year"} {
		if s == name {
			return Unit(i), true
		}
	}
	return 0, false
}

// row is a Row ready for use: what stands before and behind the number.
type row [categories]*affix

type affix struct {
	before, behind string
	number         bool // is written at all: Arabic has a word for two days
}

func newRow(patterns Row) (r row) {
	for name, pattern := range patterns {
		if category, ok := ParseCategory(name); ok {
			before, behind, number := strings.Cut(pattern, "{0}")
			r[category] = &affix{before, behind, number}
		}
	}
	return r
}

type tenses struct {
	past, future row
	words        map[string]string
}

// AppendRelative writes a distance in a unit, negative ones in the past: in 3 days. With words it says tomorrow where
// the locale does; short abbreviates the unit.
func (l *Locale) AppendRelative(b []byte, d Decimal, unit Unit, words, short bool, o Options) []byte {
	width := 0
	if short {
		width = 1
	}
	all := &l.relative[unit][width]
	if i, whole := d.Int(); words && whole && i >= -2 && i <= 2 {
		if word, ok := all.words[strconv.Itoa(int(i))]; ok {
			return append(b, word...)
		}
	}
	tense := &all.future
	if d.Negative() {
		tense = &all.past
	}
	d.negative = false
	d.round(0, 3)
	form := tense[l.Plural(&d)]
	if form == nil {
		form = tense[Other]
	}
	b = append(b, form.before...)
	if form.number {
		s := l.system(o)
		b = s.append(b, &d, &s.number, s.minimum)
	}
	return append(b, form.behind...)
}

// UnitOf chooses the unit for the time from one instant to another on a clock in their zone: minutes below an hour,
// hours within a day or twelve of them, then days by the calendar, weeks from a fortnight, months and years.
func UnitOf(from, to time.Time) Unit {
	switch size := to.Sub(from).Abs(); {
	case size < time.Minute-time.Second/2:
		return Second
	case size < time.Hour-time.Minute/2:
		return Minute
	case size < 12*time.Hour:
		return Hour
	}
	if dayNumber(to) == dayNumber(from) {
		return Hour
	}
	return UnitOfDays(from, to)
}

// UnitOfDays chooses the unit for the time between two days.
func UnitOfDays(from, to time.Time) Unit {
	days := dayNumber(to) - dayNumber(from)
	switch {
	case days > -14 && days < 14:
		return DayUnit
	case days > -60 && days < 60:
		return Week
	case days > -730 && days < 730:
		return Month
	}
	return Year
}

// Distance counts units from one instant to another: seconds to hours rounded, days by the calendar, larger ones whole.
func Distance(from, to time.Time, unit Unit) int64 {
	span := to.Sub(from)
	switch unit {
	case Second:
		return int64(span.Round(time.Second) / time.Second)
	case Minute:
		return int64(span.Round(time.Minute) / time.Minute)
	case Hour:
		return int64(span.Round(time.Hour) / time.Hour)
	case DayUnit:
		return int64(dayNumber(to) - dayNumber(from))
	case Week:
		return int64(dayNumber(to)-dayNumber(from)) / 7
	case Month:
		return monthsBetween(from, to)
	}
	return monthsBetween(from, to) / 12
}

func dayNumber(t time.Time) int {
	return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// monthsBetween counts whole months, towards zero.
func monthsBetween(from, to time.Time) int64 {
	months := (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
	switch {
	case months > 0 && to.Day() < from.Day():
		months--
	case months < 0 && to.Day() > from.Day():
		months++
	}
	return int64(months)
}

// ListKind says how items are joined.
type ListKind uint8

// The kinds of list.
const (
	And     ListKind = iota // a, b and c
	Or                      // a, b or c
	UnitSet                 // 3 hours, 5 minutes
)

// AppendList joins items.
func (l *Locale) AppendList(b []byte, kind ListKind, items []string) []byte {
	patterns := &l.table.Lists[kind]
	switch len(items) {
	case 0:
		return b
	case 1:
		return append(b, items[0]...)
	case 2:
		return l.appendPair(b, patterns[0], items[0], items[1])
	}
	// Patterns nest from the end: start(0, middle(1, … end(n-2, n-1))). All of ours put {0} before {1}.
	for i, item := range items[:len(items)-1] {
		pattern := patterns[2]
		switch i {
		case 0:
			pattern = patterns[1]
		case len(items) - 2:
			pattern = l.joint(patterns[3], items[len(items)-1])
		}
		before, between, _ := cutPair(pattern)
		b = append(b, before...)
		b = append(b, item...)
		b = append(b, between...)
	}
	b = append(b, items[len(items)-1]...)
	for i := range items[:len(items)-1] {
		pattern := patterns[2]
		switch i {
		case 0:
			pattern = patterns[3]
		case len(items) - 2:
			pattern = patterns[1]
		}
		_, _, behind := cutPair(pattern)
		b = append(b, behind...)
	}
	return b
}

func (l *Locale) appendPair(b []byte, pattern string, one, two string) []byte {
	before, between, behind := cutPair(l.joint(pattern, two))
	b = append(b, before...)
	b = append(b, one...)
	b = append(b, between...)
	b = append(b, two...)
	return append(b, behind...)
}

func cutPair(pattern string) (before, between, behind string) {
	before, rest, _ := strings.Cut(pattern, "{0}")
	between, behind, _ = strings.Cut(rest, "{1}")
	return before, between, behind
}

// joint changes a conjunction for the sake of the word behind it: Spanish y and o before their own sound, Hebrew vav
// before what is not written in Hebrew (the rules of Unicode's own list formatter).
func (l *Locale) joint(pattern, next string) string {
	switch language, _, _ := strings.Cut(l.table.Locale, "-"); language {
	case "es":
		if startsWithI(next) {
			pattern = strings.Replace(pattern, " y ", " e ", 1)
		}
		if startsWithO(next) {
			pattern = strings.Replace(pattern, " o ", " u ", 1)
		}
	case "he":
		if r, _ := utf8.DecodeRuneInString(next); !unicode.Is(unicode.Hebrew, r) {
			pattern = strings.Replace(pattern, " ו{1}", " ו-{1}", 1)
		}
	}
	return pattern
}

func startsWithI(s string) bool {
	s = strings.ToLower(s[:min(len(s), 4)])
	return strings.HasPrefix(s, "i") || strings.HasPrefix(s, "hi") && !strings.HasPrefix(s, "hia") && !strings.HasPrefix(s, "hie")
}

func startsWithO(s string) bool {
	low := strings.ToLower(s[:min(len(s), 4)])
	number, _, _ := strings.Cut(s, " ")
	return strings.HasPrefix(low, "o") || strings.HasPrefix(low, "ho") || strings.HasPrefix(low, "8") || number == "11"
}
