package channeltest

import (
	"net"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// SandboxDouble is a Double made of Carillon's own sandbox, on a socket of its own.
type SandboxDouble struct {
	Box      *sandbox.Sandbox
	provider string
	kind     string
	to       string
	url      string

	Certificate string // of sandbox.Mail: what SMTP and IMAP show, in PEM
	IMAP        string // of sandbox.Mail: host and port of the mailboxes
}

// Sandbox starts a double of one provider (sandbox.Twilio, Telegram, Mattermost or Mail, whose URL is that of SMTP) whose people
// have addresses of that kind. Replies go to the credential or sender to; empty: to whoever wrote last. stop ends it.
func Sandbox(provider, kind, to string, opts sandbox.Options) (d *SandboxDouble, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	d = &SandboxDouble{Box: sandbox.New(opts), provider: provider, kind: kind, to: to, url: "http://" + l.Addr().String()}
	if provider == sandbox.Mail {
		return d.mail(l)
	}
	server := &http.Server{Handler: d.Box.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // it ends with stop
	return d, func() {
		_ = d.Box.Close() // it writes its log nowhere
		_ = server.Close()
	}, nil
}

// mail serves mail instead of HTTP.
func (d *SandboxDouble) mail(toSMTP net.Listener) (_ *SandboxDouble, stop func(), err error) {
	toIMAP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = toSMTP.Close()
		return nil, nil, err
	}
	d.url, d.IMAP = "smtp://"+toSMTP.Addr().String(), toIMAP.Addr().String()
	if d.Certificate, err = d.Box.ServeMail(toSMTP, toIMAP); err != nil {
		return nil, nil, err
	}
	return d, func() { _ = d.Box.Close() }, nil // it writes its log nowhere
}

// URL is where the sandbox answers.
func (d *SandboxDouble) URL() string { return d.url }

// Script puts a fault of the provider in force.
func (d *SandboxDouble) Script(f sandbox.Fault) error {
	f.Provider = d.provider
	_, err := d.Box.Script(f)
	return err
}

// Clear ends all faults.
func (d *SandboxDouble) Clear() { d.Box.Clear() }

// Seen reads the sandbox's log.
func (d *SandboxDouble) Seen() []Seen {
	var out []Seen
	for _, e := range d.Box.Log(0, 0) {
		if e.Kind != sandbox.EntryMessage || e.Provider != d.provider {
			continue
		}
		plain := e.Plain
		if plain == "" {
			plain = e.Text
		}
		out = append(out, Seen{To: e.To, Text: plain, ID: e.ID, Kept: e.Kept})
	}
	return out
}

// Reply makes a person write.
func (d *SandboxDouble) Reply(address, text string) error {
	_, err := d.Box.Reply(sandbox.Reply{Kind: d.kind, Address: address, To: d.to, Text: text})
	return err
}

var _ Double = (*SandboxDouble)(nil)
