package dispatch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
)

// shaky is a ledger whose exchanges take their time and fail at random: before anything was written, or after all was.
type shaky struct {
	*ledger
	t *testing.T

	mu     sync.Mutex
	random *rand.Rand
	before float64 // share of the exchanges that fail with nothing written
	after  float64 // and with everything written, but the answer lost
	again  bool    // what was told may be told again, all of it
	told   map[gateway.ID]gateway.Outcome
}

func (s *shaky) roll() (before, after bool, takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, after = s.random.Float64() < s.before, s.random.Float64() < s.after
	return before, after, time.Duration(s.random.IntN(20_000)) * time.Microsecond
}

func (s *shaky) soundly() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = 0, 0
}

func (s *shaky) Exchange(ctx context.Context, by gateway.Claimant, done []gateway.Outcome, ids []gateway.ID) ([]error, []gateway.Claim, error) {
	before, after, takes := s.roll()
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-time.After(takes):
	}
	if before {
		return nil, nil, errDown
	}
	s.order(done)
	errs, claims, err := s.ledger.Exchange(ctx, by, done, ids)
	if after && err == nil {
		return nil, nil, errDown
	}
	return errs, claims, err
}

// order checks that what is told of one attempt comes in order: part after part, and nothing after its end.
func (s *shaky) order(done []gateway.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range done {
		last, told := s.told[o.Attempt]
		if s.again {
			told = false
		}
		if told && last.State != gateway.Claimed && last.State != gateway.InDoubt {
			s.t.Errorf("attempt %s ended with part %d as %v, and then part %d was told as %v", o.Attempt, last.Part, last.State, o.Part, o.State)
		}
		if told && last.State == gateway.Claimed && o.Part < last.Part {
			s.t.Errorf("attempt %s: part %d was told after part %d", o.Attempt, o.Part, last.Part)
		}
		s.told[o.Attempt] = o
	}
}

// arrivals is a provider that takes its time, refuses now and then, and counts what it took.
type arrivals struct {
	*provider
	mu    sync.Mutex
	taken map[string]int // by address and part
}

func newArrivals(seed uint64) *arrivals {
	a := &arrivals{provider: &provider{}, taken: map[string]int{}}
	random := rand.New(rand.NewPCG(seed, 2))
	a.send = func(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
		a.mu.Lock()
		takes, refuses := time.Duration(random.IntN(20))*time.Millisecond, random.IntN(10) == 0
		a.mu.Unlock()
		select {
		case <-ctx.Done():
			return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Cause: ctx.Err()}
		case <-time.After(takes):
		}
		if refuses {
			return channels.Sent{}, &channels.Error{Class: channels.Throttled, Scope: channels.ScopeAddress, RetryAfter: time.Second}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.taken[fmt.Sprint(m.To.Reveal(), m.PartNo)]++
		return channels.Sent{ProviderID: "p-" + m.Attempt}, nil
	}
	return a
}

// The ledger fails at random, for as long as messages are sent. Never more attempts stand as claimed than there are
// senders, what is told of an attempt comes in order, nobody is told twice, nobody is forgotten, urgent messages are not
// behind the others, and all ends when it is to end (a goroutine that stays would fail the story).
func TestTheLedgerFailsAtRandom(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			story(t, func(w *world) {
				s := &shaky{ledger: w.l, t: t, random: rand.New(rand.NewPCG(seed, 1)), before: 0.3, told: map[gateway.ID]gateway.Outcome{}}
				lost := seed%3 == 2 // answers; a claim whose answer was lost stands beside those of the senders, and what is told is told again
				if lost {
					s.after, s.again = 0.05, true
				}
				a := newArrivals(seed)
				sms := w.add("sms", a.provider)
				report, alert := w.l.announce(gateway.Report, 2), w.l.announce(gateway.Alert, 1)
				for range 300 {
					w.l.plan(report, sms)
				}
				o := w.options()
				o.Ledger = s
				if seed%2 == 1 {
					o.Rows = 3 // calls are cut
				}
				w.start(o)
				for range 10 {
					w.pass(time.Duration(1+seed) * 50 * time.Millisecond)
					for range 20 { // every sender is busy
						w.l.plan(alert, sms)
					}
					w.d.Nudge(sms, gateway.Urgent)
				}
				killed := seed%2 == 0
				if killed { // the process stops in the middle of it, and comes again
					if err := w.stop(); err != nil {
						t.Logf("stopped: %v", err)
					}
					w.q = memq.New(64)
					o.Queue = w.q
					w.start(o)
					w.pass(3 * time.Second)
				}
				s.soundly()
				w.pass(10 * time.Minute) // pauses, retries, and claims whose answer was lost
				got := w.l.count()
				doubt := got[gateway.DeliveryInDoubt]
				if got[gateway.DeliveryAccepted]+doubt != 500 || !lost && !killed && doubt > 0 {
					t.Errorf("deliveries are %v", got)
				}
				if s.mostOpen[sms] > 10 && !lost {
					t.Errorf("%d attempts stood as claimed, with 10 senders", s.mostOpen[sms])
				}
				for to, n := range a.taken {
					if n > 1 {
						t.Errorf("a part for %s was taken %d times", to, n)
					}
				}
				if n := len(a.taken); n > 800 || n < 800-2*doubt {
					t.Errorf("%d parts of 800 were taken; %d deliveries are in doubt", n, doubt)
				}
			})
		})
	}
}
