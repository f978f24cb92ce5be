package roll

import (
	"math/rand/v2"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// The values of contact_points.confirm_by besides the time, in microseconds, from when on its owner is asked whether it is still
// hers: never; that she was asked and has not answered yet; and that whoever has the address now has said that it is not the member's
// (WRONG). By that one nobody is found, so that its owner joins as somebody new.
const (
	NeverStale = 0
	AskedStill = 1
	NotHers    = -1
)

// spread is how many days earlier than a year some are asked: a roll that came in one file is not asked on one day, and that
// a day stands with two contact points tells nobody whose they are (ADR 57).
const spread = 60

// ConfirmBy is confirm_by of a contact point of which its owner was heard now; numbered: addresses of its kind are telephone
// numbers, which get new owners.
func ConfirmBy(numbered bool, state int, now int64) int64 {
	if !numbered || state != Active {
		return NeverStale
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	return (now+gateway.KeepConfirmed.Microseconds())/day*day - rand.Int64N(spread+1)*day
}

// HeardAgain is which confirm_by is too old to be left when its owner is heard now. Not every message of hers is worth a row.
func HeardAgain(now int64) int64 {
	return now + (gateway.KeepConfirmed - 90*24*time.Hour).Microseconds()
}

// StateNow is the state of a contact point at an instant, in microseconds.
func StateNow(state int, confirmBy, now int64) int {
	if state == Active && confirmBy != NeverStale && confirmBy <= now {
		return Stale
	}
	return state
}
