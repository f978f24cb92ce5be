package recur

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/teambition/rrule-go"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// ErrTooMany says that the budget of a walk is spent.
var ErrTooMany = errors.New("it repeats too often")

// Last is the last wall time that rules are expanded to.
const Last = civil.Wall(13_537_929_599) // 2398-12-31T23:59:59

// The Gregorian calendar repeats itself every 400 years, to the day of the week. rrule-go gives up on a rule that never
// happens, as one for 30 February, only in the year 9999; moved there by 19 times 400 years it has 400 years left to look
// at instead of 8000, and nothing else changes.
const away = 19 * 146_097 * civil.Day

// Walk gives yield the wall times of a rule whose first occurrence is start, in order, those from from to last, until
// yield returns false. It takes one from the budget for every step, also for those before from, and returns ErrTooMany
// when nothing is left of it. The start itself comes only if the rule has it. An UNTIL in UTC is cut two days too late,
// because its wall time depends on a zone: see Over.
func (r Rule) Walk(start, from, last civil.Wall, budget *int, yield func(civil.Wall) bool) error {
	o := r.option
	from, last = max(from, start), min(last, Last)
	switch r.until.kind {
	case 'd':
		last = min(last, r.until.wall+civil.Day-1)
	case 'w':
		last = min(last, r.until.wall)
	case 'z':
		last = min(last, r.until.wall+2*civil.Day)
	}
	if start > last || start.Fields().Year() < 1 {
		return nil
	}
	spell(&o, start)
	if !reachable(o, start) {
		return nil
	}
	if o.Count == 0 {
		start = near(o, start, from)
	}
	o.Dtstart, o.Until = (start + away).Fields(), (last + away).Fields()
	rule, err := rrule.NewRRule(o)
	if err != nil {
		return fmt.Errorf("reading the rule: %w", err)
	}
	for next := rule.Iterator(); ; {
		at, ok := next()
		if !ok {
			return nil
		}
		if *budget--; *budget < 0 {
			return ErrTooMany
		}
		if w := civil.Wall(at.Unix()) - away; w >= from && !yield(w) {
			return nil
		}
	}
}

// spell writes out what a rule leaves to its start, so that the start can be moved.
func spell(o *rrule.ROption, start civil.Wall) {
	t := start.Fields()
	days := []rrule.Weekday{rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA}
	day := days[t.Weekday()]
	dayless := len(o.Byyearday) == 0 && len(o.Bymonthday) == 0 && len(o.Byweekday) == 0
	switch {
	case !dayless:
	case len(o.Byweekno) > 0: // section 3.3.10: what the rule does not say is taken from the start
		o.Byweekday = []rrule.Weekday{day}
	case o.Freq == rrule.YEARLY:
		if len(o.Bymonth) == 0 {
			o.Bymonth = []int{int(t.Month())}
		}
		o.Bymonthday = []int{t.Day()}
	case o.Freq == rrule.MONTHLY:
		o.Bymonthday = []int{t.Day()}
	case o.Freq == rrule.WEEKLY:
		o.Byweekday = []rrule.Weekday{day}
	}
	if len(o.Byhour) == 0 && o.Freq < rrule.HOURLY {
		o.Byhour = []int{t.Hour()}
	}
	if len(o.Byminute) == 0 && o.Freq < rrule.MINUTELY {
		o.Byminute = []int{t.Minute()}
	}
	if len(o.Bysecond) == 0 {
		o.Bysecond = []int{t.Second()}
	}
}

// reachable tells whether steps of a rule within the day ever come upon its hours and minutes; where they do not,
// rrule-go would look for them for ever.
func reachable(o rrule.ROption, start civil.Wall) bool {
	step := o.Interval
	switch {
	case o.Freq < rrule.HOURLY:
		return true
	case o.Freq == rrule.HOURLY:
		step *= 60
	}
	t := start.Fields()
	minute := t.Hour()*60 + t.Minute()
	for range 24 * 60 {
		fits := len(o.Byhour) == 0 || slices.Contains(o.Byhour, minute/60)
		if fits && (o.Freq == rrule.HOURLY || len(o.Byminute) == 0 || slices.Contains(o.Byminute, minute%60)) {
			return true
		}
		minute = (minute + step) % (24 * 60)
	}
	return false
}

// near moves the start of a spelled rule by whole steps to shortly before from, so that a rule from long ago costs no
// more than a new one. It may only be used without COUNT.
func near(o rrule.ROption, start, from civil.Wall) civil.Wall {
	step := civil.Wall(o.Interval)
	switch o.Freq {
	case rrule.YEARLY, rrule.MONTHLY:
		months := civil.Wall(1)
		if o.Freq == rrule.YEARLY {
			months = 12
		}
		s, f := start.Fields(), from.Fields()
		between := civil.Wall((f.Year()-s.Year())*12 + int(f.Month()) - int(s.Month()))
		steps := between/(step*months) - 1
		if steps <= 0 {
			return start
		}
		month := s.Month()
		if o.Freq == rrule.YEARLY {
			month = 1
		}
		return civil.At(s.Year(), month+time.Month(steps*step*months), 1, 0, 0, 0)
	case rrule.WEEKLY:
		step *= 7 * civil.Day
	case rrule.DAILY:
		step *= civil.Day
	case rrule.HOURLY:
		step *= civil.Hour
	case rrule.MINUTELY:
		step *= civil.Minute
	}
	return start + max(0, (from-start)/step-1)*step
}
