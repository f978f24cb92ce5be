package redisq_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// works is a ledger, relays and senders around a queue that some processes share. The ledger always has more.
type works struct {
	t      *testing.T
	lane   queue.Lane
	mu     sync.Mutex
	due    []gateway.ID // in order; claimed ones are taken out by and by
	open   map[gateway.ID]bool
	more   bool        // new deliveries come
	times  []time.Time // of claims
	twice  int         // hints of what was claimed before
	losses int
}

func newWorks(t *testing.T) *works {
	return &works{t: t, lane: queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}, open: map[gateway.ID]bool{}, more: true}
}

// share is what the ledger calls due.
func (w *works) share(each int) gateway.Share {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = slices.DeleteFunc(w.due, func(id gateway.ID) bool { return !w.open[id] })
	for w.more && len(w.due) < each {
		id := gateway.NewID()
		w.due, w.open[id] = append(w.due, id), true
	}
	return gateway.Share{Group: w.lane.Channel, Deliveries: slices.Clone(w.due[:min(each, len(w.due))])}
}

// claim is the compare-and-set of the ledger.
func (w *works) claim(ids []gateway.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if !w.open[id] {
			w.twice++
			continue
		}
		delete(w.open, id)
		w.times = append(w.times, time.Now())
	}
}

func (w *works) claimed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.times)
}

func (w *works) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open)
}

func (w *works) lost() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses++
}

// run is one process: a relay that sweeps ten times a second, and a sender.
func (w *works) run(ctx context.Context, q *redisq.Queue) {
	const window = 200
	wake := make(chan struct{}, 1)
	var all sync.WaitGroup
	all.Go(func() {
		sweep := time.NewTicker(100 * time.Millisecond)
		defer sweep.Stop()
		for ctx.Err() == nil {
			select {
			case <-q.Lost():
				w.lost()
			default:
			}
			share := w.share(2 * window)
			if _, low, err := q.Push(ctx, w.lane, []gateway.Share{share}, 2*window); err == nil && low {
				continue
			}
			select {
			case <-ctx.Done():
			case <-wake:
			case <-sweep.C:
			case <-q.Lost():
				w.lost()
			}
		}
	})
	all.Go(func() {
		for ctx.Err() == nil {
			b, err := q.Pop(ctx, w.lane.Channel, gateway.Lanes[:], 20)
			if err != nil {
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond):
				}
				continue
			}
			w.claim(b.Deliveries)
			if err := q.Done(ctx, queue.Lane{Channel: w.lane.Channel, Lane: b.Lane}, b.Deliveries); err != nil {
				w.t.Error(err)
			}
			if b.Low {
				select {
				case wake <- struct{}{}:
				default:
				}
			}
		}
	})
	all.Wait()
}

// until waits for something that happens in other goroutines.
func (w *works) until(what string, patience time.Duration, so func() bool) {
	w.t.Helper()
	for begun := time.Now(); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > patience {
			w.t.Fatalf("%s: not within %v (%d claimed, %d open)", what, patience, w.claimed(), w.left())
		}
	}
}

// fault is something that befalls Redis. It returns when Redis is as it will stay; back is since when it can be used again.
type fault struct {
	name   string
	happen func(ctx context.Context, w *works) (back time.Time, err error)
	loses  bool // everything in Redis is gone
}

// endure runs three processes over faults, and checks that work goes on within five seconds after each, that a loss is
// noticed by all, and that in the end nothing is left behind.
func endure(t *testing.T, o redisq.Options, faults []fault) {
	w := newWorks(t)
	o.Window, o.Hold, o.Prefix = 200, 2*time.Second, "carillon"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	const processes = 3
	for range processes {
		q := open(t, o)
		all.Go(func() { w.run(ctx, q) })
	}
	w.until("the beginning", 10*time.Second, func() bool { return w.claimed() > 3000 })
	for _, f := range faults {
		w.mu.Lock()
		losses := w.losses
		w.mu.Unlock()
		begun := time.Now()
		back, err := f.happen(ctx, w)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		before := w.claimed()
		w.until(f.name+": work goes on", 10*time.Second, func() bool { return w.claimed() > before+1000 })
		first := w.first(back)
		t.Logf("%s: took %v; the first claim came %v after Redis could be used again, a thousand within %v", f.name, back.Sub(begun).Round(time.Millisecond), first.Sub(back).Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
		if late := first.Sub(back); late > 5*time.Second {
			t.Errorf("%s: work went on after %v", f.name, late)
		}
		if f.loses {
			w.until(f.name+": all are told", 5*time.Second, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.losses >= losses+processes })
		}
	}
	w.mu.Lock()
	w.more = false
	w.mu.Unlock()
	w.until("nothing is left behind", 10*time.Second, func() bool { return w.left() == 0 })
	t.Logf("%d claimed, %d hints came too often, %d losses noticed", w.claimed(), w.twice, w.losses)
}

// first is the first claim after a time.
func (w *works) first(after time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, _ := slices.BinarySearchFunc(w.times, after, time.Time.Compare)
	if i == len(w.times) {
		return time.Now()
	}
	return w.times[i]
}

func flushing(flush func(context.Context) error) fault {
	return fault{"FLUSHALL", func(ctx context.Context, _ *works) (time.Time, error) {
		err := flush(ctx)
		return time.Now(), err
	}, true}
}

// A single server is flushed, killed while it logs every second, hung, and started with an older copy of its log.
func TestFaultsOfOneServer(t *testing.T) {
	r := single(t, servers.RedisOptions{AppendOnly: true})
	log := filepath.Join(r.Dir(), "appendonlydir")
	older := filepath.Join(t.TempDir(), "older")
	again := func(ctx context.Context) (time.Time, error) {
		err := r.Start(ctx)
		return time.Now(), err
	}
	endure(t, redisq.Options{Addrs: []string{r.Addr()}, Timeout: 500 * time.Millisecond}, []fault{
		flushing(r.FlushAll),
		{"kill -9, everysec", func(ctx context.Context, _ *works) (time.Time, error) {
			r.Kill()
			return again(ctx)
		}, false},
		{"a pause of three seconds", func(_ context.Context, w *works) (time.Time, error) {
			if err := r.Pause(); err != nil {
				return time.Time{}, err
			}
			time.Sleep(3 * time.Second)
			return time.Now(), r.Resume()
		}, false},
		{"a copy is taken", func(context.Context, *works) (time.Time, error) {
			return time.Now(), os.CopyFS(older, os.DirFS(log))
		}, false},
		{"an older copy", func(ctx context.Context, _ *works) (time.Time, error) {
			r.Stop()
			if err := os.RemoveAll(log); err != nil {
				return time.Time{}, err
			}
			if err := os.CopyFS(log, os.DirFS(older)); err != nil {
				return time.Time{}, err
			}
			return again(ctx)
		}, false},
		{"a start without its log", func(ctx context.Context, _ *works) (time.Time, error) {
			r.Kill()
			if err := os.RemoveAll(log); err != nil {
				return time.Time{}, err
			}
			return again(ctx)
		}, true},
	})
}

// Behind Sentinel the primary dies.
func TestFaultsOfSentinel(t *testing.T) {
	s, err := servers.StartRedisSentinel(t.Context(), servers.RedisOptions{AppendOnly: true})
	servers.Need(t, err)
	t.Cleanup(s.Close)
	endure(t, redisq.Options{Addrs: s.Addrs(), Master: servers.Master, Timeout: 500 * time.Millisecond}, []fault{
		{"the primary dies", func(ctx context.Context, _ *works) (time.Time, error) {
			_, err := s.Failover(ctx)
			return time.Now(), err
		}, false},
		flushing(func(ctx context.Context) error { return s.Primary(ctx).FlushAll(ctx) }),
	})
}

// In a Cluster the primary that holds the channel dies, another one hangs.
func TestFaultsOfCluster(t *testing.T) {
	c, err := servers.StartRedisCluster(t.Context(), servers.RedisOptions{AppendOnly: true})
	servers.Need(t, err)
	t.Cleanup(c.Close)
	key := func(w *works) string { return fmt.Sprintf("carillon:{%v}:generation", w.lane.Channel) }
	var dead *servers.Redis
	endure(t, redisq.Options{Addrs: c.Addrs()[:1], Cluster: true, Timeout: 500 * time.Millisecond}, []fault{
		flushing(c.FlushAll),
		{"the primary dies", func(ctx context.Context, w *works) (_ time.Time, err error) {
			dead, err = c.Failover(ctx, key(w))
			return time.Now(), err
		}, false},
		{"it comes back", func(ctx context.Context, w *works) (time.Time, error) {
			err := dead.Start(ctx)
			if err == nil {
				err = c.Whole(ctx)
			}
			return time.Now(), err
		}, false},
		{"the new one hangs until another takes over", func(ctx context.Context, w *works) (time.Time, error) {
			hung := c.Owner(ctx, key(w))
			if err := hung.Pause(); err != nil {
				return time.Time{}, err
			}
			if err := c.TakenOver(ctx, key(w), hung); err != nil {
				return time.Time{}, err
			}
			back := time.Now()
			return back, hung.Resume()
		}, false},
	})
}
