package gateway

import (
	"strings"
	"time"
)

// EventMark is what a group keeps back of an event, whatever the calendar that it comes from says. It is kept beside the calendar.
type EventMark struct {
	UID       string    `json:"uid"`                 // how the calendar names the event, or its series
	Instance  string    `json:"instance,omitempty"`  // which of a series; empty: all of it, and what does not repeat
	Sensitive bool      `json:"sensitive,omitempty"` // it leaves only as a pointer over channels that are not fit for it
	PlaceFrom time.Time `json:"place_from,omitzero"` // before this instant nobody is told where it takes place; zero: there is nothing to wait for
}

// MaxMarks is how many marks a calendar may have.
const MaxMarks = 1000

// marks says that a mark is meant for an event of these names.
func (m EventMark) marks(uid, instance string) bool {
	return m.UID == uid && (m.Instance == "" || m.Instance == instance)
}

// Marked gives an event with what its group keeps back of it: by its own mark, or else by that of its series.
func (e Event) Marked(marks []EventMark) Event {
	e.Sensitive, e.PlaceFrom = false, time.Time{}
	own := false
	for _, m := range marks {
		if m.marks(e.UID, e.Instance) && !own {
			e.Sensitive, e.PlaceFrom, own = m.Sensitive, m.PlaceFrom, m.Instance != ""
		}
	}
	return e
}

// Check refuses a mark that names nothing.
func (m EventMark) Check() error {
	if strings.TrimSpace(m.UID) == "" {
		return Faultf(CodeInvalid, "uid: say which event; calendar show lists the UIDs")
	}
	return nil
}

// PutMark gives marks with one put in the place of the one for the same, or without it if it keeps nothing back and no other
// would do so in its place.
func PutMark(marks []EventMark, m EventMark) ([]EventMark, error) {
	all := make([]EventMark, 0, len(marks)+1)
	series := false
	for _, old := range marks {
		series = series || old.UID == m.UID && old.Instance == ""
		if old.UID != m.UID || old.Instance != m.Instance {
			all = append(all, old)
		}
	}
	if m.Sensitive || !m.PlaceFrom.IsZero() || m.Instance != "" && series {
		all = append(all, m)
	}
	if len(all) > MaxMarks {
		return nil, Faultf(CodeConflict, "the calendar has %d marks, which is the most; take some back first", MaxMarks)
	}
	return all, nil
}

// Withheld says whether nobody is to be told yet where an event takes place.
func (e Event) Withheld(now time.Time) bool { return now.Before(e.PlaceFrom) }

// Told gives an event as it is told of at an instant: without its place, and the link that may lead there, as long as they are withheld. That
// the place is told is a change, which nobody has written: from then on the event is in a revision more.
func (e Event) Told(now time.Time) Event {
	switch {
	case e.Withheld(now):
		e.Location, e.Link = "", ""
	case !e.PlaceFrom.IsZero():
		e.Revision++
		if e.PlaceFrom.After(e.Changed) {
			e.Changed = e.PlaceFrom
		}
	}
	return e
}

// Hides says whether less may be told of an event than of what it was before.
func (e Event) Hides(before Event, now time.Time) bool {
	return e.Withheld(now) && !before.Withheld(now) || e.Sensitive && !before.Sensitive
}

// ShowsPlace says whether those who know what an event was are to be told of its place now: another than they know, or one that was kept from
// them. That a place is withheld from now on is not told.
func (e Event) ShowsPlace(before Event, now time.Time) bool {
	known, said := before.Told(now).Location, e.Told(now).Location
	return known != said && (said != "" || e.Location != before.Location)
}
