package sqlite

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// TestPlace: a ledger of the first release knows no countries. They are derived a few at a time; a message that is claimed
// before is charged at no known price rather than at none.
func TestPlace(t *testing.T) {
	ctx := context.Background()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, Options{Dir: t.TempDir(), Ring: ring, Country: func(kind string, address gateway.Private) string {
		switch {
		case kind != "sms":
			return ""
		case address == "+12025550101":
			return "US"
		}
		return gateway.UnknownCountry
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g, err := s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "UTC", Topics: []gateway.Topic{{Name: "reports"}}})
	check(err)
	imp := gateway.Import{ID: gateway.NewID(), GroupID: g.ID, Author: "a", At: time.Now()}
	check(s.BeginImport(ctx, imp))
	var rows []gateway.StagedMember
	for i, p := range []gateway.ContactPoint{{Kind: "sms", Address: "+12025550101"}, {Kind: "sms", Address: "+99999"}, {Kind: "telegram", Address: "900000001"}} {
		p.ID = gateway.NewID()
		rows = append(rows, gateway.StagedMember{Line: i + 1, Member: gateway.Member{Locale: "en", Zone: "UTC", Points: []gateway.ContactPoint{p}}})
	}
	_, err = s.Stage(ctx, g.ID, imp.ID, rows)
	check(err)
	check(s.Publish(ctx, g.ID, imp.ID))
	check(s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("UPDATE contact_points SET country = NULL")
		return err
	}))
	places := func() map[string]int {
		t.Helper()
		found, err := s.Recipients(ctx, g.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
		check(err)
		n := map[string]int{}
		for _, r := range found {
			n[r.Points[0].Country]++
		}
		return n
	}
	if got := places(); len(got) != 2 || got["ZZ"] != 2 || got[""] != 1 {
		t.Errorf("before, fan-out sees %v", got)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := s.Place(ctx, 2); err != nil || n != want {
			t.Fatalf("placed %d, %v; want %d", n, err, want)
		}
	}
	if got := places(); len(got) != 3 || got["US"] != 1 || got["ZZ"] != 1 || got[""] != 1 {
		t.Errorf("afterwards it sees %v", got)
	}
}
