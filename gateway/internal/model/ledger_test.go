package model

import (
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// The ledger: each method is one transaction, with the rules of the rows as the stores have them, for messages of one part.

func (m *machine) plan(w *world, d int) {
	row := &w.d[d]
	row.planned++
	row.row, row.due = rowWaiting, w.now
	if m.policy.Window > 0 {
		row.move = w.now + seconds(m.policy.Window/time.Second)
	}
	w.tallies[sWaiting]++
	w.nudge(d)
}

// nudge says that a delivery waits: the relay looks for it at once.
func (w *world) nudge(d int) { w.relayed[d] = false }

// newest is the attempt that leads a delivery; nil: there is none.
func (row *delivery) newest() *attempt {
	if row.attempts == 0 {
		return nil
	}
	return &row.a[row.attempts-1]
}

// state gives the state of a delivery when a is its newest attempt; 0: it follows another one.
func (row *delivery) state(a *attempt) uint8 {
	switch row.row {
	case rowUnplanned:
		return sUnplanned
	case rowWaiting, rowHeld:
		return sWaiting
	case rowEnded:
		return sEnded
	case rowArrived:
		return sDelivered
	}
	if a != nil && a == row.newest() && gateway.AttemptState(a.state) != gateway.Refused {
		return stateOf[gateway.StateOf(gateway.AttemptState(a.state))]
	}
	return 0
}

func (w *world) moved(from, to uint8) {
	if from != 0 {
		w.tallies[from]--
	}
	if to != 0 {
		w.tallies[to]++
	}
}

func (a *attempt) is() gateway.AttemptState { return gateway.AttemptState(a.state) }

func (a *attempt) enter(s gateway.AttemptState, now, until seconds) {
	a.state, a.settledAt, a.until = uint8(s), now, until
	if s == gateway.Accepted || s == gateway.AttemptDelivered {
		a.known = true
	}
}

// claim decides whether a delivery may be sent now; granted: its newest attempt is the sender's.
func (m *machine) claim(w *world, d int) (granted bool) {
	row := &w.d[d]
	taken := row.row == rowFollows && m.mutant == claimUnchecked // whoever has it: it waited when it was popped
	if (row.row != rowWaiting || row.due > w.now) && !taken {
		return false
	}
	end := func(why uint8) {
		w.moved(row.state(row.newest()), sEnded)
		row.row, row.due, row.reason = rowEnded, 0, why
	}
	switch {
	case m.expires <= w.now:
		end(becauseExpired)
		return false
	case w.stopped && m.mutant != stopAtPop:
		row.row = rowHeld
		return false
	case row.stopped&(1<<row.point) != 0 && m.mutant != stopAtPop:
		end(becauseSuppressed)
		return false
	case row.attempts == mostAttempts:
		panic("model: a world has too little room for attempts")
	}
	foolish := false // that a key keeps it from coming twice is the provider's business
	for i := range row.attempts {
		b := &row.a[i]
		foolish = foolish || b.point == row.point && b.known && b.provider != bounced && row.asked == 0 && m.dedupe[b.point] == 0
	}
	w.moved(row.state(row.newest()), sSending)
	until := w.now + lease
	if m.mutant == leaseOfSender {
		until += 3600 // the senders' clocks are an hour ahead
	}
	row.a[row.attempts] = attempt{state: uint8(gateway.Claimed), token: 1, point: row.point, until: until, claimedAt: w.now, resends: row.resends,
		forbidden: w.stopped || row.stopped&(1<<row.point) != 0, foolish: foolish}
	row.attempts++
	row.row = rowFollows
	return true
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
func (m *machine) settle(w *world, d, i int, o outcome) (fresh bool, fault string) {
	row := &w.d[d]
	a := &row.a[i]
	if a.token != o.token && m.mutant != settleUnfenced && !(m.mutant == lookUnfenced && o.token > 1) && m.mutant != lateOverrides {
		return false, ""
	}
	if m.mutant == lateOverrides && a.token != o.token { // the row is written as if nobody had decided meanwhile
		before := row.state(row.newest())
		a.enter(o.state, w.now, o.lookAt)
		m.step(w, row, a, o.next)
		w.moved(before, row.state(row.newest()))
		return true, ""
	}
	if o.state == gateway.Accepted && !a.left && a.is() != gateway.Accepted && a.is().CanStep(gateway.Accepted) { // the short way: the delivery stays as it is
		from := stateOf[gateway.StateOf(a.is())]
		a.enter(gateway.Accepted, w.now, o.confirmBy)
		w.moved(from, sAccepted)
		return true, ""
	}
	if o.state == gateway.InDoubt && a.is() == gateway.InDoubt {
		a.until = o.lookAt
		return true, ""
	}
	if !a.is().CanStep(o.state) {
		return true, ""
	}
	before := row.state(a)
	switch o.state {
	case gateway.Accepted:
		a.enter(o.state, w.now, o.confirmBy)
	case gateway.InDoubt:
		a.enter(o.state, w.now, o.lookAt)
	default:
		a.enter(o.state, w.now, 0)
	}
	a.refusal = o.refusal
	if o.spent {
		row.tries++
	}
	if o.state == gateway.AttemptDelivered {
		m.arrive(w, row, a)
	}
	m.follow(w, row, a, o.next)
	w.moved(before, row.state(a))
	if o.gone {
		row.invalid |= 1 << a.point
	}
	return true, ""
}

// observe applies a receipt to an attempt. It comes over a channel: foreign says that this is not the attempt's.
func (m *machine) observe(w *world, d, i int, foreign bool, o outcome) {
	row := &w.d[d]
	a := &row.a[i]
	if foreign && m.mutant != foreignReceipts {
		return
	}
	can := func(to gateway.AttemptState) bool {
		return a.is().CanStep(to) || m.mutant == receiptUnranked && a.is() != to
	}
	if o.state == gateway.AttemptDelivered && a.is() == gateway.Accepted && !a.left { // the short way
		a.enter(gateway.AttemptDelivered, w.now, 0)
		w.moved(sAccepted, sDelivered)
		return
	}
	was, before := a.is(), row.state(a)
	switch o.state {
	case gateway.AttemptDelivered:
		if can(o.state) {
			a.enter(o.state, w.now, 0)
			m.arrive(w, row, a)
		}
	case gateway.Accepted:
		if can(o.state) {
			a.enter(o.state, w.now, o.confirmBy)
		}
	case gateway.Refused:
		if can(o.state) {
			a.enter(o.state, w.now, 0)
			a.refusal = o.refusal
			if o.spent {
				row.tries++
			}
			m.follow(w, row, a, o.next)
		}
	}
	if was == gateway.InDoubt && a.is() != was && m.mutant != receiptKeepsToken {
		a.token++ // whoever asks about it is overtaken
	}
	w.moved(before, row.state(a))
	if o.gone && a.is() != was {
		row.invalid |= 1 << a.point
	}
}

// arrive ends a delivery well, because one of its attempts is proven.
func (m *machine) arrive(w *world, row *delivery, a *attempt) {
	if row.row == rowArrived || row.row == rowEnded && row.reason == becauseSuppressed {
		return
	}
	was := row.row
	newest := row.newest()
	row.due, row.reason = 0, 0
	if newest == a {
		row.row, row.point, a.left = rowFollows, a.point, false
		return
	}
	if was == rowFollows {
		if newest.is() == gateway.AttemptDelivered {
			return
		}
		w.moved(row.state(newest), 0)
		newest.left = true
		if newest.is() == gateway.Accepted {
			newest.until = 0
		}
	}
	row.row, row.point = rowArrived, a.point
}

// follow carries out the step behind an attempt that has just entered its state, if it leads its delivery.
func (m *machine) follow(w *world, row *delivery, a *attempt, next gateway.Step) {
	if row.newest() != a || row.row != rowFollows {
		return
	}
	if a.is() == gateway.AttemptDelivered || a.is() == gateway.Accepted && next.Kind == gateway.StepNone {
		return
	}
	if a.is() == gateway.Refused && next.Kind == gateway.StepNone {
		next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	}
	m.step(w, row, a, next)
}

// step moves a delivery on, and leaves the attempt behind.
func (m *machine) step(w *world, row *delivery, a *attempt, next gateway.Step) {
	switch next.Kind {
	case gateway.StepNone:
		return
	case gateway.StepRetry:
		row.row, row.due = rowWaiting, since(next.Due)
	case gateway.StepPoint:
		row.row, row.due, row.point = rowWaiting, since(next.Due), uint8(pointOf(next.Point))
		if m.policy.Window > 0 {
			row.move = w.now + seconds(m.policy.Window/time.Second)
		}
	case gateway.StepEnd:
		row.row, row.due, row.reason = rowEnded, 0, becauseFailed
		switch next.Reason {
		case gateway.ReasonExpired:
			row.reason = becauseExpired
		case gateway.ReasonSuppressed:
			row.reason = becauseSuppressed
		}
	}
	if a != nil && m.mutant != notLeftBehind {
		a.left = true
		if a.is() == gateway.Accepted || next.Kind != gateway.StepEnd {
			a.until = 0
		}
	}
	if next.Resend {
		row.resends++
	}
	for d := range w.d {
		if &w.d[d] == row {
			w.nudge(d)
		}
	}
}

// advance carries out a move whose condition still holds: newest is the attempt that led when it was decided, -1 for none,
// and doubt says that it was in doubt.
func (m *machine) advance(w *world, d, newest int, next gateway.Step, doubt bool) (fault string) {
	row := &w.d[d]
	if row.row == rowEnded || row.row == rowArrived || int(row.attempts)-1 != newest {
		return ""
	}
	a := row.newest()
	if row.row == rowFollows && a.is() != gateway.Accepted && a.is() != gateway.InDoubt {
		return ""
	}
	if doubt && a.is() != gateway.InDoubt {
		if m.mutant == moveUnasked {
			return member(d) + " is moved on because nobody knew, though it is known by now"
		}
		return ""
	}
	before := row.state(a)
	if next.Kind == gateway.StepNone {
		row.move = 0
		if row.row == rowFollows && a.is() == gateway.Accepted {
			a.until = 0
		}
		return ""
	}
	held := row.row == rowHeld
	m.step(w, row, a, next)
	if held && row.row == rowWaiting {
		row.row = rowHeld
	}
	w.moved(before, row.state(row.newest()))
	return ""
}

// orphans puts in doubt what was claimed and has run out.
func (m *machine) orphans(w *world) (fault string) {
	for d := range m.members {
		row := &w.d[d]
		for i := range row.attempts {
			a := &row.a[i]
			if a.is() != gateway.Claimed {
				continue
			}
			if a.until > w.now {
				if a.claimedAt+lease <= w.now {
					return fmt.Sprintf("the claim of %s is over by the ledger's clock, and it is not put in doubt", member(d))
				}
				continue
			}
			if a.claimedAt+lease > w.now {
				return fmt.Sprintf("the claim of %s was to hold for five minutes by the ledger's clock, and is put in doubt before", member(d))
			}
			if !a.left {
				w.moved(sSending, sInDoubt)
			}
			a.enter(gateway.InDoubt, w.now, w.now)
			a.token++
			w.inDoubt++
		}
	}
	return ""
}

// lapse ends what waits of an expired broadcast.
func (m *machine) lapse(w *world) {
	for d := range m.members {
		if row := &w.d[d]; row.row == rowWaiting || row.row == rowHeld {
			w.moved(sWaiting, sEnded)
			row.row, row.due, row.reason = rowEnded, 0, becauseExpired
		}
	}
}

// resend is a person's wish.
func (m *machine) resend(w *world, d int) {
	row := &w.d[d]
	a := row.newest()
	before := row.state(a)
	row.tries = min(row.tries, uint8(m.policy.Tries-1))
	row.row, row.due, row.reason = rowWaiting, w.now, 0
	row.resends++
	row.asked++
	if a != nil {
		a.left, a.until = true, 0
	}
	w.moved(before, sWaiting)
	w.nudge(d)
}

func (m *machine) mayResend(w *world, d int) bool {
	row := &w.d[d]
	a := row.newest()
	return w.now < m.expires && (row.row == rowFollows && a.is() == gateway.InDoubt || row.row == rowEnded && row.reason == becauseFailed)
}
