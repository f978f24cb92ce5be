// Package limit says when a channel may send: its provider's rates, the pauses a provider asks for, and a breaker that
// stops sending into a provider that does not answer. One Channel serves one channel of one process; rates that several
// processes share come through the Rates interface.
package limit

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-gateway/carillon/channels"
)

// Rates admits messages under the rates of a channel, in units of cost.
type Rates interface {
	// Take admits up to want messages of about cost units each, now. A message that is not urgent leaves the reserve
	// alone. If it admits none, wait says when to ask again.
	Take(now time.Time, urgent bool, want, cost int) (got int, wait time.Duration)
	// Debit takes units that turned out to be needed beyond what Take was told, even if there are none left.
	Debit(now time.Time, cost int)
}

// Options sets up a Channel. Zero values take the defaults named beside them.
type Options struct {
	Rates     []channels.Rate // of the adapter or the configuration
	Shared    Rates           // in place of the rates for the whole channel; nil: this process alone
	Reserve   float64         // share of each burst that only urgent messages take; 0.2
	HeadStart time.Duration   // after a pause, urgent messages have the channel for so long; 250 ms
	Trip      int             // failures in a row that open the breaker; 5
	Probe     time.Duration   // first time until an open breaker tries again; 1 s
	ProbeMost time.Duration   // longest; 60 s
	Now       func() time.Time
}

// Channel is safe for concurrent use.
type Channel struct {
	o     Options
	rates Rates
	seed  maphash.Seed
	each  []channels.Rate // of one address

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced when waiting may be over early
	pausedUntil time.Time
	routineFrom time.Time // not before then, unless urgent
	routineHeld bool      // not before HoldRoutine says so, unless urgent
	urgentUntil time.Time // an urgent message was turned away, and comes back until then
	costs       [2]int    // what the last message cost; the second for urgent ones
	breaker     breaker
	addresses   map[uint64]*address
}

type address struct {
	limits []*rate.Limiter
	until  time.Time
}

// mostAddresses bounds the addresses remembered at a time.
const mostAddresses = 1 << 16

// New makes a Channel.
func New(o Options) *Channel {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.HeadStart, 250*time.Millisecond)
	def(&o.Probe, time.Second)
	def(&o.ProbeMost, time.Minute)
	if o.Reserve == 0 {
		o.Reserve = 0.2
	}
	if o.Trip == 0 {
		o.Trip = 5
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Channel{o: o, rates: o.Shared, seed: maphash.MakeSeed(), changed: make(chan struct{}), costs: [2]int{1, 1}, addresses: map[uint64]*address{}}
	var whole []channels.Rate
	for _, r := range o.Rates {
		if r.PerAddress {
			c.each = append(c.each, r)
		} else {
			whole = append(whole, r)
		}
	}
	if c.rates == nil {
		c.rates = NewLocal(whole, o.Reserve)
	}
	return c
}

// Pass is leave to send some messages; Paid is the cost that each has been charged with so far.
type Pass struct {
	Count int
	Paid  int
	Wait  time.Duration // if Count is zero: when to ask again, unless Changed says so earlier
}

// Take gives leave for up to want messages. Each must be followed by Charge and Report, or by Unused.
func (c *Channel) Take(urgent bool, want int) Pass {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	p := c.take(now, urgent, want)
	if urgent {
		c.urgentUntil = time.Time{}
		if p.Count < want { // while more of them wait, the others stand back
			c.urgentUntil = now.Add(p.Wait + 50*time.Millisecond)
		}
	}
	return p
}

func (c *Channel) take(now time.Time, urgent bool, want int) Pass {
	if wait := c.blocked(now, urgent); wait > 0 {
		return Pass{Wait: wait}
	}
	if c.breaker.state != closed {
		want = 1
	}
	paid := c.costs[index(urgent)]
	got, wait := c.rates.Take(now, urgent, want, paid)
	if got > 0 && c.breaker.state != closed {
		c.breaker.state = probing
	}
	return Pass{Count: got, Paid: paid, Wait: wait}
}

func index(urgent bool) int {
	if urgent {
		return 1
	}
	return 0
}

// Blocked says how long nothing of this urgency leaves, rates apart; zero: it may now.
func (c *Channel) Blocked(urgent bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocked(c.o.Now(), urgent)
}

func (c *Channel) blocked(now time.Time, urgent bool) time.Duration {
	wait := c.pausedUntil.Sub(now)
	if c.breaker.state == open {
		wait = max(wait, c.breaker.until.Sub(now))
	}
	if c.breaker.state == probing {
		wait = max(wait, c.o.Probe)
	}
	if !urgent {
		wait = max(wait, c.routineFrom.Sub(now), c.urgentUntil.Sub(now))
		if c.routineHeld {
			wait = max(wait, heldWait)
		}
	}
	return max(0, wait)
}

// Charge tells what a message that Take let through really costs.
func (c *Channel) Charge(urgent bool, paid, cost int) {
	if paid == cost {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.costs[index(urgent)] = max(1, cost)
	if cost > paid {
		c.rates.Debit(c.o.Now(), cost-paid)
	}
}

// Unused gives back leave that was not used: there was nothing to send after all.
func (c *Channel) Unused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.breaker.state == probing {
		c.breaker.state, c.breaker.until = open, c.o.Now()
		c.wake()
	}
}

// Address asks for leave to send cost units to one address. Zero: it is given. Otherwise nothing was taken, and the
// answer says when to ask again.
func (c *Channel) Address(to channels.Address, cost int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.each) == 0 && len(c.addresses) == 0 {
		return 0
	}
	now, a := c.o.Now(), c.address(to)
	if wait := a.until.Sub(now); wait > 0 {
		return wait
	}
	var wait time.Duration
	for i, l := range a.limits {
		wait = max(wait, shortage(l, now, float64(min(cost, c.each[i].Burst))))
	}
	if wait == 0 {
		for _, l := range a.limits {
			debit(l, now, cost)
		}
	}
	return wait
}

// PauseAddress keeps an address free of messages until then.
func (c *Channel) PauseAddress(to channels.Address, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.address(to); until.After(a.until) {
		a.until = until
	}
}

// address finds what is known of an address, under its hash only.
func (c *Channel) address(to channels.Address) *address {
	key := maphash.String(c.seed, to.Reveal())
	a := c.addresses[key]
	if a == nil {
		if len(c.addresses) >= mostAddresses {
			c.forget()
		}
		a = &address{}
		for i := range c.each {
			c.each[i].Burst = max(1, c.each[i].Burst)
			a.limits = append(a.limits, rate.NewLimiter(rate.Limit(c.each[i].PerSecond), c.each[i].Burst))
		}
		c.addresses[key] = a
	}
	return a
}

// forget drops addresses that are free to be sent to, and if that is not enough, any.
func (c *Channel) forget() {
	now := c.o.Now()
	for key, a := range c.addresses {
		idle := !a.until.After(now)
		for _, l := range a.limits {
			idle = idle && l.TokensAt(now) >= float64(l.Burst())
		}
		if idle {
			delete(c.addresses, key)
		}
	}
	for key := range c.addresses {
		if len(c.addresses) < mostAddresses/2 {
			return
		}
		delete(c.addresses, key)
	}
}

// Pause stops the channel until then; after it, urgent messages go first. A pause is only ever made longer.
func (c *Channel) Pause(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.pausedUntil) {
		c.pausedUntil = until
		c.routineFrom = later(c.routineFrom, until.Add(c.o.HeadStart))
	}
}

// Resume lifts every pause.
func (c *Channel) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.o.Now(); c.pausedUntil.After(now) {
		c.pausedUntil, c.routineFrom = time.Time{}, now.Add(c.o.HeadStart)
		c.wake()
	}
}

// heldWait is how long a wait is said to be whose end nobody knows.
const heldWait = time.Hour

// HoldRoutine keeps all but urgent messages back until it is called again.
func (c *Channel) HoldRoutine(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.routineHeld != held {
		c.routineHeld = held
		c.wake()
	}
}

// Changed is closed when a wait may be over early.
func (c *Channel) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *Channel) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Local is the rates of one process.
type Local struct {
	limits   []*rate.Limiter
	reserves []float64
}

// NewLocal makes rates that keep a share of each burst for urgent messages.
func NewLocal(rates []channels.Rate, reserve float64) *Local {
	l := &Local{}
	for _, r := range rates {
		burst := max(1, r.Burst)
		l.limits = append(l.limits, rate.NewLimiter(rate.Limit(r.PerSecond), burst))
		l.reserves = append(l.reserves, math.Min(math.Ceil(reserve*float64(burst)), float64(burst-1)))
	}
	return l
}

// Take implements Rates.
func (l *Local) Take(now time.Time, urgent bool, want, cost int) (int, time.Duration) {
	got, wait := want, time.Duration(0)
	for i, limit := range l.limits {
		kept := l.reserves[i]
		if urgent {
			kept = 0
		}
		need := math.Min(float64(cost), float64(limit.Burst())-kept) // a message beyond the burst leaves when all is there
		free := limit.TokensAt(now) - kept
		if free < need-1e-9 {
			got, wait = 0, max(wait, shortage(limit, now, need+kept))
			continue
		}
		got = min(got, max(1, int((free+1e-9)/float64(cost))))
	}
	if got > 0 {
		l.Debit(now, got*cost)
	}
	return got, wait
}

// Debit implements Rates.
func (l *Local) Debit(now time.Time, cost int) {
	for _, limit := range l.limits {
		debit(limit, now, cost)
	}
}

// debit takes units in slices of a burst, which is the most that a limiter gives at a time; it may run into debt.
func debit(l *rate.Limiter, now time.Time, cost int) {
	for cost > 0 {
		n := min(cost, l.Burst())
		l.ReserveN(now, n)
		cost -= n
	}
}

// shortage is the time until a limiter holds so many units; zero: it does now.
func shortage(l *rate.Limiter, now time.Time, need float64) time.Duration {
	missing := need - l.TokensAt(now)
	if missing <= 1e-9 || l.Limit() == rate.Inf {
		return 0
	}
	if l.Limit() <= 0 {
		return time.Minute
	}
	seconds := math.Min(missing/float64(l.Limit()), 3600)
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}

var _ Rates = (*Local)(nil)
