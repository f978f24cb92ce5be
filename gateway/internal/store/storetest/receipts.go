package storetest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
)

// receiptOrders sends the receipts of a message of up to three parts in every order, repeated, before and after the
// answer: what is known in the end does not depend on the order.
func receiptOrders(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	rapid.Check(t, func(r *rapid.T) {
		count := rapid.IntRange(1, 3).Draw(r, "parts")
		failing := rapid.IntRange(-1, count-1).Draw(r, "failing part")
		id := w.plan(w.submit(gateway.Report), count, m)[0]
		c := w.granted(id)
		var events []func()
		settled := 0
		for p := range count {
			events = append(events,
				func() { // the sender goes on with the next part only
					if settled != p {
						return
					}
					settled++
					o := gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Claimed, Part: p, ProviderID: "SM" + string(rune('0'+p))}
					if p == count-1 {
						o.State = gateway.Accepted
					}
					w.ok(w.settle(o))
				},
				func() {
					w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, Part: p, ProviderID: "SM" + string(rune('0'+p)), State: gateway.Accepted})
				},
				func() {
					state := gateway.AttemptDelivered
					if p == failing {
						state = gateway.Refused
					}
					w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, Part: p, ProviderID: "SM" + string(rune('0'+p)), State: state, Spent: true,
						Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}})
				})
		}
		order := rapid.Permutation(slices.Concat(events, events)).Draw(r, "order")
		for _, event := range order {
			event()
		}
		for settled < count {
			for _, event := range events {
				event()
			}
		}
		if failing >= 0 {
			d := w.is(id, gateway.Ended, gateway.ReasonFailed)
			equal(t, "tries", d.Tries, 1)
		} else {
			w.is(id, gateway.Delivered, "")
		}
	})
}

func receiptOvertakes(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	start := func() (gateway.ID, gateway.Claim) {
		id := w.plan(w.submit(gateway.Reminder), 1, m)[0]
		return id, w.granted(id)
	}
	receipt := func(c gateway.Claim, s gateway.AttemptState) gateway.Receipt {
		return gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, ProviderID: "SM9", State: s, ConfirmBy: w.clock.Now().Add(time.Hour), Spent: s == gateway.Refused,
			Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}
	}
	// Delivered before the answer to sending is in.
	id, c := start()
	equal(t, "effect", w.observe(receipt(c, gateway.AttemptDelivered)), gateway.Applied)
	w.is(id, gateway.Delivered, "")
	w.accepted(c)
	d := w.is(id, gateway.Delivered, "")
	equal(t, "the provider's id", slices.Equal(d.Attempts[0].Parts, []string{"SM9"}) || slices.Equal(d.Attempts[0].Parts, []string{"SM" + c.Attempt.Short()}), true)

	// The answer never came: the receipt heals.
	id, c = start()
	w.inDoubt(c, time.Time{})
	equal(t, "effect", w.observe(receipt(c, gateway.Accepted)), gateway.Applied)
	d = w.is(id, gateway.DeliveryAccepted, "")
	equal(t, "the provider's id", slices.Equal(d.Attempts[0].Parts, []string{"SM9"}), true)
	w.clock.Wind(time.Hour)
	late, err := w.Overdue(w.ctx, 100)
	w.ok(err)
	equal(t, "waits for confirmation like any other", slices.ContainsFunc(late, func(l gateway.Claim) bool { return l.Delivery == id }), true)

	// The receipt says accepted, then the sender reports that it does not know.
	id, c = start()
	w.observe(receipt(c, gateway.Accepted))
	w.ok(w.settle(w.outcome(c, gateway.InDoubt)))
	w.is(id, gateway.DeliveryAccepted, "")

	// Refused by receipt before the answer; the answer that it was taken comes too late to matter.
	id, c = start()
	w.observe(receipt(c, gateway.Refused))
	w.is(id, gateway.Waiting, "")
	w.accepted(c)
	d = w.is(id, gateway.Waiting, "")
	equal(t, "the next contact point", d.PointID, m.Points[1].ID)
	equal(t, "tries", d.Tries, 1)
	equal(t, "refusal", d.Attempts[0].State, gateway.Refused)
	c2 := w.granted(id)
	equal(t, "tries at the second claim", c2.Tries, 1)

	// A refusal of the first attempt that comes twice, while the second is on its way, moves nothing.
	equal(t, "effect", w.observe(receipt(c, gateway.Refused)), gateway.Repeated)
	d = w.is(id, gateway.Sending, "")
	equal(t, "tries", d.Tries, 1)
}

func receiptStrangers(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Report, 1, "sms")
	c := w.granted(id)
	w.accepted(c)
	for name, r := range map[string]gateway.Receipt{
		"another channel":   {Attempt: c.Attempt, Channel: w.telegram.ID, State: gateway.AttemptDelivered},
		"no channel":        {Attempt: c.Attempt, State: gateway.AttemptDelivered},
		"an unknown id":     {Attempt: gateway.NewID(), Channel: w.sms.ID, State: gateway.AttemptDelivered},
		"a delivery's id":   {Attempt: id, Channel: w.sms.ID, State: gateway.AttemptDelivered},
		"nothing":           {Channel: w.sms.ID, State: gateway.AttemptDelivered},
		"an unknown ref":    {Channel: w.sms.ID, ProviderID: "SMx", State: gateway.AttemptDelivered},
		"a ref not polled":  {Channel: w.sms.ID, ProviderID: "SM" + c.Attempt.Short(), State: gateway.AttemptDelivered},
		"a part below zero": {Attempt: c.Attempt, Channel: w.sms.ID, Part: -1, State: gateway.AttemptDelivered},
		"a part beyond all": {Attempt: c.Attempt, Channel: w.sms.ID, Part: 1 << 30, State: gateway.AttemptDelivered},
	} {
		equal(t, name, w.observe(r), gateway.NoAttempt)
	}
	w.is(id, gateway.DeliveryAccepted, "")
	effects, err := w.Observe(w.ctx, []gateway.Receipt{{Attempt: gateway.NewID(), Channel: w.sms.ID, State: gateway.Refused}, {Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered}})
	w.ok(err)
	equal(t, "a stranger beside a friend", slices.Equal(effects, []gateway.Effect{gateway.NoAttempt, gateway.Applied}), true)
}

func receiptPolled(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Report, 2, "sms")
	c := w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Claimed, Part: 0, ProviderID: "SM-first", Polled: true}))
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, Part: 1, ProviderID: "SM-second", Polled: true}))
	found, err := w.AttemptByRef(w.ctx, w.sms.ID, "SM-second")
	w.ok(err)
	equal(t, "found", found, c.Attempt)
	_, err = w.AttemptByRef(w.ctx, w.telegram.ID, "SM-second")
	w.fails(err, gateway.CodeNotFound)
	by := func(channel gateway.Channel, ref string) gateway.Effect {
		return w.observe(gateway.Receipt{Channel: channel.ID, ProviderID: ref, State: gateway.AttemptDelivered})
	}
	equal(t, "on another channel", by(w.telegram, "SM-first"), gateway.NoAttempt)
	by(w.sms, "SM-second")
	w.is(id, gateway.DeliveryAccepted, "")
	equal(t, "the other part", by(w.sms, "SM-first"), gateway.Applied)
	w.is(id, gateway.Delivered, "")
}

func receiptLate(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Report, 1, "sms")
	c := w.granted(id)
	w.refused(c, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	w.is(id, gateway.Ended, gateway.ReasonFailed)
	equal(t, "effect", w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered}), gateway.Applied)
	w.is(id, gateway.Delivered, "")

	_, _, id = w.one(gateway.Report, 1, "sms")
	c = w.granted(id)
	w.inDoubt(c, time.Time{})
	w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
	w.is(id, gateway.Delivered, "")
}

func receiptTakesBack(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	delivered := func(c gateway.Claim) gateway.Effect {
		return w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: c.Channel, State: gateway.AttemptDelivered})
	}
	point := gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}
	// No receipt came in time, she waits for Telegram, and then the text message is reported as delivered after all.
	id := w.plan(w.submit(gateway.Reminder), 1, m)[0]
	c := w.granted(id)
	w.accepted(c)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point}}))
	w.is(id, gateway.Waiting, "")
	equal(t, "effect", delivered(c), gateway.Applied)
	w.is(id, gateway.Delivered, "")
	equal(t, "due", slices.Contains(w.due(w.telegram, gateway.Normal), id), false)
	equal(t, "claim", w.claim(id).Verdict, gateway.NotDue)

	// The same while the second attempt is with its sender: its answer no longer changes that she has it.
	id = w.plan(w.submit(gateway.Reminder), 1, m)[0]
	c = w.granted(id)
	w.accepted(c)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point}}))
	c2 := w.granted(id)
	delivered(c)
	w.is(id, gateway.Delivered, "")
	w.refused(c2, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	d := w.is(id, gateway.Delivered, "")
	equal(t, "both attempts are shown", len(d.Attempts), 2)

	// And the other way round: the second attempt arrived, the first is reported later.
	id = w.plan(w.submit(gateway.Reminder), 1, m)[0]
	c = w.granted(id)
	w.accepted(c)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point}}))
	c2 = w.granted(id)
	w.accepted(c2)
	delivered(c2)
	delivered(c)
	d = w.is(id, gateway.Delivered, "")
	equal(t, "both attempts arrived", d.Attempts[0].State == gateway.AttemptDelivered && d.Attempts[1].State == gateway.AttemptDelivered, true)
	// A refusal of the first attempt while the second is out changes nothing for the delivery.
	id = w.plan(w.submit(gateway.Reminder), 1, m)[0]
	c = w.granted(id)
	w.accepted(c)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point}}))
	c2 = w.granted(id)
	w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: c.Channel, State: gateway.Refused, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}})
	w.is(id, gateway.Sending, "")
	w.accepted(c2)
	w.is(id, gateway.DeliveryAccepted, "")
}
