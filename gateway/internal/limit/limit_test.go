package limit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
)

type clock struct{ now time.Time }

func (c *clock) read() time.Time      { return c.now }
func (c *clock) wind(d time.Duration) { c.now = c.now.Add(d) }

func channel(o limit.Options) (*limit.Channel, *clock) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o.Now = c.read
	return limit.New(o), c
}

func rates(perSecond float64, burst int) []channels.Rate {
	return []channels.Rate{{PerSecond: perSecond, Burst: burst}}
}

func failure(class channels.Class, scope channels.Scope) *channels.Error {
	return &channels.Error{Class: class, Scope: scope}
}

// TestReserve: bulk has the full rate while nobody is in need, and never touches what is kept for alerts.
func TestReserve(t *testing.T) {
	c, clock := channel(limit.Options{Rates: rates(10, 10)})
	if got := c.Take(false, 100).Count; got != 8 {
		t.Fatalf("bulk took %d of 10 with 2 kept", got)
	}
	if got := c.Take(true, 100).Count; got != 2 {
		t.Fatalf("an alert found %d of 2", got)
	}
	clock.wind(time.Minute)
	sent := 0
	for range 600 {
		clock.wind(100 * time.Millisecond)
		sent += c.Take(false, 100).Count
	}
	if sent < 595 || sent > 610 {
		t.Errorf("bulk alone sent %d in a minute at 10 a second", sent)
	}
}

// TestUrgentWaitsFirst: an alert that was turned away gets the next free unit, whoever asks meanwhile.
func TestUrgentWaitsFirst(t *testing.T) {
	c, clock := channel(limit.Options{Rates: rates(1, 1)})
	if c.Take(false, 1).Count != 1 {
		t.Fatal("the only unit was kept from bulk")
	}
	p := c.Take(true, 1)
	if p.Count != 0 || p.Wait != time.Second {
		t.Fatalf("got %+v", p)
	}
	clock.wind(p.Wait)
	if got := c.Take(false, 1); got.Count != 0 || got.Wait <= 0 {
		t.Fatalf("bulk went ahead of an alert: %+v", got)
	}
	if c.Take(true, 1).Count != 1 {
		t.Error("the alert found the unit gone")
	}
}

// TestCost: a text of six segments counts as six, and what was not known before is owed.
func TestCost(t *testing.T) {
	c, clock := channel(limit.Options{Rates: rates(10, 10)})
	p := c.Take(true, 1)
	c.Charge(true, p.Paid, 30)
	if got := c.Take(true, 1); got.Count != 0 || got.Wait != 3*time.Second {
		t.Fatalf("30 units against a burst of 10 are owed: %+v", got)
	}
	clock.wind(3 * time.Second)
	if got := c.Take(true, 5); got.Count != 1 || got.Paid != 30 {
		t.Errorf("the next one is expected to cost as much: %+v", got)
	}
}

// A thousand messages are stopped while they wait: what was taken for them is there for the message that says why, and never more
// than a burst. A dear message before a cheap one takes no more than both cost.
func TestUnused(t *testing.T) {
	c, clock := channel(limit.Options{Rates: rates(1, 10)})
	for range 1000 {
		p := c.Take(true, 1)
		if p.Count != 1 {
			t.Fatalf("it waits %v for messages that were never sent", p.Wait)
		}
		c.Unused(p.Paid)
	}
	if got := c.Take(true, 20).Count; got != 10 {
		t.Fatalf("%d leave at once of a burst of 10", got)
	}
	clock.wind(10 * time.Second)
	p := c.Take(true, 1)
	c.Charge(true, p.Paid, 6)
	p = c.Take(true, 1)
	if p.Count != 0 || p.Wait != 2*time.Second {
		t.Fatalf("6 of 10 are used, and it is expected to cost as much: %+v", p)
	}
	clock.wind(p.Wait)
	p = c.Take(true, 1)
	c.Charge(true, p.Paid, 1)
	if got := c.Take(true, 9).Count; got != 5 {
		t.Errorf("%d leave after 6, 2 seconds and 1 of a burst of 10", got)
	}
}

// TestRates: whatever is asked when, no more passes than the rate allows, nor does bulk reach into the reserve.
func TestRates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond, burst := rapid.IntRange(1, 50).Draw(t, "rate"), rapid.IntRange(1, 50).Draw(t, "burst")
		c, clock := channel(limit.Options{Rates: rates(float64(perSecond), burst)})
		begin, spent, asked := clock.now, 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			clock.wind(time.Duration(rapid.IntRange(0, 500).Draw(t, "ms")) * time.Millisecond)
			urgent, want := rapid.Bool().Draw(t, "urgent"), rapid.IntRange(1, 20).Draw(t, "want")
			p := c.Take(urgent, want)
			spent, asked = spent+p.Count, asked+want
			if p.Count > want || p.Count == 0 && p.Wait <= 0 {
				t.Fatalf("asked for %d, got %+v", want, p)
			}
			if most := float64(burst) + clock.now.Sub(begin).Seconds()*float64(perSecond); float64(spent) > most+1e-6 {
				t.Fatalf("%d passed where %.2f may", spent, most)
			}
		}
	})
}

// TestPause: the provider asked for a minute; after it alerts go first.
func TestPause(t *testing.T) {
	c, clock := channel(limit.Options{})
	c.Pause(clock.now.Add(time.Minute))
	c.Pause(clock.now.Add(time.Second)) // never shorter
	if p := c.Take(true, 1); p.Count != 0 || p.Wait != time.Minute {
		t.Fatalf("got %+v", p)
	}
	clock.wind(time.Minute)
	if p := c.Take(false, 1); p.Count != 0 {
		t.Fatal("bulk went first")
	}
	if c.Take(true, 9).Count != 9 {
		t.Fatal("the alert still waits")
	}
	clock.wind(250 * time.Millisecond)
	if c.Take(false, 9).Count != 9 {
		t.Fatal("bulk still waits")
	}
	c.Pause(clock.now.Add(time.Hour))
	changed := c.Changed()
	c.Resume()
	select {
	case <-changed:
	default:
		t.Error("nobody was told of the end of the pause")
	}
	if c.Take(true, 1).Count != 1 {
		t.Error("resumed, and still paused")
	}
}

// TestAddress: one message a second to one chat, others unaffected, and a chat that is paused.
func TestAddress(t *testing.T) {
	c, clock := channel(limit.Options{Rates: []channels.Rate{{PerSecond: 1, Burst: 1, PerAddress: true}}})
	if c.Address(gateway.ID{1}, "100", 1) != 0 || c.Address(gateway.ID{2}, "200", 1) != 0 {
		t.Fatal("the first message to a chat waits")
	}
	if wait := c.Address(gateway.ID{1}, "100", 1); wait != time.Second {
		t.Fatalf("the second waits %v", wait)
	}
	clock.wind(time.Second)
	if c.Address(gateway.ID{1}, "100", 1) != 0 {
		t.Error("it waits on")
	}
	c.PauseAddress(gateway.ID{2}, "200", clock.now.Add(time.Minute))
	if wait := c.Address(gateway.ID{2}, "200", 1); wait != time.Minute {
		t.Errorf("a paused chat waits %v", wait)
	}
	if c.Address(gateway.ID{3}, "300", 1) != 0 {
		t.Error("another chat waits too")
	}
}

// TestBreaker: the provider stops answering; five messages find out, then one at a time tries, ever more rarely.
func TestBreaker(t *testing.T) {
	c, clock := channel(limit.Options{})
	down := failure(channels.Unknown, channels.ScopeChannel)
	for i := range 5 {
		if want := i == 4; (c.Report(down) == limit.Opened) != want {
			t.Fatalf("after failure %d: open is %v", i+1, !want)
		}
	}
	c.Report(down) // those that were on their way change nothing
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		wait *= time.Second
		if p := c.Take(true, 9); p.Count != 0 || p.Wait != wait {
			t.Fatalf("open: %+v; want a wait of %v", p, wait)
		}
		clock.wind(wait)
		if got := c.Take(true, 9).Count; got != 1 {
			t.Fatalf("%d messages try", got)
		}
		if got := c.Take(true, 9).Count; got != 0 {
			t.Fatal("a second one tries")
		}
		c.Report(down)
	}
	clock.wind(time.Minute)
	c.Take(true, 1)
	c.Unused(1) // the message had been stopped meanwhile; another one may try
	if c.Take(true, 1).Count != 1 {
		t.Fatal("the right to try was lost")
	}
	if c.Report(failure(channels.Permanent, channels.ScopeAddress)) != limit.Closed || c.Open() {
		t.Fatal("an answer, even a refusal, closes it")
	}
	clock.wind(time.Second)
	if c.Take(false, 9).Count != 9 {
		t.Error("closed, and still holding back")
	}
}

// TestBreakerBlames: only silence and defects of the provider count, and only in a row.
func TestBreakerBlames(t *testing.T) {
	c, _ := channel(limit.Options{})
	down := failure(channels.Temporary, channels.ScopeChannel)
	for range 3 {
		for range 4 {
			c.Report(down)
		}
		c.Report(nil)
	}
	for range 20 {
		c.Report(failure(channels.Temporary, channels.ScopeAddress))
		c.Report(failure(channels.Throttled, channels.ScopeChannel))
		c.Report(failure(channels.Auth, channels.ScopeChannel))
	}
	if c.Open() {
		t.Error("open without reason")
	}
}

// TestHoldRoutine: a channel is ailing; reports stop, alerts go on, until somebody says that it is well.
func TestHoldRoutine(t *testing.T) {
	c, clock := channel(limit.Options{})
	changed := c.Changed()
	c.HoldRoutine(true)
	select {
	case <-changed:
	default:
		t.Error("nobody is told of the change")
	}
	clock.wind(24 * time.Hour)
	if c.Take(false, 1).Count != 0 || c.Take(true, 1).Count != 1 {
		t.Error("reports go on, or alerts do not")
	}
	if c.Blocked(false) == 0 || c.Blocked(true) != 0 {
		t.Error("the lanes are not blocked as the channel is")
	}
	c.Pause(clock.now.Add(time.Minute))
	c.Resume()
	if c.Take(false, 1).Count != 0 {
		t.Error("the end of a pause lifted the hold")
	}
	c.HoldRoutine(false)
	clock.wind(time.Second)
	if c.Take(false, 1).Count != 1 {
		t.Error("held for ever")
	}
}

// TestChange: a channel at one a second has used its burst when its rate is raised, and another at a thousand a second when its rate
// is lowered. What was used counts on, at the new rate; a pause stays.
func TestChange(t *testing.T) {
	c, clock := channel(limit.Options{Rates: rates(1, 24)})
	p := c.Take(true, 24)
	c.Charge(true, p.Paid, 20) // and owes more
	if wait := c.Take(true, 1).Wait; wait < 30*time.Second {
		t.Fatalf("it waits %v", wait)
	}
	changed := c.Changed()
	c.Change(rates(2000, 200), nil)
	select {
	case <-changed:
	default:
		t.Error("nobody is told of the change")
	}
	if got := c.Take(false, 9).Count; got < 1 {
		t.Error("what was owed at one a second keeps a channel at 2,000 waiting")
	}
	clock.wind(time.Second)
	c.Take(true, 200)
	c.Change(rates(1, 24), nil)
	if p := c.Take(true, 1); p.Count != 0 || p.Wait < time.Second || p.Wait > 20*time.Second {
		t.Errorf("a burst of the rate before, and another of this one: %+v", p)
	}
	c.Pause(clock.now.Add(time.Hour))
	c.Change(rates(1000, 1000), nil)
	if p := c.Take(true, 1); p.Count != 0 || p.Wait != time.Hour {
		t.Errorf("a pause that the provider demands ends with a change of the rate: %+v", p)
	}
}

// TestChangeAddress: the rate of each address is raised and lowered while its burst is used up.
func TestChangeAddress(t *testing.T) {
	each := func(perSecond float64, burst int) []channels.Rate {
		return []channels.Rate{{PerSecond: perSecond, Burst: burst, PerAddress: true}}
	}
	c, clock := channel(limit.Options{Rates: each(0.1, 3)})
	for range 3 {
		c.Address(gateway.ID{1}, "100", 1)
	}
	if wait := c.Address(gateway.ID{1}, "100", 1); wait != 10*time.Second {
		t.Fatalf("the fourth waits %v", wait)
	}
	c.Change(each(100, 3), nil)
	if wait := c.Address(gateway.ID{1}, "100", 1); wait != 10*time.Millisecond {
		t.Errorf("at 100 a second it waits %v", wait)
	}
	clock.wind(time.Second)
	for range 3 {
		c.Address(gateway.ID{1}, "100", 1)
	}
	c.Change(each(0.1, 3), nil)
	if wait := c.Address(gateway.ID{1}, "100", 1); wait != 10*time.Second {
		t.Errorf("at one in ten seconds, with the burst used up, it waits %v", wait)
	}
	c.Change(nil, nil)
	if wait := c.Address(gateway.ID{1}, "100", 1); wait != 0 {
		t.Errorf("without a rate it waits %v", wait)
	}
}
