package email

import (
	"context"

	"github.com/carillon-gateway/carillon/channels"
)

// Send hands one message to the server. A kept connection that turns out to be closed before the server heard of the
// message is replaced once; the message itself is offered once. Sent.Delivered stays false: the server has it, and says
// nothing of the person's mailbox.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, longestSend)
	defer cancel()
	e, fail := a.ready(m)
	if fail == nil && ctx.Err() != nil {
		fail = failing(context.Cause(ctx), "the time was over before the message could be handed over")
	}
	if fail != nil {
		return channels.Sent{}, fail
	}
	l, kept, fail := a.pool.take(ctx)
	if fail != nil {
		return channels.Sent{}, fail
	}
	begun, fail := l.guarded(ctx, e)
	if fail != nil && kept && !begun && l.lost && ctx.Err() == nil {
		l.quit(ctx)
		fresh, failed := a.dial(ctx)
		if failed != nil {
			a.pool.give(ctx, l)
			return channels.Sent{}, failed
		}
		l = fresh
		_, fail = l.guarded(ctx, e)
	}
	a.pool.give(ctx, l)
	if fail != nil {
		return channels.Sent{}, fail
	}
	return channels.Sent{ProviderID: e.id}, nil
}

// guarded is hand until the context ends.
func (l *link) guarded(ctx context.Context, e envelope) (begun bool, fail *channels.Error) {
	done := guard(ctx, l.conn)
	begun, fail = l.hand(e)
	l.sent++
	if !done() {
		l.lost = true
	}
	return begun, fail
}

// ready checks a part and writes its message.
func (a *Adapter) ready(m channels.Outbound) (envelope, *channels.Error) {
	to, err := parseAddress(m.To.Reveal())
	switch {
	case err != nil || to != m.To:
		return envelope{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeAddress, Detail: "the address is no mail address", Cause: err}
	case badHeader(m.Part.Subject):
		return envelope{}, contentError("the subject holds a line break or another control character; write it in one line")
	case m.Part.Text == "":
		return envelope{}, contentError("there is no text to send")
	case !m.Expires.IsZero() && !m.Expires.After(a.now()):
		return envelope{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message expired before it was sent", Cause: channels.ErrExpired}
	}
	e, err := a.write(m)
	if err != nil {
		return e, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message could not be written", Cause: err}
	}
	return e, nil
}
