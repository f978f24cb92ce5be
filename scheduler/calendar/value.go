package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-ical"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// stamp is a time as a calendar writes it.
type stamp struct {
	wall civil.Wall
	kind Kind
	loc  *time.Location // of an instant: the zone of its wall time
}

// at places a stamp. A floating time is placed in a zone if there is one; a date, and a floating time without a zone, are
// taken as if they were in UTC, which keeps their order.
func (s stamp) at(place *time.Location) civil.Moment {
	loc := s.loc
	if s.kind == Floating {
		loc = place
	}
	if s.kind == Date || loc == nil {
		return civil.Moment{Wall: s.wall}
	}
	return civil.In(s.wall, loc)
}

// zone names the zone of a stamp's wall time, for which place stands where it has none of its own.
func (s stamp) zone(place *time.Location) string {
	loc := s.loc
	if s.kind != Instant {
		loc = place
	}
	if name := zoneName(loc); name != describedZone {
		return name
	}
	return ""
}

// stamps reads a list of dates or times.
func stamps(p ical.Prop, zones *zones) ([]stamp, error) {
	var all []stamp
	for _, one := range strings.Split(p.Value, ",") {
		s, err := readStamp(one, p, zones)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// readStamp reads a date or a time of a property. What it is follows from its length: some programs forget VALUE=DATE.
func readStamp(value string, p ical.Prop, zones *zones) (stamp, error) {
	value = strings.ToUpper(strings.TrimSpace(value))
	if date, _, ok := strings.Cut(value, "T"); ok && strings.EqualFold(p.Params.Get("VALUE"), "DATE") {
		value = date
	}
	layout, s := "20060102T150405", stamp{}
	switch len(value) {
	case 8:
		layout, s.kind = "20060102", Date
	case 16:
		layout, s.loc = layout+"Z", time.UTC
	}
	if strings.HasSuffix(strings.TrimSuffix(value, "Z"), "60") && len(value) > 8 { // a leap second
		cut := strings.LastIndex(value, "60")
		value = value[:cut] + "59" + value[cut+2:]
	}
	t, err := time.Parse(layout, value)
	if err != nil || t.Year() < 1 {
		return s, fmt.Errorf("%s: %q is no date or time", p.Name, shorten(value))
	}
	s.wall = civil.Wall(t.Unix())
	if s.kind == Date || s.loc != nil {
		return s, nil
	}
	tzid := p.Params.Get("TZID")
	if tzid == "" {
		s.kind = Floating
		return s, nil
	}
	if s.loc, err = zones.find(tzid); err != nil {
		return s, fmt.Errorf("%s: %w", p.Name, err)
	}
	return s, nil
}

// readPeriods reads the values of an RDATE: dates, times, or periods with an end or a length.
func readPeriods(p ical.Prop, zones *zones) ([]period, error) {
	var all []period
	for _, one := range strings.Split(p.Value, ",") {
		begin, end, spans := strings.Cut(one, "/")
		start, err := readStamp(begin, p, zones)
		if err != nil {
			return nil, err
		}
		at := period{start: start}
		if spans {
			var l length
			if strings.HasPrefix(strings.TrimLeft(end, "+-"), "P") {
				l, err = readDuration(end)
			} else {
				var until stamp
				if until, err = readStamp(end, p, zones); err == nil {
					l, err = between(start, until)
				}
			}
			if err != nil {
				return nil, err
			}
			at.length = &l
		}
		all = append(all, at)
	}
	return all, nil
}

// length is how long an event takes: days on the calendar first, then seconds of real time (sections 3.3.6 and 3.8.5.3).
type length struct{ days, seconds int64 }

// maxDays bounds a length: a hundred years.
const maxDays = 36_525

// between gives the length from a start to an end. An end behind the start on the clock is one even if a clock change
// puts it first.
func between(start, end stamp) (length, error) {
	if start.kind == Date {
		return length{days: max(1, int64((end.wall.Midnight()-start.wall)/civil.Day))}.checked(end.wall < start.wall)
	}
	if end.kind != Instant || start.kind != Instant {
		end.kind, end.loc = start.kind, start.loc
	}
	seconds := end.at(nil).Instant().Unix() - start.at(nil).Instant().Unix()
	if seconds < 0 && end.wall >= start.wall && start.kind == end.kind && zoneName(start.loc) == zoneName(end.loc) {
		seconds = int64(end.wall - start.wall)
	}
	return length{seconds: seconds}.checked(seconds < 0)
}

func zoneName(loc *time.Location) string {
	if loc == nil {
		return ""
	}
	return loc.String()
}

func (l length) checked(negative bool) (length, error) {
	if negative {
		return l, fmt.Errorf("it ends before it starts")
	}
	if l.days+l.seconds/int64(civil.Day) > maxDays {
		return l, fmt.Errorf("it takes more than a hundred years")
	}
	return l, nil
}

// readDuration reads a value such as "P1W", "P1DT12H" or "PT45M" (section 3.3.6).
func readDuration(value string) (length, error) {
	var l length
	wrong := fmt.Errorf("%q is no duration", shorten(value))
	rest := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(value)), "+")
	rest, negative := strings.CutPrefix(rest, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || rest == "" || len(rest) > 40 || strings.HasSuffix(rest, "T") {
		return l, wrong
	}
	inTime := false
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "T"); ok && !inTime {
			inTime, rest = true, after
			continue
		}
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 || i > 9 {
			return l, wrong
		}
		n, err := strconv.ParseInt(rest[:i], 10, 64)
		if err != nil {
			return l, wrong
		}
		switch unit := rest[i]; {
		case unit == 'W' && !inTime:
			l.days += 7 * n
		case unit == 'D' && !inTime:
			l.days += n
		case unit == 'H' && inTime:
			l.seconds += 3600 * n
		case unit == 'M' && inTime:
			l.seconds += 60 * n
		case unit == 'S' && inTime:
			l.seconds += n
		default:
			return l, wrong
		}
		rest = rest[i+1:]
	}
	return l.checked(negative && l != length{})
}

// text undoes the escaping of section 3.3.11 and cuts what would not fit a line of text. What is escaped that need not
// be stays as it is.
func text(value string) string {
	const most = 1000 // bytes
	value = strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
	if len(value) > most {
		value = value[:most]
	}
	return strings.TrimSpace(strings.ToValidUTF8(value, ""))
}

// shorten keeps a value from outside from filling a message.
func shorten(value string) string {
	if len(value) > 40 {
		return strings.ToValidUTF8(value[:40], "") + "…"
	}
	return value
}
