package app

import (
	"context"
	"log/slog"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// keyed are broadcasts by their keys.
type keyed map[gateway.ID]string

func (k keyed) Broadcast(_ context.Context, _, id gateway.ID) (gateway.Broadcast, error) {
	key, found := k[id]
	if !found {
		return gateway.Broadcast{}, gateway.ErrNotFound
	}
	return gateway.Broadcast{ID: id, Key: key}, nil
}

// Many messages of one alert are refused: it is looked at once. What asks nobody, what is no alert's, and what is gone is passed over.
func TestAnAlertIsLookedAtOnceForManyRefusals(t *testing.T) {
	flood := gateway.NewID()
	key := func(kind gateway.AlertEffectKind) string {
		return gateway.AlertEffect{Kind: kind, Key: "x"}.BroadcastKey(flood)
	}
	all := keyed{{1}: key(gateway.AlertAsk), {2}: key(gateway.AlertLast), {3}: key(gateway.AlertTell), {4}: key(gateway.AlertThank), {5}: "week-3"}
	var looked []gateway.ID
	r := newRefusals(all, func(_ context.Context, group, alert gateway.ID) error {
		if group != (gateway.ID{8}) {
			t.Errorf("looked in group %s", group)
		}
		looked = append(looked, alert)
		return nil
	}, slog.New(slog.DiscardHandler))
	for range 3 {
		for n := range byte(7) {
			r.note(gateway.ID{8}, gateway.ID{n})
		}
	}
	r.look(t.Context())
	if len(looked) != 1 || looked[0] != flood {
		t.Errorf("looked at %v", looked)
	}
	if r.look(t.Context()); len(looked) != 1 {
		t.Errorf("looked again at %v", looked)
	}
}
