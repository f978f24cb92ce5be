package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	"github.com/carillon-gateway/carillon/templates"
)

// desk takes acknowledgements by the rules of package escalation, in the stage's ledger. Who was asked it is told.
type desk struct {
	*stage
	asked map[gateway.ID][]gateway.ID // alert → members
	calls []string                    // alerts that members raised
	names bool                        // a group names a policy for that
}

func (d *desk) decide(ctx context.Context, group, id gateway.ID, e escalation.Event) (gateway.AckResult, error) {
	a, err := d.s.(gateway.Alerts).Alert(ctx, group, id)
	if err != nil {
		return gateway.AckResult{}, err
	}
	decision, err := escalation.Decide(a, e, d.now())
	if err != nil {
		return gateway.AckResult{}, err
	}
	_, err = d.s.(gateway.Alerts).PutAlert(ctx, gateway.AlertWrite{Alert: decision.Alert, Events: decision.Events, Stops: decision.Stops})
	if errors.Is(err, &gateway.Fault{Code: gateway.CodeConflict}) { // the event is known
		err = nil
	}
	return decision.Result, err
}

func (d *desk) Acknowledge(ctx context.Context, a gateway.Acknowledgement) (gateway.AckResult, error) {
	code := ""
	if a.Alert.IsZero() {
		found, err := d.s.(gateway.Alerts).AlertByReference(ctx, a.Group, a.Reference[:gateway.AlertDigits])
		if errors.Is(err, gateway.ErrNotFound) {
			return gateway.AckResult{Outcome: gateway.AckUnknown}, nil
		}
		if err != nil {
			return gateway.AckResult{}, err
		}
		a.Alert, code = found.ID, a.Reference[gateway.AlertDigits:]
	}
	asked := slices.ContainsFunc(a.By.Members, func(m gateway.ID) bool { return slices.Contains(d.asked[a.Alert], m) })
	return d.decide(ctx, a.Group, a.Alert, escalation.Event{Kind: escalation.Ack, Once: a.Once, By: a.By, Code: code, Proven: a.Proven, Asked: asked})
}

func (d *desk) Asked(ctx context.Context, group gateway.ID, members []gateway.ID) (all []gateway.AlertCase, err error) {
	for id, asked := range d.asked {
		if slices.ContainsFunc(members, func(m gateway.ID) bool { return slices.Contains(asked, m) }) {
			a, err := d.s.(gateway.Alerts).Alert(ctx, group, id)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
	}
	return all, nil
}

func (d *desk) Note(ctx context.Context, group, alert gateway.ID, once, detail string, by gateway.AlertHand) error {
	_, err := d.decide(ctx, group, alert, escalation.Event{Kind: escalation.Note, Once: once, Detail: detail, By: by})
	return err
}

func (d *desk) raise(_ context.Context, group gateway.ID, by gateway.AlertHand) (bool, error) {
	if d.names && !slices.Contains(d.calls, by.Role()) { // hers is open
		d.calls = append(d.calls, by.Role())
	}
	return d.names && group == d.harbour.ID && len(by.Members) > 0, nil
}

// alert raises one that asks these members.
func (d *desk) alert(reference string, code bool, asked ...gateway.ID) gateway.AlertCase {
	d.t.Helper()
	return d.alertTo(gateway.AlertTarget{Topic: "reports", Members: asked}, reference, code, asked...)
}

// alertTo is alert with whom its step asks.
func (d *desk) alertTo(target gateway.AlertTarget, reference string, code bool, asked ...gateway.ID) gateway.AlertCase {
	d.t.Helper()
	a := gateway.AlertCase{ID: gateway.NewID(), GroupID: d.harbour.ID, Reference: reference, Author: "office", Audience: gateway.Audience{Topic: "reports"},
		Saying: gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "Harbour", What: "fire", Where: "pier", Do: "Leave."}}, Until: d.now().Add(time.Hour), Next: d.now().Add(time.Hour)},
		Policy: gateway.AlertPolicy{Name: "p", Code: code, Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{target}, Wait: 15}}, Last: []gateway.AlertTarget{{Topic: "owners"}}}}
	a.Climb.Secret = []byte("a secret of thirty-two bytes ....")
	decision, err := escalation.Decide(a, escalation.Event{Kind: escalation.Raise}, d.now())
	d.ok(err)
	a, err = d.s.(gateway.Alerts).PutAlert(d.t.Context(), gateway.AlertWrite{Alert: decision.Alert, Events: decision.Events})
	d.ok(err)
	d.asked[a.ID] = asked
	return a
}

func (d *desk) state(a gateway.AlertCase) gateway.AlertCase {
	d.t.Helper()
	a, err := d.s.(gateway.Alerts).Alert(d.t.Context(), d.harbour.ID, a.ID)
	d.ok(err)
	return a
}

// heardBack gives what went out, by wording and its member, sorted, and forgets it.
func (d *desk) heardBack() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.out
	d.out = nil
	sort.Strings(all)
	return strings.Join(all, "; ")
}

// reports gives what members said of themselves.
func (d *desk) reports(a gateway.AlertCase) string {
	d.t.Helper()
	all, err := d.s.AlertReports(d.t.Context(), d.harbour.ID, a.ID, gateway.ID{}, 10)
	d.ok(err)
	var out []string
	for _, r := range all {
		out = append(out, fmt.Sprint(r.Answer, " ", r.Way, " ", r.Shared))
	}
	return strings.Join(out, "; ")
}

func newDesk(st *stage) *desk {
	d := &desk{stage: st, asked: map[gateway.ID][]gateway.ID{}}
	st.alerts = inbound.Alerts{Acknowledger: d, Cases: st.s.(gateway.Alerts), Reports: st.s, Raise: d.raise}
	st.ears = st.newEars()
	return d
}

// overBoth runs a story over both ledgers.
func overBoth(t *testing.T, story func(t *testing.T, d *desk)) {
	t.Run("SQLite", func(t *testing.T) { story(t, newDesk(newStage(t))) })
	t.Run("PostgreSQL", func(t *testing.T) {
		p, err := servers.StartPostgres(t.Context(), servers.PostgresOptions{Unsafe: true})
		servers.Need(t, err)
		t.Cleanup(p.Close)
		database, err := p.NewDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ring := newRing(t)
		s, err := postgres.Open(t.Context(), postgres.Options{URL: p.URL(database), Ring: ring})
		if err != nil {
			t.Fatal(err)
		}
		story(t, newDesk(new(stage).on(t, s, ring)))
	})
}

// Ann is asked by text message and answers as people do: in Arabic digits, in Burmese words, twice, late, with the wrong
// number; Bea and Cid, who share a telephone, answer from there. Each is as docs/alerts.md says.
func TestHowMembersAnswer(t *testing.T) {
	overBoth(t, func(t *testing.T, d *desk) {
		const shared = "+447700900199"
		her := d.enrol(d.harbour, "sms:"+ann)
		both := d.enrolAll(d.harbour, []string{"sms:" + shared}, []string{"sms:" + shared})
		other := d.enrol(d.harbour, "telegram:77")
		said := func(from, text, want string) {
			t.Helper()
			d.say(d.own, told{ID: gateway.NewID().String(), From: from, Text: text})
			if got := d.heardBack(); got != want {
				t.Errorf("%q was answered %q, want %q", text, got, want)
			}
		}
		state := func(a gateway.AlertCase, want gateway.AlertState) gateway.AlertCase {
			t.Helper()
			if a = d.state(a); a.State != want {
				t.Errorf("the alert is %q, want %q", a.State, want)
			}
			return a
		}

		a := d.alert("4711", false, her)
		said(ann, "1 9999", "ack-unknown 9999")
		state(a, gateway.AlertClimbing)
		said("+447700900555", "1 4711", "") // a stranger is answered nothing
		state(a, gateway.AlertClimbing)
		said(ann, "١ ٤٧١١", "") // the engine thanks
		state(a, gateway.AlertTaken)
		said(ann, "1 4711", "ack-again 4711")
		event := told{ID: "same", From: ann, Text: "2 4711"}
		d.say(d.own, event, event)
		if got := d.heardBack(); got != "safe-noted 4711" {
			t.Errorf("the same message twice: %q", got)
		}
		d.say(d.chat, told{ID: "p1", From: "77", Text: gateway.AlertAction(gateway.AnswerTake, a.ID)}) // typed, not pressed: words that mean nothing
		d.heardBack()
		d.asked[a.ID] = append(d.asked[a.ID], other)
		d.say(d.chat, told{ID: "p2", From: "77", Action: gateway.AlertAction(gateway.AnswerTake, a.ID)})
		if got := d.heardBack(); !strings.HasPrefix(got, "ack-taken 4711 member ") {
			t.Errorf("who is late was told %q", got)
		}
		if got := d.reports(a); got != "safe sms false" {
			t.Errorf("roll-call: %s", got)
		}
		_, err := d.decide(t.Context(), d.harbour.ID, a.ID, escalation.Event{Kind: escalation.Clear, By: gateway.AlertHand{Label: "office"}})
		d.ok(err)
		said(ann, "ဘေးကင်းပါတယ် 4711", "safe-noted 4711")
		said(ann, "1 4711", "ack-over 4711")
		state(a, gateway.AlertCleared)

		b := d.alert("5822", false, her, both[0], both[1])
		said(ann, "တာဝန်ယူမည်", "")
		if got := state(b, gateway.AlertTaken); len(got.Climb.Charge) != 1 || !slices.Equal(got.Climb.Charge[0].Members, []gateway.ID{her}) {
			t.Errorf("in charge: %+v", got.Climb.Charge)
		}
		said(shared, "1 5822", "ack-taken 5822 "+gateway.AlertHand{Members: []gateway.ID{her}}.Role())
		said(shared, "२ 5822", "safe-noted 5822")
		if got := d.reports(b); got != "safe sms true; safe sms true" {
			t.Errorf("from a telephone that two share: %s", got)
		}

		c := d.alert("6933", true, her, both[0], both[1])
		said(ann, "1 6933", "ack-unverified 6933")
		said(ann, "1 6933 000 000", "ack-unverified 6933")
		state(c, gateway.AlertClimbing)
		said(shared, "1 6933 "+escalation.Code(&c, both[1]), "")
		if got := state(c, gateway.AlertTaken); !slices.Equal(got.Climb.Charge[0].Members, []gateway.ID{both[1]}) {
			t.Errorf("a code tells who it is: %+v", got.Climb.Charge)
		}

		e := d.alert("7044", false, her)
		f := d.alert("8155", false, her)
		d.say(d.own, told{ID: "w", From: ann, Text: "I take charge"})
		if got := d.heardBack(); !strings.HasPrefix(got, "ack-which ") || !strings.Contains(got, "7044") || !strings.Contains(got, "8155") {
			t.Errorf("which of several: %q", got)
		}
		state(e, gateway.AlertClimbing)
		state(f, gateway.AlertClimbing)
	})
}

// Ann needs help. During an alert those on duty hear of it at once, whatever she calls it; without one, her group's policy for
// that is what counts. Nobody but her own group's people hears of it.
func TestAMemberNeedsHelp(t *testing.T) {
	overBoth(t, func(t *testing.T, d *desk) {
		her := d.enrol(d.harbour, "sms:"+ann)
		guard := d.enrol(d.harbour, "telegram:77")
		say := func(text string) string {
			t.Helper()
			d.say(d.own, told{ID: gateway.NewID().String(), From: ann, Text: text})
			return d.heardBack()
		}
		if got := say("I need help"); got != "" || len(d.calls) != 0 {
			t.Errorf("a group that names no policy: %q, %v", got, d.calls)
		}
		threads, err := d.s.Threads(t.Context(), d.harbour.ID, gateway.ID{}, 10)
		d.ok(err)
		if len(threads) != 1 || !threads[0].Urgent || threads[0].MemberID != her {
			t.Errorf("her group's people do not see it: %+v", threads)
		}
		d.names = true
		event := told{ID: "h", From: ann, Text: "NEED HELP"}
		d.say(d.own, event, event)
		if got := d.heardBack(); got != "help-noted" || len(d.calls) != 1 {
			t.Errorf("%q, %v", got, d.calls)
		}
		a := d.alert("4711", false, guard)
		role := gateway.AlertHand{Members: []gateway.ID{her}}.Role()
		for _, text := range []string{"NEED HELP", "3 4711", "¡Auxilio!", "အကူအညီလိုပါတယ်"} {
			if got := say(text); !strings.Contains(got, "help-heard 4711 "+role) {
				t.Errorf("%q told %q", text, got)
			}
			d.wind(time.Second)
		}
		if got := d.reports(a); got != "help sms false" {
			t.Errorf("roll-call: %s", got)
		}
		if got := say("who is this?"); got != "help-here" { // somebody who doubts us, or has another's number, needs no rescue
			t.Errorf("who asks who writes is answered, and tells, %q", got)
		}
		if got := say("See you at noon"); got != "" {
			t.Errorf("%q", got)
		}
		events, err := d.s.(gateway.Alerts).AlertEvents(t.Context(), d.harbour.ID, a.ID, 0, 100)
		d.ok(err)
		noted := 0
		for _, e := range events {
			if e.Kind == gateway.EventNoted && strings.HasPrefix(e.Detail, role) {
				noted++
			}
		}
		if noted == 0 {
			t.Errorf("the timeline says nothing of it: %+v", events)
		}
		if !strings.Contains(templates.ShippedText(templates.HelpHeard)["en"], "{short}") {
			t.Error("the text does not say who")
		}
	})
}
