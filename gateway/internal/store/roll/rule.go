package roll

import (
	"bytes"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// Rule says who is meant by an audience, consent apart.
type Rule struct {
	tags    [][]byte // each between commas, as in the row
	locales []string
}

// NewRule makes the rule of an audience. Its list of members is not part of it: who reads looks those up.
func NewRule(a gateway.Audience) Rule {
	r := Rule{locales: a.Locales}
	for _, tag := range a.Tags {
		r.tags = append(r.tags, []byte(","+tag+","))
	}
	return r
}

// Holds says whether a member with this locale and these labels, as stored, is meant.
func (r Rule) Holds(locale string, labels []byte) bool {
	if len(r.locales) > 0 && !slices.Contains(r.locales, locale) {
		return false
	}
	for _, tag := range r.tags {
		if !bytes.Contains(labels, tag) {
			return false
		}
	}
	return true
}

// Listed gives the members of an audience's list behind one, in order and each once.
func Listed(ids []gateway.ID, after gateway.ID) []gateway.ID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, Compare)
	ids = slices.Compact(ids)
	i, found := slices.BinarySearchFunc(ids, after, Compare)
	if found {
		i++
	}
	return ids[i:]
}

// Compare orders identifiers as both databases do.
func Compare(a, b gateway.ID) int { return bytes.Compare(a[:], b[:]) }
