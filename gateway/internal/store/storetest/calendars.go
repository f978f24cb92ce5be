package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// calendar makes one of the group.
func (w *world) calendar(name string) gateway.Calendar {
	w.Helper()
	c, err := w.PutCalendar(w.ctx, gateway.Calendar{GroupID: w.group.ID, Name: name, Topic: "reports", URL: "https://calendar.example/secret/basic.ics", Zone: "Europe/Berlin", Every: 60,
		Fresh: gateway.Freshness{Next: w.clock.Now()}}, nil)
	w.ok(err)
	return c
}

// event is one of a calendar that begins after so many hours and takes one.
func (w *world) event(c gateway.Calendar, hours int) gateway.Event {
	w.serial++
	at := civil.Wall(w.clock.Now().Unix()) + civil.Wall(hours)*civil.Hour
	return gateway.Event{ID: gateway.NewID(), GroupID: c.GroupID, CalendarID: c.ID, UID: fmt.Sprintf("uid-%d", w.serial), Zone: "Europe/Berlin", Start: civil.Moment{Wall: at}, End: civil.Moment{Wall: at + civil.Hour},
		Status: gateway.EventConfirmed, Summary: "Plenum", Location: "The harbour hall", Revision: 1, Changed: w.clock.Now()}
}

func (w *world) saveReading(c gateway.Calendar, events ...gateway.EventUpdate) gateway.Calendar {
	w.Helper()
	c.Fresh.Good, c.Fresh.Next = w.clock.Now(), w.clock.Now().Add(time.Hour)
	w.ok(w.SaveReading(w.ctx, gateway.Reading{Group: c.GroupID, Calendar: c.ID, Edition: c.Edition, Fresh: c.Fresh, Events: events}))
	all, err := w.Calendars(w.ctx, c.GroupID)
	w.ok(err)
	for _, a := range all {
		if a.ID == c.ID {
			return a
		}
	}
	w.Fatal("the calendar is gone")
	return c
}

// A group keeps calendars. Of two who ask for one at the same time, one writes what came of it.
func calendars(t *testing.T, open Open) {
	w := newWorld(t, open)
	c := w.calendar("plenum")
	equal(t, "host", must(w.Calendars(w.ctx, w.group.ID))[0].Host, "calendar.example")
	equal(t, "address", must(w.Calendars(w.ctx, w.group.ID))[0].URL, c.URL)
	_, err := w.PutCalendar(w.ctx, gateway.Calendar{GroupID: w.group.ID, Name: "plenum", Topic: "alerts", Zone: "UTC"}, nil)
	w.fails(err, gateway.CodeConflict)
	_, err = w.PutCalendar(w.ctx, gateway.Calendar{GroupID: w.other.ID, Name: "plenum", Topic: "alerts", Zone: "UTC"}, []byte("BEGIN:VCALENDAR"))
	w.ok(err)
	_, err = w.CalendarFile(w.ctx, w.group.ID, c.ID)
	w.fails(err, gateway.CodeNotFound)

	due, err := w.DueCalendars(w.ctx, 10)
	w.ok(err)
	if len(due) != 1 || due[0].ID != c.ID || due[0].GroupID != w.group.ID || due[0].Edition != c.Edition {
		t.Fatalf("due are %+v", due)
	}
	again := w.saveReading(due[0])
	if again.Edition <= c.Edition || !again.Fresh.Good.Equal(w.clock.Now()) {
		t.Fatalf("after it was read: %+v", again)
	}
	equal(t, "due after it was read", len(must(w.DueCalendars(w.ctx, 10))), 0)
	for what, err := range map[string]error{
		"a reading": w.SaveReading(w.ctx, gateway.Reading{Group: c.GroupID, Calendar: c.ID, Edition: c.Edition, Events: []gateway.EventUpdate{{Event: w.event(c, 1)}}}),
		"a change":  func() error { _, err := w.PutCalendar(w.ctx, c, nil); return err }(),
	} {
		if !errors.Is(err, gateway.ErrStale) {
			t.Errorf("%s of an older edition: %v", what, err)
		}
	}
	equal(t, "events of a refused reading", len(must(w.Events(w.ctx, w.group.ID, gateway.ID{}, time.Time{}, 0))), 0)
	w.clock.Wind(time.Hour)
	equal(t, "due an hour later", len(must(w.DueCalendars(w.ctx, 10))), 1)
	marks := []gateway.EventMark{{UID: "ana@example.org", Instance: "20260401T180000", Sensitive: true, PlaceFrom: w.clock.Now()}}
	w.ok(w.SaveReading(w.ctx, gateway.Reading{Group: c.GroupID, Calendar: c.ID, Edition: again.Edition, Fresh: again.Fresh, Marks: marks}))
	again = w.saveReading(must(w.Calendars(w.ctx, w.group.ID))[0])
	if !reflect.DeepEqual(again.Marks, marks) {
		t.Fatalf("marks after another reading: %+v", again.Marks)
	}

	again.URL, again.Every, again.Topic = "", 0, "alerts"
	again.Fresh = gateway.Freshness{}
	filed, err := w.PutCalendar(w.ctx, again, []byte("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"))
	w.ok(err)
	w.crash()
	file, err := w.CalendarFile(w.ctx, w.group.ID, c.ID)
	w.ok(err)
	equal(t, "file", string(file), "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
	filed.Topic = "reports"
	filed, err = w.PutCalendar(w.ctx, filed, nil)
	w.ok(err)
	file, err = w.CalendarFile(w.ctx, w.group.ID, c.ID)
	w.ok(err)
	equal(t, "file after another change", len(file) > 0, true)
	fetched := filed
	fetched.URL = c.URL
	fetched, err = w.PutCalendar(w.ctx, fetched, nil)
	w.ok(err)
	_, err = w.CalendarFile(w.ctx, w.group.ID, c.ID)
	w.fails(err, gateway.CodeNotFound)
	fetched.URL = ""
	filed, err = w.PutCalendar(w.ctx, fetched, []byte("BEGIN:VCALENDAR"))
	w.ok(err)
	if got := must(w.Calendars(w.ctx, w.group.ID)); len(got) != 1 || !reflect.DeepEqual(got[0], filed) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, filed)
	}

	for i := 1; i < gateway.MaxCalendars; i++ {
		w.calendar(fmt.Sprintf("calendar-%d", i))
	}
	_, err = w.PutCalendar(w.ctx, gateway.Calendar{GroupID: w.group.ID, Name: "one-more", Topic: "alerts", Zone: "UTC"}, nil)
	w.fails(err, gateway.CodeConflict)
}

// Events change, and whoever reminds is told of each difference once; they are deleted a month after they ended.
func events(t *testing.T, open Open) {
	w := newWorld(t, open)
	c := w.calendar("plenum")
	late, soon := w.event(c, 48), w.event(c, 24)
	c = w.saveReading(c, gateway.EventUpdate{Event: late}, gateway.EventUpdate{Event: soon})
	read := func() []gateway.Event { return must(w.Events(w.ctx, w.group.ID, c.ID, w.clock.Now(), 0)) }
	if got := read(); len(got) != 2 || !reflect.DeepEqual(got[0], soon) || !reflect.DeepEqual(got[1], late) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, []gateway.Event{soon, late})
	}
	if first := must(w.Events(w.ctx, w.group.ID, gateway.ID{}, w.clock.Now(), 1)); len(first) != 1 || first[0].ID != soon.ID {
		t.Fatalf("the first is %+v", first)
	}
	changed := func() []gateway.EventChange { return must(w.ChangedEvents(w.ctx, gateway.ID{}, 10)) }
	equal(t, "changes", len(changed()), 2)
	equal(t, "a page of changes", len(must(w.ChangedEvents(w.ctx, changed()[0].Event.ID, 10))), 1)

	moved := soon
	moved.Revision, moved.Location = 2, "The town hall"
	c = w.saveReading(c, gateway.EventUpdate{Event: moved, Before: &soon})
	if first := changed()[1]; first.Event.ID != soon.ID || first.Before != nil || first.Kind() != gateway.EventIsNew {
		t.Fatalf("of what nobody knew: %+v", first)
	}
	told := changed()
	equal(t, "settled", w.settled(told...), 2)
	equal(t, "changes after all was told", len(changed()), 0)

	moved.Misses, moved.Missing = 1, w.clock.Now() // nobody sees that
	c = w.saveReading(c, gateway.EventUpdate{Event: moved})
	equal(t, "changes of what nobody sees", len(changed()), 0)
	twice, dropped := moved, moved
	twice.Revision, twice.Summary = 3, "Plenum, again"
	dropped.Revision, dropped.Status = 4, gateway.EventCancelled
	c = w.saveReading(c, gateway.EventUpdate{Event: twice, Before: &moved})
	c = w.saveReading(c, gateway.EventUpdate{Event: dropped, Before: &twice})
	w.crash()
	if got := changed(); len(got) != 1 || !reflect.DeepEqual(got[0], gateway.EventChange{Event: dropped, Before: &moved}) || got[0].Kind() != gateway.EventWasDropped {
		t.Fatalf("two changes after they were told: %+v", got)
	}
	equal(t, "settled of what is older", w.settled(told...), 0)
	equal(t, "changes after something older was told", len(changed()), 1)
	equal(t, "settled in the end", w.settled(changed()...), 1)
	equal(t, "changes in the end", len(changed()), 0)

	w.clock.Wind(25*time.Hour + gateway.KeepEvents)
	retain := func() {
		for n := 1; n > 0; {
			var err error
			n, err = w.Retain(w.ctx, 1)
			w.ok(err)
		}
	}
	retain()
	if got := must(w.Events(w.ctx, w.group.ID, gateway.ID{}, time.Time{}, 0)); len(got) != 1 || got[0].ID != late.ID {
		t.Fatalf("a month after the first had ended: %+v", got)
	}
	w.ok(w.RemoveCalendar(w.ctx, w.group.ID, c.ID))
	equal(t, "events of a calendar that was removed", len(must(w.Events(w.ctx, w.group.ID, gateway.ID{}, time.Time{}, 0))), 0)
	w.fails(w.RemoveCalendar(w.ctx, w.group.ID, c.ID), gateway.CodeNotFound)
	w.fails(w.SaveReading(w.ctx, gateway.Reading{Group: c.GroupID, Calendar: c.ID, Edition: c.Edition}), gateway.CodeNotFound)
	other := w.calendar("left") // so that there is something to move
	w.saveReading(other, gateway.EventUpdate{Event: w.event(other, 1)})
}

// A feed is found by its token until it is revoked, or its member is erased.
func feeds(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	_, mine := gateway.MintToken()
	_, all := gateway.MintToken()
	hers := gateway.Feed{ID: gateway.NewID(), GroupID: w.group.ID, MemberID: m.ID, Label: "telephone", Digest: mine, CreatedAt: w.clock.Now()}
	groups := gateway.Feed{ID: gateway.NewID(), GroupID: w.group.ID, Digest: all, CreatedAt: w.clock.Now()}
	w.ok(w.PutFeed(w.ctx, hers))
	w.ok(w.PutFeed(w.ctx, groups))
	_, other := gateway.MintToken()
	w.fails(w.PutFeed(w.ctx, gateway.Feed{ID: gateway.NewID(), GroupID: w.other.ID, MemberID: m.ID, Digest: other, CreatedAt: w.clock.Now()}), gateway.CodeNotFound)
	w.crash()
	for _, f := range []gateway.Feed{hers, groups} {
		got, err := w.FeedByDigest(w.ctx, f.Digest)
		w.ok(err)
		if !reflect.DeepEqual(got, f) {
			t.Fatalf("found %+v, stored %+v", got, f)
		}
	}
	equal(t, "feeds", len(must(w.Feeds(w.ctx, w.group.ID, gateway.ID{}, 10))), 2)
	equal(t, "feeds behind the first", len(must(w.Feeds(w.ctx, w.group.ID, hers.ID, 10))), 1)
	w.fails(w.RevokeFeed(w.ctx, w.other.ID, groups.ID), gateway.CodeNotFound)
	w.ok(w.Erase(w.ctx, w.group.ID, m.ID))
	_, err := w.FeedByDigest(w.ctx, mine)
	w.fails(err, gateway.CodeNotFound)
	_, err = w.FeedByDigest(w.ctx, all)
	w.ok(err)
	w.ok(w.RevokeFeed(w.ctx, w.group.ID, groups.ID))
	_, err = w.FeedByDigest(w.ctx, all)
	w.fails(err, gateway.CodeNotFound)
	_, left := gateway.MintToken() // so that there is something to move
	w.ok(w.PutFeed(w.ctx, gateway.Feed{ID: gateway.NewID(), GroupID: w.group.ID, Digest: left, CreatedAt: w.clock.Now()}))
}
