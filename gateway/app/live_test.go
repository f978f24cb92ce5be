package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// counted is an adapter that says when it is let go.
type counted struct {
	channels.Adapter
	caps channels.Capabilities
	gone chan struct{}
}

func (a *counted) Capabilities() channels.Capabilities { return a.caps }

func (a *counted) Close() error {
	close(a.gone)
	return nil
}

// kept is a list of channels in a ledger.
type kept []gateway.Channel

func (k *kept) Channels(context.Context) ([]gateway.Channel, error) { return *k, nil }

// An adapter is made once for each channel. It is let go when its channel has other options or is gone, and no sooner.
func TestAdaptersAreLetGo(t *testing.T) {
	var made []*counted
	of := func(options string) gateway.Channel {
		return gateway.Channel{ID: gateway.ID{1}, Name: "one", Adapter: "a", Options: []byte(options)}
	}
	ledger := &kept{of("1")}
	l := &live{store: ledger, log: slog.New(slog.DiscardHandler), slugs: func(context.Context) (map[gateway.ID]string, error) { return nil, nil },
		factories: []channels.Factory{{Name: "a", New: func(channels.Settings) (channels.Adapter, error) {
			made = append(made, &counted{gone: make(chan struct{})})
			return made[len(made)-1], nil
		}}}}
	expect := func(what string, want ...bool) {
		t.Helper()
		if err := l.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.parting.Wait()
		var got []bool
		for _, a := range made {
			select {
			case <-a.gone:
				got = append(got, true)
			default:
				got = append(got, false)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: gone are %v, want %v", what, got, want)
		}
	}
	expect("at first", false)
	(*ledger)[0].Health.Paused = gateway.PauseManual
	expect("paused", false)
	*ledger = kept{of("2")}
	expect("with other options", true, false)
	*ledger = nil
	expect("deleted", true, true)
}

// A group is served by its own channels first, then by the operator's that are for it, and by none that another has replaced.
func TestWhichChannelsServeAGroup(t *testing.T) {
	own := gateway.ID{8}
	l := &live{byID: map[gateway.ID]liveChannel{}, groups: map[gateway.ID]string{own: "harbour"}}
	for i, c := range []gateway.Channel{{}, {Groups: []string{"mill"}}, {Groups: []string{"mill", "harbour"}}, {GroupID: own}, {GroupID: gateway.ID{9}}, {ReplacedBy: gateway.ID{1}}, {GroupID: own, ReplacedBy: gateway.ID{1}}} {
		c.ID, c.Name = gateway.ID{byte(i + 1)}, fmt.Sprint(i)
		l.byID[c.ID], l.order = liveChannel{record: c}, append(l.order, c.ID)
	}
	got := ""
	for _, c := range l.Usable(own) {
		got += c.Name
	}
	if got != "302" {
		t.Errorf("served by %q", got)
	}
}

// paused is a ledger whose channel a person holds.
type paused struct {
	dispatch.Health
	kept
	wrote int
}

func (p *paused) SetChannelHealth(context.Context, gateway.ID, gateway.ChannelHealth) error {
	p.wrote++
	return nil
}

// What dispatch finds out about a channel never lifts what a person holds.
func TestAPersonsPauseStands(t *testing.T) {
	told := 0
	p := &paused{kept: kept{{ID: gateway.ID{1}, Health: gateway.ChannelHealth{Paused: gateway.PauseManual}}, {ID: gateway.ID{2}}}}
	h := health{p, func() { told++ }}
	for i, id := range []gateway.ID{{1}, {2}} {
		if err := h.SetChannelHealth(t.Context(), id, gateway.ChannelHealth{}); err != nil || p.wrote != i || told != i {
			t.Errorf("channel %d: written %d times, told %d times, %v", i+1, p.wrote, told, err)
		}
	}
}

// over is a ledger with one broadcast, of which one message was handed over.
type over struct{ gateway.Tracking }

func (over) Tallies(context.Context, gateway.ID, gateway.ID) ([]gateway.Tally, error) {
	return []gateway.Tally{{ChannelID: gateway.ID{1}, State: gateway.DeliveryAccepted, Count: 1}}, nil
}

func (over) Broadcast(context.Context, gateway.ID, gateway.ID) (gateway.Broadcast, error) {
	return gateway.Broadcast{}, errors.New("nobody asks")
}

// Who was handed a message is reached where nothing more is ever reported; where receipts come, one is waited for.
func TestHandedOverIsReachedWhereNothingMoreComes(t *testing.T) {
	for receipts, want := range map[channels.Receipts]escalation.Reach{
		channels.SentReceipts: {Reached: 1, OneWay: 1}, channels.DeliveryReceipts: {Moving: 1, OneWay: 1},
	} {
		l := &live{byID: map[gateway.ID]liveChannel{{1}: {adapter: &counted{caps: channels.Capabilities{Receipts: receipts}}}}}
		got, err := crier{Fanout: &fanout.Fanout{}, ledger: over{}, broadcasts: over{}, live: l}.Reach(t.Context(), gateway.ID{8}, []gateway.ID{{1}})
		if err != nil || got != want {
			t.Errorf("receipts %v: %+v, %v, want %+v", receipts, got, err, want)
		}
	}
}
