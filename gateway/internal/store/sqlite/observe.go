package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Observe applies receipts. The common one, delivered for a sole part that was accepted, goes in batches.
func (s *Store) Observe(ctx context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error) {
	effects := make([]gateway.Effect, len(receipts))
	err := s.write.do(ctx, false, len(receipts), func(t *txn) error {
		clear(effects)
		return t.observe(receipts, effects)
	})
	if err != nil {
		return nil, err
	}
	return effects, nil
}

func (t *txn) observe(receipts []gateway.Receipt, effects []gateway.Effect) error {
	place := make(map[gateway.ID]int, len(receipts))
	var plain, rest []int
	for i := range receipts {
		r := &receipts[i]
		if _, twice := place[r.Attempt]; !twice && !r.Attempt.IsZero() && r.State == gateway.AttemptDelivered && r.Part == 0 {
			place[r.Attempt] = i
			plain = append(plain, i)
		} else {
			rest = append(rest, i)
		}
	}
	err := inBatches(len(plain), func(lo, hi int) error {
		args := make([]any, 0, 1+2*(hi-lo))
		args = append(args, t.now)
		for _, i := range plain[lo:hi] {
			args = append(args, receipts[i].Attempt[:], receipts[i].Channel[:])
		}
		return t.change(observeStatement(hi-lo), args, func(r *sql.Rows) error {
			var attempt, group, broadcast, channel gateway.ID
			if err := r.Scan(scanID(&attempt), scanID(&group), scanID(&broadcast), scanID(&channel)); err != nil {
				return err
			}
			effects[place[attempt]] = gateway.Applied
			t.tally(group, broadcast, channel, gateway.DeliveryAccepted, "", -1)
			t.tally(group, broadcast, channel, gateway.Delivered, "", 1)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("applying receipts: %w", err)
	}
	for _, i := range plain {
		if effects[i] != gateway.Applied {
			rest = append(rest, i)
		}
	}
	for _, i := range rest {
		if effects[i], err = t.observeOne(&receipts[i]); err != nil {
			return fmt.Errorf("applying receipts: %w", err)
		}
	}
	return nil
}

// observeStatement lifts attempts of one part from accepted to delivered. The plus signs
// keep the planner on the primary key: any other index means a scan.
func observeStatement(rows int) string {
	return "UPDATE attempts SET state = 5, arrived = 1, confirm_by = NULL, settled_at = ? FROM (VALUES " + values(rows, 2) +
		") v WHERE attempts.id = v.column1 AND +channel_id = v.column2 AND +state = 3 AND +parts = 1 AND +left_behind = 0 RETURNING attempts.id, group_id, broadcast_id, channel_id"
}

func (t *txn) observeOne(r *gateway.Receipt) (gateway.Effect, error) {
	id, part := r.Attempt, r.Part
	if id.IsZero() {
		if r.ProviderID == "" {
			return gateway.NoAttempt, nil
		}
		if err := t.query("SELECT attempt_id, part FROM refs WHERE channel_id = ? AND ref = ?", []any{r.Channel[:], r.ProviderID}, func(rows *sql.Rows) error {
			return rows.Scan(scanID(&id), &part)
		}); err != nil {
			return gateway.NoAttempt, err
		}
	}
	a, d, err := t.load(id)
	if err != nil || a == nil || a.channel != r.Channel || part < 0 || part > 61 {
		return gateway.NoAttempt, err
	}
	wasRefs, wasArrived, wasState := a.refs, a.arrived, a.state
	if ids := a.providerIDs(); r.ProviderID != "" && (part >= len(ids) || ids[part] == "") {
		a.setRef(part, r.ProviderID)
	}
	before := d.stateWith(a)
	switch r.State {
	case gateway.AttemptDelivered:
		a.arrived |= 1 << part
		if a.complete() && a.state.CanStep(gateway.AttemptDelivered) {
			a.enter(gateway.AttemptDelivered, t.now)
			if err := t.arrive(d, a); err != nil {
				return gateway.NoAttempt, err
			}
		}
	case gateway.Accepted:
		if a.parts-a.firstPart == 1 && a.state.CanStep(gateway.Accepted) {
			a.enter(gateway.Accepted, t.now)
			a.confirmBy = r.ConfirmBy
		}
	case gateway.Refused:
		if a.state.CanStep(gateway.Refused) {
			a.enter(gateway.Refused, t.now)
			a.refusal = r.Refusal
			if r.Spent {
				d.tries++
			}
			if d.attempt == a.id {
				d.firstPart = min(d.firstPart, part)
			}
			t.follow(d, a, r.Next)
		}
	default:
		return gateway.NoAttempt, fmt.Errorf("a receipt cannot say %v", r.State)
	}
	if a.refs == wasRefs && a.arrived == wasArrived && a.state == wasState {
		return gateway.Repeated, nil
	}
	t.moved(d, before, d.stateWith(a))
	if err := t.store(a, d); err != nil {
		return gateway.NoAttempt, err
	}
	if a.state == wasState {
		return gateway.Repeated, nil
	}
	return gateway.Applied, t.changePoint(d.group, d.member, a.point, r.Point)
}

// arrive ends a delivery well, because a receipt proves one of its attempts, whatever it was doing since: a retry that
// still waits is off, an end for want of success is lifted, and a newer attempt on its way is left behind.
func (t *txn) arrive(d *delivery, a *attempt) error {
	if d.state == rowArrived || d.state == rowEnded && !d.reason.Liftable() {
		return nil
	}
	was := d.state
	d.due, d.reason, d.detail = time.Time{}, "", ""
	if d.attempt == a.id {
		d.state, d.channel, d.point, a.left = rowFollows, a.channel, a.point, false
		return nil
	}
	if was == rowFollows {
		newest, _, err := t.load(d.attempt)
		if err != nil || newest.state == gateway.AttemptDelivered {
			return err
		}
		t.moved(d, d.stateWith(newest), counted{})
		if _, err := t.exec("UPDATE attempts SET left_behind = 1, confirm_by = NULL WHERE id = ?", newest.id[:]); err != nil {
			return err
		}
	}
	d.state, d.channel, d.point = rowArrived, a.channel, a.point
	return nil
}
