package report

import (
	"context"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// answered tells how long it took until somebody took charge of the group's alerts since the edition before was frozen; without
// one, within OnTimeDays. An alert that nobody has let go asked nobody, and does not count. Exercises are counted apart.
func (d *Desk) answered(ctx context.Context, group gateway.ID, before *gateway.Edition) ([]gateway.Figure, error) {
	now := d.now().UTC()
	told := &gateway.AlertsFigure{Since: now.AddDate(0, 0, -gateway.OnTimeDays)}
	if before != nil {
		for _, s := range before.Steps {
			if s.To == gateway.EditionFrozen {
				told.Since = s.At
			}
		}
	}
	f := gateway.Figure{Kind: gateway.FigureAlerts, Source: "Carillon's ledger, alerts since " + told.Since.Format(time.RFC3339), At: now, Alerts: told}
	var took []time.Duration
	for last := (gateway.ID{}); ; {
		page, err := d.Alerts(ctx, group, last, 500)
		if err != nil {
			return nil, err
		}
		for i := range page { // all that are kept: that of a drill is as old as its plan
			a := &page[i]
			last = a.ID
			if a.RaisedAt.Before(told.Since) {
				continue
			}
			if a.Exercise {
				told.Exercises++
				continue
			}
			if a.Hold != nil { // nobody has let it go
				continue
			}
			begun, taken, err := d.takenAt(ctx, a)
			if err != nil {
				return nil, err
			}
			if f.Of++; !taken.IsZero() {
				f.Count++
				took = append(took, taken.Sub(begun))
			}
		}
		if len(page) < 500 {
			break
		}
	}
	if f.Of == 0 && told.Exercises == 0 {
		return nil, nil
	}
	if n := len(took); n > 0 {
		slices.Sort(took)
		told.Median = seconds((took[(n-1)/2] + took[n/2]) / 2)
		told.Worst = seconds(took[n-1])
	}
	return []gateway.Figure{f}, nil
}

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

// takenAt reads when an alert began, and when the first took charge of it; zero: nobody has.
func (d *Desk) takenAt(ctx context.Context, a *gateway.AlertCase) (begun, taken time.Time, err error) {
	begun = a.RaisedAt
	for after := 0; ; {
		page, err := d.AlertEvents(ctx, a.GroupID, a.ID, after, 100)
		if err != nil {
			return begun, taken, err
		}
		for _, e := range page {
			after = e.No
			switch e.Kind {
			case gateway.EventReleased, gateway.EventGlass: // nobody was asked before
				begun = e.At
			case gateway.EventAcked:
				return begun, e.At, nil
			}
		}
		if len(page) < 100 {
			return begun, taken, nil
		}
	}
}
