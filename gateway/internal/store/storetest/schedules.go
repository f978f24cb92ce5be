package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// weekly is a schedule that runs every Monday at nine, first in an hour.
func (w *world) weekly(name string) gateway.Schedule {
	w.Helper()
	s, err := w.PutSchedule(w.ctx, gateway.Schedule{GroupID: w.group.ID, Name: name, Author: "the office", Run: "2026-03-30T09:00+02:00", At: w.clock.Now().Add(time.Hour),
		Timing: gateway.Timing{Cron: "0 9 * * MON", Zone: gateway.ZoneGroup, Late: gateway.LateSkip, Except: []string{"2026-12-28"}},
		Action: gateway.Action{Kind: gateway.ActBroadcast, Broadcast: &gateway.ActionBroadcast{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "All is well"}}}}}, true)
	w.ok(err)
	return s
}

// outcome is one run of a schedule with an outcome.
func outcome(s gateway.Schedule, state gateway.OccurrenceState, reason gateway.RunReason) gateway.Occurrence {
	return gateway.Occurrence{GroupID: s.GroupID, ScheduleID: s.ID, Run: s.Run, At: s.At, State: state, Reason: reason}
}

// step moves a schedule on by a week.
func (w *world) step(s gateway.Schedule, outcomes ...gateway.Occurrence) gateway.Firing {
	return gateway.Firing{Group: s.GroupID, Schedule: s.ID, Revision: s.Revision, Run: s.Run, Next: "after " + s.Run, At: s.At.Add(7 * 24 * time.Hour), Occurrences: outcomes}
}

// ready is what a run sends.
func (w *world) ready(o gateway.Occurrence) *gateway.ReadyBroadcast {
	now := w.clock.Now()
	policy := gateway.PolicyOf(gateway.Report)
	return &gateway.ReadyBroadcast{Fingerprint: []byte("schedule"), Broadcast: gateway.Broadcast{ID: gateway.NewID(), GroupID: o.GroupID, Key: o.BroadcastKey(), Kind: gateway.KindReport, Class: gateway.Report,
		Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "All is well"}}, State: gateway.Planning, Policy: policy, CreatedAt: now, StartAt: now, ExpiresAt: now.Add(policy.Expires)}}
}

func (w *world) outcomes(s gateway.Schedule) []gateway.Occurrence {
	w.Helper()
	all, err := w.Occurrences(w.ctx, s.GroupID, s.ID, gateway.ID{}, 100)
	w.ok(err)
	return all
}

func (w *world) dueSchedules(limit int) gateway.Timely {
	w.Helper()
	found, err := w.DueSchedules(w.ctx, limit)
	w.ok(err)
	return found
}

func schedules(t *testing.T, open Open) {
	w := newWorld(t, open)
	s := w.weekly("weekly-report")
	equal(t, "revision", s.Revision, 1)
	read, err := w.Schedule(w.ctx, w.group.ID, "weekly-report")
	w.ok(err)
	if !reflect.DeepEqual(read, s) || s.Action.Broadcast.Words.Sources["en"] != "All is well" || s.Cron != "0 9 * * MON" {
		t.Fatalf("read back\n%+v, stored\n%+v", read, s)
	}
	same := s
	same.ID = gateway.ID{}
	_, err = w.PutSchedule(w.ctx, same, true)
	w.fails(err, gateway.CodeConflict)

	changed := s
	changed.Paused, changed.PausedUntil, changed.Run, changed.At = true, w.clock.Now().Add(48*time.Hour), "another", w.clock.Now()
	changed, err = w.PutSchedule(w.ctx, changed, false)
	w.ok(err)
	if changed.Revision != 2 || changed.Run != s.Run || !changed.At.Equal(s.At) || !changed.Paused || changed.PausedUntil.IsZero() {
		t.Fatalf("changed without its time: %+v", changed)
	}
	if _, err := w.PutSchedule(w.ctx, s, true); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a change of what somebody else has changed: %v", err)
	}
	changed.Run, changed.At = "2026-04-06T09:00+02:00", s.At.Add(time.Hour)
	changed, err = w.PutSchedule(w.ctx, changed, true)
	w.ok(err)
	equal(t, "next run", changed.Run, "2026-04-06T09:00+02:00")

	w.weekly("another")
	list, err := w.Schedules(w.ctx, w.group.ID, s.ID, 10)
	w.ok(err)
	equal(t, "schedules behind the first", len(list), 1)
	timings, err := w.Timings(w.ctx, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "schedules with a next run", len(timings), 2)
	equal(t, "zone of the group", timings[0].GroupZone, "Europe/Berlin")
	w.crash()
	w.ok(w.DeleteSchedule(w.ctx, w.group.ID, s.ID))
	w.fails(w.DeleteSchedule(w.ctx, w.group.ID, s.ID), gateway.CodeNotFound)
	_, err = w.Schedule(w.ctx, w.group.ID, "weekly-report")
	w.fails(err, gateway.CodeNotFound)
}

// A run falls due. One of those who see it does it; all others find that it is done, whenever they come.
func firing(t *testing.T, open Open) {
	w := newWorld(t, open)
	s := w.weekly("weekly-report")
	later := w.weekly("later")
	w.ok(w.Retime(w.ctx, gateway.Firing{Group: later.GroupID, Schedule: later.ID, Revision: later.Revision, Run: later.Run, Next: later.Run, At: later.At.Add(time.Hour)}))
	found := w.dueSchedules(10)
	equal(t, "due before it is time", len(found.Schedules), 0)
	equal(t, "the next", found.Next, s.At)
	equal(t, "now", found.Now, w.clock.Now())
	w.clock.Wind(time.Hour)
	found = w.dueSchedules(10)
	equal(t, "due at its time", len(found.Schedules), 1)
	equal(t, "the next", found.Next, s.At.Add(time.Hour))
	if got := found.Schedules[0]; !reflect.DeepEqual(got.Schedule, s) || got.GroupZone != "Europe/Berlin" {
		t.Fatalf("due is %+v", got)
	}

	o := outcome(s, gateway.OccurrenceFired, "")
	before := s
	before.Run = "2026-03-23T09:00+01:00"
	var race sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		race.Go(func() {
			f := w.step(s, outcome(before, gateway.OccurrenceAsked, gateway.RunLate), o)
			f.Send = w.ready(o)
			errs[i] = w.Fire(w.ctx, f)
		})
	}
	race.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, gateway.ErrStale):
			t.Fatal(err)
		}
	}
	equal(t, "who fired", won, 1)
	all := w.outcomes(s)
	equal(t, "outcomes", len(all), 2)
	if all[0].Run != s.Run || all[0].State != gateway.OccurrenceFired || !all[0].At.Equal(s.At) || !all[0].RecordedAt.Equal(w.clock.Now()) || all[1].State != gateway.OccurrenceAsked {
		t.Fatalf("recorded are %+v", all)
	}
	b, err := w.Broadcast(w.ctx, w.group.ID, all[0].BroadcastID)
	w.ok(err)
	equal(t, "key", b.Key, o.BroadcastKey())
	equal(t, "words", b.Words.Sources["en"], "All is well")
	equal(t, "due after it is done", len(w.dueSchedules(10).Schedules), 0)

	// A clock that was set back and a change by hand bring the same run again: its outcome stands, and nothing is sent.
	again, err := w.Schedule(w.ctx, w.group.ID, s.Name)
	w.ok(err)
	again.Run, again.At = s.Run, s.At
	again, err = w.PutSchedule(w.ctx, again, true)
	w.ok(err)
	f := w.step(again, outcome(again, gateway.OccurrenceFired, ""))
	f.Send = w.ready(o)
	f.Send.Broadcast.Key, f.Supersede = "another key", true
	w.ok(w.Fire(w.ctx, f))
	list, err := w.Broadcasts(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "broadcasts", len(list), 1)
	all = w.outcomes(s)
	equal(t, "outcomes", len(all), 2)
	equal(t, "outcome of the one that was asked about", fmt.Sprint(all[1].State, " ", all[1].Reason), "skipped superseded")

	// A broadcast that cannot be stored leaves everything as it was.
	w.clock.Wind(8 * 24 * time.Hour)
	stands, err := w.Schedule(w.ctx, w.group.ID, s.Name)
	w.ok(err)
	f = w.step(stands, outcome(stands, gateway.OccurrenceFired, ""))
	f.Send = w.ready(o)
	f.Send.Fingerprint = []byte("another")
	w.fails(w.Fire(w.ctx, f), gateway.CodeKeyReused)
	equal(t, "outcomes", len(w.outcomes(s)), 2)
	after, err := w.Schedule(w.ctx, w.group.ID, s.Name)
	w.ok(err)
	equal(t, "where it stands", after.Run, stands.Run)

	// The last run: nothing is due any more.
	f.Send, f.Next, f.At = w.ready(gateway.Occurrence{GroupID: s.GroupID, Run: "last"}), "", time.Time{}
	w.ok(w.Fire(w.ctx, f))
	w.clock.Wind(100 * 24 * time.Hour)
	found = w.dueSchedules(10)
	equal(t, "due", len(found.Schedules), 1)
	equal(t, "due is", found.Schedules[0].Name, "later")
	equal(t, "a batch", len(w.dueSchedules(0).Schedules), 0)

	w.clock.Wind(gateway.KeepOccurrences)
	for n := 1; n > 0; {
		n, err = w.Retain(w.ctx, 2)
		w.ok(err)
	}
	equal(t, "outcomes that are kept", len(w.outcomes(s)), 0)
}

func deciding(t *testing.T, open Open) {
	w := newWorld(t, open)
	s := w.weekly("weekly-report")
	o := outcome(s, gateway.OccurrenceAsked, gateway.RunLate)
	w.ok(w.Fire(w.ctx, w.step(s, o)))
	o.State, o.Reason, o.By = gateway.OccurrenceFired, gateway.RunByHand, "the office"
	w.ok(w.Decide(w.ctx, o, w.ready(o)))
	w.fails(w.Decide(w.ctx, o, w.ready(o)), gateway.CodeConflict)
	o.State = gateway.OccurrenceSkipped
	w.fails(w.Decide(w.ctx, o, nil), gateway.CodeConflict)
	all := w.outcomes(s)
	equal(t, "outcomes", len(all), 1)
	equal(t, "outcome", fmt.Sprint(all[0].State, " ", all[0].Reason, " ", all[0].By), "fired by hand the office")
	if _, err := w.Broadcast(w.ctx, w.group.ID, all[0].BroadcastID); err != nil {
		t.Fatal(err)
	}

	now := outcome(s, gateway.OccurrenceFailed, gateway.RunFault) // a run that a person asks for has no time of its own
	now.Run, now.At, now.Detail = "2026-03-28T10:00+01:00", w.clock.Now(), "no channel serves this group"
	w.ok(w.Decide(w.ctx, now, nil))
	now.State, now.Detail = gateway.OccurrenceFired, ""
	w.ok(w.Decide(w.ctx, now, w.ready(now)))
	equal(t, "outcomes", len(w.outcomes(s)), 2)
	page, err := w.Occurrences(w.ctx, w.group.ID, s.ID, w.outcomes(s)[0].ID, 10)
	w.ok(err)
	equal(t, "outcomes before the newest", len(page), 1)

	stranger := now
	stranger.GroupID = w.other.ID
	w.fails(w.Decide(w.ctx, stranger, nil), gateway.CodeNotFound)
	w.fails(w.DeleteSchedule(w.ctx, w.other.ID, s.ID), gateway.CodeNotFound)
	_, err = w.Schedule(w.ctx, w.other.ID, s.Name)
	w.fails(err, gateway.CodeNotFound)
	theirs := s
	theirs.GroupID = w.other.ID
	if _, err := w.PutSchedule(w.ctx, theirs, true); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("another group changes it: %v", err)
	}
	f := w.step(s)
	f.Group, f.Run = w.other.ID, f.Next
	if err := w.Fire(w.ctx, f); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("another group moves it on: %v", err)
	}
	for name, n := range map[string]int{"schedules": len(must(w.Schedules(w.ctx, w.other.ID, gateway.ID{}, 10))), "outcomes": len(must(w.Occurrences(w.ctx, w.other.ID, s.ID, gateway.ID{}, 10)))} {
		equal(t, "another group's "+name, n, 0)
	}
}

// Two members are told at an hour of their own; each delivery expires so long after that hour.
func ownExpiry(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Reminder, func(b *gateway.Broadcast) {
		b.LateFor = 90 * time.Minute
		w.ok(b.LocalAt.UnmarshalText([]byte("2026-03-28T09:00"))) // an hour ago
	})
	read, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "hour of each", read.LocalAt.String(), "2026-03-28T09:00")
	equal(t, "late for", read.LateFor, 90*time.Minute)

	early, late := w.member("sms"), w.member("sms")
	now := w.clock.Now()
	c := gateway.Chunk{Broadcast: b.ID, Group: b.GroupID, Last: true, Lane: b.Policy.Lane, MoveAfter: time.Hour, Cursor: gateway.NewID()}
	for _, m := range []gateway.Member{early, late} {
		c.Deliveries = append(c.Deliveries, gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.ID, Locale: "en", Channel: w.sms.ID, Point: m.Points[0].ID, Due: now, Expires: now.Add(3 * time.Hour)})
	}
	c.Deliveries[1].Due = now.Add(2 * time.Hour)
	w.ok(w.Plan(w.ctx, c))
	equal(t, "expiry of the claim", w.granted(c.Deliveries[0].ID).Expires, now.Add(3*time.Hour))
	w.clock.Wind(2 * time.Hour) // it is due now, and has an hour from here to be handed over
	overdue, err := w.Overdue(w.ctx, 10)
	w.ok(err)
	for _, o := range overdue {
		if o.Delivery == c.Deliveries[1].ID {
			t.Fatal("what was not due was taken for not handed over")
		}
	}
	w.clock.Wind(time.Hour)
	equal(t, "verdict after its own expiry", w.claim(c.Deliveries[1].ID).Verdict, gateway.Lapsed)
	w.is(c.Deliveries[1].ID, gateway.Ended, gateway.ReasonExpired)
}

// movedWest: whoever moves to another zone after a message was planned for her own hour is told at that hour where she is now, if it is
// still ahead and comes before the message is over; otherwise at once. Quiet hours there count as well.
func movedWest(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Report, func(b *gateway.Broadcast) {
		w.ok(b.LocalAt.UnmarshalText([]byte("2026-03-28T12:00")))
	})
	due := time.Date(2026, 3, 28, 11, 0, 0, 0, time.UTC) // noon in Berlin
	stays, west, east, over, quiet := w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms"), w.quietly("11:00-14:00", "sms")
	c, ids := w.chunk(b, 1, stays, west, east, over, quiet)
	for i := range c.Deliveries {
		c.Deliveries[i].Due, c.Deliveries[i].Expires = due, due.Add(24*time.Hour)
	}
	c.Deliveries[3].Expires = due.Add(5 * time.Hour)
	w.ok(w.Plan(w.ctx, c))
	for m, zone := range map[gateway.ID]string{west.ID: "America/New_York", east.ID: "Asia/Tokyo", over.ID: "America/New_York", quiet.ID: "America/New_York"} {
		w.ok(w.Wish(w.ctx, w.group.ID, m, gateway.Wish{Zone: zone}, gateway.Consent{Source: "member"}))
	}
	waits := func(what string, id gateway.ID, until time.Time) {
		t.Helper()
		equal(t, what, w.claim(id).Verdict, gateway.NotDue)
		d, err := w.Delivery(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, what+": state", d.State, gateway.Waiting)
		equal(t, what+": due", d.Due, until)
	}
	w.clock.Wind(due.Sub(w.clock.Now()))
	noon := due.Add(5 * time.Hour) // in New York
	waits("who moved west", ids[1], noon)
	waits("who moved west, with quiet hours", ids[4], noon)
	for i, what := range map[int]string{0: "who stays", 2: "who moved east", 3: "who would hear of it when it is over"} {
		equal(t, what, w.claim(ids[i]).Verdict, gateway.Granted)
	}
	w.clock.Wind(noon.Sub(w.clock.Now()))
	w.granted(ids[1])
	waits("noon in her quiet hours", ids[4], noon.Add(2*time.Hour))
}

// ownHourInQuiet: a reminder for an hour of her own that lies in her quiet hours is planned for the minute before they begin, and leaves
// then; so it does where she has moved to.
func ownHourInQuiet(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Reminder, func(b *gateway.Broadcast) {
		w.ok(b.LocalAt.UnmarshalText([]byte("2026-03-28T12:00")))
	})
	stays, west := w.quietly("11:30-14:00", "sms"), w.quietly("11:30-14:00", "sms")
	before := time.Date(2026, 3, 28, 10, 29, 0, 0, time.UTC) // 11:29 in Berlin
	c, ids := w.chunk(b, 1, stays, west)
	for i := range c.Deliveries {
		c.Deliveries[i].Due, c.Deliveries[i].Expires = before, before.Add(24*time.Hour)
	}
	w.ok(w.Plan(w.ctx, c))
	w.ok(w.Wish(w.ctx, w.group.ID, west.ID, gateway.Wish{Zone: "America/New_York"}, gateway.Consent{Source: "member"}))
	w.clock.Wind(before.Add(time.Second).Sub(w.clock.Now()))
	equal(t, "before her quiet hours", w.claim(ids[0]).Verdict, gateway.Granted)
	equal(t, "who moved west", w.claim(ids[1]).Verdict, gateway.NotDue)
	d, err := w.Delivery(w.ctx, w.group.ID, ids[1])
	w.ok(err)
	equal(t, "who moved west: due", d.Due, before.Add(5*time.Hour))
	w.clock.Wind(d.Due.Sub(w.clock.Now()))
	w.granted(ids[1])
}

// firedTwice has two schedulers see the same runs: each run is done by one of them, once.
func firedTwice(p *pair) {
	s := p.weekly("weekly-report")
	p.clock.Wind(time.Hour)
	for i := range 20 {
		yes := p.both(4, func(ledger store.Store, _ int) (bool, error) {
			o := outcome(s, gateway.OccurrenceFired, "")
			f := p.step(s, o)
			f.Next, f.At, f.Send = fmt.Sprint("run ", i), p.clock.Now(), p.ready(o)
			err := ledger.Fire(p.ctx, f)
			if errors.Is(err, gateway.ErrStale) {
				return false, nil
			}
			return err == nil, err
		})
		equal(p, "who fired", yes, 1)
		s.Run = fmt.Sprint("run ", i)
	}
	equal(p, "outcomes", len(p.outcomes(s)), 20)
	list, err := p.Broadcasts(p.ctx, p.group.ID, gateway.ID{}, 100)
	p.ok(err)
	equal(p, "broadcasts", len(list), 20)
}
