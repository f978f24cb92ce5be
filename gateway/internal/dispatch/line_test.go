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
