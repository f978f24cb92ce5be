package escalation

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// ack is that somebody takes charge who was asked.
func (w *world) ack(once string, by gateway.AlertHand) {
	w.do(Event{Kind: Ack, Once: once, By: by, Asked: true, Proven: true})
}

// Two must take charge. One person alone is not two of them: not from her page and then from the telephone that she shares, in either
// order, nor with two tokens under one label. Two who share a telephone and each answer from their own are.
func TestOnePersonIsNoQuorum(t *testing.T) {
	cleo, both := gateway.AlertHand{Members: []gateway.ID{{3}}, Way: "page"}, gateway.AlertHand{Members: []gateway.ID{{1}, {3}}, Way: "sms"}
	token := func(n byte, label string) gateway.AlertHand {
		return gateway.AlertHand{Token: gateway.ID{n}, Label: label, Way: "api"}
	}
	group := func(slug string) gateway.AlertHand { return gateway.AlertHand{Label: slug, Way: gateway.WayGroup} }
	for _, c := range []struct {
		name  string
		by    []gateway.AlertHand
		state gateway.AlertState
	}{
		{"page and shared", []gateway.AlertHand{ann, both}, gateway.AlertClimbing},
		{"shared and page", []gateway.AlertHand{both, ann}, gateway.AlertClimbing},
		{"two tokens of one person", []gateway.AlertHand{token(1, "Dora"), token(2, " dora ")}, gateway.AlertClimbing},
		{"one group twice", []gateway.AlertHand{group("valley"), group("valley")}, gateway.AlertClimbing},
		{"both who share", []gateway.AlertHand{both, ann, cleo}, gateway.AlertTaken},
		{"two people", []gateway.AlertHand{ann, ben}, gateway.AlertTaken},
		{"two tokens", []gateway.AlertHand{token(1, "Dora"), token(2, "Emil")}, gateway.AlertTaken},
		{"a group and a token of its name", []gateway.AlertHand{group("valley"), token(1, "valley")}, gateway.AlertTaken},
		{"a member and another at a shared telephone", []gateway.AlertHand{ben, both}, gateway.AlertTaken},
	} {
		w := newWorld(2, 0)
		for i, by := range c.by {
			w.ack(fmt.Sprint(i), by)
		}
		if w.Alert.State != c.state || w.broken != "" {
			t.Errorf("%s: it is %s %s", c.name, w.Alert.State, w.broken)
		}
	}
}

// A thousand answers that prove nothing fill the timeline. What people do after that holds all the same: who is in charge keeps it from
// climbing again, and hands it over.
func TestAFloodOfAnswersStopsNothing(t *testing.T) {
	w := newWorld(1, 30)
	w.ack("sms/1", ann)
	for i := range mostNoted + 10 {
		w.do(Event{Kind: Ack, By: gateway.AlertHand{Members: []gateway.ID{{7}}}, Once: fmt.Sprint("flood/", i)})
	}
	if n := w.Alert.Climb.Notes; n > mostNoted {
		t.Fatalf("%d events", n)
	}
	w.do(Event{Kind: Offer, To: ben, Once: "offer"})
	w.ack("sms/2", ben)
	if charge := w.Alert.Climb.Charge; len(charge) != 1 || !charge[0].Same(ben) || !slices.Contains(w.Keys, "sms/2") {
		t.Errorf("in charge: %+v", charge)
	}

	y, d := newYard()
	y.now = noon.Add(20 * time.Minute)
	y.alerts[w.Alert.ID] = w.Alert
	if _, err := d.Acknowledge(t.Context(), gateway.Acknowledgement{Alert: w.Alert.ID, By: ben, Proven: true, Once: "sms/3"}); err != nil {
		t.Fatal(err)
	}
	if at := y.alerts[w.Alert.ID].Climb.ActiveAt; !at.Equal(y.now) {
		t.Errorf("she was heard of at %v, and it counts as %v", y.now, at)
	}
}

// It is handed over to somebody whose telephone others share: she accepts from there, as somebody at that address.
func TestAHandOverToASharedTelephone(t *testing.T) {
	w := newWorld(1, 0)
	w.ack("1", ann)
	w.do(Event{Kind: Offer, To: ben, Once: "2"})
	there := gateway.AlertHand{Members: []gateway.ID{{2}, {5}}, Way: "sms"}
	w.ack("3", there)
	if charge := w.Alert.Climb.Charge; len(charge) != 1 || !charge[0].Same(there) || w.Alert.Climb.Offer != nil {
		t.Errorf("in charge: %+v", charge)
	}
}

// Its time is over, and those in charge cannot be asked whether it has ended: they said STOP. Then the last resort is.
func TestSomebodyIsAskedHowItEnded(t *testing.T) {
	w := newWorld(1, 0)
	w.ack("1", ann)
	w.Now = noon.Add(2 * time.Hour)
	w.do(Event{Kind: Tick})
	asked := sends(w.Alert, gateway.AlertAskEnd)
	if w.Alert.State != gateway.AlertExpired || len(asked) != 1 || !reflect.DeepEqual(asked[0].Members, ann.Members) {
		t.Fatalf("it is %s and asks %+v", w.Alert.State, asked)
	}
	w.do(Event{Kind: Failed, Effect: asked[0].Key, Nobody: true})
	if asked = sends(w.Alert, gateway.AlertAskEnd); len(asked) != 1 || asked[0].Target.Topic != "owners" {
		t.Fatalf("then it asks %+v", asked)
	}
	w.do(Event{Kind: Failed, Effect: asked[0].Key, Nobody: true})
	if len(w.Alert.Climb.Pending) != 0 || w.broken != "" {
		t.Errorf("it asks for ever: %+v %s", w.Alert.Climb.Pending, w.broken)
	}
}

// choked cannot make one kind of message, for now.
type choked struct {
	*yard
	kind gateway.AlertEffectKind
}

func (m choked) ReadyAlert(ctx context.Context, msg gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	if msg.Effect.Kind == m.kind {
		return nil, errors.New("the ledger is away")
	}
	return m.yard.ReadyAlert(ctx, msg)
}

// start raises an alert and has what it has decided leave.
func (y *yard) start(t *testing.T, d *Desk, a gateway.AlertCase) {
	t.Helper()
	raised, err := Decide(a, Event{Kind: Raise}, noon)
	if err != nil {
		t.Fatal(err)
	}
	done, err := y.PutAlert(t.Context(), gateway.AlertWrite{Alert: raised.Alert, Events: raised.Events})
	if err != nil {
		t.Fatal(err)
	}
	d.submit(t.Context(), done)
}

// What cannot be made now, as in a group that does not answer, keeps nothing else from leaving: the step is asked.
func TestWhatFailsHoldsNothingBack(t *testing.T) {
	y, d := newYard()
	d.messenger = choked{y, gateway.AlertTell}
	a := gateway.AlertCase{ID: gateway.ID{9}, Exercise: true, Audience: gateway.Audience{Topic: "alerts"}, Saying: gateway.AlertSaying{Until: noon.Add(time.Hour)}}
	a.Policy, _ = d.Policy(t.Context(), gateway.ID{}, "night")
	y.start(t, d, a)
	is := y.alerts[a.ID].Climb
	if len(is.Sent) != 1 || is.Sent[0].Kind != gateway.AlertAsk || len(is.Pending) != 1 || is.Pending[0].Kind != gateway.AlertTell {
		t.Errorf("sent %+v, and %+v waits", is.Sent, is.Pending)
	}
}

// neighbours are two groups in one ledger.
type neighbours struct {
	*yard
	valley gateway.Group
}

func (n neighbours) Group(_ context.Context, slug string) (gateway.Group, error) {
	if slug == n.valley.Slug {
		return n.valley, nil
	}
	return gateway.Group{Slug: "harbour", Zone: "UTC"}, nil
}

func (n neighbours) GroupByID(_ context.Context, id gateway.ID) (gateway.Group, error) {
	if id == n.valley.ID {
		return n.valley, nil
	}
	return gateway.Group{Slug: "harbour", Zone: "UTC"}, nil
}

// A group that allows it no more is told nothing new by an alert that has climbed there, and still that it is over.
func TestARevokedGroupHearsNothingNew(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		y, d := newYard()
		n := neighbours{y, gateway.Group{ID: gateway.ID{5}, Slug: "valley", Zone: "UTC"}}
		if allowed {
			n.valley.ClimbFrom = []string{"harbour"}
		}
		d.groups = n
		text := func(what string) map[string]gateway.AlertText {
			return map[string]gateway.AlertText{"en": {What: what}}
		}
		linked := gateway.AlertCase{ID: gateway.ID{7}, GroupID: n.valley.ID, Exercise: true, Revision: 1, State: gateway.AlertClimbing, Climb: gateway.AlertClimb{Step: -1}, Saying: gateway.AlertSaying{Texts: text("flood"), Until: noon.Add(time.Hour)}}
		y.alerts[linked.ID] = linked
		first := gateway.AlertCase{ID: gateway.ID{6}, Exercise: true, Saying: gateway.AlertSaying{Texts: text("rubbish"), Until: noon.Add(time.Hour)}}
		pass := gateway.AlertEffect{Kind: gateway.AlertPass, Key: "pass-1", Link: &gateway.AlertLink{Group: "valley", Alert: linked.ID}, What: gateway.PassUpdated}
		err := d.elsewhere(t.Context(), &first, &pass)
		if told := y.alerts[linked.ID].Saying.Texts["en"].What == "rubbish"; told != allowed || (err == nil) != allowed {
			t.Errorf("allowed %v: it is told %v, %v", allowed, told, err)
		}
		pass.Key, pass.What = "pass-2", gateway.PassCleared
		if err := d.elsewhere(t.Context(), &first, &pass); err != nil || y.alerts[linked.ID].State != gateway.AlertCleared {
			t.Errorf("allowed %v: in the end it is %s, %v", allowed, y.alerts[linked.ID].State, err)
		}
	}
}

// crowd is sixty people who are meant by every step.
type crowd struct{ *yard }

func (crowd) Meant(_ context.Context, _ gateway.ID, _ gateway.Audience, limit int) (all []gateway.ID, err error) {
	for i := range min(limit, 60) {
		all = append(all, gateway.ID{byte(i + 1)})
	}
	return all, nil
}

// Each is sent a code of her own, and more are meant than can be: the timeline says that not all are asked.
func TestMoreThanCanBeSentACodeOfTheirOwn(t *testing.T) {
	y, d := newYard()
	d.messenger = crowd{y}
	a := gateway.AlertCase{ID: gateway.ID{9}, Exercise: true, Saying: gateway.AlertSaying{Until: noon.Add(time.Hour)}}
	a.Policy, _ = d.Policy(t.Context(), gateway.ID{}, "night")
	a.Policy.Code = true
	y.start(t, d, a)
	var said []string
	for _, e := range y.events[a.ID] {
		if e.Kind == gateway.EventNobody {
			said = append(said, e.Detail)
		}
	}
	if n := len(y.alerts[a.ID].Climb.Sent); n != gateway.MaxAlertAsked || len(said) != 1 || y.alerts[a.ID].Climb.Step != 0 {
		t.Errorf("%d are asked, and the timeline says %q", n, said)
	}
}

// Two must take charge, and one has when every step is over. Whoever is asked as the last resort and answers is the second; a third hears
// who is in charge.
func TestTheLastResortFillsTheQuorum(t *testing.T) {
	w := newWorld(2, 0)
	w.ack("1", ann)
	for range 2 {
		w.Now = w.Now.Add(11 * time.Minute)
		w.do(Event{Kind: Tick})
	}
	if w.Alert.State != gateway.AlertTaken || len(sends(w.Alert, gateway.AlertLast)) != 1 {
		t.Fatalf("it is %s", w.Alert.State)
	}
	w.ack("2", ben)
	w.ack("3", gateway.AlertHand{Members: []gateway.ID{{3}}})
	if charge := w.Alert.Climb.Charge; len(charge) != 2 || !charge[1].Same(ben) || sends(w.Alert, gateway.AlertLast) != nil {
		t.Errorf("in charge: %+v", charge)
	}
}
