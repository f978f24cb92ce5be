package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// Observe applies receipts.
func (s *Store) Observe(ctx context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error) {
	effects := make([]gateway.Effect, len(receipts))
	if len(receipts) == 0 {
		return effects, nil
	}
	err := s.transact(ctx, false, func(t *txn) (bool, error) {
		clear(effects)
		names, err := t.takeReceipts(receipts)
		if err != nil {
			return false, err
		}
		if err := t.takeBudgets(); err != nil {
			return false, err
		}
		for i := range receipts {
			if effects[i], err = t.observe(&receipts[i], names); err != nil {
				return false, fmt.Errorf("applying receipts: %w", err)
			}
		}
		if err := t.changePoints(); err != nil {
			return false, err
		}
		return t.commit()
	})
	if err != nil {
		return nil, err
	}
	return effects, nil
}

// polled names a part by its provider's id.
type polled struct {
	channel gateway.ID
	id      string
}

type named struct {
	attempt gateway.ID
	part    int
}

const refQuery = "SELECT r.channel_id, r.ref, r.attempt_id, r.part FROM unnest($1::uuid[], $2::text[]) AS u (channel_id, ref) JOIN refs r ON r.channel_id = u.channel_id AND r.ref = u.ref"

// takeReceipts begins the transaction and locks what receipts are about.
func (t *txn) takeReceipts(receipts []gateway.Receipt) (map[polled]named, error) {
	names := map[polled]named{}
	var all, whole, channels []gateway.ID
	var refs []string
	for i := range receipts {
		r := &receipts[i]
		if r.Attempt.IsZero() && r.ProviderID != "" {
			channels, refs = append(channels, r.Channel), append(refs, row.Key(r.ProviderID))
		}
	}
	first := &pgx.Batch{}
	if len(refs) > 0 {
		first.Queue(refQuery, channels, refs).Query(func(rows pgx.Rows) error {
			return each(rows, nil, func(r pgx.Rows) error {
				var p polled
				var n named
				err := r.Scan(&p.channel, &p.id, &n.attempt, &n.part)
				names[p] = n
				return err
			})
		})
		if err := t.begin(first); err != nil {
			return nil, err
		}
	}
	for i := range receipts {
		r := &receipts[i]
		id := r.Attempt
		if id.IsZero() {
			id = names[polled{r.Channel, row.Key(r.ProviderID)}].attempt
		}
		if id.IsZero() {
			continue
		}
		all = append(all, id)
		if r.State != gateway.AttemptDelivered || r.Point != nil {
			whole = append(whole, id)
		}
	}
	batch := &pgx.Batch{}
	t.takeTheirs(batch, all, whole, gateway.Accepted, gateway.Claimed)
	if len(refs) > 0 {
		return names, t.send(batch)
	}
	return names, t.begin(batch)
}

func (t *txn) observe(r *gateway.Receipt, names map[polled]named) (gateway.Effect, error) {
	id, part := r.Attempt, r.Part
	if id.IsZero() {
		n := names[polled{r.Channel, row.Key(r.ProviderID)}]
		id, part = n.attempt, n.part
	}
	a := t.attempts[id]
	if a == nil || !a.Takes(r.Channel, part) {
		return gateway.NoAttempt, nil
	}
	learned := a.Learn(part, r.ProviderID)
	if a.Plain(r) {
		effect, write := row.Deliver(t, a, part, learned)
		if write {
			t.progressed[a.No] = true
		}
		return effect, nil
	}
	d, err := t.deliveryOf(a)
	if err != nil {
		return gateway.NoAttempt, err
	}
	effect, write, err := row.Observe(t, a, d, part, r, learned)
	if err != nil || !write {
		return effect, err
	}
	t.store(a, d)
	if effect == gateway.Applied && r.Point != nil {
		t.points = append(t.points, turned{a.Group, d.Member, a.Point, *r.Point})
	}
	return effect, nil
}
