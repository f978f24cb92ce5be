package gateway

import (
	"context"
	"time"
)

// KeepConfirmed is how long a telephone number is taken for a member's from when she was last heard there: numbers get new owners
// (threat T12). Some are asked up to 60 days sooner. From then on, and until she says that it is hers, her contact point is stale:
// nothing routine leaves there, and of an alert the pointer.
const KeepConfirmed = 365 * 24 * time.Hour

// StalePoint is a contact point of which nobody knows whose it is by now.
type StalePoint struct {
	Member, Point ID
	Kind          string
	Since         time.Time // to a day, in UTC
	Zone, Quiet   string    // of the member
}

// Reconfirming asks owners of telephone numbers whether they are still hers.
type Reconfirming interface {
	// Stale lists contact points of a group, at most limit, that are stale and whose owners have not been asked, the longest first.
	Stale(ctx context.Context, group ID, limit int) ([]StalePoint, error)
	// AskedStill notes that a contact point's owner was asked: once, whatever becomes of the question.
	AskedStill(ctx context.Context, group, member, point ID) error
	// CountStale counts a group's contact points that are stale.
	CountStale(ctx context.Context, group ID) (int, error)
}

// Reaffirming takes what somebody says of whose an address is.
type Reaffirming interface {
	// ReaffirmAddress takes her word that an address is still hers, for every contact point with it that is active or disowned, and
	// keeps it as evidence.
	ReaffirmAddress(ctx context.Context, group ID, kind string, address Private, proof Consent) ([]ID, error)
	// DisownAddress is StopAddress of somebody who is not the member: besides, nothing is agreed to there any more, and nobody is found
	// by the address until ReaffirmAddress and StartAddress say that it is hers after all. StartAddress alone only lifts the STOP, for
	// whoever joins from there as somebody new.
	DisownAddress(ctx context.Context, group ID, kind string, address Private, proof Consent) ([]ID, error)
}
