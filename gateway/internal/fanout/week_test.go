package fanout_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// takesPlace is an event of a week.
func (st *stage) takesPlace(title, start, zone, place string) gateway.WeekEvent {
	st.t.Helper()
	loc, err := civil.Zone(zone)
	st.ok(err)
	w, err := civil.ParseWall(start)
	st.ok(err)
	return gateway.WeekEvent{Summary: title, Location: place, Zone: zone, AllDay: len(start) == 10, Start: civil.In(w, loc)}
}

// sunday is the day of the runs here.
var sunday = civil.At(2026, 12, 6, 0, 0, 0)

// weekAhead makes a run on Sunday, 6 December 2026, ready.
func (st *stage) weekAhead(empty bool, events ...gateway.WeekEvent) (*gateway.ReadyBroadcast, error) {
	st.t.Helper()
	return st.f.ReadyWeek(st.t.Context(), st.weekRun(empty), gateway.WeekWords{Date: sunday, Events: events})
}

func (st *stage) weekRun(empty bool) fanout.Run {
	s := gateway.Schedule{ID: gateway.NewID(), GroupID: st.group.ID, Action: gateway.Action{Kind: gateway.ActWeek, Week: &gateway.ActionWeek{Topic: "reports", Empty: empty}}}
	return fanout.Run{Schedule: s, Occurrence: gateway.Occurrence{GroupID: st.group.ID, ScheduleID: s.ID, Run: gateway.NewID().String()}}
}

// TestAWeekAheadIsShown: what would be told now is shown in any language, with nobody there to tell; nothing is kept.
func TestAWeekAheadIsShown(t *testing.T) {
	st := newStage(t)
	words := gateway.WeekWords{Date: sunday, Events: []gateway.WeekEvent{
		st.takesPlace("Bake sale", "2026-12-06", "Europe/Berlin", ""), st.takesPlace("Plenum", "2026-12-08T18:00", "Europe/Berlin", "Hall"), st.takesPlace("March", "2026-12-13T11:00", "Europe/Berlin", "Harbour")}}
	for locale, c := range map[string]struct {
		has, reads string
		events     int
	}{"de": {"Dienstag, 8. Dezember 2026, 18:00: Plenum, Hall", "de", 2}, "en-US": {"Bake sale", "en", 2}, "tlh": {"Plenum", "en", 2}} {
		w, err := st.f.WeekText(t.Context(), st.weekRun(false), words, locale)
		if st.ok(err); !strings.Contains(w.Text, c.has) || w.Locale != c.reads || w.Events != c.events || !strings.Contains(w.Short, "Plenum") {
			t.Errorf("%s: %+v", locale, w)
		}
	}
	run := st.weekRun(false)
	run.Schedule.Action.Week = &gateway.ActionWeek{Topic: "nothing"}
	if _, err := st.f.WeekText(t.Context(), run, words, ""); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		t.Errorf("of a topic that is none: %v", err)
	}
}

// TestAWeekAhead: each reads of the week that begins on her first day of the week, by her customs, with the time of each place and hers
// beside it. In whose week nothing takes place, she is not told.
func TestAWeekAhead(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 3000
	}
	st.run(st.f)
	st.enrol(who{locale: "de", points: "sms"}, who{locale: "en-US", points: "sms", zone: "America/New_York"}, who{locale: "fa", points: "sms", zone: "Asia/Tehran"}, who{locale: "en-GB", points: "sms", neutral: true})
	events := []gateway.WeekEvent{
		st.takesPlace("Bake sale", "2026-12-06", "Europe/Berlin", ""), // Sunday
		st.takesPlace("Plenum", "2026-12-08T18:00", "Europe/Berlin", "Hall *3*"),
		st.takesPlace("March", "2026-12-13T11:00", "Europe/Berlin", "Harbour"), // the next Sunday
		st.takesPlace("Vigil", "2026-12-18T17:30", "Asia/Tehran", "Square"),    // the Friday after
	}
	ready, err := st.weekAhead(false, events...)
	st.ok(err)
	_, err = st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
	st.ok(err)
	st.f.Look()
	var got []string
	for _, one := range st.planned(ready.Broadcast.ID) {
		got = append(got, strings.ReplaceAll(st.text(one, "sms"), "\u202f", " "))
	}
	for i, c := range []struct{ has, lacks []string }{
		{[]string{"7. Dezember 2026 bis 13. Dezember 2026", "2 Termine", "Dienstag, 8. Dezember 2026, 18:00: Plenum, Hall *3*", "March"}, []string{"Bake sale", "Vigil", "In deiner Zeit"}},
		{[]string{"December 6, 2026 to December 12, 2026", "2 events", "Sunday, December 6, 2026: Bake sale, place to be told later", "6:00 PM: Plenum", "In your time: Dec 8, 2026, 12:00 PM"}, []string{"March", "Vigil"}},
		{[]string{"۲۱ آذر", "۲۷ آذر", "۱۱:۰۰", "۱۳:۳۰", "۱۷:۳۰", "Vigil", "March"}, []string{"Plenum", "Bake sale"}},
		{[]string{"You have a message."}, []string{"Plenum"}},
	} {
		if len(got) <= i {
			t.Fatalf("%d texts", len(got))
		}
		for _, part := range c.has {
			if !strings.Contains(got[i], part) {
				t.Errorf("%d lacks %q: %s", i, part, got[i])
			}
		}
		for _, part := range c.lacks {
			if strings.Contains(got[i], part) {
				t.Errorf("%d has %q: %s", i, part, got[i])
			}
		}
	}

	secret := events[1] // it goes out over all channels, so that it does not say what it is
	secret.Sensitive = true
	ready, err = st.weekAhead(false, secret)
	st.ok(err)
	_, err = st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
	st.ok(err)
	st.f.Look()
	for _, one := range st.planned(ready.Broadcast.ID) {
		if text := st.text(one, "sms"); strings.Contains(text, "Plenum") || strings.Contains(text, "Hall") || one.Locale[:2] == "en" && !strings.Contains(text, "Appointment, place to be told later") && !one.Neutral {
			t.Errorf("a sensitive event: %s", text)
		}
	}

	// Only on Sunday: those whose week begins later have nothing to be told.
	ready, err = st.weekAhead(false, events[0])
	st.ok(err)
	_, err = st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
	st.ok(err)
	st.f.Look()
	if all := st.planned(ready.Broadcast.ID); len(all) != 1 || all[0].Locale[:2] != "en" {
		t.Errorf("%d are told of one Sunday: %+v", len(all), all)
	}
	if _, err = st.weekAhead(false); !errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) {
		t.Errorf("of an empty week: %v", err)
	}
	ready, err = st.weekAhead(true)
	st.ok(err)
	_, err = st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
	st.ok(err)
	st.f.Look()
	if all := st.planned(ready.Broadcast.ID); len(all) != 4 || !strings.Contains(st.text(all[0], "sms"), "0 Termine") {
		t.Errorf("%d are told of an empty week", len(all))
	}
	many := []gateway.WeekEvent{}
	for range 60 {
		many = append(many, st.takesPlace(strings.Repeat("long ", 30), "2026-12-08T18:00", "Europe/Berlin", strings.Repeat("place ", 30)))
	}
	for _, w := range st.wires {
		w.limit = 100_000
	}
	if _, err = st.weekAhead(false, many...); err != nil {
		t.Errorf("of many events: %v", err)
	}
}
