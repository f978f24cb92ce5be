// Package voice calls people through Twilio and speaks a text in its language; who hears it may answer by a key.
//
// What is spoken goes to Twilio with the request for the call, so nothing is asked of us while it rings
// (twilio.com/docs/voice/api/call-resource, Twiml).
package voice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/phone"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

// Kind is the kind of contact point that the adapter takes: numbers of people who agreed to be called.
const Kind = "voice"

const (
	textLimit      = 1000 // characters; nobody listens longer
	buttonLimit    = 9    // keys 1 to 9
	actionLimit    = 40
	rings          = 30 // seconds
	longestAttempt = 20 * time.Second
	receiptWithin  = 3 * time.Minute
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "voice", Kind: Kind, Summary: "calls through Twilio that speak the text, answered by a key",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(region, raw string) (channels.Address, error) { return phone.ParseNumber(raw, region) },
		Compose:      (&Adapter{voices: usualVoices}).Compose,
		Country:      phone.Country,
	}
}

// Adapter calls from one number of one Twilio account. It is safe for concurrent use.
type Adapter struct {
	from, neutral, region string
	rate                  float64
	voices                map[string]speech
	hook                  bool
	client                *twilio.Client
	validator             *twilio.Validator
	now                   func() time.Time
}

// New makes the adapter and does no I/O. The error names every fault of the options.
func New(s channels.Settings) (*Adapter, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return nil, err
	}
	voices, err := o.check(s)
	if err != nil {
		return nil, err
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	client, err := twilio.New(twilio.Options{AccountSID: o.AccountSID, AuthToken: o.AuthToken, BaseURL: o.BaseURL, HTTP: s.HTTP, Longest: longestAttempt, Now: s.Now})
	if err != nil {
		return nil, fmt.Errorf("channel %s: options: %w", s.Name, err)
	}
	return &Adapter{
		from: o.From, neutral: o.NeutralFrom, region: o.Region, rate: o.PerSecond, voices: voices, hook: s.HookURL != "",
		client: client, validator: twilio.NewValidator(s.HookURL, o.AuthToken, o.PreviousAuthToken), now: s.Now,
	}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.client.Close()
	return nil
}

// Capabilities of calls. They are not fit for sensitive texts: whoever takes the call hears it, and so may carriers and an
// answering machine. Without a public URL nothing comes back: neither what became of a call, nor a key.
func (a *Adapter) Capabilities() channels.Capabilities {
	c := channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.Characters, Short: true, Buttons: a.hook,
		Rates:          []channels.Rate{{PerSecond: a.rate, Burst: max(1, int(a.rate/10))}},
		LongestAttempt: longestAttempt,
	}
	if a.hook {
		c.Receipts, c.ReceiptWithin = channels.DeliveryReceipts, receiptWithin
	}
	return c
}

// ParseAddress turns a phone number as people write it into E.164. Numbers without + are read as of the channel's region.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) {
	return phone.ParseNumber(raw, a.region)
}

// Compose writes what is spoken: the document's short form, or else all of it without the addresses of links. A language without
// a voice is refused, for a voice of another would be gibberish.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	doc.Tag = "" // what is shown first of a text in another language than hers would be spelt out
	part := channels.Part{Text: compose.TextMessage(doc), Cost: 1, Locale: doc.Locale}
	refused := func(format string, args ...any) ([]channels.Part, error) {
		return nil, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: fmt.Sprintf(format, args...)}
	}
	switch n := compose.Length(part.Text, channels.Characters); {
	case !compose.Visible(part.Text):
		return refused("there is no text to speak")
	case n > textLimit:
		return refused("the text is %d characters long, and a call speaks %d at most; shorten it, or give it a short form", n, textLimit)
	}
	if _, ok := a.voiceOf(part.Locale); !ok {
		return refused("there is no voice for the text's language; name one in the channel's option voices, or give her another contact point")
	}
	if !a.hook {
		doc.Buttons = nil
	}
	if len(doc.Buttons) > buttonLimit {
		return refused("a telephone has keys for %d answers at most", buttonLimit)
	}
	for _, b := range doc.Buttons {
		label := compose.Clean(b.Label)
		if !compose.Visible(label) || len(label) > 200 || b.Action == "" || len(b.Action) > actionLimit {
			return refused("an answer has no label, a longer one than 200 bytes, or an action that a key cannot carry")
		}
		part.Buttons = append(part.Buttons, content.Button{Label: label, Action: b.Action})
	}
	if !a.fits(part) {
		return refused("text and answers take more than Twilio can be told in one call; shorten them")
	}
	return []channels.Part{part}, nil
}

// Names gives the number that rings.
func (a *Adapter) Names(context.Context) ([]string, error) {
	if a.neutral != "" {
		return []string{a.neutral}, nil
	}
	return []string{a.from}, nil
}

// Send begins one call. That it was begun says nothing of who takes it.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	if !m.Expires.IsZero() && m.Expires.Sub(a.now()) < rings*time.Second {
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message expires before anybody could take the call", Cause: channels.ErrExpired}
	}
	spoken, ok := a.instructions(m)
	if !ok {
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "there is no voice for the text's language; name one in the channel's option voices"}
	}
	from := a.from
	if m.Neutral && a.neutral != "" {
		from = a.neutral
	}
	p := (&api.CreateCallParams{}).SetTo(m.To.Reveal()).SetFrom(from).SetTwiml(spoken).SetTimeout(rings)
	if m.CallbackURL != "" {
		p.SetStatusCallback(m.CallbackURL).SetStatusCallbackEvent([]string{"completed"})
	}
	made, err := a.client.CreateCall(ctx, p)
	switch {
	case err != nil:
		return channels.Sent{}, ofCall(err)
	case made.Sid == nil || *made.Sid == "":
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "Twilio's answer names no call; it may ring", Cause: errors.New("the answer has no sid")}
	}
	return channels.Sent{ProviderID: *made.Sid}, nil
}

// Check reads the account, and calls nobody.
func (a *Adapter) Check(ctx context.Context) error {
	account, err := a.client.FetchAccount(ctx)
	if err != nil {
		e := ofCall(err)
		if e.Class == channels.Unknown {
			e.Class, e.Detail = channels.Temporary, "Twilio could not be asked just now"
		}
		return e
	}
	if account.Status == nil || *account.Status != "active" {
		return &channels.Error{Class: channels.Auth, Scope: channels.ScopeSender, Trouble: channels.TroubleUnpaid, Detail: "the Twilio account is not active; look at it in Twilio's console"}
	}
	return nil
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Replier       = (*Adapter)(nil)
	_ channels.Introducer    = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
