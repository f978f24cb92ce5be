package app

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// followEvery is how often a process looks for changes that it was not told of.
const followEvery = 3 * time.Second

// toPlan is the lane, of no channel, whose nudges say that there is a broadcast to plan.
func toPlan() queue.Lane { return queue.Lane{} }

// callRelays has the relays of other processes look at a lane.
func (a *App) callRelays(channel gateway.ID, lane gateway.Lane) {
	if a.signals != nil && !channel.IsZero() {
		a.signals.Nudge(queue.Lane{Channel: channel, Lane: lane})
	}
}

// callPlanners has the processes that plan look for broadcasts.
func (a *App) callPlanners() {
	if a.signals != nil {
		a.signals.Nudge(toPlan())
	}
}

// announce tells other processes that channels or groups have changed, and has this one look too.
func (a *App) announce() {
	if a.signals != nil {
		a.signals.Announce()
	}
	signal(a.changes)
}

// nudged passes on what other processes found due.
func (a *App) nudged(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case lane := <-a.signals.Nudged():
			switch {
			case !lane.Channel.IsZero():
				a.dispatch.Called(lane.Channel, lane.Lane)
			case lane == toPlan() && a.has(RoleScheduler):
				a.fanout.Look()
			}
		}
	}
}

// follow takes over what this and other processes find out and change about channels and groups: when they say so, and,
// where there are others, every few seconds.
func (a *App) follow(ctx context.Context) error {
	var announced <-chan struct{}
	var again <-chan time.Time
	if a.signals != nil {
		announced = a.signals.Announced()
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		again = tick.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.changes:
		case <-announced:
		case <-again:
		}
		if err := a.live.refresh(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("the channels cannot be read again; trying again", "error", err)
		}
		if a.live.edition.Load() != a.taken.Load() { // whoever found the change
			a.channelsChanged()
		}
	}
}

// channelsChanged has all parts of this process take the channels as they are now.
func (a *App) channelsChanged() {
	a.taken.Store(a.live.edition.Load())
	a.dispatch.Refresh()
	signal(a.notices)
	a.ears.Refresh()
	signal(a.resubscribe)
	a.fanout.Wake()
}

// changedHere has all parts take a change of channels that this process made, at once; others are told.
func (a *App) changedHere(ctx context.Context) error {
	if err := a.live.refresh(ctx); err != nil {
		return err
	}
	a.announce()
	a.channelsChanged()
	return nil
}

// health is what dispatch finds out about channels: it is kept in the ledger, and other processes are told.
type health struct {
	healthStore
	announce func()
}

type healthStore interface {
	dispatch.Health
	channelList
}

// SetChannelHealth records a pause or lifts one. A person's pause, which this process may not have heard of yet, stands.
func (h health) SetChannelHealth(ctx context.Context, id gateway.ID, now gateway.ChannelHealth) error {
	all, err := h.Channels(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ID == id && c.Health.Paused == gateway.PauseManual {
			return nil
		}
	}
	if err := h.healthStore.SetChannelHealth(ctx, id, now); err != nil {
		return err
	}
	h.announce()
	return nil
}

// Strike notes a refusal; an incident that opens is told.
func (h health) Strike(ctx context.Context, s gateway.Strike) (*gateway.Incident, error) {
	opened, err := h.healthStore.Strike(ctx, s)
	if opened != nil {
		h.announce()
	}
	return opened, err
}

// CloseIncident ends an incident, and tells.
func (h health) CloseIncident(ctx context.Context, channel gateway.ID, by string) (bool, error) {
	closed, err := h.healthStore.CloseIncident(ctx, channel, by)
	if closed {
		h.announce()
	}
	return closed, err
}
