package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// mostStrikes bounds what waits to be written of one channel: an incident needs no more.
const mostStrikes = 1000

// troubles is what was heard of a provider and is not written down yet.
type troubles struct {
	mu      sync.Mutex
	open    *gateway.Incident // as far as is known
	errors  map[errorSort]*gateway.ChannelError
	strikes []gateway.Strike
	mended  time.Time // by the wall clock: what was begun before says nothing of the channel as it is
}

// errorSort is what makes two errors the same to a reader.
type errorSort struct{ class, scope, code, detail string }

func (t *troubles) know(i *gateway.Incident) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open != nil && i == nil {
		t.mended, t.strikes = time.Now(), nil
	}
	t.open = i
}

// outdated says whether a send was begun before the channel was mended.
func (t *troubles) outdated(begun time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !begun.After(t.mended)
}

// Heard takes what a provider reported about a delivery after it had taken it. It never blocks.
func (d *Dispatcher) Heard(channel, delivery gateway.ID, e *channels.Error) {
	if l := d.line(channel); l != nil {
		l.hear(delivery, e, false)
	}
}

// hear counts an error, and strikes the channel if it is the channel's own. At once: this one is enough for an incident,
// because the channel sends nothing any more.
func (l *line) hear(delivery gateway.ID, e *channels.Error, atOnce bool) {
	now, trouble := l.d.o.Now(), channels.TroubleOf(e)
	t := &l.troubles
	t.mu.Lock()
	defer t.mu.Unlock()
	sort := errorSort{e.Class.String(), string(e.Scope), short(e.Code, 64), short(e.Detail, 300)}
	switch known := t.errors[sort]; {
	case known != nil:
		known.Count++
		known.Last = now
	case len(t.errors) < 4*gateway.MostErrors:
		if t.errors == nil {
			t.errors = map[errorSort]*gateway.ChannelError{}
		}
		t.errors[sort] = &gateway.ChannelError{Class: sort.class, Scope: sort.scope, Code: sort.code, Detail: sort.detail, Trouble: string(trouble), Count: 1, First: now, Last: now}
	}
	if trouble == "" || t.open != nil || len(t.strikes) >= mostStrikes {
		return
	}
	after, within := l.record.Load().Trip.Limits()
	if atOnce {
		after = 1
	}
	t.strikes = append(t.strikes, gateway.Strike{Channel: l.id, Delivery: delivery, Trouble: string(trouble), Code: sort.code, Detail: sort.detail, Locks: atOnce, After: after, Within: within})
	wake(l.keep)
}

// short cuts what an adapter of others may have made too long.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := 0
	for i := range s {
		if i > most-len("…") {
			break
		}
		cut = i
	}
	return s[:cut] + "…"
}

// keepErrors has what was heard since the last time written.
func (d *Dispatcher) keepErrors() {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, l := range d.lines {
		l.troubles.mu.Lock()
		some := len(l.troubles.errors)+len(l.troubles.strikes) > 0
		l.troubles.mu.Unlock()
		if some {
			wake(l.keep)
		}
	}
}

// writeTroubles puts what was heard into the ledger; a strike that it does not take is tried again with what comes next.
func (l *line) writeTroubles(ctx context.Context) {
	t := &l.troubles
	t.mu.Lock()
	strikes, heard := t.strikes, t.errors
	t.strikes, t.errors = nil, nil
	t.mu.Unlock()
	if len(heard) > 0 {
		list := make([]gateway.ChannelError, 0, len(heard))
		for _, e := range heard {
			list = append(list, *e)
		}
		if err := l.d.o.Health.NoteErrors(ctx, l.id, list); err != nil {
			l.d.o.Log.Error("a channel's errors cannot be written", "channel", l.name, "error", err)
		}
	}
	for i, s := range strikes {
		opened, err := l.d.o.Health.Strike(ctx, s)
		if err != nil {
			l.d.o.Log.Error("what a provider refuses cannot be counted; trying again", "channel", l.name, "error", err)
			t.mu.Lock()
			t.strikes = append(strikes[i:len(strikes):len(strikes)], t.strikes...)
			t.mu.Unlock()
			return
		}
		if opened != nil {
			l.ail(opened)
			return
		}
	}
}

// ail holds routine messages while an incident is open.
func (l *line) ail(i *gateway.Incident) {
	l.troubles.know(i)
	l.metrics.incident(i)
	l.halts.mu.Lock()
	l.halts.ailing = true
	l.apply(l.halts.manual || l.halts.auth)
	l.halts.mu.Unlock()
	l.d.o.Log.Error("a provider refuses a channel for the channel's own sake; reports and reminders over it are held", "channel", l.name, "trouble", i.Trouble, "code", i.Code, "detail", i.Detail, "deliveries", i.Deliveries)
	l.notice(NoticeIncident, time.Time{}, &channels.Error{Code: i.Code, Detail: i.Detail})
}

// mended ends an incident that a passing check proves to be over.
func (l *line) mended(ctx context.Context) {
	t := &l.troubles
	t.mu.Lock()
	open := t.open
	t.mu.Unlock()
	if open == nil || !open.Mends() {
		return
	}
	closed, err := l.d.o.Health.CloseIncident(ctx, l.id, gateway.ByCheck)
	if err != nil {
		l.d.o.Log.Error("an incident that is over cannot be closed; resume the channel", "channel", l.name, "error", err)
		return
	}
	if !closed {
		l.d.o.Log.Warn("a check passes, as it did before the last refusal; reports and reminders wait until the channel is resumed", "channel", l.name)
		return
	}
	t.know(nil)
	l.metrics.incident(nil)
	l.halts.mu.Lock()
	l.halts.ailing = false
	l.apply(false)
	l.halts.mu.Unlock()
}

// State is how a channel works now.
type State struct {
	Breaker string // "closed" or "open"
	Senders int    // in force
	Urgent  int    // besides, for urgent messages only
	Rates   []gateway.ChannelRate
}

// State says how a channel works; false: it does not, in this process.
func (d *Dispatcher) State(channel gateway.ID) (State, bool) {
	l := d.line(channel)
	if l == nil {
		return State{}, false
	}
	rates := l.caps.Load().Rates
	s := State{Breaker: "closed", Senders: l.senders, Urgent: d.o.UrgentSenders, Rates: make([]gateway.ChannelRate, 0, len(rates))}
	if l.limits.Open() {
		s.Breaker = "open"
	}
	for _, r := range rates {
		s.Rates = append(s.Rates, gateway.ChannelRate{PerSecond: r.PerSecond, Burst: r.Burst, PerAddress: r.PerAddress})
	}
	return s, true
}
