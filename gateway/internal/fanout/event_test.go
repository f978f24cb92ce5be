package fanout_test

import (
	"errors"
	"slices"
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

// A reminder that falls in somebody's quiet hours is planned before them for her, and for nobody else. It is for whom the leads
// are that it names, and one message speaks for two leads in one night.
func TestARemindersReaders(t *testing.T) {
	st := newStage(t)
	st.run(st.f)
	for _, w := range st.wires {
		w.limit = 2000
	}
	now := st.now().UTC().Truncate(time.Minute)
	night := st.span(9*time.Hour, 12*time.Hour)
	asleep := st.enrol(who{locale: "en", points: "sms", zone: "UTC", quiet: night})[0]
	awake := st.enrol(who{locale: "en", points: "sms", zone: "UTC"})[0]
	own := st.enrol(who{locale: "en", points: "sms", zone: "UTC", quiet: night, leads: "reports 3h"})[0]
	names := map[gateway.ID]string{asleep: "asleep", awake: "awake", own: "own"}
	e := st.meeting(false)
	for _, c := range []struct {
		name string
		told gateway.EventWords
		want string
	}{
		{"early", gateway.EventWords{Early: true, At: now.Add(10 * time.Hour)}, "asleep 8h59m0s, own 8h59m0s"},
		{"early, but not in the night", gateway.EventWords{Early: true, At: now.Add(8 * time.Hour)}, "nobody"},
		{"in its time", gateway.EventWords{At: now}, "asleep 0s, awake 0s, own 0s"},
		{"the group's leads", gateway.EventWords{At: now, Leads: []string{""}}, "asleep 0s, awake 0s"},
		{"her own leads", gateway.EventWords{At: now, Leads: []string{"1w", "3h"}}, "own 0s"},
		{"nobody's leads", gateway.EventWords{At: now, Leads: []string{"1w"}}, "nobody"},
		{"a longer lead in the same night", gateway.EventWords{Early: true, At: now.Add(11 * time.Hour), Longer: []time.Time{now.Add(10 * time.Hour)}}, "nobody"},
		{"a longer lead before it", gateway.EventWords{Early: true, At: now.Add(11 * time.Hour), Longer: []time.Time{now.Add(8 * time.Hour)}}, "asleep 8h59m0s, own 8h59m0s"},
		{"a longer lead by day", gateway.EventWords{At: now, Longer: []time.Time{now.Add(-time.Hour)}}, "asleep 0s, awake 0s, own 0s"},
	} {
		ready, err := st.f.ReadyEvent(t.Context(), gateway.EventMessage{Key: gateway.NewID().String(), Wording: gateway.EventReminder, Event: e, Audience: gateway.Audience{Topic: "reports"}, Expires: now.Add(48 * time.Hour), Told: c.told})
		if errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) {
			if c.want != "nobody" {
				t.Errorf("%s: nobody", c.name)
			}
			continue
		}
		st.ok(err)
		_, err = st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
		st.ok(err)
		st.f.Look()
		var got []string
		for _, one := range st.planned(ready.Broadcast.ID) {
			got = append(got, names[one.MemberID]+" "+one.Due.UTC().Truncate(time.Minute).Sub(now).String())
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

// A sensitive event leaves as a pointer over a channel that is not fit for it, without a file.
func TestASensitiveEventIsAPointer(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"})
	st.run(st.f)
	for _, w := range st.wires {
		w.limit = 2000
	}
	e := st.meeting(false)
	e.Sensitive = true
	m := gateway.EventMessage{Wording: gateway.EventReminder, Event: e, Calendar: "BEGIN:VCALENDAR", Key: "k", Expires: st.now().Add(time.Hour), Audience: gateway.Audience{Topic: "reports"}}
	ready, err := st.f.ReadyEvent(t.Context(), m)
	st.ok(err)
	if !ready.Broadcast.Sensitive {
		t.Error("the broadcast is not sensitive")
	}
	before := e
	e.Sensitive = false
	m.Wording, m.Event, m.Before = gateway.EventChangedNotice, e, &before
	ready, err = st.f.ReadyEvent(t.Context(), m)
	st.ok(err)
	if !ready.Broadcast.Sensitive {
		t.Error("what it was before is told")
	}
}
