package apptest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// Storage is what a scaled gateway stands on.
type Storage struct {
	Postgres string
	Redis    []string
	Cluster  bool // the addresses of Redis are nodes of a Cluster
	OwnClock bool // the ledger goes by the database's clock; World.Wind must not be used
}

// text is the section of the operator's file.
func (s *Storage) text() string {
	quoted := make([]string, len(s.Redis))
	for i, address := range s.Redis {
		quoted[i] = fmt.Sprintf("%q", address)
	}
	return fmt.Sprintf("storage: {profile: scaled, postgres: {file: postgres}, redis: {addresses: [%s], cluster: %t}}", strings.Join(quoted, ", "), s.Cluster)
}

// Shared are servers that the stories of one test binary share. Close ends them.
type Shared struct {
	Postgres func() (*servers.Postgres, error)
	Redis    func() (*servers.Redis, error)

	mu   sync.Mutex
	ends []func()
}

// NewShared makes servers that start when they are first needed: a PostgreSQL that is fast and does not survive a crash, and
// a Redis.
func NewShared() *Shared {
	s := &Shared{}
	s.Postgres = sync.OnceValues(func() (*servers.Postgres, error) {
		p, err := servers.StartPostgres(context.Background(), servers.PostgresOptions{Unsafe: true})
		if err == nil {
			s.until(p.Close)
		}
		return p, err
	})
	s.Redis = sync.OnceValues(func() (*servers.Redis, error) {
		r, err := servers.StartRedis(context.Background(), servers.RedisOptions{})
		if err == nil {
			s.until(r.Close)
		}
		return r, err
	})
	return s
}

func (s *Shared) until(end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, end)
}

// Close ends what was started.
func (s *Shared) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, end := range s.ends {
		end()
	}
	s.ends = nil
}

// Storage gives a database of the test's own on the shared servers. The test is skipped where they are missing.
func (s *Shared) Storage(t testing.TB) *Storage {
	t.Helper()
	p, err := s.Postgres()
	servers.Need(t, err)
	r, err := s.Redis()
	servers.Need(t, err)
	name, err := p.NewDatabase(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.DropDatabase(context.Background(), name) })
	return &Storage{Postgres: p.URL(name), Redis: []string{r.Addr()}}
}
