package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// Replace puts a channel in the place of another. Both rows are locked in the order of their ids, so that two calls that
// contradict each other come one after the other.
func (s *Store) Replace(ctx context.Context, old, by gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error {
		found := 0
		if err := t.query("SELECT id FROM channels WHERE id = $1 OR id = $2 ORDER BY id FOR UPDATE", []any{old, by}, func(pgx.Rows) error { found++; return nil }); err != nil {
			return err
		}
		if found < 2 {
			return row.Missing("channel")
		}
		if _, err := t.exec("UPDATE channels SET replaced_by = $1 WHERE id = $2", gateway.ID{}, by); err != nil {
			return err
		}
		_, err := t.exec("UPDATE channels SET replaced_by = $1 WHERE id = $2", by, old)
		return err
	})
}

const heirsQuery = "SELECT id, replaced_by FROM channels WHERE replaced_by <> $1 ORDER BY id"

// inheritStatement moves what waits on a channel and may leave over another: nothing of it can be with the channel's provider.
const inheritStatement = `UPDATE deliveries SET channel_id = $2 WHERE id = ANY (ARRAY(SELECT d.id FROM deliveries d WHERE d.channel_id = $1 AND d.lane = $3 AND d.state = 0
	AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = d.attempt_id AND d.attempts > 0 AND a.channel_id = d.channel_id AND a.point_id = d.point_id AND a.state <> $4)
	LIMIT $5 FOR UPDATE OF d SKIP LOCKED)) RETURNING group_id, broadcast_id`

// TakeOver moves what waits on replaced channels.
func (s *Store) TakeOver(ctx context.Context, limit int) (got []gateway.ID, err error) {
	type pair struct{ old, heir gateway.ID }
	pairs, err := list(ctx, s, heirsQuery, []any{gateway.ID{}}, func(p *pair) []any { return []any{&p.old, &p.heir} })
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		before := limit
		for _, lane := range gateway.Lanes {
			n := 0
			if err := s.do(ctx, lane == gateway.Urgent, func(t *txn) error {
				n = 0
				return t.query(inheritStatement, []any{p.old, p.heir, int16(lane), int16(gateway.Refused), limit}, func(r pgx.Rows) error {
					var group, broadcast gateway.ID
					err := r.Scan(&group, &broadcast)
					t.tally(tallyKey{group, broadcast, p.old, gateway.Waiting, ""}, -1)
					t.tally(tallyKey{group, broadcast, p.heir, gateway.Waiting, ""}, 1)
					n++
					return err
				})
			}); err != nil {
				return got, err
			}
			limit -= n
		}
		if limit < before {
			got = append(got, p.heir)
		}
	}
	return got, nil
}
