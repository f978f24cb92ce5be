package templates

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// maxText bounds what one text may become, in bytes: values may be put in many times.
const maxText = 128 << 10

var errTooLong = fmt.Errorf("with its values the text has more than %d bytes: shorten the values, or use them less often", maxText)

// writer puts values into the messages of one text.
type writer struct {
	watch
	customs
	data Data

	b     []byte
	apart [][2]int // where in b values stand that a channel may have to keep apart
	rtl   bool     // the text goes from right to left
	left  int      // bytes that may still be written
	err   error
}

// say writes a message.
func (w *writer) say(m message) string {
	if w.b == nil {
		w.b = make([]byte, 0, 256)
	}
	w.b, w.apart = w.b[:0], w.apart[:0]
	w.message(m, nil)
	if w.left -= len(w.b); w.left < 0 {
		w.fail(errTooLong)
	}
	return string(w.b)
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) message(m message, count *cldr.Decimal) {
	for i := range m {
		if w.err != nil {
			return
		}
		if len(w.b) > w.left {
			w.fail(errTooLong)
			return
		}
		w.node(&m[i], count)
	}
}

func (w *writer) node(n *node, count *cldr.Decimal) {
	v := w.data[n.name]
	switch n.kind {
	case literal:
		w.b = append(w.b, n.text...)
	case argument:
		w.value(n.name, v)
	case pound:
		w.number(*count, cldr.Plain, cldr.Fraction{})
	case number:
		d, _ := numberOf(v)
		w.number(d, n.numbers, n.fraction)
	case date, clock:
		w.date(n, v)
	case relative:
		w.relative(n, v)
	case list:
		w.list(n.name, v, n.list)
	case plural, ordinal:
		w.plural(n, v)
	case choice:
		w.message(n.choose(bare(v)), nil)
	}
}

// insert writes a text that is not the template's own.
func (w *writer) insert(s string) {
	start := len(w.b)
	w.b = append(w.b, s...)
	if standsApart(s, w.rtl) || start > 0 && w.b[start-1] == '@' {
		w.apart = append(w.apart, [2]int{start, len(w.b)})
	}
}

// value writes a value as it is; what is no text as the locale does.
func (w *writer) value(name string, v any) {
	switch v := v.(type) {
	case string:
		w.insert(v)
	case bool:
		w.insert(bare(v))
	case Room:
		w.insert(content.Hole(content.Direction(v)))
	case time.Time:
		w.b = w.locale.AppendDateTime(w.b, v.In(w.zone), w.options)
	case []string, []any:
		w.list(name, v, cldr.And)
	default:
		d, ok := numberOf(v)
		if !ok {
			w.fail(fmt.Errorf("the value for {%s} is no text: put the placeholder on a line of its own", name))
			return
		}
		w.number(d, cldr.Plain, cldr.Fraction{})
	}
}

func (w *writer) number(d cldr.Decimal, style cldr.NumberStyle, f cldr.Fraction) {
	w.b = w.locale.AppendNumber(w.b, d, style, f, w.options)
}

func (w *writer) date(n *node, v any) {
	m, _ := timeOf(v, w.zone)
	switch {
	case n.kind == date:
		w.b = w.locale.AppendDate(w.b, m.Time, n.style, w.options)
	case m.day:
		w.fail(fmt.Errorf("the value for {%s} is a day and has no time: write one as in 2026-11-05T14:00", n.name))
	default:
		w.b = w.locale.AppendTime(w.b, m.Time, n.style, w.options)
	}
}

func (w *writer) relative(n *node, v any) {
	if d, ok := numberOf(v); ok && n.hasUnit {
		w.b = w.locale.AppendRelative(w.b, d, n.unit, !n.numeric, n.short, w.options)
		return
	}
	m, _ := timeOf(v, w.zone)
	if w.now.IsZero() {
		w.fail(errors.New("nobody said what time it is: a relative time needs that"))
		return
	}
	now := w.now.In(w.zone)
	unit := n.unit
	switch {
	case !n.hasUnit && m.day:
		unit = cldr.UnitOfDays(now, m.Time)
	case !n.hasUnit:
		unit = cldr.UnitOf(now, m.Time)
	}
	w.b = w.locale.AppendRelative(w.b, cldr.FromInt(cldr.Distance(now, m.Time, unit)), unit, !n.numeric, n.short, w.options)
}

func (w *writer) list(name string, v any, kind cldr.ListKind) {
	var items []string
	known, begin := len(w.apart), len(w.b)
	alone := false
	switch v := v.(type) {
	case []string:
		items = v
		alone = slices.ContainsFunc(items, func(s string) bool { return standsApart(s, w.rtl) })
	case []any:
		for _, one := range v {
			// Items are written behind what is there, taken off again as texts, and then joined.
			start := len(w.b)
			w.value(name, one)
			items = append(items, string(w.b[start:]))
			w.b = w.b[:start]
		}
	default:
		w.value(name, v)
		return
	}
	w.b = w.locale.AppendList(w.b, kind, items)
	if alone = alone || len(w.apart) > known; alone { // one item cannot be found again: the whole list is kept apart
		w.apart = append(w.apart[:known], [2]int{begin, len(w.b)})
	}
}

// plural takes the case of the exact number, else that of the form which the number takes less the offset.
func (w *writer) plural(n *node, v any) {
	given, _ := numberOf(v)
	shown, ok := given.Subtract(n.offset)
	if !ok {
		w.fail(fmt.Errorf("the value for {%s} is too long for an offset: shorten it", n.name))
		return
	}
	shown = w.locale.Shown(shown, cldr.Plain, cldr.Fraction{})
	category := w.locale.Plural(&shown)
	if n.kind == ordinal {
		category = w.locale.Ordinal(&shown)
	}
	body := n.other
	for i := range n.arms {
		a := &n.arms[i]
		if a.exact != nil && a.exact.Equal(&given) {
			body = a.body
			break
		}
		if a.exact == nil && a.category == category {
			body = a.body
		}
	}
	w.message(body, &shown)
}

func (n *node) choose(key string) message {
	for i := range n.arms {
		if n.arms[i].key == key {
			return n.arms[i].body
		}
	}
	return n.other
}

// standsApart says whether a channel may have to treat a value otherwise than the text around it: it may call people, name a
// command, or go in the other direction.
func standsApart(v string, rtl bool) bool { return strings.ContainsAny(v, "@/") || strays(v, rtl) }

// strays says whether a value may go in another direction than the text around it.
func strays(v string, rtl bool) bool {
	same, other, only := false, false, true
	for _, r := range v {
		switch {
		case unicode.IsDigit(r):
		case unicode.IsLetter(r):
			if rightToLeft(r) == rtl {
				same = true
			} else {
				other = true
			}
		default:
			only = false
		}
	}
	return other || rtl && !same && !only
}

// rightToLeft says whether a letter's script goes from right to left. All such scripts stand in these blocks.
func rightToLeft(r rune) bool {
	return r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff
}
