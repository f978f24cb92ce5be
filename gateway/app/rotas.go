package app

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/rota"
)

// newRotas makes the desk of rotas.
func (a *App) newRotas() *rota.Desk {
	return rota.NewDesk(a.store, performer{Fanout: a.fanout}, a.Now)
}

// keeper builds what tells those on duty.
func (a *App) keeper() *rota.Keeper {
	return rota.NewKeeper(a.store, performer{Fanout: a.fanout}, a.Now, a.Log, a.At)
}

// onDuty says who is told of a conversation that waits: whoever is on duty in the rota that the group names for it; zero: the
// group's owners.
func (a *App) onDuty(ctx context.Context, n gateway.OwnerNotice) gateway.ID {
	if n.Wording != gateway.NoticeWaiting {
		return gateway.ID{}
	}
	g, err := a.store.GroupByID(ctx, n.GroupID)
	if err != nil || g.Replies == nil || g.Replies.Rota == "" {
		return gateway.ID{}
	}
	turn, err := a.rotas.OnDuty(ctx, n.GroupID, g.Replies.Rota, a.Now())
	if err != nil {
		a.Log.Warn("who is on duty for the inbox cannot be found; the group's owners are told", "group", n.GroupID, "error", err)
	}
	return turn.Member
}

// atDuty finds whom an alert asks by a rota.
type atDuty struct{ rotas *rota.Desk }

func (d atDuty) OnDuty(ctx context.Context, group gateway.ID, name string, at time.Time) ([]gateway.ID, error) {
	turn, err := d.rotas.OnDuty(ctx, group, name, at)
	if err != nil || turn.Member.IsZero() {
		return nil, err
	}
	return []gateway.ID{turn.Member}, nil
}

var _ rota.Messenger = performer{}
