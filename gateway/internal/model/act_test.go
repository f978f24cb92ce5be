package model

import (
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// act carries out a step. The fault is what must never happen, in words; "" if it did not.
func (m *machine) act(w *world, s step) (fault string) {
	before := *w
	p := &w.p[s.p]
	switch s.k {
	case stepWake:
		p.paused = false
	case stepRestart:
		*p = process{up: true}
		w.relayed = [mostMembers]bool{}
		fault = m.orphans(w)
	case stepCrash:
		w.left.crashes--
		w.excused += p.busy()
		*p, w.faulty, w.doubled = process{}, true, true
		for d := range w.q.heldBy {
			if w.q.held[d] && w.q.heldBy[d] == s.p {
				w.q.heldBy[d] = gone
			}
		}
	case stepPause:
		w.left.pauses--
		w.excused += p.busy()
		p.paused, w.faulty, w.doubled = true, true, true
	case stepPlanRead:
		p.planner, p.after = read, w.cursor
	case stepPlanWrite:
		m.planWrite(w, p)
	case stepPop, stepClaim, stepCheck, stepTransmit, stepSettle:
		fault = m.send(w, s)
	case stepDoubtful, stepLook, stepLookAct, stepLookSettle, stepOverdue, stepMove:
		fault = m.mend(w, s)
	case stepOrphans:
		fault = m.orphans(w)
	case stepLapse:
		m.lapse(w)
	case stepRelay:
		m.relay(w)
	case stepRelease:
		p.resumes = false
		m.release(w)
	case stepBounce:
		w.left.bounces--
		a := &w.d[s.d].a[s.a]
		a.provider = bounced
		w.d[s.d].copies[a.point]--
	case stepReceipt:
		if gateway.AttemptState(s.x) == gateway.AttemptDelivered {
			w.d[s.d].a[s.a].provider = arrived
		}
		m.observe(w, int(s.d), int(s.a), false, m.receipt(w, int(s.d), int(s.a), gateway.AttemptState(s.x)))
	case stepForeign:
		w.left.foreign--
		m.observe(w, int(s.d), int(s.a), true, outcome{state: gateway.AttemptState(s.x)})
	case stepClock:
		w.left.ticks--
		m.tick(w)
	case stepLose:
		w.left.losses--
		w.q, w.doubled = queue{}, true
	case stepCopy:
		w.copied, w.copy = true, w.q
	case stepFailover:
		w.left.failovers--
		w.q, w.copied, w.copy, w.faulty, w.doubled = w.copy, false, queue{}, true, true
		m.forget(w) // it holds times, so what was popped long ago is not held in it either
	case stepRepeat:
		w.left.repeats--
		w.q.waiting[s.d]++
		w.doubled = true
	case stepStop:
		w.left.stops--
		w.stopped = true
	case stepResume:
		w.stopped, p.resumes = false, true
	case stepSilence:
		w.left.silences--
		w.d[s.d].stopped = 1<<m.points - 1
	case stepResend:
		w.left.resends--
		m.resend(w, int(s.d))
	}
	if fault != "" {
		return fault
	}
	return m.check(&before, w)
}

func (m *machine) planWrite(w *world, p *process) {
	switch {
	case p.planner == moved: // the chunk comes behind its cursor
		m.plan(w, int(p.after))
	case p.after != w.cursor && m.mutant != cursorUnchecked: // somebody else went on
	case int(p.after) >= m.members:
	case m.mutant == cursorFirst:
		w.cursor = p.after + 1
		p.planner = moved
		return
	default:
		m.plan(w, int(p.after))
		w.cursor = p.after + 1
	}
	p.planner, p.after = idle, 0
}

// relay pushes what is due as far as there is room, the longest due first.
func (m *machine) relay(w *world) {
	if w.q.generation != w.relayGen && m.mutant != noGeneration {
		w.relayed = [mostMembers]bool{}
	}
	if w.q.generation == 0 {
		w.lastGen++
		w.q.generation = w.lastGen
	}
	if m.mutant != noGeneration {
		w.relayGen = w.q.generation
	}
	room := m.window
	for d := range m.members {
		room -= int(w.q.waiting[d])
	}
	for ; room > 0; room-- {
		best := -1
		for d := range m.members {
			if m.wants(w, d) && (best < 0 || w.d[d].due < w.d[best].due) {
				best = d
			}
		}
		if best < 0 {
			return
		}
		w.q.waiting[best] = 1
		w.relayed[best] = true
	}
}

// tick moves the clock to where something happens next, and the relay and the queue have their regular looks.
func (m *machine) tick(w *world) {
	w.now = m.next(w)
	w.relayed = [mostMembers]bool{}
	m.forget(w)
}

// forget is how a queue lets go of ids that were popped too long ago.
func (m *machine) forget(w *world) {
	for d := range m.members {
		if !w.q.held[d] {
			continue
		}
		if w.q.heldUntil[d] <= w.now && (m.mutant != heldTillDeath || w.q.heldBy[d] == gone) {
			w.q.held[d], w.q.heldUntil[d], w.q.heldBy[d] = false, 0, 0
		}
	}
}

func (w *world) done(d uint8) { w.q.held[d], w.q.heldUntil[d], w.q.heldBy[d] = false, 0, 0 }

// send takes one step of a sender.
func (m *machine) send(w *world, s step) (fault string) {
	x := &w.p[s.p].senders[s.s]
	switch s.k {
	case stepPop:
		x.at, x.d = popped, s.d
		w.q.waiting[s.d]--
		w.q.held[s.d], w.q.heldUntil[s.d], w.q.heldBy[s.d] = true, w.now+hintLease, s.p
		row := &w.d[s.d]
		if m.mutant == stopAtPop && (w.stopped || row.stopped&(1<<row.point) != 0) {
			m.parkOrEnd(w, row)
			w.done(s.d)
			*x = sender{}
			return ""
		}
		if m.mutant == doneAtPop {
			w.done(s.d)
			w.nudge(int(s.d))
		}
	case stepClaim:
		stopped := w.stopped && m.mutant != stopAtPop
		if m.mutant == stopSnapshot {
			if x.at == popped {
				x.at = judged
				if stopped {
					x.result = nothing
				}
				return ""
			}
			stopped, x.result = x.result == nothing, unknown
		}
		row := &w.d[x.d]
		sending := row.row == rowFollows && row.newest().is() == gateway.Claimed
		granted, fault := m.claim(w, int(x.d), stopped)
		if m.mutant != doneAtPop {
			w.done(x.d)
		}
		if fault != "" {
			return fault
		}
		if !granted {
			if sending && !w.doubled {
				return "two senders have the same hint at a time, though the queue is well"
			}
			*x = sender{}
			return ""
		}
		x.at, x.a, x.token, x.tries, x.resends, x.ends = claimed, row.attempts-1, 1, row.tries, row.resends, w.now+lease-margin
	case stepCheck:
		x.at = begun
		switch {
		case w.now >= m.expires:
			x.at, x.result, x.decided = knows, lapsed, w.now
		case w.now >= x.ends:
			x.at, x.result, x.decided = knows, late, w.now
		case m.mutant != keyForgotten && m.forgotten(w, x):
			x.at, x.result, x.decided = knows, doubtful, w.now
		}
	case stepTransmit:
		return m.transmit(w, s, x)
	case stepSettle:
		o := m.outcomeOf(w, x)
		d, a := int(x.d), int(x.a)
		*x = sender{}
		if m.settle(w, d, a, o) {
			return ""
		}
		if o, says := o.knowledge(); says {
			m.observe(w, d, a, false, o)
		}
	}
	return ""
}

// parkOrEnd is what a claim does under a stop.
func (m *machine) parkOrEnd(w *world, row *delivery) {
	if row.row != rowWaiting {
		return
	}
	if w.stopped {
		row.row = rowHeld
		return
	}
	w.tallies[sWaiting]--
	w.tallies[sEnded]++
	row.row, row.due, row.reason = rowEnded, 0, becauseSuppressed
}

// forgotten says whether the provider may have forgotten the key under which an attempt before may have been taken.
func (m *machine) forgotten(w *world, x *sender) bool {
	s := m.situation(w, int(x.d), int(x.a), x.tries, x.resends, w.now)
	return s.KeyForgotten(time.Duration(m.dedupe[w.d[x.d].a[x.a].point]) * time.Second)
}

// transmit is what the provider does with a request.
func (m *machine) transmit(w *world, s step, x *sender) (fault string) {
	row := &w.d[x.d]
	a := &row.a[x.a]
	x.at, x.result, x.decided = knows, s.x, w.now
	if s.x != good {
		w.left.troubles--
	}
	if a.forbidden {
		return member(int(x.d)) + " is sent to by a claim that followed the commit of a stop"
	}
	if s.x == nothing {
		x.result = unknown
	}
	if s.x != good && s.x != unknown {
		return ""
	}
	if window := m.dedupe[a.point]; window > 0 {
		for i := range x.a {
			if b := &row.a[i]; b.point == a.point && b.resends == a.resends && (b.provider == taken || b.provider == arrived) && w.now < b.takenAt+window {
				a.provider = sameAgain
				return ""
			}
		}
	}
	if a.foolish {
		return member(int(x.d)) + " is sent to again by a claim that was granted when the ledger knew that it was taken"
	}
	a.provider, a.takenAt = taken, w.now
	row.copies[a.point]++
	return ""
}

// mend takes one step of a mender.
func (m *machine) mend(w *world, s step) (fault string) {
	x := &w.p[s.p].mender
	row := &w.d[s.d]
	switch s.k {
	case stepDoubtful:
		a := &row.a[s.a]
		a.token++
		a.until = w.now + lookLease
		*x = mender{at: looking, d: s.d, a: s.a, token: a.token, tries: row.tries, resends: row.resends}
	case stepLook:
		a := &w.d[x.d].a[x.a]
		x.at, x.decided, x.result = looked, w.now, unknown
		switch s.x {
		case 1:
			w.left.troubles--
		case 2:
			a.provider = arrived
		}
		if s.x != 1 && m.canLook[a.point] {
			x.result = map[uint8]uint8{nowhere: nothing, taken: good, arrived: reported, bounced: failed}[a.provider]
		}
	case stepLookAct:
		o := m.lookOutcome(w, x)
		if o.state == gateway.InDoubt && o.next.Kind != gateway.StepNone {
			x.at = advanced
			return m.advance(w, int(x.d), int(x.a), o.next, true)
		}
		d, a := int(x.d), int(x.a)
		*x = mender{}
		m.settle(w, d, a, o)
	case stepLookSettle:
		d, a, token := int(x.d), int(x.a), x.token
		*x = mender{}
		m.settle(w, d, a, outcome{token: token, state: gateway.InDoubt})
	case stepOverdue:
		*x = mender{at: moving, d: s.d, a: s.a, result: s.x, tries: row.tries, resends: row.resends, decided: w.now}
		if s.x == 1 {
			x.a = row.attempts // behind the newest: what is moved is the waiting delivery
		}
	case stepMove:
		d, i := int(x.d), int(x.a)
		if x.result == 1 {
			i = int(x.a) - 1
		}
		next := m.situation(w, d, i, x.tries, x.resends, x.decided).Unconfirmed().Next
		if x.result == 1 {
			next = m.waitingCase(w, d, i, x.tries, x.resends, x.decided).Stuck().Next
		}
		*x = mender{}
		return m.advance(w, d, i, next, false)
	}
	return ""
}

// check holds a state against the one before.
func (m *machine) check(before, w *world) string {
	var counts [states]int8
	for d := range m.members {
		row, was := &w.d[d], &before.d[d]
		if row.planned > 1 {
			return member(d) + " is planned twice"
		}
		if row.row != rowUnplanned {
			counts[row.state()]++
		}
		if fault := m.checkCopies(d, row); fault != "" {
			return fault
		}
		for i := range was.attempts {
			from, to := was.a[i].is(), row.a[i].is()
			if from != to && !from.CanStep(to) {
				return fmt.Sprintf("attempt %d of %s goes from %v to %v", i+1, member(d), from, to)
			}
			if to == gateway.AttemptDelivered && row.a[i].provider != arrived && row.a[i].provider != sameAgain {
				return fmt.Sprintf("attempt %d of %s counts as delivered, and is not at the phone", i+1, member(d))
			}
			if to == gateway.Accepted && row.a[i].provider == nowhere {
				return fmt.Sprintf("attempt %d of %s counts as handed over, and the provider does not have it", i+1, member(d))
			}
		}
		from, to := was.state(), row.state()
		if from != to && from != sUnplanned && !reachable(nameOf[from], nameOf[to]) {
			return fmt.Sprintf("%s goes from %q to %q", member(d), nameOf[from], nameOf[to])
		}
	}
	counts[0] = w.tallies[0]
	if counts != w.tallies {
		return fmt.Sprintf("the tallies say %v, a recount %v", w.tallies, counts)
	}
	if w.inDoubt > w.excused {
		return fmt.Sprintf("%d attempts were put in doubt, and only %d senders had a claim when their processes crashed or paused", w.inDoubt, w.excused)
	}
	return ""
}

// checkCopies holds what is at the phones, or will be, against what the class allows.
func (m *machine) checkCopies(d int, row *delivery) string {
	sum := uint8(0)
	for p := range m.points {
		again := row.asked
		if m.policy.Doubt != gateway.DoubtShown {
			again = row.resends
		}
		if row.copies[p] > 1+again {
			return fmt.Sprintf("%s gets it %d times at one contact point", member(d), row.copies[p])
		}
		sum += row.copies[p]
	}
	if m.policy.Doubt == gateway.DoubtShown && m.policy.Window == 0 && sum > 1+row.asked {
		return fmt.Sprintf("%s gets it %d times", member(d), sum)
	}
	return ""
}

// reachable follows legal steps of deliveries: one transaction may take two.
func reachable(from, to gateway.DeliveryState) bool {
	if from.CanStep(to) {
		return true
	}
	for _, s := range gateway.DeliverySteps[from] {
		if s != gateway.Delivered && s != gateway.Ended && s.CanStep(to) {
			return true
		}
	}
	return false
}
