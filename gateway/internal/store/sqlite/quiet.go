package sqlite

import (
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// quiet keeps a delivery that nothing else forbids for its member's own hour where she has moved to or for the end of her quiet
// hours, or ends it; over: it is not to be sent now.
func (t *txn) quiet(at *claimed, info *frozen, c *gateway.Claim, hours, zone string, expires int64) (over bool, err error) {
	if hours, err = row.Holidays(hours, nil, freshOf(t.Conn, info.Group)); err != nil {
		return false, err
	}
	if hour := info.OwnHour(&t.w.store.quiet, hours, zone, t.now, expires); hour != 0 {
		c.Verdict = gateway.NotDue
		return true, t.Prepare("UPDATE deliveries SET due_at = ?, move_at = ? WHERE no = ?").Int(1, hour).Int(2, info.MoveQuiet(at.move, hour)).Int(3, at.no).Run()
	}
	until, late := info.Quiet(&t.w.store.quiet, hours, zone, t.now, expires)
	switch {
	case late:
		c.Verdict = gateway.Lapsed
		return true, t.end(at, info, gateway.ReasonExpired, gateway.QuietLate)
	case until != 0:
		c.Verdict = gateway.NotDue
		return true, t.Prepare("UPDATE deliveries SET due_at = ?, quiet_until = ?, move_at = ? WHERE no = ?").Int(1, until).Int(2, until).Int(3, info.MoveQuiet(at.move, until)).Int(4, at.no).Run()
	}
	if !info.Merges(at.quiet, c.FirstPart) {
		return false, nil
	}
	r := t.Prepare(quietToo).Int(1, info.groupNo).Key(2, c.Member).Int(3, at.quiet).Int(4, at.no)
	type waiting struct{ no, expires int64 }
	var others []waiting
	for r.Step() {
		others = append(others, waiting{r.ColInt(0), r.ColInt(1)})
	}
	if err := r.Reset(); err != nil {
		return false, err
	}
	newest := &info.Frozen
	for _, o := range others {
		other, err := t.frozenOf(o.no)
		if err != nil {
			return false, err
		}
		halted, err := t.halted(o.no)
		if err != nil {
			return false, err
		}
		if !halted && newest.TakenBy(&other.Frozen, o.expires, t.now) {
			newest = &other.Frozen
		}
	}
	if newest == &info.Frozen {
		return false, nil
	}
	c.Verdict = gateway.NotDue
	return true, t.end(at, info, gateway.ReasonMerged, row.MergedInto(newest.ID))
}

// quietToo finds the broadcasts of what else waited for one end of a member's quiet hours and has not ended.
const quietToo = "SELECT broadcast_no, expires_at FROM deliveries INDEXED BY deliveries_quiet WHERE group_no = ? AND member_id = ? AND quiet_until = ? AND quiet_until > 0 AND no <> ? AND state <> 2"

// freshQuery finds a calendar of a group by its name.
const freshQuery = "SELECT fresh FROM calendars WHERE group_id = ? AND name = ?"

// freshOf reads what row.Holidays asks for.
func freshOf(c *lite.Conn, group gateway.ID) func(calendar string) (string, error) {
	return func(calendar string) (fresh string, err error) {
		err = query(c, freshQuery, []any{group[:], calendar}, func(r *lite.Stmt) error {
			fresh = r.ColText(0)
			return nil
		})
		return fresh, err
	}
}
