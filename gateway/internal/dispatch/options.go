package dispatch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// Ledger is what dispatch needs of the ledger.
type Ledger interface {
	Due(ctx context.Context, channel gateway.ID, lane gateway.Lane, each int) ([]gateway.Share, error)
	NextDue(ctx context.Context, channel gateway.ID, lane gateway.Lane) (time.Time, error)
	Exchange(ctx context.Context, by gateway.Claimant, done []gateway.Outcome, deliveries []gateway.ID) ([]error, []gateway.Claim, error)
	Observe(ctx context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error)
}

// Deliveries reads one delivery with its attempts.
type Deliveries interface {
	Delivery(ctx context.Context, group, id gateway.ID) (gateway.Delivery, error)
}

// Texts reads frozen texts.
type Texts interface {
	Rendering(ctx context.Context, group, broadcast gateway.ID, locale, kind string, neutral bool) (gateway.Rendering, error)
}

// Health keeps the pauses of channels and what is wrong with them.
type Health interface {
	SetChannelHealth(ctx context.Context, id gateway.ID, h gateway.ChannelHealth) error
	Strike(ctx context.Context, s gateway.Strike) (*gateway.Incident, error)
	CloseIncident(ctx context.Context, channel gateway.ID, by string) (bool, error)
	NoteErrors(ctx context.Context, channel gateway.ID, errors []gateway.ChannelError) error
}

// Live gives the channels and their adapters as they are now.
type Live interface {
	All() []gateway.Channel
	Adapter(channel gateway.ID) (channels.Adapter, bool)
}

// Work is what a process does of sending.
type Work int

// The kinds of work. Whatever a process does, it keeps the health of channels by what it hears of their providers.
const (
	Everything Work = iota
	Relaying        // fills the lanes, and mends
	Sending         // claims and sends what is in the lanes
	Listening       // neither
)

func (w Work) relays() bool { return w == Everything || w == Relaying }
func (w Work) sends() bool  { return w == Everything || w == Sending }

// Notice tells the owners of a channel what happened to it. It names nobody.
type Notice struct {
	Channel gateway.ID
	Name    string
	Event   NoticeEvent
	Until   time.Time // where a time is known
	Code    string    // the provider's, verbatim
	Detail  string    // safe to show
}

// NoticeEvent is the kind of a Notice.
type NoticeEvent string

// The kinds of notice.
const (
	NoticeAuth     NoticeEvent = "credentials refused"  // paused until a Check passes
	NoticeMended   NoticeEvent = "credentials accepted" // a Check passed, sending goes on
	NoticeThrottle NoticeEvent = "slowed down by the provider"
	NoticeSilent   NoticeEvent = "the provider does not answer" // sending stops but for a message that tries now and then
	NoticeAnswers  NoticeEvent = "the provider answers again"
	NoticeIncident NoticeEvent = "the provider refuses us" // an incident has opened: routine messages are held
)

// Good says whether nobody has to do anything.
func (e NoticeEvent) Good() bool { return e == NoticeMended || e == NoticeAnswers }

// Options sets up a Dispatcher. What has no default beside it is required.
type Options struct {
	Ledger     Ledger
	Mender     gateway.Mender
	Routes     gateway.Routes
	Deliveries Deliveries
	Texts      Texts
	Health     Health
	Live       Live
	Queue      queue.Queue
	Rates      func(channel gateway.ID, rates []channels.Rate) limit.Shared // of all processes together; nil: this one is alone
	Succession gateway.Successions                                          // nil: no channel takes the place of another
	Known      gateway.Known                                                // nil: what a look-up finds is taken to be nobody else's
	Hearing    gateway.Hearing                                              // nil: lost receipts are asked for only where the class has a window

	// Heard takes what a provider was asked for as if it had reported it, and returns once it is in the ledger. Nil: no
	// provider is asked for receipts.
	Heard func(ctx context.Context, channel gateway.ID, receipts []channels.Receipt) error
	// CallbackURL is where a provider reports on one part of an attempt; empty: nowhere. Nil: nowhere ever.
	CallbackURL func(channel, attempt gateway.ID, part int) string
	// AnswerURL is the page where a member answers a message of hers that asks something; empty: there is none. Nil: nowhere ever.
	AnswerURL func(group, delivery gateway.ID) string
	// Deaf says whether a STOP on a channel may not be in the ledger yet: what is not urgent waits. Whoever sees that change
	// calls Refresh. Nil: never.
	Deaf func(channel gateway.ID) bool
	// Refused hears of each urgent message that ended or waits for another try, once that is in the ledger: whoever asked by it may
	// not want to wait. It must not block. Nil: nobody wants to know.
	Refused func(group, broadcast gateway.ID)
	Notice  func(Notice)          // nil: nobody; must not block
	Metrics prometheus.Registerer // nil: none
	Log     *slog.Logger          // nil: none
	Now     func() time.Time      // nil: time.Now
	Random  func() float64        // uniform from [0, 1), safe for concurrent use; nil: math/rand/v2
	At      func(point string)    // called at each of FaultPoints; nil in production

	Work    Work
	Call    func(channel gateway.ID, lane gateway.Lane) // has the relays of other processes look at a lane; nil: there are none; must not block
	Process gateway.ID                                  // of this process; zero: a new one

	Alone         bool          // no other process can be alive: at the start every claimed attempt is an orphan
	Senders       int           // of a channel that does not say otherwise; 32
	UrgentSenders int           // besides, for urgent messages only; 4
	Window        int           // ids of each group that a lane holds waiting; queue.Window
	Rows          int           // claims, or outcomes, of one call of the ledger: more cost less each, fewer keep alerts waiting less; 48
	Abreast       int           // calls of the ledger at the same time for what is not urgent, of channels with senders enough; 1
	Sweep         time.Duration // how often the ledger is asked without a nudge; 1 s
	Lease         time.Duration // how long a claim holds at most; an attempt of all its parts ends a little earlier; 5 min
	Grace         time.Duration // how long sends may go on after Run's context ended; 10 s
	Forced        time.Duration // and how long after they were cancelled; 5 s
	CacheBytes    int           // of texts kept in memory; 16 MiB
}

func (o *Options) complete() {
	positive := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	lasting := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	positive(&o.Senders, 32)
	positive(&o.UrgentSenders, 4)
	positive(&o.Window, queue.Window)
	positive(&o.Rows, 48)
	positive(&o.Abreast, 1)
	positive(&o.CacheBytes, 16<<20)
	lasting(&o.Sweep, time.Second)
	lasting(&o.Lease, 5*time.Minute)
	lasting(&o.Grace, 10*time.Second)
	lasting(&o.Forced, 5*time.Second)
	if o.AnswerURL == nil {
		o.AnswerURL = func(_, _ gateway.ID) string { return "" }
	}
	if o.CallbackURL == nil {
		o.CallbackURL = func(_, _ gateway.ID, _ int) string { return "" }
	}
	if o.Call == nil {
		o.Call = func(gateway.ID, gateway.Lane) {}
	}
	if o.Deaf == nil {
		o.Deaf = func(gateway.ID) bool { return false }
	}
	if o.Refused == nil {
		o.Refused = func(_, _ gateway.ID) {}
	}
	if o.Notice == nil {
		o.Notice = func(Notice) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	if o.Process.IsZero() {
		o.Process = gateway.NewID()
	}
}

// settling is how long before a claim runs out its attempt has ended, so that the outcome is in the ledger in time.
func (o *Options) settling() time.Duration { return min(10*time.Second, o.Lease/4) }

// The steps at which tests kill the process.
const (
	atPopped  = "dispatch: popped, not claimed"
	atClaimed = "dispatch: claimed, not sent"
	atSent    = "dispatch: sent, not settled"
	atPart    = "dispatch: a part sent, the next one not"
	atSettled = "dispatch: settled"
	atMoved   = "dispatch: decided, not moved"
)

// FaultPoints lists the points at which Options.At is called.
func FaultPoints() []string {
	return []string{atPopped, atClaimed, atSent, atPart, atSettled, atMoved}
}
