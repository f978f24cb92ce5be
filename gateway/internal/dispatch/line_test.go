package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// A provider refuses an alert twice. Each retry leaves when it is due, not when the ledger is looked through; after a new
// start the ledger says when that is.
func TestRetriesLeaveWhenTheyAreDue(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		var mu sync.Mutex
		refusals := 2
		p.send = func(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
			mu.Lock()
			defer mu.Unlock()
			if refusals--; refusals >= 0 {
				return fails(channels.Temporary, channels.ScopeChannel)(ctx, m)
			}
			return channels.Sent{ProviderID: "p"}, nil
		}
		sms := w.add("sms", p)
		o := w.options()
		o.Sweep = time.Hour
		begun := time.Now()
		id := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.start(o)
		due := w.is(id).Due
		w.pass(due.Sub(begun) - time.Millisecond)
		if p.count() != 1 {
			t.Fatalf("%d sends before the retry is due", p.count())
		}
		w.pass(time.Millisecond)
		if p.count() != 2 {
			t.Fatalf("%d sends when the first retry is due", p.count())
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		due = w.is(id).Due
		w.start(o)
		w.pass(time.Until(due))
		if p.count() != 3 {
			t.Fatalf("%d sends when the second retry is due", p.count())
		}
		if late := p.times[2].Sub(due); late != 0 {
			t.Errorf("it left %v after it was due", late)
		}
	})
}

// Two thousand retries come due within a second, each at its own time. They are taken in handfuls.
func TestRetriesAreNoPollingStorm(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		o := w.options()
		o.Sweep = time.Minute
		for i := range 2000 {
			id := w.l.plan(report, sms)
			w.l.deliveries[id].Due = time.Now().Add(time.Second + time.Duration(i)*500*time.Microsecond)
		}
		w.start(o)
		w.l.mu.Lock()
		before := w.l.asked
		w.l.mu.Unlock()
		w.pass(2*time.Second + 40*time.Millisecond)
		if p.count() != 2000 {
			t.Errorf("%d of 2000 left", p.count())
		}
		w.l.mu.Lock()
		defer w.l.mu.Unlock()
		if n := w.l.asked - before; n > 150 {
			t.Errorf("the ledger was asked %d times for what comes", n)
		}
	})
}

// A channel carries one message a second. One group has a thousand waiting, many times what a lane holds; another plans ten, and
// they leave in turn with the first one's, every second second. An alert of a third group goes before both.
func TestGroupsTakeTurns(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{caps: channels.Capabilities{Rates: []channels.Rate{{PerSecond: 1, Burst: 1}}}}
		sms := w.add("sms", p)
		announce := func(class gateway.Class) *broadcast {
			b := w.l.announce(class, 1)
			b.group = gateway.NewID()
			return b
		}
		many := announce(gateway.Report)
		for range 1000 {
			w.l.plan(many, sms)
		}
		w.start(w.options())
		w.pass(5 * time.Second)
		few := announce(gateway.Report)
		var ten []gateway.ID
		for range 10 {
			ten = append(ten, w.l.plan(few, sms))
		}
		w.d.Nudge(sms, gateway.Bulk)
		gone := func() (n int) {
			for _, id := range ten {
				if w.is(id).State == gateway.DeliveryAccepted {
					n++
				}
			}
			return n
		}
		w.pass(10 * time.Second)
		before := gone()
		alert := w.l.plan(announce(gateway.Alert), sms)
		w.d.Nudge(sms, gateway.Urgent)
		w.pass(1100 * time.Millisecond)
		if s := w.is(alert).State; s != gateway.DeliveryAccepted {
			t.Errorf("the alert is %v after a second", s)
		}
		w.pass(13 * time.Second)
		if before < 3 || before > 6 || gone() != 10 {
			t.Errorf("of the ten %d left within ten seconds, %d in all", before, gone())
		}
		if n := p.count(); n < 28 || n > 31 {
			t.Errorf("%d messages left in half a minute at one a second", n)
		}
	})
}
