package model

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Identifiers and decisions: the numbers of the model in the words of package gateway, whose functions decide.

func pointID(p uint8) gateway.ID { return gateway.ID{1: 1, 15: p + 1} }

func channelID(p uint8) gateway.ID { return gateway.ID{1: 2, 15: p + 1} }

func attemptID(d, i int) gateway.ID { return gateway.ID{1: 3, 14: byte(d), 15: byte(i + 1)} }

func pointOf(id gateway.ID) int { return int(id[15]) - 1 }

// refusals are what providers say, as package channels classes it.
var refusals = map[uint8]gateway.Failure{
	throttled: {Refusal: gateway.Refusal{Class: "throttled", Scope: "channel"}, RetryAfter: 5 * time.Second},
	temporary: {Refusal: gateway.Refusal{Class: "temporary", Scope: "channel"}},
	permanent: {Refusal: gateway.Refusal{Class: "permanent", Scope: "address"}},
	failed:    {Refusal: gateway.Refusal{Class: "permanent", Scope: "channel"}},
}

// situation is what a decision about an attempt is made from; i is -1 if there is none.
func (m *machine) situation(w *world, d, i int, tries, resends uint8, now seconds) gateway.Situation {
	row := &w.d[d]
	c := gateway.Claim{Delivery: gateway.ID{1: 4, 15: byte(d + 1)}, No: i + 1, Point: pointID(row.point), Channel: channelID(row.point), Tries: int(tries), Resends: int(resends),
		Class: m.class, Policy: m.policy, Expires: m.expires.time()}
	if i >= 0 {
		a := &row.a[i]
		c.Attempt, c.Point, c.Channel = attemptID(d, i), pointID(a.point), channelID(a.point)
		c.State, c.ClaimedAt, c.SettledAt = a.is(), a.claimedAt.time(), a.settledAt.time()
	}
	s := gateway.Situation{Claim: c, Now: now.time(), Known: true}
	for p := range uint8(m.points) {
		if (row.stopped|row.invalid)&(1<<p) == 0 {
			s.Routes = append(s.Routes, gateway.Route{Point: pointID(p), Channel: channelID(p)})
		}
	}
	for i := range int(row.attempts) {
		a := &row.a[i]
		s.Attempts = append(s.Attempts, gateway.Attempt{ID: attemptID(d, i), No: i + 1, PointID: pointID(a.point), State: a.is(), ClaimedAt: a.claimedAt.time(), Refusal: refusals[a.refusal].Refusal})
	}
	return s
}

// waitingCase is the situation of a delivery that waits behind an attempt, at a contact point of its own.
func (m *machine) waitingCase(w *world, d, i int, tries, resends uint8, now seconds) gateway.Situation {
	s := m.situation(w, d, i, tries, resends, now)
	s.Claim.Point, s.Claim.Channel = pointID(w.d[d].point), channelID(w.d[d].point)
	return s
}

// outcomeOf is what a sender writes about what it learnt.
func (m *machine) outcomeOf(w *world, s *sender) outcome {
	o := outcome{token: s.token}
	point := w.d[s.d].a[s.a].point
	situation := m.situation(w, int(s.d), int(s.a), s.tries, s.resends, s.decided)
	switch s.result {
	case good:
		o.state, o.confirmBy = gateway.Accepted, since(situation.ConfirmBy())
	case late:
		o.state, o.next = gateway.Refused, gateway.Step{Kind: gateway.StepRetry, Due: s.decided.time()}
		o.refusal = temporary
	case lapsed:
		o.state, o.next = gateway.Refused, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonExpired}
		o.refusal = temporary
	case unknown, doubtful:
		look, window := gateway.CannotLook, time.Duration(m.dedupe[point])*time.Second
		if m.canLook[point] {
			look = gateway.LookLater
		}
		fresh := s.result == unknown
		if !fresh {
			window = 0
		}
		o = m.apply(o, m.doubt(situation, fresh, look, window))
	default:
		o = m.apply(o, situation.Refused(refusals[s.result]))
		o.refusal, o.gone = s.result, s.result == permanent
		if o.next.Kind == gateway.StepNone {
			o.next = gateway.Step{Kind: gateway.StepRetry, Due: (s.decided + 5).time()}
		}
		o.state = gateway.Refused
	}
	return o
}

// doubt asks package gateway; a mutation takes what is routine for what may be sent again.
func (m *machine) doubt(s gateway.Situation, fresh bool, look gateway.Look, dedupe time.Duration) gateway.Decision {
	d := s.Doubt(fresh, look, dedupe)
	if m.mutant == doubtResent && m.policy.Doubt == gateway.DoubtShown {
		d.Next = gateway.Step{Kind: gateway.StepRetry, Due: s.Now}
	}
	return d
}

func (m *machine) apply(o outcome, d gateway.Decision) outcome {
	o.state, o.spent, o.next, o.lookAt = d.State, d.Spent, d.Next, since(d.LookAt)
	return o
}

// knowledge is what remains of an outcome that came too late for its claim; false: nothing.
func (o outcome) knowledge() (outcome, bool) { return o, o.state != gateway.InDoubt }

// lookOutcome is what a mender writes about what it learnt.
func (m *machine) lookOutcome(w *world, x *mender) outcome {
	o := outcome{token: x.token}
	point := w.d[x.d].a[x.a].point
	s := m.situation(w, int(x.d), int(x.a), x.tries, x.resends, x.decided)
	look := gateway.LookLater
	switch {
	case x.result == good:
		o.state, o.confirmBy = gateway.Accepted, since(s.ConfirmBy())
		return o
	case x.result == reported:
		o.state = gateway.AttemptDelivered
		return o
	case x.result == failed:
		d := s.Refused(refusals[failed])
		o.state, o.next, o.refusal = gateway.Refused, d.Next, failed
		return o
	case x.result == nothing:
		look = gateway.FoundNothing
	case !m.canLook[point]:
		look = gateway.CannotLook
	}
	o = m.apply(o, m.doubt(s, false, look, time.Duration(m.dedupe[point])*time.Second))
	o.spent = false
	if o.state == gateway.Refused {
		o.refusal = temporary
	}
	return o
}

// receipt is what a provider reports, as package track decides about it.
func (m *machine) receipt(w *world, d, i int, state gateway.AttemptState) outcome {
	row := &w.d[d]
	s := m.situation(w, d, i, row.tries, row.resends, w.now)
	o := outcome{state: state}
	switch state {
	case gateway.Accepted:
		o.confirmBy = since(s.ConfirmBy())
	case gateway.Refused:
		o = m.apply(o, s.Refused(refusals[failed]))
		o.state, o.refusal = gateway.Refused, failed
	}
	return o
}
