package directory_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// imported takes n rows into a real ledger, and gives what it needs to read them back.
func imported(b testing.TB, n int) (*sqlite.Store, gateway.Group, gateway.ImportReport) {
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		b.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: b.TempDir(), Ring: ring})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	group, err := s.PutGroup(context.Background(), gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "UTC", Region: "GB", Topics: []gateway.Topic{{Name: "reports"}}})
	if err != nil {
		b.Fatal(err)
	}
	d := directory.New(directory.Parts{
		Groups: s, Members: s, Audiences: s, Imports: s, Kinds: func(gateway.ID) []string { return []string{"sms"} },
		Parse: func(_ gateway.ID, _, region, raw string) (channels.Address, error) {
			return sms.ParseNumber(raw, region)
		},
	})
	pr, pw := io.Pipe()
	go func() {
		fmt.Fprintln(pw, "ref,name,language,zone,sms,tags,consent_topics,consent_wording,consent_language,consent_time,consent_proof")
		for i := range n {
			fmt.Fprintf(pw, "m%d,Sample,sw,Africa/Nairobi,+1202%07d,medic,reports,join-2,sw,2026-01-10T10:00:00Z,paper form\n", i, 2000000+i)
		}
		pw.Close()
	}()
	r, err := d.Import(context.Background(), group, pr, gateway.ImportOptions{Author: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	return s, group, r
}

// A file goes into a real ledger, and every member comes out of it with what the file said of her.
func TestAFileInARealLedger(t *testing.T) {
	s, group, r := imported(t, 1203)
	if !r.Published || r.New != 1203 || len(r.Problems) != 0 {
		t.Fatalf("report: %+v", r)
	}
	count := 0
	var after gateway.ID
	for {
		page, err := s.Members(t.Context(), group.ID, after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			count++
			p := m.Points[0]
			if m.Locale != "sw" || m.Zone != "Africa/Nairobi" || p.State != gateway.PointActive || p.Topics[0] != "reports" || len(p.Address) != 12 {
				t.Fatalf("%+v", m)
			}
		}
		after = page[len(page)-1].ID
	}
	if count != 1203 {
		t.Errorf("%d members", count)
	}
}

func BenchmarkImport(b *testing.B) {
	began := time.Now()
	if _, _, r := imported(b, b.N); r.New != b.N {
		b.Fatalf("%+v", r)
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "rows/s")
}
