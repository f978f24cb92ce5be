package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const (
	name           = "harbourchat"
	limit          = 4000 // characters
	longestAttempt = 20 * time.Second
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: name, Kind: name, Summary: "the harbour's own chat",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Options is the channel's section of the configuration.
type Options struct {
	BaseURL string          `json:"base_url" doc:"where the chat answers, as in https://chat.example.org" required:"true"`
	Token   channels.Secret `json:"token" doc:"token of the account that writes" required:"true"`
}

// Adapter speaks to one chat server with one account. It is safe for concurrent use.
type Adapter struct {
	opts   Options
	sender *httpsend.Sender
	now    func() time.Time
}

// New makes the adapter and does no I/O.
func New(s channels.Settings) (*Adapter, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return nil, err
	}
	fault, faults := channels.OptionFaults(s)
	if u, err := url.Parse(o.BaseURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		fault("base_url", "must be a URL, as in https://chat.example.org")
	}
	if o.Token == "" {
		fault("token", "is missing; the chat's administrator gives it out")
	}
	if err := faults(); err != nil {
		return nil, err
	}
	if s.HTTP == nil {
		s.HTTP = &http.Client{Transport: httpsend.Transport()}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	return &Adapter{opts: o, sender: httpsend.New(s.HTTP, longestAttempt), now: s.Now}, nil
}

// Capabilities are those of plain text without receipts or answers.
func (*Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: name, TextLimit: limit, TextUnit: channels.Characters, LongestAttempt: longestAttempt,
		Rates: []channels.Rate{{PerSecond: 10, Burst: 10}},
	}
}

var address = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ParseAddress takes the name of a user.
func (*Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	text := strings.ToLower(strings.TrimSpace(raw))
	if !address.MatchString(text) {
		return "", errors.New("this is no name of the harbour's chat; it has letters, digits, dots, dashes and _, as in anna.berg")
	}
	return channels.Address(text), nil
}

// Compose writes plain text in one message.
func (*Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	doc.Buttons = nil
	return compose.Chat{Name: "the harbour's chat", Limit: limit, Unit: channels.Characters, Parts: 1}.Plain(doc)
}

// Send makes one attempt. What the server does not clearly refuse is in doubt.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	var answer struct {
		ID string `json:"id"`
	}
	if fail := a.call(ctx, http.MethodPost, "/messages", map[string]string{"to": m.To.Reveal(), "text": m.Part.Text}, &answer); fail != nil {
		return channels.Sent{}, fail
	}
	if answer.ID == "" {
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "the chat answered without an id; it may have taken the message"}
	}
	return channels.Sent{ProviderID: answer.ID}, nil
}

// Check asks whose token it is.
func (a *Adapter) Check(ctx context.Context) error {
	if fail := a.call(ctx, http.MethodGet, "/me", nil, nil); fail != nil {
		return httpsend.Asked(fail, "the chat")
	}
	return nil
}

func (a *Adapter) call(ctx context.Context, method, path string, in, into any) *channels.Error {
	_, fail := a.sender.JSON(ctx, httpsend.Exchange{
		Method: method, URL: a.opts.BaseURL + path, Header: httpsend.Bearer(a.opts.Token), In: in, Into: into, Who: "the chat",
		Refusal: func(r *httpsend.Response) *channels.Error { return httpsend.FromStatus(r.Status, r.Header, a.now()) },
	})
	return fail
}

var _ channels.Adapter = (*Adapter)(nil)
