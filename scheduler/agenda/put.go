package agenda

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// Check gives a calendar as Put would keep it, or says what is wrong with it. It may come without an address.
func Check(g gateway.Group, c gateway.Calendar) (gateway.Calendar, error) {
	c.GroupID = g.ID
	if c.Zone == "" {
		c.Zone = g.Zone
	}
	if c.Every == 0 {
		c.Every = gateway.CalendarEvery
	}
	if c.URL != "" {
		u, err := fetch.Check(c.URL.Reveal())
		if err != nil {
			return c, gateway.Faultf(gateway.CodeInvalid, "url: %w", err)
		}
		c = c.At(gateway.Private(u.String()))
	}
	_, zone := civil.Zone(c.Zone)
	switch {
	case !nameForm.MatchString(c.Name):
		return c, gateway.Faultf(gateway.CodeInvalid, "name: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
	case !slices.ContainsFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == c.Topic }):
		return c, gateway.Faultf(gateway.CodeInvalid, "topic: the group has no such topic; events are for its subscribers, so name one of the group's")
	case zone != nil:
		return c, gateway.Faultf(gateway.CodeInvalid, "zone: %w", zone)
	case c.Every < gateway.MinCalendarEvery || c.Every > gateway.MaxCalendarEvery:
		return c, gateway.Faultf(gateway.CodeInvalid, "every_minutes: use %d to %d", gateway.MinCalendarEvery, gateway.MaxCalendarEvery)
	}
	return c, nil
}

// Put makes a calendar or changes the one with its name, and reads it. A file is what was uploaded, in place of what was
// there; nil: c has an address, or the calendar keeps what it has. Without a zone or a pace it keeps those as well: a time that has
// no zone must not become another one because somebody left out what she said before.
func (a *Agenda) Put(ctx context.Context, g gateway.Group, c gateway.Calendar, file []byte) (gateway.Calendar, error) {
	old, err := a.find(ctx, g.ID, c.Name)
	switch {
	case err != nil && !errors.Is(err, gateway.ErrNotFound):
		return c, err
	case err == nil:
		c.Zone = cmp.Or(c.Zone, old.Zone)
		c.Every = cmp.Or(c.Every, old.Every)
	}
	if _, err := a.put(ctx, g, c, file); err != nil {
		return c, err
	}
	return a.Read(ctx, g.ID, c.Name)
}

// Keep is Put for what is said whole and has an address, without reading: that is done soon.
func (a *Agenda) Keep(ctx context.Context, g gateway.Group, c gateway.Calendar) (gateway.Calendar, error) {
	c, err := a.put(ctx, g, c, nil)
	if err == nil {
		a.look()
	}
	return c, err
}

func (a *Agenda) put(ctx context.Context, g gateway.Group, c gateway.Calendar, file []byte) (gateway.Calendar, error) {
	c, err := Check(g, c)
	if err != nil {
		return c, err
	}
	if file != nil {
		if c.URL != "" {
			return c, gateway.Faultf(gateway.CodeInvalid, "a calendar is fetched from an address or is a file, not both")
		}
		if err := readable(file); err != nil {
			return c, err
		}
	}
	for {
		kept, err := a.keep(ctx, c, file)
		if !errors.Is(err, gateway.ErrStale) {
			return kept, err
		}
	}
}

func (a *Agenda) keep(ctx context.Context, c gateway.Calendar, file []byte) (gateway.Calendar, error) {
	old, err := a.find(ctx, c.GroupID, c.Name)
	missing := errors.Is(err, gateway.ErrNotFound)
	switch {
	case err != nil && !missing:
		return c, err
	case missing && c.URL == "" && file == nil:
		return c, gateway.Faultf(gateway.CodeInvalid, "a new calendar needs an address to be fetched from, or a file")
	case !missing:
		c.ID, c.Edition, c.Fresh = old.ID, old.Edition, old.Fresh
		if c.URL == "" && file == nil {
			c = c.At(old.URL)
		}
	}
	if c.URL == "" {
		c.Every = 0
	}
	c.Fresh.ETag, c.Fresh.LastModified, c.Fresh.Next = "", "", a.Now().UTC()
	return a.Ledger.PutCalendar(ctx, c, file)
}

// readable refuses a file that is no calendar, or of which not every event can be read: whoever sends it can mend it.
func readable(file []byte) error {
	c, err := calendar.Read(bytes.NewReader(file))
	switch {
	case err != nil:
		return gateway.Faultf(gateway.CodeInvalid, "%w", err)
	case c.Cut:
		return gateway.Faultf(gateway.CodeInvalid, "the file is cut off: END:VCALENDAR is missing; export it again")
	}
	return nil
}

// List gives a group's calendars.
func (a *Agenda) List(ctx context.Context, group gateway.ID) ([]gateway.Calendar, error) {
	return a.Ledger.Calendars(ctx, group)
}

// Show gives a calendar with the events that are kept of it and have not ended.
func (a *Agenda) Show(ctx context.Context, group gateway.ID, name string) (gateway.Calendar, []gateway.Event, error) {
	c, err := a.find(ctx, group, name)
	if err != nil {
		return c, nil, err
	}
	events, err := a.Ledger.Events(ctx, group, c.ID, a.Now(), 0)
	return c, events, err
}

// Told lists what was sent about an event of a calendar, and the reminders that are to come.
func (a *Agenda) Told(ctx context.Context, g gateway.Group, c gateway.Calendar, e gateway.Event) ([]gateway.Reminded, error) {
	all, err := a.Ledger.Reminded(ctx, g.ID, e.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range scheduler.Planned(&e, g.LeadsOf(c.Topic), a.Now()) {
		all = append(all, gateway.Reminded{Lead: r.Lead.String(), At: r.At})
	}
	return all, nil
}

// Remove takes a calendar away with its events; nobody is told.
func (a *Agenda) Remove(ctx context.Context, group gateway.ID, name string) error {
	c, err := a.find(ctx, group, name)
	if err != nil {
		return err
	}
	return a.Ledger.RemoveCalendar(ctx, group, c.ID)
}

// look has Run look for what is due at once.
func (a *Agenda) look() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

const (
	lookEvery = 5 * time.Second
	atOnce    = 20 // calendars that are looked up at a time
	together  = 2  // and read side by side: each may take 10 MiB
)

// Run reads calendars whenever they are due, until the context ends. Several processes may do so; each reading is written by
// one of them.
func (a *Agenda) Run(ctx context.Context) error {
	for {
		more := a.due(ctx)
		wait := time.NewTimer(lookEvery)
		if more {
			wait.Reset(0)
		}
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-a.wake:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// due reads what is due; more says that there may be further ones.
func (a *Agenda) due(ctx context.Context) (more bool) {
	all, err := a.Ledger.DueCalendars(ctx, atOnce)
	if err != nil {
		if ctx.Err() == nil {
			a.Log.Error("the calendars that are due cannot be listed; trying again", "error", err)
		}
		return false
	}
	slots, done := make(chan struct{}, together), make(chan bool, len(all))
	for _, c := range all {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			_, err := a.read(ctx, c)
			if err != nil && !errors.Is(err, gateway.ErrStale) && !errors.Is(err, gateway.ErrNotFound) && ctx.Err() == nil {
				a.Log.Error("what was read of a calendar cannot be kept; trying again", "group", c.GroupID, "calendar", c.ID, "error", err)
			}
			done <- err == nil
		}()
	}
	good := 0
	for range all {
		if <-done {
			good++
		}
	}
	return len(all) == atOnce && good > 0
}
