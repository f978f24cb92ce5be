// Package signal sends through a Signal account that signal-cli holds, over its REST bridge
// (github.com/bbernhard/signal-cli-rest-api), and hears receipts and replies.
//
// Signal has no interface for machines: the bridge is a client like a phone, its account may be limited or closed at any time,
// and it sends slowly. Facts were read in the bridge's source of August 2026 (src/api/api.go, src/client/client.go and
// src/client/jsonrpc2.go).
package signal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/channels/phone"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "signal"

const (
	textLimit     = 2000 // characters; clients show what is longer as a file
	maxParts      = 5
	longestSend   = 45 * time.Second // in its slower modes the bridge starts a program for each message
	longestPoll   = 30 * time.Second
	receiptWithin = 5 * time.Minute
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "signal", Kind: Kind, Summary: "messages from a Signal account, slowly, through signal-cli's REST bridge",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(region, raw string) (channels.Address, error) { return parseAddress(region, raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Adapter is one account. It is safe for concurrent use.
type Adapter struct {
	opts    Options
	sender  *httpsend.Sender
	polling *httpsend.Sender
	now     func() time.Time

	mu   sync.Mutex
	kept batch
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
	return &Adapter{opts: opts, now: s.Now, sender: httpsend.New(s.HTTP, longestSend), polling: httpsend.New(s.HTTP, longestPoll).WithMaxBody(8 << 20)}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities of an account behind the bridge. Between the bridge and the phone nobody reads along; whether it is fit for
// sensitive texts depends on who runs the bridge, which only the group knows.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.Characters,
		Receipts: channels.DeliveryReceipts, ReceiptWithin: receiptWithin, Inbound: true, Polled: a.opts.Polled, Sensitive: a.opts.Sensitive,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerMinute / 60, Burst: 5}},
		LongestAttempt: longestSend,
	}
}

var (
	uuidForm  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	groupForm = regexp.MustCompile(`^group\.[A-Za-z0-9+/=_-]{10,120}$`)
)

// ParseAddress takes a telephone number, the id of an account that hides its number, or the id of a group as the bridge lists it.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) {
	return parseAddress(a.opts.Region, raw)
}

func parseAddress(region, raw string) (channels.Address, error) {
	text := strings.TrimSpace(raw)
	if lower := strings.ToLower(text); uuidForm.MatchString(lower) {
		return channels.Address(lower), nil
	}
	if strings.HasPrefix(text, "group.") {
		if !groupForm.MatchString(text) {
			return "", errors.New("this is no id of a Signal group; copy it whole from the bridge's list of groups")
		}
		return channels.Address(text), nil
	}
	return phone.ParseNumber(text, region)
}

// Compose writes a document as plain text. Buttons are left out, since Signal has none.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	doc.Buttons = nil
	return compose.Chat{Name: "Signal", Limit: textLimit, Unit: channels.Characters, Parts: maxParts}.Plain(doc)
}

// Fill puts a name into a message to one person; groups are called by none.
func (a *Adapter) Fill(p channels.Part, to channels.Address, name string) (channels.Part, bool) {
	if strings.HasPrefix(to.Reveal(), "group.") {
		return p, false
	}
	return compose.FillPlain(p, name)
}

// Names gives the number that every message shows.
func (a *Adapter) Names(context.Context) ([]string, error) { return []string{a.opts.Number}, nil }

// idOf names a message: by the time that Signal knows it by, which two messages to two people may share, and a digest of the
// address.
func idOf(timestamp, address string) string {
	sum := sha256.Sum256([]byte("signal " + timestamp + " " + address))
	return timestamp + "-" + hex.EncodeToString(sum[:6])
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Poller        = (*Adapter)(nil)
	_ channels.Filler        = (*Adapter)(nil)
	_ channels.Introducer    = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
