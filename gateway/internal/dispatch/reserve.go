package dispatch

import (
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
)

// reservation is senders of a line that are held for deliveries about to be written.
type reservation struct {
	p       *pump
	senders int
	pass    limit.Pass
}

// Reserve has so much of an urgent chunk that is about to be written claimed with it as there are senders free that are kept for
// urgent messages, and as rates permit: so it leaves once it is written, without a way through the queue and a transaction more. The
// chunk says what that is. finish must be called once it is written, or is not: what was granted leaves, what the ledger does not
// call due is out of the chunk's Claiming again.
func (d *Dispatcher) Reserve(c *gateway.Chunk) (finish func()) {
	begun, now := time.Now(), d.o.Now()
	due := map[gateway.ID][]gateway.ID{}
	for i := range c.Deliveries {
		if p := &c.Deliveries[i]; p.Reason == "" && !p.Due.After(now) {
			due[p.Channel] = append(due[p.Channel], p.ID)
		}
	}
	var held []reservation
	ask := &gateway.Claiming{By: d.urgent.claimant}
	ask.By.Lease = 0
	for channel, ids := range due {
		l := d.line(channel)
		if l == nil {
			continue
		}
		if r, ok := l.reserve(len(ids)); ok {
			held = append(held, r)
			ask.Deliveries = append(ask.Deliveries, ids[:r.senders]...)
			ask.By.Lease = max(ask.By.Lease, l.lease())
		}
	}
	if held == nil {
		return func() {}
	}
	c.Claiming = ask
	return func() {
		if ask.Answers == nil {
			c.Claiming = nil
		} else {
			d.keepTexts(c)
			d.o.At(atClaimed)
		}
		ask.Deliveries = slices.DeleteFunc(ask.Deliveries, func(id gateway.ID) bool { // before senders have the claims
			i := slices.IndexFunc(ask.Answers, func(a gateway.Claim) bool { return a.Delivery == id })
			return i >= 0 && ask.Answers[i].Verdict == gateway.NotDue
		})
		rest := ask.Answers
		for _, r := range held {
			mine := rest[:min(r.senders, len(rest))]
			rest = rest[len(mine):]
			r.p.hand(mine, job{lane: gateway.Urgent, paid: r.pass.Paid, ends: begun.Add(r.p.l.lease() - d.o.settling())})
			r.p.letGo(r.senders-len(mine), r.pass.Paid)
			r.p.outside.Done()
		}
	}
}

// reserve holds senders for so many urgent messages at most, if the line may send any now.
func (l *line) reserve(most int) (reservation, bool) {
	p := l.urgent.Load()
	if p == nil || p.away.Load() || l.limits.Blocked(true) > 0 || !p.enter() {
		return reservation{}, false
	}
	r := reservation{p: p, senders: p.hold(most, true)}
	if r.senders == 0 {
		p.outside.Done()
		return r, false
	}
	r.pass = l.limits.Take(true, r.senders)
	p.give(r.senders - r.pass.Count)
	if r.senders = r.pass.Count; r.senders == 0 {
		p.outside.Done()
	}
	return r, r.senders > 0
}
