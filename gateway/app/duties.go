package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// How long a duty is held without being renewed, and how often it is. A process that died keeps its duties from the
// others for as long as that.
const (
	dutyLease = 12 * time.Second
	dutyRenew = 4 * time.Second
)

// forLife is the lease of the only process that there is: nobody has to wait for its end, and nothing is written again
// and again on a small machine.
const forLife = 100 * 365 * 24 * time.Hour

// thisFolder is the process in the profile alone, in every life of it: its duties are its own after a restart too.
func thisFolder() gateway.ID { return gateway.ID{15: 1} }

// duties holds what only one process may do at a time.
type duties struct {
	ledger  gateway.Duties
	process gateway.ID
	lease   time.Duration
	renew   time.Duration // zero: never
	log     *slog.Logger
}

func newDuties(ledger gateway.Duties, process gateway.ID, log *slog.Logger) *duties {
	d := &duties{ledger: ledger, process: process, lease: dutyLease, renew: dutyRenew, log: log}
	if process == thisFolder() {
		d.lease, d.renew = forLife, 0
	}
	return d
}

// during waits until this process has a duty, and has work done with the token of its fence. It returns when work has
// ended, or the context before it began. The context of work ends when the duty is lost, or could not be renewed in time.
func (d *duties) during(ctx context.Context, duty string, work func(ctx context.Context, token int64)) {
	for {
		asked := time.Now()
		fence, err := d.ledger.Hold(ctx, duty, d.process, d.lease)
		if err != nil && ctx.Err() == nil {
			d.log.Error("a duty cannot be asked for; trying again", "what", duty, "error", err)
		}
		if err == nil && fence.Held() {
			d.work(ctx, fence, asked, work)
			return
		}
		if !pause(ctx, dutyRenew) {
			return
		}
	}
}

func (d *duties) work(ctx context.Context, fence gateway.Fence, renewed time.Time, work func(context.Context, int64)) {
	own, lose := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if d.renew > 0 {
			d.keep(own, fence, renewed)
			lose()
		}
	}()
	work(own, fence.Token)
	lose()
	<-ended
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), dutyRenew)
	defer cancel()
	if err := d.ledger.Leave(leaving, fence); err != nil {
		d.log.Warn("a duty could not be given back; another process has it when its lease ends", "what", fence.Duty, "error", err)
	}
}

// keep renews a duty until its context ends, or it is lost.
func (d *duties) keep(ctx context.Context, fence gateway.Fence, renewed time.Time) {
	for pause(ctx, d.renew) {
		asked := time.Now()
		if asked.Sub(renewed) >= d.lease { // paused for so long: somebody else may have gone on
			return
		}
		bounded, cancel := context.WithTimeout(ctx, d.renew)
		f, err := d.ledger.Hold(bounded, fence.Duty, d.process, d.lease)
		cancel()
		switch {
		case err == nil && f == fence:
			renewed = asked
		case err == nil:
			return
		case ctx.Err() == nil:
			d.log.Error("a duty cannot be renewed; trying again", "what", fence.Duty, "error", err)
		}
	}
}

// pause waits; false: the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
