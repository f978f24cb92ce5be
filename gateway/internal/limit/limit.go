// Package limit says when a channel may send: its provider's rates, the pauses a provider asks for, and a breaker that
// stops sending into a provider that does not answer. One Channel serves one channel of one process; what several
// processes share comes through the interface Shared.
package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// Options sets up a Channel.
type Options struct {
	Rates  []channels.Rate  // of the adapter or the configuration
	Shared Shared           // nil: this process is alone
	Now    func() time.Time // nil: time.Now
}

// headStart is for how long urgent messages have the channel to themselves after a pause.
const headStart = 250 * time.Millisecond

// Channel is safe for concurrent use.
type Channel struct {
	now  func() time.Time
	seed maphash.Seed

	mu          sync.Mutex
	rates       Rates
	shared      Shared          // the same, if processes share them; else nil
	each        []channels.Rate // of one address
	changed     chan struct{}   // closed and replaced when waiting may be over early
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
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Channel{now: o.Now, seed: maphash.MakeSeed(), changed: make(chan struct{}), costs: [2]int{1, 1}, addresses: map[uint64]*address{}}
	c.adopt(o.Rates, o.Shared)
	return c
}

// Change takes other rates at once, and Shared as New does. Units that were used lately count on, up to the new burst, so that a
// raised rate is not held up by what was owed under the one before. Pauses, the breaker and who waits first stay as they are.
func (c *Channel) Change(to []channels.Rate, shared Shared) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, now := c.rates, c.now()
	c.adopt(to, shared)
	if from, ok := before.(*local); ok && shared == nil {
		from.carryOver(now, c.rates.(*local))
	}
	for _, a := range c.addresses {
		old := a.limits
		a.limits = limiters(c.each)
		carryOver(now, old, a.limits)
	}
	c.urgentUntil = time.Time{} // it was reckoned by the rates before
	c.wake()
}

// adopt makes what the rates are kept with; the caller holds the lock, or is alone.
func (c *Channel) adopt(of []channels.Rate, shared Shared) {
	var whole []channels.Rate
	c.each = nil
	for _, r := range of {
		if r.Burst = max(1, r.Burst); r.PerAddress {
			c.each = append(c.each, r)
		} else {
			whole = append(whole, r)
		}
	}
	if c.shared, c.rates = shared, shared; shared == nil {
		c.rates = newLocal(whole)
	}
}

// by gives what the rates are kept with now.
func (c *Channel) by() Rates {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rates
}

// Pass is leave to send some messages; Paid is the cost that each has been charged with so far.
type Pass struct {
	Count int
	Paid  int
	Wait  time.Duration // if Count is zero: when to ask again, unless Changed says so earlier
}

// Take gives leave for up to want messages. Each must be followed by Charge and Report, or by Unused with
// what it was charged.
func (c *Channel) Take(urgent bool, want int) Pass {
	c.mu.Lock()
	now := c.now()
	if wait := c.blocked(now, urgent); wait > 0 {
		c.turnedAway(now, urgent, want, Pass{Wait: wait})
		c.mu.Unlock()
		return Pass{Wait: wait}
	}
	most := want
	if c.breaker.state != closed { // one tries, and nobody else meanwhile
		most, c.breaker.state = 1, probing
	}
	paid, rates := c.costs[index(urgent)], c.rates
	c.mu.Unlock()

	g := rates.Take(now, urgent, most, paid) // other processes may have to be asked, and our senders must not wait for that
	p := Pass{Count: g.Count, Paid: paid, Wait: g.Wait}

	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Count == 0 {
		c.probeLater()
	}
	if g.Pause > 0 {
		c.pause(now.Add(g.Pause))
		p.Wait = max(p.Wait, c.blocked(now, urgent))
	}
	c.turnedAway(now, urgent, want, p)
	return p
}

// turnedAway notes what an urgent question came to: while more of them wait, the others stand back.
func (c *Channel) turnedAway(now time.Time, urgent bool, want int, p Pass) {
	if !urgent {
		return
	}
	c.urgentUntil = time.Time{}
	if p.Count < want {
		c.urgentUntil = now.Add(p.Wait + 50*time.Millisecond)
	}
}

// probeLater gives the right to try back to whoever comes next.
func (c *Channel) probeLater() {
	if c.breaker.state == probing {
		c.breaker.state, c.breaker.until = open, c.now()
	}
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
	return c.blocked(c.now(), urgent)
}

func (c *Channel) blocked(now time.Time, urgent bool) time.Duration {
	wait := c.pausedUntil.Sub(now)
	if c.breaker.state == open {
		wait = max(wait, c.breaker.until.Sub(now))
	}
	if c.breaker.state == probing {
		wait = max(wait, firstProbe)
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
	c.costs[index(urgent)] = max(1, cost)
	rates := c.rates
	c.mu.Unlock()
	rates.Debit(c.now(), cost-paid)
}

// Unused gives back leave that was not used, with the units that were charged for it: there was nothing to send after all. So what
// was stopped in its thousands takes nothing from what says that it is over.
func (c *Channel) Unused(units int) {
	if units > 0 {
		c.by().Debit(c.now(), -units)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.breaker.state == probing {
		c.probeLater()
		c.wake()
	}
}

// Address asks for leave to send cost units to one address, that of a contact point. Zero: it is given. Otherwise the
// answer says when to ask again. Processes that share rates count a contact point together; two contact points with
// the same address, such as one in each of two groups, are counted together within this process only.
func (c *Channel) Address(point gateway.ID, to channels.Address, cost int) time.Duration {
	wait, shared := c.addressHere(to, cost)
	if wait > 0 || shared == nil {
		return wait
	}
	return shared.Address(point, cost)
}

// addressHere asks for leave in this process, and says who is to be asked besides; nil: nobody.
func (c *Channel) addressHere(to channels.Address, cost int) (time.Duration, Shared) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.each) == 0 && len(c.addresses) == 0 {
		return 0, nil
	}
	now, a := c.now(), c.address(to)
	if wait := a.until.Sub(now); wait > 0 {
		return wait, nil
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
	if len(c.each) == 0 {
		return wait, nil
	}
	return wait, c.shared
}

// PauseAddress keeps an address free of messages until then, that of a contact point, in all processes that share rates.
func (c *Channel) PauseAddress(point gateway.ID, to channels.Address, until time.Time) {
	c.mu.Lock()
	if a := c.address(to); until.After(a.until) {
		a.until = until
	}
	shared := c.shared
	if len(c.each) == 0 {
		shared = nil
	}
	c.mu.Unlock()
	if shared != nil {
		shared.PauseAddress(point, until.Sub(c.now()))
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
		a = &address{limits: limiters(c.each)}
		c.addresses[key] = a
	}
	return a
}

// forget drops addresses that are free to be sent to, and if that is not enough, any.
func (c *Channel) forget() {
	now := c.now()
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
	c.pause(until)
}

// Throttle is a Pause that the provider demands: all processes that share rates keep to it.
func (c *Channel) Throttle(until time.Time) {
	c.mu.Lock()
	shared := c.shared
	c.mu.Unlock()
	if shared != nil {
		shared.Pause(until.Sub(c.now()))
	}
	c.Pause(until)
}

func (c *Channel) pause(until time.Time) {
	if until.After(c.pausedUntil) {
		c.pausedUntil = until
		c.routineFrom = later(c.routineFrom, until.Add(headStart))
	}
}

// Resume lifts every pause.
func (c *Channel) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.pausedUntil.After(now) {
		c.pausedUntil, c.routineFrom = time.Time{}, now.Add(headStart)
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
