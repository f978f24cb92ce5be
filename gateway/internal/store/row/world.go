package row

import (
	"encoding/json"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// World is the transaction in which something happens to rows.
type World[K comparable] interface {
	// Micros is the ledger's clock.
	Micros() int64
	// ChannelNo gives what a channel is known by; one that is not there is an error.
	ChannelNo(gateway.ID) (K, error)
	// PolicyOf reads the frozen policy of a broadcast.
	PolicyOf(broadcast K) (gateway.Policy, error)
	// Tally notes that n deliveries entered (or, below zero, left) a state.
	Tally(group, broadcast, channel K, state gateway.DeliveryState, reason gateway.Reason, n int)
	// AttemptAt reads an attempt by its key.
	AttemptAt(no K) (*Attempt[K], error)
	// StoreAttempt has an attempt written that is not the one in hand.
	StoreAttempt(*Attempt[K]) error
	// Charge notes what an attempt handed over.
	Charge(a *Attempt[K], segments int) error
	// Heal charges for an attempt in doubt that a receipt proves.
	Heal(a *Attempt[K], d *Delivery[K]) error
}

// ToMicros gives a time as the databases keep it: whole microseconds UTC since 1970; the zero time is 0.
func ToMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros reads what ToMicros wrote.
func FromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// JSON writes one of our own plain types, which always encode.
func JSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("row: " + err.Error())
	}
	return string(b)
}

// Moved notes a change of a delivery in the tallies.
func Moved[K comparable](w World[K], d *Delivery[K], from, to Counted[K]) {
	if from == to {
		return
	}
	if from.State != "" {
		w.Tally(d.Group, d.Broadcast, from.Channel, from.State, from.Reason, -1)
	}
	if to.State != "" {
		w.Tally(d.Group, d.Broadcast, to.Channel, to.State, to.Reason, 1)
	}
}

// follow carries out the step behind an attempt that has just entered its state, if the attempt leads its delivery.
func follow[K comparable](w World[K], d *Delivery[K], a *Attempt[K], next gateway.Step) error {
	if d.Newest() != a.No || d.State != Follows {
		return nil
	}
	if a.State == gateway.AttemptDelivered || a.State == gateway.Accepted && next.Kind == gateway.StepNone {
		return nil
	}
	if a.State == gateway.Refused && next.Kind == gateway.StepNone {
		next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	}
	return Step(w, d, a, next)
}

// Step moves a delivery on; a is its newest attempt, or nil. An attempt that may still arrive is left behind, not
// forgotten.
func Step[K comparable](w World[K], d *Delivery[K], a *Attempt[K], next gateway.Step) error {
	if next.Kind != gateway.StepNone && d.State == Capped {
		d.Reason = ""
	}
	switch next.Kind {
	case gateway.StepNone:
		return nil
	case gateway.StepRetry:
		d.State, d.Due = Waiting, ToMicros(next.Due)
	case gateway.StepPoint:
		channel, err := w.ChannelNo(next.Channel)
		if err != nil {
			return err
		}
		policy, err := w.PolicyOf(d.Broadcast)
		if err != nil {
			return err
		}
		d.State, d.Due, d.Channel, d.Point, d.FirstPart = Waiting, ToMicros(next.Due), channel, next.Point, 0
		if policy.Window > 0 {
			d.Move = w.Micros() + policy.Window.Microseconds()
		}
	case gateway.StepEnd:
		d.State, d.Due, d.Reason = Ended, 0, next.Reason
		if a != nil && d.Detail == "" {
			d.Detail = a.Refused().Detail
		}
	}
	if a != nil {
		a.Left = true
		if a.State == gateway.Accepted || next.Kind != gateway.StepEnd {
			a.Until = 0 // nothing is waited for any more; a look-up goes on only for a delivery that ended
		}
	}
	if next.Resend {
		d.Resends++
	}
	return nil
}

// Again makes a delivery wait, due now, with one of so many tries left at least.
func Again[K comparable](w World[K], d *Delivery[K], tries int) {
	d.Tries = min(d.Tries, tries-1)
	d.State, d.Due, d.Reason, d.Detail = Waiting, w.Micros(), "", ""
}

// Lapse ends a waiting delivery whose time is over.
func Lapse[K comparable](w World[K], d *Delivery[K], replaced bool) error {
	if !d.Waits() {
		return nil // it went on in between
	}
	if replaced {
		d.Detail = "what it said was corrected before it could be sent"
		return Step(w, d, nil, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonReplaced})
	}
	d.Detail = "its time was over before it could be sent"
	return Step(w, d, nil, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonExpired})
}

// Release makes a held delivery due again, and gives a dead letter one of so many tries.
func Release[K comparable](w World[K], d *Delivery[K], tries int) {
	switch {
	case d.State == Held:
		d.State = Waiting
	case d.State == Ended && d.Reason == gateway.ReasonFailed:
		Again(w, d, tries)
	}
}

// Uncap makes a delivery due again that waited for a cap.
func Uncap[K comparable](d *Delivery[K]) {
	if d.State == Capped {
		d.State, d.Reason = Waiting, ""
	}
}

// Advance carries out a move if its condition still holds; newest is the delivery's newest attempt, if any, and its id.
// False: nothing is to be written.
func Advance[K comparable](w World[K], d *Delivery[K], newest *Attempt[K], id gateway.ID, m *gateway.Move) (bool, error) {
	if d.State == Ended || d.State == Arrived || id != m.Attempt || d.State == Follows && newest.State != gateway.Accepted && newest.State != gateway.InDoubt {
		return false, nil
	}
	if m.Doubt && (newest == nil || newest.State != gateway.InDoubt) {
		return false, nil // a receipt was quicker than whoever decided what to do for want of one
	}
	before := d.StateWith(newest)
	if m.Next.Kind == gateway.StepNone {
		d.Move = 0
		if d.State == Follows && newest.State == gateway.Accepted {
			newest.Until = ToMicros(m.Again)
		}
		return true, nil
	}
	if m.Detail != "" {
		d.Detail = m.Detail
	}
	held := d.State == Held
	if err := Step(w, d, newest, m.Next); err != nil {
		return false, err
	}
	if held && d.State == Waiting {
		d.State = Held // it moves on, but it does not leave before its broadcast is resumed
	}
	Moved(w, d, before, d.StateWith(newest))
	return true, nil
}

// Resend gives a delivery that is in doubt or has failed another try, as a person asks; newest is its newest attempt, if any.
func Resend[K comparable](w World[K], d *Delivery[K], newest *Attempt[K], replaced bool, policy gateway.Policy, expires int64) error {
	doubt := d.State == Follows && newest.State == gateway.InDoubt
	if !doubt && !(d.State == Ended && d.Reason == gateway.ReasonFailed) {
		return gateway.Faultf(gateway.CodeConflict, "this delivery is %s; only one that is in doubt or has failed can be sent again", d.StateWith(newest).State)
	}
	if replaced {
		return errReplaced()
	}
	if expires <= w.Micros() {
		return gateway.Faultf(gateway.CodeConflict, "the broadcast expired at %s; write a new one", time.UnixMicro(expires).UTC().Format(time.RFC3339))
	}
	before := d.StateWith(newest)
	Again(w, d, policy.Tries)
	d.Resends++
	if newest != nil {
		newest.Left, newest.Until = true, 0
	}
	Moved(w, d, before, d.StateWith(newest))
	return nil
}
