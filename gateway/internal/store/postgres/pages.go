package postgres

import (
	"bytes"
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

var pageLinkQuery = "SELECT group_id, id, member_id, point_id, digest, created_at, expires_at FROM page_links WHERE digest = $1 AND expires_at > " + nowSQL("$2")

const (
	endPageLinks   = "DELETE FROM page_links WHERE group_id = $1 AND member_id = $2 AND point_id = $3"
	inboundOfQuery = `SELECT i.id, i.channel_id, i.members, i.kind, i.from_sealed, i.text_sealed, i.meaning, i.at, i.sealed_for, m.key_sealed
		FROM inbound_members h JOIN inbounds i ON i.group_id = h.group_id AND i.id = h.inbound_id LEFT JOIN members m ON m.group_id = i.group_id AND m.id = i.sealed_for
		WHERE h.group_id = $1 AND h.member_id = $2 AND h.inbound_id < $3 ORDER BY h.inbound_id DESC LIMIT $4`
	overLinks   = "SELECT group_id, id FROM page_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED"
	overProving = "SELECT group_id, member_id, id FROM contact_points WHERE state = 6 AND id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"
)

// ofMember locks a member against other changes of her links and contact points, and opens her key; ErrNotFound.
func (t *txn) ofMember(key *seal.Group, group, member gateway.ID) (box seal.Box, err error) {
	if err := t.lock(rollLock, group, true); err != nil {
		return box, err
	}
	var wrapped []byte
	if err := t.query("SELECT key_sealed FROM members WHERE group_id = $1 AND id = $2 FOR UPDATE", []any{group, member}, func(r pgx.Rows) error { return r.Scan(&wrapped) }); err != nil {
		return box, err
	}
	if wrapped == nil {
		return box, row.Missing("member")
	}
	return sealed.Member(key, member, wrapped)
}

// PutPageLink keeps a link.
func (s *Store) PutPageLink(ctx context.Context, l gateway.PageLink) error {
	key, err := s.groupKey(ctx, l.GroupID)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error {
		if _, err := t.ofMember(key, l.GroupID, l.MemberID); err != nil {
			return err
		}
		n := 0
		if err := t.query("SELECT count(*) FROM page_links WHERE group_id = $1 AND member_id = $2 AND expires_at > $3", []any{l.GroupID, l.MemberID, t.now}, func(r pgx.Rows) error { return r.Scan(&n) }); err != nil {
			return err
		}
		if n >= gateway.MaxPageLinks {
			return gateway.Faultf(gateway.CodeTooMany, "this member has %d links to her page that work; wait until one of them ends", n)
		}
		n, err := t.exec("INSERT INTO page_links (group_id, id, member_id, point_id, digest, created_at, expires_at) SELECT $1::uuid,$2::uuid,$3::uuid,$4::uuid,$5::bytea,$6::bigint,$7::bigint WHERE EXISTS (SELECT 1 FROM contact_points WHERE group_id = $1 AND member_id = $3 AND id = $4)",
			l.GroupID, l.ID, l.MemberID, l.PointID, l.Digest, row.ToMicros(l.CreatedAt), row.ToMicros(l.ExpiresAt))
		if err == nil && n == 0 {
			err = row.Missing("contact point")
		}
		return err
	})
}

// PageLink finds a link by its digest.
func (s *Store) PageLink(ctx context.Context, digest []byte) (l gateway.PageLink, err error) {
	return l, s.one(ctx, "link", pageLinkQuery, []any{digest, s.fixed()}, &l.GroupID, &l.ID, &l.MemberID, &l.PointID, &l.Digest, &l.CreatedAt, &l.ExpiresAt)
}

// PutPageCode keeps the digest of a code.
func (s *Store) PutPageCode(ctx context.Context, group, link gateway.ID, digest []byte) error {
	return s.do(ctx, true, func(t *txn) error {
		codes, found := 0, false
		if err := t.query("SELECT codes FROM page_links WHERE group_id = $1 AND id = $2 AND expires_at > $3 FOR UPDATE", []any{group, link, t.now}, func(r pgx.Rows) error {
			found = true
			return r.Scan(&codes)
		}); err != nil {
			return err
		}
		if err := roll.CodeMaySend(found, codes); err != nil {
			return err
		}
		_, err := t.exec("UPDATE page_links SET codes = codes + 1, code_digest = $1, code_until = $2, code_tries = 0 WHERE group_id = $3 AND id = $4",
			digest, t.now+gateway.PageCodeLife.Microseconds(), group, link)
		return err
	})
}

// SpendPageCode uses a code up.
func (s *Store) SpendPageCode(ctx context.Context, group, link gateway.ID, digest []byte) error {
	right := false
	err := s.do(ctx, true, func(t *txn) error {
		var kept []byte
		tries := 0
		if err := t.query("SELECT code_digest, code_tries FROM page_links WHERE group_id = $1 AND id = $2 AND expires_at > $3 AND code_until > $3 FOR UPDATE", []any{group, link, t.now}, func(r pgx.Rows) error {
			return r.Scan(&kept, &tries)
		}); err != nil {
			return err
		}
		if right = roll.CodeIsRight(kept, digest, tries); right {
			_, err := t.exec("UPDATE page_links SET code_digest = NULL WHERE group_id = $1 AND id = $2", group, link)
			return err
		}
		_, err := t.exec("UPDATE page_links SET code_tries = code_tries + 1 WHERE group_id = $1 AND id = $2", group, link)
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
	return s.do(ctx, true, func(t *txn) error {
		index := key.Addresses.Of(p.Kind, p.Address.Reveal())
		if err := t.lockAddresses(group, index); err != nil { // a STOP comes before or behind
			return err
		}
		box, err := t.ofMember(key, group, member)
		if err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM contact_points WHERE group_id = $1 AND member_id = $2 AND state = $3", group, member, roll.Proving); err != nil {
			return err
		}
		n, same, position := 0, false, 0
		if err := t.query("SELECT kind, address_index, position FROM contact_points WHERE group_id = $1 AND member_id = $2", []any{group, member}, func(r pgx.Rows) error {
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
		_, err = t.exec("INSERT INTO contact_points (group_id, member_id, id, position, kind, state, topics, address_sealed, address_index, note, country) VALUES ($1,$2,$3,$4,$5,$6,0,$7,$8,'',$9)",
			group, member, p.ID, position, p.Kind, roll.Proving, sealed.Text(box, p.Address, p.ID, "address"), roll.ProvingIndex(key, p.Kind, p.Address), s.country(p.Kind, p.Address))
		return err
	})
}

// TakePoint makes a contact point that was to be proven one of hers.
func (s *Store) TakePoint(ctx context.Context, group, member, point gateway.ID, topics []string, proof gateway.Consent) error {
	_, known, err := s.group(ctx, "id = $1", group)
	if err != nil {
		return err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error {
		box, err := t.ofMember(key, group, member)
		if err != nil {
			return err
		}
		var kind string
		var hidden []byte
		if err := t.query("SELECT kind, address_sealed FROM contact_points WHERE group_id = $1 AND member_id = $2 AND id = $3 AND state = $4 FOR UPDATE", []any{group, member, point, roll.Proving}, func(r pgx.Rows) error {
			return r.Scan(&kind, &hidden)
		}); err != nil {
			return err
		}
		if hidden == nil {
			return row.Missing("contact point to be proven")
		}
		address, err := sealed.Open(box, hidden, point, "address")
		if err != nil {
			return err
		}
		index := key.Addresses.Of(kind, address.Reveal())
		if err := t.lockAddresses(group, index); err != nil { // a STOP comes before or behind
			return err
		}
		stopped, err := t.stands(group, kind, roll.StopsOf(s.ring, key, kind, address))
		if err != nil {
			return err
		}
		if err := roll.MayProve(0, false, stopped); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue("UPDATE contact_points SET state = $1, topics = $2, address_index = $3, confirm_by = $7 WHERE group_id = $4 AND member_id = $5 AND id = $6", roll.Active, roll.Bits(known, topics), index, group, member, point, t.confirmBy(kind, roll.Active))
		for _, topic := range topics {
			proof.ID, proof.PointID, proof.Topic, proof.Granted = gateway.NewID(), point, topic, true
			t.queueConsent(batch, box, group, member, proof)
		}
		return t.send(batch)
	})
}

// DropPoint takes a contact point away.
func (s *Store) DropPoint(ctx context.Context, group, member, point gateway.ID) error {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error {
		if _, err := t.ofMember(key, group, member); err != nil {
			return err
		}
		others, state := 0, 0
		if err := t.query("SELECT id, state FROM contact_points WHERE group_id = $1 AND member_id = $2", []any{group, member}, func(r pgx.Rows) error {
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
		batch := &pgx.Batch{}
		batch.Queue("DELETE FROM contact_points WHERE group_id = $1 AND member_id = $2 AND id = $3", group, member, point)
		batch.Queue(endPageLinks, group, member, point)
		return t.send(batch)
	})
}

// stopProving forgets who was about to prove an address that somebody has stopped.
func (t *txn) stopProving(key *seal.Group, group gateway.ID, kind string, address gateway.Private) error {
	_, err := t.exec("DELETE FROM contact_points WHERE group_id = $1 AND kind = $2 AND address_index = $3 AND state = $4", group, kind, roll.ProvingIndex(key, kind, address), roll.Proving)
	return err
}
