// Package sms sends and receives text messages through Twilio: one part a message, with receipts by webhook or by
// polling, the person's STOP, and a look-up that settles what became of a message whose answer was lost.
package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/phone"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "sms"

const (
	maxText        = 1600             // https://www.twilio.com/docs/api/errors/21617
	longestAttempt = 20 * time.Second // Twilio itself gives up on its callers after 15
	receiptWithin  = 2 * time.Minute
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "sms", Kind: Kind, Summary: "Text messages through Twilio",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(region, raw string) (channels.Address, error) { return ParseNumber(raw, region) },
		Compose:      (&Adapter{}).Compose,
		Country:      phone.Country,
	}
}

// Adapter speaks to one Twilio account as one sender. It is safe for concurrent use.
type Adapter struct {
	options   settings
	client    *twilio.Client
	validator *twilio.Validator
	hook      bool
	now       func() time.Time
}

// settings are the options without their secrets.
type settings struct {
	Account, From, Neutral, Service, Region string
	Validity                                int
	ContentRetention, AddressRetention      string
	Rate                                    float64
	Smart, Hears                            bool
}

// New makes an adapter from a channel's settings, without any I/O. The error names every option that is wrong and how
// to mend it.
func New(s channels.Settings) (*Adapter, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return nil, err
	}
	if err := o.check(s.HookURL != ""); err != nil {
		return nil, fmt.Errorf("channel %s: options:\n%w", s.Name, err)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	client, err := twilio.New(twilio.Options{
		AccountSID: o.AccountSID, AuthToken: o.AuthToken, KeySID: o.APIKeySID, KeySecret: o.APIKeySecret,
		BaseURL: o.BaseURL, HTTP: s.HTTP, Longest: longestAttempt, Now: s.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("channel %s: options: %w", s.Name, err)
	}
	return &Adapter{
		options: settings{
			o.AccountSID, o.From, o.NeutralFrom, o.MessagingServiceSID, o.Region, o.ValiditySeconds, o.ContentRetention, o.AddressRetention,
			o.SegmentsPerSecond, o.SmartEncoding, o.hears(),
		},
		client:    client,
		validator: twilio.NewValidator(s.HookURL, o.AuthToken, o.PreviousAuthToken),
		hook:      s.HookURL != "",
		now:       s.Now,
	}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.client.Close()
	return nil
}

// Capabilities of a Twilio sender. Text messages are never fit for sensitive texts: the provider and every carrier read
// them. The text limit is counted in UTF-16 code units, which is never more generous than Twilio's characters.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: maxText, TextUnit: channels.UTF16, Short: true,
		Receipts: channels.DeliveryReceipts, ReceiptWithin: receiptWithin, Inbound: a.options.Hears, Reserved: reserved(),
		Rates:          []channels.Rate{{PerSecond: a.options.Rate, Burst: max(compose.LargestSMS, int(a.options.Rate/10))}},
		LongestAttempt: longestAttempt,
	}
}

// reserved lists the words that Twilio answers by itself unless an account says otherwise; one that it answers besides it
// names in OptOutType (help.twilio.com/articles/223134027).
func reserved() []string {
	return []string{"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "START", "YES", "UNSTOP"}
}

// Compose writes the document as one text message; Cost is its number of segments.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	return a.texts().Compose(doc)
}

func (a *Adapter) texts() compose.SMS { return compose.SMS{Limit: maxText, Smart: a.options.Smart} }

// Fill puts a name into a text message, which is encoded and counted anew.
func (a *Adapter) Fill(p channels.Part, _ channels.Address, name string) (channels.Part, bool) {
	return a.texts().Fill(p, name)
}

// Measure says how a text message is encoded.
func (a *Adapter) Measure(p channels.Part) channels.Measure { return a.texts().Measure(p) }

// Send hands one text message to Twilio. The time that the message may wait there follows from Outbound.Expires, in
// whole seconds rounded down, so that nothing arrives late (domain rule R20). Twilio's own smart encoding stays off: it
// would change what was counted, shown and is looked for after doubt.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	validity := a.options.Validity
	if !m.Expires.IsZero() {
		left := m.Expires.Sub(a.now())
		if left < time.Second {
			return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message expired before it was sent", Cause: channels.ErrExpired}
		}
		validity = int(min(left/time.Second, time.Duration(validity)))
	}
	p := (&api.CreateMessageParams{}).SetTo(m.To.Reveal()).SetBody(m.Part.Text).SetValidityPeriod(validity).SetSmartEncoded(false)
	switch {
	case m.Neutral && a.options.Neutral != "":
		p.SetFrom(a.options.Neutral)
	case a.options.Service != "":
		p.SetMessagingServiceSid(a.options.Service)
	default:
		p.SetFrom(a.options.From)
	}
	if m.CallbackURL != "" {
		p.SetStatusCallback(m.CallbackURL)
	}
	if a.options.ContentRetention != "" {
		p.SetContentRetention(a.options.ContentRetention)
	}
	if a.options.AddressRetention != "" {
		p.SetAddressRetention(a.options.AddressRetention)
	}
	answer, err := a.client.CreateMessage(ctx, p)
	if err != nil {
		return channels.Sent{}, ofSend(err)
	}
	if value(answer.Sid) == "" {
		return channels.Sent{}, &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel,
			Detail: "Twilio's answer names no message; it may have taken it", Cause: errors.New("the answer has no sid"),
		}
	}
	if status, known := statusOf(value(answer.Status)); known && status == channels.StatusFailed {
		return channels.Sent{}, ofReceipt(value(answer.ErrorCode))
	}
	return channels.Sent{ProviderID: *answer.Sid}, nil
}

// Names gives the sender. What a messaging service chooses is a number, unless the service has a name among its senders.
func (a *Adapter) Names(context.Context) ([]string, error) {
	if a.options.Neutral != "" {
		return []string{a.options.Neutral}, nil
	}
	return []string{a.options.From}, nil
}

// Check reads the account. It proves the credentials and that the account is active, and sends nothing.
func (a *Adapter) Check(ctx context.Context) error {
	account, err := a.client.FetchAccount(ctx)
	if err != nil {
		return ofRead(err)
	}
	if status := value(account.Status); status != "active" {
		return &channels.Error{
			Class: channels.Auth, Scope: channels.ScopeSender, Code: strings.ToValidUTF8(status[:min(len(status), 20)], ""),
			Detail: "the Twilio account is not active; look at it in Twilio's console",
		}
	}
	return nil
}

// value gives what a pointer points to, or the zero value for nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Poller        = (*Adapter)(nil)
	_ channels.StatusFinder  = (*Adapter)(nil)
	_ channels.Measurer      = (*Adapter)(nil)
	_ channels.Filler        = (*Adapter)(nil)
	_ channels.Introducer    = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
