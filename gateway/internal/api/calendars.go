package api

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/carillon-gateway/carillon/gateway"
)

// InCalendar is a path to a calendar of a group.
type InCalendar struct {
	InGroup
	Calendar string `path:"calendar" minLength:"2" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*[a-z0-9]$" patternDescription:"2 to 40 of a to z, 0 to 9 and the hyphen, which neither begins nor ends it" example:"meetings" doc:"Its name."`
}

type calendarIn struct {
	Topic string `json:"topic" minLength:"2" maxLength:"40" example:"plenum" doc:"Of the group: its subscribers are whom the events are for."`
	URL   string `json:"url,omitempty" maxLength:"2000" doc:"Where it is fetched from. Sealed and never shown again. Absent: it keeps what it has."`
	Zone  string `json:"zone,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"IANA name of the place where times without a zone are meant. Absent: as before; of a new calendar, the group's."`
	Every int    `json:"every_minutes,omitempty" minimum:"0" maximum:"10080" doc:"How often it is fetched; 0: as before, at first every 60 minutes. 15 is the least."`
}

type putCalendar struct {
	InCalendar
	Body calendarIn
}

type putCalendarFile struct {
	InCalendar
	Topic string `query:"topic" required:"true" minLength:"2" maxLength:"40" example:"plenum" doc:"Of the group: its subscribers are whom the events are for."`
	Zone  string `query:"zone" maxLength:"64" example:"Europe/Berlin" doc:"IANA name of the place where times without a zone are meant. Absent: as before; of a new calendar, the group's."`
	Type  string `header:"Content-Type" example:"text/calendar"`

	file io.Reader
}

// Resolve takes hold of the body, which the handler reads.
func (in *putCalendarFile) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	in.file = &timed{body: http.MaxBytesReader(w, r.Body, ctx.Operation().MaxBodyBytes), deadline: http.NewResponseController(w).SetReadDeadline, each: stallTime}
	if kind, _, err := mime.ParseMediaType(in.Type); err != nil || kind != "text/calendar" {
		return []error{&huma.ErrorDetail{Location: "header.Content-Type", Message: "send a calendar as text/calendar"}}
	}
	return nil
}

type markEvent struct {
	InCalendar
	Body struct {
		UID       string    `json:"uid" minLength:"1" maxLength:"1000" doc:"How the calendar names the event, or its series."`
		Instance  string    `json:"instance,omitempty" maxLength:"64" doc:"Which of a series. Absent: all of it, those included that come into the calendar later, but for instances with a mark of their own."`
		Sensitive bool      `json:"sensitive,omitempty" doc:"It leaves in full only over channels that are fit for it, over others as a pointer. Feeds and weeks ahead do not say what it is."`
		PlaceFrom time.Time `json:"place_from,omitzero" doc:"Before this instant no member is told where it takes place. Absent: there is nothing to wait for."`
	}
}

type markedEvents struct {
	Events int `json:"events" doc:"That are to come, and meant."`
}

type listEvents struct {
	InCalendar
	Paging
}

type confirmed struct {
	Cancelled int `json:"cancelled" doc:"Events."`
}

type feedIn struct {
	Member gateway.ID `json:"member_id,omitzero" doc:"Whose topics it holds. Absent: it holds everything that the group's calendars do."`
	Rota   string     `json:"rota,omitempty" maxLength:"40" doc:"A rota, whose turns it holds instead of events: of the member who is named, or else all with the gaps. It names nobody."`
	Label  string     `json:"label,omitempty" maxLength:"80" doc:"What it is for, so that it can be told from others; no name of a person."`
}

type createFeed struct {
	InGroup
	Body feedIn
}

type listFeeds struct {
	InGroup
	Paging
}

type inFeed struct {
	InGroup
	Feed gateway.ID `path:"feed" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

const (
	calendarTag  = "Calendars"
	calendarFile = 10 << 20 // bytes; the reader's own limit
)

func (s *server) addCalendars() {
	sample := gateway.Calendar{ID: sampleID, GroupID: sampleID, Name: "meetings", Topic: "plenum", Host: "calendar.example", Zone: "Europe/Berlin", Every: 60,
		Fresh: gateway.Freshness{Good: sampleTime, Tried: sampleTime, Next: sampleTime.Add(time.Hour), Events: 12}}
	event := gateway.EventView{ID: sampleID, UID: "4f2a@calendar.example", Start: "2026-04-01T18:00:00+02:00", End: "2026-04-01T20:00:00+02:00", Zone: "Europe/Berlin", Status: gateway.EventConfirmed, Summary: "Plenum", Location: "Harbour hall", Changed: sampleTime, Reminders: []gateway.Reminded{{BroadcastID: sampleID, Lead: "1d@18:00", At: sampleTime}, {Lead: "2h", At: sampleTime.Add(20 * time.Hour)}}}
	path := "/api/v1/groups/{group}/calendars"
	one := path + "/{calendar}"
	add(s, route{ID: "list-calendars", Method: http.MethodGet, Path: path, Tag: calendarTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the calendars that a group reads", About: "With how fresh each is: when it was last read well, and what was wrong since.", Answer: page[gateway.Calendar]{Items: []gateway.Calendar{sample}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.Calendar]], error) {
			all, err := s.Calendars.List(ctx, who.Group.ID)
			return &body[page[gateway.Calendar]]{pageOf(all, len(all), func(c gateway.Calendar) gateway.ID { return c.ID })}, err
		})
	add(s, route{ID: "get-calendar", Method: http.MethodGet, Path: one, Tag: calendarTag, Scope: ofGroup, Role: gateway.Viewer, Summary: "Read how a calendar is", Answer: sample},
		func(ctx context.Context, who caller, in *InCalendar) (*body[gateway.Calendar], error) {
			c, _, err := s.Calendars.Show(ctx, who.Group.ID, in.Calendar)
			return &body[gateway.Calendar]{c}, err
		})
	add(s, route{ID: "list-events", Method: http.MethodGet, Path: one + "/events", Tag: calendarTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List what is kept of a calendar", About: "What has not ended, in the order of its starts. What the calendar has no more stands here until a person confirms that it is cancelled. Its reminders are what members were told of it (without a lead: that it was changed or cancelled) and what they will be (without a broadcast).",
		Answer: page[gateway.EventView]{Items: []gateway.EventView{event}}}, s.listEvents)
	add(s, route{ID: "put-calendar", Method: http.MethodPut, Path: one, Tag: calendarTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Add or change a calendar", About: "It is read at once; whether that went well is in its freshness.", Example: calendarIn{Topic: "plenum", URL: "https://calendar.example/private/basic.ics"}, Answer: sample},
		func(ctx context.Context, who caller, in *putCalendar) (*body[gateway.Calendar], error) {
			b := in.Body
			c, err := s.Calendars.Put(ctx, who.Group, gateway.Calendar{Name: in.Calendar, Topic: b.Topic, URL: gateway.Private(b.URL), Zone: b.Zone, Every: b.Every}, nil)
			return s.calendarWasPut(ctx, who, c, err)
		})
	add(s, route{ID: "put-calendar-file", Method: http.MethodPut, Path: one + "/file", Tag: calendarTag, Scope: ofGroup, Role: gateway.Administrator, Limit: calendarFile, Stream: "text/calendar",
		Summary: "Upload a calendar", About: "In place of the file, or the address, that it had. What the file lacks is not cancelled until that is confirmed.", Answer: sample,
		Example: "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260401T160000Z\r\nSUMMARY:Plenum\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"},
		func(ctx context.Context, who caller, in *putCalendarFile) (*body[gateway.Calendar], error) {
			file, err := io.ReadAll(in.file)
			if err != nil {
				return nil, err
			}
			c, err := s.Calendars.Put(ctx, who.Group, gateway.Calendar{Name: in.Calendar, Topic: in.Topic, Zone: in.Zone}, file)
			return s.calendarWasPut(ctx, who, c, err)
		})
	add(s, route{ID: "delete-calendar", Method: http.MethodDelete, Path: one, Tag: calendarTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Remove a calendar", About: "With its events. Nobody is told that they are cancelled."},
		func(ctx context.Context, who caller, in *InCalendar) (*nothing, error) {
			if err := s.Calendars.Remove(ctx, who.Group.ID, in.Calendar); err != nil {
				return nil, err
			}
			s.Log.Info("a calendar was removed", "request", requestID(ctx), "group", who.Group.ID, "token", who.Token.ID)
			return &nothing{}, nil
		})
	s.addReadings(one, sample)
	s.addFeeds()
}

// addReadings adds what is done to a calendar beside its own times.
func (s *server) addReadings(one string, sample gateway.Calendar) {
	add(s, route{ID: "read-calendar", Method: http.MethodPost, Path: one + "/read", Tag: calendarTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Read a calendar now", Answer: sample},
		func(ctx context.Context, who caller, in *InCalendar) (*body[gateway.Calendar], error) {
			c, err := s.Calendars.Read(ctx, who.Group.ID, in.Calendar)
			return &body[gateway.Calendar]{c}, err
		})
	add(s, route{ID: "confirm-calendar", Method: http.MethodPost, Path: one + "/confirm", Tag: calendarTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Confirm what a calendar lacks", About: "Cancels the events that two good answers of the calendar lacked, one after the other. Without this nothing is cancelled because it is missing.", Answer: confirmed{Cancelled: 2}},
		func(ctx context.Context, who caller, in *InCalendar) (*body[confirmed], error) {
			n, err := s.Calendars.Confirm(ctx, who.Group.ID, in.Calendar)
			if err != nil {
				return nil, err
			}
			s.Log.Info("missing events were cancelled", "request", requestID(ctx), "group", who.Group.ID, "count", n, "token", who.Token.ID)
			return &body[confirmed]{confirmed{n}}, nil
		})
	add(s, route{ID: "mark-event", Method: http.MethodPost, Path: one + "/mark", Tag: calendarTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Say what is kept back of an event", About: "That it is sensitive, that its place is withheld for a while, or (with neither) that nothing is kept back any more. It holds whatever is read of the calendar later. When the time has come, those who were reminded are told the place.",
		Example: map[string]any{"uid": "4f2a@calendar.example", "sensitive": true, "place_from": sampleTime}, Answer: markedEvents{Events: 1}},
		func(ctx context.Context, who caller, in *markEvent) (*body[markedEvents], error) {
			b := in.Body
			n, err := s.Calendars.Mark(ctx, who.Group.ID, in.Calendar, gateway.EventMark{UID: b.UID, Instance: b.Instance, Sensitive: b.Sensitive, PlaceFrom: b.PlaceFrom.UTC()})
			if err != nil {
				return nil, err
			}
			s.Log.Info("an event was marked", "request", requestID(ctx), "group", who.Group.ID, "count", n, "token", who.Token.ID)
			return &body[markedEvents]{markedEvents{n}}, nil
		})
}

func (s *server) calendarWasPut(ctx context.Context, who caller, c gateway.Calendar, err error) (*body[gateway.Calendar], error) {
	if err != nil {
		return nil, err
	}
	s.Log.Info("a calendar was put", "request", requestID(ctx), "group", who.Group.ID, "calendar", c.ID, "token", who.Token.ID)
	return &body[gateway.Calendar]{c}, nil
}

func (s *server) listEvents(ctx context.Context, who caller, in *listEvents) (*body[page[gateway.EventView]], error) {
	c, events, err := s.Calendars.Show(ctx, who.Group.ID, in.Calendar)
	if err != nil {
		return nil, err
	}
	views, behind := []gateway.EventView{}, in.After.IsZero()
	for _, e := range events {
		if behind && len(views) <= in.Limit {
			view := e.View()
			if view.Reminders, err = s.Calendars.Told(ctx, who.Group, c, e); err != nil {
				return nil, err
			}
			views = append(views, view)
		}
		behind = behind || e.ID == in.After
	}
	if !behind {
		return nil, gateway.Faultf(gateway.CodeConflict, "the event that the page before ended with has ended itself, or is gone; list from the beginning")
	}
	return &body[page[gateway.EventView]]{pageOf(views, in.Limit, func(v gateway.EventView) gateway.ID { return v.ID })}, nil
}

func (s *server) addFeeds() {
	sample := gateway.Feed{ID: sampleID, GroupID: sampleID, Label: "website", CreatedAt: sampleTime}
	path := "/api/v1/groups/{group}/feeds"
	add(s, route{ID: "create-feed", Method: http.MethodPost, Path: path, Tag: calendarTag, Scope: ofGroup, Role: gateway.Administrator, Status: http.StatusCreated, Keep: withoutAddress,
		Summary: "Make a calendar to subscribe to", About: "Of the group, or of a member; of events, or of the turns of a rota. Its address is a secret: whoever has it reads the calendar until it is revoked. It is shown in this answer and never again.",
		Example: feedIn{Label: "website"}, Answer: gateway.IssuedFeed{Feed: sample, Address: "https://carillon.example/cal/crl_….ics"}},
		func(ctx context.Context, who caller, in *createFeed) (*body[gateway.IssuedFeed], error) {
			if in.Body.Label != "" && !oneLine(in.Body.Label) {
				return nil, gateway.Faultf(gateway.CodeInvalid, "body.label must be one line of text, without control characters")
			}
			f, err := s.Calendars.Issue(ctx, who.Group.ID, in.Body.Member, in.Body.Rota, in.Body.Label)
			if err != nil {
				return nil, err
			}
			s.Log.Info("a calendar feed was made", "request", requestID(ctx), "group", who.Group.ID, "id", f.ID, "token", who.Token.ID)
			return &body[gateway.IssuedFeed]{f}, nil
		})
	add(s, route{ID: "list-feeds", Method: http.MethodGet, Path: path, Tag: calendarTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "List the calendars that can be subscribed to", Answer: page[gateway.Feed]{Items: []gateway.Feed{sample}}},
		func(ctx context.Context, who caller, in *listFeeds) (*body[page[gateway.Feed]], error) {
			all, err := s.Feeds.Feeds(ctx, who.Group.ID, in.After, in.Limit+1)
			return &body[page[gateway.Feed]]{pageOf(all, in.Limit, func(f gateway.Feed) gateway.ID { return f.ID })}, err
		})
	add(s, route{ID: "revoke-feed", Method: http.MethodDelete, Path: path + "/{feed}", Tag: calendarTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Revoke a calendar that can be subscribed to", About: "At once: its address leads nowhere any more."},
		func(ctx context.Context, who caller, in *inFeed) (*nothing, error) {
			if err := s.Feeds.RevokeFeed(ctx, who.Group.ID, in.Feed); err != nil {
				return nil, err
			}
			s.Log.Info("a calendar feed was revoked", "request", requestID(ctx), "group", who.Group.ID, "id", in.Feed, "token", who.Token.ID)
			return &nothing{}, nil
		})
	s.open("GET /cal/{file}", s.serveFeed)
}

// withoutAddress is what is kept of the answer that shows a feed's address.
func withoutAddress(answer []byte) []byte {
	var issued gateway.IssuedFeed
	if err := json.Unmarshal(answer, &issued); err != nil {
		return nil
	}
	kept, err := json.Marshal(issued.Feed)
	if err != nil {
		return nil
	}
	return append(kept, '\n')
}
