package channeltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

func checkSend(p *probe) {
	first := p.send(p.message(0, text))
	second := p.send(p.message(1, text))
	if first.ProviderID == second.ProviderID && p.idsAreUnique() {
		p.Errorf("messages to two people have the same id, and receipts go by it")
	}
	if third := p.send(p.message(0, text)); third.ProviderID == first.ProviderID {
		p.Errorf("two messages to one person have the same id")
	}
	seen := p.double.Seen()
	if len(seen) != 3 {
		p.Fatalf("the provider saw %d messages, want 3", len(seen))
	}
	for i, s := range seen {
		if s.To != p.People[i%2].Reveal() || s.Text != text {
			p.Errorf("message %d reached another person, or with another text", i)
		}
	}
	if p.adapter.Capabilities().DedupeWindow > 0 {
		p.repeated()
	}
}

// repeated sends a message twice under one key, where the provider is said to know keys: after doubt the gateway does so.
func (p *probe) repeated() {
	kept := func() (n int) {
		for _, s := range p.double.Seen() {
			if s.Kept {
				n++
			}
		}
		return n
	}
	before, m := kept(), p.message(0, text)
	first, second := p.send(m), p.send(m)
	if first.ProviderID != second.ProviderID {
		p.Errorf("a message that was repeated under its key has two ids, %q and %q", first.ProviderID, second.ProviderID)
	}
	if n := kept() - before; n != 1 {
		p.Errorf("a message that was repeated under its key was kept %d times", n)
	}
}

// idsAreUnique says whether ids must differ between people too: where receipts name a message by its id alone.
func (p *probe) idsAreUnique() bool { return p.adapter.Capabilities().Receipts != channels.NoReceipts }

// misdeed is a way in which a provider fails, and what it must be taken for.
type misdeed struct {
	name  string
	fault sandbox.Fault
	class channels.Class
}

// The quoted texts are what providers really do: they repeat the number in their errors.
func (p *probe) misdeeds() []misdeed {
	quote := "about " + p.People[0].Reveal() + " and " + text
	failure := misdeed{"fails inside", sandbox.Fault{Kind: sandbox.Failure, Status: 500, Text: quote, Kept: true}, channels.Unknown}
	if p.Definite {
		failure = misdeed{"fails inside and says so", sandbox.Fault{Kind: sandbox.Failure, Status: 451, Text: quote}, channels.Temporary}
	}
	all := []misdeed{
		{"hangs", sandbox.Fault{Kind: sandbox.Hang}, channels.Unknown},
		{"hangs, message kept", sandbox.Fault{Kind: sandbox.Hang, Kept: true}, channels.Unknown},
		{"drips", sandbox.Fault{Kind: sandbox.Drip, For: 100 * time.Millisecond}, channels.Unknown},
		{"hangs up", sandbox.Fault{Kind: sandbox.Cut}, channels.Unknown},
		{"hangs up, message kept", sandbox.Fault{Kind: sandbox.Cut, Kept: true}, channels.Unknown},
		{"answers garbage", sandbox.Fault{Kind: sandbox.Garbage, Kept: true}, channels.Unknown},
		{"answers a page of 502", sandbox.Fault{Kind: sandbox.HTML, Status: 502}, channels.Unknown},
		{"answers a page of 503", sandbox.Fault{Kind: sandbox.HTML, Status: 503, Kept: true}, channels.Unknown},
		failure,
		{"throttles for 7 s", sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "7"}, channels.Throttled},
		{"throttles for an hour", sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "3600"}, channels.Throttled},
		{"throttles without a time", sandbox.Fault{Kind: sandbox.Throttle}, channels.Throttled},
		{"throttles for nonsense", sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "soon"}, channels.Throttled},
		{"refuses the credentials", sandbox.Fault{Kind: sandbox.Unauthorized}, channels.Auth},
	}
	if p.Bodiless {
		all = slices.DeleteFunc(all, func(m misdeed) bool { return m.fault.Kind == sandbox.Drip })
	}
	return all
}

func checkFaults(p *probe) {
	p.send(p.message(0, text)) // a kept connection must not change what failures mean
	for _, m := range p.misdeeds() {
		if err := p.double.Script(m.fault); err != nil {
			p.Fatalf("scripting %q: %v", m.name, err)
		}
		before := len(p.double.Seen())
		what := "a provider that " + m.name
		err := p.timed(what, soon, func(ctx context.Context) error {
			_, err := p.adapter.Send(ctx, p.message(0, text))
			return err
		})
		e := p.failed(what, err, m.class)
		if n := len(p.double.Seen()) - before; n > 1 {
			p.Errorf("%s: it was asked %d times in one attempt", what, n)
		}
		if e != nil && m.class == channels.Throttled {
			p.waits(what, e.RetryAfter, m.fault.RetryAfter)
		}
		p.double.Clear()
	}
	p.send(p.message(0, text)) // nothing of it lasts
}

func (p *probe) waits(what string, got time.Duration, asked string) {
	p.Helper()
	switch want := map[string]time.Duration{"7": 7 * time.Second, "3600": time.Hour}[asked]; {
	case want > 0 && (got < want || got > want+time.Minute):
		p.Errorf("%s: it waits %v, want %v", what, got, want)
	case want == 0 && got > time.Hour:
		p.Errorf("%s: it waits %v although no time was given", what, got)
	}
}

func checkUnreachable(p *probe) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatalf("listening: %v", err)
	}
	gone := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		p.Fatalf("closing the listener: %v", err)
	}
	a, err := p.Make(elsewhere{p.double, gone}, p.hook.url)
	if err != nil {
		p.Fatalf("making an adapter for a provider that is down: %v; a dead network must not stop the gateway", err)
	}
	defer p.closed(a)
	_, err = a.Send(p.ctx, p.message(0, text))
	if e := p.failed("a provider that refuses connections", err, channels.Temporary); e != nil && e.Scope != channels.ScopeChannel {
		p.Errorf("a provider that refuses connections: the fault is with the %s, want the channel", e.Scope)
	}
	if err := a.Check(p.ctx); err == nil {
		p.Errorf("Check of a provider that refuses connections found nothing")
	} else {
		p.typed("Check of a provider that refuses connections", err)
	}
}

// elsewhere is a double that answers at another address.
type elsewhere struct {
	Double
	url string
}

func (e elsewhere) URL() string { return e.url }

func checkContext(p *probe) {
	ended, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err := p.adapter.Send(ended, p.message(0, text))
	p.failed("a context that ended before", err, channels.Temporary)
	if n := len(p.double.Seen()); n != 0 {
		p.Errorf("a context that ended before: %d messages left all the same", n)
	}
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Hang, On: sandbox.OnAll}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	for what, call := range map[string]func(context.Context) error{
		"Send":  func(ctx context.Context) error { _, err := p.adapter.Send(ctx, p.message(0, text)); return err },
		"Check": p.adapter.Check,
	} {
		if err := p.timed(what+" at a hanging provider", soon, call); err == nil {
			p.Errorf("%s at a hanging provider succeeded", what)
		} else {
			p.typed(what+" at a hanging provider", err)
		}
	}
}

func checkCheck(p *probe) {
	if err := p.adapter.Check(p.ctx); err != nil {
		p.Errorf("Check of a healthy provider: %v", err)
	}
	for _, m := range []misdeed{
		{"refuses the credentials", sandbox.Fault{Kind: sandbox.Unauthorized, On: sandbox.OnRead}, channels.Auth},
		{"throttles", sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "7", On: sandbox.OnRead}, channels.Throttled},
	} {
		if err := p.double.Script(m.fault); err != nil {
			p.Fatalf("scripting %q: %v", m.name, err)
		}
		p.failed("Check of a provider that "+m.name, p.adapter.Check(p.ctx), m.class)
		p.double.Clear()
	}
	if n := len(p.double.Seen()); n != 0 {
		p.Errorf("Check sent %d messages", n)
	}
}

func checkOptOut(p *probe) {
	if p.OptOut == nil {
		p.Skipf("nobody can opt out at this provider")
	}
	p.send(p.message(0, text))
	if err := p.OptOut(p.double, p.People[0]); err != nil {
		p.Fatalf("opting out: %v", err)
	}
	_, err := p.adapter.Send(p.ctx, p.message(0, text))
	if e := p.failed("sending to a person who opted out", err, channels.Gone); e != nil && e.Scope != channels.ScopeAddress {
		p.Errorf("sending to a person who opted out: the fault is with the %s, want the address", e.Scope)
	}
	p.send(p.message(1, text))
}

func checkConcurrency(p *probe) {
	const senders = 32
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		ids   = map[string]bool{}
		errs  []error
	)
	for n := range senders {
		group.Go(func() {
			p.adapter.Capabilities()
			_, parseErr := p.adapter.ParseAddress(p.People[n%len(p.People)].Reveal())
			_, composeErr := p.adapter.Compose(content.Document{Blocks: []content.Block{content.Text(fmt.Sprint(text, n))}})
			sent, err := p.adapter.Send(p.ctx, p.message(n, fmt.Sprint(text, " ", n)))
			mu.Lock()
			defer mu.Unlock()
			id := sent.ProviderID
			if !p.idsAreUnique() {
				id += " to " + fmt.Sprint(n%len(p.People))
			}
			ids[id] = true
			errs = append(errs, parseErr, composeErr, err)
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		p.Errorf("%d senders at once: %v", senders, err)
	}
	if len(ids) != senders {
		p.Errorf("%d senders at once got %d ids", senders, len(ids))
	}
	if n := len(p.double.Seen()); n != senders {
		p.Errorf("%d senders at once led to %d messages", senders, n)
	}
}
