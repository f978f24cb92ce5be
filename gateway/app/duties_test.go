package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// registry keeps one duty, by the clock of the bubble.
type registry struct {
	mu    sync.Mutex
	by    gateway.ID
	token int64
	until time.Time
	away  bool // it answers nobody
	holds int
}

var errAway = errors.New("the ledger is away")

func (r *registry) Hold(_ context.Context, duty string, by gateway.ID, lease time.Duration) (gateway.Fence, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds++
	switch {
	case r.away:
		return gateway.Fence{}, errAway
	case r.by != by && !r.by.IsZero() && time.Now().Before(r.until):
		return gateway.Fence{Duty: duty}, nil
	case r.by != by:
		r.by, r.token = by, r.token+1
	}
	r.until = time.Now().Add(lease)
	return gateway.Fence{Duty: duty, Token: r.token}, nil
}

func (r *registry) Leave(_ context.Context, f gateway.Fence) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return errAway
	}
	if f.Token == r.token {
		r.by, r.token = gateway.ID{}, r.token+1
	}
	return nil
}

func (r *registry) Holders(context.Context, string) ([]gateway.Duty, error) { return nil, nil }

func (r *registry) set(away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = away
}

// worker does one duty again and again, as the parts of a gateway do.
type worker struct {
	mu    sync.Mutex
	token int64 // while it works; 0: it does not
}

func (w *worker) run(ctx context.Context, d *duties) {
	for ctx.Err() == nil {
		d.during(ctx, "poll", func(ctx context.Context, token int64) {
			w.set(token)
			<-ctx.Done()
			w.set(0)
		})
	}
}

func (w *worker) set(token int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.token = token
}

func (w *worker) works() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.token
}

// Two processes want a duty. It passes on when the first one ends, at once; when the ledger is away for longer than the
// lease, nobody works; and when it is back one of them does.
func TestDutyPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &registry{}
		one, two := &worker{}, &worker{}
		quiet := slog.New(slog.DiscardHandler)
		first, end := context.WithCancel(t.Context())
		second, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { one.run(first, newDuties(ledger, gateway.NewID(), quiet)) })
		synctest.Wait()
		all.Go(func() { two.run(second, newDuties(ledger, gateway.NewID(), quiet)) })
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		pass(10 * dutyLease)
		if one.works() != 1 || two.works() != 0 {
			t.Fatalf("the first has token %d, the second %d", one.works(), two.works())
		}
		end()
		pass(dutyRenew)
		if token := two.works(); one.works() != 0 || token == 0 {
			t.Fatalf("after the first has ended it has token %d, the second %d", one.works(), token)
		}
		ledger.set(true)
		pass(dutyLease + 2*dutyRenew)
		if two.works() != 0 {
			t.Fatal("it works on although somebody else may have its duty")
		}
		ledger.set(false)
		pass(2 * dutyRenew)
		if two.works() == 0 {
			t.Fatal("it does not work although the ledger is back")
		}
		stop()
		all.Wait()
		if !ledger.by.IsZero() {
			t.Error("the duty was not given back")
		}
	})
}

// Alone there is nothing to renew: the process is the same in every life.
func TestDutyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &registry{by: thisFolder(), token: 7, until: time.Now().Add(forLife)} // a life before was killed
		w := &worker{}
		ctx, end := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { w.run(ctx, newDuties(ledger, thisFolder(), slog.New(slog.DiscardHandler))) })
		synctest.Wait()
		if w.works() != 7 {
			t.Errorf("after a kill it waits for its own lease: token %d", w.works())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if ledger.holds != 1 {
			t.Errorf("the ledger was written to %d times", ledger.holds)
		}
		end()
		all.Wait()
	})
}
