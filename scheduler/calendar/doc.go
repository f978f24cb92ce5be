// Package calendar reads calendars as other programs export them (iCalendar, RFC 5545) and expands what they hold into
// occurrences. It fetches nothing and stores nothing. A calendar comes from outside, so an event that cannot be read
// is named and the others are kept, and all that could grow or take long is bounded.
//
//go:generate go test -run TestWindowsZonesAreFresh -update
package calendar

import (
	"errors"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/recur"
)

// The most that a calendar may hold. A calendar that holds more is refused as a whole, an event that repeats more often
// is named and left out.
const (
	MaxBytes       = 10 << 20
	MaxEvents      = 20_000
	MaxOccurrences = 200_000 // of all events in one expansion

	maxSteps = 100_000 // of one event, from its first occurrence on
	maxRules = 5       // of one event
)

// ErrNotCalendar says that bytes are no calendar at all: a page that asks to log in, or nothing.
var ErrNotCalendar = errors.New("this is no calendar: it does not begin with BEGIN:VCALENDAR")

// ErrTooBig says that a calendar holds more than MaxBytes or MaxEvents, or expands to more than MaxOccurrences.
var ErrTooBig = errors.New("the calendar is too big")

// Calendar is what was read of one file. It may be expanded by many at once.
type Calendar struct {
	Faults []Fault // what could not be read
	Cut    bool    // the file ends before the calendar does; whatever is missing says nothing
	series []series
}

// Fault names an event that could not be used.
type Fault struct {
	Line int    // of its first line in the file, from 1
	UID  string // as far as it could be read
	Err  error
}

func (f Fault) Error() string {
	if f.UID == "" {
		return fmt.Sprintf("line %d: %v", f.Line, f.Err)
	}
	return fmt.Sprintf("line %d: event %s: %v", f.Line, f.UID, f.Err)
}

func (f Fault) Unwrap() error { return f.Err }

// Kind tells how a time was meant.
type Kind int

const (
	Instant  Kind = iota // a point in time
	Date                 // a whole day
	Floating             // a wall time without a zone
)

// Time is when an occurrence begins or ends.
type Time struct {
	Kind   Kind
	Moment civil.Moment // of a date or a floating time only the wall time means anything
}

// String writes an instant in UTC as "2026-03-29T01:30:00Z", a date as "2026-03-29" and a floating time as
// "2026-03-29T02:30:00".
func (t Time) String() string {
	switch t.Kind {
	case Date:
		return t.Moment.Wall.Fields().Format(time.DateOnly)
	case Floating:
		return t.Moment.Wall.Fields().Format("2006-01-02T15:04:05")
	}
	return t.Moment.Instant().Format(time.RFC3339)
}

// Occurrence is one time that an event takes place. End is the first time or date after it.
type Occurrence struct {
	UID          string
	RecurrenceID *Time // which occurrence of a series it stands for, if it differs from the series
	Start, End   Time
	Status       string // CONFIRMED, TENTATIVE, CANCELLED, or empty where the calendar says nothing
	Summary      string
	Location     string
	Link         string // an address that begins with https: or http:, or empty
	Sequence     int    // grows with each change that the organiser made
	Modified     int64  // Unix seconds of the last change; 0: the calendar does not say
	Instance     string // which of a series it is: when its rules have it; empty: the event does not repeat
	Zone         string // IANA name of the zone that its times are given in; empty: none, or one that the calendar describes itself
	order        int64
}

// event is one VEVENT.
type event struct {
	line       int
	uid        string
	start      stamp
	length     length
	rules      []recur.Rule
	except     []recur.Rule // EXRULE, of older calendars
	dates      []period     // RDATE
	exdates    []stamp
	recurrence *stamp // RECURRENCE-ID: it stands for one occurrence of a series
	future     bool   // and for all that follow
	status     string
	summary    string
	location   string
	link       string
	sequence   int
	modified   civil.Wall // LAST-MODIFIED or DTSTAMP, in UTC
}

// period is one value of RDATE; its length counts if it has one of its own.
type period struct {
	start  stamp
	length *length
}

// series is all that a calendar says under one UID.
type series struct {
	master    *event // nil if the calendar holds only what deviates
	overrides []*event
	index     map[slot]int // where each is in overrides
}

// slot is the time of a RECURRENCE-ID.
type slot struct {
	kind Kind
	at   int64 // Unix seconds
}
