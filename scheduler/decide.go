package scheduler

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// atOnce is how many runs of one schedule get their outcome in one transaction.
const atOnce = 200

// decision is what becomes of the runs of a schedule that are due.
type decision struct {
	firing gateway.Firing
	fires  int // of firing.Occurrences; below zero: none
	own    bool
	late   time.Duration // at each member's own time: how late somebody may be told; zero: she is told all the same
}

// decide gives each run of a schedule that is due its outcome, up to the first that fires. False: none is due. The same
// schedule and the same time give the same decision.
func (t *timing) decide(s *gateway.Schedule, now time.Time) (d decision, due bool, err error) {
	r, err := t.named(s.Run)
	if err != nil {
		return d, false, err
	}
	d = decision{firing: gateway.Firing{Group: s.GroupID, Schedule: s.ID, Revision: s.Revision, Run: s.Run}, fires: -1, own: t.own}
	more := true
	for more && !r.look().After(now) && d.fires < 0 && len(d.firing.Occurrences) < atOnce {
		o := gateway.Occurrence{GroupID: s.GroupID, ScheduleID: s.ID, Run: r.name(), At: r.first()}
		o.State, o.Reason, d.late = t.outcome(s, r, now)
		switch o.State {
		case gateway.OccurrenceFired:
			d.fires, d.firing.Supersede = len(d.firing.Occurrences), true
		case gateway.OccurrenceAsked:
			d.firing.Supersede = true
		}
		d.firing.Occurrences = append(d.firing.Occurrences, o)
		r, more = t.after(r)
	}
	if len(d.firing.Occurrences) == 0 {
		return d, false, nil
	}
	if more {
		d.firing.Next, d.firing.At = r.name(), r.look()
	}
	return d, true, nil
}

// outcome judges one run that is due.
func (t *timing) outcome(s *gateway.Schedule, r run, now time.Time) (gateway.OccurrenceState, gateway.RunReason, time.Duration) {
	if why := t.heldBack(s, r); why != "" {
		return gateway.OccurrenceSkipped, why, 0
	}
	window := gateway.OnTime
	if t.Late == gateway.LateOnce {
		window = max(window, time.Duration(t.Window)*time.Minute)
	}
	late := window // of one member, at her own time
	if t.Late == gateway.LateAsk {
		late = 0
	}
	switch {
	case !now.After(r.first().Add(gateway.OnTime)):
		return gateway.OccurrenceFired, "", late
	case t.own && t.Late != gateway.LateAsk && !now.After(r.last().Add(gateway.OnTime)):
		return gateway.OccurrenceFired, gateway.RunLate, late // for some it is not too late, and each zone is judged by itself
	case t.Late == gateway.LateSkip:
		return gateway.OccurrenceSkipped, gateway.RunLate, 0
	case t.followed(s, r, now):
		return gateway.OccurrenceSkipped, gateway.RunSuperseded, 0
	case t.Late == gateway.LateAsk:
		return gateway.OccurrenceAsked, gateway.RunLate, 0
	case now.After(r.last().Add(window)):
		return gateway.OccurrenceSkipped, gateway.RunLate, 0
	}
	return gateway.OccurrenceFired, gateway.RunLate, late
}

// heldBack says why a run does not take place, whenever it is looked at.
func (t *timing) heldBack(s *gateway.Schedule, r run) gateway.RunReason {
	if s.Paused && (s.PausedUntil.IsZero() || r.first().Before(s.PausedUntil)) {
		return gateway.RunPaused
	}
	return t.leftOut(r)
}

// followed says whether a later run, which is to take place, is due as well.
func (t *timing) followed(s *gateway.Schedule, r run, now time.Time) bool {
	for range lookedAt {
		next, more := t.after(r)
		if !more || next.first().After(now) {
			return false
		}
		if t.heldBack(s, next) == "" {
			return true
		}
		r = next
	}
	return false
}

// align gives where a schedule stands by the present rules of its zone: the same nominal time, at the instant that it has
// now. changed is false if it stands right.
func (t *timing) align(s *gateway.Schedule) (name string, look time.Time, changed bool, err error) {
	r, err := t.named(s.Run)
	if err != nil {
		return "", time.Time{}, false, err
	}
	if placed := t.placed(r); placed.name() != r.name() {
		r, changed = placed, true
	}
	return r.name(), r.look(), changed || !r.look().Equal(s.At), nil
}

// placed gives a run at its nominal time by the present rules of its zone. The second of a doubled hour stays the second.
func (t *timing) placed(r run) run {
	if t.own || civil.Of(r.Instant(), t.loc).Wall == r.Wall {
		return r
	}
	return run{Moment: civil.In(r.Wall, t.loc)}
}

// retimed gives where a schedule stands after a change of when it runs, and the runs that were due and are none any more. One that
// is due and stays a run is still to be done: a change takes none away that it does not name.
func retimed(have, s gateway.Schedule, group string, now time.Time) (name string, look time.Time, dropped []gateway.Occurrence, err error) {
	if name, look, err = First(s.Timing, group, now); err != nil || have.Run == "" || have.At.After(now) {
		return name, look, nil, err
	}
	was, err := read(have.Timing, group)
	if err != nil {
		return name, look, nil, nil // an older release kept what this one cannot read
	}
	is, err := read(s.Timing, group)
	if err != nil {
		return name, look, nil, err
	}
	r, err := was.named(have.Run)
	if err != nil {
		return name, look, nil, err
	}
	stands := false
	for more, n := true, 0; more && n < lookedAt && !r.look().After(now); n++ {
		if same, ok := is.next(r.Instant().Add(-time.Second)); ok && same.name() == r.name() {
			if !stands {
				stands, name, look = true, r.name(), r.look()
			}
		} else {
			dropped = append(dropped, gateway.Occurrence{GroupID: have.GroupID, ScheduleID: have.ID, Run: r.name(), At: r.first(), State: gateway.OccurrenceSkipped, Reason: gateway.RunChanged, By: s.Author})
		}
		r, more = was.after(r)
	}
	return name, look, dropped, nil
}
