package escalation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Code is what one person alone is sent beside the alert's reference: six digits.
func Code(a *gateway.AlertCase, member gateway.ID) string {
	mac := hmac.New(sha256.New, a.Climb.Secret)
	_, _ = mac.Write(append(append([]byte("ack "), a.ID[:]...), member[:]...))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(mac.Sum(nil)[:8])%1_000_000)
}

// verify says who takes charge, and whether that is shown: a right code tells one of those who share a telephone apart.
func verify(a *gateway.AlertCase, e *Event) (gateway.AlertHand, bool) {
	by := e.By
	if e.Code != "" {
		for _, m := range by.Members {
			if len(a.Climb.Secret) > 0 && hmac.Equal([]byte(Code(a, m)), []byte(e.Code)) {
				by.Members = []gateway.ID{m}
				return by, true
			}
		}
		return by, false
	}
	return by, e.Proven || !a.Policy.Code
}

// ack takes that somebody takes charge; it never fails, for whoever answers must be told what became of it.
func (d *decider) ack() {
	a, e := &d.Alert, &d.event
	c := &a.Climb
	by, proven := verify(a, e)
	answer := func(o gateway.AckOutcome) {
		d.Result = gateway.AckResult{Outcome: o, Alert: a.ID, Reference: a.Reference, State: a.State}
		if len(c.Charge) > 0 {
			d.Result.Charge = c.Charge[len(c.Charge)-1]
		}
	}
	record := func(kind gateway.AlertEventKind) {
		proves := kind == gateway.EventAcked || kind == gateway.EventAccepted
		if d.note(kind, e.Once); !proves && c.Notes > mostNoted {
			d.Events = d.Events[:len(d.Events)-1]
			c.Notes--
		}
	}
	offered := c.Offer != nil && (c.Offer.To.Same(by) || len(by.Members) > 1 && slices.Contains(by.Members, c.Offer.To.Members[0])) // over a shared telephone it is somebody there
	hers := in(c.Charge, by) || offered
	switch {
	case a.State == gateway.AlertNew || a.State == gateway.AlertHeld:
		answer(gateway.AckNotYet)
	case !e.Asked && !hers: // whatever became of it: nobody finds out by guessing which alerts there are
		e.By.Unverified = true
		record(gateway.EventUnverified)
		answer(gateway.AckNotAsked)
	case !a.State.Open():
		e.By = by
		e.By.Unverified = !proven
		record(gateway.EventAckLate)
		answer(gateway.AckOver)
	case !proven:
		e.By.Unverified = true
		record(gateway.EventUnverified)
		answer(gateway.AckUnverified)
		if a.State == gateway.AlertTaken && !hers { // it does not go on, and her code would change nothing
			answer(gateway.AckOthers)
		}
	case offered:
		e.By = by
		record(gateway.EventAccepted)
		rest := c.Charge[:max(0, len(c.Charge)-1)] // whoever handed it over is out of it, and hears so with the others
		c.Charge, c.Offer, c.ActiveAt = append(without(rest, by), by), nil, d.now
		if a.State == gateway.AlertTaken {
			d.tellTaken(by.Members)
		} else {
			d.counted()
		}
		answer(gateway.AckTaken)
	case in(c.Charge, by):
		e.By, c.ActiveAt = by, d.now
		record(gateway.EventAckAgain)
		answer(gateway.AckYours)
	case a.State == gateway.AlertTaken && distinct(c.Charge) >= quorum(a): // with fewer, the last resort was asked too
		e.By = by
		record(gateway.EventAckOther)
		answer(gateway.AckOthers)
	default:
		e.By = by
		record(gateway.EventAcked)
		c.Charge, c.ActiveAt = append(c.Charge, by), d.now
		if !d.counted() {
			answer(gateway.AckCounted)
			d.Result.Needs = quorum(a) - distinct(c.Charge)
			return
		}
		answer(gateway.AckTaken)
	}
}

func in(hands []gateway.AlertHand, who gateway.AlertHand) bool {
	return len(without(hands, who)) < len(hands)
}

func without(hands []gateway.AlertHand, who gateway.AlertHand) (others []gateway.AlertHand) {
	for _, h := range hands {
		if !h.Same(who) {
			others = append(others, h)
		}
	}
	return others
}

// distinct counts the hands of which nobody can be another: one person may answer from her own telephone and from one that she shares, or
// with two tokens under one label.
func distinct(hands []gateway.AlertHand) int {
	hands = slices.Clone(hands)
	slices.SortStableFunc(hands, func(a, b gateway.AlertHand) int { return len(a.Members) - len(b.Members) })
	var apart []gateway.AlertHand
	for _, h := range hands {
		if !slices.ContainsFunc(apart, h.MayBe) {
			apart = append(apart, h)
		}
	}
	return len(apart)
}

// counted stops the climb once as many take charge as the policy wants; where every step is over, anybody is enough.
func (d *decider) counted() bool {
	a := &d.Alert
	if a.State == gateway.AlertClimbing && distinct(a.Climb.Charge) < quorum(a) {
		return false
	}
	d.take()
	return true
}

// take stops the climb: nobody else is asked, and everybody who was is told.
func (d *decider) take() {
	a := &d.Alert
	c := &a.Climb
	a.State, c.ActiveAt = gateway.AlertTaken, d.now
	c.StepAt, c.LookAt = time.Time{}, time.Time{}
	d.drop(gateway.AlertEffectKind.Requests)
	d.stop(gateway.AlertEffectKind.Requests)
	d.passTaken(c.Charge[len(c.Charge)-1])
	d.tellTaken(members(c.Charge))
}

// tellTaken thanks those who took charge, and tells the others who were asked who did last.
func (d *decider) tellTaken(thanked []gateway.ID) {
	c := &d.Alert.Climb
	key := fmt.Sprintf("taken-%d", c.Notes)
	if len(thanked) > 0 {
		d.send(gateway.AlertEffect{Kind: gateway.AlertThank, Key: "thank-" + key, Members: thanked})
	}
	d.send(gateway.AlertEffect{Kind: gateway.AlertSayTaken, Key: key, Who: c.Charge[len(c.Charge)-1]})
}

// offer asks a successor. Whoever is in charge stays so until she accepts.
func (d *decider) offer() error {
	a, e := &d.Alert, d.event
	c := &a.Climb
	switch {
	case a.State != gateway.AlertTaken:
		return gateway.Faultf(gateway.CodeConflict, "alert %s is %s; only one that somebody has taken charge of can be handed over", a.Reference, a.State)
	case len(e.To.Members) != 1:
		return gateway.Faultf(gateway.CodeInvalid, "name the one member to whom the alert is to be handed over")
	case c.Charge[len(c.Charge)-1].Same(e.To):
		return gateway.Faultf(gateway.CodeConflict, "she is in charge of alert %s already", a.Reference)
	}
	n := d.note(gateway.EventOffered, e.Once)
	n.Detail = "to " + e.To.Role()
	c.Offer, c.ActiveAt = &gateway.AlertOffer{To: e.To, Until: d.now.Add(offerFor)}, d.now
	d.send(gateway.AlertEffect{Kind: gateway.AlertHandOver, Key: fmt.Sprintf("handover-%d", c.Notes), Members: e.To.Members})
	return nil
}

// remind asks whoever was told and has not said how she is.
func (d *decider) remind() error {
	a, c := &d.Alert, &d.Alert.Climb
	switch {
	case !a.State.Open():
		return gateway.Faultf(gateway.CodeConflict, "alert %s is %s; people are asked how they are while it goes on", a.Reference, a.State)
	case d.now.Sub(c.RollAt) < gateway.RollReminder:
		return gateway.Faultf(gateway.CodeConflict, "those who have not answered were reminded at %s; wait until %s", c.RollAt.UTC().Format(time.RFC3339), c.RollAt.Add(gateway.RollReminder).UTC().Format(time.RFC3339))
	}
	d.note(gateway.EventReminded, d.event.Once)
	c.RollAt = d.now
	d.send(gateway.AlertEffect{Kind: gateway.AlertRemind, Key: fmt.Sprintf("remind-%d", c.Notes)})
	return nil
}

// update has it say something else. What is queued of the old text dies, and who is being asked now is asked in the new one.
func (d *decider) update() error {
	a, e := &d.Alert, d.event
	c := &a.Climb
	held := a.State == gateway.AlertHeld && a.Hold != nil
	if !a.State.Open() && !held {
		return gateway.Faultf(gateway.CodeConflict, "alert %s is %s, so it cannot be updated; raise a new one", a.Reference, a.State)
	}
	if !e.Saying.Until.After(d.now) {
		return gateway.Faultf(gateway.CodeInvalid, "until (%s) is over already; give a time to come", e.Saying.Until.UTC().Format(time.RFC3339))
	}
	if held { // nobody has heard of it; whatever a second person has looked at is void
		d.note(gateway.EventUpdated, e.Once)
		a.Saying = e.Saying
		d.hold(e.By)
		return nil
	}
	c.Text++
	d.note(gateway.EventUpdated, e.Once)
	a.Saying, a.ExpiresAt, c.ActiveAt = e.Saying, e.Saying.Until, d.now
	var again []gateway.AlertEffect // what was asked and is stopped now
	if a.State == gateway.AlertClimbing && c.Step >= 0 {
		s := &a.Policy.Steps[c.Step]
		for i, target := range s.Targets {
			if target.Group != "" { // that group's alert is updated
				continue
			}
			again = append(again, gateway.AlertEffect{Kind: gateway.AlertAsk, Key: fmt.Sprintf("ask-%d-%d-text-%d", c.Asked, i, c.Text), Target: target,
				Step: c.Step + 1, Asked: c.Asked, Kinds: s.Kinds, Window: window(a, s)})
		}
	}
	if a.State == gateway.AlertUnanswered {
		for i, target := range a.Policy.Last {
			if target.Group != "" {
				continue
			}
			again = append(again, gateway.AlertEffect{Kind: gateway.AlertLast, Key: fmt.Sprintf("last-%d-text-%d", i, c.Text), Target: target})
		}
	}
	if c.Offer != nil {
		again = append(again, gateway.AlertEffect{Kind: gateway.AlertHandOver, Key: fmt.Sprintf("handover-text-%d", c.Text), Members: c.Offer.To.Members})
	}
	for _, p := range c.Pending {
		if p.Link != nil && p.Kind != gateway.AlertPass { // it will open with the new text
			again = append(again, p)
		}
	}
	d.drop(gateway.AlertEffectKind.Says)
	d.stop(gateway.AlertEffectKind.Says)
	d.pass(gateway.PassUpdated, "")
	d.send(gateway.AlertEffect{Kind: gateway.AlertRenew, Key: fmt.Sprintf("renew-%d", c.Text)})
	for _, e := range again {
		d.send(e)
	}
	return nil
}

// end says that it is over, or that it was a mistake. Queued copies die; whoever was told, or may have been, is told.
func (d *decider) end() error {
	a, e := &d.Alert, d.event
	c := &a.Climb
	if a.State.Over() {
		return gateway.Faultf(gateway.CodeConflict, "alert %s is %s already", a.Reference, a.State)
	}
	held := a.State == gateway.AlertHeld || a.Hold != nil
	if held && e.Kind == Clear {
		return gateway.Faultf(gateway.CodeConflict, "alert %s is not released, so nobody was told of it; cancel it", a.Reference)
	}
	kind, event, state := gateway.AlertSayClear, gateway.EventCleared, gateway.AlertCleared
	if e.Kind == Cancel {
		kind, event, state = gateway.AlertWithdraw, gateway.EventWithdrawn, gateway.AlertCancelled
	}
	all := func(gateway.AlertEffectKind) bool { return true }
	d.drop(all)
	d.stop(all)
	a.State, a.EndedAt, c.Offer = state, d.now, nil
	c.StepAt, c.LookAt, c.Tries = time.Time{}, time.Time{}, 0
	d.note(event, e.Once)
	d.pass(gateway.AlertPassed(state), "")
	if !held {
		d.send(gateway.AlertEffect{Kind: kind, Key: string(kind)})
	}
	return nil
}

// settle takes what became of an effect.
func (d *decider) settle() error {
	a, e := &d.Alert, d.event
	c := &a.Climb
	at := -1
	for i := range c.Pending {
		if c.Pending[i].Key == e.Effect {
			at = i
		}
	}
	if at < 0 {
		return ErrSettled
	}
	effect := c.Pending[at]
	if e.Kind == Failed && !e.Nobody {
		c.Tries++
		return nil
	}
	c.Pending = append(c.Pending[:at:at], c.Pending[at+1:]...)
	c.Tries = 0
	d.event.By = gateway.AlertHand{}
	if e.Kind == Submitted {
		if effect.Link != nil && effect.Kind != gateway.AlertPass {
			n := d.note(gateway.EventSent, "sent/"+effect.Key)
			n.Detail, n.Step = string(effect.Kind)+": group "+effect.Link.Group, effect.Step
		}
		for i, id := range e.Broadcasts {
			key := "sent/" + effect.Key
			if i > 0 {
				key += fmt.Sprintf("/%d", i)
			}
			n := d.note(gateway.EventSent, key)
			n.Detail, n.Step, n.Broadcast = string(effect.Kind), effect.Step, id
			c.Sent = append(c.Sent, gateway.AlertSent{ID: id, Kind: effect.Kind, Asked: effect.Asked})
		}
		if e.Detail != "" {
			n := d.note(gateway.EventNobody, "left/"+effect.Key)
			n.Detail, n.Step = string(effect.Kind)+": "+e.Detail, effect.Step
		}
		return nil
	}
	if effect.Link != nil {
		c.Links = slices.DeleteFunc(c.Links, func(l gateway.AlertLink) bool { return l == *effect.Link })
	}
	if effect.Kind == gateway.AlertPass { // the other alert is over, or gone
		return nil
	}
	n := d.note(gateway.EventNobody, "nobody/"+effect.Key)
	n.Step = effect.Step
	n.Detail = string(effect.Kind)
	if e.Detail != "" {
		n.Detail += ": " + e.Detail
	}
	if effect.Kind == gateway.AlertAskEnd && len(effect.Members) > 0 && a.State == gateway.AlertExpired { // those in charge cannot be told
		d.askLast()
	}
	// A step that reaches nobody is no step: the next one is taken at once.
	if effect.Kind != gateway.AlertAsk || a.State != gateway.AlertClimbing || effect.Asked != c.Asked {
		return nil
	}
	for _, p := range c.Pending {
		if p.Kind == gateway.AlertAsk && p.Asked == c.Asked {
			return nil
		}
	}
	for _, s := range c.Sent {
		if s.Kind == gateway.AlertAsk && s.Asked == c.Asked {
			return nil
		}
	}
	if asksElsewhere(c) {
		return nil
	}
	d.event.Detail = ""
	d.climb()
	return nil
}
