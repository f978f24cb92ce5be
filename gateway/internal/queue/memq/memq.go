// Package memq is the queue within one process.
package memq

import (
	"context"
	"slices"
	"sync"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// Queue keeps lanes in memory. Channels do not share a lock.
type Queue struct {
	window int
	lost   chan struct{}

	mu       sync.RWMutex
	channels map[gateway.ID]*channel
}

// New makes a queue whose lanes hold at most window waiting ids of each group.
func New(window int) *Queue {
	return &Queue{window: max(1, window), lost: make(chan struct{}, 1), channels: map[gateway.ID]*channel{}}
}

type channel struct {
	mu      sync.Mutex
	lanes   [len(gateway.Lanes)]lane
	waiters []*waiter
}

type lane struct {
	turns   []*group // those that have some waiting
	next    int      // whose turn it is
	waiting int
	present map[gateway.ID]struct{}
}

// group is what one group has in a lane.
type group struct {
	id      gateway.ID
	waiting []gateway.ID // from head on
	head    int
	more    bool // the ledger may hold more of it, and nobody was told that it runs low
}

func (g *group) len() int { return len(g.waiting) - g.head }

// take appends the first n ids to into.
func (g *group) take(into []gateway.ID, n int) []gateway.ID {
	into = append(into, g.waiting[g.head:g.head+n]...)
	g.head += n
	if g.head >= len(g.waiting)/2 { // the copy costs no more than what was popped since the last one
		g.waiting, g.head = g.waiting[:copy(g.waiting, g.waiting[g.head:])], 0
	}
	return into
}

func (l *lane) group(id gateway.ID) *group {
	for _, g := range l.turns {
		if g.id == id {
			return g
		}
	}
	g := &group{id: id}
	// The group whose turn it is has waited longest, so a new one comes last: just before it.
	l.turns = slices.Insert(l.turns, l.next, g)
	if l.next++; l.next == len(l.turns) {
		l.next = 0
	}
	return g
}

// waiter is a Pop that found nothing.
type waiter struct {
	lanes []gateway.Lane
	wake  chan struct{}
}

func (q *Queue) channel(id gateway.ID) *channel {
	q.mu.RLock()
	c := q.channels[id]
	q.mu.RUnlock()
	if c != nil {
		return c
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if c = q.channels[id]; c == nil {
		c = &channel{}
		for i := range c.lanes {
			c.lanes[i].present = map[gateway.ID]struct{}{}
		}
		q.channels[id] = c
	}
	return c
}

// Push implements queue.Queue.
func (q *Queue) Push(_ context.Context, to queue.Lane, shares []gateway.Share, each int) (taken int, low bool, err error) {
	c := q.channel(to.Channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.lanes[to.Lane]
	for _, s := range shares {
		g := l.group(s.Group)
		g.more = len(s.Deliveries) >= each
		for _, id := range s.Deliveries {
			if _, present := l.present[id]; present {
				continue
			}
			if g.len() >= q.window {
				g.more = true
				break
			}
			l.present[id] = struct{}{}
			g.waiting = append(g.waiting, id)
			taken++
		}
		low = low || g.more && g.len() <= q.window/4
		if g.len() == 0 {
			l.leave(slices.Index(l.turns, g))
		}
	}
	l.waiting += taken
	if taken > 0 {
		c.wakeOne(to.Lane)
	}
	return taken, low, nil
}

// leave takes a group out that has nothing waiting.
func (l *lane) leave(i int) {
	l.turns = slices.Delete(l.turns, i, i+1)
	if i < l.next {
		l.next--
	}
	if l.next >= len(l.turns) {
		l.next = 0
	}
}

// Pop implements queue.Queue.
func (q *Queue) Pop(ctx context.Context, id gateway.ID, lanes []gateway.Lane, most int) (queue.Batch, error) {
	c := q.channel(id)
	if err := ctx.Err(); err != nil {
		return queue.Batch{}, err
	}
	var w *waiter
	for {
		c.mu.Lock()
		if b := c.pop(lanes, most, q.window/4); b.Deliveries != nil {
			c.mu.Unlock()
			return b, nil
		}
		if w == nil {
			w = &waiter{lanes: lanes, wake: make(chan struct{}, 1)}
		}
		c.waiters = append(c.waiters, w)
		c.mu.Unlock()
		select {
		case <-w.wake:
		case <-ctx.Done():
			c.leave(w)
			return queue.Batch{}, ctx.Err()
		}
	}
}

func (c *channel) pop(lanes []gateway.Lane, most, few int) queue.Batch {
	for _, from := range lanes {
		l := &c.lanes[from]
		n := min(most, l.waiting)
		if n <= 0 {
			continue
		}
		b := queue.Batch{Lane: from, Deliveries: make([]gateway.ID, 0, n)}
		l.waiting -= n
		for n > 0 {
			for round, each := len(l.turns), max(1, n/len(l.turns)); round > 0 && n > 0; round-- {
				n -= l.turn(&b, min(each, n), few)
			}
		}
		if l.waiting > 0 {
			c.wakeOne(from)
		}
		return b
	}
	return queue.Batch{}
}

// turn takes up to n ids from the group whose turn it is, and returns how many.
func (l *lane) turn(b *queue.Batch, n, few int) int {
	g := l.turns[l.next]
	n = min(n, g.len())
	b.Deliveries = g.take(b.Deliveries, n)
	if g.more && g.len() <= few {
		b.Low, g.more = true, false
	}
	if g.len() == 0 {
		l.leave(l.next)
	} else if l.next++; l.next == len(l.turns) {
		l.next = 0
	}
	return n
}

// wakeOne wakes the Pop that has waited longest for a lane.
func (c *channel) wakeOne(to gateway.Lane) {
	for i, w := range c.waiters {
		for _, want := range w.lanes {
			if want == to {
				c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
				w.wake <- struct{}{}
				return
			}
		}
	}
}

// leave takes a waiter out that gave up; if it was woken meanwhile, the next one is woken in its place.
func (c *channel) leave(gone *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.waiters {
		if w == gone {
			c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
			return
		}
	}
	for _, lane := range gone.lanes {
		if c.lanes[lane].waiting > 0 {
			c.wakeOne(lane)
		}
	}
}

// Done implements queue.Queue.
func (q *Queue) Done(_ context.Context, from queue.Lane, ids []gateway.ID) error {
	c := q.channel(from.Channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	present := c.lanes[from.Lane].present
	for _, id := range ids {
		delete(present, id)
	}
	return nil
}

// Len implements queue.Queue.
func (q *Queue) Len(_ context.Context, of queue.Lane) (waiting, held int, err error) {
	c := q.channel(of.Channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.lanes[of.Lane]
	return l.waiting, len(l.present) - l.waiting, nil
}

// Lost implements queue.Queue.
func (q *Queue) Lost() <-chan struct{} { return q.lost }

// Flush loses everything, as a shared queue may at any time.
func (q *Queue) Flush() {
	q.mu.RLock()
	for _, c := range q.channels {
		c.mu.Lock()
		for i := range c.lanes {
			c.lanes[i] = lane{present: map[gateway.ID]struct{}{}}
		}
		c.mu.Unlock()
	}
	q.mu.RUnlock()
	select {
	case q.lost <- struct{}{}:
	default:
	}
}

var _ queue.Queue = (*Queue)(nil)
