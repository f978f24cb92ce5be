package gateway

import "context"

// Successions puts one channel in the place of another.
type Successions interface {
	// Replace says that a channel takes the place of another of the same owner and kind: nothing new is planned over the old
	// one, and what waits there is for TakeOver. A channel that takes a place is replaced by nobody any more, so the reverse
	// call takes it back. ErrNotFound: one of them is not there.
	Replace(ctx context.Context, old, by ID) error
	// TakeOver moves deliveries that wait on replaced channels to those in their place, at most limit; it gives the channels
	// that got some. What is under way stays with the old channel, which alone knows what became of it, and so does what
	// waits to be repeated there although it may have been sent: only its provider knows the repetition for one. Of what
	// several callers ask for at once, each moves others.
	TakeOver(ctx context.Context, limit int) ([]ID, error)
}
