package fanout

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// How many broadcasts are planned side by side. Urgent ones have places of their own, so a long report never keeps an
// alert waiting.
const (
	urgentAtOnce = 8
	othersAtOnce = 2
)

// looked is how many broadcasts one look at the ledger takes; held is how many of a group's newest are looked at, at
// the start, for deliveries that a resume before a crash left held.
const (
	looked = 64
	held   = 1000
)

// Waits after a broadcast could not be planned.
const (
	firstWait = time.Second
	longWait  = 5 * time.Minute
	rivalWait = 3 * time.Second // after another process was found to be planning it
)

// releaseEvery is how often Run looks for deliveries that a process which is gone left held.
const releaseEvery = time.Minute

// runner is the state of one Run.
type runner struct {
	f       *Fanout
	urgent  chan struct{} // places
	others  chan struct{}
	done    chan ended
	planned sync.WaitGroup
	waits   map[gateway.ID]wait // of broadcasts that failed
}

// ended tells how planning a broadcast went.
type ended struct {
	id  gateway.ID
	err error
}

type wait struct {
	until  time.Time
	length time.Duration
}

// Run plans what is submitted and due, urgent classes first, until the context ends; then it finishes the chunks that
// are being written and returns nil. Only one Run of a Fanout may be active. Where others plan it only carries out resumes.
func (f *Fanout) Run(ctx context.Context) error {
	r := &runner{f: f, urgent: make(chan struct{}, urgentAtOnce), others: make(chan struct{}, othersAtOnce), done: make(chan ended), waits: map[gateway.ID]wait{}}
	if f.Elsewhere != nil {
		r.releaseAll(ctx, nil)
		return nil
	}
	var left <-chan time.Time
	if f.Rivals {
		tick := time.NewTicker(releaseEvery)
		defer tick.Stop()
		left = tick.C
	}
	r.planned.Add(1)
	go func() {
		defer r.planned.Done()
		r.releaseLeft(ctx)
		r.releaseAll(ctx, left)
	}()
	defer r.planned.Wait()
	sweep := time.NewTicker(f.Sweep)
	defer sweep.Stop()
	full := r.sweep(ctx)
	for {
		select {
		case j := <-f.jobs:
			r.start(ctx, j)
		case e := <-r.done:
			r.finish(ctx, e)
			if full {
				full = r.sweep(ctx)
			}
		case <-f.wake:
			clear(r.waits)
			full = r.sweep(ctx)
		case <-f.look:
			full = r.sweep(ctx)
		case <-sweep.C:
			full = r.sweep(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// sweep starts what is due in the ledger; full: there may be more.
func (r *runner) sweep(ctx context.Context) (full bool) {
	due, err := r.f.store.Log.Unplanned(ctx, looked)
	if err != nil {
		if ctx.Err() == nil {
			r.f.Log.Error("looking for broadcasts to plan", "error", err)
		}
		return false
	}
	now := r.f.Now()
	for _, b := range due {
		if w, failed := r.waits[b.ID]; !failed || !now.Before(w.until) {
			r.start(ctx, &job{b: b})
		}
	}
	return len(due) == looked
}

// start plans a broadcast in a goroutine of its own as soon as there is a place, unless one is at it.
func (r *runner) start(ctx context.Context, j *job) {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active[j.b.ID] != nil {
		return
	}
	own, cancel := context.WithCancel(ctx)
	f.active[j.b.ID] = cancel
	places := r.others
	if j.b.Policy.Lane == gateway.Urgent {
		places = r.urgent
	}
	r.planned.Add(1)
	go func() {
		defer r.planned.Done()
		defer cancel()
		err := context.Canceled
		select {
		case places <- struct{}{}:
			err = f.planSafely(own, j)
			<-places
		case <-own.Done():
		}
		f.mu.Lock()
		delete(f.active, j.b.ID)
		f.mu.Unlock()
		select {
		case r.done <- ended{j.b.ID, err}:
		case <-ctx.Done():
		}
	}()
}

// planSafely keeps a defect in one broadcast from taking the others with it.
func (f *Fanout) planSafely(ctx context.Context, j *job) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = gateway.DefectOf(cause)
		}
	}()
	return f.plan(ctx, j)
}

// finish notes how planning went; what failed is tried again after a wait that doubles.
func (r *runner) finish(ctx context.Context, e ended) {
	if e.err == nil || errors.Is(e.err, context.Canceled) {
		delete(r.waits, e.id)
		return
	}
	if ctx.Err() != nil {
		return
	}
	if errors.Is(e.err, errRival) {
		r.waits[e.id] = wait{until: r.f.Now().Add(rivalWait)}
		return
	}
	w := r.waits[e.id]
	w.length = min(max(2*w.length, firstWait), longWait)
	w.until = r.f.Now().Add(w.length)
	r.waits[e.id] = w
	r.f.Log.Error("planning a broadcast; it is tried again", "broadcast", e.id, "in", w.length, "error", e.err)
}

// releaseLeft makes held deliveries of resumed broadcasts due again that a crash left, here or in another process.
func (r *runner) releaseLeft(ctx context.Context) {
	if err := r.f.releaseLeft(ctx); err != nil && ctx.Err() == nil {
		r.f.Log.Error("releasing what was left held", "error", err)
	}
}

// releaseAll makes held deliveries of resumed broadcasts due again as they come, and at every tick what others left.
func (r *runner) releaseAll(ctx context.Context, left <-chan time.Time) {
	for {
		select {
		case <-left:
			r.releaseLeft(ctx)
		case t := <-r.f.releases:
			b, err := r.f.store.Log.Broadcast(ctx, t.group, t.broadcast)
			if err == nil && b.State != gateway.Stopped {
				_, err = r.f.release(ctx, b, false)
			}
			if err != nil && ctx.Err() == nil {
				r.f.Log.Error("releasing held deliveries; they go on before long", "broadcast", t.broadcast, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// releaseLeft looks at broadcasts that are neither stopped nor over and still have something waiting.
func (f *Fanout) releaseLeft(ctx context.Context) error {
	groups, err := f.store.Groups.Groups(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		var before gateway.ID
		for seen := 0; seen < held; {
			page, err := f.store.Log.Broadcasts(ctx, g.ID, before, 100)
			if err != nil {
				return err
			}
			for _, b := range page {
				if err := f.releaseIfWaiting(ctx, b); err != nil {
					return err
				}
				before = b.ID
			}
			if seen += len(page); len(page) < 100 {
				break
			}
		}
	}
	return nil
}

func (f *Fanout) releaseIfWaiting(ctx context.Context, b gateway.Broadcast) error {
	if b.State == gateway.Stopped || !b.ExpiresAt.After(f.Now()) {
		return nil
	}
	tallies, err := f.store.Tracking.Tallies(ctx, b.GroupID, b.ID)
	if err != nil {
		return err
	}
	for _, t := range tallies {
		if t.State == gateway.Waiting && t.Count > 0 {
			_, err := f.release(ctx, b, false)
			return err
		}
	}
	return nil
}
