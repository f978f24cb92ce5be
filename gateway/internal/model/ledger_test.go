package model

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// The ledger: each method is one transaction. What happens to rows is what package row does for every database; here is
// what the databases add, as the condition of a claim and the comparison of tokens. Messages have one part.

func (m *machine) plan(w *world, d int) {
	r := &w.d[d]
	r.planned++
	r.row, r.due = rowWaiting, w.now
	if m.policy.Window > 0 {
		r.move = w.now + inSeconds(m.policy.Window)
	}
	w.tallies[sWaiting]++
	w.nudge(d)
}

// nudge says that a delivery waits: the relay looks for it at once.
func (w *world) nudge(d int) { w.relayed[d] = false }

// newest is the attempt that leads a delivery; nil: there is none.
func (r *delivery) newest() *attempt {
	if r.attempts == 0 {
		return nil
	}
	return &r.a[r.attempts-1]
}

func (a *attempt) is() gateway.AttemptState { return gateway.AttemptState(a.state) }

// state is what screens show, and what a recount counts.
func (r *delivery) state() uint8 {
	switch r.row {
	case rowUnplanned:
		return sUnplanned
	case rowWaiting, rowHeld:
		return sWaiting
	case rowEnded:
		return sEnded
	case rowArrived:
		return sDelivered
	}
	return stateOf[gateway.StateOf(r.newest().is())]
}

// claim decides whether a delivery may be sent now, given whether its broadcast is stopped; granted: its newest attempt is
// the sender's.
func (m *machine) claim(w *world, d int, stopped bool) (granted bool, fault string) {
	r := &w.d[d]
	taken := r.row == rowFollows && m.mutant == claimUnchecked // whoever has it: it waited when it was popped
	if (r.row != rowWaiting || r.due > w.now) && !taken {
		return false, ""
	}
	forbidden := w.stopped || r.stopped&(1<<r.point) != 0
	point := roll.Active
	switch {
	case r.stopped&(1<<r.point) != 0 && m.mutant != stopAtPop:
		point = roll.Stopped
	case r.invalid&(1<<r.point) != 0:
		point = roll.Invalid
	}
	frozen := row.Frozen{Class: m.class, Policy: m.policy, Expires: micros(m.expires)}
	verdict, reason, _ := frozen.Judge(&gateway.Claim{}, micros(w.now), stopped, false, point, 0, 0)
	switch verdict {
	case gateway.Held:
		r.row = rowHeld
		return false, ""
	case gateway.Unusable:
		newest := int(r.attempts) - 1
		return false, m.advance(w, d, newest, m.waitingCase(w, d, newest, r.tries, r.resends, w.now).Unusable().Next, false)
	case gateway.Granted:
	default:
		w.tallies[r.state()]--
		w.tallies[sEnded]++
		r.row, r.due, r.reason = rowEnded, 0, becauseOf[reason]
		return false, ""
	}
	if r.attempts == mostAttempts {
		panic("model: a world has too little room for attempts")
	}
	until := w.now + lease
	if m.mutant == leaseOfSender {
		until += 3600 // the senders' clocks are an hour ahead
	}
	foolish := false // that a key keeps it from coming twice is the provider's business
	for i := range r.attempts {
		b := &r.a[i]
		foolish = foolish || b.point == r.point && b.known && b.provider != bounced && r.asked == 0 && m.dedupe[b.point] == 0
	}
	w.tallies[r.state()]--
	w.tallies[sSending]++
	r.a[r.attempts] = attempt{state: uint8(gateway.Claimed), token: 1, point: r.point, until: until, claimedAt: w.now, resends: r.resends, forbidden: forbidden, foolish: foolish}
	r.attempts++
	r.row = rowFollows
	return true, ""
}

// outcome is what a holder of a claim writes.
type outcome struct {
	token     uint8
	state     gateway.AttemptState
	spent     bool
	refusal   uint8
	next      gateway.Step
	gone      bool // the address is no good
	confirmBy seconds
	lookAt    seconds
}

// settle writes an outcome; false: the claim is no longer the writer's, and nothing was written.
func (m *machine) settle(w *world, d, i int, o outcome) (fresh bool) {
	t := m.transact(w, d)
	a := t.attempt(i)
	stale := a.Token != int64(o.token)
	switch {
	case !stale, m.mutant == settleUnfenced, m.mutant == lookUnfenced && o.token > 1:
	case m.mutant == lateOverrides: // the row is written as if nobody had decided meanwhile
		t.override(a, &o)
		return true
	default:
		return false
	}
	told := gateway.Outcome{State: o.state, Spent: o.spent, Refusal: refusals[o.refusal].Refusal, Next: o.next, ConfirmBy: o.confirmBy.time(), LookAt: o.lookAt.time()}
	plain, err := row.Settle(t, a, &told)
	entered := false
	if err == nil && !plain {
		entered, err = row.Outcome(t, a, t.own, &told)
	}
	t.commit(a, o.refusal, err)
	if entered && o.gone {
		w.d[d].invalid |= 1 << w.d[d].a[i].point
	}
	return true
}

// observe applies a receipt to an attempt. It comes over a channel: foreign says that this is not the attempt's.
func (m *machine) observe(w *world, d, i int, foreign bool, o outcome) {
	t := m.transact(w, d)
	a := t.attempt(i)
	channel := a.Channel
	if foreign && m.mutant != foreignReceipts {
		channel += mostPoints
	}
	if !a.Takes(channel, 0) {
		return
	}
	if m.mutant == receiptUnranked && a.State != o.state && !a.State.CanStep(o.state) {
		t.override(a, &o)
		return
	}
	told := gateway.Receipt{State: o.state, Refusal: refusals[o.refusal].Refusal, Spent: o.spent, Next: o.next, ConfirmBy: o.confirmBy.time()}
	if a.Plain(&told) {
		row.Deliver(t, a, 0, false)
		t.commit(a, 0, nil)
		return
	}
	token := a.Token
	effect, _, err := row.Observe(t, a, t.own, 0, &told, false)
	if m.mutant == receiptKeepsToken {
		a.Token = token
	}
	t.commit(a, o.refusal, err)
	if effect == gateway.Applied && o.gone {
		w.d[d].invalid |= 1 << w.d[d].a[i].point
	}
}

// advance carries out a move whose condition still holds: newest is the attempt that led when it was decided, -1 for none,
// and doubt says that it was in doubt.
func (m *machine) advance(w *world, d, newest int, next gateway.Step, doubt bool) (fault string) {
	t := m.transact(w, d)
	a := t.attempt(int(w.d[d].attempts) - 1)
	move := gateway.Move{Next: next, Doubt: doubt && m.mutant != moveUnasked}
	var id gateway.ID
	if newest >= 0 {
		move.Attempt = attemptID(d, newest)
	}
	if a != nil {
		id = attemptID(d, a.No-1)
	}
	if doubt && a.State != gateway.InDoubt && t.own.State == row.Follows && m.mutant == moveUnasked {
		fault = member(d) + " is moved on because nobody knew, though it is known by now"
	}
	changed, err := row.Advance(t, t.own, a, id, &move)
	if !changed {
		return ""
	}
	t.commit(a, 0, err)
	return fault
}

// orphans puts in doubt what was claimed and has run out.
func (m *machine) orphans(w *world) (fault string) {
	for d := range m.members {
		r := &w.d[d]
		for i := range r.attempts {
			a := &r.a[i]
			switch {
			case a.is() != gateway.Claimed:
			case a.until > w.now && a.claimedAt+lease <= w.now:
				return fmt.Sprintf("the claim of %s is over by the ledger's clock, and it is not put in doubt", member(d))
			case a.until > w.now:
			case a.claimedAt+lease > w.now:
				return fmt.Sprintf("the claim of %s was to hold for five minutes by the ledger's clock, and is put in doubt before", member(d))
			default:
				t := m.transact(w, d)
				b := t.attempt(int(i))
				row.Orphan(t, b)
				t.commit(b, 0, nil)
				w.inDoubt++
			}
		}
	}
	return ""
}

// lapse ends what waits of an expired broadcast.
func (m *machine) lapse(w *world) {
	for d := range m.members {
		t := m.transact(w, d)
		before := w.d[d].row
		if before != rowWaiting && before != rowHeld {
			continue
		}
		w.tallies[sWaiting]--
		w.tallies[sEnded]++
		t.commit(nil, 0, row.Lapse(t, t.own, false))
	}
}

// release makes what was held due again.
func (m *machine) release(w *world) {
	for d := range m.members {
		if w.d[d].row == rowHeld {
			t := m.transact(w, d)
			row.Release(t, t.own, m.policy.Tries)
			t.commit(nil, 0, nil)
		}
	}
}

// resend is a person's wish.
func (m *machine) resend(w *world, d int) {
	t := m.transact(w, d)
	a := t.attempt(int(w.d[d].attempts) - 1)
	t.commit(a, 0, row.Resend(t, t.own, a, false, m.policy, micros(m.expires)))
	w.d[d].asked++
}

func (m *machine) mayResend(w *world, d int) bool {
	r := &w.d[d]
	return w.now < m.expires && (r.row == rowFollows && r.newest().is() == gateway.InDoubt || r.row == rowEnded && r.reason == becauseFailed)
}
