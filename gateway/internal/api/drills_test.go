package api

import (
	"errors"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// drillDraft is a drill that may be planned.
func (w *world) drillDraft() gateway.DrillDraft {
	return gateway.DrillDraft{Audience: gateway.Audience{Topic: "reports"}, Texts: w.alertDraft().Saying.Texts, At: w.clock.Now().Add(time.Hour)}
}

// drill gives the path of a drill that has not begun.
func (w *world) drill() string {
	w.t.Helper()
	d, err := w.server.Alerts.PlanDrill(w.t.Context(), w.berlin, w.drillDraft(), gateway.AlertHand{Label: "test"})
	must(w.t, err)
	return "drills/" + d.ID.String()
}

// useDrills plans a drill and takes it back, and begins one.
func useDrills(t *testing.T, w *world, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	planned, err := c.PlanDrill(ctx, "berlin", w.drillDraft())
	if err != nil || planned.State != gateway.DrillPlanned || planned.Minutes != gateway.DefaultDrill {
		t.Fatalf("planned is %+v, %v", planned, err)
	}
	if back, err := c.WithdrawDrill(ctx, "berlin", planned.ID); err != nil || back.State != gateway.DrillWithdrawn {
		t.Fatalf("taken back is %+v, %v", back, err)
	}
	now := w.drillDraft()
	now.At = time.Time{}
	run, err := c.PlanDrill(ctx, "berlin", now)
	if err != nil || run.State != gateway.DrillRunning {
		t.Fatalf("begun is %+v, %v", run, err)
	}
	if a, err := c.Alert(ctx, "berlin", run.Reference); err != nil || !a.Exercise || a.ID != run.ID {
		t.Fatalf("its exercise is %+v, %v", a, err)
	}
	if _, err := c.WithdrawDrill(ctx, "berlin", run.ID); !errors.Is(err, gateway.ErrConflict) {
		t.Fatalf("one that runs was taken back: %v", err)
	}
	if all, err := c.Drills(ctx, "berlin", 0); err != nil || len(all) != 2 || all[0].ID != run.ID {
		t.Fatalf("listed are %+v, %v", all, err)
	}
	if got, err := c.Drill(ctx, "berlin", run.ID); err != nil || got.Reference != run.Reference {
		t.Fatalf("read is %+v, %v", got, err)
	}
}
