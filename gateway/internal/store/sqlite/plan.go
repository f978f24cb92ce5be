package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Plan writes a chunk and its cursor.
func (s *Store) Plan(ctx context.Context, c gateway.Chunk) error {
	if len(c.Deliveries) > gateway.MaxChunk {
		return fmt.Errorf("a chunk has %d deliveries; %d is the most", len(c.Deliveries), gateway.MaxChunk)
	}
	key, err := s.groupKey(ctx, c.Group)
	if err != nil {
		return err
	}
	return s.write.do(ctx, c.Lane == gateway.Urgent, func(t *txn) error { return t.plan(&c, key) })
}

func (t *txn) plan(c *gateway.Chunk, key *seal.Group) error {
	group, err := t.w.store.groups.no(t.Conn, c.Group)
	if err != nil {
		return err
	}
	var broadcast int64
	if err := t.query("SELECT no FROM broadcasts WHERE group_id = ? AND id = ? AND cursor = ? AND state = 'planning'", []any{c.Group[:], c.Broadcast[:], c.After[:]}, func(r *lite.Stmt) error {
		return r.Scan(&broadcast)
	}); err != nil {
		return err
	}
	if broadcast == 0 {
		return gateway.ErrStale
	}
	state := gateway.Planning
	if c.Last {
		state = gateway.Planned
	}
	if _, err := t.exec("UPDATE broadcasts SET cursor = ?, planned = planned + ?, state = ? WHERE no = ?", c.Cursor[:], len(c.Deliveries), string(state), broadcast); err != nil {
		return err
	}
	for _, r := range c.Renderings {
		if err := t.putRendering(r, key); err != nil {
			return err
		}
	}
	if err := t.putDeliveries(c, group, broadcast); err != nil {
		return fmt.Errorf("writing deliveries: %w", err)
	}
	return nil
}

var (
	planWaiting = repeated("INSERT OR FAIL INTO deliveries (group_no, broadcast_no, lane, state, attempts, tries, resends, first_part, reason, detail, no, tail, member_id, point_id, channel_no, locale, neutral, due_at, move_at, expires_at, quiet_until, attempt_no) VALUES ",
		"(?1, ?2, ?3, 0, 0, 0, 0, 0, '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "")
	planEnded = "INSERT INTO deliveries (group_no, broadcast_no, lane, move_at, state, attempts, tries, resends, first_part, due_at, no, tail, member_id, point_id, channel_no, locale, neutral, attempt_no, reason, detail) VALUES (?, ?, ?, 0, 2, 0, 0, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

func (t *txn) putDeliveries(c *gateway.Chunk, group, broadcast int64) error {
	waiting := make([]*gateway.NewDelivery, 0, len(c.Deliveries))
	counts := map[int64]int{}
	for i := range c.Deliveries {
		d := &c.Deliveries[i]
		if d.Reason == "" {
			waiting = append(waiting, d)
			continue
		}
		channel, err := t.channelNo(d.Channel)
		if err != nil {
			return err
		}
		no, tail := halves(d.ID)
		s := t.Prepare(planEnded).Int(1, group).Int(2, broadcast).Int(3, int64(c.Lane)).Int(4, no).Int(5, tail).Key(6, d.MemberID).ID(7, d.Point)
		s.Int(8, channel).Text(9, d.Locale).Bool(10, d.Neutral).Int(11, no).Text(12, string(d.Reason)).Text(13, d.Detail)
		if err := s.Run(); err != nil {
			return err
		}
		t.tally(group, broadcast, channel, gateway.Ended, d.Reason, 1)
	}
	var last gateway.ID
	var channel int64
	err := inBatches(len(waiting), func(lo, hi int) error {
		s := t.Prepare(planWaiting[hi-lo]).Int(1, group).Int(2, broadcast).Int(3, int64(c.Lane))
		for _, d := range waiting[lo:hi] {
			if d.Channel != last || channel == 0 {
				var err error
				if channel, err = t.channelNo(d.Channel); err != nil {
					_ = s.Reset()
					return err
				}
				last = d.Channel
			}
			counts[channel]++
			no, tail := halves(d.ID)
			i := s.Next()
			s.Int(i, no).Int(i+1, tail).Key(i+2, d.MemberID).ID(i+3, d.Point).Int(i+4, channel).Text(i+5, d.Locale).Bool(i+6, d.Neutral).Int(i+7, row.ToMicros(d.Due)).Int(i+8, row.MoveAt(c, d, t.now)).Int(i+9, row.ToMicros(d.Expires)).Int(i+10, row.ToMicros(d.Quiet)).Int(i+11, no)
		}
		return s.Run()
	})
	for channel, n := range counts {
		t.tally(group, broadcast, channel, gateway.Waiting, "", n)
	}
	return err
}

// channelNo gives a channel's number; 0 for none.
func (t *txn) channelNo(id gateway.ID) (int64, error) {
	if id.IsZero() {
		return 0, nil
	}
	no, err := t.w.store.channels.no(t.Conn, id)
	if err == nil && no == 0 {
		err = row.Missing("channel")
	}
	return no, err
}

func (t *txn) putRendering(r gateway.Rendering, key *seal.Group) error {
	parts, err := sealed.Parts(key, &r)
	if err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO renderings (group_id, broadcast_id, locale, kind, neutral, cost, parts, parts_sealed) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
		r.GroupID[:], r.BroadcastID[:], r.Locale, r.Kind, r.Neutral, r.Cost, len(r.Parts), parts)
	return err
}

// Rendering reads one frozen text.
func (s *Store) Rendering(ctx context.Context, group, broadcast gateway.ID, locale, kind string, neutral bool) (gateway.Rendering, error) {
	r := gateway.Rendering{BroadcastID: broadcast, GroupID: group, Locale: locale, Kind: kind, Neutral: neutral}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return r, err
	}
	var parts []byte
	if err := s.one(ctx, "rendering", "SELECT cost, parts_sealed FROM renderings WHERE group_id = ? AND broadcast_id = ? AND locale = ? AND kind = ? AND neutral = ?",
		[]any{group[:], broadcast[:], locale, kind, neutral}, &r.Cost, &parts); err != nil {
		return r, err
	}
	return r, sealed.OpenParts(key, &r, parts)
}

// tallyKey names one counter.
type tallyKey struct {
	group, broadcast, channel int64
	state                     gateway.DeliveryState
	reason                    gateway.Reason
}

// tally notes that n deliveries entered (or, below zero, left) a state; the transaction writes the sums at its end.
func (t *txn) tally(group, broadcast, channel int64, state gateway.DeliveryState, reason gateway.Reason, n int) {
	if t.tallies == nil {
		t.tallies = map[tallyKey]int{}
	}
	t.tallied++
	t.tallies[tallyKey{group, broadcast, channel, state, reason}] += n
}

func (t *txn) flushTallies() error {
	for k, n := range t.tallies {
		if n == 0 {
			continue
		}
		s := t.Prepare("INSERT INTO tallies (group_no, broadcast_no, channel_no, state, reason, n) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT DO UPDATE SET n = n + ?6")
		s.Int(1, k.group).Int(2, k.broadcast).Int(3, k.channel).Text(4, string(k.state)).Text(5, string(k.reason)).Int(6, int64(n))
		if err := s.Run(); err != nil {
			return fmt.Errorf("writing tallies: %w", err)
		}
	}
	return nil
}

// Tallies counts a broadcast's deliveries by channel and state.
func (s *Store) Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error) {
	all := []gateway.Tally{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		no, err := broadcastNo(c, group, broadcast)
		if err != nil || no == 0 {
			return err
		}
		groupNo, err := s.groups.no(c, group)
		if err != nil {
			return err
		}
		return query(c, "SELECT channel_no, state, reason, n FROM tallies WHERE group_no = ? AND broadcast_no = ? AND n <> 0", []any{groupNo, no}, func(r *lite.Stmt) error {
			t := gateway.Tally{State: gateway.DeliveryState(r.ColText(1)), Reason: gateway.Reason(r.ColText(2)), Count: int(r.ColInt(3))}
			t.ChannelID, err = s.channels.id(c, r.ColInt(0))
			all = append(all, t)
			return err
		})
	})
	return all, err
}

// Backlog counts the waiting deliveries of each channel by lane, from the tallies.
func (s *Store) Backlog(ctx context.Context) (map[gateway.ID][len(gateway.Lanes)]int, error) {
	backlog := map[gateway.ID][len(gateway.Lanes)]int{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, "SELECT t.channel_no, b.lane, SUM(t.n) FROM tallies t JOIN broadcasts b ON b.no = t.broadcast_no WHERE t.state = 'waiting' AND t.n <> 0 GROUP BY t.channel_no, b.lane", nil, func(r *lite.Stmt) error {
			id, err := s.channels.id(c, r.ColInt(0))
			lanes := backlog[id]
			lanes[r.ColInt(1)] = int(r.ColInt(2))
			backlog[id] = lanes
			return err
		})
	})
	return backlog, err
}

// broadcastNo gives the number of a group's broadcast; 0 if there is none.
func broadcastNo(c *lite.Conn, group, id gateway.ID) (no int64, err error) {
	err = query(c, "SELECT no FROM broadcasts WHERE group_id = ? AND id = ?", []any{group[:], id[:]}, func(r *lite.Stmt) error { return r.Scan(&no) })
	return no, err
}
