package postgres

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

const (
	putReport = "INSERT INTO alert_reports (group_id, alert_id, member_id, answer, way, shared, at) SELECT $1::uuid,$2::uuid,$3::uuid,$4::smallint,$5::text,$6::boolean,$7::bigint WHERE EXISTS (SELECT 1 FROM members WHERE group_id = $1 AND id = $3) " +
		"ON CONFLICT (group_id, alert_id, member_id) DO UPDATE SET answer = excluded.answer, way = excluded.way, shared = excluded.shared, at = excluded.at WHERE excluded.at > alert_reports.at OR excluded.at = alert_reports.at AND excluded.answer <> alert_reports.answer"
	reportsQuery = "SELECT group_id, alert_id, member_id, answer, way, shared, at FROM alert_reports WHERE group_id = $1 AND alert_id = $2 AND member_id > $3 ORDER BY member_id LIMIT $4"
	alertSent    = "SELECT broadcast_id FROM alert_broadcasts WHERE group_id = $1 AND alert_id = $2 ORDER BY broadcast_id"
	overReports  = "SELECT group_id, alert_id, member_id FROM alert_reports WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED"
)

// PutAlertReport keeps what a member said of herself.
func (s *Store) PutAlertReport(ctx context.Context, r gateway.AlertReport) (kept bool, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		if err := t.lock(rollLock, r.GroupID, false); err != nil { // nobody is erased meanwhile
			return err
		}
		n, err := t.exec(putReport, r.GroupID, r.AlertID, r.MemberID, row.PlaceOf(r.Answer), r.Way, r.Shared, row.ToMicros(r.At))
		kept = n > 0
		return err
	})
	return kept, err
}

// AlertReports lists what was said during an alert.
func (s *Store) AlertReports(ctx context.Context, group, alert, after gateway.ID, limit int) ([]gateway.AlertReport, error) {
	kept, err := list(ctx, s, reportsQuery, []any{group, alert, after, limit}, func(r *row.Report) []any {
		return []any{&r.GroupID, &r.AlertID, &r.MemberID, &r.Place, &r.Way, &r.Shared, &r.At}
	})
	return row.Reports(kept), err
}

// AlertBroadcasts lists what an alert has sent.
func (s *Store) AlertBroadcasts(ctx context.Context, group, alert gateway.ID) ([]gateway.ID, error) {
	return list(ctx, s, alertSent, []any{group, alert}, func(id *gateway.ID) []any { return []any{id} })
}

var (
	_ gateway.AlertReports = (*Store)(nil)
	_ gateway.AlertCasts   = (*Store)(nil)
)
