// Package mastodon posts in public as an account of a Mastodon server (docs.joinmastodon.org). It is no way to reach a person:
// whoever passes by reads what is posted, so nothing personal and nothing sensitive may be, and the gateway refuses that.
package mastodon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "mastodon"

const (
	usualLimit   = 500       // characters (docs.joinmastodon.org/user/posting)
	linkLength   = 23        // what every web address counts there, so a shorter one counts more than it has
	dedupeWindow = time.Hour // docs.joinmastodon.org/methods/statuses: keys are stored for up to an hour
	maxParts     = 4
	longestSend  = 20 * time.Second
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "mastodon", Kind: Kind, Summary: "public posts of a Mastodon account",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{opts: Options{TextLimit: usualLimit}}).Compose,
	}
}

// Adapter is one account. It is safe for concurrent use.
type Adapter struct {
	opts   Options
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
	return &Adapter{opts: opts, sender: httpsend.New(s.HTTP, longestSend), now: s.Now}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities of a public account. It is one-way: what people answer in public is theirs, and is not read.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: a.opts.TextLimit, TextUnit: channels.Characters, Public: true,
		DedupeWindow:   dedupeWindow,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerMinute / 60, Burst: maxParts}},
		LongestAttempt: longestSend,
	}
}

// The two addresses: who is shown a post without looking for it.
const (
	public   = "public"
	unlisted = "unlisted"
)

// ParseAddress takes the visibility of posts, and nobody's account.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	switch text := strings.ToLower(strings.TrimSpace(raw)); {
	case text == public, text == unlisted:
		return channels.Address(text), nil
	case strings.Contains(text, "@"):
		return "", errors.New("this channel posts in public and writes to nobody; type public, or unlisted to keep posts out of public timelines")
	}
	return "", errors.New("type public, or unlisted to keep posts out of public timelines; posts go to the channel's own account")
}

// address finds web addresses, which count as linkLength.
var address = regexp.MustCompile(`https?://\S+`)

// Compose writes a document as plain text, each part a post. Nobody is mentioned: behind each @ stands an invisible character.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	rtl := doc.Direction == content.RightToLeft
	doc.Buttons = nil
	return compose.Chat{
		Name: "Mastodon", Limit: a.opts.TextLimit, Unit: channels.Characters, Parts: maxParts,
		Measure: func(blocks []content.Block, _ int) int { return length(compose.PlainBlocks(blocks, rtl)) },
	}.Compose(doc, func(piece []content.Block) channels.Part {
		return channels.Part{Text: compose.PlainBlocks(piece, rtl), Cost: 1, Locale: doc.Locale}
	})
}

// length is at least what Mastodon counts: a long address counts as it is, a short one as linkLength.
func length(text string) int {
	n := utf8.RuneCountInString(text)
	for _, link := range address.FindAllString(text, -1) {
		n += max(0, linkLength-utf8.RuneCountInString(link))
	}
	return n
}

// Check asks the server whose token it is. Nobody notices.
func (a *Adapter) Check(ctx context.Context) error {
	_, fail := a.account(ctx)
	if fail != nil {
		return fail
	}
	return nil
}

// Names gives the account's name, which everybody sees.
func (a *Adapter) Names(ctx context.Context) ([]string, error) {
	me, fail := a.account(ctx)
	if fail != nil {
		return nil, fail
	}
	return []string{me.Name, me.Account}, nil
}

type account struct {
	ID      string `json:"id"`
	Name    string `json:"display_name"`
	Account string `json:"acct"`
}

func (a *Adapter) account(ctx context.Context) (account, *channels.Error) {
	var me account
	if fail := a.call(ctx, http.MethodGet, "/api/v1/accounts/verify_credentials", "", nil, &me); fail != nil {
		return me, httpsend.Asked(fail, provider)
	}
	if me.ID == "" {
		return me, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "what answers is no Mastodon server; check the channel's base_url"}
	}
	return me, nil
}

var (
	_ channels.Adapter    = (*Adapter)(nil)
	_ channels.Introducer = (*Adapter)(nil)
	_ io.Closer           = (*Adapter)(nil)
)
