package calendar

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/recur"
)

// Expand gives the occurrences that start in [from, to), in the order of their starts. Whole days and floating times are
// put in order, and held against from and to, as clocks of place show them; floating times become instants there. Without
// a place they are taken as in UTC, and floating times stay floating. Cancelled occurrences are among the others, with
// their status. Events that repeat too often are in the faults. The error is ErrTooBig or that of the context.
//
// A wall time that clocks skip takes place at the offset before the gap, one that they show twice the first time
// (section 3.3.5; the sentence of 3.3.10 that would drop it is not followed).
func (c *Calendar) Expand(ctx context.Context, from, to time.Time, place *time.Location) ([]Occurrence, []Fault, error) {
	x := &expansion{from: from, to: to, place: place}
	var faults []Fault
	for _, s := range c.series {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("expanding the calendar: %w", err)
		}
		before := len(x.found)
		if err := x.series(s); err != nil {
			x.found = x.found[:before]
			faults = append(faults, Fault{s.master.line, s.master.uid, err})
		}
		if len(x.found) > MaxOccurrences {
			return nil, nil, fmt.Errorf("%w: more than %d occurrences; ask for a shorter time", ErrTooBig, MaxOccurrences)
		}
	}
	slices.SortStableFunc(x.found, func(a, b Occurrence) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.UID, b.UID))
	})
	return x.found, faults, nil
}

// expansion is one call of Expand.
type expansion struct {
	from, to time.Time
	place    *time.Location
	found    []Occurrence
}

// order gives the instant at which a time stands among others.
func (x *expansion) order(t Time) time.Time {
	if t.Kind == Date && x.place != nil {
		return civil.In(t.Moment.Wall, x.place).Instant()
	}
	return t.Moment.Instant()
}

// time writes a placed stamp of an event.
func (x *expansion) time(kind Kind, m civil.Moment) Time {
	if kind == Floating && x.place != nil {
		kind = Instant
	}
	return Time{kind, m}
}

// instance is one occurrence of a series as its rules give it, before what deviates.
type instance struct {
	at     civil.Moment
	length length
}

// series adds the occurrences of one UID.
func (x *expansion) series(s series) error {
	first := s.master
	if first != nil {
		ranges := x.ranges(s)
		all, err := x.instances(first, ranges)
		if err != nil {
			return err
		}
		var ids []stamp
		for _, o := range s.overrides {
			ids = append(ids, *o.recurrence)
		}
		overridden := x.meant(ids, first.start)
		for _, i := range all {
			if !overridden(i.at) {
				x.add(first, ranges, i)
			}
		}
	}
	for _, o := range s.overrides {
		of := o.start
		if first != nil {
			of = first.start
		}
		id := x.original(*o.recurrence, of)
		instance := id.String()
		if first != nil && !first.repeats() {
			instance = ""
		}
		x.emit(o, o.start, o.start.at(x.place), o.length, id, instance)
	}
	return nil
}

// change is an override with THISANDFUTURE.
type change struct {
	from  time.Time // of the first occurrence that it changes, as the rules have it
	event *event
	shift civil.Wall // how much later it starts, on the clock of its own zone
}

// ranges gives the overrides that change all that follows, in order.
func (x *expansion) ranges(s series) []change {
	var all []change
	for _, o := range s.overrides {
		if !o.future {
			continue
		}
		original := x.original(*o.recurrence, s.master.start).Moment
		c := change{original.Instant(), o, o.start.wall - original.Wall}
		if o.start.kind == Date {
			c.shift = c.shift.Floor(civil.Day)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b change) int { return a.from.Compare(b.from) })
	return all
}

// meant gives a test whether an instance of a series that starts at first is meant by any of a list of RECURRENCE-ID or
// EXDATE. One that is a date means what takes place on it; one that is a time means the date of a whole day; one without a
// zone is on the clock of the series.
func (x *expansion) meant(ids []stamp, first stamp) func(civil.Moment) bool {
	instants, walls, dates := map[int64]bool{}, map[civil.Wall]bool{}, map[civil.Wall]bool{}
	for _, id := range ids {
		switch {
		case first.kind == Date || id.kind == Date:
			dates[id.wall.Midnight()] = true
		case id.kind == Floating || first.kind == Floating && x.place == nil:
			walls[id.wall] = true
		default:
			instants[id.at(x.place).Instant().Unix()] = true
		}
	}
	return func(m civil.Moment) bool {
		return instants[m.Instant().Unix()] || walls[m.Wall] || dates[m.Wall.Midnight()]
	}
}

// original writes a RECURRENCE-ID as the series writes its times.
func (x *expansion) original(id, first stamp) *Time {
	switch {
	case first.kind == Date:
		id = stamp{wall: id.wall.Midnight(), kind: Date}
	case id.kind == Floating && first.kind == Instant:
		id.kind, id.loc = Instant, first.loc
	case id.kind == Date: // the occurrence of that date
		id = stamp{wall: id.wall + first.wall - first.wall.Midnight(), kind: first.kind, loc: first.loc}
	}
	t := x.time(id.kind, id.at(x.place))
	return &t
}

// add adds an instance of a series as its rules have it, or moved and changed by the last change that it falls under.
func (x *expansion) add(master *event, ranges []change, i instance) {
	n, _ := slices.BinarySearchFunc(ranges, i.at.Instant(), func(c change, at time.Time) int {
		if c.from.After(at) {
			return 1
		}
		return -1
	})
	if n == 0 {
		x.emit(master, master.start, i.at, i.length, nil, x.instance(master, i.at))
		return
	}
	c := ranges[n-1]
	moved := c.event.start
	moved.wall = i.at.Wall + c.shift
	if moved.kind == Date {
		moved.wall = moved.wall.Midnight()
	}
	id := x.time(master.start.kind, i.at)
	x.emit(c.event, moved, moved.at(x.place), c.event.length, &id, x.instance(master, i.at))
}

// repeats tells whether an event may take place more than once.
func (e *event) repeats() bool { return len(e.rules)+len(e.dates) > 0 }

// instance names an occurrence of an event by the time that its rules give it.
func (x *expansion) instance(e *event, at civil.Moment) string {
	if !e.repeats() {
		return ""
	}
	return x.time(e.start.kind, at).String()
}

// emit adds an occurrence if it starts in the time that was asked for.
func (x *expansion) emit(e *event, as stamp, at civil.Moment, l length, id *Time, instance string) {
	o := Occurrence{UID: e.uid, RecurrenceID: id, Start: x.time(as.kind, at), Status: e.status, Summary: e.summary, Location: e.location, Link: e.link, Sequence: e.sequence, Modified: int64(e.modified), Instance: instance, Zone: as.zone(x.place)}
	start := x.order(o.Start)
	if start.Before(x.from) || !start.Before(x.to) {
		return
	}
	o.order = start.Unix()
	end := at
	if l.days > 0 {
		as.wall = at.Wall + civil.Wall(l.days)*civil.Day
		end = as.at(x.place)
	}
	if l.seconds > 0 {
		loc := as.loc
		if as.kind == Floating {
			loc = x.place
		}
		if loc == nil {
			loc = time.UTC
		}
		end = civil.Of(end.Instant().Add(time.Duration(l.seconds)*time.Second), loc)
	}
	o.End = x.time(as.kind, end)
	x.found = append(x.found, o)
}

// instances gives the occurrences of a series as its rules and lists have them, that start in the time asked for or
// could be moved into it, in order.
func (x *expansion) instances(e *event, ranges []change) ([]instance, error) {
	from, to := x.window(ranges)
	set := map[int64]instance{} // by instant; of two wall times on one, the one that exists
	put := func(m civil.Moment, l length) {
		at := m.Instant().Unix()
		if old, ok := set[at]; !ok || old.at.Note == civil.Gap {
			set[at] = instance{m, l}
		}
	}
	budget := maxSteps
	if e.start.wall >= from && e.start.wall <= to {
		put(e.start.at(x.place), e.length)
	}
	for _, rule := range e.rules {
		if !starts(rule, e.start.wall) { // the start counts as the first occurrence all the same (section 3.8.5.3)
			var left bool
			if rule, left = rule.Fewer(); !left {
				continue
			}
		}
		if err := x.walk(rule, e, from, to, &budget, func(m civil.Moment) { put(m, e.length) }); err != nil {
			return nil, err
		}
	}
	for _, d := range e.dates {
		start, l := d.start, e.length
		switch {
		case d.length != nil:
			l = *d.length
		case e.start.kind == Date:
			start = stamp{wall: start.wall.Midnight(), kind: Date}
		case start.kind == Date: // at the time of day of the others
			start = stamp{wall: start.wall + e.start.wall - e.start.wall.Midnight(), kind: e.start.kind, loc: e.start.loc}
		}
		if start.kind == Floating && e.start.kind == Instant {
			start.kind, start.loc = Instant, e.start.loc
		}
		m := start.at(x.place)
		if start.loc != nil && e.start.loc != nil {
			m = civil.Of(m.Instant(), e.start.loc)
		}
		put(m, l)
	}
	for _, rule := range e.except {
		err := x.walk(rule, e, from, to, &budget, func(m civil.Moment) { delete(set, m.Instant().Unix()) })
		if err != nil {
			return nil, err
		}
	}
	var all []instance
	excluded := x.meant(e.exdates, e.start)
	for _, i := range set {
		if !excluded(i.at) {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b instance) int { return a.at.Instant().Compare(b.at.Instant()) })
	return all, nil
}

// starts tells whether a rule has its own start.
func starts(rule recur.Rule, start civil.Wall) bool {
	found, budget := false, 1
	_ = rule.Walk(start, start, start, &budget, func(civil.Wall) bool {
		found = true
		return false
	})
	return found
}

// walk gives the placed occurrences of a rule.
func (x *expansion) walk(rule recur.Rule, e *event, from, to civil.Wall, budget *int, yield func(civil.Moment)) error {
	return rule.Walk(e.start.wall, from, to, budget, func(w civil.Wall) bool {
		at := e.start
		at.wall = w
		if m := at.at(x.place); !rule.Over(m) {
			yield(m)
		}
		return true
	})
}

// window gives the wall times of an event's clocks between which its rules must be looked at: what was asked for, two
// days on each side for zones and gaps, and as far again as an override moves what follows.
func (x *expansion) window(ranges []change) (from, to civil.Wall) {
	slack := 2 * civil.Day
	for _, c := range ranges {
		slack = max(slack, 2*civil.Day+max(c.shift, -c.shift))
	}
	return civil.Wall(x.from.Unix()) - slack, civil.Wall(x.to.Unix()) + slack
}
