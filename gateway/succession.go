package gateway

import (
	"context"
	"time"
)

// Successions puts one channel in the place of another, and takes away those that nobody needs.
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
	// DeleteChannel takes a channel away: its secrets, its cursor, its errors and its prices are gone, an open incident has
	// ended, and its name is free. What it carried still names its id. by is the label of who says so. CodeConflict: messages
	// wait on it or are under way, or it is in the place of another.
	DeleteChannel(ctx context.Context, id ID, by string) error
	// FormerChannels lists the channels that were deleted, in the order they were made.
	FormerChannels(ctx context.Context) ([]FormerChannel, error)
	// Stranded lists deliveries that are due on a channel that was deleted: a process that had not heard of that planned them, their
	// broadcast was stopped meanwhile, or somebody asked for another try. They are decided with Situation.Stranded.
	Stranded(ctx context.Context, limit int) ([]Claim, error)
}

// FormerChannel is what is left of a channel that was deleted.
type FormerChannel struct {
	ID        ID        `json:"id"`
	GroupID   ID        `json:"group_id"` // zero: it was the operator's
	Name      string    `json:"name"`     // that it had; another may have it since
	Adapter   string    `json:"adapter"`
	Kind      string    `json:"kind"`
	DeletedAt time.Time `json:"deleted_at"`
	DeletedBy string    `json:"deleted_by"` // label of a token
}
