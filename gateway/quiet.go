package gateway

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// QuietHours say when a member is not to be disturbed, by her own clock, and what passes all the same. The zero value: never.
type QuietHours struct {
	spans  []quietSpan
	dates  []quietSpan // each on one date
	days   []quietSpan // each on the dates of a calendar, as long as they are not written into it
	alerts bool        // alerts wait too
	danger bool        // so do those with danger to life: she refused them at night
}

// quietSpan begins on a day at one time and ends at the other: on the next day, if that is not later.
type quietSpan struct {
	days     uint8      // bits, from Monday
	date     civil.Wall // midnight; of dates only
	of       string     // the calendar whose dates are meant
	from, to civil.Wall // of the day
	only     Class      // Report or Reminder: others pass; empty: all that waits
}

// QuietLate is said of what is not sent because its time is over before quiet hours are.
const QuietLate = "her quiet hours last until its time is over"

// NoQuiet is what an import says of a member who wants no quiet hours any more.
const NoQuiet = "none"

// Bounds of what somebody may ask for.
const (
	maxQuietText  = 1000
	maxQuietSpans = 14
	maxQuietDates = 60
	maxQuietOf    = 5
	everyDay      = 1<<7 - 1
)

var (
	quietForm = regexp.MustCompile(`^(?:((?:holidays )?[a-z0-9,-]+) )?([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])$`)
	quietDay  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	quietOf   = regexp.MustCompile(`^holidays [a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)
	quietDays = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

// ParseQuiet reads quiet hours, entries parted by semicolons or bars: "22:00-07:00" on every day that it begins on;
// "mon-fri 22:00-07:00" or "sat,sun 20:00-10:00" on some; "2026-12-25" or "2026-12-24,2026-12-31 14:00-23:00" on dates; "holidays school" on those of a calendar of her group;
// "reports " or "reminders " before any of these where the other kind passes; and what else waits: "alerts wait", and "danger waits" for alerts with danger to life too. All entries count together.
func ParseQuiet(text string) (q QuietHours, err error) {
	if len(text) > maxQuietText {
		return q, fmt.Errorf("quiet hours of more than %d characters; shorten them", maxQuietText)
	}
	if q, err = readQuiet(text); err != nil {
		return q, err
	}
	if len(q.spans) > maxQuietSpans || len(q.dates) > maxQuietDates || len(q.days) > maxQuietOf {
		return QuietHours{}, fmt.Errorf("more than %d times, %d dates or %d calendars; leave some out", maxQuietSpans, maxQuietDates, maxQuietOf)
	}
	return q, nil
}

// readQuiet is ParseQuiet without bounds of how much somebody may ask for: the dates of calendars may be many.
func readQuiet(text string) (q QuietHours, err error) {
	for _, entry := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ';' || c == '|' }) {
		switch entry = strings.Join(strings.Fields(entry), " "); entry {
		case "":
		case "alerts wait":
			q.alerts = true
		case "danger waits":
			q.danger = true
		default:
			if err := q.add(entry); err != nil {
				return QuietHours{}, err
			}
		}
	}
	if (q.alerts || q.danger) && !slices.ContainsFunc(slices.Concat(q.spans, q.dates, q.days), func(s quietSpan) bool { return s.only == "" }) {
		return QuietHours{}, fmt.Errorf("quiet hours without a time for alerts; write 22:00-07:00 before what waits")
	}
	if q.always(Report) || q.always(Reminder) {
		return QuietHours{}, fmt.Errorf("these quiet hours leave no minute of the week; for somebody who wants nothing there is STOP")
	}
	return q, nil
}

func (q *QuietHours) add(entry string) error {
	wrong := fmt.Errorf("%q are no quiet hours; write 22:00-07:00, sat,sun 20:00-10:00, 2026-12-25, holidays NAME, reports 20:00-17:00, alerts wait or danger waits", entry)
	s := quietSpan{to: civil.Day}
	for word, class := range map[string]Class{"reports ": Report, "reminders ": Reminder} {
		if rest, ok := strings.CutPrefix(entry, word); ok {
			entry, s.only = rest, class
		}
	}
	days := entry
	if m := quietForm.FindStringSubmatch(entry); m != nil {
		var ok bool
		if s.from, ok = clock(m[2]); !ok {
			return wrong
		}
		if s.to, ok = clock(m[3]); !ok || s.from == civil.Day || s.to == s.from {
			return wrong
		}
		days = m[1]
	} else if (entry == "" || entry[0] < '0' || entry[0] > '9') && !quietOf.MatchString(entry) {
		return wrong
	}
	if name, ok := strings.CutPrefix(days, quietHolidays); ok {
		if !quietOf.MatchString(days) {
			return wrong
		}
		s.of = name
		q.days = append(q.days, s)
		return nil
	}
	if days != "" && days[0] >= '0' && days[0] <= '9' {
		for _, one := range strings.Split(days, ",") {
			date, err := civil.ParseWall(one)
			if err != nil || !quietDay.MatchString(one) {
				return wrong
			}
			s.date = date
			q.dates = append(q.dates, s)
		}
		return nil
	}
	if s.days = everyDay; days != "" {
		var ok bool
		if s.days, ok = weekdays(days); !ok {
			return wrong
		}
	}
	q.spans = append(q.spans, s)
	return nil
}

// clock reads a time of day; 24:00 is the end of one.
func clock(text string) (civil.Wall, bool) {
	w := civil.Wall(text[0]-'0')*10*civil.Hour + civil.Wall(text[1]-'0')*civil.Hour + civil.Wall(text[3]-'0')*10*civil.Minute + civil.Wall(text[4]-'0')*civil.Minute
	return w, w <= civil.Day
}

// weekdays reads "mon-fri" and "sat,sun"; fri-mon goes round.
func weekdays(text string) (days uint8, ok bool) {
	for _, one := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(one, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(quietDays[:], first), slices.Index(quietDays[:], last)
		if from < 0 || to < 0 {
			return 0, false
		}
		for day := from; ; day = (day + 1) % 7 {
			if days |= 1 << day; day == to {
				break
			}
		}
	}
	return days, true
}

// always reports whether the week has no minute that is not quiet for a class.
func (q QuietHours) always(c Class) bool {
	week := make([]bool, 7*civil.Day/civil.Minute)
	for _, s := range q.spans {
		for day := range civil.Wall(7) {
			for at := s.from; s.keeps(c) && s.days>>day&1 != 0 && at < s.end(); at += civil.Minute {
				week[(day*civil.Day+at)/civil.Minute%civil.Wall(len(week))] = true
			}
		}
	}
	return !slices.Contains(week, false)
}

// end is when a span ends, counted from the midnight before it began.
func (s quietSpan) end() civil.Wall {
	if s.to <= s.from {
		return s.to + civil.Day
	}
	return s.to
}

// keeps reports whether a span is for a class.
func (s quietSpan) keeps(c Class) bool { return s.only == "" || s.only == c }

// String writes what ParseQuiet reads.
func (q QuietHours) String() string {
	var entries []string
	for _, s := range q.spans {
		entries = append(entries, s.kind()+strings.TrimSpace(s.dayNames()+" "+s.hours()))
	}
	for _, s := range q.dates {
		entry := s.kind() + s.date.Fields().Format(time.DateOnly)
		if s.from != 0 || s.to != civil.Day {
			entry += " " + s.hours()
		}
		entries = append(entries, entry)
	}
	for _, s := range q.days {
		entry := s.kind() + quietHolidays + s.of
		if s.from != 0 || s.to != civil.Day {
			entry += " " + s.hours()
		}
		entries = append(entries, entry)
	}
	if q.alerts {
		entries = append(entries, "alerts wait")
	}
	if q.danger {
		entries = append(entries, "danger waits")
	}
	return strings.Join(entries, "; ")
}

func (s quietSpan) kind() string {
	if s.only == "" {
		return ""
	}
	return string(s.only) + "s "
}

func (s quietSpan) hours() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.from/civil.Hour, s.from/civil.Minute%60, s.to/civil.Hour, s.to/civil.Minute%60)
}

func (s quietSpan) dayNames() string {
	if s.days == everyDay {
		return ""
	}
	first, n := bits.TrailingZeros8(s.days), bits.OnesCount8(s.days)
	if n > 2 && s.days>>first == 1<<n-1 {
		return quietDays[first] + "-" + quietDays[first+n-1]
	}
	var names []string
	for day, name := range quietDays {
		if s.days>>day&1 != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// At tells whether an instant is in quiet hours for a class, on the clocks of a zone, and from when until when they last around it:
// spans that touch are one. An end that clocks never show, or show twice, is as civil.In says.
func (q QuietHours) At(c Class, at time.Time, loc *time.Location) (from, to time.Time, quiet bool) {
	from, to = at, at
	for grown := true; grown; {
		grown = false
		for begin, end := range q.around(c, to, loc) {
			if !begin.After(to) && end.After(to) {
				to, grown = end, true
			}
		}
	}
	if to.Equal(at) {
		return at, at, false
	}
	for grown := true; grown; {
		grown = false
		for begin, end := range q.around(c, from, loc) {
			if begin.Before(from) && !end.Before(from) {
				from, grown = begin, true
			}
		}
	}
	return from, to, true
}

// around gives all spans for a class that may hold or touch an instant.
func (q QuietHours) around(c Class, at time.Time, loc *time.Location) func(yield func(from, to time.Time) bool) {
	_, off := at.In(loc).Zone()
	today := civil.Wall(at.Unix() + int64(off)).Midnight()
	return func(yield func(from, to time.Time) bool) {
		for date := today - 2*civil.Day; date <= today+civil.Day; date += civil.Day {
			weekday := (int(date.Fields().Weekday()) + 6) % 7
			exists := -1
			holds := func(s quietSpan) bool {
				if exists < 0 {
					exists = 0
					if civil.Exists(date, loc) {
						exists = 1
					}
				}
				return exists == 0 || yield(civil.In(date+s.from, loc).Instant(), civil.In(date+s.end(), loc).Instant())
			}
			for _, s := range q.spans {
				if s.keeps(c) && s.days>>weekday&1 != 0 && !holds(s) {
					return
				}
			}
			for _, s := range q.dates {
				if s.keeps(c) && s.date == date && !holds(s) {
					return
				}
			}
		}
	}
}

// Waits says whether messages of a class wait for the end of quiet hours. What belongs to her account never does; alerts do
// if she says so, and those with danger to life only if she refused them.
func (q QuietHours) Waits(c Class) bool {
	switch c {
	case Account:
		return false
	case LifeSafety:
		return q.danger
	case Alert:
		return q.alerts || q.danger
	}
	return true
}

// Move says when she is told what is due at an instant, now or later. What is quiet then waits until the end, which is
// given as until; a reminder moves to the minute before they begin if that is to come (requirement 26). late: its time
// would be over by then, so that she is not told.
func (q QuietHours) Move(c Class, at, now, expires time.Time, loc *time.Location) (due, until time.Time, late bool) {
	if !q.Waits(c) {
		return at, time.Time{}, false
	}
	from, to, quiet := q.At(c, at, loc)
	if !quiet {
		return at, time.Time{}, false
	}
	if before := from.Add(-time.Minute); c == Reminder && !before.Before(now) {
		if _, _, still := q.At(c, before, loc); !still {
			return before, time.Time{}, false
		}
	}
	return to, to, !to.Before(expires)
}

// QuietBook keeps what was read of quiet hours and zones. The zero value is ready; it is safe for concurrent use.
type QuietBook struct {
	mu    sync.Mutex
	hours map[string]QuietHours
	zones map[string]*time.Location
}

// maxQuietBook bounds both maps of a book.
const maxQuietBook = 2000

// Hours reads quiet hours as they are stored. What this release cannot read is none: a message comes rather than not.
func (b *QuietBook) Hours(text string) QuietHours {
	if text == "" {
		return QuietHours{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q, known := b.hours[text]
	if !known {
		q, _ = readQuiet(text)
		if b.hours == nil || len(b.hours) >= maxQuietBook {
			b.hours = map[string]QuietHours{}
		}
		b.hours[strings.Clone(text)] = q
	}
	return q
}

// Zone gives the first of these zones that the machine knows; UTC if it knows none.
func (b *QuietBook) Zone(names ...string) *time.Location {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range names {
		loc, known := b.zones[name]
		if !known {
			loc, _ = civil.Zone(name) // nil: a zone that the machine does not know any more
			if b.zones == nil || len(b.zones) >= maxQuietBook {
				b.zones = map[string]*time.Location{}
			}
			b.zones[strings.Clone(name)] = loc
		}
		if loc != nil {
			return loc
		}
	}
	return time.UTC
}
