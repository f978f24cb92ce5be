package postgres

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// The ring gets a new key. First every process learns it, then it becomes current, process by process; two rotate at
// once while a third, whose current key is still the old one, reads. Each key is wrapped anew once, none stays behind,
// and the old key can be thrown away.
func TestProcessesRotateKeysTogether(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	index := seal.NewSecret()
	old, next := seal.Key{ID: "old", Secret: seal.NewSecret()}, seal.Key{ID: "next", Secret: seal.NewSecret()}
	ring := func(keys ...seal.Key) *seal.Ring {
		r, err := seal.NewRing(index, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	reader := newHouse(t, Options{URL: url, Ring: ring(old, next)})
	member := reader.take(0, 1)[0]
	const made = 25
	for i := 1; i < made; i++ {
		_, err := reader.s.PutGroup(reader.ctx, gateway.Group{Slug: fmt.Sprint("group-", i), Name: "A group", Locale: "en", Zone: "UTC"})
		reader.ok(err)
	}
	for i := range made {
		_, err := reader.s.PutChannel(reader.ctx, gateway.Channel{Name: fmt.Sprint("channel-", i), Adapter: "sms", Kind: "sms", Options: []byte(`{"token":"hush"}`)})
		reader.ok(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for range 2 {
		s := newHouse(t, Options{URL: url, Ring: ring(next, old)}).s
		all.Go(func() {
			for n := 1; n > 0; {
				var err error
				if n, err = s.RotateKeys(reader.ctx, 7); err != nil || n > 7 {
					t.Errorf("%d were wrapped, %v", n, err)
					return
				}
				mu.Lock()
				sum += n
				mu.Unlock()
			}
			left := ""
			if err := s.query(reader.ctx, "SELECT count(*)::text FROM (SELECT key_id FROM groups UNION ALL SELECT key_id FROM channels) k WHERE key_id <> 'next'", nil, func(r pgx.Rows) error { return r.Scan(&left) }); err != nil || left != "0" {
				t.Errorf("%s keys are left when a process says that none is, %v", left, err)
			}
		})
	}
	for range 5 {
		reader.s.keys.Forget()
		m, err := reader.s.Member(reader.ctx, reader.group.ID, member)
		if err != nil || m.Name == "" {
			t.Errorf("while keys rotate: %v", err)
		}
		if _, err := reader.s.Channels(reader.ctx); err != nil {
			t.Errorf("while keys rotate: %v", err)
		}
	}
	all.Wait()
	if sum != 2*made {
		t.Errorf("%d keys were wrapped, want %d", sum, 2*made)
	}
	after := newHouse(t, Options{URL: url, Ring: ring(next)})
	if m, err := after.s.Member(after.ctx, after.group.ID, member); err != nil || m.Name == "" {
		t.Errorf("without the old key: %v", err)
	}
}

// A ledger that came from the first release knows no countries. Two processes derive them at once, each some.
func TestProcessesPlaceTogether(t *testing.T) {
	p := quick(t)
	o := Options{URL: p.URL(newDatabase(t, p)), Ring: newRing(t), Country: func(kind string, address gateway.Private) string {
		if address == "" {
			return gateway.UnknownCountry
		}
		return "US"
	}}
	h, other := newHouse(t, o), newHouse(t, o)
	h.take(0, 40)
	h.run("UPDATE contact_points SET country = NULL")
	countries := func() map[string]int {
		found, err := h.s.Recipients(h.ctx, h.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 100)
		h.ok(err)
		n := map[string]int{}
		for _, r := range found {
			n[r.Points[0].Country]++
		}
		return n
	}
	if got := countries(); got[gateway.UnknownCountry] != 40 {
		t.Errorf("before, fan-out sees %v", got)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for _, s := range []*Store{h.s, other.s} {
		for range 3 {
			all.Go(func() {
				n, err := s.Place(h.ctx, 6)
				mu.Lock()
				defer mu.Unlock()
				if sum += n; err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for n := 1; n > 0; sum += n {
		var err error
		n, err = h.s.Place(h.ctx, 6)
		h.ok(err)
	}
	if got := countries(); sum != 40 || got["US"] != 40 {
		t.Errorf("placed %d; afterwards fan-out sees %v", sum, got)
	}
}
