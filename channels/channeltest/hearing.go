package channeltest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// parser is the adapter as a reader of webhooks; the check is skipped if it is none.
func (p *probe) parser() channels.WebhookParser {
	a, ok := p.adapter.(channels.WebhookParser)
	if !ok {
		p.Skipf("the provider calls no webhooks")
	}
	p.subscribe(p.adapter)
	return a
}

func checkReceipts(p *probe) {
	if p.adapter.Capabilities().Receipts == channels.NoReceipts {
		p.Skipf("the provider gives no receipts")
	}
	a := p.parser()
	sent := p.send(p.message(0, text))
	best := channels.StatusAccepted
	if p.adapter.Capabilities().Receipts == channels.DeliveryReceipts {
		best = channels.StatusDelivered
	}
	_, e := p.event(a, "the last receipt", func(e channels.Event) bool { return e.Receipt != nil && e.Receipt.Status == best })
	if e.Receipt.ProviderID != sent.ProviderID {
		p.Errorf("the receipt is about another message")
	}
	if (e.Receipt.Attempt != attempt || e.Receipt.PartNo != 1) && !p.Nameless {
		p.Errorf("the receipt does not bring back our attempt and part: %q, %d", e.Receipt.Attempt, e.Receipt.PartNo)
	}
}

func checkInbound(p *probe) {
	if !p.adapter.Capabilities().Inbound {
		p.Skipf("members cannot answer here")
	}
	if p.adapter.Capabilities().Polled {
		p.inboundByPolling()
		return
	}
	a := p.parser()
	p.send(p.message(0, text))
	p.reply()
	c, e := p.event(a, "the reply", isInbound)
	if e.Inbound.From != p.People[0] || e.Inbound.Text != text {
		p.Errorf("the reply came as another's, or with another text")
	}
	if e.ID == "" {
		p.Errorf("the reply has no id, so that a repeat would count twice")
	}
	again, err := a.ParseWebhook(c.request, c.body)
	if err != nil || len(again) == 0 || again[0].ID != e.ID {
		p.Errorf("the same request decodes otherwise the second time: %v", err)
	}
}

// inboundByPolling is checkInbound where answers come by polling.
func (p *probe) inboundByPolling() {
	a, ok := p.adapter.(channels.Poller)
	if !ok {
		p.Fatalf("the adapter says that it hears by polling, and cannot poll")
	}
	p.send(p.message(0, text))
	p.reply()
	e, _ := p.polled(a, "")
	if e.ID == "" {
		p.Errorf("the reply has no id, so that a repeat would count twice")
	}
	if again, _ := p.polled(a, ""); again.ID != e.ID {
		p.Errorf("the same reply has another id the second time")
	}
}

// reply makes the first person answer.
func (p *probe) reply() {
	p.Helper()
	if err := p.double.Reply(p.People[0].Reveal(), text); err != nil {
		p.Fatalf("replying: %v", err)
	}
}

// polled polls from a cursor until the reply has come, and gives it and the cursor to go on from.
func (p *probe) polled(a channels.Poller, cursor string) (found channels.Event, next string) {
	p.Helper()
	for until := time.Now().Add(wait); found.Inbound == nil && time.Now().Before(until); {
		events, next, err := a.Poll(p.ctx, cursor)
		if err != nil {
			p.Fatalf("Poll: %v", err)
		}
		if next == "" {
			p.Fatalf("Poll gave an empty cursor: everything would come again")
		}
		for _, e := range events {
			p.whole(e)
			if isInbound(e) && e.Inbound.From == p.People[0] && e.Inbound.Text == text {
				found = e
			}
		}
		cursor = next
	}
	if found.Inbound == nil {
		p.Errorf("the reply did not come by polling")
	}
	return found, cursor
}

// proof reads what proves a request, and prove sets it; without values it goes.
func (p *probe) proof(c *captured) string {
	if name, ok := strings.CutPrefix(p.Proof, "?"); ok {
		return c.request.URL.Query().Get(name)
	}
	return c.request.Header.Get(p.Proof)
}

func (p *probe) prove(c *captured, values ...string) {
	name, inURL := strings.CutPrefix(p.Proof, "?")
	if !inURL {
		c.request.Header.Del(name)
		for _, v := range values {
			c.request.Header.Add(name, v)
		}
		return
	}
	query := c.request.URL.Query()
	delete(query, name)
	if len(values) > 0 {
		query[name] = values
	}
	c.request.URL.RawQuery = query.Encode()
}

func checkForgery(p *probe) {
	a := p.parser()
	p.send(p.message(0, text))
	if p.Prompt == nil {
		p.reply()
	} else if err := p.Prompt(p.double, p.People[0]); err != nil {
		p.Fatalf("prompting: %v", err)
	}
	genuine, _ := p.event(a, "the webhook", isInbound)
	proof := p.proof(genuine)
	if proof == "" {
		p.Fatalf("the provider's request has no %q", p.Proof)
	}
	refused := func(what string, by channels.WebhookParser, c *captured) {
		p.Helper()
		events, err := by.ParseWebhook(c.request, c.body)
		if !errors.Is(err, channels.ErrForged) || len(events) != 0 {
			p.Errorf("%s: it gave %d events and %v, want ErrForged", what, len(events), err)
		}
		if err != nil {
			p.tellsNothing(what, err)
		}
	}
	shown := func(value string) *captured {
		return genuine.with(func(c *captured) { p.prove(c, value) })
	}
	refused("no proof", a, genuine.with(func(c *captured) { p.prove(c) }))
	refused("an empty proof", a, shown(""))
	refused("a wrong proof", a, shown(flipped(proof)))
	refused("half a proof", a, shown(proof[:len(proof)/2]))
	refused("more than the proof", a, shown(proof+"A"))
	if p.Stranger != nil {
		stranger := p.made(p.Stranger, p.hook.url)
		defer p.closed(stranger)
		if b, ok := stranger.(channels.WebhookParser); ok {
			refused("the proof of another secret, or of one that is no longer live", b, genuine)
		}
	}
	if p.SignsBody {
		refused("an altered field", a, genuine.with(func(c *captured) { c.body = []byte(strings.Replace(string(c.body), "7391", "7392", 1)) }))
		refused("an added field", a, genuine.with(func(c *captured) { c.body = append(c.body, "&X=1"...) }))
		refused("a repeated field", a, genuine.with(func(c *captured) { c.body = append(c.body, "&Body=STOP"...) }))
		refused("a repeated field in front", a, genuine.with(func(c *captured) { c.body = append([]byte("Body=STOP&"), c.body...) }))
		refused("an altered query", a, genuine.with(func(c *captured) { c.request.URL.RawQuery += "&a=x" }))
		refused("no body", a, genuine.with(func(c *captured) { c.body = nil }))
	}
	// A proxy changes host and scheme on the way; the configured public URL counts, not what the request claims.
	proxied := genuine.with(func(c *captured) {
		c.request.Host, c.request.URL.Host, c.request.RemoteAddr = "10.0.0.7:8080", "", "10.0.0.9:1"
		c.request.Header.Set("X-Forwarded-Host", "evil.example")
	})
	if _, err := a.ParseWebhook(proxied.request, proxied.body); err != nil {
		p.Errorf("a genuine request that came through a proxy was refused: %v", err)
	}
	for _, body := range []string{"", "{", "null", "[]", "%zz", strings.Repeat("a", 1<<16)} {
		r := genuine.with(func(c *captured) { c.body = []byte(body) })
		r.request.Method = http.MethodPost
		_, _ = a.ParseWebhook(r.request, r.body) // it must only not panic
	}
}

// flipped changes one character of a proof, keeping its form.
func flipped(proof string) string {
	b := []byte(proof)
	if b[0] == 'A' {
		b[0] = 'B'
	} else {
		b[0] = 'A'
	}
	return string(b)
}

func checkPolling(p *probe) {
	polled := p.made(p.Make, "")
	defer p.closed(polled)
	a, ok := polled.(channels.Poller)
	if !ok {
		p.Skipf("the adapter cannot poll")
	}
	p.subscribe(polled)
	m := p.message(0, text)
	m.CallbackURL = ""
	if _, err := polled.Send(p.ctx, m); err != nil {
		p.Fatalf("Send without a hook: %v", err)
	}
	p.reply()
	_, cursor := p.polled(a, "")
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Failure, On: sandbox.OnRead}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	events, next, err := a.Poll(p.ctx, cursor)
	if err == nil {
		p.Errorf("Poll of a failing provider succeeded")
	} else {
		p.tellsNothing("Poll of a failing provider", err)
	}
	if len(events) != 0 || next != cursor {
		p.Errorf("Poll of a failing provider moved the cursor from %q to %q", cursor, next)
	}
	p.double.Clear()
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Hang, On: sandbox.OnRead}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	_ = p.timed("Poll at a hanging provider", soon, func(ctx context.Context) error { _, _, err := a.Poll(ctx, cursor); return err })
}

func checkLookUp(p *probe) {
	a, ok := p.adapter.(channels.StatusFinder)
	if !ok {
		p.Skipf("the provider cannot be asked")
	}
	since := time.Now().Add(-time.Second)
	look := func(what, attempt string, m channels.Outbound, id string) (channels.Finding, bool) {
		p.Helper()
		f, err := a.FindStatus(p.ctx, channels.Query{Attempt: attempt, PartNo: 1, Key: m.Key, ProviderID: id, To: m.To, Part: m.Part, Since: since, Until: time.Now()})
		if err != nil {
			p.Errorf("%s: %v", what, err)
			p.typed(what, err)
			return f, false
		}
		return f, true
	}
	known, lost := p.message(0, text), p.message(1, text+" kept")
	sent := p.send(known)
	if f, ok := look("a message whose id is known", attempt, known, sent.ProviderID); ok && f.Found == channels.WasSent && f.Receipt.ProviderID != sent.ProviderID {
		p.Errorf("a message whose id is known: the finding is about another")
	} else if ok && f.Found == channels.NotSent {
		p.Errorf("a message whose id is known is said not to be sent")
	}
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Cut, Kept: true, Times: 1}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	if _, err := p.adapter.Send(p.ctx, lost); err == nil {
		p.Errorf("the cut went unnoticed")
	}
	if f, ok := look("a message whose answer was lost", attempt, lost, ""); ok && f.Found == channels.NotSent {
		p.Errorf("a message whose answer was lost is said not to be sent, and would be sent twice")
	} else if ok && f.Found == channels.WasSent && (f.Receipt.ProviderID == "" || f.Receipt.Attempt != attempt || f.Receipt.PartNo != 1) {
		p.Errorf("the finding does not name message, attempt and part")
	}
	if f, ok := look("a message that was never sent", unsent, p.message(1, text+" never"), ""); ok && f.Found != channels.CannotTell {
		p.Errorf("a message that was never sent is said to be %d at once, before the provider's list can be complete", f.Found)
	}
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Failure, On: sandbox.OnRead, Text: text}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	m := p.message(0, text)
	_, err := a.FindStatus(p.ctx, channels.Query{Key: m.Key, To: m.To, Part: m.Part, Since: since, Until: time.Now()})
	if err == nil {
		p.Errorf("a look-up at a failing provider found something")
	} else {
		p.typed("a look-up at a failing provider", err)
	}
}
