package sqlite

import (
	"context"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// fileMessage opens a conversation or takes the one that there is: ?1 group, ?2 id, ?3 who, ?4 members, ?5 kind, ?6 channel,
// ?7 urgent, ?8 now, ?9 people who were told by then may be told again, ?10 whose it is.
const fileMessage = `INSERT INTO threads (group_id, id, who, member_id, members, kind, channel_id, state, urgent, messages, unread, unread_at, opened_at, changed_at, read_at, told_at)
	VALUES (?1, ?2, ?3, ?10, ?4, ?5, ?6, 0, ?7, 1, 1, ?8, ?8, ?8, 0, ?8)
	ON CONFLICT (group_id, who) DO UPDATE SET members = ?4, kind = ?5, channel_id = ?6, state = 0, urgent = max(urgent, ?7), messages = messages + 1, unread = unread + 1,
		unread_at = CASE WHEN unread_at = 0 THEN ?8 ELSE unread_at END, opened_at = CASE WHEN state = 0 THEN opened_at ELSE ?8 END, changed_at = ?8,
		told_at = CASE WHEN told_at <= ?9 OR ?7 > urgent THEN ?8 ELSE told_at END
	RETURNING id, told_at`

// file puts a message into its conversation, and has people told; hers: it comes from one member, who is there.
func (t *txn) file(key *seal.Group, m *gateway.InboundMessage, hers bool) (thread gateway.ID, err error) {
	fresh, told := gateway.NewID(), int64(0)
	who := roll.Who(key, m, hers)
	var owner any
	if hers {
		owner = who
	}
	err = t.query(fileMessage, []any{m.GroupID[:], fresh[:], who, row.JSON(m.MemberIDs), m.Kind, m.ChannelID[:], m.Urgent, t.now, roll.ToldBefore(t.now), owner}, func(r *lite.Stmt) error { return r.Scan(&thread, &told) })
	if err != nil {
		return thread, err
	}
	return thread, t.putNotice(gateway.WaitingNotice(m.GroupID, thread, told))
}

const (
	threadsQuery  = "SELECT " + roll.ThreadColumns + " FROM threads WHERE group_id = ?1"
	threadsAfter  = " AND (state, 1 - urgent, -changed_at, id) > (SELECT state, 1 - urgent, -changed_at, id FROM threads WHERE group_id = ?1 AND id = ?3)"
	threadsOrder  = " ORDER BY state, urgent DESC, changed_at DESC, id LIMIT ?2"
	threadByID    = " AND id = ?2"
	threadByWho   = " AND who = ?2"
	threadInbound = `SELECT i.id, i.channel_id, i.members, i.kind, i.from_sealed, i.text_sealed, i.meaning, i.at, i.sealed_for, m.key_sealed, i.reply_to
	FROM inbounds i INDEXED BY inbounds_thread LEFT JOIN members m ON m.group_id = i.group_id AND m.id = i.sealed_for WHERE i.group_id = ? AND i.thread_id = ? ORDER BY i.id DESC LIMIT ?`
	threadReplies = `SELECT r.id, r.text_sealed, r.locale, r.author, r.at, r.sealed_for, m.key_sealed
	FROM thread_replies r LEFT JOIN members m ON m.group_id = r.group_id AND m.id = r.sealed_for WHERE r.group_id = ? AND r.thread_id = ? ORDER BY r.id DESC LIMIT ?`
	openThreads = "SELECT opened_at FROM threads INDEXED BY threads_open WHERE state = 0"
)

// Threads lists a page.
func (s *Store) Threads(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Thread, error) {
	text, args := threadsQuery+threadsOrder, []any{group[:], limit}
	if !after.IsZero() {
		if _, err := s.thread(ctx, group, threadByID, after[:]); err != nil {
			return nil, err
		}
		text, args = threadsQuery+threadsAfter+threadsOrder, append(args, after[:])
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
	return s.whole(ctx, group, threadByID, id[:])
}

// ThreadWith reads a member's.
func (s *Store) ThreadWith(ctx context.Context, group, member gateway.ID) (gateway.Thread, error) {
	return s.whole(ctx, group, threadByWho, member[:])
}

func (s *Store) thread(ctx context.Context, group gateway.ID, by string, which []byte) (gateway.Thread, error) {
	var r roll.StoredThread
	if err := s.one(ctx, "conversation", threadsQuery+by, []any{group[:], which}, r.Into()...); err != nil {
		return r.Thread, err
	}
	return r.Open(group)
}

func (s *Store) whole(ctx context.Context, group gateway.ID, by string, which []byte) (gateway.Thread, error) {
	t, err := s.thread(ctx, group, by, which)
	if err != nil {
		return t, err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return t, err
	}
	inbound, err := list(ctx, s, threadInbound, []any{group[:], t.ID[:], gateway.MostSaid}, func(r *roll.StoredInbound) []any {
		m := &r.Message
		return []any{&m.ID, &m.ChannelID, &r.Members, &m.Kind, &r.From, &r.Text, &m.Meaning, &m.At, &r.Owner, &r.Key, &m.ReplyTo}
	})
	if err != nil {
		return t, err
	}
	replies, err := list(ctx, s, threadReplies, []any{group[:], t.ID[:], gateway.MostSaid}, func(r *roll.StoredReply) []any {
		return []any{&r.Reply.ID, &r.Text, &r.Reply.Locale, &r.Reply.Author, &r.Reply.At, &r.Owner, &r.Key}
	})
	if err != nil {
		return t, err
	}
	return t, roll.OpenSaid(&t, key, inbound, replies)
}

const sentQuery = `SELECT d.no, d.tail, b.id, b.kind, a.point_id, c.id, a.claimed_at, a.refs
	FROM (SELECT no, id, kind FROM broadcasts INDEXED BY broadcasts_id WHERE group_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3) b JOIN groups g ON g.id = ?1
	CROSS JOIN deliveries d INDEXED BY deliveries_once ON d.group_no = g.no AND d.broadcast_no = b.no AND d.member_id = ?4
	CROSS JOIN attempts a ON a.no = d.attempt_no AND d.attempts > 0 JOIN channels c ON c.no = a.channel_no
	WHERE a.state IN (2, 3, 5) AND a.claimed_at BETWEEN ?5 AND ?6 ORDER BY a.claimed_at DESC`

// SentTo lists what left for a member.
func (s *Store) SentTo(ctx context.Context, group, member gateway.ID, from, until time.Time) ([]gateway.SentMessage, error) {
	type sent struct {
		m        gateway.SentMessage
		no, tail int64
		kind     string
		refs     string
	}
	read, err := list(ctx, s, sentQuery, []any{group[:], highest[:], gateway.MostSent, member[:], row.ToMicros(from), row.ToMicros(until)}, func(r *sent) []any {
		return []any{&r.no, &r.tail, &r.m.Broadcast, &r.kind, &r.m.Point, &r.m.Channel, &r.m.At, &r.refs}
	})
	all := make([]gateway.SentMessage, len(read))
	for i, r := range read {
		all[i] = r.m
		all[i].Delivery, all[i].Kind, all[i].Parts = joined(r.no, r.tail), gateway.Kind(r.kind), strings.Fields(r.refs)
	}
	return all, err
}

// OpenThreads counts what is open.
func (s *Store) OpenThreads(ctx context.Context) (n [len(gateway.ThreadAges)]int, err error) {
	now := s.micros()
	err = s.reading(ctx, func(c *lite.Conn) error {
		return query(c, openThreads, nil, func(r *lite.Stmt) error { n[row.ThreadAge(now, r.ColInt(0))]++; return nil })
	})
	return n, err
}

// TurnThread notes that it was read, or closes it.
func (s *Store) TurnThread(ctx context.Context, group, id gateway.ID, closed bool) error {
	return s.write.do(ctx, false, func(t *txn) error {
		text := "UPDATE threads SET unread = 0, unread_at = 0, told_at = 0, read_at = ?3 WHERE group_id = ?1 AND id = ?2"
		if closed {
			text = "UPDATE threads SET unread = 0, unread_at = 0, told_at = 0, changed_at = ?3, state = 2, urgent = 0 WHERE group_id = ?1 AND id = ?2"
		}
		n, err := t.exec(text, group[:], id[:], t.now)
		if err == nil && n == 0 {
			err = row.Missing("conversation")
		}
		return err
	})
}

// PutReply keeps an answer.
func (s *Store) PutReply(ctx context.Context, r gateway.Reply) error {
	key, err := s.groupKey(ctx, r.GroupID)
	if err != nil {
		return err
	}
	return s.write.do(ctx, true, func(t *txn) error {
		there, member := false, gateway.ID{}
		if err := t.query("SELECT member_id FROM threads WHERE group_id = ? AND id = ?", []any{r.GroupID[:], r.ThreadID[:]}, func(q *lite.Stmt) error { there = true; return q.Scan(&member) }); err != nil {
			return err
		}
		if !there {
			return row.Missing("conversation")
		}
		box, owner := key.Box, any(nil)
		if !member.IsZero() {
			if box, there, err = t.boxOf(key, r.GroupID, member); err != nil {
				return err
			}
			if !there {
				return row.Missing("member")
			}
			owner = member[:]
		}
		n, err := t.exec("INSERT INTO thread_replies (group_id, thread_id, id, sealed_for, text_sealed, locale, author, at) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
			r.GroupID[:], r.ThreadID[:], r.ID[:], owner, sealed.Text(box, r.Text, r.ID, "reply"), r.Locale, r.Author, t.now)
		if err != nil || n == 0 {
			return err
		}
		_, err = t.exec("UPDATE threads SET state = CASE WHEN unread > 0 THEN 0 ELSE 1 END, changed_at = ?3 WHERE group_id = ?1 AND id = ?2", r.GroupID[:], r.ThreadID[:], t.now)
		return err
	})
}

// hersQuery finds the conversations that go with a member: her own, those of her addresses, and those that hold something
// she may have written.
const hersQuery = `SELECT id FROM threads WHERE group_id = ?1 AND who = ?2
	UNION SELECT t.id FROM contact_points p JOIN threads t INDEXED BY threads_who ON t.group_id = p.group_id AND t.who = p.address_index WHERE p.group_id = ?1 AND p.member_id = ?2
	UNION SELECT i.thread_id FROM inbound_members m CROSS JOIN inbounds i ON i.group_id = m.group_id AND i.id = m.inbound_id WHERE m.group_id = ?1 AND m.member_id = ?2 AND i.thread_id IS NOT NULL`

// forgetThread deletes a conversation, with the words of answers that may still be on their way.
var forgetThread = [...]string{
	"UPDATE broadcasts SET words_sealed = NULL WHERE group_id = ?1 AND id IN (SELECT id FROM thread_replies WHERE group_id = ?1 AND thread_id = ?2)",
	"DELETE FROM renderings WHERE group_id = ?1 AND broadcast_id IN (SELECT id FROM thread_replies WHERE group_id = ?1 AND thread_id = ?2)",
	"UPDATE inbounds INDEXED BY inbounds_thread SET from_sealed = NULL, text_sealed = NULL WHERE group_id = ?1 AND thread_id = ?2",
	"DELETE FROM thread_replies WHERE group_id = ?1 AND thread_id = ?2",
	"DELETE FROM threads WHERE group_id = ?1 AND id = ?2",
}

// eraseThreads deletes the conversations that go with a member; her addresses are still there.
func (t *txn) eraseThreads(group, member gateway.ID) error {
	var hers []gateway.ID
	if err := t.query(hersQuery, []any{group[:], member[:]}, func(r *lite.Stmt) error {
		hers = append(hers, r.ColID(0))
		return nil
	}); err != nil {
		return err
	}
	for _, id := range hers {
		for _, text := range forgetThread {
			if _, err := t.exec(text, group[:], id[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	overCommands  = "SELECT group_id, id, members FROM inbounds INDEXED BY inbounds_commands WHERE text_sealed IS NOT NULL AND thread_id IS NULL AND meaning <> '' AND at <= ?1 AND (?2 IS NULL OR group_id = ?2) LIMIT ?3"
	forgetReplies = "DELETE FROM thread_replies WHERE (group_id, thread_id, id) IN (SELECT group_id, thread_id, id FROM thread_replies WHERE at <= ?1 AND (?2 IS NULL OR group_id = ?2) LIMIT ?3)"
	forgetThreads = "DELETE FROM threads WHERE (group_id, id) IN (SELECT group_id, id FROM threads WHERE changed_at <= ?1 AND (?2 IS NULL OR group_id = ?2) LIMIT ?3)"
)

// retainThreads deletes what of conversations is over, and of commands, at most limit rows of each kind; most is the largest
// number of one.
func (t *txn) retainThreads(limit int) (n, most int, err error) {
	keeps := []roll.Retention{{Messages: gateway.KeepConversations, Commands: gateway.KeepCommands}}
	if err := t.query("SELECT id, replies FROM groups WHERE replies <> ''", nil, func(r *lite.Stmt) error {
		return roll.Shorter(&keeps, r.ColID(0), r.ColText(1))
	}); err != nil {
		return 0, 0, err
	}
	for _, k := range keeps {
		var group any
		if !k.Group.IsZero() {
			group = k.Group[:]
		}
		for _, over := range [...]struct {
			text string
			keep time.Duration
			do   func(text string, args ...any) (int, error)
		}{{overCommands, k.Commands, t.forgetInbounds}, {overInbounds, k.Messages, t.forgetInbounds}, {forgetReplies, k.Messages, t.exec}, {forgetThreads, k.Messages, t.exec}} {
			deleted, err := over.do(over.text, t.now-over.keep.Microseconds(), group, limit)
			if err != nil {
				return n, most, err
			}
			n, most = n+deleted, max(most, deleted)
		}
	}
	return n, most, nil
}

// forgetInbounds takes out of the messages that a query finds what they said and who may have said it: what is left, so that a
// provider's repetition is known, belongs to nobody.
func (t *txn) forgetInbounds(text string, args ...any) (int, error) {
	type found struct {
		group, id gateway.ID
		members   string
	}
	var over []found
	if err := t.query(text, args, func(r *lite.Stmt) error {
		over = append(over, found{r.ColID(0), r.ColID(1), r.ColText(2)})
		return nil
	}); err != nil {
		return 0, err
	}
	for _, f := range over {
		var members []gateway.ID
		if err := fromJSON(f.members, &members); err != nil {
			return 0, err
		}
		for _, m := range members {
			if _, err := t.exec("DELETE FROM inbound_members WHERE group_id = ? AND member_id = ? AND inbound_id = ?", f.group[:], m[:], f.id[:]); err != nil {
				return 0, err
			}
		}
		if _, err := t.exec(forgetInbound, f.group[:], f.id[:]); err != nil {
			return 0, err
		}
	}
	return len(over), nil
}

var (
	_ gateway.Conversations = (*Store)(nil)
	_ gateway.Answers       = (*Store)(nil)
)
