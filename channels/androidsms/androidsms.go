// Package androidsms sends and receives text messages through a spare Android phone with a local SIM, which runs the open app
// SMS Gateway for Android (github.com/capcom6/android-sms-gateway): for countries where a foreign sender is blocked or costs too
// much.
//
// Requests go to the app itself or to a server between (github.com/android-sms-gateway/server), which speak alike. Facts were
// read in their sources of July and August 2026, named where they are used. A message has an id of ours, which app and server
// take once only: so it may be sent again after doubt, and be asked for.
package androidsms

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/channels/phone"
)

// Kind is the kind of contact point that the adapter takes: numbers, as other channels of text messages.
const Kind = "sms"

const (
	textLimit      = 1600 // UTF-16 code units; the app cuts a text of any length into segments
	longestAttempt = 20 * time.Second
	receiptWithin  = 5 * time.Minute
	// remembers is how long a repeated id is refused. The app keeps messages until its log is cleared, which it does after a
	// day at the earliest, where its owner set that (MessagesSettings.kt, log_lifetime_days).
	remembers = 24 * time.Hour
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "androidsms", Kind: Kind, Summary: "text messages through a spare Android phone",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(region, raw string) (channels.Address, error) { return phone.ParseNumber(raw, region) },
		Compose:      (&Adapter{}).Compose,
		Country:      phone.Country,
	}
}

// Adapter is one phone. It is safe for concurrent use.
type Adapter struct {
	opts   Options
	hook   string
	sender *httpsend.Sender
	now    func() time.Time
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
	return &Adapter{opts: opts, hook: s.HookURL, sender: httpsend.New(s.HTTP, longestAttempt), now: s.Now}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities of a phone. Text messages are never fit for sensitive texts: every carrier reads them, and so does whoever holds
// the phone. A SIM sends slowly, and Android asks its holder when an app sends more than a few in a minute.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.UTF16, Short: true,
		Receipts: channels.DeliveryReceipts, ReceiptWithin: receiptWithin, Inbound: true,
		DedupeWindow:   remembers,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerMinute / 60, Burst: compose.LargestSMS}},
		LongestAttempt: longestAttempt,
	}
}

// ParseAddress turns a phone number as people write it into E.164. Numbers without + are read as of the channel's region.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) {
	return phone.ParseNumber(raw, a.opts.Region)
}

// Compose writes the document as one text message; Cost is its number of segments.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	return a.texts().Compose(doc)
}

func (a *Adapter) texts() compose.SMS {
	return compose.SMS{Limit: textLimit, Smart: a.opts.SmartEncoding}
}

// Fill puts a name into a text message, which is encoded and counted anew.
func (a *Adapter) Fill(p channels.Part, _ channels.Address, name string) (channels.Part, bool) {
	return a.texts().Fill(p, name)
}

// Measure says how a text message is encoded.
func (a *Adapter) Measure(p channels.Part) channels.Measure { return a.texts().Measure(p) }

// Check asks for the newest message that was sent. It proves the credentials and that the phone, or the server, answers.
func (a *Adapter) Check(ctx context.Context) error {
	var list []state
	if _, fail := a.call(ctx, http.MethodGet, "/messages?limit=1", nil, &list); fail != nil {
		return httpsend.Asked(fail, phoneName)
	}
	return nil
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Subscriber    = (*Adapter)(nil)
	_ channels.Poller        = (*Adapter)(nil)
	_ channels.Catcher       = (*Adapter)(nil)
	_ channels.StatusFinder  = (*Adapter)(nil)
	_ channels.Measurer      = (*Adapter)(nil)
	_ channels.Filler        = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
