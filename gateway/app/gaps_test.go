package app

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// tower is a group with a rota and policies; of whom deaf says why, she cannot be told.
type tower struct {
	steps []gateway.AlertStep
	turns []gateway.RotaTurn
	deaf  map[string]string // by tag, or by member and topic
	shut  string            // why its alerts may not climb to another group
	reads int
}

func (w *tower) PutAlertPolicy(context.Context, gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	return gateway.AlertPolicy{}, nil
}
func (w *tower) DeleteAlertPolicy(context.Context, gateway.ID, gateway.ID) error { return nil }
func (w *tower) AlertPolicies(_ context.Context, group gateway.ID) ([]gateway.AlertPolicy, error) {
	w.reads++
	if group != (gateway.ID{8}) {
		return nil, nil
	}
	return []gateway.AlertPolicy{{ID: gateway.ID{6}, Name: "flood", Steps: w.steps, Last: []gateway.AlertTarget{{Topic: "owners"}}}}, nil
}

func (w *tower) Tables(_ context.Context, group gateway.ID, _, _ time.Time) ([]gateway.RotaTable, error) {
	if group != (gateway.ID{8}) {
		return nil, nil
	}
	return []gateway.RotaTable{{Rota: gateway.Rota{ID: gateway.ID{7}, Name: "night"}, Turns: w.turns}}, nil
}

func (w *tower) untold(_ context.Context, _ gateway.ID, class gateway.Class, a gateway.Audience) (string, error) {
	if len(a.Members) > 0 {
		return w.deaf[fmt.Sprint(a.Members[0][0], " ", a.Topic)], nil
	}
	return w.deaf[fmt.Sprint(a.Tags, a.Topic)], nil
}

func (w *tower) barred(context.Context, gateway.ID, gateway.AlertTarget) (string, error) {
	return w.shut, nil
}

// A policy asks medics, then whoever is on duty, and in the end the owners. What an alert would not find is listed before it is
// raised: the role that nobody has, the turn that is nobody's, and the turns of somebody who takes no alerts.
func TestWhereAnAlertFindsNobody(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, 26+n, 8, 0, 0, 0, time.UTC) }
	ann, bea := gateway.ID{1}, gateway.ID{2}
	w := &tower{deaf: map[string]string{},
		steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Tags: []string{"medic"}}}}, {Targets: []gateway.AlertTarget{{Rota: "night"}}}},
		turns: []gateway.RotaTurn{{From: day(0), To: day(1), Member: ann}, {From: day(1), To: day(2), Member: bea}, {From: day(2), To: day(3), Member: bea}, {From: day(3), To: day(4), Planned: bea, Why: gateway.TurnAway}}}
	find := gapFinder{policies: w, rotas: w, untold: w.untold, barred: w.barred}
	expect := func(what string, want ...string) {
		t.Helper()
		all, err := find.gaps(t.Context(), gateway.ID{8}, day(0), 7)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, g := range all {
			if g.Rota == "" {
				got = append(got, fmt.Sprint(g.Policy, " ", g.Place(), " ", g.Role, ": ", g.Why))
				continue
			}
			got = append(got, fmt.Sprint(g.Rota, " ", g.From.Day(), "-", g.To.Day(), " ", g.Member[0], ": ", g.Why))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	away := "night 29-30 0: away"
	expect("at first", away)
	w.deaf["[medic]alerts"] = "nobody is meant"
	w.deaf["2 "] = "the only one who is meant said STOP"
	expect("no medic, and Bea has stopped", "flood step 1 medic: nobody is meant", "night 27-29 2: the only one who is meant said STOP", away)
	w.deaf = map[string]string{"2 alerts": "did not agree", "[]owners": "nobody is meant"}
	expect("Bea takes no alerts, and nobody is owner", "flood the last resort topic owners: nobody is meant", "night 27-29 2: did not agree", away)
	w.steps[1].Targets[0].Rota = "day"
	expect("a rota that is none", "flood the last resort topic owners: nobody is meant", "flood step 2 rota day: the group has no such rota", away)
	w.deaf, w.steps[1].Targets[0] = nil, gateway.AlertTarget{Group: "tenants", Rota: "night"}
	expect("another group, which allows it", away)
	w.shut = "group tenants does not allow it"
	expect("it does not any more", "flood step 2 group tenants: group tenants does not allow it", away)
}

// The watchdog goes round the groups. What is open of a group that it has not looked at stands; what is mended ends at the next
// round, and no sooner.
func TestTheWatchdogGoesRoundTheGroups(t *testing.T) {
	now := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	w := &tower{deaf: map[string]string{"[medic]alerts": "nobody is meant", "1 ": "she said STOP"},
		steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Tags: []string{"medic"}}}}},
		turns: []gateway.RotaTurn{{From: now, To: now.Add(24 * time.Hour), Member: gateway.ID{1}}}}
	var groups []gateway.Group
	for i := range gapGroups {
		groups = append(groups, gateway.Group{ID: gateway.ID{100, byte(i)}})
	}
	groups = append(groups, gateway.Group{ID: gateway.ID{8}})
	watch := &gapWatch{gapFinder{w, w, w.untold, w.barred}, func(context.Context) ([]gateway.Group, error) { return slices.Clone(groups), nil }, func() time.Time { return now }, map[gateway.ID]gapsOf{}}
	look := func(what string, open []gateway.Finding, want ...string) {
		t.Helper()
		all, err := watch.signs(t.Context(), open)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, s := range all {
			got = append(got, fmt.Sprint(s.Code, " ", s.Name, " ", s.Part))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	look("another process found it", []gateway.Finding{{Code: gateway.StepUnheard, GroupID: gateway.ID{8}, Name: "flood", Part: "step 1, medic"}, {Code: gateway.InboxUnread, GroupID: gateway.ID{8}}}, "step-unreachable flood step 1, medic")
	found := []string{"step-unreachable flood step 1, medic", "duty-unreachable night member " + gateway.ID{1}.Short()}
	now = now.Add(30 * time.Second)
	look("looked at", nil, found...)
	w.deaf = nil
	reads := w.reads
	now = now.Add(30 * time.Second)
	look("mended just now", nil, found...)
	if w.reads != reads {
		t.Errorf("%d groups were looked at again within a minute", w.reads-reads)
	}
	now = now.Add(gapsAge)
	look("a round later", nil, found...) // the others come first
	now = now.Add(30 * time.Second)
	look("and its turn", nil)
}
