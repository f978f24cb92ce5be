package redisq

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

const (
	pushed   = 256     // ids that one call of a script takes at most: it keeps all others waiting meanwhile
	mostDone = 4 << 10 // ids that wait to be forgotten in one lane; those beyond are forgotten by their time

	lull      = 20 * time.Millisecond // how long Dones wait for a Push or Pop that takes them along
	slice     = 2 * time.Second       // how long a Pop waits at most before it looks again
	deafSlice = 50 * time.Millisecond // and while nobody can wake it
)

// piece is what one call of the script pushes of one group.
type piece struct {
	group gateway.ID
	ids   []gateway.ID
	more  string // see pushText
}

// pieces cuts shares into what one call may take.
func pieces(shares []gateway.Share, each int) (all []piece) {
	for _, s := range shares {
		more := "0"
		if len(s.Deliveries) >= each {
			more = "1"
		}
		ids := s.Deliveries
		for ; len(ids) > pushed; ids = ids[pushed:] {
			all = append(all, piece{s.Group, ids[:pushed], "2"})
		}
		all = append(all, piece{s.Group, ids, more})
	}
	return all
}

// Push implements queue.Queue.
func (q *Queue) Push(ctx context.Context, to queue.Lane, shares []gateway.Share, each int) (taken int, low bool, err error) {
	c := q.channel(to.Channel)
	for left := pieces(shares, each); len(left) > 0; {
		if err := ctx.Err(); err != nil {
			return taken, low, err
		}
		n := 0
		for room := pushed; n < len(left) && (n == 0 || len(left[n].ids) <= room); n++ {
			room -= len(left[n].ids)
		}
		some, few, err := q.push(ctx, c, to.Lane, left[:n])
		if err != nil {
			return taken, low, err
		}
		taken, low, left = taken+some, low || few, left[n:]
	}
	if taken > 0 {
		c.wakeAll() // those of this process need not wait for the signal
	}
	return taken, low, nil
}

func (q *Queue) push(ctx context.Context, c *channel, lane gateway.Lane, some []piece) (taken int, low bool, err error) {
	keys, generation, done := &c.lanes[lane], gateway.NewID(), c.takeDone(lane)
	args := make([]any, 0, 7+3*len(some))
	args = append(args, generation[:], q.topic, q.lossOf(c, generation), q.wakeOf(c), q.o.Window, keys.groups, done)
	for i := range some {
		args = append(args, some[i].group[:], joined(some[i].ids), some[i].more)
	}
	reply, err := q.run(ctx, q.scripts.push, []string{c.generation, keys.turns, keys.present, keys.more}, args...)
	if err == nil && len(reply) != 4 {
		err = fmt.Errorf("Redis answered a push with %d values", len(reply))
	}
	if err != nil {
		c.putDone(lane, done)
		return 0, false, err
	}
	q.learn(c, text(reply[0]), number(reply[1]))
	return int(number(reply[2])), number(reply[3]) == 1, nil
}

// Pop implements queue.Queue.
func (q *Queue) Pop(ctx context.Context, id gateway.ID, lanes []gateway.Lane, most int) (queue.Batch, error) {
	c := q.channel(id)
	var t *time.Timer
	for {
		if err := ctx.Err(); err != nil {
			return queue.Batch{}, err
		}
		wake := c.waits() // before looking: what comes after the look wakes us
		b, again, err := q.pop(ctx, c, lanes, most)
		if err != nil || len(b.Deliveries) > 0 {
			return b, err
		}
		if again {
			continue
		}
		wait := slice
		if q.deaf.Load() {
			wait = deafSlice
		}
		if t == nil {
			t = time.NewTimer(wait)
			defer t.Stop()
		} else {
			t.Reset(wait)
		}
		select {
		case <-wake:
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// pop takes what is there now. Again: the server hung, and took the question for one that nobody asks any more.
func (q *Queue) pop(ctx context.Context, c *channel, lanes []gateway.Lane, most int) (b queue.Batch, again bool, err error) {
	generation, until := gateway.NewID(), int64(0)
	c.mu.Lock()
	if c.timed {
		until = time.Now().Add(q.o.Timeout).UnixMilli() + c.ahead
	}
	c.mu.Unlock()
	keys := make([]string, 1, 1+3*len(lanes))
	keys[0] = c.generation
	args := make([]any, 0, 7+2*len(lanes))
	args = append(args, generation[:], q.topic, q.lossOf(c, generation), until, most, q.o.Hold.Milliseconds(), q.o.Window/4)
	done := make([][]byte, len(lanes))
	for i, lane := range lanes {
		k := &c.lanes[lane]
		done[i] = c.takeDone(lane)
		keys = append(keys, k.turns, k.present, k.more)
		args = append(args, k.groups, done[i])
	}
	reply, err := q.run(ctx, q.scripts.pop, keys, args...)
	if err == nil && len(reply) != 5 {
		err = fmt.Errorf("Redis answered a pop with %d values", len(reply))
	}
	if err != nil {
		for i, lane := range lanes {
			c.putDone(lane, done[i])
		}
		return b, false, err
	}
	q.learn(c, text(reply[0]), number(reply[1]))
	which := number(reply[2])
	if which < 1 || int(which) > len(lanes) {
		return b, which < 0, nil
	}
	b.Lane, b.Low, b.Deliveries = lanes[which-1], number(reply[3]) == 1, apart(text(reply[4]))
	return b, false, nil
}

// Done implements queue.Queue. What is done is told with the next Push or Pop, or after a lull.
func (q *Queue) Done(_ context.Context, from queue.Lane, ids []gateway.ID) error {
	if len(ids) == 0 {
		return nil
	}
	c := q.channel(from.Channel)
	c.putDone(from.Lane, joined(ids))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		c.armed = true
		time.AfterFunc(lull, func() { _ = q.flush(c) })
	}
	return nil
}

// flush tells what is done.
func (q *Queue) flush(c *channel) error {
	c.mu.Lock()
	c.armed = false
	c.mu.Unlock()
	var keys []string
	var args []any
	var done [len(gateway.Lanes)][]byte
	for i := range c.lanes {
		if done[i] = c.takeDone(gateway.Lane(i)); len(done[i]) > 0 {
			keys, args = append(keys, c.lanes[i].present), append(args, done[i])
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := q.run(context.Background(), q.scripts.done, keys, args...)
	if err != nil {
		// The next Push or Pop takes them along; without one, they are forgotten by their time.
		for i := range done {
			c.putDone(gateway.Lane(i), done[i])
		}
	}
	return err
}

func (c *channel) takeDone(lane gateway.Lane) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.done[lane]
	c.done[lane] = nil
	return done
}

func (c *channel) putDone(lane gateway.Lane, done []byte) {
	if len(done) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.done[lane])+len(done) <= mostDone*len(gateway.ID{}) {
		c.done[lane] = append(c.done[lane], done...)
	}
}

// Len implements queue.Queue.
func (q *Queue) Len(ctx context.Context, of queue.Lane) (waiting, held int, err error) {
	c := q.channel(of.Channel)
	if err := q.flush(c); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.o.Timeout)
	defer cancel()
	pipe := q.client.Pipeline()
	w := pipe.ZCount(ctx, c.lanes[of.Lane].present, "0", "0")
	all := pipe.ZCard(ctx, c.lanes[of.Lane].present)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, 0, unreachable(err)
	}
	return int(w.Val()), int(all.Val() - w.Val()), nil
}

// joined writes ids one behind the other.
func joined(ids []gateway.ID) []byte {
	all := make([]byte, 0, len(ids)*len(gateway.ID{}))
	for i := range ids {
		all = append(all, ids[i][:]...)
	}
	return all
}

// apart is the reverse.
func apart(all string) []gateway.ID {
	ids := make([]gateway.ID, len(all)/len(gateway.ID{}))
	for i := range ids {
		copy(ids[i][:], all[i*len(gateway.ID{}):])
	}
	return ids
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int64 {
	n, _ := v.(int64)
	return n
}
