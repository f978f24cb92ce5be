package postgres

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// ours is the processor time that this process has used.
func ours() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cost reports what n things took.
func cost(b *testing.B, p *servers.Postgres, n int, what string, work func()) {
	began, mine, theirs := time.Now(), ours(), p.Used()
	work()
	took := time.Since(began)
	b.ReportMetric(float64(n)/took.Seconds(), what+"/s")
	b.ReportMetric(float64((ours()-mine).Nanoseconds())/1000/float64(n), "client-µs/"+what)
	b.ReportMetric(float64((p.Used()-theirs).Nanoseconds())/1000/float64(n), "server-µs/"+what)
	b.ReportMetric(0, "ns/op")
}

func BenchmarkPlan(b *testing.B) {
	p, err := shared.sound()
	servers.Need(b, err)
	y := newYard(b, p.URL(newDatabase(b, p)), 50_000)
	for b.Loop() {
		cost(b, p, len(y.members), "row", func() { y.plan() })
	}
}

// Each of some claimants settles two hundred and claims two hundred in one exchange; receipts come by the hundred.
func BenchmarkDispatch(b *testing.B) {
	p, err := shared.sound()
	servers.Need(b, err)
	for _, claimants := range []int{1, 2, 4} {
		for _, heard := range []bool{false, true} {
			b.Run(fmt.Sprintf("claimants=%d,receipts=%v", claimants, heard), func(b *testing.B) {
				y := newYard(b, p.URL(newDatabase(b, p)), 50_000)
				for b.Loop() {
					b.StopTimer()
					_, ids := y.plan()
					b.StartTimer()
					cost(b, p, len(ids), "message", func() { y.dispatch(ids, claimants, 200, heard) })
				}
			})
		}
	}
}

// dispatch has all deliveries claimed and accepted.
func (y *yard) dispatch(ids []gateway.ID, claimants, size int, heard bool) {
	var mu sync.Mutex
	next := func() []gateway.ID {
		mu.Lock()
		defer mu.Unlock()
		n := min(size, len(ids))
		mine := ids[:n]
		ids = ids[n:]
		return mine
	}
	var all sync.WaitGroup
	for range claimants {
		all.Go(func() {
			by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}
			var done []gateway.Outcome
			for {
				mine := next()
				if len(mine)+len(done) == 0 {
					return
				}
				errs, claims, err := y.s.Exchange(y.ctx, by, done, mine)
				if err != nil {
					y.Error(err)
					return
				}
				for _, err := range errs {
					if err != nil {
						y.Error(err)
					}
				}
				if heard {
					var receipts []gateway.Receipt
					for _, o := range done {
						receipts = append(receipts, gateway.Receipt{Attempt: o.Attempt, Channel: y.channel.ID, State: gateway.AttemptDelivered})
					}
					if _, err := y.s.Observe(y.ctx, receipts); err != nil {
						y.Error(err)
					}
				}
				done = done[:0]
				for _, c := range claims {
					if c.Verdict != gateway.Granted {
						y.Errorf("verdict %v", c.Verdict)
						continue
					}
					done = append(done, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.String(), Cost: 1, ConfirmBy: time.Now().Add(time.Hour)})
				}
			}
		})
	}
	all.Wait()
}
