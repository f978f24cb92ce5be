package postgres

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// yard is a ledger with a group, a channel and members, for tests and benchmarks that need many deliveries.
type yard struct {
	testing.TB
	ctx     context.Context
	s       *Store
	group   gateway.Group
	channel gateway.Channel
	members []gateway.Recipient
}

func newYard(t testing.TB, url string, members int) *yard {
	t.Helper()
	y := &yard{TB: t, ctx: context.Background()}
	s, err := Open(y.ctx, Options{URL: url, Ring: newRing(t)})
	y.ok(err)
	y.s = s
	t.Cleanup(func() { _ = s.Close() })
	y.group, err = s.PutGroup(y.ctx, gateway.Group{Slug: "harbour", Name: "The harbour", Locale: "en", Zone: "UTC", Region: "DE", Topics: []gateway.Topic{{Name: "reports", Title: "Reports"}}})
	y.ok(err)
	y.channel, err = s.PutChannel(y.ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms"})
	y.ok(err)
	imp := gateway.NewID()
	y.ok(s.BeginImport(y.ctx, gateway.Import{ID: imp, GroupID: y.group.ID, Author: "the office", At: time.Now()}))
	for lo := 0; lo < members; lo += 500 {
		var rows []gateway.StagedMember
		for i := lo; i < min(members, lo+500); i++ {
			p := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: i + 1, Member: gateway.Member{Locale: "en", Zone: "UTC", Points: []gateway.ContactPoint{{ID: p, Kind: "sms", Address: gateway.Private(fmt.Sprintf("+1555%07d", i)), State: gateway.PointActive, Topics: []string{"reports"}}}},
				Consents: []gateway.Consent{{PointID: p, Topic: "reports", Granted: true, Wording: "v1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}})
		}
		_, err := s.Stage(y.ctx, y.group.ID, imp, rows)
		y.ok(err)
	}
	y.ok(s.Publish(y.ctx, y.group.ID, imp))
	var after gateway.ID
	for {
		page, err := s.Recipients(y.ctx, y.group.ID, gateway.Audience{Topic: "reports"}, after, 500)
		y.ok(err)
		y.members = append(y.members, page...)
		if len(page) < 500 {
			return y
		}
		after = page[len(page)-1].Member
	}
}

func (y *yard) ok(err error) {
	y.Helper()
	if err != nil {
		y.Fatal(err)
	}
}

// plan writes a broadcast with a delivery for every member, due now, and gives their identifiers.
func (y *yard) plan() (gateway.Broadcast, []gateway.ID) {
	y.Helper()
	now := time.Now()
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: y.group.ID, Key: gateway.NewID().String(), Kind: gateway.KindReport, Class: gateway.Report, Audience: gateway.Audience{Topic: "reports"},
		Words: gateway.Words{Sources: map[string]string{"en": "Hello"}}, Policy: gateway.PolicyOf(gateway.Report), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}
	_, err := y.s.Submit(y.ctx, b, []byte("print"))
	y.ok(err)
	var ids []gateway.ID
	var after gateway.ID
	for lo := 0; lo < len(y.members); lo += gateway.MaxChunk {
		c := gateway.Chunk{Broadcast: b.ID, Group: y.group.ID, After: after, Lane: gateway.Bulk}
		for _, m := range y.members[lo:min(len(y.members), lo+gateway.MaxChunk)] {
			d := gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.Member, Locale: "en", Channel: y.channel.ID, Point: m.Points[0].ID, Due: now}
			c.Deliveries, ids, after = append(c.Deliveries, d), append(ids, d.ID), m.Member
		}
		if lo == 0 {
			c.Renderings = []gateway.Rendering{{BroadcastID: b.ID, GroupID: y.group.ID, Locale: "en", Kind: "sms", Parts: [][]byte{[]byte("Hello")}, Cost: 1}}
		}
		c.Cursor, c.Last = after, lo+gateway.MaxChunk >= len(y.members)
		y.ok(y.s.Plan(y.ctx, c))
	}
	return b, ids
}

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
