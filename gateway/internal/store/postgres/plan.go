package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

const (
	cursorStatement = "UPDATE broadcasts SET cursor = $4, planned = planned + $5, state = $6 WHERE group_id = $1 AND id = $2 AND cursor = $3 AND state = 'planning'"
	renderStatement = "INSERT INTO renderings (group_id, broadcast_id, locale, kind, neutral, cost, parts, parts_sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
)

var planStatement = `INSERT INTO deliveries (id, group_id, broadcast_id, member_id, point_id, channel_id, attempt_id, due_at, move_at, expires_at, quiet_until, attempts, tries, resends, first_part, lane, state, neutral, locale, reason, detail)
	SELECT u.id, $2, $3, u.member_id, u.point_id, u.channel_id, '00000000-0000-0000-0000-000000000000', u.due_at, CASE WHEN u.state = 0 AND $6::bigint > 0 THEN greatest(u.due_at, ` + nowSQL("$5") + `) + $6::bigint ELSE 0 END, u.expires_at, u.quiet_until, 0, 0, 0, 0, $4::smallint, u.state, u.neutral, u.locale, u.reason, u.detail
	FROM unnest($1::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::bigint[], $11::smallint[], $12::boolean[], $13::text[], $14::text[], $15::text[], $16::bigint[], $17::bigint[])
		AS u (id, member_id, point_id, channel_id, due_at, state, neutral, locale, reason, detail, expires_at, quiet_until)`

// Plan writes a chunk and its cursor. Of two processes that plan one broadcast, the second waits for the first one's
// chunk, and finds that the cursor has gone on.
func (s *Store) Plan(ctx context.Context, c gateway.Chunk) error {
	if len(c.Deliveries) > gateway.MaxChunk {
		return fmt.Errorf("a chunk has %d deliveries; %d is the most", len(c.Deliveries), gateway.MaxChunk)
	}
	key, err := s.groupKey(ctx, c.Group)
	if err != nil {
		return err
	}
	return s.transact(ctx, c.Lane == gateway.Urgent, func(t *txn) (bool, error) {
		batch := &pgx.Batch{}
		if err := t.queueChunk(batch, &c, key); err != nil {
			return false, err
		}
		if err := t.begin(batch); err != nil {
			return false, err
		}
		if err := t.knowChannels(&c); err != nil {
			return false, err
		}
		return t.commit()
	})
}

// queueChunk queues the writing of a chunk and its cursor.
func (t *txn) queueChunk(batch *pgx.Batch, c *gateway.Chunk, key *seal.Group) error {
	state := gateway.Planning
	if c.Last {
		state = gateway.Planned
	}
	batch.Queue(cursorStatement, c.Group, c.Broadcast, c.After, c.Cursor, len(c.Deliveries), string(state)).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 {
			return gateway.ErrStale
		}
		return nil
	})
	if err := t.queueRenderings(batch, c.Renderings, key); err != nil {
		return err
	}
	t.queueDeliveries(batch, c)
	return nil
}

// knowChannels refuses a chunk with a channel that is not there.
func (t *txn) knowChannels(c *gateway.Chunk) error {
	for i := range c.Deliveries {
		if _, err := t.ChannelNo(c.Deliveries[i].Channel); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) queueRenderings(batch *pgx.Batch, renderings []gateway.Rendering, key *seal.Group) error {
	for _, r := range renderings {
		parts, err := sealed.Parts(key, &r)
		if err != nil {
			return err
		}
		batch.Queue(renderStatement, r.GroupID, r.BroadcastID, r.Locale, r.Kind, r.Neutral, r.Cost, len(r.Parts), parts)
	}
	return nil
}

// queueDeliveries queues the writing of a chunk's deliveries, and counts them.
func (t *txn) queueDeliveries(batch *pgx.Batch, c *gateway.Chunk) {
	all := c.Deliveries
	if len(all) == 0 {
		return
	}
	type one = gateway.NewDelivery
	for i := range all {
		state := gateway.Waiting
		if all[i].Reason != "" {
			state = gateway.Ended
		}
		t.tally(tallyKey{c.Group, c.Broadcast, all[i].Channel, state, all[i].Reason}, 1)
	}
	batch.Queue(planStatement, column(all, func(d one) gateway.ID { return d.ID }), c.Group, c.Broadcast, int16(c.Lane), t.s.fixed(), c.MoveAfter.Microseconds(),
		column(all, func(d one) gateway.ID { return d.MemberID }), column(all, func(d one) gateway.ID { return d.Point }), column(all, func(d one) gateway.ID { return d.Channel }),
		column(all, func(d one) int64 {
			if d.Reason != "" {
				return 0
			}
			return row.ToMicros(d.Due)
		}),
		column(all, func(d one) int16 {
			if d.Reason != "" {
				return row.Ended
			}
			return row.Waiting
		}),
		column(all, func(d one) bool { return d.Neutral }), column(all, func(d one) string { return d.Locale }), column(all, func(d one) string { return string(d.Reason) }), column(all, func(d one) string { return d.Detail }),
		column(all, func(d one) int64 { return row.ToMicros(d.Expires) }), column(all, func(d one) int64 { return row.ToMicros(d.Quiet) }))
}

// Tallies counts a broadcast's deliveries by channel and state.
func (s *Store) Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error) {
	return list(ctx, s, "SELECT channel_id, state, reason, SUM(n)::bigint FROM tallies WHERE group_id = $1 AND broadcast_id = $2 GROUP BY channel_id, state, reason HAVING SUM(n) <> 0 ORDER BY channel_id, state, reason",
		[]any{group, broadcast}, func(t *gateway.Tally) []any {
			return []any{&t.ChannelID, (*string)(&t.State), (*string)(&t.Reason), &t.Count}
		})
}

// Backlog counts the waiting deliveries of each channel by lane, from the tallies of broadcasts that are not over.
func (s *Store) Backlog(ctx context.Context) (map[gateway.ID][len(gateway.Lanes)]int, error) {
	backlog := map[gateway.ID][len(gateway.Lanes)]int{}
	err := s.query(ctx, `SELECT t.channel_id, b.lane, SUM(t.n)::bigint FROM broadcasts b JOIN tallies t ON t.group_id = b.group_id AND t.broadcast_id = b.id
	WHERE NOT b.lapsed AND t.state = 'waiting' GROUP BY t.channel_id, b.lane HAVING SUM(t.n) <> 0`, nil, func(r pgx.Rows) error {
		var id gateway.ID
		var lane, n int
		err := r.Scan(&id, &lane, &n)
		lanes := backlog[id]
		lanes[lane] = n
		backlog[id] = lanes
		return err
	})
	return backlog, err
}
