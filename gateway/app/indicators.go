package app

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
	"github.com/carillon-gateway/carillon/scheduler/report"
)

// indicatorDuty is the duty of asking the sources of indicators. Two processes at it would write nothing twice, but fetch twice.
const indicatorDuty = "indicators"

// readIndicators asks the sources of indicators when it is time, whenever it is this process that has to.
func (a *App) readIndicators(ctx context.Context) error {
	failed := func(s gateway.Series, err error) {
		a.Log.Error("what the sources of indicators say cannot be read or kept; trying again", "group", s.GroupID, "series", s.ID, "error", err)
	}
	reader := report.NewReader(a.store, fetch.New("carillon/"+a.Version, a.Fetchable), a.Now, failed)
	for ctx.Err() == nil {
		a.duties.during(ctx, indicatorDuty, func(ctx context.Context, _ int64) {
			_ = reader.Run(ctx) // it ends with its context
		})
	}
	return nil
}
