package agenda

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// farthestShift is how far a series may be moved for its occurrences to be known again: half a week, so that an occurrence
// of a weekly series is taken for no other's.
const farthestShift = 84 * time.Hour

// key names an occurrence as its calendar does.
type key struct{ uid, instance string }

// merging is one comparison of what is kept of a calendar with what was read of it.
type merging struct {
	group, calendar gateway.ID
	place           *time.Location
	now             time.Time
	end             time.Time              // of the stretch of time that was read
	spoilt          map[string]bool        // UIDs of which something could not be read: what is missing of them says nothing
	blind           bool                   // something could not be read that has no UID: nothing missing says anything
	kept            map[key]*gateway.Event // what the reading did not name yet
	updates         []gateway.EventUpdate
	weight          int              // how many good answers this reading counts for: a file that a person uploaded, for all that are needed
	silent          []*gateway.Event // that their series does not have any more
	missing, agreed int
	upcoming        int
	marks           []gateway.EventMark
	marked          bool         // marks have become more
	days            []civil.Wall // that whole events take
	behind          bool         // something is older than what is kept, and is not believed yet
}

// merge compares. Nothing that merely is missing is cancelled: only an answer of the calendar itself does that, or confirm.
// What has ended stays as it is.
func (m *merging) merge(kept []gateway.Event, read []calendar.Occurrence) {
	m.kept = make(map[key]*gateway.Event, len(kept))
	for i := range kept {
		m.kept[key{kept[i].UID, kept[i].Instance}] = &kept[i]
	}
	fresh := make([]gateway.Event, 0, len(read))
	named, seen := map[string]bool{}, map[key]bool{}
	for _, o := range read {
		e := m.event(o)
		if seen[key{e.UID, e.Instance}] {
			continue // the same once more
		}
		named[e.UID], seen[key{e.UID, e.Instance}] = true, true
		if old := m.kept[key{e.UID, e.Instance}]; old != nil {
			delete(m.kept, key{e.UID, e.Instance})
			m.update(old, e)
			continue
		}
		fresh = append(fresh, e)
	}
	fresh = m.shifted(fresh)
	fresh = m.renamed(fresh)
	for _, e := range fresh {
		if e.Status == gateway.EventCancelled || !e.End.Instant().After(m.now) && !e.Start.Instant().After(m.now) {
			continue // nobody knew of it, and nobody needs to
		}
		e = e.Marked(m.marks)
		e.ID, e.Revision, e.Changed = gateway.NewID(), 1, m.now
		m.put(e, nil)
		m.count(e)
	}
	for _, old := range m.left() {
		m.absent(old, named[old.UID])
	}
	// A series that is changed says so itself; one answer that takes away most of what is to come says rather that it is wrong.
	if n := len(m.silent); n > fewSilent && n > (m.upcoming+n)/2 {
		for _, old := range m.silent {
			m.miss(*old)
		}
		return
	}
	for _, old := range m.silent {
		m.put(cancelled(*old, m.now), old)
	}
}

// fewSilent is how many events a series may lose at once, whatever else there is.
const fewSilent = 3

// event writes an occurrence as it is kept.
func (m *merging) event(o calendar.Occurrence) gateway.Event {
	e := gateway.Event{GroupID: m.group, CalendarID: m.calendar, UID: o.UID, Instance: o.Instance, Sequence: o.Sequence, Modified: o.Modified,
		Zone: m.place.String(), AllDay: o.Start.Kind == calendar.Date, Status: gateway.EventConfirmed, Summary: o.Summary, Location: o.Location, Link: o.Link}
	switch o.Status {
	case "CANCELLED":
		e.Status = gateway.EventCancelled
	case "TENTATIVE":
		e.Status = gateway.EventTentative
	}
	e.Start, e.End = o.Start.Moment, o.End.Moment
	switch {
	case e.AllDay:
		e.Start, e.End = civil.In(e.Start.Wall, m.place), civil.In(e.End.Wall, m.place)
	case o.Zone == "" || o.Zone == "UTC": // many programs write all times in UTC: the place tells whose clocks are meant
		e.Start, e.End = civil.Of(e.Start.Instant(), m.place), civil.Of(e.End.Instant(), m.place)
	default:
		e.Zone = o.Zone
	}
	if e.UID == "" { // which it must not be
		e.UID = "without UID: " + o.Start.String() + " " + o.Summary
	}
	return e
}

// believeOlder is how long a calendar must give an older event before it is taken for what is meant: caches are behind for
// hours, but a program that counts from the beginning again stays so.
const believeOlder = 24 * time.Hour

// update takes what was read in the place of what is kept, unless it is older: a stale answer of a cache.
func (m *merging) update(old *gateway.Event, e gateway.Event) {
	stale := e.Sequence < old.Sequence && e.Modified <= old.Modified
	behind := time.Time{}
	if stale && !e.SameShown(*old) {
		if behind = old.Behind; behind.IsZero() {
			behind = m.now
		}
		if stale = m.now.Sub(behind) < believeOlder; !stale {
			behind = time.Time{}
		}
	}
	if stale || !old.End.Instant().After(m.now) && !e.End.Instant().After(m.now) {
		e = *old
	}
	was := *old
	e.ID, e.Revision, e.Changed = was.ID, was.Revision, was.Changed
	e.Missing, e.Misses, e.Behind = time.Time{}, 0, behind
	m.behind = m.behind || !behind.IsZero()
	e.Sensitive, e.PlaceFrom = was.Sensitive, was.PlaceFrom
	m.follow(was, e)
	kept := true
	if slices.ContainsFunc(m.marks, func(o gateway.EventMark) bool {
		return o.UID == e.UID && (o.Instance == "" || o.Instance == e.Instance)
	}) {
		as := e.Marked(m.marks) // a process of a release before may have written the event without
		if kept = as.Sensitive == was.Sensitive && as.PlaceFrom.Equal(was.PlaceFrom); !kept {
			e = as
		}
	}
	if kept && e.SameShown(was) {
		if e.Sequence == was.Sequence {
			e.Modified = was.Modified // some programs write the time of the export
		}
		if e != was {
			m.put(e, nil)
		}
	} else {
		e.Revision, e.Changed = was.Revision+1, m.now
		m.put(e, &was)
	}
	m.count(e)
}

// follow gives what has another name now the marks of the one before.
func (m *merging) follow(was, e gateway.Event) {
	if was.UID == e.UID && was.Instance == e.Instance {
		return
	}
	for _, mark := range slices.Clone(m.marks) {
		if mark.UID != was.UID || mark.Instance != "" && mark.Instance != was.Instance || mark.Instance == "" && was.UID == e.UID {
			continue
		}
		if mark.UID = e.UID; mark.Instance != "" {
			mark.Instance = e.Instance
		}
		if slices.ContainsFunc(m.marks, func(o gateway.EventMark) bool { return o.UID == mark.UID && o.Instance == mark.Instance }) {
			continue
		}
		if all, err := gateway.PutMark(m.marks, mark); err == nil { // where there is no room the event itself keeps it
			m.marks, m.marked = all, true
		}
	}
}

// shifted finds the occurrences of a series that has been moved as a whole, so that each stays the event that it was: of
// what is to come and a calendar does not have any more, and of what it has instead, the nearest belong together, in their
// order.
func (m *merging) shifted(fresh []gateway.Event) []gateway.Event {
	gone := map[string][]*gateway.Event{}
	for _, old := range m.left() {
		if old.Instance != "" && old.Start.Instant().After(m.now) {
			gone[old.UID] = append(gone[old.UID], old)
		}
	}
	var rest []gateway.Event
	next := map[string]int{}
	for _, e := range fresh { // in the order of their starts
		all, i := gone[e.UID], next[e.UID]
		for i < len(all) && e.Start.Instant().Sub(all[i].Start.Instant()) > farthestShift {
			i++
		}
		if next[e.UID] = i; e.Instance == "" || !e.Start.Instant().After(m.now) || i == len(all) || all[i].Start.Instant().Sub(e.Start.Instant()) > farthestShift {
			rest = append(rest, e)
			continue
		}
		next[e.UID]++
		delete(m.kept, key{all[i].UID, all[i].Instance})
		m.update(all[i], e)
	}
	return rest
}

// renamed finds what is the same under another UID: some programs make all of them anew with every export, and a calendar
// may have moved to another program.
func (m *merging) renamed(fresh []gateway.Event) []gateway.Event {
	type look struct {
		start, end civil.Moment
		summary    string
	}
	gone := map[look][]*gateway.Event{}
	for _, old := range m.left() {
		at := look{old.Start, old.End, old.Summary}
		gone[at] = append(gone[at], old)
	}
	var rest []gateway.Event
	for _, e := range fresh {
		at := look{e.Start, e.End, e.Summary}
		if len(gone[at]) == 0 {
			rest = append(rest, e)
			continue
		}
		old := gone[at][0]
		gone[at] = gone[at][1:]
		delete(m.kept, key{old.UID, old.Instance})
		e.Sequence = max(e.Sequence, old.Sequence) // those of different names say nothing of which is older
		m.update(old, e)
	}
	return rest
}

// absent keeps what the calendar lacks. If it has the event and only this time of it is gone, it says so itself.
func (m *merging) absent(old *gateway.Event, named bool) {
	switch {
	case !old.Start.Instant().After(m.now), old.Status == gateway.EventCancelled:
		m.holiday(*old) // some programs leave out what has begun
	case m.blind, m.spoilt[old.UID], !old.Start.Instant().Before(m.end):
		m.count(*old)
	case named && old.Instance != "":
		m.silent = append(m.silent, old)
	default:
		m.miss(*old)
	}
}

// miss notes that a good answer lacked an event.
func (m *merging) miss(e gateway.Event) {
	if e.Misses == 0 {
		e.Missing = m.now
	}
	if e.Misses < agreeing {
		e.Misses = min(agreeing, e.Misses+m.weight)
		m.put(e, nil)
	}
	m.count(e)
}

func cancelled(e gateway.Event, now time.Time) gateway.Event {
	e.Status, e.Revision, e.Changed, e.Missing, e.Misses = gateway.EventCancelled, e.Revision+1, now, time.Time{}, 0
	return e
}

// left lists what the reading did not name, in the order of their starts.
func (m *merging) left() []*gateway.Event {
	all := make([]*gateway.Event, 0, len(m.kept))
	for _, e := range m.kept {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *gateway.Event) int {
		return cmp.Or(a.Start.Instant().Compare(b.Start.Instant()), strings.Compare(a.UID, b.UID), strings.Compare(a.Instance, b.Instance))
	})
	return all
}

func (m *merging) put(e gateway.Event, before *gateway.Event) {
	m.updates = append(m.updates, gateway.EventUpdate{Event: e, Before: before})
}

func (m *merging) count(e gateway.Event) {
	m.holiday(e)
	if e.Status == gateway.EventCancelled || !e.End.Instant().After(m.now) {
		return
	}
	m.upcoming++
	if e.Misses > 0 {
		m.missing++
	}
	if e.Misses >= agreeing {
		m.agreed++
	}
}

// holiday notes the dates of an event that lasts whole days, for quiet hours that name its calendar.
func (m *merging) holiday(e gateway.Event) {
	if e.End.Instant().After(m.now.Add(-gateway.KeepHolidays)) {
		m.days = append(m.days, e.WholeDays()...)
	}
}

// agreeing is how many good answers must lack an event before a person may say that it is cancelled (R29).
const agreeing = 2

// confirmed cancels what so many good answers lacked.
func confirmed(kept []gateway.Event, now time.Time) (updates []gateway.EventUpdate) {
	for i := range kept {
		e := kept[i]
		if e.Misses < agreeing || e.Status == gateway.EventCancelled || !e.End.Instant().After(now) {
			continue
		}
		updates = append(updates, gateway.EventUpdate{Event: cancelled(e, now), Before: &kept[i]})
	}
	return updates
}

// tooMany says that a calendar holds more than is kept of one.
func tooMany(n int) error {
	return fmt.Errorf("%w: %d events in the next %d days, and %d are kept of one", calendar.ErrTooBig, n, int(ahead/(24*time.Hour)), gateway.MaxEvents)
}
