package gateway

import (
	"context"
	"net/url"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Calendar is a calendar of a group: where its events come from, and how fresh they are.
type Calendar struct {
	ID      ID        `json:"id"`
	GroupID ID        `json:"group_id"`
	Name    string    `json:"name"`                    // a-z 0-9 -, 2 to 40 characters; unique in the group
	Topic   string    `json:"topic"`                   // of the group, whose subscribers its events are for
	URL     Private   `json:"-"`                       // where it is fetched from, often a secret; empty: a file was uploaded
	Host    string    `json:"host,omitempty"`          // of the URL; only read
	Zone    string    `json:"zone"`                    // IANA name of the place where floating times and whole days are meant
	Every   int       `json:"every_minutes,omitempty"` // between two tries; zero for a file
	Fresh   Freshness `json:"freshness"`
	// Edition rises with everything that is written of a calendar. Who writes names the one that he saw.
	Edition int64       `json:"-"`
	Marks   []EventMark `json:"-"` // what the group keeps back of its events; written with readings
}

// At gives the calendar with an address, whose host it shows.
func (c Calendar) At(address Private) Calendar {
	c.URL, c.Host = address, ""
	if u, err := url.Parse(address.Reveal()); err == nil {
		c.Host = u.Hostname()
	}
	return c
}

// Limits of calendars.
const (
	MaxCalendars     = 20    // of a group
	MaxEvents        = 5_000 // that are kept of one calendar
	MinCalendarEvery = 15    // minutes
	MaxCalendarEvery = 7 * 24 * 60
	// CalendarEvery is how often a calendar is fetched that does not say, in minutes.
	CalendarEvery = 60
)

// KeepEvents is how long an event is kept after it ended.
const KeepEvents = 30 * 24 * time.Hour

// Freshness is how good what is kept of a calendar is.
type Freshness struct {
	Good    time.Time `json:"good,omitzero"`          // when it was last read well
	Tried   time.Time `json:"tried,omitzero"`         // when it was last asked for
	Next    time.Time `json:"next,omitzero"`          // when it is asked for again; zero: never
	Fault   string    `json:"fault,omitempty"`        // what was wrong at the last try, safe to show; empty: nothing
	Since   time.Time `json:"failing_since,omitzero"` // the first of the tries in a row that failed
	Events  int       `json:"events"`                 // that are to come
	Skipped int       `json:"unreadable,omitempty"`   // events that could not be read
	Missing int       `json:"missing,omitempty"`      // events that it has no more, kept until a person says that they are cancelled
	Agreed  int       `json:"agreed,omitempty"`       // of these, those that two good answers lacked: they can be confirmed

	// Holidays are the dates that it has as whole days, the first MaxHolidays of those of events that did not end more than KeepHolidays ago: quiet hours may name a calendar.
	Holidays []string `json:"holidays,omitempty"`

	ETag         string    `json:"etag,omitempty"` // and LastModified: the state that was read, as its server names it
	LastModified string    `json:"last_modified,omitempty"`
	Whole        time.Time `json:"whole,omitzero"` // when it last came whole, and not only as unchanged
}

// EventStatus is how sure an event is.
type EventStatus string

// The statuses of an event.
const (
	EventConfirmed EventStatus = "confirmed"
	EventTentative EventStatus = "tentative"
	EventCancelled EventStatus = "cancelled"
)

// Event is one time that something takes place, as it is kept of a calendar.
type Event struct {
	ID         ID // stays, whatever changes: feeds and reminders know it by this
	GroupID    ID
	CalendarID ID

	UID      string // how the calendar names it, or the series that it is of
	Instance string // which of a series: when the series has it; empty: it does not repeat
	Sequence int    // the organiser's
	Modified int64  // when the organiser changed it, in Unix seconds; zero: the calendar does not say

	Zone       string       // IANA name of the place
	AllDay     bool         // Start and End are midnights, End the first date after it
	Start, End civil.Moment // in Zone
	Status     EventStatus
	Summary    string
	Location   string
	Link       string

	Revision int       // ours: 1, and one more with every change that anybody can see
	Changed  time.Time // when the revision was made
	Missing  time.Time // since when the calendar has it no more; zero: it has it
	Misses   int       // good answers that lacked it, one after the other
	Behind   time.Time `json:",omitzero"` // since when the calendar gives an older one, which is not believed; zero: it does not

	Sensitive bool      `json:",omitempty"` // and PlaceFrom: as EventMark
	PlaceFrom time.Time `json:",omitzero"`
}

// EventUpdate is an event to write. Before is what it was, if anybody can see a difference; nil: it is new, or only what
// nobody sees differs.
type EventUpdate struct {
	Event  Event
	Before *Event
}

// Reading is what came of asking for a calendar.
type Reading struct {
	Group, Calendar ID
	Edition         int64 // of the calendar that was asked for
	Fresh           Freshness
	Events          []EventUpdate
	Marks           []EventMark // the calendar's from now on; nil: they stay
}

// EventChange is an event that differs from what reminders were last told of it.
type EventChange struct {
	Event  Event
	Before *Event // what they were told; nil: they know nothing of it

	RemindAt time.Time // when the event is to be looked at for its next reminder; zero: never
}

// ChangeKind is what a change means to those who may have been told of an event.
type ChangeKind string

// The kinds of change.
const (
	EventIsNew       ChangeKind = "new"
	EventWasMoved    ChangeKind = "moved"     // its time or its place
	EventWasDropped  ChangeKind = "cancelled" //
	EventIsBack      ChangeKind = "restored"  // it takes place after all
	EventWasReworded ChangeKind = "reworded"  // its text alone: nobody is told
)

// Kind says what the change means.
func (c EventChange) Kind() ChangeKind {
	now, was := c.Event, c.Before
	dropped := now.Status == EventCancelled
	switch {
	case was == nil:
		return EventIsNew
	case dropped && was.Status != EventCancelled:
		return EventWasDropped
	case !dropped && was.Status == EventCancelled:
		return EventIsBack
	case !now.SameTime(*was) || now.Location != was.Location:
		return EventWasMoved
	}
	return EventWasReworded
}

// SameTime reports whether two events take place at the same time, by the same hands of the clocks of their places: what the
// zones are called makes no difference.
func (e Event) SameTime(o Event) bool {
	same := func(a, b civil.Moment) bool { return a.Wall == b.Wall && (e.AllDay || a.Offset == b.Offset) }
	return e.AllDay == o.AllDay && same(e.Start, o.Start) && same(e.End, o.End)
}

// SameShown reports whether nobody can see a difference between two events.
func (e Event) SameShown(o Event) bool {
	return e.SameTime(o) && e.Status == o.Status && e.Summary == o.Summary && e.Location == o.Location && e.Link == o.Link
}

// EventView is an event as the API shows it.
type EventView struct {
	ID       ID          `json:"id"`
	UID      string      `json:"uid"`                // how the calendar names it, or its series
	Instance string      `json:"instance,omitempty"` // which of a series
	Start    string      `json:"start"`              // with its offset, as in 2026-03-29T09:00:00+02:00, or a date
	End      string      `json:"end"`
	Zone     string      `json:"zone"`
	AllDay   bool        `json:"all_day"`
	Status   EventStatus `json:"status"`
	Summary  string      `json:"summary"`
	Location string      `json:"location,omitempty"`
	Link     string      `json:"link,omitempty"`
	Changed  time.Time   `json:"changed_at"`
	Missing  time.Time   `json:"missing_since,omitzero"`

	Sensitive bool      `json:"sensitive,omitempty"`
	PlaceFrom time.Time `json:"place_from,omitzero"` // members are not told the place before

	Reminders []Reminded `json:"reminders"` // what was sent of it, and what is to come
}

// View shows the event.
func (e Event) View() EventView {
	write := func(m civil.Moment) string {
		if e.AllDay {
			return m.Wall.Fields().Format(time.DateOnly)
		}
		return m.Instant().In(time.FixedZone("", int(m.Offset))).Format(time.RFC3339)
	}
	return EventView{ID: e.ID, UID: e.UID, Instance: e.Instance, Sensitive: e.Sensitive, PlaceFrom: e.PlaceFrom, Start: write(e.Start), End: write(e.End), Zone: e.Zone, AllDay: e.AllDay, Status: e.Status, Summary: e.Summary, Location: e.Location, Link: e.Link, Changed: e.Changed, Missing: e.Missing}
}

// Calendars keeps the calendars of groups.
type Calendars interface {
	// PutCalendar makes a calendar, or changes the one with its name and id; its Freshness is the new one's. A file takes
	// the place of the one before; nil leaves it, unless there is an address now. CodeConflict: the name is taken, or the group has MaxCalendars. ErrStale:
	// the calendar is in another edition.
	PutCalendar(ctx context.Context, c Calendar, file []byte) (Calendar, error)
	// Calendars lists a group's, in order of their names.
	Calendars(ctx context.Context, group ID) ([]Calendar, error)
	// CalendarFile gives what was uploaded; ErrNotFound: nothing was.
	CalendarFile(ctx context.Context, group, id ID) ([]byte, error)
	// DueCalendars lists those of all groups that are to be asked for, by the store's clock, the longest due first.
	DueCalendars(ctx context.Context, limit int) ([]Calendar, error)
	// RemoveCalendar deletes a calendar with its file and its events.
	RemoveCalendar(ctx context.Context, group, id ID) error
}

// CheckNewCalendar refuses a calendar whose name is taken in its group, or that would be too many: the group has as many
// as has says.
func CheckNewCalendar(c Calendar, has int, taken bool) error {
	switch {
	case taken:
		return Faultf(CodeConflict, "the group has a calendar %q already; choose another name, or remove that one", c.Name)
	case has >= MaxCalendars:
		return Faultf(CodeConflict, "the group has %d calendars, which is the most; remove one first", has)
	}
	return nil
}

// Events keeps what calendars hold. An event is deleted 30 days after it ended.
type Events interface {
	// Events lists a group's events that end after a time, in order of their starts, at most limit of them; zero: all. A
	// zero calendar means every calendar.
	Events(ctx context.Context, group, calendar ID, after time.Time, limit int) ([]Event, error)
	// SaveReading writes what came of asking for a calendar, in one transaction. ErrStale: somebody else wrote it since.
	SaveReading(ctx context.Context, r Reading) error
}

// Feed is a calendar that somebody may subscribe to under a secret address.
type Feed struct {
	ID        ID        `json:"id"`
	GroupID   ID        `json:"group_id"`
	MemberID  ID        `json:"member_id,omitzero"` // whose topics it holds; zero: it holds all that the group has
	RotaID    ID        `json:"rota_id,omitzero"`   // whose turns it holds; zero: it is one of events
	Label     string    `json:"label,omitempty"`    // what it is for
	Digest    []byte    `json:"-"`                  // SHA-256 of the token in its address; the token has 256 random bits
	CreatedAt time.Time `json:"created_at"`
}

// IssuedFeed is a new feed with its address, which is never shown again.
type IssuedFeed struct {
	Feed
	Address string `json:"address,omitempty"` // a path where the instance does not know its own address; empty in the answer to a repeated request
}

// Feeds keeps feeds. Erasing a member deletes hers.
type Feeds interface {
	// PutFeed keeps a feed; ErrNotFound: the group has no such member or rota.
	PutFeed(ctx context.Context, f Feed) error
	// Feeds lists a group's in order of id, behind after.
	Feeds(ctx context.Context, group, after ID, limit int) ([]Feed, error)
	// FeedByDigest finds the feed of a token; ErrNotFound.
	FeedByDigest(ctx context.Context, digest []byte) (Feed, error)
	// RevokeFeed ends a feed at once.
	RevokeFeed(ctx context.Context, group, id ID) error
}
