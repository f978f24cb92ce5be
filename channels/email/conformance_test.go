package email

import (
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	password = "kit-password-of-the-sender"
	secret   = "kit-secret-of-the-channel"
)

// options are those of a channel at the sandbox, with the changes given.
func options(changes map[string]any) map[string]any {
	o := map[string]any{
		"host": "127.0.0.1", "tls": "starttls", "username": "carillon", "password": password,
		"from": "news@harbour.example", "from_name": "Harbour", "secret": secret, "per_second": 1000, "connections": 8,
	}
	for k, v := range changes {
		if o[k] = v; v == nil {
			delete(o, k)
		}
	}
	return o
}

// at points options at a double, mailbox included.
func at(d channeltest.Double, changes map[string]any) map[string]any {
	o := options(changes)
	u, err := url.Parse(d.URL())
	if err != nil {
		panic(err)
	}
	o["host"] = u.Hostname()
	o["port"], _ = strconv.Atoi(u.Port())
	if box, ok := d.(*channeltest.SandboxDouble); ok {
		host, port, _ := net.SplitHostPort(box.IMAP)
		o["ca"], o["return_to"], o["imap_host"], o["imap_tls"] = box.Certificate, "mail@harbour.example", host, "starttls"
		o["imap_port"], _ = strconv.Atoi(port)
		o["imap_username"], o["imap_password"] = "mail@harbour.example", password
	}
	return o
}

func made(o map[string]any, hook string) (*Adapter, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return New(channels.Settings{Name: "email-kit", Options: raw, HookURL: hook, Operator: true})
}

// subject gives the kit its four answers.
func subject() channeltest.Subject {
	build := func(secret string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return made(at(d, map[string]any{"secret": secret}), hook)
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			return channeltest.Sandbox(sandbox.Mail, sandbox.KindEmail, "", sandbox.Options{Strict: true, Mail: []sandbox.MailUser{{Name: "carillon", Password: password}, {Name: "mail@harbour.example", Password: password}}})
		},
		Make: build(secret), Stranger: build("another-secret-of-another-channel"),
		Valid: map[string]channels.Address{
			"anna@example.org": "anna@example.org", " Anna.B+x@EXAMPLE.org ": "Anna.B+x@example.org", "Anna <anna@example.org>": "anna@example.org",
			"mailto:anna@example.org": "anna@example.org", "anna@bücher.example": "anna@xn--bcher-kva.example", "anna＠example．org": "anna@example.org",
		},
		Invalid: []string{"", "Anna", "anna@", "@harbour.example", "anna@localhost", "a@b@example.org", "anna@example.org, ben@example.org", "an na@example.org", `"anna b"@example.org`, "anna@[127.0.0.1]", ".anna@example.org", "änna@example.org"},
		People:  []channels.Address{"anna@example.org", "ben@example.net", "chi@example.com"},
		Secrets: []string{password, secret},
		Proof:   "?u",
		Prompt: func(d channeltest.Double, a channels.Address) error {
			_, err := d.(*channeltest.SandboxDouble).Box.Reply(sandbox.Reply{Kind: sandbox.KindEmail, Address: a.Reveal(), Leave: true})
			return err
		},
		Definite: true,
		Read:     readPart,
	}
}

func TestConformance(t *testing.T) {
	for _, c := range channeltest.Checks(subject()) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}
