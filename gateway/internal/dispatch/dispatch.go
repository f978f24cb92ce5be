// Package dispatch sends what is due. A relay fills the lanes of each channel with ids from the ledger; for each sender
// that is free a pump takes one, asks the ledger for it and has it sent; the outcome goes back to the ledger. What
// cannot go on by itself (doubt, missing receipts, deadlines, expiry) the mender finds and moves.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Dispatcher sends for all channels of one process. All methods are safe for concurrent use.
type Dispatcher struct {
	o       Options
	texts   *texts
	metrics *metrics
	urgent  *gatherer
	rest    []*gatherer // each with its share of a channel's senders, and with their outcomes
	mender  *mender

	defects seldom // of adapters without a line

	mu      sync.RWMutex
	lines   map[gateway.ID]*line
	running *running // nil: not running
}

// running is what a Run in progress holds.
type running struct {
	claiming context.Context // ends when nothing new is to be claimed
	sending  context.Context // ends when sends are to be given up
	lines    sync.WaitGroup
}

var (
	errDrained = errors.New("dispatch: the process stops and cannot wait longer for this send")
	errRunning = errors.New("dispatch: runs already")
)

// New makes a dispatcher; it does nothing until Run.
func New(o Options) (*Dispatcher, error) {
	o.complete()
	d := &Dispatcher{o: o, texts: newTexts(o.Texts, o.CacheBytes), lines: map[gateway.ID]*line{}}
	var err error
	if d.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, fmt.Errorf("registering the metrics of dispatch: %w", err)
	}
	claimant := gateway.Claimant{ID: o.Process, Lease: o.Lease}
	for range o.Abreast {
		d.rest = append(d.rest, newGatherer(&o, claimant))
	}
	claimant.Urgent = true
	d.urgent = newGatherer(&o, claimant)
	d.mender = newMender(d, claimant)
	return d, nil
}

// Run sends until ctx ends, and returns when it has drained: claiming stops at once, sends under way may go on for
// Grace, are then cancelled and settled as in doubt. It can run once. The error says what did not end in time; such
// attempts stay claimed, and are in doubt after the next start.
func (d *Dispatcher) Run(ctx context.Context) error {
	sending, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(errDrained)
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	d.mu.Lock()
	if d.running != nil {
		d.mu.Unlock()
		return errRunning
	}
	d.running = &running{claiming: ctx, sending: sending}
	d.mu.Unlock()

	if err := d.orphansAtStart(ctx); err != nil {
		return err
	}
	var settlements, background sync.WaitGroup
	gatherers := append(slices.Clone(d.rest), d.urgent)
	for _, g := range gatherers {
		settlements.Go(func() { g.run(writing) })
	}
	background.Go(func() { d.mender.run(ctx) })
	background.Go(func() { d.sweeps(ctx) })
	d.Refresh()
	<-ctx.Done()
	background.Wait()

	err := d.drain(giveUp)
	for _, g := range gatherers {
		g.close()
	}
	written := make(chan struct{})
	go func() { settlements.Wait(); close(written) }()
	select {
	case <-written:
	case <-time.After(d.o.Grace):
		err = errors.Join(err, errors.New("dispatch: the ledger did not take all outcomes; those attempts will be in doubt"))
	}
	stopWriting()
	<-written
	return err
}

// orphansAtStart puts what an earlier life of this process had claimed in doubt, before anything new is claimed. Where
// others may be alive, it is what ran out.
func (d *Dispatcher) orphansAtStart(ctx context.Context) error {
	if !d.o.Work.relays() {
		return nil
	}
	n, err := d.o.Mender.Orphans(ctx, d.o.Alone)
	if err != nil {
		return fmt.Errorf("putting in doubt what was claimed before the start: %w", err)
	}
	if n > 0 {
		d.o.Log.Warn("attempts were claimed when the process last stopped; they are in doubt", "attempts", n)
	}
	return nil
}

// drain waits for the lines: Grace for what is on its way, and Forced after it was cancelled.
func (d *Dispatcher) drain(giveUp context.CancelCauseFunc) error {
	ended := make(chan struct{})
	d.mu.RLock()
	r := d.running
	d.mu.RUnlock()
	go func() { r.lines.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-time.After(d.o.Grace):
	}
	giveUp(errDrained)
	select {
	case <-ended:
		return nil
	case <-time.After(d.o.Forced):
		return errors.New("dispatch: senders did not end although they were cancelled; their attempts will be in doubt")
	}
}

// Refresh takes the channels as they are now: new ones start, those that are gone or have other senders stop when what
// they send has ended, other rates hold from now on, pauses begin and end.
func (d *Dispatcher) Refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == nil || d.running.claiming.Err() != nil {
		return
	}
	present := map[gateway.ID]bool{}
	for _, c := range d.o.Live.All() {
		adapter, ok := d.o.Live.Adapter(c.ID)
		if !ok {
			continue
		}
		present[c.ID] = true
		caps := adapter.Capabilities()
		l := d.lines[c.ID]
		if l != nil && !l.same(c) {
			l.stop()
			l = d.start(d.newLine(c, caps), l.done)
		} else if l == nil {
			l = d.start(d.newLine(c, caps), nil)
		}
		l.take(caps)
		l.record.Store(&c)
		l.obey(c.Health, c.Incident, d.o.Deaf(c.ID))
	}
	for id, l := range d.lines {
		if !present[id] {
			l.stop()
			delete(d.lines, id)
		}
	}
}

// start runs a line once the one before it has ended.
func (d *Dispatcher) start(l *line, after <-chan struct{}) *line {
	ctx, stop := context.WithCancel(d.running.claiming)
	l.stop = stop
	d.lines[l.id] = l
	sending := d.running.sending
	d.running.lines.Go(func() {
		defer stop()
		if after != nil {
			<-after
		}
		l.run(ctx, sending)
	})
	return l
}

func (d *Dispatcher) line(channel gateway.ID) *line {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.lines[channel]
}

// Nudge says that something is due in a lane now. If no relay of this process knows the channel, those of others are
// called. It never blocks.
func (d *Dispatcher) Nudge(channel gateway.ID, lane gateway.Lane) {
	if l := d.line(channel); l != nil {
		l.nudge(lane)
	} else {
		d.o.Call(channel, lane)
	}
}

// pushTime bounds how long planning waits for the queue, for each channel.
const pushTime = 250 * time.Millisecond

// Planned says that a chunk was written. What is urgent and due goes into its lane at once, and its texts are kept, so that
// neither is asked of the ledger again; in case the ledger's clock is behind ours, it is looked at once more before long.
func (d *Dispatcher) Planned(c *gateway.Chunk) {
	due := map[gateway.ID][]gateway.ID{} // by channel; none: the relay is to find out
	now, urgent := d.o.Now(), c.Lane == gateway.Urgent
	for i := range c.Deliveries {
		p := &c.Deliveries[i]
		if p.Reason != "" || c.Claiming != nil && slices.Contains(c.Claiming.Deliveries, p.ID) {
			continue
		}
		ids, seen := due[p.Channel]
		if urgent && !p.Due.After(now) {
			due[p.Channel] = append(ids, p.ID)
		} else if !seen {
			due[p.Channel] = nil
		}
	}
	if urgent && c.Claiming == nil {
		d.keepTexts(c)
	}
	for channel, ids := range due {
		if l := d.line(channel); l == nil || len(ids) == 0 || !l.push(gateway.Share{Group: c.Group, Deliveries: ids}) {
			d.Nudge(channel, c.Lane)
		}
	}
}

func (d *Dispatcher) keepTexts(c *gateway.Chunk) {
	for i := range c.Renderings {
		d.texts.keep(read(c.Renderings[i]))
	}
}

// Called is what the Call of another process leads to here. It never blocks.
func (d *Dispatcher) Called(channel gateway.ID, lane gateway.Lane) {
	if l := d.line(channel); l != nil && d.o.Work.relays() {
		wake(l.wakes[lane])
	}
}

// Sweep has everything looked at as if its time had come, such as after a test wound the clock. It never blocks.
func (d *Dispatcher) Sweep() {
	if !d.o.Work.relays() {
		return
	}
	d.mu.RLock()
	for _, l := range d.lines {
		for _, lane := range gateway.Lanes {
			l.nudge(lane)
		}
	}
	d.mu.RUnlock()
	d.mender.wake()
}

// sweeps looks at everything now and then, and at once when the queue lost what it held.
func (d *Dispatcher) sweeps(ctx context.Context) {
	t := time.NewTicker(d.o.Sweep)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-d.o.Queue.Lost():
			d.o.Log.Warn("the queue lost what it held; filling it again from the ledger")
		}
		d.Sweep()
		d.keepErrors()
		if d.o.Work.relays() {
			d.gauge(ctx)
		}
	}
}

// decide decides, reading what the decision asks for.
func (d *Dispatcher) decide(s *gateway.Situation, how func(gateway.Situation) gateway.Decision) (gateway.Decision, error) {
	decision := how(*s)
	if !decision.Ask {
		return decision, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := &s.Claim
	routes, err := d.o.Routes.Routes(ctx, c.Group, c.Member, c.Topic, c.Class)
	if err != nil {
		return decision, fmt.Errorf("reading the ways to a member: %w", err)
	}
	delivery, err := d.o.Deliveries.Delivery(ctx, c.Group, c.Delivery)
	if err != nil {
		return decision, fmt.Errorf("reading the attempts of a delivery: %w", err)
	}
	s.Learn(d.usableFirst(routes, c.Policy.Lane), delivery)
	return how(*s), nil
}

// usableFirst puts ways over a channel that holds messages of a lane behind the others.
func (d *Dispatcher) usableFirst(routes []gateway.Route, lane gateway.Lane) []gateway.Route {
	sorted := make([]gateway.Route, 0, len(routes))
	var paused []gateway.Route
	for _, r := range routes {
		if l := d.line(r.Channel); l != nil && l.holds(lane) {
			paused = append(paused, r)
		} else {
			sorted = append(sorted, r)
		}
	}
	return append(sorted, paused...)
}

// nudgeFor wakes the relay that a step concerns, now or when it is due, and says so of an urgent message that goes nowhere now.
func (d *Dispatcher) nudgeFor(next gateway.Step, c *gateway.Claim) func() {
	group, broadcast, urgent := c.Group, c.Broadcast, c.Policy.Lane == gateway.Urgent
	if next.Kind == gateway.StepEnd && urgent {
		return func() { d.o.Refused(group, broadcast) }
	}
	if next.Kind != gateway.StepRetry && next.Kind != gateway.StepPoint {
		return nil
	}
	channel, lane := c.Channel, c.Policy.Lane
	if next.Kind == gateway.StepPoint {
		channel = next.Channel
	}
	return func() {
		if urgent && next.Due.After(d.o.Now()) {
			d.o.Refused(group, broadcast)
		}
		l := d.line(channel)
		switch {
		case l == nil:
			d.o.Call(channel, lane)
		case !next.Due.After(d.o.Now()):
			l.nudge(lane)
		case d.o.Work.relays():
			l.comes[lane].earlier(next.Due)
		case next.Due.Before(d.o.Now().Add(d.o.Sweep)): // later ones are seen in time by the relays themselves
			d.o.Call(channel, lane)
		}
	}
}
