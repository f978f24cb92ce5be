package cldr

import (
	"strings"
)

// NumberStyle says how a number is written.
type NumberStyle uint8

// The styles of numbers.
const (
	Plain        NumberStyle = iota // grouped, three fraction digits at most
	Integer                         // rounded to a whole number
	Percentage                      // 0.25 is 25 %
	CompactShort                    // 1.2K
	CompactLong                     // 1.2 thousand
)

// Options are what a reader asks for against the custom of her locale.
type Options struct {
	LatinDigits bool
	Gregorian   bool
}

// system is a System ready for use.
type system struct {
	digits             [10]string
	decimal, group     string
	minus              string
	minimum            int
	number, percentage shape
	compact            [2][]compactRow
}

// shape is a pattern taken apart: what stands around the digits, and the sizes of the groups.
type shape struct {
	prefix, suffix           string
	negativePrefix           string // with the sign
	negativeSuffix           string
	primary, secondary, most int // sizes of groups (0: none); fraction digits at most
	zeros                    int // digits before the point in a compact pattern; 0: the number itself is not written
}

type compactRow struct {
	forms [categories]*shape
	one   *shape // for exactly one
}

func newSystem(t System, minimum int) system {
	s := system{decimal: t.Decimal, group: t.Group, minus: t.Minus, minimum: minimum}
	i := 0
	for _, r := range t.Digits {
		s.digits[i] = string(r)
		i++
	}
	s.number, s.percentage = newShape(t.Pattern, t), newShape(t.PercentPattern, t)
	for width, rows := range t.Compact {
		for _, row := range rows {
			var c compactRow
			for name, pattern := range row {
				form := newShape(pattern, t)
				form.primary, form.secondary = s.number.primary, s.number.secondary
				if category, ok := ParseCategory(name); ok {
					c.forms[category] = &form
				} else if name == "1" {
					c.one = &form
				}
			}
			s.compact[width] = append(s.compact[width], c)
		}
	}
	return s
}

// newShape reads a number pattern (Unicode Technical Standard 35, part 3, "Number Format Patterns").
func newShape(pattern string, t System) shape {
	positive, negative, explicit := strings.Cut(pattern, ";")
	var s shape
	var core string
	s.prefix, core, s.suffix = affixes(positive, t)
	s.negativePrefix, s.negativeSuffix = t.Minus+s.prefix, s.suffix
	if explicit {
		s.negativePrefix, _, s.negativeSuffix = affixes(negative, t)
	}
	whole, fraction, _ := strings.Cut(core, ".")
	s.most = len(fraction)
	s.zeros = strings.Count(whole, "0")
	if groups := strings.Split(whole, ","); len(groups) > 1 {
		s.primary = len(groups[len(groups)-1])
		s.secondary = s.primary
		if len(groups) > 2 {
			s.secondary = len(groups[len(groups)-2])
		}
	}
	return s
}

// affixes splits a pattern at its digits. What is quoted is literal; a sign stands for the locale's own.
func affixes(pattern string, t System) (prefix, core, suffix string) {
	var parts [2]strings.Builder
	side, quoted := 0, false
	for _, r := range pattern {
		switch {
		case r == '\'':
			quoted = !quoted
		case !quoted && strings.ContainsRune("#0,.", r):
			core += string(r)
			side = 1
		case !quoted && r == '%':
			parts[side].WriteString(t.Percent)
		case !quoted && r == '-':
			parts[side].WriteString(t.Minus)
		default:
			parts[side].WriteRune(r)
		}
	}
	if core == "" { // a word that stands for the number
		return parts[0].String(), "", ""
	}
	return parts[0].String(), core, parts[1].String()
}

func (l *Locale) system(o Options) *system {
	if o.LatinDigits {
		return &l.systems[len(l.systems)-1]
	}
	return &l.systems[0]
}

// Fraction bounds the fraction digits of a number; the zero value leaves them to the style.
type Fraction struct {
	Set         bool
	Least, Most int // 0 to 18
}

// Shown gives the number that a style writes, rounded: what a plural has to go by.
func (l *Locale) Shown(d Decimal, style NumberStyle, f Fraction) Decimal {
	most := 3
	switch {
	case f.Set:
		most = f.Most
	case style == Integer || style == Percentage:
		most = 0
	}
	if style == Percentage {
		d.shift(2)
	}
	d.round(f.Least, most)
	return d
}

// AppendNumber writes a number.
func (l *Locale) AppendNumber(b []byte, d Decimal, style NumberStyle, f Fraction, o Options) []byte {
	s := l.system(o)
	switch style {
	case CompactShort:
		return l.appendCompact(b, d, s, 0)
	case CompactLong:
		return l.appendCompact(b, d, s, 1)
	}
	d = l.Shown(d, style, f)
	if style == Percentage {
		return s.append(b, &d, &s.percentage, s.minimum)
	}
	return s.append(b, &d, &s.number, s.minimum)
}

// append writes a number in a shape.
func (s *system) append(b []byte, d *Decimal, as *shape, minimum int) []byte {
	prefix, suffix := as.prefix, as.suffix
	if d.negative {
		prefix, suffix = as.negativePrefix, as.negativeSuffix
	}
	b = append(b, prefix...)
	if as.zeros > 0 {
		b = s.appendDigits(b, d, as.primary, as.secondary, minimum)
	}
	return append(b, suffix...)
}

func (s *system) appendDigits(b []byte, d *Decimal, primary, secondary, minimum int) []byte {
	grouped := primary > 0 && d.point >= primary+minimum
	if d.point == 0 {
		b = append(b, s.digits[0]...)
	}
	for i := range d.point {
		if left := d.point - i; grouped && i > 0 && left >= primary && (left-primary)%secondary == 0 {
			b = append(b, s.group...)
		}
		b = append(b, s.digits[d.digits[i]]...)
	}
	if d.n > d.point {
		b = append(b, s.decimal...)
		for _, c := range d.digits[d.point:d.n] {
			b = append(b, s.digits[c]...)
		}
	}
	return b
}

// appendInt writes a whole number without groups, with at least so many digits.
func (s *system) appendInt(b []byte, n, least int) []byte {
	var digits [20]byte
	i := len(digits)
	for ; n > 0 || least > 0; least-- {
		i--
		digits[i] = byte(n % 10)
		n /= 10
	}
	for _, c := range digits[i:] {
		b = append(b, s.digits[c]...)
	}
	return b
}

// appendCompact writes two digits at least of the thousands, millions and so on that the locale counts in, as Intl does.
func (l *Locale) appendCompact(b []byte, d Decimal, s *system, width int) []byte {
	rows := s.compact[width]
	d.negative = d.Negative()
	for power := d.point - 1; ; power = d.point - 1 {
		shown, form := d, &s.number
		var row *compactRow
		cut := 0
		if power >= 3 {
			row = &rows[min(power-3, len(rows)-1)]
			if zeros := row.forms[Other].zeros; !row.forms[Other].plain() {
				cut = min(power, len(rows)+2) - zeros + 1
			} else {
				row = nil
			}
		}
		shown.shift(-cut)
		shown.significant()
		if shown.point+cut > d.point && d.point > 0 && power >= 2 { // 999 999 has become a million
			next := shown
			next.shift(cut)
			if next.point > d.point {
				d = next
				continue
			}
		}
		if row != nil {
			form = row.form(l.plurals[0].category(shown.operands()), &shown)
		}
		return s.append(b, &shown, form, max(s.minimum, 2))
	}
}

// plain reports a row that writes the number as it is.
func (s *shape) plain() bool { return s.prefix == "" && s.suffix == "" && s.zeros == 1 }

func (r *compactRow) form(c Category, d *Decimal) *shape {
	if r.one != nil && d.n == 1 && d.point == 1 && d.digits[0] == 1 {
		return r.one
	}
	if r.forms[c] != nil {
		return r.forms[c]
	}
	return r.forms[Other]
}

// significant rounds to a whole number, or to two significant digits if that would leave fewer.
func (d *Decimal) significant() {
	lead := 0
	for d.point == 0 && lead < d.n && d.digits[lead] == 0 {
		lead++
	}
	switch {
	case d.point >= 2:
		d.round(0, 0)
	case d.point == 1:
		d.round(0, 1)
	default:
		d.round(0, lead+2)
	}
	d.strip()
}
