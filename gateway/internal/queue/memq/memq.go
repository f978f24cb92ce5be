// Package memq is the queue within one process.
package memq

import (
	"context"
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

// New makes a queue whose lanes hold at most window waiting ids each.
func New(window int) *Queue {
	return &Queue{window: max(1, window), lost: make(chan struct{}, 1), channels: map[gateway.ID]*channel{}}
}

type channel struct {
	mu      sync.Mutex
	lanes   [len(gateway.Lanes)]lane
	waiters []*waiter
}

type lane struct {
	waiting []gateway.ID // from head on
	head    int
	present map[gateway.ID]struct{}
}

func (l *lane) len() int { return len(l.waiting) - l.head }

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
func (q *Queue) Push(_ context.Context, to queue.Lane, ids []gateway.ID) (int, error) {
	c := q.channel(to.Channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	l, taken := &c.lanes[to.Lane], 0
	for _, id := range ids {
		if l.len() >= q.window {
			break
		}
		if _, held := l.present[id]; held {
			continue
		}
		l.present[id] = struct{}{}
		l.waiting = append(l.waiting, id)
		taken++
	}
	if taken > 0 {
		c.wakeOne(to.Lane)
	}
	return taken, nil
}

// Pop implements queue.Queue.
func (q *Queue) Pop(ctx context.Context, id gateway.ID, lanes []gateway.Lane, most int) (gateway.Lane, []gateway.ID, error) {
	c := q.channel(id)
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	var w *waiter
	for {
		c.mu.Lock()
		if from, ids := c.pop(lanes, most); ids != nil {
			c.mu.Unlock()
			return from, ids, nil
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
			return 0, nil, ctx.Err()
		}
	}
}

func (c *channel) pop(lanes []gateway.Lane, most int) (gateway.Lane, []gateway.ID) {
	for _, from := range lanes {
		l := &c.lanes[from]
		n := min(most, l.len())
		if n <= 0 {
			continue
		}
		ids := make([]gateway.ID, n)
		copy(ids, l.waiting[l.head:])
		l.head += n
		switch {
		case l.len() == 0:
			l.waiting, l.head = l.waiting[:0], 0
		case l.head >= len(l.waiting)/2: // the copy costs no more than what was popped since the last one
			l.waiting, l.head = l.waiting[:copy(l.waiting, l.waiting[l.head:])], 0
		}
		if l.len() > 0 {
			c.wakeOne(from)
		}
		return from, ids
	}
	return 0, nil
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
		if c.lanes[lane].len() > 0 {
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
	return l.len(), len(l.present) - l.len(), nil
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
