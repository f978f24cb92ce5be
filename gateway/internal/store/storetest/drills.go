package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// drills has drills kept, changed by one hand at a time, found when they are due, read by their own group, and forgotten in the end.
func drills(t *testing.T, open Open) {
	w := newWorld(t, open)
	at := w.clock.Now().UTC().Add(time.Hour)
	planned := gateway.Drill{ID: gateway.NewID(), GroupID: w.group.ID, State: gateway.DrillPlanned, Policy: "night", Audience: gateway.Audience{Topic: "reports"},
		Texts: map[string]gateway.AlertText{"en": {Source: "the office", What: "flood", Where: "harbour", Do: "go uphill"}}, Minutes: 60, At: at, Author: "the office", DueAt: at}
	d, err := w.PutDrill(w.ctx, planned)
	w.ok(err)
	if _, err = w.PutDrill(w.ctx, planned); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("planned twice: %v", err)
	}
	if got := must(w.Drill(w.ctx, w.group.ID, d.ID)); !reflect.DeepEqual(got, d) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, d)
	}
	_, err = w.Drill(w.ctx, w.other.ID, d.ID)
	w.fails(err, gateway.CodeNotFound)
	equal(t, "another group's", len(must(w.Drills(w.ctx, w.other.ID, gateway.ID{}, 10))), 0)
	stolen := d
	stolen.GroupID = w.other.ID
	if _, err = w.PutDrill(w.ctx, stolen); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("changed by another group: %v", err)
	}
	equal(t, "due before its time", len(must(w.DueDrills(w.ctx, 10))), 0)
	w.clock.Wind(time.Hour)
	due := must(w.DueDrills(w.ctx, 10))
	equal(t, "due", len(due), 1)
	over := due[0]
	over.State, over.DueAt, over.Texts = gateway.DrillOver, time.Time{}, nil
	over.Result = &gateway.DrillResult{Taken: true, Seconds: 90, Asked: []gateway.DrillAsked{{Step: 1, Role: "medic", Asked: 3, Silent: 2}}}
	over, err = w.PutDrill(w.ctx, over)
	w.ok(err)
	if _, err = w.PutDrill(w.ctx, d); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a change of what somebody else has changed: %v", err)
	}
	same(t, "well", w.signs(), []string{})
	ill := func(hours time.Duration, d gateway.Drill) gateway.Drill {
		d.ID, d.GroupID, d.At = gateway.NewID(), w.group.ID, at.Add(hours*time.Hour)
		return must(w.PutDrill(w.ctx, d))
	}
	ill(1, gateway.Drill{State: gateway.DrillMissed})
	ill(2, gateway.Drill{State: gateway.DrillOver, Result: &gateway.DrillResult{}})
	ill(3, gateway.Drill{State: gateway.DrillWithdrawn})
	w.clock.Wind(4 * time.Hour)
	day := at.Format(time.DateOnly)
	same(t, "two that were not", w.signs(), []string{"drill-wanting " + day + " missed", "drill-wanting " + day + " nobody acknowledged"})
	better := ill(4, gateway.Drill{State: gateway.DrillOver, Result: &gateway.DrillResult{Taken: true}})
	same(t, "and one that was", w.signs(), []string{})
	better.Result.Unsent = []int{2}
	must(w.PutDrill(w.ctx, better))
	w.clock.Wind(gateway.DrillNotice - 150*time.Minute)
	same(t, "a fortnight later", w.signs(), []string{"drill-wanting " + day + " a step reached nobody", "drill-wanting " + day + " nobody acknowledged"})
	w.clock.Wind(3 * time.Hour)
	same(t, "and later", w.signs(), []string{})
	equal(t, "due when it is over", len(must(w.DueDrills(w.ctx, 10))), 0)
	if all := must(w.Drills(w.ctx, w.group.ID, gateway.ID{}, 10)); len(all) != 5 || !reflect.DeepEqual(all[4], over) {
		t.Fatalf("listed are %+v", all)
	}
	equal(t, "before the first", len(must(w.Drills(w.ctx, w.group.ID, d.ID, 10))), 0)
	w.clock.Wind(gateway.KeepDrills + time.Second)
	must(w.Retain(w.ctx, 100))
	_, err = w.Drill(w.ctx, w.group.ID, d.ID)
	w.fails(err, gateway.CodeNotFound)
	next := planned // one is left, for whoever moves the ledger
	next.ID, next.At, next.DueAt = gateway.NewID(), w.clock.Now().UTC(), w.clock.Now().UTC()
	_, err = w.PutDrill(w.ctx, next)
	w.ok(err)
}
