package dispatch_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

var withReceipts = channels.Capabilities{Receipts: channels.DeliveryReceipts, ReceiptWithin: 10 * time.Minute}

// says is an answer to every question about a receipt.
func says(status channels.Status, asked *atomic.Int32) func(channels.Query) (channels.Finding, error) {
	return func(q channels.Query) (channels.Finding, error) {
		asked.Add(1)
		return channels.Finding{Found: channels.WasSent, Receipt: channels.Receipt{ProviderID: q.ProviderID, Status: status, Err: &channels.Error{Class: channels.Permanent, Scope: channels.ScopeAddress}}}, nil
	}
}

// The receipts of a report were lost. After the time within which most come the provider is asked once for each, and
// what it knows counts.
func TestLostReceiptsAreAskedFor(t *testing.T) {
	for _, c := range []struct {
		status channels.Status
		want   gateway.DeliveryState
		asked  int32
	}{
		{channels.StatusDelivered, gateway.Delivered, 3},
		{channels.StatusFailed, gateway.Ended, 3},
		{channels.StatusAccepted, gateway.DeliveryAccepted, 12}, // after 10 and 40 minutes, 2 h 40 min and 10 h 40 min
	} {
		t.Run(string(c.want), func(t *testing.T) {
			story(t, func(w *world) {
				var asked atomic.Int32
				sms := w.add("sms", finder{&provider{caps: withReceipts}, says(c.status, &asked)})
				report := w.l.announce(gateway.Report, 1)
				for range 3 {
					w.l.plan(report, sms)
				}
				o := w.options()
				o.Sweep = 15 * time.Second
				w.start(o)
				w.pass(9 * time.Minute)
				w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 3})
				if n := asked.Load(); n != 0 {
					t.Errorf("asked %d times before receipts are due", n)
				}
				w.pass(2 * time.Minute)
				w.expect(map[gateway.DeliveryState]int{c.want: 3})
				w.pass(2 * 24 * time.Hour)
				w.expect(map[gateway.DeliveryState]int{c.want: 3})
				if n := asked.Load(); n != c.asked {
					t.Errorf("asked %d times, not %d", n, c.asked)
				}
			})
		})
	}
}

// A gateway was dead while a thousand receipts came. It asks for them after its start, no faster than it may send and
// ten a second at most, while an alert leaves at once.
func TestLostReceiptsAreNoStampede(t *testing.T) {
	story(t, func(w *world) {
		var asked atomic.Int32
		sms := w.add("sms", finder{&provider{caps: withReceipts}, says(channels.StatusDelivered, &asked)})
		report := w.l.announce(gateway.Report, 1)
		for range 1000 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(time.Minute)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 1000})
		time.Sleep(time.Hour)
		w.start(w.options())
		for before := int32(0); ; {
			w.pass(time.Second)
			n := asked.Load()
			if n-before > 11+8 { // and those whose turn came with the same look of the mender
				t.Fatalf("%d were asked for in a second", n-before)
			}
			if before = n; n == 1000 {
				break
			}
			if n > 1000 {
				t.Fatalf("asked %d times for a thousand", n)
			}
		}
		w.expect(map[gateway.DeliveryState]int{gateway.Delivered: 1000})
	})
}

// Nobody heard that an alert arrived. Its provider knows it, so it does not go over the chat as well; where the provider
// does not know either, or does not answer, it does.
func TestAnAlertIsAskedForBeforeItMoves(t *testing.T) {
	for name, c := range map[string]struct {
		status channels.Status
		chats  int
	}{"arrived": {channels.StatusDelivered, 0}, "nobody knows": {channels.StatusAccepted, 1}, "no answer": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				var asked atomic.Int32
				find := says(c.status, &asked)
				if c.status == 0 {
					find = func(channels.Query) (channels.Finding, error) {
						asked.Add(1)
						return channels.Finding{}, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel}
					}
				}
				chat := &provider{}
				sms, other := w.add("sms", finder{&provider{caps: withReceipts}, find}), w.add("chat", chat)
				w.l.plan(w.l.announce(gateway.Alert, 1), sms, other)
				w.start(w.options())
				w.pass(4 * time.Minute)
				if asked.Load() != 0 || chat.count() != 0 {
					t.Errorf("before its window is over: asked %d times, %d over the chat", asked.Load(), chat.count())
				}
				w.pass(time.Minute + 2*time.Second)
				if asked.Load() != 1 || chat.count() != c.chats {
					t.Errorf("asked %d times, %d over the chat", asked.Load(), chat.count())
				}
			})
		})
	}
}

// A gateway that stops while it asks decides nothing for want of an answer.
func TestStoppingWhileAsking(t *testing.T) {
	story(t, func(w *world) {
		asking, answer := make(chan struct{}), make(chan struct{})
		chat := &provider{}
		sms := w.add("sms", finder{&provider{caps: withReceipts}, func(channels.Query) (channels.Finding, error) {
			close(asking)
			<-answer
			return channels.Finding{}, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel}
		}})
		other := w.add("chat", chat)
		id := w.l.plan(w.l.announce(gateway.Alert, 1), sms, other)
		w.start(w.options())
		w.pass(5*time.Minute + 2*time.Second)
		<-asking
		stopped := make(chan error)
		go func() { stopped <- w.stop() }()
		w.pass(time.Second)
		close(answer)
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		if d := w.is(id); d.State != gateway.DeliveryAccepted || chat.count() != 0 {
			t.Errorf("it is %v, and went over the chat %d times", d.State, chat.count())
		}
	})
}
