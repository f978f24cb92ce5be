package gateway

import (
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// quietHolidays begins an entry of quiet hours that means the dates of a calendar.
const quietHolidays = "holidays "

// MaxHolidays is how many dates with whole days are kept of a calendar, the first ones to come.
const MaxHolidays = 400

// KeepHolidays is how long after its end a date still counts: by the clocks of whoever is behind those of the calendar it goes on.
const KeepHolidays = 48 * time.Hour

// HolidaysIn gives the text of quiet hours with dates in place of the calendars that it names. dates gives those of a calendar
// of her group, as Freshness.Holidays; one that the group does not have adds none. Text that names no calendar costs nothing.
func HolidaysIn(text string, dates func(calendar string) ([]string, error)) (string, error) {
	if !strings.Contains(text, quietHolidays) {
		return text, nil
	}
	q, err := readQuiet(text)
	if err != nil {
		return "", nil // as QuietBook.Hours: what this release cannot read is none
	}
	for _, s := range q.days {
		all, err := dates(s.of)
		if err != nil {
			return "", err
		}
		for _, one := range all {
			if date, err := civil.ParseWall(one); err == nil {
				s.date, s.of = date.Midnight(), ""
				q.dates = append(q.dates, s)
			}
		}
	}
	q.days = nil
	if len(q.spans)+len(q.dates) == 0 {
		return "", nil
	}
	return q.String(), nil
}

// Calendars lists the calendars that quiet hours name, each once, sorted.
func (q QuietHours) Calendars() (names []string) {
	for _, s := range q.days {
		names = append(names, s.of)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// WholeDays lists the dates of an event that lasts whole days and takes place.
func (e *Event) WholeDays() (dates []civil.Wall) {
	if !e.AllDay || e.Status == EventCancelled {
		return nil
	}
	for d := e.Start.Wall.Midnight(); d < e.End.Wall && len(dates) < MaxHolidays; d += civil.Day {
		dates = append(dates, d)
	}
	return dates
}

// HolidayDates writes dates as Freshness.Holidays has them: once each, in order, and no more than MaxHolidays.
func HolidayDates(all []civil.Wall) (dates []string) {
	all = slices.Clone(all)
	slices.Sort(all)
	for _, d := range slices.Compact(all) {
		if len(dates) == MaxHolidays {
			break
		}
		dates = append(dates, d.Fields().Format(time.DateOnly))
	}
	return dates
}
