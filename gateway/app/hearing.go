package app

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// How a process learns that others keep on their disks what members said: it asks the ledger every hearEvery, and believes
// that nobody does only when the ledger has answered for hearGrace again, in which all others have told it.
const (
	hearEvery = time.Second
	hearGrace = 5 * time.Second
)

// deaf says whether somebody's STOP on a channel may not be in the ledger yet: reminders and reports wait for that.
func (a *App) deaf(channel gateway.ID) bool {
	return a.listener.Deaf(channel) || a.unwritten(channel)
}

// unwritten says whether a process may hold something of a channel on its disk that the ledger does not have yet.
func (a *App) unwritten(channel gateway.ID) bool {
	return a.othersSpool.Load() || a.spool != nil && a.spool.Waits(channel.String())
}

// newListener makes what knows up to when each channel was heard. A process that hears nobody goes by what the others note.
func (a *App) newListener() *inbound.Listener {
	p := inbound.ListenerParts{Channels: a.live, Ledger: a.store, Changed: a.dispatch.Refresh, Log: a.Log}
	if a.has(RoleInbound) {
		p.Ears = a.ears
	}
	return inbound.NewListener(p)
}

// hearOthers holds what is routine while another process has something in its spool, or may have: the ledger was away.
func (a *App) hearOthers(ctx context.Context) error {
	var back time.Time // when the ledger answered again; zero: it was never away, or is now
	away := false
	for pause(ctx, hearEvery) {
		bounded, cancel := context.WithTimeout(ctx, 2*hearEvery)
		waiting, err := a.store.Holders(bounded, gateway.SpooledDuties)
		cancel()
		switch {
		case err != nil:
			away, back = true, time.Time{}
		case away && back.IsZero():
			back = time.Now()
		case away && time.Since(back) >= hearGrace:
			away = false
		}
		if hold := away || len(waiting) > 0; a.othersSpool.Swap(hold) != hold {
			a.dispatch.Refresh()
		}
	}
	return nil
}
