package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// The values of deliveries.state; the rest follows from the newest attempt.
const (
	rowWaiting = 0
	rowFollows = 1
	rowEnded   = 2
	rowArrived = 3 // by an attempt that is not the newest
)

// Plan writes a chunk and its cursor.
func (s *Store) Plan(ctx context.Context, c gateway.Chunk) error {
	if len(c.Deliveries) > gateway.MaxChunk {
		return fmt.Errorf("a chunk has %d deliveries; %d is the most", len(c.Deliveries), gateway.MaxChunk)
	}
	key, err := s.groupKey(ctx, s.read, c.Group)
	if err != nil {
		return err
	}
	return s.write.do(ctx, c.Lane == gateway.Urgent, len(c.Deliveries), func(t *txn) error { return t.plan(c, key) })
}

func (t *txn) plan(c gateway.Chunk, key *seal.Group) error {
	state := gateway.Planning
	if c.Last {
		state = gateway.Planned
	}
	n, err := t.exec("UPDATE broadcasts SET cursor = ?, planned = planned + ?, state = ? WHERE group_id = ? AND id = ? AND cursor = ? AND state = 'planning'",
		c.Cursor[:], len(c.Deliveries), string(state), c.Group[:], c.Broadcast[:], c.After[:])
	if err != nil {
		return err
	}
	if n == 0 {
		return gateway.ErrStale
	}
	for _, r := range c.Renderings {
		if err := t.putRendering(r, key); err != nil {
			return err
		}
	}
	var move any
	if c.MoveAfter > 0 {
		move = t.now + c.MoveAfter.Microseconds()
	}
	err = inBatches(len(c.Deliveries), func(lo, hi int) error {
		rows := c.Deliveries[lo:hi]
		args := make([]any, 0, 4+9*len(rows))
		args = append(args, c.Group[:], c.Broadcast[:], int(c.Lane), move)
		for i := range rows {
			d := &rows[i]
			state, due := rowWaiting, any(toMicros(d.Due))
			if d.Reason != "" {
				state, due = rowEnded, nil
			}
			args = append(args, d.ID[:], d.MemberID[:], d.Locale, flags(d.Neutral, state), bytesOf(d.Channel), bytesOf(d.Point), due, string(d.Reason), d.Detail)
		}
		_, err := t.exec(planStatement(len(rows)), args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing deliveries: %w", err)
	}
	for _, d := range c.Deliveries {
		to := gateway.Waiting
		if d.Reason != "" {
			to = gateway.Ended
		}
		t.tally(c.Group, c.Broadcast, d.Channel, to, d.Reason, 1)
	}
	return nil
}

// flags packs two small columns into one argument: neutral is bit 2, the state the bits below.
func flags(neutral bool, state int) int {
	if neutral {
		return 4 | state
	}
	return state
}

// planStatement inserts rows that share group, broadcast, lane and deadline.
func planStatement(rows int) string {
	return `INSERT INTO deliveries (group_id, broadcast_id, lane, move_at, id, member_id, locale, neutral, state, channel_id, point_id, due_at, reason, detail,
		attempt_id, attempts, tries, resends, first_part)
		SELECT s.*, v.column1, v.column2, v.column3, v.column4 >> 2, v.column4 & 3, v.column5, v.column6, v.column7, v.column8, v.column9, NULL, 0, 0, 0, 0
		FROM (SELECT ?, ?, ?, ?) s, (VALUES ` + values(rows, 9) + ") v"
}

func (t *txn) putRendering(r gateway.Rendering, key *seal.Group) error {
	plain, err := json.Marshal(r.Parts)
	if err != nil {
		return err
	}
	sealed := key.Box.Seal(plain, place(r.BroadcastID, "rendering"))
	_, err = t.exec("INSERT INTO renderings (group_id, broadcast_id, locale, kind, neutral, cost, parts, parts_sealed) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
		r.GroupID[:], r.BroadcastID[:], r.Locale, r.Kind, r.Neutral, r.Cost, len(r.Parts), sealed)
	return err
}

// Rendering reads one frozen text.
func (s *Store) Rendering(ctx context.Context, group, broadcast gateway.ID, locale, kind string, neutral bool) (gateway.Rendering, error) {
	r := gateway.Rendering{BroadcastID: broadcast, GroupID: group, Locale: locale, Kind: kind, Neutral: neutral}
	key, err := s.groupKey(ctx, s.read, group)
	if err != nil {
		return r, err
	}
	var sealed []byte
	err = one(s.read.QueryRowContext(ctx, "SELECT cost, parts_sealed FROM renderings WHERE group_id = ? AND broadcast_id = ? AND locale = ? AND kind = ? AND neutral = ?",
		group[:], broadcast[:], locale, kind, neutral), "rendering", &r.Cost, &sealed)
	if err != nil {
		return r, err
	}
	plain, err := key.Box.Open(sealed, place(broadcast, "rendering"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(plain, &r.Parts)
}

// tallyKey names one counter.
type tallyKey struct {
	group, broadcast, channel gateway.ID
	state                     gateway.DeliveryState
	reason                    gateway.Reason
}

// tally notes that n deliveries entered (or, below zero, left) a state; the transaction writes the sums at its end.
func (t *txn) tally(group, broadcast, channel gateway.ID, state gateway.DeliveryState, reason gateway.Reason, n int) {
	if t.tallies == nil {
		t.tallies = map[tallyKey]int{}
	}
	t.tallies[tallyKey{group, broadcast, channel, state, reason}] += n
}

func (t *txn) flushTallies() error {
	for k, n := range t.tallies {
		if n == 0 {
			continue
		}
		_, err := t.exec("INSERT INTO tallies (group_id, broadcast_id, channel_id, state, reason, n) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT DO UPDATE SET n = n + ?6",
			k.group[:], k.broadcast[:], k.channel[:], string(k.state), string(k.reason), n)
		if err != nil {
			return fmt.Errorf("writing tallies: %w", err)
		}
	}
	return nil
}

// Tallies counts a broadcast's deliveries by channel and state.
func (s *Store) Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT channel_id, state, reason, n FROM tallies WHERE group_id = ? AND broadcast_id = ? AND n <> 0", group[:], broadcast[:])
	if err != nil {
		return nil, err
	}
	return collect(rows, func(t *gateway.Tally) []any {
		return []any{scanID(&t.ChannelID), (*string)(&t.State), (*string)(&t.Reason), &t.Count}
	})
}

// collect reads all rows; columns names where the columns of one go.
func collect[T any](rows *sql.Rows, columns func(*T) []any) ([]T, error) {
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		var one T
		if err := rows.Scan(columns(&one)...); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// Backlog counts the waiting deliveries of each channel, from the tallies.
func (s *Store) Backlog(ctx context.Context) (map[gateway.ID]int, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT channel_id, SUM(n) FROM tallies WHERE state = 'waiting' GROUP BY channel_id")
	if err != nil {
		return nil, err
	}
	type row struct {
		channel gateway.ID
		n       int
	}
	read, err := collect(rows, func(r *row) []any { return []any{scanID(&r.channel), &r.n} })
	backlog := make(map[gateway.ID]int, len(read))
	for _, r := range read {
		backlog[r.channel] = r.n
	}
	return backlog, err
}
