package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

const (
	wishStatement   = "UPDATE members SET locale = COALESCE($1, locale), fallback = COALESCE($2, fallback), zone = COALESCE($3, zone), quiet = COALESCE($4, quiet), neutral = COALESCE($5, neutral), paused_until = COALESCE($6, paused_until), leads = COALESCE($7, leads), own = own | $8 WHERE group_id = $9 AND id = $10"
	wishPointsQuery = "SELECT id, state, topics, dropped FROM contact_points WHERE group_id = $1 AND member_id = $2 ORDER BY position FOR UPDATE"
)

// Wish carries out what a member decides about what reaches her. Like an erasure it locks her row before her contact points.
func (s *Store) Wish(ctx context.Context, group, member gateway.ID, w gateway.Wish, proof gateway.Consent) error {
	_, topics, err := s.group(ctx, "id = $1", group)
	if err != nil {
		return err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error {
		w, err := w.Checked(time.UnixMicro(t.now))
		if err != nil {
			return err
		}
		if err := t.lock(rollLock, group, true); err != nil {
			return err
		}
		if err := row.KnowCalendars(w.Quiet, freshOf(t, group)); err != nil {
			return err
		}
		first, err := t.firstQuiet(group, w.Quiet)
		if err != nil {
			return err
		}
		n, err := t.exec(wishStatement, append(roll.WishColumns(w), group, member)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return row.Missing("member")
		}
		if first || w.Leads != "" {
			if err := t.wishesChanged(group); err != nil {
				return err
			}
		}
		if w.Order == nil && w.Topics == nil && proof.Source != roll.Wishes {
			return nil
		}
		var points []roll.Found
		if err := t.query(wishPointsQuery, []any{group, member}, func(r pgx.Rows) error {
			p := roll.Found{Member: member}
			err := r.Scan(&p.ID, &p.State, &p.Topics, &p.Dropped)
			points = append(points, p)
			return err
		}); err != nil {
			return err
		}
		done, err := roll.Wish(topics, points, w, proof)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i, p := range done.Points {
			batch.Queue("UPDATE contact_points SET position = $1, topics = $2, dropped = $3 WHERE group_id = $4 AND member_id = $5 AND id = $6", i, p.Topics, p.Dropped, group, member, p.ID)
		}
		batch.Queue("UPDATE members SET own = own & ~$1::bigint | $2 WHERE group_id = $3 AND id = $4", int64(gateway.OwnTopics), int64(done.Own), group, member)
		if len(done.Evidence) > 0 {
			box, err := t.memberBox(key, group, member)
			if err != nil {
				return err
			}
			for _, c := range done.Evidence {
				t.queueConsent(batch, box, group, member, c)
			}
		}
		return t.send(batch)
	})
}
