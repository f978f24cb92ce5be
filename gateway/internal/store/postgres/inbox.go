package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Receive stores what a member sent, once. What comes from exactly one member is sealed under her key, so that erasing
// her destroys it; all else under the group's. Its members cannot be erased until it is stored.
func (s *Store) Receive(ctx context.Context, m gateway.InboundMessage) (fresh bool, err error) {
	key, err := s.groupKey(ctx, m.GroupID)
	if err != nil {
		return false, err
	}
	err = s.do(ctx, true, func(t *txn) error {
		fresh = false
		var wrapped []byte
		if len(m.MemberIDs) > 0 {
			if err := t.query("SELECT key_sealed FROM members WHERE group_id = $1 AND id = ANY($2) ORDER BY id FOR KEY SHARE", []any{m.GroupID, m.MemberIDs}, func(r pgx.Rows) error { return r.Scan(&wrapped) }); err != nil {
				return err
			}
		}
		var event, owner any
		if m.EventID != "" {
			event = row.Key(sealed.EventKey(key, m.ChannelID, m.EventID)) // as in the other dialect, so that a ledger that moved here knows it
		}
		box := key.Box
		if len(m.MemberIDs) == 1 && wrapped != nil { // else she was erased a moment ago
			if box, err = sealed.Member(key, m.MemberIDs[0], wrapped); err != nil {
				return err
			}
			owner = m.MemberIDs[0]
		}
		n, err := t.exec("INSERT INTO inbounds (group_id, id, channel_id, event_id, members, sealed_for, kind, from_sealed, text_sealed, meaning, at, reply_to) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12) ON CONFLICT (group_id, channel_id, event_id) WHERE event_id IS NOT NULL DO NOTHING",
			m.GroupID, m.ID, m.ChannelID, event, row.JSON(m.MemberIDs), owner, m.Kind, sealed.Text(box, m.From, m.ID, "from"), sealed.Text(box, m.Text, m.ID, "text"), m.Meaning, m.At, m.ReplyTo)
		if err != nil || n == 0 {
			return err
		}
		fresh = true
		if m.Waits {
			thread, err := t.file(key, &m, owner != nil)
			if err != nil {
				return err
			}
			if _, err := t.exec("UPDATE inbounds SET thread_id = $1 WHERE group_id = $2 AND id = $3", thread, m.GroupID, m.ID); err != nil {
				return err
			}
		}
		_, err = t.exec("INSERT INTO inbound_members (group_id, member_id, inbound_id) SELECT DISTINCT $1::uuid, member, $3::uuid FROM unnest($2::uuid[]) member", m.GroupID, append([]gateway.ID{}, m.MemberIDs...), m.ID)
		if err != nil {
			return err
		}
		return t.heardFrom(key, &m)
	})
	return fresh && err == nil, err
}

const inboundQuery = `SELECT i.id, i.channel_id, i.members, i.kind, i.from_sealed, i.text_sealed, i.meaning, i.at, i.sealed_for, m.key_sealed
	FROM inbounds i LEFT JOIN members m ON m.group_id = i.group_id AND m.id = i.sealed_for WHERE i.group_id = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3`

// Inbound lists the newest first.
func (s *Store) Inbound(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.InboundMessage, error) {
	if before.IsZero() {
		before = highest
	}
	return s.inbound(ctx, group, inboundQuery, group, before, limit)
}

func (s *Store) inbound(ctx context.Context, group gateway.ID, text string, args ...any) ([]gateway.InboundMessage, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	read, err := list(ctx, s, text, args, func(r *roll.StoredInbound) []any {
		m := &r.Message
		return []any{&m.ID, &m.ChannelID, &r.Members, &m.Kind, &r.From, &r.Text, &m.Meaning, &m.At, &r.Owner, &r.Key}
	})
	if err != nil {
		return nil, err
	}
	all := make([]gateway.InboundMessage, 0, len(read))
	for i := range read {
		m, err := read[i].Open(group, key)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Rendering reads one frozen text.
func (s *Store) Rendering(ctx context.Context, group, broadcast gateway.ID, locale, kind string, neutral bool) (gateway.Rendering, error) {
	r := gateway.Rendering{BroadcastID: broadcast, GroupID: group, Locale: locale, Kind: kind, Neutral: neutral}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return r, err
	}
	var parts []byte
	if err := s.one(ctx, "rendering", "SELECT cost, parts_sealed FROM renderings WHERE group_id = $1 AND broadcast_id = $2 AND locale = $3 AND kind = $4 AND neutral = $5",
		[]any{group, broadcast, locale, kind, neutral}, &r.Cost, &parts); err != nil {
		return r, err
	}
	return r, sealed.OpenParts(key, &r, parts)
}

// PutWording keeps a group's template.
func (s *Store) PutWording(ctx context.Context, group gateway.ID, name string, sources map[string]string) error {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.do(ctx, false, func(t *txn) error {
		if len(sources) == 0 {
			_, err := t.exec("DELETE FROM wordings WHERE group_id = $1 AND name = $2", group, name)
			return err
		}
		words, err := sealed.Wording(key, group, name, sources)
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO wordings (group_id, name, sources_sealed) VALUES ($1,$2,$3) ON CONFLICT (group_id, name) DO UPDATE SET sources_sealed = excluded.sources_sealed", group, name, words)
		return err
	})
}

const wordingsQuery = "SELECT name, sources_sealed FROM wordings WHERE group_id = $1"

func scanWording(r pgx.Rows, key *seal.Group, group gateway.ID, into map[string]map[string]string) error {
	var name string
	var words []byte
	err := r.Scan(&name, &words)
	if err == nil {
		into[name], err = sealed.OpenWording(key, group, name, words)
	}
	return err
}

// Wordings reads all templates of a group: name → locale → source.
func (s *Store) Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	err = s.queryKey(ctx, wordingsQuery, []any{group}, func(r pgx.Rows) error { return scanWording(r, key, group, all) })
	if err != nil {
		return nil, err
	}
	return all, nil
}
