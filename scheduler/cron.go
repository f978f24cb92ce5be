package scheduler

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Cron is a schedule written as a cron line. It takes the syntax of robfig/cron/v3, whose own Next puts runs on the wrong
// day where midnight does not exist, and finds the days itself.
type Cron struct {
	minute, hour, day, month, weekday uint64 // a bit for each value; star for a field that is one, with no step above 1
	rhythm                            bool   // the hour is exactly *: it also runs in the second of a doubled hour
}

// star is set in a field that was written as *, ? or */1; it is robfig's.
const star = 1 << 63

// maxSpec bounds a cron line, in bytes.
const maxSpec = 1000

// ParseCron reads "minute hour day month weekday" with names, lists, ranges and steps, or one of @hourly, @daily,
// @midnight, @weekly, @monthly, @yearly and @annually. As ever with cron, a line that names days of the month and days of
// the week runs on both. The zone is no part of the line.
func ParseCron(spec string) (*Cron, error) {
	if len(spec) > maxSpec {
		return nil, fmt.Errorf("the cron line is longer than %d bytes", maxSpec)
	}
	spec = strings.TrimSpace(spec)
	if err := refused(spec); err != nil {
		return nil, fmt.Errorf("cron line %q: %w", spec, err)
	}
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(spec)
	if err != nil {
		why, _, _ := strings.Cut(err.Error(), ": strconv") // what follows says it once more, in the words of a library
		return nil, fmt.Errorf("cron line %q: %s; write five fields, minute hour day month weekday, as in 0 9 * * MON (Sunday is 0 or SUN)", spec, why)
	}
	s, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("cron line %q is no calendar of runs", spec)
	}
	c := &Cron{s.Minute, s.Hour, s.Dom, s.Month, s.Dow, spec == "@hourly"}
	if fields := strings.Fields(spec); len(fields) == 5 {
		c.rhythm = fields[1] == "*"
	}
	if _, ok := c.from(civil.At(2000, 1, 1, 0, 0, 0)); !ok {
		return nil, fmt.Errorf("cron line %q never runs: none of its months has such a day", spec)
	}
	return c, nil
}

// refused tells what robfig would take, or choke on, although nobody can mean it.
func refused(spec string) error {
	switch {
	case strings.Contains(strings.ToUpper(spec), "TZ="):
		return fmt.Errorf("the zone is not part of it; give it beside the line")
	case strings.HasPrefix(spec, "@every"):
		return fmt.Errorf("@every counts from when the program started, which is no time that anybody could rely on; write */30 * * * * or the like")
	case strings.HasPrefix(spec, "@"):
		return nil
	}
	for _, field := range strings.Fields(spec) {
		for _, one := range strings.Split(field, ",") {
			switch {
			case one == "":
				return fmt.Errorf("%q has a comma too many", field)
			case strings.HasPrefix(one, "*-"), strings.HasPrefix(one, "?-"), strings.ContainsRune(one, '+'):
				return fmt.Errorf("%q is no range; write two values, as in 9-17", one)
			}
		}
	}
	return nil
}

func has(mask uint64, value int) bool { return mask&(1<<value) != 0 }

// next gives the lowest bit of a mask from value on.
func next(mask uint64, value int) (int, bool) {
	mask = mask &^ star >> value << value
	return bits.TrailingZeros64(mask), mask != 0
}

// runsOn tells whether a date has runs.
func (c *Cron) runsOn(date time.Time) bool {
	day, weekday := has(c.day, date.Day()), has(c.weekday, int(date.Weekday()))
	if c.day&star != 0 || c.weekday&star != 0 {
		return day && weekday
	}
	return day || weekday
}

// longest is how many years a line may wait for its next run: from 29 February 2096 to that of 2104.
const longest = 8

// from gives the first nominal wall time from w on; false means that there never is one.
func (c *Cron) from(w civil.Wall) (civil.Wall, bool) {
	w = (w + civil.Minute - 1).Floor(civil.Minute)
	t := w.Fields()
	year, month := t.Year(), int(t.Month())
	day, hour, minute := t.Day(), t.Hour(), t.Minute()
	for last := year + longest; year <= last; year, month, day = year+1, 1, 1 {
		for ; month <= 12; month, day = month+1, 1 {
			if !has(c.month, month) {
				hour, minute = 0, 0
				continue
			}
			for date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); int(date.Month()) == month; date = date.AddDate(0, 0, 1) {
				if c.runsOn(date) {
					if h, m, ok := c.timeFrom(hour, minute); ok {
						return civil.Wall(date.Unix()) + civil.Wall(h)*civil.Hour + civil.Wall(m)*civil.Minute, true
					}
				}
				hour, minute = 0, 0
			}
		}
	}
	return 0, false
}

// timeFrom gives the first time of day from one on.
func (c *Cron) timeFrom(hour, minute int) (int, int, bool) {
	if has(c.hour, hour) {
		if m, ok := next(c.minute, minute); ok {
			return hour, m, true
		}
	}
	h, ok := next(c.hour, hour+1)
	m, some := next(c.minute, 0)
	return h, m, ok && some
}

// Next implements Rule. It goes from one change of the clocks to the next, so that it looks at days and not at minutes.
func (c *Cron) Next(after time.Time, loc *time.Location) (civil.Moment, bool) {
	from := after.Unix() + 1 // a run is at a full minute, so the part of a second does not matter
	first, ok := c.from(civil.Wall(from) - civil.Day*2)
	if !ok {
		return civil.Moment{}, false
	}
	horizon := int64(first) + int64(civil.Day)*366*2*longest
	for span := civil.SpanAt(from, loc); from < horizon; span = civil.SpanAt(from, loc) {
		before := span.Offset
		if span.Start != math.MinInt64 {
			before = civil.SpanAt(span.Start-1, loc).Offset
		}
		best, found := c.within(span, before, from, loc)
		if skipped, ok := c.skipped(span, before, from, loc); ok && (!found || skipped.Instant().Before(best.Instant())) {
			best, found = skipped, true
		}
		if found {
			return best, true
		}
		if span.End == math.MaxInt64 {
			break
		}
		from = span.End
	}
	return civil.Moment{}, false
}

// within finds the first run of a span from a Unix second on among the wall times that its clocks show.
func (c *Cron) within(span civil.Span, before, from int64, loc *time.Location) (civil.Moment, bool) {
	w := civil.Wall(from + span.Offset)
	if before > span.Offset && !c.rhythm { // these were shown already
		w = max(w, civil.Wall(span.Start+before))
	}
	w, ok := c.from(w)
	if !ok || int64(w)-span.Offset >= span.End {
		return civil.Moment{}, false
	}
	m := civil.Moment{Wall: w, Offset: span.Offset}
	return civil.Of(m.Instant(), loc), true
}

// skipped finds the first run from a Unix second on among the wall times that clocks skipped at the start of a span.
func (c *Cron) skipped(span civil.Span, before, from int64, loc *time.Location) (civil.Moment, bool) {
	end := civil.Wall(span.Start + span.Offset)
	for w := civil.Wall(from + before); before < span.Offset && w < end; {
		var ok bool
		if w, ok = c.from(w); !ok || w >= end || int64(w)-before >= span.End {
			break
		}
		if civil.Exists(w, loc) {
			return civil.Moment{Wall: w, Offset: before, Note: civil.Gap}, true
		}
		w = w.Midnight() + civil.Day
	}
	return civil.Moment{}, false
}

var _ Rule = (*Cron)(nil)
