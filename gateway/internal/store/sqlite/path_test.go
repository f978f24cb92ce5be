package sqlite_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

type bench struct {
	t       testing.TB
	s       *sqlite.Store
	group   gateway.Group
	channel gateway.Channel
}

func open(t testing.TB, dir string) *sqlite.Store {
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir, Ring: ring, Country: func(string, gateway.Private) string { return "US" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// prepared is a ledger with one group of n members who all have a number and consent.
func prepared(t testing.TB, n int) *bench {
	ctx := context.Background()
	b := &bench{t: t, s: open(t, t.TempDir())}
	var err error
	b.group, err = b.s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	b.ok(err)
	b.channel, err = b.s.PutChannel(ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms"})
	b.ok(err)
	imp := gateway.NewID()
	b.ok(b.s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: b.group.ID, At: time.Now()}))
	for i := 0; i < n; i += 500 {
		var rows []gateway.StagedMember
		for j := i; j < min(i+500, n); j++ {
			point := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: j + 2,
				Member:   gateway.Member{Name: "Sample", Locale: "en", Zone: "Europe/Berlin", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: gateway.Private(fmt.Sprintf("+1202%07d", j))}}},
				Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}})
		}
		_, err := b.s.Stage(ctx, b.group.ID, imp, rows)
		b.ok(err)
	}
	b.ok(b.s.Publish(ctx, b.group.ID, imp))
	return b
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// submit stores a report to the whole group.
func (b *bench) submit(key string) gateway.ID {
	now := time.Now()
	answer, err := b.s.Submit(context.Background(), gateway.Broadcast{ID: gateway.NewID(), GroupID: b.group.ID, Key: key, Kind: gateway.KindReport, Class: gateway.Report,
		Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "Hello"}}, Policy: gateway.PolicyOf(gateway.Report),
		CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}, []byte("print"), nil)
	b.ok(err)
	return answer.ID
}

// plan writes a delivery for every member, reading the next page while one is written.
func (b *bench) plan(broadcast gateway.ID) (n int) {
	ctx := context.Background()
	pages := make(chan []gateway.Recipient, 1)
	go func() {
		defer close(pages)
		var after gateway.ID
		for {
			page, err := b.s.Recipients(ctx, b.group.ID, gateway.Audience{Topic: "reports"}, after, 500)
			if err != nil || len(page) == 0 {
				return
			}
			after = page[len(page)-1].Member
			pages <- page
		}
	}()
	var cursor gateway.ID
	renderings := []gateway.Rendering{{BroadcastID: broadcast, GroupID: b.group.ID, Locale: "en", Kind: "sms", Parts: [][]byte{[]byte("{}")}, Cost: 1}}
	for page := range pages {
		c := gateway.Chunk{Broadcast: broadcast, Group: b.group.ID, After: cursor, Cursor: page[len(page)-1].Member, Lane: gateway.Bulk, Renderings: renderings}
		now := time.Now()
		for _, r := range page {
			c.Deliveries = append(c.Deliveries, gateway.NewDelivery{ID: gateway.NewID(), MemberID: r.Member, Locale: "en", Channel: b.channel.ID, Point: r.Points[0].ID, Due: now})
		}
		b.ok(b.s.Plan(ctx, c))
		n, cursor, renderings = n+len(page), c.Cursor, nil
	}
	b.ok(b.s.Plan(ctx, gateway.Chunk{Broadcast: broadcast, Group: b.group.ID, After: cursor, Cursor: cursor, Last: true, Lane: gateway.Bulk}))
	return n
}

// One report reaches one group: planned, claimed, handed over, and a receipt for each.
func TestAReportTravels(t *testing.T) {
	b := prepared(t, 1200)
	ctx := context.Background()
	broadcast := b.submit("report-1")
	if n := b.plan(broadcast); n != 1200 {
		t.Fatalf("planned %d", n)
	}
	claimant := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}
	for {
		shares, err := b.s.Due(ctx, b.channel.ID, gateway.Bulk, 100)
		b.ok(err)
		if len(shares) == 0 {
			break
		}
		b.round(claimant, shares[0].Deliveries, true)
	}
	tallies, err := b.s.Tallies(ctx, b.group.ID, broadcast)
	b.ok(err)
	if len(tallies) != 1 || tallies[0].State != gateway.Delivered || tallies[0].Count != 1200 {
		t.Errorf("tallies %v", tallies)
	}
}

func (b *bench) round(by gateway.Claimant, ids []gateway.ID, receipts bool) {
	ctx := context.Background()
	_, claims, err := b.s.Exchange(ctx, by, nil, ids)
	b.ok(err)
	outcomes := make([]gateway.Outcome, len(claims))
	observed := make([]gateway.Receipt, len(claims))
	for i, c := range claims {
		if c.Verdict != gateway.Granted || len(c.Address) != 12 {
			b.t.Fatalf("claim %d: verdict %d", i, c.Verdict)
		}
		outcomes[i] = gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.String()[:30], Cost: 1}
		observed[i] = gateway.Receipt{Attempt: c.Attempt, Channel: c.Channel, State: gateway.AttemptDelivered}
	}
	errs, _, err := b.s.Exchange(ctx, gateway.Claimant{}, outcomes, nil)
	b.ok(err)
	for _, err := range errs {
		b.ok(err)
	}
	if !receipts {
		return
	}
	effects, err := b.s.Observe(ctx, observed)
	b.ok(err)
	for _, e := range effects {
		if e != gateway.Applied {
			b.t.Fatalf("a receipt had the effect %d", e)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	p := prepared(b, b.N)
	broadcast := p.submit("plan")
	b.ResetTimer()
	before := cpuTime()
	p.plan(broadcast)
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is the processor time of this process so far, in nanoseconds: a busy machine does not change it much.
func cpuTime() int64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}

func BenchmarkClaimSettleObserve(b *testing.B) {
	for _, priced := range []bool{false, true} {
		b.Run(fmt.Sprintf("priced=%v", priced), func(b *testing.B) { claimSettleObserve(b, priced) })
	}
}

// claimSettleObserve takes b.N messages all the way; priced: each is charged to a group with a cap.
func claimSettleObserve(b *testing.B, priced bool) {
	p := prepared(b, b.N)
	price := gateway.Price{Kind: "sms"}
	if priced {
		price = gateway.Price{Kind: "sms", Country: "US", Currency: "EUR", Micros: 80_000}
		p.group.Budget = &gateway.Budget{Currency: "EUR", Soft: 1 << 40, Hard: 1 << 41}
		_, err := p.s.PutGroup(context.Background(), p.group)
		p.ok(err)
	}
	p.ok(p.s.SetPrices(context.Background(), p.group.ID, true, []gateway.Price{price}))
	p.plan(p.submit("all"))
	claimant := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}
	b.ResetTimer()
	before := cpuTime()
	for {
		shares, err := p.s.Due(context.Background(), p.channel.ID, gateway.Bulk, 64)
		p.ok(err)
		if len(shares) == 0 {
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			return
		}
		p.round(claimant, shares[0].Deliveries, true)
	}
}
