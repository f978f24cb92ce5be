package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/scheduler"
	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/report"
)

// performer makes ready what runs of schedules send.
type performer struct {
	*fanout.Fanout
	groups gateway.Groups
	agenda interface {
		gateway.Calendars
		gateway.Events
	}
	reports *report.Desk
}

// Ready checks what a run sends.
func (p performer) Ready(ctx context.Context, run scheduler.Performance) (*gateway.ReadyBroadcast, error) {
	r := fanout.Run{Schedule: run.Schedule, Occurrence: run.Occurrence, Trial: run.Trial}
	if run.Own {
		var err error
		if r.LocalAt, err = civil.ParseWall(run.Occurrence.Run); err != nil {
			return nil, err
		}
		r.LateFor = run.Late
	}
	switch run.Schedule.Action.Kind {
	case gateway.ActEdition:
	case gateway.ActWeek:
		words, err := p.week(ctx, run, r.LocalAt)
		if err != nil {
			return nil, err
		}
		return p.ReadyWeek(ctx, r, words)
	default:
		return p.Fanout.Ready(ctx, r)
	}
	g, err := p.groups.GroupByID(ctx, run.Schedule.GroupID)
	if err != nil {
		return nil, err
	}
	return p.reports.Ready(ctx, report.Run{Group: g, Series: run.Schedule.Action.Series, LocalAt: r.LocalAt, LateFor: r.LateFor, By: run.Occurrence.By, Trial: run.Trial})
}

// mostHolidays is how many events of a calendar are looked at for holidays.
const mostHolidays = 1000

// Holidays lists the dates that a calendar has as whole days.
func (p performer) Holidays(ctx context.Context, group gateway.ID, name string, from civil.Wall) ([]string, error) {
	calendars, err := p.agenda.Calendars(ctx, group)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(calendars, func(c gateway.Calendar) bool { return c.Name == name })
	if i < 0 {
		return nil, gateway.ErrNotFound
	}
	events, err := p.agenda.Events(ctx, group, calendars[i].ID, civil.Moment{Wall: from}.Instant().Add(-gateway.FarthestAhead), mostHolidays)
	if err != nil {
		return nil, err
	}
	var dates []string
	for _, e := range events {
		for day := e.Start.Wall; e.AllDay && e.Status != gateway.EventCancelled && day < e.End.Wall && len(dates) < mostHolidays; day += civil.Day {
			if day >= from {
				dates = append(dates, day.Fields().Format(time.DateOnly))
			}
		}
	}
	return dates, nil
}

// mostInWeek is how many events of one calendar are looked at for a week ahead.
const mostInWeek = 500

// week gathers what takes place from the day of a run on.
func (p performer) week(ctx context.Context, run scheduler.Performance, local civil.Wall) (w gateway.WeekWords, err error) {
	s := run.Schedule
	if w.Date = local.Midnight(); local == 0 {
		zone := s.Zone
		if zone == gateway.ZoneGroup || zone == gateway.ZoneMember {
			g, err := p.groups.GroupByID(ctx, s.GroupID)
			if err != nil {
				return w, err
			}
			zone = g.Zone
		}
		loc, err := civil.Zone(zone)
		if err != nil {
			return w, gateway.Faultf(gateway.CodeInvalid, "zone: %w", err)
		}
		w.Date = civil.Of(run.Occurrence.At, loc).Wall.Midnight()
	}
	calendars, err := p.agenda.Calendars(ctx, s.GroupID)
	if err != nil {
		return w, err
	}
	now := p.Now()
	after := civil.Moment{Wall: w.Date}.Instant().Add(-gateway.FarthestAhead)
	for _, c := range calendars {
		if s.Action.Week == nil || c.Topic != s.Action.Week.Topic {
			continue
		}
		events, err := p.agenda.Events(ctx, s.GroupID, c.ID, after, mostInWeek)
		if err != nil {
			return w, err
		}
		for _, e := range events {
			if e.Status != gateway.EventCancelled && e.Start.Wall >= w.Date && e.Start.Wall < w.Date+(gateway.WeekDays+1)*civil.Day {
				e = e.Told(now)
				w.Events = append(w.Events, gateway.WeekEvent{Summary: e.Summary, Location: e.Location, Zone: e.Zone, AllDay: e.AllDay, Start: e.Start, Sensitive: e.Sensitive})
			}
		}
	}
	slices.SortStableFunc(w.Events, func(a, b gateway.WeekEvent) int { return cmp.Compare(a.Start.Wall, b.Start.Wall) })
	return w, nil
}

// WeekText says what subscribers of a topic would be told of the week ahead now.
func (p performer) WeekText(ctx context.Context, g gateway.Group, topic, locale string) (gateway.WeekText, error) {
	s := gateway.Schedule{ID: gateway.NewID(), GroupID: g.ID, Author: "preview", Timing: gateway.Timing{Zone: gateway.ZoneGroup}, Action: gateway.Action{Kind: gateway.ActWeek, Week: &gateway.ActionWeek{Topic: topic}}}
	o := gateway.Occurrence{GroupID: g.ID, ScheduleID: s.ID, Run: "preview", At: p.Now()}
	words, err := p.week(ctx, scheduler.Performance{Schedule: s, Occurrence: o}, 0)
	if err != nil {
		return gateway.WeekText{}, err
	}
	return p.Fanout.WeekText(ctx, fanout.Run{Schedule: s, Occurrence: o}, words, locale)
}

// ReadyEvent checks a message about an event, with the event as a file.
func (p performer) ReadyEvent(ctx context.Context, m gateway.EventMessage) (*gateway.ReadyBroadcast, error) {
	m.Calendar = string(agenda.File(m.Event))
	return p.Fanout.ReadyEvent(ctx, m)
}

// Look has whoever plans look for the broadcasts of runs.
func (p performer) Look() { look(p.Fanout) }

func look(f *fanout.Fanout) {
	if f.Elsewhere != nil {
		f.Elsewhere()
		return
	}
	f.Look()
}

// publisher puts editions into words.
type publisher struct{ *fanout.Fanout }

// Edition checks what an edition sends.
func (p publisher) Edition(ctx context.Context, t gateway.Telling) (*gateway.ReadyBroadcast, error) {
	return p.ReadyEdition(ctx, t)
}

// Look has whoever plans look for the broadcasts of editions.
func (p publisher) Look() { look(p.Fanout) }

// schedules builds what does the runs of schedules, and what people do with them.
func (a *App) schedules(reports *report.Desk) *scheduler.Desk {
	actor := performer{a.fanout, a.store, a.store, reports}
	a.ticker = scheduler.NewTicker(a.store, actor, scheduler.Options{Log: a.Log, At: a.At})
	return scheduler.NewDesk(a.store, actor, a.Now, a.ticker.Wake)
}

// notifier builds what tells people of events.
func (a *App) notifier() *scheduler.Notifier {
	return scheduler.NewNotifier(a.store, performer{Fanout: a.fanout}, a.Now, scheduler.Options{Log: a.Log, At: a.At})
}

// checkGroup checks a group with its leads and its words.
func checkGroup(g gateway.Group) (gateway.Group, error) {
	g, err := directory.CheckGroup(g)
	if err != nil {
		return g, err
	}
	if g.Replies, err = inbound.CheckReplies(g.Replies); err != nil {
		return g, err
	}
	return scheduler.CheckLeads(g)
}

var (
	_ scheduler.Actor     = performer{}
	_ scheduler.Messenger = performer{}
	_ report.Publisher    = publisher{}
)
