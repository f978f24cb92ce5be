package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// open opens what the profile stands on: nothing else knows which one it is. A clock is set by tests only; without one the
// ledger of several computers goes by its own.
func (a *App) open(ctx context.Context, clock func() time.Time) error {
	var err error
	if a.ring, err = keyRing(a.Config); err != nil {
		return err
	}
	if err := a.openSpool(a.ring); err != nil {
		return err
	}
	at := countryOf(a.Factories)
	if a.Config.Storage.Alone() {
		a.process = thisFolder()
		s, err := sqlite.Open(ctx, sqlite.Options{Dir: a.Config.Data, Ring: a.ring, Now: a.Now, Log: a.Log, At: a.At, Country: at})
		if err != nil {
			return err
		}
		a.store, a.queue = s, memq.New(queue.Window)
		return nil
	}
	c := &a.Config.Storage
	s, err := postgres.Open(ctx, postgres.Options{URL: c.Postgres.Reveal(), Pooled: c.Pooled, MaxConns: c.Connections, Ring: a.ring, Now: clock, Log: a.Log, At: a.At, Country: at})
	if err != nil {
		return err
	}
	a.store = s
	q, err := redisq.Open(ctx, redisOptions(&c.Redis, a.Log))
	if err != nil {
		return fmt.Errorf("opening the queue: %w", err)
	}
	a.queue, a.signals, a.rates = q, q, q.Rates
	return nil
}

func redisOptions(c *config.Redis, log *slog.Logger) redisq.Options {
	o := redisq.Options{Addrs: c.Addresses, Master: c.Master, Cluster: c.Cluster, Username: c.Username, Password: c.Password.Reveal(), SentinelPassword: c.SentinelPassword.Reveal(), Log: log}
	if c.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o
}

// checkQueue reports whether a queue between processes is there, and keeps what it is given.
func (a *App) checkQueue(ctx context.Context) error {
	if q, ok := a.queue.(interface{ Check(context.Context) error }); ok {
		return q.Check(ctx)
	}
	return nil
}

// close closes what was opened, the ledger last.
func (a *App) close() error {
	if a.live != nil {
		a.live.close()
	}
	var errs []error
	if q, ok := a.queue.(interface{ Close() error }); ok {
		errs = append(errs, q.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.spool != nil {
		errs = append(errs, a.spool.Close())
	}
	return errors.Join(errs...)
}

// A call of a ledger on another computer is two round trips and a commit, so more goes with each.
const (
	// ScaledRows is how many claims or outcomes; the benchmarks take as many.
	ScaledRows = 256
	// ScaledAbreast is how many calls at the same time, so that one is at work while another waits for the disk.
	ScaledAbreast = 2
	// scaledGather is for how long receipts gather.
	scaledGather = 20 * time.Millisecond
)
