package limit

import (
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// trip is how many failures in a row open the breaker.
const trip = 5

// The first time until an open breaker tries again, and the longest.
const (
	firstProbe = time.Second
	lastProbe  = time.Minute
)

// breakerState is how far a breaker has opened.
type breakerState int

const (
	closed  breakerState = iota
	open                 // nothing leaves until its time has come; then one message tries
	probing              // that one is on its way
)

type breaker struct {
	state  breakerState
	failed int // in a row
	opened int // times in a row without a success between
	until  time.Time
}

// Change is what a report changed.
type Change int

// The changes.
const (
	NoChange Change = iota
	Opened          // the provider does not answer
	Closed          // it answers again
)

// Report tells how the provider answered; nil: it took the message. A provider that answers at all, be it with a
// refusal, closes the breaker.
func (c *Channel) Report(e *channels.Error) Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.breaker
	if e == nil || e.Scope != channels.ScopeChannel || e.Class != channels.Temporary && e.Class != channels.Unknown {
		return c.answered()
	}
	b.failed++
	if b.state == probing || b.state == closed && b.failed >= trip {
		was := b.state
		b.until = c.now().Add(min(lastProbe, firstProbe<<min(b.opened, 16)))
		b.opened++
		b.state = open
		if was == closed {
			return Opened
		}
	}
	return NoChange
}

func (c *Channel) answered() Change {
	was := c.breaker.state
	c.breaker = breaker{}
	if was == closed {
		return NoChange
	}
	c.routineFrom = later(c.routineFrom, c.now().Add(headStart))
	c.wake()
	return Closed
}

// Open reports whether the breaker keeps messages back.
func (c *Channel) Open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.breaker.state != closed
}
