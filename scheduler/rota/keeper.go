package rota

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// FaultPoints names the steps at which tests kill the process while it tells of duty.
var FaultPoints = [...]string{"rota: before telling", "rota: after telling"}

// Keeper tells those whose turn begins or ends, and owners of gaps to come. Any number of processes may each have one on the
// same ledger: what is told is written with the rota, over the revision that was read.
type Keeper struct {
	store     Store
	messenger Messenger
	now       func() time.Time
	log       *slog.Logger
	at        func(string)
}

// NewKeeper makes a keeper; log and at may be nil. Nobody is told anything before Run.
func NewKeeper(store Store, messenger Messenger, now func() time.Time, log *slog.Logger, at func(string)) *Keeper {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if at == nil {
		at = func(string) {}
	}
	return &Keeper{store, messenger, now, log, at}
}

const (
	nap       = time.Second         // a clock may be set at any time
	batch     = 100                 // rotas that are looked at, at once
	farthest  = 28 * 24 * time.Hour // how far ahead gaps are looked for
	lookAgain = 24 * time.Hour      // at the latest
	sayWithin = 12 * time.Hour      // what is said of duty is worth nothing later
)

// Run tells what is to be told until the context ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(nap)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := k.Tick(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("looking for who is on duty; trying again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// Tick looks at all rotas that are to be looked at now.
func (k *Keeper) Tick(ctx context.Context) error {
	for {
		due, err := k.store.DueRotas(ctx, batch)
		if err != nil {
			return err
		}
		moved := false
		for _, r := range due {
			if k.safely(ctx, r) {
				moved = true
			}
		}
		if len(due) < batch || !moved || ctx.Err() != nil {
			return nil
		}
	}
}

// safely keeps what is wrong with one rota from the others; it says whether this one went on.
func (k *Keeper) safely(ctx context.Context, r gateway.Rota) (moved bool) {
	defer func() {
		if cause := recover(); cause != nil {
			k.log.Error("a rota met a defect; it is tried again", "rota", r.ID, "group", r.GroupID, "error", gateway.DefectOf(cause))
		}
	}()
	said, err := k.look(ctx, r)
	switch {
	case err == nil:
		if said {
			k.messenger.Look()
		}
	case errors.Is(err, gateway.ErrStale): // another process did it, or a person changed it
	default:
		if ctx.Err() == nil {
			k.log.Error("a rota could not be looked at; it is tried again", "rota", r.ID, "group", r.GroupID, "error", err)
		}
		return false
	}
	return true
}

// look tells what is to be told of one rota, and finds when it is to be looked at next.
func (k *Keeper) look(ctx context.Context, r gateway.Rota) (said bool, err error) {
	now := k.now()
	p, err := plan(ctx, k.store, &r)
	if err != nil {
		return false, err
	}
	turns := p.Turns(now, now.Add(farthest))
	var holder gateway.RotaTurn
	if len(turns) > 0 && !turns[0].From.After(now) {
		holder = turns[0]
	}
	var say gateway.RotaSayings
	if holder.Member != r.Holder {
		key := "duty-" + r.ID.String() + "-" + strconv.Itoa(r.Revision)
		if err := k.tell(ctx, &r, holder.Member, gateway.DutyMessage{Key: key + "-begins", Wording: gateway.DutyBegins, Expires: earlier(holder.To, now.Add(sayWithin)),
			Data: map[string]string{"rota": r.Shown(), "until": stamp(until(turns))}}, &say); err != nil {
			return false, err
		}
		if err := k.tell(ctx, &r, r.Holder, gateway.DutyMessage{Key: key + "-ends", Wording: gateway.DutyEnds, Expires: now.Add(sayWithin), Data: map[string]string{"rota": r.Shown()}}, &say); err != nil {
			return false, err
		}
		k.log.Info("duty has passed on", "rota", r.ID, "group", r.GroupID, "somebody", !holder.Member.IsZero())
	}
	next := now.Add(lookAgain)
	for _, t := range turns {
		for _, edge := range [...]time.Time{t.From, t.To} {
			if edge.After(now) {
				next = earlier(next, edge)
			}
		}
	}
	gaps := p.Gaps(now, now.Add(farthest))
	for _, g := range gaps {
		if tells := g.From.Add(-gateway.GapNotice); tells.After(now) {
			next = earlier(next, tells)
		}
	}
	r.Noted, say.Notices = noted(&r, gaps, now)
	p.tidy(&r, now)
	for _, s := range r.Swaps {
		next = earlier(next, p.open(s))
	}
	r.Holder, r.Next = holder.Member, next
	k.at(FaultPoints[0])
	_, err = k.store.PutRota(ctx, r, say)
	if errors.Is(err, gateway.ErrKeyReused) { // somebody took the key for a broadcast of his own
		k.log.Error("nobody is told that duty has passed on: the key of a message is taken", "rota", r.ID, "group", r.GroupID)
		say.Sends = nil
		_, err = k.store.PutRota(ctx, r, say)
	}
	k.at(FaultPoints[1])
	return len(say.Sends) > 0, err
}

// tell makes a message ready for somebody who was on duty or is. One who cannot be told keeps nobody else from going on.
func (k *Keeper) tell(ctx context.Context, r *gateway.Rota, member gateway.ID, msg gateway.DutyMessage, say *gateway.RotaSayings) error {
	if member.IsZero() {
		return nil
	}
	m, err := k.store.Member(ctx, r.GroupID, member)
	if errors.Is(err, gateway.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	msg.Group, msg.Member = r.GroupID, member
	send, err := readyFor(ctx, k.messenger, m, msg)
	if err != nil {
		return err
	}
	if send == nil {
		k.log.Warn("somebody is not told of her duty: no contact point of hers can be used", "rota", r.ID, "group", r.GroupID, "member", member)
		return nil
	}
	say.Sends = append(say.Sends, send)
	return nil
}

// until says when the duty of the first of some turns ends: her next turn may follow at once.
func until(turns []gateway.RotaTurn) (end time.Time) {
	for _, t := range turns {
		if t.Member != turns[0].Member {
			break
		}
		end = t.To
	}
	return end
}

// noted says of which gaps owners are to be told, and which they know of then. A gap that lasts longer than was known is the same
// gap; one that was closed and opens again is another.
func noted(r *gateway.Rota, gaps []gateway.Span, now time.Time) (known []gateway.Span, tell []gateway.OwnerNotice) {
	for _, g := range gaps {
		i := slices.IndexFunc(r.Noted, func(s gateway.Span) bool { return !g.From.After(s.To) && !s.From.After(g.To) })
		switch {
		case i >= 0:
			if r.Noted[i].From.Before(g.From) {
				g.From = r.Noted[i].From
			}
			known = append(known, g)
		case !g.From.After(now.Add(gateway.GapNotice)):
			tell = append(tell, gateway.GapAhead(r, g.From, g.To))
			known = append(known, g)
		}
	}
	return known, tell
}

// tidy takes out of a rota what is over for long, questions whose time is over, and what is of people who are no members any more.
func (p *Plan) tidy(r *gateway.Rota, now time.Time) {
	old := now.Add(-gateway.KeepRotaChanges)
	over := func(c change) bool { return c.to.Before(old) }
	r.Overrides = slices.DeleteFunc(slices.Clone(r.Overrides), func(o gateway.RotaOverride) bool { return over(change{to: p.instant(o.To)}) })
	r.Away = slices.DeleteFunc(slices.Clone(r.Away), func(a gateway.Absence) bool { return over(change{to: p.instant(a.To)}) || p.gone(a.Member) })
	r.Swaps = slices.DeleteFunc(slices.Clone(r.Swaps), func(s gateway.Swap) bool { return !p.open(s).After(now) || p.gone(s.From) || p.gone(s.With) })
}

// open says until when a question about a swap can be answered: a turn that it is about begins.
func (p *Plan) open(s gateway.Swap) time.Time {
	at := p.instant(s.Give)
	if s.Take != 0 {
		at = earlier(at, p.instant(s.Take))
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
