package agenda

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

const (
	ahead      = 400 * 24 * time.Hour // how far calendars are expanded
	behind     = 40 * 24 * time.Hour  // and how far back, for what began then and goes on
	wholeEvery = 7 * 24 * time.Hour   // how often a calendar is read whole although it is unchanged: time has gone on
	retryAfter = 30 * time.Minute     // after a failure, if the calendar is not asked for sooner anyway
	expandTime = 20 * time.Second
)

// Read asks for a calendar now, whoever else does, and gives it with how fresh it is. What was wrong with the calendar is in
// its Freshness; an error is that of the ledger.
func (a *Agenda) Read(ctx context.Context, group gateway.ID, name string) (gateway.Calendar, error) {
	for {
		c, err := a.find(ctx, group, name)
		if err != nil {
			return c, err
		}
		c.Fresh.ETag, c.Fresh.LastModified = "", "" // a person asks: whatever is there is looked at
		read, err := a.read(ctx, c)
		if !errors.Is(err, gateway.ErrStale) {
			return read, err
		}
	}
}

// find gives a calendar of a group by its name.
func (a *Agenda) find(ctx context.Context, group gateway.ID, name string) (gateway.Calendar, error) {
	all, err := a.Ledger.Calendars(ctx, group)
	if err != nil {
		return gateway.Calendar{}, err
	}
	i := slices.IndexFunc(all, func(c gateway.Calendar) bool { return c.Name == name })
	if i < 0 {
		return gateway.Calendar{}, gateway.Faultf(gateway.CodeNotFound, "the group has no calendar of this name")
	}
	return all[i], nil
}

// read asks for a calendar and writes what came of it. ErrStale: somebody else did meanwhile.
func (a *Agenda) read(ctx context.Context, c gateway.Calendar) (gateway.Calendar, error) {
	now := a.Now().UTC()
	r := gateway.Reading{Group: c.GroupID, Calendar: c.ID, Edition: c.Edition, Fresh: c.Fresh}
	r.Fresh.Tried = now
	body, version, err := a.body(ctx, c, now)
	switch {
	case ctx.Err() != nil:
		return c, ctx.Err()
	case err == nil && body == nil:
		err = a.unchanged(ctx, &r, now)
	case err == nil:
		var behind bool
		if behind, err = a.take(ctx, c, body, &r, now); err == nil {
			if behind { // "unchanged" next time would say that it still is: it is looked at whole
				version = fetch.Version{}
			}
			r.Fresh.ETag, r.Fresh.LastModified, r.Fresh.Whole = version.ETag, version.LastModified, now
		}
	}
	var bad *unusable
	switch {
	case err == nil:
		r.Fresh.Good, r.Fresh.Fault, r.Fresh.Since = now, "", time.Time{}
	case errors.As(err, &bad):
		if r.Fresh.Fault = bad.text; r.Fresh.Since.IsZero() {
			r.Fresh.Since = now
		}
	default:
		return c, err
	}
	r.Fresh.Next = next(c, now, bad)
	if err := a.Ledger.SaveReading(ctx, r); err != nil {
		return c, err
	}
	changed := 0
	for _, u := range r.Events {
		if u.Before != nil || u.Event.Revision == 1 {
			changed++
		}
	}
	a.Log.Info("a calendar was read", "group", c.GroupID, "calendar", c.ID, "good", bad == nil, "changed", changed, "missing", r.Fresh.Missing)
	c.Fresh, c.Edition = r.Fresh, r.Edition+1
	return c, nil
}

// next says when a calendar is asked for again.
func next(c gateway.Calendar, now time.Time, bad *unusable) time.Time {
	every := time.Duration(c.Every) * time.Minute
	switch {
	case c.URL == "":
		return now.Add(wholeEvery)
	case bad != nil:
		return now.Add(max(min(every, retryAfter), bad.wait))
	}
	return now.Add(every)
}

// unusable is an answer that says nothing about events.
type unusable struct {
	text string        // safe to show
	wait time.Duration // that the server asks for
}

func (u *unusable) Error() string { return u.text }

// body gets a calendar; nil: it is unchanged. What is wrong with its address or its server is *unusable.
func (a *Agenda) body(ctx context.Context, c gateway.Calendar, now time.Time) ([]byte, fetch.Version, error) {
	if c.URL == "" {
		file, err := a.Ledger.CalendarFile(ctx, c.GroupID, c.ID)
		return file, fetch.Version{}, err
	}
	known := fetch.Version{ETag: c.Fresh.ETag, LastModified: c.Fresh.LastModified}
	if now.Sub(c.Fresh.Whole) >= wholeEvery || c.Fresh.Fault != "" {
		known = fetch.Version{}
	}
	answer, err := a.Fetcher.Get(ctx, c.URL.Reveal(), known)
	if err != nil {
		return nil, fetch.Version{}, trouble(err)
	}
	if answer.Unchanged {
		return nil, known, nil
	}
	if answer.Body == nil {
		answer.Body = []byte{}
	}
	return answer.Body, answer.Version, nil
}

// trouble says in words what is wrong with an address or its server.
func trouble(err error) *unusable {
	text, wait := fetch.Explain(err)
	return &unusable{text, wait}
}

// unchanged is an answer that agrees with the one before: it lacks again what that lacked.
func (a *Agenda) unchanged(ctx context.Context, r *gateway.Reading, now time.Time) error {
	if r.Fresh.Missing == r.Fresh.Agreed {
		return nil
	}
	kept, err := a.Ledger.Events(ctx, r.Group, r.Calendar, now.Add(-gateway.KeepHolidays), 0)
	if err != nil {
		return err
	}
	m := &merging{now: now, weight: 1}
	for i := range kept {
		if kept[i].Misses > 0 && kept[i].Start.Instant().After(now) {
			m.miss(kept[i])
		} else {
			m.count(kept[i])
		}
	}
	m.into(r)
	return nil
}

// take compares what a calendar holds with what is kept of it. A defect that a calendar of others brings to light is its
// fault, and nobody else's. older: it has events that are older than what is kept.
func (a *Agenda) take(ctx context.Context, c gateway.Calendar, body []byte, r *gateway.Reading, now time.Time) (older bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &unusable{text: "its events cannot be followed: a defect of ours; please tell whoever runs this instance"}
			a.Log.Error("reading a calendar met a defect", "group", c.GroupID, "calendar", c.ID, "error", gateway.DefectOf(cause))
		}
	}()
	place, err := civil.Zone(c.Zone)
	if err != nil {
		return false, err
	}
	read, err := calendar.Read(bytes.NewReader(body))
	if err != nil {
		return false, unreadable(err)
	}
	if read.Cut {
		return false, &unusable{text: "the answer is cut off: END:VCALENDAR is missing"}
	}
	m := &merging{group: c.GroupID, calendar: c.ID, place: place, now: now, end: now.Add(ahead), spoilt: map[string]bool{}, weight: 1, marks: c.Marks}
	if c.URL == "" {
		m.weight = agreeing
	}
	bounded, cancel := context.WithTimeout(ctx, expandTime)
	defer cancel()
	all, faults, err := read.Expand(bounded, now.Add(-behind), m.end, place)
	if err != nil {
		return false, unreadable(err)
	}
	faults = append(slices.Clip(read.Faults), faults...)
	for _, f := range faults {
		m.spoilt[f.UID] = true
		m.blind = m.blind || f.UID == ""
	}
	if len(all) > gateway.MaxEvents {
		return false, unreadable(tooMany(len(all)))
	}
	kept, err := a.Ledger.Events(ctx, c.GroupID, c.ID, now.Add(-gateway.KeepEvents), 0)
	if err != nil {
		return false, err
	}
	m.merge(kept, all)
	m.into(r)
	r.Fresh.Skipped = len(faults)
	if len(all) == 0 && m.missing > 0 {
		return false, &unusable{text: "the answer is a calendar without events; what was there is kept"}
	}
	return m.behind, nil
}

// into writes what a comparison found.
func (m *merging) into(r *gateway.Reading) {
	r.Events, r.Fresh.Events, r.Fresh.Missing, r.Fresh.Agreed = m.updates, m.upcoming, m.missing, m.agreed
	r.Fresh.Holidays = gateway.HolidayDates(m.days)
	if m.marked {
		r.Marks = m.marks
	}
}

// unreadable says in words why an answer is no use.
func unreadable(err error) error {
	switch {
	case errors.Is(err, calendar.ErrNotCalendar):
		return &unusable{text: "the answer is no calendar; the address may lead to a page that asks to log in"}
	case errors.Is(err, calendar.ErrTooBig):
		return &unusable{text: strings.TrimSpace(err.Error())}
	case errors.Is(err, context.DeadlineExceeded):
		return &unusable{text: "the rules of its events take too long to follow"}
	}
	return err
}

// Confirm cancels what two good answers lacked, because a person says so; it returns how many events.
func (a *Agenda) Confirm(ctx context.Context, group gateway.ID, name string) (int, error) {
	for {
		c, err := a.find(ctx, group, name)
		if err != nil {
			return 0, err
		}
		now := a.Now().UTC()
		kept, err := a.Ledger.Events(ctx, group, c.ID, now.Add(-gateway.KeepHolidays), 0)
		if err != nil {
			return 0, err
		}
		r := gateway.Reading{Group: group, Calendar: c.ID, Edition: c.Edition, Fresh: c.Fresh, Events: confirmed(kept, now)}
		n := len(r.Events)
		if n == 0 {
			return 0, gateway.Faultf(gateway.CodeConflict, "two good answers must lack an event before it can be cancelled, and there is none; read the calendar again, or wait until it is read")
		}
		r.Fresh.Events, r.Fresh.Missing, r.Fresh.Agreed = max(0, c.Fresh.Events-n), max(0, c.Fresh.Missing-n), 0
		m := merging{now: now}
		for i := range kept {
			if !slices.ContainsFunc(r.Events, func(u gateway.EventUpdate) bool { return u.Event.ID == kept[i].ID }) {
				m.holiday(kept[i])
			}
		}
		r.Fresh.Holidays = gateway.HolidayDates(m.days)
		if err := a.Ledger.SaveReading(ctx, r); !errors.Is(err, gateway.ErrStale) {
			return n, err
		}
	}
}
