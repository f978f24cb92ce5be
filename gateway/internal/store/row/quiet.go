package row

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Quiet says until when a delivery that nothing else forbids waits for the end of its member's quiet hours, which are as
// members.quiet and members.zone say; zero: it may be sent now. late: its time is over by then, and it ends. Whatever makes
// a delivery due comes by here: a retry, another contact point, a resumed broadcast, a person who resends.
func (f *Frozen) Quiet(book *gateway.QuietBook, hours, zone string, now, own int64) (until int64, late bool) {
	if hours == "" {
		return 0, false
	}
	at := time.UnixMicro(now)
	_, end, late := book.Hours(hours).Move(f.Class, at, at, time.UnixMicro(Expiry(own, f.Expires)), book.Zone(zone))
	return ToMicros(end), late
}

// OwnHour says until when a delivery waits because its member has moved since it was planned for her own hour, and that is still
// ahead where she lives now; zero: it may be sent now. hours and zone are as for Quiet: where her hour is quiet, a reminder comes before.
// It waits for no hour at which it is over.
func (f *Frozen) OwnHour(book *gateway.QuietBook, hours, zone string, now, own int64) int64 {
	if f.Local == 0 {
		return 0
	}
	loc := book.Zone(zone)
	if loc == time.UTC && zone != "UTC" { // the machine does not know hers, and fan-out took the group's
		return 0
	}
	hour := civil.In(f.Local, loc).Instant()
	at := ToMicros(hour)
	if at > now {
		due, _, _ := book.Hours(hours).Move(f.Class, hour, time.Time{}, hour, loc) // as fan-out moved it, whatever the time is now
		at = min(at, ToMicros(due))
	}
	if at <= now || at >= Expiry(own, f.Expires) {
		return 0
	}
	return at
}

// MoveQuiet is when a delivery that waits for her own hour or for the end of quiet hours goes to the next contact point; zero: never.
func (f *Frozen) MoveQuiet(move, until int64) int64 {
	if move == 0 || f.Policy.Window <= 0 {
		return move
	}
	return until + f.Policy.Window.Microseconds()
}

// Merges reports whether a delivery is a whole one that waited for the end of quiet hours, so that a newer one may take its
// place: reports do, and only as long as no part of them has left.
func (f *Frozen) Merges(quietUntil int64, firstPart int) bool {
	return f.Class == gateway.Report && quietUntil > 0 && firstPart == 0
}

// TakenBy reports whether another report, to the same member and at the same end of quiet hours, takes this one's place: one
// on the same topic that starts later, or was written later, and is not over by now: own is when its delivery expires, zero with its
// broadcast.
func (f *Frozen) TakenBy(other *Frozen, own, now int64) bool {
	if other.Class != f.Class || other.Topic != f.Topic || other.Start < f.Start || Expiry(own, other.Expires) <= now {
		return false
	}
	return other.Start > f.Start || bytes.Compare(other.ID[:], f.ID[:]) > 0
}

// MergedInto says what took the place of a delivery.
func MergedInto(broadcast gateway.ID) string {
	return "a newer report on the same topic came when her quiet hours ended: " + broadcast.String()
}

// KnowCalendars refuses quiet hours that name a calendar which the group does not have; fresh is as for Holidays.
func KnowCalendars(quiet string, fresh func(calendar string) (string, error)) error {
	if quiet == "" || quiet == gateway.NoQuiet {
		return nil
	}
	q, err := gateway.ParseQuiet(quiet)
	if err != nil {
		return err
	}
	for _, name := range q.Calendars() {
		kept, err := fresh(name)
		if err != nil {
			return err
		}
		if kept == "" {
			return gateway.Faultf(gateway.CodeInvalid, "quiet hours: the group has no calendar %q; calendar list shows which it has", name)
		}
	}
	return nil
}

// Holidays gives quiet hours with the dates of the calendars that they name. fresh gives the column calendars.fresh of one of her
// group; empty: it has none of the name. What was looked up once is kept as long as known is.
func Holidays(text string, known map[string][]string, fresh func(calendar string) (string, error)) (string, error) {
	return gateway.HolidaysIn(text, func(calendar string) ([]string, error) {
		if dates, ok := known[calendar]; ok {
			return dates, nil
		}
		var f gateway.Freshness
		kept, err := fresh(calendar)
		if err == nil && kept != "" {
			err = json.Unmarshal([]byte(kept), &f)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the dates of a calendar: %w", err)
		}
		if known != nil {
			known[calendar] = f.Holidays
		}
		return f.Holidays, nil
	})
}
