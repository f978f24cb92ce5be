package dispatch

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

const (
	searchEvery  = 10 * time.Second // between two searches for receipts that nobody waits for
	searchRows   = 2000             // attempts passed at a time
	searchBack   = 25 * time.Hour   // what is older when the process starts is not asked for any more
	usualReceipt = 10 * time.Minute // on a channel that does not say within what time receipts come
	urgentLook   = 5 * time.Second  // longest that an alert waits for an answer before it takes the next contact point
	asksASecond  = 10               // of one channel, for receipts lost together
)

// overdue moves on what has no receipt, or was not handed over, within its class's window. Where the provider can be
// asked it is, before anything is done about the receipt: it may have been lost while nobody listened.
func (m *mender) overdue(ctx context.Context) (bool, error) {
	cases, err := m.d.o.Mender.Overdue(ctx, mostCases)
	if err != nil {
		return false, err
	}
	var turns []gateway.Move
	var asked []gateway.Claim
	more := len(cases) >= mostCases
	for _, c := range cases {
		moved := true
		if c.State == 0 {
			moved = m.moveOn(ctx, c, gateway.Situation.Stuck, gateway.Move{Detail: "it could not be handed over in time"})
		} else if again, ask := m.turn(&c); again.IsZero() {
			moved = m.unconfirmed(ctx, c, time.Time{})
		} else {
			turns = append(turns, gateway.Move{Delivery: c.Delivery, Attempt: c.Attempt, Again: again})
			if ask {
				asked = append(asked, c)
			}
		}
		if !moved {
			more = false
			break
		}
	}
	if len(turns) > 0 {
		err = m.d.o.Mender.Advance(ctx, turns) // so that none is listed again before its turn, nor asked for twice at a time
	}
	for _, c := range asked {
		if err != nil {
			m.end(c.Channel)
			continue
		}
		m.open.Go(func() {
			defer m.end(c.Channel)
			m.ask(ctx, c)
		})
	}
	return more, err
}

// turn says when a case is looked at again, and whether its provider is to be asked now. Zero: it cannot be asked, or
// not soon enough, and is decided as it is.
func (m *mender) turn(c *gateway.Claim) (again time.Time, ask bool) {
	if _, _, can := m.finder(c.Channel); !can || len(c.Parts) == 0 || c.Address == "" {
		return time.Time{}, false
	}
	now := m.d.o.Now()
	if m.begin(c.Channel) {
		return now.Add(lookLease), true
	}
	if c.Policy.Lane == gateway.Urgent && c.Policy.Window > 0 {
		return time.Time{}, false
	}
	again = m.book(c.Channel, now)
	if c.Policy.Window > 0 && again.After(now.Add(c.Policy.Window/2)) {
		return time.Time{}, false
	}
	return again, false
}

// finder gives what can be asked for the receipts of a channel.
func (m *mender) finder(channel gateway.ID) (channels.StatusFinder, channels.Capabilities, bool) {
	if m.d.o.Heard == nil {
		return nil, channels.Capabilities{}, false
	}
	adapter, ok := m.d.o.Live.Adapter(channel)
	if !ok {
		return nil, channels.Capabilities{}, false
	}
	finder, can := adapter.(channels.StatusFinder)
	caps := adapter.Capabilities()
	return finder, caps, can && caps.Receipts == channels.DeliveryReceipts
}

// book gives the next time at which a channel may be asked. Receipts that were lost together are asked for one after the
// other, no faster than messages may be sent.
func (m *mender) book(channel gateway.ID, now time.Time) time.Time {
	gap := time.Second / asksASecond
	if l := m.d.line(channel); l != nil {
		for _, r := range l.caps.Load().Rates {
			if !r.PerAddress && r.PerSecond > 0 {
				gap = max(gap, min(time.Second, time.Duration(float64(time.Second)/r.PerSecond)))
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.booked[channel]
	if at.Before(now) {
		at = now
	}
	m.booked[channel] = at.Add(gap)
	return at
}

// ask asks the provider for the receipts of an attempt, and decides about it if there are none.
func (m *mender) ask(ctx context.Context, c gateway.Claim) {
	finder, caps, can := m.finder(c.Channel)
	if !can {
		return // its turn comes again
	}
	asking := ctx
	if c.Policy.Lane == gateway.Urgent && c.Policy.Window > 0 {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, urgentLook)
		defer cancel()
	}
	var receipts []channels.Receipt
	arrived, ended := 0, false
	for part, id := range c.Parts {
		if id == "" {
			arrived++ // sent, and reported on, by an attempt before
			continue
		}
		q := c
		q.FirstPart = part
		finding, err := m.find(asking, finder, caps, &q)
		if err != nil || finding.Found != channels.WasSent {
			continue
		}
		r := finding.Receipt
		r.Attempt, r.PartNo = c.Attempt.String(), part
		switch r.Status {
		case channels.StatusDelivered:
			arrived++
		case channels.StatusFailed:
			ended = true
		default:
			continue // as much as we knew
		}
		receipts = append(receipts, r)
	}
	if len(receipts) > 0 {
		if err := m.d.o.Heard(ctx, c.Channel, receipts); err != nil {
			if ctx.Err() == nil {
				m.d.o.Log.Error("receipts that were asked for cannot be written; asking again later", "attempt", c.Attempt, "error", err)
			}
			return
		}
	}
	again := gateway.Situation{Claim: c, Now: m.d.o.Now()}.ListenAgain()
	switch {
	case ended, ctx.Err() != nil: // stopping is no reason to go elsewhere
	case arrived < len(c.Parts):
		m.unconfirmed(ctx, c, again)
	default: // nothing to do, unless the ledger misses the id of a part: then not every two minutes either
		if err := m.advance(ctx, &c, gateway.Move{Again: again}); err != nil && ctx.Err() == nil {
			m.d.o.Log.Error("the turn of a look-up cannot be written; it comes again", "attempt", c.Attempt, "error", err)
		}
	}
}

// unconfirmed takes the next contact point if the class says so; else the provider is asked again at a time, unless that
// is zero. False: it could not be written.
func (m *mender) unconfirmed(ctx context.Context, c gateway.Claim, again time.Time) bool {
	return m.moveOn(ctx, c, gateway.Situation.Unconfirmed, gateway.Move{Again: again, Detail: "no receipt came in time"})
}

// unheard finds attempts that were handed over and never reported on although most receipts come within a shorter time,
// and gives each a turn to be asked for: what came while this process was dead is lost otherwise. It passes each attempt
// once in the life of the process.
func (m *mender) unheard(ctx context.Context) (bool, error) {
	now := m.d.o.Now()
	if m.d.o.Hearing == nil || now.Before(m.searched.Add(searchEvery)) {
		return false, nil
	}
	within := m.within()
	if within == 0 {
		return false, nil
	}
	if m.passed.IsZero() {
		m.passed = gateway.IDAt(now.Add(-searchBack))
	}
	found, last, err := m.d.o.Hearing.Unheard(ctx, m.passed, now.Add(-within), searchRows)
	if err != nil {
		return false, err
	}
	var turns []gateway.Move
	for _, u := range found {
		if _, _, can := m.finder(u.Channel); can {
			turns = append(turns, gateway.Move{Delivery: u.Delivery, Attempt: u.Attempt, Again: m.book(u.Channel, now)})
		}
	}
	for len(turns) > 0 {
		chunk := turns[:min(len(turns), mostCases)]
		turns = turns[len(chunk):]
		if err := m.d.o.Mender.Advance(ctx, chunk); err != nil {
			return false, err
		}
	}
	if last == m.passed {
		m.searched = now
		return false, nil
	}
	m.passed = last
	return true, nil
}

// within is the longest time in which receipts come on channels that can be asked; zero: none can.
func (m *mender) within() (longest time.Duration) {
	for _, c := range m.d.o.Live.All() {
		if _, caps, can := m.finder(c.ID); can {
			usual := caps.ReceiptWithin
			if usual <= 0 {
				usual = usualReceipt
			}
			longest = max(longest, usual)
		}
	}
	return longest
}
