package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// mostRows bounds one call of the ledger, so that urgent work never waits long behind routine work.
const mostRows = 256

// gatherer joins the claims and the settlements of all senders of the process. While one call of each kind is at the
// ledger, the next ones gather. There is one gatherer for urgent work and one for the rest.
type gatherer struct {
	ledger   Ledger
	claimant gateway.Claimant
	log      *slog.Logger
	at       func(string)

	mu       sync.Mutex
	claims   []*claimRequest
	settling []settlement
	closing  bool

	claimWake, settleWake chan struct{}
}

// claimRequest is one pump's wish for claims; it is used again and again.
type claimRequest struct {
	ids    []gateway.ID
	claims []gateway.Claim
	err    error
	done   chan struct{}
}

// settlement is an outcome with what happens once it is written.
type settlement struct {
	outcome gateway.Outcome
	channel gateway.ID
	nudge   func() // what it decided is due already; nil: nothing is; must not block
	free    *pump  // whose sender is free again; nil: nobody's
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

func newGatherer(ledger Ledger, claimant gateway.Claimant, log *slog.Logger, at func(string)) *gatherer {
	return &gatherer{ledger: ledger, claimant: claimant, log: log, at: at, claimWake: make(chan struct{}, 1), settleWake: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// claim asks for deliveries and waits for the answer, which comes in order and in full, or not at all.
func (g *gatherer) claim(r *claimRequest) ([]gateway.Claim, error) {
	g.mu.Lock()
	g.claims = append(g.claims, r)
	g.mu.Unlock()
	wake(g.claimWake)
	<-r.done
	return r.claims, r.err
}

// settle has an outcome written, some time soon; outcomes of one attempt are written in the order they were given.
func (g *gatherer) settle(s settlement) {
	g.mu.Lock()
	g.settling = append(g.settling, s)
	g.mu.Unlock()
	wake(g.settleWake)
}

// runClaims serves claim until the context ends; every request that was made gets its answer.
func (g *gatherer) runClaims(ctx context.Context) {
	var ids []gateway.ID
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.claimWake:
		}
		g.gather()
		for {
			var requests []*claimRequest
			ids = ids[:0]
			g.mu.Lock()
			for len(g.claims) > 0 && (len(ids) == 0 || len(ids)+len(g.claims[0].ids) <= mostRows) {
				requests, ids = append(requests, g.claims[0]), append(ids, g.claims[0].ids...)
				g.claims = g.claims[1:]
			}
			g.mu.Unlock()
			if len(requests) == 0 {
				break
			}
			claims, err := g.ledger.Claim(ctx, g.claimant, ids)
			for _, r := range requests {
				r.claims, r.err = nil, err
				if err == nil {
					r.claims, claims = claims[:len(r.ids):len(r.ids)], claims[len(r.ids):]
				}
				r.done <- struct{}{}
			}
		}
	}
}

// gather lets those who are about to ask do so, without a timer: everybody who can run runs first.
func (g *gatherer) gather() {
	if !g.claimant.Urgent {
		runtime.Gosched()
	}
}

// runSettlements writes outcomes until the gatherer is closed and all are written, or the context ends.
func (g *gatherer) runSettlements(ctx context.Context) {
	var batch []settlement
	var outcomes []gateway.Outcome
	for {
		g.mu.Lock()
		n := min(len(g.settling), mostRows)
		batch = append(batch[:0], g.settling[:n]...)
		g.settling = append(g.settling[:0], g.settling[n:]...)
		closing := g.closing
		g.mu.Unlock()
		if n == 0 {
			if closing {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-g.settleWake:
				g.gather()
			}
			continue
		}
		outcomes = outcomes[:0]
		for i := range batch {
			outcomes = append(outcomes, batch[i].outcome)
		}
		if !g.write(ctx, batch, outcomes) {
			return
		}
	}
}

// write tries until the ledger takes the outcomes: what was sent must not be forgotten, and nothing new is sent by those
// senders meanwhile.
func (g *gatherer) write(ctx context.Context, batch []settlement, outcomes []gateway.Outcome) bool {
	pause := 50 * time.Millisecond
	for {
		errs, err := g.ledger.Settle(ctx, outcomes)
		if err == nil {
			g.at(atSettled)
			g.finish(ctx, batch, errs)
			return true
		}
		g.log.Error("outcomes cannot be written; trying again", "outcomes", len(outcomes), "error", err)
		if !sleep(ctx, pause) {
			return false
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// finish frees the senders, and applies what came too late for its claim as knowledge about the attempt.
func (g *gatherer) finish(ctx context.Context, batch []settlement, errs []error) {
	var late []gateway.Receipt
	for i := range batch {
		s := &batch[i]
		if s.nudge != nil {
			s.nudge()
		}
		if s.free != nil {
			s.free.release()
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

// close lets runSettlements return once everything is written.
func (g *gatherer) close() {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	wake(g.settleWake)
}

// sleep waits; false: the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
