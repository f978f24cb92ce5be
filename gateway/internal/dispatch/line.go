package dispatch

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// line is one channel at work: relays that fill its lanes, pumps that claim for free senders, and the senders.
type line struct {
	d       *Dispatcher
	id      gateway.ID
	name    string
	senders int
	limits  *limit.Channel
	metrics *lineMetrics
	clock   deadlines

	urgent atomic.Pointer[pump] // of the senders kept for urgent messages; nil: nobody sends yet
	caps   atomic.Pointer[channels.Capabilities]
	record atomic.Pointer[gateway.Channel]

	wakes [len(gateway.Lanes)]chan struct{} // of the relays
	comes [len(gateway.Lanes)]coming        // what they look for next
	low   [len(gateway.Lanes)]atomic.Bool   // a group of the lane ran low
	check chan struct{}                     // the credentials may be good again
	keep  chan struct{}                     // the health has changed
	halts halts

	troubles troubles

	defects                    seldom // of the adapter
	popping, filling, claiming seldom // what is said of a queue or a ledger that is away

	stop context.CancelFunc // stops claiming
	done chan struct{}      // closed when its last sender has ended
}

// routine is what shared senders take, urgent messages first: an alert to a thousand uses every sender there is.
var routine = []gateway.Lane{gateway.Urgent, gateway.Normal, gateway.Bulk}

func (d *Dispatcher) newLine(c gateway.Channel, caps channels.Capabilities) *line {
	l := &line{d: d, id: c.ID, name: c.Name, senders: c.Senders, check: make(chan struct{}, 1), keep: make(chan struct{}, 1), done: make(chan struct{}),
		metrics: d.metrics.line(c.Name)}
	l.limits = limit.New(limit.Options{Rates: caps.Rates, Shared: l.shared(caps.Rates), Now: d.o.Now})
	if l.senders <= 0 {
		l.senders = d.o.Senders
	}
	for i := range l.wakes {
		l.wakes[i], l.comes[i].sooner = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	l.caps.Store(&caps)
	l.record.Store(&c)
	return l
}

// worthCalling is for how many senders of a channel a call of the ledger of their own is worth its while: below that, two
// calls at the same time take longer than one, and urgent ones beside them too.
const worthCalling = 64

// shared gives rates that all processes share; nil: this one is alone.
func (l *line) shared(rates []channels.Rate) limit.Shared {
	if l.d.o.Rates == nil {
		return nil
	}
	return l.d.o.Rates(l.id, rates)
}

// take takes over what a channel is capable of, its rates among it, while the line works.
func (l *line) take(caps channels.Capabilities) {
	if before := l.caps.Swap(&caps); !slices.Equal(before.Rates, caps.Rates) {
		l.limits.Change(caps.Rates, l.shared(caps.Rates))
	}
}

// same reports whether the line can go on under a changed record.
func (l *line) same(c gateway.Channel) bool {
	senders := c.Senders
	if senders <= 0 {
		senders = l.d.o.Senders
	}
	return senders == l.senders && c.Name == l.name
}

// run works until ctx ends, and returns when the last sender has. Sends themselves are cancelled by sending.
func (l *line) run(ctx, sending context.Context) {
	defer close(l.done)
	l.clock.base = sending
	var background, pumps sync.WaitGroup
	inner, cancel := context.WithCancel(ctx)
	if l.d.o.Work.relays() {
		for _, lane := range gateway.Lanes {
			background.Go(func() { l.relay(inner, lane) })
		}
	}
	background.Go(func() { l.keepHealth(inner) })
	if l.d.o.Work.sends() {
		urgent := l.newPump([]gateway.Lane{gateway.Urgent}, l.d.o.UrgentSenders, l.d.urgent)
		l.urgent.Store(urgent)
		pumps.Go(func() { urgent.run(ctx, sending) })
		shares := max(1, min(l.senders/worthCalling, len(l.d.rest)))
		for i, g := range l.d.rest[:shares] {
			pumps.Go(func() { l.newPump(routine, (l.senders+i)/shares, g).run(ctx, sending) })
		}
	}
	<-ctx.Done()
	pumps.Wait()
	cancel()
	background.Wait()
}

// spare is what a claim holds longer than one attempt lasts at most, for further parts and for waiting.
const spare = 15 * time.Second

// lease is how long the line's claims hold. Where another process could take over, no longer than they must: it is as long
// until somebody looks into what a killed process was sending.
func (l *line) lease() time.Duration {
	if l.d.o.Alone {
		return l.d.o.Lease
	}
	return min(l.d.o.Lease, longest(l.caps.Load())+spare+l.d.o.settling())
}

// relay keeps a lane filled with what the ledger calls due, and looks again when the next delivery is due.
func (l *line) relay(ctx context.Context, lane gateway.Lane) {
	comes := &l.comes[lane]
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		comes.at.Store(0)
		err := l.fill(ctx, lane)
		if err == nil {
			var next time.Time
			if next, err = l.d.o.Ledger.NextDue(ctx, l.id, lane); err == nil && !next.IsZero() {
				comes.earlier(next)
			}
		}
		if err != nil && ctx.Err() == nil && l.filling.may() {
			l.d.o.Log.Error("a lane cannot be filled; trying again", "channel", l.name, "lane", lane.String(), "error", err)
		}
		filled := time.Now()
		for looking := false; !looking; {
			timer.Stop()
			if wait, soon := comes.wait(l.d.o.Now(), l.d.o.Sweep); soon {
				timer.Reset(max(wait, comingGrain-time.Since(filled)))
			}
			select {
			case <-ctx.Done():
				return
			case <-l.wakes[lane]:
				looking = true
			case <-timer.C:
				looking = true
			case <-comes.sooner:
			}
		}
	}
}

// seldom keeps what goes wrong many times a second out of the log, but for once in ten seconds.
type seldom struct{ last atomic.Int64 }

func (s *seldom) may() bool {
	now, last := time.Now().Unix(), s.last.Load()
	return now-last >= 10 && s.last.CompareAndSwap(last, now)
}

// comingGrain is the shortest time between two looks of a relay for what is due by and by: many retries that come due one
// after the other are taken together.
const comingGrain = 20 * time.Millisecond

// coming is when the next delivery of a lane is due, as far as is known.
type coming struct {
	at     atomic.Int64 // Unix microseconds; 0: unknown, or none
	sooner chan struct{}
}

// earlier notes a time, and says so if it is the earliest.
func (x *coming) earlier(due time.Time) {
	for at := due.UnixMicro(); ; {
		known := x.at.Load()
		if known != 0 && known <= at {
			return
		}
		if x.at.CompareAndSwap(known, at) {
			wake(x.sooner)
			return
		}
	}
}

// wait says how long until it is due; soon is false if a sweep comes earlier, or nothing is known to come.
func (x *coming) wait(now time.Time, sweep time.Duration) (left time.Duration, soon bool) {
	at := x.at.Load()
	left = time.UnixMicro(at).Sub(now)
	return left, at != 0 && left < sweep
}

// glance is how many deliveries of each group a relay looks at to see whether there is anything new: most of what it sees
// of a group with a backlog is in the lane already.
const glance = 16

// fill pushes what is due and not yet in the lane. A group that has more than the first look shows, and little in the lane,
// is looked at as deep as its window; what is on its way to a sender is due still, and lies before the rest.
func (l *line) fill(ctx context.Context, lane gateway.Lane) error {
	if l.limits.Blocked(lane == gateway.Urgent) > l.d.o.Sweep {
		return nil
	}
	each, window := min(glance, l.d.o.Window), l.d.o.Window
	if l.low[lane].Swap(false) {
		each = window
	}
	for {
		shares, err := l.d.o.Ledger.Due(ctx, l.id, lane, each)
		if err != nil || len(shares) == 0 {
			return err
		}
		_, low, err := l.d.o.Queue.Push(ctx, queue.Lane{Channel: l.id, Lane: lane}, shares, each)
		if err != nil || !low {
			return err
		}
		each = max(window, 2*each)
	}
}

// push puts what is urgent and due into its lane; false: the relay has to.
func (l *line) push(s gateway.Share) bool {
	if !l.d.o.Work.relays() || l.limits.Blocked(true) > 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), pushTime)
	defer cancel()
	taken, _, err := l.d.o.Queue.Push(ctx, queue.Lane{Channel: l.id, Lane: gateway.Urgent}, []gateway.Share{s}, len(s.Deliveries)+1)
	if err != nil || taken < len(s.Deliveries) {
		return false
	}
	l.comes[gateway.Urgent].earlier(l.d.o.Now().Add(comingGrain))
	return true
}

// nudge wakes the relay of a lane, here or in other processes.
func (l *line) nudge(lane gateway.Lane) {
	if l.d.o.Work.relays() {
		wake(l.wakes[lane])
	} else {
		l.d.o.Call(l.id, lane)
	}
}

// refill wakes a relay whose lane runs low.
func (l *line) refill(lane gateway.Lane) {
	l.low[lane].Store(true)
	l.nudge(lane)
}

// adapter gives the adapter as it is now, after a change of the channel's options too.
func (l *line) adapter() (channels.Adapter, bool) { return l.d.o.Live.Adapter(l.id) }

// deadlines gives contexts that end at a time, the same one to all who ask for about the same time: a context with a
// timer for each message would cost more than the rest of its way.
type deadlines struct {
	base context.Context

	mu      sync.Mutex
	current context.Context
	cancel  context.CancelFunc
	at      time.Time
}

// grain is how much earlier than asked for a context may end.
const grain = 50 * time.Millisecond

func (x *deadlines) until(at time.Time) context.Context {
	if cut := at.Truncate(grain); time.Until(cut) > 10*grain {
		at = cut
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.current == nil || !x.at.Equal(at) {
		// The one before ends by itself at its own time: others may still use it.
		x.current, x.cancel = context.WithDeadline(x.base, at)
		x.at = at
	}
	return x.current
}
