package postgres

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// fileMessage opens a conversation or takes the one that there is: group, id, who, members, kind, channel, urgent, now, that
// people who were told by then may be told again, and whose it is.
const fileMessage = `INSERT INTO threads AS t (group_id, id, who, member_id, members, kind, channel_id, state, urgent, messages, unread, unread_at, opened_at, changed_at, read_at, told_at)
	VALUES ($1, $2, $3, $10, $4, $5, $6, 0, $7, 1, 1, $8, $8, $8, 0, $8)
	ON CONFLICT (group_id, who) DO UPDATE SET members = excluded.members, kind = excluded.kind, channel_id = excluded.channel_id, state = 0, urgent = t.urgent OR excluded.urgent,
		messages = t.messages + 1, unread = t.unread + 1, unread_at = CASE WHEN t.unread_at = 0 THEN excluded.unread_at ELSE t.unread_at END,
		opened_at = CASE WHEN t.state = 0 THEN t.opened_at ELSE excluded.opened_at END, changed_at = excluded.changed_at,
		told_at = CASE WHEN t.told_at <= $9 OR excluded.urgent AND NOT t.urgent THEN excluded.told_at ELSE t.told_at END
	RETURNING id, told_at`

// file puts a message into its conversation, and has people told; hers: it comes from one member, who is there.
func (t *txn) file(key *seal.Group, m *gateway.InboundMessage, hers bool) (thread gateway.ID, err error) {
	told := int64(0)
	var owner any
	if hers {
		owner = m.MemberIDs[0]
	}
	args := []any{m.GroupID, gateway.NewID(), roll.Who(key, m, hers), row.JSON(m.MemberIDs), m.Kind, m.ChannelID, m.Urgent, t.now, roll.ToldBefore(t.now), owner}
	if err := t.query(fileMessage, args, func(r pgx.Rows) error { return r.Scan(&thread, &told) }); err != nil {
		return thread, err
	}
	return thread, t.putNotice(gateway.WaitingNotice(m.GroupID, thread, told))
}

const (
	threadsQuery  = "SELECT " + roll.ThreadColumns + " FROM threads WHERE group_id = $1"
	threadsAfter  = " AND (state, NOT urgent, -changed_at, id) > (SELECT state, NOT urgent, -changed_at, id FROM threads WHERE group_id = $1 AND id = $3)"
	threadsOrder  = " ORDER BY state, urgent DESC, changed_at DESC, id LIMIT $2"
	threadByID    = " AND id = $2"
	threadByWho   = " AND who = $2"
	threadInbound = `SELECT i.id, i.channel_id, i.members, i.kind, i.from_sealed, i.text_sealed, i.meaning, i.at, i.sealed_for, m.key_sealed, i.reply_to
	FROM inbounds i LEFT JOIN members m ON m.group_id = i.group_id AND m.id = i.sealed_for WHERE i.group_id = $1 AND i.thread_id = $2 ORDER BY i.id DESC LIMIT $3`
	threadReplies = `SELECT r.id, r.text_sealed, r.locale, r.author, r.at, r.sealed_for, m.key_sealed
	FROM thread_replies r LEFT JOIN members m ON m.group_id = r.group_id AND m.id = r.sealed_for WHERE r.group_id = $1 AND r.thread_id = $2 ORDER BY r.id DESC LIMIT $3`
	openThreads = "SELECT opened_at FROM threads WHERE state = 0 AND group_id IS NOT NULL"
)

// Threads lists a page.
func (s *Store) Threads(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Thread, error) {
	text, args := threadsQuery+threadsOrder, []any{group, limit}
	if !after.IsZero() {
		if _, err := s.thread(ctx, group, threadByID, after); err != nil {
			return nil, err
		}
		text, args = threadsQuery+threadsAfter+threadsOrder, append(args, after)
	}
	stored, err := list(ctx, s, text, args, (*roll.StoredThread).Into)
	if err != nil {
		return nil, err
	}
	all := make([]gateway.Thread, len(stored))
	for i := range stored {
		if all[i], err = stored[i].Open(group); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Thread reads one with what was said.
func (s *Store) Thread(ctx context.Context, group, id gateway.ID) (gateway.Thread, error) {
	return s.whole(ctx, group, threadByID, id)
}

// ThreadWith reads a member's.
func (s *Store) ThreadWith(ctx context.Context, group, member gateway.ID) (gateway.Thread, error) {
	return s.whole(ctx, group, threadByWho, member[:])
}

func (s *Store) thread(ctx context.Context, group gateway.ID, by string, which any) (gateway.Thread, error) {
	var r roll.StoredThread
	if err := s.one(ctx, "conversation", threadsQuery+by, []any{group, which}, r.Into()...); err != nil {
		return r.Thread, err
	}
	return r.Open(group)
}

func (s *Store) whole(ctx context.Context, group gateway.ID, by string, which any) (gateway.Thread, error) {
	t, err := s.thread(ctx, group, by, which)
	if err != nil {
		return t, err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return t, err
	}
	inbound, err := list(ctx, s, threadInbound, []any{group, t.ID, gateway.MostSaid}, func(r *roll.StoredInbound) []any {
		m := &r.Message
		return []any{&m.ID, &m.ChannelID, &r.Members, &m.Kind, &r.From, &r.Text, &m.Meaning, &m.At, &r.Owner, &r.Key, &m.ReplyTo}
	})
	if err != nil {
		return t, err
	}
	replies, err := list(ctx, s, threadReplies, []any{group, t.ID, gateway.MostSaid}, func(r *roll.StoredReply) []any {
		return []any{&r.Reply.ID, &r.Text, &r.Reply.Locale, &r.Reply.Author, &r.Reply.At, &r.Owner, &r.Key}
	})
	if err != nil {
		return t, err
	}
	return t, roll.OpenSaid(&t, key, inbound, replies)
}

const sentQuery = `SELECT d.id, b.id, b.kind, a.point_id, a.channel_id, a.claimed_at, a.refs
	FROM (SELECT group_id, id, kind FROM broadcasts WHERE group_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3) b
	CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE group_id = $1 AND broadcast_id = b.id AND member_id = $4 AND attempts > 0) d
	CROSS JOIN LATERAL (SELECT * FROM attempts WHERE id = d.attempt_id) a
	WHERE a.state IN (2, 3, 5) AND a.claimed_at BETWEEN $5 AND $6 ORDER BY a.claimed_at DESC`

// SentTo lists what left for a member.
func (s *Store) SentTo(ctx context.Context, group, member gateway.ID, from, until time.Time) ([]gateway.SentMessage, error) {
	type sent struct {
		m          gateway.SentMessage
		kind, refs string
	}
	read, err := list(ctx, s, sentQuery, []any{group, highest, gateway.MostSent, member, from, until}, func(r *sent) []any {
		return []any{&r.m.Delivery, &r.m.Broadcast, &r.kind, &r.m.Point, &r.m.Channel, &r.m.At, &r.refs}
	})
	all := make([]gateway.SentMessage, len(read))
	for i, r := range read {
		all[i] = r.m
		all[i].Kind, all[i].Parts = gateway.Kind(r.kind), strings.Fields(r.refs)
	}
	return all, err
}

// OpenThreads counts what is open.
func (s *Store) OpenThreads(ctx context.Context) (n [len(gateway.ThreadAges)]int, err error) {
	now, err := s.clock(ctx)
	if err != nil {
		return n, err
	}
	opened, err := list(ctx, s, openThreads, nil, func(at *int64) []any { return []any{at} })
	for _, at := range opened {
		n[row.ThreadAge(now, at)]++
	}
	return n, err
}

// TurnThread notes that it was read, or closes it.
func (s *Store) TurnThread(ctx context.Context, group, id gateway.ID, closed bool) error {
	return s.do(ctx, false, func(t *txn) error {
		text := "UPDATE threads SET unread = 0, unread_at = 0, told_at = 0, read_at = $3 WHERE group_id = $1 AND id = $2"
		if closed {
			text = "UPDATE threads SET unread = 0, unread_at = 0, told_at = 0, changed_at = $3, state = 2, urgent = false WHERE group_id = $1 AND id = $2"
		}
		n, err := t.exec(text, group, id, t.now)
		if err == nil && n == 0 {
			err = row.Missing("conversation")
		}
		return err
	})
}

// PutReply keeps an answer. Its conversation, and whose it is, cannot be erased until it is kept.
func (s *Store) PutReply(ctx context.Context, r gateway.Reply) error {
	key, err := s.groupKey(ctx, r.GroupID)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error {
		var wrapped []byte
		there, member := false, gateway.ID{}
		if err := t.query("SELECT coalesce(member_id, $3) FROM threads WHERE group_id = $1 AND id = $2 FOR UPDATE", []any{r.GroupID, r.ThreadID, member}, func(q pgx.Rows) error { there = true; return q.Scan(&member) }); err != nil {
			return err
		}
		if !there {
			return row.Missing("conversation")
		}
		box, owner := key.Box, any(nil)
		if !member.IsZero() {
			if err := t.query("SELECT key_sealed FROM members WHERE group_id = $1 AND id = $2", []any{r.GroupID, member}, func(q pgx.Rows) error { return q.Scan(&wrapped) }); err != nil {
				return err
			}
			if wrapped == nil {
				return row.Missing("member")
			}
			if box, err = sealed.Member(key, member, wrapped); err != nil {
				return err
			}
			owner = member
		}
		n, err := t.exec("INSERT INTO thread_replies (group_id, thread_id, id, sealed_for, text_sealed, locale, author, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (group_id, thread_id, id) DO NOTHING",
			r.GroupID, r.ThreadID, r.ID, owner, sealed.Text(box, r.Text, r.ID, "reply"), r.Locale, r.Author, t.now)
		if err != nil || n == 0 {
			return err
		}
		_, err = t.exec("UPDATE threads SET state = CASE WHEN unread > 0 THEN 0 ELSE 1 END, changed_at = $3 WHERE group_id = $1 AND id = $2", r.GroupID, r.ThreadID, t.now)
		return err
	})
}

// hersQuery finds the conversations that go with a member: her own, those of her addresses, and those that hold something
// she may have written. They are locked, so that nothing is put into one that goes.
const hersQuery = `SELECT id FROM threads WHERE group_id = $1 AND (who = ANY (ARRAY(SELECT p.address_index FROM contact_points p WHERE p.group_id = $1 AND p.member_id = $2)) OR who = $3
	OR id = ANY (ARRAY(SELECT i.thread_id FROM inbound_members m JOIN inbounds i ON i.group_id = m.group_id AND i.id = m.inbound_id WHERE m.group_id = $1 AND m.member_id = $2 AND i.thread_id IS NOT NULL))) ORDER BY id FOR UPDATE`

// forgetThread deletes a conversation, with the words of answers that may still be on their way.
var forgetThread = [...]string{
	"UPDATE broadcasts SET words_sealed = NULL WHERE group_id = $1 AND id = ANY (ARRAY(SELECT id FROM thread_replies WHERE group_id = $1 AND thread_id = $2))",
	"DELETE FROM renderings WHERE group_id = $1 AND broadcast_id = ANY (ARRAY(SELECT id FROM thread_replies WHERE group_id = $1 AND thread_id = $2))",
	"UPDATE inbounds SET from_sealed = NULL, text_sealed = NULL WHERE group_id = $1 AND thread_id = $2",
	"DELETE FROM thread_replies WHERE group_id = $1 AND thread_id = $2",
	"DELETE FROM threads WHERE group_id = $1 AND id = $2",
}

// eraseThreads has the conversations deleted that go with a member; her addresses are still there.
func (t *txn) eraseThreads(group, member gateway.ID, batch *pgx.Batch) error {
	return t.query(hersQuery, []any{group, member, member[:]}, func(r pgx.Rows) error {
		var id gateway.ID
		err := r.Scan(&id)
		for _, text := range forgetThread {
			batch.Queue(text, group, id)
		}
		return err
	})
}

const (
	overCommands = "SELECT group_id, id, members FROM inbounds WHERE text_sealed IS NOT NULL AND thread_id IS NULL AND meaning <> '' AND at <= $1 AND ($2::uuid IS NULL OR group_id = $2) ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED"
	overReplies  = "SELECT group_id, thread_id, id FROM thread_replies WHERE at <= $1 AND ($2::uuid IS NULL OR group_id = $2) ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED"
	overThreads  = "SELECT group_id, id FROM threads WHERE changed_at <= $1 AND ($2::uuid IS NULL OR group_id = $2) ORDER BY changed_at LIMIT $3 FOR UPDATE SKIP LOCKED"
)

// retainThreads has deleted what of conversations is over, and of commands, at most limit rows of each kind.
func (t *txn) retainThreads(limit int, forget func(text string, args ...any)) error {
	keeps := []roll.Retention{{Messages: gateway.KeepConversations, Commands: gateway.KeepCommands}}
	if err := t.query("SELECT id, replies FROM groups WHERE replies <> ''", nil, func(r pgx.Rows) error {
		var group gateway.ID
		var replies string
		if err := r.Scan(&group, &replies); err != nil {
			return err
		}
		return roll.Shorter(&keeps, group, replies)
	}); err != nil {
		return err
	}
	var group, id, thread gateway.ID
	// What is left of a message, so that a provider's repetition is known, belongs to nobody.
	inbound := func(r pgx.Rows) error {
		var list string
		if err := r.Scan(&group, &id, &list); err != nil {
			return err
		}
		var members []gateway.ID
		if err := json.Unmarshal([]byte(list), &members); err != nil {
			return err
		}
		for _, m := range members {
			forget("DELETE FROM inbound_members WHERE group_id = $1 AND member_id = $2 AND inbound_id = $3", group, m, id)
		}
		forget(forgetInbound, group, id)
		return nil
	}
	for _, k := range keeps {
		var of any
		if !k.Group.IsZero() {
			of = k.Group
		}
		for _, over := range [...]struct {
			text string
			keep time.Duration
			each func(pgx.Rows) error
		}{{overCommands, k.Commands, inbound}, {overInbounds, k.Messages, inbound}, {overReplies, k.Messages, func(r pgx.Rows) error {
			err := r.Scan(&group, &thread, &id)
			forget("DELETE FROM thread_replies WHERE group_id = $1 AND thread_id = $2 AND id = $3", group, thread, id)
			return err
		}}, {overThreads, k.Messages, func(r pgx.Rows) error {
			err := r.Scan(&group, &id)
			forget("DELETE FROM threads WHERE group_id = $1 AND id = $2", group, id)
			return err
		}}} {
			if err := t.query(over.text, []any{t.now - over.keep.Microseconds(), of, limit}, over.each); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	_ gateway.Conversations = (*Store)(nil)
	_ gateway.Answers       = (*Store)(nil)
)
