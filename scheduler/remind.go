package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// LeadRules say how long before events people are reminded, by topic. The empty topic is for those that are not named. A
// list that is there and empty means: of these, not at all.
type LeadRules map[string][]Lead

// LeadsFor gives the leads for a topic by the first rules that speak of it: the member's own, then her group's. Where none
// does, they are DefaultLeads.
func LeadsFor(topic string, rules ...LeadRules) []Lead {
	for _, r := range rules {
		for _, name := range [...]string{topic, ""} {
			if leads, ok := r[name]; ok {
				return leads
			}
		}
	}
	return DefaultLeads()
}

// Quiet tells whether somebody is not to be disturbed at an instant, and if so from when until when around it: a stretch that
// holds its beginning and not its end. Stretches that touch are one.
type Quiet func(at time.Time) (from, to time.Time, quiet bool)

// Reminder is one reminder of an event. With the event and the member, the lead tells it from all others: it is sent once.
type Reminder struct {
	Lead Lead
	At   time.Time
}

// Reminders lists the reminders of an event that are to be sent from now on, in their order. It starts at a wall time on the
// clocks of its place. A reminder in quiet hours moves earlier, to the minute before they begin; if that is over already, it
// is sent when they end, if the event has not begun by then (requirement 26). Of several that fall on one instant the
// longest lead is sent. What was due before now is not sent: whoever asks too late asks for what is left.
func Reminders(start civil.Wall, allDay bool, place *time.Location, leads []Lead, quiet Quiet, now time.Time) []Reminder {
	begins := civil.In(start, place).Instant()
	if allDay { // a day is ahead until it is over
		begins = civil.In(start.Midnight()+civil.Day, place).Instant()
	}
	type moved struct {
		Reminder
		due time.Time
	}
	var all []moved
	for _, l := range leads {
		due, ok := l.Before(start, allDay, place)
		if !ok || due.Before(now) {
			continue
		}
		if at, ok := heard(due, quiet, now); ok && (at.Equal(due) || at.Before(begins)) {
			all = append(all, moved{Reminder{l, at}, due})
		}
	}
	slices.SortStableFunc(all, func(a, b moved) int { return cmp.Or(a.At.Compare(b.At), a.due.Compare(b.due)) })
	all = slices.CompactFunc(all, func(a, b moved) bool { return a.At.Equal(b.At) })
	out := make([]Reminder, len(all))
	for i := range all {
		out[i] = all[i].Reminder
	}
	return out
}

// heard moves an instant out of quiet hours: earlier, or behind them if it is too late for that.
func heard(due time.Time, quiet Quiet, now time.Time) (time.Time, bool) {
	from, to, is := quiet(due)
	if !is {
		return due, true
	}
	if before := from.Add(-time.Minute); !before.Before(now) {
		if _, _, still := quiet(before); !still {
			return before, true
		}
	}
	_, _, still := quiet(to)
	return to, !still
}
