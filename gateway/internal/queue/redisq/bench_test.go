package redisq_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// BenchmarkQueue is the way of an id: pushed in a window, popped in a batch as senders free themselves, done. Four poppers
// and one relay; the processor time of both sides is told for each id.
func BenchmarkQueue(b *testing.B) {
	for _, batch := range []struct {
		name string
		most int
	}{{"pops of 16", 16}, {"pops of 32", 32}} {
		b.Run(batch.name, func(b *testing.B) { way(b, batch.most) })
	}
}

func way(b *testing.B, most int) {
	r := single(b, servers.RedisOptions{AppendOnly: true})
	q, lane := open(b, redisq.Options{Addrs: []string{r.Addr()}}), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	ids, group := some(b.N), gateway.NewID()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var popped atomic.Int64
	low := make(chan struct{}, 1)
	var all sync.WaitGroup
	b.ResetTimer()
	server, err := r.Used(ctx)
	if err != nil {
		b.Fatal(err)
	}
	client := cpuTime()
	for range 4 {
		all.Go(func() {
			for {
				got, err := q.Pop(ctx, lane.Channel, gateway.Lanes[:], most)
				if err != nil {
					return
				}
				if err := q.Done(ctx, queue.Lane{Channel: lane.Channel, Lane: got.Lane}, got.Deliveries); err != nil {
					b.Error(err)
				}
				if got.Low {
					select {
					case low <- struct{}{}:
					default:
					}
				}
				if popped.Add(int64(len(got.Deliveries))) == int64(b.N) {
					cancel()
				}
			}
		})
	}
	for left := ids; len(left) > 0 && ctx.Err() == nil; {
		share := left[:min(queue.Window, len(left))]
		n, _, err := q.Push(ctx, lane, []gateway.Share{{Group: group, Deliveries: share}}, queue.Window)
		if err != nil {
			break
		}
		if left = left[n:]; len(left) > 0 {
			select {
			case <-low:
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-client)/float64(b.N), "client-cpu-ns/op")
	used, err := r.Used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((used-server).Nanoseconds())/float64(b.N), "server-cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ids/s")
}

// cpuTime is the processor time of this process so far, in nanoseconds.
func cpuTime() int64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkWake is the time from an urgent push to the return of a Pop that waited for it, one at a time.
func BenchmarkWake(b *testing.B) {
	for _, at := range sites {
		b.Run(at.name, func(b *testing.B) {
			o, _, end, err := at.begin(b.Context())
			servers.Need(b, err)
			b.Cleanup(end)
			q, lane := open(b, o), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Urgent}
			<-q.Announced() // it listens
			times := make([]time.Duration, b.N)
			got := make(chan time.Time)
			for i := range times {
				go func() {
					batch, err := q.Pop(b.Context(), lane.Channel, []gateway.Lane{gateway.Urgent}, 4)
					if err != nil || q.Done(b.Context(), lane, batch.Deliveries) != nil {
						b.Error(err)
					}
					got <- time.Now()
				}()
				time.Sleep(time.Millisecond) // until it waits
				begun := time.Now()
				if _, _, err := q.Push(b.Context(), lane, []gateway.Share{{Group: lane.Channel, Deliveries: some(1)}}, 16); err != nil {
					b.Fatal(err)
				}
				times[i] = (<-got).Sub(begun)
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkTake is one question for leave to send, as a pump asks it for a batch.
func BenchmarkTake(b *testing.B) {
	r := single(b, servers.RedisOptions{AppendOnly: true})
	rates := open(b, redisq.Options{Addrs: []string{r.Addr()}}).Rates(gateway.NewID(), []channels.Rate{{PerSecond: 1e6, Burst: 1e6}})
	server, err := r.Used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	client := cpuTime()
	for b.Loop() {
		if rates.Take(time.Time{}, false, 32, 1).Count == 0 {
			b.Fatal("none may leave")
		}
	}
	b.ReportMetric(float64(cpuTime()-client)/float64(b.N), "client-cpu-ns/op")
	used, err := r.Used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((used-server).Nanoseconds())/float64(b.N), "server-cpu-ns/op")
}
