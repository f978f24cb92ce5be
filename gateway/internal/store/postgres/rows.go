package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

type (
	attempt  = row.Attempt[gateway.ID]
	delivery = row.Delivery[gateway.ID]
)

const attemptColumns = "a.id, a.group_id, a.broadcast_id, a.delivery_id, a.previous_id, a.channel_id, a.point_id, a.nth, a.state, a.token, a.until, a.parts, a.first_part, a.left_behind, a.arrived, a.cost, a.claimed_at, a.settled_at, a.refs, a.refusal, a.price_no, a.said"

// attemptInto names where attemptColumns go.
func attemptInto(a *attempt) []any {
	return []any{&a.No, &a.Group, &a.Broadcast, &a.Delivery, &a.Previous, &a.Channel, &a.Point, &a.Nth, (*int)(&a.State), &a.Token, &a.Until, &a.Parts, &a.FirstPart, &a.Left, &a.Arrived, &a.Cost, &a.ClaimedAt, &a.SettledAt, &a.Refs, &a.Refusal, &a.Price, (*int)(&a.Said)}
}

const deliveryColumns = "d.id, d.group_id, d.broadcast_id, d.member_id, d.point_id, d.channel_id, d.lane, d.locale, d.neutral, d.state, d.due_at, d.move_at, d.attempt_id, d.attempts, d.tries, d.resends, d.first_part, d.reason, d.detail, d.expires_at, d.quiet_until"

// deliveryInto names where deliveryColumns go.
func deliveryInto(d *delivery) []any {
	return []any{&d.No, &d.Group, &d.Broadcast, &d.Member, &d.Point, &d.Channel, (*int)(&d.Lane), &d.Locale, &d.Neutral, &d.State, &d.Due, &d.Move, &d.Attempt, &d.Attempts, &d.Tries, &d.Resends, &d.FirstPart, (*string)(&d.Reason), &d.Detail, &d.Expires, &d.Quiet}
}

// rows are what a transaction has locked, by identifier, and which of them it writes back.
type rows struct {
	attempts   map[gateway.ID]*attempt
	deliveries map[gateway.ID]*delivery
	progressed map[gateway.ID]bool // attempts that changed as they do while all goes well
	changedA   map[gateway.ID]bool // attempts that changed otherwise
	changedD   map[gateway.ID]bool
	granted    []*attempt // new ones
	refs       []ref
	points     []turned
	owners     map[gateway.ID]gateway.ID // of broadcasts met
	stopped    map[gateway.ID]bool       // broadcasts that were looked at again
	fits       map[gateway.ID]bool       // channels of sensitive texts, see pointer
}

func newRows() rows {
	return rows{attempts: map[gateway.ID]*attempt{}, deliveries: map[gateway.ID]*delivery{}, progressed: map[gateway.ID]bool{}, changedA: map[gateway.ID]bool{}, changedD: map[gateway.ID]bool{}, owners: map[gateway.ID]gateway.ID{}, stopped: map[gateway.ID]bool{}, fits: map[gateway.ID]bool{}}
}

// takeAttempts queues the locking of attempts; the statement selects attemptColumns.
func (t *txn) takeAttempts(batch *pgx.Batch, text string, args ...any) {
	batch.Queue(text, args...).Query(func(r pgx.Rows) error {
		return each(r, nil, func(r pgx.Rows) error {
			a := &attempt{}
			err := r.Scan(attemptInto(a)...)
			t.attempts[a.No], t.owners[a.Broadcast] = a, a.Group
			return err
		})
	})
}

// takeDeliveries queues the locking of deliveries; the statement selects deliveryColumns.
func (t *txn) takeDeliveries(batch *pgx.Batch, text string, args ...any) {
	batch.Queue(text, args...).Query(func(r pgx.Rows) error {
		return each(r, nil, func(r pgx.Rows) error {
			d := &delivery{}
			err := r.Scan(deliveryInto(d)...)
			t.deliveries[d.No], t.owners[d.Broadcast] = d, d.Group
			return err
		})
	})
}

const (
	lockAttempts   = "SELECT " + attemptColumns + " FROM attempts a WHERE a.id = ANY ($1) ORDER BY a.id FOR UPDATE"
	lockDeliveries = "SELECT " + deliveryColumns + " FROM deliveries d WHERE d.id = ANY ($1) ORDER BY d.id FOR UPDATE"
)

// errMore says that a transaction needs rows that it has not locked in their turn: it begins anew and takes them.
var errMore = fmt.Errorf("more rows are needed")

// deliveryOf gives the delivery of an attempt, which must be locked.
func (t *txn) deliveryOf(a *attempt) (*delivery, error) {
	d := t.deliveries[a.Delivery]
	if d == nil {
		return nil, errMore
	}
	return d, nil
}

// Micros is the clock of the transaction. What follows is row.World.
func (t *txn) Micros() int64 { return t.now }

// ChannelNo makes sure that a channel is there.
func (t *txn) ChannelNo(id gateway.ID) (gateway.ID, error) {
	if id.IsZero() || t.s.memory.channel(id) {
		return id, nil
	}
	found := false
	err := t.query("SELECT 1 FROM channels WHERE id = $1", []any{id}, func(pgx.Rows) error { found = true; return nil })
	if err == nil && !found {
		err = row.Missing("channel")
	}
	if err == nil {
		t.s.memory.keepChannel(id)
	}
	return id, err
}

// PolicyOf reads the frozen policy of a broadcast, of which a row is locked.
func (t *txn) PolicyOf(broadcast gateway.ID) (gateway.Policy, error) {
	info, err := t.frozenOf(t.owners[broadcast], broadcast)
	if err != nil {
		return gateway.Policy{}, err
	}
	return info.Policy, nil
}

// Tally notes a change in the counts.
func (t *txn) Tally(group, broadcast, channel gateway.ID, state gateway.DeliveryState, reason gateway.Reason, n int) {
	t.tally(tallyKey{group, broadcast, channel, state, reason}, int64(n))
}

// AttemptAt gives an attempt, which must be locked.
func (t *txn) AttemptAt(id gateway.ID) (*attempt, error) {
	a := t.attempts[id]
	if a == nil {
		return nil, errMore
	}
	return a, nil
}

// StoreAttempt has an attempt written back.
func (t *txn) StoreAttempt(a *attempt) error {
	t.changedA[a.No] = true
	return nil
}

// store has both written back; either may be nil.
func (t *txn) store(a *attempt, d *delivery) {
	if a != nil {
		t.changedA[a.No] = true
	}
	if d != nil {
		t.changedD[d.No] = true
	}
}

func sorted(ids map[gateway.ID]bool) []gateway.ID { return sortedIDs(slices.Collect(maps.Keys(ids))) }

func sortedIDs(ids []gateway.ID) []gateway.ID {
	slices.SortFunc(ids, func(a, b gateway.ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// column makes an array of one field of many rows.
func column[R, T any](rows []R, field func(R) T) []T {
	all := make([]T, len(rows))
	for i := range rows {
		all[i] = field(rows[i])
	}
	return all
}

func pick[R any](from map[gateway.ID]R, ids []gateway.ID) []R {
	return column(ids, func(id gateway.ID) R { return from[id] })
}

const (
	writeProgress = `UPDATE attempts a SET state = u.state, until = u.until, arrived = u.arrived, cost = u.cost, settled_at = u.settled_at, refs = u.refs
	FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[], $7::text[]) AS u (id, state, until, arrived, cost, settled_at, refs) WHERE a.id = u.id`
	writeAttempts = `UPDATE attempts a SET state = u.state, until = u.until, arrived = u.arrived, cost = u.cost, settled_at = u.settled_at, refs = u.refs, token = u.token, left_behind = u.left_behind, refusal = u.refusal
	FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[], $7::text[], $8::bigint[], $9::boolean[], $10::text[]) AS u (id, state, until, arrived, cost, settled_at, refs, token, left_behind, refusal) WHERE a.id = u.id`
	writeDeliveries = `UPDATE deliveries d SET state = u.state, channel_id = u.channel_id, point_id = u.point_id, due_at = u.due_at, move_at = u.move_at, attempt_id = u.attempt_id, attempts = u.attempts,
		tries = u.tries, resends = u.resends, first_part = u.first_part, reason = u.reason, detail = u.detail, quiet_until = u.quiet_until
	FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::uuid[], $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::text[], $13::text[], $14::bigint[])
		AS u (id, state, channel_id, point_id, due_at, move_at, attempt_id, attempts, tries, resends, first_part, reason, detail, quiet_until) WHERE d.id = u.id`
	writeClaimed = `UPDATE deliveries d SET state = 1, attempt_id = u.attempt_id, attempts = u.attempts FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS u (id, attempt_id, attempts) WHERE d.id = u.id`
	writeGranted = `INSERT INTO attempts (id, group_id, broadcast_id, delivery_id, previous_id, channel_id, point_id, nth, until, parts, first_part, price_no, said, state, token, left_behind, arrived, cost, claimed_at, settled_at, refs, refusal)
	SELECT u.id, u.group_id, u.broadcast_id, u.delivery_id, u.previous_id, u.channel_id, u.point_id, u.nth, $9, u.parts, u.first_part, u.price_no, u.said, 1, 1, false, 0, 0, $13, 0, '', ''
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::integer[], $10::integer[], $11::integer[], $12::bigint[], $14::smallint[])
		AS u (id, group_id, broadcast_id, delivery_id, previous_id, channel_id, point_id, nth, parts, first_part, price_no, said)`
)

// writeRows queues what has changed, in sets.
func (t *txn) writeRows(batch *pgx.Batch) {
	for id := range t.changedA {
		delete(t.progressed, id)
	}
	if ids := sorted(t.progressed); len(ids) > 0 {
		batch.Queue(writeProgress, progressOf(ids, pick(t.attempts, ids))...)
	}
	if ids := sorted(t.changedA); len(ids) > 0 {
		all := pick(t.attempts, ids)
		batch.Queue(writeAttempts, append(progressOf(ids, all), column(all, func(a *attempt) int64 { return a.Token }), column(all, func(a *attempt) bool { return a.Left }), column(all, func(a *attempt) string { return a.Refusal }))...)
	}
	if g := t.granted; len(g) > 0 {
		batch.Queue(writeGranted, column(g, func(a *attempt) gateway.ID { return a.No }), column(g, func(a *attempt) gateway.ID { return a.Group }), column(g, func(a *attempt) gateway.ID { return a.Broadcast }),
			column(g, func(a *attempt) gateway.ID { return a.Delivery }), column(g, func(a *attempt) gateway.ID { return a.Previous }), column(g, func(a *attempt) gateway.ID { return a.Channel }),
			column(g, func(a *attempt) gateway.ID { return a.Point }), column(g, func(a *attempt) int32 { return int32(a.Nth) }), g[0].Until, column(g, func(a *attempt) int32 { return int32(a.Parts) }),
			column(g, func(a *attempt) int32 { return int32(a.FirstPart) }), column(g, func(a *attempt) int64 { return a.Price }), t.now, column(g, func(a *attempt) int16 { return int16(a.Said) }))
		var only []*attempt
		for _, a := range g {
			if !t.changedD[a.Delivery] { // else all of it is written below
				only = append(only, a)
			}
		}
		if len(only) > 0 {
			batch.Queue(writeClaimed, column(only, func(a *attempt) gateway.ID { return a.Delivery }), column(only, func(a *attempt) gateway.ID { return a.No }), column(only, func(a *attempt) int32 { return int32(a.Nth) }))
		}
	}
	if len(t.refs) > 0 {
		slices.SortFunc(t.refs, func(a, b ref) int { return cmp.Or(bytes.Compare(a.channel[:], b.channel[:]), cmp.Compare(a.id, b.id)) })
		batch.Queue("INSERT INTO refs (channel_id, ref, group_id, attempt_id, part) SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::integer[]) ON CONFLICT DO NOTHING",
			column(t.refs, func(r ref) gateway.ID { return r.channel }), column(t.refs, func(r ref) string { return r.id }), column(t.refs, func(r ref) gateway.ID { return r.group }),
			column(t.refs, func(r ref) gateway.ID { return r.attempt }), column(t.refs, func(r ref) int32 { return int32(r.part) }))
	}
	if ids := sorted(t.changedD); len(ids) > 0 {
		all := pick(t.deliveries, ids)
		batch.Queue(writeDeliveries, ids, column(all, func(d *delivery) int16 { return int16(d.State) }), column(all, func(d *delivery) gateway.ID { return d.Channel }), column(all, func(d *delivery) gateway.ID { return d.Point }),
			column(all, func(d *delivery) int64 { return d.Due }), column(all, func(d *delivery) int64 { return d.Move }), column(all, func(d *delivery) gateway.ID { return d.Attempt }), column(all, func(d *delivery) int32 { return int32(d.Attempts) }),
			column(all, func(d *delivery) int32 { return int32(d.Tries) }), column(all, func(d *delivery) int32 { return int32(d.Resends) }), column(all, func(d *delivery) int32 { return int32(d.FirstPart) }),
			column(all, func(d *delivery) string { return string(d.Reason) }), column(all, func(d *delivery) string { return d.Detail }), column(all, func(d *delivery) int64 { return d.Quiet }))
	}
}

func progressOf(ids []gateway.ID, all []*attempt) []any {
	return []any{ids, column(all, func(a *attempt) int16 { return int16(a.State) }), column(all, func(a *attempt) int64 { return a.Until }), column(all, func(a *attempt) int64 { return a.Arrived }),
		column(all, func(a *attempt) int32 { return int32(a.Cost) }), column(all, func(a *attempt) int64 { return a.SettledAt }), column(all, func(a *attempt) string { return a.Refs })}
}

// sweepRows is how many deliveries one transaction of Lapse and Release changes.
const sweepRows = 100

// changeAll changes deliveries a few at a time; it returns how many changed their state.
func (s *Store) changeAll(ctx context.Context, ids []gateway.ID, change func(*txn, *delivery) error) (n int, err error) {
	for len(ids) > 0 {
		chunk := ids[:min(len(ids), sweepRows)]
		ids = ids[len(chunk):]
		changed := 0
		if err := s.do(ctx, false, func(t *txn) error {
			changed = 0
			batch := &pgx.Batch{}
			t.takeDeliveries(batch, lockDeliveries, chunk)
			if err := t.send(batch); err != nil {
				return err
			}
			for _, d := range t.deliveries {
				was := *d
				if err := change(t, d); err != nil {
					return err
				}
				if *d == was {
					continue
				}
				changed++
				row.Moved(t, d, was.StateWith(nil), d.StateWith(nil))
				t.store(nil, d)
			}
			return nil
		}); err != nil {
			return n, err
		}
		n += changed
	}
	return n, nil
}
