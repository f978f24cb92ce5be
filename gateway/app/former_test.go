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

// An adapter with other options is told of the one before. A channel that is not in the ledger any more lets go of its adapter in
// every process that hears of it, and nothing is sent over it, heard of it or found under its name.
func TestAChannelThatWasDeleted(t *testing.T) {
	var made []closing
	program := func(s channels.Settings) (channels.Adapter, error) {
		if n := len(made); n > 0 && s.Before != made[n-1] || n == 0 && s.Before != nil {
			t.Errorf("the one before it is %v", s.Before)
		}
		made = append(made, closing{gone: make(chan struct{})})
		return made[len(made)-1], nil
	}
	l := &live{log: slog.New(slog.NewTextHandler(io.Discard, nil)), slugs: func(context.Context) (map[gateway.ID]string, error) { return nil, nil },
		http: &sandboxed{}, guarded: &sandboxed{},
		factories: []channels.Factory{{Name: "program", New: program}}}
	own := gateway.Channel{ID: gateway.NewID(), GroupID: gateway.NewID(), Name: "horn", Adapter: "program", Kind: "horn", Options: json.RawMessage("{}")}
	l.store = listed{own}
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := l.ByName("horn"); !ok || len(l.Usable(own.GroupID)) != 1 {
		t.Fatal("it is not live")
	}
	own.Options = json.RawMessage(`{"other":1}`)
	l.store = listed{own}
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-made[0].gone
	before := l.edition.Load()
	l.store = listed{}
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-made[1].gone
	_, _, named := l.ByName("horn")
	_, live := l.Adapter(own.ID)
	if named || live || len(l.Usable(own.GroupID)) != 0 || l.edition.Load() == before {
		t.Error("it is live yet")
	}
	l.close()
}

// What is not deleted: a channel of the configuration, which would come back with the next start, and one of which something waits
// on a disk, for it may be a STOP.
func TestChannelsThatAreNotDeleted(t *testing.T) {
	d := &channelDesk{fixed: []string{"sms"}, unwritten: func(gateway.ID) bool { return true }}
	for _, c := range []gateway.Channel{{Name: "sms"}, {Name: "sms", GroupID: gateway.NewID()}} {
		if err := d.Delete(t.Context(), c, "desk"); err == nil {
			t.Errorf("%+v is deleted", c)
		}
	}
}
