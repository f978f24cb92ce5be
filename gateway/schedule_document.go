package gateway

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// DocumentSchedule is a schedule as people write it, in a Document and in requests. Wall times are those of its zone.
type DocumentSchedule struct {
	Name       string        `json:"name,omitempty"`           // of the path, where there is one
	Cron       string        `json:"cron,omitempty"`           // minute hour day month weekday, as in 0 9 * * MON
	RRule      string        `json:"rrule,omitempty"`          // or a recurrence rule of RFC 5545, counted from start
	Start      civil.Wall    `json:"start,omitzero"`           // of a recurrence rule: the date and time that it counts from, as in 2026-01-05T09:00
	Zone       string        `json:"zone,omitempty"`           // IANA name of a zone; group: the group's, as if absent; member: each member's own
	Starts     civil.Wall    `json:"starts,omitzero"`          // no run before this date and time
	Ends       civil.Wall    `json:"ends,omitzero"`            // no run from this date and time on
	Except     []string      `json:"except,omitempty"`         // dates without a run, as in 2026-12-25
	Holidays   []string      `json:"holidays,omitempty"`       // dates without a run because nobody works
	HolidaysOf string        `json:"holidays_of,omitempty"`    // name of a calendar of the group: the dates of its whole days are holidays too
	Late       LatePolicy    `json:"late,omitempty"`           // what becomes of a run that could not be done in its time. Absent: once
	Window     int           `json:"window_minutes,omitempty"` // for once: how late a run may be. Absent: 720
	Send       *DocumentSend `json:"send,omitempty"`           // the message that each run sends
	Report     string        `json:"report,omitempty"`         // or the name of a series: each run freezes and sends its next edition
	Week       *ActionWeek   `json:"week,omitempty"`           // or what takes place in the week ahead: each run tells the subscribers of a topic of its events
}

// DocumentSend is the message that a schedule sends: to whom, and either the text or the name of one of the group's wordings.
type DocumentSend struct {
	Kind      Kind              `json:"kind"`
	Topic     string            `json:"topic"`               // who subscribed to it, with consent
	Tags      []string          `json:"tags,omitempty"`      // has every one of them
	Locales   []string          `json:"locales,omitempty"`   // has one of these languages
	Wording   string            `json:"wording,omitempty"`   // name of the group's own words, as they stand when it runs
	Words     map[string]string `json:"words,omitempty"`     // or, for each language, Markdown with front matter
	Data      map[string]string `json:"data,omitempty"`      // for the placeholders
	Sensitive bool              `json:"sensitive,omitempty"` // leaves in full only over channels that are fit for it, over others as a pointer
	Fallback  bool              `json:"fallback,omitempty"`  // keep it although a language of the readers, a placeholder or a plural form is missing
}

// Schedule gives the schedule itself, without what the ledger adds.
func (d DocumentSchedule) Schedule() Schedule {
	s := Schedule{Name: d.Name, Timing: Timing{Cron: d.Cron, RRule: d.RRule, Start: d.Start, Zone: d.Zone, Starts: d.Starts, Ends: d.Ends, Except: d.Except, Holidays: d.Holidays, HolidaysOf: d.HolidaysOf, Late: d.Late, Window: d.Window}}
	if send := d.Send; send != nil {
		s.Action = Action{Kind: ActBroadcast, Broadcast: &ActionBroadcast{Kind: send.Kind, Audience: Audience{Topic: send.Topic, Tags: send.Tags, Locales: send.Locales},
			Wording: send.Wording, Words: Words{Sources: send.Words, Data: send.Data}, Sensitive: send.Sensitive, Fallback: send.Fallback}}
	}
	if d.Report != "" {
		s.Action.Kind, s.Action.Series = ActEdition, d.Report
	}
	if d.Week != nil {
		s.Action.Kind, s.Action.Week = ActWeek, d.Week
	}
	return s
}

// Document gives a schedule as people write it.
func (s Schedule) Document() DocumentSchedule {
	d := DocumentSchedule{Name: s.Name, Report: s.Action.Series, Week: s.Action.Week, Cron: s.Cron, RRule: s.RRule, Start: s.Start, Zone: s.Zone, Starts: s.Starts, Ends: s.Ends, Except: s.Except, Holidays: s.Holidays, HolidaysOf: s.HolidaysOf, Late: s.Late, Window: s.Window}
	if a := s.Action.Broadcast; a != nil {
		d.Send = &DocumentSend{Kind: a.Kind, Topic: a.Audience.Topic, Tags: a.Audience.Tags, Locales: a.Audience.Locales, Wording: a.Wording, Words: a.Words.Sources, Data: a.Words.Data, Sensitive: a.Sensitive, Fallback: a.Fallback}
	}
	return d
}

// ScheduleView is a schedule as screens show it.
type ScheduleView struct {
	ID ID `json:"id"`
	DocumentSchedule
	Author      string    `json:"author"`
	Revision    int64     `json:"revision"`
	Paused      bool      `json:"paused,omitempty"`
	PausedUntil time.Time `json:"paused_until,omitzero"`
	Next        string    `json:"next,omitempty"`   // the name of the next run
	NextAt      time.Time `json:"next_at,omitzero"` // its instant; at each member's own time, that of the first zone
	ChangedAt   time.Time `json:"changed_at"`
	Told        *HandedIn `json:"told,omitempty"`   // of a pause that its readers are to be told of: the message to them
	Untold      string    `json:"untold,omitempty"` // why they are not told
}

// View gives a schedule as screens show it.
func (s Schedule) View() ScheduleView {
	v := ScheduleView{ID: s.ID, DocumentSchedule: s.Document(), Author: s.Author, Revision: s.Revision, Paused: s.Paused, PausedUntil: s.PausedUntil, Next: s.Run, NextAt: s.At, ChangedAt: s.ChangedAt}
	if s.Zone == ZoneMember && !s.At.IsZero() {
		v.NextAt = s.At.Add(Lead)
	}
	return v
}
