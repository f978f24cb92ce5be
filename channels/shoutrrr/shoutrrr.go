// Package shoutrrr is a bridge to services that the library of that name knows (github.com/nicholas-fedor/shoutrrr, MIT). Of
// these it takes the ones that let us make the request: the library has neither a context nor an error that says what was sent,
// follows redirects, and tries again by itself. So it writes the request, and httpsend makes it, once (docs/adr/0068).
package shoutrrr

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const (
	// fixed is the one address of a channel whose URL leads to one place.
	fixed       = "channel"
	hole        = "{address}"
	longestSend = 20 * time.Second
)

// Factory makes the adapter. The kind of contact point is the service that a channel's URL names.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "shoutrrr", Summary: "Pushover, Gotify, Discord or PagerDuty, by a shoutrrr URL",
		Options: func() any { return new(Options) },
		New:     func(s channels.Settings) (channels.Adapter, error) { return New(s) },
	}
}

// Adapter is one service URL. It is safe for concurrent use.
type Adapter struct {
	opts    Options
	service *service
	sender  *httpsend.Sender
	now     func() time.Time
}

// New makes the adapter and does no I/O. The error names every fault of the options, and nothing of the URL.
func New(s channels.Settings) (*Adapter, error) {
	opts, service, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.HTTP == nil && !s.Operator {
		s.HTTP = &http.Client{Transport: httpsend.GuardedTransport(s.Reach)}
	}
	return &Adapter{opts: opts, service: service, sender: httpsend.New(s.HTTP, longestSend), now: s.Now}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities are those of the service. None of them answers, reports or knows a message again for certain. Texts marked
// sensitive leave as a pointer: companies that the group did not choose for it read what passes.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: a.service.name, TextLimit: a.service.limit, TextUnit: channels.Characters,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerSecond, Burst: 5}},
		LongestAttempt: longestSend,
	}
}

// several says whether the channel's URL has room for an address, so that members have each their own.
func (a *Adapter) several() bool { return strings.Contains(a.opts.URL.Reveal(), hole) }

// ParseAddress takes what stands in the URL in place of {address}; without that, the word channel.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) {
	text := strings.TrimSpace(raw)
	switch {
	case !a.several() && strings.EqualFold(text, fixed):
		return fixed, nil
	case !a.several():
		return "", errors.New("this channel leads to one place only; type channel, and everybody who reads there gets what is sent")
	case !a.service.form.MatchString(text):
		return "", errors.New(a.service.wanted)
	}
	return channels.Address(text), nil
}

// Compose writes a document as the service shows it.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	rtl := doc.Direction == content.RightToLeft
	doc.Buttons = nil
	write := func(blocks []content.Block) string { return a.service.write(compose.PlainBlocks(blocks, rtl)) }
	return compose.Chat{
		Name: a.service.title, Limit: a.service.limit, Unit: channels.Characters, Parts: a.service.parts,
		Measure: func(blocks []content.Block, _ int) int { return compose.Length(write(blocks), channels.Characters) },
	}.Compose(doc, func(piece []content.Block) channels.Part {
		return channels.Part{Text: write(piece), Markup: a.service.markup, Cost: 1}
	})
}

// Check asks the service for what disturbs nobody. The library has no such request; it is ours.
func (a *Adapter) Check(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.service.check(a.opts.URL.Reveal()), nil)
	if err != nil {
		return &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Detail: "no request could be made; check the channel's url"}
	}
	resp, err := a.sender.Do(req)
	switch {
	case resp == nil:
		return httpsend.Asked(channels.AsError(err), a.service.title)
	case resp.Status < 300 && err == nil, a.service.name == pagerDuty && (resp.Status == http.StatusNotFound || resp.Status == http.StatusMethodNotAllowed):
		return nil
	case resp.Status < 300:
		return httpsend.Asked(channels.AsError(err), a.service.title)
	}
	return httpsend.Asked(a.refusal(resp), a.service.title)
}

var (
	_ channels.Adapter = (*Adapter)(nil)
	_ io.Closer        = (*Adapter)(nil)
)
