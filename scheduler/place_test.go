package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

// told is a ledger with one event, and whoever writes its messages: it notes what they say.
type told struct {
	group  gateway.Group
	change gateway.EventChange
	fresh  bool // the change was not told yet
	wishes gateway.ReminderWishes
	now    time.Time
	sent   []gateway.Reminded
	keys   map[string]bool
	said   []string
}

func (l *told) ChangedEvents(context.Context, gateway.ID, int) ([]gateway.EventChange, error) {
	if l.fresh {
		return []gateway.EventChange{l.change}, nil
	}
	return nil, nil
}

func (l *told) DueEvents(context.Context, int) ([]gateway.EventChange, error) {
	if at := l.change.RemindAt; l.fresh || at.IsZero() || at.After(l.now) {
		return nil, nil
	}
	return []gateway.EventChange{{Event: l.change.Event, RemindAt: l.change.RemindAt}}, nil
}

func (l *told) Remind(_ context.Context, r gateway.Reminding) error {
	if r.Settle != l.fresh || r.Revision != l.change.Event.Revision || !r.At.Equal(l.change.RemindAt) {
		return gateway.ErrStale
	}
	l.fresh, l.change.RemindAt, l.change.Before = false, r.Next, nil
	if r.Stop {
		l.said = append(l.said, "stop")
	}
	for _, s := range r.Sends {
		if b := s.Send.Broadcast; !l.keys[b.Key] {
			l.keys[b.Key] = true
			l.sent = append(l.sent, gateway.Reminded{BroadcastID: gateway.NewID(), Lead: s.Lead, Early: s.Early, At: l.now})
			l.said = append(l.said, b.Author)
		}
	}
	return nil
}

func (l *told) ReminderWishes(context.Context, gateway.ID) (gateway.ReminderWishes, error) {
	return l.wishes, nil
}

func (l *told) Reminded(context.Context, gateway.ID, gateway.ID) ([]gateway.Reminded, error) {
	return l.sent, nil
}

func (l *told) GroupByID(context.Context, gateway.ID) (gateway.Group, error) { return l.group, nil }

func (l *told) Calendars(context.Context, gateway.ID) ([]gateway.Calendar, error) {
	return []gateway.Calendar{{ID: l.change.Event.CalendarID, Topic: "plenum"}}, nil
}

func (l *told) ReadyEvent(_ context.Context, m gateway.EventMessage) (*gateway.ReadyBroadcast, error) {
	text := fmt.Sprintf("%s in %q", m.Wording, m.Event.Location)
	if m.Before != nil {
		text += fmt.Sprintf(" was %q", m.Before.Location)
	}
	if m.Event.Sensitive {
		text += " sensitive"
	}
	b := gateway.Broadcast{ID: gateway.NewID(), Key: m.Key, Author: text, Words: gateway.Words{Event: &m.Told}}
	return &gateway.ReadyBroadcast{Broadcast: b}, nil
}

func (l *told) Look() {}

// at winds the clock, and has the event looked at; what is said since is compared.
func (l *told) at(t *testing.T, when string, want ...string) {
	t.Helper()
	w, err := civil.ParseWall(when)
	if err != nil {
		t.Fatal(err)
	}
	l.now, l.said = civil.In(w, time.UTC).Instant(), nil
	n := scheduler.NewNotifier(l, l, func() time.Time { return l.now }, scheduler.Options{})
	for range 2 {
		if err := n.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(l.said, want) {
		t.Errorf("%s: said are\n%s\nwant\n%s", when, strings.Join(l.said, "\n"), strings.Join(want, "\n"))
	}
}

// becomes changes the event as a calendar does, or a mark.
func (l *told) becomes(change func(e *gateway.Event)) {
	was := l.change.Event
	if l.fresh = true; was.Revision > 0 {
		l.change.Before = &was
	}
	change(&l.change.Event)
	l.change.Event.Revision++
}

// gathering begins on 20 June at 18:00 in UTC, and its reminders are due a day and two hours before.
func gathering(t *testing.T, placeFrom string) *told {
	w, err := civil.ParseWall("2026-06-20T18:00")
	if err != nil {
		t.Fatal(err)
	}
	from, err := civil.ParseWall(placeFrom)
	if err != nil {
		t.Fatal(err)
	}
	l := &told{keys: map[string]bool{}, group: gateway.Group{Topics: []gateway.Topic{{Name: "plenum", Leads: []string{"1d", "2h"}}}}}
	l.becomes(func(e *gateway.Event) {
		*e = gateway.Event{ID: gateway.NewID(), CalendarID: gateway.NewID(), Zone: "UTC", Start: civil.In(w, time.UTC), Status: gateway.EventConfirmed, Location: "Hall 3", PlaceFrom: civil.In(from, time.UTC).Instant()}
	})
	return l
}

// Before its time nobody is told the place. Then those are who were reminded, by a change; and by a reminder anew those whom it had
// not reached yet (the ledger leaves out who has it).
func TestAPlaceIsToldInItsTime(t *testing.T) {
	l := gathering(t, "2026-06-20T12:00")
	l.at(t, "2026-06-01T12:00")
	l.at(t, "2026-06-19T18:00", `reminder in ""`)
	l.becomes(func(e *gateway.Event) { e.Location = "Hall 4" }) // of which nobody knew
	l.at(t, "2026-06-19T19:00")
	l.at(t, "2026-06-20T11:59")
	l.at(t, "2026-06-20T12:00", "stop", `changed in "Hall 4" was ""`) // nearer to the next reminder than to the last
	l.at(t, "2026-06-20T12:01")
	l.at(t, "2026-06-20T16:00", `reminder in "Hall 4"`)
	l.becomes(func(e *gateway.Event) { e.Location = "Hall 5" })
	l.at(t, "2026-06-20T16:30", "stop", `changed in "Hall 5" was "Hall 4"`)

	l = gathering(t, "2026-06-19T20:00")
	l.at(t, "2026-06-01T12:00")
	l.at(t, "2026-06-19T18:00", `reminder in ""`)
	l.at(t, "2026-06-19T20:00", "stop", `reminder in "Hall 3"`, `changed in "Hall 3" was ""`)

	l = gathering(t, "2026-06-20T16:00") // with a reminder: one message tells both
	l.at(t, "2026-06-01T12:00")
	l.at(t, "2026-06-19T18:00", `reminder in ""`)
	l.at(t, "2026-06-20T16:00", "stop", `reminder in "Hall 3"`)

	l = gathering(t, "2026-06-20T12:00") // nobody looked for hours, and the event was renamed meanwhile
	l.at(t, "2026-06-01T12:00")
	l.at(t, "2026-06-19T18:00", `reminder in ""`)
	l.becomes(func(e *gateway.Event) { e.Summary = "Plenum" })
	l.at(t, "2026-06-20T13:00", "stop", `changed in "Hall 3" was ""`)
	l.at(t, "2026-06-20T13:01")

	l = gathering(t, "2026-06-20T12:00") // a time that is moved, too, is told without it
	l.at(t, "2026-06-01T12:00")
	l.at(t, "2026-06-19T18:00", `reminder in ""`)
	l.becomes(func(e *gateway.Event) { e.Start.Wall += civil.Hour })
	l.at(t, "2026-06-19T18:30", "stop", `changed in "" was ""`)
	l.becomes(func(e *gateway.Event) { e.Status = gateway.EventCancelled })
	l.at(t, "2026-06-19T18:31", "stop", `cancelled in ""`)
	l.at(t, "2026-06-20T12:00")
}

// What a mark keeps back from now on is in nothing that has not left; a mark that is taken back tells at once.
func TestAMarkHoldsFromItsTimeOn(t *testing.T) {
	l := gathering(t, "2026-06-01T00:00")
	l.at(t, "2026-06-01T12:00")
	l.at(t, "2026-06-19T18:00", `reminder in "Hall 3"`)
	day := func(d int) time.Time { return time.Date(2026, 6, d, 12, 0, 0, 0, time.UTC) }
	l.becomes(func(e *gateway.Event) { e.PlaceFrom = day(20) })
	l.at(t, "2026-06-19T18:01", "stop", `reminder in ""`)
	l.becomes(func(e *gateway.Event) { e.Sensitive = true })
	l.at(t, "2026-06-19T18:02", "stop", `reminder in "" sensitive`)
	l.becomes(func(e *gateway.Event) { e.PlaceFrom = day(21) }) // later, and nobody needs to know
	l.at(t, "2026-06-20T11:00")
	l.at(t, "2026-06-20T12:00")
	l.becomes(func(e *gateway.Event) { e.PlaceFrom = time.Time{} })
	l.at(t, "2026-06-20T12:01", "stop", `changed in "Hall 3" was "" sensitive`)

	l = gathering(t, "2026-06-01T00:00") // before anybody was reminded, a mark makes up for nothing
	l.change.Event.Changed = time.Date(2026, 6, 19, 19, 0, 0, 0, time.UTC)
	l.at(t, "2026-06-19T19:00")
	l.becomes(func(e *gateway.Event) { e.PlaceFrom = day(20) })
	l.at(t, "2026-06-19T20:00", "stop")
	l.at(t, "2026-06-20T12:00", "stop", `changed in "Hall 3" was ""`)
}

var _ scheduler.Agenda = (*told)(nil)
