package templates

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// maxDepth bounds plurals and selects in one another.
const maxDepth = 6

// place maps a byte of a message's text to an offset in the file.
type place func(int) int

// scanner reads one message by the rules of ICU MessageFormat.
type scanner struct {
	*finder
	s     string
	at    place
	i     int
	split bool // markup cuts the text around s, so that a brace may be closed behind a cut
}

// message reads a text with placeholders.
func (f *finder) message(s string, at place) message { return f.part(s, at, false) }

// part reads a text that markup may have cut out of a longer one.
func (f *finder) part(s string, at place, split bool) message {
	r := &scanner{finder: f, s: s, at: at, split: split}
	return r.text(literal, 0)
}

func (r *scanner) fault(i int, what, repair string) { r.finder.at(r.at(i), what, repair) }

// text reads up to the end, or in a case up to the brace that closes it, which it leaves. An apostrophe before a brace,
// and in a plural before #, starts a quotation that the next single one ends; two are one apostrophe, and any other is
// itself (ICU, ApostropheMode DOUBLE_OPTIONAL). In is what the text is a case of.
func (r *scanner) text(in nodeKind, depth int) message {
	var out message
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, node{text: text.String()})
			text.Reset()
		}
	}
	counts := in == plural || in == ordinal
	quoted := -1 // where the quotation began
	for ; r.i < len(r.s); r.i++ {
		switch c := r.s[r.i]; {
		case c == '\'' && strings.HasPrefix(r.s[r.i+1:], "'"):
			text.WriteByte('\'')
			r.i++
		case c == '\'' && quoted >= 0:
			quoted = -1
		case c == '\'' && r.i+1 < len(r.s) && (r.s[r.i+1] == '{' || r.s[r.i+1] == '}' || counts && r.s[r.i+1] == '#'):
			quoted = r.i
		case quoted >= 0:
			text.WriteByte(c)
		case c == '#' && counts:
			flush()
			out = append(out, node{kind: pound})
		case c == '{':
			flush()
			if n, ok := r.placeholder(depth); ok {
				out = append(out, n)
			}
		case c == '}' && in != literal:
			flush()
			return out
		case c == '}':
			r.fault(r.i, "this } closes nothing", "delete it, or quote it: '}'")
		default:
			text.WriteByte(c)
		}
	}
	if quoted >= 0 {
		r.fault(quoted, "this quotation is not closed", "write ' behind the text that it quotes, or '' for an apostrophe")
	}
	flush()
	return out
}

// placeholder reads from an opening brace to the one that closes it, where it stops also after a fault.
func (r *scanner) placeholder(depth int) (node, bool) {
	start := r.i
	end := strings.IndexAny(r.s[start+1:], "{},")
	switch {
	case end < 0:
		r.open(start)
		return node{}, false
	case end == 0 && r.s[start+1] == '{':
		r.fault(start, "double braces mean nothing here", "write {name}, or quote braces: '{{'")
		if length := strings.Index(r.s[start:], "}}"); length > 0 {
			r.i = start + length + 1
		} else {
			r.i = start + 1
		}
		return node{}, false
	case r.s[start+1+end] == '{':
		r.open(start)
		return node{}, false
	}
	n := node{kind: argument, name: strings.TrimSpace(r.s[start+1 : start+1+end])}
	named := r.named(n.name, start)
	r.i = start + 1 + end
	if r.s[r.i] == '}' {
		if n.name == Name {
			r.callsByName(start)
		}
		return n, named
	}
	if !r.format(&n, start, depth) {
		r.skip(start)
		return n, false
	}
	return n, named
}

func (r *scanner) open(start int) {
	repair := "write {name}, or quote it: '{'"
	if r.split {
		repair = "close it with } inside the same emphasis or link, or quote it: '{'"
	}
	r.fault(start, "this { is not closed", repair)
}

// skip goes on to the brace that closes the placeholder at start, or behind its opening one if none does.
func (r *scanner) skip(start int) {
	depth := 0
	for i := start; i < len(r.s); i++ {
		switch r.s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				r.i = i
				return
			}
		}
	}
	r.i = len(r.s)
}

func (r *scanner) named(name string, start int) bool {
	switch {
	case validName(name):
		return true
	case name == "":
		r.fault(start, "this placeholder has no name", "write {name}, or quote the braces: '{}'")
	default:
		r.fault(start, "this is no name of a placeholder", "use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields")
	}
	return false
}

// format reads what follows the name's comma, at which r.i stands; it leaves r.i at the closing brace.
func (r *scanner) format(n *node, start, depth int) bool {
	r.i++
	from := r.i
	end := strings.IndexAny(r.s[from:], "{},")
	if end < 0 {
		r.open(start)
		return false
	}
	word := strings.TrimSpace(r.s[from : from+end])
	r.i = from + end
	kind, ok := formats[word]
	if !ok {
		r.fault(r.past(from), fmt.Sprintf("there is no format %q", shorten(word)), "use number, date, time, relative, list, plural, selectordinal or select")
		return false
	}
	n.kind = kind
	if n.name == Name && kind != choice {
		r.unfit(start, "a name has no format", "write {name} alone")
	}
	if kind == plural || kind == ordinal || kind == choice {
		if r.s[r.i] != ',' {
			r.fault(start, word+" has no cases", "write them behind a comma, as in "+example(kind))
			return false
		}
		if depth >= maxDepth {
			r.fault(start, fmt.Sprintf("more than %d plurals and selects stand in one another", maxDepth), "write whole sentences in fewer cases")
			return false
		}
		r.i++
		return r.cases(n, start, depth)
	}
	style := ""
	if r.s[r.i] == ',' {
		from = r.i + 1
		if end = strings.IndexAny(r.s[from:], "{}"); end < 0 || r.s[from+end] == '{' {
			r.open(start)
			return false
		}
		style = strings.TrimSpace(r.s[from : from+end])
		r.i = from + end
	}
	if r.s[r.i] != '}' {
		r.open(start)
		return false
	}
	if repair := n.setStyle(strings.Fields(style)); repair != "" {
		r.fault(r.past(from), fmt.Sprintf("%s has no style %q", word, shorten(style)), repair)
		return false
	}
	return true
}

func example(kind nodeKind) string {
	switch kind {
	case choice:
		return "{kind, select, meeting {…} other {…}}"
	case ordinal:
		return "{count, selectordinal, other {…}}"
	}
	return "{count, plural, one {# group} other {# groups}}"
}

// past skips spaces.
func (r *scanner) past(i int) int {
	for i < len(r.s) && strings.IndexByte(" \t\n", r.s[i]) >= 0 {
		i++
	}
	return i
}

// setStyle takes a style's words; what it returns says how to mend them.
func (n *node) setStyle(words []string) (repair string) {
	switch n.kind {
	case number:
		return n.setNumber(strings.Join(words, " "))
	case date, clock:
		n.style = cldr.Medium
		if len(words) == 0 {
			return ""
		}
		style, ok := cldr.ParseStyle(strings.Join(words, " "))
		if n.style = style; !ok {
			return "use short, medium, long or full"
		}
	case list:
		kind, ok := map[string]cldr.ListKind{"": cldr.And, "and": cldr.And, "or": cldr.Or, "unit": cldr.UnitSet}[strings.Join(words, " ")]
		if n.list = kind; !ok {
			return "use and, or, or unit"
		}
	case relative:
		for _, word := range words {
			unit, isUnit := cldr.ParseUnit(word)
			switch {
			case isUnit && !n.hasUnit:
				n.unit, n.hasUnit = unit, true
			case word == "numeric" && !n.numeric:
				n.numeric = true
			case word == "short" && !n.short:
				n.short = true
			default:
				return "name a unit (second, minute, hour, day, week, month, year) or none; numeric for in 1 day instead of tomorrow, short for in 1 hr."
			}
		}
	}
	return ""
}

func (n *node) setNumber(style string) (repair string) {
	styles := map[string]cldr.NumberStyle{
		"": cldr.Plain, "integer": cldr.Integer, "percent": cldr.Percentage, "compact": cldr.CompactShort, "compact long": cldr.CompactLong,
		"::compact-short": cldr.CompactShort, "::compact-long": cldr.CompactLong, "::precision-integer": cldr.Integer,
	}
	if s, ok := styles[style]; ok {
		n.numbers = s
		return ""
	}
	if digits, ok := strings.CutPrefix(style, "::."); ok && len(digits) > 0 && len(digits) <= 18 {
		zeros := strings.TrimRight(digits, "#")
		if strings.Trim(zeros, "0") == "" {
			n.fraction = cldr.Fraction{Set: true, Least: len(zeros), Most: len(digits)}
			return ""
		}
	}
	return "use integer, percent, compact, compact long, or fraction digits as in ::.00 and ::.##"
}

// cases reads the cases of a plural or select, up to the brace that closes it.
func (r *scanner) cases(n *node, start, depth int) bool {
	if r.i = r.past(r.i); n.kind != choice && strings.HasPrefix(r.s[r.i:], "offset:") {
		from := r.past(r.i + len("offset:"))
		r.i = from + spanOf(r.s[from:], "0123456789")
		offset, err := strconv.Atoi(r.s[from:r.i])
		if err != nil || offset > 1000 {
			r.fault(from, "this offset is no whole number from 0 to 1000", "write it as in offset:1")
			return false
		}
		n.offset = int64(offset)
	}
	seen := map[string]bool{}
	for {
		r.i = r.past(r.i)
		if r.i >= len(r.s) {
			r.open(start)
			return false
		}
		if r.s[r.i] == '}' {
			break
		}
		if !r.oneCase(n, seen, start, depth) {
			return false
		}
	}
	if !seen["other"] {
		r.fault(start, "the case other is missing", "write other {…} as the last case: it is for all that no case is for")
		return false
	}
	switch {
	case n.kind != choice:
		r.finder.forms(n, r.at(start))
	case n.name == Name && !r.mayCall(start):
		r.callsByName(start)
	case n.name == Name && (len(n.arms) != 1 || n.arms[0].key != Nameless):
		r.unfit(start, "the cases of a name are "+Nameless+" and other", "write "+nameExample)
	}
	return true
}

func spanOf(s, of string) int { return len(s) - len(strings.TrimLeft(s, of)) }

func (r *scanner) oneCase(n *node, seen map[string]bool, start, depth int) bool {
	from := r.i
	length := strings.IndexAny(r.s[from:], " \t\n{},'#")
	if length < 0 {
		r.open(start)
		return false
	}
	key := r.s[from : from+length]
	if r.i = r.past(from + length); r.i >= len(r.s) {
		r.open(start)
		return false
	}
	a := arm{key: key}
	if !a.known(n.kind) {
		repair := "name it by letters, digits, _ and -, as in meeting {…}"
		if n.kind != choice {
			repair = "use =n for a number, or zero, one, two, few, many or other"
		}
		r.fault(from, fmt.Sprintf("%q is no case here", shorten(key)), repair)
		return false
	}
	if r.s[r.i] != '{' {
		r.fault(from, fmt.Sprintf("the case %s has no text", key), "write it in braces, as in "+key+" {…}")
		return false
	}
	if seen[key] {
		r.fault(from, "the case "+key+" is given twice", "keep one of them")
		return false
	}
	seen[key] = true
	r.i++
	before := r.greets
	if n.name == Name && n.kind == choice && before != nowhere {
		if r.greets = knowing; key == Nameless {
			r.greets = unnamed
		}
	}
	body := r.text(n.kind, depth+1)
	r.greets = before
	if r.i >= len(r.s) {
		r.open(start)
		return false
	}
	r.i++
	if key == "other" {
		n.other = body
	} else {
		a.body = body
		n.arms = append(n.arms, a)
	}
	return true
}

// known reads the key of a case.
func (a *arm) known(kind nodeKind) bool {
	if kind == choice {
		return a.key != "" && len(a.key) <= 40 && strings.Trim(a.key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	}
	if digits, ok := strings.CutPrefix(a.key, "="); ok {
		exact, ok := cldr.ParseDecimal(digits)
		a.exact = &exact
		return ok
	}
	var ok bool
	a.category, ok = cldr.ParseCategory(a.key)
	return ok
}
