package model

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// kind is what a step does. The order is the one in which a fair run prefers them.
type kind uint8

const (
	stepWake kind = iota
	stepRestart
	stepPlanRead
	stepPlanWrite
	stepMove // advance what a mender has decided
	stepLookSettle
	stepLookAct
	stepLook
	stepSettle
	stepTransmit
	stepCheck
	stepClaim
	stepReceipt
	stepRelease
	stepRelay
	stepPop
	stepOrphans
	stepDoubtful
	stepOverdue
	stepLapse
	stepClock
	// What follows are no steps of a fair run: faults, and what people want.
	stepCrash
	stepPause
	stepLose
	stepCopy
	stepFailover
	stepRepeat
	stepBounce
	stepForeign
	stepStop
	stepResume
	stepSilence
	stepResend
)

// step is one move of one actor: p is a process, s a sender of it, d a delivery, a an attempt, x a choice.
type step struct {
	k             kind
	p, s, d, a, x uint8
}

// enabled lists what may happen next.
func (m *machine) enabled(w *world, all []step) []step {
	all = all[:0]
	add := func(k kind, p, s, d, a, x int) {
		all = append(all, step{k, uint8(p), uint8(s), uint8(d), uint8(a), uint8(x)})
	}
	first, quiet := -1, true
	for p := range m.processes {
		x := &w.p[p]
		switch {
		case !x.up:
			add(stepRestart, p, 0, 0, 0, 0)
			continue
		case x.paused:
			add(stepWake, p, 0, 0, 0, 0)
			continue
		}
		if first < 0 {
			first = p
		}
		if !x.quiet() {
			quiet = false
			if w.left.pauses > 0 {
				add(stepPause, p, 0, 0, 0, 0)
			}
		}
		if w.left.crashes > 0 && (!x.quiet() || x.resumes) {
			add(stepCrash, p, 0, 0, 0, 0)
		}
		m.ofPlanner(w, p, add)
		m.ofSenders(w, p, add)
		m.ofMender(w, p, add)
		if x.resumes && !w.stopped {
			add(stepRelease, p, 0, 0, 0, 0)
		}
	}
	if first >= 0 {
		m.ofAnyone(w, first, add)
	}
	m.ofProvider(w, add)
	m.ofFate(w, add)
	if at := m.next(w); quiet && at > 0 && w.left.ticks > 0 {
		add(stepClock, 0, 0, 0, 0, 0)
	}
	return all
}

type adder func(k kind, p, s, d, a, x int)

func (m *machine) ofPlanner(w *world, p int, add adder) {
	switch w.p[p].planner {
	case idle:
		if int(w.cursor) < m.members && !w.stopped {
			add(stepPlanRead, p, 0, 0, 0, 0)
		}
	default:
		add(stepPlanWrite, p, 0, 0, 0, 0)
	}
}

func (m *machine) ofSenders(w *world, p int, add adder) {
	seen := false
	for s := range m.senders {
		x := &w.p[p].senders[s]
		switch x.at {
		case idle:
			if seen {
				continue // idle senders are all alike
			}
			seen = true
			for d := range m.members {
				if w.q.waiting[d] > 0 {
					add(stepPop, p, s, d, 0, 0)
				}
			}
		case popped, judged:
			add(stepClaim, p, s, 0, 0, 0)
		case claimed:
			add(stepCheck, p, s, 0, 0, 0)
		case begun:
			add(stepTransmit, p, s, 0, 0, int(good))
			if w.left.troubles > 0 {
				for _, x := range []int{int(unknown), int(nothing), int(throttled), int(temporary), int(permanent)} {
					add(stepTransmit, p, s, 0, 0, x)
				}
			}
		case knows:
			add(stepSettle, p, s, 0, 0, 0)
		}
	}
}

func (m *machine) ofMender(w *world, p int, add adder) {
	switch w.p[p].mender.at {
	case looking:
		add(stepLook, p, 0, 0, 0, 0)
		x := &w.p[p].mender
		if a := &w.d[x.d].a[x.a]; m.canLook[a.point] {
			if w.left.troubles > 0 {
				add(stepLook, p, 0, 0, 0, 1)
			}
			if a.provider == taken {
				add(stepLook, p, 0, 0, 0, 2)
			}
		}
	case looked:
		add(stepLookAct, p, 0, 0, 0, 0)
	case advanced:
		add(stepLookSettle, p, 0, 0, 0, 0)
	case moving:
		add(stepMove, p, 0, 0, 0, 0)
	case idle:
		for d := range m.members {
			row := &w.d[d]
			for i := range int(row.attempts) {
				if a := &row.a[i]; a.is() == gateway.InDoubt && a.until > 0 && a.until <= w.now {
					add(stepDoubtful, p, 0, d, i, 0)
				} else if a.is() == gateway.Accepted && !a.left && a.until > 0 && a.until <= w.now {
					add(stepOverdue, p, 0, d, i, 0)
				}
			}
			if row.row == rowWaiting && row.move > 0 && row.move <= w.now {
				add(stepOverdue, p, 0, d, 0, 1)
			}
		}
	}
}

// ofAnyone lists what each process does alike: that one of those that run does it is enough.
func (m *machine) ofAnyone(w *world, p int, add adder) {
	due, held, over := false, false, false
	for d := range m.members {
		row := &w.d[d]
		due = due || m.wants(w, d)
		held = held || row.row == rowHeld
		over = over || (row.row == rowWaiting || row.row == rowHeld) && m.expires <= w.now
		for i := range row.attempts {
			if a := &row.a[i]; a.is() == gateway.Claimed && (a.until <= w.now || a.claimedAt+lease <= w.now) {
				add(stepOrphans, p, 0, 0, 0, 0)
				i = row.attempts
			}
		}
	}
	if due {
		add(stepRelay, p, 0, 0, 0, 0)
	}
	if held && !w.stopped && m.mutant != releaseByOne {
		add(stepRelease, p, 0, 0, 0, 1)
	}
	if over && m.expires <= w.now {
		add(stepLapse, p, 0, 0, 0, 0)
	}
}

// wants says whether the relay would push a delivery.
func (m *machine) wants(w *world, d int) bool {
	row := &w.d[d]
	fresh := w.q.generation != w.relayGen && m.mutant != noGeneration
	return row.row == rowWaiting && row.due <= w.now && w.q.waiting[d] == 0 && !w.q.held[d] && (fresh || !w.relayed[d])
}

func (m *machine) ofProvider(w *world, add adder) {
	for d := range m.members {
		for i := range int(w.d[d].attempts) {
			a := &w.d[d].a[i]
			if a.provider == taken && w.left.bounces > 0 {
				add(stepBounce, 0, 0, d, i, 0)
			}
			if a.provider != nowhere && a.provider != sameAgain {
				for _, state := range []gateway.AttemptState{gateway.Accepted, gateway.AttemptDelivered, gateway.Refused} {
					if state == gateway.Accepted || state == gateway.AttemptDelivered && a.provider != bounced || state == gateway.Refused && a.provider == bounced {
						add(stepReceipt, 0, 0, d, i, int(state))
					}
				}
			}
		}
	}
}

func (m *machine) ofFate(w *world, add adder) {
	l := &w.left
	if l.losses > 0 {
		add(stepLose, 0, 0, 0, 0, 0)
	}
	if l.failovers > 0 && !w.copied {
		add(stepCopy, 0, 0, 0, 0, 0)
	}
	if l.failovers > 0 && w.copied {
		add(stepFailover, 0, 0, 0, 0, 0)
	}
	if l.stops > 0 && !w.stopped {
		add(stepStop, 0, 0, 0, 0, 0)
	}
	for p := range m.processes {
		if w.stopped && w.now < m.expires && w.p[p].running() {
			add(stepResume, p, 0, 0, 0, 0)
		}
	}
	for d := range m.members {
		row := &w.d[d]
		if l.repeats > 0 && (w.q.waiting[d] == 1 || w.q.held[d]) {
			add(stepRepeat, 0, 0, d, 0, 0)
		}
		if l.silences > 0 && row.row != rowUnplanned && row.stopped == 0 {
			add(stepSilence, 0, 0, d, 0, 0)
		}
		if l.resends > 0 && m.mayResend(w, d) {
			add(stepResend, 0, 0, d, 0, 0)
		}
		if l.foreign > 0 && row.attempts > 0 {
			add(stepForeign, 0, 0, d, int(row.attempts)-1, int(gateway.AttemptDelivered))
		}
	}
}

// next is the next time at which something ends or begins; 0: there is none.
func (m *machine) next(w *world) (at seconds) {
	take := func(t seconds) {
		if t > w.now && (at == 0 || t < at) {
			at = t
		}
	}
	for d := range m.members {
		row := &w.d[d]
		switch row.row {
		case rowWaiting:
			if row.due <= w.now && w.relayed[d] && w.q.waiting[d] == 0 && !w.q.held[d] {
				take(w.now + sweep)
			}
			take(row.due)
			take(row.move)
			take(m.expires)
		case rowHeld:
			take(m.expires)
		}
		if w.q.held[d] {
			take(w.q.heldUntil[d])
		}
		for i := range row.attempts {
			a := &row.a[i]
			if a.is() == gateway.Claimed {
				take(a.until)
				take(a.claimedAt + lease)
			} else if a.is() == gateway.InDoubt || a.is() == gateway.Accepted && !a.left {
				take(a.until)
			}
			if window := m.dedupe[a.point]; window > 0 && a.provider == taken || a.provider == arrived {
				take(a.takenAt + window)
			}
		}
	}
	return at
}

// tell puts a step into words.
func (m *machine) tell(w *world, s step) string {
	process := func() string { return fmt.Sprintf("process %d", s.p+1) }
	sender := func() string { return fmt.Sprintf("sender %d.%d", s.p+1, s.s+1) }
	of := func() string { return member(int(w.p[s.p].senders[s.s].d)) }
	asked := func() string { return member(int(w.p[s.p].mender.d)) }
	switch s.k {
	case stepWake:
		return process() + " goes on"
	case stepRestart:
		return process() + " starts again"
	case stepPlanRead:
		return fmt.Sprintf("the planner of %s reads the page behind member %d", process(), w.cursor)
	case stepPlanWrite:
		return fmt.Sprintf("the planner of %s writes", process())
	case stepMove:
		return "the mender of " + process() + " moves " + asked() + " on"
	case stepLookSettle:
		return "the mender of " + process() + " writes that " + asked() + " stays in doubt"
	case stepLookAct:
		return "the mender of " + process() + " writes what it learnt about " + asked()
	case stepLook:
		if s.x == 1 {
			return "the provider cannot tell the mender of " + process() + " about " + asked()
		}
		x := &w.p[s.p].mender
		return "the mender of " + process() + " asks about " + asked() + ": " + m.answer(w, x, s.x)
	case stepSettle:
		return sender() + " writes the outcome of " + of()
	case stepTransmit:
		return sender() + " sends to " + of() + ": " + map[uint8]string{good: "the provider takes it", unknown: "the provider takes it, and the answer is lost", nothing: "the request is lost, without an answer",
			throttled: "slow down, says the provider", temporary: "not now, says the provider", permanent: "no such address, says the provider"}[s.x]
	case stepCheck:
		return sender() + " sees whether its claim of " + of() + " still holds"
	case stepClaim:
		if m.mutant == stopSnapshot && w.p[s.p].senders[s.s].at == popped {
			return sender() + " reads whether anything forbids to send to " + of()
		}
		return sender() + " claims " + of()
	case stepReceipt:
		return fmt.Sprintf("a receipt says that attempt %d of %s is %s", s.a+1, member(int(s.d)), gateway.AttemptState(s.x))
	case stepRelease:
		return process() + " releases what was held"
	case stepRelay:
		return "the relay of " + process() + " fills the queue"
	case stepPop:
		return sender() + " pops " + member(int(s.d))
	case stepOrphans:
		return "the mender of " + process() + " puts in doubt what was claimed too long ago"
	case stepDoubtful:
		return fmt.Sprintf("the mender of %s takes attempt %d of %s, which is in doubt", process(), s.a+1, member(int(s.d)))
	case stepOverdue:
		return "the mender of " + process() + " finds " + member(int(s.d)) + " overdue"
	case stepLapse:
		return process() + " ends what has expired"
	case stepClock:
		return fmt.Sprintf("the clock moves on by %v", (m.next(w).time().Sub(w.now.time())))
	case stepCrash:
		return process() + " is killed"
	case stepPause:
		return process() + " is paused"
	case stepLose:
		return "the queue loses everything"
	case stepCopy:
		return "a copy of the queue is made"
	case stepFailover:
		return "the queue fails over to its older copy"
	case stepRepeat:
		return "the queue says " + member(int(s.d)) + " twice"
	case stepBounce:
		return fmt.Sprintf("the carrier gives attempt %d of %s up", s.a+1, member(int(s.d)))
	case stepForeign:
		return fmt.Sprintf("somebody else's channel reports attempt %d of %s as delivered", s.a+1, member(int(s.d)))
	case stepStop:
		return "a person stops the broadcast"
	case stepResume:
		return "a person resumes the broadcast, by " + process()
	case stepSilence:
		return member(int(s.d)) + " says STOP"
	case stepResend:
		return "a person has " + member(int(s.d)) + " sent again"
	}
	panic("model: a step without words")
}

// answer is what a provider says about an attempt.
func (m *machine) answer(w *world, x *mender, choice uint8) string {
	a := &w.d[x.d].a[x.a]
	switch {
	case !m.canLook[a.point]:
		return "nobody can tell"
	case choice == 2 || a.provider == arrived:
		return "it has arrived"
	case a.provider == taken:
		return "the provider has it"
	case a.provider == bounced:
		return "it will not arrive"
	}
	return "the provider does not have it"
}

func member(d int) string { return fmt.Sprintf("member %d", d+1) }
