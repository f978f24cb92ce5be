package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

const addressQuery = `SELECT p.member_id, p.id, p.state, p.topics, COALESCE(i.state NOT IN ('open', 'discarding'), true), p.confirm_by
	FROM contact_points p JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id LEFT JOIN imports i ON i.group_id = m.group_id AND i.id = m.import_id
	WHERE p.group_id = $1 AND p.kind = $2 AND p.address_index = $3 ORDER BY p.member_id, p.id FOR UPDATE OF p`

// at finds the contact points with an address in a group, and locks them.
func (t *txn) at(group gateway.ID, kind string, index []byte) (all []roll.Found, err error) {
	err = t.query(addressQuery, []any{group, kind, index}, func(r pgx.Rows) error {
		var p roll.Found
		var confirmBy int64
		err := r.Scan(&p.Member, &p.ID, &p.State, &p.Topics, &p.Seen, &confirmBy)
		p.NotHers = confirmBy == roll.NotHers
		all = append(all, p)
		return err
	})
	return all, err
}

// StopAddress stops an address in a group, for good.
func (s *Store) StopAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	return s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		if err := t.suppress(key, group, kind, address, proof.Source); err != nil {
			return nil, err
		}
		if err := t.stopProving(key, group, kind, address); err != nil {
			return nil, err
		}
		return t.turn(key, group, kind, points, []gateway.Consent{proof}, roll.ToStop)
	})
}

// suppress writes that a STOP stands against an address, which is locked; since when stands in the evidence, sealed.
func (t *txn) suppress(key *seal.Group, group gateway.ID, kind string, address gateway.Private, source string) error {
	_, err := t.exec("INSERT INTO suppressions AS s (group_id, kind, address_index, at, source) VALUES ($1,$2,$3,0,$4) ON CONFLICT (group_id, kind, address_index) DO UPDATE SET source = excluded.source WHERE s.source = '"+roll.Lifted+"'",
		group, kind, key.Suppression.Of(kind, address.Reveal()), source)
	return err
}

// StopEverywhere suppresses an address in every group.
func (s *Store) StopEverywhere(ctx context.Context, kind string, address gateway.Private) error {
	return s.do(ctx, true, func(t *txn) error {
		_, err := t.exec("INSERT INTO suppressions_everywhere (kind, address_index, at) VALUES ($1,$2,0) ON CONFLICT DO NOTHING", kind, s.ring.Suppression().Of(kind, address.Reveal()))
		return err
	})
}

// StartAddress undoes a STOP.
func (s *Store) StartAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	return s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		at := roll.StopsOf(s.ring, key, kind, address)
		if _, err := t.exec("DELETE FROM suppressions WHERE group_id = $1 AND kind = $2 AND address_index = $3", group, kind, at.Group); err != nil {
			return nil, err
		}
		if _, err := t.exec("INSERT INTO suppressions (group_id, kind, address_index, at, source) SELECT $1::uuid, kind, $3::bytea, 0, '"+roll.Lifted+"' FROM suppressions_everywhere WHERE kind = $2 AND address_index = $4", group, kind, at.Group, at.Everywhere); err != nil {
			return nil, err
		}
		return t.turn(key, group, kind, points, []gateway.Consent{proof}, roll.ToStart)
	})
}

// ConfirmAddress takes the person's yes.
func (s *Store) ConfirmAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, topics []string, proof gateway.Consent) ([]gateway.ID, error) {
	_, known, err := s.group(ctx, "id = $1", group)
	if err != nil {
		return nil, err
	}
	mask := roll.Bits(known, topics)
	proofs := make([]gateway.Consent, len(topics))
	for i, topic := range topics {
		proofs[i] = proof
		proofs[i].Topic = topic
	}
	return s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		members, err := t.turn(key, group, kind, points, proofs, roll.ToConfirm(mask))
		if err != nil {
			return nil, err
		}
		return members, t.joined(group, members)
	})
}

// withAddress runs a change on every contact point with an address, in one transaction that goes before bulk work.
func (s *Store) withAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, change func(*txn, *seal.Group, []roll.Found) ([]gateway.ID, error)) ([]gateway.ID, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	var members []gateway.ID
	err = s.do(ctx, true, func(t *txn) error {
		index := key.Addresses.Of(kind, address.Reveal())
		if err := t.lockAddresses(group, index); err != nil {
			return err
		}
		points, err := t.at(group, kind, index)
		if err != nil {
			return err
		}
		members, err = change(t, key, points)
		return err
	})
	return members, err
}

// turn gives contact points a new state and writes the evidence for each.
func (t *txn) turn(key *seal.Group, group gateway.ID, kind string, points []roll.Found, proofs []gateway.Consent, next roll.Turn) ([]gateway.ID, error) {
	var members []gateway.ID
	batch := &pgx.Batch{}
	for _, p := range points {
		if p.Seen && !p.NotHers {
			members = append(members, p.Member)
		}
		state, topics, change := next(p)
		if !change {
			continue
		}
		batch.Queue("UPDATE contact_points SET state = $1, topics = $2, dropped = (dropped | topics) & ~$2::bigint, note = '', confirm_by = $6 WHERE group_id = $3 AND member_id = $4 AND id = $5", state, topics, group, p.Member, p.ID, t.confirmBy(kind, state))
		if state == roll.Stopped {
			batch.Queue(endPageLinks, group, p.Member, p.ID)
		}
		box, err := t.memberBox(key, group, p.Member)
		if err != nil {
			return nil, err
		}
		for _, proof := range proofs {
			proof.ID, proof.PointID = gateway.NewID(), p.ID
			t.queueConsent(batch, box, group, p.Member, proof)
		}
	}
	return members, t.send(batch)
}

// queueConsent queues a piece of evidence, whose time is sealed with its proof.
func (t *txn) queueConsent(batch *pgx.Batch, box seal.Box, group, member gateway.ID, c gateway.Consent) {
	id, proof := sealed.Evidence(box, c, t.now)
	batch.Queue("INSERT INTO consents (group_id, member_id, id, point_id, topic, granted, wording, locale, at, proof_sealed, source) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,0,$9,$10)",
		group, member, id, c.PointID, c.Topic, c.Granted, c.Wording, c.Locale, proof, c.Source)
}

// memberBox opens the key of a member who must be there.
func (t *txn) memberBox(key *seal.Group, group, member gateway.ID) (seal.Box, error) {
	var wrapped []byte
	if err := t.query("SELECT key_sealed FROM members WHERE group_id = $1 AND id = $2", []any{group, member}, func(r pgx.Rows) error { return r.Scan(&wrapped) }); err != nil {
		return seal.Box{}, err
	}
	return sealed.Member(key, member, wrapped)
}

// MarkAddress records what a provider said of an address.
func (s *Store) MarkAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, change gateway.PointChange) error {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error { return t.mark(key, group, kind, key.Addresses.Of(kind, address.Reveal()), change) })
}

// changePoint records what an outcome means for a contact point of a member and for all others of the group with its
// address.
func (t *txn) changePoint(group, member, point gateway.ID, change gateway.PointChange) error {
	var kind string
	var index, address []byte
	if err := t.query("SELECT kind, address_index, address_sealed FROM contact_points WHERE group_id = $1 AND member_id = $2 AND id = $3", []any{group, member, point}, func(r pgx.Rows) error {
		return r.Scan(&kind, &index, &address)
	}); err != nil || index == nil {
		return err
	}
	key, err := t.groupKey(group)
	if err != nil {
		return err
	}
	if change.State != gateway.PointStopped || change.Moved != "" {
		return t.mark(key, group, kind, index, change)
	}
	if err := t.lockAddresses(group, index); err != nil {
		return err
	}
	box, err := t.memberBox(key, group, member)
	if err != nil {
		return err
	}
	clear, err := sealed.Open(box, address, point, "address")
	if err != nil {
		return err
	}
	if err := t.suppress(key, group, kind, clear, roll.Provider); err != nil {
		return err
	}
	points, err := t.at(group, kind, index)
	if err != nil {
		return err
	}
	_, err = t.turn(key, group, kind, points, []gateway.Consent{roll.Reported(change)}, roll.ToStop)
	return err
}

// mark changes every contact point with an address.
func (t *txn) mark(key *seal.Group, group gateway.ID, kind string, index []byte, change gateway.PointChange) error {
	stopped := false
	if change.Moved != "" {
		err := t.lockAddresses(group, index, key.Addresses.Of(kind, change.Moved.Reveal()))
		if err != nil {
			return err
		}
		if stopped, err = t.stands(group, kind, roll.StopsOf(t.s.ring, key, kind, change.Moved)); err != nil {
			return err
		}
	}
	points, err := t.at(group, kind, index)
	if err != nil {
		return err
	}
	for _, p := range points {
		if change.Moved != "" {
			err = t.move(key, group, kind, p, change, stopped)
		} else if state, turned := roll.Marked(p, change.State, t.s.numbered(kind)); turned {
			_, err = t.exec("UPDATE contact_points SET state = $1::smallint, note = $2, confirm_by = CASE $1::smallint WHEN 5 THEN 0 ELSE confirm_by END WHERE group_id = $3 AND member_id = $4 AND id = $5", state, change.Note, group, p.Member, p.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// move gives a contact point the address that took its place. A STOP that stands against it stands.
func (t *txn) move(key *seal.Group, group gateway.ID, kind string, p roll.Found, change gateway.PointChange, stopped bool) error {
	box, err := t.memberBox(key, group, p.Member)
	if err != nil {
		return err
	}
	if stopped {
		p.State = roll.Stopped
	}
	_, err = t.exec("UPDATE contact_points SET address_sealed = $1, address_index = $2, note = $3, state = $4, country = $5 WHERE group_id = $6 AND member_id = $7 AND id = $8",
		sealed.Text(box, change.Moved, p.ID, "address"), key.Addresses.Of(kind, change.Moved.Reveal()), change.Note, p.State, t.s.country(kind, change.Moved), group, p.Member, p.ID)
	return err
}

// stands says whether a STOP stands against an address, in the group or everywhere.
func (t *txn) stands(group gateway.ID, kind string, at roll.Stops) (found bool, err error) {
	err = t.query("SELECT COALESCE((SELECT source <> '"+roll.Lifted+"' FROM suppressions WHERE group_id = $1 AND kind = $2 AND address_index = $3), EXISTS (SELECT 1 FROM suppressions_everywhere WHERE kind = $2 AND address_index = $4))",
		[]any{group, kind, at.Group, at.Everywhere}, func(r pgx.Rows) error { return r.Scan(&found) })
	return found, err
}
