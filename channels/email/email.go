// Package email sends mail through an SMTP server and hears, from a mailbox, what became of it and what people answer.
//
// The library go-mail connects, encrypts and signs in. The transaction is ours, so that it heeds the context and knows
// whether the final dot was written: before it nothing was sent, after it only an answer tells. So are the messages
// (docs/adr/0008). Mail knows no receipt: the server's 250 means that it was handed over. What comes back, a bounce or
// an answer, comes to a tagged address, and nothing else is believed.
package email

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Kind is the kind of contact point that the adapter takes.
const Kind = "email"

const (
	textLimit = 50_000 // characters; Gmail cuts a message of 102 kB, markup included

	// RFC 5321, section 4.5.3.2, would have us wait ten minutes for the answer to the final dot. Nobody can be kept
	// waiting for that here: what got no answer by then is in doubt.
	longestSend = time.Minute
)

// Factory makes the adapter.
func Factory() channels.Factory {
	return channels.Factory{
		Name:         "email",
		Kind:         Kind,
		Summary:      "mail through an SMTP server, with bounces and answers from a mailbox",
		Options:      func() any { return new(Options) },
		New:          func(s channels.Settings) (channels.Adapter, error) { return New(s) },
		ParseAddress: func(_, raw string) (channels.Address, error) { return parseAddress(raw) },
		Compose:      (&Adapter{}).Compose,
	}
}

// Adapter sends as one sender through one server. It is safe for concurrent use.
type Adapter struct {
	opts     Options
	keys     keys
	domain   string // of opts.From
	signers  []signer
	hook     string // where one click unsubscribes; empty: nowhere
	now      func() time.Time
	server   server
	mailbox  server
	pool     *pool
	pollWait time.Duration
}

// New makes the adapter and does no I/O. The error names every fault of the options.
func New(s channels.Settings) (*Adapter, error) {
	opts, signers, roots, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	dialer := httpsend.Dialer(s)
	a := &Adapter{
		opts: opts, keys: newKeys(opts.Secret, opts.PreviousSecret), domain: domainOf(opts.From), signers: signers, now: s.Now,
		server:  newServer(dialer, opts.Host, opts.Port, opts.TLS, roots),
		mailbox: newServer(dialer, opts.IMAPHost, opts.IMAPPort, opts.IMAPTLS, roots),
	}
	if a.hook = cmp.Or(s.LinkURL, s.HookURL); !secure(a.hook) {
		a.hook = ""
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.pollWait = max(s.PollWait, 0)
	a.pool = newPool(opts.Connections, opts.PerConnection, a.dial)
	return a, nil
}

// Names gives what stands in the headers that mail programs show, to a member in neutral mode.
func (a *Adapter) Names(context.Context) ([]string, error) {
	return []string{a.opts.From, a.opts.ReturnTo}, nil
}

// Capabilities says what mail can do. It is not fit for sensitive texts: every server on the way reads and keeps them. There
// are no receipts: a server tells that it has taken a message, and later at most that it could not deliver it.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{
		Kind: Kind, TextLimit: textLimit, TextUnit: channels.Characters, RichText: true,
		Inbound: a.hears(), Polled: a.hears(), Links: true,
		Rates:          []channels.Rate{{PerSecond: a.opts.PerSecond, Burst: max(1, int(a.opts.PerSecond/10))}},
		LongestAttempt: longestSend,
	}
}

// hears says whether there is a mailbox to look into.
func (a *Adapter) hears() bool { return a.opts.IMAPHost != "" }

// Check signs in at the server and, where there is one, at the mailbox. It sends nothing.
func (a *Adapter) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, longestSend/2)
	defer cancel()
	l, fail := a.dial(ctx)
	if fail != nil {
		return fail
	}
	fail = l.noop(ctx)
	l.quit(ctx)
	if fail != nil {
		return fail
	}
	if a.hears() {
		box, fail := a.openMailbox(ctx)
		if fail != nil {
			return fail
		}
		box.close()
	}
	return nil
}

// Close lets idle connections go.
func (a *Adapter) Close() error {
	a.pool.close()
	return nil
}

// failing is an error of the way to a server: certainly not sent.
func failing(cause error, detail string) *channels.Error {
	if e := httpsend.Refused(cause); e != nil {
		return e
	}
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var expired x509.CertificateInvalidError
	switch {
	case errors.As(cause, &unknown):
		detail = "the mail server's certificate is signed by nobody known; if it is your own, set ca"
	case errors.As(cause, &host):
		detail = "the mail server's certificate is for another name; set host as the certificate has it"
	case errors.As(cause, &expired):
		detail = "the mail server's certificate is not valid, perhaps no longer; renew it"
	}
	return &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: detail, Cause: cause}
}

var (
	_ channels.Adapter       = (*Adapter)(nil)
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Poller        = (*Adapter)(nil)
	_ channels.Introducer    = (*Adapter)(nil)
	_ channels.Filler        = (*Adapter)(nil)
	_ io.Closer              = (*Adapter)(nil)
)
