package roll

import (
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// The values of contact_points.state.
const (
	Active      = 1
	Unconfirmed = 2
	Stopped     = 3
	Gone        = 4
	Invalid     = 5
	Proving     = 6
	Stale       = 7 // never stored: see StateNow
)

// states holds the words for them.
var states = [...]gateway.PointState{Active: gateway.PointActive, Unconfirmed: gateway.PointUnconfirmed, Stopped: gateway.PointStopped,
	Gone: gateway.PointGone, Invalid: gateway.PointInvalid, Proving: gateway.PointProving, Stale: gateway.PointStale}

// State gives the word for a value of contact_points.state.
func State(n int) gateway.PointState { return states[n] }

// Number gives the value of contact_points.state for a word.
func Number(state gateway.PointState) int { return slices.Index(states[:], state) }

// Found is a contact point found by its address.
type Found struct {
	Member, ID gateway.ID
	State      int
	Topics     int64
	Dropped    int64 // topics that she dropped there herself
	Position   int
	Seen       bool // her import is published
	NotHers    bool // its owner said so
}

// Turn is what becomes of a contact point; change is false if nothing does.
type Turn func(Found) (state int, topics int64, change bool)

// ToStop is STOP.
func ToStop(p Found) (int, int64, bool) { return Stopped, p.Topics, p.State != Stopped }

// ToDisown is a STOP of somebody whose address it is now: the one before has agreed to nothing there any more, and no file brings it back.
func ToDisown(p Found) (int, int64, bool) { return Stopped, 0, p.State != Stopped || p.Topics != 0 }

// ToStart undoes a STOP; without any consent the address is to be confirmed anew. What its owner said is not the member's stays so: she
// joins as somebody new.
func ToStart(p Found) (int, int64, bool) {
	if p.NotHers {
		return p.State, p.Topics, false
	}
	if p.Topics == 0 {
		return Unconfirmed, 0, p.State == Stopped
	}
	return Active, p.Topics, p.State == Stopped
}

// ToConfirm takes the person's yes to topics.
func ToConfirm(mask int64) Turn {
	return func(p Found) (int, int64, bool) { return Active, p.Topics | mask, p.State == Unconfirmed }
}

// ToReaffirm takes the person's word that an address is still hers.
func ToReaffirm(p Found) (int, int64, bool) { return p.State, p.Topics, p.State == Active || p.NotHers }

// Marked is the state of a contact point after a provider's word; false: it stays. STOP outranks whatever a provider
// says, and nobody's yes comes from one; nor does it say whose a telephone number is that was dead and lives again.
func Marked(p Found, state gateway.PointState, numbered bool) (int, bool) {
	if p.State == Stopped || p.State == Proving || state == gateway.PointActive && (p.State == Unconfirmed || numbered && p.State == Invalid) {
		return p.State, false
	}
	return Number(state), true
}

// Fresh is the state of a new contact point: active only with evidence, and never against a STOP.
func Fresh(stopped bool, topics int64) int {
	switch {
	case stopped:
		return Stopped
	case topics != 0:
		return Active
	}
	return Unconfirmed
}

// Granted adds what evidence grants for a contact point that is there: consent is added, never taken away, but a topic that
// she dropped stays dropped, and the state changes only from unconfirmed to active. It gives the pieces that grant something new.
func Granted(topics []Topic, p Found, point gateway.ID, consents []gateway.Consent) (state int, mask int64, news []gateway.Consent) {
	state, mask = p.State, p.Topics
	for _, c := range consents {
		if c.PointID != point {
			continue
		}
		bit := Bits(topics, []string{c.Topic})
		if !c.Granted || (mask|p.Dropped)&bit == bit {
			continue
		}
		mask |= bit
		c.ID, c.MemberID, c.PointID = gateway.NewID(), p.Member, p.ID
		news = append(news, c)
	}
	if state == Unconfirmed && mask != 0 {
		state = Active
	}
	return state, mask, news
}

// Lifted is the source of a group's suppression that takes back, for this group alone, a STOP for every group.
const Lifted = "lifted"

// Provider is the source of what a provider says of a person.
const Provider = "provider"

// Reported is the evidence of a STOP that a provider reports when it refuses a message.
func Reported(change gateway.PointChange) gateway.Consent {
	return gateway.Consent{Source: Provider, Proof: gateway.Private("the provider refused a message: " + change.Note)}
}

// Stops are where a STOP of an address stands: in its group, and everywhere.
type Stops struct{ Group, Everywhere []byte }

// StopsOf gives the indexes of an address.
func StopsOf(ring *seal.Ring, key *seal.Group, kind string, address gateway.Private) Stops {
	return Stops{key.Suppression.Of(kind, address.Reveal()), ring.Suppression().Of(kind, address.Reveal())}
}

// ProvingIndex finds an address that is yet to be proven. It is another than that of the address, so that nobody is found
// by what she only claims.
func ProvingIndex(key *seal.Group, kind string, address gateway.Private) []byte {
	return key.Addresses.Of("proving "+kind, address.Reveal())
}
