package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/servers"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/storetest"
)

// opening gives each place of the suite a database of its own, with tables.
func opening(t *testing.T, p *servers.Postgres, options func(o *Options, database string)) storetest.Open {
	var mu sync.Mutex
	model := newDatabase(t, p)
	s, err := Open(context.Background(), Options{URL: p.URL(model), Ring: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	return func(test testing.TB, place string, now func() time.Time) store.Store {
		test.Helper()
		mu.Lock()
		defer mu.Unlock()
		if names[place] == "" {
			name, err := p.CopyDatabase(context.Background(), model)
			if err != nil {
				test.Fatal(err)
			}
			test.Cleanup(func() { _ = p.DropDatabase(context.Background(), name) })
			names[place] = name
		}
		o := Options{URL: p.URL(names[place]), Ring: newRing(test), Now: now, Country: storetest.Country}
		if options != nil {
			options(&o, names[place])
		}
		s, err := Open(context.Background(), o)
		if err != nil {
			test.Fatal(err)
		}
		return s
	}
}

// The suite runs every statement of the ledger; their plans are looked at behind it.
func TestSuite(t *testing.T) {
	heard := &texts{all: map[string]bool{}}
	storetest.RunShared(t, opening(t, quick(t), func(o *Options, _ string) { o.trace = heard }))
	if !t.Failed() {
		heard.plannedWell(t)
		checkTenancy(t, heard.all)
	}
}

// The same, behind a pooler that gives each transaction another connection.
func TestSuiteBehindAPooler(t *testing.T) {
	p := quick(t)
	pooler, err := shared.pooler()
	servers.Need(t, err)
	storetest.RunShared(t, opening(t, p, func(o *Options, database string) { o.URL, o.Pooled = pooler.URL(database), true }))
}
