package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func orphans(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Report, 1, "sms")
	w.granted(id)
	n, err := w.Orphans(w.ctx, false)
	w.ok(err)
	equal(t, "orphans while the lease holds", n, 0)
	w.is(id, gateway.Sending, "")
	w.clock.Wind(time.Minute)
	n, err = w.Orphans(w.ctx, false)
	w.ok(err)
	equal(t, "orphans after it", n, 1)
	w.is(id, gateway.DeliveryInDoubt, "")

	// The process dies: at the next start every claim is an orphan.
	_, _, id = w.one(gateway.Report, 1, "sms")
	c := w.granted(id)
	_, _, done := w.one(gateway.Report, 1, "sms")
	w.accepted(w.granted(done))
	w.crash()
	n, err = w.Orphans(w.ctx, true)
	w.ok(err)
	equal(t, "orphans at the start", n, 1)
	d := w.is(id, gateway.DeliveryInDoubt, "")
	equal(t, "attempt", d.Attempts[0].ID, c.Attempt)
	equal(t, "why", d.Attempts[0].Refusal.Class, "unknown")
	w.is(done, gateway.DeliveryAccepted, "")
	cases, err := w.Doubtful(w.ctx, w.by, 10)
	w.ok(err)
	equal(t, "to be looked into now", len(cases), 2)
}

// known: a message belongs to one attempt. A look-up hears whether another has it, and what it found is taken once.
func known(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, sent := w.one(gateway.Alert, 1, "sms")
	by := w.granted(sent)
	w.ok(w.settle(gateway.Outcome{Attempt: by.Attempt, Token: by.Token, State: gateway.Accepted, ProviderID: "SM3"}))
	var doubts []gateway.Claim
	for range 2 {
		_, _, id := w.one(gateway.Alert, 1, "sms")
		c := w.granted(id)
		w.inDoubt(c, w.clock.Now())
		doubts = append(doubts, c)
	}
	elsewhere := func(attempt gateway.ID, id string) bool {
		others, err := w.Elsewhere(w.ctx, attempt, id)
		w.ok(err)
		return others
	}
	first, second := doubts[0], doubts[1]
	equal(t, "another's message", elsewhere(first.Attempt, "SM3"), true)
	equal(t, "its own", elsewhere(by.Attempt, "SM3"), false)
	equal(t, "nobody's", elsewhere(first.Attempt, "SM1"), false)
	equal(t, "a part of an id", elsewhere(first.Attempt, "SM"), false)
	equal(t, "of an attempt that is not there", elsewhere(gateway.NewID(), "SM3"), false)
	take := func(c gateway.Claim, id string) error {
		return w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: id, Found: true})
	}
	if err := take(first, "SM3"); !errors.Is(err, gateway.ErrStale) {
		t.Errorf("another's message was taken: %v", err)
	}
	w.is(first.Delivery, gateway.DeliveryInDoubt, "")
	w.ok(take(first, "SM1"))
	if err := take(second, "SM1"); !errors.Is(err, gateway.ErrStale) {
		t.Errorf("one message was taken for two: %v", err)
	}
	w.is(second.Delivery, gateway.DeliveryInDoubt, "")
	equal(t, "what was taken", elsewhere(second.Attempt, "SM1"), true)
	w.ok(take(second, "SM2"))
	w.is(second.Delivery, gateway.DeliveryAccepted, "")
}

func doubtful(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, m, id := w.one(gateway.Alert, 1, "sms")
	c := w.granted(id)
	w.inDoubt(c, w.clock.Now().Add(time.Minute))
	_, _, never := w.one(gateway.Alert, 1, "sms")
	w.inDoubt(w.granted(never), time.Time{})
	look := func() []gateway.Claim {
		cases, err := w.Doubtful(w.ctx, w.by, 10)
		w.ok(err)
		return cases
	}
	equal(t, "before its time", len(look()), 0)
	w.clock.Wind(time.Minute)
	cases := look()
	equal(t, "in its time", len(cases), 1)
	k := cases[0]
	equal(t, "delivery", k.Delivery, id)
	equal(t, "attempt", k.Attempt, c.Attempt)
	equal(t, "state", k.State, gateway.InDoubt)
	equal(t, "address", k.Address.Reveal(), m.Points[0].Address.Reveal())
	equal(t, "kind", k.Kind, "sms")
	equal(t, "claimed at", k.ClaimedAt, w.clock.Now().Add(-time.Minute))
	doubtful := k.SettledAt
	equal(t, "in doubt since", doubtful, w.clock.Now().Add(-time.Minute))
	equal(t, "tries", k.Tries, 1)
	equal(t, "class", k.Class, gateway.Alert)
	equal(t, "during the lease", len(look()), 0)
	// The look-up could not tell: ask again later.
	w.ok(w.settle(gateway.Outcome{Attempt: k.Attempt, Token: k.Token, State: gateway.InDoubt, LookAt: w.clock.Now().Add(2 * time.Minute)}))
	w.clock.Wind(90 * time.Second)
	equal(t, "after the lease, before its time", len(look()), 0)
	w.clock.Wind(time.Minute)
	cases = look()
	equal(t, "again", len(cases), 1)
	equal(t, "in doubt since, after a look", cases[0].SettledAt, doubtful)
	// It found nothing: sent again, over the same contact point.
	k = cases[0]
	w.ok(w.settle(gateway.Outcome{Attempt: k.Attempt, Token: k.Token, State: gateway.Refused, Next: gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now(), Resend: true}}))
	d := w.is(id, gateway.Waiting, "")
	equal(t, "resends", d.Resends, 1)
	equal(t, "tries", d.Tries, 1)
	c = w.granted(id)
	equal(t, "resends at the claim", c.Resends, 1)
	w.accepted(c)
	w.is(id, gateway.DeliveryAccepted, "")

	// A look-up of an attempt that its delivery has left behind may still find that it arrived.
	id = w.plan(w.submit(gateway.LifeSafety), 1, m)[0]
	c = w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.InDoubt, Spent: true, LookAt: w.clock.Now(), Next: gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now().Add(time.Minute)}}))
	w.is(id, gateway.Waiting, "")
	w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
	w.is(id, gateway.Delivered, "")

	cases2, err := w.Cases(w.ctx, []gateway.ID{c.Attempt, gateway.NewID()})
	w.ok(err)
	equal(t, "cases of known attempts", len(cases2), 1)
	equal(t, "case", cases2[0].Attempt, c.Attempt)
}

// A receipt settles a doubt while somebody asks the provider: what was found, or decided for want of an answer, comes too
// late.
func overtaken(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	asking := func() (gateway.ID, gateway.Claim) {
		id := w.plan(w.submit(gateway.LifeSafety), 1, m)[0]
		w.inDoubt(w.granted(id), w.clock.Now())
		cases, err := w.Doubtful(w.ctx, w.by, 10)
		w.ok(err)
		equal(t, "to be looked into", len(cases), 1)
		return id, cases[0]
	}
	accepted := func(c gateway.Claim) {
		equal(t, "effect", w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.Accepted}), gateway.Applied)
	}
	point := gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}
	nothing := func(c gateway.Claim) gateway.Outcome {
		return gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Next: gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now(), Resend: true}}
	}

	// The look-up found nothing, because it was quicker than the sender. It is not sent again.
	id, c := asking()
	accepted(c)
	equal(t, "stale", errors.Is(w.settle(nothing(c)), gateway.ErrStale), true)
	equal(t, "resends", w.is(id, gateway.DeliveryAccepted, "").Resends, 0)

	// Nobody could tell, so it was to go to the next contact point.
	id, c = asking()
	accepted(c)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Doubt: true, Next: point}}))
	w.is(id, gateway.DeliveryAccepted, "")

	// Without a receipt both count.
	id, c = asking()
	w.ok(w.settle(nothing(c)))
	w.is(id, gateway.Waiting, "")
	id, c = asking()
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Doubt: true, Next: point}}))
	equal(t, "moved to", w.is(id, gateway.Waiting, "").PointID, m.Points[1].ID)
}

func overdue(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	list := func() []gateway.Claim {
		cases, err := w.Overdue(w.ctx, 10)
		w.ok(err)
		return cases
	}
	// No receipt within the window.
	b := w.submit(gateway.Alert)
	id := w.plan(b, 1, m)[0]
	c := w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM1", ConfirmBy: w.clock.Now().Add(5 * time.Minute)}))
	equal(t, "overdue at once", len(list()), 0)
	w.clock.Wind(5 * time.Minute)
	cases := list()
	equal(t, "overdue after the window", len(cases), 1)
	equal(t, "delivery", cases[0].Delivery, id)
	equal(t, "state", cases[0].State, gateway.Accepted)
	equal(t, "attempt", cases[0].Attempt, c.Attempt)
	equal(t, "point", cases[0].Point, m.Points[0].ID)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Detail: "no receipt came", Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}}))
	d := w.is(id, gateway.Waiting, "")
	equal(t, "why", d.Detail, "no receipt came")
	equal(t, "overdue once moved", len(list()), 0)
	w.accepted(w.granted(id))

	// Nothing is left to move to: not listed again.
	id = w.plan(w.submit(gateway.Alert), 1, m)[0]
	c = w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM2", ConfirmBy: w.clock.Now()}))
	equal(t, "overdue", len(list()), 1)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt}}))
	equal(t, "overdue", len(list()), 0)
	w.is(id, gateway.DeliveryAccepted, "")

	// Delivered in time: never overdue.
	id = w.plan(w.submit(gateway.Alert), 1, m)[0]
	c = w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM3", ConfirmBy: w.clock.Now().Add(time.Minute)}))
	w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
	w.clock.Wind(time.Minute)
	equal(t, "overdue", len(list()), 0)

	// A late receipt of an attempt that was left in doubt: its delivery went on, so nothing of it is waited for.
	id = w.plan(w.submit(gateway.LifeSafety), 1, m)[0]
	c = w.granted(id)
	w.inDoubt(c, time.Time{})
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}}))
	w.accepted(w.granted(id))
	w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.Accepted, ConfirmBy: w.clock.Now()})
	equal(t, "overdue, of one left behind", len(list()), 0)

	// Not handed over within the window, because its channel is slow or paused.
	id = w.plan(w.submit(gateway.Alert), 1, m)[0]
	w.clock.Wind(5 * time.Minute)
	cases = list()
	equal(t, "waiting for too long", len(cases), 1)
	equal(t, "state", cases[0].State, gateway.AttemptState(0))
	equal(t, "attempt", cases[0].Attempt, gateway.ID{})
	equal(t, "delivery", cases[0].Delivery, id)
	equal(t, "point", cases[0].Point, m.Points[0].ID)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}}))
	equal(t, "moved", len(list()), 0)
	w.clock.Wind(5 * time.Minute)
	equal(t, "waits as long for the next", len(list()), 1)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id}}))
	equal(t, "nothing left", len(list()), 0)
	equal(t, "still due", len(w.due(w.telegram, gateway.Urgent)), 1)
}

// nextDue is what a relay looks for when nothing is due.
func nextDue(t *testing.T, open Open) {
	w := newWorld(t, open)
	next := func(channel gateway.ID, lane gateway.Lane) time.Time {
		at, err := w.NextDue(w.ctx, channel, lane)
		w.ok(err)
		return at
	}
	ids := w.plan(w.submit(gateway.Report), 1, w.member("sms"), w.member("sms"), w.member("sms"))
	equal(t, "while all are due", next(w.sms.ID, gateway.Bulk), time.Time{})
	first, second := w.clock.Now().Add(time.Minute), w.clock.Now().Add(2*time.Minute)
	w.refused(w.granted(ids[0]), gateway.Step{Kind: gateway.StepRetry, Due: second})
	w.refused(w.granted(ids[1]), gateway.Step{Kind: gateway.StepRetry, Due: first})
	equal(t, "the first to come", next(w.sms.ID, gateway.Bulk).Equal(first), true)
	equal(t, "in another lane", next(w.sms.ID, gateway.Urgent), time.Time{})
	equal(t, "over another channel", next(w.telegram.ID, gateway.Bulk), time.Time{})
	w.clock.Wind(time.Minute)
	equal(t, "when that is due", next(w.sms.ID, gateway.Bulk).Equal(second), true)
}

// unheard is what a gateway that was dead while receipts came has to ask its providers about.
func unheard(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Report)
	ids := w.plan(b, 1, w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms"))
	var claims []gateway.Claim
	for _, id := range ids {
		claims = append(claims, w.granted(id))
	}
	for _, c := range claims[:4] { // one is on its way still
		w.accepted(c)
	}
	w.observe(gateway.Receipt{Attempt: claims[1].Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
	sent := w.clock.Now()
	w.clock.Wind(time.Minute)
	late := w.granted(w.plan(w.submit(gateway.Report), 1, w.member("sms"))[0])
	w.accepted(late)

	var after gateway.ID
	walk := func(before time.Time, limit int) (found []gateway.ID) {
		t.Helper()
		all, last, err := w.Unheard(w.ctx, after, before, limit)
		w.ok(err)
		after = last
		for _, u := range all {
			equal(t, "channel", u.Channel, w.sms.ID)
			equal(t, "delivery", w.delivery(u.Delivery).ID, u.Delivery)
			found = append(found, u.Attempt)
		}
		return found
	}
	equal(t, "the first two passed", fmt.Sprint(walk(sent, 2)), fmt.Sprint([]gateway.ID{claims[0].Attempt}))
	equal(t, "the others", fmt.Sprint(walk(sent, 10)), fmt.Sprint([]gateway.ID{claims[2].Attempt, claims[3].Attempt}))
	equal(t, "too young", len(walk(sent, 10)), 0)
	equal(t, "a minute later", fmt.Sprint(walk(w.clock.Now(), 10)), fmt.Sprint([]gateway.ID{late.Attempt}))

	// It is to be asked for in a minute, and then again, until there is nothing to ask any more.
	move := gateway.Move{Delivery: ids[0], Attempt: claims[0].Attempt, Again: w.clock.Now().Add(time.Minute)}
	overdue := func() int {
		cases, err := w.Overdue(w.ctx, 10)
		w.ok(err)
		return len(cases)
	}
	w.ok(w.Advance(w.ctx, []gateway.Move{move}))
	equal(t, "before its time", overdue(), 0)
	after = gateway.ID{}
	equal(t, "found again", len(walk(w.clock.Now(), 10)), 3)
	w.clock.Wind(time.Minute)
	equal(t, "at its time", overdue(), 1)
	w.observe(gateway.Receipt{Attempt: claims[0].Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
	equal(t, "reported on", overdue(), 0)
	w.ok(w.Advance(w.ctx, []gateway.Move{move}))
	w.is(ids[0], gateway.Delivered, "")
	equal(t, "reported on", overdue(), 0)
	w.recount(b.ID)
}

func staleMove(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	point := gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}
	id := w.plan(w.submit(gateway.Alert), 1, m)[0]
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: gateway.NewID(), Next: point}, {Delivery: id, Attempt: gateway.NewID(), Next: point}}))
	equal(t, "moved by a stranger", w.is(id, gateway.Waiting, "").PointID, m.Points[0].ID)
	c := w.granted(id)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Next: point}})) // found before the claim
	w.is(id, gateway.Sending, "")
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point}})) // a sender has it
	w.is(id, gateway.Sending, "")
	w.accepted(c)
	w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: point}}))
	w.is(id, gateway.Delivered, "")

	// The next step of an old attempt's outcome is not carried out once a newer attempt leads.
	id = w.plan(w.submit(gateway.Alert), 1, m)[0]
	old := w.granted(id)
	w.clock.Wind(2 * time.Minute)
	_, err := w.Orphans(w.ctx, false)
	w.ok(err)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: old.Attempt, Next: point}}))
	newer := w.granted(id)
	cases, err := w.Doubtful(w.ctx, w.by, 10)
	w.ok(err)
	for _, k := range cases {
		w.ok(w.settle(gateway.Outcome{Attempt: k.Attempt, Token: k.Token, State: gateway.Refused, Spent: true, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}}))
	}
	w.is(id, gateway.Sending, "")
	w.accepted(newer)
	w.is(id, gateway.DeliveryAccepted, "")
}

func lapse(t *testing.T, open Open) {
	w := newWorld(t, open)
	var people []gateway.Member
	for range 30 {
		people = append(people, w.member("sms"))
	}
	b := w.submit(gateway.Account)
	ids := w.plan(b, 1, people...)
	w.accepted(w.granted(ids[0]))
	kept := w.submit(gateway.Report)
	w.plan(kept, 1, people[0])
	all := func(limit int) (sum int) {
		for {
			n, err := w.Lapse(w.ctx, limit)
			w.ok(err)
			if n > limit {
				t.Fatalf("%d lapsed at a time, the limit is %d", n, limit)
			}
			if sum += n; n == 0 {
				return sum
			}
		}
	}
	equal(t, "before the expiry", all(10), 0)
	w.clock.Wind(16 * time.Minute)
	equal(t, "after it", all(10), 29)
	counts := w.recount(b.ID)
	equal(t, "expired", counts[tallied{w.sms.ID, gateway.Ended, gateway.ReasonExpired}], 29)
	equal(t, "handed over", counts[tallied{w.sms.ID, gateway.DeliveryAccepted, ""}], 1)
	w.recount(kept.ID)
	equal(t, "due", len(w.due(w.sms, gateway.Urgent)), 0)

	// A stopped broadcast expires as well.
	b = w.submit(gateway.Account)
	ids = w.plan(b, 1, people...)
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, true))
	equal(t, "verdict", w.claim(ids[0]).Verdict, gateway.Held)
	w.clock.Wind(16 * time.Minute)
	equal(t, "of a stopped one", all(1000), 30)
	equal(t, "expired", w.recount(b.ID)[tallied{w.sms.ID, gateway.Ended, gateway.ReasonExpired}], 30)
}
