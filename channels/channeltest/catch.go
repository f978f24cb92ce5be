package channeltest

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// checkCatchUp: somebody writes, and once the adapter says that nothing is left with the provider, what she wrote was in what it
// gave, or came by webhook, under the same id.
func checkCatchUp(p *probe) {
	a, ok := p.adapter.(channels.Catcher)
	if !ok {
		p.Skipf("the provider cannot be asked what came")
	}
	p.subscribe(p.adapter)
	since := time.Now()
	p.send(p.message(0, text))
	p.reply()
	caught := p.caught(a, since)
	var other channels.Event
	if parser, hears := p.adapter.(channels.WebhookParser); hears && !p.adapter.Capabilities().Polled {
		_, other = p.event(parser, "the reply", isInbound)
	} else if poller, polls := p.adapter.(channels.Poller); polls {
		other, _ = p.polled(poller, "")
	}
	for _, e := range caught {
		p.whole(e)
		if isInbound(e) && e.Inbound.From == p.People[0] && e.Inbound.Text == text && (e.ID == "" || e.ID != other.ID) {
			p.Errorf("what was asked for has the id %q, and what came by itself %q: it would count twice", e.ID, other.ID)
		}
	}
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Failure, On: sandbox.OnRead}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	if c, err := a.CatchUp(p.ctx, since, ""); err == nil || len(c.Events) != 0 {
		p.Errorf("a failing provider had nothing to tell, and that was taken for all")
	} else {
		p.typed("CatchUp at a failing provider", err)
		p.tellsNothing("CatchUp at a failing provider", err)
	}
	p.double.Clear()
	if err := p.double.Script(sandbox.Fault{Kind: sandbox.Hang, On: sandbox.OnRead}); err != nil {
		p.Fatalf("scripting: %v", err)
	}
	_ = p.timed("CatchUp at a hanging provider", soon, func(ctx context.Context) error { _, err := a.CatchUp(ctx, since, ""); return err })
}

// caught asks until nothing is left with the provider, and gives what it told.
func (p *probe) caught(a channels.Catcher, since time.Time) (all []channels.Event) {
	p.Helper()
	cursor := ""
	for until := time.Now().Add(wait); time.Now().Before(until); {
		c, err := a.CatchUp(p.ctx, since, cursor)
		if err != nil {
			p.Fatalf("CatchUp: %v", err)
		}
		all = append(all, c.Events...)
		if c.Next == "" {
			return all
		}
		cursor = c.Next
	}
	p.Errorf("the provider is never done")
	return all
}
