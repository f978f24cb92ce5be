package channels

import (
	"context"
	"time"
)

// Catcher is implemented by adapters that can find out what was sent to us while nobody listened.
type Catcher interface {
	// CatchUp asks for everything since a time up to which all was heard; a little before it may come once more. The events
	// have the ids that webhook and Poll give them. The empty cursor begins; Next goes on. Asking changes nothing at the
	// provider. Every error is an *Error; class Permanent says that asking again is of no use.
	CatchUp(ctx context.Context, since time.Time, cursor string) (Caught, error)
}

// Caught is what one CatchUp gave.
type Caught struct {
	Events []Event
	Next   string    // where to go on; empty: that was all. The cursor it was given: the provider itself brings the rest; ask later
	Lost   time.Time // what came before that the provider has forgotten; zero: it holds everything
}
