package cldr

import (
	"math"
	"strconv"
)

// MaxDigits bounds what is read, before and behind the decimal point together.
const MaxDigits = 40

// room is for MaxDigits and what writing adds: two of a percentage, up to 18 of a fraction.
const room = 64

// Decimal is a number as it is written: 1.50 has two visible fraction digits, which decide its plural form. The zero
// value is 0.
type Decimal struct {
	negative bool
	digits   [room]byte // values 0 to 9
	n, point int        // digits there are; those before the point, without leading zeros
}

// ParseDecimal reads a number of JSON's grammar, leading zeros and a sign + allowed; false: it is none, or too long.
func ParseDecimal(s string) (d Decimal, ok bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	exponent := 0
	for i := range len(s) {
		if s[i] == 'e' || s[i] == 'E' {
			e, err := strconv.Atoi(s[i+1:])
			if err != nil || e > MaxDigits || e < -MaxDigits {
				return Decimal{}, false
			}
			s, exponent = s[:i], e
			break
		}
	}
	point, seen := -1, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && point < 0 && seen > 0 && i+1 < len(s):
			point = d.n
		case c < '0' || c > '9':
			return Decimal{}, false
		case c == '0' && d.n == 0 && point < 0:
			seen++
		case d.n == MaxDigits:
			return Decimal{}, false
		default:
			d.digits[d.n] = c - '0'
			d.n++
			seen++
		}
	}
	if seen == 0 {
		return Decimal{}, false
	}
	if d.point = d.n; point >= 0 {
		d.point = point
	}
	d.shift(exponent)
	return d, d.n <= MaxDigits
}

// FromInt gives a whole number.
func FromInt(i int64) (d Decimal) {
	var b [20]byte
	for _, c := range strconv.AppendInt(b[:0], i, 10) {
		switch {
		case c == '-':
			d.negative = true
		case c != '0' || d.n > 0:
			d.digits[d.n] = c - '0'
			d.n++
		}
	}
	d.point = d.n
	return d
}

// FromFloat gives the shortest decimal that reads as f; false: f is infinite, no number, or too long.
func FromFloat(f float64) (Decimal, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Decimal{}, false
	}
	var b [32]byte
	return ParseDecimal(string(strconv.AppendFloat(b[:0], f, 'e', -1, 64)))
}

// shift multiplies by a power of ten, of which there is room for the digits.
func (d *Decimal) shift(by int) {
	if by >= 0 {
		d.point += by
		d.n = max(d.n, d.point)
		d.trim()
		return
	}
	if lead := -by - d.point; lead > 0 {
		copy(d.digits[lead:], d.digits[:d.n])
		clear(d.digits[:lead])
		d.n += lead
		d.point += lead
	}
	d.point += by
}

// trim drops leading zeros before the point.
func (d *Decimal) trim() {
	lead := 0
	for lead < d.point && d.digits[lead] == 0 {
		lead++
	}
	if lead > 0 {
		copy(d.digits[:], d.digits[lead:d.n])
		clear(d.digits[d.n-lead : d.n])
		d.n -= lead
		d.point -= lead
	}
}

// round keeps at most so many fraction digits, halves away from zero as Intl does, and at least so many.
func (d *Decimal) round(least, most int) {
	if fraction := d.n - d.point; fraction > most {
		keep := d.point + most
		up := d.digits[keep] >= 5
		clear(d.digits[keep:d.n])
		d.n = keep
		if up {
			d.increment()
		}
	}
	for d.n-d.point < least && d.n < room {
		d.n++
	}
	d.negative = d.Negative()
}

// increment adds one to the last digit. There is room for another digit: one has just been cut off.
func (d *Decimal) increment() {
	for i := d.n - 1; i >= 0; i-- {
		if d.digits[i] < 9 {
			d.digits[i]++
			return
		}
		d.digits[i] = 0
	}
	copy(d.digits[1:], d.digits[:d.n])
	d.digits[0] = 1
	d.n++
	d.point++
}

// strip drops the zeros that end the fraction.
func (d *Decimal) strip() {
	for d.n > d.point && d.digits[d.n-1] == 0 {
		d.n--
	}
}

func (d *Decimal) zero() bool {
	for _, c := range d.digits[:d.n] {
		if c != 0 {
			return false
		}
	}
	return true
}

// Negative reports whether the number is below zero.
func (d *Decimal) Negative() bool { return d.negative && !d.zero() }

// Subtract takes a whole number from d and keeps the visible fraction digits; false: d is too long for it.
func (d *Decimal) Subtract(whole int64) (Decimal, bool) {
	if whole == 0 {
		return *d, true
	}
	if d.n > 15 || whole > 1000 || whole < -1000 {
		return Decimal{}, false
	}
	scaled := int64(0)
	for _, c := range d.digits[:d.n] {
		scaled = scaled*10 + int64(c)
	}
	if d.negative {
		scaled = -scaled
	}
	for range d.n - d.point {
		whole *= 10
	}
	out := FromInt(scaled - whole)
	out.shift(d.point - d.n)
	return out, true
}

// Equal reports whether two numbers are the same, however they are written.
func (d *Decimal) Equal(e *Decimal) bool {
	a, b := *d, *e
	a.strip()
	b.strip()
	a.negative, b.negative = a.Negative(), b.Negative()
	return a == b
}

// Int gives a whole number below 10^15.
func (d *Decimal) Int() (int64, bool) {
	if d.point > 15 {
		return 0, false
	}
	var i int64
	for _, c := range d.digits[:d.point] {
		i = i*10 + int64(c)
	}
	for _, c := range d.digits[d.point:d.n] {
		if c != 0 {
			return 0, false
		}
	}
	if d.negative {
		i = -i
	}
	return i, true
}
