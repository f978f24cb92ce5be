package track

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

const (
	most = 256 // receipts that go to the ledger in one call

	usualGathering = 5 * time.Millisecond
)

// gatherer joins the receipts of many requests.
type gatherer struct {
	write func(context.Context, []gateway.Receipt) ([]gateway.Effect, error)
	calls chan *call
	done  chan struct{}

	// A commit of thirty costs little more than one of three, so the first receipt waits for others: as long as more come
	// within lull, and no longer than gathering.
	gathering, lull time.Duration
}

type call struct {
	receipts []gateway.Receipt
	effects  []gateway.Effect
	err      error
	done     chan struct{}
}

func newGatherer(gathering time.Duration, write func(context.Context, []gateway.Receipt) ([]gateway.Effect, error)) *gatherer {
	if gathering == 0 {
		gathering = usualGathering
	}
	return &gatherer{write: write, calls: make(chan *call, most), done: make(chan struct{}), gathering: gathering, lull: gathering / 4}
}

// observe hands receipts in and waits until they are written.
func (g *gatherer) observe(ctx context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error) {
	c := &call{receipts: receipts, done: make(chan struct{})}
	select {
	case g.calls <- c:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-g.done:
		return nil, gateway.Faultf(gateway.CodeUnavailable, "the gateway is stopping")
	}
	select {
	case <-c.done:
		return c.effects, c.err
	case <-ctx.Done(): // it may be written all the same; a receipt that comes again does no harm
		return nil, ctx.Err()
	case <-g.done:
		return nil, gateway.Faultf(gateway.CodeUnavailable, "the gateway is stopping")
	}
}

func (g *gatherer) run(ctx context.Context) {
	defer close(g.done)
	for {
		select {
		case first := <-g.calls:
			g.flush(g.fill(ctx, first))
		case <-ctx.Done():
			for len(g.calls) > 0 {
				g.flush(g.fill(ctx, <-g.calls))
			}
			return
		}
	}
}

// fill gathers what comes while the first call waits; once the context has ended, only what is there.
func (g *gatherer) fill(ctx context.Context, first *call) []*call {
	batch, n := []*call{first}, len(first.receipts)
	begun, before := time.Now(), 1
	tick := time.NewTimer(g.lull)
	defer tick.Stop()
	ended := ctx.Done()
	for n < most {
		select {
		case c := <-g.calls:
			batch, n = append(batch, c), n+len(c.receipts)
			continue
		default:
		}
		select {
		case c := <-g.calls:
			batch, n = append(batch, c), n+len(c.receipts)
		case <-tick.C:
			if len(batch) == before || time.Since(begun) >= g.gathering {
				return batch
			}
			before = len(batch)
			tick.Reset(g.lull)
		case <-ended:
			return batch
		}
	}
	return batch
}

func (g *gatherer) flush(batch []*call) {
	all := make([]gateway.Receipt, 0, len(batch))
	for _, c := range batch {
		all = append(all, c.receipts...)
	}
	effects, err := g.write(context.Background(), all)
	for _, c := range batch {
		if c.err = err; err == nil {
			c.effects, effects = effects[:len(c.receipts)], effects[len(c.receipts):]
		}
		close(c.done)
	}
}
