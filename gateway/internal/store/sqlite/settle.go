package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// Settle writes outcomes. The common one, a sole part accepted, goes in batches; the others one by one.
func (s *Store) Settle(ctx context.Context, outcomes []gateway.Outcome) ([]error, error) {
	errs := make([]error, len(outcomes))
	urgent := false
	for i := range outcomes {
		urgent = urgent || outcomes[i].Urgent
	}
	err := s.write.do(ctx, urgent, len(outcomes), func(t *txn) error {
		clear(errs)
		return t.settle(outcomes, errs)
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

func (t *txn) settle(outcomes []gateway.Outcome, errs []error) error {
	place := make(map[gateway.ID]int, len(outcomes))
	var plain, rest []int
	for i := range outcomes {
		o := &outcomes[i]
		if _, twice := place[o.Attempt]; !twice && o.State == gateway.Accepted && o.Part == 0 && !o.Spent && !o.Polled && o.Point == nil {
			place[o.Attempt] = i
			plain = append(plain, i)
		} else {
			rest = append(rest, i)
		}
	}
	settled := make([]bool, len(outcomes))
	err := inBatches(len(plain), func(lo, hi int) error {
		args := make([]any, 0, 1+5*(hi-lo))
		args = append(args, t.now)
		for _, i := range plain[lo:hi] {
			o := &outcomes[i]
			args = append(args, o.Attempt[:], o.Token, o.ProviderID, o.Cost, orNull(o.ConfirmBy))
		}
		return t.change(settleStatement(hi-lo), args, func(r *sql.Rows) error {
			var attempt, group, broadcast, channel gateway.ID
			if err := r.Scan(scanID(&attempt), scanID(&group), scanID(&broadcast), scanID(&channel)); err != nil {
				return err
			}
			settled[place[attempt]] = true
			t.tally(group, broadcast, channel, gateway.Sending, "", -1)
			t.tally(group, broadcast, channel, gateway.DeliveryAccepted, "", 1)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("settling: %w", err)
	}
	for _, i := range plain {
		if !settled[i] {
			rest = append(rest, i)
		}
	}
	for _, i := range rest {
		if errs[i], err = t.settleOne(&outcomes[i]); err != nil {
			return fmt.Errorf("settling: %w", err)
		}
	}
	return nil
}

// settleStatement settles attempts of one part that are claimed and lead their deliveries. The plus signs
// keep the planner on the primary key: any other index means a scan.
func settleStatement(rows int) string {
	return "UPDATE attempts SET state = 3, refs = v.column3, cost = v.column4, confirm_by = v.column5, settled_at = ? FROM (VALUES " + values(rows, 5) +
		") v WHERE attempts.id = v.column1 AND +token = v.column2 AND +state = 1 AND +parts = 1 AND +left_behind = 0 RETURNING attempts.id, group_id, broadcast_id, channel_id"
}

// settleOne writes one outcome with everything that follows. The first error is the answer to the caller.
func (t *txn) settleOne(o *gateway.Outcome) (answer, err error) {
	a, d, err := t.load(o.Attempt)
	if err != nil || a == nil {
		return gateway.ErrStale, err
	}
	if a.token != o.Token {
		return gateway.ErrStale, nil
	}
	if o.ProviderID != "" {
		a.setRef(o.Part, o.ProviderID)
	}
	a.cost += o.Cost
	if o.Polled && o.ProviderID != "" {
		if _, err := t.exec("INSERT INTO refs (channel_id, ref, group_id, attempt_id, part) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING", a.channel[:], o.ProviderID, a.group[:], a.id[:], o.Part); err != nil {
			return nil, err
		}
	}
	if o.State == gateway.Claimed { // progress
		if d.attempt == a.id {
			d.firstPart = o.Part + 1
		}
		return nil, t.store(a, d)
	}
	if o.State == gateway.InDoubt && a.state == gateway.InDoubt { // a look-up could not tell; ask again later
		a.lookAt = o.LookAt
		return nil, t.store(a, d)
	}
	if !a.state.CanStep(o.State) { // a receipt has told more already
		return nil, t.store(a, d)
	}
	before := d.stateWith(a)
	a.enter(o.State, t.now)
	a.refusal, a.confirmBy, a.lookAt = o.Refusal, o.ConfirmBy, o.LookAt
	if o.State == gateway.Accepted && a.complete() {
		a.enter(gateway.AttemptDelivered, t.now)
	}
	if o.Spent {
		d.tries++
	}
	if o.State == gateway.Refused && d.attempt == a.id {
		d.firstPart = min(d.firstPart, o.Part)
	}
	if a.state == gateway.AttemptDelivered {
		if err := t.arrive(d, a); err != nil {
			return nil, err
		}
	}
	t.follow(d, a, o.Next)
	t.moved(d, before, d.stateWith(a))
	if err := t.store(a, d); err != nil {
		return nil, err
	}
	return nil, t.changePoint(d.group, d.member, a.point, o.Point)
}
