package dispatch

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

const (
	mostCases  = 100              // asked of the ledger at a time
	mostRounds = 50               // of one sweep, so that no kind of case keeps the others waiting
	mostLooks  = 8                // look-ups of one channel at a time
	lookLease  = 2 * time.Minute  // nobody else looks an attempt up for so long
	lookAgain  = 10 * time.Second // when too many look-ups of a channel are under way
	orphanage  = 10 * time.Second // between two searches for claims that ran out
)

// mender finds what cannot go on by itself. Each kind of case has a goroutine, so that a slow look-up never keeps an
// alert from its next contact point.
type mender struct {
	d        *Dispatcher
	claimant gateway.Claimant
	unusable chan gateway.Claim
	wakes    [5]chan struct{}
	said     [5]seldom // of what each meets

	passed   gateway.ID // the last attempt that unheard, whose goroutine alone uses both, has seen
	searched time.Time  // when it last found no more

	mu     sync.Mutex
	looks  map[gateway.ID]int       // under way, by channel
	booked map[gateway.ID]time.Time // when a channel may be asked for the next lost receipt
	open   sync.WaitGroup
}

func newMender(d *Dispatcher, by gateway.Claimant) *mender {
	by.Lease = lookLease
	m := &mender{d: d, claimant: by, unusable: make(chan gateway.Claim, mostCases), looks: map[gateway.ID]int{}, booked: map[gateway.ID]time.Time{}}
	for i := range m.wakes {
		m.wakes[i] = make(chan struct{}, 1)
	}
	return m
}

func (m *mender) wake() {
	for _, w := range m.wakes {
		wake(w)
	}
}

// later takes a delivery whose contact point is no good any more. If there are too many the ledger gives it again.
func (m *mender) later(c gateway.Claim) {
	select {
	case m.unusable <- c:
	default:
	}
}

func (m *mender) run(ctx context.Context) {
	var all sync.WaitGroup
	if m.d.o.Work.relays() {
		m.search(ctx, &all)
	}
	if m.d.o.Work.sends() {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case c := <-m.unusable:
					m.moveOn(ctx, c, gateway.Situation.Unusable, gateway.Move{Detail: c.WhyUnusable()})
				}
			}
		})
	}
	all.Wait()
	m.open.Wait()
}

// search looks for what cannot go on. Several processes may: what is looked up is claimed, and a move is made once.
func (m *mender) search(ctx context.Context, all *sync.WaitGroup) {
	for i, round := range []func(context.Context) (more bool, err error){m.overdue, m.doubtful, m.lapse, m.unheard, m.succeed} {
		all.Go(func() {
			for {
				for range mostRounds {
					more, err := round(ctx)
					if err != nil && ctx.Err() == nil && m.said[i].may() {
						m.d.o.Log.Error("mending is interrupted; trying again", "error", err)
					}
					if !more || err != nil {
						break
					}
				}
				select {
				case <-ctx.Done():
					return
				case <-m.wakes[i]:
				}
			}
		})
	}
	all.Go(func() { m.orphans(ctx) })
}

// orphans puts attempts in doubt whose claim ran out: a sender that hangs beyond it, here or in another process.
func (m *mender) orphans(ctx context.Context) {
	for sleep(ctx, orphanage) {
		n, err := m.d.o.Mender.Orphans(ctx, false)
		if err != nil && ctx.Err() == nil {
			m.d.o.Log.Error("claims that ran out cannot be found; trying again", "error", err)
		}
		if n > 0 {
			m.d.o.Log.Warn("claims ran out before their senders knew; the attempts are in doubt", "attempts", n)
			wake(m.wakes[1])
		}
	}
}

func (m *mender) lapse(ctx context.Context) (bool, error) {
	n, err := m.d.o.Mender.Lapse(ctx, gateway.MaxChunk)
	return n > 0, err
}

// succeed moves what waits on replaced channels to those in their place, and what waits on deleted ones on.
func (m *mender) succeed(ctx context.Context) (bool, error) {
	if m.d.o.Succession == nil {
		return false, nil
	}
	got, err := m.d.o.Succession.TakeOver(ctx, gateway.MaxChunk)
	for _, id := range got {
		for _, lane := range gateway.Lanes {
			var c gateway.Claim
			c.Policy.Lane = lane
			m.d.nudgeFor(gateway.Step{Kind: gateway.StepPoint, Channel: id, Due: m.d.o.Now()}, &c)()
		}
	}
	if err != nil {
		return false, err
	}
	stranded, err := m.d.o.Succession.Stranded(ctx, mostCases)
	for _, c := range stranded {
		if !m.moveOn(ctx, c, gateway.Situation.Stranded, gateway.Move{Detail: "its channel was deleted"}) {
			return false, nil
		}
	}
	return len(got)+len(stranded) > 0, err
}

// moveOn decides one case and carries out the move, which lacks only what is decided; false: it could not be.
func (m *mender) moveOn(ctx context.Context, c gateway.Claim, how func(gateway.Situation) gateway.Decision, move gateway.Move) bool {
	s := gateway.Situation{Claim: c, Now: m.d.o.Now(), Jitter: m.d.o.Random()}
	decision, err := m.d.decide(&s, how)
	if err == nil {
		m.d.o.At(atMoved)
		move.Next = decision.Next
		err = m.advance(ctx, &c, move)
	}
	if err != nil && ctx.Err() == nil {
		m.d.o.Log.Error("a delivery cannot be moved on; trying again", "delivery", c.Delivery, "error", err)
	}
	return err == nil
}

func (m *mender) advance(ctx context.Context, c *gateway.Claim, move gateway.Move) error {
	move.Delivery, move.Attempt = c.Delivery, c.Attempt
	if err := m.d.o.Mender.Advance(ctx, []gateway.Move{move}); err != nil {
		return err
	}
	if nudge := m.d.nudgeFor(move.Next, c); nudge != nil {
		nudge()
	}
	return nil
}

// doubtful has attempts in doubt looked up, each on its own and a few of a channel at a time.
func (m *mender) doubtful(ctx context.Context) (bool, error) {
	cases, err := m.d.o.Mender.Doubtful(ctx, m.claimant, mostCases)
	if err != nil {
		return false, err
	}
	for _, c := range cases {
		if !m.begin(c.Channel) {
			m.settle(ctx, &c, gateway.Outcome{State: gateway.InDoubt, LookAt: m.d.o.Now().Add(lookAgain)})
			continue
		}
		m.open.Go(func() {
			defer m.end(c.Channel)
			m.look(ctx, c)
		})
	}
	return len(cases) >= mostCases, nil
}

func (m *mender) begin(channel gateway.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looks[channel] >= mostLooks {
		return false
	}
	m.looks[channel]++
	return true
}

func (m *mender) end(channel gateway.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looks[channel]--; m.looks[channel] == 0 {
		delete(m.looks, channel)
	}
}

// look asks the provider what became of an attempt, and acts on the answer.
func (m *mender) look(ctx context.Context, c gateway.Claim) {
	look, dedupe := gateway.CannotLook, time.Duration(0)
	adapter, ok := m.d.o.Live.Adapter(c.Channel)
	var caps channels.Capabilities
	if ok {
		caps = adapter.Capabilities()
		dedupe = caps.DedupeWindow
	}
	if finder, can := adapter.(channels.StatusFinder); ok && can && c.Address != "" {
		look = gateway.LookLater
		finding, err := m.find(ctx, finder, caps, &c)
		switch {
		case ctx.Err() != nil:
			return // another process, or the next life of this one, looks again
		case err != nil:
		case finding.Found == channels.WasSent:
			m.wasSent(ctx, &c, caps, finding.Receipt)
			return
		case finding.Found == channels.NotSent:
			look = gateway.FoundNothing
		}
	}
	s := gateway.Situation{Claim: c, Now: m.d.o.Now(), Jitter: m.d.o.Random()}
	decision, err := m.d.decide(&s, func(s gateway.Situation) gateway.Decision { return s.Doubt(false, look, dedupe) })
	if err != nil {
		m.d.o.Log.Error("a decision waits", "delivery", c.Delivery, "error", err)
		decision = gateway.Decision{State: gateway.InDoubt, LookAt: m.d.o.Now().Add(lookAgain)}
	}
	m.d.o.At(atMoved)
	o := gateway.Outcome{State: decision.State, LookAt: decision.LookAt, Next: decision.Next, Point: decision.Point}
	switch {
	case decision.State == gateway.Refused:
		o.Refusal = gateway.Refusal{Class: channels.Temporary.String(), Scope: string(channels.ScopeChannel), Detail: "a look-up found that the provider does not have it"}
	case decision.Next.Kind != gateway.StepNone: // the attempt stays in doubt, the delivery goes on
		if err := m.advance(ctx, &c, gateway.Move{Doubt: true, Next: decision.Next, Detail: "nobody knows whether the attempt before was sent"}); err != nil {
			m.d.o.Log.Error("a delivery in doubt cannot be moved on; trying again", "delivery", c.Delivery, "error", err)
			return
		}
		o.Next, o.LookAt = gateway.Step{}, time.Time{}
	}
	m.settle(ctx, &c, o)
}

func (m *mender) find(ctx context.Context, finder channels.StatusFinder, caps channels.Capabilities, c *gateway.Claim) (f channels.Finding, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest(&caps))
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = m.d.defect(c.Channel, channels.ScopeContent, r)
		}
	}()
	until := m.d.o.Now() // the end of the attempt, not of the look: an adapter counts from there how long a list needs to settle
	if !c.SettledAt.IsZero() && c.SettledAt.Before(until) {
		until = c.SettledAt // not what it may take at most: it may have begun late, and a part behind others does
	}
	q := channels.Query{Attempt: c.Attempt.String(), PartNo: c.FirstPart, Key: key(c, c.FirstPart), To: channels.Address(c.Address.Reveal()), Since: c.ClaimedAt.Add(-time.Minute), Until: until}
	if text, err := m.d.texts.of(ctx, c); err == nil && c.FirstPart < len(text.parts) {
		q.Part = text.parts[c.FirstPart]
	}
	if c.FirstPart < len(c.Parts) {
		q.ProviderID = c.Parts[c.FirstPart]
	}
	var unread error
	q.Others = func(providerID string) bool {
		others, err := m.elsewhere(ctx, c.Attempt, providerID)
		unread = cmp.Or(unread, err)
		return others
	}
	if f, err = finder.FindStatus(ctx, q); err == nil {
		err = unread
	}
	if err == nil && f.Found == channels.WasSent && q.ProviderID == "" && q.Others(f.Receipt.ProviderID) {
		return channels.Finding{}, unread // whoever found it cannot tell messages apart
	}
	return f, err
}

// elsewhere says whether a message is another attempt's.
func (m *mender) elsewhere(ctx context.Context, attempt gateway.ID, providerID string) (bool, error) {
	if m.d.o.Known == nil || providerID == "" {
		return false, nil
	}
	others, err := m.d.o.Known.Elsewhere(ctx, attempt, providerID)
	if err != nil && ctx.Err() == nil {
		m.d.o.Log.Error("it cannot be read whose a message is; looking again later", "attempt", attempt, "error", err)
	}
	return others, err
}

// wasSent writes what a look-up found. Where parts are left, the delivery goes on with the next one at once.
func (m *mender) wasSent(ctx context.Context, c *gateway.Claim, caps channels.Capabilities, r channels.Receipt) {
	o := gateway.Outcome{Part: c.FirstPart, ProviderID: r.ProviderID, Found: c.FirstPart >= len(c.Parts) || c.Parts[c.FirstPart] == ""}
	situation := gateway.Situation{Claim: *c, Now: m.d.o.Now(), Jitter: m.d.o.Random()}
	text, err := m.d.texts.of(ctx, c)
	if err == nil && c.FirstPart < len(text.parts) {
		o.Cost = text.parts[c.FirstPart].Cost
	}
	switch {
	case r.Status == channels.StatusFailed:
		e := r.Err
		if e == nil || e.Class == channels.Unknown {
			e = &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: "the provider says that it failed, and not why"}
		}
		m.d.Heard(c.Channel, c.Delivery, e)
		decision, err := m.d.decide(&situation, func(s gateway.Situation) gateway.Decision { return s.Refused(failureOf(e)) })
		if err != nil {
			m.d.o.Log.Error("a decision waits", "delivery", c.Delivery, "error", err)
			o = gateway.Outcome{State: gateway.InDoubt, LookAt: m.d.o.Now().Add(lookAgain)}
			break
		}
		o.State, o.Next, o.Point, o.Refusal = gateway.Refused, decision.Next, decision.Point, refusalOf(e)
	case err == nil && c.FirstPart < len(text.parts)-1:
		o.State = gateway.Claimed
		if !m.settle(ctx, c, o) {
			return
		}
		o = gateway.Outcome{State: gateway.Refused, Next: gateway.Step{Kind: gateway.StepRetry, Due: m.d.o.Now()},
			Refusal: gateway.Refusal{Class: channels.Temporary.String(), Scope: string(channels.ScopeChannel), Detail: "a look-up found a part sent; the rest follows"}}
	case r.Status == channels.StatusDelivered:
		o.State = gateway.AttemptDelivered
	default:
		o.State = gateway.Accepted
		if caps.Receipts == channels.DeliveryReceipts {
			o.ConfirmBy = situation.ConfirmBy()
		}
	}
	m.settle(ctx, c, o)
}

// settle writes the result of a look-up; false: it was not taken, because of an error or because a receipt was quicker.
func (m *mender) settle(ctx context.Context, c *gateway.Claim, o gateway.Outcome) bool {
	o.Attempt, o.Token, o.Urgent = c.Attempt, c.Token, c.Policy.Lane == gateway.Urgent
	errs, _, err := m.d.o.Ledger.Exchange(ctx, gateway.Claimant{}, []gateway.Outcome{o}, nil) // nothing is claimed
	if err != nil {
		if ctx.Err() == nil {
			m.d.o.Log.Error("the result of a look-up cannot be written; looking again later", "attempt", c.Attempt, "error", err)
		}
		return false
	}
	if nudge := m.d.nudgeFor(o.Next, c); nudge != nil && errs[0] == nil {
		nudge()
	}
	return errs[0] == nil
}
