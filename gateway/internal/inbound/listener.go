package inbound

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

const (
	lookEvery = time.Second     // for what the ledger says of channels
	lookTime  = 5 * time.Second // for one look
	askAgain  = 5 * time.Second // a provider that could not be asked
	askLater  = 5 * time.Minute // one about a gap that is said already
	letOthers = time.Minute     // beyond GapPatience, for whoever asks to say that it was in vain
)

// ListenerParts is what a Listener stands on.
type ListenerParts struct {
	Channels Channels
	Ledger   gateway.Listening
	Ears     *Ears            // that hear webhooks and poll; nil: this process hears nobody, and goes by what the ledger says
	Changed  func()           // called when Deaf may say something else
	Clock    func() time.Time // of this computer, that goes on while it sleeps; nil: the real one
	Log      *slog.Logger     // nil: nothing is logged
}

// Listener knows up to when each channel was heard, tells the other processes so, and has what came while nobody listened asked
// for. It is safe for concurrent use.
type Listener struct {
	ListenerParts
	mu  sync.Mutex
	ear map[gateway.ID]*ear
	all sync.WaitGroup
}

// ear is one channel. Its times are the computer's, so that setting the ledger's clock looks like no gap.
type ear struct {
	heardAt time.Time // as the ledger last said
	fresh   time.Time // all that was sent until then was heard
	since   time.Time // it has a gap, as this process saw first then; zero: it has none
	again   time.Time // the provider is not asked before
	asking  bool
	rested  bool // since the gap was seen, a poll left nothing with the provider
	gap     *gateway.HearingGap
	deaf    bool // what Deaf last said
}

// NewListener makes a listener. Nothing is known before the first Look.
func NewListener(p ListenerParts) *Listener {
	if p.Changed == nil {
		p.Changed = func() {}
	}
	if p.Clock == nil {
		p.Clock = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Listener{ListenerParts: p, ear: map[gateway.ID]*ear{}}
}

// now is without the monotonic reading, which stands still while a computer sleeps.
func (l *Listener) now() time.Time { return l.Clock().Round(0) }

// Deaf says whether a STOP on a channel may still be with its provider: reminders and reports wait for that, but not for ever.
func (l *Listener) Deaf(channel gateway.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.ear[channel]
	return e != nil && e.isDeaf(l.now())
}

func (e *ear) isDeaf(now time.Time) bool {
	return !e.since.IsZero() && now.Sub(e.since) < gateway.GapPatience+letOthers
}

// Polled takes that a channel was polled; all: its provider has nothing more of what came before.
func (l *Listener) Polled(channel gateway.ID, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.ear[channel]
	if e == nil {
		return
	}
	now := l.now()
	if e.since.IsZero() && now.Sub(e.fresh) <= gateway.GapAfter {
		e.fresh = now
	}
	e.rested = e.rested || all && !e.since.IsZero()
}

// Run looks, notes and asks until the context ends.
func (l *Listener) Run(ctx context.Context) error {
	defer l.all.Wait()
	for ctx.Err() == nil {
		if err := l.Look(ctx); err == nil && l.Ears != nil {
			l.ask(ctx)
		}
		rest(ctx, lookEvery)
	}
	return nil
}

// Look takes over what the ledger says, and notes there what this process has heard. It asks no provider.
func (l *Listener) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	said, err := l.Ledger.Listened(ctx)
	listened := make(map[gateway.ID]gateway.Listened, len(said))
	for _, s := range said {
		listened[s.Channel] = s
	}
	var note []gateway.ID
	changed := false
	l.mu.Lock()
	now := l.now()
	present := map[gateway.ID]bool{}
	for _, ch := range l.Channels.All() {
		adapter, ok := l.Channels.Adapter(ch.ID)
		if !ok || !adapter.Capabilities().Inbound {
			continue
		}
		s, told := listened[ch.ID]
		e := l.ear[ch.ID]
		if e == nil && !told {
			continue
		}
		present[ch.ID] = true
		if e == nil {
			e = &ear{fresh: now}
			if !s.HeardAt.IsZero() {
				e.heardAt, e.fresh = s.HeardAt, now.Add(-s.Silent)
			}
			l.ear[ch.ID] = e
		}
		if l.take(ch, e, s, told, now) {
			note = append(note, ch.ID)
		}
		if deaf := e.isDeaf(now); deaf != e.deaf {
			e.deaf, changed = deaf, true
		}
	}
	for id := range l.ear {
		if !present[id] && err == nil {
			delete(l.ear, id)
		}
	}
	l.mu.Unlock()
	if changed {
		l.Changed()
	}
	for _, id := range note {
		if fail := l.Ledger.Heard(ctx, id); fail != nil {
			return errors.Join(err, fail)
		}
	}
	return err
}

// take brings what is known of one channel up to now, and says whether that is to be noted in the ledger.
func (l *Listener) take(ch gateway.Channel, e *ear, s gateway.Listened, told bool, now time.Time) (note bool) {
	if e.fresh.After(now) { // the computer's clock was set back
		e.fresh = now
	}
	if told {
		if s.HeardAt != e.heardAt && s.Silent <= gateway.GapAfter && now.Add(-s.Silent).After(e.fresh) {
			e.fresh = now.Add(-s.Silent)
		}
		e.heardAt, e.gap = s.HeardAt, s.Gap
	}
	gap := now.Sub(e.fresh) > gateway.GapAfter
	switch {
	case gap && e.since.IsZero():
		e.since, e.rested, e.again = now, false, time.Time{}
		l.Log.Warn("nobody listened to a channel for a while; reports and reminders on it wait until its provider was asked what came", "channel", ch.Name, "for", now.Sub(e.fresh).Round(time.Second))
	case !gap && !e.since.IsZero():
		e.since = time.Time{}
		l.Log.Info("what came while nobody listened to a channel is heard, or said to be missing", "channel", ch.Name)
	}
	if gap || l.Ears == nil {
		return false
	}
	if !l.Ears.Polled(ch.ID) { // its webhooks come to this process, or to another of the same sort
		e.fresh = now
	}
	return told && now.Sub(e.fresh) < gateway.HeardEvery && (s.HeardAt.IsZero() || s.Silent >= gateway.HeardEvery)
}

// ask has providers asked, each on its own, about gaps.
func (l *Listener) ask(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, ch := range l.Channels.All() {
		e := l.ear[ch.ID]
		if e == nil || e.asking || e.from(now).IsZero() {
			continue
		}
		e.asking = true
		l.all.Go(func() {
			l.Ears.Duty(ctx, gateway.CatchUpDuty(ch.ID), func(ctx context.Context, _ int64) { l.pursue(ctx, ch) })
			_ = l.Look(ctx) // or the next one finds out
			l.mu.Lock()
			defer l.mu.Unlock()
			e.asking = false
		})
	}
}

// from gives the time, by the ledger's clock, since when the provider is to be asked now; zero: it is not.
func (e *ear) from(now time.Time) time.Time {
	switch {
	case now.Before(e.again):
		return time.Time{}
	case !e.since.IsZero():
		return e.heardAt
	case e.gap != nil && e.gap.Reason.Closes():
		return e.gap.From
	}
	return time.Time{}
}

// pursue asks once, and notes what came of it.
func (l *Listener) pursue(ctx context.Context, ch gateway.Channel) {
	if l.Look(ctx) != nil { // another process may have done it meanwhile
		return
	}
	l.mu.Lock()
	e := l.ear[ch.ID]
	if e == nil || e.from(l.now()).IsZero() {
		l.mu.Unlock()
		return
	}
	since, seen, was, rested := e.from(l.now()), e.since, e.gap, e.rested
	l.mu.Unlock()

	lost, err := l.Ears.catchUp(ctx, ch, since)
	if errors.Is(err, errUnasked) && l.Ears.Polled(ch.ID) { // the cursor of polling knows what came
		if err = errPending; rested {
			err = nil
		}
	}
	if ctx.Err() != nil {
		return
	}
	gap, noted := l.outcome(e, was, since, seen, lost, err)
	if !noted {
		if !seen.IsZero() && !errors.Is(err, errPending) && !errors.Is(err, errBehind) {
			l.Log.Warn("a provider cannot say yet what came while nobody listened; it is asked again", "channel", ch.Name, "error", err)
		}
		return
	}
	if err != nil || !lost.IsZero() {
		l.Log.Error("what came to a channel while nobody listened cannot all be heard, STOP perhaps among it; routine messages go on", "channel", ch.Name, "from", gap.From, "until", gap.Until, "reason", string(gap.Reason), "error", err)
	}
	if fail := l.Ledger.NoteGap(ctx, ch.ID, gap); fail != nil {
		l.Log.Warn("what came of asking a provider cannot be noted; it is asked again", "channel", ch.Name, "error", fail)
	}
}

// outcome says what is to be noted after a provider was asked since a time; seen: when the gap was seen that routine messages
// wait for, zero if it is said already, as was. A gap without a reason is none.
func (l *Listener) outcome(e *ear, was *gateway.HearingGap, since, seen, lost time.Time, err error) (gap gateway.HearingGap, noted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if e.again = now.Add(askAgain); errors.Is(err, errPending) || errors.Is(err, errBehind) {
		e.again = now
	}
	if seen.IsZero() {
		e.again = now.Add(askLater)
	}
	failure := (*channels.Error)(nil)
	switch {
	case err == nil && lost.IsZero():
		if !seen.IsZero() && was != nil { // another one stays open
			return *was, true
		}
		return gateway.HearingGap{}, true
	case err == nil:
		return gateway.HearingGap{From: since, Until: lost, Reason: gateway.GapForgotten}, true
	case seen.IsZero():
		return gateway.HearingGap{}, false
	case errors.Is(err, errUnasked):
		gap.Reason = gateway.GapUnasked
	case errors.As(err, &failure) && failure.Class == channels.Permanent:
		gap.Reason = gateway.GapRefused
	case now.Sub(seen) >= gateway.GapPatience:
		gap.Reason = gateway.GapUnreachable
	default:
		return gateway.HearingGap{}, false
	}
	gap.From, gap.Until = since, l.Ears.Now()
	return gap, true
}
