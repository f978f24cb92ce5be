package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Replace puts a channel in the place of another. Both rows are locked in the order of their ids, so that two calls that
// contradict each other come one after the other.
func (s *Store) Replace(ctx context.Context, old, by gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error {
		found := 0
		if err := t.query("SELECT id FROM channels WHERE (id = $1 OR id = $2) AND former = '' ORDER BY id FOR UPDATE", []any{old, by}, func(pgx.Rows) error { found++; return nil }); err != nil {
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

// needQuery says what still needs a channel: the channel that it is in the place of, and what waits on it, unless its broadcast is
// stopped, and is under way.
const needQuery = `SELECT COALESCE((SELECT name FROM channels WHERE replaced_by = $1 AND former = '' LIMIT 1), ''),
	(SELECT COUNT(*) FROM deliveries d WHERE d.channel_id = $1 AND d.state = 0 AND NOT EXISTS (SELECT 1 FROM broadcasts b WHERE b.group_id = d.group_id AND b.id = d.broadcast_id AND b.stopped))
	+ (SELECT COUNT(*) FROM deliveries d WHERE d.state = 5 AND d.channel_id = $1),
	(SELECT COUNT(*) FROM attempts WHERE state = 1 AND channel_id = $1)
	+ (SELECT COUNT(*) FROM attempts WHERE state = 2 AND until > 0 AND channel_id = $1)
	+ (SELECT COUNT(*) FROM attempts WHERE state = 3 AND until > 0 AND NOT left_behind AND channel_id = $1)`

// DeleteChannel takes a channel away and leaves its id.
func (s *Store) DeleteChannel(ctx context.Context, id gateway.ID, by string) error {
	return s.do(ctx, true, func(t *txn) error {
		if err := t.lock(channelLock, id, false); err != nil { // as whoever notes its errors and incidents does
			return err
		}
		var owner gateway.ID
		var name, heirTo string
		var waiting, underway int
		if err := t.query("SELECT group_id, name FROM channels WHERE id = $1 AND former = '' FOR UPDATE", []any{id}, func(r pgx.Rows) error { return r.Scan(&owner, &name) }); err != nil {
			return err
		}
		if name == "" {
			return row.Missing("channel")
		}
		if err := t.query(needQuery, []any{id}, func(r pgx.Rows) error { return r.Scan(&heirTo, &waiting, &underway) }); err != nil {
			return err
		}
		if err := row.Undeletable(name, heirTo, waiting, underway); err != nil {
			return err
		}
		keyID, nothing := s.ring.Wrap([]byte("{}"), sealed.Place(id, "options"))
		batch := &pgx.Batch{}
		batch.Queue("UPDATE channels SET former = name, name = $2, deleted_at = $3, deleted_by = $4, key_id = $5, options_sealed = $6, paused = '', paused_until = 0, code = '', detail = '', since = 0, routine_only = false, cursor = '', gap_from = 0, gap_until = 0, gap_reason = '', replaced_by = $7 WHERE id = $1",
			id, id.String(), t.now, by, keyID, nothing, gateway.ID{})
		batch.Queue("UPDATE incidents SET closed_at = $2, closed_by = $3 WHERE channel_id = $1 AND closed_at = 0", id, t.now, by)
		batch.Queue("DELETE FROM owner_notices WHERE avoid = $1 AND told_at = 0", id)
		batch.Queue("DELETE FROM strikes WHERE channel_id = $1", id)
		batch.Queue("DELETE FROM channel_errors WHERE channel_id = $1", id)
		batch.Queue("DELETE FROM prices WHERE owner_id = $1 AND channel = $2", owner, name)
		if err := t.send(batch); err != nil {
			return err
		}
		return t.moneyChanged()
	})
}

// FormerChannels lists the channels that were deleted.
func (s *Store) FormerChannels(ctx context.Context) ([]gateway.FormerChannel, error) {
	return list(ctx, s, "SELECT id, group_id, former, adapter, kind, deleted_at, deleted_by FROM channels WHERE former <> '' ORDER BY id", nil, func(c *gateway.FormerChannel) []any {
		return []any{&c.ID, &c.GroupID, &c.Name, &c.Adapter, &c.Kind, &c.DeletedAt, &c.DeletedBy}
	})
}

var strandedQuery = "SELECT d.id FROM channels c CROSS JOIN LATERAL (SELECT id FROM deliveries WHERE channel_id = c.id AND state = 0 AND due_at <= " + nowSQL("$1") + " LIMIT $2) d WHERE c.former <> '' LIMIT $2"

// Stranded lists what is due on channels that were deleted.
func (s *Store) Stranded(ctx context.Context, limit int) ([]gateway.Claim, error) {
	ids, err := s.ids(ctx, strandedQuery, s.fixed(), limit)
	if err != nil {
		return nil, err
	}
	return s.cases(ctx, waitingQuery, true, ids)
}
