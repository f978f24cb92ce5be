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

	// Early: it is planned before its time for those whose quiet hours it would fall in, to come before they begin. Else it goes
	// to whoever does not have it yet.
	Early bool `json:"early,omitempty"`
	// Leads are those of its readers, as OwnLeads gives them; nil: whoever.
	Leads []string `json:"leads,omitempty"`
	// At is the time of the reminder, Longer those of longer leads of its readers. Who has quiet hours that hold both is told
	// once, by the longer one.
	At     time.Time   `json:"at,omitzero"`
	Longer []time.Time `json:"longer,omitempty"`
}

// Announce names a reminder: an event, a lead, and the wall time that it announces.
type Announce struct {
	Event ID     `json:"event"`
	Lead  string `json:"lead"`
	Start string `json:"start"`
}

// EventMessage is a message about an event, in shipped words or the group's own.
type EventMessage struct {
	Key      string   // makes it happen once
	Wording  string   // EventReminder, EventChangedNotice or EventCancelledNotice
	Event    Event    //
	Before   *Event   // what those who are told know; for EventChangedNotice
	Audience Audience //
	Expires  time.Time
	Told     EventWords // Early, Leads, At and Longer
	Calendar string     // the event as an iCalendar file, to be attached where that can be done
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

// PlaceKey is the key of what is said when the place of an event need not be withheld any more.
func PlaceKey(event ID, from time.Time) string {
	return fmt.Sprintf("event-%s-place-%d", event, from.Unix())
}

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
	Revision     int            // of the event, as it was read
	At           time.Time      // EventChange.RemindAt, as it was read
	Settle       bool           // its change is told, or nobody has to be told; else the event must have none
	Next         time.Time      // when it is looked at again; zero: never
	Stop         bool           // what has not left yet of earlier messages about it never does
	StopEarly    bool           // what was planned early and has not left never does
	Sends        []EventTelling // none: nobody is told anything now
}

// EventTelling is what is told of an event.
type EventTelling struct {
	Send  *ReadyBroadcast
	Lead  string // it reminds by this lead; empty: it tells of a change
	Start string // the wall time that a reminder announces
	Early bool   // it was planned before its time
}

// Reminded is a message about an event that was sent, or is to be.
type Reminded struct {
	BroadcastID ID        `json:"broadcast_id,omitzero"` // zero: it is to come
	Lead        string    `json:"lead,omitempty"`        // empty: it told of a change
	Early       bool      `json:"early,omitempty"`       // for those who have quiet hours at its time: it comes before
	At          time.Time `json:"at"`
}

// KeepReminded is how long it is known which broadcasts told of an event: the longest lead, and as long as events are kept.
const KeepReminded = 100 * 24 * time.Hour

// EarlyReminders is how long before its time a reminder is planned for those whose quiet hours it would fall in: as long as quiet hours
// last that return each week.
const EarlyReminders = 7 * 24 * time.Hour

// ReminderWishes is what members of a group want of reminders.
type ReminderWishes struct {
	Leads []string // different ones, as Member.Leads
	Quiet bool     // somebody has quiet hours
}

// Reminders keeps when events are to be looked at for reminders, and which broadcasts told of them.
type Reminders interface {
	// ChangedEvents lists events, of all groups, that differ from what reminders were told, in order of id behind after.
	ChangedEvents(ctx context.Context, after ID, limit int) ([]EventChange, error)
	// DueEvents lists unchanged events, of all groups, whose RemindAt has come by the store's clock, the longest due first.
	DueEvents(ctx context.Context, limit int) ([]EventChange, error)
	// Remind moves an event on and submits what is sent, in one transaction. ErrStale, and nothing is written: the event is
	// not as Reminding says, so somebody else did it or a calendar changed it. A known key is not sent again.
	Remind(ctx context.Context, r Reminding) error
	// ReminderWishes gathers what members of a group want.
	ReminderWishes(ctx context.Context, group ID) (ReminderWishes, error)
	// Reminded lists what was sent about an event, the oldest first.
	Reminded(ctx context.Context, group, event ID) ([]Reminded, error)
}
