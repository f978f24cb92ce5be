package civil

import (
	"math"
	"time"
)

// farthest is more than any zone was ever ahead of or behind Greenwich, in seconds: Manila was 15:56 behind.
const farthest = int64(26 * Hour)

// SpanAt gives the stretch of time around a Unix second.
func SpanAt(unix int64, loc *time.Location) Span {
	t := time.Unix(unix, 0).In(loc)
	_, off := t.Zone()
	span := Span{math.MinInt64, math.MaxInt64, int64(off)}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		span.Start = start.Unix()
	}
	if !end.IsZero() {
		span.End = end.Unix()
	}
	return span
}

// In places a wall time in a zone. If clocks show it twice, the first is meant; if they never show it, the offset
// before the gap counts, so that 02:30 becomes what clocks call 03:30 (RFC 5545, section 3.3.5). The result has the
// wall time that was asked for in both cases, and a note that tells.
func In(w Wall, loc *time.Location) Moment {
	first, other := shown(w, loc)
	if first == nil {
		gap, _ := gapAt(w, loc)
		return Moment{w, gap.before, Gap}
	}
	if other != nil {
		return Moment{w, *first, First}
	}
	return Moment{w, *first, ""}
}

// Of gives what clocks of a zone show at an instant. Fractions of a second are cut off.
func Of(t time.Time, loc *time.Location) Moment {
	_, off := t.In(loc).Zone()
	m := Moment{Wall: Wall(t.Unix() + int64(off)), Offset: int64(off)}
	first, other := shown(m.Wall, loc)
	switch {
	case other == nil:
	case *first == m.Offset:
		m.Note = First
	default:
		m.Note = Second
	}
	return m
}

// Exists tells whether clocks of a zone showed any time of a date: Samoa had no 30 December 2011.
func Exists(date Wall, loc *time.Location) bool {
	start := date.Midnight()
	gap, ok := gapAt(start, loc)
	return !ok || gap.to < start+Day
}

// shown finds the offsets under which clocks show a wall time: none in a gap, two where clocks were put back.
func shown(w Wall, loc *time.Location) (first, other *int64) {
	for span := SpanAt(int64(w)-farthest, loc); ; span = SpanAt(span.End, loc) {
		if at := int64(w) - span.Offset; at >= span.Start && at < span.End {
			off := span.Offset
			if first != nil {
				return first, &off
			}
			first = &off
		}
		if span.End > int64(w)+farthest {
			return first, nil
		}
	}
}

// gap is a stretch of wall times that clocks were put forward over.
type gap struct {
	from, to Wall  // to is the first that clocks show again
	before   int64 // offset until then, in seconds east of Greenwich
}

func gapAt(w Wall, loc *time.Location) (gap, bool) {
	for span := SpanAt(int64(w)-farthest, loc); span.End <= int64(w)+farthest; {
		next := SpanAt(span.End, loc)
		g := gap{Wall(next.Start + span.Offset), Wall(next.Start + next.Offset), span.Offset}
		if w >= g.from && w < g.to {
			return g, true
		}
		span = next
	}
	return gap{}, false
}
