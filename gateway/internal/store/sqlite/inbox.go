package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Receive stores what a member sent, once. What comes from exactly one member is sealed under her key, so that erasing
// her destroys it; all else under the group's.
func (s *Store) Receive(ctx context.Context, m gateway.InboundMessage) (bool, error) {
	key, err := s.groupKey(ctx, m.GroupID)
	if err != nil {
		return false, err
	}
	fresh := false
	err = s.write.do(ctx, true, func(t *txn) error {
		fresh = false
		var event, owner any
		if m.EventID != "" {
			event = sealed.EventKey(key, m.ChannelID, m.EventID)
		}
		box := key.Box
		if len(m.MemberIDs) == 1 {
			hers, there, err := t.boxOf(key, m.GroupID, m.MemberIDs[0])
			if err != nil {
				return err
			}
			if there { // else she was erased a moment ago
				box, owner = hers, m.MemberIDs[0][:]
			}
		}
		n, err := t.exec("INSERT INTO inbounds (group_id, id, channel_id, event_id, members, sealed_for, kind, from_sealed, text_sealed, meaning, at, reply_to) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (channel_id, event_id) WHERE event_id IS NOT NULL DO NOTHING",
			m.GroupID[:], m.ID[:], m.ChannelID[:], event, row.JSON(m.MemberIDs), owner, m.Kind, sealed.Text(box, m.From, m.ID, "from"), sealed.Text(box, m.Text, m.ID, "text"), m.Meaning, row.ToMicros(m.At), m.ReplyTo)
		if err != nil || n == 0 {
			return err
		}
		if m.Waits {
			thread, err := t.file(key, &m, owner != nil)
			if err != nil {
				return err
			}
			if _, err := t.exec("UPDATE inbounds SET thread_id = ? WHERE group_id = ? AND id = ?", thread[:], m.GroupID[:], m.ID[:]); err != nil {
				return err
			}
		}
		for _, member := range m.MemberIDs {
			if _, err := t.exec("INSERT INTO inbound_members (group_id, member_id, inbound_id) VALUES (?,?,?) ON CONFLICT DO NOTHING", m.GroupID[:], member[:], m.ID[:]); err != nil {
				return err
			}
		}
		fresh = true
		return t.heardFrom(key, &m)
	})
	return fresh, err
}

const inboundQuery = `SELECT i.id, i.channel_id, i.members, i.kind, i.from_sealed, i.text_sealed, i.meaning, i.at, i.sealed_for, m.key_sealed
	FROM inbounds i LEFT JOIN members m ON m.group_id = i.group_id AND m.id = i.sealed_for WHERE i.group_id = ? AND i.id < ? ORDER BY i.id DESC LIMIT ?`

// Inbound lists the newest first.
func (s *Store) Inbound(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.InboundMessage, error) {
	if before.IsZero() {
		before = highest
	}
	return s.inbound(ctx, group, inboundQuery, group[:], before[:], limit)
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

// PutWording keeps a group's template.
func (s *Store) PutWording(ctx context.Context, group gateway.ID, name string, sources map[string]string) error {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	return s.write.do(ctx, false, func(t *txn) error {
		if len(sources) == 0 {
			_, err := t.exec("DELETE FROM wordings WHERE group_id = ? AND name = ?", group[:], name)
			return err
		}
		words, err := sealed.Wording(key, group, name, sources)
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO wordings (group_id, name, sources_sealed) VALUES (?1,?2,?3) ON CONFLICT DO UPDATE SET sources_sealed = ?3", group[:], name, words)
		return err
	})
}

// Wordings reads all templates of a group: name → locale → source.
func (s *Store) Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	type row struct {
		name   string
		sealed []byte
	}
	read, err := list(ctx, s, "SELECT name, sources_sealed FROM wordings WHERE group_id = ?", []any{group[:]}, func(r *row) []any { return []any{&r.name, &r.sealed} })
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for _, r := range read {
		if all[r.name], err = sealed.OpenWording(key, group, r.name, r.sealed); err != nil {
			return nil, err
		}
	}
	return all, nil
}
