package inbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// elsewhere raises an alert of the valley, which asks these members there.
func (o *office) elsewhere(asked gateway.ID) gateway.AlertCase {
	o.t.Helper()
	to := []gateway.AlertTarget{{Topic: "reports", Members: []gateway.ID{asked}}}
	_, err := o.desk.PutPolicy(o.t.Context(), o.valley, gateway.AlertPolicy{Name: "dam", Steps: []gateway.AlertStep{{Targets: to, Wait: 15}}, Last: to})
	o.ok(err)
	a, err := o.desk.Raise(o.t.Context(), o.valley, gateway.AlertDraft{Policy: "dam", Saying: gateway.AlertSaying{Until: o.now().Add(time.Hour),
		Texts: map[string]gateway.AlertText{"en": {Source: "Valley", What: "Flood", Where: "Dam", Do: "Leave."}}}}, gateway.AlertHand{Label: "office"})
	o.ok(err)
	o.answers(o.valley) // it is planned
	return a
}

// Ann belongs to two groups, over one number. The alert of the first ended an hour ago, that of the second climbs. What she answers
// goes to the one that waits for her, and not to the one that is over, in whichever order the groups are looked at.
func TestAnAnswerGoesToTheAlertThatIsOpen(t *testing.T) {
	for _, first := range []string{"harbour", "valley"} {
		o := newOffice(t)
		o.own = o.all // the sender that both groups share
		o.wires[o.own.ID].hears = true
		here, there := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.valley, "sms:"+ann)
		a, b := o.raise(gateway.AlertPolicy{}, false, nil, []gateway.ID{here}), o.elsewhere(there)
		over, open := a, b
		groups := []gateway.Group{o.harbour, o.valley}
		if first == "valley" {
			over, open = b, a
			groups = []gateway.Group{o.valley, o.harbour}
		}
		if said := o.text(ann, "1"); !strings.HasPrefix(said, "ack-which") || !strings.Contains(said, a.Reference) || !strings.Contains(said, b.Reference) {
			t.Errorf("%s: both ask her, and she was answered %q", first, said)
		}
		_, err := o.desk.Act(t.Context(), groups[0], over.Reference, escalation.Event{Kind: escalation.Clear})
		o.ok(err)
		if said := o.text(ann, "1"); strings.Contains(said, "over") {
			t.Errorf("%s is over: she was answered %q", first, said)
		}
		if now, err := o.desk.Alert(t.Context(), groups[1].ID, open.ID); err != nil || now.State != gateway.AlertTaken {
			t.Errorf("%s is over: the other is %s, %v", first, now.State, err)
		}
		if said := o.text(ann, "I am safe"); said != "safe-noted "+open.Reference {
			t.Errorf("%s is over: that she is safe is noted as %q", first, said)
		}
	}
}

// An alert whose time is up, and that nobody has ended, keeps nobody from raising one: whoever needs help has one that climbs.
func TestAnAlertThatNobodyEndedKeepsNobodyFromHelp(t *testing.T) {
	o := newOffice(t)
	her, first := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
	raised := 0
	o.alerts.Raise = func(context.Context, gateway.ID, gateway.AlertHand, string) (bool, error) { raised++; return true, nil }
	o.ears = o.newEars()
	a := o.raise(gateway.AlertPolicy{}, false, []gateway.ID{her}, []gateway.ID{first})
	o.wind(2 * time.Hour)
	_, err := o.desk.Tick(t.Context())
	o.ok(err)
	if is := o.state(a); is.State != gateway.AlertExpired {
		t.Fatalf("it is %s", is.State)
	}
	if said := o.text(ann, "I need help"); raised != 1 || !strings.HasPrefix(said, "help-noted") {
		t.Errorf("she was answered %q, and %d alerts were raised", said, raised)
	}
}

// A process dies between keeping that somebody needs help and telling those on duty. The message comes again, with its old time, and
// they are told.
func TestACryForHelpOutlivesACrash(t *testing.T) {
	o := newOffice(t)
	her, first := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{}, false, []gateway.ID{her}, []gateway.ID{first})
	o.alerts.Acknowledger = crashed{o.desk}
	o.ears = o.newEars()
	e := told{ID: "1", From: ann, Text: "3 " + a.Reference, At: o.now()}
	body, err := json.Marshal([]told{e})
	o.ok(err)
	if code := o.call(o.own.Name, "good", string(body)).Code; code < 500 {
		t.Fatalf("the provider is answered %d, although it was not heard", code)
	}
	o.alerts.Acknowledger = o.desk
	o.ears = o.newEars()
	if said := o.event(e); !strings.Contains(said, "help-heard "+a.Reference) {
		t.Errorf("the second time: %q", said)
	}
}

// crashed notes nothing.
type crashed struct{ gateway.Acknowledger }

func (crashed) Note(context.Context, gateway.ID, gateway.ID, string, string, gateway.AlertHand) error {
	return errors.New("the process dies here")
}

// Somebody says over and over that she needs help, or forges the number of whoever does. Those on duty hear of it at once, and a
// few times more, and are not drowned; others are heard as ever, and so is she later.
func TestNobodyIsDrownedInCries(t *testing.T) {
	o := newOffice(t)
	her, other, first := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:+447700900103"), o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{}, false, []gateway.ID{her, other}, []gateway.ID{first})
	loud := func(from string, times int) (n int) {
		for range times {
			o.wind(time.Second)
			n += strings.Count(o.text(from, "3 "+a.Reference), "help-heard")
		}
		return n
	}
	if n := loud(ann, 12); n != 5 {
		t.Errorf("of twelve cries they hear %d", n)
	}
	if n := loud("+447700900103", 1); n != 1 {
		t.Errorf("another's is heard %d times", n)
	}
	o.wind(11 * time.Minute)
	if n := loud(ann, 1); n != 1 {
		t.Errorf("later hers is heard %d times", n)
	}
	events, err := o.desk.AlertEvents(t.Context(), o.harbour.ID, a.ID, 0, 500)
	o.ok(err)
	if len(events) > 15 {
		t.Errorf("the timeline has %d events", len(events))
	}
}

// On her page she needs help, is safe, and needs help again: those on duty hear of both times.
func TestAPageIsHeardAgain(t *testing.T) {
	o := newOffice(t)
	her, first := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{}, false, []gateway.ID{her}, []gateway.ID{first})
	press := func(answer gateway.AlertAnswer) {
		t.Helper()
		_, err := o.ears.AnswerOnPage(t.Context(), inbound.PageAnswer{Group: o.harbour, Member: o.member(o.harbour, her), Alert: a.ID, Answer: answer, Once: "page x " + string(answer)})
		o.ok(err)
		o.wind(2 * time.Minute)
	}
	heard := func() (n int) {
		for _, d := range o.answers(o.harbour) {
			b, err := o.s.Broadcast(t.Context(), o.harbour.ID, d.BroadcastID)
			o.ok(err)
			if b.Kind == "help-heard" {
				n++
			}
		}
		return n
	}
	press(gateway.AnswerHelp)
	press(gateway.AnswerSafe)
	if n := heard(); n != 1 {
		t.Fatalf("the first time is heard %d times", n)
	}
	press(gateway.AnswerHelp)
	if n := heard(); n != 2 {
		t.Errorf("both together are heard %d times", n)
	}
}

// Bea takes charge on her page, is silent, and the alert climbs again. She takes charge once more, on the same page.
func TestAPageTakesChargeAgain(t *testing.T) {
	o := newOffice(t)
	her := o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{Progress: 10}, false, nil, []gateway.ID{her})
	for i := range 2 {
		_, err := o.ears.AnswerOnPage(t.Context(), inbound.PageAnswer{Group: o.harbour, Member: o.member(o.harbour, her), Alert: a.ID, Answer: gateway.AnswerTake, Once: "page x take"})
		o.ok(err)
		if is := o.state(a); is.State != gateway.AlertTaken {
			t.Fatalf("press %d: it is %s", i+1, is.State)
		}
		o.wind(11 * time.Minute)
		_, err = o.desk.Tick(t.Context())
		o.ok(err)
		if is := o.state(a); is.State != gateway.AlertClimbing {
			t.Fatalf("silent after press %d: it is %s", i+1, is.State)
		}
	}
}

// turn is a rota: somebody has the turn, or nobody any more.
type turn []gateway.ID

func (t *turn) OnDuty(context.Context, gateway.ID, string, time.Time) ([]gateway.ID, error) {
	return *t, nil
}

// The rota that an alert asks has nobody on duty any more while it waits for an answer. Whoever needs help is not kept for nobody: the
// group's owners hear of her.
func TestACryReachesOwnersWhereNobodyIsOnDuty(t *testing.T) {
	o := newOffice(t)
	o.enrol(o.harbour, "sms:"+ann)
	on := turn{o.enrol(o.harbour, "sms:"+bea)}
	o.desk.Rotas, o.alerts.OnDuty = &on, &on
	o.ears = o.newEars()
	_, err := o.desk.PutPolicy(t.Context(), o.harbour, gateway.AlertPolicy{Name: "night", Last: []gateway.AlertTarget{{Topic: "reports"}},
		Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Topic: "reports", Rota: "watch"}}, Wait: 15}}})
	o.ok(err)
	_, err = o.desk.Raise(t.Context(), o.harbour, gateway.AlertDraft{Policy: "night", Saying: gateway.AlertSaying{Until: o.now().Add(time.Hour),
		Texts: map[string]gateway.AlertText{"en": {Source: "Harbour", What: "Fire", Where: "Pier", Do: "Leave."}}}}, gateway.AlertHand{Label: "office"})
	o.ok(err)
	on = nil
	if said := o.text(ann, "I need help"); !strings.Contains(said, "help-heard") {
		t.Errorf("what is said is %q", said)
	}
}

// Nobody finds out by guessing that an alert waits to be released: its number is answered like one that there is not.
func TestAHeldAlertIsNotGuessed(t *testing.T) {
	o := newOffice(t)
	o.enrol(o.harbour, "sms:"+ann)
	a := gateway.AlertCase{ID: gateway.NewID(), GroupID: o.harbour.ID, Reference: "4711", Author: "office", Policy: gateway.AlertPolicy{Name: "p"},
		Saying: gateway.AlertSaying{Until: o.now().Add(time.Hour)}}
	held, err := escalation.Decide(a, escalation.Event{Kind: escalation.Raise, Hold: &gateway.AlertHold{For: time.Hour}}, o.now())
	o.ok(err)
	_, err = o.s.(gateway.Alerts).PutAlert(t.Context(), gateway.AlertWrite{Alert: held.Alert, Events: held.Events})
	o.ok(err)
	for _, words := range []string{"%s", "1 %s", "1%s", "2 %s", "3 %s"} {
		there, none := o.text(ann, fmt.Sprintf(words, "4711")), o.text(ann, fmt.Sprintf(words, "4811"))
		if strings.ReplaceAll(none, "4811", "4711") != there {
			t.Errorf("%q is answered %q, and of no alert %q", words, there, none)
		}
	}
}
