package email

import (
	"context"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// Servers close connections that say nothing for five minutes (RFC 5321, section 4.5.3.2.7), many far sooner.
const (
	idleMost  = 30 * time.Second // a connection that lies longer is not used again
	idleTrust = time.Second      // one that lies longer is asked for a sign of life first
)

// pool keeps links, a bounded number at once. It runs no goroutine; what lies idle is closed when it is next looked at.
type pool struct {
	slots chan struct{}
	each  int // messages after which a link is closed
	dial  func(context.Context) (*link, *channels.Error)

	mu     sync.Mutex
	idle   []*link // the one used last is last
	closed bool
}

func newPool(most, each int, dial func(context.Context) (*link, *channels.Error)) *pool {
	return &pool{slots: make(chan struct{}, most), each: each, dial: dial}
}

// take gives a link that looks good; kept says that it was used before. It waits for a free slot.
func (p *pool) take(ctx context.Context) (l *link, kept bool, fail *channels.Error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, failing(context.Cause(ctx), "all connections to the mail server were busy until the time was over")
	}
	for l := p.pop(); l != nil; l = p.pop() {
		lain := time.Since(l.idle)
		if lain < idleTrust || lain < idleMost && l.noop(ctx) == nil && !l.lost {
			return l, true, nil
		}
		l.quit(ctx)
	}
	l, fail = p.dial(ctx)
	if fail != nil {
		<-p.slots
	}
	return l, false, fail
}

func (p *pool) pop() *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	l := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return l
}

// give puts a link back, or closes it if it is of no more use.
func (p *pool) give(ctx context.Context, l *link) {
	defer func() { <-p.slots }()
	l.idle = time.Now()
	p.mu.Lock()
	keep := !p.closed && !l.lost && l.sent < p.each
	if keep {
		p.idle = append(p.idle, l)
	}
	p.mu.Unlock()
	if !keep {
		l.quit(ctx)
	}
}

// close closes what lies idle, and whatever is given back from now on.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, l := range idle {
		l.quit(context.Background())
	}
}
