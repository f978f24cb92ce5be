package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// seriesPaused is the text that readers of a series get when its schedule is paused: a shipped one, over which a group may lay its own.
const seriesPaused = "series-paused"

// seriesOf gives the series that a schedule sends; its readers alone can be told of a pause, for only they were promised a cadence.
func (s *server) seriesOf(ctx context.Context, group gateway.ID, schedule string) (gateway.Series, error) {
	one, err := s.Schedules.Schedule(ctx, group, schedule)
	if err != nil {
		return gateway.Series{}, err
	}
	if one.Action.Kind != gateway.ActEdition {
		return gateway.Series{}, gateway.Faultf(gateway.CodeInvalid, "tell: %s sends no series of reports, so nobody can be told what pauses; pause it without, and send its readers a message", one.Name)
	}
	return s.Reports.Series(ctx, group, one.Action.Series)
}

// tellPause hands in the notice of a pause to those who read the series, as a message of the person who paused it: where the group
// wants a second person for a report, it waits for one.
func (s *server) tellPause(ctx context.Context, who caller, series gateway.Series, paused gateway.Schedule) (gateway.HandedIn, error) {
	own, err := s.Wordings.Wordings(ctx, who.Group.ID)
	if err != nil {
		return gateway.HandedIn{}, fmt.Errorf("reading the group's wordings: %w", err)
	}
	sources := templates.ShippedText(seriesPaused)
	maps.Copy(sources, own[seriesPaused])
	zone, err := civil.Zone(who.Group.Zone)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	until, pause := s.Now(), "open"
	if !paused.PausedUntil.IsZero() {
		until, pause = paused.PausedUntil, "until"
	}
	all := true
	return s.Broadcasts.Submit(ctx, gateway.Draft{Group: who.Group.ID, Key: "paused-" + paused.ID.String() + "-" + strconv.FormatInt(paused.Revision, 10), Kind: gateway.KindReport, Fallback: &all,
		Audience: gateway.Audience{Topic: series.Topic}, Author: who.Token.Label, Token: who.Token.ID,
		Words: gateway.Words{Sources: sources, Data: map[string]string{"series": series.Title, "pause": pause, "until": until.In(zone).Format(time.DateOnly)}}})
}

// pauseSchedule pauses a schedule, and tells the readers of its series if that is asked for.
func (s *server) pauseSchedule(ctx context.Context, who caller, in *pauseSchedule) (gateway.ScheduleView, error) {
	var series gateway.Series
	if in.Tell { // what cannot be told is said before anything is paused
		var err error
		if series, err = s.seriesOf(ctx, who.Group.ID, in.Schedule); err != nil {
			return gateway.ScheduleView{}, err
		}
	}
	one, err := s.Schedules.Pause(ctx, who.Group.ID, in.Schedule, in.Until, who.Token.Label)
	if err != nil || !in.Tell {
		return one.View(), err
	}
	view := one.View()
	done, err := s.tellPause(ctx, who, series, one)
	var fault *gateway.Fault
	switch {
	case err == nil:
		view.Told = &done
	case errors.As(err, &fault):
		view.Untold = fault.Text
	default:
		s.Log.Error("the readers of a series cannot be told that it is paused", "request", requestID(ctx), "group", who.Group.ID, "schedule", one.ID, "error", err)
		view.Untold = plainText(gateway.CodeInternal)
	}
	return view, nil
}
