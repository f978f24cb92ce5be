package civil

import (
	"fmt"
	"time"
)

// Wall is what a clock on a wall shows: a date and a time of day to the second, without a zone. It counts the seconds
// since 1970-01-01T00:00:00 on that clock, so walls are compared, added to and subtracted as numbers; that number is
// no instant before a zone is named.
type Wall int64

const (
	// Minute, Hour and Day are lengths on a clock that nobody sets.
	Minute Wall = 60
	Hour        = 60 * Minute
	Day         = 24 * Hour
)

// At gives the wall time of a date and a time of day. Values beyond their range carry over, as with time.Date.
func At(year int, month time.Month, day, hour, minute, second int) Wall {
	return Wall(time.Date(year, month, day, hour, minute, second, 0, time.UTC).Unix())
}

// ParseWall reads "2026-03-29", "2026-03-29T02:30" or "2026-03-29T02:30:00".
func ParseWall(s string) (Wall, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && len(s) == len(layout) {
			return Wall(t.Unix()), nil
		}
	}
	return 0, fmt.Errorf("%q is no date and time of day; write 2026-03-29T02:30", s)
}

// Fields gives the parts of a wall time; the location of the result, UTC, means nothing.
func (w Wall) Fields() time.Time { return time.Unix(int64(w), 0).UTC() }

// Midnight gives the beginning of the same date, 00:00, whether or not clocks show it that day.
func (w Wall) Midnight() Wall { return w.Floor(Day) }

// Floor cuts a wall time down to a multiple of a length that divides a day, as to the minute.
func (w Wall) Floor(length Wall) Wall { return w - (w%length+length)%length }

// String writes "2026-03-29T02:30", with seconds only where there are any.
func (w Wall) String() string {
	if w%Minute == 0 {
		return w.Fields().Format("2006-01-02T15:04")
	}
	return w.Fields().Format("2006-01-02T15:04:05")
}

// MarshalText writes a wall time as String does.
func (w Wall) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads a wall time as ParseWall does.
func (w *Wall) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWall(string(text))
	return err
}

// Note tells what is special about a wall time in its zone.
type Note string

// What a wall time may be, besides ordinary.
const (
	Gap    Note = "gap"           // clocks were put forward over it
	First  Note = "first of two"  // clocks were put back, and will show it again
	Second Note = "second of two" // clocks were put back, and have shown it before
)

// Moment is a wall time with the offset that makes it an instant.
type Moment struct {
	Wall   Wall
	Offset int64 // seconds east of Greenwich
	Note   Note
}

// Instant gives the point in time, in UTC.
func (m Moment) Instant() time.Time { return time.Unix(int64(m.Wall)-m.Offset, 0).UTC() }

// String writes a moment so that it tells one from every other of its zone, as in "2026-10-25T02:30+01:00".
func (m Moment) String() string {
	sign, off := '+', m.Offset
	if off < 0 {
		sign, off = '-', -off
	}
	s := fmt.Sprintf("%s%c%02d:%02d", m.Wall, sign, off/3600, off/60%60)
	if off%60 != 0 { // before zones were agreed on
		s += fmt.Sprintf(":%02d", off%60)
	}
	return s
}

// ParseMoment reads what String of a moment writes.
func ParseMoment(s string) (Moment, error) {
	for _, layout := range []string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00:00", "2006-01-02T15:04:05Z07:00:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			_, off := t.Zone()
			return Moment{Wall: Wall(t.Unix() + int64(off)), Offset: int64(off)}, nil
		}
	}
	return Moment{}, fmt.Errorf("%q is no moment; write 2026-10-25T02:30+01:00", s)
}

// Span is a stretch of time in which the clocks of a zone keep one offset. Start and End are Unix seconds, Start
// within and End without; they are math.MinInt64 and math.MaxInt64 where the rules of the zone begin or end.
type Span struct {
	Start, End int64
	Offset     int64 // seconds east of Greenwich
}
