package fanout_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// An alert of the harbour asks the tenants' people: only if the tenants allow it, as an alert of the tenants' own, and whoever takes
// charge in either group stops both.
func TestAnAlertClimbsToAnotherGroup(t *testing.T) {
	st := newStage(t)
	ctx := t.Context()
	st.wires[st.list[0].ID].limit = 4000
	harbour := st.group
	st.enrol(who{locale: "en", points: "~sms"})
	tenants, err := st.s.PutGroup(ctx, gateway.Group{Slug: "tenants", Name: "Tenants", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}, {Name: "alerts"}}})
	st.ok(err)
	st.group = tenants
	theirs := st.enrol(who{locale: "en", points: "~sms"}, who{locale: "en", points: "~sms"})
	st.run(st.f)
	desk := escalation.NewDesk(st.s, st.s, messenger{st.f}, st.now, escalation.Options{})
	own := []gateway.AlertTarget{{Topic: "alerts"}}
	night := gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Group: "tenants", Topic: "alerts"}}, Wait: 10, Repeat: 1}}, Last: own}
	texts := map[string]gateway.AlertText{"en": {Source: "the office", What: "Flood", Where: "harbour", Do: "Go uphill."}}
	raise := func() (a gateway.AlertCase, linked []gateway.AlertCase) {
		a, err := desk.Raise(ctx, harbour, gateway.AlertDraft{Policy: "night", Saying: gateway.AlertSaying{Texts: texts, Until: st.now().Add(time.Hour)}}, gateway.AlertHand{Label: "harbour"})
		st.ok(err)
		all, err := st.s.Alerts(ctx, tenants.ID, gateway.ID{}, 10)
		st.ok(err)
		for _, l := range all {
			if l.Origin != nil && l.Origin.Alert == a.ID {
				linked = append(linked, l)
			}
		}
		return a, linked
	}
	is := func(what string, group, id gateway.ID, want gateway.AlertState) gateway.AlertCase {
		t.Helper()
		a, err := st.s.Alert(ctx, group, id)
		st.ok(err)
		if a.State != want {
			t.Errorf("%s: the alert is %s; want %s", what, a.State, want)
		}
		return a
	}
	allow := func(from ...string) {
		tenants.ClimbFrom = from
		tenants, err = st.s.PutGroup(ctx, tenants)
		st.ok(err)
	}

	if _, err = desk.PutPolicy(ctx, harbour, night); !isCode(err, gateway.CodeInvalid) || !strings.Contains(err.Error(), `"tenants" does not allow`) {
		t.Fatalf("a policy that is not allowed is answered %v", err)
	}
	nowhere := night
	nowhere.Steps = []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Group: "nobody", Topic: "alerts"}}, Wait: 10}}
	if _, other := desk.PutPolicy(ctx, harbour, nowhere); other == nil || strings.ReplaceAll(other.Error(), "nobody", "tenants") != err.Error() {
		t.Errorf("a group that is not there is answered %v", other)
	}
	allow("harbour")
	_, err = desk.PutPolicy(ctx, harbour, night)
	st.ok(err)
	if n := gateway.NeighboursOf(harbour, []gateway.Group{harbour, tenants}); len(n.To) != 1 || n.To[0] != "tenants" {
		t.Errorf("the harbour sees %+v", n)
	}

	// What is only checked opens nothing there.
	_, err = desk.Raise(ctx, harbour, gateway.AlertDraft{Policy: "night", Saying: gateway.AlertSaying{Texts: texts, Until: st.now().Add(time.Hour)}, DryRun: true}, gateway.AlertHand{Label: "harbour"})
	st.ok(err)
	if all, err := st.s.Alerts(ctx, tenants.ID, gateway.ID{}, 10); err != nil || len(all) > 0 {
		t.Fatalf("a dry run opened %+v, %v", all, err)
	}

	// A tenant takes charge.
	a, linked := raise()
	if len(linked) != 1 || len(linked[0].Climb.Sent) != 1 || linked[0].Reference == "" || len(a.Climb.Sent) != 0 {
		t.Fatalf("it opened %+v", linked)
	}
	if got := len(st.planned(linked[0].Climb.Sent[0].ID)); got != len(theirs) {
		t.Errorf("%d tenants are asked", got)
	}
	st.wind(11 * time.Minute) // the harbour's own repetition asks nobody: the tenants' does
	_, err = desk.Tick(ctx)
	st.ok(err)
	if again, _ := st.s.Alert(ctx, tenants.ID, linked[0].ID); len(again.Climb.Sent) != 2 {
		t.Errorf("the tenants are asked %d times", len(again.Climb.Sent))
	}
	ack := func(group, id gateway.ID, by gateway.AlertHand) gateway.AckOutcome {
		r, err := desk.Acknowledge(ctx, gateway.Acknowledgement{Group: group, Alert: id, By: by, Proven: true})
		st.ok(err)
		return r.Outcome
	}
	if got := ack(tenants.ID, linked[0].ID, gateway.AlertHand{Members: theirs[:1], Way: "sms"}); got != gateway.AckTaken {
		t.Errorf("the tenant is answered %q", got)
	}
	is("the tenants'", tenants.ID, linked[0].ID, gateway.AlertTaken)
	taken := is("the harbour's", harbour.ID, a.ID, gateway.AlertTaken)
	if hand := taken.Climb.Charge[0]; hand.Role() != "group tenants" || len(hand.Members) > 0 {
		t.Errorf("the harbour hears that %+v is in charge", hand)
	}
	_, err = desk.Act(ctx, harbour, a.Reference, escalation.Event{Kind: escalation.Update, Saying: gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "the office", What: "More water", Where: "harbour", Do: "Go."}}}})
	st.ok(err)
	if l := is("updated", tenants.ID, linked[0].ID, gateway.AlertTaken); l.Saying.Texts["en"].What != "More water" {
		t.Errorf("the tenants' alert says %+v", l.Saying.Texts)
	}
	_, err = desk.Act(ctx, harbour, a.Reference, escalation.Event{Kind: escalation.Clear})
	st.ok(err)
	is("cleared", tenants.ID, linked[0].ID, gateway.AlertCleared)

	// The harbour is quicker: the tenants hear it.
	a, linked = raise()
	ack(harbour.ID, a.ID, gateway.AlertHand{Label: "harbour"})
	if l := is("the tenants', after the harbour", tenants.ID, linked[0].ID, gateway.AlertTaken); l.Climb.Charge[0].Words()["role"] != "group" {
		t.Errorf("the tenants hear that %+v is in charge", l.Climb.Charge)
	}

	// It is not allowed any more: the step is passed over, loudly, and the last resort asked.
	allow()
	a, linked = raise()
	a = is("not allowed", harbour.ID, a.ID, gateway.AlertUnanswered)
	events, err := st.s.AlertEvents(ctx, harbour.ID, a.ID, 0, 100)
	st.ok(err)
	loud := 0
	for _, e := range events {
		if e.Kind == gateway.EventNobody && strings.Contains(e.Detail, "does not allow") {
			loud++
		}
	}
	if len(linked) != 0 || loud != 1 || len(a.Climb.Sent) != 1 {
		t.Errorf("it opened %d alerts, said so %d times, and asked %d", len(linked), loud, len(a.Climb.Sent))
	}
	if _, err := st.s.Alert(ctx, tenants.ID, a.ID); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("the tenants read the harbour's alert: %v", err)
	}
}
