package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// at finds the contact points with an address in a group.
func (t *txn) at(group gateway.ID, kind string, index []byte) ([]roll.Found, error) {
	hidden, err := hiddenImports(t.Conn, group)
	if err != nil {
		return nil, err
	}
	var all []roll.Found
	err = t.query(addressQuery,
		[]any{group[:], kind, index}, func(r *lite.Stmt) error {
			all = append(all, roll.Found{Member: r.ColID(0), ID: r.ColID(1), State: int(r.ColInt(2)), Topics: r.ColInt(3), Seen: !hidden[r.ColID(4)], Dropped: r.ColInt(5), Position: int(r.ColInt(6)), NotHers: r.ColInt(7) == roll.NotHers})
			return nil
		})
	return all, err
}

const addressQuery = "SELECT p.member_id, p.id, p.state, p.topics, m.import_id, p.dropped, p.position, p.confirm_by FROM contact_points p INDEXED BY contact_points_address CROSS JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id WHERE p.group_id = ? AND p.kind = ? AND p.address_index = ?"

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

// suppress writes that a STOP stands against an address; since when stands in the evidence, sealed.
func (t *txn) suppress(key *seal.Group, group gateway.ID, kind string, address gateway.Private, source string) error {
	_, err := t.exec("INSERT INTO suppressions (group_id, kind, address_index, at, source) VALUES (?,?,?,0,?) ON CONFLICT DO UPDATE SET source = excluded.source WHERE suppressions.source = '"+roll.Lifted+"'",
		group[:], kind, key.Suppression.Of(kind, address.Reveal()), source)
	return err
}

// StopEverywhere suppresses an address in every group.
func (s *Store) StopEverywhere(ctx context.Context, kind string, address gateway.Private) error {
	return s.write.do(ctx, true, func(t *txn) error {
		_, err := t.exec("INSERT INTO suppressions_everywhere (kind, address_index, at) VALUES (?,?,0) ON CONFLICT DO NOTHING", kind, s.ring.Suppression().Of(kind, address.Reveal()))
		return err
	})
}

// StartAddress undoes a STOP.
func (s *Store) StartAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	return s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		at := roll.StopsOf(s.ring, key, kind, address)
		if _, err := t.exec("DELETE FROM suppressions WHERE group_id = ? AND kind = ? AND address_index = ?", group[:], kind, at.Group); err != nil {
			return nil, err
		}
		if _, err := t.exec("INSERT INTO suppressions (group_id, kind, address_index, at, source) SELECT ?, ?, ?, 0, '"+roll.Lifted+"' FROM suppressions_everywhere WHERE kind = ?2 AND address_index = ?4", group[:], kind, at.Group, at.Everywhere); err != nil {
			return nil, err
		}
		return t.turn(key, group, kind, points, []gateway.Consent{proof}, roll.ToStart)
	})
}

// ConfirmAddress takes the person's yes.
func (s *Store) ConfirmAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, topics []string, proof gateway.Consent) ([]gateway.ID, error) {
	_, known, err := s.group(ctx, "id = ?", group[:])
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
	err = s.write.do(ctx, true, func(t *txn) error {
		points, err := t.at(group, kind, key.Addresses.Of(kind, address.Reveal()))
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
	for _, p := range points {
		if p.Seen && !p.NotHers {
			members = append(members, p.Member)
		}
		state, topics, change := next(p)
		if !change {
			continue
		}
		if _, err := t.exec("UPDATE contact_points SET state = ?1, topics = ?2, dropped = (dropped | topics) & ~?2, note = '', confirm_by = ?6 WHERE group_id = ?3 AND member_id = ?4 AND id = ?5", state, topics, group[:], p.Member[:], p.ID[:], t.confirmBy(kind, state)); err != nil {
			return nil, err
		}
		if state == roll.Stopped {
			if _, err := t.exec(endPageLinks, group, p.Member, p.ID); err != nil {
				return nil, err
			}
		}
		box, err := t.memberBox(key, group, p.Member)
		if err != nil {
			return nil, err
		}
		for _, proof := range proofs {
			proof.ID, proof.GroupID, proof.MemberID, proof.PointID = gateway.NewID(), group, p.Member, p.ID
			if err := t.putConsent(box, proof); err != nil {
				return nil, err
			}
		}
	}
	return members, nil
}

func (t *txn) memberBox(key *seal.Group, group, member gateway.ID) (seal.Box, error) {
	box, there, err := t.boxOf(key, group, member)
	if err == nil && !there {
		err = sealed.ErrDestroyed
	}
	return box, err
}

// boxOf opens a member's key, if she is there.
func (t *txn) boxOf(key *seal.Group, group, member gateway.ID) (box seal.Box, there bool, err error) {
	var wrapped []byte
	if err := t.query("SELECT key_sealed FROM members WHERE group_id = ? AND id = ?", []any{group[:], member[:]}, func(r *lite.Stmt) error { return r.Scan(&wrapped) }); err != nil || wrapped == nil {
		return box, false, err
	}
	box, err = sealed.Member(key, member, wrapped)
	return box, err == nil, err
}

func (t *txn) putConsent(box seal.Box, c gateway.Consent) error {
	id, proof := sealed.Evidence(box, c, t.now)
	c.ID = id
	return t.writeConsent(c, proof)
}

// writeConsent writes evidence whose proof holds its time: none stands in clear, see sealed.Evidence.
func (t *txn) writeConsent(c gateway.Consent, proof []byte) error {
	_, err := t.exec("INSERT INTO consents (group_id, member_id, id, point_id, topic, granted, wording, locale, at, proof_sealed, source) VALUES (?,?,?,?,?,?,?,?,0,?,?)",
		c.GroupID[:], c.MemberID[:], c.ID[:], c.PointID[:], c.Topic, c.Granted, c.Wording, c.Locale, proof, c.Source)
	return err
}

// MarkAddress records what a provider said of an address.
func (s *Store) MarkAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, change gateway.PointChange) error {
	_, err := s.withAddress(ctx, group, kind, address, func(t *txn, key *seal.Group, points []roll.Found) ([]gateway.ID, error) {
		for _, p := range points {
			if err := t.mark(key, group, kind, p, change); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return err
}

// mark changes one contact point. STOP outranks whatever a provider says.
func (t *txn) mark(key *seal.Group, group gateway.ID, kind string, p roll.Found, change gateway.PointChange) error {
	if change.Moved != "" {
		box, err := t.memberBox(key, group, p.Member)
		if err != nil {
			return err
		}
		state, stopped := p.State, false
		if stopped, err = t.stands(group, kind, roll.StopsOf(t.w.store.ring, key, kind, change.Moved)); err != nil {
			return err
		}
		if stopped {
			state = roll.Stopped
		}
		_, err = t.exec("UPDATE contact_points SET address_sealed = ?, address_index = ?, note = ?, state = ?, country = ? WHERE group_id = ? AND member_id = ? AND id = ?",
			sealed.Text(box, change.Moved, p.ID, "address"), key.Addresses.Of(kind, change.Moved.Reveal()), change.Note, state, t.w.store.country(kind, change.Moved), group[:], p.Member[:], p.ID[:])
		return err
	}
	state, turned := roll.Marked(p, change.State, t.w.store.numbered(kind))
	if !turned {
		return nil
	}
	_, err := t.exec("UPDATE contact_points SET state = ?1, note = ?2, confirm_by = CASE ?1 WHEN 5 THEN 0 ELSE confirm_by END WHERE group_id = ?3 AND member_id = ?4 AND id = ?5", state, change.Note, group[:], p.Member[:], p.ID[:])
	return err
}

// changePoint records what an outcome means for a contact point and for all others of the group with its address.
func (t *txn) changePoint(d *delivery, point gateway.ID, change *gateway.PointChange) error {
	if change == nil {
		return nil
	}
	info, err := t.frozenOf(d.Broadcast)
	if err != nil {
		return err
	}
	group := info.Group
	var kind string
	var index, address []byte
	if err := t.query("SELECT kind, address_index, address_sealed FROM contact_points WHERE group_id = ? AND member_id = ? AND id = ?", []any{group[:], d.Member[:], point[:]}, func(r *lite.Stmt) error {
		return r.Scan(&kind, &index, &address)
	}); err != nil || index == nil {
		return err
	}
	key, err := t.groupKey(group)
	if err != nil {
		return err
	}
	points, err := t.at(group, kind, index)
	if err != nil {
		return err
	}
	if change.State == gateway.PointStopped && change.Moved == "" {
		box, err := t.memberBox(key, group, d.Member)
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
		_, err = t.turn(key, group, kind, points, []gateway.Consent{roll.Reported(*change)}, roll.ToStop)
		return err
	}
	for _, p := range points {
		if err := t.mark(key, group, kind, p, *change); err != nil {
			return err
		}
	}
	return nil
}

// stands says whether a STOP stands against an address, in the group or everywhere.
func (t *txn) stands(group gateway.ID, kind string, at roll.Stops) (bool, error) {
	said, found := false, false
	err := t.query("SELECT source FROM suppressions WHERE group_id = ? AND kind = ? AND address_index = ?", []any{group[:], kind, at.Group}, func(r *lite.Stmt) error {
		said, found = true, r.ColText(0) != roll.Lifted
		return nil
	})
	if err != nil || said {
		return found, err
	}
	return found, t.query("SELECT 1 FROM suppressions_everywhere WHERE kind = ? AND address_index = ?", []any{kind, at.Everywhere}, func(*lite.Stmt) error { found = true; return nil })
}
