package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Replace puts a channel in the place of another.
func (s *Store) Replace(ctx context.Context, old, by gateway.ID) error {
	return s.write.do(ctx, true, func(t *txn) error {
		none := gateway.ID{}
		for _, change := range [][2]gateway.ID{{by, none}, {old, by}} {
			n, err := t.exec("UPDATE channels SET replaced_by = ? WHERE id = ? AND former = ''", change[1][:], change[0][:])
			if err == nil && n == 0 {
				err = gateway.Faultf(gateway.CodeNotFound, "there is no such channel")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// inheritedQuery finds what waits on a channel and may leave over another: nothing of it can be with the channel's provider.
const inheritedQuery = `SELECT d.no, d.broadcast_no FROM deliveries d WHERE d.channel_no = ?1 AND d.lane = ?2 AND d.state = 0 AND d.group_no = ?3
	AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.no = d.attempt_no AND d.attempts > 0 AND a.channel_no = d.channel_no AND a.point_id = d.point_id AND a.state <> ?4)
	ORDER BY d.due_at LIMIT ?5`

// TakeOver moves what waits on replaced channels.
func (s *Store) TakeOver(ctx context.Context, limit int) ([]gateway.ID, error) {
	type pair struct{ old, heir gateway.ID }
	pairs, err := list(ctx, s, "SELECT id, replaced_by FROM channels WHERE replaced_by <> x'00000000000000000000000000000000'", nil, func(p *pair) []any { return []any{&p.old, &p.heir} })
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	var got []gateway.ID
	err = s.write.do(ctx, false, func(t *txn) error {
		left := limit
		got = nil
		for _, p := range pairs {
			to, err := t.channelNo(p.heir)
			if err != nil {
				return err
			}
			before := left
			for _, lane := range gateway.Lanes {
				if err := s.groupsIn(t.Conn, p.old, lane, func(from, group int64) error {
					n, err := t.inherit(from, to, group, lane, left)
					left -= n
					return err
				}); err != nil {
					return err
				}
			}
			if left < before {
				got = append(got, p.heir)
			}
		}
		return nil
	})
	return got, err
}

func (t *txn) inherit(from, to, group int64, lane gateway.Lane, limit int) (n int, err error) {
	type waiting struct{ no, broadcast int64 }
	var all []waiting
	r := t.Prepare(inheritedQuery).Int(1, from).Int(2, int64(lane)).Int(3, group).Int(4, int64(gateway.Refused)).Int(5, int64(limit))
	for r.Step() {
		all = append(all, waiting{r.ColInt(0), r.ColInt(1)})
	}
	if err := r.Reset(); err != nil {
		return 0, fmt.Errorf("looking for what waits: %w", err)
	}
	for _, d := range all {
		if err := t.Prepare("UPDATE deliveries SET channel_no = ? WHERE no = ?").Int(1, to).Int(2, d.no).Run(); err != nil {
			return n, fmt.Errorf("writing a delivery: %w", err)
		}
		t.tally(group, d.broadcast, from, gateway.Waiting, "", -1)
		t.tally(group, d.broadcast, to, gateway.Waiting, "", 1)
		n++
	}
	return n, nil
}

// needQuery says what still needs a channel: the channel that it is in the place of, and what waits on it, unless its broadcast is
// stopped, and is under way.
const needQuery = `SELECT COALESCE((SELECT name FROM channels WHERE replaced_by = ?2 AND former = '' LIMIT 1), ''),
	(SELECT COUNT(*) FROM deliveries d WHERE d.channel_no = ?1 AND d.state = 0 AND NOT EXISTS (SELECT 1 FROM broadcasts b WHERE b.no = d.broadcast_no AND b.stopped = 1))
	+ (SELECT COUNT(*) FROM deliveries d INDEXED BY deliveries_capped WHERE d.state = 5 AND d.channel_no = ?1),
	(SELECT COUNT(*) FROM attempts INDEXED BY attempts_claimed WHERE state = 1 AND until > 0 AND channel_no = ?1)
	+ (SELECT COUNT(*) FROM attempts INDEXED BY attempts_doubt WHERE state = 2 AND until > 0 AND channel_no = ?1)
	+ (SELECT COUNT(*) FROM attempts INDEXED BY attempts_unconfirmed WHERE state = 3 AND until > 0 AND left_behind = 0 AND channel_no = ?1)`

// DeleteChannel takes a channel away and leaves its id.
func (s *Store) DeleteChannel(ctx context.Context, id gateway.ID, by string) error {
	return s.write.do(ctx, true, func(t *txn) error {
		var no int64
		var owner gateway.ID
		var name, heirTo string
		var waiting, underway int
		if err := t.query("SELECT no, group_id, name FROM channels WHERE id = ? AND former = ''", []any{id[:]}, func(r *lite.Stmt) error { return r.Scan(&no, &owner, &name) }); err != nil {
			return err
		}
		if no == 0 {
			return row.Missing("channel")
		}
		if err := t.query(needQuery, []any{no, id[:]}, func(r *lite.Stmt) error { return r.Scan(&heirTo, &waiting, &underway) }); err != nil {
			return err
		}
		if err := row.Undeletable(name, heirTo, waiting, underway); err != nil {
			return err
		}
		clear(t.w.money.priced)
		none := gateway.ID{}
		keyID, nothing := s.ring.Wrap([]byte("{}"), sealed.Place(id, "options"))
		for _, step := range []struct {
			text string
			args []any
		}{
			{"UPDATE channels SET former = name, name = ?, deleted_at = ?, deleted_by = ?, key_id = ?, options_sealed = ?, paused = '', paused_until = 0, code = '', detail = '', since = 0, routine_only = 0, cursor = '', gap_from = 0, gap_until = 0, gap_reason = '', replaced_by = ? WHERE no = ?",
				[]any{id.String(), t.now, by, keyID, nothing, none[:], no}},
			{"UPDATE incidents SET closed_at = ?, closed_by = ? WHERE channel_id = ? AND closed_at = 0", []any{t.now, by, id[:]}},
			{"DELETE FROM owner_notices WHERE avoid = ? AND told_at = 0", []any{id[:]}},
			{"DELETE FROM strikes WHERE channel_id = ?", []any{id[:]}},
			{"DELETE FROM channel_errors WHERE channel_id = ?", []any{id[:]}},
			{"DELETE FROM prices WHERE owner_id = ? AND channel = ?", []any{owner[:], name}},
		} {
			if _, err := t.exec(step.text, step.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

const formerQuery = "SELECT id, group_id, former, adapter, kind, deleted_at, deleted_by FROM channels WHERE former <> '' ORDER BY id"

// FormerChannels lists the channels that were deleted.
func (s *Store) FormerChannels(ctx context.Context) ([]gateway.FormerChannel, error) {
	return list(ctx, s, formerQuery, nil, func(c *gateway.FormerChannel) []any {
		return []any{&c.ID, &c.GroupID, &c.Name, &c.Adapter, &c.Kind, &c.DeletedAt, &c.DeletedBy}
	})
}

const strandedQuery = "SELECT d.no, d.tail FROM channels c CROSS JOIN deliveries d ON d.channel_no = c.no AND d.state = 0 AND d.due_at <= ? WHERE c.former <> '' LIMIT ?"

// Stranded lists what is due on channels that were deleted.
func (s *Store) Stranded(ctx context.Context, limit int) ([]gateway.Claim, error) {
	var ids []gateway.ID
	err := s.reading(ctx, func(c *lite.Conn) error {
		var err error
		ids, err = pairs(c, strandedQuery, s.micros(), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for what waits on deleted channels: %w", err)
	}
	return s.cases(ctx, waitingQuery, ids)
}
