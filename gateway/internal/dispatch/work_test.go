package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
)

// processes runs a dispatcher for each kind of work, over one ledger and one queue; what one calls, all hear.
func (w *world) processes(change func(*dispatch.Options), works ...dispatch.Work) (all []*dispatch.Dispatcher, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, work := range works {
		o := w.options()
		o.Work, o.Alone = work, false
		o.Call = func(channel gateway.ID, lane gateway.Lane) {
			for _, d := range all {
				d.Called(channel, lane)
			}
		}
		if change != nil {
			change(&o)
		}
		d, err := dispatch.New(o)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, d)
	}
	for _, d := range all {
		running.Go(func() {
			if err := d.Run(ctx); err != nil {
				w.t.Error(err)
			}
		})
	}
	synctest.Wait()
	return all, func() { cancel(); running.Wait() }
}

// One process relays, two send, one only listens. A thousand get a report once each, without waiting for a sweep; an alert
// that the listener hears of leaves at once.
func TestProcessesShareTheWork(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 1000 {
			w.l.plan(report, sms)
		}
		all, stop := w.processes(func(o *dispatch.Options) { o.Sweep = time.Hour }, dispatch.Relaying, dispatch.Sending, dispatch.Sending, dispatch.Listening)
		defer stop()
		w.pass(10 * time.Millisecond)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 1000})
		if n := p.count(); n != 1000 {
			t.Errorf("%d sends", n)
		}
		if most := w.l.mostOpen[sms]; most > 20 {
			t.Errorf("%d attempts were claimed at once by 20 senders", most)
		}
		alert := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		all[3].Nudge(sms, gateway.Urgent)
		w.pass(10 * time.Millisecond)
		if s := w.is(alert).State; s != gateway.DeliveryAccepted {
			t.Errorf("the alert is %v", s)
		}
	})
}

// A process is paused beyond its lease after it has claimed. Another puts the attempt in doubt. When the first is resumed it
// sends nothing under the claim, and says so: that lifts the doubt, and a second attempt tells the person.
func TestPausedBetweenClaimAndSend(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		report := w.l.plan(w.l.announce(gateway.Report, 1), sms)
		paused := false
		_, stop := w.processes(func(o *dispatch.Options) {
			o.Lease = 45 * time.Second
			o.At = func(point string) {
				if point == "dispatch: claimed, not sent" && !paused {
					paused = true
					time.Sleep(2 * time.Minute)
				}
			}
		}, dispatch.Relaying, dispatch.Sending)
		defer stop()
		w.pass(time.Second)
		if s := w.is(report).State; s != gateway.Sending || !paused {
			t.Fatalf("before the lease ends the delivery is %v", s)
		}
		w.pass(60 * time.Second)
		if s := w.is(report).State; s != gateway.DeliveryInDoubt {
			t.Fatalf("after the lease the delivery is %v", s)
		}
		if n := p.count(); n != 0 {
			t.Fatalf("%d messages left before the sender was resumed", n)
		}
		w.pass(2 * time.Minute)
		d := w.is(report)
		if d.State != gateway.DeliveryAccepted || len(d.Attempts) != 2 || d.Attempts[0].State != gateway.Refused {
			t.Fatalf("it is %v after %+v", d.State, d.Attempts)
		}
		if n := p.count(); n != 1 || p.got[0].Attempt != d.Attempts[1].ID.String() {
			t.Errorf("%d messages left; the claim that had run out is no leave to send", n)
		}
	})
}
