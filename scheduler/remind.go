package scheduler

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Reminder is one reminder of an event. With the event and the member, the lead tells it from all others: it is sent once.
type Reminder struct {
	Lead gateway.LeadTime
	At   time.Time
}

// Reminders lists the reminders of an event whose time has not passed by since, in their order. It starts at a wall time on the
// clocks of its place. Of several that fall on one instant the longest lead is sent. Whoever asks too late asks for what is left.
func Reminders(start civil.Wall, allDay bool, place *time.Location, leads []gateway.LeadTime, since time.Time) []Reminder {
	var all []Reminder
	for _, l := range leads {
		if at, ok := l.Before(start, allDay, place); ok && !at.Before(since) {
			all = append(all, Reminder{l, at})
		}
	}
	slices.SortStableFunc(all, func(a, b Reminder) int { return cmp.Or(a.At.Compare(b.At), b.Lead.Compare(a.Lead)) })
	return slices.CompactFunc(all, func(a, b Reminder) bool { return a.At.Equal(b.At) })
}

// Wants are leads that somebody wants of a topic.
type Wants struct {
	Own   string // as gateway.OwnLeads gives them; empty: those who leave it to their group
	Leads []gateway.LeadTime
}

// Round is a reminder that is sent now: to whom, and whether it is planned early, for those who have quiet hours at its time.
type Round struct {
	Reminder
	Early  bool
	Own    []string // as Wants; in order
	Longer []time.Time
}

// Look is a look at an event.
type Look struct {
	Wants []Wants
	Quiet bool      // somebody has quiet hours: reminders are planned gateway.EarlyReminders before as well
	Since time.Time // what was due before is not sent any more
	Again bool      // everything is new: what lies ahead is planned early again
	Now   time.Time
}

// Upcoming gives what is sent of an event now, and when it is to be looked at next; zero: never again. What is late is sent
// as long as its time is nearer than that of the next, and the last one until the event begins; of several only the latest.
func Upcoming(e *gateway.Event, l Look) (rounds []Round, next time.Time) {
	place := zoneOf(e)
	if !l.Now.Before(e.Over(place)) {
		return nil, time.Time{}
	}
	soonest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	known := l.Since
	if e.Changed.Before(known) {
		known = e.Changed
	}
	for _, w := range l.Wants {
		all := Reminders(e.Start.Wall, e.AllDay, place, w.Leads, known)
		send := func(i int, early bool) {
			r := Round{Reminder: all[i], Early: early, Own: []string{w.Own}}
			for _, longer := range all[:i] {
				r.Longer = append(r.Longer, longer.At)
			}
			rounds = join(rounds, r)
		}
		last := -1
		for i, r := range all {
			early := r.At.Add(-gateway.EarlyReminders)
			switch {
			case !r.At.After(l.Now):
				last = i
				continue
			case l.Quiet && early.After(l.Now):
				soonest(early)
			case l.Quiet && (l.Again || !early.Before(l.Since)):
				send(i, true)
			}
			soonest(r.At)
		}
		if last >= 0 && !all[last].At.Before(l.Since) && (last+1 == len(all) || l.Now.Sub(all[last].At) <= all[last+1].At.Sub(l.Now)) {
			send(last, false)
		}
	}
	return rounds, next
}

// join adds a round, to one that says the same if there is one.
func join(rounds []Round, r Round) []Round {
	for i := range rounds {
		if o := &rounds[i]; o.Early == r.Early && o.Lead == r.Lead && o.At.Equal(r.At) && slices.EqualFunc(o.Longer, r.Longer, time.Time.Equal) {
			o.Own = append(o.Own, r.Own...)
			return rounds
		}
	}
	return append(rounds, r)
}

// key is the key of the message of a round. What is planned early may be planned again at another look: who has it is not told
// twice, see gateway.Audience.
func (r Round) key(e *gateway.Event, looked time.Time) string {
	key := gateway.ReminderKey(e.ID, r.Lead.String(), e.Start.Wall)
	if !e.PlaceFrom.IsZero() { // what may be told of the place makes it another message
		key += fmt.Sprintf("-place-%d-%t", e.PlaceFrom.Unix(), !e.Withheld(looked))
	}
	if e.Sensitive {
		key += "-sensitive"
	}
	if r.Early {
		key += fmt.Sprintf("-early-%d", looked.UnixMicro())
	}
	if !slices.Contains(r.Own, "") {
		print := sha256.Sum256([]byte(strings.Join(r.Own, "|")))
		key += fmt.Sprintf("-%x", print[:6])
	}
	return key
}
