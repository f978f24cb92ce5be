package storetest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
)

// model lets senders, providers, members and coordinators do what they like with a few deliveries. After each step the
// tallies must equal a recount, a delivery may only have taken a legal step, an attempt only a legal one, and nobody may
// hold a claim on a delivery that somebody else holds.
func model(t *testing.T, open Open) {
	w := newWorld(t, open)
	people := []gateway.Member{w.member("sms", "telegram"), w.member("telegram", "sms"), w.member("sms"), w.member("sms", "telegram")}
	rapid.Check(t, func(r *rapid.T) {
		class := rapid.SampledFrom([]gateway.Class{gateway.LifeSafety, gateway.Alert, gateway.Reminder, gateway.Report}).Draw(r, "class")
		b := w.submit(class)
		count := rapid.IntRange(1, 2).Draw(r, "parts")
		m := &machine{world: w, b: b, ids: w.plan(b, count, people...), people: people, parts: count, last: map[gateway.ID]gateway.Delivery{}}
		for _, id := range m.ids {
			m.last[id] = w.delivery(id)
		}
		r.Repeat(map[string]func(*rapid.T){
			"claim": m.claims, "settle": m.settles, "receipt": m.receipts, "wind": m.winds, "orphans": m.orphaned, "look": m.looks,
			"overdue": m.overdues, "stop": m.stops, "resend": m.resends, "release": m.releases, "": m.check,
		})
	})
}

type machine struct {
	*world
	b       gateway.Broadcast
	ids     []gateway.ID
	people  []gateway.Member
	parts   int
	claimsM []gateway.Claim // granted once, settled or not
	last    map[gateway.ID]gateway.Delivery
	steps   int
}

func (m *machine) any(r *rapid.T) gateway.ID { return rapid.SampledFrom(m.ids).Draw(r, "delivery") }

func (m *machine) step(r *rapid.T, id gateway.ID) gateway.Step {
	i := 0
	for m.ids[i] != id {
		i++
	}
	due := m.clock.Now().Add(time.Duration(rapid.IntRange(0, 60).Draw(r, "delay")) * time.Second)
	switch rapid.IntRange(0, 2).Draw(r, "step") {
	case 0:
		return gateway.Step{Kind: gateway.StepRetry, Due: due}
	case 1:
		p := rapid.SampledFrom(m.people[i].Points).Draw(r, "point")
		return gateway.Step{Kind: gateway.StepPoint, Due: due, Point: p.ID, Channel: m.channelOf(p.Kind).ID}
	default:
		return gateway.Step{Kind: gateway.StepEnd, Reason: rapid.SampledFrom([]gateway.Reason{gateway.ReasonFailed, gateway.ReasonExpired, gateway.ReasonSuppressed}).Draw(r, "reason")}
	}
}

func (m *machine) claims(r *rapid.T) {
	id := m.any(r)
	before := m.delivery(id)
	c := m.claim(id)
	if c.Verdict != gateway.Granted {
		return
	}
	if before.State != gateway.Waiting || before.Due.IsZero() || before.Due.After(m.clock.Now()) {
		m.Fatalf("a delivery that is %q, due %v, was given out", before.State, before.Due)
	}
	m.claimsM = append(m.claimsM, c)
}

func (m *machine) settles(r *rapid.T) {
	if len(m.claimsM) == 0 {
		return
	}
	c := rapid.SampledFrom(m.claimsM).Draw(r, "claim")
	if c.FirstPart >= m.parts {
		return // nothing was left to send, so there is no outcome of it
	}
	o := gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: rapid.SampledFrom([]gateway.AttemptState{gateway.Claimed, gateway.Accepted, gateway.InDoubt, gateway.Refused}).Draw(r, "state"),
		Part: rapid.IntRange(c.FirstPart, m.parts-1).Draw(r, "part"), Spent: rapid.Bool().Draw(r, "spent")}
	switch o.State {
	case gateway.Claimed:
		if o.Part == m.parts-1 {
			return // the last part is no progress but the end
		}
	case gateway.Accepted:
		o.Part, o.ProviderID = m.parts-1, "SM"
		if rapid.Bool().Draw(r, "confirm") {
			o.ConfirmBy = m.clock.Now().Add(time.Minute)
		}
	case gateway.InDoubt:
		o.LookAt = m.clock.Now().Add(30 * time.Second)
	case gateway.Refused:
		o.Next = m.step(r, c.Delivery)
	}
	_ = m.settle(o)
}

func (m *machine) receipts(r *rapid.T) {
	if len(m.claimsM) == 0 {
		return
	}
	c := rapid.SampledFrom(m.claimsM).Draw(r, "claim")
	if c.FirstPart >= m.parts {
		return // nothing was left to send, so nobody reports on it
	}
	receipt := gateway.Receipt{Attempt: c.Attempt, Channel: c.Channel, Part: rapid.IntRange(c.FirstPart, m.parts-1).Draw(r, "part"),
		State: rapid.SampledFrom([]gateway.AttemptState{gateway.Accepted, gateway.Refused, gateway.AttemptDelivered}).Draw(r, "state")}
	if receipt.State == gateway.Refused {
		receipt.Next, receipt.Spent = m.step(r, c.Delivery), true
	}
	m.observe(receipt)
}

func (m *machine) winds(r *rapid.T) {
	m.clock.Wind(time.Duration(rapid.IntRange(1, 90).Draw(r, "seconds")) * time.Second)
}

func (m *machine) orphaned(r *rapid.T) {
	_, err := m.Orphans(m.ctx, rapid.Bool().Draw(r, "all"))
	m.ok(err)
}

func (m *machine) looks(r *rapid.T) {
	cases, err := m.Doubtful(m.ctx, m.by, 3)
	m.ok(err)
	for _, c := range cases {
		if c.Broadcast == m.b.ID {
			m.claimsM = append(m.claimsM, c)
		}
	}
}

func (m *machine) overdues(r *rapid.T) {
	cases, err := m.Overdue(m.ctx, 100)
	m.ok(err)
	for _, c := range cases {
		next := gateway.Step{}
		if c.Broadcast == m.b.ID && rapid.Bool().Draw(r, "move") {
			next = m.step(r, c.Delivery)
		}
		m.ok(m.Advance(m.ctx, []gateway.Move{{Delivery: c.Delivery, Attempt: c.Attempt, Next: next}}))
	}
}

func (m *machine) stops(r *rapid.T) {
	_ = m.SetState(m.ctx, m.group.ID, m.b.ID, rapid.Bool().Draw(r, "stopped"))
}

func (m *machine) resends(r *rapid.T) { _ = m.Resend(m.ctx, m.group.ID, m.any(r)) }

func (m *machine) releases(r *rapid.T) {
	_, _ = m.Release(m.ctx, m.group.ID, m.b.ID, rapid.Bool().Draw(r, "failed"), rapid.IntRange(1, 4).Draw(r, "limit"))
}

func (m *machine) check(*rapid.T) {
	if m.steps++; m.steps%3 != 0 {
		return // a look costs more than a step
	}
	m.recount(m.b.ID)
	for _, id := range m.ids {
		now, before := m.delivery(id), m.last[id]
		if !reachable(before.State, now.State) {
			m.Fatalf("a delivery went from %q to %q", before.State, now.State)
		}
		if now.State != gateway.Ended && now.Reason != "" || now.State == gateway.Ended && now.Reason == "" {
			m.Fatalf("a delivery is %q for the reason %q", now.State, now.Reason)
		}
		claimed := 0
		for i, a := range now.Attempts {
			if a.No != i+1 {
				m.Fatalf("attempt %d is numbered %d", i+1, a.No)
			}
			if a.State == gateway.Claimed && now.State == gateway.Sending {
				claimed++
			}
			if i < len(before.Attempts) && a.State != before.Attempts[i].State && !later(before.Attempts[i].State, a.State) {
				m.Fatalf("an attempt went from %v to %v", before.Attempts[i].State, a.State)
			}
		}
		if claimed > 1 {
			m.Fatalf("%d senders have one delivery", claimed)
		}
		m.last[id] = now
	}
}

// reachable follows legal steps of deliveries, any number of them: one action may take several.
func reachable(from, to gateway.DeliveryState) bool {
	seen := map[gateway.DeliveryState]bool{from: true}
	for next := []gateway.DeliveryState{from}; len(next) > 0; next = next[1:] {
		for _, s := range gateway.DeliverySteps[next[0]] {
			if !seen[s] {
				seen[s] = true
				next = append(next, s)
			}
		}
	}
	return seen[to]
}

func later(from, to gateway.AttemptState) bool {
	for _, s := range gateway.AttemptSteps[from] {
		if s == to || later(s, to) {
			return true
		}
	}
	return false
}
