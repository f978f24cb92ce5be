package dispatch

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// patience is the longest wait of a sender for the rate of one address; a longer one goes back to the ledger.
const patience = 3 * time.Second

// usualAttempt bounds a send on a channel that does not say how long one may take.
const usualAttempt = 30 * time.Second

// longest is how long one call of an adapter may take.
func longest(caps *channels.Capabilities) time.Duration {
	if caps.LongestAttempt > 0 {
		return caps.LongestAttempt
	}
	return usualAttempt
}

// send makes one attempt of one delivery and hands its outcome on.
func (p *pump) send(sending context.Context, j job) {
	l, c := p.l, j.claim
	s := settlement{channel: c.Channel, free: p, outcome: gateway.Outcome{Attempt: c.Attempt, Token: c.Token, Part: c.FirstPart, Urgent: j.lane == gateway.Urgent}}
	adapter, _ := l.adapter()
	text, err := l.d.texts.personal(context.WithoutCancel(sending), c, adapter, func(recovered any) { _ = l.d.defect(l.id, channels.ScopeContent, recovered) })
	switch {
	case c.Channel != l.id:
		l.limits.Unused(j.paid)
		l.leave(c, &s)
	case errors.Is(err, errBadText):
		l.limits.Unused(j.paid)
		l.refuse(j, &s, refusal(channels.Permanent, channels.ScopeContent, err.Error(), 0))
	case err != nil:
		l.limits.Unused(j.paid)
		l.d.o.Log.Error("a message waits because its text cannot be read", "channel", l.name, "error", err)
		l.refuse(j, &s, refusal(channels.Throttled, channels.ScopeContent, "the text could not be read from the ledger", time.Second))
	default:
		c.FirstPart = min(c.FirstPart, len(text.parts)-1) // without a name it may have fewer
		s.outcome.Part = c.FirstPart
		l.limits.Charge(s.outcome.Urgent, j.paid, text.cost[c.FirstPart])
		l.sendParts(sending, j, text, &s, p.gatherer)
	}
	l.d.o.At(atSent)
	l.metrics.settled(j.lane, &s.outcome)
	p.gatherer.settle(s)
}

// sendParts sends part after part; all but the last are reported as progress.
func (l *line) sendParts(sending context.Context, j job, text *text, s *settlement, gatherer *gatherer) {
	c, caps := j.claim, l.caps.Load()
	adapter, ok := l.adapter()
	if l.stays(j, s, caps, ok) {
		l.limits.Unused(text.cost[c.FirstPart])
		return
	}
	m := channels.Outbound{Attempt: c.Attempt.String(), To: channels.Address(c.Address.Reveal()), Expires: c.Expires, Urgent: s.outcome.Urgent, PageLink: c.Class != gateway.Account,
		Neutral: c.Neutral, Protected: c.Neutral || c.Sensitive}
	delivered := true
	for i := c.FirstPart; i < len(text.parts); i++ {
		m.PartNo, m.Part = i, text.parts[i]
		if f, ok := l.addressFree(sending, c.Point, m.To, m.Part.Cost); !ok {
			s.outcome.Part = i
			l.limits.Unused(text.cost[i])
			l.refuse(j, s, f)
			return
		}
		now := l.d.o.Now()
		limit := longest(caps)
		if !c.Expires.IsZero() {
			limit = min(limit, c.Expires.Sub(now))
		}
		if limit = min(limit, left(j.ends)); limit <= 0 { // as late as can be: the process may have been paused since the claim
			l.limits.Unused(text.cost[i])
			l.expire(c, now, s)
			return
		}
		m.Key = key(c, i)
		if m.AnswerURL = ""; caps.Links && len(m.Part.Buttons) > 0 && c.Class != gateway.Account {
			m.AnswerURL = l.d.o.AnswerURL(c.Group, c.Delivery)
		}
		m.CallbackURL = l.d.o.CallbackURL(c.Channel, c.Attempt, i)
		begun := time.Now()
		sent, err := l.sendSafely(l.clock.until(begun.Add(limit)), adapter, m)
		l.metrics.sent(j.lane, time.Since(begun))
		if err != nil {
			s.outcome.Part = i
			l.failed(j, s, m, begun, channels.AsError(err))
			return
		}
		l.report(nil)
		delivered = delivered && sent.Delivered
		s.outcome.Part, s.outcome.ProviderID, s.outcome.Cost = i, sent.ProviderID, m.Part.Cost
		s.outcome.Polled = m.CallbackURL == "" && caps.Receipts > channels.NoReceipts
		if i < len(text.parts)-1 {
			s.outcome.State = gateway.Claimed
			gatherer.settle(settlement{outcome: s.outcome, channel: c.Channel})
			s.outcome.ProviderID, s.outcome.Cost = "", 0
			l.d.o.At(atPart)
		}
	}
	if s.outcome.State = gateway.Accepted; delivered {
		s.outcome.State = gateway.AttemptDelivered
	} else if caps.Receipts == channels.DeliveryReceipts {
		s.outcome.ConfirmBy = gateway.Situation{Claim: *c, Now: l.d.o.Now()}.ConfirmBy()
	}
}

// stays writes into s why a message is not sent; false: it is.
func (l *line) stays(j job, s *settlement, caps *channels.Capabilities, usable bool) bool {
	switch c := j.claim; {
	case !usable:
		l.refuse(j, s, refusal(channels.Auth, channels.ScopeChannel, "the channel cannot be used until its options are mended", 0))
	case c.No > 1 && caps.DedupeWindow > 0 && l.forgotten(j, s, caps.DedupeWindow):
	case c.Address == "":
		l.refuse(j, s, refusal(channels.Permanent, channels.ScopeChannel, "its address cannot be opened; the log says why", 0))
	case caps.Public && private(c):
		l.refuse(j, s, refusal(channels.Permanent, channels.ScopeContent, "it is not for the public, and everybody can read what leaves over this channel", 0))
	default:
		return false
	}
	return true
}

// private says whether what a claim is for is meant for one member, or for those only whom the group knows. Fan-out writes no such
// text for a public channel; one that lies there all the same, as of a release before, stops here.
func private(c *gateway.Claim) bool {
	return c.Class == gateway.Account || c.Neutral || c.Sensitive || c.Pointer
}

// left is how long it is until a time, by the clock that a machine's sleep stops or by the one that somebody may set,
// whichever is less.
func left(until time.Time) time.Duration {
	now := time.Now()
	return min(until.Sub(now), until.Round(0).Sub(now.Round(0)))
}

// key is the same whenever a part is sent again to the same contact point without a new decision to send it twice.
func key(c *gateway.Claim, part int) string {
	b := make([]byte, 0, 64)
	b = append(b, c.Delivery.String()...)
	b = append(append(b, '-'), c.Point.Short()...)
	b = strconv.AppendInt(append(b, '-'), int64(c.Resends), 10)
	b = strconv.AppendInt(append(b, '-'), int64(part), 10)
	return string(b)
}

// addressFree waits a little for the rate of one address.
func (l *line) addressFree(sending context.Context, point gateway.ID, to channels.Address, cost int) (gateway.Failure, bool) {
	for begun := time.Now(); ; {
		changed := l.limits.Changed()
		wait := l.limits.Address(point, to, cost)
		if wait == 0 {
			return gateway.Failure{}, true
		}
		if time.Since(begun)+wait > patience || !sleepUnless(sending, wait, changed) {
			return refusal(channels.Throttled, channels.ScopeAddress, "this address gets no more for now", wait), false
		}
	}
}

// sendSafely turns a panic into doubt: nobody knows how far the adapter came.
func (l *line) sendSafely(ctx context.Context, adapter channels.Adapter, m channels.Outbound) (sent channels.Sent, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = l.d.defect(l.id, channels.ScopeContent, r)
		}
	}()
	return adapter.Send(ctx, m)
}

// defect is what becomes of an adapter's panic: nobody knows how far it came. The log tells where it was.
func (d *Dispatcher) defect(channel gateway.ID, scope channels.Scope, recovered any) *channels.Error {
	told := &d.defects
	if l := d.line(channel); l != nil {
		told = &l.defects
	}
	if told.may() {
		d.o.Log.Error("an adapter met a defect", "channel", channel, "error", gateway.DefectOf(recovered))
	}
	return &channels.Error{Class: channels.Unknown, Scope: scope, Detail: "the adapter met a defect"}
}

// failed writes into s what follows from an error of Send.
func (l *line) failed(j job, s *settlement, m channels.Outbound, begun time.Time, e *channels.Error) {
	l.metrics.refused(e)
	l.d.o.Log.Debug("an attempt failed", "channel", l.name, "attempt", j.claim.Attempt, "class", e.Class.String(), "scope", string(e.Scope), "code", e.Code)
	l.report(e)
	if e.Class == channels.Auth && l.troubles.outdated(begun) { // it leaves again, under the credentials that are good
		l.refuse(j, s, failureOf(e))
		return
	}
	l.hear(j.claim.Delivery, e, e.Class == channels.Auth)
	if errors.Is(e.Cause, channels.ErrExpired) {
		s.outcome.State, s.outcome.Refusal = gateway.Refused, refusalOf(e)
		s.outcome.Next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonExpired}
		return
	}
	switch e.Class {
	case channels.Unknown:
		l.doubt(j, s, refusalOf(e))
		return
	case channels.Throttled:
		if e.RetryAfter = pauseOf(e.RetryAfter); e.Scope == channels.ScopeAddress {
			l.limits.PauseAddress(j.claim.Point, m.To, l.d.o.Now().Add(e.RetryAfter))
		} else {
			l.throttled(e)
		}
	case channels.Auth:
		l.unauthorised(e)
	}
	l.refuse(j, s, failureOf(e))
}

// pauseOf bounds what a provider demands: at least a moment, at most a day.
func pauseOf(d time.Duration) time.Duration {
	if d <= 0 {
		return 5 * time.Second
	}
	return min(d, 24*time.Hour)
}

// refuse writes into s what follows when the message was certainly not taken.
func (l *line) refuse(j job, s *settlement, f gateway.Failure) {
	s.outcome.Refusal = f.Refusal
	l.decide(j, s, func(situation gateway.Situation) gateway.Decision { return situation.Refused(f) })
	if s.outcome.Next.Kind == gateway.StepNone { // undecided for now: it certainly may be tried again
		s.outcome.Next = gateway.Step{Kind: gateway.StepRetry, Due: l.d.o.Now().Add(5 * time.Second)}
	}
	s.outcome.State = gateway.Refused
}

// doubt writes into s what follows when nobody knows.
func (l *line) doubt(j job, s *settlement, r gateway.Refusal) {
	s.outcome.State, s.outcome.Refusal = gateway.InDoubt, r
	if !l.decide(j, s, func(situation gateway.Situation) gateway.Decision {
		return situation.Doubt(true, l.look(), l.caps.Load().DedupeWindow)
	}) {
		s.outcome.Spent, s.outcome.LookAt = true, l.d.o.Now().Add(5*time.Second)
	}
}

// look says whether the provider can be asked.
func (l *line) look() gateway.Look {
	if adapter, ok := l.adapter(); ok {
		if _, can := adapter.(channels.StatusFinder); can {
			return gateway.LookLater
		}
	}
	return gateway.CannotLook
}

// forgotten writes into s what follows when the provider may have taken an attempt before and forgotten its key since;
// false: it may be sent.
func (l *line) forgotten(j job, s *settlement, dedupe time.Duration) bool {
	c := j.claim
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	d, err := l.d.o.Deliveries.Delivery(ctx, c.Group, c.Delivery)
	if err != nil {
		l.d.o.Log.Error("a message waits because its attempts cannot be read", "channel", l.name, "delivery", c.Delivery, "error", err)
		l.refuse(j, s, refusal(channels.Throttled, channels.ScopeChannel, "its attempts could not be read from the ledger", time.Second))
		return true
	}
	if !(gateway.Situation{Claim: *c, Now: l.d.o.Now(), Attempts: d.Attempts}).KeyForgotten(dedupe) {
		return false
	}
	s.outcome.State = gateway.InDoubt
	s.outcome.Refusal = gateway.Refusal{Class: channels.Unknown.String(), Scope: string(channels.ScopeChannel), Detail: "an attempt before may have been taken, so long ago that sending again could double it"}
	if !l.decide(j, s, func(situation gateway.Situation) gateway.Decision {
		return situation.Doubt(false, l.look(), 0)
	}) {
		s.outcome.LookAt = l.d.o.Now().Add(5 * time.Second)
	}
	return true
}

// leave gives a delivery back that moved on to another channel while its hint lay in a lane of this one: it is not for this
// adapter.
func (l *line) leave(c *gateway.Claim, s *settlement) {
	s.outcome.State = gateway.Refused
	s.outcome.Refusal = gateway.Refusal{Class: channels.Temporary.String(), Scope: string(channels.ScopeChannel), Detail: "it had moved on to this channel while the one before was still to send it"}
	s.outcome.Next = gateway.Step{Kind: gateway.StepRetry, Due: l.d.o.Now()}
	s.nudge = l.d.nudgeFor(s.outcome.Next, c)
}

// expire ends a delivery whose time was over before it could be sent.
func (l *line) expire(c *gateway.Claim, now time.Time, s *settlement) {
	s.outcome.State = gateway.Refused
	s.outcome.Refusal = gateway.Refusal{Class: channels.Temporary.String(), Scope: string(channels.ScopeChannel), Detail: "its time was over before it could be sent"}
	s.outcome.Next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonExpired}
	if c.Expires.IsZero() || now.Before(c.Expires) { // the claim ran out instead
		s.outcome.Refusal.Detail = "the claim was over before it could be sent"
		s.outcome.Next = gateway.Step{Kind: gateway.StepRetry, Due: now}
	}
}

// decide carries a decision into s; false: what it asked for cannot be read now.
func (l *line) decide(j job, s *settlement, how func(gateway.Situation) gateway.Decision) bool {
	situation := gateway.Situation{Claim: *j.claim, Now: l.d.o.Now(), Jitter: l.d.o.Random()}
	decision, err := l.d.decide(&situation, how)
	if err != nil {
		l.d.o.Log.Error("a decision waits", "channel", l.name, "delivery", j.claim.Delivery, "error", err)
		return false
	}
	o := &s.outcome
	o.State, o.Spent, o.Next, o.Point, o.LookAt = decision.State, decision.Spent, decision.Next, decision.Point, decision.LookAt
	s.nudge = l.d.nudgeFor(decision.Next, j.claim)
	return true
}

// refusal is a failure for a reason of our own; after is how long to wait at least, zero: as the policy says.
func refusal(class channels.Class, scope channels.Scope, detail string, after time.Duration) gateway.Failure {
	return gateway.Failure{Refusal: gateway.Refusal{Class: class.String(), Scope: string(scope), Detail: detail}, RetryAfter: after}
}

func refusalOf(e *channels.Error) gateway.Refusal {
	return gateway.Refusal{Class: e.Class.String(), Scope: string(e.Scope), Code: e.Code, Detail: e.Detail}
}

func failureOf(e *channels.Error) gateway.Failure {
	return gateway.Failure{Refusal: refusalOf(e), RetryAfter: e.RetryAfter, Moved: gateway.Private(e.MovedTo.Reveal()), OptedOut: e.OptedOut}
}
