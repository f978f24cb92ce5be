package templates

import (
	"slices"
	"strings"
)

// Name is the placeholder that calls a member by her name, unless a broadcast gives it a value of its own. Nameless is its
// case in a select, and its value, where she is not to be called by one: she has none, shares her address, or reads along in
// a chat of many.
const (
	Name     = "name"
	Nameless = "none"
)

const nameExample = "{name, select, none {Hello} other {Hello {name}}}"

// unfit notes why a text cannot call members by name. Where {name} has a value like others this is no fault.
func (r *scanner) unfit(i int, what, repair string) {
	if len(r.names) < maxFaults {
		if fault := r.finder.fault(r.at(i), what, repair); !slices.Contains(r.names, fault) {
			r.names = append(r.names, fault)
		}
	}
}

// mayCall reports whether a name may stand at i.
func (r *scanner) mayCall(i int) bool {
	word := r.s[strings.LastIndexAny(r.s[:i], " \t\n{}")+1 : i]
	return r.greets != nowhere && !strings.Contains(word, "://")
}

// callsByName looks at a name that begins at i.
func (r *scanner) callsByName(i int) {
	switch {
	case !r.mayCall(i):
		r.unfit(i, "no name can stand here", "write it into the text or sms: subjects, links and web addresses are noted on the way, and code is shown as it is")
	case r.greets != knowing:
		r.unfit(i, "here a member without a name would read nothing", "say what she reads instead: "+nameExample)
	}
}

// CallsByName reports whether some language has {name}.
func (s *Set) CallsByName() bool {
	return slices.ContainsFunc(s.needs, func(p placeholder) bool { return p.name == Name })
}

// NameFaults lists why the text cannot call members by name; none if {name} stands nowhere or well.
func (s *Set) NameFaults() Faults {
	var all Faults
	for _, tag := range s.tags {
		all = append(all, s.texts[tag].names...)
	}
	return all
}
