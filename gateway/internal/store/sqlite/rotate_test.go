package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// reopened is the hall's ledger under another ring.
func (h *hall) reopened(ring *seal.Ring) {
	h.t.Helper()
	h.ok(h.s.Close())
	s, err := Open(h.ctx, Options{Dir: h.dir, Ring: ring})
	h.ok(err)
	h.s = s
}

// The ring gets a new key, and whatever the step, all is wrapped anew while people read and write: nothing is unreadable
// at any moment, nothing stays under the old key, and the old key can be thrown away.
func TestKeysRotateWhileTheGatewayRuns(t *testing.T) {
	for _, step := range []int{1, 3, 7, 1000} {
		t.Run(fmt.Sprint(step, " at a time"), func(t *testing.T) {
			index := seal.NewSecret()
			old, next := seal.Key{ID: "old", Secret: seal.NewSecret()}, seal.Key{ID: "next", Secret: seal.NewSecret()}
			rings := map[string]*seal.Ring{}
			for name, keys := range map[string][]seal.Key{"before": {old}, "meanwhile": {next, old}, "after": {next}} {
				ring, err := seal.NewRing(index, keys...)
				if err != nil {
					t.Fatal(err)
				}
				rings[name] = ring
			}
			h := newHall(t)
			h.ok(h.s.Close())
			h.dir = t.TempDir()
			s, err := Open(h.ctx, Options{Dir: h.dir, Ring: rings["before"]})
			h.ok(err)
			h.s = s
			want := rotation{h: h, options: map[gateway.ID]string{}, members: map[gateway.ID][]gateway.ID{}}
			for i := range 8 {
				want.group(i, 3)
				want.channel(i, "first")
			}
			wrapped := secrets{}
			for table, column := range map[string]string{"groups": "key_sealed", "channels": "options_sealed"} {
				var ids []gateway.ID
				h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
					return queryOnce(c, "SELECT id FROM "+table, nil, func(r *lite.Stmt) error { ids = append(ids, r.ColID(0)); return nil })
				}))
				wrapped.add(h, table, "id", ids, column)
			}

			h.reopened(rings["meanwhile"])
			ctx, stop := context.WithCancel(h.ctx)
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					for ctx.Err() == nil {
						if err := want.read(); err != nil {
							t.Errorf("while keys rotate: %v", err)
							return
						}
					}
				})
			}
			for i := 8; i < 12; i++ {
				n, err := h.s.RotateKeys(h.ctx, step)
				h.ok(err)
				if n > step {
					t.Errorf("%d were wrapped, %d were asked for", n, step)
				}
				want.group(i, 2)
				want.channel(i, "first")
				want.channel(i-8, "second")
			}
			for n := 1; n > 0; {
				n, err = h.s.RotateKeys(h.ctx, step)
				h.ok(err)
			}
			stop()
			all.Wait()
			for _, table := range []string{"groups", "channels"} {
				h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
					return queryOnce(c, "SELECT key_id, COUNT(*) FROM "+table+" GROUP BY key_id", nil, func(r *lite.Stmt) error {
						if r.ColText(0) != "next" || r.ColInt(1) != 12 {
							t.Errorf("%d rows of %s are under the key %q", r.ColInt(1), table, r.ColText(0))
						}
						return nil
					})
				}))
			}
			_, err = h.s.Retain(h.ctx, 100)
			h.ok(err)
			if left := h.traces(wrapped); left > 0 {
				t.Errorf("of %d wrappings under the old key, %d are still in the files", len(wrapped), left)
			}
			h.reopened(rings["after"])
			h.ok(want.read())
		})
	}
}

// rotation is what must be readable all the time.
type rotation struct {
	h       *hall
	mu      sync.Mutex
	options map[gateway.ID]string // of channels
	members map[gateway.ID][]gateway.ID
}

// group makes a group with members.
func (r *rotation) group(i, members int) {
	r.h.t.Helper()
	g := r.h.putGroup(fmt.Sprint("group-", i))
	ids := r.h.take(g.ID, members)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[g.ID] = ids
}

// channel makes a channel, or changes its options.
func (r *rotation) channel(i int, options string) {
	r.h.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := r.h.s.PutChannel(r.h.ctx, gateway.Channel{Name: fmt.Sprint("channel-", i), Adapter: "sms", Kind: "sms", Options: fmt.Appendf(nil, `{"token":%q}`, options)})
	r.h.ok(err)
	r.options[c.ID] = string(c.Options)
}

// read opens everything, as if nothing was kept in memory.
func (r *rotation) read() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.h.s
	s.keys.Forget()
	for group, ids := range r.members {
		page, err := s.Members(r.h.ctx, group, gateway.ID{}, 10)
		if err != nil {
			return err
		}
		if len(page) != len(ids) {
			return fmt.Errorf("a group has %d members, want %d", len(page), len(ids))
		}
		for _, m := range page {
			if m.Name == "" || m.Points[0].Address == "" {
				return errors.New("a member's name or address is empty")
			}
		}
		if _, err := s.StopAddress(r.h.ctx, group, "sms", page[0].Points[0].Address, gateway.Consent{Wording: "STOP", At: time.Now(), Source: "member"}); err != nil {
			return err
		}
	}
	all, err := s.Channels(r.h.ctx)
	if err != nil {
		return err
	}
	if len(all) != len(r.options) {
		return fmt.Errorf("there are %d channels, want %d", len(all), len(r.options))
	}
	for _, c := range all {
		if string(c.Options) != r.options[c.ID] {
			return fmt.Errorf("the options of %s are not as they were", c.Name)
		}
	}
	return nil
}
