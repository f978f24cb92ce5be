package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// BenchmarkImport takes members with one number and one piece of evidence each in, 500 at a time, and publishes them:
// as new members, and then as changes of those who are there. The server commits to disk.
func BenchmarkImport(b *testing.B) {
	p, err := shared.sound()
	servers.Need(b, err)
	ctx := context.Background()
	s, err := Open(ctx, Options{URL: p.URL(newDatabase(b, p)), Ring: newRing(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	g, err := s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "UTC", Topics: []gateway.Topic{{Name: "reports"}}})
	check(err)
	for _, kind := range []string{"new", "known"} {
		b.Run(kind, func(b *testing.B) {
			imp := gateway.Import{ID: gateway.NewID(), GroupID: g.ID, Author: "a", At: time.Now()}
			check(s.BeginImport(ctx, imp))
			n := 0
			for b.Loop() {
				rows := make([]gateway.StagedMember, 500)
				for i := range rows {
					point := gateway.NewID()
					rows[i] = gateway.StagedMember{Line: n + 1,
						Member:   gateway.Member{Ref: gateway.Private(fmt.Sprintf("K-%d", n)), Name: "Sample", Locale: "en", Zone: "Europe/Berlin", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: gateway.Private(fmt.Sprintf("+1202%07d", n))}}},
						Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}}
					n++
				}
				_, err := s.Stage(ctx, g.ID, imp.ID, rows)
				check(err)
			}
			check(s.Publish(ctx, g.ID, imp.ID))
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "members/s")
		})
	}
}
