// Package matrix writes into rooms of Matrix as one account of a homeserver, and hears what people say there
// (spec.matrix.org, client-server API v1.11).
//
// It keeps no keys of encrypted rooms and refuses to write into them: what it wrote in clear would be the one message there
// that everybody on the way can read. A message has a transaction id of ours, under which a homeserver takes it once.
package matrix

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "matrix"

const (
	// textLimit is the most bytes of a text and of its HTML together. Written as JSON they take twice as many at most, and an event
	// has 65,536 (client-server API, "Size limits").
	textLimit = 30000
	maxParts  = 5
	// dedupeWindow is for how long a transaction id is known: Synapse, the usual homeserver, forgets it after half an hour (synapse,
	// rest/client/transactions.py).
	dedupeWindow = 30 * time.Minute
	longestSend  = 20 * time.Second
	longestSync  = 30 * time.Second
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "matrix", Kind: Kind, Summary: "messages into Matrix rooms that are not encrypted, with replies",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Adapter is one account. It is safe for concurrent use.
type Adapter struct {
	opts     Options
	sender   *httpsend.Sender
	syncing  *httpsend.Sender
	now      func() time.Time
	pollWait time.Duration

	mu    sync.Mutex
	self  string            // the account's user id, once it was asked for
	plain map[string]opened // address → the room, while it is known not to be encrypted
}

// opened is a room that was found not to be encrypted.
type opened struct {
	room  string
	until time.Time
}

// New makes the adapter and does no I/O. The error names every fault of the options.
func New(s channels.Settings) (*Adapter, error) {
	opts, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.HTTP == nil {
		s.HTTP = &http.Client{Transport: httpsend.Transport()}
	}
	wait := min(max(s.PollWait, 0), time.Minute)
	return &Adapter{
		opts: opts, now: s.Now, pollWait: wait, plain: map[string]opened{},
		sender: httpsend.New(s.HTTP, longestSend), syncing: httpsend.New(s.HTTP, wait+longestSync).WithMaxBody(syncBody),
	}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities of a room that is not encrypted: every homeserver that has somebody in it reads along, so it is not fit for
// sensitive texts. A homeserver says that it has a message, and never that somebody saw it.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.Bytes, RichText: true, Inbound: true, Polled: true,
		DedupeWindow:   dedupeWindow,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerSecond, Burst: 10}},
		LongestAttempt: longestSend,
	}
}

// Check asks the homeserver whose token it is. Nobody notices.
func (a *Adapter) Check(ctx context.Context) error {
	a.mu.Lock()
	a.self = ""
	a.mu.Unlock()
	if _, fail := a.whoami(ctx); fail != nil {
		return fail
	}
	return nil
}

// Names asks under which name the account writes.
func (a *Adapter) Names(ctx context.Context) ([]string, error) {
	self, fail := a.whoami(ctx)
	if fail != nil {
		return nil, fail
	}
	var profile struct {
		Name string `json:"displayname"`
	}
	if _, fail := a.call(ctx, a.sender, http.MethodGet, "/profile/"+segment(self), nil, &profile); fail != nil && fail.Code != "M_NOT_FOUND" {
		return nil, httpsend.Asked(fail, provider)
	}
	return []string{profile.Name, self}, nil
}

// whoami gives the account's user id; asked for once.
func (a *Adapter) whoami(ctx context.Context) (string, *channels.Error) {
	a.mu.Lock()
	self := a.self
	a.mu.Unlock()
	if self != "" {
		return self, nil
	}
	var me struct {
		User string `json:"user_id"`
	}
	if _, fail := a.call(ctx, a.sender, http.MethodGet, "/account/whoami", nil, &me); fail != nil {
		return "", httpsend.Asked(fail, provider)
	}
	if me.User == "" {
		return "", &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "what answers is no homeserver; check the channel's base_url"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.self = me.User
	return me.User, nil
}

var (
	_ channels.Adapter    = (*Adapter)(nil)
	_ channels.Poller     = (*Adapter)(nil)
	_ channels.Introducer = (*Adapter)(nil)
	_ io.Closer           = (*Adapter)(nil)
)
