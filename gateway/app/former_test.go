package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/config"
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

// Beside a process of a release that knew no deleted channels nothing is deleted: it would go on over one that needs no options.
func TestNothingIsDeletedBesideAnOlderRelease(t *testing.T) {
	alive := []gateway.ProcessStatus{{Roles: []string{"api"}, File: "f1"}, {Roles: []string{"scheduler", "relay"}}}
	d := &channelDesk{unwritten: func(gateway.ID) bool { return false }, others: func(context.Context) ([]gateway.ProcessStatus, error) { return alive, nil }}
	err := d.Delete(t.Context(), gateway.Channel{Name: "horn"}, "desk") // it would reach for the ledger, which is not there
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) || !strings.Contains(err.Error(), "scheduler, relay") {
		t.Error(err)
	}
	alive[1].File = "f1"
	if err := d.knowDeletion(t.Context(), "horn"); err != nil {
		t.Error(err)
	}
}

// horn is an adapter that needs nothing.
type horn struct{ channels.Adapter }

func (horn) Capabilities() channels.Capabilities { return channels.Capabilities{Kind: "horn"} }

// A process says which channels its operator's file has changed, for the file may be an older one; not those that are new, or as they
// were.
func TestChangesOfTheFileAreTold(t *testing.T) {
	l := &live{http: &sandboxed{}, guarded: &sandboxed{}, factories: []channels.Factory{{Name: "horn", New: func(channels.Settings) (channels.Adapter, error) { return horn{}, nil }}}}
	d := &channelDesk{store: &shelf{}, live: l}
	for i, start := range []struct{ senders, told int }{{1, 0}, {1, 0}, {4, 1}, {4, 0}, {1, 1}} {
		changed, err := d.adoptChannels(t.Context(), []config.Channel{{Name: "horn", Adapter: "horn", Senders: start.senders, Trip: config.Trip{After: 3}}})
		if err != nil || len(changed) != start.told {
			t.Errorf("start %d: it says %v, %v", i, changed, err)
		}
	}
}
