// Package mattermost writes as a bot of a Mattermost server, in direct messages and channels, and hears what people
// answer it.
//
// The library is Mattermost's own Client4, over an HTTP client of ours that draws the line between what never left and
// what was perhaps sent. A post carries an idempotency key that the server honours for 30 seconds, and a marker by which
// it is found again after that, so doubt can be settled. Facts about the server are asked for when they are first needed:
// a server that is down stops no start.
package mattermost

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "mattermost"

const (
	longestSend  = 20 * time.Second
	dedupeWindow = 30 * time.Second // mattermost/mattermost, server/channels/app/post.go, pendingPostIDsCacheTTL
	// listLimit bounds the list of the bot's channels, which comes whole: about 700 bytes a channel.
	listLimit = 32 << 20
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name:         "mattermost",
		Kind:         Kind,
		Summary:      "messages from a Mattermost bot, with buttons and replies",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{opts: Options{TextLimit: newText}}).Compose,
	}
}

// Adapter is one bot. It is safe for concurrent use.
type Adapter struct {
	name     string
	opts     Options
	host     string // of the server, for Inbound.To
	hookURL  string
	pollWait time.Duration
	now      func() time.Time
	sender   *httpsend.Sender
	api      *model.Client4 // for everything but
	lists    *model.Client4 // the list of channels, which may be long
	who      identity
	peers    peers
	urgency  urgency
	heard    heard
}

// New makes the adapter and does no I/O. The error names every fault of the options.
func New(s channels.Settings) (*Adapter, error) {
	opts, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	now := s.Now
	if now == nil {
		now = time.Now
	}
	host := opts.BaseURL
	if u, err := url.Parse(opts.BaseURL); err == nil {
		host = u.Host
	}
	sender := httpsend.New(s.HTTP, longestSend)
	return &Adapter{
		name:     s.Name,
		opts:     opts,
		host:     host,
		hookURL:  s.HookURL,
		pollWait: max(s.PollWait, 0),
		now:      now,
		sender:   sender,
		api:      client(opts, sender),
		lists:    client(opts, sender.WithMaxBody(listLimit)),
	}, nil
}

// client is the library's client over one of our senders. Its own has no time limit and follows redirects.
func client(o Options, sender *httpsend.Sender) *model.Client4 {
	c := model.NewAPIv4Client(strings.TrimRight(o.BaseURL, "/"))
	c.SetToken(o.Token.Reveal())
	c.HTTPClient = &http.Client{
		Transport:     wire{sender},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Capabilities says what a bot can do. It reports no receipts: Mattermost tells a bot that a post is in the channel and
// nothing after that. A server is fit for sensitive texts if its owner says so: then those who run it are of the group's choice.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind:         Kind,
		TextLimit:    a.opts.TextLimit,
		TextUnit:     channels.Characters,
		RichText:     true,
		Buttons:      a.hookURL != "",
		Inbound:      true,
		Polled:       true,
		Sensitive:    a.opts.Sensitive,
		DedupeWindow: dedupeWindow,
		Rates: []channels.Rate{
			{PerSecond: a.opts.PerSecond, Burst: max(1, int(a.opts.PerSecond/10))},
		},
		LongestAttempt: longestSend,
	}
}

// Names asks the server under which names the bot writes (developers.mattermost.com/api-documentation, users/me).
func (a *Adapter) Names(ctx context.Context) ([]string, error) {
	user, resp, err := a.api.GetMe(ctx, "")
	if err != nil {
		return nil, ofRead(a.failure(resp, err, ""))
	}
	if user == nil {
		return nil, nil // Check says what is wrong
	}
	return []string{user.Username, user.Nickname, user.FirstName + " " + user.LastName, user.BotDescription, user.Position}, nil
}

// Check asks the server who the bot is. Nobody notices.
func (a *Adapter) Check(ctx context.Context) error {
	user, resp, err := a.api.GetMe(ctx, "")
	if err != nil {
		return ofRead(a.failure(resp, err, ""))
	}
	if user == nil || !model.IsValidId(user.Id) {
		return &channels.Error{
			Class: channels.Temporary, Scope: channels.ScopeChannel,
			Detail: "something answers in Mattermost's place and names no account; check the channel's base_url",
		}
	}
	a.who.put(user.Id)
	return nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Replier       = (*Adapter)(nil)
	_ channels.Poller        = (*Adapter)(nil)
	_ channels.StatusFinder  = (*Adapter)(nil)
	_ channels.Introducer    = (*Adapter)(nil)
	_ channels.Filler        = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
