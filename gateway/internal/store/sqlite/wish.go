package sqlite

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	wishStatement   = "UPDATE members SET locale = COALESCE(?, locale), fallback = COALESCE(?, fallback), zone = COALESCE(?, zone), quiet = COALESCE(?, quiet), neutral = COALESCE(?, neutral), paused_until = COALESCE(?, paused_until), leads = COALESCE(?, leads), own = own | ? WHERE group_id = ? AND id = ?"
	wishPointsQuery = "SELECT id, state, topics, dropped FROM contact_points WHERE group_id = ? AND member_id = ? ORDER BY position"
)

// Wish carries out what a member decides about what reaches her.
func (s *Store) Wish(ctx context.Context, group, member gateway.ID, w gateway.Wish, proof gateway.Consent) error {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.write.do(ctx, true, func(t *txn) error {
		w, err := w.Checked(time.UnixMicro(t.now))
		if err != nil {
			return err
		}
		if err := row.KnowCalendars(w.Quiet, freshOf(t.Conn, group)); err != nil {
			return err
		}
		first, err := t.firstQuiet(group, w.Quiet)
		if err != nil {
			return err
		}
		n, err := t.exec(wishStatement, append(roll.WishColumns(w), group[:], member[:])...)
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
		if err := t.query(wishPointsQuery, []any{group[:], member[:]}, func(r *lite.Stmt) error {
			points = append(points, roll.Found{Member: member, ID: r.ColID(0), State: int(r.ColInt(1)), Topics: r.ColInt(2), Dropped: r.ColInt(3)})
			return nil
		}); err != nil {
			return err
		}
		done, err := roll.Wish(topics, points, w, proof)
		if err != nil {
			return err
		}
		for i, p := range done.Points {
			if _, err := t.exec("UPDATE contact_points SET position = ?, topics = ?, dropped = ? WHERE group_id = ? AND member_id = ? AND id = ?", i, p.Topics, p.Dropped, group[:], member[:], p.ID[:]); err != nil {
				return err
			}
		}
		if _, err := t.exec("UPDATE members SET own = own & ~? | ? WHERE group_id = ? AND id = ?", int64(gateway.OwnTopics), int64(done.Own), group[:], member[:]); err != nil {
			return err
		}
		if len(done.Evidence) == 0 {
			return nil
		}
		box, err := t.memberBox(key, group, member)
		if err != nil {
			return err
		}
		for _, c := range done.Evidence {
			c.GroupID, c.MemberID = group, member
			if err := t.putConsent(box, c); err != nil {
				return err
			}
		}
		return nil
	})
}
