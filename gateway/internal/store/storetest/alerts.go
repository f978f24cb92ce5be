package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// alert is a new alert of a group, as the engine makes it.
func (w *world) alert(group gateway.ID, reference string) gateway.AlertCase {
	now := w.clock.Now().UTC()
	return gateway.AlertCase{ID: gateway.NewID(), GroupID: group, Reference: reference, State: gateway.AlertClimbing, Audience: gateway.Audience{Topic: "reports"},
		Saying: gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "the office", What: "flood", Where: "harbour", Do: "go uphill"}}, Until: now.Add(time.Hour), Next: now.Add(time.Hour)},
		Policy: gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Topic: "reports"}}, Wait: 5}}},
		Climb:  gateway.AlertClimb{Step: -1, Secret: []byte("secret")}, Author: "the office", RaisedAt: now, ExpiresAt: now.Add(time.Hour), DueAt: now.Add(time.Minute)}
}

// send makes what an alert sends ready.
func (w *world) alertSends(a *gateway.AlertCase, e gateway.AlertEffect) gateway.ReadyBroadcast {
	b := w.draft(gateway.Alert)
	b.GroupID, b.Key = a.GroupID, e.BroadcastKey(a.ID)
	return gateway.ReadyBroadcast{Broadcast: b, Fingerprint: []byte(b.Key)}
}

// alerts has an alert kept, changed by one hand at a time, and read by its own group only.
func alerts(t *testing.T, open Open) {
	w := newWorld(t, open)
	raised := gateway.AlertEvent{No: 1, Key: "raised", Kind: gateway.EventRaised, At: w.clock.Now().UTC(), By: gateway.AlertHand{Label: "the office"}, Detail: "words"}
	a, err := w.PutAlert(w.ctx, gateway.AlertWrite{Alert: w.alert(w.group.ID, "4711"), Events: []gateway.AlertEvent{raised}})
	w.ok(err)
	equal(t, "revision", a.Revision, int64(1))
	same := w.alert(w.group.ID, "4711")
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: same})
	w.fails(err, gateway.CodeConflict)
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: w.alert(w.other.ID, "4711")}) // a reference is a group's own
	w.ok(err)
	for _, read := range []func() (gateway.AlertCase, error){
		func() (gateway.AlertCase, error) { return w.Alert(w.ctx, w.group.ID, a.ID) },
		func() (gateway.AlertCase, error) { return w.AlertByReference(w.ctx, w.group.ID, "4711") },
	} {
		got, err := read()
		w.ok(err)
		if !reflect.DeepEqual(got, a) {
			t.Fatalf("read back\n%+v, stored\n%+v", got, a)
		}
	}
	_, err = w.Alert(w.ctx, w.other.ID, a.ID)
	w.fails(err, gateway.CodeNotFound)
	stolen := a
	stolen.GroupID = w.other.ID
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: stolen})
	w.fails(err, gateway.CodeNotFound)
	equal(t, "another group's events", len(must(w.AlertEvents(w.ctx, w.other.ID, a.ID, 0, 10))), 0)
	equal(t, "another group's asked", len(must(w.AskedAlerts(w.ctx, w.other.ID, a.ID, []gateway.ID{gateway.NewID()}, 10))), 0)

	// It is found when it is due, and not before.
	found, err := w.DueAlerts(w.ctx, 10)
	w.ok(err)
	if len(found.Alerts) != 0 || !found.Next.Equal(a.DueAt) {
		t.Fatalf("due before its time: %+v", found)
	}
	w.clock.Wind(time.Minute)
	equal(t, "due", len(must(w.DueAlerts(w.ctx, 10)).Alerts), 2)

	// What keeps it from being sent is kept with it, and so is what owners are told of it.
	held := w.alert(w.group.ID, "4799")
	held.State, held.Hold, held.DueAt = gateway.AlertHeld, &gateway.AlertHold{Why: "its policy", Hands: []gateway.Hand{{Label: "the office", Token: gateway.NewID()}}, For: time.Hour}, w.clock.Now().UTC().Add(2*time.Hour)
	held, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: held, Notices: []gateway.OwnerNotice{held.Notice(gateway.NoticeAlertWaits)}})
	w.ok(err)
	if got := must(w.Alert(w.ctx, w.group.ID, held.ID)); !reflect.DeepEqual(got.Hold, held.Hold) {
		t.Fatalf("it is held by %+v", got.Hold)
	}
	stale := held
	stale.Revision--
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: stale, Notices: []gateway.OwnerNotice{held.Notice(gateway.NoticeAlertGlass)}})
	if notices := must(w.Untold(w.ctx, 10)); err == nil || len(notices) != 1 || notices[0].Wording != gateway.NoticeAlertWaits || notices[0].Data["reference"] != "4799" {
		t.Fatalf("told are %+v, %v", notices, err)
	}

	// A change sends and stops with it, or not at all. One that is stale, or that is known, changes nothing.
	ask := w.alertSends(&a, gateway.AlertEffect{Kind: gateway.AlertAsk, Key: "ask-1"})
	sent := gateway.AlertEvent{No: 2, Key: "sent/ask-1", Kind: gateway.EventSent, At: w.clock.Now().UTC(), Broadcast: ask.Broadcast.ID}
	b, err := w.PutAlert(w.ctx, gateway.AlertWrite{Alert: a, Events: []gateway.AlertEvent{sent}, Sends: []gateway.ReadyBroadcast{ask}})
	w.ok(err)
	again := w.alertSends(&a, gateway.AlertEffect{Kind: gateway.AlertAsk, Key: "ask-2"})
	if _, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: a, Sends: []gateway.ReadyBroadcast{again}}); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a change of what somebody else has changed: %v", err)
	}
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: b, Events: []gateway.AlertEvent{{No: 3, Key: "sent/ask-1"}}, Sends: []gateway.ReadyBroadcast{again}, Stops: []gateway.ID{ask.Broadcast.ID}})
	w.fails(err, gateway.CodeConflict)
	_, err = w.Broadcast(w.ctx, w.group.ID, again.Broadcast.ID)
	w.fails(err, gateway.CodeNotFound)
	equal(t, "the broadcast", must(w.Broadcast(w.ctx, w.group.ID, ask.Broadcast.ID)).State, gateway.Planning)
	b.State = gateway.AlertTaken
	b, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: b, Events: []gateway.AlertEvent{{No: 3, Key: "ack"}}, Stops: []gateway.ID{ask.Broadcast.ID}})
	w.ok(err)
	equal(t, "the broadcast", must(w.Broadcast(w.ctx, w.group.ID, ask.Broadcast.ID)).State, gateway.Stopped)
	if sent := must(w.AlertBroadcasts(w.ctx, w.group.ID, a.ID)); !reflect.DeepEqual(sent, []gateway.ID{ask.Broadcast.ID}) {
		t.Fatalf("it has sent %v", sent)
	}
	equal(t, "another group's", len(must(w.AlertBroadcasts(w.ctx, w.other.ID, a.ID))), 0)
	events := must(w.AlertEvents(w.ctx, w.group.ID, a.ID, 0, 10))
	if len(events) != 3 || !reflect.DeepEqual(events[0], raised) || events[1].Broadcast != ask.Broadcast.ID {
		t.Fatalf("it tells %+v", events)
	}
	equal(t, "behind the first", len(must(w.AlertEvents(w.ctx, w.group.ID, a.ID, 1, 1))), 1)
	b.State = gateway.AlertHeld
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: b})
	w.fails(err, gateway.CodeConflict)
	equal(t, "alerts", len(must(w.Alerts(w.ctx, w.group.ID, gateway.ID{}, 10))), 2)
	equal(t, "before the first", len(must(w.Alerts(w.ctx, w.group.ID, a.ID, 10))), 0)
}

// Whoever got the text of an alert, or may have got it, is told how it ends: those it was delivered to, handed over to or in doubt
// for, and those who wait for a second try. Who was asked is known too.
func alertTold(t *testing.T, open Open) {
	w := newWorld(t, open)
	had, doubt, again, waits := w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms")
	a := w.alert(w.group.ID, "4711")
	ask := w.alertSends(&a, gateway.AlertEffect{Kind: gateway.AlertAsk, Key: "ask-1"})
	note := w.alertSends(&a, gateway.AlertEffect{Kind: gateway.AlertThank, Key: "thank"})
	_, err := w.PutAlert(w.ctx, gateway.AlertWrite{Alert: a, Sends: []gateway.ReadyBroadcast{ask, note}})
	w.ok(err)
	w.plan(note.Broadcast, 1, waits)
	ids := w.plan(ask.Broadcast, 1, had, doubt, again, waits)
	for _, id := range ids[:3] {
		w.claim(id)
	}
	who := func(rule gateway.AlertTold) (all []gateway.ID) {
		t.Helper()
		rule.Alert = a.ID
		page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports", Alert: &rule}, gateway.ID{}, 10)
		w.ok(err)
		for _, r := range page {
			all = append(all, r.Member)
		}
		return all
	}
	if got := who(gateway.AlertTold{}); !reflect.DeepEqual(got, []gateway.ID{had.ID, doubt.ID, again.ID}) {
		t.Fatalf("told are %v", got)
	}
	if got := who(gateway.AlertTold{Asked: true, But: []gateway.ID{had.ID}}); !reflect.DeepEqual(got, []gateway.ID{doubt.ID, again.ID}) {
		t.Fatalf("told of who took charge are %v", got)
	}
	equal(t, "asked", len(must(w.AskedAlerts(w.ctx, w.group.ID, gateway.ID{}, []gateway.ID{gateway.NewID(), waits.ID}, 10))), 1)
	equal(t, "asked in that one", len(must(w.AskedAlerts(w.ctx, w.group.ID, a.ID, []gateway.ID{had.ID}, 10))), 1)
	equal(t, "asked", len(must(w.AskedAlerts(w.ctx, w.group.ID, gateway.ID{}, []gateway.ID{gateway.NewID()}, 10))), 0)
	page, err := w.Recipients(w.ctx, w.other.ID, gateway.Audience{Topic: "reports", Alert: &gateway.AlertTold{Alert: a.ID}}, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "members of another group", len(page), 0)
}

// alertPolicies are a group's own; one is changed by one hand at a time.
func alertPolicies(t *testing.T, open Open) {
	w := newWorld(t, open)
	p, err := w.PutAlertPolicy(w.ctx, gateway.AlertPolicy{GroupID: w.group.ID, Name: "night", Quorum: 2, Steps: []gateway.AlertStep{{Wait: 5}}})
	w.ok(err)
	_, err = w.PutAlertPolicy(w.ctx, gateway.AlertPolicy{GroupID: w.group.ID, Name: "night"})
	w.fails(err, gateway.CodeConflict)
	_, err = w.PutAlertPolicy(w.ctx, gateway.AlertPolicy{GroupID: w.other.ID, Name: "night"})
	w.ok(err)
	changed := p
	changed.Quorum = 3
	_, err = w.PutAlertPolicy(w.ctx, changed)
	w.ok(err)
	if _, err = w.PutAlertPolicy(w.ctx, p); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a change of what somebody else has changed: %v", err)
	}
	all := must(w.AlertPolicies(w.ctx, w.group.ID))
	if changed.Revision++; len(all) != 1 || !reflect.DeepEqual(all[0], changed) {
		t.Fatalf("kept are %+v", all)
	}
	w.fails(w.DeleteAlertPolicy(w.ctx, w.other.ID, p.ID), gateway.CodeNotFound)
	w.ok(w.DeleteAlertPolicy(w.ctx, w.group.ID, p.ID))
	equal(t, "left", len(must(w.AlertPolicies(w.ctx, w.group.ID))), 0)
}

// alertsRetained: thirty days after its end an alert's texts are gone and its reference is free; after 400 all of it is.
func alertsRetained(t *testing.T, open Open) {
	w := newWorld(t, open)
	a := w.alert(w.group.ID, "4711")
	a.State, a.DueAt = gateway.AlertCleared, time.Time{}
	a, err := w.PutAlert(w.ctx, gateway.AlertWrite{Alert: a, Events: []gateway.AlertEvent{{No: 1, Key: "raised"}}})
	w.ok(err)
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: w.alert(w.group.ID, "4712")})
	w.ok(err)
	w.clock.Wind(gateway.KeepAlertReference)
	must(w.Retain(w.ctx, 10))
	got := must(w.Alert(w.ctx, w.group.ID, a.ID))
	if got.Saying.Texts != nil || got.Policy.Name != "night" {
		t.Fatalf("kept is %+v", got)
	}
	_, err = w.AlertByReference(w.ctx, w.group.ID, "4711")
	w.fails(err, gateway.CodeNotFound)
	_, err = w.PutAlert(w.ctx, gateway.AlertWrite{Alert: w.alert(w.group.ID, "4711")})
	w.ok(err)
	w.clock.Wind(gateway.KeepAlerts - gateway.KeepAlertReference)
	must(w.Retain(w.ctx, 10))
	_, err = w.Alert(w.ctx, w.group.ID, a.ID)
	w.fails(err, gateway.CodeNotFound)
	equal(t, "events", len(must(w.AlertEvents(w.ctx, w.group.ID, a.ID, 0, 10))), 0)
	equal(t, "still open", must(w.AlertByReference(w.ctx, w.group.ID, "4712")).State, gateway.AlertClimbing)
}
