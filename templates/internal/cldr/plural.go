package cldr

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Category is a plural form.
type Category uint8

// The categories of CLDR. Other is the zero value: every language has it.
const (
	Other Category = iota
	Zero
	One
	Two
	Few
	Many
	categories
)

var categoryNames = [categories]string{"other", "zero", "one", "two", "few", "many"}

// String is the name of the category in templates.
func (c Category) String() string { return categoryNames[c] }

// ParseCategory reads a category's name.
func ParseCategory(s string) (Category, bool) {
	i := slices.Index(categoryNames[:], s)
	return Category(max(i, 0)), i >= 0
}

// operands are what rules ask about (Unicode Technical Standard 35, part 3, "Plural Operand Meanings"). Digits beyond
// eighteen keep their remainders; no rule tells larger numbers apart otherwise.
type operands struct {
	i, f, t uint64
	v, w, e int
}

func (d *Decimal) operands() operands {
	o := operands{i: number(d.digits[:d.point]), v: d.n - d.point}
	fraction := d.digits[d.point:d.n]
	o.f = number(fraction)
	for len(fraction) > 0 && fraction[len(fraction)-1] == 0 {
		fraction = fraction[:len(fraction)-1]
	}
	o.w, o.t = len(fraction), number(fraction)
	return o
}

func number(digits []byte) uint64 {
	const limit = 1_000_000_000_000_000_000
	var n uint64
	large := false
	for _, c := range digits {
		n = n*10 + uint64(c)
		if n >= limit {
			n, large = n%limit, true
		}
	}
	if large {
		n += limit
	}
	return n
}

// rules are a language's, in the order in which they are tried.
type rules []rule

type rule struct {
	category Category
	any      [][]relation // or of and
}

// relation holds if the operand, or its remainder, lies in a range, or in none.
type relation struct {
	operand byte
	mod     uint64 // 0: none
	not     bool
	ranges  [][2]uint64
}

func (rs rules) category(o operands) Category {
	for i := range rs {
		for _, all := range rs[i].any {
			if holds(all, o) {
				return rs[i].category
			}
		}
	}
	return Other
}

func holds(all []relation, o operands) bool {
	for i := range all {
		if !all[i].holds(o) {
			return false
		}
	}
	return true
}

func (r *relation) holds(o operands) bool {
	var value uint64
	whole := true
	switch r.operand {
	case 'n':
		value, whole = o.i, o.t == 0
	case 'i':
		value = o.i
	case 'v':
		value = uint64(o.v)
	case 'w':
		value = uint64(o.w)
	case 'f':
		value = o.f
	case 't':
		value = o.t
	case 'c', 'e':
		value = uint64(o.e)
	}
	if r.mod > 0 {
		value %= r.mod
	}
	in := false
	for _, span := range r.ranges {
		if whole && value >= span[0] && value <= span[1] {
			in = true
			break
		}
	}
	return in != r.not
}

// pluralsOf gives the rules of a locale, or of its language; a language that CLDR does not know has one form.
func pluralsOf(locale string) (out [2]rules) {
	language, _, _ := strings.Cut(locale, "-")
	for i := range out {
		source, ok := common().Plurals[locale]
		if !ok || source[i] == nil {
			source = common().Plurals[language]
		}
		for _, name := range slices.Sorted(maps.Keys(source[i])) {
			category, ok := ParseCategory(name)
			if !ok {
				panic("cldr: no category " + name)
			}
			out[i] = append(out[i], rule{category, parseCondition(source[i][name])})
		}
	}
	return out
}

// parseCondition reads a condition of the generated tables, as in "v = 0 and i % 10 = 2..4 and i % 100 != 12..14".
func parseCondition(s string) (any [][]relation) {
	for _, or := range strings.Split(s, " or ") {
		var all []relation
		for _, and := range strings.Split(or, " and ") {
			all = append(all, parseRelation(strings.Fields(and)))
		}
		any = append(any, all)
	}
	return any
}

func parseRelation(words []string) relation {
	r := relation{operand: words[0][0]}
	words = words[1:]
	if words[0] == "%" {
		r.mod = natural(words[1])
		words = words[2:]
	}
	r.not = words[0] == "!="
	for _, span := range strings.Split(words[1], ",") {
		from, to, isRange := strings.Cut(span, "..")
		if !isRange {
			to = from
		}
		r.ranges = append(r.ranges, [2]uint64{natural(from), natural(to)})
	}
	return r
}

func natural(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic("cldr: a plural rule cannot be read: " + s)
	}
	return n
}

// Plural gives the form that goes with a number of things.
func (l *Locale) Plural(d *Decimal) Category { return l.plurals[0].category(d.operands()) }

// Ordinal gives the form that goes with a number of a rank.
func (l *Locale) Ordinal(d *Decimal) Category { return l.plurals[1].category(d.operands()) }

// Categories lists the forms that a text in this locale can need, in the order of their names.
func (l *Locale) Categories(ordinal bool) []Category {
	which := l.plurals[0]
	if ordinal {
		which = l.plurals[1]
	}
	var out []Category
	for _, r := range which {
		out = append(out, r.category)
	}
	return append(out, Other)
}
