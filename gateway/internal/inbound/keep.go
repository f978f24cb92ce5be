package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/spool"
	"github.com/carillon-gateway/carillon/templates"
)

const (
	replayers   = 16              // records that are brought to the ledger at once, each of another person
	lastFew     = 16              // so many are replayed while webhooks wait
	lastTime    = 2 * time.Second // and for so long at most
	givenUp     = 16              // failures without a success in between: the ledger is away
	drainWait   = time.Second     // after a round that failed
	drainLonger = 5 * time.Second
)

// errBehind says that something of the same channel waits in the spool and comes first.
var errBehind = errors.New("what was spooled of this channel comes first")

// behind reports whether something of a channel waits in the spool.
func (e *Ears) behind(channel gateway.ID) bool {
	return e.Spool != nil && e.Spool.Waits(channel.String())
}

// take hears the events of one webhook. What the ledger cannot store is spooled; and so is, while anything of its channel
// waits there, what comes behind it, except for receipts, whose order means nothing. Nobody overtakes herself: her turn
// lasts until her events have their place. It says what became of what she did, if that is known yet.
func (e *Ears) take(ctx context.Context, ch gateway.Channel, events []channels.Event) (said channels.Outcome, err error) {
	defer e.queue(ch.ID, events)()
	if e.Spool == nil {
		ctx, cancel := context.WithTimeout(ctx, hookTime)
		defer cancel()
		return e.hear(ctx, ch, events, e.turns.take)
	}
	named(events)
	defer e.turns.takeAll(ch.ID, events)()
	place, waits, err := e.join(ch.ID, events)
	if !waits {
		bounded, cancel := context.WithTimeout(ctx, hookTime)
		defer cancel()
		said, cause := e.hear(bounded, ch, events, noTurn)
		if cause == nil {
			return said, nil
		}
		e.Log.Warn("the ledger cannot store what a provider reports; it goes to the spool", "channel", ch.ID, "error", cause)
		first := !e.behind(ch.ID)
		if place, err = e.Spool.Reserve(ch.ID.String()); first && err == nil {
			e.Waiting()
		}
	}
	if err == nil {
		err = e.Spool.Add(place, written(events, e.Now()))
	}
	if err != nil {
		e.Waiting()
		return said, err
	}
	e.Count(ch.ID, HeardSpooled)
	select {
	case e.spooled <- struct{}{}:
	default:
	}
	return said, nil
}

// queue has webhooks of a channel wait for one another that hold nothing but what people write to be read, and returns what lets
// the next one go on: so a STOP, which does not wait, finds one of them at work, however many others there are. Words that we
// act upon, signals and receipts wait for nobody.
func (e *Ears) queue(channel gateway.ID, events []channels.Event) (leave func()) {
	var own map[string][]string
	if words, ok := e.own.Load(channel); ok {
		own = words.(map[string][]string)
	}
	if len(events) == 0 || slices.ContainsFunc(events, func(ev channels.Event) bool { return !plain(ev, own) }) {
		return func() {}
	}
	crowd, _ := e.crowds.LoadOrStore(channel, &sync.Mutex{})
	one := crowd.(*sync.Mutex)
	one.Lock()
	return one.Unlock
}

// plain reports whether an event is a text that asks for nothing, where groups have words of their own.
func plain(e channels.Event, own map[string][]string) bool {
	if e.Inbound == nil || e.Inbound.Action != "" || emergency(e.Inbound.Text) {
		return false
	}
	u := understand(e.Inbound.Text, slices.Collect(maps.Keys(templates.Words().Names)), own)
	return u.meaning == nothing && !u.within
}

// join takes a place behind what waits of a channel.
func (e *Ears) join(channel gateway.ID, events []channels.Event) (place spool.Record, waits bool, err error) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	if waits = e.behind(channel) && people(events); waits {
		place, err = e.Spool.Reserve(channel.String())
	}
	return place, waits, err
}

func people(events []channels.Event) bool {
	for i := range events {
		if _, ok := personOf(&events[i]); ok {
			return true
		}
	}
	return false
}

// noTurn is for whoever has the turn already.
func noTurn(gateway.ID, channels.Address) func() { return func() {} }

// named gives events an id that have none, so that a replay after a crash is known for one.
func named(events []channels.Event) {
	for i := range events {
		if events[i].ID == "" {
			events[i].ID = "here:" + gateway.NewID().String()
		}
	}
}

// drain brings what was spooled to the ledger until the context ends.
func (e *Ears) drain(ctx context.Context) {
	wait := time.Duration(0)
	for ctx.Err() == nil {
		if e.Spool.Extent().Records == 0 {
			select {
			case <-e.spooled:
			case <-ctx.Done():
				return
			}
		}
		err := e.replay(ctx)
		if err == nil && e.Spool.Extent().Records <= lastFew {
			err = e.replayLast(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && wait == 0:
			e.Log.Warn("what was spooled cannot be brought to the ledger yet; it is tried again", "records", e.Spool.Extent().Records, "error", err)
			wait = drainWait
		case err != nil:
			wait = min(2*wait, drainLonger)
		case e.Spool.Extent().Records == 0:
			e.Log.Info("all that was spooled is in the ledger")
			wait = 0
		default: // something has only its place yet, or has come meanwhile
			wait = 0
			rest(ctx, e.Pause/100)
		}
		rest(ctx, wait)
	}
}

// replayLast replays what is left while webhooks wait, so that none has to go behind.
func (e *Ears) replayLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	e.gate.Lock()
	defer e.gate.Unlock()
	return e.replay(ctx)
}

// replay brings what the spool holds now to the ledger: what one person did in its order, several people at once. What
// fails keeps whatever else its person did in its place, and nobody else's.
func (e *Ears) replay(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := round{e: e, stop: stop, tails: map[lane]chan struct{}{}, stuck: map[lane]bool{}, held: map[string]bool{}, slots: make(chan struct{}, replayers)}
	for _, record := range e.Spool.Records() {
		if ctx.Err() != nil {
			break
		}
		if err := r.begin(ctx, record); err != nil {
			r.fail(err)
		}
	}
	r.all.Wait()
	e.Waiting()
	return errors.Join(r.first, context.Cause(ctx))
}

// lane is one person on one channel. Receipts have none: their order means nothing.
type lane struct {
	queue string
	from  channels.Address
}

// round is one pass over the spool.
type round struct {
	e     *Ears
	stop  context.CancelCauseFunc
	slots chan struct{}
	all   sync.WaitGroup
	tails map[lane]chan struct{} // closed when the newest of a lane that has begun has ended
	held  map[string]bool        // queues with a record that is not written yet: what stands behind it waits for the next round

	mu    sync.Mutex
	stuck map[lane]bool
	first error
	fails atomic.Int32 // since the last success
}

// begin replays a record when those before it in its lanes have ended.
func (r *round) begin(ctx context.Context, record spool.Record) error {
	queue := record.Queue()
	if r.held[queue] {
		return nil
	}
	plain, err := r.e.Spool.Read(record)
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.held[queue] = true
		return nil
	case errors.Is(err, spool.ErrDamaged):
		r.e.Log.Error("what a provider reported is lost: its record in the spool does not open", "channel", queue, "came", record.At())
		return nil
	case err != nil:
		r.held[queue] = true
		return err
	}
	id, err := gateway.ParseID(queue)
	ch, ok := r.e.channel(id)
	if err != nil || !ok {
		r.held[queue] = true
		return fmt.Errorf("the spool holds events of the channel %s, which cannot be used now; mend its options", queue)
	}
	events, err := unkept(plain)
	if err != nil {
		r.held[queue] = true
		return err
	}
	lanes := lanesOf(queue, events)
	var before []chan struct{}
	ended := make(chan struct{})
	for _, l := range lanes {
		if tail := r.tails[l]; tail != nil {
			before = append(before, tail)
		}
		r.tails[l] = ended
	}
	r.slots <- struct{}{}
	r.all.Go(func() {
		defer func() { <-r.slots }()
		defer close(ended)
		for _, b := range before { // they have slots of their own
			<-b
		}
		if ctx.Err() != nil || r.blocked(lanes) {
			return
		}
		bounded, cancel := context.WithTimeout(ctx, hookTime)
		_, err := r.e.hear(bounded, ch, events, noTurn)
		cancel()
		if err == nil {
			err = r.e.Spool.Remove(record)
		}
		if err != nil {
			r.block(lanes)
			r.fail(err)
			return
		}
		r.fails.Store(0)
	})
	return nil
}

func (r *round) blocked(lanes []lane) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range lanes {
		if r.stuck[l] {
			return true
		}
	}
	return false
}

func (r *round) block(lanes []lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range lanes {
		r.stuck[l] = true
	}
}

// fail notes the first failure of a round, and ends the round where nothing succeeds any more.
func (r *round) fail(err error) {
	r.mu.Lock()
	if r.first == nil {
		r.first = err
	}
	r.mu.Unlock()
	if r.fails.Add(1) >= givenUp {
		r.stop(errors.New("the ledger does not take it"))
	}
}

// lanesOf lists the lanes of a record.
func lanesOf(queue string, events []channels.Event) []lane {
	var all []lane
	seen := map[lane]bool{}
	for i := range events {
		from, ok := personOf(&events[i])
		if l := (lane{queue, from}); ok && !seen[l] {
			seen[l], all = true, append(all, l)
		}
	}
	return all
}

// channel finds a channel that has an adapter.
func (e *Ears) channel(id gateway.ID) (gateway.Channel, bool) {
	for _, c := range e.Channels.All() {
		if c.ID == id {
			return c, true
		}
	}
	return gateway.Channel{}, false
}

// written gives events as the spool keeps them: addresses and texts in clear, for the spool seals. An event without a time
// gets that of its arrival.
func written(events []channels.Event, now time.Time) []byte {
	all := make([]kept, len(events))
	for i, ev := range events {
		all[i] = kept{ID: ev.ID, At: ev.At}
		if ev.At.IsZero() {
			all[i].At = now
		}
		if in := ev.Inbound; in != nil {
			all[i].Inbound = &keptText{From: in.From.Reveal(), To: in.To, Text: in.Text, Action: in.Action, ReplyTo: in.ReplyTo}
		}
		if s := ev.Signal; s != nil {
			all[i].Signal = &keptSignal{Address: s.Address.Reveal(), Kind: s.Kind, NewAddr: s.NewAddr.Reveal()}
		}
		if r := ev.Receipt; r != nil {
			k := &keptReceipt{Attempt: r.Attempt, PartNo: r.PartNo, ProviderID: r.ProviderID, Status: r.Status}
			if r.Err != nil {
				k.Err = &keptError{Class: r.Err.Class, Scope: r.Err.Scope, Trouble: r.Err.Trouble, RetryAfter: r.Err.RetryAfter, Code: r.Err.Code, Detail: r.Err.Detail, MovedTo: r.Err.MovedTo.Reveal()}
			}
			all[i].Receipt = k
		}
	}
	plain, err := json.Marshal(all)
	if err != nil {
		panic("inbound: " + err.Error()) // only for values that JSON cannot hold, and there are none
	}
	return plain
}

// unkept gives back what written wrote.
func unkept(plain []byte) ([]channels.Event, error) {
	var all []kept
	if err := json.Unmarshal(plain, &all); err != nil {
		return nil, fmt.Errorf("a record of the spool is of another release: %w", err)
	}
	events := make([]channels.Event, len(all))
	for i, k := range all {
		events[i] = channels.Event{ID: k.ID, At: k.At}
		if in := k.Inbound; in != nil {
			events[i].Inbound = &channels.Inbound{From: channels.Address(in.From), To: in.To, Text: in.Text, Action: in.Action, ReplyTo: in.ReplyTo}
		}
		if s := k.Signal; s != nil {
			events[i].Signal = &channels.Signal{Address: channels.Address(s.Address), Kind: s.Kind, NewAddr: channels.Address(s.NewAddr)}
		}
		if r := k.Receipt; r != nil {
			events[i].Receipt = &channels.Receipt{Attempt: r.Attempt, PartNo: r.PartNo, ProviderID: r.ProviderID, Status: r.Status}
			if e := r.Err; e != nil {
				events[i].Receipt.Err = &channels.Error{Class: e.Class, Scope: e.Scope, Trouble: e.Trouble, RetryAfter: e.RetryAfter, Code: e.Code, Detail: e.Detail, MovedTo: channels.Address(e.MovedTo)}
			}
		}
	}
	return events, nil
}

// These are the events of package channels, whose own encoding hides addresses.
type (
	kept struct {
		ID      string       `json:"id"`
		At      time.Time    `json:"at"`
		Receipt *keptReceipt `json:"receipt,omitempty"`
		Inbound *keptText    `json:"inbound,omitempty"`
		Signal  *keptSignal  `json:"signal,omitempty"`
	}
	keptReceipt struct {
		Attempt    string          `json:"attempt,omitempty"`
		PartNo     int             `json:"part"`
		ProviderID string          `json:"ref"`
		Status     channels.Status `json:"status"`
		Err        *keptError      `json:"error,omitempty"`
	}
	keptError struct {
		Class      channels.Class   `json:"class"`
		Scope      channels.Scope   `json:"scope"`
		Trouble    channels.Trouble `json:"trouble,omitempty"`
		RetryAfter time.Duration    `json:"retry_after,omitempty"`
		Code       string           `json:"code,omitempty"`
		Detail     string           `json:"detail,omitempty"`
		MovedTo    string           `json:"moved_to,omitempty"`
	}
	keptText struct {
		From    string `json:"from"`
		To      string `json:"to"`
		Text    string `json:"text,omitempty"`
		Action  string `json:"action,omitempty"`
		ReplyTo string `json:"reply_to,omitempty"`
	}
	keptSignal struct {
		Address string              `json:"address"`
		Kind    channels.SignalKind `json:"kind"`
		NewAddr string              `json:"new,omitempty"`
	}
)
