package inbound_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// office is the whole of it: whoever is asked is asked by a message, and answers are taken by the desk that has alerts climb.
type office struct {
	*stage
	desk   *escalation.Desk
	claims gateway.ID
}

// crier says that every message of a step is on its way.
type crier struct{ *fanout.Fanout }

func (crier) Reach(context.Context, gateway.ID, []gateway.ID) (escalation.Reach, error) {
	return escalation.Reach{Reached: 1}, nil
}

func newOffice(t *testing.T) *office {
	o := &office{stage: newStage(t), claims: gateway.NewID()}
	o.wires[o.own.ID].hears = true
	o.desk = escalation.NewDesk(o.s, o.s, crier{o.f}, o.now, escalation.Options{})
	o.alerts = inbound.Alerts{Acknowledger: o.desk, Cases: o.desk, Reports: o.s}
	o.ears = o.newEars()
	return o
}

// raise asks some members to take charge, tells others besides, and has all of it handed over.
func (o *office) raise(policy gateway.AlertPolicy, danger bool, tell, asked []gateway.ID) gateway.AlertCase {
	o.t.Helper()
	policy.Name = "pier"
	policy.Steps = []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Topic: "reports", Members: asked}}, Wait: 15}}
	policy.Last = policy.Steps[0].Targets
	_, err := o.desk.PutPolicy(o.t.Context(), o.harbour, policy)
	o.ok(err)
	draft := gateway.AlertDraft{Policy: "pier", DangerToLife: danger, Saying: gateway.AlertSaying{Until: o.now().Add(time.Hour),
		Texts: map[string]gateway.AlertText{"en": {Source: "Harbour", What: "Fire", Where: "Pier", Do: "Leave."}, "de": {Source: "Hafen", What: "Feuer", Where: "Pier", Do: "Geht."}}}}
	if len(tell) > 0 {
		draft.Audience = gateway.Audience{Topic: "reports", Members: tell}
	}
	a, err := o.desk.Raise(o.t.Context(), o.harbour, draft, gateway.AlertHand{Label: "office"})
	o.ok(err)
	o.handOver()
	return a
}

// handOver has everything leave that is due.
func (o *office) handOver() {
	o.t.Helper()
	var ids []gateway.ID
	for _, d := range o.answers(o.harbour) {
		if d.State == gateway.Waiting {
			ids = append(ids, d.ID)
		}
	}
	who := gateway.Claimant{ID: o.claims, Lease: time.Minute}
	_, claims, err := o.s.Exchange(o.t.Context(), who, nil, ids)
	o.ok(err)
	var done []gateway.Outcome
	for _, c := range claims {
		if c.Verdict == gateway.Granted {
			done = append(done, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: c.Attempt.String(), Cost: 1})
		}
	}
	_, _, err = o.s.Exchange(o.t.Context(), who, done, nil)
	o.ok(err)
}

// text says something by text message, and gives the answers to it.
func (o *office) text(from, words string) string {
	o.t.Helper()
	return o.event(told{ID: gateway.NewID().String(), From: from, Text: words})
}

func (o *office) event(e told) string {
	o.t.Helper()
	o.say(o.own, e)
	o.mu.Lock()
	defer o.mu.Unlock()
	said := strings.Join(o.out, "; ")
	o.out = nil
	return said
}

func (o *office) state(a gateway.AlertCase) gateway.AlertCase {
	o.t.Helper()
	a, err := o.desk.Alert(o.t.Context(), o.harbour.ID, a.ID)
	o.ok(err)
	return a
}

// noted gives what the timeline says of answers, in its order.
func (o *office) noted(a gateway.AlertCase) (kinds []string) {
	o.t.Helper()
	all, err := o.desk.AlertEvents(o.t.Context(), o.harbour.ID, a.ID, 0, 500)
	o.ok(err)
	for _, e := range all {
		if strings.HasPrefix(string(e.Kind), "ack") {
			kinds = append(kinds, string(e.Kind))
		}
	}
	return kinds
}

// waiting counts what people are to read.
func (o *office) waiting() int {
	o.t.Helper()
	c, err := o.s.Threads(o.t.Context(), o.harbour.ID, gateway.ID{}, 100)
	o.ok(err)
	n := 0
	for _, t := range c {
		n += t.Unread
	}
	return n
}

// Ann answers too late, by text message: with the number, with the digit alone, in words. Whatever the alert has come to, she hears
// that and nothing comforting beside it, the timeline says so, and nothing reopens. A day later her words are for people.
func TestLateAnswers(t *testing.T) {
	by := gateway.AlertHand{Label: "office"}
	for _, c := range []struct {
		name  string
		ends  func(o *office, a gateway.AlertCase)
		state gateway.AlertState
		is    string // answered, with {who} of whom was faster
		noted gateway.AlertEventKind
	}{
		{"after somebody else", func(o *office, a gateway.AlertCase) {
			if said := o.text(bea, "1 "+a.Reference); said != "" {
				o.t.Fatalf("the first was answered %q besides thanks", said)
			}
		}, gateway.AlertTaken, "ack-taken", gateway.EventAckOther},
		{"after the all-clear", func(o *office, a gateway.AlertCase) {
			_, err := o.desk.Act(o.t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Clear, By: by})
			o.ok(err)
		}, gateway.AlertCleared, "ack-over", gateway.EventAckLate},
		{"after it was withdrawn", func(o *office, a gateway.AlertCase) {
			_, err := o.desk.Act(o.t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Cancel, By: by})
			o.ok(err)
		}, gateway.AlertCancelled, "ack-over", gateway.EventAckLate},
		{"after its time", func(o *office, a gateway.AlertCase) {
			o.wind(2 * time.Hour)
			_, err := o.desk.Tick(o.t.Context())
			o.ok(err)
		}, gateway.AlertExpired, "ack-expired", gateway.EventAckLate},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOffice(t)
			her, first := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
			cid := o.enrol(o.harbour, "sms:+447700900103")
			a := o.raise(gateway.AlertPolicy{}, false, []gateway.ID{cid}, []gateway.ID{her, first})
			c.ends(o, a)
			want := c.is + " " + a.Reference
			if c.is == "ack-taken" {
				want += " " + gateway.AlertHand{Members: []gateway.ID{first}}.Role()
			}

			var kinds []string
			if c.is == "ack-taken" {
				kinds = append(kinds, string(gateway.EventAcked))
			}
			for _, words := range []string{"1 " + a.Reference, "1", a.Reference, "I take charge", "တာဝန်ယူမည်", "Ich übernehme " + a.Reference} {
				if said := o.text(ann, words); said != want {
					t.Errorf("%q was answered %q, want %q", words, said, want)
				}
				o.wind(time.Minute)
				kinds = append(kinds, string(c.noted))
			}
			if got := o.state(a); got.State != c.state {
				t.Errorf("the alert is %q", got.State)
			}
			if got := o.noted(a); !slices.Equal(got, kinds) {
				t.Errorf("the timeline says %q, want %q", got, kinds)
			}
			if got, want := o.text("+447700900103", "1 "+a.Reference), "ack-unknown "+a.Reference; got != want {
				t.Errorf("who was not asked was answered %q, want %q", got, want)
			}

			o.wind(25 * time.Hour)
			before := o.waiting()
			for _, words := range []string{"1", "I take charge", "I am safe"} {
				if c.state == gateway.AlertTaken || c.state == gateway.AlertExpired && words == "I am safe" {
					break // nobody has ended it
				}
				if said := o.text(ann, words); said != "" {
					t.Errorf("%q a day later was answered %q", words, said)
				}
				if before++; o.waiting() != before {
					t.Errorf("%q a day later: %d wait for people, not %d", words, o.waiting(), before)
				}
			}
		})
	}
}

// Ann is safe, and says so after the all-clear: it is in the roll-call. A digit alone may be anything by then.
func TestSheIsSafeAfterTheAllClear(t *testing.T) {
	o := newOffice(t)
	her, first := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{}, true, []gateway.ID{her}, []gateway.ID{first})
	_, err := o.desk.Act(t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Clear})
	o.ok(err)
	if said := o.text(ann, "2"); said != "" {
		t.Errorf("a digit alone was answered %q", said)
	}
	for _, words := range []string{"ဘေးကင်းပါတယ်", "2 " + a.Reference} {
		if said := o.text(ann, words); said != "safe-noted "+a.Reference {
			t.Errorf("%q was answered %q", words, said)
		}
		o.wind(time.Minute)
	}
	roll, err := o.desk.RollCall(t.Context(), o.harbour.ID, a.Reference)
	o.ok(err)
	if roll.Safe != 1 || roll.Silent != 1 {
		t.Errorf("the roll says %+v", roll)
	}
}

// One webhook comes three times, as providers send them when they hear no answer: that is one answer. Said twice, it is two, and
// the second is told so.
func TestTheSameAnswerTwice(t *testing.T) {
	o := newOffice(t)
	her, other := o.enrol(o.harbour, "sms:"+ann), o.enrol(o.harbour, "sms:"+bea)
	a := o.raise(gateway.AlertPolicy{Quorum: 2}, false, nil, []gateway.ID{her, other})
	one := told{ID: "one", From: ann, Text: "1 " + a.Reference, At: o.now()}
	for i := range 3 {
		o.ears = o.newEars() // another process hears it
		if said := o.event(one); said != "ack-counted "+a.Reference {
			t.Errorf("the first, for the %d. time, was answered %q", i+1, said)
		}
	}
	two := told{ID: "two", From: bea, Text: "1 " + a.Reference, At: o.now()}
	for range 3 {
		o.ears = o.newEars()
		if said := o.event(two); said != "" { // the desk thanks her
			t.Errorf("the second was answered %q besides thanks", said)
		}
	}
	if said := o.text(ann, "1 "+a.Reference); said != "ack-again "+a.Reference {
		t.Errorf("said again, it was answered %q", said)
	}
	got := o.state(a)
	if got.State != gateway.AlertTaken || len(got.Climb.Charge) != 2 {
		t.Errorf("the alert is %q, %d are in charge", got.State, len(got.Climb.Charge))
	}
	if noted := o.noted(a); !slices.Equal(noted, []string{"acknowledged", "acknowledged", "acknowledged again"}) {
		t.Errorf("the timeline says %q", noted)
	}
	o.handOver()
	counted := 0
	for _, d := range o.answers(o.harbour) {
		b, err := o.s.Broadcast(t.Context(), o.harbour.ID, d.BroadcastID)
		o.ok(err)
		if b.Kind == "ack-counted" {
			counted++
		}
	}
	if counted != 1 {
		t.Errorf("she was told %d times that it counts", counted)
	}
}

// Two share a telephone, and each is asked. Whoever answers from it is somebody there, unless her code says who; that is what the
// others hear, and neither of the two is taken for the other.
func TestAnAnswerFromASharedTelephone(t *testing.T) {
	const shared = "+447700900199"
	for _, coded := range []bool{false, true} {
		o := newOffice(t)
		both := o.enrolAll(o.harbour, []string{"sms:" + shared, "telegram:77"}, []string{"sms:" + shared})
		her := o.enrol(o.harbour, "sms:"+ann)
		a := o.raise(gateway.AlertPolicy{Code: coded}, false, nil, append(slices.Clone(both), her))
		words, who := "1 "+a.Reference, "somebody at a shared address"
		if coded {
			if said := o.text(shared, words+"000000"); said != "ack-unverified "+a.Reference {
				t.Errorf("a wrong code was answered %q", said)
			}
			if said := o.text(ann, words); said != "ack-unverified "+a.Reference {
				t.Errorf("without a code: %q", said)
			}
			if o.state(a).State != gateway.AlertClimbing {
				t.Fatal("without a code it climbs no more")
			}
			words, who = words+" "+escalation.Code(&a, both[1]), gateway.AlertHand{Members: both[1:]}.Role()
		}
		event := told{ID: "shared", From: shared, Text: words, At: o.now()}
		for range 2 {
			o.ears = o.newEars()
			if said := o.event(event); said != "" {
				t.Errorf("%q was answered %q besides thanks", words, said)
			}
		}
		if got := o.state(a); got.State != gateway.AlertTaken || len(got.Climb.Charge) != 1 || got.Climb.Charge[0].Role() != who {
			t.Errorf("in charge: %+v, want %s", got.Climb.Charge, who)
		}
		if said := o.text(ann, "1 "+a.Reference); said != "ack-taken "+a.Reference+" "+who { // although her code is missing: it does not go on
			t.Errorf("who was late heard %q", said)
		}
		o.say(o.chat, told{ID: "press", From: "77", Action: gateway.AlertAction(gateway.AnswerTake, a.ID)})
		if said := strings.Join(o.out, "; "); said != "ack-taken "+a.Reference+" "+who {
			t.Errorf("one of the two, from her own address, heard %q", said)
		}
	}
}

// Any script's digits, and each answer in Burmese words, with and without the number.
func TestAnswersInEveryScript(t *testing.T) {
	o := newOffice(t)
	her := o.enrol(o.harbour, "sms:"+ann)
	for i, digits := range []string{"٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "၀၁၂၃၄၅၆၇၈၉", "०१२३४५६७८९", "０１２３４５６７８９"} {
		a := o.raise(gateway.AlertPolicy{}, false, nil, []gateway.ID{her})
		o.text(ann, strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return []rune(digits)[r-'0']
			}
			return r
		}, []string{"1 " + a.Reference, "1" + a.Reference, a.Reference, "1  " + a.Reference + ".", "1 " + a.Reference}[i]))
		if got := o.state(a); got.State != gateway.AlertTaken {
			t.Errorf("in %s it is %q", digits, got.State)
		}
		_, err := o.desk.Act(t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Clear})
		o.ok(err)
	}
	a := o.raise(gateway.AlertPolicy{}, true, []gateway.ID{her}, []gateway.ID{her})
	for _, c := range []struct{ words, want string }{
		{"ဘေးကင်းပါတယ်", "safe-noted " + a.Reference}, {"ဘေးကင်းသည် ၊ " + a.Reference, "safe-noted " + a.Reference},
		{"အကူအညီလိုပါတယ်", "help-heard " + a.Reference + " " + gateway.AlertHand{Members: []gateway.ID{her}}.Role() + "; help-heard " + a.Reference + " " + gateway.AlertHand{Members: []gateway.ID{her}}.Role() + "; help-noted"}, // the owners hear it too: she may be all whom the step asks
		{"တာဝန်ယူပါမယ် " + a.Reference, ""},
	} {
		o.wind(time.Second)
		if said := o.text(ann, c.words); said != c.want {
			t.Errorf("%q was answered %q, want %q", c.words, said, c.want)
		}
	}
	if got := o.state(a); got.State != gateway.AlertTaken {
		t.Errorf("it is %q", got.State)
	}
}

// An alert that waits for a second person is nobody's to find out about: whoever guesses its number hears what she would hear of a
// number that is none.
func TestNobodyFindsOutAboutAnAlertThatWaits(t *testing.T) {
	o := newOffice(t)
	her := o.enrol(o.harbour, "sms:"+ann)
	a := o.raise(gateway.AlertPolicy{Release: true}, true, []gateway.ID{her}, []gateway.ID{her})
	if a.State != gateway.AlertHeld {
		t.Fatalf("it is %q", a.State)
	}
	for _, number := range []string{a.Reference, "9999"} {
		for _, digit := range []string{"1 ", "2 ", "3 "} {
			if said := o.text(ann, digit+number); said != "ack-unknown "+number {
				t.Errorf("%s%s was answered %q", digit, number, said)
			}
		}
	}
	if said := o.text(ann, "I am safe"); said != "" || o.waiting() == 0 {
		t.Errorf("in words: %q, and %d for people", said, o.waiting())
	}
	roll, err := o.desk.RollCall(t.Context(), o.harbour.ID, a.Reference)
	o.ok(err)
	if roll.Told != 0 {
		t.Errorf("the roll says %+v", roll)
	}
}
