package redisq

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
)

// rates is what all processes together may send over one channel, by the clock of Redis. When Redis is away it admits
// nothing.
type rates struct {
	q     *Queue
	c     *channel
	whole []any // of takeText: three for each rate of the whole channel
	each  []any // and for each rate of one address

	owed  atomic.Int64 // units to debit with the next Take, or before long; below zero: to give back with it
	armed atomic.Bool  // they will be debited even if nothing is taken
	away  atomic.Bool  // it was said that Redis is away
}

// payAfter is how long units that are owed wait for a Take that takes them along: other processes must not use them again.
const payAfter = time.Millisecond

// askAgain is how long to wait while Redis is away.
const askAgain = 100 * time.Millisecond

// Rates gives the rates of a channel to a process; it is safe for concurrent use.
func (q *Queue) Rates(id gateway.ID, of []channels.Rate) limit.Shared {
	r := &rates{q: q, c: q.channel(id)}
	for _, rate := range of {
		burst := max(1, rate.Burst)
		unit := math.MaxInt32 * 1e6 // of a rate of nothing: so long that nothing comes
		if rate.PerSecond > 0 {
			unit = 1e6 / rate.PerSecond
		}
		args := []any{strconv.FormatFloat(unit, 'g', -1, 64), burst}
		if rate.PerAddress {
			r.each = append(r.each, append(args, 0)...)
		} else {
			r.whole = append(r.whole, append(args, limit.Kept(burst))...)
		}
	}
	return r
}

func (r *rates) channelKey() string { return r.c.tag + "rates" }

func (r *rates) pointKey(point gateway.ID) string { return r.c.tag + "to:" + point.String() }

// Take implements limit.Rates.
func (r *rates) Take(_ time.Time, urgent bool, want, cost int) limit.Grant {
	owed := r.owed.Swap(0)
	g, err := r.take(r.channelKey(), urgent, want, cost, owed, r.whole)
	if err != nil {
		r.owed.Add(owed)
	}
	return g
}

func (r *rates) take(key string, urgent bool, want, cost int, owed int64, of []any) (limit.Grant, error) {
	first := 0
	if urgent {
		first = 1
	}
	reply, err := r.q.run(context.Background(), r.q.scripts.take, []string{key}, append([]any{first, want, max(1, cost), owed}, of...)...)
	if err == nil && len(reply) != 3 {
		err = fmt.Errorf("Redis answered a question for rates with %d values", len(reply))
	}
	if err != nil {
		r.missing(err)
		return limit.Grant{Wait: askAgain}, err
	}
	r.away.Store(false)
	return limit.Grant{Count: int(number(reply[0])), Wait: micros(reply[1]), Pause: micros(reply[2])}, nil
}

// missing says once that nothing is sent.
func (r *rates) missing(err error) {
	if !r.away.Swap(true) {
		r.q.o.Log.Error("nothing is sent over a channel, because its rates cannot be asked for", "channel_id", r.c.id, "error", err)
	}
}

// Debit implements limit.Rates.
func (r *rates) Debit(_ time.Time, cost int) {
	if len(r.whole) == 0 {
		return
	}
	r.owed.Add(int64(cost))
	if r.armed.CompareAndSwap(false, true) {
		time.AfterFunc(payAfter, func() {
			r.armed.Store(false)
			if r.owed.Load() > 0 {
				r.Take(time.Time{}, false, 0, 1)
			}
		})
	}
}

// Pause implements limit.Shared.
func (r *rates) Pause(d time.Duration) { r.pause(r.channelKey(), d) }

// PauseAddress implements limit.Shared.
func (r *rates) PauseAddress(point gateway.ID, d time.Duration) { r.pause(r.pointKey(point), d) }

func (r *rates) pause(key string, d time.Duration) {
	if d <= 0 {
		return
	}
	if _, err := r.q.run(context.Background(), r.q.scripts.pause, []string{key}, d.Microseconds()); err != nil {
		r.q.o.Log.Warn("other processes were not told of a pause; they learn it from the provider", "channel_id", r.c.id, "error", err)
	}
}

// Address implements limit.Shared.
func (r *rates) Address(point gateway.ID, cost int) time.Duration {
	g, _ := r.take(r.pointKey(point), true, 1, cost, 0, r.each) // an error says to ask again soon
	switch {
	case g.Count > 0:
		return 0
	case g.Pause > g.Wait:
		return g.Pause
	}
	return max(g.Wait, time.Millisecond)
}

// micros reads a whole number of microseconds, rounded up to what a timer keeps.
func micros(v any) time.Duration {
	n, err := strconv.ParseInt(text(v), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(min(n, int64(time.Hour/time.Microsecond)*24)) * time.Microsecond
}

var _ limit.Shared = (*rates)(nil)
