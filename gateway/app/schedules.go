package app

import (
	"context"

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
	groups  gateway.Groups
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
	if run.Schedule.Action.Kind != gateway.ActEdition {
		return p.Fanout.Ready(ctx, r)
	}
	g, err := p.groups.GroupByID(ctx, run.Schedule.GroupID)
	if err != nil {
		return nil, err
	}
	return p.reports.Ready(ctx, report.Run{Group: g, Series: run.Schedule.Action.Series, LocalAt: r.LocalAt, LateFor: r.LateFor, By: run.Occurrence.By, Trial: run.Trial})
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
	actor := performer{a.fanout, a.store, reports}
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
