package escalation

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Two must take charge. When the second does, both hear that they are in charge, and neither that she need do nothing.
func TestAllInChargeAreThanked(t *testing.T) {
	w := newWorld(2, 0)
	w.do(Event{Kind: Ack, By: ann, Asked: true, Proven: true, Once: "sms/1"})
	if sends(w.Alert, gateway.AlertThank) != nil || sends(w.Alert, gateway.AlertSayTaken) != nil {
		t.Fatal("it is told before enough take charge")
	}
	w.do(Event{Kind: Ack, By: ben, Asked: true, Proven: true, Once: "sms/2"})
	thanked, told := sends(w.Alert, gateway.AlertThank), sends(w.Alert, gateway.AlertSayTaken)
	if len(thanked) != 1 || !reflect.DeepEqual(thanked[0].Members, []gateway.ID{{1}, {2}}) {
		t.Errorf("thanked: %+v", thanked)
	}
	if len(told) != 1 {
		t.Fatalf("told: %+v", told)
	}
	d := &Desk{messenger: people{}}
	who, err := d.audiences(t.Context(), &w.Alert, &told[0])
	if err != nil || len(who) != 1 || !slices.Contains(who[0].Alert.But, gateway.ID{1}) || !slices.Contains(who[0].Alert.But, gateway.ID{2}) {
		t.Errorf("that somebody else is in charge goes to %+v, %v", who, err)
	}
}

// Whoever hands an alert over is out of it once the other accepts, and is told; who took charge beside her stays.
func TestAHandOverIsComplete(t *testing.T) {
	w := newWorld(2, 0)
	cleo := gateway.AlertHand{Members: []gateway.ID{{3}}, Way: "sms"}
	for _, e := range []Event{{Kind: Ack, By: ann, Asked: true, Proven: true, Once: "1"}, {Kind: Ack, By: ben, Asked: true, Proven: true, Once: "2"}, {Kind: Offer, To: cleo, Once: "3"}} {
		w.do(e)
	}
	if got := w.Alert.Climb.Charge; len(got) != 2 || !got[1].Same(ben) {
		t.Fatalf("an offer alone changes who is in charge: %+v", got)
	}
	w.Alert.Climb.Pending = nil
	w.do(Event{Kind: Ack, By: cleo, Proven: true, Once: "4"})
	if got := w.Alert.Climb.Charge; len(got) != 2 || !got[0].Same(ann) || !got[1].Same(cleo) {
		t.Errorf("in charge: %+v", got)
	}
	told := sends(w.Alert, gateway.AlertSayTaken)
	if len(told) != 1 {
		t.Fatalf("told: %+v", told)
	}
	who, err := (&Desk{messenger: people{}}).audiences(t.Context(), &w.Alert, &told[0])
	if err != nil || slices.Contains(who[0].Alert.But, gateway.ID{2}) || !slices.Contains(who[0].Alert.But, gateway.ID{3}) {
		t.Errorf("that she is out of it is told to all but %+v, %v", who[0].Alert.But, err)
	}
}

func sends(a gateway.AlertCase, kind gateway.AlertEffectKind) (all []gateway.AlertEffect) {
	for _, e := range a.Climb.Pending {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

// people are three, of whom the first two were asked and the last two take the alert's topic.
type people struct{ Messenger }

func (people) Meant(_ context.Context, _ gateway.ID, a gateway.Audience, _ int) ([]gateway.ID, error) {
	all := []gateway.ID{{2}, {3}}
	if a.Alert != nil {
		all = []gateway.ID{{1}, {2}}
	}
	return slices.DeleteFunc(all, func(m gateway.ID) bool { return len(a.Members) > 0 && !slices.Contains(a.Members, m) }), nil
}

// Who takes the alert's topic and was asked besides gets an update once.
func TestAnUpdateReachesEachOnce(t *testing.T) {
	d := &Desk{messenger: people{}}
	a := gateway.AlertCase{ID: gateway.ID{9}, Audience: gateway.Audience{Topic: "alerts"}}
	for _, c := range []struct{ named, but []gateway.ID }{{nil, []gateway.ID{{2}}}, {[]gateway.ID{{3}}, nil}, {[]gateway.ID{{2}, {3}}, []gateway.ID{{2}}}} {
		a.Audience.Members = c.named
		who, err := d.audiences(t.Context(), &a, &gateway.AlertEffect{Kind: gateway.AlertRenew})
		if err != nil || len(who) != 2 || !reflect.DeepEqual(who[0], a.Audience) || !who[1].Alert.Asked || !slices.Equal(who[1].Alert.But, c.but) {
			t.Errorf("for %v: %+v, %v", c.named, who, err)
		}
	}
}

// mute cannot put one kind of message into words.
type mute struct {
	*yard
	kind gateway.AlertEffectKind
}

func (m mute) ReadyAlert(ctx context.Context, msg gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	if msg.Effect.Kind == m.kind {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the text cannot be filled in")
	}
	return m.yard.ReadyAlert(ctx, msg)
}

var ownersOnly = []gateway.Topic{{Name: gateway.OwnersTopic}}

// Whoever raises an alert in a group that has nobody to ask by the shipped policy is told so, and what to do; a trial finds it.
func TestAnAlertThatWouldAskNobodySaysWhy(t *testing.T) {
	saying := gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "Office", What: "Flood", Where: "Harbour", Do: "Go."}}, Until: noon.Add(time.Hour)}
	y, d := newYard()
	y.now = noon
	for _, dry := range []bool{true, false} {
		_, err := d.Raise(t.Context(), gateway.Group{Zone: "UTC", Topics: []gateway.Topic{{Name: "reports"}}}, gateway.AlertDraft{Audience: gateway.Audience{Topic: "reports"}, Saying: saying, DryRun: dry}, gateway.AlertHand{Label: "office"})
		if err == nil || !strings.Contains(err.Error(), "nobody would be asked to take charge") || !strings.Contains(err.Error(), "add the topic to the group") || len(y.alerts) > 0 {
			t.Errorf("dry %v: %v", dry, err)
		}
	}
}

// What cannot be put into words, now or in what is kept for later, is refused when it is raised, released or updated: it is not said
// to be on its way and then reaches nobody.
func TestWhatCannotBeSaidIsNotRaised(t *testing.T) {
	saying := gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "Office", What: "Flood", Where: "Harbour", Do: "Go."}}, Until: noon.Add(time.Hour)}
	saying.Update = saying.Texts
	for _, kind := range []gateway.AlertEffectKind{gateway.AlertTell, gateway.AlertAsk, gateway.AlertRenew, gateway.AlertSayClear, gateway.AlertWithdraw, "none"} {
		y, d := newYard()
		y.now, d.messenger = noon, mute{y, kind}
		draft := gateway.AlertDraft{Exercise: true, Audience: gateway.Audience{Topic: gateway.OwnersTopic}, Saying: saying}
		_, err := d.Raise(t.Context(), gateway.Group{Zone: "UTC", Topics: ownersOnly}, draft, gateway.AlertHand{Label: "office"})
		if refused := kind != "none"; (err != nil) != refused || (len(y.alerts) == 0) != refused {
			t.Errorf("%s: %v, and %d alerts are raised", kind, err, len(y.alerts))
		}
	}
	y, d := newYard()
	y.now = noon
	a, err := d.Raise(t.Context(), gateway.Group{Zone: "UTC", Topics: ownersOnly}, gateway.AlertDraft{Exercise: true, Audience: gateway.Audience{Topic: gateway.OwnersTopic}, Saying: saying}, gateway.AlertHand{Label: "office"})
	if err != nil {
		t.Fatal(err)
	}
	d.messenger = mute{y, gateway.AlertRenew}
	_, err = d.Act(t.Context(), gateway.Group{Zone: "UTC"}, a.ID.String(), Event{Kind: Update, By: gateway.AlertHand{Label: "office"}})
	if err == nil || y.alerts[a.ID].Climb.Text != 0 {
		t.Errorf("an update that cannot be said: %v, and its text is number %d", err, y.alerts[a.ID].Climb.Text)
	}
}
