package gateway

import "time"

// AlertView is an alert as screens show it.
type AlertView struct {
	ID           ID          `json:"id"`
	Reference    string      `json:"reference"`
	Exercise     bool        `json:"exercise,omitempty"`
	DangerToLife bool        `json:"danger_to_life,omitempty"`
	State        AlertState  `json:"state"`
	Audience     Audience    `json:"audience"`
	Saying       AlertSaying `json:"saying"`
	Policy       AlertPolicy `json:"policy"`
	Step         int         `json:"step,omitempty"`  // that was taken last, from 1
	Round        int         `json:"round,omitempty"` // from 1
	NextAt       time.Time   `json:"next_step_at,omitzero"`
	Charge       []AlertHand `json:"in_charge"` // the last is the one in charge
	Offer        *AlertOffer `json:"offer,omitempty"`
	Updates      int         `json:"updates,omitempty"`
	Author       string      `json:"author"`
	Origin       *AlertLink  `json:"origin,omitempty"` // it has climbed here from another group
	Links        []AlertLink `json:"links,omitempty"`  // where it has climbed
	RaisedAt     time.Time   `json:"raised_at"`
	ExpiresAt    time.Time   `json:"expires_at"`
	EndedAt      time.Time   `json:"ended_at,omitzero"`
	Reads        *AlertReads `json:"reads,omitempty"` // in the answer to raising it, and as a second person is asked about it
}

// AlertReads says in which languages an alert is read.
type AlertReads struct {
	Told  []PreviewLanguage `json:"told"`  // by those who are told at once
	Asked []PreviewLanguage `json:"asked"` // by those whom the policy asks first; who is in two of its targets counts in both
}

// View gives an alert as screens show it: without what codes are made of.
func (a AlertCase) View() AlertView {
	v := AlertView{ID: a.ID, Reference: a.Reference, Exercise: a.Exercise, DangerToLife: a.DangerToLife, State: a.State, Audience: a.Audience, Saying: a.Saying, Policy: a.Policy,
		Charge: append([]AlertHand{}, a.Climb.Charge...), Offer: a.Climb.Offer, Updates: a.Climb.Text, Author: a.Author, Origin: a.Origin, Links: a.Climb.Links, RaisedAt: a.RaisedAt, ExpiresAt: a.ExpiresAt, EndedAt: a.EndedAt}
	if a.Climb.Asked > 0 {
		v.Step, v.Round = a.Climb.Step+1, a.Climb.Round+1
	}
	if a.State == AlertClimbing {
		v.NextAt = a.Climb.StepAt
	}
	return v
}

// AlertAct is what a person does to an alert.
type AlertAct struct {
	Saying *AlertSaying `json:"saying,omitempty"` // of an update. Absent: the draft that was kept with the alert
	To     ID           `json:"to,omitzero"`      // of a handover: the member
	Reason string       `json:"reason,omitempty"` // stands in the timeline; break-glass must have one
	Digest string       `json:"digest,omitempty"` // of a release: of what was looked at
	Second bool         `json:"-"`                // whoever does it may release alerts
}

// TimelineEntry is a line of an alert's timeline, with what became of the broadcast that it tells of.
type TimelineEntry struct {
	AlertEvent
	Tallies []Tally `json:"tallies,omitempty"`
}
