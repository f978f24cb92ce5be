package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// gathering is how long routine outcomes wait for others that are about to come, and free senders for others: a
// transaction of forty costs little more than one of ten. Urgent ones wait for nobody.
const gathering = time.Millisecond

// gatherer joins the claims and the settlements of all senders of the process. While one call of each kind is at the
// ledger, the next ones gather. There is one gatherer for urgent work and one for the rest.
type gatherer struct {
	ledger   Ledger
	claimant gateway.Claimant
	log      *slog.Logger
	at       func(string)
	most     int // rows of one call

	mu       sync.Mutex
	claims   []*claimRequest // that wait; whose turn it is comes first
	claiming bool            // somebody is at the ledger, and has the two below to itself
	joined   []*claimRequest
	ids      []gateway.ID
	settling []settlement
	closing  bool

	sending atomic.Int64  // claimed and not settled yet
	enough  chan struct{} // nobody is left to wait for

	settleWake chan struct{}
}

// claimRequest is one pump's wish for claims; it is used again and again.
type claimRequest struct {
	ids    []gateway.ID
	claims []gateway.Claim
	err    error
	done   chan turn // what came of it, or that it is the next to go to the ledger, for itself and those behind it
}

type turn int

const (
	answered turn = iota
	yours
)

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

func newGatherer(o *Options, claimant gateway.Claimant) *gatherer {
	return &gatherer{ledger: o.Ledger, claimant: claimant, log: o.Log, at: o.At, most: o.Rows, enough: make(chan struct{}, 1), settleWake: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// claim asks for deliveries and waits for the answer, which comes in order and in full, or not at all. One of those who
// ask goes to the ledger for all who ask by then.
func (g *gatherer) claim(ctx context.Context, r *claimRequest) ([]gateway.Claim, error) {
	g.mu.Lock()
	g.claims = append(g.claims, r)
	if g.claiming {
		g.mu.Unlock()
		if <-r.done == answered {
			return r.claims, r.err
		}
		g.mu.Lock()
	}
	g.claiming = true
	n := 0
	g.ids = g.ids[:0]
	for n < len(g.claims) && (n == 0 || len(g.ids)+len(g.claims[n].ids) <= g.most) {
		g.ids = append(g.ids, g.claims[n].ids...)
		n++
	}
	g.joined = append(g.joined[:0], g.claims[:n]...)
	g.claims = append(g.claims[:0], g.claims[n:]...)
	g.mu.Unlock()

	claims, err := g.ledger.Claim(ctx, g.claimant, g.ids)
	for _, joined := range g.joined {
		joined.claims, joined.err = nil, err
		if err == nil {
			joined.claims, claims = claims[:len(joined.ids):len(joined.ids)], claims[len(joined.ids):]
		}
		if joined != r {
			joined.done <- answered
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.claims) > 0 {
		g.claims[0].done <- yours
	} else {
		g.claiming = false
	}
	return r.claims, r.err
}

// settle has an outcome written, some time soon; outcomes of one attempt are written in the order they were given.
func (g *gatherer) settle(s settlement) {
	left := g.sending.Load()
	if s.free != nil {
		left = g.sending.Add(-1)
	}
	g.mu.Lock()
	g.settling = append(g.settling, s)
	n := len(g.settling)
	g.mu.Unlock()
	if n == 1 {
		wake(g.settleWake)
	}
	if left <= 0 || n == g.most*3/4 {
		wake(g.enough)
	}
}

// gather waits a little for more outcomes while some are on their way.
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
	n := len(g.settling)
	g.mu.Unlock()
	if n >= g.most*3/4 || g.sending.Load() <= 0 {
		return
	}
	t.Reset(gathering)
	select {
	case <-t.C:
	case <-g.enough:
	}
}

// runSettlements writes outcomes until the gatherer is closed and all are written, or the context ends.
func (g *gatherer) runSettlements(ctx context.Context) {
	var batch []settlement
	var outcomes []gateway.Outcome
	timer := time.NewTimer(gathering)
	defer timer.Stop()
	for {
		g.mu.Lock()
		n := min(len(g.settling), g.most)
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
				g.gather(timer)
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
	var pump *pump
	freed := 0
	for i := range batch {
		s := &batch[i]
		if s.nudge != nil {
			s.nudge()
		}
		if s.free != nil {
			if pump != nil && s.free != pump {
				pump.release(freed)
				freed = 0
			}
			pump, freed = s.free, freed+1
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
	if pump != nil {
		pump.release(freed)
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
