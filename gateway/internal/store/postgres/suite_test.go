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

// opening gives each place of the suite a database of its own, which serves another place when the story is over.
func opening(t *testing.T, p *servers.Postgres, options func(o *Options, database string)) storetest.Open {
	var mu sync.Mutex
	var free []string
	names := map[string]string{}
	return func(test testing.TB, place string, now func() time.Time) store.Store {
		test.Helper()
		mu.Lock()
		defer mu.Unlock()
		if names[place] == "" {
			if len(free) == 0 {
				free = append(free, newDatabase(t, p))
			}
			name := free[len(free)-1]
			names[place], free = name, free[:len(free)-1]
			test.Cleanup(func() { // when the story has closed it
				if err := p.EmptyDatabase(context.Background(), name, "revisions", "goose_db_version"); err != nil {
					test.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				free = append(free, name)
			})
		}
		o := Options{URL: p.URL(names[place]), Ring: newRing(test), Now: now, Country: storetest.Country}
		options(&o, names[place])
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
