package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// afterStart is how long the daily work waits: after a crash there are messages to send first.
const afterStart = 5 * time.Second

// uncapped is how many deliveries become due again in one step.
const uncapped = 500

// houseDuty is the duty of the daily work. Two processes at it would do no harm, but do it twice.
const houseDuty = "house"

// keepHouse does the daily work whenever it is this process that has to.
func (a *App) keepHouse(ctx context.Context) error {
	for ctx.Err() == nil {
		a.duties.during(ctx, houseDuty, func(ctx context.Context, _ int64) {
			for wait := afterStart; pause(ctx, wait); wait = time.Minute {
				a.dailyWork(ctx)
				a.askStill(ctx)
				a.uncapAll(ctx)
			}
		})
	}
	return nil
}

// dailyWork goes on until nothing is left to do, a little at a time.
func (a *App) dailyWork(ctx context.Context) {
	failed := func(what string, err error) bool {
		if err != nil && ctx.Err() == nil {
			a.Log.Error(what, "error", err)
		}
		return err != nil
	}
	if !a.Config.Storage.Alone() {
		failed("imports that were left behind cannot be ended", a.store.FinishImports(ctx))
	}
	for {
		n, err := a.store.Retain(ctx, 200)
		bad := failed("retention failed", err)
		rewrapped, err := a.store.RotateKeys(ctx, 100)
		bad = failed("key rotation failed", err) || bad
		placed, err := a.store.Place(ctx, 200)
		bad = failed("countries of addresses cannot be derived", err) || bad
		if bad || n+rewrapped+placed == 0 {
			return
		}
	}
}

// askStill asks, at numbers that may have new owners, whether they are still the members'.
func (a *App) askStill(ctx context.Context) {
	groups, err := a.store.Groups(ctx)
	for _, g := range groups { // one group's trouble is not another's
		_, failed := a.fanout.AskStill(ctx, g.ID)
		err = errors.Join(err, failed)
	}
	if err != nil && ctx.Err() == nil {
		a.Log.Error("owners of telephone numbers cannot be asked whether they are still hers", "error", err)
	}
}

// watchCaps lets deliveries go on at once when a cap was changed in this process.
func (a *App) watchCaps(ctx context.Context) error {
	for {
		select {
		case <-a.uncap:
			a.uncapAll(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// uncapAll lets deliveries go on whose group's cap binds no more: a month has begun, or the cap was raised.
func (a *App) uncapAll(ctx context.Context) {
	for {
		n, err := a.store.Uncap(ctx, uncapped)
		if err != nil && ctx.Err() == nil {
			a.Log.Error("what waits for a cap cannot be released", "error", err)
		}
		if n > 0 {
			a.dispatch.Sweep()
		}
		if err != nil || n < uncapped {
			return
		}
	}
}

// ready says what keeps the process from working.
func (a *App) ready(ctx context.Context) []string {
	if a.draining.Load() {
		return []string{"the process is stopping"}
	}
	if a.presence != nil {
		return a.presence.missing(a.presence.queued)
	}
	if _, err := a.store.Tokens(ctx, gateway.ID{}); err != nil {
		return []string{"the ledger cannot be read"}
	}
	if l, ok := a.store.(interface{ Writable() bool }); ok && !l.Writable() {
		return []string{"the ledger cannot be written"}
	}
	probe := filepath.Join(a.Config.Data, ".probe")
	if err := os.WriteFile(probe, []byte("1"), 0o600); err != nil {
		return []string{unwritable(err)}
	}
	_ = os.Remove(probe)
	return nil
}

// unwritable says why nothing can be written to the data folder, and not where that is.
func unwritable(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the data folder's disk is full; make room there"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "the data folder cannot be written to by the user that runs carillon serve"
	case errors.Is(err, fs.ErrNotExist):
		return "the data folder is gone"
	}
	return "the data folder cannot be written to; see its disk"
}

// waits says, to anybody, what the process waits for although it is ready; the log and doctor say for whom.
func (a *App) waits() []string {
	if a.presence == nil {
		return nil
	}
	reasons := a.presence.missing(a.presence.needs)
	if by, waited := a.presence.waiting(); len(by) > 0 {
		reasons = append(reasons, fmt.Sprintf("for a lock in PostgreSQL, for %d s; the log and carillon doctor say who holds it", int(waited.Seconds())))
	}
	return reasons
}
