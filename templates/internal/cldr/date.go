package cldr

import (
	"strings"
	"time"
)

// Style is how much of a date or time is written.
type Style uint8

// The styles, in the order of Table's patterns.
const (
	Short Style = iota
	Medium
	Long
	Full
)

// ParseStyle reads a style's name.
func ParseStyle(s string) (Style, bool) {
	for i, name := range [...]string{"short", "medium", "long", "full"} {
		if s == name {
			return Style(i), true
		}
	}
	return 0, false
}

func (l *Locale) calendar(o Options) *Calendar {
	if o.Gregorian {
		return &l.table.Calendars[len(l.table.Calendars)-1]
	}
	return &l.table.Calendars[0]
}

// AppendDate writes the day that a clock in t's zone shows.
func (l *Locale) AppendDate(b []byte, t time.Time, style Style, o Options) []byte {
	c := l.calendar(o)
	return l.appendPattern(b, c.Dates[style], t, c, l.system(o))
}

// AppendTime writes what a clock in t's zone shows; long and full name the zone.
func (l *Locale) AppendTime(b []byte, t time.Time, style Style, o Options) []byte {
	return l.appendPattern(b, l.table.Times[style], t, l.calendar(o), l.system(o))
}

// AppendDateTime writes day and time shortly, as for a value that nobody gave a style.
func (l *Locale) AppendDateTime(b []byte, t time.Time, o Options) []byte {
	for rest := l.table.Glue; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{1}"):
			b, rest = l.AppendDate(b, t, Short, o), rest[3:]
		case strings.HasPrefix(rest, "{0}"):
			b, rest = l.AppendTime(b, t, Short, o), rest[3:]
		case rest[0] == '\'':
			rest = rest[1:]
		default:
			b, rest = append(b, rest[0]), rest[1:]
		}
	}
	return b
}

// appendPattern writes a date pattern (Unicode Technical Standard 35, part 4, "Date Field Symbol Table"): letters are
// fields, what stands between apostrophes is literal.
func (l *Locale) appendPattern(b []byte, pattern string, t time.Time, c *Calendar, s *system) []byte {
	day := dateIn(c.Name, t)
	quoted := false
	for i := 0; i < len(pattern); {
		letter := pattern[i]
		n := 1
		for i+n < len(pattern) && pattern[i+n] == letter {
			n++
		}
		switch {
		case letter == '\'' && n == 2:
			b = append(b, '\'')
		case letter == '\'':
			quoted, n = !quoted, 1
		case !quoted && (letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z'):
			b = l.appendField(b, letter, n, day, t, c, s)
		default:
			b = append(b, pattern[i:i+n]...)
		}
		i += n
	}
	return b
}

func (l *Locale) appendField(b []byte, letter byte, n int, day date, t time.Time, c *Calendar, s *system) []byte {
	hour, minute, second := t.Clock()
	switch letter {
	case 'G':
		return append(b, c.Eras[era(n)]...)
	case 'y':
		if n == 2 {
			return s.appendInt(b, day.year%100, 2)
		}
		return s.appendInt(b, day.year, n)
	case 'M', 'L':
		switch n {
		case 4:
			return append(b, c.Months[0][day.month-1]...)
		case 3:
			return append(b, c.Months[1][day.month-1]...)
		}
		return s.appendInt(b, day.month, n)
	case 'd':
		return s.appendInt(b, day.day, n)
	case 'E':
		return append(b, l.table.Weekdays[t.Weekday()]...)
	case 'c':
		return append(b, l.table.Alone[t.Weekday()]...)
	case 'h':
		return s.appendInt(b, (hour+11)%12+1, n)
	case 'H':
		return s.appendInt(b, hour, n)
	case 'm':
		return s.appendInt(b, minute, n)
	case 's':
		return s.appendInt(b, second, n)
	case 'a', 'B':
		return append(b, l.period(letter, hour, minute)...)
	case 'z':
		return l.appendZone(b, t, n == 4, s)
	}
	return b // the generator's test has seen every pattern: there is no other letter
}

func era(n int) int {
	switch n {
	case 4:
		return 1
	case 5:
		return 2
	}
	return 0
}

// period names the part of the day, by the clock's halves or by the locale's own parts.
func (l *Locale) period(letter byte, hour, minute int) string {
	now := hour*60 + minute
	if letter == 'B' {
		for _, span := range l.table.Day.Spans {
			inside := now >= span.From && now < span.Before
			if span.From > span.Before { // over midnight
				inside = now >= span.From || now < span.Before
			}
			if inside {
				return l.table.Day.Names[span.Name]
			}
		}
	}
	if hour < 12 {
		return l.table.Day.AM
	}
	return l.table.Day.PM
}

// appendZone names t's zone as it is called at that time of the year, or gives its offset where the locale has no name.
func (l *Locale) appendZone(b []byte, t time.Time, long bool, s *system) []byte {
	zones := l.zones()
	name, width := t.Location().String(), 1
	if long {
		width = 0
	}
	if canon, ok := common().Canon[name]; ok {
		name = canon
	}
	for _, key := range [...]string{name, common().Metazone[name]} {
		if names, ok := zones.Names[key]; ok && key != "" {
			called := names[width].Standard
			if summer(t) {
				called = names[width].Daylight
			}
			if called != "" {
				return append(b, called...)
			}
		}
	}
	return zones.appendOffset(b, t, long, s)
}

// summer reports whether clocks are ahead of the zone's standard time. Ireland's and Morocco's law calls the winter the
// exception, with a negative shift; names go by the clock. A change that is a year away tells nothing of today.
func summer(t time.Time) bool {
	const year = 366 * 24 * time.Hour
	start, end := t.ZoneBounds()
	_, offset := t.Zone()
	for _, other := range []time.Time{end, start.Add(-time.Second)} {
		if other.Sub(t).Abs() > year {
			continue // also where there is no change, which the zero time says
		}
		if _, there := other.Zone(); other.IsDST() != t.IsDST() {
			return offset > there
		}
	}
	return t.IsDST()
}

func (z *Zones) appendOffset(b []byte, t time.Time, long bool, s *system) []byte {
	_, offset := t.Zone()
	before, behind, _ := strings.Cut(z.GMT, "{0}")
	pattern, negative, _ := strings.Cut(z.Hour, ";")
	if offset < 0 {
		pattern, offset = negative, -offset
	}
	hour, minute := offset/3600, offset/60%60
	sign, rest, _ := strings.Cut(pattern, "H")
	separator, end, _ := strings.Cut(strings.TrimPrefix(rest, "H"), "mm")
	b = append(b, before...)
	b = append(b, sign...)
	if long {
		b = s.appendInt(b, hour, 2)
	} else {
		b = s.appendInt(b, hour, 1)
	}
	if long || minute != 0 {
		b = append(b, separator...)
		b = s.appendInt(b, minute, 2)
	}
	b = append(b, end...)
	return append(b, behind...)
}
