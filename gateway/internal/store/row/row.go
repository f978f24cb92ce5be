// Package row is what a delivery and its attempts do when something happens to them: one state machine for every
// database. It reads and writes nothing; a database gives it rows, as World, and writes back what has changed.
package row

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// The values of deliveries.state; the rest follows from the newest attempt.
const (
	Waiting = 0
	Follows = 1
	Ended   = 2
	Arrived = 3 // by an attempt that is not the newest
	Held    = 4 // waiting, but its broadcast is stopped
	Capped  = 5 // waiting, but its group's cap is reached; the reason says so too
)

// The values of attempts.price_no besides the numbers of price_points.
const (
	PriceUnknown = 0
	PriceFree    = -1
)

// Said is which of the texts that lie ready for a reader leaves in an attempt.
type Said int

// The values of attempts.said.
const (
	SaidUnknown Said = iota // it was claimed by a release before: what is true now is taken for it
	SaidText
	SaidPointer
	SaidNamed // the text with room for her name
)

// SaidOf is what leaves where nobody is called by name.
func SaidOf(pointer bool) Said {
	if pointer {
		return SaidPointer
	}
	return SaidText
}

// Attempt is a row of attempts. K is what the database knows rows by; its zero value is none.
type Attempt[K comparable] struct {
	No, Group, Broadcast, Delivery, Previous, Channel K
	Tail                                              int64 // the rest of its identifier, where No is half of it
	Point                                             gateway.ID
	Nth                                               int
	State                                             gateway.AttemptState
	Token, Until                                      int64
	Parts, FirstPart                                  int
	Left                                              bool // its delivery went on without it
	Arrived                                           int64
	Cost                                              int
	ClaimedAt, SettledAt                              int64
	Refs                                              string
	Refusal                                           string // JSON; empty: none
	Price                                             int64  // of one unit: PriceFree, PriceUnknown or a number of price_points
	Said                                              Said
}

// ProviderIDs gives the provider's ids of the parts so far; an unknown one between known ones is "".
func (a *Attempt[K]) ProviderIDs() []string {
	ids := strings.Fields(a.Refs)
	for i, id := range ids {
		if id == "-" {
			ids[i] = ""
		}
	}
	return ids
}

// SetRef notes the provider's id of a part. Blanks that kept room for it go as far as they are needed.
func (a *Attempt[K]) SetRef(part int, id string) {
	if part == 0 && strings.TrimLeft(a.Refs, " ") == "" && !strings.ContainsAny(id, " \t\n\r") { // the common case: one part, and room for it
		a.Refs = padded(id, len(a.Refs))
		return
	}
	ids := a.ProviderIDs()
	for len(ids) <= part {
		ids = append(ids, "")
	}
	ids[part] = Ref(id)
	for i := range ids {
		if ids[i] == "" {
			ids[i] = "-"
		}
	}
	a.Refs = padded(strings.Join(ids, " "), len(a.Refs))
}

// Ref is a provider's id as an attempt keeps it: without blanks, which part ids.
func Ref(id string) string { return strings.Join(strings.Fields(id), "_") }

// Span is how long an attempt took, and gateway.KnownFor.
func (a *Attempt[K]) Span() time.Duration {
	return time.Duration(max(0, a.SettledAt-a.ClaimedAt))*time.Microsecond + gateway.KnownFor
}

// Clean gives a text as both databases can keep it: PostgreSQL refuses zero bytes and broken UTF-8, and one such byte from a
// provider would keep the outcomes of all senders out of the ledger for ever.
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// longest is how many bytes of a text from outside an index of PostgreSQL is asked to hold.
const longest = 512

// Key gives a text from outside as an index can hold it: what is too long ends in its digest.
func Key(s string) string {
	if s = Clean(s); len(s) <= longest {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:longest-2*len(sum)], "") + hex.EncodeToString(sum[:])
}

func padded(s string, length int) string {
	if len(s) >= length {
		return s
	}
	return s + strings.Repeat(" ", length-len(s))
}

func (a *Attempt[K]) setRefusal(r gateway.Refusal) {
	a.Refusal = ""
	if r != (gateway.Refusal{}) {
		a.Refusal = JSON(r)
	}
}

// Refused says why it was refused, or is in doubt.
func (a *Attempt[K]) Refused() (r gateway.Refusal) {
	if a.Refusal != "" {
		_ = json.Unmarshal([]byte(a.Refusal), &r) // our own writing
	}
	return r
}

// complete says whether receipts have come for all parts that this attempt sent.
func (a *Attempt[K]) complete() bool {
	want := int64(1)<<min(a.Parts, 62) - int64(1)<<min(a.FirstPart, 62)
	return want != 0 && a.Arrived&want == want
}

// enter takes a state; until is what that state waits for.
func (a *Attempt[K]) enter(state gateway.AttemptState, now, until int64) {
	a.State, a.SettledAt, a.Until = state, now, until
}

// Delivery is a row of deliveries.
type Delivery[K comparable] struct {
	No, Group, Broadcast                K
	Tail                                int64 // the rest of its identifier, where No is half of it
	Member, Point                       gateway.ID
	Channel                             K
	Lane                                gateway.Lane
	Locale                              string
	Neutral                             bool
	State                               int
	Due, Move                           int64
	Expires                             int64 // zero: when its broadcast does
	Quiet                               int64 // the end of the quiet hours that it waits or waited for; zero: none
	Attempt                             K
	Attempts, Tries, Resends, FirstPart int
	Reason                              gateway.Reason
	Detail                              string
}

// Newest is the newest attempt; the zero K if there is none.
func (d *Delivery[K]) Newest() (none K) {
	if d.Attempts == 0 {
		return none
	}
	return d.Attempt
}

// Waits says whether the delivery waits, held or not.
func (d *Delivery[K]) Waits() bool {
	return d.State == Waiting || d.State == Held || d.State == Capped
}

// Counted is what tallies count a delivery under; without a state it is not counted.
type Counted[K comparable] struct {
	Channel K
	State   gateway.DeliveryState
	Reason  gateway.Reason
}

// StateWith gives the delivery's state; a is its newest attempt, or any other.
func (d *Delivery[K]) StateWith(a *Attempt[K]) Counted[K] {
	switch d.State {
	case Waiting, Held:
		return Counted[K]{d.Channel, gateway.Waiting, ""}
	case Capped:
		return Counted[K]{d.Channel, gateway.Waiting, gateway.ReasonCapped}
	case Ended:
		return Counted[K]{d.Channel, gateway.Ended, d.Reason}
	case Arrived:
		return Counted[K]{d.Channel, gateway.Delivered, ""}
	}
	if a != nil && a.No == d.Newest() {
		return Counted[K]{a.Channel, gateway.StateOf(a.State), ""}
	}
	return Counted[K]{} // follows another attempt: what happens to a does not count
}
