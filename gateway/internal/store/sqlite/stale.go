package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	// staleQuery asks for > 0 as well, which the index is made for.
	staleQuery = `SELECT p.member_id, p.id, p.kind, p.confirm_by, m.zone, m.quiet FROM contact_points p INDEXED BY contact_points_confirm CROSS JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id
	WHERE p.group_id = ? AND p.confirm_by > 0 AND p.confirm_by > 1 AND p.confirm_by <= ? AND p.state = 1 ORDER BY p.confirm_by LIMIT ?`
	countStale = "SELECT count(*) FROM contact_points INDEXED BY contact_points_confirm WHERE group_id = ? AND confirm_by > 0 AND confirm_by <= ? AND state = 1"
	heardQuery = "UPDATE contact_points INDEXED BY contact_points_address SET confirm_by = ? WHERE group_id = ? AND kind = ? AND address_index = ? AND state = 1 AND confirm_by > ? AND confirm_by <= ?"
)

// Stale lists the contact points of a group whose owners are to be asked.
func (s *Store) Stale(ctx context.Context, group gateway.ID, limit int) ([]gateway.StalePoint, error) {
	points := []gateway.StalePoint{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		if hidden, err := hiddenImports(c, group); err != nil || len(hidden) > 0 { // an import is under way: later
			return err
		}
		return query(c, staleQuery, []any{group[:], s.micros(), limit}, func(r *lite.Stmt) error {
			var p gateway.StalePoint
			err := r.Scan(&p.Member, &p.Point, &p.Kind, &p.Since, &p.Zone, &p.Quiet)
			points = append(points, p)
			return err
		})
	})
	return points, err
}

// CountStale counts them, and those whose owners were asked.
func (s *Store) CountStale(ctx context.Context, group gateway.ID) (n int, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		return query(c, countStale, []any{group[:], s.micros()}, func(r *lite.Stmt) error { return r.Scan(&n) })
	})
	return n, err
}

// AskedStill notes that the owner of a stale contact point was asked.
func (s *Store) AskedStill(ctx context.Context, group, member, point gateway.ID) error {
	return s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("UPDATE contact_points SET confirm_by = ? WHERE group_id = ? AND member_id = ? AND id = ? AND confirm_by > 0 AND confirm_by <= ?", roll.AskedStill, group[:], member[:], point[:], t.now)
		return err
	})
}

// heardFrom notes that the owner of an address is still there. A stale one takes more than that.
func (t *txn) heardFrom(key *seal.Group, m *gateway.InboundMessage) error {
	if !m.Hers || len(m.MemberIDs) == 0 || !t.w.store.numbered(m.Kind) {
		return nil
	}
	_, err := t.exec(heardQuery, roll.ConfirmBy(true, roll.Active, t.now), m.GroupID[:], m.Kind, key.Addresses.Of(m.Kind, m.From.Reveal()), t.now, roll.HeardAgain(t.now))
	return err
}

// ReaffirmAddress takes the person's word that an address is still hers.
func (s *Store) ReaffirmAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	return s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		return t.turn(key, group, kind, points, []gateway.Consent{proof}, roll.ToReaffirm)
	})
}

// DisownAddress is STOP of somebody who says that the address is not the member's.
func (s *Store) DisownAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	return s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		if err := t.suppress(key, group, kind, address, proof.Source); err != nil {
			return nil, err
		}
		members, err := t.turn(key, group, kind, points, []gateway.Consent{proof}, roll.ToDisown)
		for _, p := range points {
			if err == nil {
				_, err = t.exec("UPDATE contact_points SET confirm_by = ? WHERE group_id = ? AND member_id = ? AND id = ?", roll.NotHers, group[:], p.Member[:], p.ID[:])
			}
		}
		return members, err
	})
}

// numbered says whether addresses of a kind are telephone numbers.
func (s *Store) numbered(kind string) bool { return s.country(kind, "") != "" }

// confirmBy is confirm_by of a contact point of a kind that gets a state now, of whose owner was heard.
func (t *txn) confirmBy(kind string, state int) int64 {
	return roll.ConfirmBy(t.w.store.numbered(kind), state, t.now)
}
