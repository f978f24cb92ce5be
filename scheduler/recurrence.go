package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/recur"
)

// Recurrence is a schedule written as a recurrence rule of RFC 5545, counted from a first wall time.
type Recurrence struct {
	rule  recur.Rule
	start civil.Wall
}

// ParseRecurrence reads a rule such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0". It counts its steps, and
// takes the time of day if it names none, from start, a wall time, unless a line DTSTART before it says another. Only what
// the rule has is run, so the start itself may be none. Many runs a day are for cron lines, which keep their rhythm when
// clocks change.
func ParseRecurrence(text string, start civil.Wall) (*Recurrence, error) {
	text = strings.TrimSpace(text)
	first, rest, two := strings.Cut(text, "\n")
	if two || strings.HasPrefix(strings.ToUpper(first), "DTSTART") {
		value, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(first)), "DTSTART:")
		t, err := time.Parse("20060102T150405", value)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is no start of a rule; write DTSTART:20260105T090000, without a zone, which is given beside it", first)
		}
		start, text = civil.Wall(t.Unix()), rest
	}
	rule, err := recur.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("recurrence rule: %w", err)
	}
	if err := rule.ForRuns(); err != nil {
		return nil, fmt.Errorf("recurrence rule: %w", err)
	}
	r := &Recurrence{rule, start.Floor(civil.Minute)}
	found, budget := false, recur.MaxRuns
	err = rule.Walk(r.start, r.start, recur.Last, &budget, func(civil.Wall) bool {
		found = true
		return false
	})
	if err != nil {
		return nil, fmt.Errorf("recurrence rule: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("recurrence rule: it never runs")
	}
	return r, nil
}

// Next implements Rule. A rule with a COUNT is counted from its start at every call, others only from shortly before.
func (r *Recurrence) Next(after time.Time, loc *time.Location) (civil.Moment, bool) {
	var best civil.Moment
	found, budget := false, recur.MaxRuns
	from := civil.Of(after, loc).Wall - civil.Day // a gap may have put off a wall time from before
	err := r.rule.Walk(r.start, from, recur.Last, &budget, func(w civil.Wall) bool {
		if found && w > civil.Of(best.Instant(), loc).Wall {
			return false // all that follow are later
		}
		m := civil.In(w, loc)
		if !m.Instant().After(after) || r.rule.Over(m) || !civil.Exists(w, loc) {
			return true
		}
		if !found || m.Instant().Before(best.Instant()) || m.Instant().Equal(best.Instant()) && best.Note == civil.Gap {
			best, found = m, true
		}
		return true
	})
	return best, found && err == nil
}

var _ Rule = (*Recurrence)(nil)
