package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// EventWords is what a message about an event says besides its data: {own_time}, and {place} and {was_place} where there is
// none, are made for each reader. The times in the data are wall times of the event's place.
type EventWords struct {
	Zone  string    `json:"zone"`           // IANA name of the place
	Start time.Time `json:"start,omitzero"` // zero: a whole day, which has no time that clocks elsewhere could show

	Calendar string `json:"calendar,omitempty"` // the event as an iCalendar file, for channels that carry files
}

// EventMessage is a message about an event, in shipped words or the group's own.
type EventMessage struct {
	Key      string   // makes it happen once
	Wording  string   // EventReminder, EventChangedNotice or EventCancelledNotice
	Event    Event    //
	Before   *Event   // what those who are told know; for EventChangedNotice
	Audience Audience //
	Expires  time.Time
	Calendar string // the event as an iCalendar file, to be attached where that can be done
}

// The wordings of messages about events.
const (
	EventReminder        = "reminder"
	EventChangedNotice   = "changed"
	EventCancelledNotice = "cancelled"
)

// ReminderKey is the key of a reminder: it tells it from all others, and stays whatever else of the event is changed.
func ReminderKey(event ID, lead string, start civil.Wall) string {
	return fmt.Sprintf("reminder-%s-%s-%s", event, lead, start)
}

// NoticeKey is the key of what is said of a change of an event.
func NoticeKey(event ID, revision int) string { return fmt.Sprintf("event-%s-%d", event, revision) }

// Over is when there is nothing left to be told of an event: it begins, or the first of its days ends.
func (e Event) Over(place *time.Location) time.Time {
	if e.AllDay {
		return civil.In(e.Start.Wall.Midnight()+civil.Day, place).Instant()
	}
	return e.Start.Instant()
}

// Reminding moves an event on: what is told of it now, and when it is to be looked at again.
type Reminding struct {
	Group, Event ID
	Revision     int             // of the event, as it was read
	At           time.Time       // EventChange.RemindAt, as it was read
	Settle       bool            // its change is told, or nobody has to be told; else the event must have none
	Next         time.Time       // when it is looked at again; zero: never
	Stop         bool            // what has not left yet of earlier messages about it never does
	Send         *ReadyBroadcast // nil: nobody is told anything now
	Lead         string          // Send reminds by this lead; empty: it tells of a change
}

// Reminded is a message about an event that was sent, or is to be.
type Reminded struct {
	BroadcastID ID        `json:"broadcast_id,omitzero"` // zero: it is to come
	Lead        string    `json:"lead,omitempty"`        // empty: it told of a change
	At          time.Time `json:"at"`
}

// KeepReminded is how long it is known which broadcasts told of an event: the longest lead, and as long as events are kept.
const KeepReminded = 100 * 24 * time.Hour

// Reminders keeps when events are to be looked at for reminders, and which broadcasts told of them.
type Reminders interface {
	// ChangedEvents lists events, of all groups, that differ from what reminders were told, in order of id behind after.
	ChangedEvents(ctx context.Context, after ID, limit int) ([]EventChange, error)
	// DueEvents lists unchanged events, of all groups, whose RemindAt has come by the store's clock, the longest due first.
	DueEvents(ctx context.Context, limit int) ([]EventChange, error)
	// Remind moves an event on and submits what is sent, in one transaction. ErrStale, and nothing is written: the event is
	// not as Reminding says, so somebody else did it or a calendar changed it. A known key is not sent again.
	Remind(ctx context.Context, r Reminding) error
	// Reminded lists what was sent about an event, the oldest first.
	Reminded(ctx context.Context, group, event ID) ([]Reminded, error)
}
