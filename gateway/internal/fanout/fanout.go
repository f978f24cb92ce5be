// Package fanout turns a broadcast into deliveries: it checks what an author hands in, stores it, and plans it page by
// page, deciding for each member which language, which text and which channel. Whatever stops it, the ledger's cursor
// says where to go on; nothing is planned twice and nobody is passed over.
package fanout

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// FaultPoints names the steps at which tests kill the process.
var FaultPoints = [...]string{"fanout: submitted", "fanout: before chunk", "fanout: after chunk", "fanout: between releases"}

// Store is what a Fanout keeps things in.
type Store struct {
	Groups interface {
		GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
		Groups(ctx context.Context) ([]gateway.Group, error)
	}
	Log       gateway.BroadcastLog
	Audiences gateway.Audiences
	Ledger    interface {
		Plan(ctx context.Context, c gateway.Chunk) error
	}
	Tracking interface {
		Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error)
		Release(ctx context.Context, group, broadcast gateway.ID, failed bool, limit int) (int, error)
	}
	Asks interface {
		PutAsk(ctx context.Context, group, broadcast gateway.ID, a gateway.Asked) error
	}
	Stale interface {
		gateway.Tries
		Stale(ctx context.Context, group gateway.ID, limit int) ([]gateway.StalePoint, error)
		AskedStill(ctx context.Context, group, member, point gateway.ID) error
	}
	Prices interface {
		Prices(ctx context.Context, owner gateway.ID) ([]gateway.Price, error)
	}
	Wordings interface {
		Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error)
	}
	Reviews interface {
		Reviews(ctx context.Context, group gateway.ID) ([]gateway.Review, error)
	}
}

// Channels is where a Fanout finds channels.
type Channels interface {
	// Usable lists the channels that serve a group: its own first, then the operator's.
	Usable(group gateway.ID) []gateway.Channel
	// Adapter gives the adapter of a channel.
	Adapter(channel gateway.ID) (channels.Adapter, bool)
}

// Options are the parts of a Fanout that may be left out.
type Options struct {
	Now   func() time.Time                            // nil: time.Now
	Log   *slog.Logger                                // nil: nothing is logged
	Nudge func(channel gateway.ID, lane gateway.Lane) // called when deliveries of that lane have become due; nil: nobody is told
	// Planned is called when a chunk was written, by whoever planned it and waits meanwhile; it must not keep it. nil: nobody
	// is told.
	Planned func(c *gateway.Chunk)
	// Reserve is called for a chunk that is urgent and about to be written with its broadcast: it may have some of it claimed for senders
	// that are free. finish is called once that is done, or has failed. nil: nothing is claimed.
	Reserve func(c *gateway.Chunk) (finish func())
	Sweep   time.Duration      // how often Run looks for what is due without being told; zero: a second
	At      func(point string) // called at each of FaultPoints; nil in production

	Languages []string // the coalition's: tried behind those of a reader and her group

	Pages     bool   // members can answer alerts on pages of this instance
	Rivals    bool   // other processes may plan the same broadcast: whoever finds that another is ahead leaves it to him
	Elsewhere func() // has the processes that plan look; nil: this one plans
}

// Fanout submits and plans broadcasts. It is safe for concurrent use.
type Fanout struct {
	store    Store
	channels Channels
	Options

	pointer  func() (*templates.Set, error) // the shipped one, parsed once
	jobs     chan *job
	releases chan target
	wake     chan struct{}
	look     chan struct{}

	mu     sync.Mutex
	active map[gateway.ID]context.CancelFunc // broadcasts being planned
}

// target names a broadcast.
type target struct{ group, broadcast gateway.ID }

// waitingJobs is how many submitted broadcasts may wait for Run in memory; what is beyond is found by its next sweep.
const waitingJobs = 64

// New makes a fan-out. Nothing is planned before Run.
func New(store Store, channels Channels, o Options) *Fanout {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Nudge == nil {
		o.Nudge = func(gateway.ID, gateway.Lane) {}
	}
	if o.Planned == nil {
		o.Planned = func(*gateway.Chunk) {}
	}
	if o.Reserve == nil {
		o.Reserve = func(*gateway.Chunk) func() { return func() {} }
	}
	if o.Sweep == 0 {
		o.Sweep = time.Second
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	return &Fanout{
		store: store, channels: channels, Options: o,
		pointer: sync.OnceValues(func() (*templates.Set, error) { return templates.Wording(templates.Pointer, nil) }),
		jobs:    make(chan *job, waitingJobs), releases: make(chan target, waitingJobs), wake: make(chan struct{}, 1), look: make(chan struct{}, 1),
		active: map[gateway.ID]context.CancelFunc{},
	}
}

// Wake makes Run look at once for what is due, as after a clock was set; what failed is tried again too.
func (f *Fanout) Wake() { signal(f.wake) }

// Look makes Run look at once for what is due, as when another process has taken in a broadcast.
func (f *Fanout) Look() { signal(f.look) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stop stops a broadcast: nothing new of it leaves. It may be resumed until it expires.
func (f *Fanout) Stop(ctx context.Context, group, broadcast gateway.ID) error {
	if err := f.store.Log.SetState(ctx, group, broadcast, true); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.active[broadcast]; cancel != nil {
		cancel()
	}
	return nil
}

// Resume lets a stopped broadcast go on, to those who were not told yet. Run makes held deliveries due again. What an alert says is
// refused: the alert stopped it, and its text leaves for nobody after an update, an answer or the all-clear.
func (f *Fanout) Resume(ctx context.Context, group, broadcast gateway.ID) error {
	b, err := f.store.Log.Broadcast(ctx, group, broadcast)
	if err != nil {
		return err
	}
	if _, _, ok := gateway.AlertOfKey(b.Key); ok {
		return gateway.Faultf(gateway.CodeConflict, "this is the text of an alert, which decides itself what of it still leaves; to say it again, use carillon alert update, or raise a new one")
	}
	if err := f.store.Log.SetState(ctx, group, broadcast, false); err != nil {
		return err
	}
	if f.Elsewhere != nil {
		f.Elsewhere()
	}
	f.Wake()
	select {
	case f.releases <- target{group, broadcast}:
		return nil
	case <-ctx.Done():
		return nil // it is resumed; Run releases what is held before long
	}
}

// Replay gives every delivery of a broadcast that ended as failed another try. It returns how many.
func (f *Fanout) Replay(ctx context.Context, group, broadcast gateway.ID) (int, error) {
	b, err := f.store.Log.Broadcast(ctx, group, broadcast)
	if err != nil {
		return 0, err
	}
	switch {
	case b.Replaced:
		return 0, gateway.Faultf(gateway.CodeConflict, "nothing of this broadcast leaves any more: %w", gateway.ErrReplaced)
	case b.State == gateway.Stopped:
		return 0, gateway.Faultf(gateway.CodeConflict, "this broadcast is stopped; resume it first")
	case !b.ExpiresAt.After(f.Now()):
		return 0, gateway.Faultf(gateway.CodeConflict, "this broadcast has expired; nothing of it can leave any more")
	}
	return f.release(ctx, b, true)
}

// released is how many deliveries become due again in one step.
const released = 500

// release goes once through a broadcast and makes what is held, or has failed, due again.
func (f *Fanout) release(ctx context.Context, b gateway.Broadcast, failed bool) (int, error) {
	total := 0
	for {
		n, err := f.store.Tracking.Release(ctx, b.GroupID, b.ID, failed, released)
		total += n
		if n > 0 {
			for _, c := range f.channels.Usable(b.GroupID) {
				f.Nudge(c.ID, b.Policy.Lane)
			}
		}
		if err != nil || n < released {
			return total, err
		}
		f.At(FaultPoints[3])
	}
}
