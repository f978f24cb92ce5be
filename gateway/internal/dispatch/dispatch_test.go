package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// A report to a thousand people over a lane of sixty-four: each gets it once, and no sender ever holds two. Nor does one
// where the senders of a channel are so many that two calls of the ledger are under way at the same time.
func TestEveryoneOnce(t *testing.T) {
	for _, senders := range []int{8, 64, 129} {
		t.Run(fmt.Sprint(senders, " senders"), func(t *testing.T) {
			story(t, func(w *world) {
				p := &provider{}
				sms := w.add("sms", p)
				report := w.l.announce(gateway.Report, 1)
				for range 1000 {
					w.l.plan(report, sms)
				}
				o := w.options()
				o.Senders, o.Abreast = senders, 2
				w.start(o)
				w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 1000})
				keys := map[string]bool{}
				for _, m := range p.got {
					keys[m.Key] = true
				}
				if len(p.got) != 1000 || len(keys) != 1000 {
					t.Errorf("%d sends under %d keys", len(p.got), len(keys))
				}
				if most := w.l.mostOpen[sms]; most > senders+o.UrgentSenders {
					t.Errorf("%d attempts were claimed at once by %d senders", most, senders+o.UrgentSenders)
				}
			})
		})
	}
}

// Twenty channels share the way to the ledger: their claims and outcomes travel together, and nobody's are mixed up.
func TestManyChannels(t *testing.T) {
	story(t, func(w *world) {
		report, alert := w.l.announce(gateway.Report, 1), w.l.announce(gateway.Alert, 1)
		providers := map[gateway.ID]*provider{}
		for range 20 {
			p := &provider{}
			providers[w.add(gateway.NewID().Short(), p)] = p
		}
		for range 50 {
			for id := range providers {
				w.l.plan(report, id)
				w.l.plan(alert, id)
			}
		}
		w.start(w.options())
		w.pass(time.Second)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 2000})
		for id, p := range providers {
			if p.count() != 100 || w.l.mostOpen[id] > 10 {
				t.Errorf("%d sends, %d at once", p.count(), w.l.mostOpen[id])
			}
		}
	})
}

// The queue loses everything in the middle, again and again: nobody is missing and nobody is told twice.
func TestQueueLosesEverything(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			time.Sleep(100 * time.Millisecond)
			return channels.Sent{ProviderID: m.Attempt}, nil
		}}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 300 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		for range 8 {
			w.pass(330 * time.Millisecond)
			w.q.Flush()
			synctest.Wait() // it is filled again in the same instant, before any sweep
			if waiting, _, err := w.q.Len(t.Context(), queue.Lane{Channel: sms, Lane: gateway.Bulk}); waiting == 0 || err != nil {
				t.Fatalf("%d ids wait after the loss, %v", waiting, err)
			}
		}
		w.pass(10 * time.Second)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 300})
		if n := p.count(); n != 300 {
			t.Errorf("%d messages arrived", n)
		}
	})
}

// Bulk has every sender hanging; an alert leaves in the same instant, before any sweep.
func TestUrgentWhileBulkHangs(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		p.send = func(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
			if m.Urgent {
				return channels.Sent{ProviderID: "now"}, nil
			}
			return hang(ctx, m)
		}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 200 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.expect(map[gateway.DeliveryState]int{gateway.Sending: 8, gateway.Waiting: 192})
		alert := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.d.Nudge(sms, gateway.Urgent)
		synctest.Wait() // no time passes
		if s := w.is(alert).State; s != gateway.DeliveryAccepted {
			t.Errorf("the alert is %v", s)
		}
	})
}

// With nothing else to do, the shared senders take alerts too.
func TestAlertUsesEverySender(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: hang}
		sms := w.add("sms", p)
		alert := w.l.announce(gateway.Alert, 1)
		for range 50 {
			w.l.plan(alert, sms)
		}
		w.start(w.options())
		if p.most != 10 {
			t.Errorf("%d senders carry the alert; want 10", p.most)
		}
	})
}

// A provider hangs: its messages end in doubt after the longest attempt, and the channel beside it is not touched.
func TestHangHarmsItsChannelOnly(t *testing.T) {
	story(t, func(w *world) {
		bad, good := &provider{send: hang}, &provider{}
		one, two := w.add("bad", bad), w.add("good", good)
		report := w.l.announce(gateway.Report, 1)
		var stuck []gateway.ID
		for range 8 {
			stuck = append(stuck, w.l.plan(report, one))
		}
		for range 100 {
			w.l.plan(report, two)
		}
		w.start(w.options())
		w.pass(time.Second)
		if good.count() != 100 {
			t.Fatalf("%d of 100 left over the other channel", good.count())
		}
		w.pass(9*time.Second + 10*time.Millisecond)
		for _, id := range stuck {
			if s := w.is(id).State; s != gateway.DeliveryInDoubt {
				t.Fatalf("after the longest attempt it is %v", s)
			}
		}
		w.pass(time.Hour)
		if n := bad.count(); n != 8 {
			t.Errorf("reports in doubt were sent again: %d sends", n)
		}
	})
}

// The provider does not answer: the breaker opens, few more find out, and it closes when the provider is back.
func TestBreakerStopsSending(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		down := fails(channels.Temporary, channels.ScopeChannel)
		p.send = down
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 500 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(time.Minute)
		if n := p.count(); n > 8+10 { // those on their way, and one probe each time
			t.Errorf("%d messages were sent into a dead provider within a minute", n)
		}
		p.mu.Lock()
		p.send = nil
		p.mu.Unlock()
		w.pass(2 * time.Hour)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 500})
	})
}

// 429 with a minute: nothing leaves for a minute, no try is spent, and then the alert goes before the reports.
func TestThrottled(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{caps: channels.Capabilities{Rates: []channels.Rate{{PerSecond: 5, Burst: 1}}}}
		full := true
		p.send = func(context.Context, channels.Outbound) (channels.Sent, error) {
			if full {
				return channels.Sent{}, &channels.Error{Class: channels.Throttled, Scope: channels.ScopeChannel, RetryAfter: time.Minute, Code: "20429"}
			}
			return channels.Sent{ProviderID: "x"}, nil
		}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		first := w.l.plan(report, sms)
		for range 20 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		if n := p.count(); n != 1 {
			t.Fatalf("%d were sent", n)
		}
		if w.l.health[sms].Paused != gateway.PauseThrottled {
			t.Errorf("the ledger says %+v", w.l.health[sms])
		}
		full = false
		w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.d.Nudge(sms, gateway.Urgent)
		w.pass(59 * time.Second)
		if n := p.count(); n != 1 {
			t.Fatalf("%d were sent during the pause", n)
		}
		w.pass(time.Minute)
		if !p.got[1].Urgent || !p.got[1].PageLink {
			t.Error("a report went first")
		}
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 22})
		if d := w.is(first); d.Tries != 0 {
			t.Errorf("being throttled cost %d tries", d.Tries)
		}
	})
}

// Receipts that fail come in every few seconds, of what left before the credentials were refused. They put off no check: the channel goes
// on soon after the credentials are good.
func TestWhatIsHeardPutsOffNoCheck(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{refused: true}
		sms := w.add("sms", p)
		id := w.l.plan(w.l.announce(gateway.Report, 1), sms)
		w.start(w.options())
		w.pass(time.Second)
		p.mu.Lock()
		p.refused, p.checks = false, 0
		p.mu.Unlock()
		for range 10 {
			w.d.Heard(sms, gateway.NewID(), &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Code: "30008"})
			w.pass(4 * time.Second)
		}
		if d := w.is(id); d.State != gateway.DeliveryAccepted {
			t.Errorf("after %d checks the message is %v", p.checks, d.State)
		}
	})
}

// The credentials are refused: the channel pauses at once, its owners are told, and it resumes by itself when a check passes.
func TestAuth(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{refused: true}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 100 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(time.Minute)
		if n := p.count(); n > 8 {
			t.Errorf("%d sends under refused credentials", n)
		}
		if h := w.l.health[sms]; h.Paused != gateway.PauseAuth || h.Code != "20003" {
			t.Errorf("the ledger says %+v", h)
		}
		if len(w.notices) != 2 || w.notices[0].Event != "credentials refused" || w.notices[1].Event != "the provider refuses us" || p.checks < 2 {
			t.Errorf("%d notices, %d checks", len(w.notices), p.checks)
		}
		p.mu.Lock()
		p.refused = false
		p.mu.Unlock()
		w.pass(10 * time.Minute)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 100})
		if h := w.l.health[sms]; h.Paused != gateway.NotPaused {
			t.Errorf("the ledger still says %+v", h)
		}
	})
}

// A channel was kept although its provider could not be asked: nothing leaves, and that it was refused is said when it was. It sends by
// itself when a check passes.
func TestUntried(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{silent: &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Code: "unreachable"}}
		sms := w.add("sms", p)
		untried := gateway.ChannelHealth{Paused: gateway.PauseUntried, Code: "unreachable"}
		w.l.health[sms] = untried
		w.mu.Lock()
		c := w.records[sms]
		c.Health = untried
		w.records[sms] = c
		w.mu.Unlock()
		w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.start(w.options())
		becomes := func(says error, want gateway.PauseKind, left int) {
			p.mu.Lock()
			p.silent = says
			p.mu.Unlock()
			w.pass(10 * time.Minute)
			if h := w.l.health[sms]; h.Paused != want || p.count() != left {
				t.Errorf("with %v: the ledger says %+v, %d left", says, h, p.count())
			}
		}
		becomes(p.silent, gateway.PauseUntried, 0)
		becomes(&channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Code: "private"}, gateway.PauseUntried, 0) // nobody was asked
		becomes(&channels.Error{Class: channels.Auth, Scope: channels.ScopeSender, Code: "20003"}, gateway.PauseAuth, 0)
		if len(w.notices) != 1 || w.notices[0].Event != "credentials refused" || w.l.health[sms].Code != "20003" {
			t.Errorf("told: %v", w.notices)
		}
		becomes(nil, gateway.NotPaused, 1)
	})
}

// One text cannot be read and one adapter call panics: both end with a cause, the others are not touched. The log tells where it was.
func TestPoison(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		spoilt := w.l.announce(gateway.Report, 1)
		w.l.texts[spoilt.id] = [][]byte{[]byte("{")}
		none := w.l.announce(gateway.Report, 0)
		report := w.l.announce(gateway.Report, 1)
		a, b, c := w.l.plan(spoilt, sms), w.l.plan(none, sms), w.l.plan(report, sms)
		victim := "to " + w.l.deliveries[c].MemberID.String()
		p.send = func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			if m.To.Reveal() == victim {
				panic("index out of range for " + victim)
			}
			return channels.Sent{ProviderID: "x"}, nil
		}
		for range 100 {
			w.l.plan(report, sms)
		}
		o, said := w.options(), &strings.Builder{}
		o.Log = slog.New(slog.NewTextHandler(said, nil)) // which writes one line at a time
		w.start(o)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 100, gateway.Ended: 2, gateway.DeliveryInDoubt: 1})
		for _, id := range []gateway.ID{a, b} {
			if d := w.is(id); d.Reason != gateway.ReasonFailed || d.Attempts[0].Refusal.Scope != "content" || d.Attempts[0].Refusal.Detail == "" {
				t.Errorf("a text that cannot be read: %+v", d)
			}
		}
		if r := w.is(c).Attempts[0].Refusal; strings.Contains(r.Detail, "index") {
			t.Errorf("the text of a panic is shown: %q", r.Detail)
		}
		w.stop()
		if log := said.String(); strings.Contains(log, victim) || !strings.Contains(log, "an adapter met a defect") || !strings.Contains(log, "(dispatch_test.go:") {
			t.Errorf("the log does not tell where the adapter's defect is, or to whom it wrote:\n%s", log)
		}
	})
}

// Three parts: the second fails once. The first is not sent again.
func TestParts(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		broken := true
		p.send = func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			if m.PartNo == 1 && broken {
				broken = false
				return channels.Sent{}, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel}
			}
			return channels.Sent{ProviderID: m.Part.Text}, nil
		}
		sms := w.add("sms", p)
		id := w.l.plan(w.l.announce(gateway.Report, 3), sms)
		w.start(w.options())
		w.pass(2 * time.Minute)
		var sent []string
		for _, m := range p.got {
			sent = append(sent, m.Part.Text)
		}
		if got := strings.Join(sent, ""); got != "abbc" {
			t.Errorf("parts went %q", got)
		}
		if p.got[1].Key != p.got[2].Key || p.got[0].Key == p.got[1].Key {
			t.Error("the key of a part must stay, and differ from the others'")
		}
		if d := w.is(id); d.State != gateway.DeliveryAccepted || len(d.Attempts) != 2 {
			t.Errorf("it is %v after %d attempts", d.State, len(d.Attempts))
		}
	})
}

// A coordinator stops a broadcast, a person says STOP, a contact point is no good: all are seen at the claim.
func TestVerdicts(t *testing.T) {
	story(t, func(w *world) {
		p, other := &provider{}, &provider{}
		sms, chat := w.add("sms", p), w.add("chat", other)
		stopped, report := w.l.announce(gateway.Report, 1), w.l.announce(gateway.Report, 1)
		stopped.stopped = true
		w.l.plan(stopped, sms)
		gone := w.l.plan(report, sms, chat)
		w.l.bad[w.is(gone).PointID] = true
		over := w.l.announce(gateway.Report, 1)
		over.expires = time.Now()
		w.l.plan(over, sms)
		w.start(w.options())
		w.expect(map[gateway.DeliveryState]int{gateway.Waiting: 1, gateway.DeliveryAccepted: 1, gateway.Ended: 1})
		if p.count() != 0 || other.count() != 1 {
			t.Errorf("%d and %d sends", p.count(), other.count())
		}
	})
}

// Channels come, pause, change and go while the dispatcher runs.
func TestRefresh(t *testing.T) {
	story(t, func(w *world) {
		w.start(w.options())
		p := &provider{}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		w.l.plan(report, sms)
		w.d.Refresh()
		synctest.Wait()
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 1})

		change := func(f func(*gateway.Channel)) {
			w.mu.Lock()
			c := w.records[sms]
			f(&c)
			w.records[sms] = c
			w.mu.Unlock()
			w.d.Refresh()
			synctest.Wait()
		}
		change(func(c *gateway.Channel) { c.Health.Paused = gateway.PauseManual })
		w.l.plan(report, sms)
		w.pass(time.Minute)
		if p.count() != 1 {
			t.Fatal("a paused channel sends")
		}
		change(func(c *gateway.Channel) { c.Health.Paused, c.Senders = gateway.NotPaused, 1 })
		w.pass(time.Second)
		if p.count() != 2 {
			t.Fatal("a resumed channel does not send")
		}
		w.mu.Lock()
		delete(w.records, sms)
		w.mu.Unlock()
		w.d.Refresh()
		w.l.plan(report, sms)
		w.pass(time.Minute)
		if p.count() != 2 {
			t.Error("a channel that is gone sends")
		}
	})
}
