package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-gateway/carillon/gateway"
)

// limiter lets each token do something so often within a while. It forgets tokens that have all their turns again.
type limiter struct {
	turns int
	per   time.Duration

	mu     sync.Mutex
	tokens map[gateway.ID]*rate.Limiter
}

func newLimiter(turns int, per time.Duration) limiter {
	return limiter{turns: turns, per: per, tokens: map[gateway.ID]*rate.Limiter{}}
}

// take uses one turn, or says how long to wait for the next.
func (l *limiter) take(token gateway.ID, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, known := range l.tokens {
		if id != token && known.TokensAt(now) >= float64(l.turns) {
			delete(l.tokens, id)
		}
	}
	turns := l.tokens[token]
	if turns == nil {
		turns = rate.NewLimiter(rate.Every(l.per/time.Duration(l.turns)), l.turns)
		l.tokens[token] = turns
	}
	if turns.AllowN(now, 1) {
		return 0, true
	}
	return max(time.Second, time.Duration((1-turns.TokensAt(now))*float64(l.per)/float64(l.turns))), false
}
