package scheduler

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Lead is how long before an event somebody is reminded: some time on the clock that never stops, or days on the calendar,
// at the event's time of day or at one of its own.
type Lead struct {
	minutes int
	days    int
	clock   civil.Wall // time of day; noClock: the event's own
}

const (
	noClock = civil.Wall(-1)
	// MaxLead is the longest lead, in days.
	MaxLead = 60
	// allDayHour is when a day is announced that has no time of its own, unless a lead says when.
	allDayHour = 9 * civil.Hour
)

var leadForm = regexp.MustCompile(`^([0-9]{1,5})(m|h|d|w)(?:@([01][0-9]|2[0-3]):([0-5][0-9]))?$`)

// ParseLead reads "30m", "2h", "1d", "1w", or "1d@18:00": the day before at 18:00.
func ParseLead(text string) (Lead, error) {
	wrong := fmt.Errorf("%q is no lead time; write 30m, 2h, 1d, 1w, or 1d@18:00 for the day before at 18:00", text)
	m := leadForm.FindStringSubmatch(text)
	if m == nil {
		return Lead{}, wrong
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return Lead{}, wrong
	}
	l := Lead{clock: noClock}
	switch m[2] {
	case "m":
		l.minutes = n
	case "h":
		l.minutes = 60 * n
	case "d":
		l.days = n
	case "w":
		l.days = 7 * n
	}
	if l.days > MaxLead || l.minutes > MaxLead*24*60 {
		return Lead{}, fmt.Errorf("%q is longer than %d days", text, MaxLead)
	}
	if m[3] != "" {
		if m[2] == "m" || m[2] == "h" {
			return Lead{}, fmt.Errorf("%q has a time of day; that goes with days and weeks only, as in 1d@18:00", text)
		}
		hour, _ := strconv.Atoi(m[3])
		minute, _ := strconv.Atoi(m[4])
		l.clock = civil.Wall(hour)*civil.Hour + civil.Wall(minute)*civil.Minute
	}
	return l, nil
}

// String writes what ParseLead reads.
func (l Lead) String() string {
	switch {
	case l.minutes > 0 && l.minutes%60 == 0:
		return fmt.Sprintf("%dh", l.minutes/60)
	case l.minutes > 0 || l.days == 0 && l.clock == noClock:
		return fmt.Sprintf("%dm", l.minutes)
	}
	text := fmt.Sprintf("%dd", l.days)
	if l.days > 0 && l.days%7 == 0 {
		text = fmt.Sprintf("%dw", l.days/7)
	}
	if l.clock != noClock {
		text += fmt.Sprintf("@%02d:%02d", l.clock/civil.Hour, l.clock/civil.Minute%60)
	}
	return text
}

// Before gives the instant of a reminder of an event that starts at a wall time, on clocks of the place. False: it would
// come after the event has begun. A whole day is announced at 09:00 where the lead does not say when, and on that
// day itself by a lead of less than a day.
func (l Lead) Before(start civil.Wall, allDay bool, place *time.Location) (time.Time, bool) {
	begins := civil.In(start, place).Instant()
	clock := l.clock
	if allDay && clock == noClock {
		clock = allDayHour
	}
	var at time.Time
	switch {
	case clock != noClock:
		at = civil.In(start.Midnight()-civil.Wall(l.days)*civil.Day+clock, place).Instant()
	case l.days > 0:
		at = civil.In(start-civil.Wall(l.days)*civil.Day, place).Instant()
	default:
		at = begins.Add(-time.Duration(l.minutes) * time.Minute)
	}
	return at, allDay || !at.After(begins)
}

// DefaultLeads are those of a group that has none of its own: the day before at 18:00, and two hours before.
func DefaultLeads() []Lead {
	return []Lead{{days: 1, clock: 18 * civil.Hour}, {minutes: 120, clock: noClock}}
}
