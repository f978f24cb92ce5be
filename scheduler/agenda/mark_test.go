package agenda_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A mark stays, whatever is read of the calendar: a series that goes on or is moved, UIDs that are made anew.
func TestAMarkOutlivesReadings(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly, picnic)
	from := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	mark := func(m gateway.EventMark, want int) {
		t.Helper()
		n, err := w.Mark(w.ctx, w.group.ID, "meetings", m)
		if w.ok(err); n != want {
			t.Errorf("%d events are meant, want %d", n, want)
		}
	}
	_, err := w.Mark(w.ctx, w.group.ID, "meetings", gateway.EventMark{UID: "z", Sensitive: true})
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeNotFound}) {
		t.Errorf("what is not there: %v", err)
	}
	_, err = w.Mark(w.ctx, w.group.ID, "meetings", gateway.EventMark{})
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		t.Errorf("no UID: %v", err)
	}
	marked := func(what string, sensitive, withheld int) {
		t.Helper()
		_, events, err := w.Show(w.ctx, w.group.ID, "meetings")
		w.ok(err)
		for _, e := range events {
			if e.Sensitive {
				sensitive--
			}
			if e.Withheld(w.now) {
				withheld--
			}
		}
		if sensitive != 0 || withheld != 0 {
			t.Errorf("%s: %d sensitive and %d withheld too few", what, sensitive, withheld)
		}
	}
	w.ledger.stale = 1
	mark(gateway.EventMark{UID: "b", Sensitive: true}, 5)
	mark(gateway.EventMark{UID: "a", PlaceFrom: from}, 1)
	marked("at first", 5, 1)
	w.again()
	marked("read again", 5, 1)
	w.holds(meeting, strings.Replace(weekly, "COUNT=5", "COUNT=7", 1), picnic)
	w.again()
	marked("a series that goes on", 7, 1)
	w.holds(meeting, event("b", "20260324T200000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=7"), picnic)
	w.again()
	marked("a series that is moved", 7, 1)
	w.holds(strings.Replace(meeting, "UID:a", "UID:a2", 1), event("b2", "20260324T200000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=7"), picnic)
	w.again()
	marked("under other UIDs", 7, 1)
	w.holds(strings.Replace(meeting, "UID:a", "UID:a2", 1), event("b2", "20260324T200000", "SUMMARY:Kitchen\nRRULE:FREQ=WEEKLY;COUNT=8"), picnic)
	w.again()
	marked("and the new series goes on", 8, 1)

	_, events, err := w.Show(w.ctx, w.group.ID, "meetings")
	w.ok(err)
	first := events[0]
	mark(gateway.EventMark{UID: "b2", Instance: first.Instance}, 1) // but this one
	marked("one of a series is no secret", 7, 1)
	mark(gateway.EventMark{UID: "b2"}, 8)
	mark(gateway.EventMark{UID: "a2"}, 1)
	marked("taken back", 0, 0)
	w.again()
	marked("and that stays", 0, 0)
}

// A group's feed never has a place that was withheld, a member's has it from its time on; a sensitive event is an appointment.
func TestFeedsKeepBackWhatIsMarked(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, strings.Replace(picnic, "SUMMARY", "LOCATION:Lake\nSUMMARY", 1))
	w.member = gateway.Member{ID: gateway.NewID(), GroupID: w.group.ID, Points: []gateway.ContactPoint{{State: gateway.PointActive, Topics: []string{"plenum"}}}}
	for _, m := range []gateway.EventMark{{UID: "a", PlaceFrom: w.now.Add(time.Hour)}, {UID: "c", Sensitive: true}} {
		_, err := w.Mark(w.ctx, w.group.ID, "meetings", m)
		w.ok(err)
	}
	group, hers := w.issue(gateway.ID{}), w.issue(w.member.ID)
	look := func(token string, place bool, sequence int) {
		t.Helper()
		text, all := w.subscribe(token)
		if strings.Contains(text, "Picnic") || strings.Contains(text, "Lake") || all[1].Summary != "Event" {
			t.Errorf("a sensitive event is in the feed:\n%s", text)
		}
		if strings.Contains(text, "Harbour hall") != place || all[0].Summary != "Plenum" || all[0].Sequence != sequence {
			t.Errorf("the place is there: %v\n%s", !place, text)
		}
	}
	look(group, false, 1)
	look(hers, false, 1)
	w.now = w.now.Add(time.Hour)
	look(group, false, 2)
	look(hers, true, 2)
}
