package escalation

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// yard is a ledger in memory, for drills: two medics and an owner are there, and whatever is sent to a medic arrives.
type yard struct {
	Store
	now     time.Time
	drills  map[gateway.ID]gateway.Drill
	alerts  map[gateway.ID]gateway.AlertCase
	events  map[gateway.ID][]gateway.AlertEvent
	casts   map[gateway.ID]gateway.Audience
	raised  int
	policy  bool
	deaf    string // a tag: nobody who has it can be told
	meddled func()
}

var medics, owner = []gateway.ID{{1}, {2}}, gateway.ID{3}

func (y *yard) AlertPolicies(context.Context, gateway.ID) ([]gateway.AlertPolicy, error) {
	if !y.policy {
		return nil, nil
	}
	return []gateway.AlertPolicy{{Name: "night", Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Tags: []string{"medic"}}}, Wait: 5}, {Targets: []gateway.AlertTarget{{Topic: "owners"}}, Wait: 5}}, Last: []gateway.AlertTarget{{Topic: "owners"}}}}, nil
}

func (y *yard) PutDrill(_ context.Context, d gateway.Drill) (gateway.Drill, error) {
	if y.meddled != nil {
		meddle := y.meddled
		y.meddled = nil
		meddle()
	}
	if y.drills[d.ID].Revision != d.Revision {
		return d, gateway.ErrStale
	}
	d.Revision++
	y.drills[d.ID] = d
	return d, nil
}

func (y *yard) Drill(_ context.Context, _, id gateway.ID) (gateway.Drill, error) {
	return y.drills[id], nil
}

func (y *yard) Drills(_ context.Context, _, before gateway.ID, limit int) (all []gateway.Drill, err error) {
	for id, d := range y.drills {
		if before.IsZero() || slices.Compare(id[:], before[:]) < 0 {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b gateway.Drill) int { return slices.Compare(b.ID[:], a.ID[:]) })
	return all[:min(limit, len(all))], nil
}

func (y *yard) DueDrills(context.Context, int) (due []gateway.Drill, err error) {
	for _, d := range y.drills {
		if !d.DueAt.IsZero() && !d.DueAt.After(y.now) {
			due = append(due, d)
		}
	}
	return due, nil
}

func (y *yard) PutAlert(_ context.Context, w gateway.AlertWrite) (gateway.AlertCase, error) {
	was, found := y.alerts[w.Alert.ID]
	if found && w.Alert.Revision == 0 {
		return w.Alert, gateway.ErrConflict
	}
	if was.Revision != w.Alert.Revision {
		return w.Alert, gateway.ErrStale
	}
	for _, e := range w.Events {
		if slices.ContainsFunc(y.events[w.Alert.ID], func(o gateway.AlertEvent) bool { return o.Key == e.Key }) {
			return w.Alert, gateway.ErrConflict
		}
	}
	if !found {
		y.raised++
	}
	w.Alert.Revision++
	y.alerts[w.Alert.ID] = w.Alert
	y.events[w.Alert.ID] = append(y.events[w.Alert.ID], w.Events...)
	for _, s := range w.Sends {
		y.casts[s.Broadcast.ID] = s.Broadcast.Audience
	}
	return w.Alert, nil
}

func (y *yard) Alert(_ context.Context, _, id gateway.ID) (gateway.AlertCase, error) {
	a, found := y.alerts[id]
	if !found {
		return a, gateway.ErrNotFound
	}
	return a, nil
}

func (y *yard) AlertEvents(_ context.Context, _, alert gateway.ID, after, _ int) ([]gateway.AlertEvent, error) {
	return y.events[alert][min(after, len(y.events[alert])):], nil
}

func (y *yard) AskedAlerts(context.Context, gateway.ID, gateway.ID, []gateway.ID, int) ([]gateway.AlertCase, error) {
	return make([]gateway.AlertCase, 1), nil
}

func (y *yard) DueAlerts(context.Context, int) (due gateway.AlertsDue, err error) {
	for _, a := range y.alerts {
		if !a.DueAt.IsZero() && !a.DueAt.After(y.now) {
			due.Alerts = append(due.Alerts, a)
		}
	}
	return due, nil
}

func (y *yard) meant(a gateway.Audience) []gateway.ID {
	switch {
	case slices.Contains(a.Tags, "medic"):
		return medics
	case a.Topic == "owners":
		return []gateway.ID{owner}
	}
	return append(slices.Clone(medics), owner)
}

func (y *yard) Tallies(_ context.Context, _, broadcast gateway.ID) (all []gateway.Tally, err error) {
	for _, m := range y.meant(y.casts[broadcast]) {
		state := gateway.Delivered
		if m == owner {
			state = gateway.DeliveryAccepted
		}
		all = append(all, gateway.Tally{State: state, Count: 1})
	}
	return all, nil
}

func (y *yard) Deliveries(_ context.Context, f gateway.DeliveryFilter) (all []gateway.Delivery, err error) {
	for _, m := range y.meant(y.casts[f.Broadcast]) {
		all = append(all, gateway.Delivery{MemberID: m})
	}
	return all, nil
}

func (y *yard) GroupByID(context.Context, gateway.ID) (gateway.Group, error) {
	return gateway.Group{ID: gateway.ID{8}, Zone: "UTC"}, nil
}

func (y *yard) Group(context.Context, string) (gateway.Group, error) {
	return gateway.Group{}, gateway.ErrNotFound
}

func (y *yard) ReadyAlert(_ context.Context, m gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	if !m.Alert.Exercise {
		return nil, errors.New("a drill sends what is no exercise")
	}
	if y.deaf != "" && slices.Contains(m.Audience.Tags, y.deaf) {
		return nil, gateway.Faultf(gateway.CodeNobody, "none of the 2 who are meant can be told: the first said STOP")
	}
	return &gateway.ReadyBroadcast{Broadcast: gateway.Broadcast{ID: gateway.NewID(), Key: m.Key, Audience: m.Audience}}, nil
}

func (y *yard) Reach(context.Context, gateway.ID, []gateway.ID) (Reach, error) {
	return Reach{Reached: 1}, nil
}
func (y *yard) Meant(context.Context, gateway.ID, gateway.Audience, int) ([]gateway.ID, error) {
	return nil, nil
}
func (y *yard) OfferAlert(context.Context, *gateway.AlertCase) (gateway.ReleaseOffer, error) {
	return gateway.ReleaseOffer{}, nil // exercises are never held
}

func (y *yard) Look() {}

func newYard() (*yard, *Desk) {
	y := &yard{now: noon, drills: map[gateway.ID]gateway.Drill{}, alerts: map[gateway.ID]gateway.AlertCase{}, events: map[gateway.ID][]gateway.AlertEvent{}, casts: map[gateway.ID]gateway.Audience{}, policy: true}
	return y, NewDesk(y, y, y, func() time.Time { return y.now }, Options{})
}

// until winds the clock minute by minute, with two schedulers at work.
func (y *yard) until(t *testing.T, d *Desk, at time.Time) {
	t.Helper()
	other := NewDesk(y, y, y, func() time.Time { return y.now }, Options{})
	for ; y.now.Before(at); y.now = y.now.Add(time.Minute) {
		for _, each := range []*Desk{d, other} {
			if err := each.TickDrills(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := each.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var drillDraft = gateway.DrillDraft{Policy: "night", Minutes: 30, Texts: map[string]gateway.AlertText{"en": {Source: "the office", What: "flood", Where: "harbour", Do: "go uphill"}}}

// A drill is held once at its time, says its update and its all-clear by itself, and counts whom it reached and who answered.
func TestADrillIsHeldAndMeasured(t *testing.T) {
	y, d := newYard()
	g, _ := y.GroupByID(t.Context(), gateway.ID{})
	draft := drillDraft
	draft.At = noon.Add(time.Hour)
	planned, err := d.PlanDrill(t.Context(), g, draft, gateway.AlertHand{Label: "office"})
	if err != nil || planned.State != gateway.DrillPlanned || y.raised != 0 {
		t.Fatalf("planned: %+v, %v", planned, err)
	}
	y.until(t, d, noon.Add(67*time.Minute)) // the first step is over
	a := y.alerts[planned.ID]
	if !a.Exercise || a.Climb.Step != 1 || y.raised != 1 || !a.RaisedAt.Equal(draft.At) {
		t.Fatalf("%d raised: %+v", y.raised, a)
	}
	if _, err := d.Acknowledge(t.Context(), gateway.Acknowledgement{Group: g.ID, Alert: a.ID, By: gateway.AlertHand{Members: medics[:1]}, Proven: true}); err != nil {
		t.Fatal(err)
	}
	y.meddled = func() { _ = d.TickDrills(t.Context()) } // another scheduler does the next thing at the same time
	y.until(t, d, noon.Add(92*time.Minute))
	over, err := d.FindDrill(t.Context(), g.ID, planned.ID)
	if err != nil || over.State != gateway.DrillOver || !over.DueAt.IsZero() || over.Texts != nil || over.Before != nil {
		t.Fatalf("over: %+v, %v", over, err)
	}
	var said []string
	for _, e := range y.events[planned.ID] {
		said = append(said, strings.TrimSpace(string(e.Kind)+" "+e.Detail))
	}
	if want := []string{"raised", "sent ask", "sent ask", "acknowledged", "sent thank", "sent taken", "updated", "sent renew", "all-clear", "sent clear"}; !slices.Equal(said, want) {
		t.Errorf("its timeline is %q", said)
	}
	want := gateway.DrillResult{MeasuredAt: over.Result.MeasuredAt, Alert: gateway.DrillReach{Targeted: 3, Delivered: 2, HandedOver: 1}, Update: gateway.DrillReach{Targeted: 3, Delivered: 2, HandedOver: 1}, Clear: gateway.DrillReach{Targeted: 3, Delivered: 2, HandedOver: 1},
		Taken: true, Seconds: 7 * 60, Asked: []gateway.DrillAsked{{Step: 1, Role: "medic", Asked: 2, Silent: 1}, {Step: 2, Role: "topic owners", Asked: 1, Silent: 1}}}
	if !reflect.DeepEqual(*over.Result, want) {
		t.Errorf("it has shown %+v", *over.Result)
	}

	// The next one begins now; nobody answers, and an update in between asks the step again: nobody counts twice.
	y.now = y.now.Add(24 * time.Hour)
	run, err := d.PlanDrill(t.Context(), g, drillDraft, gateway.AlertHand{Label: "office"})
	if err != nil || run.State != gateway.DrillRunning || run.Reference == "" {
		t.Fatalf("begun: %+v, %v", run, err)
	}
	y.until(t, d, y.now.Add(31*time.Minute))
	if run, err = d.FindDrill(t.Context(), g.ID, run.ID); err != nil || run.Before == nil || run.Before.ID != planned.ID {
		t.Fatalf("it is compared with %+v, %v", run.Before, err)
	}
	if silent, asked := run.Result.Silent(); run.Result.Taken || silent != 4 || asked != 4 || run.Result.Asked[2].Step != 0 {
		t.Errorf("%d of %d did not answer: %+v", silent, asked, run.Result)
	}
}

// What a person does to the exercise of a drill is no fault of it.
func TestADrillEndedByAPersonIsMeasured(t *testing.T) {
	y, d := newYard()
	g, _ := y.GroupByID(t.Context(), gateway.ID{})
	run, err := d.PlanDrill(t.Context(), g, drillDraft, gateway.AlertHand{})
	if err == nil {
		_, err = d.Act(t.Context(), g, run.ID.String(), Event{Kind: Cancel})
	}
	if err != nil {
		t.Fatal(err)
	}
	y.until(t, d, noon.Add(31*time.Minute))
	if got := y.drills[run.ID]; got.State != gateway.DrillOver || got.Result.Clear.Targeted != 3 || got.Result.Update.Targeted != 0 {
		t.Errorf("%+v", got)
	}
}

// A drill that cannot be held, or not in time, says so, and one that has not begun is taken back.
func TestADrillThatIsNotHeld(t *testing.T) {
	y, d := newYard()
	g, _ := y.GroupByID(t.Context(), gateway.ID{})
	for name, c := range map[string]struct {
		change func(*gateway.DrillDraft)
		fault  string
	}{
		"no text":    {func(d *gateway.DrillDraft) { d.Texts = nil }, "texts"},
		"no policy":  {func(d *gateway.DrillDraft) { d.Policy = "day" }, "policy"},
		"in a flash": {func(d *gateway.DrillDraft) { d.Minutes = 5 }, "minutes"},
		"yesterday":  {func(d *gateway.DrillDraft) { d.At = noon.Add(-time.Hour) }, "at ("},
		"in years":   {func(d *gateway.DrillDraft) { d.At = noon.AddDate(3, 0, 0) }, "a year"},
	} {
		draft := drillDraft
		c.change(&draft)
		if _, err := d.PlanDrill(t.Context(), g, draft, gateway.AlertHand{}); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plan := func(in time.Duration) gateway.Drill {
		draft := drillDraft
		draft.At = y.now.Add(in)
		got, err := d.PlanDrill(t.Context(), g, draft, gateway.AlertHand{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	back := plan(time.Hour)
	if _, err := d.WithdrawDrill(t.Context(), g.ID, back.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WithdrawDrill(t.Context(), g.ID, back.ID); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("taken back twice: %v", err)
	}
	missed, failed := plan(time.Minute), plan(2*time.Hour)
	y.now = y.now.Add(gateway.DrillLate + 2*time.Minute) // nobody was there
	y.policy = false
	y.until(t, d, noon.Add(3*time.Hour))
	for id, want := range map[gateway.ID]gateway.DrillState{back.ID: gateway.DrillWithdrawn, missed.ID: gateway.DrillMissed, failed.ID: gateway.DrillFailed} {
		if got := y.drills[id]; got.State != want || !got.DueAt.IsZero() || got.Texts != nil || (got.Detail != "") != (want == gateway.DrillFailed) {
			t.Errorf("%s: %+v", want, got)
		}
	}
	if y.raised != 0 {
		t.Errorf("%d exercises were raised", y.raised)
	}
}

// Nobody of a drill's first step can be told: it climbs on at once, says why on its timeline, and the drill was not well. One that
// everybody was asked in and nobody took was not either.
func TestADrillThatWasWanting(t *testing.T) {
	for _, c := range []struct{ deaf, outcome string }{{"medic", "a step reached nobody"}, {"", "nobody acknowledged"}} {
		y, d := newYard()
		g, _ := y.GroupByID(t.Context(), gateway.ID{})
		draft := drillDraft
		draft.At = noon.Add(time.Minute)
		run, err := d.PlanDrill(t.Context(), g, draft, gateway.AlertHand{Label: "office"})
		if err != nil {
			t.Fatal(err)
		}
		y.deaf = c.deaf // since it was planned
		y.until(t, d, noon.Add(2*time.Minute))
		if a := y.alerts[run.ID]; c.deaf != "" {
			at := slices.IndexFunc(y.events[run.ID], func(e gateway.AlertEvent) bool { return e.Kind == gateway.EventNobody })
			if a.Climb.Step != 1 || at < 0 || y.events[run.ID][at].Step != 1 || !strings.HasSuffix(y.events[run.ID][at].Detail, "said STOP") {
				t.Errorf("at step %d, and the timeline says %+v", a.Climb.Step+1, y.events[run.ID])
			}
			if _, err := d.Acknowledge(t.Context(), gateway.Acknowledgement{Group: g.ID, Alert: run.ID, By: gateway.AlertHand{Members: []gateway.ID{owner}}, Proven: true}); err != nil {
				t.Fatal(err)
			}
		}
		y.until(t, d, noon.Add(32*time.Minute))
		if got := y.drills[run.ID]; got.Outcome() != c.outcome || len(got.Result.Unsent) > 0 != (c.deaf != "") {
			t.Errorf("%q: %+v", got.Outcome(), got.Result)
		}
	}
}
