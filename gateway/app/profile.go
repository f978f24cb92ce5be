package app

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// sharedLease is how long a claim holds where other processes may take over: long enough for the slowest adapter's attempt,
// short enough that what a killed process was sending is looked into soon.
const sharedLease = 45 * time.Second

// open opens what the profile stands on. A nil clock is the computer's own, or the database's where several computers
// have to agree.
func (a *App) open(ctx context.Context, now func() time.Time) error {
	ring, err := keyRing(a.Config)
	if err != nil {
		return err
	}
	a.process = thisFolder()
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: a.Config.Data, Ring: ring, Now: a.Now, Log: a.Log, At: a.At, Country: countries(a.Factories)})
	if err != nil {
		return err
	}
	a.store, a.queue = s, memq.New(queue.Window)
	return nil
}

// close closes what was opened.
func (a *App) close() error {
	var errs []error
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(errs...)
}

var _ = gateway.ID{}
