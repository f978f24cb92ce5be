package postgres

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// bed is what all tests of this package share: one server for each way of running it, started when it is first needed.
type bed struct {
	quick, sound func() (*servers.Postgres, error)
	pooler       func() (*servers.PgBouncer, error)
}

// shared outlives the tests and is ended behind them.
var shared bed

func TestMain(m *testing.M) {
	ctx := context.Background()
	var ends []func()
	shared.quick = sync.OnceValues(func() (*servers.Postgres, error) {
		p, err := servers.StartPostgres(ctx, servers.PostgresOptions{Unsafe: true})
		if err == nil {
			ends = append(ends, p.Close)
		}
		return p, err
	})
	shared.sound = sync.OnceValues(func() (*servers.Postgres, error) {
		p, err := servers.StartPostgres(ctx, servers.PostgresOptions{})
		if err == nil {
			ends = append(ends, p.Close)
		}
		return p, err
	})
	shared.pooler = sync.OnceValues(func() (*servers.PgBouncer, error) {
		p, err := shared.quick()
		if err != nil {
			return nil, err
		}
		b, err := servers.StartPgBouncer(ctx, p, 8)
		if err == nil {
			ends = append(ends, b.Close)
		}
		return b, err
	})
	code := m.Run()
	for _, end := range ends {
		end()
	}
	os.Exit(code)
}

func quick(t testing.TB) *servers.Postgres {
	t.Helper()
	p, err := shared.quick()
	servers.Need(t, err)
	return p
}

func newRing(t testing.TB) *seal.Ring {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// newDatabase makes an empty database that goes with the test.
func newDatabase(t testing.TB, p *servers.Postgres) string {
	t.Helper()
	name, err := p.NewDatabase(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.DropDatabase(context.Background(), name) })
	return name
}
