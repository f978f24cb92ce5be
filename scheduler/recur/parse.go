// Package recur expands the recurrence rules of calendars (RFC 5545, section 3.3.10) in wall time: it knows no zones, so
// no clock change can move or lose a date; whoever asks places each wall time in its zone. The rules come from outside,
// so all that could take long is bounded.
package recur

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Rule is one recurrence rule. The zero value is none; Parse makes them. A Rule may be used by many at once.
type Rule struct {
	option rrule.ROption
	until  until
}

// until is how a rule says when it ends.
type until struct {
	kind rune // 0 none, 'd' a date, within; 'w' a wall time, within; 'z' an instant, within
	wall civil.Wall
}

// The most that a rule may ask for: steps of 100,000 minutes are ten weeks, and a text of 2,000 bytes names every day of
// a year.
const (
	maxInterval = 100_000
	maxCount    = 10_000_000
	maxText     = 2_000
)

// Parse reads the value of an RRULE, such as "FREQ=WEEKLY;BYDAY=MO". It refuses what RFC 5545 does not have, an INTERVAL
// of nothing, and rules by the second.
func Parse(text string) (Rule, error) {
	var r Rule
	if len(text) > maxText {
		return r, fmt.Errorf("the rule is longer than %d bytes", maxText)
	}
	value := strings.TrimSuffix(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "RRULE:"), ";")
	seen := map[string]bool{}
	for _, part := range strings.Split(value, ";") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return r, fmt.Errorf("%q is no part of a rule; write NAME=VALUE, with semicolons between", part)
		}
		if seen[key] {
			return r, fmt.Errorf("%s stands twice", key)
		}
		seen[key] = true
		if err := r.set(key, value); err != nil {
			return r, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	switch {
	case !seen["FREQ"]:
		return r, fmt.Errorf("the rule does not say how often; begin it with FREQ=WEEKLY or the like")
	case seen["BYSETPOS"] && r.option.Freq > rrule.DAILY:
		return r, fmt.Errorf("BYSETPOS is for days and longer")
	}
	if !seen["INTERVAL"] {
		r.option.Interval = 1
	}
	return r, nil
}

// set takes one part of a rule.
func (r *Rule) set(key, value string) (err error) {
	o := &r.option
	switch key {
	case "FREQ":
		o.Freq, err = frequency(value)
	case "INTERVAL":
		o.Interval, err = number(value, 1, maxInterval)
	case "COUNT":
		o.Count, err = number(value, 1, maxCount)
	case "UNTIL":
		r.until, err = parseUntil(value)
	case "WKST":
		var days []rrule.Weekday
		if days, err = weekdays(value); err == nil && (len(days) != 1 || days[0].N() != 0) {
			err = fmt.Errorf("name one day of the week")
		} else if err == nil {
			o.Wkst = days[0]
		}
	case "BYDAY":
		o.Byweekday, err = weekdays(value)
	case "BYSETPOS":
		o.Bysetpos, err = numbers(value, 366, true)
	case "BYMONTH":
		o.Bymonth, err = numbers(value, 12, false)
	case "BYMONTHDAY":
		o.Bymonthday, err = numbers(value, 31, true)
	case "BYYEARDAY":
		o.Byyearday, err = numbers(value, 366, true)
	case "BYWEEKNO":
		o.Byweekno, err = numbers(value, 53, true)
	case "BYHOUR":
		o.Byhour, err = numbersFrom0(value, 23)
	case "BYMINUTE":
		o.Byminute, err = numbersFrom0(value, 59)
	case "BYSECOND":
		o.Bysecond, err = numbersFrom0(value, 59)
	case "RSCALE": // RFC 7529
		if value != "GREGORIAN" {
			err = fmt.Errorf("only the Gregorian calendar is known here")
		}
	default:
		err = fmt.Errorf("rules have no such part")
	}
	return err
}

func frequency(value string) (rrule.Frequency, error) {
	f, err := rrule.StrToFreq(value)
	if err != nil {
		return f, fmt.Errorf("write YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY or MINUTELY")
	}
	if f == rrule.SECONDLY {
		return f, fmt.Errorf("nothing that people do repeats by the second")
	}
	return f, nil
}

func number(value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("write a number from %d to %d", least, most)
	}
	return n, nil
}

// numbers reads a list from 1, or also from -1 downwards, each number once.
func numbers(value string, most int, negative bool) ([]int, error) {
	least := 1
	if negative {
		least = -most
	}
	list, err := list(value, least, most)
	if err == nil && slices.Contains(list, 0) {
		err = fmt.Errorf("there is no 0")
	}
	return list, err
}

func numbersFrom0(value string, most int) ([]int, error) { return list(value, 0, most) }

func list(value string, least, most int) ([]int, error) {
	var all []int
	for _, one := range strings.Split(value, ",") {
		n, err := number(one, least, most)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func weekdays(value string) ([]rrule.Weekday, error) {
	names := map[string]rrule.Weekday{"MO": rrule.MO, "TU": rrule.TU, "WE": rrule.WE, "TH": rrule.TH, "FR": rrule.FR, "SA": rrule.SA, "SU": rrule.SU}
	var all []rrule.Weekday
	for _, one := range strings.Split(value, ",") {
		cut := max(len(one)-2, 0)
		day, ok := names[one[cut:]]
		if ok && cut > 0 {
			n, err := number(strings.TrimPrefix(one[:cut], "+"), -53, 53)
			if ok = err == nil && n != 0; ok {
				day = day.Nth(n)
			}
		}
		if !ok {
			return nil, fmt.Errorf("write days as MO or, for the last Friday, -1FR")
		}
		if !slices.Contains(all, day) {
			all = append(all, day)
		}
	}
	return all, nil
}

func parseUntil(value string) (until, error) {
	for layout, kind := range map[string]rune{"20060102": 'd', "20060102T150405": 'w', "20060102T150405Z": 'z'} {
		if t, err := time.Parse(layout, value); err == nil && len(value) == len(layout) {
			return until{kind, civil.Wall(t.Unix())}, nil
		}
	}
	return until{}, fmt.Errorf("write a date as in 20261231, with a time as in 20261231T090000 or, in UTC, 20261231T090000Z")
}

// Dates gives the rule as it holds for whole days, without times of day, as section 3.3.10 asks.
func (r Rule) Dates() (Rule, error) {
	if r.option.Freq > rrule.DAILY {
		return r, fmt.Errorf("a whole day cannot repeat within the day")
	}
	r.option.Byhour, r.option.Byminute, r.option.Bysecond = nil, nil, nil
	return r, nil
}

// Yearly tells whether the rule steps by years.
func (r Rule) Yearly() bool { return r.option.Freq == rrule.YEARLY }

// Fewer gives the rule with one occurrence less to come, and false if it has none left; a rule without COUNT stays.
func (r Rule) Fewer() (Rule, bool) {
	if r.option.Count == 0 {
		return r, true
	}
	r.option.Count--
	return r, r.option.Count > 0
}

// Over tells whether a moment lies behind the rule's UNTIL. An UNTIL that is a date holds that whole day.
func (r Rule) Over(m civil.Moment) bool {
	switch r.until.kind {
	case 'd':
		return m.Wall >= r.until.wall+civil.Day
	case 'w':
		return m.Wall > r.until.wall
	case 'z':
		return m.Instant().Unix() > int64(r.until.wall)
	}
	return false
}

// The most that a schedule of runs may ask for.
const (
	maxRunsADay = 24
	MaxRuns     = 100_000 // with COUNT; ten a day make 27 years
)

// ForRuns tells why a rule cannot be a schedule of runs, which are at full minutes and not many a day; nil if it can.
func (r Rule) ForRuns() error {
	o := r.option
	switch {
	case o.Freq > rrule.DAILY, max(1, len(o.Byhour))*max(1, len(o.Byminute)) > maxRunsADay:
		return fmt.Errorf("more than %d runs a day are written as a cron line, such as */30 * * * *", maxRunsADay)
	case len(o.Bysecond) > 1, len(o.Bysecond) == 1 && o.Bysecond[0] != 0:
		return fmt.Errorf("runs are at full minutes; leave out BYSECOND")
	case o.Count > MaxRuns:
		return fmt.Errorf("COUNT is above %d; leave it out, or write UNTIL", MaxRuns)
	}
	return nil
}
