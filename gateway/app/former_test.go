package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// closing is an adapter that says when it was let go, as one is that has a program.
type closing struct {
	channels.Adapter
	gone chan struct{}
}

func (c closing) Close() error {
	close(c.gone)
	return nil
}

// A channel that is not in the ledger any more lets go of its adapter in every process that hears of it, and nothing is sent over
// it, heard of it or found under its name.
func TestAChannelThatWasDeleted(t *testing.T) {
	gone := make(chan struct{})
	l := &live{log: slog.New(slog.NewTextHandler(io.Discard, nil)), slugs: func(context.Context) (map[gateway.ID]string, error) { return nil, nil },
		http: &sandboxed{}, guarded: &sandboxed{},
		factories: []channels.Factory{{Name: "program", New: func(channels.Settings) (channels.Adapter, error) { return closing{gone: gone}, nil }}}}
	own := gateway.Channel{ID: gateway.NewID(), GroupID: gateway.NewID(), Name: "horn", Adapter: "program", Kind: "horn", Options: json.RawMessage("{}")}
	l.store = listed{own}
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := l.ByName("horn"); !ok || len(l.Usable(own.GroupID)) != 1 {
		t.Fatal("it is not live")
	}
	before := l.edition.Load()
	l.store = listed{}
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-gone
	_, _, named := l.ByName("horn")
	_, live := l.Adapter(own.ID)
	if named || live || len(l.Usable(own.GroupID)) != 0 || l.edition.Load() == before {
		t.Error("it is live yet")
	}
	l.close()
}

// A channel of the configuration is not deleted: it would come back with the next start.
func TestAChannelOfTheConfigurationStays(t *testing.T) {
	d := &channelDesk{fixed: []string{"sms"}}
	if err := d.Delete(t.Context(), gateway.Channel{Name: "sms"}, "desk"); err == nil {
		t.Error("it is deleted")
	}
}
