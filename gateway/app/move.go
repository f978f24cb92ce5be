package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/move"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// MoveOptions says what is moved, and where to.
type MoveOptions struct {
	Config    *config.Config
	Factories []channels.Factory
	To        string // of PostgreSQL, as libpq takes it
	Pooled    bool   // a connection pooler in transaction mode stands before it
	Again     bool   // what an interrupted move has left there is deleted first
	Tell      func(MoveStep)
}

// MoveStep tells of the work: so many rows of a table are copied, or were checked, of so many.
type MoveStep = move.Step

// Moved is one table's result; it was read on both sides, and is the same.
type Moved = move.Moved

// Move copies the ledger of the profile alone into an empty PostgreSQL database. The gateway must be stopped. After an
// error a second call goes on where the first was interrupted. Before the database may be used the ledger here is locked,
// so that no two gateways send the same.
func Move(ctx context.Context, o MoveOptions) ([]Moved, error) {
	if _, err := os.Stat(o.Config.Database()); err != nil {
		return nil, gateway.Faultf(gateway.CodeNotFound, "there is no ledger to move in %s", o.Config.Data)
	}
	ring, err := keyRing(o.Config)
	if err != nil {
		return nil, err
	}
	country := countryOf(o.Factories)
	from, err := sqlite.Open(ctx, sqlite.Options{Dir: o.Config.Data, Ring: ring, Country: country, Moving: true})
	if err != nil {
		return nil, err
	}
	load := postgres.Load
	if from.Left() {
		load = postgres.Resume
	}
	to, err := load(ctx, postgres.Options{URL: o.To, Pooled: o.Pooled, Ring: ring, Country: country}, o.Again)
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	moved, err := move.Copy(ctx, from, to, o.Tell)
	if errors.Is(err, move.ErrDiffers) {
		err = fmt.Errorf("%w; was the gateway started between two runs of this command? move again from the beginning, with --again", err)
	}
	return moved, errors.Join(err, to.Close(), from.Close())
}
