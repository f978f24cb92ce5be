package row

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// Settle begins with an outcome of the attempt that its token names: the provider's id and the cost are noted. plain says
// that the outcome is the common one, which leaves the delivery as it is: handed over, by the attempt that leads. Then it
// is done, else Outcome goes on.
func Settle[K comparable](w World[K], a *Attempt[K], o *gateway.Outcome) (plain bool, err error) {
	if o.ProviderID != "" {
		a.SetRef(o.Part, o.ProviderID)
	}
	if o.Token == 1 || a.State == gateway.InDoubt { // not for a look-up that a receipt has overtaken
		if err := w.Charge(a, o.Cost); err != nil {
			return false, err
		}
	}
	if o.State != gateway.Accepted || a.Left || o.Spent || o.Next.Kind != gateway.StepNone || o.Point != nil {
		return false, nil
	}
	if a.State == gateway.AttemptDelivered { // its receipt was quicker
		return true, nil
	}
	if a.State == gateway.Accepted || !a.State.CanStep(gateway.Accepted) {
		return false, nil
	}
	w.Tally(a.Group, a.Broadcast, a.Channel, gateway.StateOf(a.State), "", -1)
	a.enter(gateway.Accepted, w.Micros(), ToMicros(o.ConfirmBy))
	if a.complete() {
		a.enter(gateway.AttemptDelivered, w.Micros(), 0)
	}
	w.Tally(a.Group, a.Broadcast, a.Channel, gateway.StateOf(a.State), "", 1)
	a.Refusal = ""
	return true, nil
}

// Outcome goes on with an outcome for the delivery as well. Entered says that the attempt took the outcome's state, so
// that what it means for the contact point counts.
func Outcome[K comparable](w World[K], a *Attempt[K], d *Delivery[K], o *gateway.Outcome) (entered bool, err error) {
	switch {
	case o.State == gateway.Claimed: // progress
		if a.State == gateway.Claimed && d.Newest() == a.No {
			d.FirstPart = min(o.Part+1, max(0, a.Parts-1))
		}
		return false, nil
	case o.State == gateway.InDoubt && a.State == gateway.InDoubt: // a look-up could not tell; ask again later
		a.Until = ToMicros(o.LookAt)
		return false, nil
	case !a.State.CanStep(o.State): // a receipt has told more already
		if o.Token == 1 && o.State != gateway.Accepted && (a.State == gateway.Accepted || a.State == gateway.AttemptDelivered) {
			return false, w.Heal(a, d) // the answer was lost, and the receipt did not say what it cost
		}
		return false, nil
	}
	before := d.StateWith(a)
	switch o.State {
	case gateway.Accepted:
		a.enter(o.State, w.Micros(), ToMicros(o.ConfirmBy))
		if a.complete() {
			a.enter(gateway.AttemptDelivered, w.Micros(), 0)
		}
	case gateway.InDoubt:
		a.enter(o.State, w.Micros(), ToMicros(o.LookAt))
	default:
		a.enter(o.State, w.Micros(), 0)
	}
	a.setRefusal(o.Refusal)
	if o.Spent {
		d.Tries++
	}
	if o.State == gateway.Refused && d.Newest() == a.No {
		d.FirstPart = min(d.FirstPart, o.Part)
	}
	if a.State == gateway.AttemptDelivered {
		if err := arrive(w, d, a); err != nil {
			return false, err
		}
	}
	if err := follow(w, d, a, o.Next); err != nil {
		return false, err
	}
	Moved(w, d, before, d.StateWith(a))
	return true, nil
}

// Orphan puts a claimed attempt in doubt whose sender is gone.
func Orphan[K comparable](w World[K], a *Attempt[K]) {
	if !a.Left {
		w.Tally(a.Group, a.Broadcast, a.Channel, gateway.Sending, "", -1)
		w.Tally(a.Group, a.Broadcast, a.Channel, gateway.DeliveryInDoubt, "", 1)
	}
	a.enter(gateway.InDoubt, w.Micros(), w.Micros())
	a.Token++
	a.setRefusal(gateway.Refusal{Class: "unknown", Scope: "channel", Detail: "the sender stopped before it knew"})
}

// Takes says whether a receipt for a part, which came over a channel, can be about this attempt.
func (a *Attempt[K]) Takes(channel K, part int) bool {
	return a.Channel == channel && part >= 0 && part < max(1, a.Parts) && part <= 61
}

// Learn notes the provider's id of a part if it is not known yet.
func (a *Attempt[K]) Learn(part int, id string) bool {
	if ids := a.ProviderIDs(); id == "" || part < len(ids) && ids[part] != "" {
		return false
	}
	a.SetRef(part, id)
	return true
}

// Plain says whether a receipt is the common one, which leaves the delivery as it is: it may come before the outcome.
func (a *Attempt[K]) Plain(r *gateway.Receipt) bool {
	return r.State == gateway.AttemptDelivered && (a.State == gateway.Accepted || a.State == gateway.Claimed) && !a.Left && r.Point == nil
}

// Deliver notes that a part of the attempt that leads has arrived; learned says that something else about it is new.
func Deliver[K comparable](w World[K], a *Attempt[K], part int, learned bool) (effect gateway.Effect, write bool) {
	was := a.Arrived
	a.Arrived |= 1 << part
	if a.Arrived == was && !learned {
		return gateway.Repeated, false
	}
	if !a.complete() {
		return gateway.Repeated, true
	}
	w.Tally(a.Group, a.Broadcast, a.Channel, gateway.StateOf(a.State), "", -1)
	a.enter(gateway.AttemptDelivered, w.Micros(), 0)
	w.Tally(a.Group, a.Broadcast, a.Channel, gateway.Delivered, "", 1)
	return gateway.Applied, true
}

// Observe applies a receipt that is not plain. If it was Applied, what it means for the contact point counts.
func Observe[K comparable](w World[K], a *Attempt[K], d *Delivery[K], part int, r *gateway.Receipt, learned bool) (effect gateway.Effect, write bool, err error) {
	wasArrived, wasState := a.Arrived, a.State
	before := d.StateWith(a)
	switch r.State {
	case gateway.AttemptDelivered:
		a.Arrived |= 1 << part
		if a.complete() && a.State.CanStep(gateway.AttemptDelivered) {
			a.enter(gateway.AttemptDelivered, w.Micros(), 0)
			err = arrive(w, d, a)
		}
	case gateway.Accepted:
		if a.Parts-a.FirstPart == 1 && a.State.CanStep(gateway.Accepted) {
			a.enter(gateway.Accepted, w.Micros(), ToMicros(r.ConfirmBy))
		}
	case gateway.Refused:
		if a.State.CanStep(gateway.Refused) {
			a.enter(gateway.Refused, w.Micros(), 0)
			a.setRefusal(r.Refusal)
			if r.Spent {
				d.Tries++
			}
			if d.Newest() == a.No {
				d.FirstPart = min(d.FirstPart, part)
			}
			err = follow(w, d, a, r.Next)
		}
	default:
		err = fmt.Errorf("a receipt cannot say %v", r.State)
	}
	if err != nil {
		return gateway.NoAttempt, false, err
	}
	if !learned && a.Arrived == wasArrived && a.State == wasState {
		return gateway.Repeated, false, nil
	}
	if wasState == gateway.InDoubt && a.State != wasState {
		a.Token++ // a look-up that asks about it is overtaken, and what it found must not undo this
	}
	if wasState == gateway.InDoubt && (a.State == gateway.Accepted || a.State == gateway.AttemptDelivered) {
		if err := w.Heal(a, d); err != nil {
			return gateway.NoAttempt, false, err
		}
	}
	Moved(w, d, before, d.StateWith(a))
	if a.State == wasState {
		return gateway.Repeated, true, nil
	}
	return gateway.Applied, true, nil
}

// arrive ends a delivery well, because a receipt proves one of its attempts, whatever it was doing since: a retry that
// still waits is off, an end for want of success is lifted, and a newer attempt on its way is left behind.
func arrive[K comparable](w World[K], d *Delivery[K], a *Attempt[K]) error {
	if d.State == Arrived || d.State == Ended && !d.Reason.Liftable() {
		return nil
	}
	was := d.State
	d.Due, d.Reason, d.Detail = 0, "", ""
	if d.Newest() == a.No {
		d.State, d.Channel, d.Point, a.Left = Follows, a.Channel, a.Point, false
		return nil
	}
	if was == Follows {
		newest, err := w.AttemptAt(d.Attempt)
		if err != nil || newest.State == gateway.AttemptDelivered {
			return err
		}
		Moved(w, d, d.StateWith(newest), Counted[K]{})
		newest.Left = true
		if newest.State == gateway.Accepted {
			newest.Until = 0
		}
		if err := w.StoreAttempt(newest); err != nil {
			return err
		}
	}
	d.State, d.Channel, d.Point = Arrived, a.Channel, a.Point
	return nil
}
