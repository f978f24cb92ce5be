// Package inbound is the ears: it takes what providers report and what members write, by webhook or by polling, brings
// receipts to the tracker, keeps messages for the group's inbox, and acts at once on the words that members may always
// say, in every shipped language: STOP, START, PAUSE, LANG, HELP, YES. What the ledger cannot store goes to a spool on the disk, and from there to the ledger when it
// answers again; nothing is answered before it is kept.
package inbound

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/spool"
)

// Channels is where the ears find channels.
type Channels interface {
	// All lists the channels that have an adapter.
	All() []gateway.Channel
	// ByName finds a channel by the name in its webhook's URL, or by the id that stands there in links that members see.
	ByName(name string) (gateway.Channel, channels.Adapter, bool)
	// Adapter gives the adapter of a channel.
	Adapter(channel gateway.ID) (channels.Adapter, bool)
}

// Receipts takes the receipts of one channel, and returns once they are in the ledger.
type Receipts interface {
	Observe(ctx context.Context, channel gateway.ID, receipts []channels.Receipt) error
}

// Members finds who wrote.
type Members interface {
	FindMembers(ctx context.Context, group gateway.ID, kind string, value gateway.Private) ([]gateway.ID, error)
	Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error)
	Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error)
	Evidence(ctx context.Context, group, member gateway.ID) ([]gateway.Consent, error)
}

// Groups lists the groups, and the words that they use instead of the shipped ones.
type Groups interface {
	Groups(ctx context.Context) ([]gateway.Group, error)
	Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error)
}

// Consents changes what an address may be used for.
type Consents interface {
	gateway.Consents
	gateway.Reaffirming
}

// Inbox keeps messages.
type Inbox interface {
	Receive(ctx context.Context, m gateway.InboundMessage) (fresh bool, err error)
}

// Cursors keeps how far each channel was polled.
type Cursors interface {
	Cursor(ctx context.Context, channel gateway.ID) (string, error)
	SetCursor(ctx context.Context, channel gateway.ID, cursor string, token int64) error
}

// Duty waits until this process has a duty (gateway.PollDuty), then has work done with the token of its fence; it returns
// when that has ended. The context of work ends when the duty is lost.
type Duty func(ctx context.Context, duty string, work func(ctx context.Context, token int64))

// Parts is what Ears stand on. Those of the first half are required.
type Parts struct {
	Channels Channels
	Receipts Receipts
	Members  Members
	Groups   Groups
	Consents Consents
	Inbox    Inbox
	Cursors  Cursors
	Wishes   gateway.Wishes
	Answer   Answer
	Limits   gateway.Tries // of Answer; nil: nothing limits it
	Duty     Duty
	Guests   Guests
	Swaps    Duties                                            // nil: a yes is never one to a swap of duty
	Country  func(kind string, address gateway.Private) string // as of gateway.PointRef

	// Page sends a member a link to her own page, to that contact point; the key makes it happen once. Nil: there are no pages.
	Page    func(ctx context.Context, group, member, point gateway.ID, key string) error
	Linking Linking
	Alerts  Alerts                                                 // the zero value: there are none
	Notice  func(ctx context.Context, n gateway.OwnerNotice) error // keeps what owners must be told; nil: nobody is
	Spool   *spool.Spool                                           // keeps what webhooks bring while the ledger cannot; nil: the provider is to call again
	// Waiting is called when the first event of a channel is spooled, and after some were replayed; nil: nobody asks.
	Waiting func()
	Alive   func(ctx context.Context, channel gateway.ID) // called after every poll that succeeded; nil: nobody asks
	// PolledAll is called then too; all: the provider has nothing more of what came before that poll began. Nil: nobody asks.
	PolledAll func(channel gateway.ID, all bool)
	Polls     bool                                  // there is no public URL: Run polls every channel that can be, and that no other process polls
	Pause     time.Duration                         // at least, from one poll of a channel to the next; zero: a second
	Now       func() time.Time                      // nil: time.Now
	Log       *slog.Logger                          // nil: nothing is logged
	Count     func(channel gateway.ID, heard Heard) // called for everything that was heard, and for what went wrong; nil: nobody counts
}

// Heard is what the ears count.
type Heard string

// What the ears count.
const (
	HeardReceipt  Heard = "receipt"
	HeardSignal   Heard = "signal"
	HeardStop     Heard = "stop"
	HeardStart    Heard = "start"
	HeardYes      Heard = "yes"
	HeardPause    Heard = "pause"
	HeardWrong    Heard = "wrong" // somebody says that the number is not the member's
	HeardLanguage Heard = "language"
	HeardHelp     Heard = "help"
	HeardPage     Heard = "page"
	HeardLink     Heard = "link"     // LINK, UNLINK or the code of a link
	HeardAck      Heard = "ack"      // somebody takes charge of an alert
	HeardReport   Heard = "report"   // somebody says how she is
	HeardCall     Heard = "call"     // for help, which raised an alert
	HeardJoin     Heard = "join"     // the code of an invitation
	HeardGuess    Heard = "guess"    // a code that is none
	HeardLimited  Heard = "limited"  // a code that was not listened to, or not answered: there are too many, or from too far
	HeardMessage  Heard = "message"  // for the inbox
	HeardStranger Heard = "stranger" // written by somebody whom none of the channel's several groups knows: nobody's to keep
	HeardAgain    Heard = "again"    // the same event once more
	HeardForgery  Heard = "forgery"
	HeardNonsense Heard = "nonsense" // cannot be read
	HeardLimit    Heard = "limit"    // an answer that was one too many, and is not given; what she asked for is done
	HeardSpooled  Heard = "spooled"  // kept on the disk until the ledger answers
	HeardFailure  Heard = "failure"  // could not be stored; it is to come again
	HeardSilence  Heard = "silence"  // polling failed
)

// Heards lists all of them, so that counters can begin at zero.
var Heards = [...]Heard{HeardReceipt, HeardSignal, HeardStop, HeardStart, HeardYes, HeardPause, HeardLanguage, HeardHelp, HeardPage, HeardLink, HeardAck, HeardReport, HeardCall, HeardJoin, HeardGuess, HeardLimited, HeardMessage, HeardStranger, HeardAgain, HeardForgery, HeardNonsense, HeardLimit, HeardSpooled, HeardFailure, HeardSilence}

// Ears hear. They are safe for concurrent use.
type Ears struct {
	Parts
	loud    Answer // as Parts.Answer was given: not limited
	turns   *turns
	crowds  sync.Map // channel → *sync.Mutex: of webhooks that say nothing urgent
	own     sync.Map // channel → map[string][]string: words of its groups' own by command, as they were when somebody wrote last
	done    *memory
	look    chan struct{}
	spooled chan struct{} // something was spooled
	large   atomic.Int64  // bytes of webhooks' bodies that are held beyond the usual
	gate    sync.RWMutex  // shared by webhooks while they look whether something waits before them; alone while the last of it is replayed
}

// New makes ears. Webhooks are heard at once; Run polls.
func New(p Parts) *Ears {
	if p.Pause == 0 {
		p.Pause = time.Second
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Waiting == nil {
		p.Waiting = func() {}
	}
	if p.Alive == nil {
		p.Alive = func(context.Context, gateway.ID) {}
	}
	if p.PolledAll == nil {
		p.PolledAll = func(gateway.ID, bool) {}
	}
	if p.Count == nil {
		p.Count = func(gateway.ID, Heard) {}
	}
	loud := p.Answer
	if p.Limits != nil {
		p.Answer = limited(p)
	}
	return &Ears{Parts: p, loud: loud, turns: newTurns(), done: newMemory(), look: make(chan struct{}, 1), spooled: make(chan struct{}, 1)}
}

// limited is Answer, so often at most for each contact point: two machines must not answer each other for ever.
func limited(p Parts) Answer {
	return func(ctx context.Context, group gateway.ID, key, wording string, to gateway.Audience, data map[string]string) error {
		whom := to.Point
		if whom.IsZero() && len(to.Members) == 1 {
			whom = to.Members[0]
		}
		if !whom.IsZero() {
			may, err := gateway.MayAnswer(ctx, p.Limits, group, whom, key)
			if err != nil {
				return fmt.Errorf("count an answer: %w", err)
			}
			if !may {
				p.Count(gateway.ID{}, HeardLimit) // of whichever channel
				return nil
			}
		}
		return p.Answer(ctx, group, key, wording, to, data)
	}
}

// Hear takes events of one channel, in their order, and returns once everything that matters of them is in the ledger.
// After an error the same events are to come again: what was done is not done twice.
func (e *Ears) Hear(ctx context.Context, ch gateway.Channel, events []channels.Event) error {
	_, err := e.hear(ctx, ch, events, e.turns.take)
	return err
}

// turn waits for a person's turn and returns what ends it.
type turn func(channel gateway.ID, from channels.Address) (end func())

// hear says besides what became of what somebody did last among the events.
func (e *Ears) hear(ctx context.Context, ch gateway.Channel, events []channels.Event, take turn) (said channels.Outcome, err error) {
	var receipts []channels.Receipt
	people := false
	for _, event := range events {
		if event.Receipt != nil {
			receipts = append(receipts, *event.Receipt)
			e.Count(ch.ID, HeardReceipt)
		}
		people = people || event.Inbound != nil || event.Signal != nil
	}
	if len(receipts) > 0 {
		if err := e.Receipts.Observe(ctx, ch.ID, receipts); err != nil {
			return said, fmt.Errorf("apply receipts: %w", err)
		}
	}
	if !people {
		return said, nil
	}
	groups, err := e.served(ctx, ch)
	if err != nil {
		return said, err
	}
	for i := range events {
		if err := e.hearPerson(ctx, ch, groups, &events[i], events, take, &said); err != nil {
			return said, err
		}
	}
	return said, nil
}

// served lists the groups that use a channel.
func (e *Ears) served(ctx context.Context, ch gateway.Channel) ([]gateway.Group, error) {
	all, err := e.Groups.Groups(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the groups: %w", err)
	}
	all = slices.DeleteFunc(all, func(g gateway.Group) bool {
		if !ch.GroupID.IsZero() {
			return g.ID != ch.GroupID
		}
		return len(ch.Groups) > 0 && !slices.Contains(ch.Groups, g.Slug)
	})
	e.own.Store(ch.ID, ownWords(all))
	return all, nil
}

// hearPerson takes one thing that a person wrote or did. What one person does is taken one after the other.
func (e *Ears) hearPerson(ctx context.Context, ch gateway.Channel, groups []gateway.Group, event *channels.Event, beside []channels.Event, take turn, said *channels.Outcome) error {
	from, ok := personOf(event)
	if !ok {
		return nil
	}
	if from == "" {
		e.Count(ch.ID, HeardNonsense)
		return nil
	}
	defer take(ch.ID, from)()
	key, hers := keyOf(ch.ID, event.ID), keyOf(ch.ID, event.ID+" "+from.Reveal())
	if event.ID != "" && e.done.has(hers) {
		e.Count(ch.ID, HeardAgain)
		return nil
	}
	v := visit{Ears: e, ch: ch, groups: groups, from: gateway.Private(from.Reveal()), event: event, key: key, at: event.At, said: said}
	if v.at.IsZero() {
		v.at = e.Now()
	}
	var err error
	if event.Signal != nil {
		err = v.signal(ctx)
	} else {
		err = v.message(ctx, signalled(from, beside))
	}
	if err == nil && event.ID != "" {
		e.done.add(hers)
	}
	return err
}

// personOf gives whoever wrote or did something.
func personOf(event *channels.Event) (from channels.Address, ok bool) {
	switch {
	case event.Inbound != nil:
		return event.Inbound.From, true
	case event.Signal != nil:
		return event.Signal.Address, true
	}
	return "", false
}

// signalled says whether the provider reports, in the same breath, that it has stopped a person itself.
func signalled(from channels.Address, events []channels.Event) bool {
	return slices.ContainsFunc(events, func(e channels.Event) bool {
		return e.Signal != nil && e.Signal.Kind == channels.SignalStopped && e.Signal.Address == from
	})
}
