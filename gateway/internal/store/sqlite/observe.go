package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
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
	if err != nil || a == nil || a.channel != channel || part < 0 || part >= max(1, a.parts) || part > 61 {
		return gateway.NoAttempt, err
	}
	learned := false
	if ids := a.providerIDs(); r.ProviderID != "" && (part >= len(ids) || ids[part] == "") {
		a.setRef(part, r.ProviderID)
		learned = true
	}
	if r.State == gateway.AttemptDelivered && a.state == gateway.Accepted && !a.left && r.Point == nil { // the common receipt leaves the delivery as it is
		return t.deliver(a, part, learned)
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

// deliver notes that a part of the attempt that leads has arrived.
func (t *txn) deliver(a *attempt, part int, learned bool) (gateway.Effect, error) {
	was := a.arrived
	a.arrived |= 1 << part
	if a.arrived == was && !learned {
		return gateway.Repeated, nil
	}
	if !a.complete() {
		return gateway.Repeated, t.storeProgress(a)
	}
	a.enter(gateway.AttemptDelivered, t.now, 0)
	t.tally(a.group, a.broadcast, a.channel, gateway.DeliveryAccepted, "", -1)
	t.tally(a.group, a.broadcast, a.channel, gateway.Delivered, "", 1)
	return gateway.Applied, t.storeProgress(a)
}

// observeWhole applies a receipt with everything that follows for the delivery and the contact point.
func (t *txn) observeWhole(a *attempt, part int, r *gateway.Receipt, learned bool) (gateway.Effect, error) {
	d, err := t.deliveryOf(a)
	if err != nil {
		return gateway.NoAttempt, err
	}
	wasArrived, wasState := a.arrived, a.state
	before := d.stateWith(a)
	switch r.State {
	case gateway.AttemptDelivered:
		a.arrived |= 1 << part
		if a.complete() && a.state.CanStep(gateway.AttemptDelivered) {
			a.enter(gateway.AttemptDelivered, t.now, 0)
			err = t.arrive(d, a)
		}
	case gateway.Accepted:
		if a.parts-a.firstPart == 1 && a.state.CanStep(gateway.Accepted) {
			a.enter(gateway.Accepted, t.now, toMicros(r.ConfirmBy))
		}
	case gateway.Refused:
		if a.state.CanStep(gateway.Refused) {
			a.enter(gateway.Refused, t.now, 0)
			a.setRefusal(r.Refusal)
			if r.Spent {
				d.tries++
			}
			if d.newest() == a.no {
				d.firstPart = min(d.firstPart, part)
			}
			err = t.follow(d, a, r.Next)
		}
	default:
		err = fmt.Errorf("a receipt cannot say %v", r.State)
	}
	if err != nil {
		return gateway.NoAttempt, err
	}
	if !learned && a.arrived == wasArrived && a.state == wasState {
		return gateway.Repeated, nil
	}
	if wasState == gateway.InDoubt && (a.state == gateway.Accepted || a.state == gateway.AttemptDelivered) {
		if err := t.heal(a, d); err != nil {
			return gateway.NoAttempt, err
		}
	}
	t.moved(d, before, d.stateWith(a))
	if err := t.store(a, d); err != nil {
		return gateway.NoAttempt, err
	}
	if a.state == wasState {
		return gateway.Repeated, nil
	}
	return gateway.Applied, t.changePoint(d, a.point, r.Point)
}

// arrive ends a delivery well, because a receipt proves one of its attempts, whatever it was doing since: a retry that
// still waits is off, an end for want of success is lifted, and a newer attempt on its way is left behind.
func (t *txn) arrive(d *delivery, a *attempt) error {
	if d.state == rowArrived || d.state == rowEnded && !d.reason.Liftable() {
		return nil
	}
	was := d.state
	d.due, d.reason, d.detail = 0, "", ""
	if d.newest() == a.no {
		d.state, d.channel, d.point, a.left = rowFollows, a.channel, a.point, false
		return nil
	}
	if was == rowFollows {
		newest, _, err := t.load(d.attempt)
		if err != nil || newest.state == gateway.AttemptDelivered {
			return err
		}
		t.moved(d, d.stateWith(newest), counted{})
		newest.left = true
		if newest.state == gateway.Accepted {
			newest.until = 0
		}
		if err := t.storeAttempt(newest); err != nil {
			return err
		}
	}
	d.state, d.channel, d.point = rowArrived, a.channel, a.point
	return nil
}
