package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// pump claims for some senders of a line, one delivery for each that is free now and never one more.
type pump struct {
	l        *line
	lanes    []gateway.Lane
	total    int
	gatherer *gatherer

	free  atomic.Int64 // senders that have handed their last outcome in, and that nobody holds for a claim
	freed chan struct{}
	away  atomic.Bool // the queue: nobody waits for it, or for what is asked beside it, before an alert is written

	door    sync.Mutex
	shut    bool           // nobody is let in any more
	outside sync.WaitGroup // of those who were let in, and hold senders
	work    chan job
	asks    claimRequest
	last    int // how many the limits let through at once
	timer   *time.Timer
}

// job is a claim for a sender.
type job struct {
	claim *gateway.Claim
	lane  gateway.Lane
	paid  int
	ends  time.Time // nothing is sent under the claim from then on
}

func (l *line) newPump(lanes []gateway.Lane, senders int, g *gatherer) *pump {
	p := &pump{l: l, lanes: lanes, total: senders, gatherer: g, freed: make(chan struct{}, 1), work: make(chan job, senders), last: senders, timer: time.NewTimer(gathering)}
	p.asks.done = make(chan struct{}, 1)
	p.free.Store(int64(senders))
	return p
}

// hold takes free senders for claims, so many at most; give brings them back. clean: only senders whose
// outcomes are in the ledger, for what is claimed does not take them there.
func (p *pump) hold(most int, clean bool) int {
	for {
		free := p.free.Load()
		n := min(int64(most), free)
		if clean {
			n = min(n, free-p.gatherer.unsaved.Load())
		}
		if n <= 0 {
			return 0
		}
		if p.free.CompareAndSwap(free, free-n) {
			return int(n)
		}
	}
}

func (p *pump) give(senders int) {
	if senders > 0 {
		p.free.Add(int64(senders))
		wake(p.freed)
	}
}

// enter lets somebody from outside hold senders, until outside.Done; false: the pump ends.
func (p *pump) enter() bool {
	p.door.Lock()
	defer p.door.Unlock()
	if !p.shut {
		p.outside.Add(1)
	}
	return !p.shut
}

// unused gives back leave for so many messages, each of which was charged with paid.
func (p *pump) unused(messages, paid int) {
	if messages > 0 {
		p.l.limits.Unused(messages * paid)
	}
}

// letGo brings back senders for whom there is no claim, with their leave.
func (p *pump) letGo(senders, paid int) {
	p.give(senders)
	p.unused(senders, paid)
}

// release counts a sender as free, and wakes the pump if that is what it may be waiting for.
func (p *pump) release() {
	if n := p.free.Add(1); n == 1 || n == int64(p.total)/2 {
		wake(p.freed)
	}
}

func (p *pump) run(ctx, sending context.Context) {
	var senders sync.WaitGroup
	for range p.total {
		senders.Go(func() {
			for j := range p.work {
				p.send(sending, j)
			}
		})
	}
	for p.round(ctx, sending) == nil {
	}
	p.door.Lock()
	p.shut = true
	p.door.Unlock()
	p.outside.Wait()
	close(p.work)
	senders.Wait()
}

// round takes hints and has them sent; the only error is that of the context.
func (p *pump) round(ctx, sending context.Context) error {
	if err := p.wantFree(ctx); err != nil {
		return err
	}
	if err := p.blocked(ctx); err != nil {
		return err
	}
	most := max(1, min(int(p.free.Load()), 2*p.last+1, p.l.d.o.Rows))
	batch, err := p.l.d.o.Queue.Pop(ctx, p.l.id, p.lanes, most)
	p.away.Store(err != nil)
	if err != nil {
		if ctx.Err() == nil {
			if p.l.popping.may() {
				p.l.d.o.Log.Error("the queue cannot be read; trying again", "channel", p.l.name, "error", err)
			}
			sleep(ctx, 100*time.Millisecond)
		}
		return ctx.Err()
	}
	lane, ids := batch.Lane, batch.Deliveries
	key := queue.Lane{Channel: p.l.id, Lane: lane}
	if batch.Low {
		p.l.refill(lane)
	}
	p.l.d.o.At(atPopped)
	for len(ids) > 0 {
		n := p.forward(ctx, sending, lane, ids)
		p.done(key, ids[:max(0, n)])
		if n < 0 {
			p.done(key, ids) // they are due still, and come again
			break
		}
		ids = ids[n:]
	}
	return ctx.Err()
}

// wantFree waits for a free sender; where many are busy, a little longer for some more, as long as more come.
func (p *pump) wantFree(ctx context.Context) error {
	for p.free.Load() == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.freed:
		}
	}
	if len(p.lanes) == 1 || p.free.Load() >= int64(p.total)/2 {
		return nil
	}
	begun, before := time.Now(), p.free.Load()
	p.timer.Reset(lull)
	for p.free.Load() < int64(p.total)/2 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.timer.C:
			free := p.free.Load()
			if free == before || time.Since(begun) >= gathering {
				return nil
			}
			before = free
			p.timer.Reset(lull)
		case <-p.freed:
		}
	}
	return nil
}

func (p *pump) done(key queue.Lane, ids []gateway.ID) {
	if len(ids) == 0 {
		return
	}
	if err := p.l.d.o.Queue.Done(context.Background(), key, ids); err != nil {
		p.l.d.o.Log.Error("the queue does not forget what was claimed", "channel", p.l.name, "error", err)
	}
}

// blocked waits while nothing that the pump serves may leave, and has the lanes looked at when that is over.
func (p *pump) blocked(ctx context.Context) error {
	waited := false
	for {
		changed := p.l.limits.Changed()
		wait := p.l.limits.Blocked(true) // for every pump serves urgent messages, and what else it does waits for these too
		if wait == 0 {
			break
		}
		waited = true
		if err := p.wait(ctx, wait, changed); err != nil {
			return err
		}
	}
	if waited {
		for _, lane := range p.lanes {
			p.l.nudge(lane)
		}
	}
	return ctx.Err()
}

// wait waits, though not much longer than a sweep: the clock may have been wound.
func (p *pump) wait(ctx context.Context, d time.Duration, changed <-chan struct{}) error {
	t := time.NewTimer(min(d, p.l.d.o.Sweep))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-t.C:
	}
	return nil
}

// forward passes on as many ids as the limits let through, at least one, and returns how many; below zero: none, and
// the rest is given up.
func (p *pump) forward(ctx, sending context.Context, lane gateway.Lane, ids []gateway.ID) int {
	urgent := lane == gateway.Urgent
	pass := p.l.limits.Take(urgent, len(ids))
	for pass.Count == 0 {
		changed := p.l.limits.Changed()
		if pass.Wait > p.l.d.o.Sweep && p.l.limits.Blocked(urgent) > p.l.d.o.Sweep {
			return -1
		}
		if p.wait(ctx, pass.Wait, changed) != nil {
			return -1
		}
		pass = p.l.limits.Take(urgent, len(ids))
	}
	held := p.hold(pass.Count, false)
	for held == 0 { // somebody else has taken them
		if err := p.wantFree(ctx); err != nil {
			p.unused(pass.Count, pass.Paid)
			return -1
		}
		held = p.hold(pass.Count, false)
	}
	p.unused(pass.Count-held, pass.Paid)
	pass.Count = held
	p.last = pass.Count
	p.asks.ids, p.asks.urgent, p.asks.lease = ids[:pass.Count], urgent, p.l.lease()
	begun := time.Now()
	claims, err := p.gatherer.claim(sending, &p.asks)
	p.l.d.metrics.claims[lane].Observe(time.Since(begun).Seconds())
	if err != nil {
		p.letGo(pass.Count, pass.Paid)
		if p.l.claiming.may() {
			p.l.d.o.Log.Error("nothing can be claimed; trying again", "channel", p.l.name, "error", err)
		}
		sleep(ctx, 100*time.Millisecond)
		return -1
	}
	p.l.d.o.At(atClaimed)
	p.hand(claims, job{lane: lane, paid: pass.Paid, ends: begun.Add(p.asks.lease - p.l.d.o.settling())})
	return pass.Count
}

// hand gives what was granted to the senders that are held for it, and lets the others go.
func (p *pump) hand(claims []gateway.Claim, j job) {
	spare := 0
	for i := range claims {
		j.claim = &claims[i]
		p.l.metrics.claimed(j.claim.Verdict)
		if j.claim.Verdict == gateway.Granted {
			p.gatherer.sending.Add(1)
			p.work <- j
			continue
		}
		spare++
		if j.claim.Verdict == gateway.Unusable {
			p.l.d.mender.later(*j.claim)
		}
	}
	p.letGo(spare, j.paid)
}
