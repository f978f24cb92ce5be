package sqlite

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// settle writes one outcome. The first error is the answer to the caller.
func (t *txn) settle(o *gateway.Outcome) (answer, err error) {
	a, err := t.attempt(o.Attempt)
	if err != nil || a == nil || a.token != o.Token {
		return gateway.ErrStale, err
	}
	if o.ProviderID != "" {
		a.setRef(o.Part, o.ProviderID)
		t.w.refs[a.channel] = len(o.ProviderID) + 1
		if err := t.putRef(a, o); err != nil {
			return nil, err
		}
	}
	a.cost += o.Cost
	if o.State == gateway.Accepted && !a.left && a.state != gateway.Accepted && a.state.CanStep(gateway.Accepted) && !o.Spent && o.Next.Kind == gateway.StepNone && o.Point == nil {
		return nil, t.accept(a, o)
	}
	return nil, t.settleWhole(a, o)
}

// accept is the common outcome, which leaves the delivery as it is: handed over, by the attempt that leads.
func (t *txn) accept(a *attempt, o *gateway.Outcome) error {
	t.tally(a.group, a.broadcast, a.channel, gateway.StateOf(a.state), "", -1)
	a.enter(gateway.Accepted, t.now, toMicros(o.ConfirmBy))
	if a.complete() {
		a.enter(gateway.AttemptDelivered, t.now, 0)
	}
	t.tally(a.group, a.broadcast, a.channel, gateway.StateOf(a.state), "", 1)
	if a.refusal != "" {
		a.refusal = ""
		return t.storeAttempt(a)
	}
	return t.storeProgress(a)
}

// storeProgress writes back what an attempt changes while all goes well.
func (t *txn) storeProgress(a *attempt) error {
	s := t.Prepare("UPDATE attempts SET state = ?, until = ?, arrived = ?, cost = ?, settled_at = ?, refs = ? WHERE no = ?")
	s.Int(1, int64(a.state)).Int(2, a.until).Int(3, a.arrived).Int(4, int64(a.cost)).Int(5, a.settledAt).Text(6, a.refs).Int(7, a.no)
	if err := s.Run(); err != nil {
		return fmt.Errorf("writing an attempt: %w", err)
	}
	t.w.live.wrote(a)
	return nil
}

// settleWhole writes an outcome with everything that follows for the delivery and the contact point.
func (t *txn) settleWhole(a *attempt, o *gateway.Outcome) error {
	d, err := t.deliveryOf(a)
	if err != nil {
		return err
	}
	if o.State == gateway.Claimed { // progress
		if a.state == gateway.Claimed && d.newest() == a.no {
			d.firstPart = min(o.Part+1, max(0, a.parts-1))
		}
		return t.store(a, d)
	}
	if o.State == gateway.InDoubt && a.state == gateway.InDoubt { // a look-up could not tell; ask again later
		a.until = toMicros(o.LookAt)
		return t.store(a, d)
	}
	if !a.state.CanStep(o.State) { // a receipt has told more already
		return t.store(a, d)
	}
	before := d.stateWith(a)
	switch o.State {
	case gateway.Accepted:
		a.enter(o.State, t.now, toMicros(o.ConfirmBy))
		if a.complete() {
			a.enter(gateway.AttemptDelivered, t.now, 0)
		}
	case gateway.InDoubt:
		a.enter(o.State, t.now, toMicros(o.LookAt))
	default:
		a.enter(o.State, t.now, 0)
	}
	a.setRefusal(o.Refusal)
	if o.Spent {
		d.tries++
	}
	if o.State == gateway.Refused && d.newest() == a.no {
		d.firstPart = min(d.firstPart, o.Part)
	}
	if a.state == gateway.AttemptDelivered {
		if err := t.arrive(d, a); err != nil {
			return err
		}
	}
	if err := t.follow(d, a, o.Next); err != nil {
		return err
	}
	t.moved(d, before, d.stateWith(a))
	if err := t.store(a, d); err != nil {
		return err
	}
	return t.changePoint(d, a.point, o.Point)
}

// putRef keeps the provider's id of a part whose receipts are polled.
func (t *txn) putRef(a *attempt, o *gateway.Outcome) error {
	if !o.Polled {
		return nil
	}
	s := t.Prepare("INSERT INTO refs (channel_no, ref, group_no, attempt_no, part) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING")
	return s.Int(1, a.channel).Text(2, o.ProviderID).Int(3, a.group).Int(4, a.no).Int(5, int64(o.Part)).Run()
}

// attempt reads an attempt; nil if there is none.
func (t *txn) attempt(id gateway.ID) (*attempt, error) {
	no, tail := halves(id)
	if a := t.w.live.take(no, tail); a != nil {
		return a, nil
	}
	s := t.Prepare("SELECT "+attemptColumns+" FROM attempts a WHERE a.no = ?").Int(1, no)
	var a *attempt
	if s.Step() && s.ColInt(1) == tail {
		a = &attempt{}
		a.read(s, 0)
	}
	return a, s.Reset()
}

// deliveryOf reads the delivery of an attempt.
func (t *txn) deliveryOf(a *attempt) (*delivery, error) {
	s := t.Prepare("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.no = ?").Int(1, a.delivery)
	d := &delivery{}
	found := s.Step()
	if found {
		d.read(s, 0)
	}
	if err := s.Reset(); err != nil || found {
		return d, err
	}
	return nil, fmt.Errorf("the delivery of attempt %s is not there", a.id())
}
