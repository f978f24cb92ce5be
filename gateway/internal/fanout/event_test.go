package fanout_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// meeting is an event at 18:00 in Berlin.
func (st *stage) meeting(allDay bool) gateway.Event {
	st.t.Helper()
	berlin, err := civil.Zone("Europe/Berlin")
	st.ok(err)
	start, err := civil.ParseWall("2026-11-05T18:00")
	st.ok(err)
	if allDay {
		start = start.Midnight()
	}
	return gateway.Event{ID: gateway.NewID(), GroupID: st.group.ID, Zone: "Europe/Berlin", AllDay: allDay, Start: civil.In(start, berlin), Summary: "The *big* plenum\nof all", Location: "Hall 3"}
}

// said plans a message about an event to the subscribers of reports, and gives what each member gets over her channel.
func (st *stage) said(m gateway.EventMessage) (all []string) {
	st.t.Helper()
	m.Audience.Topic, m.Expires = "reports", st.now().Add(time.Hour)
	m.Key = gateway.NewID().String()
	ready, err := st.f.ReadyEvent(st.t.Context(), m)
	st.ok(err)
	_, err = st.s.Submit(st.t.Context(), ready.Broadcast, ready.Fingerprint, nil)
	st.ok(err)
	st.f.Look()
	for _, one := range st.planned(ready.Broadcast.ID) {
		all = append(all, strings.ReplaceAll(st.text(one, "sms"), "\u202f", " "))
	}
	return all
}

// An event is told by the clocks of its place, and beside that by the reader's where hers differ; a place that nobody has
// named is told later; what a calendar says is never markup.
func TestAnEventIsToldByThePlacesClockAndHers(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "sms", zone: "Africa/Nairobi"}, who{locale: "de", points: "sms", zone: "America/New_York"},
		who{locale: "en", points: "sms", zone: "Africa/Lagos"}, who{locale: "en", points: "sms", zone: "America/New_York", neutral: true}, who{locale: "it", points: "sms", zone: "Asia/Kathmandu"})
	for _, w := range st.wires {
		w.limit = 2000
	}
	st.run(st.f)
	compare := func(what string, got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %d texts:\n%s", what, len(got), strings.Join(got, "\n"))
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: got %s, want %s", what, got[i], want[i])
			}
		}
	}
	e := st.meeting(false)
	got := st.said(gateway.EventMessage{Wording: gateway.EventReminder, Event: e, Calendar: "BEGIN:VCALENDAR"})
	for i, text := range got {
		if strings.Contains(text, "BEGIN:VCALENDAR") != (i != 4) { // not to her in neutral mode
			t.Errorf("the file: %s", text)
		}
	}
	compare("reminder", got, "The *big* plenum of all\\n\\n- When: Thursday, November 5, 2026, 6:00 PM\\n- Where: Hall 3\\n\\nIf you", "In your time: Nov 5, 2026, 8:00 PM.", "18:00\\n- Wo: Hall 3\\n\\nIn deiner Zeit: 05.11.2026, 12:00.",
		"Where: Hall 3\\n\\nIf you", "You have a message.", "In your time: Nov 5, 2026, 10:45 PM.")
	before := e
	e.Location, before.Location, before.Start.Wall = "", "Hall 2", before.Start.Wall-26*civil.Hour
	got = st.said(gateway.EventMessage{Wording: gateway.EventChangedNotice, Event: e, Before: &before})
	compare("changed", got, "Now: Thursday, November 5, 2026, 6:00 PM, place to be told later\\n- Before: Wednesday, November 4, 2026, 4:00 PM, Hall 2", "In your time", "18:00, Ort wird noch mitgeteilt\\n- Vorher: Mittwoch, 4. November 2026, 16:00, Hall 2", "", "You have a message.", "")
	got = st.said(gateway.EventMessage{Wording: gateway.EventCancelledNotice, Event: st.meeting(true)})
	compare("cancelled", got, "It was planned for: Thursday, November 5, 2026, Hall 3\\n\\nPlease tell", "November 5, 2026, Hall 3", "", "", "", "")
	for _, text := range got {
		if strings.Contains(text, "In your time") || strings.Contains(text, "In deiner") {
			t.Errorf("a whole day has no time: %s", text)
		}
	}

	before, e = st.meeting(true), st.meeting(false) // a day that has got an hour, and back
	got = st.said(gateway.EventMessage{Wording: gateway.EventChangedNotice, Event: e, Before: &before})
	compare("changed", got, "Now: Thursday, November 5, 2026, 6:00 PM, Hall 3\\n- Before: Thursday, November 5, 2026, 12:00 AM", "", "", "", "", "")
	got = st.said(gateway.EventMessage{Wording: gateway.EventChangedNotice, Event: before, Before: &e})
	compare("changed", got, "Now: Thursday, November 5, 2026, Hall 3\\n- Before: Thursday, November 5, 2026, Hall 3", "", "", "", "", "")

	// The group's own wording counts, as long as it can be used.
	st.ok(st.s.PutWording(t.Context(), st.group.ID, "reminder", map[string]string{"en": "Come to {event}, {when, time, short}, {place}. {all_day} {own_time}"}))
	got = st.said(gateway.EventMessage{Wording: gateway.EventReminder, Event: st.meeting(false)})
	if !strings.Contains(got[0], "If you cannot come") { // {own_time} stands on no line of its own
		t.Errorf("a wording that cannot be used: %s", got[0])
	}
	st.ok(st.s.PutWording(t.Context(), st.group.ID, "reminder", map[string]string{"en": "Come to {event}, {when, time, short}, {place}. {all_day}\n\n{own_time}"}))
	got = st.said(gateway.EventMessage{Wording: gateway.EventReminder, Event: st.meeting(false)})
	compare("her group's words", got, "Come to The *big* plenum of all, 6:00 PM, Hall 3. false\"", "Hall 3. false\\n\\nIn your time", "Wo: Hall 3", "false\"", "You have", "In your time")

	st.ok(st.s.PutWording(t.Context(), st.group.ID, "own-time", map[string]string{"en": "For you: {when, time, short} {who}."}))
	got = st.said(gateway.EventMessage{Wording: gateway.EventReminder, Event: st.meeting(false)})
	compare("a piece that cannot be used", got, "", "In your time", "", "", "", "In your time")
	st.ok(st.s.PutWording(t.Context(), st.group.ID, "own-time", map[string]string{"en": "For you: {when, time, short}."}))
	got = st.said(gateway.EventMessage{Wording: gateway.EventReminder, Event: st.meeting(false)})
	compare("a piece in her group's words", got, "", "For you: 8:00 PM.", "In deiner Zeit", "", "", "For you: 10:45 PM.")

	_, err := st.f.ReadyEvent(t.Context(), gateway.EventMessage{Key: "k", Wording: gateway.EventChangedNotice, Event: e, Before: &before, Expires: st.now().Add(time.Hour), Audience: gateway.Audience{Topic: "reports", Told: e.ID}})
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) {
		t.Errorf("of what nobody was told: %v", err)
	}
}
