package gateway

import (
	"context"
	"time"
)

// Known tells which messages of providers the ledger knows as another attempt's.
type Known interface {
	// Elsewhere reports whether another attempt than this one, on its channel and of its time, has a provider's id for one of its
	// parts. An attempt that is not there has none.
	Elsewhere(ctx context.Context, attempt ID, providerID string) (bool, error)
}

// KnownFor is how long before and after an attempt another may have been claimed whose message a look-up could take for its own: a
// message is made while its attempt is claimed, and clocks are apart.
const KnownFor = 10 * time.Minute

// Around gives ids between which all lie that were made at most so long before or after one.
func Around(id ID, span time.Duration) (first, last ID) {
	const stamp = 6 // bytes: UUIDv7 begins with milliseconds (RFC 9562, section 5.7)
	var at int64
	for _, b := range id[:stamp] {
		at = at<<8 | int64(b)
	}
	from, to := max(0, at-span.Milliseconds()), at+span.Milliseconds()+1
	for n := range stamp {
		first[n], last[n] = byte(from>>(40-8*n)), byte(to>>(40-8*n))
	}
	return first, last
}
