package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// Observe applies receipts.
func (s *Store) Observe(ctx context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error) {
	effects := make([]gateway.Effect, len(receipts))
	err := s.write.do(ctx, false, func(t *txn) (err error) {
		for i := range receipts {
			if effects[i], err = t.observe(&receipts[i]); err != nil {
				return fmt.Errorf("applying receipts: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return effects, nil
}

func (t *txn) observe(r *gateway.Receipt) (gateway.Effect, error) {
	channel, err := t.w.store.channels.no(t.Conn, r.Channel)
	if err != nil || channel == 0 {
		return gateway.NoAttempt, err
	}
	a, part, err := t.named(r, channel)
	if err != nil || a == nil || !a.Takes(channel, part) {
		return gateway.NoAttempt, err
	}
	learned := a.Learn(part, r.ProviderID)
	if a.Plain(r) {
		effect, write := row.Deliver(t, a, part, learned)
		if write {
			err = t.storeProgress(a)
		}
		return effect, err
	}
	return t.observeWhole(a, part, r, learned)
}

// named finds the attempt, and the part of it, that a receipt is about.
func (t *txn) named(r *gateway.Receipt, channel int64) (*attempt, int, error) {
	if !r.Attempt.IsZero() {
		a, err := t.attempt(r.Attempt)
		return a, r.Part, err
	}
	if r.ProviderID == "" {
		return nil, 0, nil
	}
	s := t.Prepare(refQuery).Int(1, channel).Text(2, r.ProviderID)
	var id gateway.ID
	part := 0
	if s.Step() {
		id, part = joined(s.ColInt(0), s.ColInt(1)), int(s.ColInt(2))
	}
	if err := s.Reset(); err != nil || id.IsZero() {
		return nil, 0, err
	}
	a, err := t.attempt(id)
	return a, part, err
}

const refQuery = "SELECT a.no, a.tail, r.part FROM refs r JOIN attempts a ON a.no = r.attempt_no WHERE r.channel_no = ? AND r.ref = ? LIMIT 1"

// observeWhole applies a receipt with everything that follows for the delivery and the contact point.
func (t *txn) observeWhole(a *attempt, part int, r *gateway.Receipt, learned bool) (gateway.Effect, error) {
	d, err := t.deliveryOf(a)
	if err != nil {
		return gateway.NoAttempt, err
	}
	effect, write, err := row.Observe(t, a, d, part, r, learned)
	if err != nil || !write {
		return effect, err
	}
	if err := t.store(a, d); err != nil || effect != gateway.Applied {
		return effect, err
	}
	return effect, t.changePoint(d, a.Point, r.Point)
}
