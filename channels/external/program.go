package external

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// program is the wire of lines of JSON: it starts the adapter's program when it is first needed, and again when it ended, later
// and later. It is safe for concurrent use.
type program struct {
	launch
	greet      func(ctx context.Context, r *run) error // the first exchange with a program that was started; an error ends it
	longest    time.Duration                           // of an exchange; who is silent for twice as long hangs
	concurrent int
	start      time.Duration // it has greeted by then
	backoff    time.Duration // before the second start; doubled each time up to longestBackoff
	parting    time.Duration // from the end of its input to its death, and from its death to the end of what it said
	log        *slog.Logger
	veil       *veil
	living     context.Context // ends with Close
	stop       context.CancelFunc

	mu      sync.Mutex
	current *run
	starts  chan struct{} // closed when the start under way has ended; nil: none is
	failed  int           // starts or lives in a row that came to nothing
	next    time.Time     // not started before
	why     *channels.Error
	closed  bool
	reaped  sync.WaitGroup // of all runs
}

const (
	firstBackoff   = time.Second
	longestBackoff = time.Minute
	goodLife       = time.Minute // a program that lived so long was no failure
	usualParting   = 5 * time.Second
)

// Exchange sends one line and waits for the one that answers it. A program that is down is started; while it may not be yet, the
// error says how long to wait.
func (p *program) Exchange(ctx context.Context, do string, with any) (Answer, error) {
	r, err := p.ready(ctx)
	if err != nil {
		return Answer{}, err
	}
	return r.exchange(ctx, do, with)
}

// ready gives a program that has greeted.
func (p *program) ready(ctx context.Context) (*run, error) {
	for {
		p.mu.Lock()
		r, starts := p.current, p.starts
		switch wait := time.Until(p.next); {
		case p.closed:
			p.mu.Unlock()
			return nil, unsent("the channel was changed or the gateway stops", nil)
		case r != nil && starts == nil:
			p.mu.Unlock()
			return r, nil
		case starts == nil && wait > 0:
			e := *p.why
			e.RetryAfter = wait
			p.mu.Unlock()
			return nil, &e
		case starts == nil:
			starts = make(chan struct{})
			p.starts = starts
			p.reaped.Go(func() { p.begin(starts) })
		}
		p.mu.Unlock()
		select {
		case <-starts:
		case <-ctx.Done():
			return nil, unsent("the adapter's program has not started yet", ctx.Err())
		}
	}
}

// begin starts the program and greets it.
func (p *program) begin(started chan struct{}) {
	defer close(started)
	r, err := p.launch.run(p)
	if err == nil {
		p.reaped.Go(func() { p.reap(r) })
		ctx, cancel := context.WithTimeout(p.living, p.start)
		err = p.greet(ctx, r)
		cancel()
		if err != nil {
			r.end(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starts = nil
	switch {
	case err != nil:
		p.fail(err)
	case p.closed:
		r.end(errors.New("it is no longer wanted"))
	case r.isDead():
		p.fail(unsent("the adapter's program ended and is started again", r.cause()))
	default:
		p.current = r
		p.why = nil
	}
}

// reap waits for the end of a program.
func (p *program) reap(r *run) {
	err := r.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != r {
		return
	}
	p.current = nil
	if p.closed {
		return
	}
	if time.Since(r.began) >= goodLife {
		p.failed = 0
	}
	p.fail(unsent("the adapter's program ended and is started again", err))
}

// fail notes that the program is down, and says so once in a row. mu is held.
func (p *program) fail(err error) {
	e := channels.AsError(err)
	if e.Class == channels.Unknown { // while it is down nothing is sent
		cause := e.Cause // which says why it ended
		if cause == nil {
			cause = err
		}
		e = unsent("the adapter's program does not start", cause)
	}
	wait := min(p.backoff<<min(p.failed, 10), longestBackoff)
	if p.failed == 0 || p.why == nil || p.why.Detail != e.Detail {
		p.log.Warn("an adapter's program is down and is started again", "channel", p.channel, "detail", e.Detail, "error", p.veil.over(errorText(e.Cause)), "wait", wait)
	}
	p.failed++
	p.next, p.why = time.Now().Add(wait), e
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Close lets requests under way be answered, ends the program and returns when it is gone.
func (p *program) Close() error {
	p.mu.Lock()
	p.closed = true
	r := p.current
	p.mu.Unlock()
	p.stop()
	if r != nil {
		r.part(p.longest)
	}
	p.reaped.Wait()
	return nil
}
