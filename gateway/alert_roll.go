package gateway

import (
	"cmp"
	"maps"
	"slices"
)

// NewRollCall counts the members whom an alert told, and puts them in order.
func NewRollCall(a *AlertCase, members []RollMember) RollCall {
	r := RollCall{Alert: a.ID, Reference: a.Reference, Told: len(members), Members: members}
	place := func(m *RollMember) int {
		switch {
		case m.Answer == AnswerHelp:
			return 0
		case m.Answer == "":
			return 1
		case m.Shared:
			return 2
		}
		return 3
	}
	counts := [...]*int{&r.Help, &r.Silent, &r.Shared, &r.Safe}
	languages, tags := map[string]*RollCount{}, map[string]*RollCount{}
	count := func(by map[string]*RollCount, of string, at int) {
		if by[of] == nil {
			by[of] = &RollCount{Of: of}
		}
		c := by[of]
		c.Told++
		*[...]*int{&c.Help, &c.Silent, &c.Shared, &c.Safe}[at]++
	}
	for i := range members {
		m := &members[i]
		at := place(m)
		*counts[at]++
		count(languages, m.Locale, at)
		for _, tag := range m.Tags {
			count(tags, tag, at)
		}
	}
	r.Languages, r.Tags = inOrder(languages), inOrder(tags)
	slices.SortStableFunc(members, func(a, b RollMember) int { return cmp.Compare(place(&a), place(&b)) })
	return r
}

func inOrder(by map[string]*RollCount) []RollCount {
	all := make([]RollCount, 0, len(by))
	for _, of := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[of])
	}
	return all
}
