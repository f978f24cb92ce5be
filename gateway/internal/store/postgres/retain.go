package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// What is over is looked for first and then forgotten row by row, by whole keys (see stopsQuery). What is locked is another
// process's: it deletes that itself.
const (
	overWords       = "SELECT group_id, id FROM broadcasts WHERE words_sealed IS NOT NULL AND forget_at <= $1 ORDER BY forget_at LIMIT $2 FOR UPDATE SKIP LOCKED"
	overAnswers     = "SELECT token_id, key FROM requests WHERE begun_at <= $1 ORDER BY begun_at LIMIT $2 FOR UPDATE SKIP LOCKED"
	overInbounds    = "SELECT group_id, id, members FROM inbounds WHERE text_sealed IS NOT NULL AND at <= $1 AND ($2::uuid IS NULL OR group_id = $2) ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED"
	overReminders   = "SELECT group_id, event_id, broadcast_id FROM reminders WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED"
	overEvents      = "SELECT group_id, id FROM events WHERE end_at <= $1 ORDER BY end_at LIMIT $2 FOR UPDATE SKIP LOCKED"
	overOccurrences = "SELECT group_id, schedule_id, run FROM occurrences WHERE recorded_at <= $1 ORDER BY recorded_at LIMIT $2 FOR UPDATE SKIP LOCKED"
	overTries       = "SELECT key FROM tries WHERE until_at <= $1 ORDER BY until_at LIMIT $2 FOR UPDATE SKIP LOCKED"
	forgetInbound   = "UPDATE inbounds SET from_sealed = NULL, text_sealed = NULL, sealed_for = NULL, members = '[]', reply_to = '' WHERE group_id = $1 AND id = $2"
)

// Retain deletes texts and answers whose time is over. Any number of processes may do so at once.
func (s *Store) Retain(ctx context.Context, limit int) (n int, err error) {
	err = s.do(ctx, false, func(t *txn) error {
		n = 0
		batch := &pgx.Batch{}
		forget := func(text string, args ...any) {
			batch.Queue(text, args...).Exec(func(tag pgconn.CommandTag) error { n += int(tag.RowsAffected()); return nil })
		}
		var group, id gateway.ID
		if err := t.query(overWords, []any{t.now, limit}, func(r pgx.Rows) error {
			err := r.Scan(&group, &id)
			forget("UPDATE broadcasts SET words_sealed = NULL WHERE group_id = $1 AND id = $2", group, id)
			forget("DELETE FROM renderings WHERE group_id = $1 AND broadcast_id = $2", group, id)
			return err
		}); err != nil {
			return err
		}
		if err := t.query(overAnswers, []any{t.now - keepAnswers.Microseconds(), limit}, func(r pgx.Rows) error {
			var key string
			err := r.Scan(&id, &key)
			forget("DELETE FROM requests WHERE token_id = $1 AND key = $2", id, key)
			return err
		}); err != nil {
			return err
		}
		if err := t.retainAlerts(limit, forget); err != nil {
			return err
		}
		if err := t.retainDrills(limit, forget); err != nil {
			return err
		}
		if err := t.retainThreads(limit, forget); err != nil {
			return err
		}
		if err := t.query(overEvents, []any{t.now - gateway.KeepEvents.Microseconds(), limit}, func(r pgx.Rows) error {
			err := r.Scan(&group, &id)
			forget("DELETE FROM events WHERE group_id = $1 AND id = $2", group, id)
			return err
		}); err != nil {
			return err
		}
		if err := t.query(overReminders, []any{t.now - gateway.KeepReminded.Microseconds(), limit}, func(r pgx.Rows) error {
			var broadcast gateway.ID
			err := r.Scan(&group, &id, &broadcast)
			forget("DELETE FROM reminders WHERE group_id = $1 AND event_id = $2 AND broadcast_id = $3", group, id, broadcast)
			return err
		}); err != nil {
			return err
		}
		if err := t.query(overOccurrences, []any{t.now - gateway.KeepOccurrences.Microseconds(), limit}, func(r pgx.Rows) error {
			var run string
			err := r.Scan(&group, &id, &run)
			forget("DELETE FROM occurrences WHERE group_id = $1 AND schedule_id = $2 AND run = $3", group, id, run)
			return err
		}); err != nil {
			return err
		}
		for _, old := range [...]struct {
			over, forget string
			at           int64
		}{{overDrafts, "UPDATE releases SET draft_sealed = NULL WHERE group_id = $1 AND id = $2", t.now},
			{overReleases, "DELETE FROM releases WHERE group_id = $1 AND id = $2", t.now - gateway.KeepReleases.Microseconds()}} {
			if err := t.query(old.over, []any{old.at, limit}, func(r pgx.Rows) error {
				err := r.Scan(&group, &id)
				forget(old.forget, group, id)
				return err
			}); err != nil {
				return err
			}
		}
		if err := t.query(overLinks, []any{t.now, limit}, func(r pgx.Rows) error {
			err := r.Scan(&group, &id)
			forget("DELETE FROM page_links WHERE group_id = $1 AND id = $2", group, id)
			return err
		}); err != nil {
			return err
		}
		if err := t.query(overProving, []any{gateway.IDAt(time.UnixMicro(t.now).Add(-gateway.ProvingLife)), limit}, func(r pgx.Rows) error {
			var member gateway.ID
			err := r.Scan(&group, &member, &id)
			forget("DELETE FROM contact_points WHERE group_id = $1 AND member_id = $2 AND id = $3", group, member, id)
			return err
		}); err != nil {
			return err
		}
		if err := t.query(overTries, []any{t.now, limit}, func(r pgx.Rows) error {
			var key []byte
			err := r.Scan(&key)
			forget("DELETE FROM tries WHERE key = $1", key)
			return err
		}); err != nil {
			return err
		}
		if err := t.query(overReports, []any{t.now - gateway.KeepAlertReports.Microseconds(), limit}, func(r pgx.Rows) error {
			var member gateway.ID
			err := r.Scan(&group, &id, &member)
			forget("DELETE FROM alert_reports WHERE group_id = $1 AND alert_id = $2 AND member_id = $3", group, id, member)
			return err
		}); err != nil {
			return err
		}
		if err := t.send(batch); err != nil {
			return err
		}
		guests, err := t.unanswered(limit)
		if err != nil {
			return err
		}
		n += guests
		return t.forgetDuties()
	})
	return n, err
}

const unplacedQuery = `SELECT p.group_id, p.member_id, p.id, p.kind, p.address_sealed, m.key_sealed FROM contact_points p
	JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id WHERE p.country IS NULL ORDER BY p.group_id, p.member_id, p.id LIMIT $1 FOR UPDATE OF p SKIP LOCKED`

// Place derives the countries of addresses that an earlier release took in, at most limit of them; it returns how many.
// Any number of processes may do so at once.
func (s *Store) Place(ctx context.Context, limit int) (n int, err error) {
	err = s.do(ctx, false, func(t *txn) error {
		type row struct {
			group, member, point gateway.ID
			kind                 string
			address, key         []byte
		}
		var rows []row
		if err := t.query(unplacedQuery, []any{limit}, func(r pgx.Rows) error {
			var one row
			err := r.Scan(&one.group, &one.member, &one.point, &one.kind, &one.address, &one.key)
			rows = append(rows, one)
			return err
		}); err != nil {
			return err
		}
		n = len(rows)
		batch := &pgx.Batch{}
		for _, r := range rows {
			key, err := t.groupKey(r.group)
			if err != nil {
				return err
			}
			box, err := sealed.Member(key, r.member, r.key)
			if err != nil {
				return err
			}
			address, err := sealed.Open(box, r.address, r.point, "address")
			if err != nil {
				return err
			}
			batch.Queue("UPDATE contact_points SET country = $1 WHERE group_id = $2 AND member_id = $3 AND id = $4", s.country(r.kind, address), r.group, r.member, r.point)
		}
		return t.send(batch)
	})
	return n, err
}
