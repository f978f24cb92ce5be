package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// channelList is what live reads channels from.
type channelList interface {
	Channels(ctx context.Context) ([]gateway.Channel, error)
}

// live holds one adapter for every channel in the ledger. An adapter is made once, and again only when its channel's
// options change. It is safe for concurrent use.
type live struct {
	store     channelList
	factories []channels.Factory
	publicURL string                // without a slash at the end; empty: channels are polled
	http      *sandboxed            // for the operator's channels
	guarded   *sandboxed            // for those of groups: it dials what reach allows, whatever adapter asks
	reach     func(netip.Addr) bool // where channels of groups may find their providers
	now       func() time.Time
	pollWait  time.Duration
	log       *slog.Logger
	slugs     func(ctx context.Context) (map[gateway.ID]string, error) // of all groups

	edition atomic.Uint64 // rises when refresh finds something changed

	mu     sync.RWMutex
	byID   map[gateway.ID]liveChannel
	byName map[string]gateway.ID
	order  []gateway.ID
	groups map[gateway.ID]string

	parting sync.WaitGroup // of adapters that are let go

	spoilt map[gateway.ID][sha256.Size]byte // channels that cannot be used, by the digest of what was tried
}

type liveChannel struct {
	record  gateway.Channel
	adapter channels.Adapter
	digest  [sha256.Size]byte
}

// refresh reads the channels again. A channel whose adapter cannot be made is left out and said; the others go on.
func (l *live) refresh(ctx context.Context) error {
	records, err := l.store.Channels(ctx)
	if err != nil {
		return fmt.Errorf("reading the channels: %w", err)
	}
	groups, err := l.slugs(ctx)
	if err != nil {
		return fmt.Errorf("reading the groups: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next, names := make(map[gateway.ID]liveChannel, len(records)), make(map[string]gateway.ID, len(records))
	spoilt := map[gateway.ID][sha256.Size]byte{}
	var order []gateway.ID
	changed := false
	for _, record := range records {
		digest := sha256.Sum256(append([]byte(record.Adapter+"\x00"+record.Name+"\x00"), record.Options...))
		channel, known := l.byID[record.ID]
		if !known || channel.digest != digest {
			adapter, err := l.make(record, channel.adapter)
			if err != nil {
				if l.spoilt[record.ID] != digest {
					l.log.Error("a channel cannot be used until its options are mended", "channel", record.Name, "error", err)
				}
				spoilt[record.ID] = digest
				continue
			}
			channel = liveChannel{adapter: adapter, digest: digest}
		}
		changed = changed || !known || channel.digest != l.byID[record.ID].digest || !reflect.DeepEqual(l.byID[record.ID].record, record)
		channel.record = record
		next[record.ID], names[record.Name] = channel, record.ID
		order = append(order, record.ID)
	}
	if changed || len(order) != len(l.order) || !maps.Equal(groups, l.groups) {
		l.edition.Add(1)
	}
	for id, channel := range l.byID {
		if n, kept := next[id]; !kept || n.digest != channel.digest {
			l.part(channel.adapter)
		}
	}
	l.byID, l.byName, l.order, l.groups, l.spoilt = next, names, order, groups, spoilt
	return nil
}

// part lets an adapter go that no channel has any more, once what it is doing has ended.
func (l *live) part(adapter channels.Adapter) {
	if closer, ok := adapter.(io.Closer); ok {
		l.parting.Go(func() {
			if err := closer.Close(); err != nil {
				l.log.Warn("an adapter did not close", "error", err)
			}
		})
	}
}

// close lets all adapters go, and returns when they are gone.
func (l *live) close() {
	l.mu.Lock()
	for _, channel := range l.byID {
		l.part(channel.adapter)
	}
	l.byID, l.byName, l.order = nil, nil, nil
	l.mu.Unlock()
	l.parting.Wait()
}

// kinds lists the kinds of contact point of a group's own channels and of the operator's, some of which no factory names.
func (l *live) kinds(group gateway.ID) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var kinds []string
	for _, id := range l.order {
		if c := l.byID[id].record; c.GroupID.IsZero() || c.GroupID == group {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// ofKind gives the adapter of the oldest channel of a kind, the operator's before the group's own. What another group's adapter
// takes for an address is nothing to this one, nor is that it exists.
func (l *live) ofKind(group gateway.ID, kind string) (channels.Adapter, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found channels.Adapter
	for _, id := range l.order {
		switch c := l.byID[id]; {
		case c.record.Kind != kind || !c.record.ReplacedBy.IsZero():
		case c.record.GroupID.IsZero():
			return c.adapter, true
		case found == nil && c.record.GroupID == group:
			found = c.adapter
		}
	}
	return found, found != nil
}

// make makes an adapter; before is that in whose place it comes, nil if there is none.
func (l *live) make(record gateway.Channel, before channels.Adapter) (channels.Adapter, error) {
	i := slices.IndexFunc(l.factories, func(f channels.Factory) bool { return f.Name == record.Adapter })
	if i < 0 {
		return nil, fmt.Errorf("there is no adapter %q", record.Adapter)
	}
	transport := l.guarded
	if record.GroupID.IsZero() {
		transport = l.http
	}
	settings := channels.Settings{
		Name: record.Name, Options: record.Options, HTTP: &http.Client{Transport: transport}, Now: l.now, PollWait: l.pollWait, Log: l.log,
		Operator: record.GroupID.IsZero(), Reach: l.reach, Before: before,
	}
	if l.publicURL != "" {
		settings.HookURL, settings.LinkURL = l.publicURL+"/hooks/"+record.Name, l.publicURL+"/u/"+record.ID.String()
	}
	return l.factories[i].New(settings)
}

// Adapter gives the adapter of a channel.
func (l *live) Adapter(channel gateway.ID) (channels.Adapter, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c, ok := l.byID[channel]
	return c.adapter, ok
}

// Channel gives the record of a channel as it was last read.
func (l *live) Channel(channel gateway.ID) (gateway.Channel, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c, ok := l.byID[channel]
	return c.record, ok
}

// All lists the channels that have an adapter.
func (l *live) All() []gateway.Channel {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]gateway.Channel, 0, len(l.order))
	for _, id := range l.order {
		all = append(all, l.byID[id].record)
	}
	return all
}

// Usable lists the channels that serve a group and have not been replaced: its own first, then the operator's, in the order they were made.
func (l *live) Usable(group gateway.ID) []gateway.Channel {
	l.mu.RLock()
	defer l.mu.RUnlock()
	slug := l.groups[group]
	var own, shared []gateway.Channel
	for _, id := range l.order {
		switch record := l.byID[id].record; {
		case !record.ReplacedBy.IsZero():
		case record.GroupID == group:
			own = append(own, record)
		case record.GroupID.IsZero() && (len(record.Groups) == 0 || slices.Contains(record.Groups, slug)):
			shared = append(shared, record)
		}
	}
	return append(own, shared...)
}

// idLength is that of an id as it is written.
const idLength = 36

// ByName finds a channel by the name in its webhook's URL, or by the id that stands there in links that members see.
func (l *live) ByName(name string) (gateway.Channel, channels.Adapter, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	id, ok := l.byName[name]
	if len(name) == idLength { // an id goes before a name that looks like one
		if parsed, err := gateway.ParseID(name); err == nil {
			id, ok = parsed, true
		}
	}
	if !ok {
		return gateway.Channel{}, nil, false
	}
	c, ok := l.byID[id]
	return c.record, c.adapter, ok
}

// callbackURL is where a provider reports on one part of an attempt; empty where the channel is polled.
func (l *live) callbackURL(channel gateway.ID, attempt gateway.ID, part int) string {
	if l.publicURL == "" {
		return ""
	}
	record, ok := l.Channel(channel)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s/hooks/%s?a=%s&p=%d", l.publicURL, record.Name, attempt, part)
}
