// Package telegram sends through a Telegram bot and hears what people answer it.
//
// The library telegram-bot-api builds the requests and decodes Telegram's envelope; parameters and results that are
// younger than it are ours. Telegram neither honours an idempotency key nor lets a bot list what it sent, so a send
// whose answer was lost stays in doubt, and every message ends with a short reference by which a reader recognises a
// repeated one. Its answer says that the message is in the chat, and nothing ever says that a phone fetched it.
package telegram

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "telegram"

// Limits that Telegram states (core.telegram.org/bots/api: sendMessage, InlineKeyboardButton), and two that it does not.
const (
	textLimit   = 4096 // UTF-16 code units, after entities are parsed; the server counts characters, which are never more
	entityLimit = 100  // formatting beyond that is ignored; found by experiment, says python-telegram-bot (telegram.constants)
	buttonLimit = 100  // buttons of one message; commonly said, and not read in a source
	dataLimit   = 64   // bytes that a button carries
)

const longestSend = 20 * time.Second

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name:         "telegram",
		Kind:         Kind,
		Summary:      "messages from a Telegram bot, with buttons and replies",
		Options:      func() any { return new(Options) },
		New:          New,
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Adapter is one bot. It is safe for concurrent use.
type Adapter struct {
	name     string
	opts     Options
	hookURL  string
	pollWait time.Duration
	now      func() time.Time
	api      api
	floods   floods
	presses  presses
}

// New makes the adapter and does no I/O. The error names every fault of the options.
func New(s channels.Settings) (channels.Adapter, error) {
	opts, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	client := s.HTTP
	if client == nil {
		client = &http.Client{Transport: httpsend.Transport()}
	}
	now := s.Now
	if now == nil {
		now = time.Now
	}
	return &Adapter{
		name:     s.Name,
		opts:     opts,
		hookURL:  s.HookURL,
		pollWait: max(s.PollWait, 0),
		now:      now,
		api: api{
			token: opts.Token.Reveal(),
			// The library fills in token and method.
			endpoint: strings.TrimRight(opts.BaseURL, "/") + "/bot%s/%s",
			short:    httpsend.New(client, longestSend),
			long:     httpsend.New(client, max(s.PollWait, 0)+longestSend),
			now:      now,
		},
	}, nil
}

// Names asks Telegram under which name and @name the bot writes (core.telegram.org/bots/api#getme).
func (a *Adapter) Names(ctx context.Context) ([]string, error) {
	result, fail := a.api.call(ctx, a.api.short, "getMe", nil)
	if fail != nil {
		return nil, fail
	}
	var me struct {
		First string `json:"first_name"`
		Last  string `json:"last_name"`
		User  string `json:"username"`
	}
	if err := json.Unmarshal(result, &me); err != nil {
		return nil, nil // Check says what is wrong
	}
	return []string{me.First + " " + me.Last, me.User}, nil
}

// Capabilities says what a bot can do. It is not fit for sensitive texts: bots have no secret chats, so Telegram reads all. It
// reports no receipts: Telegram tells a bot nothing after its answer.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind:      Kind,
		TextLimit: textLimit,
		TextUnit:  channels.UTF16,
		RichText:  true,
		Buttons:   true,
		Inbound:   true,
		Rates: []channels.Rate{
			{PerSecond: a.opts.PerSecond, Burst: max(1, int(a.opts.PerSecond/10))},
			{PerSecond: a.opts.PerChat, Burst: 3, PerAddress: true},
		},
		LongestAttempt: longestSend,
	}
}

// Check asks Telegram who the bot is. Nobody notices.
func (a *Adapter) Check(ctx context.Context) error {
	result, fail := a.api.call(ctx, a.api.short, "getMe", nil)
	if fail != nil {
		return fail
	}
	var me struct {
		ID    int64 `json:"id"`
		IsBot bool  `json:"is_bot"`
	}
	if err := json.Unmarshal(result, &me); err != nil || me.ID == 0 || !me.IsBot {
		return &channels.Error{
			Class: channels.Temporary, Scope: channels.ScopeChannel,
			Detail: "something answers in Telegram's place and names no bot; check the channel's base_url",
		}
	}
	return nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.api.short.Close()
	return nil
}

// presses remembers the buttons that the latest Poll brought, until the next one shows that they are stored.
type presses struct {
	mu     sync.Mutex
	cursor string
	ids    []string
}

func (p *presses) put(cursor string, ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cursor, p.ids = cursor, ids
}

func (p *presses) take(cursor string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cursor != cursor {
		return nil
	}
	ids := p.ids
	p.ids = nil
	return ids
}

var (
	_ channels.Adapter    = (*Adapter)(nil)
	_ channels.Introducer = (*Adapter)(nil)
	_ channels.Filler     = (*Adapter)(nil)
)
