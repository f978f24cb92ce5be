package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
)

func lost(context.Context, channels.Outbound) (channels.Sent, error) {
	return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeContent, Detail: "the answer was lost"}
}

// Danger to life, and nobody knows whether the text message left: the chat gets it in the same second.
func TestLifeSafetyGoesOnAtOnce(t *testing.T) {
	story(t, func(w *world) {
		p, other := &provider{send: lost}, &provider{}
		sms, chat := w.add("sms", p), w.add("chat", other)
		id := w.l.plan(w.l.announce(gateway.LifeSafety, 1), sms, chat)
		w.start(w.options())
		if d := w.is(id); d.State != gateway.DeliveryAccepted || d.Attempts[0].State != gateway.InDoubt || other.count() != 1 {
			t.Errorf("it is %v, %d over the chat", d.State, other.count())
		}
		w.pass(6 * time.Hour)
		if p.count() != 1 {
			t.Errorf("the text message was sent %d times", p.count())
		}
	})
}

// An alert in doubt is sent again only when the provider certainly does not have it, twice at most, under a new key.
func TestAlertAsksFirst(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: lost}
		asked := 0
		sms := w.add("sms", finder{p, func(q channels.Query) (channels.Finding, error) {
			asked++
			if q.Part.Text != "a" || q.To == "" {
				t.Errorf("asked with %+v", q)
			}
			if asked == 1 {
				return channels.Finding{Found: channels.CannotTell}, nil
			}
			return channels.Finding{Found: channels.NotSent}, nil
		}})
		id := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.start(w.options())
		w.pass(time.Hour)
		keys := map[string]bool{}
		for _, m := range p.got {
			keys[m.Key] = true
		}
		if len(p.got) != 3 || len(keys) != 3 {
			t.Errorf("%d sends under %d keys, %d look-ups", len(p.got), len(keys), asked)
		}
		if d := w.is(id); d.State != gateway.Ended || d.Reason != gateway.ReasonFailed {
			t.Errorf("it is %v, %v", d.State, d.Reason)
		}
	})
}

// A look-up is told when the attempt ended, not when the question is asked: an adapter that waits for a list to settle
// would otherwise wait for ever, and no alert would be sent again.
func TestALookUpKnowsWhenTheAttemptEnded(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: lost}
		began := time.Now()
		settled := false
		sms := w.add("sms", finder{p, func(q channels.Query) (channels.Finding, error) {
			if len(p.got) == 1 && (q.Since.After(began) || q.Until.Before(began) || q.Until.After(began.Add(10*time.Second))) {
				t.Errorf("asked about %v to %v, of an attempt at %v that takes ten seconds at most", q.Since, q.Until, began)
			}
			if time.Since(q.Until) < time.Minute {
				return channels.Finding{Found: channels.CannotTell}, nil
			}
			settled = true
			return channels.Finding{Found: channels.NotSent}, nil
		}})
		w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.start(w.options())
		w.pass(time.Hour)
		if !settled || len(p.got) != 3 {
			t.Errorf("the list settled: %v; %d sends", settled, len(p.got))
		}
	})
}

// A look-up finds the message: the doubt is healed, nothing is sent again.
func TestLookUpHeals(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: lost, caps: channels.Capabilities{Receipts: channels.DeliveryReceipts}}
		sms := w.add("sms", finder{p, func(q channels.Query) (channels.Finding, error) {
			return channels.Finding{Found: channels.WasSent, Receipt: channels.Receipt{ProviderID: "SM " + q.Attempt, Status: channels.StatusAccepted}}, nil
		}})
		report := w.l.plan(w.l.announce(gateway.Report, 1), sms)
		long := w.l.plan(w.l.announce(gateway.Report, 2), sms)
		w.start(w.options())
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryInDoubt: 2})
		p.mu.Lock()
		p.send = nil
		p.mu.Unlock()
		w.pass(time.Minute)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 2})
		if n := p.count(); n != 3 { // two lost ones, and the second part of the long one
			t.Errorf("%d sends", n)
		}
		if len(w.is(report).Attempts) != 1 || len(w.is(long).Attempts) != 2 || p.got[2].PartNo != 1 {
			t.Error("the attempts are not what they should be")
		}
	})
}

// A look-up that hangs on one channel keeps no alert on another from its next contact point.
func TestLookUpHangs(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: lost}
		never := make(chan struct{})
		defer close(never)
		sms := w.add("sms", finder{p, func(channels.Query) (channels.Finding, error) {
			<-never
			return channels.Finding{}, nil
		}})
		silent, chat := &provider{caps: channels.Capabilities{Receipts: channels.DeliveryReceipts}}, &provider{}
		other, third := w.add("silent", silent), w.add("chat", chat)
		report := w.l.announce(gateway.Report, 1)
		for range 30 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(time.Minute)
		alert := w.l.plan(w.l.announce(gateway.Alert, 1), other, third)
		w.d.Nudge(other, gateway.Urgent)
		w.pass(5*time.Minute + 2*time.Second)
		if d := w.is(alert); chat.count() != 1 || d.State != gateway.DeliveryAccepted {
			t.Errorf("the alert is %v", d.State)
		}
		never <- struct{}{} // every look-up that hangs would do
		for range 7 {
			never <- struct{}{}
		}
	})
}

// Handed over, and no receipt: an alert goes on after five minutes, a report does not. Where a channel gives no
// receipts, nobody waits for one.
func TestMissingReceipt(t *testing.T) {
	story(t, func(w *world) {
		with, without := &provider{caps: channels.Capabilities{Receipts: channels.DeliveryReceipts}}, &provider{}
		sms, chat := w.add("sms", with), w.add("chat", without)
		alert := w.l.announce(gateway.Alert, 1)
		w.l.plan(alert, sms, chat)
		w.l.plan(w.l.announce(gateway.Report, 1), sms, chat)
		w.l.plan(alert, chat, sms)
		w.start(w.options())
		w.pass(5*time.Minute - time.Second)
		if with.count() != 2 || without.count() != 1 {
			t.Fatalf("before the window: %d and %d", with.count(), without.count())
		}
		w.pass(time.Hour)
		if with.count() != 2 || without.count() != 2 {
			t.Errorf("after it: %d and %d", with.count(), without.count())
		}
	})
}

// An alert waits on a channel that somebody paused: after its window it leaves over the next one.
func TestStuck(t *testing.T) {
	story(t, func(w *world) {
		p, other := &provider{}, &provider{}
		sms, chat := w.add("sms", p), w.add("chat", other)
		c := w.records[sms]
		c.Health.Paused = gateway.PauseManual
		w.records[sms] = c
		id := w.l.plan(w.l.announce(gateway.LifeSafety, 1), sms, chat)
		w.start(w.options())
		w.pass(2*time.Minute + time.Second)
		if d := w.is(id); d.State != gateway.DeliveryAccepted || other.count() != 1 || p.count() != 0 {
			t.Errorf("it is %v", d.State)
		}
	})
}

// What waits longer than its broadcast lasts ends as expired, without a claim.
func TestExpiry(t *testing.T) {
	story(t, func(w *world) {
		c := gateway.Channel{}
		sms := w.add("sms", &provider{})
		c = w.records[sms]
		c.Health.Paused = gateway.PauseManual
		w.records[sms] = c
		id := w.l.plan(w.l.announce(gateway.Account, 1), sms)
		w.start(w.options())
		w.pass(15*time.Minute + time.Second)
		if d := w.is(id); d.Reason != gateway.ReasonExpired {
			t.Errorf("it is %v, %v", d.State, d.Reason)
		}
	})
}

// A sender hangs beyond its claim; when it knows at last, nobody else sent, and what it knows still counts.
func TestLateKnowledge(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{caps: channels.Capabilities{LongestAttempt: time.Hour}}
		p.send = func(context.Context, channels.Outbound) (channels.Sent, error) {
			time.Sleep(7 * time.Minute) // whatever the context says
			return channels.Sent{ProviderID: "late"}, nil
		}
		id := w.l.plan(w.l.announce(gateway.Report, 1), w.add("sms", p))
		w.start(w.options())
		w.pass(6 * time.Minute)
		if s := w.is(id).State; s != gateway.DeliveryInDoubt {
			t.Fatalf("its claim ran out, and it is %v", s)
		}
		w.pass(2 * time.Minute)
		if s := w.is(id).State; s != gateway.DeliveryAccepted || p.count() != 1 {
			t.Errorf("it is %v after %d sends", s, p.count())
		}
	})
}

// The ledger is down while messages are on their way: nothing new leaves until it has taken what happened.
func TestLedgerDown(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		p.send = func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			time.Sleep(time.Second)
			return channels.Sent{ProviderID: m.Attempt}, nil
		}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 100 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.l.mu.Lock()
		w.l.refuse = errDown
		w.l.mu.Unlock()
		w.pass(time.Minute)
		if n := p.count(); n != 8 {
			t.Fatalf("%d sends without a ledger", n)
		}
		w.l.mu.Lock()
		w.l.refuse = nil
		w.l.mu.Unlock()
		w.pass(time.Minute)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 100})
		if n := p.count(); n != 100 {
			t.Errorf("%d sends in the end", n)
		}
	})
}

// Stopping waits for what is on its way, claims nothing new, and then cancels what does not end: that is in doubt.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(context.Context, channels.Outbound) (channels.Sent, error)
		took time.Duration
		want gateway.DeliveryState
	}{
		{"slow", func(context.Context, channels.Outbound) (channels.Sent, error) {
			time.Sleep(3 * time.Second)
			return channels.Sent{ProviderID: "x"}, nil
		}, 3 * time.Second, gateway.DeliveryAccepted},
		{"hangs", hang, 5 * time.Second, gateway.DeliveryInDoubt},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				p := &provider{send: c.send, caps: channels.Capabilities{LongestAttempt: time.Minute}}
				sms := w.add("sms", p)
				report := w.l.announce(gateway.Report, 1)
				for range 30 {
					w.l.plan(report, sms)
				}
				o := w.options()
				o.Grace = 5 * time.Second
				w.start(o)
				begun := time.Now()
				if err := w.stop(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took != c.took {
					t.Errorf("draining took %v; want %v", took, c.took)
				}
				w.expect(map[gateway.DeliveryState]int{c.want: 8, gateway.Waiting: 22})
			})
		})
	}
}

// An adapter that does not even obey its context cannot keep the process from stopping.
func TestDrainGivesUp(t *testing.T) {
	story(t, func(w *world) {
		free := make(chan struct{})
		p := &provider{send: func(context.Context, channels.Outbound) (channels.Sent, error) {
			<-free
			return channels.Sent{ProviderID: "x"}, nil
		}}
		id := w.l.plan(w.l.announce(gateway.Report, 1), w.add("sms", p))
		w.start(w.options())
		err := w.stop()
		if err == nil || !strings.Contains(err.Error(), "in doubt") {
			t.Errorf("stopping says %v", err)
		}
		if s := w.is(id).State; s != gateway.Sending {
			t.Errorf("it is %v", s)
		}
		close(free)
		synctest.Wait()
	})
}

// dying is everything that a process touches, until it dies.
type dying struct {
	*ledger
	dead *atomic.Bool
}

var errDead = errors.New("the process is dead")

func (d dying) Exchange(ctx context.Context, by gateway.Claimant, done []gateway.Outcome, ids []gateway.ID) ([]error, []gateway.Claim, error) {
	if d.dead.Load() {
		return nil, nil, errDead
	}
	return d.ledger.Exchange(ctx, by, done, ids)
}

func (d dying) Advance(ctx context.Context, moves []gateway.Move) error {
	if d.dead.Load() {
		return errDead
	}
	return d.ledger.Advance(ctx, moves)
}

// The process dies at each point named in the code, in the middle of three hundred reports. In its next life every
// report was sent once or is in doubt, and no more are in doubt than there are senders.
func TestKilled(t *testing.T) {
	for _, point := range dispatch.FaultPoints() {
		t.Run(point, func(t *testing.T) {
			story(t, func(w *world) {
				var dead atomic.Bool
				var mu sync.Mutex
				sent := map[string]int{}
				p := &provider{}
				p.send = func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
					if dead.Load() && !w.reborn() {
						return channels.Sent{}, fmt.Errorf("%w: no packet leaves", errDead)
					}
					mu.Lock()
					defer mu.Unlock()
					sent[m.To.Reveal()+m.Part.Text]++
					return channels.Sent{ProviderID: m.Attempt}, nil
				}
				sms := w.add("sms", p)
				report := w.l.announce(gateway.Report, 2)
				for range 300 {
					w.l.plan(report, sms)
				}
				w.l.bad[w.l.deliveries[w.l.order[0]].PointID] = true // somebody has to be moved on
				o := w.options()
				broken := dying{w.l, &dead}
				o.Ledger, o.Mender = broken, broken
				hits := 0
				o.At = func(at string) {
					mu.Lock()
					defer mu.Unlock()
					if hits++; at == point && (hits > 100 || strings.Contains(at, "moved")) {
						dead.Store(true)
					}
				}
				w.start(o)
				if !dead.Load() {
					t.Fatal("it never came to that point")
				}
				life := w.d
				stop := w.stop
				w.second = true
				w.l.mu.Lock()
				doubt := 0
				for _, a := range w.l.attempts {
					if a.State == gateway.Claimed {
						doubt++
					}
				}
				w.l.mu.Unlock()
				if doubt > 10 {
					t.Errorf("%d are in doubt after the kill of 10 senders", doubt)
				}
				w.q = memq.New(64) // what a process holds in its memory dies with it
				w.start(w.options())
				w.pass(time.Minute)
				if life == w.d {
					t.Fatal("no second life")
				}
				counts := w.l.count()
				if n := counts[gateway.DeliveryAccepted] + counts[gateway.DeliveryInDoubt] + counts[gateway.Ended]; n != 300 || counts[gateway.DeliveryInDoubt] > 10 {
					t.Errorf("deliveries are %v", counts)
				}
				for who, n := range sent {
					if n != 1 {
						t.Errorf("%q was told %d times", who, n)
					}
				}
				second := w.stop
				if err := second(); err != nil {
					t.Error(err)
				}
				if err := stop(); err == nil && doubt > 0 {
					t.Error("the dead process drained")
				}
				w.stop = nil
			})
		})
	}
}

// The queue says everything twice: the claim decides, nobody is told twice.
func TestQueueSaysEverythingTwice(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 200 {
			w.l.plan(report, sms)
		}
		o := w.options()
		o.Queue = &stutter{Queue: w.q}
		w.start(o)
		w.pass(10 * time.Second)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 200})
		if n := p.count(); n != 200 {
			t.Errorf("%d messages arrived", n)
		}
	})
}

// stutter gives every id out twice.
type stutter struct {
	queue.Queue
	mu    sync.Mutex
	again queue.Batch
}

func (s *stutter) Pop(ctx context.Context, channel gateway.ID, lanes []gateway.Lane, most int) (queue.Batch, error) {
	s.mu.Lock()
	if n := min(most, len(s.again.Deliveries)); n > 0 && len(lanes) > 1 {
		b := queue.Batch{Lane: s.again.Lane, Deliveries: s.again.Deliveries[:n]}
		s.again.Deliveries = s.again.Deliveries[n:]
		s.mu.Unlock()
		return b, nil
	}
	s.mu.Unlock()
	b, err := s.Queue.Pop(ctx, channel, lanes, most)
	s.mu.Lock()
	s.again.Lane, s.again.Deliveries = b.Lane, append(s.again.Deliveries, b.Deliveries...)
	s.mu.Unlock()
	return b, err
}
