package gateway

import "fmt"

// AttemptState is how far one try has come. It moves forward only; see AttemptSteps.
type AttemptState int

// The states of an attempt.
const (
	Claimed          AttemptState = iota + 1 // a sender has it
	InDoubt                                  // we do not know whether the provider took it
	Accepted                                 // handed over: the provider took it
	Refused                                  // it will not arrive this way
	AttemptDelivered                         // the carrier or server says it arrived
)

var attemptNames = map[AttemptState]string{Claimed: "claimed", InDoubt: "in doubt", Accepted: "accepted", Refused: "refused", AttemptDelivered: "delivered"}

func (s AttemptState) String() string { return attemptNames[s] }

// MarshalText writes the state as screens show it.
func (s AttemptState) MarshalText() ([]byte, error) { return []byte(attemptNames[s]), nil }

// UnmarshalText reads a state as MarshalText writes it.
func (s *AttemptState) UnmarshalText(b []byte) error {
	for state, name := range attemptNames {
		if name == string(b) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("%q is no state of an attempt", b)
}

// AttemptSteps lists every legal step of an attempt. A later report of a lower rank changes nothing.
var AttemptSteps = map[AttemptState][]AttemptState{
	Claimed:          {Accepted, InDoubt, Refused, AttemptDelivered},
	InDoubt:          {Accepted, Refused, AttemptDelivered},
	Accepted:         {Refused, AttemptDelivered},
	Refused:          {AttemptDelivered}, // a late receipt outranks an earlier refusal
	AttemptDelivered: {},
}

// CanStep reports whether an attempt may go from s to next.
func (s AttemptState) CanStep(next AttemptState) bool {
	for _, legal := range AttemptSteps[s] {
		if legal == next {
			return true
		}
	}
	return false
}

// DeliveryState is what is known of one broadcast for one member. It follows from the newest attempt.
type DeliveryState string

// The states of a delivery.
const (
	Waiting          DeliveryState = "waiting"  // has a due time, or is held by a stopped broadcast
	Sending          DeliveryState = "sending"  // a sender has it
	DeliveryAccepted DeliveryState = "accepted" // handed over
	Delivered        DeliveryState = "delivered"
	DeliveryInDoubt  DeliveryState = "in doubt"
	Ended            DeliveryState = "ended" // with a reason
)

// DeliveryStates lists all states in the order that screens show them.
var DeliveryStates = [...]DeliveryState{Waiting, Sending, DeliveryAccepted, Delivered, DeliveryInDoubt, Ended}

// DeliverySteps lists every legal step of a delivery.
var DeliverySteps = map[DeliveryState][]DeliveryState{
	Waiting:          {Sending, Delivered, Ended}, // Delivered: a late receipt of the attempt before
	Sending:          {Waiting, DeliveryAccepted, Delivered, DeliveryInDoubt, Ended},
	DeliveryAccepted: {Delivered, Waiting, Ended}, // Waiting: on to the next contact point
	DeliveryInDoubt:  {DeliveryAccepted, Delivered, Waiting, Ended},
	Delivered:        {},
	Ended:            {Delivered, Waiting}, // a late receipt lifts failed and expired; Waiting: a person resends
}

// CanStep reports whether a delivery may go from s to next.
func (s DeliveryState) CanStep(next DeliveryState) bool {
	for _, legal := range DeliverySteps[s] {
		if legal == next {
			return true
		}
	}
	return false
}

// StateOf gives the state of a delivery whose newest attempt is in state s.
func StateOf(s AttemptState) DeliveryState {
	switch s {
	case Claimed:
		return Sending
	case InDoubt:
		return DeliveryInDoubt
	case Accepted:
		return DeliveryAccepted
	case AttemptDelivered:
		return Delivered
	}
	panic(fmt.Sprintf("gateway: no delivery state follows from an attempt that is %v; the step after it decides", s))
}

// Reason says why a delivery ended.
type Reason string

// The reasons.
const (
	ReasonFailed     Reason = "failed"     // no contact point is left, or no try
	ReasonSuppressed Reason = "suppressed" // STOP, no consent, or no usable contact point
	ReasonExpired    Reason = "expired"
	ReasonCancelled  Reason = "cancelled"
	ReasonMerged     Reason = "merged"
	ReasonReplaced   Reason = "replaced"
	ReasonCapped     Reason = "capped" // it has not ended: it waits, because the group's hard cap is reached
)

// Liftable reports whether a late delivered receipt still counts after this end.
func (r Reason) Liftable() bool { return r == ReasonFailed || r == ReasonExpired }
