package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// Rates admits messages under the rates of a channel, in units of cost. Implementations are safe for concurrent use.
type Rates interface {
	// Take admits up to want messages of about cost units each, now. A message that is not urgent leaves the reserve
	// alone.
	Take(now time.Time, urgent bool, want, cost int) Grant
	// Debit takes units that turned out to be needed beyond what Take was told, even if there are none left; below zero it gives
	// back those that were not, up to the burst.
	Debit(now time.Time, cost int)
}

// Grant is the answer of Rates.
type Grant struct {
	Count int           // how many may leave
	Wait  time.Duration // if none: when to ask again
	Pause time.Duration // how long the provider wants nothing at all, as far as another process has learnt; zero: no pause
}

// Shared is the rates of one channel, and the pauses that its provider demands, for all processes together. It keeps its
// own clock. When it cannot be asked it admits nothing: a Grant or a wait that says to ask again soon.
type Shared interface {
	Rates
	// Pause has every process stop for so long; its next Take says so. A pause is only ever made longer.
	Pause(d time.Duration)
	// Address asks for leave to send cost units to one contact point under the rates of each address. Zero: it is given;
	// else nothing was taken, and the answer says when to ask again.
	Address(point gateway.ID, cost int) time.Duration
	// PauseAddress is Pause for one contact point.
	PauseAddress(point gateway.ID, d time.Duration)
}

// reserve is the share of each burst that only urgent messages take.
const reserve = 0.2

// Kept is how many units of a burst only urgent messages take.
func Kept(burst int) int {
	return int(math.Min(math.Ceil(reserve*float64(burst)), float64(burst-1)))
}

// local is the rates of a process that is alone.
type local struct {
	mu       sync.Mutex
	limits   []*rate.Limiter
	reserves []float64
}

// newLocal makes rates that keep a share of each burst for urgent messages.
func newLocal(rates []channels.Rate) *local {
	l := &local{limits: limiters(rates)}
	for _, r := range rates {
		l.reserves = append(l.reserves, float64(Kept(r.Burst)))
	}
	return l
}

// limiters makes one for each rate.
func limiters(rates []channels.Rate) []*rate.Limiter {
	all := make([]*rate.Limiter, len(rates))
	for i, r := range rates {
		all[i] = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	return all
}

// carryOver takes what was used over to the rates that come in their place.
func (l *local) carryOver(now time.Time, to *local) {
	l.mu.Lock()
	defer l.mu.Unlock()
	carryOver(now, l.limits, to.limits)
}

// carryOver debits new limiters with what was used of those in whose place they come, each of a burst at most: what is owed beyond it
// was owed at another rate.
func carryOver(now time.Time, from, to []*rate.Limiter) {
	for i := range min(len(from), len(to)) {
		used := float64(from[i].Burst()) - from[i].TokensAt(now)
		to[i].ReserveN(now, min(int(math.Ceil(used-1e-9)), to[i].Burst()))
	}
}

// Take implements Rates.
func (l *local) Take(now time.Time, urgent bool, want, cost int) Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	got, wait := want, time.Duration(0)
	for i, limit := range l.limits {
		kept := l.reserves[i]
		if urgent {
			kept = 0
		}
		need := math.Min(float64(cost), float64(limit.Burst())-kept) // a message beyond the burst leaves when all is there
		free := limit.TokensAt(now) - kept
		if free < need-1e-9 {
			got, wait = 0, max(wait, shortage(limit, now, need+kept))
			continue
		}
		got = min(got, max(1, int((free+1e-9)/float64(cost))))
	}
	if got > 0 {
		l.debit(now, got*cost)
	}
	return Grant{Count: got, Wait: wait}
}

// Debit implements Rates.
func (l *local) Debit(now time.Time, cost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.debit(now, cost)
}

func (l *local) debit(now time.Time, cost int) {
	for _, limit := range l.limits {
		debit(limit, now, cost)
	}
}

// debit takes units in slices of a burst, which is the most that a limiter gives at a time; it may run into debt. Below zero it gives
// them back: a limiter never holds more than its burst.
func debit(l *rate.Limiter, now time.Time, cost int) {
	if cost < 0 {
		l.ReserveN(now, cost)
	}
	for cost > 0 {
		n := min(cost, l.Burst())
		l.ReserveN(now, n)
		cost -= n
	}
}

// shortage is the time until a limiter holds so many units; zero: it does now.
func shortage(l *rate.Limiter, now time.Time, need float64) time.Duration {
	missing := need - l.TokensAt(now)
	if missing <= 1e-9 || l.Limit() == rate.Inf {
		return 0
	}
	if l.Limit() <= 0 {
		return time.Minute
	}
	seconds := math.Min(missing/float64(l.Limit()), 3600)
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}

var _ Rates = (*local)(nil)
