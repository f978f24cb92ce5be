package app

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// noticeSweep is how often the ledger is asked what owners must be told.
const noticeSweep = 2 * time.Second

// tellOwners writes to owners what the ledger says they must know. What cannot be told is tried again until it is old.
func (a *App) tellOwners(ctx context.Context) error {
	tick := time.NewTicker(noticeSweep)
	defer tick.Stop()
	logged := said{}
	for {
		if err := a.releases.Lapse(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("what nobody released in time cannot be ended; it is tried again", "error", err)
		}
		a.tellUntold(ctx, logged)
		select {
		case <-a.notices:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// said are notices that nobody can be told, logged once.
type said map[gateway.ID]bool

// tellUntold tries to tell all that nobody was told yet. Several may at once: each is told once.
func (a *App) tellUntold(ctx context.Context, logged said) {
	notices, err := a.store.Untold(ctx, 100)
	if err != nil && ctx.Err() == nil {
		a.Log.Error("what owners must be told cannot be read", "error", err)
	}
	for _, n := range notices {
		err := a.tell(ctx, n)
		if err != nil && ctx.Err() == nil && !logged[n.ID] {
			if len(logged) > 1000 {
				clear(logged)
			}
			logged[n.ID] = true
			a.Log.Warn("owners could not be told; it is tried again for a day", "notice", n.Wording, "group", n.GroupID, "error", err)
		}
	}
}

// errNobody says that the operator named nobody to be told.
var errNobody = errors.New("nobody is told what is for the operator, as of channels and the watchdog; name a group under contacts in carillon.yaml")

// tell sends one notice to those of a group who subscribe to its topics (see gateway.OwnerNotice), never over the channel that
// it is about. Topics that the group does not have, or that nobody subscribed to, are left out; somebody must be told.
func (a *App) tell(ctx context.Context, n gateway.OwnerNotice) error {
	group := n.GroupID
	if group.IsZero() {
		if a.Config.Contacts == "" {
			return errNobody
		}
		g, err := a.store.Group(ctx, a.Config.Contacts)
		if err != nil {
			return err
		}
		group = g.ID
	}
	topics, all := n.Topics()
	var unheard error
	heard := false
	for i, topic := range topics {
		note := fanout.Note{Group: group, Key: "notice-" + n.ID.String(), Wording: n.Wording, Class: gateway.Alert, Data: n.Data, Author: "carillon",
			Audience: gateway.Audience{Topic: topic, Avoid: n.Avoid}}
		if i > 0 {
			note.Key += "-" + topic
		}
		var fault *gateway.Fault
		_, err := a.toDuty(ctx, note, n)
		if errors.Is(err, gateway.ErrNobody) {
			_, err = a.fanout.Tell(ctx, note)
		}
		switch {
		case err == nil && !all:
			return a.store.Told(ctx, n.ID)
		case err == nil:
			heard = true
		case len(topics) == 1, !errors.As(err, &fault), fault.Code != gateway.CodeNobody && fault.Code != gateway.CodeInvalid:
			return err
		default:
			unheard = err
		}
	}
	if !heard {
		return unheard
	}
	return a.store.Told(ctx, n.ID)
}

// toDuty sends a notice to who is on duty for it instead; ErrNobody: nobody is, or she cannot be told.
func (a *App) toDuty(ctx context.Context, note fanout.Note, n gateway.OwnerNotice) (gateway.Submission, error) {
	holder := a.onDuty(ctx, n)
	if holder.IsZero() {
		return gateway.Submission{}, gateway.ErrNobody
	}
	note.Class, note.Audience = gateway.Account, gateway.Audience{Members: []gateway.ID{holder}}
	return a.fanout.Tell(ctx, note)
}
