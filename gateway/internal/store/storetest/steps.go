package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

var attemptStates = [...]gateway.AttemptState{gateway.Claimed, gateway.InDoubt, gateway.Accepted, gateway.Refused, gateway.AttemptDelivered}

// bring claims a delivery and brings its attempt into a state.
func (w *world) bring(id gateway.ID, state gateway.AttemptState) gateway.Claim {
	w.Helper()
	c := w.granted(id)
	if state != gateway.Claimed {
		w.ok(w.settle(w.outcome(c, state)))
	}
	return c
}

func (w *world) outcome(c gateway.Claim, state gateway.AttemptState) gateway.Outcome {
	o := gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: state, Part: c.FirstPart}
	switch state {
	case gateway.Refused:
		o.Refusal = gateway.Refusal{Class: "permanent", Scope: "address", Code: "30005"}
		o.Next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	case gateway.InDoubt:
		o.LookAt = w.clock.Now().Add(time.Minute)
	default:
		o.ProviderID = "SM1"
	}
	return o
}

// attemptSteps walks every step, legal or not, by outcome and by receipt.
func attemptSteps(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	for _, from := range attemptStates {
		for _, to := range attemptStates {
			if to == gateway.Claimed {
				continue // is progress, not a step
			}
			for _, way := range []string{"outcome", "receipt"} {
				if way == "receipt" && to == gateway.InDoubt {
					continue // no receipt says so
				}
				id := w.plan(w.submit(gateway.Report), 1, m)[0]
				c := w.bring(id, from)
				before := w.delivery(id).State
				name := fmt.Sprintf("%v to %v by %s", from, to, way)
				if way == "outcome" {
					if err := w.settle(w.outcome(c, to)); err != nil && !errors.Is(err, gateway.ErrStale) {
						t.Fatalf("%s: %v", name, err)
					}
				} else {
					effect := w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: to, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}})
					want := gateway.Repeated
					if from.CanStep(to) {
						want = gateway.Applied
					}
					equal(t, name+": effect", effect, want)
				}
				want := from
				if from.CanStep(to) {
					want = to
				}
				d := w.delivery(id)
				equal(t, name, d.Attempts[0].State, want)
				if d.State != before && !before.CanStep(d.State) {
					t.Fatalf("%s: the delivery went from %q to %q", name, before, d.State)
				}
				if want == gateway.Refused {
					equal(t, name+": delivery", d.State, gateway.Ended)
				} else {
					equal(t, name+": delivery", d.State, gateway.StateOf(want))
				}
				w.recount(d.BroadcastID)
			}
		}
	}
}

// deliverySteps checks what may become of a delivery in each state: by a move, a person's resend and a claim.
func deliverySteps(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	there := func(state gateway.DeliveryState, reason gateway.Reason) (gateway.ID, gateway.Claim) {
		id := w.plan(w.submit(gateway.Reminder), 1, m)[0]
		var c gateway.Claim
		switch state {
		case gateway.Sending:
			c = w.bring(id, gateway.Claimed)
		case gateway.DeliveryAccepted:
			c = w.bring(id, gateway.Accepted)
		case gateway.DeliveryInDoubt:
			c = w.bring(id, gateway.InDoubt)
		case gateway.Delivered:
			c = w.bring(id, gateway.AttemptDelivered)
		case gateway.Ended:
			c = w.granted(id)
			w.refused(c, gateway.Step{Kind: gateway.StepEnd, Reason: reason})
		}
		w.is(id, state, reason)
		return id, c
	}
	type start struct {
		state  gateway.DeliveryState
		reason gateway.Reason
	}
	starts := []start{{state: gateway.Waiting}, {state: gateway.Sending}, {state: gateway.DeliveryAccepted}, {state: gateway.DeliveryInDoubt}, {state: gateway.Delivered}}
	for _, r := range []gateway.Reason{gateway.ReasonFailed, gateway.ReasonExpired, gateway.ReasonSuppressed, gateway.ReasonCancelled, gateway.ReasonMerged, gateway.ReasonReplaced} {
		starts = append(starts, start{gateway.Ended, r})
	}
	point := gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}
	for _, s := range starts {
		// On to the next contact point, because no receipt or no hand-over came in time.
		id, c := there(s.state, s.reason)
		w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point, Detail: "no receipt came"}}))
		switch s.state {
		case gateway.Waiting, gateway.DeliveryAccepted, gateway.DeliveryInDoubt:
			d := w.is(id, gateway.Waiting, "")
			equal(t, "moved to", d.PointID, m.Points[1].ID)
			equal(t, "moved over", d.ChannelID, w.telegram.ID)
		default:
			w.is(id, s.state, s.reason)
		}
		// A person sends again.
		id, _ = there(s.state, s.reason)
		err := w.Resend(w.ctx, w.group.ID, id)
		if s.state == gateway.DeliveryInDoubt || s.reason == gateway.ReasonFailed {
			w.ok(err)
			w.is(id, gateway.Waiting, "")
		} else {
			w.fails(err, gateway.CodeConflict)
			w.is(id, s.state, s.reason)
		}
		// Nothing but what waits is claimed.
		id, _ = there(s.state, s.reason)
		want := gateway.NotDue
		if s.state == gateway.Waiting {
			want = gateway.Granted
		}
		equal(t, "claim", w.claim(id).Verdict, want)
	}
	// What has ended is lifted by a late receipt only if it ended for want of success.
	for _, s := range starts[5:] {
		id, c := there(s.state, s.reason)
		w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
		if s.reason.Liftable() {
			w.is(id, gateway.Delivered, "")
		} else {
			w.is(id, gateway.Ended, s.reason)
		}
	}
}
