package sqlite

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// settle writes one outcome. The first error is the answer to the caller.
func (t *txn) settle(o *gateway.Outcome) (answer, err error) {
	a, err := t.attempt(o.Attempt)
	if err != nil || a == nil || a.Token != o.Token {
		return gateway.ErrStale, err
	}
	if o.Found {
		if others, err := elsewhere(t.Conn, a, o.ProviderID); err != nil || others {
			return gateway.ErrStale, err
		}
	}
	if o.ProviderID != "" {
		t.w.refs[a.Channel] = len(o.ProviderID) + 1
		if err := t.putRef(a, o); err != nil {
			return nil, err
		}
	}
	refused := a.Refusal != ""
	plain, err := row.Settle(t, a, o)
	switch {
	case err != nil:
		return nil, err
	case plain && refused:
		return nil, t.storeAttempt(a)
	case plain:
		return nil, t.storeProgress(a)
	}
	return nil, t.settleWhole(a, o)
}

// storeProgress writes back what an attempt changes while all goes well.
func (t *txn) storeProgress(a *attempt) error {
	s := t.Prepare("UPDATE attempts SET state = ?, until = ?, arrived = ?, cost = ?, settled_at = ?, refs = ? WHERE no = ?")
	s.Int(1, int64(a.State)).Int(2, a.Until).Int(3, a.Arrived).Int(4, int64(a.Cost)).Int(5, a.SettledAt).Text(6, a.Refs).Int(7, a.No)
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
	entered, err := row.Outcome(t, a, d, o)
	if err != nil {
		return err
	}
	if err := t.store(a, d); err != nil || !entered {
		return err
	}
	return t.changePoint(d, a.Point, o.Point)
}

// putRef keeps the provider's id of a part whose receipts are polled.
func (t *txn) putRef(a *attempt, o *gateway.Outcome) error {
	if !o.Polled {
		return nil
	}
	s := t.Prepare("INSERT INTO refs (channel_no, ref, group_no, attempt_no, part) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING")
	return s.Int(1, a.Channel).Text(2, o.ProviderID).Int(3, a.Group).Int(4, a.No).Int(5, int64(o.Part)).Run()
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
		readAttempt(s, 0, a)
	}
	return a, s.Reset()
}

// deliveryOf reads the delivery of an attempt.
func (t *txn) deliveryOf(a *attempt) (*delivery, error) {
	s := t.Prepare("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.no = ?").Int(1, a.Delivery)
	d := &delivery{}
	found := s.Step()
	if found {
		readDelivery(s, 0, d)
	}
	if err := s.Reset(); err != nil || found {
		return d, err
	}
	return nil, fmt.Errorf("the delivery of attempt %s is not there", attemptIDOf(a))
}
