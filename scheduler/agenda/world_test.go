package agenda_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

// world is one group with a calendar that is fetched, a server that gives what the test says, and a clock to wind.
type world struct {
	*testing.T
	*agenda.Agenda
	ctx    context.Context
	ledger *ledger
	group  gateway.Group
	now    time.Time
	answer func(known fetch.Version) (fetch.Answer, error)
	asked  int
	member gateway.Member
	feeds  []gateway.Feed
	rotas  []gateway.RotaTable
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, ctx: context.Background(), now: time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC), ledger: &ledger{}}
	w.group = gateway.Group{ID: gateway.NewID(), Slug: "harbour", Name: "The harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "plenum"}, {Name: "alerts"}}}
	w.ledger.now = func() time.Time { return w.now }
	w.Agenda = agenda.New(agenda.Parts{Ledger: w.ledger, Feeds: w, People: w, Rotas: w, Fetcher: w, Now: w.ledger.now, Log: slog.New(slog.DiscardHandler),
		Words: func(string, []string) agenda.Words {
			return agenda.Words{Event: "Event", Calendar: "Calendar", Duty: "On duty", Nobody: "Nobody on duty"}
		}})
	return w
}

// Get answers for the server.
func (w *world) Get(_ context.Context, _ string, known fetch.Version) (fetch.Answer, error) {
	w.asked++
	return w.answer(known)
}

func (w *world) GroupByID(context.Context, gateway.ID) (gateway.Group, error) { return w.group, nil }

func (w *world) Member(_ context.Context, _, id gateway.ID) (gateway.Member, error) {
	if w.member.ID != id {
		return gateway.Member{}, gateway.ErrNotFound
	}
	return w.member, nil
}

func (w *world) PutFeed(_ context.Context, f gateway.Feed) error {
	w.feeds = append(w.feeds, f)
	return nil
}

func (w *world) Feeds(context.Context, gateway.ID, gateway.ID, int) ([]gateway.Feed, error) {
	return w.feeds, nil
}

func (w *world) FeedByDigest(_ context.Context, digest []byte) (gateway.Feed, error) {
	for _, f := range w.feeds {
		if string(f.Digest) == string(digest) {
			return f, nil
		}
	}
	return gateway.Feed{}, gateway.ErrNotFound
}

func (w *world) Rota(_ context.Context, _ gateway.ID, name string) (gateway.Rota, error) {
	for _, t := range w.rotas {
		if t.Rota.Name == name {
			return t.Rota, nil
		}
	}
	return gateway.Rota{}, gateway.ErrNotFound
}

func (w *world) Tables(context.Context, gateway.ID, time.Time, time.Time) ([]gateway.RotaTable, error) {
	return w.rotas, nil
}

func (w *world) RevokeFeed(_ context.Context, _, id gateway.ID) error {
	w.feeds = slices.DeleteFunc(w.feeds, func(f gateway.Feed) bool { return f.ID == id })
	return nil
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// holds has the server give a calendar with these events.
func (w *world) holds(events ...string) {
	w.gives("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + strings.ReplaceAll(strings.Join(events, ""), "\n", "\r\n") + "END:VCALENDAR\r\n")
}

func (w *world) gives(body string) {
	w.answer = func(fetch.Version) (fetch.Answer, error) { return fetch.Answer{Body: []byte(body)}, nil }
}

// add makes the calendar and reads it.
func (w *world) add(events ...string) gateway.Calendar {
	w.Helper()
	w.holds(events...)
	c, err := w.Put(w.ctx, w.group, gateway.Calendar{Name: "meetings", Topic: "plenum", URL: "https://calendar.example/private/basic.ics"}, nil)
	w.ok(err)
	if c.Fresh.Fault != "" {
		w.Fatal(c.Fresh.Fault)
	}
	return c
}

// again reads it an hour later, and gives what changed for whoever was told of everything before.
func (w *world) again() (gateway.Calendar, []string) {
	w.Helper()
	w.ledger.settle()
	w.now = w.now.Add(time.Hour)
	c, err := w.Read(w.ctx, w.group.ID, "meetings")
	w.ok(err)
	return c, w.ledger.changes()
}

// same checks what changed.
func (w *world) same(what string, got []string, want ...string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Fatalf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func event(uid, start, rest string) string {
	return "BEGIN:VEVENT\nUID:" + uid + "\nDTSTAMP:20260301T000000Z\nDTSTART;TZID=Europe/Berlin:" + start + "\nDURATION:PT2H\n" + rest + "\nEND:VEVENT\n"
}

// ledger keeps calendars and events in memory.
type ledger struct {
	mu        sync.Mutex
	now       func() time.Time
	calendars map[gateway.ID]gateway.Calendar
	files     map[gateway.ID][]byte
	events    map[gateway.ID]gateway.Event
	told      map[gateway.ID]gateway.Event
	writes    int // of events
	stale     int // how many writes are to be refused
}

func (l *ledger) PutCalendar(_ context.Context, c gateway.Calendar, file []byte) (gateway.Calendar, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calendars == nil {
		l.calendars, l.files, l.events, l.told = map[gateway.ID]gateway.Calendar{}, map[gateway.ID][]byte{}, map[gateway.ID]gateway.Event{}, map[gateway.ID]gateway.Event{}
	}
	if c.ID.IsZero() {
		c.ID = gateway.NewID()
	} else if l.calendars[c.ID].Edition != c.Edition {
		return c, gateway.ErrStale
	}
	if file != nil {
		l.files[c.ID] = file
	}
	c.Edition++
	l.calendars[c.ID] = c
	return c, nil
}

func (l *ledger) Calendars(context.Context, gateway.ID) ([]gateway.Calendar, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.calendars)), nil
}

func (l *ledger) CalendarFile(_ context.Context, _, id gateway.ID) ([]byte, error) {
	return l.files[id], nil
}

func (l *ledger) DueCalendars(_ context.Context, limit int) (due []gateway.Calendar, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calendars {
		if !c.Fresh.Next.IsZero() && !c.Fresh.Next.After(l.now()) && len(due) < limit {
			due = append(due, c)
		}
	}
	return due, nil
}

func (l *ledger) RemoveCalendar(_ context.Context, _, id gateway.ID) error {
	delete(l.calendars, id)
	clear(l.events)
	return nil
}

func (l *ledger) Events(_ context.Context, _, _ gateway.ID, after time.Time, _ int) ([]gateway.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []gateway.Event
	for _, e := range l.events {
		if e.End.Instant().After(after) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b gateway.Event) int {
		return cmp.Or(a.Start.Instant().Compare(b.Start.Instant()), strings.Compare(a.Summary, b.Summary))
	})
	return all, nil
}

func (l *ledger) SaveReading(_ context.Context, r gateway.Reading) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calendars[r.Calendar]
	if l.stale > 0 || c.Edition != r.Edition {
		l.stale--
		return gateway.ErrStale
	}
	if c.Fresh, c.Edition = r.Fresh, c.Edition+1; r.Marks != nil {
		c.Marks = r.Marks
	}
	l.calendars[c.ID] = c
	for _, u := range r.Events {
		if old, known := l.events[u.Event.ID]; known != (u.Event.Revision > 1 || u.Before != nil || old.Revision == 1) {
			panic("an event with a revision that it cannot have")
		}
		l.events[u.Event.ID] = u.Event
		l.writes++
	}
	return nil
}

func (l *ledger) settle() {
	clear(l.told)
	maps.Copy(l.told, l.events)
	l.writes = 0
}

// changes tells what changed since settle, a line each.
func (l *ledger) changes() (all []string) {
	for id, e := range l.events {
		change := gateway.EventChange{Event: e}
		if was, known := l.told[id]; known {
			if change.Before = &was; was.Revision == e.Revision {
				continue
			}
		}
		all = append(all, fmt.Sprintf("%s %s %s", change.Kind(), e.View().Start, e.Summary))
	}
	slices.Sort(all)
	return all
}

var _ agenda.Ledger = (*ledger)(nil)

// Reminded gives nothing: nobody is told of events here.
func (l *ledger) Reminded(context.Context, gateway.ID, gateway.ID) ([]gateway.Reminded, error) {
	return nil, nil
}
