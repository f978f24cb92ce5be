package sqlite

import (
	"bytes"
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	pageLinkQuery  = "SELECT group_id, id, member_id, point_id, digest, created_at, expires_at FROM page_links WHERE digest = ? AND expires_at > ?"
	pageLinksQuery = "SELECT count(*) FROM page_links INDEXED BY page_links_member WHERE group_id = ? AND member_id = ? AND expires_at > ?"
	endPageLinks   = "DELETE FROM page_links INDEXED BY page_links_member WHERE group_id = ? AND member_id = ? AND point_id = ?"
	inboundOfQuery = `SELECT i.id, i.channel_id, i.members, i.kind, i.from_sealed, i.text_sealed, i.meaning, i.at, i.sealed_for, m.key_sealed
		FROM inbound_members h JOIN inbounds i ON i.group_id = h.group_id AND i.id = h.inbound_id LEFT JOIN members m ON m.group_id = i.group_id AND m.id = i.sealed_for
		WHERE h.group_id = ? AND h.member_id = ? AND h.inbound_id < ? ORDER BY h.inbound_id DESC LIMIT ?`
	forgetLinks   = "DELETE FROM page_links WHERE (group_id, id) IN (SELECT group_id, id FROM page_links WHERE expires_at <= ? LIMIT ?)"
	forgetProving = "DELETE FROM contact_points WHERE (group_id, member_id, id) IN (SELECT group_id, member_id, id FROM contact_points INDEXED BY contact_points_proving WHERE state = 6 AND id < ? LIMIT ?)"
)

// PutPageLink keeps a link.
func (s *Store) PutPageLink(ctx context.Context, l gateway.PageLink) error {
	return s.write.do(ctx, true, func(t *txn) error {
		n := 0
		if err := t.query(pageLinksQuery, []any{l.GroupID, l.MemberID, t.now}, func(r *lite.Stmt) error { return r.Scan(&n) }); err != nil {
			return err
		}
		if n >= gateway.MaxPageLinks {
			return gateway.Faultf(gateway.CodeTooMany, "this member has %d links to her page that work; wait until one of them ends", n)
		}
		n, err := t.exec("INSERT INTO page_links (group_id, id, member_id, point_id, digest, created_at, expires_at) SELECT ?1,?2,?3,?4,?5,?6,?7 WHERE EXISTS (SELECT 1 FROM contact_points WHERE group_id = ?1 AND member_id = ?3 AND id = ?4)",
			l.GroupID, l.ID, l.MemberID, l.PointID, l.Digest, row.ToMicros(l.CreatedAt), row.ToMicros(l.ExpiresAt))
		if err == nil && n == 0 {
			err = row.Missing("member or contact point")
		}
		return err
	})
}

// PageLink finds a link by its digest.
func (s *Store) PageLink(ctx context.Context, digest []byte) (l gateway.PageLink, err error) {
	return l, s.one(ctx, "link", pageLinkQuery, []any{digest, s.micros()}, &l.GroupID, &l.ID, &l.MemberID, &l.PointID, &l.Digest, &l.CreatedAt, &l.ExpiresAt)
}

// PutPageCode keeps the digest of a code.
func (s *Store) PutPageCode(ctx context.Context, group, link gateway.ID, digest []byte) error {
	return s.write.do(ctx, true, func(t *txn) error {
		codes, found := 0, false
		if err := t.query("SELECT codes FROM page_links WHERE group_id = ? AND id = ? AND expires_at > ?", []any{group, link, t.now}, func(r *lite.Stmt) error {
			found = true
			return r.Scan(&codes)
		}); err != nil {
			return err
		}
		if err := roll.CodeMaySend(found, codes); err != nil {
			return err
		}
		_, err := t.exec("UPDATE page_links SET codes = codes + 1, code_digest = ?, code_until = ?, code_tries = 0 WHERE group_id = ? AND id = ?",
			digest, t.now+gateway.PageCodeLife.Microseconds(), group, link)
		return err
	})
}

// SpendPageCode uses a code up.
func (s *Store) SpendPageCode(ctx context.Context, group, link gateway.ID, digest []byte) error {
	right := false
	err := s.write.do(ctx, true, func(t *txn) error {
		var kept []byte
		tries := 0
		if err := t.query("SELECT code_digest, code_tries FROM page_links WHERE group_id = ? AND id = ? AND expires_at > ? AND code_until > ?", []any{group, link, t.now, t.now}, func(r *lite.Stmt) error {
			return r.Scan(&kept, &tries)
		}); err != nil {
			return err
		}
		if right = roll.CodeIsRight(kept, digest, tries); right {
			_, err := t.exec("UPDATE page_links SET code_digest = NULL WHERE group_id = ? AND id = ?", group, link)
			return err
		}
		_, err := t.exec("UPDATE page_links SET code_tries = code_tries + 1 WHERE group_id = ? AND id = ?", group, link)
		return err
	})
	if err == nil && !right {
		err = roll.ErrWrongCode()
	}
	return err
}

// InboundOf lists what a member wrote, the newest first.
func (s *Store) InboundOf(ctx context.Context, group, member, before gateway.ID, limit int) ([]gateway.InboundMessage, error) {
	if before.IsZero() {
		before = highest
	}
	return s.inbound(ctx, group, inboundOfQuery, group, member, before, limit)
}

// ProvePoint adds a contact point whose address is yet to be proven.
func (s *Store) ProvePoint(ctx context.Context, group, member gateway.ID, p gateway.ContactPoint) error {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.write.do(ctx, true, func(t *txn) error {
		box, there, err := t.boxOf(key, group, member)
		if err != nil {
			return err
		}
		if !there {
			return row.Missing("member")
		}
		if _, err := t.exec("DELETE FROM contact_points WHERE group_id = ? AND member_id = ? AND state = ?", group, member, roll.Proving); err != nil {
			return err
		}
		index, n, same, position := key.Addresses.Of(p.Kind, p.Address.Reveal()), 0, false, 0
		if err := t.query("SELECT kind, address_index, position FROM contact_points WHERE group_id = ? AND member_id = ?", []any{group, member}, func(r *lite.Stmt) error {
			var kind string
			var at []byte
			place := 0
			err := r.Scan(&kind, &at, &place)
			n, same, position = n+1, same || kind == p.Kind && bytes.Equal(at, index), max(position, place+1)
			return err
		}); err != nil {
			return err
		}
		stopped, err := t.stands(group, p.Kind, roll.StopsOf(s.ring, key, p.Kind, p.Address))
		if err != nil {
			return err
		}
		if err := roll.MayProve(n, same, stopped); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO contact_points (group_id, member_id, id, position, kind, state, topics, address_sealed, address_index, note, country) VALUES (?,?,?,?,?,?,0,?,?,'',?)",
			group, member, p.ID, position, p.Kind, roll.Proving, sealed.Text(box, p.Address, p.ID, "address"), roll.ProvingIndex(key, p.Kind, p.Address), s.country(p.Kind, p.Address))
		return err
	})
}

// TakePoint makes a contact point that was to be proven one of hers.
func (s *Store) TakePoint(ctx context.Context, group, member, point gateway.ID, topics []string, proof gateway.Consent) error {
	_, known, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.write.do(ctx, true, func(t *txn) error {
		var kind string
		var hidden []byte
		if err := t.query("SELECT kind, address_sealed FROM contact_points WHERE group_id = ? AND member_id = ? AND id = ? AND state = ?", []any{group, member, point, roll.Proving}, func(r *lite.Stmt) error {
			return r.Scan(&kind, &hidden)
		}); err != nil {
			return err
		}
		if hidden == nil {
			return row.Missing("contact point to be proven")
		}
		box, err := t.memberBox(key, group, member)
		if err != nil {
			return err
		}
		address, err := sealed.Open(box, hidden, point, "address")
		if err != nil {
			return err
		}
		stopped, err := t.stands(group, kind, roll.StopsOf(s.ring, key, kind, address))
		if err != nil {
			return err
		}
		if err := roll.MayProve(0, false, stopped); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE contact_points SET state = ?, topics = ?, address_index = ?, confirm_by = ? WHERE group_id = ? AND member_id = ? AND id = ?",
			roll.Active, roll.Bits(known, topics), key.Addresses.Of(kind, address.Reveal()), t.confirmBy(kind, roll.Active), group, member, point); err != nil {
			return err
		}
		for _, topic := range topics {
			proof.ID, proof.GroupID, proof.MemberID, proof.PointID, proof.Topic, proof.Granted = gateway.NewID(), group, member, point, topic, true
			if err := t.putConsent(box, proof); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropPoint takes a contact point away.
func (s *Store) DropPoint(ctx context.Context, group, member, point gateway.ID) error {
	err := s.write.do(ctx, true, func(t *txn) error {
		others, state := 0, 0
		if err := t.query("SELECT id, state FROM contact_points WHERE group_id = ? AND member_id = ?", []any{group, member}, func(r *lite.Stmt) error {
			var id gateway.ID
			its := 0
			err := r.Scan(&id, &its)
			if id == point {
				state = its
			} else if its == roll.Active || its == roll.Unconfirmed {
				others++
			}
			return err
		}); err != nil {
			return err
		}
		if err := roll.MayDrop(state, others); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM contact_points WHERE group_id = ? AND member_id = ? AND id = ?", group, member, point); err != nil {
			return err
		}
		_, err := t.exec(endPageLinks, group, member, point)
		return err
	})
	if err == nil {
		s.purge(ctx)
	}
	return err
}

// stopProving forgets who was about to prove an address that somebody has stopped.
func (t *txn) stopProving(key *seal.Group, group gateway.ID, kind string, address gateway.Private) error {
	_, err := t.exec("DELETE FROM contact_points INDEXED BY contact_points_address WHERE group_id = ? AND kind = ? AND address_index = ? AND state = ?", group, kind, roll.ProvingIndex(key, kind, address), roll.Proving)
	return err
}
