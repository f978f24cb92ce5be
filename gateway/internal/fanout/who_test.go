package fanout_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// messenger is what a desk sends with; nobody waits for receipts here.
type messenger struct{ *fanout.Fanout }

func (messenger) Reach(context.Context, gateway.ID, []gateway.ID) (escalation.Reach, error) {
	return escalation.Reach{Reached: 1}, nil
}

func (m messenger) Look() { m.Wake() }

// Six people are asked, one takes charge, and the others hear of it: by her role, in the language of each, and nothing that leaves
// holds a name, whoever takes charge. Where the policy says who, her name goes over the channel that is fit for it, and to nobody
// in neutral mode.
func TestTheOthersHearWhoIsInCharge(t *testing.T) {
	st := newStage(t)
	st.wires[st.list[0].ID].limit = 4000
	fit := st.list[1]
	fit.Sensitive = true
	var err error
	st.list[1], err = st.s.PutChannel(t.Context(), fit)
	st.ok(err)
	ids := st.enrol(who{locale: "en", points: "~sms"}, who{locale: "en", points: "~sms"}, who{locale: "en", points: "~telegram"}, who{locale: "de", points: "~telegram"},
		who{locale: "en", points: "~sms"}, who{locale: "en", points: "~telegram", neutral: true})
	st.run(st.f)
	desk := escalation.NewDesk(st.s, st.s, messenger{st.f}, st.now, escalation.Options{})
	leaves := func(all []gateway.Delivery) []gateway.Claim {
		ids := make([]gateway.ID, len(all))
		for i, d := range all {
			ids[i] = d.ID
		}
		_, claims, err := st.s.Exchange(t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
		st.ok(err)
		return claims
	}
	for _, c := range []struct {
		what    string
		says    bool
		by      func(ids []gateway.ID) gateway.AlertHand
		english string // over the channel that is fit
		german  string
	}{
		{"without say_who", false, func(ids []gateway.ID) gateway.AlertHand { return gateway.AlertHand{Members: ids[:1], Way: "sms"} }, "member", "Mitglied"},
		{"with it", true, func(ids []gateway.ID) gateway.AlertHand { return gateway.AlertHand{Members: ids[:1], Way: "sms"} }, "Ann", "Ann"},
		{"with it, from a telephone of two", true, func(ids []gateway.ID) gateway.AlertHand { return gateway.AlertHand{Members: ids[:2], Way: "sms"} }, "somebody at a shared address", "jemand an einer gemeinsamen Adresse"},
		{"with it, from the office", true, func([]gateway.ID) gateway.AlertHand { return gateway.AlertHand{Label: "Ann's laptop", Way: "api"} }, "the office", "das Büro"},
	} {
		t.Run(c.what, func(t *testing.T) {
			all := []gateway.AlertTarget{{Topic: "alerts"}}
			_, err := desk.PutPolicy(t.Context(), st.group, gateway.AlertPolicy{Name: "night", Named: c.says, Steps: []gateway.AlertStep{{Targets: all, Wait: 10}}, Last: all})
			st.ok(err)
			text := gateway.AlertText{Source: "the office", What: "Flood", Where: "harbour", Do: "Go uphill."}
			a, err := desk.Raise(t.Context(), st.group, gateway.AlertDraft{Policy: "night", Saying: gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": text, "de": text}, Until: st.now().Add(time.Hour)}}, gateway.AlertHand{Label: "Ann's laptop"})
			st.ok(err)
			for _, s := range a.Climb.Sent {
				leaves(st.planned(s.ID)) // it is on its way to all of them
			}
			by := c.by(ids)
			result, err := desk.Acknowledge(t.Context(), gateway.Acknowledgement{Group: st.group.ID, Alert: a.ID, By: by, Proven: true})
			st.ok(err)
			if result.Outcome != gateway.AckTaken {
				t.Fatalf("she is answered %q", result.Outcome)
			}
			sent, err := st.s.AlertBroadcasts(t.Context(), st.group.ID, a.ID)
			st.ok(err)
			named, heard := 0, 0
			for _, id := range sent {
				b, err := st.s.Broadcast(t.Context(), st.group.ID, id)
				st.ok(err)
				if b.State == gateway.Stopped { // the requests
					continue
				}
				all := st.planned(id)
				for i, claim := range leaves(all) {
					d := all[i]
					kind := "sms"
					if d.ChannelID == fit.ID {
						kind = "telegram"
					}
					r, err := st.s.Rendering(t.Context(), st.group.ID, id, claim.Locale, kind, claim.Pointer)
					st.ok(err)
					said := string(r.Parts[0])
					tells := c.says && len(by.Members) == 1 && b.Kind == "ack-taken" && kind == "telegram" && !d.Neutral
					if got := claim.Name.Reveal(); (got == "Ann") != tells || strings.Contains(said, "Ann") {
						t.Errorf("%s over %s, neutral: %v, says %q with the name %q", b.Kind, kind, d.Neutral, said, got)
					}
					if b.Kind == "ack-taken" {
						heard++
					}
					if tells {
						named++
						said = strings.NewReplacer("\ufdd0", claim.Name.Reveal()).Replace(said)
					}
					if want := map[string]string{"en": c.english, "de": c.german}[d.Locale]; b.Kind == "ack-taken" && kind == "telegram" && !d.Neutral && !strings.Contains(said, want) {
						t.Errorf("in %s it says %q; want %q", d.Locale, said, want)
					}
				}
			}
			if want := len(ids) - len(by.Members); heard != want {
				t.Errorf("%d heard of it; want %d", heard, want)
			}
			if want := map[bool]int{true: 2}[c.says && len(by.Members) == 1]; named != want {
				t.Errorf("%d heard a name; want %d", named, want)
			}
		})
	}
}
