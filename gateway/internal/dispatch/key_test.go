package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
)

// The provider honours our key: sending again under it cannot double, so even a report is.
func TestSameKey(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{caps: channels.Capabilities{DedupeWindow: 10 * time.Minute}}
		var n atomic.Int32
		p.send = func(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
			if n.Add(1) == 1 {
				return lost(ctx, m)
			}
			return channels.Sent{ProviderID: "x", Delivered: true}, nil
		}
		id := w.l.plan(w.l.announce(gateway.Report, 1), w.add("chat", p))
		w.start(w.options())
		w.pass(time.Minute)
		if len(p.got) != 2 || p.got[0].Key != p.got[1].Key || w.is(id).State != gateway.Delivered {
			t.Errorf("%d sends, it is %v", len(p.got), w.is(id).State)
		}
	})
}

// The retry under our key was to come within the minute. The gateway was dead for as long as the provider honours a key: by
// then sending again could double, so the report stays in doubt, and an alert goes to the next contact point. A person may
// send it again.
func TestForgottenKey(t *testing.T) {
	story(t, func(w *world) {
		p, other := &provider{caps: channels.Capabilities{DedupeWindow: 10 * time.Minute}, send: lost}, &provider{}
		chat, sms := w.add("chat", p), w.add("sms", other)
		report, alert := w.l.plan(w.l.announce(gateway.Report, 1), chat), w.l.plan(w.l.announce(gateway.LifeSafety, 1), chat, sms)
		w.start(w.options())
		if p.count() != 2 || w.is(report).State != gateway.Waiting || w.is(alert).State != gateway.Waiting {
			t.Fatalf("after %d sends the report is %v, the alert %v", p.count(), w.is(report).State, w.is(alert).State)
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.pass(9 * time.Minute)
		w.q = memq.New(64)
		w.start(w.options())
		w.pass(time.Minute)
		if d := w.is(report); p.count() != 2 || d.State != gateway.DeliveryInDoubt || len(d.Attempts) != 2 {
			t.Errorf("after %d sends the report is %v, %+v", p.count(), d.State, d.Attempts)
		}
		if d := w.is(alert); other.count() != 1 || d.State != gateway.DeliveryAccepted {
			t.Errorf("the alert is %v", d.State)
		}
	})
}

// A hint lies in the lane of one channel when its delivery moves on to another. Whoever pops it claims what is the other
// channel's, and must not send it: the address is of another kind.
func TestMovedWhileItsHintLay(t *testing.T) {
	story(t, func(w *world) {
		wrong, right := &provider{}, &provider{}
		chat, sms := w.add("chat", wrong), w.add("sms", right)
		id := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		if _, _, err := w.q.Push(t.Context(), queue.Lane{Channel: chat, Lane: gateway.Urgent}, []gateway.Share{{Deliveries: []gateway.ID{id}}}, 1); err != nil {
			t.Fatal(err)
		}
		w.start(w.options())
		w.pass(time.Minute)
		if d := w.is(id); wrong.count() != 0 || right.count() != 1 || d.State != gateway.DeliveryAccepted {
			t.Errorf("%d went over the wrong channel and %d over the right one; it is %v", wrong.count(), right.count(), d.State)
		}
	})
}

// What is for one member is not posted where everybody reads, whoever planned it; what is for all is.
func TestNothingPrivateLeavesInPublic(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{caps: channels.Capabilities{Public: true}}
		feed := w.add("feed", p)
		code, report := w.l.plan(w.l.announce(gateway.Account, 1), feed), w.l.plan(w.l.announce(gateway.Report, 1), feed)
		w.start(w.options())
		w.pass(time.Minute)
		if d := w.is(code); d.State != gateway.Ended || len(d.Attempts) != 1 || d.Attempts[0].Refusal.Scope != string(channels.ScopeContent) {
			t.Errorf("a code is %v, %+v", d.State, d.Attempts)
		}
		if d := w.is(report); d.State != gateway.DeliveryAccepted || p.count() != 1 {
			t.Errorf("after %d posts a report is %v", p.count(), d.State)
		}
	})
}
