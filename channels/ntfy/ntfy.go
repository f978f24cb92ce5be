// Package ntfy publishes to topics of an ntfy server (docs.ntfy.sh), which pushes them to whoever subscribed.
//
// It is one-way but for buttons: a touch on one has the phone itself call the gateway's public URL, with what the gateway has
// signed. Facts were read in the server's source (binwiederhier/ntfy, server/errors.go and server/actions.go).
package ntfy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "ntfy"

const (
	textLimit   = 4096 // bytes; what is longer becomes a file (docs.ntfy.sh/publish/#limitations)
	maxParts    = 5
	buttonLimit = 3 // server/actions.go, actionsMax
	actionLimit = 40
	longestSend = 20 * time.Second
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "ntfy", Kind: Kind, Summary: "push messages through an ntfy server, with buttons",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Adapter is one server. It is safe for concurrent use.
type Adapter struct {
	name   string
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
	return &Adapter{name: s.Name, opts: opts, hook: s.HookURL, sender: httpsend.New(s.HTTP, longestSend), now: s.Now}, nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.sender.Close()
	return nil
}

// Capabilities of a topic. Of the 60 requests that a server takes at once (server/config.go, DefaultVisitorRequestLimitBurst)
// half are used, so that an alert to some dozens leaves at once. It is not fit for sensitive texts: the server reads them, and
// so does whoever knows the topic where the server asks nobody for a password. Nobody can write back; buttons come back where
// there is a public URL and a secret.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.Bytes, Buttons: a.presses(),
		Rates:          []channels.Rate{{PerSecond: a.opts.PerSecond, Burst: 30}},
		LongestAttempt: longestSend,
	}
}

// presses says whether a button can come back.
func (a *Adapter) presses() bool { return a.hook != "" && a.opts.ActionSecret != "" }

// topicForm is that of topics (server/server.go, topicRegex).
var topicForm = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// taken are names of pages that a server has itself; it refuses them as topics with 40010.
var taken = []string{"docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1"}

// ParseAddress takes a topic's name, or the link to it.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	text := strings.TrimSpace(raw)
	for _, scheme := range [...]string{"https://", "http://", "ntfy://"} {
		if rest, ok := strings.CutPrefix(text, scheme); ok {
			_, text, _ = strings.Cut(rest, "/")
			text, _, _ = strings.Cut(text, "?")
		}
	}
	switch {
	case text == "":
		return "", errors.New("type the name of the topic that she has subscribed to in the ntfy app")
	case !topicForm.MatchString(text):
		return "", errors.New("a topic's name has 1 to 64 letters, digits, _ and -; copy it from the ntfy app")
	case slices.Contains(taken, text):
		return "", errors.New("every ntfy server has a page of this name, so it is no topic; choose another, that nobody can guess")
	}
	return channels.Address(text), nil
}

// Compose writes a document as plain text. Buttons are left out where a press could not come back.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	if !a.presses() {
		doc.Buttons = nil
	}
	return compose.Chat{
		Name: "ntfy", Limit: textLimit, Unit: channels.Bytes, Parts: maxParts, ButtonLimit: buttonLimit, ActionLimit: actionLimit,
	}.Plain(doc)
}

// Check asks the server for its health and, with a token or a password, whose they are.
func (a *Adapter) Check(ctx context.Context) error {
	var health struct {
		Healthy bool `json:"healthy"`
	}
	if fail := a.call(ctx, http.MethodGet, "/v1/health", nil, &health); fail != nil {
		return httpsend.Asked(fail, provider)
	}
	if !health.Healthy {
		return &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "the ntfy server says that it is not well, or is none; check the channel's base_url"}
	}
	if a.opts.Token == "" && a.opts.Username == "" {
		return nil
	}
	var account json.RawMessage
	if fail := a.call(ctx, http.MethodGet, "/v1/account", nil, &account); fail != nil {
		return httpsend.Asked(fail, provider)
	}
	return nil
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
