package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// quiet keeps a delivery that nothing else forbids for its member's own hour where she has moved to or for the end of her quiet
// hours, or ends it; over: it is not to be sent now.
func (t *txn) quiet(d *delivery, info *frozen, c *gateway.Claim, o *offer) (over bool, err error) {
	end := func(reason gateway.Reason, detail string) {
		before := d.StateWith(nil)
		d.State, d.Due, d.Reason, d.Detail = row.Ended, 0, reason, detail
		row.Moved(t, d, before, d.StateWith(nil))
		t.changedD[d.No] = true
	}
	hours, err := row.Holidays(o.hours, nil, freshOf(t, d.Group))
	if err != nil {
		return false, err
	}
	if hour := info.OwnHour(&t.s.quiet, hours, o.zone, t.now, d.Expires); hour != 0 {
		c.Verdict = gateway.NotDue
		d.Due, d.Move = hour, info.MoveQuiet(d.Move, hour)
		t.changedD[d.No] = true
		return true, nil
	}
	until, late := info.Quiet(&t.s.quiet, hours, o.zone, t.now, d.Expires)
	switch {
	case late:
		c.Verdict = gateway.Lapsed
		end(gateway.ReasonExpired, gateway.QuietLate)
		return true, nil
	case until != 0:
		c.Verdict = gateway.NotDue
		d.Due, d.Quiet, d.Move = until, until, info.MoveQuiet(d.Move, until)
		t.changedD[d.No] = true
		return true, nil
	}
	if !info.Merges(d.Quiet, d.FirstPart) {
		return false, nil
	}
	newest := &info.Frozen
	for i, id := range o.newer {
		other, err := t.s.frozenOf(t, d.Group, id)
		if err != nil {
			return false, err
		}
		if newest.TakenBy(&other.Frozen, o.ends[i], t.now) {
			newest = &other.Frozen
		}
	}
	if newest == &info.Frozen {
		return false, nil
	}
	c.Verdict = gateway.NotDue
	end(gateway.ReasonMerged, row.MergedInto(newest.ID))
	return true, nil
}

// freshOf reads what row.Holidays asks for.
func freshOf(q querier, group gateway.ID) func(calendar string) (string, error) {
	return func(calendar string) (fresh string, err error) {
		err = q.query("SELECT fresh FROM calendars WHERE group_id = $1 AND name = $2", []any{group, calendar}, func(r pgx.Rows) error { return r.Scan(&fresh) })
		return fresh, err
	}
}
