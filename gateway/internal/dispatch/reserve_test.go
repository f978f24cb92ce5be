package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// submit plans an alert to so many as fan-out does: what senders are free for is claimed in the same step. It returns how many of
// it were.
func (w *world) submit(members int, over ...gateway.ID) (ids []gateway.ID, claimed int) {
	b := w.l.announce(gateway.Alert, 1)
	c := &gateway.Chunk{Broadcast: b.id, Lane: gateway.Urgent}
	for i := range members {
		ids = append(ids, gateway.NewID())
		c.Deliveries = append(c.Deliveries, gateway.NewDelivery{ID: ids[i], Channel: over[i%len(over)], Due: time.Now()})
	}
	finish := w.d.Reserve(c)
	for i := range ids {
		planned := w.l.plan(b, over[i%len(over)])
		w.l.rename(planned, ids[i])
	}
	if c.Claiming != nil {
		w.l.mu.Lock()
		c.Claiming.Answers = w.l.claim(c.Claiming.By, c.Claiming.Deliveries)
		claimed = len(c.Claiming.Answers)
		w.l.mu.Unlock()
	}
	finish()
	w.d.Planned(c)
	return ids, claimed
}

// An alert to five leaves while the queue says nothing and no relay looks: two senders are free for it at once, and the rest follows
// through the lane. Nobody gets it twice, and never are more claimed than there are senders.
func TestAnAlertIsClaimedAsItIsWritten(t *testing.T) {
	story(t, func(w *world) {
		hold := make(chan struct{})
		p := &provider{send: func(context.Context, channels.Outbound) (channels.Sent, error) {
			<-hold
			return channels.Sent{ProviderID: "p"}, nil
		}}
		sms := w.add("sms", p)
		o := w.options()
		o.Senders, o.Sweep = 1, time.Hour
		w.start(o)
		_, first := w.submit(1, sms)
		w.pass(0)
		if n := p.count(); first != 1 || n != 1 {
			t.Fatalf("%d claimed at once, %d left", first, n)
		}
		ids, second := w.submit(4, sms) // one of two senders is busy
		if second != 1 {
			t.Errorf("%d claimed at once by the one sender that is free", second)
		}
		close(hold)
		w.pass(time.Second)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 5})
		if n := p.count(); n != 5 {
			t.Errorf("%d sends for %d", n, len(ids)+1)
		}
		if most := w.l.mostOpen[sms]; most > 3 {
			t.Errorf("%d attempts were claimed at once by 3 senders", most)
		}
	})
}

// An outcome that the ledger does not take keeps its sender from a claim that does not take it along: otherwise a crash would leave
// more in doubt than there are senders.
func TestNothingIsClaimedBeforeTheOutcomesOfItsSenders(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		w.start(w.options())
		w.l.mu.Lock()
		w.l.refuse = gateway.Faultf(gateway.CodeUnavailable, "away") // before anything leaves: an outcome is there in no time
		w.l.mu.Unlock()
		w.submit(1, sms)
		w.pass(time.Millisecond)
		w.submit(1, sms)
		w.pass(time.Millisecond)
		if _, claimed := w.submit(2, sms); claimed != 0 {
			t.Errorf("%d claimed although two outcomes are in nobody's ledger", claimed)
		}
		w.l.mu.Lock()
		w.l.refuse = nil
		w.l.mu.Unlock()
		w.pass(time.Minute)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 4})
		if _, claimed := w.submit(2, sms); claimed != 2 {
			t.Errorf("%d claimed by two senders that are free again", claimed)
		}
	})
}

// What is not written, or what the ledger does not grant, lets senders and rates go; what is not due after all finds its way through
// the lane.
func TestReservedSendersAreLetGo(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{caps: channels.Capabilities{Rates: []channels.Rate{{PerSecond: 0.001, Burst: 4}}}}
		sms, mail := w.add("sms", p), w.add("mail", &provider{})
		w.start(w.options())
		for range 10 { // written never
			c := &gateway.Chunk{Lane: gateway.Urgent, Deliveries: []gateway.NewDelivery{{ID: gateway.NewID(), Channel: sms, Due: time.Now()}, {ID: gateway.NewID(), Channel: mail, Due: time.Now()}}}
			finish := w.d.Reserve(c)
			if c.Claiming == nil || len(c.Claiming.Deliveries) != 2 {
				t.Fatalf("claimed: %+v", c.Claiming)
			}
			finish()
			if c.Claiming != nil {
				t.Error("what was not written is still to be claimed")
			}
		}
		for range 10 { // nothing is granted
			c := &gateway.Chunk{Lane: gateway.Urgent, Deliveries: []gateway.NewDelivery{{ID: gateway.NewID(), Channel: sms, Due: time.Now()}, {ID: gateway.NewID(), Channel: sms, Due: time.Now()}}}
			finish := w.d.Reserve(c)
			if c.Claiming == nil || len(c.Claiming.Deliveries) != 2 {
				t.Fatalf("claimed: %+v", c.Claiming)
			}
			for i, id := range c.Claiming.Deliveries {
				c.Claiming.Answers = append(c.Claiming.Answers, gateway.Claim{Delivery: id, Verdict: []gateway.Verdict{gateway.NotDue, gateway.Silenced}[i]})
			}
			finish()
			if fmt.Sprint(c.Claiming.Deliveries) != fmt.Sprint([]gateway.ID{c.Deliveries[1].ID}) {
				t.Errorf("the lane is not to take %v", c.Claiming.Deliveries)
			}
		}
		w.submit(4, sms)
		w.pass(time.Minute)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 4})
	})
}

// Nothing is claimed for a channel that is paused, for later, or by a process that does not send.
func TestNothingIsReservedWhereNothingLeaves(t *testing.T) {
	story(t, func(w *world) {
		sms := w.add("sms", &provider{})
		chunk := func(due time.Time) *gateway.Chunk {
			return &gateway.Chunk{Lane: gateway.Urgent, Deliveries: []gateway.NewDelivery{{ID: gateway.NewID(), Channel: sms, Due: due}, {ID: gateway.NewID(), Channel: sms, Reason: gateway.ReasonSuppressed}}}
		}
		none := func(why string, d *dispatch.Dispatcher, c *gateway.Chunk) {
			t.Helper()
			defer d.Reserve(c)()
			if c.Claiming != nil {
				t.Errorf("%s: claimed %v", why, c.Claiming.Deliveries)
			}
		}
		idle, err := dispatch.New(w.options())
		if err != nil {
			t.Fatal(err)
		}
		none("before it runs", idle, chunk(time.Now()))
		w.start(w.options())
		none("for later", w.d, chunk(time.Now().Add(time.Second)))
		all, stop := w.processes(nil, dispatch.Relaying)
		none("by a relay", all[0], chunk(time.Now()))
		stop()
		w.mu.Lock()
		record := w.records[sms]
		record.Health = gateway.ChannelHealth{Paused: gateway.PauseManual, PausedUntil: time.Now().Add(time.Hour)}
		w.records[sms] = record
		w.mu.Unlock()
		w.d.Refresh()
		none("on a paused channel", w.d, chunk(time.Now()))
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		none("after it has stopped", w.d, chunk(time.Now()))
	})
}

// remote is a queue that nobody reaches, and beside which nobody should wait for rates.
type remote struct {
	queue.Queue
	away atomic.Bool
}

func (q *remote) Pop(ctx context.Context, channel gateway.ID, lanes []gateway.Lane, most int) (queue.Batch, error) {
	if q.away.Load() {
		return queue.Batch{}, errors.New("Redis hangs")
	}
	bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	b, err := q.Queue.Pop(bounded, channel, lanes, most)
	if err != nil && ctx.Err() == nil {
		return b, nil
	}
	return b, err
}

// An alert is written without asking for rates while the queue is away: they are kept beside it, and whoever asked would wait.
func TestAnAlertIsWrittenWhileTheQueueIsAway(t *testing.T) {
	story(t, func(w *world) {
		sms := w.add("sms", &provider{})
		q := &remote{Queue: w.q}
		o := w.options()
		o.Queue = q
		w.start(o)
		q.away.Store(true)
		w.pass(3 * time.Second)
		if _, claimed := w.submit(1, sms); claimed != 0 {
			t.Error("it was held up for a queue that is away")
		}
		q.away.Store(false)
		w.pass(3 * time.Second)
		if _, claimed := w.submit(1, sms); claimed != 1 {
			t.Error("nothing is claimed although the queue is back")
		}
		w.pass(time.Second)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 2})
	})
}

// A process that stops waits for what is being written for its senders, and has it leave.
func TestStoppingWaitsForWhatIsReserved(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		w.start(w.options())
		b := w.l.announce(gateway.Alert, 1)
		c := &gateway.Chunk{Broadcast: b.id, Lane: gateway.Urgent, Deliveries: []gateway.NewDelivery{{ID: gateway.NewID(), Channel: sms, Due: time.Now()}}}
		finish := w.d.Reserve(c)
		ended := make(chan error, 1)
		stop := w.stop
		go func() { ended <- stop() }()
		w.pass(time.Second)
		select {
		case err := <-ended:
			t.Fatalf("it stopped while a sender was held: %v", err)
		default:
		}
		w.l.rename(w.l.plan(b, sms), c.Deliveries[0].ID)
		w.l.mu.Lock()
		c.Claiming.Answers = w.l.claim(c.Claiming.By, c.Claiming.Deliveries)
		w.l.mu.Unlock()
		finish()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 1})
	})
}

// rename gives a planned delivery the id that a chunk has for it.
func (l *ledger) rename(from, to gateway.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.deliveries[from]
	delete(l.deliveries, from)
	d.ID = to
	l.deliveries[to] = d
	for i, id := range l.order {
		if id == from {
			l.order[i] = to
		}
	}
}
