package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// A channel at one a second has a backlog, and one of its senders waits for a provider that hangs, when its rate is raised: it holds at
// once, and lowered again likewise, for what waits as for what comes.
func TestRateChanges(t *testing.T) {
	story(t, func(w *world) {
		slow, fast := []channels.Rate{{PerSecond: 1, Burst: 24}}, []channels.Rate{{PerSecond: 2000, Burst: 200}}
		p := &provider{caps: channels.Capabilities{Rates: slow}}
		var hung atomic.Bool
		p.send = func(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
			if !hung.Swap(true) {
				return hang(ctx, m)
			}
			return channels.Sent{}, nil
		}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 2500 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(5 * time.Second)
		if n := p.count(); n > 30 {
			t.Fatalf("%d left at one a second", n)
		}
		rate := func(to []channels.Rate) {
			w.mu.Lock()
			w.adapters[sms] = &provider{caps: channels.Capabilities{Rates: to}, send: p.Send}
			w.mu.Unlock()
			w.d.Refresh()
		}
		rate(fast)
		w.pass(time.Second)
		raised := p.count()
		if raised < 1000 {
			t.Fatalf("%d left by a second after the rate was raised", raised)
		}
		rate(slow)
		w.pass(15 * time.Second) // of which it takes five until there is more than what is kept for alerts
		if n := p.count() - raised; n < 5 || n > 16 {
			t.Errorf("%d left within 15 seconds after the rate was lowered", n)
		}
	})
}

// Whoever waits a moment for the rate of one address goes on at once when that is raised.
func TestRateOfAnAddressIsRaised(t *testing.T) {
	story(t, func(w *world) {
		each := func(perSecond float64) channels.Capabilities {
			return channels.Capabilities{Rates: []channels.Rate{{PerSecond: perSecond, Burst: 1, PerAddress: true}}}
		}
		p := &provider{caps: each(0.5)}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		one, two := w.l.plan(report, sms), w.l.plan(report, sms)
		w.l.deliveries[two].MemberID = w.l.deliveries[one].MemberID // who has one address
		w.start(w.options())
		if n := p.count(); n != 1 {
			t.Fatalf("%d left at once at one in two seconds", n)
		}
		w.mu.Lock()
		w.adapters[sms] = &provider{caps: each(100), send: p.Send}
		w.mu.Unlock()
		w.d.Refresh()
		w.pass(100 * time.Millisecond)
		if n := len(p.got); n != 2 {
			t.Errorf("%d left when the rate was raised", n)
		}
	})
}
