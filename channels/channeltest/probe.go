package channeltest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// The marks that checks put into messages and look for in errors.
const (
	text    = "kit-text-7391 meets at the harbour"
	attempt = "01890000-0000-7000-8000-000000007391"
)

const (
	soon  = 600 * time.Millisecond // deadline of calls that are made to hang; a handshake and a dialogue fit in, on a busy machine
	grace = 3 * time.Second        // how much later than its deadline a call may return, on a busy machine
	wait  = 10 * time.Second       // for what must come
)

// probe is one check under way: an adapter, its double and its hook.
type probe struct {
	T
	Subject
	adapter channels.Adapter
	double  Double
	hook    *hook
	ctx     context.Context
	written atomic.Int64 // messages so far, so that no two have the same key
}

func (s Subject) run(t T, check func(*probe)) {
	t.Helper()
	d, stop, err := s.Start()
	if err != nil {
		t.Fatalf("starting the double: %v", err)
	}
	defer stop()
	h, err := listen()
	if err != nil {
		t.Fatalf("starting the hook: %v", err)
	}
	defer h.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := &probe{T: t, Subject: s, double: d, hook: h, ctx: ctx}
	p.adapter = p.made(s.Make, h.url)
	defer p.closed(p.adapter)
	check(p)
}

func (p *probe) made(by func(Double, string) (channels.Adapter, error), hookURL string) channels.Adapter {
	p.Helper()
	a, err := by(p.double, hookURL)
	if err != nil {
		p.Fatalf("making the adapter: %v", err)
	}
	return a
}

func (p *probe) closed(a channels.Adapter) {
	if c, ok := a.(io.Closer); ok {
		if err := c.Close(); err != nil {
			p.Errorf("closing the adapter: %v", err)
		}
	}
}

// subscribe points the provider at the hook, where the adapter has to.
func (p *probe) subscribe(a channels.Adapter) {
	p.Helper()
	if s, ok := a.(channels.Subscriber); ok {
		if err := s.Subscribe(p.ctx); err != nil {
			p.Fatalf("Subscribe: %v", err)
		}
	}
}

// message is a part on its way to the n-th person.
func (p *probe) message(n int, words string) channels.Outbound {
	return channels.Outbound{
		Attempt: attempt, PartNo: 1, Key: fmt.Sprintf("%s:1:%d", attempt, p.written.Add(1)), To: p.People[n%len(p.People)], Part: channels.Part{Text: words, Cost: 1},
		Expires: time.Now().Add(time.Hour), CallbackURL: p.hook.url + "?a=" + attempt + "&p=1",
	}
}

func (p *probe) send(m channels.Outbound) channels.Sent {
	p.Helper()
	sent, err := p.adapter.Send(p.ctx, m)
	if err != nil {
		p.Fatalf("Send to a healthy provider: %v", err)
	}
	if sent.ProviderID == "" {
		p.Fatalf("Send succeeded without the provider's id of the message")
	}
	return sent
}

// failed holds an error against the contract: it is an *channels.Error, of that class, and tells nothing.
func (p *probe) failed(what string, err error, class channels.Class) *channels.Error {
	p.Helper()
	if err == nil {
		p.Errorf("%s: no error, want class %v", what, class)
		return nil
	}
	e := p.typed(what, err)
	if e != nil && e.Class != class {
		p.Errorf("%s: class %v, want %v", what, e.Class, class)
	}
	return e
}

func (p *probe) typed(what string, err error) *channels.Error {
	p.Helper()
	e, ok := err.(*channels.Error)
	if !ok || e == nil {
		p.Errorf("%s: the error is a %T, want a *channels.Error", what, err)
		return nil
	}
	switch e.Scope {
	case channels.ScopeAddress, channels.ScopeContent, channels.ScopeSender, channels.ScopeChannel:
	default:
		p.Errorf("%s: the scope %q does not exist", what, e.Scope)
	}
	if e.Class < channels.Unknown || e.Class > channels.Auth {
		p.Errorf("%s: the class %v does not exist", what, e.Class)
	}
	if e.Detail == "" {
		p.Errorf("%s: the error has no sentence for people", what)
	}
	if e.RetryAfter < 0 {
		p.Errorf("%s: it asks to wait %v", what, e.RetryAfter)
	}
	p.tellsNothing(what, err)
	return e
}

// tellsNothing looks for addresses, texts and secrets in an error and all its causes, in plain and in disguise.
func (p *probe) tellsNothing(what string, err error) {
	p.Helper()
	var said strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		fmt.Fprintf(&said, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
		var e *channels.Error
		if errors.As(err, &e) {
			fmt.Fprintf(&said, "%+v\n%s\n", *e, e.Code)
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			walk(u.Unwrap())
		case interface{ Unwrap() []error }:
			for _, one := range u.Unwrap() {
				walk(one)
			}
		}
	}
	walk(err)
	hidden := append([]string{text, "kit-text-7391"}, p.Secrets...)
	for _, a := range p.People {
		hidden = append(hidden, a.Reveal())
	}
	for _, h := range hidden {
		for how, form := range map[string]string{
			"plain": h, "URL-encoded": url.QueryEscape(h), "path-encoded": url.PathEscape(h), "hex": hex.EncodeToString([]byte(h)),
			"base64": base64.StdEncoding.EncodeToString([]byte(h)), "raw base64": base64.RawURLEncoding.EncodeToString([]byte(h)),
		} {
			if strings.Contains(said.String(), form) {
				p.Errorf("%s: the error tells an address, a text or a secret (%s)", what, how)
				return
			}
		}
	}
}

// timed runs a call and holds it to its deadline.
func (p *probe) timed(what string, deadline time.Duration, call func(context.Context) error) error {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	began := time.Now()
	err := call(ctx)
	if took := time.Since(began); took > deadline+grace {
		p.Errorf("%s: it returned after %v although its deadline was %v", what, took.Round(time.Millisecond), deadline)
	}
	return err
}
