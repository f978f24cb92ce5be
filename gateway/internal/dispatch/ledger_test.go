package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// ledger is a ledger in memory that keeps to the contract, and notes what it is asked.
type ledger struct {
	mu         sync.Mutex
	deliveries map[gateway.ID]*delivery
	order      []gateway.ID
	attempts   map[gateway.ID]*attempt
	routes     map[gateway.ID][]gateway.Route // of a member
	bad        map[gateway.ID]bool            // contact points that cannot be used
	points     map[gateway.ID]gateway.PointChange
	health     map[gateway.ID]gateway.ChannelHealth
	texts      map[gateway.ID][][]byte // of a broadcast
	named      map[gateway.ID][][]byte // the text of a broadcast with room for a name
	names      map[gateway.ID]string   // of the members of deliveries
	mostOpen   map[gateway.ID]int      // most attempts claimed at once, by channel
	open       map[gateway.ID]int
	asked      int                                // how often relays looked at it
	refuse     error                              // every call fails with it
	struck     map[gateway.ID]map[gateway.ID]bool // deliveries that were refused for a channel's sake
	ailing     map[gateway.ID]*gateway.Incident
	heard      map[gateway.ID][]gateway.ChannelError
	checked    map[gateway.ID]time.Time // when a check closed an incident
	changed    chan struct{}
}

type delivery struct {
	gateway.Delivery
	broadcast *broadcast
	follows   bool // state comes from the newest attempt
	move      time.Time
	firstPart int
	tried     []*attempt
}

type attempt struct {
	gateway.Attempt
	of        *delivery
	token     int64
	lease     time.Time
	confirmBy time.Time
	lookAt    time.Time
	first     int
	parts     map[int]string
}

// broadcast is what a claim tells of one.
type broadcast struct {
	id      gateway.ID
	group   gateway.ID
	class   gateway.Class
	expires time.Time
	stopped bool
}

func newLedger() *ledger {
	return &ledger{deliveries: map[gateway.ID]*delivery{}, attempts: map[gateway.ID]*attempt{}, routes: map[gateway.ID][]gateway.Route{}, bad: map[gateway.ID]bool{},
		points: map[gateway.ID]gateway.PointChange{}, health: map[gateway.ID]gateway.ChannelHealth{}, texts: map[gateway.ID][][]byte{},
		mostOpen: map[gateway.ID]int{}, open: map[gateway.ID]int{}, changed: make(chan struct{})}
}

// announce submits a broadcast whose text has so many parts.
func (l *ledger) announce(class gateway.Class, parts int) *broadcast {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &broadcast{id: gateway.NewID(), class: class, expires: time.Now().Add(gateway.PolicyOf(class).Expires)}
	for i := range parts {
		raw, err := json.Marshal(channels.Part{Text: string(rune('a' + i)), Cost: 1})
		if err != nil {
			panic(err)
		}
		l.texts[b.id] = append(l.texts[b.id], raw)
	}
	return b
}

// plan adds a delivery to a member with one contact point for each channel.
func (l *ledger) plan(b *broadcast, over ...gateway.ID) gateway.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	member := gateway.NewID()
	for _, channel := range over {
		l.routes[member] = append(l.routes[member], gateway.Route{Point: gateway.NewID(), Kind: "sms", Channel: channel})
	}
	p := gateway.PolicyOf(b.class)
	d := &delivery{broadcast: b, Delivery: gateway.Delivery{ID: gateway.NewID(), BroadcastID: b.id, MemberID: member, State: gateway.Waiting, ChannelID: over[0], PointID: l.routes[member][0].Point, Lane: p.Lane, Due: time.Now()}}
	if p.Window > 0 {
		d.move = time.Now().Add(p.Window)
	}
	l.deliveries[d.ID] = d
	l.order = append(l.order, d.ID)
	return d.ID
}

func (l *ledger) note() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (d *delivery) newest() *attempt {
	if len(d.tried) == 0 {
		return nil
	}
	return d.tried[len(d.tried)-1]
}

func (d *delivery) state() gateway.DeliveryState {
	if d.follows {
		return gateway.StateOf(d.newest().State)
	}
	return d.State
}

func (l *ledger) Due(_ context.Context, channel gateway.ID, lane gateway.Lane, each int) ([]gateway.Share, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var due []gateway.ID
	for _, id := range l.order {
		d := l.deliveries[id]
		if !d.follows && d.State == gateway.Waiting && d.ChannelID == channel && d.Lane == lane && !d.Due.IsZero() && !d.Due.After(time.Now()) {
			due = append(due, id)
		}
	}
	slices.SortStableFunc(due, func(a, b gateway.ID) int { return l.deliveries[a].Due.Compare(l.deliveries[b].Due) })
	var shares []gateway.Share
	for _, id := range due {
		group := l.deliveries[id].broadcast.group
		i := slices.IndexFunc(shares, func(s gateway.Share) bool { return s.Group == group })
		if i < 0 {
			i, shares = len(shares), append(shares, gateway.Share{Group: group})
		}
		if len(shares[i].Deliveries) < each {
			shares[i].Deliveries = append(shares[i].Deliveries, id)
		}
	}
	return shares, l.refuse
}

func (l *ledger) NextDue(_ context.Context, channel gateway.ID, lane gateway.Lane) (next time.Time, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	for _, d := range l.deliveries {
		if !d.follows && d.State == gateway.Waiting && d.ChannelID == channel && d.Lane == lane && d.Due.After(time.Now()) && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next, l.refuse
}

func (l *ledger) Exchange(_ context.Context, by gateway.Claimant, done []gateway.Outcome, ids []gateway.ID) ([]error, []gateway.Claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.note()
	if l.refuse != nil {
		return nil, nil, l.refuse
	}
	return l.settle(done), l.claim(by, ids), nil
}

// Elsewhere says whether another attempt has a provider's id.
func (l *ledger) Elsewhere(_ context.Context, attempt gateway.ID, providerID string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.elsewhere(attempt, providerID), nil
}

func (l *ledger) elsewhere(attempt gateway.ID, providerID string) bool {
	for _, a := range l.attempts {
		for _, id := range a.parts {
			if a.ID != attempt && id == providerID {
				return true
			}
		}
	}
	return false
}

func (l *ledger) claim(by gateway.Claimant, ids []gateway.ID) []gateway.Claim {
	claims := make([]gateway.Claim, len(ids))
	for i, id := range ids {
		d := l.deliveries[id]
		claims[i] = gateway.Claim{Delivery: id}
		if d.follows || d.State != gateway.Waiting || d.Due.IsZero() || d.Due.After(time.Now()) {
			continue
		}
		l.describe(&claims[i], d, nil)
		switch {
		case !d.broadcast.expires.After(time.Now()):
			claims[i].Verdict = gateway.Lapsed
			l.end(d, gateway.ReasonExpired)
		case d.broadcast.stopped:
			claims[i].Verdict, d.Due = gateway.Held, time.Time{}
		case l.bad[d.PointID]:
			claims[i].Verdict = gateway.Unusable
		default:
			a := &attempt{of: d, token: 1, lease: time.Now().Add(by.Lease), first: d.firstPart, parts: map[int]string{},
				Attempt: gateway.Attempt{ID: gateway.NewID(), DeliveryID: d.ID, No: len(d.tried) + 1, ChannelID: d.ChannelID, PointID: d.PointID, State: gateway.Claimed, ClaimedAt: time.Now()}}
			d.tried, d.follows = append(d.tried, a), true
			l.attempts[a.ID] = a
			l.open[a.ChannelID]++
			l.mostOpen[a.ChannelID] = max(l.mostOpen[a.ChannelID], l.open[a.ChannelID])
			claims[i].Verdict, claims[i].Attempt, claims[i].Token, claims[i].No = gateway.Granted, a.ID, 1, a.No
			if name := l.names[id]; name != "" {
				claims[i].Name, claims[i].Locale = gateway.Private(name), gateway.NamedLocale(claims[i].Locale)
			}
		}
	}
	return claims
}

func (l *ledger) describe(c *gateway.Claim, d *delivery, a *attempt) {
	*c = gateway.Claim{Delivery: d.ID, Broadcast: d.BroadcastID, Member: d.MemberID, Point: d.PointID, Channel: d.ChannelID, Kind: "sms", Address: gateway.Private("to " + d.MemberID.String()),
		Locale: "en", FirstPart: d.firstPart, Tries: d.Tries, Resends: d.Resends, Class: d.broadcast.class, Policy: gateway.PolicyOf(d.broadcast.class), Expires: d.broadcast.expires}
	if a != nil {
		if l.names[d.ID] != "" {
			c.Locale = gateway.NamedLocale(c.Locale)
		}
		c.Attempt, c.Token, c.No, c.State, c.ClaimedAt, c.SettledAt, c.Point, c.Channel = a.ID, a.token, a.No, a.State, a.ClaimedAt, a.SettledAt, a.PointID, a.ChannelID
		for i := range max(d.firstPart, len(a.parts)) {
			c.Parts = append(c.Parts, a.parts[i])
		}
	}
}

func (l *ledger) settle(outcomes []gateway.Outcome) []error {
	errs := make([]error, len(outcomes))
	for i, o := range outcomes {
		a := l.attempts[o.Attempt]
		if a == nil || a.token != o.Token {
			errs[i] = gateway.ErrStale
			continue
		}
		if o.Found && l.elsewhere(o.Attempt, o.ProviderID) {
			errs[i] = gateway.ErrStale
			continue
		}
		if o.ProviderID != "" {
			a.parts[o.Part] = o.ProviderID
		}
		switch {
		case o.State == gateway.Claimed:
			a.of.firstPart = o.Part + 1
		case o.State == gateway.InDoubt && a.State == gateway.InDoubt:
			a.lookAt = o.LookAt
		case a.State.CanStep(o.State):
			l.enter(a, o.State, o.Refusal)
			a.confirmBy, a.lookAt = o.ConfirmBy, o.LookAt
			l.after(a, o.Spent, o.Next, o.Point)
		}
	}
	return errs
}

func (l *ledger) enter(a *attempt, s gateway.AttemptState, r gateway.Refusal) {
	if a.State == gateway.Claimed {
		l.open[a.ChannelID]--
	}
	a.State, a.Refusal, a.SettledAt = s, r, time.Now()
}

func (l *ledger) after(a *attempt, spent bool, next gateway.Step, point *gateway.PointChange) {
	if spent {
		a.of.Tries++
	}
	if point != nil {
		l.points[a.PointID] = *point
		l.bad[a.PointID] = point.Moved == ""
	}
	if a.of.newest() == a && a.of.follows {
		l.step(a.of, next)
	}
}

func (l *ledger) step(d *delivery, next gateway.Step) {
	if next.Resend {
		d.Resends++
	}
	switch next.Kind {
	case gateway.StepRetry:
		d.follows, d.State, d.Due = false, gateway.Waiting, next.Due
	case gateway.StepPoint:
		d.follows, d.State, d.Due, d.ChannelID, d.PointID, d.firstPart = false, gateway.Waiting, next.Due, next.Channel, next.Point, 0
		d.move = time.Now().Add(gateway.PolicyOf(d.broadcast.class).Window)
	case gateway.StepEnd:
		l.end(d, next.Reason)
	}
	if a := d.newest(); a != nil && next.Kind != gateway.StepNone {
		a.confirmBy, a.lookAt = time.Time{}, time.Time{}
	}
}

func (l *ledger) end(d *delivery, why gateway.Reason) {
	d.follows, d.State, d.Reason, d.Due = false, gateway.Ended, why, time.Time{}
}

func (l *ledger) Observe(_ context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.note()
	effects := make([]gateway.Effect, len(receipts))
	for i, r := range receipts {
		a := l.attempts[r.Attempt]
		if a == nil || a.ChannelID != r.Channel {
			continue
		}
		effects[i] = gateway.Repeated
		if a.State.CanStep(r.State) {
			effects[i] = gateway.Applied
			if a.State == gateway.InDoubt {
				a.token++
			}
			l.enter(a, r.State, r.Refusal)
			a.confirmBy = r.ConfirmBy
			l.after(a, r.Spent, r.Next, r.Point)
		}
	}
	return effects, l.refuse
}

func (l *ledger) Orphans(_ context.Context, all bool) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.note()
	for _, a := range l.attempts {
		if a.State == gateway.Claimed && (all || !a.lease.After(time.Now())) {
			l.enter(a, gateway.InDoubt, gateway.Refusal{Class: "unknown", Scope: "channel"})
			a.token++
			a.lookAt = time.Now()
			n++
		}
	}
	return n, l.refuse
}

func (l *ledger) Doubtful(_ context.Context, by gateway.Claimant, limit int) ([]gateway.Claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var claims []gateway.Claim
	for _, a := range l.attempts {
		if a.State == gateway.InDoubt && !a.lookAt.IsZero() && !a.lookAt.After(time.Now()) && len(claims) < limit {
			a.token++
			a.lookAt = time.Now().Add(by.Lease)
			claims = append(claims, gateway.Claim{})
			l.describe(&claims[len(claims)-1], a.of, a)
		}
	}
	return claims, l.refuse
}

func (l *ledger) Overdue(_ context.Context, limit int) ([]gateway.Claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var claims []gateway.Claim
	passed := func(t time.Time) bool { return !t.IsZero() && !t.After(time.Now()) && len(claims) < limit }
	for _, id := range l.order {
		d := l.deliveries[id]
		var c gateway.Claim
		if a := d.newest(); d.follows && a.State == gateway.Accepted && passed(a.confirmBy) {
			l.describe(&c, d, a)
			claims = append(claims, c)
		} else if !d.follows && d.State == gateway.Waiting && passed(d.move) {
			l.describe(&c, d, nil)
			claims = append(claims, c)
		}
	}
	return claims, l.refuse
}

func (l *ledger) Unheard(_ context.Context, after gateway.ID, before time.Time, limit int) (found []gateway.Unheard, last gateway.ID, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.SortedFunc(maps.Keys(l.attempts), func(a, b gateway.ID) int { return bytes.Compare(a[:], b[:]) })
	last = after
	for _, id := range all {
		a := l.attempts[id]
		if bytes.Compare(id[:], after[:]) <= 0 || limit == 0 {
			continue
		}
		if a.ClaimedAt.After(before) {
			break
		}
		last, limit = id, limit-1
		if a.State == gateway.Accepted && a.confirmBy.IsZero() && a.of.follows && a.of.newest() == a {
			found = append(found, gateway.Unheard{Attempt: id, Delivery: a.DeliveryID, Channel: a.ChannelID})
		}
	}
	return found, last, l.refuse
}

func (l *ledger) Advance(_ context.Context, moves []gateway.Move) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.note()
	for _, m := range moves {
		d := l.deliveries[m.Delivery]
		a := d.newest()
		if !d.follows && d.State == gateway.Ended || a != nil && a.ID != m.Attempt && (d.follows || !m.Attempt.IsZero()) {
			continue
		}
		if m.Doubt && (a == nil || a.State != gateway.InDoubt) {
			continue
		}
		if m.Next.Kind == gateway.StepNone {
			d.move = time.Time{}
			if a != nil {
				a.confirmBy = m.Again
			}
			continue
		}
		l.step(d, m.Next)
	}
	return l.refuse
}

func (l *ledger) Lapse(_ context.Context, limit int) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.deliveries {
		if !d.follows && d.State == gateway.Waiting && !d.broadcast.expires.After(time.Now()) && n < limit {
			l.end(d, gateway.ReasonExpired)
			n++
		}
	}
	return n, l.refuse
}

func (l *ledger) Routes(_ context.Context, _, member gateway.ID, _ string, _ gateway.Class) ([]gateway.Route, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var good []gateway.Route
	for _, r := range l.routes[member] {
		if !l.bad[r.Point] {
			good = append(good, r)
		}
	}
	return good, l.refuse
}

func (l *ledger) Delivery(_ context.Context, _, id gateway.ID) (gateway.Delivery, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.deliveries[id]
	found := d.Delivery
	found.State = d.state()
	for _, a := range d.tried {
		found.Attempts = append(found.Attempts, a.Attempt)
	}
	return found, l.refuse
}

func (l *ledger) Rendering(_ context.Context, _, id gateway.ID, locale, kind string, _ bool) (gateway.Rendering, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.texts[id] == nil {
		return gateway.Rendering{}, gateway.ErrNotFound
	}
	parts := l.texts[id]
	if locale != gateway.NamelessLocale(locale) {
		parts = l.named[id]
	}
	return gateway.Rendering{BroadcastID: id, Locale: locale, Kind: kind, Parts: parts}, nil
}

func (l *ledger) SetChannelHealth(_ context.Context, id gateway.ID, h gateway.ChannelHealth) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.note()
	l.health[id] = h
	return nil
}

// count tells how many deliveries are in each state.
func (l *ledger) count() map[gateway.DeliveryState]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[gateway.DeliveryState]int{}
	for _, d := range l.deliveries {
		n[d.state()]++
	}
	return n
}

var errDown = errors.New("the ledger is down")
