package gateway

import "slices"

// WayGroup is the way of a hand that is another group, by its slug: somebody there took charge of the alert that climbed there.
const WayGroup = "group"

// AlertHand is who does something to an alert. A number that several members share is somebody at this address.
type AlertHand struct {
	Members    []ID   `json:"members,omitempty"` // one: she; more: one of them
	Token      ID     `json:"token_id,omitzero"`
	Label      string `json:"label,omitempty"` // of the token, or what else did it
	Way        string `json:"way,omitempty"`   // kind of contact point, api, or WayGroup
	Unverified bool   `json:"unverified,omitempty"`
}

// Same reports whether two hands are one person, as far as anybody can tell.
func (h AlertHand) Same(o AlertHand) bool {
	if len(h.Members) > 0 || len(o.Members) > 0 {
		return slices.Equal(h.Members, o.Members)
	}
	return h.Token == o.Token && h.Label == o.Label
}

// MayBe reports whether two hands may be one person: she shares a telephone that the other is, or has two tokens under one label.
func (h AlertHand) MayBe(o AlertHand) bool {
	switch {
	case len(h.Members) > 0 || len(o.Members) > 0:
		return slices.ContainsFunc(h.Members, func(m ID) bool { return slices.Contains(o.Members, m) })
	case h.Way == WayGroup || o.Way == WayGroup:
		return h.Way == o.Way && h.Label == o.Label
	}
	return Hand{Label: h.Label, Token: h.Token}.SamePerson(Hand{Label: o.Label, Token: o.Token})
}

// Role says who a hand is without naming her.
func (h AlertHand) Role() string {
	switch {
	case len(h.Members) == 1:
		return "member " + h.Members[0].Short()
	case len(h.Members) > 1:
		return "somebody at a shared address"
	case h.Way == WayGroup:
		return "group " + h.Label
	case h.Label != "":
		return h.Label
	}
	return "carillon"
}

// Words are the values by which a text says who a hand is, by role alone: role is member, shared, group (another one) or office, and short the last digits
// of a member's id. The label of a token is none of them, for it may be a name. who is the same in English, for a group's own words.
func (h AlertHand) Words() map[string]string {
	words := map[string]string{"role": "office", "short": "", "who": "the office"}
	switch {
	case len(h.Members) == 1:
		words["role"], words["short"], words["who"] = "member", h.Members[0].Short(), h.Role()
	case len(h.Members) > 1:
		words["role"], words["who"] = "shared", h.Role()
	case h.Way == WayGroup:
		words["role"], words["who"] = "group", "another group"
	}
	return words
}
