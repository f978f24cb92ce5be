package fanout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Owners of numbers are asked by day: from stillFrom to stillTo, in hours of their own clocks, and not within their quiet hours.
const (
	stillFrom, stillTo = 9, 20
	stillAtOnce        = 200            // of a group, in one go
	stillOfGroup       = 500            // in a day
	stillLasts         = 24 * time.Hour // the question waits so long for its channel
)

// AskStill asks those of a group, by day, once, in words that say nothing of it, whose telephone numbers may have new owners, whether
// they are still hers (threat T12). Each is asked at the number itself and nowhere else. It gives how many.
func (f *Fanout) AskStill(ctx context.Context, group gateway.ID) (asked int, err error) {
	points, err := f.store.Stale.Stale(ctx, group, stillAtOnce)
	if err != nil || len(points) == 0 {
		return 0, err
	}
	g, err := f.store.Groups.GroupByID(ctx, group)
	if err != nil {
		return 0, err
	}
	usable, now := f.channels.Usable(group), f.Now()
	var book gateway.QuietBook
	for _, p := range points {
		zone := book.Zone(p.Zone, g.Zone)
		if hour := now.In(zone).Hour(); hour < stillFrom || hour >= stillTo || !slices.ContainsFunc(usable, func(c gateway.Channel) bool { return c.Kind == p.Kind }) {
			continue
		}
		if p.Quiet != "" {
			if due, _, late := book.Hours(p.Quiet).Move(gateway.Report, now, now, now.Add(stillLasts), zone); late || !due.Equal(now) {
				continue
			}
		}
		room, err := f.store.Stale.Try(ctx, 1, gateway.Limit{What: "ask whether a number is hers", By: group.String(), Most: stillOfGroup, Within: 24 * time.Hour})
		if err != nil || !room {
			return asked, err
		}
		_, err = f.Tell(ctx, Note{Group: group, Key: fmt.Sprintf("still:%s:%d", p.Point, p.Since.Unix()), Wording: templates.StillYours,
			Audience: gateway.Audience{Members: []gateway.ID{p.Member}, Point: p.Point, Only: true}, Author: "carillon", Lasts: stillLasts})
		if err != nil && !errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) { // erased meanwhile
			return asked, fmt.Errorf("ask whether a number is hers: %w", err)
		}
		if err := f.store.Stale.AskedStill(ctx, group, p.Member, p.Point); err != nil {
			return asked, fmt.Errorf("note who was asked whether a number is hers: %w", err)
		}
		asked++
	}
	return asked, nil
}
