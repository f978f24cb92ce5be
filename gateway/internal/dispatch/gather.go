package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A transaction of forty costs little more than one of ten, so routine work waits for more of it: senders as long as
// others become free within lull, and nothing longer than gathering. Urgent work waits for nobody.
const (
	gathering = 6 * time.Millisecond
	lull      = 1500 * time.Microsecond
)

// gatherer takes what senders did, and what they are to do next, to the ledger: all of it in one transaction, while the
// next gathers. There is one for the senders kept for urgent messages and one for all others.
//
// A sender is free once its outcome is here, and may be claimed for before it is in the ledger, for the outcome goes with the
// claim or before it. So never more attempts stand as claimed than there are senders.
type gatherer struct {
	ledger   Ledger
	claimant gateway.Claimant
	log      *slog.Logger
	at       func(string)
	most     int // claims, or outcomes, of one call

	mu       sync.Mutex
	claims   []*claimRequest // that wait
	settling []settlement
	closing  bool
	wake     chan struct{} // there is something to do

	sending atomic.Int64  // claimed, with an outcome still to come
	unsaved atomic.Int64  // outcomes that are not in the ledger yet
	enough  chan struct{} // there is nobody to wait for
}

// claimRequest is one pump's wish for claims; it is used again and again.
type claimRequest struct {
	ids    []gateway.ID
	urgent bool
	lease  time.Duration
	claims []gateway.Claim
	err    error
	done   chan struct{}
}

// settlement is an outcome with what happens once it is written.
type settlement struct {
	outcome gateway.Outcome
	channel gateway.ID
	nudge   func() // what it decided is due already; nil: nothing is; must not block
	free    *pump  // whose sender is free; nil: nobody's
}

// late is the same as knowledge about the attempt, for when the claim is no longer ours; false: it says nothing.
func (s *settlement) late() (gateway.Receipt, bool) {
	o := &s.outcome
	r := gateway.Receipt{Attempt: o.Attempt, Channel: s.channel, ProviderID: o.ProviderID, Part: o.Part, State: o.State,
		Refusal: o.Refusal, Spent: o.Spent, Next: o.Next, Point: o.Point, ConfirmBy: o.ConfirmBy}
	if o.State == gateway.Claimed {
		r.State = gateway.Accepted
	}
	return r, o.State != gateway.InDoubt
}

func newGatherer(o *Options, claimant gateway.Claimant) *gatherer {
	return &gatherer{ledger: o.Ledger, claimant: claimant, log: o.Log, at: o.At, most: o.Rows, enough: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// claim asks for deliveries and waits for the answer, which comes in order and in full, or not at all.
func (g *gatherer) claim(ctx context.Context, r *claimRequest) ([]gateway.Claim, error) {
	g.mu.Lock()
	g.claims = append(g.claims, r)
	g.mu.Unlock()
	wake(g.wake)
	wake(g.enough)
	select {
	case <-r.done:
		return r.claims, r.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	i := slices.Index(g.claims, r)
	if i >= 0 {
		g.claims = slices.Delete(g.claims, i, i+1)
	}
	g.mu.Unlock()
	if i >= 0 {
		return nil, ctx.Err()
	}
	<-r.done // it is at the ledger
	return r.claims, r.err
}

// settle has an outcome written, some time soon; outcomes of one attempt are written in the order they were given.
func (g *gatherer) settle(s settlement) {
	left := g.sending.Load()
	if s.free != nil {
		left = g.sending.Add(-1)
	}
	g.unsaved.Add(1)
	g.mu.Lock()
	g.settling = append(g.settling, s)
	n := len(g.settling)
	g.mu.Unlock()
	if n == 1 {
		wake(g.wake)
	}
	if left <= 0 || n >= g.most || s.outcome.Urgent {
		wake(g.enough)
	}
	if s.free != nil {
		s.free.release()
	}
}

// gather waits a little for a claim that takes the outcomes along, or for more outcomes.
func (g *gatherer) gather(t *time.Timer) {
	if g.claimant.Urgent {
		return
	}
	select { // what was enough before is not now
	case <-g.enough:
	default:
	}
	runtime.Gosched() // those who can finish at once do
	g.mu.Lock()
	ready := len(g.claims) > 0 || len(g.settling) >= g.most || g.closing || slices.ContainsFunc(g.settling, func(s settlement) bool { return s.outcome.Urgent })
	g.mu.Unlock()
	if ready || g.sending.Load() <= 0 {
		return
	}
	t.Reset(gathering)
	select {
	case <-t.C:
	case <-g.enough:
	}
}

// load is what goes to the ledger in one call.
type load struct {
	settlements []settlement
	outcomes    []gateway.Outcome
	requests    []*claimRequest
	ids         []gateway.ID
}

// take fills the load. Outcomes come first: a claim is taken only with all the outcomes that were here before it.
func (g *gatherer) take(l *load) (closing bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.settling), g.most)
	l.settlements = append(l.settlements[:0], g.settling[:n]...)
	g.settling = slices.Delete(g.settling, 0, n)
	l.outcomes, l.requests, l.ids = l.outcomes[:0], l.requests[:0], l.ids[:0]
	for i := range l.settlements {
		l.outcomes = append(l.outcomes, l.settlements[i].outcome)
	}
	if len(g.settling) > 0 {
		return g.closing
	}
	n = 0
	for n < len(g.claims) && (n == 0 || len(l.ids)+len(g.claims[n].ids) <= g.most) {
		l.ids = append(l.ids, g.claims[n].ids...)
		n++
	}
	l.requests = append(l.requests, g.claims[:n]...)
	g.claims = slices.Delete(g.claims, 0, n)
	return g.closing
}

// run goes to the ledger until the gatherer is closed and all is written, or the context ends.
func (g *gatherer) run(ctx context.Context) {
	var l load
	timer := time.NewTimer(gathering)
	defer timer.Stop()
	for {
		closing := g.take(&l)
		switch {
		case len(l.outcomes)+len(l.ids) > 0:
			if !g.exchange(ctx, &l) {
				return
			}
		case closing:
			return
		default:
			select {
			case <-ctx.Done():
				return
			case <-g.wake:
				g.gather(timer)
			}
		}
	}
}

// exchange tries until the ledger takes the outcomes: what was sent must not be forgotten, and nothing new is claimed
// meanwhile. The claims of a call that failed are the pumps' to ask for again.
func (g *gatherer) exchange(ctx context.Context, l *load) bool {
	by := g.claimant
	by.Lease = 0
	for _, r := range l.requests {
		by.Urgent = by.Urgent || r.urgent
		by.Lease = max(by.Lease, r.lease)
	}
	pause := 50 * time.Millisecond
	for {
		errs, claims, err := g.ledger.Exchange(ctx, by, l.outcomes, l.ids)
		l.answer(claims, err)
		if err == nil {
			g.at(atSettled)
			g.finish(ctx, l.settlements, errs)
			return true
		}
		if len(l.outcomes) == 0 {
			return ctx.Err() == nil
		}
		if errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
			if n := len(l.outcomes); n > 1 { // the others must not wait for the one that cannot be kept: halve until it is alone
				first := load{settlements: l.settlements[:n/2], outcomes: l.outcomes[:n/2]}
				second := load{settlements: l.settlements[n/2:], outcomes: l.outcomes[n/2:]}
				return g.exchange(ctx, &first) && g.exchange(ctx, &second)
			}
			g.log.Error("the ledger cannot keep an outcome; its attempt will be in doubt", "attempt", l.outcomes[0].Attempt, "error", err)
			g.unsaved.Add(-1)
			l.settlements[0] = settlement{}
			return true
		}
		g.log.Error("outcomes cannot be written; trying again", "outcomes", len(l.outcomes), "error", err)
		if !sleep(ctx, pause) {
			return false
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// answer gives every pump its claims, once.
func (l *load) answer(claims []gateway.Claim, err error) {
	for _, r := range l.requests {
		r.claims, r.err = nil, err
		if n := len(r.ids); err == nil {
			r.claims, claims = claims[:n:n], claims[n:]
		}
		r.done <- struct{}{}
	}
	l.requests, l.ids = l.requests[:0], l.ids[:0]
}

// finish applies what came too late for its claim as knowledge about the attempt.
func (g *gatherer) finish(ctx context.Context, batch []settlement, errs []error) {
	var late []gateway.Receipt
	g.unsaved.Add(-int64(len(batch)))
	for i := range batch {
		s := &batch[i]
		if s.nudge != nil {
			s.nudge()
		}
		switch {
		case errs[i] == nil:
		case errors.Is(errs[i], gateway.ErrStale):
			if r, ok := s.late(); ok {
				late = append(late, r)
			}
		default:
			g.log.Error("an outcome was not written", "attempt", s.outcome.Attempt, "error", errs[i])
		}
		*s = settlement{}
	}
	if len(late) == 0 {
		return
	}
	if _, err := g.ledger.Observe(ctx, late); err != nil {
		g.log.Error("late knowledge of attempts was not written; they stay in doubt", "attempts", len(late), "error", err)
	}
}

// close lets run return once everything is written.
func (g *gatherer) close() {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	wake(g.wake)
	wake(g.enough)
}

// sleep waits; false: the context ended first.
func sleep(ctx context.Context, d time.Duration) bool { return sleepUnless(ctx, d, nil) }

// sleepUnless waits until something changes at most.
func sleepUnless(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-changed:
		return true
	case <-t.C:
		return true
	}
}
