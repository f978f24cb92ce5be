package templates

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// message is a text with placeholders: nodes that are written one behind the other.
type message []node

// nodeKind says what a node writes.
type nodeKind uint8

const (
	literal  nodeKind = iota
	argument          // a value as it is
	number
	date
	clock
	relative
	list
	plural
	ordinal
	choice
	pound // the number of the plural around it
)

// formats are the kinds of placeholder that have a word of their own.
var formats = map[string]nodeKind{
	"number": number, "date": date, "time": clock, "relative": relative, "list": list,
	"plural": plural, "selectordinal": ordinal, "select": choice,
}

type node struct {
	kind nodeKind
	text string // of a literal
	name string // of the placeholder

	numbers  cldr.NumberStyle
	fraction cldr.Fraction
	style    cldr.Style    // of a date or time
	list     cldr.ListKind //
	unit     cldr.Unit     // of a relative time, if hasUnit
	hasUnit  bool
	numeric  bool // in 1 day, not tomorrow
	short    bool // in 1 hr.
	offset   int64
	arms     []arm
	other    message
}

// arm is one case of a plural or select.
type arm struct {
	key      string        // of a select
	exact    *cldr.Decimal // =n
	category cldr.Category
	body     message
}

// need is what a placeholder asks of its value.
type need uint8

const (
	needNumber need = 1 << iota
	needTime
	needList
	needWord
	needDistance // its distance from now: a time, or a number where the unit is given
	needText     // it stands in a line, so blocks have no place there

	// needsCustoms are the needs of what a locale writes by its customs.
	needsCustoms = needNumber | needTime | needList | needDistance
)

func (n *node) need() need {
	switch {
	case n.kind == number, n.kind == plural, n.kind == ordinal:
		return needNumber
	case n.kind == date, n.kind == clock:
		return needTime
	case n.kind == relative && !n.hasUnit:
		return needTime | needDistance
	case n.kind == relative:
		return needDistance
	case n.kind == list:
		return needList
	case n.kind == choice:
		return needWord
	}
	return needText
}

// names adds the message's placeholders and what they need to a set.
func (m message) names(into map[string]need) {
	for i := range m {
		n := &m[i]
		if n.name != "" {
			into[n.name] |= n.need()
		}
		for _, a := range n.arms {
			a.body.names(into)
		}
		n.other.names(into)
	}
}

// link puts values into an address. A placeholder that is the whole address brings a whole one; elsewhere its value is
// escaped, so that it stays in its place.
func (m message) link(data Data) (string, error) {
	whole := len(m) == 1
	var b strings.Builder
	for _, p := range m {
		switch {
		case p.name == "":
			b.WriteString(p.text)
		case whole:
			b.WriteString(bare(data[p.name]))
		default:
			b.WriteString(strings.ReplaceAll(url.QueryEscape(bare(data[p.name])), "+", "%20"))
		}
		if b.Len() > maxValue {
			break
		}
	}
	if !validLink(b.String()) {
		return "", fmt.Errorf("a link leads nowhere: its placeholder must bring a whole http, https, mailto or tel address")
	}
	return b.String(), nil
}

// validLink accepts absolute addresses of the four schemes that every channel can show.
func validLink(s string) bool {
	if len(s) > 2000 || strings.ContainsAny(s, " \t\n\"<>`\\") {
		return false
	}
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != "" && u.User == nil
	case "mailto", "tel":
		return u.Opaque != ""
	}
	return false
}

func validName(s string) bool {
	if s == "" || len(s) > 40 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
