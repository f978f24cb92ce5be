package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// refusalsGather is how long refusals are gathered before the alerts that they are of are looked at: a step may ask many people, and
// they are refused one after the other.
const refusalsGather = 250 * time.Millisecond

// refusals has an alert climb on as soon as all that its step sent was refused. What is lost of them, in a crash say, is found by the
// look of the engine after half of the step's wait. It is safe for concurrent use.
type refusals struct {
	broadcasts oneBroadcast
	lookAt     func(ctx context.Context, group, alert gateway.ID) error
	log        *slog.Logger
	wake       chan struct{}

	mu    sync.Mutex
	found map[gateway.ID]gateway.ID // the group of each broadcast of which something was refused
}

type oneBroadcast interface {
	Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error)
}

func newRefusals(broadcasts oneBroadcast, lookAt func(ctx context.Context, group, alert gateway.ID) error, log *slog.Logger) *refusals {
	return &refusals{broadcasts: broadcasts, lookAt: lookAt, log: log, wake: make(chan struct{}, 1), found: map[gateway.ID]gateway.ID{}}
}

// note takes that a message was refused. It does not block.
func (r *refusals) note(group, broadcast gateway.ID) {
	r.mu.Lock()
	r.found[broadcast] = group
	r.mu.Unlock()
	signal(r.wake)
}

// run looks at the alerts until the context ends.
func (r *refusals) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		timer := time.NewTimer(refusalsGather)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		r.look(ctx)
	}
}

// look looks at the alerts of what was noted, each once.
func (r *refusals) look(ctx context.Context) {
	r.mu.Lock()
	found := r.found
	r.found = map[gateway.ID]gateway.ID{}
	r.mu.Unlock()
	seen := map[gateway.ID]bool{}
	for broadcast, group := range found {
		b, err := r.broadcasts.Broadcast(ctx, group, broadcast)
		if err == nil {
			alert, asks := alertOf(b.Key)
			if !asks || seen[alert] {
				continue
			}
			seen[alert] = true
			err = r.lookAt(ctx, group, alert)
		}
		if err != nil && !errors.Is(err, gateway.ErrNotFound) && ctx.Err() == nil {
			r.log.Error("it cannot be looked whether an alert is to climb on after a refusal; it is, after half of its step's wait", "broadcast", broadcast, "group", group, "error", err)
		}
	}
}

// alertOf gives the alert that asks by a broadcast with this key.
func alertOf(key string) (alert gateway.ID, asks bool) {
	if _, asks = gateway.AlertCast(key); !asks {
		return alert, false
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(key, gateway.AlertKeys), ":")
	alert, err := gateway.ParseID(id)
	return alert, err == nil
}
