package roll

import (
	"crypto/subtle"

	"github.com/carillon-gateway/carillon/gateway"
)

// CodeMaySend says what stands against another code under a link.
func CodeMaySend(found bool, sent int) error {
	switch {
	case !found:
		return gateway.Faultf(gateway.CodeNotFound, "there is no such link")
	case sent >= gateway.MaxPageCodes:
		return gateway.Faultf(gateway.CodeTooMany, "%d codes were sent under this link; ask for a new link", sent)
	}
	return nil
}

// CodeIsRight compares a code with the one that is kept.
func CodeIsRight(kept, given []byte, tries int) bool {
	return len(kept) > 0 && tries < gateway.MaxPageTries && subtle.ConstantTimeCompare(kept, given) == 1
}

// ErrWrongCode is the answer to a code that is not right.
func ErrWrongCode() error {
	return gateway.Faultf(gateway.CodeForbidden, "this code is wrong, or its time is over; ask for a new one")
}

// MayProve says what stands against an address that a member with n others adds.
func MayProve(n int, same, stopped bool) error {
	switch {
	case same:
		return gateway.Faultf(gateway.CodeConflict, "this address is hers already")
	case n >= gateway.MaxPagePoints:
		return gateway.Faultf(gateway.CodeConflict, "she has %d addresses; take one away first", n)
	case stopped:
		return gateway.Faultf(gateway.CodeForbidden, "a STOP stands against this address; it ends with START from there")
	}
	return nil
}

// MayDrop says what stands against taking a contact point away: its state (0: it is not there), and how many others can be
// written to.
func MayDrop(state, others int) error {
	switch {
	case state == 0:
		return gateway.Faultf(gateway.CodeNotFound, "there is no such contact point")
	case others == 0 && (state == Active || state == Unconfirmed):
		return gateway.Faultf(gateway.CodeConflict, "this is the only address at which she can be reached; stop it, or add another first")
	}
	return nil
}
