// Package queue is the contract of the lanes between the relay and the senders. A queue holds hints: the ids of
// deliveries that the ledger calls due, in a bounded window for each group in a lane; the backlog stays in the ledger. It
// may lose everything and may say a thing twice, because a sender sends only what the ledger lets it claim.
package queue

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
)

// Window is how many ids of each group a lane usually holds waiting.
const Window = 1024

// Lane names one queue: a lane of a channel.
type Lane struct {
	Channel gateway.ID
	Lane    gateway.Lane
}

// Queue hands ids from those who find them due to those who send. All methods are safe for concurrent use. An error
// means that the queue cannot be reached now; nobody may conclude from it that ids were or were not taken.
type Queue interface {
	// Push offers the shares of some groups, each the longest due first, as the ledger gave them when asked for each of a
	// group. Ids that the lane holds already (pushed before and not yet Done) and ids beyond their group's window are passed
	// over. It returns how many were taken, and whether a group runs low: it filled its share, so that the ledger may hold
	// more of it, and yet a quarter of its window or less waits here.
	Push(ctx context.Context, lane Lane, shares []gateway.Share, each int) (taken int, low bool, err error)
	// Pop takes 1 to max ids from the first of the lanes of one channel that has any: from the groups in turn, and from each
	// in the order they were pushed. It waits until there are some; the only other ways out are the context's error and an
	// unreachable queue.
	Pop(ctx context.Context, channel gateway.ID, lanes []gateway.Lane, max int) (Batch, error)
	// Done forgets popped ids, so that they can be pushed again. A queue between processes forgets them by itself some
	// time after they were popped: whoever popped them may have died, and a queue that fell back to an older copy of itself
	// may hold what nobody has.
	Done(ctx context.Context, lane Lane, ids []gateway.ID) error
	// Len counts the ids that wait in a lane, and those that were popped and are not Done.
	Len(ctx context.Context, lane Lane) (waiting, held int, err error)
	// Lost receives once each time the queue finds that everything in it is gone, so that the lanes must be filled
	// again from the ledger. Several losses that nobody received count as one.
	Lost() <-chan struct{}
}

// Batch is what a Pop took.
type Batch struct {
	Lane       gateway.Lane
	Deliveries []gateway.ID
	// Low says that a group runs low: the ledger may hold more of it, and a quarter of its window or less waits here. It is
	// said once until the group is pushed to again.
	Low bool
}
