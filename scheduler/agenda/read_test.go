package agenda_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

var (
	meeting = event("a", "20260401T180000", "SUMMARY:Plenum\nLOCATION:Harbour hall\nSEQUENCE:1")
	weekly  = event("b", "20260323T190000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=5")
	picnic  = "BEGIN:VEVENT\nUID:c\nDTSTART;VALUE=DATE:20260501\nSUMMARY:Picnic\nEND:VEVENT\n"
)

// What an organiser changes is seen once, and as what it is.
func TestAnOrganiserChangesEvents(t *testing.T) {
	w := newWorld(t)
	c := w.add(meeting, weekly, picnic)
	if c.Fresh.Events != 7 || c.Fresh.Good != w.now || !c.Fresh.Next.Equal(w.now.Add(time.Hour)) {
		t.Fatalf("%+v", c.Fresh)
	}
	_, changes := w.again()
	w.same("nothing has changed", changes)
	if w.ledger.writes != 0 {
		t.Errorf("%d events were written for nothing", w.ledger.writes)
	}
	moved := event("a", "20260402T180000", "SUMMARY:Plenum\nLOCATION:Harbour hall\nSEQUENCE:2")
	w.holds(moved, weekly, picnic)
	_, changes = w.again()
	w.same("moved to another day", changes, "moved 2026-04-02T18:00:00+02:00 Plenum")
	_, changes = w.again()
	w.same("seen again", changes)
	w.holds(meeting, weekly, picnic) // a cache that is behind
	_, changes = w.again()
	w.same("an older answer", changes)
	w.holds(strings.Replace(moved, "Harbour hall", "Town hall", 1), weekly, picnic)
	_, changes = w.again()
	w.same("another place", changes, "moved 2026-04-02T18:00:00+02:00 Plenum")
	w.holds(strings.Replace(moved, "Harbour hall", "Town hall", 1), weekly, strings.Replace(picnic, "Picnic", "Big picnic", 1))
	_, changes = w.again()
	w.same("another text", changes, "reworded 2026-05-01 Big picnic")
	w.holds(strings.Replace(moved, "Harbour hall", "Town hall\nSTATUS:CANCELLED", 1), strings.Replace(weekly, "COUNT=5", "COUNT=5\nEXDATE;TZID=Europe/Berlin:20260330T190000", 1), picnic)
	_, changes = w.again()
	w.same("cancelled, and one time of a series taken out", changes,
		"cancelled 2026-03-30T19:00:00+02:00 Kitchen", "cancelled 2026-04-02T18:00:00+02:00 Plenum", "reworded 2026-05-01 Picnic")
	w.holds(moved, weekly, picnic)
	_, changes = w.again()
	w.same("after all", changes, "restored 2026-03-30T19:00:00+02:00 Kitchen", "restored 2026-04-02T18:00:00+02:00 Plenum")
}

// A series that is moved as a whole stays the events that it was.
func TestASeriesIsMoved(t *testing.T) {
	w := newWorld(t)
	w.add(weekly, meeting)
	before := map[gateway.ID]bool{}
	for id := range w.ledger.events {
		before[id] = true
	}
	w.holds(event("b", "20260324T200000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=6\nSEQUENCE:1"), meeting)
	_, changes := w.again()
	w.same("a day and an hour later, and once more", changes,
		"moved 2026-03-24T20:00:00+01:00 Kitchen", "moved 2026-03-31T20:00:00+02:00 Kitchen", "moved 2026-04-07T20:00:00+02:00 Kitchen",
		"moved 2026-04-14T20:00:00+02:00 Kitchen", "moved 2026-04-21T20:00:00+02:00 Kitchen", "new 2026-04-28T20:00:00+02:00 Kitchen")
	w.holds(event("b", "20260324T200000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=4\nSEQUENCE:2"), meeting)
	c, changes := w.again()
	w.same("two less", changes, "cancelled 2026-04-21T20:00:00+02:00 Kitchen", "cancelled 2026-04-28T20:00:00+02:00 Kitchen")
	if c.Fresh.Missing != 0 {
		t.Errorf("%+v", c.Fresh)
	}
	kept := 0
	for id := range w.ledger.events {
		if before[id] {
			kept++
		}
	}
	if kept != 6 {
		t.Errorf("%d of 6 events are the ones that they were", kept)
	}
}

// What has taken place is not moved to what is to come, nor the other way round.
func TestASeriesIsMovedInTheMiddleOfAWeek(t *testing.T) {
	w := newWorld(t)                                                                            // on a Friday
	w.add(event("b", "20260312T190000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=4"), meeting) // Thursdays
	if len(w.ledger.events) != 3 {
		t.Fatalf("%d events are kept", len(w.ledger.events))
	}
	w.now = w.now.Add(6*24*time.Hour + 12*time.Hour) // Thursday's has ended
	w.holds(event("b", "20260329T190000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=2\nSEQUENCE:1"), meeting)
	_, changes := w.again()
	w.same("to Sundays", changes, "moved 2026-04-05T19:00:00+02:00 Kitchen", "new 2026-03-29T19:00:00+02:00 Kitchen")
}

// Events without a UID are known by what they are, and one that is there twice is one.
func TestEventsWithoutUID(t *testing.T) {
	w := newWorld(t)
	bare := func(s string) string { return strings.Replace(s, "UID:a\n", "", 1) }
	other := strings.Replace(bare(meeting), "Plenum", "Choir", 1)
	c := w.add(bare(meeting), other, other)
	for range 2 {
		if c.Fresh.Events != 2 {
			t.Fatalf("%+v", c.Fresh)
		}
		var changes []string
		c, changes = w.again()
		w.same("read again", changes)
	}
}

// Another name of the same clocks moves nothing.
func TestAZoneIsCalledOtherwise(t *testing.T) {
	w := newWorld(t)
	c := w.add(picnic, "BEGIN:VEVENT\nUID:1\nDTSTART:20260401T180000\nSUMMARY:floats\nEND:VEVENT\n")
	w.ledger.settle()
	c.Zone = "Europe/Paris"
	_, err := w.Put(w.ctx, w.group, c, nil)
	w.ok(err)
	w.same("in Paris", w.ledger.changes())
	c.Zone = "Asia/Tokyo"
	_, err = w.Put(w.ctx, w.group, c, nil)
	w.ok(err)
	w.same("in Tokyo", w.ledger.changes(), "moved 2026-04-01T18:00:00+09:00 floats")
}

// Whatever a server answers instead of a calendar, what is kept stays, and the age of it is shown (R29).
func TestAFailingCalendarCancelsNothing(t *testing.T) {
	whole := "BEGIN:VCALENDAR\r\n" + strings.ReplaceAll(meeting+weekly, "\n", "\r\n") + "END:VCALENDAR\r\n"
	for _, c := range []struct {
		name, body string
		err        error
		fault      string
	}{
		{name: "500", err: &fetch.StatusError{Code: 500}, fault: "500"},
		{name: "busy", err: &fetch.StatusError{Code: 503, RetryAfter: 3 * time.Hour}, fault: "503"},
		{name: "no server", err: &net.DNSError{Name: "calendar.example", Err: "no such host"}, fault: "not known"},
		{name: "no answer", err: context.DeadlineExceeded, fault: "30 seconds"},
		{name: "private", err: fmt.Errorf("fetching: %w", fetch.ErrPrivate), fault: "private network"},
		{name: "refused", err: errors.New("dial tcp 192.0.2.7:443: connection refused"), fault: "cannot be reached"},
		{name: "nothing", body: "", fault: "no calendar"},
		{name: "a page", body: "<!DOCTYPE html><html><body>Please log in</body></html>", fault: "log in"},
		{name: "cut off", body: whole[:len(whole)-60], fault: "cut off"},
		{name: "empty", body: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", fault: "without events"},
		{name: "endless", body: strings.Replace(whole, "COUNT=5", "COUNT=5\r\nRRULE:FREQ=MINUTELY", 1) + strings.Repeat("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", 30_000), fault: "too big"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			good := w.add(meeting, weekly)
			w.answer = func(fetch.Version) (fetch.Answer, error) { return fetch.Answer{Body: []byte(c.body)}, c.err }
			var last gateway.Calendar
			for range 3 {
				var changes []string
				last, changes = w.again()
				w.same("changes", changes)
			}
			f := last.Fresh
			if !strings.Contains(f.Fault, c.fault) || strings.Contains(f.Fault, "192.0.2") || strings.Contains(f.Fault, "basic.ics") {
				t.Errorf("it says %q", f.Fault)
			}
			if f.Events != good.Fresh.Events || !f.Good.Equal(good.Fresh.Good) || !f.Since.Equal(good.Fresh.Good.Add(time.Hour)) || !f.Tried.Equal(w.now) {
				t.Errorf("%+v after %+v", f, good.Fresh)
			}
			want := 30 * time.Minute
			if c.name == "busy" {
				want = 3 * time.Hour
			}
			if f.Next.Sub(w.now) != want {
				t.Errorf("it is asked for again after %s", f.Next.Sub(w.now))
			}
			w.holds(meeting, weekly)
			last, changes := w.again()
			w.same("when it is back", changes)
			if last.Fresh.Fault != "" || !last.Fresh.Since.IsZero() || last.Fresh.Missing != 0 {
				t.Errorf("%+v", last.Fresh)
			}
		})
	}
}

// What a good answer lacks is kept; it is cancelled when two lacked it and a person says so (R29).
func TestWhatIsMissingIsConfirmed(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly, picnic)
	w.holds(weekly, picnic)
	c, changes := w.again()
	w.same("after one answer", changes)
	if c.Fresh.Missing != 1 || c.Fresh.Agreed != 0 || c.Fresh.Events != 7 {
		t.Fatalf("%+v", c.Fresh)
	}
	if _, err := w.Confirm(w.ctx, w.group.ID, "meetings"); !errors.Is(err, gateway.ErrConflict) {
		t.Fatalf("confirmed after one answer: %v", err)
	}
	w.answer = func(fetch.Version) (fetch.Answer, error) { return fetch.Answer{}, &fetch.StatusError{Code: 500} }
	if c, _ = w.again(); c.Fresh.Agreed != 0 {
		t.Fatal("a failure agrees with an answer")
	}
	w.holds(weekly, picnic)
	if c, changes = w.again(); c.Fresh.Agreed != 1 {
		t.Fatalf("%+v", c.Fresh)
	}
	w.same("after two answers", changes)
	w.ledger.stale = 1 // somebody else writes at the same time
	n, err := w.Confirm(w.ctx, w.group.ID, "meetings")
	w.ok(err)
	w.same("confirmed", w.ledger.changes(), "cancelled 2026-04-01T18:00:00+02:00 Plenum")
	if c, changes = w.again(); n != 1 || c.Fresh.Events != 6 || c.Fresh.Missing != 0 {
		t.Fatalf("%d confirmed, %+v", n, c.Fresh)
	}
	w.same("afterwards", changes)
	w.holds(meeting, weekly, picnic)
	_, changes = w.again()
	w.same("it comes back", changes, "restored 2026-04-01T18:00:00+02:00 Plenum")
}

// An answer without what is missing that says that nothing has changed agrees with the one before it.
func TestAnUnchangedAnswerAgrees(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly)
	w.answer = func(known fetch.Version) (fetch.Answer, error) {
		if known.ETag == "2" {
			return fetch.Answer{Unchanged: true, Version: known}, nil
		}
		body := "BEGIN:VCALENDAR\r\n" + strings.ReplaceAll(weekly, "\n", "\r\n") + "END:VCALENDAR\r\n"
		return fetch.Answer{Body: []byte(body), Version: fetch.Version{ETag: "2"}}, nil
	}
	for i, want := range []gateway.Freshness{{Missing: 1}, {Missing: 1, Agreed: 1}, {Missing: 1, Agreed: 1}} {
		w.ledger.settle()
		w.now = w.now.Add(time.Hour)
		w.Due(w.ctx)
		w.Due(w.ctx) // nothing is due
		w.same("unchanged", w.ledger.changes())
		all, _ := w.ledger.Calendars(w.ctx, w.group.ID)
		if got := all[0].Fresh; got.ETag != "2" || got.Missing != want.Missing || got.Agreed != want.Agreed || !got.Good.Equal(w.now) || w.asked != i+2 {
			t.Fatalf("%d: %+v, asked %d times", i, got, w.asked)
		}
	}
	w.now = w.now.Add(8 * 24 * time.Hour) // read whole, for time has gone on
	w.answer = func(known fetch.Version) (fetch.Answer, error) {
		if known != (fetch.Version{}) {
			t.Error("it is never read whole again")
		}
		return fetch.Answer{}, &fetch.StatusError{Code: 500}
	}
	w.Due(w.ctx)
}

// A program that makes all UIDs anew with every export, or a calendar that moved to another program, changes nothing.
func TestUIDsChange(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly, picnic)
	for i := range 3 {
		suffix := fmt.Sprint("-", i)
		var all []string
		for _, e := range []string{meeting, weekly, picnic} {
			head, rest, _ := strings.Cut(e, "UID:")
			all = append(all, head+"UID:"+rest[:1]+suffix+rest[1:])
		}
		w.holds(all...)
		c, changes := w.again()
		w.same("under other UIDs", changes)
		if c.Fresh.Missing != 0 || c.Fresh.Events != 7 {
			t.Fatalf("%+v", c.Fresh)
		}
	}
}

// An answer that would end most of what is to come is not believed without a person.
func TestASeriesThatShrinksIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	w.add(event("b", "20260323T190000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=20"), meeting)
	w.holds(event("b", "20260323T190000", "SUMMARY:Kitchen"), meeting)
	c, changes := w.again()
	w.same("the rule is gone", changes)
	if c.Fresh.Missing != 19 {
		t.Fatalf("%+v", c.Fresh)
	}
	c, _ = w.again()
	if n, err := w.Confirm(w.ctx, w.group.ID, "meetings"); err != nil || n != 19 {
		t.Fatal(n, err)
	}
}

// What cannot be read of an event says nothing about it.
func TestABrokenEventIsKept(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly)
	w.holds(strings.Replace(meeting, "20260401T180000", "nonsense", 1), weekly)
	for range 2 {
		c, changes := w.again()
		w.same("a broken start", changes)
		if c.Fresh.Missing != 0 || c.Fresh.Skipped != 1 || c.Fresh.Events != 6 {
			t.Fatalf("%+v", c.Fresh)
		}
	}
}

// A file is taken as it is uploaded: what it lacks needs a person, but no second file.
func TestAFileIsUploaded(t *testing.T) {
	w := newWorld(t)
	file := func(events ...string) []byte {
		return []byte("BEGIN:VCALENDAR\r\n" + strings.ReplaceAll(strings.Join(events, ""), "\n", "\r\n") + "END:VCALENDAR\r\n")
	}
	c := gateway.Calendar{Name: "meetings", Topic: "plenum"}
	kept, err := w.Put(w.ctx, w.group, c, file(meeting, weekly))
	w.ok(err)
	if kept.Every != 0 || kept.Fresh.Events != 6 || kept.Zone != "Europe/Berlin" {
		t.Fatalf("%+v", kept)
	}
	kept, err = w.Put(w.ctx, w.group, c, file(meeting))
	w.ok(err)
	if kept.Fresh.Agreed != 5 {
		t.Fatalf("%+v", kept.Fresh)
	}
	n, err := w.Confirm(w.ctx, w.group.ID, "meetings")
	w.ok(err)
	if n != 5 || w.asked != 0 {
		t.Fatal(n, w.asked)
	}
	for name, bad := range map[string][]byte{"a page": []byte("<html>"), "cut off": file(meeting)[:40]} {
		if _, err := w.Put(w.ctx, w.group, c, bad); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]gateway.Calendar{
		"topic": {Name: "x1", Topic: "elsewhere", URL: "https://a.example/"}, "name": {Name: "X", Topic: "plenum", URL: "https://a.example/"}, "zone": {Name: "x1", Topic: "plenum", Zone: "Mars", URL: "https://a.example/"},
		"url": {Name: "x1", Topic: "plenum", URL: "ftp://a.example/"}, "every": {Name: "x1", Topic: "plenum", Every: 1, URL: "https://a.example/"}, "address": {Name: "x1", Topic: "plenum"},
	} {
		if _, err := w.Put(w.ctx, w.group, c, nil); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Times are kept on the clocks that they were meant on.
func TestWhoseClocks(t *testing.T) {
	w := newWorld(t)
	w.add("BEGIN:VEVENT\nUID:1\nDTSTART:20260401T180000\nSUMMARY:floats\nEND:VEVENT\n", "BEGIN:VEVENT\nUID:2\nDTSTART:20260402T160000Z\nSUMMARY:UTC\nEND:VEVENT\n",
		"BEGIN:VEVENT\nUID:3\nDTSTART;TZID=America/New_York:20260403T180000\nSUMMARY:far\nEND:VEVENT\n", picnic)
	want := map[string]string{"floats": "2026-04-01T18:00:00+02:00 Europe/Berlin", "UTC": "2026-04-02T18:00:00+02:00 Europe/Berlin", "far": "2026-04-03T18:00:00-04:00 America/New_York", "Picnic": "2026-05-01 Europe/Berlin"}
	for _, e := range w.ledger.events {
		if got := e.View().Start + " " + e.Zone; got != want[e.Summary] {
			t.Errorf("%s: %s", e.Summary, got)
		}
	}
}

// Who uploads a newer file, or gives a newer address, and says no zone and no pace means those that the calendar has: otherwise every
// time without a zone would be another one, and everybody be told so.
func TestACalendarKeepsItsClocks(t *testing.T) {
	w := newWorld(t)
	file := []byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260401T180000\r\nSUMMARY:floats\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	c := gateway.Calendar{Name: "meetings", Topic: "plenum", Zone: "Europe/Lisbon"}
	_, err := w.Put(w.ctx, w.group, c, file)
	w.ok(err)
	c.Zone = ""
	kept, err := w.Put(w.ctx, w.group, c, file)
	w.ok(err)
	for _, e := range w.ledger.events {
		if kept.Zone != "Europe/Lisbon" || e.View().Start != "2026-04-01T18:00:00+01:00" {
			t.Errorf("a newer file is on the clocks of %s: %+v", kept.Zone, e)
		}
	}
	w.answer = func(fetch.Version) (fetch.Answer, error) { return fetch.Answer{Body: file}, nil }
	c.URL, c.Every = "https://calendar.example/1", 30
	_, err = w.Put(w.ctx, w.group, c, nil)
	w.ok(err)
	c.URL, c.Every = "https://calendar.example/2", 0
	kept, err = w.Put(w.ctx, w.group, c, nil)
	w.ok(err)
	if kept.Zone != "Europe/Lisbon" || kept.Every != 30 {
		t.Errorf("a newer address is read every %d minutes, on the clocks of %s", kept.Every, kept.Zone)
	}
	c.Zone, c.Every = "Europe/Berlin", 45
	kept, err = w.Put(w.ctx, w.group, c, nil)
	w.ok(err)
	if kept.Zone != "Europe/Berlin" || kept.Every != 45 {
		t.Errorf("said otherwise: %+v", kept)
	}
}

// Whatever two states of a calendar are: reading the second twice is reading it once, and nothing is kept twice.
func TestReadingAgainChangesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		draw := func(label string) []string {
			var all []string
			for _, uid := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 4, rapid.ID[string]).Draw(r, label) {
				day := rapid.IntRange(21, 30).Draw(r, "day")
				rule := rapid.SampledFrom([]string{"", "\nRRULE:FREQ=WEEKLY;COUNT=4", "\nRRULE:FREQ=DAILY;COUNT=3"}).Draw(r, "rule")
				all = append(all, event(uid, fmt.Sprintf("202603%dT180000", day), "SUMMARY:"+uid+rule))
			}
			return all
		}
		w.add(draw("before")...)
		upcoming := len(w.ledger.events)
		w.holds(draw("after")...)
		c, changes := w.again()
		if first := strings.Join(changes, "\n"); !strings.Contains(first, "new") && len(w.ledger.events) != upcoming {
			r.Fatalf("%d events of %d", len(w.ledger.events), upcoming)
		}
		before := c.Fresh
		c, changes = w.again()
		if len(changes) != 0 || c.Fresh.Events != before.Events || c.Fresh.Missing != before.Missing {
			r.Fatalf("read again: %v, %+v after %+v", changes, c.Fresh, before)
		}
		seen := map[string]bool{}
		for _, e := range w.ledger.events {
			if k := e.UID + e.Instance; seen[k] {
				r.Fatalf("%s is there twice", k)
			}
			seen[e.UID+e.Instance] = true
		}
	})
}
