package gateway

import (
	"crypto/sha256"
	"slices"
)

// AlertLink names an alert of another group: one by which this one asks that group, or the one from which this one came. Each group
// has an alert of its own, with its own members, texts, timeline and key.
type AlertLink struct {
	Group string `json:"group"` // its slug
	Alert ID     `json:"alert_id"`
	Asked int    `json:"asked,omitempty"` // of a step: which, as AlertClimb counts
}

// AlertPassed is what has become of an alert that another group is told of.
type AlertPassed string

// What is passed on. The last three go only to where an alert has climbed.
const (
	PassTaken   AlertPassed = "taken"
	PassUpdated AlertPassed = "updated"
	PassCleared AlertPassed = "cleared"
	PassVoid    AlertPassed = "cancelled"
)

// LinkedAlert is the id of the alert that an ask opens in another group: always the same, so that it is opened once.
func LinkedAlert(alert ID, key string) ID {
	sum := sha256.Sum256(append(alert[:len(alert):len(alert)], key...))
	id := alert // it keeps the time
	copy(id[6:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80 // UUIDv7 (RFC 9562, section 5.7)
	return id
}

// LetsClimb reports whether alerts of another group, by its slug, may climb to this one's members.
func (g Group) LetsClimb(from string) bool { return from != "" && slices.Contains(g.ClimbFrom, from) }

// AlertNeighbours are the groups between which alerts may climb, as one of them sees it.
type AlertNeighbours struct {
	From []string `json:"from"` // slugs: their alerts may climb to this group, which allows it
	To   []string `json:"to"`   // slugs: this group's alerts may climb there, as those allow
}

// NeighboursOf lists them, from all groups.
func NeighboursOf(g Group, all []Group) AlertNeighbours {
	n := AlertNeighbours{From: append([]string{}, g.ClimbFrom...), To: []string{}}
	for _, o := range all {
		if o.ID != g.ID && o.LetsClimb(g.Slug) {
			n.To = append(n.To, o.Slug)
		}
	}
	return n
}
