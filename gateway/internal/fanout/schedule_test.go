package fanout_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// TestEachAtHerOwnHour: a run at each member's own time is planned before anybody's hour. Each is due at hers and expires so
// long after it as the class says; who is late for too long, or has no such date, is not told.
func TestEachAtHerOwnHour(t *testing.T) {
	st := newStage(t)
	st.run(st.f)
	zones := []string{"Pacific/Kiritimati", "Asia/Kathmandu", "Europe/Berlin", "Australia/Lord_Howe", "America/Los_Angeles", "Etc/GMT+12"}
	at := map[gateway.ID]string{}
	for _, zone := range zones {
		at[st.enrol(who{locale: "en", points: "sms", zone: zone})[0]] = zone
	}
	nominal := civil.Wall(st.now().Unix()).Midnight() + 3*civil.Day + 9*civil.Hour
	place := func(zone string) time.Time {
		loc, err := civil.Zone(zone)
		st.ok(err)
		return civil.In(nominal, loc).Instant()
	}
	d := report("own")
	d.LocalAt, d.LateFor = nominal, time.Hour
	id := st.submit(d)
	all := st.planned(id)
	if len(all) != len(zones) {
		t.Fatalf("planned are %d", len(all))
	}
	for _, one := range all {
		zone := at[one.MemberID]
		if one.State != gateway.Waiting || !one.Due.Equal(place(zone)) {
			t.Errorf("%s: %s, due %s, want %s", zone, one.State, one.Due, place(zone))
		}
	}
	b, err := st.s.Broadcast(context.Background(), st.group.ID, id)
	st.ok(err)
	if want := place("Etc/GMT+12").Add(24 * time.Hour); !b.ExpiresAt.Equal(want) {
		t.Errorf("it expires at %s, want %s", b.ExpiresAt, want)
	}

	// Planned when it is 12:00 in Berlin: Kathmandu is late for longer than an hour, Berlin too, Los Angeles is not.
	st.wind(place("Europe/Berlin").Add(3 * time.Hour).Sub(st.now()))
	d = report("late")
	d.LocalAt, d.LateFor = nominal, 4*time.Hour
	for _, one := range st.planned(st.submit(d)) {
		zone := at[one.MemberID]
		switch zone {
		case "Europe/Berlin":
			if one.State != gateway.Waiting || one.Due.Before(place(zone)) || one.Due.After(st.now()) {
				t.Errorf("%s: %s, due %s", zone, one.State, one.Due)
			}
		case "America/Los_Angeles", "Etc/GMT+12":
			if one.State != gateway.Waiting || !one.Due.Equal(place(zone)) {
				t.Errorf("%s: %s, due %s", zone, one.State, one.Due)
			}
		default:
			if one.State != gateway.Ended || one.Reason != gateway.ReasonExpired || !strings.Contains(one.Detail, "09:00") {
				t.Errorf("%s: %s %s %q", zone, one.State, one.Reason, one.Detail)
			}
		}
	}
}

// TestADateThatHerCalendarLacks: Samoa had no 30 December 2011; a member there is not told of a run on it, and it is noted why.
func TestADateThatHerCalendarLacks(t *testing.T) {
	st := newStage(t)
	st.run(st.f)
	st.enrol(who{locale: "en", points: "sms", zone: "Pacific/Apia"})
	st.enrol(who{locale: "en", points: "sms", zone: "Pacific/Auckland"})
	d := report("samoa")
	d.LocalAt = civil.At(2011, 12, 30, 9, 0, 0)
	all := st.planned(st.submit(d))
	if all[0].Reason != gateway.ReasonSuppressed || all[0].Detail != "her calendar has no 2011-12-30" || all[1].State != gateway.Waiting {
		t.Errorf("planned are %+v", all)
	}
}

// TestWhatARunMaySend: a run sends the words of the schedule, or the group's under a name as they stand by then, once.
func TestWhatARunMaySend(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"})
	ctx := context.Background()
	of := func(a gateway.ActionBroadcast) (*gateway.ReadyBroadcast, error) {
		return st.f.Ready(ctx, fanout.Run{Schedule: gateway.Schedule{GroupID: st.group.ID, Author: "desk", Action: gateway.Action{Kind: gateway.ActBroadcast, Broadcast: &a}}, Occurrence: gateway.Occurrence{GroupID: st.group.ID, Run: "2026-03-30T09:00+02:00"}})
	}
	weekly := gateway.ActionBroadcast{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Wording: "weekly"}
	if _, err := of(weekly); !isCode(err, gateway.CodeInvalid) || !strings.Contains(err.Error(), `"weekly"`) {
		t.Errorf("a wording that is not there: %v", err)
	}
	st.ok(st.s.PutWording(ctx, st.group.ID, "weekly", map[string]string{"en": "One."}))
	one, err := of(weekly)
	st.ok(err)
	st.ok(st.s.PutWording(ctx, st.group.ID, "weekly", map[string]string{"en": "Two."}))
	two, err := of(weekly)
	st.ok(err)
	if one.Broadcast.Words.Sources["en"] != "One." || two.Broadcast.Words.Sources["en"] != "Two." || string(one.Fingerprint) != string(two.Fingerprint) || one.Broadcast.Key != two.Broadcast.Key || one.Broadcast.Author != "desk" {
		t.Errorf("made ready are %+v and %+v", one.Broadcast, two.Broadcast)
	}
	st.enrol(who{locale: "fa", points: "sms"}) // who cannot read it
	trial := func(fallback bool) error {
		a := weekly
		a.Fallback = fallback
		_, err := st.f.Ready(ctx, fanout.Run{Trial: true, Schedule: gateway.Schedule{GroupID: st.group.ID, Action: gateway.Action{Kind: gateway.ActBroadcast, Broadcast: &a}}, Occurrence: gateway.Occurrence{Run: "trial"}})
		return err
	}
	if err := trial(false); !isCode(err, gateway.CodeIncomplete) {
		t.Errorf("a schedule whose text lacks a language was kept: %v", err)
	}
	st.ok(trial(true))
	if _, err := of(weekly); err != nil {
		t.Errorf("a run was held up by a member with another language: %v", err)
	}
	for name, change := range map[string]func(*gateway.ActionBroadcast){
		"an alert": func(a *gateway.ActionBroadcast) { a.Kind = gateway.KindAlert }, "no topic": func(a *gateway.ActionBroadcast) { a.Audience.Topic = "" },
		"both texts": func(a *gateway.ActionBroadcast) { a.Words.Sources = map[string]string{"en": "x"} }, "no text": func(a *gateway.ActionBroadcast) { a.Wording = "" },
	} {
		wrong := weekly
		change(&wrong)
		if _, err := of(wrong); !isCode(err, gateway.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := st.f.Ready(ctx, fanout.Run{Schedule: gateway.Schedule{GroupID: st.group.ID}}); !isCode(err, gateway.CodeInvalid) {
		t.Errorf("an action that cannot be read: %v", err)
	}
	if list, err := st.s.Broadcasts(ctx, st.group.ID, gateway.ID{}, 10); err != nil || len(list) != 0 {
		t.Errorf("making ready stored %d: %v", len(list), err)
	}
}
