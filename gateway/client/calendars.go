package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/carillon-gateway/carillon/gateway"
)

// NewCalendar is a calendar to make or to change. Without an address, one that exists keeps what it has.
type NewCalendar struct {
	Topic string
	URL   gateway.Private
	Zone  string // empty: the group's
	Every int    // minutes; zero: 60
}

func calendarPath(group, name string, parts ...string) string {
	return groupPath(group, append([]string{"calendars", name}, parts...)...)
}

// Calendars lists the calendars that a group reads.
func (c *Client) Calendars(ctx context.Context, group string) ([]gateway.Calendar, error) {
	return list[gateway.Calendar](ctx, c, groupPath(group, "calendars"), nil, 0, true)
}

// Calendar reads how one is.
func (c *Client) Calendar(ctx context.Context, group, name string) (gateway.Calendar, error) {
	return fetch[gateway.Calendar](ctx, c, call{method: http.MethodGet, path: calendarPath(group, name)})
}

// Events lists what is kept of a calendar and has not ended, in the order of its starts: at most most, or all if it is zero.
func (c *Client) Events(ctx context.Context, group, name string, most int) ([]gateway.EventView, error) {
	return list[gateway.EventView](ctx, c, calendarPath(group, name, "events"), nil, most, false)
}

// PutCalendar makes a calendar that is fetched, or changes one, and has it read.
func (c *Client) PutCalendar(ctx context.Context, group, name string, n NewCalendar) (gateway.Calendar, error) {
	in := map[string]any{"topic": n.Topic}
	for key, value := range map[string]string{"url": n.URL.Reveal(), "zone": n.Zone} {
		if value != "" {
			in[key] = value
		}
	}
	if n.Every != 0 {
		in["every_minutes"] = n.Every
	}
	return fetch[gateway.Calendar](ctx, c, call{method: http.MethodPut, path: calendarPath(group, name), in: in})
}

// UploadCalendar makes a calendar of a file, or puts it in place of what one had.
func (c *Client) UploadCalendar(ctx context.Context, group, name, topic, zone string, file io.Reader) (gateway.Calendar, error) {
	var out gateway.Calendar
	query := url.Values{"topic": {topic}}
	if zone != "" {
		query.Set("zone", zone)
	}
	_, err := c.once(ctx, call{method: http.MethodPut, path: calendarPath(group, name, "file"), query: query, out: &out}, file, "text/calendar; charset=utf-8")
	return out, err
}

// ReadCalendar has a calendar read now.
func (c *Client) ReadCalendar(ctx context.Context, group, name string) (gateway.Calendar, error) {
	return fetch[gateway.Calendar](ctx, c, call{method: http.MethodPost, path: calendarPath(group, name, "read")})
}

// ConfirmCalendar cancels what two good answers of a calendar lacked; it returns how many events.
func (c *Client) ConfirmCalendar(ctx context.Context, group, name string) (int, error) {
	var out struct {
		Cancelled int `json:"cancelled"`
	}
	err := c.do(ctx, call{method: http.MethodPost, path: calendarPath(group, name, "confirm"), out: &out})
	return out.Cancelled, err
}

// MarkEvent says what is kept back of an event of a calendar, or of a series; it returns how many of those to come are meant.
func (c *Client) MarkEvent(ctx context.Context, group, name string, mark gateway.EventMark) (int, error) {
	var out struct {
		Events int `json:"events"`
	}
	err := c.do(ctx, call{method: http.MethodPost, path: calendarPath(group, name, "mark"), in: mark, out: &out})
	return out.Events, err
}

// RemoveCalendar takes one away with its events.
func (c *Client) RemoveCalendar(ctx context.Context, group, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: calendarPath(group, name)})
}

// Feeds lists a group's calendars that can be subscribed to, without their addresses.
func (c *Client) Feeds(ctx context.Context, group string) ([]gateway.Feed, error) {
	return list[gateway.Feed](ctx, c, groupPath(group, "feeds"), nil, 0, false)
}

// CreateFeed makes one of the group, or of a member if one is named; its address is shown this once. With a rota, it is one of turns.
func (c *Client) CreateFeed(ctx context.Context, group string, member gateway.ID, rota, label string) (gateway.IssuedFeed, error) {
	in := map[string]any{"label": label}
	if rota != "" {
		in["rota"] = rota
	}
	if !member.IsZero() {
		in["member_id"] = member
	}
	f, err := fetch[gateway.IssuedFeed](ctx, c, call{method: http.MethodPost, path: groupPath(group, "feeds"), in: in})
	if err == nil && f.Address == "" { // the answer to a repeated request, after the first answer was lost
		err = gateway.Faultf(gateway.CodeConflict, "feed %s was made, but its address was lost with the connection and is shown only once; revoke it and make another", f.ID)
	}
	return f, err
}

// RevokeFeed ends one at once.
func (c *Client) RevokeFeed(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "feeds", id.String())})
}
