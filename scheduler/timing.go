package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Limits of what a schedule says.
const (
	maxDates   = 400
	maxWindow  = 7 * 24 * 60 // minutes
	usual      = 12 * 60     // minutes: the window of a schedule that names none
	lookedAt   = 1000        // runs that are looked at for one that is not on a date left out
	apart      = 3 * time.Hour
	apartAfter = 200 // runs whose distance is looked at
)

// timing is when a schedule runs, ready to be asked.
type timing struct {
	gateway.Timing
	rule Rule
	loc  *time.Location // of the rule; UTC at each member's own time, where it stands for every zone
	own  bool           // at each member's own time
}

// read makes a timing of what is written; group is the zone of the group.
func read(t gateway.Timing, group string) (*timing, error) {
	zone := t.Zone
	tt := &timing{Timing: t, own: zone == gateway.ZoneMember}
	switch zone {
	case gateway.ZoneMember:
		zone = "UTC"
	case gateway.ZoneGroup:
		zone = group
	}
	var err error
	if tt.loc, err = civil.Zone(zone); err != nil {
		return nil, fmt.Errorf("zone: %w, %q for the group's, or %q for each member's own", err, gateway.ZoneGroup, gateway.ZoneMember)
	}
	switch {
	case (t.Cron == "") == (t.RRule == ""):
		return nil, fmt.Errorf("write when it runs as a cron line or as a recurrence rule, one of both")
	case t.Cron != "" && t.Start != 0:
		return nil, fmt.Errorf("start is for a recurrence rule; a cron line has no first run (starts says before when there is none)")
	case t.Cron != "":
		tt.rule, err = ParseCron(t.Cron)
	case t.Start == 0 && !strings.Contains(strings.ToUpper(t.RRule), "DTSTART"):
		err = fmt.Errorf("start is missing: from which date and time does the recurrence rule count? (as in 2026-01-05T09:00)")
	default:
		tt.rule, err = ParseRecurrence(t.RRule, t.Start)
	}
	return tt, err
}

// Check gives a timing in canonical form, or says everything that is wrong with it. group is the zone of the group.
func Check(t gateway.Timing, group string, now time.Time) (gateway.Timing, error) {
	if t.Zone == "" {
		t.Zone = gateway.ZoneGroup
	}
	if t.Late == "" {
		t.Late = gateway.LateOnce
	}
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	switch t.Late {
	case gateway.LateOnce:
		if t.Window == 0 {
			t.Window = usual
		}
		if t.Window < 1 || t.Window > maxWindow {
			say("window_minutes: use 1 to %d", maxWindow)
		}
	case gateway.LateSkip, gateway.LateAsk:
		if t.Window != 0 {
			say("window_minutes is for late: once only")
		}
	default:
		say("late: %q is no policy; use once, skip or ask", t.Late)
	}
	if t.Ends != 0 && t.Ends <= t.Starts {
		say("ends (%s) is not after starts (%s)", t.Ends, t.Starts)
	}
	for _, dates := range []struct {
		name string
		all  *[]string
	}{{"except", &t.Except}, {"holidays", &t.Holidays}} {
		all := slices.Clone(*dates.all)
		for _, date := range all {
			if _, err := time.Parse(time.DateOnly, date); err != nil {
				say("%s: %q is no date; write 2026-12-25", dates.name, date)
			}
		}
		if len(all) > maxDates {
			say("%s: %d dates; %d is the most", dates.name, len(all), maxDates)
		}
		slices.Sort(all)
		if *dates.all = slices.Compact(all); len(*dates.all) == 0 {
			*dates.all = nil
		}
	}
	tt, err := read(t, group)
	if err != nil {
		say("%s", err)
	} else if wrong == nil {
		tt.checkRuns(now, say)
	}
	if wrong != nil {
		return t, gateway.Faultf(gateway.CodeInvalid, "the schedule cannot be kept: %s", strings.Join(wrong, "; "))
	}
	return t, nil
}

// First gives the first run after now that can still be planned in time, and when it is to be looked at; an empty name: there
// is none. group is the zone of the group.
func First(t gateway.Timing, group string, now time.Time) (name string, look time.Time, err error) {
	tt, err := read(t, group)
	if err != nil {
		return "", time.Time{}, err
	}
	if r, ok := tt.first(now); ok {
		return r.name(), r.look(), nil
	}
	return "", time.Time{}, nil
}

// checkRuns refuses a schedule that never runs. At each member's own time runs must be apart: clocks are put forward by up to
// two hours, and two runs would fall on one instant.
func (t *timing) checkRuns(now time.Time, say func(string, ...any)) {
	r, ok := t.first(now)
	last, runs := r, 0
	for ; ok && t.leftOut(r) != "" && runs < lookedAt; runs++ {
		r, ok = t.after(r)
	}
	if !ok || runs == lookedAt {
		say("it never runs from now on: look at starts, ends and the dates that are left out")
		return
	}
	for i := 0; t.own && i < apartAfter; i++ {
		next, ok := t.after(last)
		if !ok {
			return
		}
		if next.Instant().Sub(last.Instant()) < apart {
			say("at each member's own time runs must be %d hours apart: where clocks are put forward, two would fall on one moment", int(apart/time.Hour))
			return
		}
		last = next
	}
}

// run is one run of a timing: a moment of its rule.
type run struct {
	civil.Moment
	own bool
}

// name names a run, as gateway.Occurrence says.
func (r run) name() string {
	if r.own {
		return r.Wall.String()
	}
	return r.String()
}

// first is when the first is told of it, last the last, and look when it is planned.
func (r run) first() time.Time {
	if r.own {
		return r.Instant().Add(-gateway.FarthestAhead)
	}
	return r.Instant()
}

func (r run) last() time.Time {
	if r.own {
		return r.Instant().Add(gateway.FarthestBehind)
	}
	return r.Instant()
}

func (r run) look() time.Time {
	if r.own {
		return r.first().Add(-gateway.Lead)
	}
	return r.Instant()
}

// named reads the name of a run.
func (t *timing) named(name string) (r run, err error) {
	if r.own = t.own; r.own {
		r.Wall, err = civil.ParseWall(name)
		return r, err
	}
	r.Moment, err = civil.ParseMoment(name)
	return r, err
}

// first gives the first run that can still be planned in time.
func (t *timing) first(now time.Time) (run, bool) {
	if t.own {
		now = now.Add(gateway.FarthestAhead)
	}
	return t.next(now)
}

// after gives the run after another.
func (t *timing) after(r run) (run, bool) { return t.next(r.Instant()) }

func (t *timing) next(after time.Time) (run, bool) {
	if t.Starts != 0 {
		if from := civil.In(t.Starts, t.loc).Instant().Add(-time.Second); from.After(after) {
			after = from
		}
	}
	m, ok := t.rule.Next(after, t.loc)
	if !ok || t.Ends != 0 && !m.Instant().Before(civil.In(t.Ends, t.loc).Instant()) {
		return run{}, false
	}
	return run{m, t.own}, true
}

// keep looks up the holidays that a calendar has around a run and later. A calendar that is gone has none.
func (t *timing) keep(ctx context.Context, actor Actor, group gateway.ID, name string) error {
	if t.HolidaysOf == "" {
		return nil
	}
	r, err := t.named(name)
	if err != nil {
		return err
	}
	err = t.keepFrom(ctx, actor, group, r.Wall)
	if errors.Is(err, gateway.ErrNotFound) {
		return nil
	}
	return err
}

func (t *timing) keepFrom(ctx context.Context, actor Actor, group gateway.ID, from civil.Wall) error {
	dates, err := actor.Holidays(ctx, group, t.HolidaysOf, from.Midnight())
	t.Holidays = append(slices.Clone(t.Holidays), dates...)
	return err
}

// leftOut says why the date of a run has none.
func (t *timing) leftOut(r run) gateway.RunReason {
	date := r.Wall.Fields().Format(time.DateOnly)
	switch {
	case slices.Contains(t.Except, date):
		return gateway.RunExcepted
	case slices.Contains(t.Holidays, date):
		return gateway.RunHoliday
	}
	return ""
}
