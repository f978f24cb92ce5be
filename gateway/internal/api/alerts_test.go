package api

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// cries stands in for what puts alerts into words: everybody is told.
type cries struct{ now func() time.Time }

func (c cries) ReadyAlert(_ context.Context, m gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	p := gateway.PolicyOf(m.Alert.Class())
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: m.Alert.GroupID, Key: m.Key, Kind: gateway.KindAlert, Class: m.Alert.Class(), Audience: m.Audience, State: gateway.Planning, Policy: p,
		CreatedAt: c.now(), StartAt: c.now(), ExpiresAt: c.now().Add(p.Expires)}
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: []byte(m.Key)}, nil
}

func (cries) Reach(context.Context, gateway.ID, []gateway.ID) (escalation.Reach, error) {
	return escalation.Reach{Reached: 1}, nil
}

func (cries) Meant(context.Context, gateway.ID, gateway.Audience, int) ([]gateway.ID, error) {
	return nil, nil
}

func (cries) OfferAlert(context.Context, *gateway.AlertCase) (gateway.ReleaseOffer, error) {
	return gateway.ReleaseOffer{Members: 3, Channels: []gateway.ReleaseWay{{Kind: "sms", Channel: "sms-berlin"}}}, nil
}

func (cries) Look() {}

func (cries) languages(context.Context, gateway.AlertMessage) ([]gateway.PreviewLanguage, error) {
	return []gateway.PreviewLanguage{{Wants: "sw", Gets: "en", Fallback: true, Members: 2}}, nil
}

// alertsOf adapts a desk as the app does.
type alertsOf struct{ *escalation.Desk }

func (d alertsOf) RaiseAlert(ctx context.Context, g gateway.Group, draft gateway.AlertDraft, by gateway.AlertHand) (gateway.AlertCase, error) {
	return d.Raise(ctx, g, draft, by)
}

func (d alertsOf) CheckPolicy(g gateway.Group, p gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	return escalation.CheckPolicy(g, p)
}

func (d alertsOf) FindAlert(ctx context.Context, group gateway.ID, name string) (gateway.AlertCase, error) {
	return d.Find(ctx, group, name)
}

func (d alertsOf) ActOnAlert(ctx context.Context, g gateway.Group, name, what string, act gateway.AlertAct, by gateway.AlertHand) (gateway.AlertCase, error) {
	e := escalation.Event{By: by, Detail: act.Reason, To: gateway.AlertHand{Members: []gateway.ID{act.To}}}
	e.Kind = map[string]escalation.Kind{"update": escalation.Update, "clear": escalation.Clear, "cancel": escalation.Cancel, "remind": escalation.Remind, "handover": escalation.Offer, "release": escalation.Release, "break-glass": escalation.Break}[what]
	e.Digest, e.Glass, e.Second = act.Digest, act.Reason, act.Second
	if act.Saying != nil {
		e.Saying = *act.Saying
	}
	return d.Act(ctx, g, name, e)
}

// alertDraft is an alert that may be raised.
func (w *world) alertDraft() gateway.AlertDraft {
	text := map[string]gateway.AlertText{"en": {Source: "the office", What: "Flood", Where: "harbour", Do: "Go uphill."}}
	return gateway.AlertDraft{Audience: gateway.Audience{Topic: "reports"}, Saying: gateway.AlertSaying{Texts: text, Update: text, Until: w.clock.Now().Add(time.Hour)}}
}

// raised gives the path of an alert that was raised, and taken charge of.
func (w *world) raised(taken bool) string {
	w.t.Helper()
	a, err := w.server.Alerts.RaiseAlert(w.t.Context(), w.berlin, w.alertDraft(), gateway.AlertHand{Label: "test"})
	must(w.t, err)
	if taken {
		_, err = w.server.Alerts.Acknowledge(w.t.Context(), gateway.Acknowledgement{Group: w.berlin.ID, Alert: a.ID, By: gateway.AlertHand{Label: "test"}, Proven: true})
		must(w.t, err)
	}
	return "alerts/" + a.Reference
}

// alertPolicy is a policy that is kept.
func (w *world) alertPolicy(name string) gateway.AlertPolicy {
	w.t.Helper()
	p := gateway.AlertPolicy{Name: name, Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Topic: "reports"}}, Wait: 5}}, Last: []gateway.AlertTarget{{Topic: "reports"}}}
	p, err := w.server.Alerts.PutPolicy(w.t.Context(), w.berlin, p)
	must(w.t, err)
	return p
}

// useAlerts raises an alert by a policy, takes charge, hands it over, updates it and gives the all-clear; another was a mistake.
func useAlerts(t *testing.T, w *world, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	p, err := c.PutAlertPolicy(ctx, "berlin", gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Topic: "reports"}}, Wait: 5}}, Last: []gateway.AlertTarget{{Topic: "reports"}}})
	must(t, err)
	text := map[string]gateway.AlertText{"en": {Source: "the office", What: "Flood", Where: "harbour", Do: "Go uphill."}}
	draft := gateway.AlertDraft{Policy: p.Name, Audience: gateway.Audience{Topic: "reports"}, Saying: gateway.AlertSaying{Texts: text, Update: text, Until: w.clock.Now().Add(time.Hour)}}
	missing := draft
	missing.Saying.Texts = map[string]gateway.AlertText{"en": {Source: "the office"}}
	if _, err := c.RaiseAlert(ctx, "berlin", missing); err == nil {
		t.Error("an alert without its parts was raised")
	}
	rehearsal := draft
	rehearsal.DryRun = true
	tried, err := c.RaiseAlert(ctx, "berlin", rehearsal)
	must(t, err)
	a, err := c.RaiseAlert(ctx, "berlin", draft)
	must(t, err)
	for _, v := range []gateway.AlertView{tried, a} {
		if r := v.Reads; r == nil || len(r.Told) != 1 || len(r.Asked) != 1 || r.Told[0].Members != 2 || !r.Told[0].Fallback {
			t.Errorf("who reads it in which language: %+v", r)
		}
	}
	if a.State != gateway.AlertClimbing || a.Step != 1 || len(a.Reference) != gateway.AlertDigits {
		t.Fatalf("raised is %+v", a)
	}
	done, err := c.AckAlert(ctx, "berlin", a.Reference)
	if err != nil || done.Outcome != gateway.AckTaken {
		t.Fatalf("the first answer: %+v, %v", done, err)
	}
	if done, err = c.AckAlert(ctx, "berlin", a.Reference); err != nil || done.Outcome != gateway.AckYours {
		t.Fatalf("the same once more: %+v, %v", done, err)
	}
	for _, act := range []string{"remind", "handover", "update", "clear"} {
		_, err := c.ActOnAlert(ctx, "berlin", a.Reference, act, gateway.AlertAct{To: w.member, Reason: "so it is"})
		must(t, err)
	}
	if done, err = c.AckAlert(ctx, "berlin", a.Reference); err != nil || done.Outcome != gateway.AckOver {
		t.Fatalf("a late answer: %+v, %v", done, err)
	}
	other, err := c.RaiseAlert(ctx, "berlin", draft)
	must(t, err)
	_, err = c.ActOnAlert(ctx, "berlin", other.Reference, "cancel", gateway.AlertAct{})
	must(t, err)
	all, err := c.Alerts(ctx, "berlin", 0)
	if err != nil || len(all) != 2 || all[0].State != gateway.AlertCancelled {
		t.Fatalf("listed are %+v, %v", all, err)
	}
	again, err := c.Alert(ctx, "berlin", a.ID.String())
	if err != nil || again.State != gateway.AlertCleared || again.Updates != 1 {
		t.Fatalf("read is %+v, %v", again, err)
	}
	lines, err := c.AlertTimeline(ctx, "berlin", a.Reference)
	must(t, err)
	seen := map[gateway.AlertEventKind]int{}
	for _, l := range lines {
		seen[l.Kind]++
	}
	for _, kind := range []gateway.AlertEventKind{gateway.EventRaised, gateway.EventAcked, gateway.EventAckAgain, gateway.EventOffered, gateway.EventUpdated, gateway.EventCleared, gateway.EventAckLate} {
		if seen[kind] != 1 {
			t.Errorf("the timeline has %q %d times", kind, seen[kind])
		}
	}
	if n, err := c.AlertNeighbours(ctx, "berlin"); err != nil || len(n.From)+len(n.To) != 0 {
		t.Errorf("neighbours: %+v, %v", n, err)
	}
	policies, err := c.AlertPolicies(ctx, "berlin")
	if err != nil || len(policies) != 1 {
		t.Errorf("policies: %+v, %v", policies, err)
	}
	must(t, c.DeleteAlertPolicy(ctx, "berlin", p.Name))
}
