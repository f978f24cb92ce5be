// Package webhook posts messages to a receiver of the group's own, and takes back what that tells of them: an HTTP endpoint
// that bridges to whatever the group uses.
//
// Requests are signed both ways as Standard Webhooks has it (github.com/standard-webhooks/standard-webhooks,
// spec/standard-webhooks.md), and bodies are events of CloudEvents 1.0 in JSON (github.com/cloudevents/spec, formats/json-format.md).
// A message is sent once for each try that its class allows; the id of the event is the same at each, so that a receiver that
// remembers ids takes it once.
package webhook

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "webhook"

const (
	textLimit      = 16000            // characters; the specification recommends bodies under 20 kB
	longestAttempt = 20 * time.Second // the specification recommends 15 to 30 s
	receiptWithin  = 5 * time.Minute
	buttonLimit    = 10
	actionLimit    = 40
	longestAddress = 200 // characters
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "webhook", Kind: Kind, Summary: "signed events to a receiver of your own, with receipts and replies from it",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Adapter is one receiver. It is safe for concurrent use.
type Adapter struct {
	name   string
	opts   Options
	hook   string
	sender *httpsend.Sender
	signer *httpsend.Signer
	now    func() time.Time
}

// New makes the adapter and does no I/O. The error names every fault of the options.
func New(s channels.Settings) (*Adapter, error) {
	opts, signer, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return &Adapter{name: s.Name, opts: opts, hook: s.HookURL, sender: httpsend.New(s.HTTP, longestAttempt), signer: signer, now: s.Now}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities follow the options: what the receiver sends back, and how long it remembers the ids of events, only its owner
// knows. What it sends back comes to the channel's public URL, so without one nothing does.
func (a *Adapter) Capabilities() channels.Capabilities {
	c := channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.Characters,
		Inbound: a.hears(), Buttons: a.hears(), Sensitive: a.opts.Sensitive,
		DedupeWindow:   time.Duration(a.opts.DedupeHours) * time.Hour,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerSecond, Burst: max(1, int(a.opts.PerSecond/10))}},
		LongestAttempt: longestAttempt,
	}
	if a.opts.Receipts && a.hook != "" {
		c.Receipts, c.ReceiptWithin = channels.DeliveryReceipts, receiptWithin
	}
	return c
}

// hears says whether the receiver can bring what people answer.
func (a *Adapter) hears() bool { return a.opts.Replies && a.hook != "" }

// ParseAddress takes what the receiver knows the person by: anything on one line.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	text := strings.Join(strings.Fields(compose.Clean(raw)), " ")
	switch {
	case !compose.Visible(text):
		return "", errors.New("the address is empty; type the name or number that the receiver knows her by")
	case utf8.RuneCountInString(text) > longestAddress:
		return "", errors.New("the address is longer than 200 characters; type the short name or number that the receiver knows her by")
	case content.HasHole(text):
		return "", errors.New("the address holds a character that is none; type it anew instead of copying it")
	}
	return channels.Address(text), nil
}

// Compose writes a document as plain text in one part. Buttons go along where a press can come back.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	if !a.hears() {
		doc.Buttons = nil
	}
	return compose.Chat{
		Name: "a webhook", Limit: textLimit, Unit: channels.Characters, Parts: 1, ButtonLimit: buttonLimit, ActionLimit: actionLimit,
	}.Plain(doc)
}

// Check sends the receiver a signed event of its own type, which concerns nobody.
func (a *Adapter) Check(ctx context.Context) error {
	if _, fail := a.post(ctx, "check-"+stamp(a.now()), typeCheck, nil, nil); fail != nil {
		return httpsend.Asked(fail, "the receiver")
	}
	return nil
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
