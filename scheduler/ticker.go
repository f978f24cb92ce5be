package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// FaultPoints names the steps at which tests kill the process; the transaction between them has those of the store.
var FaultPoints = [...]string{"scheduler: before firing", "scheduler: after firing"}

// Actor makes ready what a run does.
type Actor interface {
	// Ready checks what a run sends. A fault says what is wrong with it: CodeNobody if nobody is meant.
	Ready(ctx context.Context, p Performance) (*gateway.ReadyBroadcast, error)
	// Holidays lists the dates, from one on, that a calendar of a group has as whole days. CodeNotFound: there is no such calendar.
	Holidays(ctx context.Context, group gateway.ID, calendar string, from civil.Wall) ([]string, error)
	// Look has whoever plans broadcasts look for new ones at once.
	Look()
}

// Performance is one run that is to be done.
type Performance struct {
	Schedule   gateway.Schedule
	Occurrence gateway.Occurrence
	Own        bool          // at each member's own time
	Trial      bool          // a schedule is to be kept: nothing is sent, and what is missing in its text is a fault unless it falls back
	Late       time.Duration // then: how late somebody may be told; zero: she is told all the same
}

// Options are the parts of a Ticker that may be left out.
type Options struct {
	Log *slog.Logger       // nil: nothing is logged
	At  func(point string) // called at each of FaultPoints; nil in production
}

// Ticker does the runs of all schedules when they are due. Any number of processes may each have one on the same ledger.
type Ticker struct {
	ledger gateway.Timetable
	actor  Actor
	Options
	wake chan struct{}
}

const (
	batch      = 100              // schedules that are taken at once
	sideways   = 8                // of them are done side by side
	longestNap = time.Second      // sleep: a clock may be set at any time
	again      = 10 * time.Second // until a schedule that could not be moved on is tried again: it holds up no others
	realign    = time.Hour        // how often the rules of zones are looked at again
)

// NewTicker makes a ticker. Nothing is done before Run.
func NewTicker(ledger gateway.Timetable, actor Actor, o Options) *Ticker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	return &Ticker{ledger: ledger, actor: actor, Options: o, wake: make(chan struct{}, 1)}
}

// Wake makes Run look at once, as after a schedule or a clock was set.
func (t *Ticker) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run does what is due until the context ends. It looks at the ledger's clock at least once a second, so a clock that was
// set, a computer that slept and a process that was paused are noticed.
func (t *Ticker) Run(ctx context.Context) error {
	var aligned time.Time
	for ctx.Err() == nil {
		if time.Since(aligned) >= realign {
			t.Align(ctx)
			aligned = time.Now()
		}
		wait := longestNap
		next, err := t.Tick(ctx)
		if err != nil && ctx.Err() == nil {
			t.Log.Error("looking for runs that are due; trying again", "error", err)
		} else {
			wait = min(wait, next)
		}
		timer := time.NewTimer(wait)
		select {
		case <-t.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// Tick does all that is due, and says how long it is until the next.
func (t *Ticker) Tick(ctx context.Context) (time.Duration, error) {
	for {
		found, err := t.ledger.DueSchedules(ctx, batch)
		if err != nil {
			return 0, err
		}
		moved := t.all(ctx, found)
		if len(found.Schedules) == 0 || !moved || ctx.Err() != nil {
			if found.Next.IsZero() {
				return longestNap, nil
			}
			return found.Next.Sub(found.Now), nil
		}
	}
}

// all does each of a batch; moved says whether any of them went on, here or elsewhere.
func (t *Ticker) all(ctx context.Context, found gateway.Timely) (moved bool) {
	var done sync.WaitGroup
	var mu sync.Mutex
	places := make(chan struct{}, sideways)
	sent := false
	for i := range found.Schedules {
		places <- struct{}{}
		done.Go(func() {
			defer func() { <-places }()
			s := &found.Schedules[i]
			went, sends, err := t.one(ctx, s, found.Now)
			if err != nil && ctx.Err() == nil {
				t.Log.Error("a schedule could not be moved on; it is tried again", "schedule", s.ID, "group", s.GroupID, "in", again, "error", err)
				_ = t.ledger.Retime(ctx, gateway.Firing{Group: s.GroupID, Schedule: s.ID, Revision: s.Revision, Run: s.Run, Next: s.Run, At: found.Now.Add(again)}) // if it fails, it is tried again sooner
			}
			mu.Lock()
			defer mu.Unlock()
			moved, sent = moved || went, sent || sends
		})
	}
	done.Wait()
	if sent {
		t.actor.Look()
	}
	return moved
}

// one gives the runs of one schedule that are due their outcomes.
func (t *Ticker) one(ctx context.Context, s *gateway.TimelySchedule, now time.Time) (went, sends bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = gateway.DefectOf(cause)
		}
	}()
	tt, err := read(s.Timing, s.GroupZone)
	if err != nil {
		return false, false, err
	}
	if err := tt.keep(ctx, t.actor, s.GroupID, s.Run); err != nil {
		return false, false, err
	}
	d, due, err := tt.decide(&s.Schedule, now)
	if err != nil || !due {
		return false, false, err
	}
	f := d.firing
	if d.fires >= 0 {
		o := &f.Occurrences[d.fires]
		f.Send, err = t.actor.Ready(ctx, Performance{Schedule: s.Schedule, Occurrence: *o, Own: d.own, Late: d.late})
		if err != nil && !fails(o, err) {
			return false, false, err
		}
	}
	t.At(FaultPoints[0])
	err = t.ledger.Fire(ctx, f)
	if errors.Is(err, gateway.ErrKeyReused) { // somebody took the run's key for a broadcast of his own
		f.Send = nil
		fails(&f.Occurrences[d.fires], err)
		err = t.ledger.Fire(ctx, f)
	}
	t.At(FaultPoints[1])
	if errors.Is(err, gateway.ErrStale) { // another process did it, or a person changed the schedule
		return true, false, nil
	}
	if err != nil {
		return false, false, err
	}
	for _, o := range f.Occurrences {
		t.Log.Info("a run has its outcome", "schedule", s.ID, "group", s.GroupID, "run", o.At, "outcome", string(o.State), "reason", string(o.Reason))
	}
	return true, f.Send != nil, nil
}

// fails makes a run's outcome of a fault that a person can mend; false: it is none.
func fails(o *gateway.Occurrence, err error) bool {
	var fault *gateway.Fault
	if !errors.As(err, &fault) {
		return false
	}
	if errors.Is(err, gateway.ErrUnapproved) {
		o.State, o.Reason, o.Detail = gateway.OccurrenceAsked, gateway.RunUnapproved, fault.Text
		return true
	}
	switch fault.Code {
	case gateway.CodeNobody:
		o.State, o.Reason = gateway.OccurrenceSkipped, gateway.RunNobody
	case gateway.CodeInvalid, gateway.CodeTooLong, gateway.CodeConflict, gateway.CodeNotFound, gateway.CodeKeyReused:
		o.State, o.Reason, o.Detail = gateway.OccurrenceFailed, gateway.RunFault, fault.Text
	default:
		return false
	}
	return true
}

// Align puts schedules right whose zone has other rules than when their next run was found, or whose group has another
// zone: a run keeps its nominal time.
func (t *Ticker) Align(ctx context.Context) {
	var after gateway.ID
	for {
		page, err := t.ledger.Timings(ctx, after, 500)
		if err != nil {
			if ctx.Err() == nil {
				t.Log.Error("looking whether schedules stand right", "error", err)
			}
			return
		}
		for i := range page {
			s := &page[i]
			after = s.ID
			tt, err := read(s.Timing, s.GroupZone)
			if err != nil {
				t.Log.Error("a schedule cannot be read", "schedule", s.ID, "group", s.GroupID, "error", err)
				continue
			}
			name, look, changed, err := tt.align(&s.Schedule)
			if err == nil && changed {
				err = t.ledger.Retime(ctx, gateway.Firing{Group: s.GroupID, Schedule: s.ID, Revision: s.Revision, Run: s.Run, Next: name, At: look})
			}
			if err != nil && !errors.Is(err, gateway.ErrStale) && ctx.Err() == nil {
				t.Log.Error("a schedule could not be put right", "schedule", s.ID, "group", s.GroupID, "error", err)
			}
		}
		if len(page) < 500 || ctx.Err() != nil {
			return
		}
	}
}
