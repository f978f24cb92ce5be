package inbound_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// toldHow counts what was really sent that says how one takes charge.
func (o *office) toldHow() int {
	o.t.Helper()
	n := 0
	for _, said := range o.said(o.harbour) {
		if kind, _, _ := strings.Cut(said, " "); strings.HasPrefix(kind, "ack-") {
			n++
		}
	}
	return n
}

// Ann is asked to take charge and answers in words of her own: ok, yes please, yes. None of them takes charge, and she hears at once how
// to. She hears it once for each time that she is asked, however often she or her machine writes, and however often one message comes;
// people read what she wrote. The digit counts as ever, and afterwards nobody is told.
func TestWordsThatTakeNoCharge(t *testing.T) {
	o := newOffice(t)
	her, other, reader := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea), "+447700900103"
	cid := o.enrol(o.harbour, "sms:"+reader)
	a := o.raise(gateway.AlertPolicy{Rounds: 2}, false, []gateway.ID{cid}, []gateway.ID{her, other})
	ok := told{ID: "ok", From: ann, Text: "ok, got it", At: o.now()}
	if said := o.event(ok); said != "ack-how "+a.Reference {
		t.Errorf("ok was answered %q", said)
	}
	o.ears = o.newEars() // another process hears it again
	o.event(ok)
	for _, words := range []string{"ok", "yes", "YES", "Yes please", "on my way!", "7"} {
		o.text(ann, words)
	}
	if n := o.toldHow(); n != 1 {
		t.Errorf("she was told %d times how to answer", n)
	}
	if n := o.waiting(); n != 5 {
		t.Errorf("%d messages are for people", n)
	}
	if said := o.text(reader, "ok"); said != "" {
		t.Errorf("who was told and not asked was answered %q", said)
	}
	if said := o.text(bea, "yes"); said != "ack-how "+a.Reference {
		t.Errorf("yes was answered %q", said)
	}
	events, err := o.desk.AlertEvents(t.Context(), o.harbour.ID, a.ID, 0, 500)
	o.ok(err)
	notes := 0
	for _, e := range events {
		if e.Kind == gateway.EventNoted && strings.Contains(e.Detail, "do not take charge") {
			notes++
		}
	}
	if notes != 2 {
		t.Errorf("the timeline says %d times that somebody answered in words", notes)
	}
	if got := o.state(a); got.State != gateway.AlertClimbing || len(o.noted(a)) != 0 {
		t.Fatalf("the alert is %q, and its timeline has %q", got.State, o.noted(a))
	}

	o.wind(16 * time.Minute) // nobody took charge: both are asked again
	_, err = o.desk.Tick(t.Context())
	o.ok(err)
	o.handOver()
	for range 3 {
		o.text(ann, "OK")
	}
	if n := o.toldHow(); n != 3 {
		t.Errorf("asked twice, both were told %d times in all", n)
	}
	if said := o.text(ann, "1 "+a.Reference); said != "" || o.state(a).State != gateway.AlertTaken {
		t.Errorf("the digit was answered %q, and the alert is %q", said, o.state(a).State)
	}
	for _, from := range []string{ann, bea} {
		if said := o.text(from, "ok"); said != "" {
			t.Errorf("after it is taken, ok was answered %q", said)
		}
	}
	_, err = o.desk.Act(t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Offer, To: gateway.AlertHand{Members: []gateway.ID{other}}})
	o.ok(err)
	o.handOver()
	if said := o.text(bea, "yes"); said != "ack-how "+a.Reference {
		t.Errorf("who is offered it was answered %q", said)
	}
}

// What asks her is said as it is: of several alerts which there are, of one that wants her code that it does. What she wrote before
// any of them asked is no answer, nor is what was written at a number that may be another's by now.
func TestWordsWhileAlertsAsk(t *testing.T) {
	o := newOffice(t)
	her := o.enrol(o.harbour, "sms:"+ann)
	a := o.raise(gateway.AlertPolicy{Code: true}, false, nil, []gateway.ID{her})
	if said := o.event(told{ID: "early", From: ann, Text: "see you at noon", At: o.now().Add(-time.Hour)}); said != "" {
		t.Errorf("what she wrote before was answered %q", said)
	}
	if said := o.text(ann, "ok"); said != "ack-unverified "+a.Reference {
		t.Errorf("of one with codes: %q", said)
	}
	if noted := o.noted(a); len(noted) != 0 {
		t.Errorf("the timeline takes it for an answer: %q", noted)
	}
	b := o.raise(gateway.AlertPolicy{}, false, nil, []gateway.ID{her})
	said := o.text(ann, "ok")
	if !strings.HasPrefix(said, "ack-which ") || !strings.Contains(said, a.Reference) || !strings.Contains(said, b.Reference) {
		t.Errorf("of two: %q", said)
	}

	st := newOffice(t)
	at := st.atNoon()
	old := st.enrol(st.harbour, "sms:"+ann)
	*at = at.Add(gateway.KeepConfirmed)
	if got := st.states(st.harbour, old); got != "stale" {
		t.Fatalf("the number is %s", got)
	}
	c := st.raise(gateway.AlertPolicy{}, true, nil, []gateway.ID{old})
	for i, words := range []string{"who sends me this?", "1", "I take charge", "ACK"} {
		if said := st.text(ann, words); said != "" {
			t.Errorf("%q, from somebody at a silent number, was answered %q", words, said)
		}
		if st.waiting() != i+1 {
			t.Errorf("%q: %d wait for people", words, st.waiting())
		}
	}
	if got := st.state(c); got.State != gateway.AlertClimbing {
		t.Errorf("the alert is %q", got.State)
	}
	if said := st.text(ann, "1 "+c.Reference); said != "" || st.state(c).State != gateway.AlertTaken {
		t.Errorf("who has read the number was answered %q, and the alert is %q", said, st.state(c).State)
	}
}

// Her yes answers what she was asked: about her consent it takes that, and says nothing of an alert.
func TestAYesToAnotherQuestion(t *testing.T) {
	o := newOffice(t)
	her := o.enrol(o.harbour, "sms:"+ann, "?sms:"+bea)
	o.raise(gateway.AlertPolicy{}, false, nil, []gateway.ID{her})
	_, err := o.f.Ask(t.Context(), o.harbour.ID, []string{"reports"}, "desk")
	o.ok(err)
	o.handOver()
	if said := o.text(bea, "yes"); strings.Contains(said, "ack-") {
		t.Errorf("it was answered %q", said)
	}
	if got := o.states(o.harbour, her); got != "active active" {
		t.Errorf("her addresses: %s", got)
	}
}

// She alone was asked, and takes charge: nobody else is to be told, and the timeline does not say that nobody was reached.
func TestNobodyElseWasAsked(t *testing.T) {
	o := newOffice(t)
	her := o.enrol(o.harbour, "sms:"+ann)
	a := o.raise(gateway.AlertPolicy{}, false, nil, []gateway.ID{her})
	o.text(ann, "1 "+a.Reference)
	if got := o.state(a); got.State != gateway.AlertTaken || len(got.Climb.Pending) != 0 {
		t.Errorf("it is %q, with %d to be sent", got.State, len(got.Climb.Pending))
	}
	events, err := o.desk.AlertEvents(t.Context(), o.harbour.ID, a.ID, 0, 500)
	o.ok(err)
	thanked := false
	for _, e := range events {
		if thanked = thanked || e.Detail == string(gateway.AlertThank); e.Kind == gateway.EventNobody {
			t.Errorf("the timeline says %q: %s", e.Kind, e.Detail)
		}
	}
	if !thanked {
		t.Error("she is not thanked")
	}
}

// Whoever is asked, or in charge, needs help herself. Told are those whom the step asks, which may be nobody but her, and so the owners
// too; of another who is in charge, she alone.
func TestWhoIsOnDutyNeedsHelp(t *testing.T) {
	o := newOffice(t)
	her, other := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{}, false, nil, []gateway.ID{her})
	cries := func(when, words string, want int) {
		t.Helper()
		o.wind(time.Second)
		if said := o.text(ann, words); strings.Count(said, "help-heard") != want {
			t.Errorf("%s, %q told %q", when, words, said)
		}
	}
	cries("asked", "NEED HELP "+a.Reference, 2)
	cries("asked", "we are bleeding", 2)
	o.text(ann, "1 "+a.Reference)
	cries("in charge", "NEED HELP "+a.Reference, 2)
	_, err := o.desk.Act(t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Offer, To: gateway.AlertHand{Members: []gateway.ID{other}}})
	o.ok(err)
	o.handOver()
	o.text(bea, "1 "+a.Reference)
	cries("while another is in charge", "NEED HELP "+a.Reference, 1)
}
