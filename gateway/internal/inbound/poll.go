package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// pollTime is the longest that one poll may take, the adapter's own waiting included.
const pollTime = 2 * time.Minute

// Waits after a poll that failed.
const (
	firstWait = time.Second
	longWait  = time.Minute
)

// reviewed is how often Run looks for channels that came or went, unless Refresh tells it.
const reviewed = 30 * time.Second

// Refresh makes Run look at once for channels that came or went.
func (e *Ears) Refresh() {
	select {
	case e.look <- struct{}{}:
	default:
	}
}

// Run polls every channel that can be polled, each on its own, until the context ends; without Polls, only those whose
// answers no hook brings (channels.Capabilities.Polled). It brings what was spooled to the ledger.
func (e *Ears) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	if e.Spool != nil {
		all.Go(func() { e.drain(ctx) })
	}
	running := map[gateway.ID]context.CancelFunc{}
	review := time.NewTicker(reviewed)
	defer review.Stop()
	for {
		now := map[gateway.ID]bool{}
		for _, ch := range e.Channels.All() {
			now[ch.ID] = e.Polled(ch.ID)
			if !now[ch.ID] || running[ch.ID] != nil {
				continue
			}
			own, cancel := context.WithCancel(ctx)
			running[ch.ID] = cancel
			all.Go(func() { e.follow(own, ch.ID) })
		}
		for id, cancel := range running {
			if !now[id] {
				cancel()
				delete(running, id)
			}
		}
		select {
		case <-e.look:
		case <-review.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Polled says whether a channel has to be polled, by some process.
func (e *Ears) Polled(channel gateway.ID) bool {
	adapter, ok := e.Channels.Adapter(channel)
	_, can := adapter.(channels.Poller)
	return ok && can && (e.Polls || adapter.Capabilities().Polled)
}

// follow polls one channel whenever it is this process that has to.
func (e *Ears) follow(ctx context.Context, id gateway.ID) {
	for ctx.Err() == nil {
		e.Duty(ctx, gateway.PollDuty(id), func(ctx context.Context, token int64) { e.polls(ctx, id, token) })
	}
}

// nameOf is what people call a channel.
func (e *Ears) nameOf(id gateway.ID) string {
	if c, _, ok := e.Channels.ByName(id.String()); ok && c.Name != "" {
		return c.Name
	}
	return id.String()
}

// polls goes on until the context ends, at most once a Pause. A failure is said when it begins, not each time.
func (e *Ears) polls(ctx context.Context, id gateway.ID, token int64) {
	wait := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		all, err := e.poll(ctx, id, token)
		switch {
		case ctx.Err() != nil, errors.Is(err, gateway.ErrStale): // another process polls it now
			return
		case errors.Is(err, errBehind): // what was spooled comes first
			wait = 0
		case err != nil:
			e.Count(id, HeardSilence)
			if wait == 0 {
				e.Log.Error("a channel cannot be polled; it is tried again", "channel", e.nameOf(id), "error", err)
			}
			wait = min(max(2*wait, firstWait), longWait)
		default:
			if wait > 0 {
				e.Log.Info("a channel is polled again", "channel", e.nameOf(id))
			}
			wait = 0
			e.Alive(ctx, id)
			e.PolledAll(id, all)
		}
		rest(ctx, max(wait, e.Pause-time.Since(began)))
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// justNow is how young, by our clock, what a poll brings must be so that nothing older waits behind it.
const justNow = time.Minute

// poll fetches once. The cursor moves only after everything before it is stored. It says whether the provider has nothing more
// that came before: the poll brought nothing, or only what came just now.
func (e *Ears) poll(ctx context.Context, id gateway.ID, token int64) (all bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the adapter met %w", gateway.DefectOf(cause))
		}
	}()
	known := e.Channels.All() // the channel may have been changed since
	i := slices.IndexFunc(known, func(c gateway.Channel) bool { return c.ID == id })
	adapter, ok := e.Channels.Adapter(id)
	poller, polls := adapter.(channels.Poller)
	if i < 0 || !ok || !polls {
		return false, errors.New("the channel has no adapter that can be polled")
	}
	if e.behind(id) {
		return false, errBehind
	}
	cursor, err := e.Cursors.Cursor(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read the cursor: %w", err)
	}
	before := e.Now().Add(-justNow)
	bounded, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	events, next, err := poller.Poll(bounded, cursor)
	if err != nil {
		return false, err
	}
	inOrder(events)
	if err := e.Hear(ctx, known[i], events); err != nil {
		e.Count(id, HeardFailure)
		return false, err
	}
	if next == cursor {
		return len(events) == 0 || young(events, before), nil
	}
	if err := e.Cursors.SetCursor(ctx, id, next, token); err != nil {
		return false, fmt.Errorf("keep the cursor: %w", err)
	}
	return len(events) > 0 && young(events, before), nil
}

// young reports whether all events happened after a time.
func young(events []channels.Event, after time.Time) bool {
	return !slices.ContainsFunc(events, func(e channels.Event) bool { return !e.At.After(after) })
}

// inOrder puts events in the order in which they happened: some providers list the newest first. Without all times, the
// provider's order stands.
func inOrder(events []channels.Event) {
	if !slices.ContainsFunc(events, func(e channels.Event) bool { return e.At.IsZero() }) {
		slices.SortStableFunc(events, func(a, b channels.Event) int { return a.At.Compare(b.At) })
	}
}
