// Package track applies what providers report about messages: in any order, any number of times, and only ever
// forward. A receipt that says a message will not arrive leads to the same decision as a refusal at once would.
package track

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// Ledger is what track needs of the ledger.
type Ledger interface {
	Observe(ctx context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error)
	Delivery(ctx context.Context, group, id gateway.ID) (gateway.Delivery, error)
	gateway.Cases
}

// Parts is what a Tracker stands on.
type Parts struct {
	Ledger Ledger
	Routes gateway.Routes
	Nudge  func(channel gateway.ID, lane gateway.Lane) // called when a delivery is due again; may be nil
	Now    func() time.Time                            // nil: time.Now
	Jitter func() float64                              // from [0, 1); nil: random
	Log    *slog.Logger                                // nil: nothing is logged
	Count  func(channel gateway.ID, effect gateway.Effect, state gateway.AttemptState)
	Heard  func(channel, delivery gateway.ID, e *channels.Error) // called once for each delivery that a receipt ends badly, with the provider's reason; may be nil; must not block
	// Refused is called for each urgent message that a receipt ends or has wait, once that is in the ledger; may be nil; must not block.
	Refused func(group, broadcast gateway.ID)
	Gather  time.Duration // how long a receipt may wait for others, so that they are written together; 5 ms
}

// Tracker applies receipts. It is safe for concurrent use.
type Tracker struct {
	Parts
	gather *gatherer
}

// New makes a tracker; Run must be running for Observe to return.
func New(p Parts) *Tracker {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Jitter == nil {
		p.Jitter = rand.Float64
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Nudge == nil {
		p.Nudge = func(gateway.ID, gateway.Lane) {}
	}
	if p.Count == nil {
		p.Count = func(gateway.ID, gateway.Effect, gateway.AttemptState) {}
	}
	if p.Heard == nil {
		p.Heard = func(_, _ gateway.ID, _ *channels.Error) {}
	}
	if p.Refused == nil {
		p.Refused = func(_, _ gateway.ID) {}
	}
	return &Tracker{Parts: p, gather: newGatherer(p.Gather, p.Ledger.Observe)}
}

// Run writes receipts until the context ends; those that were handed in by then are written.
func (t *Tracker) Run(ctx context.Context) error {
	t.gather.run(ctx)
	return nil
}

// Observe applies the receipts of one channel, and returns once they are in the ledger. Receipts of attempts that are
// not this channel's are passed over: whoever sent them may have guessed an id.
func (t *Tracker) Observe(ctx context.Context, channel gateway.ID, receipts []channels.Receipt) error {
	batch := make([]gateway.Receipt, 0, len(receipts))
	failed := map[int]failure{} // by place in batch
	for _, r := range receipts {
		entry, about, err := t.translate(ctx, channel, r)
		if err != nil {
			return fmt.Errorf("reading what a receipt is about: %w", err)
		}
		if entry == nil {
			continue
		}
		if r.Status == channels.StatusFailed {
			failed[len(batch)] = failure{about, r.Err}
		}
		batch = append(batch, *entry)
	}
	if len(batch) == 0 {
		return nil
	}
	effects, err := t.gather.observe(ctx, batch)
	if err != nil {
		return fmt.Errorf("applying receipts: %w", err)
	}
	for i, effect := range effects {
		t.Count(channel, effect, batch[i].State)
		if f, ok := failed[i]; ok && effect == gateway.Applied {
			if f.cause != nil {
				t.Heard(channel, f.of.Delivery, f.cause)
			}
			if next := batch[i].Next; f.of.Policy.Lane == gateway.Urgent && (next.Kind == gateway.StepEnd || next.Due.After(t.Now())) {
				t.Refused(f.of.Group, f.of.Broadcast)
			}
		}
		switch {
		case effect == gateway.NoAttempt && batch[i].Attempt.IsZero():
			// A provider's list also holds what others sent over the account, and its own answers to STOP, at every reading.
			t.Log.Debug("a receipt is about a message that this channel did not send", "channel", channel)
		case effect == gateway.NoAttempt:
			t.Log.Warn("a receipt names an attempt that this channel did not make", "channel", channel)
		case effect == gateway.Applied && (batch[i].Next.Kind == gateway.StepRetry || batch[i].Next.Kind == gateway.StepPoint):
			next := batch[i].Next
			if next.Channel.IsZero() {
				next.Channel = channel
			}
			for _, lane := range gateway.Lanes {
				t.Nudge(next.Channel, lane)
			}
		}
	}
	return nil
}

// failure is why a delivery's attempt came to nothing.
type failure struct {
	of    gateway.Claim
	cause *channels.Error // nil: the provider gave none
}

// translate turns a provider's receipt into the ledger's; nil if it is about nothing of ours. The claim is known for all but
// good receipts.
func (t *Tracker) translate(ctx context.Context, channel gateway.ID, r channels.Receipt) (*gateway.Receipt, gateway.Claim, error) {
	out := &gateway.Receipt{Channel: channel, ProviderID: r.ProviderID, Part: r.PartNo}
	var none gateway.Claim
	if r.Attempt != "" {
		var err error
		if out.Attempt, err = gateway.ParseID(r.Attempt); err != nil {
			t.Log.Warn("a receipt names no attempt of ours", "channel", channel)
			return nil, none, nil
		}
	}
	switch r.Status {
	case channels.StatusDelivered:
		out.State = gateway.AttemptDelivered
		return out, none, nil
	case channels.StatusAccepted:
		out.State = gateway.Accepted
	case channels.StatusFailed:
		out.State = gateway.Refused
	default:
		return nil, none, nil
	}
	situation, ok, err := t.situation(ctx, out)
	if err != nil || !ok {
		return nil, none, err
	}
	if out.State == gateway.Accepted {
		out.ConfirmBy = situation.ConfirmBy()
		return out, none, nil
	}
	return out, situation.Claim, t.decide(ctx, situation, r.Err, out)
}

// situation reads the attempt that a receipt is about, and names it in the receipt.
func (t *Tracker) situation(ctx context.Context, r *gateway.Receipt) (gateway.Situation, bool, error) {
	if r.Attempt.IsZero() {
		id, err := t.Ledger.AttemptByRef(ctx, r.Channel, r.ProviderID)
		if errors.Is(err, gateway.ErrNotFound) {
			return gateway.Situation{}, false, nil // sent by somebody else with the same account
		}
		if err != nil {
			return gateway.Situation{}, false, err
		}
		r.Attempt = id
	}
	cases, err := t.Ledger.Cases(ctx, []gateway.ID{r.Attempt})
	if err != nil || len(cases) == 0 || cases[0].Channel != r.Channel {
		return gateway.Situation{}, false, err
	}
	return gateway.Situation{Claim: cases[0], Now: t.Now(), Jitter: t.Jitter()}, true, nil
}

// late gives the refusal that a receipt means. It was no answer to us: waiting as after a throttled or refused request
// would go on for ever, because the next request is taken as well.
func late(cause *channels.Error) gateway.Failure {
	if cause == nil {
		cause = &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: "the provider says that it will not arrive, without a reason"}
	}
	f := gateway.Failure{
		Refusal:    gateway.Refusal{Class: cause.Class.String(), Scope: string(cause.Scope), Code: cause.Code, Detail: cause.Detail},
		RetryAfter: cause.RetryAfter, Moved: gateway.Private(cause.MovedTo.Reveal()), OptedOut: cause.OptedOut,
	}
	switch cause.Class {
	case channels.Unknown: // the provider gave up without knowing: nobody is to blame
		f.Class, f.Scope = channels.Permanent.String(), string(channels.ScopeChannel)
	case channels.Throttled:
		f.Class = channels.Temporary.String()
	case channels.Auth:
		f.Class, f.Scope = channels.Permanent.String(), string(channels.ScopeSender)
	}
	return f
}

// decide says what follows a refusal that came late.
func (t *Tracker) decide(ctx context.Context, s gateway.Situation, cause *channels.Error, r *gateway.Receipt) error {
	failure := late(cause)
	if cause != nil && cause.Class == channels.Unknown && s.Claim.Policy.Doubt == gateway.DoubtShown {
		// It may have arrived all the same, and nothing routine may come twice: a person decides.
		r.Refusal = gateway.Refusal{Class: cause.Class.String(), Scope: string(cause.Scope), Code: cause.Code, Detail: cause.Detail}
		r.Spent, r.Next = true, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
		return nil
	}
	decision := s.Refused(failure)
	if decision.Ask {
		var err error
		if s.Routes, err = t.Routes.Routes(ctx, s.Claim.Group, s.Claim.Member, s.Claim.Topic, s.Claim.Class); err != nil {
			return err
		}
		delivery, err := t.Ledger.Delivery(ctx, s.Claim.Group, s.Claim.Delivery)
		if err != nil {
			return err
		}
		s.Learn(s.Routes, delivery)
		decision = s.Refused(failure)
	}
	r.Refusal, r.Spent, r.Next, r.Point = failure.Refusal, decision.Spent, decision.Next, decision.Point
	return nil
}
