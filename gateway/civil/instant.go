package civil

import "time"

// Instant gives the instant at which the clocks of a zone show a wall time, of which only the fields are read. A time
// that clocks skip counts by the offset before the gap, and one that they show twice means the first (RFC 5545, section
// 3.3.5); time.Date promises neither.
func Instant(wall time.Time, zone *time.Location) time.Time {
	fields := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	// The offsets of the day before and the day behind are those around any change on this day.
	before := by(fields, zone, -24*time.Hour)
	if shows(before, fields) {
		return before
	}
	if behind := by(fields, zone, 24*time.Hour); shows(behind, fields) {
		return behind
	}
	return before
}

// by reads fields by the offset that a zone has some time away.
func by(fields time.Time, zone *time.Location, away time.Duration) time.Time {
	_, offset := fields.Add(away).In(zone).Zone()
	return fields.Add(-time.Duration(offset) * time.Second).In(zone)
}

func shows(t, fields time.Time) bool {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).Equal(fields)
}
