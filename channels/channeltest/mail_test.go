package channeltest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/email"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// mailSubject has the kit test what bend makes of the mail adapter, which hears by polling.
func mailSubject(bend func(*email.Adapter) channels.Adapter) channeltest.Subject {
	build := func(secret string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			at, err := url.Parse(d.URL())
			if err != nil {
				return nil, err
			}
			o := map[string]any{"host": at.Hostname(), "tls": "none", "from": "news@harbour.example", "secret": secret}
			o["port"], _ = strconv.Atoi(at.Port())
			if box, ok := d.(*channeltest.SandboxDouble); ok {
				host, port, err := net.SplitHostPort(box.IMAP)
				if err != nil {
					return nil, err
				}
				o["return_to"], o["imap_username"], o["imap_password"], o["imap_host"], o["imap_tls"] = "mail@harbour.example", "mail@harbour.example", "password", host, "none"
				o["imap_port"], _ = strconv.Atoi(port)
			}
			raw, err := json.Marshal(o)
			if err != nil {
				return nil, err
			}
			a, err := email.New(channels.Settings{Name: "kit", Options: raw, HookURL: hook, Operator: true})
			if err != nil {
				return nil, err
			}
			return bend(a), nil
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			return channeltest.Sandbox(sandbox.Mail, sandbox.KindEmail, "", sandbox.Options{})
		},
		Make: build("0123456789abcdef"), Stranger: build("another-secret-of-another"),
		Valid:   map[string]channels.Address{"anna@EXAMPLE.org": "anna@example.org"},
		Invalid: []string{"Annabel"}, People: []channels.Address{"anna@example.org", "ben@example.org"},
		Proof: "?u", Definite: true,
		Prompt: func(d channeltest.Double, a channels.Address) error {
			_, err := d.(*channeltest.SandboxDouble).Box.Reply(sandbox.Reply{Kind: sandbox.KindEmail, Address: a.Reveal(), Leave: true})
			return err
		},
	}
}

// What the checks do otherwise for mail bites too.
func TestBrokenMailAdaptersAreFound(t *testing.T) {
	for _, c := range []struct {
		check string
		says  string // part of a fault that must be found; empty: none
		bend  func(*email.Adapter) channels.Adapter
	}{
		{"inbound", "", func(a *email.Adapter) channels.Adapter { return a }},
		{"forgery", "", func(a *email.Adapter) channels.Adapter { return a }},
		{"faults", "", func(a *email.Adapter) channels.Adapter { return a }},
		{"inbound", "cannot poll", func(a *email.Adapter) channels.Adapter { return struct{ channels.Adapter }{a} }},
		{"inbound", "has no id", func(a *email.Adapter) channels.Adapter { return &namelessMail{a} }},
		{"inbound", "another id the second time", func(a *email.Adapter) channels.Adapter { return &renamingMail{Adapter: a} }},
		{"forgery", "want ErrForged", func(a *email.Adapter) channels.Adapter { return &gullibleMail{Adapter: a} }},
		{"faults", "class unknown, want temporary", func(a *email.Adapter) channels.Adapter { return &doubtfulMail{a} }},
	} {
		t.Run(c.check+", "+c.says, func(t *testing.T) {
			t.Parallel()
			r := run(t, c.check, mailSubject(c.bend))
			if all := strings.Join(r.Faults, "\n"); !strings.Contains(all, c.says) || c.says == "" && (all != "" || r.Skipped != "") {
				t.Errorf("the check did not say %q; it found %q, skipped %q", c.says, r.Faults, r.Skipped)
			}
		})
	}
}

type namelessMail struct{ *email.Adapter }

func (a *namelessMail) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	events, next, err := a.Adapter.Poll(ctx, cursor)
	for i := range events {
		events[i].ID = ""
	}
	return events, next, err
}

type renamingMail struct {
	*email.Adapter
	n atomic.Int64
}

func (a *renamingMail) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	events, next, err := a.Adapter.Poll(ctx, cursor)
	for i := range events {
		events[i].ID += fmt.Sprint(a.n.Add(1))
	}
	return events, next, err
}

type gullibleMail struct {
	*email.Adapter
	last atomic.Pointer[[]channels.Event]
}

func (a *gullibleMail) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	events, err := a.Adapter.ParseWebhook(r, body)
	if last := a.last.Load(); err != nil && last != nil {
		return *last, nil
	}
	a.last.Store(&events)
	return events, err
}

// doubtfulMail takes a server that says it cannot take the message for one that may have.
type doubtfulMail struct{ *email.Adapter }

func (a *doubtfulMail) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	sent, err := a.Adapter.Send(ctx, m)
	var e *channels.Error
	if errors.As(err, &e) && e.Class == channels.Temporary {
		doubt := *e
		doubt.Class = channels.Unknown
		return sent, &doubt
	}
	return sent, err
}
