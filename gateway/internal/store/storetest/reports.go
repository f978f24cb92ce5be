package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// reports has a series kept, changed and read by its own group only; an edition of it written by steps, by one hand at a
// time, and sent once.
func reports(t *testing.T, open Open) {
	w := newWorld(t, open)
	s, err := w.PutSeries(w.ctx, gateway.Series{GroupID: w.group.ID, Name: "harbour", Title: "Harbour report", Topic: "reports", Contributors: []string{"other"}, Approve: gateway.ApprovePerson, Author: "the office"})
	w.ok(err)
	read, err := w.Series(w.ctx, w.group.ID, "harbour")
	w.ok(err)
	if !reflect.DeepEqual(read, s) || s.Revision != 1 || s.Title != "Harbour report" {
		t.Fatalf("read back\n%+v, stored\n%+v", read, s)
	}
	same := s
	same.ID = gateway.ID{}
	_, err = w.PutSeries(w.ctx, same)
	w.fails(err, gateway.CodeConflict)
	changed := s
	changed.Title = "News of the harbour"
	_, err = w.PutSeries(w.ctx, changed)
	w.ok(err)
	if _, err = w.PutSeries(w.ctx, s); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a change of what somebody else has changed: %v", err)
	}
	same.GroupID = w.other.ID // a name is a group's own
	_, err = w.PutSeries(w.ctx, same)
	w.ok(err)
	list, err := w.SeriesOf(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	if len(list) != 1 || list[0].Title != changed.Title || list[0].Revision != 2 {
		t.Fatalf("the group's series are %+v", list)
	}
	_, err = w.Series(w.ctx, w.group.ID, "nothing")
	w.fails(err, gateway.CodeNotFound)

	// Its indicators are asked when it is time; their addresses are shown to nobody, and kept.
	counted := list[0]
	counted.Next = w.clock.Now().Add(time.Hour).UTC()
	counted.Indicators = []gateway.Indicator{{Name: "boats", Titles: map[string]string{"en": "Boats"}, Source: "the pier", Spot: gateway.Spot{Pointer: "/boats"}, Stale: 40, Measure: gateway.Measure{Value: "12"}}}
	counted.Indicators[0] = counted.Indicators[0].At("https://counts.example/secret.json")
	counted, err = w.PutSeries(w.ctx, counted)
	w.ok(err)
	equal(t, "series to be asked too early", len(must(w.DueSeries(w.ctx, 10))), 0)
	w.clock.Wind(time.Hour)
	w.crash()
	if due := must(w.DueSeries(w.ctx, 10)); len(due) != 1 || !reflect.DeepEqual(due[0], counted) {
		t.Fatalf("to be asked are\n%+v, stored\n%+v", due, counted)
	}
	counted.Next = time.Time{}
	_, err = w.PutSeries(w.ctx, counted)
	w.ok(err)
	equal(t, "series to be asked", len(must(w.DueSeries(w.ctx, 10))), 0)

	e, err := w.PutEdition(w.ctx, gateway.Edition{GroupID: w.group.ID, SeriesID: s.ID, Number: 1, State: gateway.EditionCollecting, Entries: []gateway.Contribution{}}, nil)
	w.ok(err)
	second := gateway.Edition{GroupID: w.group.ID, SeriesID: s.ID, Number: 1, State: gateway.EditionCollecting}
	if _, err := w.PutEdition(w.ctx, second, nil); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a second edition with its number: %v", err)
	}
	before := e
	e.Entries = []gateway.Contribution{{Group: "other", Section: gateway.SectionObjections, Entry: 1, Credit: gateway.CreditAnonymous, Texts: map[string]string{"de": "Zu wenig Stühle."}, At: w.clock.Now().UTC()}}
	e, err = w.PutEdition(w.ctx, e, nil)
	w.ok(err)
	if _, err := w.PutEdition(w.ctx, before, nil); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a change of what somebody else has changed: %v", err)
	}
	jump := e
	jump.State = gateway.EditionSent
	_, err = w.PutEdition(w.ctx, jump, nil)
	w.fails(err, gateway.CodeConflict)
	for _, to := range []gateway.EditionState{gateway.EditionFrozen, gateway.EditionApproved} {
		w.ok(e.Step(gateway.EditionStep{To: to, At: w.clock.Now().UTC(), By: "the office"}))
		e, err = w.PutEdition(w.ctx, e, nil)
		w.ok(err)
		_, err = w.PutEdition(w.ctx, e, nil) // nothing in it changes any more
		w.fails(err, gateway.CodeConflict)
	}

	// It is sent by hand and by a run of a schedule at the same time: one of them sends it.
	run := w.weekly("weekly-report")
	w.clock.Wind(time.Hour)
	send := w.ready(outcome(run, gateway.OccurrenceFired, ""))
	send.Broadcast.Key = e.SendKey()
	w.ok(e.Step(gateway.EditionStep{To: gateway.EditionSent, At: w.clock.Now().UTC(), By: "schedule"}))
	late := e
	send.Edition = &late
	w.ok(w.Fire(w.ctx, withSend(w.step(run, outcome(run, gateway.OccurrenceFired, "")), send)))
	again := w.ready(outcome(run, gateway.OccurrenceFired, ""))
	again.Broadcast.Key = "another"
	if _, err := w.PutEdition(w.ctx, e, again); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("an edition that is sent already: %v", err)
	}
	sent, err := w.Broadcasts(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "broadcasts", len(sent), 1)
	w.crash()
	all, err := w.Editions(w.ctx, w.group.ID, s.ID, 0, 10)
	w.ok(err)
	if len(all) != 1 || all[0].State != gateway.EditionSent || all[0].BroadcastID != sent[0].ID || all[0].ID != before.ID || len(all[0].Steps) != 3 || all[0].Entries[0].Texts["de"] != "Zu wenig Stühle." {
		t.Fatalf("the archive holds %+v", all)
	}
	if found := must(w.EditionByID(w.ctx, e.ID)); !reflect.DeepEqual(found, all[0]) {
		t.Errorf("by its id is found %+v", found)
	}
	_, err = w.EditionByID(w.ctx, gateway.NewID())
	w.fails(err, gateway.CodeNotFound)
	for _, c := range []struct {
		group  gateway.ID
		before int
	}{{w.other.ID, 0}, {w.group.ID, 1}} {
		none, err := w.Editions(w.ctx, c.group, s.ID, c.before, 10)
		w.ok(err)
		equal(t, "editions", len(none), 0)
	}
	w.clock.Wind(2 * gateway.KeepOccurrences) // the archive is kept
	_, err = w.Retain(w.ctx, 100)
	w.ok(err)
	all, err = w.Editions(w.ctx, w.group.ID, s.ID, 0, 10)
	w.ok(err)
	equal(t, "editions in the archive", len(all), 1)

	// One that is sent by hand.
	by, err := w.PutEdition(w.ctx, gateway.Edition{GroupID: w.group.ID, SeriesID: s.ID, Number: 2, State: gateway.EditionApproved}, nil)
	w.ok(err)
	w.ok(by.Step(gateway.EditionStep{To: gateway.EditionSent, At: w.clock.Now().UTC(), By: "the office"}))
	again = w.ready(outcome(run, gateway.OccurrenceFired, ""))
	again.Broadcast.Key = by.SendKey()
	by, err = w.PutEdition(w.ctx, by, again)
	w.ok(err)
	equal(t, "its broadcast", by.BroadcastID, again.Broadcast.ID)
}

// A correction goes to those for whom a broadcast has left, or may have: not to those who wait, nor to those for whom it has
// ended, nor to another group's.
func told(t *testing.T, open Open) {
	w := newWorld(t, open)
	had, waits, later := w.member("sms"), w.member("sms"), w.member("sms")
	b := w.submit(gateway.Report)
	ids := w.plan(b, 1, had, waits)
	w.claim(ids[0])
	who := func(group gateway.ID) []gateway.Recipient {
		t.Helper()
		page, err := w.Recipients(w.ctx, group, gateway.Audience{Topic: "reports", Had: []gateway.ID{b.ID}}, gateway.ID{}, 10)
		w.ok(err)
		return page
	}
	if page := who(w.group.ID); len(page) != 1 || page[0].Member != had.ID {
		t.Fatalf("told are %+v; she is %s, others are %s and %s", page, had.ID, waits.ID, later.ID)
	}
	w.memberOf(w.other.ID, "sms")
	equal(t, "members of another group", len(who(w.other.ID)), 0)
}

func withSend(f gateway.Firing, send *gateway.ReadyBroadcast) gateway.Firing {
	f.Send = send
	return f
}
