package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
)

var (
	staleQuery = `SELECT p.member_id, p.id, p.kind, p.confirm_by, m.zone, m.quiet FROM contact_points p JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id
	WHERE p.group_id = $1 AND p.confirm_by > 1 AND p.confirm_by <= ` + nowSQL("$2") + ` AND p.state = 1 AND ` + visible + ` ORDER BY p.confirm_by LIMIT $3`
	countStale = "SELECT count(*) FROM contact_points WHERE group_id = $1 AND confirm_by > 0 AND confirm_by <= " + nowSQL("$2") + " AND state = 1"
)

const heardQuery = "UPDATE contact_points SET confirm_by = $1 WHERE group_id = $2 AND kind = $3 AND address_index = $4 AND state = 1 AND confirm_by > $5 AND confirm_by <= $6"

// Stale lists the contact points of a group whose owners are to be asked.
func (s *Store) Stale(ctx context.Context, group gateway.ID, limit int) ([]gateway.StalePoint, error) {
	return list(ctx, s, staleQuery, []any{group, s.fixed(), limit}, func(p *gateway.StalePoint) []any {
		return []any{&p.Member, &p.Point, &p.Kind, &p.Since, &p.Zone, &p.Quiet}
	})
}

// CountStale counts them, and those whose owners were asked.
func (s *Store) CountStale(ctx context.Context, group gateway.ID) (n int, err error) {
	return n, s.query(ctx, countStale, []any{group, s.fixed()}, func(r pgx.Rows) error { return r.Scan(&n) })
}

// AskedStill notes that the owner of a stale contact point was asked.
func (s *Store) AskedStill(ctx context.Context, group, member, point gateway.ID) error {
	return s.do(ctx, false, func(t *txn) error {
		_, err := t.exec("UPDATE contact_points SET confirm_by = $1 WHERE group_id = $2 AND member_id = $3 AND id = $4 AND confirm_by > 0 AND confirm_by <= $5", roll.AskedStill, group, member, point, t.now)
		return err
	})
}

// heardFrom notes that the owner of an address is still there. A stale one takes more than that.
func (t *txn) heardFrom(key *seal.Group, m *gateway.InboundMessage) error {
	if !m.Hers || len(m.MemberIDs) == 0 || !t.s.numbered(m.Kind) {
		return nil
	}
	_, err := t.exec(heardQuery, roll.ConfirmBy(true, roll.Active, t.now), m.GroupID, m.Kind, key.Addresses.Of(m.Kind, m.From.Reveal()), t.now, roll.HeardAgain(t.now))
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
				_, err = t.exec("UPDATE contact_points SET confirm_by = $1 WHERE group_id = $2 AND member_id = $3 AND id = $4", roll.NotHers, group, p.Member, p.ID)
			}
		}
		return members, err
	})
}

// numbered says whether addresses of a kind are telephone numbers.
func (s *Store) numbered(kind string) bool { return s.country(kind, "") != "" }

// confirmBy is confirm_by of a contact point of a kind that gets a state now, of whose owner was heard.
func (t *txn) confirmBy(kind string, state int) int64 {
	return roll.ConfirmBy(t.s.numbered(kind), state, t.now)
}
