package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
)

// forever is the end of a pause that somebody or a Check has to lift.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// worthKeeping is the shortest pause that is written to the ledger; a shorter one is over before anybody reads it.
const worthKeeping = 2 * time.Second

// The time between two checks of refused credentials doubles from the first to the last.
const (
	firstCheck = 10 * time.Second
	lastCheck  = 10 * time.Minute
)

// halts is what keeps a channel from sending, besides rates and the breaker.
type halts struct {
	mu      sync.Mutex
	manual  bool
	routine bool                  // a person holds all but urgent messages
	ailing  bool                  // an incident is open: the same
	deaf    bool                  // what members said may not be known yet: the same
	auth    bool                  // until a check passes
	untried bool                  // with auth: nobody has been refused, its provider could not be asked when it was set up
	until   time.Time             // throttled
	keep    gateway.ChannelHealth // to be written to the ledger
	dirty   bool
}

// holds says whether messages of a lane wait for a person or a Check.
func (l *line) holds(lane gateway.Lane) bool {
	l.halts.mu.Lock()
	defer l.halts.mu.Unlock()
	return l.halts.manual || l.halts.auth || lane != gateway.Urgent && l.halts.routineHeld()
}

// routineHeld says whether all but urgent messages wait; the caller holds the lock.
func (h *halts) routineHeld() bool { return h.routine || h.ailing || h.deaf }

// obey takes over what the ledger says of the channel. Credentials that were refused are tried at once: their
// channel may have been changed.
func (l *line) obey(h gateway.ChannelHealth, incident *gateway.Incident, deaf bool) {
	l.troubles.know(incident)
	l.metrics.incident(incident)
	l.halts.mu.Lock()
	defer l.halts.mu.Unlock()
	was := l.halts.manual || l.halts.auth
	held := l.halts.routineHeld()
	l.halts.manual = h.Paused == gateway.PauseManual && !h.RoutineOnly
	l.halts.routine = h.Paused == gateway.PauseManual && h.RoutineOnly
	l.halts.ailing, l.halts.deaf = incident != nil, deaf
	l.halts.auth = l.halts.auth && l.d.o.Work.sends() || h.Paused.UntilCheck() // who sends finds out by itself
	l.halts.untried = h.Paused == gateway.PauseUntried
	if h.Paused == gateway.PauseThrottled && h.PausedUntil.After(l.halts.until) {
		l.halts.until = h.PausedUntil
	}
	l.apply(was)
	if l.halts.auth {
		wake(l.check)
	}
	if held && !l.halts.routineHeld() {
		l.nudge(gateway.Normal)
		l.nudge(gateway.Bulk)
	}
}

// apply pauses or resumes as the halts say; the caller holds their lock.
func (l *line) apply(was bool) {
	is := l.halts.manual || l.halts.auth
	l.limits.HoldRoutine(l.halts.routineHeld())
	switch {
	case is:
		l.limits.Pause(forever)
	case was:
		l.limits.Resume()
		fallthrough
	default:
		l.limits.Pause(l.halts.until)
	}
	l.metrics.paused(is || l.halts.until.After(l.d.o.Now()))
}

// throttled pauses the channel for as long as its provider demands.
func (l *line) throttled(e *channels.Error) {
	now := l.d.o.Now()
	until := now.Add(e.RetryAfter)
	l.halts.mu.Lock()
	longer := until.Sub(l.halts.until)
	if longer > 0 {
		l.halts.until = until
	}
	l.apply(false)
	tell := e.RetryAfter >= worthKeeping && longer >= worthKeeping && !l.halts.auth && !l.halts.manual && !l.halts.routine
	if tell {
		l.keepLocked(gateway.ChannelHealth{Paused: gateway.PauseThrottled, PausedUntil: until, Code: e.Code, Detail: e.Detail, Since: now})
	}
	l.halts.mu.Unlock()
	if tell {
		l.notice(NoticeThrottle, until, e)
	}
	if longer > 0 {
		l.limits.Throttle(until) // last: other processes have to be told, which takes a moment
	}
}

// unauthorised pauses the channel until a Check passes.
func (l *line) unauthorised(e *channels.Error) {
	l.halts.mu.Lock()
	was := l.halts.auth
	known := was && !l.halts.untried
	l.halts.auth, l.halts.untried = true, false
	l.apply(was)
	if !known && !l.halts.manual && !l.halts.routine {
		l.keepLocked(gateway.ChannelHealth{Paused: gateway.PauseAuth, Code: e.Code, Detail: e.Detail, Since: l.d.o.Now()})
	}
	l.halts.mu.Unlock()
	if !known {
		l.d.o.Log.Error("a channel's credentials are refused; it is paused until a check passes", "channel", l.name, "code", e.Code, "detail", e.Detail)
		l.notice(NoticeAuth, time.Time{}, e)
	}
}

func (l *line) keepLocked(h gateway.ChannelHealth) {
	l.halts.keep, l.halts.dirty = h, true
	wake(l.keep)
}

// report feeds the limits with how the provider answered, and tells what that changed.
func (l *line) report(e *channels.Error) {
	change := l.limits.Report(e)
	if change == limit.NoChange {
		return
	}
	switch change {
	case limit.Opened:
		l.d.o.Log.Warn("a provider does not answer; sending stops but for a message that tries now and then", "channel", l.name)
		l.notice(NoticeSilent, time.Time{}, e)
	case limit.Closed:
		l.d.o.Log.Info("a provider answers again", "channel", l.name)
		l.notice(NoticeAnswers, time.Time{}, e)
	}
	l.metrics.breaker(l.limits.Open())
	for _, lane := range gateway.Lanes {
		l.nudge(lane)
	}
}

func (l *line) notice(event NoticeEvent, until time.Time, e *channels.Error) {
	n := Notice{Channel: l.id, Name: l.name, Event: event, Until: until}
	if e != nil {
		n.Code, n.Detail = e.Code, e.Detail
	}
	l.d.o.Notice(n)
}

// keepHealth writes the channel's health to the ledger, and checks refused credentials until they are good.
func (l *line) keepHealth(ctx context.Context) {
	wait, planned := firstCheck, false
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		switch checks := l.unauthorisedNow() && l.d.o.Work.sends(); {
		case !checks:
			wait, planned = firstCheck, false
			again.Stop()
		case !planned:
			planned = true
			again.Reset(wait)
		}
		select {
		case <-ctx.Done():
			l.write(ctx)
			return
		case <-l.keep: // what is heard of the provider meanwhile puts off no check
			l.write(ctx)
			continue
		case <-l.check:
			wait = firstCheck
		case <-again.C:
			wait = min(2*wait, lastCheck)
		}
		planned = false
		if l.unauthorisedNow() && l.d.o.Work.sends() {
			l.checkNow(ctx)
		}
	}
}

func (l *line) unauthorisedNow() bool {
	l.halts.mu.Lock()
	defer l.halts.mu.Unlock()
	return l.halts.auth
}

// checkNow lifts the pause if the credentials are good.
func (l *line) checkNow(ctx context.Context) {
	adapter, ok := l.adapter()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, longest(l.caps.Load()))
	defer cancel()
	if err := l.checkSafely(ctx, adapter); err != nil {
		l.halts.mu.Lock()
		untried := l.halts.untried
		l.halts.mu.Unlock()
		if e := channels.AsError(err); untried && e.RefusesUs() {
			l.unauthorised(e) // now it has been tried
		}
		return
	}
	l.halts.mu.Lock()
	l.halts.auth, l.halts.untried = false, false
	l.apply(true)
	if !l.halts.manual && !l.halts.routine {
		l.keepLocked(gateway.ChannelHealth{})
	}
	l.halts.mu.Unlock()
	l.mended(ctx)
	l.d.o.Log.Info("a check of a paused channel passes; it sends", "channel", l.name)
	l.notice(NoticeMended, time.Time{}, nil)
	for _, lane := range gateway.Lanes {
		l.nudge(lane)
	}
}

func (l *line) checkSafely(ctx context.Context, adapter channels.Adapter) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = l.d.defect(l.id, channels.ScopeChannel, r)
		}
	}()
	return adapter.Check(ctx)
}

// write puts the newest health into the ledger, and what was heard of the provider.
func (l *line) write(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	l.writeTroubles(ctx)
	l.halts.mu.Lock()
	h, dirty := l.halts.keep, l.halts.dirty
	l.halts.dirty = false
	l.halts.mu.Unlock()
	if !dirty {
		return
	}
	if err := l.d.o.Health.SetChannelHealth(ctx, l.id, h); err != nil {
		l.d.o.Log.Error("a channel's health cannot be written", "channel", l.name, "error", err)
	}
}
