package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

const (
	topic   = "reports"
	message = "The meeting is on Sunday at ten. Bring water."
	chunk   = 500 // rows of one call of Stage
)

// world is a ledger on disk with one group and one channel, for which each of its members has an address.
type world struct {
	store   store.Store
	queue   queue.Queue
	end     func() error // of the queue
	alone   bool
	rows    int
	abreast int
	group   gateway.Group
	channel gateway.Channel
	adapter channels.Adapter
	address func(i int) string // of the i-th member, canonical
}

// openWorld opens the ledger of a folder, and makes group and channel if they are missing. The channel sends text messages
// to provider, which reports to hook.
func openWorld(ctx context.Context, dir, provider, hook string, senders int) (*world, error) {
	options, err := json.Marshal(map[string]any{"account_sid": accountSID, "auth_token": authToken, "from": from, "segments_per_second": 1e6, "base_url": provider})
	if err != nil {
		return nil, err
	}
	adapter, err := sms.New(channels.Settings{Name: "sms", Options: options, HookURL: hook, Now: time.Now})
	if err != nil {
		return nil, err
	}
	return openWorldOf(ctx, dir, gateway.Channel{Name: "sms", Adapter: "sms", Kind: sms.Kind, Senders: senders, Options: options}, adapter, number)
}

// openWorldOf is the same for a channel of any kind.
func openWorldOf(ctx context.Context, dir string, channel gateway.Channel, adapter channels.Adapter, address func(i int) string) (*world, error) {
	ring, err := seal.NewRing(secret(2), seal.Key{ID: "bench", Secret: secret(1)})
	if err != nil {
		return nil, err
	}
	g, err := groundOf(dir)
	if err != nil {
		return nil, err
	}
	w := &world{adapter: adapter, address: address, alone: !g.scaled()}
	if g.scaled() {
		w.rows, w.abreast = app.ScaledRows, app.ScaledAbreast
	}
	if w.store, err = g.ledger(ctx, dir, ring); err != nil {
		return nil, err
	}
	if w.queue, w.end, err = g.queue(ctx, dir); err != nil {
		return nil, errors.Join(err, w.store.Close())
	}
	w.group, err = w.store.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: topic}}})
	if err == nil {
		w.channel, err = w.store.PutChannel(ctx, channel)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) close() error { return errors.Join(w.end(), w.store.Close()) }

// secret is a key that every run shares, so that one process can read what another wrote.
func secret(fill byte) []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = fill
	}
	return key
}

// configure writes the operator's file for a gateway over this folder.
func configure(dir, listen string) (string, error) {
	for name, fill := range map[string]byte{"key": 1, "index": 2} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(base64.StdEncoding.EncodeToString(secret(fill))), 0o600); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, "carillon.yaml")
	g, err := groundOf(dir)
	if err != nil {
		return "", err
	}
	storage, err := g.storage(dir)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("listen: %q\npublic_base_url: \"http://%s\"\ndata: data\n%skeys: [{id: bench, secret: {file: key}}]\nindex_key: {file: index}\nlimits: {import: 256MiB}\n", listen, listen, storage)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// freeAddress finds a port that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// members takes n members in as an import does.
func (w *world) members(ctx context.Context, n int) error {
	return w.tagged(ctx, n, func(int) []string { return nil })
}

// tagged is the same, of members with tags.
func (w *world) tagged(ctx context.Context, n int, tags func(i int) []string) error {
	imp := gateway.NewID()
	now := time.Now()
	if err := w.store.BeginImport(ctx, gateway.Import{ID: imp, GroupID: w.group.ID, At: now}); err != nil {
		return err
	}
	for i := 0; i < n; i += chunk {
		rows := make([]gateway.StagedMember, 0, chunk)
		for j := i; j < min(i+chunk, n); j++ {
			point := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: j + 2,
				Member:   gateway.Member{Name: "Sample", Locale: "en", Zone: "Europe/Berlin", Tags: tags(j), Points: []gateway.ContactPoint{{ID: point, Kind: w.channel.Kind, Address: gateway.Private(w.address(j))}}},
				Consents: []gateway.Consent{{PointID: point, Topic: topic, Granted: true, Wording: "w1", Locale: "en", At: now, Proof: "paper", Source: "import"}}})
		}
		if _, err := w.store.Stage(ctx, w.group.ID, imp, rows); err != nil {
			return err
		}
	}
	return w.store.Publish(ctx, w.group.ID, imp)
}

// someMembers gives the first n members.
func (w *world) someMembers(ctx context.Context, n int) ([]gateway.ID, error) {
	page, err := w.store.Recipients(ctx, w.group.ID, gateway.Audience{Topic: topic}, gateway.ID{}, n)
	ids := make([]gateway.ID, len(page))
	for i := range page {
		ids[i] = page[i].Member
	}
	return ids, err
}

// All, Adapter, Channel and Usable make a world the live channels of the parts under test.
func (w *world) All() []gateway.Channel { return []gateway.Channel{w.channel} }

func (w *world) Adapter(gateway.ID) (channels.Adapter, bool) { return w.adapter, true }

func (w *world) Usable(gateway.ID) []gateway.Channel { return w.All() }

func (w *world) fanout(o fanout.Options) *fanout.Fanout {
	return fanout.New(fanout.Store{Groups: w.store, Log: w.store, Audiences: w.store, Ledger: w.store, Tracking: w.store, Prices: w.store, Asks: w.store, Wordings: w.store, Reviews: w.store}, w, o)
}

func (w *world) dispatcher() (*dispatch.Dispatcher, error) {
	people := directory.New(directory.Parts{Groups: w.store, Members: w.store, Audiences: w.store, Imports: w.store, Kinds: func(gateway.ID) []string { return []string{w.channel.Kind} }, Usable: w.Usable,
		Parse: func(_ gateway.ID, _, region, raw string) (channels.Address, error) {
			return sms.ParseNumber(raw, region)
		}})
	return dispatch.New(dispatch.Options{Ledger: w.store, Mender: w.store, Routes: people, Deliveries: w.store, Texts: w.store, Health: w.store, Live: w, Queue: w.queue, Alone: w.alone, Rows: w.rows, Abreast: w.abreast,
		CallbackURL: func(_, attempt gateway.ID, part int) string { // receipts come by webhook, not by polling
			return fmt.Sprintf("http://127.0.0.1:1/hooks/sms?a=%s&p=%d", attempt, part)
		}})
}

// report is a broadcast of one text to all members of a group; over the API the path names the group.
func report(group gateway.ID) gateway.Draft {
	return gateway.Draft{Group: group, Kind: gateway.KindReport, Audience: gateway.Audience{Topic: topic}, Words: gateway.Words{Sources: map[string]string{"en": message}}, Author: "bench"}
}

// alert is an urgent message to one member.
func (w *world) alert(to gateway.ID) gateway.Draft {
	d := report(w.group.ID)
	d.Kind, d.Audience.Members = gateway.KindAlert, []gateway.ID{to}
	return d
}

// plan submits a report and waits until all its deliveries are in the ledger; nothing is sent. It says how long that took.
func (w *world) plan(ctx context.Context, n int) (gateway.ID, time.Duration, error) {
	running, stop := context.WithCancel(ctx)
	f := w.fanout(fanout.Options{})
	ended := make(chan error, 1)
	go func() { ended <- f.Run(running) }()
	defer func() { stop(); <-ended }()
	begin := time.Now()
	answer, err := f.Submit(ctx, report(w.group.ID))
	if err != nil {
		return gateway.ID{}, 0, err
	}
	for {
		b, err := w.store.Broadcast(ctx, w.group.ID, answer.ID)
		if err != nil {
			return answer.ID, 0, err
		}
		if b.State == gateway.Planned {
			if b.Planned != n {
				return answer.ID, 0, fmt.Errorf("%d deliveries were planned for %d members", b.Planned, n)
			}
			return answer.ID, time.Since(begin), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// settled waits until n deliveries of a broadcast are in a state, as tallies reads them.
func settled(ctx context.Context, tallies func(context.Context) ([]gateway.Tally, error), state gateway.DeliveryState, n int) error {
	for {
		all, err := tallies(ctx)
		if err != nil {
			return err
		}
		have := 0
		for _, t := range all {
			if t.State == state {
				have += t.Count
			}
		}
		if have >= n {
			return nil
		}
		pause := 200 * time.Millisecond // asking costs the gateway, so it is done more often only towards the end
		if have >= n*9/10 || n < 5000 {
			pause = 20 * time.Millisecond
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d are %v; tallies are %v", have, n, state, all)
		}
	}
}

// instant is a provider inside the process, for what is measured without a network. It answers after a delay, urgent
// messages at once, and says when those arrived.
type instant struct {
	channels.Adapter
	delay  time.Duration
	bulk   atomic.Int64
	busy   atomic.Int64
	urgent chan time.Time
}

// Send takes a message.
func (i *instant) Send(_ context.Context, m channels.Outbound) (channels.Sent, error) {
	if m.Urgent {
		i.urgent <- time.Now()
	} else {
		i.bulk.Add(1)
		i.busy.Add(1)
		defer i.busy.Add(-1)
	}
	if i.delay > 0 {
		time.Sleep(i.delay)
	}
	return channels.Sent{ProviderID: "SM" + strings.ReplaceAll(m.Attempt, "-", "")}, nil
}
