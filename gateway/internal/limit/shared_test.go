package limit_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
)

// others stands for what processes share.
type others struct {
	grant   limit.Grant
	owed    int
	paused  time.Duration
	points  map[gateway.ID]time.Duration
	meeting func() // during a Take
}

func (o *others) Take(_ time.Time, _ bool, want, _ int) limit.Grant {
	if o.meeting != nil {
		o.meeting()
	}
	g := o.grant
	g.Count = min(g.Count, want)
	return g
}
func (o *others) Debit(_ time.Time, cost int)                { o.owed += cost }
func (o *others) Pause(d time.Duration)                      { o.paused = d }
func (o *others) Address(p gateway.ID, _ int) time.Duration  { return o.points[p] }
func (o *others) PauseAddress(p gateway.ID, d time.Duration) { o.points[p] = d }

// TestShared: another process has heard of a pause, and so it goes the other way; senders of this one do not wait while
// others are asked.
func TestShared(t *testing.T) {
	o := &others{grant: limit.Grant{Count: 4}, points: map[gateway.ID]time.Duration{}}
	c, clock := channel(limit.Options{Shared: o, Rates: []channels.Rate{{PerSecond: 10, Burst: 10}, {PerSecond: 1, Burst: 5, PerAddress: true}}})
	o.meeting = func() { c.Report(nil) } // would wait for ever if the lock were held
	p := c.Take(false, 9)
	if p.Count != 4 {
		t.Fatalf("got %+v", p)
	}
	c.Charge(false, p.Paid, 3)
	if o.owed != 2 {
		t.Errorf("%d units are owed, not 2", o.owed)
	}
	o.grant = limit.Grant{Wait: time.Minute, Pause: time.Minute}
	if p := c.Take(true, 1); p.Count != 0 || p.Wait != time.Minute || c.Blocked(true) != time.Minute {
		t.Errorf("another process was told to pause, this one gets %+v", p)
	}
	clock.wind(time.Minute)
	o.grant = limit.Grant{Count: 9}
	if c.Take(false, 1).Count != 0 || c.Take(true, 1).Count != 1 {
		t.Error("after a pause heard of, alerts do not go first")
	}
	c.Throttle(clock.now.Add(time.Hour))
	if o.paused != time.Hour || c.Blocked(true) != time.Hour {
		t.Errorf("others pause %v, this one %v", o.paused, c.Blocked(true))
	}
	chat, other := gateway.NewID(), gateway.NewID()
	o.points[chat] = time.Second
	if c.Address(chat, "100", 1) != time.Second || c.Address(other, "200", 1) != 0 {
		t.Error("others are not asked for the rate of a contact point")
	}
	c.PauseAddress(other, "200", clock.now.Add(time.Minute))
	if o.points[other] != time.Minute {
		t.Error("others are not told of the pause of a contact point")
	}
}

// TestSharedProbe: the provider does not answer, and others admit nothing: the right to try is not lost.
func TestSharedProbe(t *testing.T) {
	o := &others{}
	c, clock := channel(limit.Options{Shared: o})
	for range 5 {
		c.Report(failure(channels.Unknown, channels.ScopeChannel))
	}
	clock.wind(time.Minute)
	o.grant = limit.Grant{Wait: time.Second}
	if p := c.Take(true, 9); p.Count != 0 || p.Wait != time.Second {
		t.Fatalf("got %+v", p)
	}
	o.grant = limit.Grant{Count: 9}
	if got := c.Take(true, 9).Count; got != 1 {
		t.Errorf("%d messages try", got)
	}
}
