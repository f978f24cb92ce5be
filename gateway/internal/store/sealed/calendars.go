package sealed

import (
	"encoding/json"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// Event seals what an event says, or what it said before: column tells which.
func Event(key *seal.Group, e *gateway.Event, column string) ([]byte, error) {
	if e == nil {
		return nil, nil
	}
	return document(key, Place(e.ID, column), e)
}

// StoredEvent is a row of events, as it is stored.
type StoredEvent struct {
	Group, ID     gateway.ID
	Event, Before []byte
	RemindAt      time.Time
}

func (s *StoredEvent) open(key *seal.Group) (c gateway.EventChange, err error) {
	c.RemindAt = s.RemindAt
	if err := open(key, Place(s.ID, "event"), s.Event, &c.Event); err != nil || len(s.Before) == 0 {
		return c, err
	}
	c.Before = &gateway.Event{}
	return c, open(key, Place(s.ID, "before"), s.Before, c.Before)
}

// StoredCalendar is a row of calendars, as it is stored.
type StoredCalendar struct {
	Calendar gateway.Calendar
	Fresh    string
	URL      []byte
	Marks    []byte
}

// OpenCalendars opens rows of any groups.
func OpenCalendars(rows []StoredCalendar, key func(group gateway.ID) (*seal.Group, error)) ([]gateway.Calendar, error) {
	all := make([]gateway.Calendar, 0, len(rows))
	for _, r := range rows {
		k, err := key(r.Calendar.GroupID)
		if err != nil {
			return nil, err
		}
		address, err := Open(k.Box, r.URL, r.Calendar.ID, "url")
		if err != nil {
			return nil, err
		}
		c := r.Calendar.At(address)
		if err := json.Unmarshal([]byte(r.Fresh), &c.Fresh); err != nil {
			return nil, err
		}
		if len(r.Marks) > 0 {
			if err := open(k, Place(c.ID, "marks"), r.Marks, &c.Marks); err != nil {
				return nil, err
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// Marks seals the marks of a reading: UIDs may hold addresses. Nil: it leaves them.
func Marks(key *seal.Group, r gateway.Reading) ([]byte, error) {
	if r.Marks == nil {
		return nil, nil
	}
	return document(key, Place(r.Calendar, "marks"), r.Marks)
}

// Events seals the events of a reading.
func Events(key *seal.Group, r gateway.Reading) ([]StoredEvent, error) {
	rows := make([]StoredEvent, len(r.Events))
	for i := range r.Events {
		u := &r.Events[i]
		var err error
		if rows[i].Event, err = Event(key, &u.Event, "event"); err != nil {
			return nil, err
		}
		if rows[i].Before, err = Event(key, u.Before, "before"); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// OpenEvents opens rows of any groups.
func OpenEvents(rows []StoredEvent, key func(group gateway.ID) (*seal.Group, error)) ([]gateway.EventChange, error) {
	all := make([]gateway.EventChange, 0, len(rows))
	for i := range rows {
		k, err := key(rows[i].Group)
		if err != nil {
			return nil, err
		}
		c, err := rows[i].open(k)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// OnlyEvents leaves out what events were before.
func OnlyEvents(changes []gateway.EventChange, err error) ([]gateway.Event, error) {
	if err != nil {
		return nil, err
	}
	all := make([]gateway.Event, len(changes))
	for i := range changes {
		all[i] = changes[i].Event
	}
	return all, nil
}
