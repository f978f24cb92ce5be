package redisq

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// What is published to all processes begins with its kind. Every kind may be lost: a Pop looks again by itself, and relays
// sweep.
const (
	toldWake     = 'w' // a channel: something waits in a lane that was empty
	toldLoss     = 'l' // a channel and its new generation: what was there is gone
	toldNudge    = 'n' // who says it, and lanes: something is due in them
	toldAnnounce = 'a' // who says it: the channels have changed
)

const idLen = len(gateway.ID{})

func (q *Queue) wakeOf(c *channel) []byte { return append([]byte{toldWake}, c.id[:]...) }

func (q *Queue) lossOf(c *channel, generation gateway.ID) []byte {
	return append(append([]byte{toldLoss}, c.id[:]...), generation[:]...)
}

// tells is what waits to be published.
type tells struct {
	mu       sync.Mutex
	lanes    map[queue.Lane]struct{}
	announce bool
	some     chan struct{}
}

func newTells() tells { return tells{lanes: map[queue.Lane]struct{}{}, some: make(chan struct{}, 1)} }

// Nudge implements queue.Signals.
func (q *Queue) Nudge(lane queue.Lane) {
	t := &q.telling
	t.mu.Lock()
	t.lanes[lane] = struct{}{}
	t.mu.Unlock()
	signal(t.some)
}

// Announce implements queue.Signals.
func (q *Queue) Announce() {
	t := &q.telling
	t.mu.Lock()
	t.announce = true
	t.mu.Unlock()
	signal(t.some)
}

// Nudged implements queue.Signals.
func (q *Queue) Nudged() <-chan queue.Lane { return q.nudged }

// Announced implements queue.Signals.
func (q *Queue) Announced() <-chan struct{} { return q.announced }

// tell publishes what gathered while the last was published.
func (q *Queue) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.telling.some:
		}
		for _, message := range q.telling.take(q.self) {
			sending, cancel := context.WithTimeout(ctx, q.o.Timeout)
			err := q.client.Process(sending, once{redis.NewCmd(sending, "publish", q.topic, message)})
			cancel()
			if err != nil && ctx.Err() == nil {
				q.o.Log.Debug("other processes were not told; they find out by their next sweep", "error", err)
			}
		}
	}
}

func (t *tells) take(self gateway.ID) (messages [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lanes) > 0 {
		m := append([]byte{toldNudge}, self[:]...)
		for lane := range t.lanes {
			m = append(append(m, lane.Channel[:]...), byte(lane.Lane))
		}
		messages = append(messages, m)
		clear(t.lanes)
	}
	if t.announce {
		messages = append(messages, append([]byte{toldAnnounce}, self[:]...))
		t.announce = false
	}
	return messages
}

// listen takes what is published until the context ends.
func (q *Queue) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := q.hear(ctx)
		q.deaf.Store(true)
		if ctx.Err() != nil {
			return
		}
		q.o.Log.Debug("nothing is heard of other processes; connecting again", "error", err)
		q.askWho(err)
		select {
		case <-ctx.Done():
		case <-time.After(deafSlice):
		}
	}
}

// hear listens on one connection until it breaks.
func (q *Queue) hear(ctx context.Context) error {
	sub := q.client.Subscribe(ctx)
	defer sub.Close()
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // ends a read
	defer stop()
	if err := sub.Subscribe(ctx, q.topic); err != nil {
		return err
	}
	asked := false
	for {
		message, err := sub.ReceiveTimeout(ctx, q.o.Timeout)
		var silence net.Error
		switch {
		case err == nil:
			asked = false
		case errors.As(err, &silence) && silence.Timeout() && !asked: // is anybody there?
			if err := sub.Ping(ctx); err != nil {
				return err
			}
			asked = true
			continue
		default:
			return err
		}
		switch m := message.(type) {
		case *redis.Subscription:
			q.hearing()
			q.ended.Go(func() { q.look(ctx) }) // a server that was started again may have forgotten everything
		case *redis.Message:
			q.told(m.Payload)
		}
	}
}

// hearing makes up for what was said while nobody listened.
func (q *Queue) hearing() {
	q.deaf.Store(false)
	signal(q.announced)
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, c := range q.channels {
		c.wakeAll()
	}
}

// told takes one message.
func (q *Queue) told(m string) {
	if len(m) < 1+idLen {
		return
	}
	kind, who, rest := m[0], gateway.ID([]byte(m[1:1+idLen])), m[1+idLen:]
	switch kind {
	case toldWake, toldLoss:
		q.mu.RLock()
		c := q.channels[who]
		q.mu.RUnlock()
		if c == nil {
			return
		}
		if kind == toldWake {
			c.wakeAll()
			return
		}
		q.saw(c, rest)
	case toldNudge:
		for ; who != q.self && len(rest) > idLen; rest = rest[idLen+1:] {
			lane := queue.Lane{Channel: gateway.ID([]byte(rest[:idLen])), Lane: gateway.Lane(rest[idLen])}
			if int(lane.Lane) >= len(gateway.Lanes) {
				return
			}
			select {
			case q.nudged <- lane:
			default:
			}
		}
	case toldAnnounce:
		if who != q.self {
			signal(q.announced)
		}
	}
}
