package cldr

import (
	"slices"
	"time"
)

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Weekday reads a day as the keyword fw of a locale and CLDR's week data have it, as in sun.
func Weekday(name string) (time.Weekday, bool) {
	i := slices.Index(weekdays[:], name)
	return time.Weekday(i), i >= 0
}

// WeekStart gives the day with which weeks begin in a region (ISO 3166, in capitals); in one that CLDR does not know, as in most of
// the world.
func WeekStart(region string) time.Weekday {
	name, known := common().Weeks[region]
	if !known {
		name = common().Weeks["001"]
	}
	day, _ := Weekday(name)
	return day
}

// date is a day in some calendar.
type date struct{ year, month, day int }

// dateIn reads a day off a time's own clock, in a calendar of the tables.
func dateIn(calendar string, t time.Time) date {
	year, month, day := t.Date()
	switch calendar {
	case "buddhist":
		return date{year + 543, int(month), day}
	case "persian":
		return persian(dayNumber(t))
	}
	return date{year, int(month), day}
}

// persian converts a day, counted from 1970, to the Solar Hijri calendar by the cycle of 33 years with 8 leap ones. The
// calendar's law looks at the sun; the tests compare every year's first day from 1926 to 2087 with ICU.
func persian(day int) date {
	const epoch = -492_268 // 1 Farvardin 1, counted from 1970
	days := day - epoch
	year := 1 + floor(33*days+3, 12053)
	start := func(year int) int { return 365*(year-1) + floor(8*year+21, 33) }
	for days < start(year) {
		year--
	}
	for days >= start(year+1) {
		year++
	}
	rest := days - start(year)
	if rest < 6*31 {
		return date{year, 1 + rest/31, 1 + rest%31}
	}
	rest -= 6 * 31
	return date{year, 7 + rest/30, 1 + rest%30}
}

func floor(a, b int) int {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}
