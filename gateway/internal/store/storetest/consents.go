package storetest

import (
	"fmt"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

func (w *world) read(group, id gateway.ID) gateway.Member {
	w.Helper()
	m, err := w.Member(w.ctx, group, id)
	w.ok(err)
	return m
}

func evidence(t *testing.T, open Open) {
	w := newWorld(t, open)
	row := w.row("K-9", "sms")
	w.addPoint(&row, "telegram", "chat-9") // no evidence
	id := w.take(w.group.ID, row)[0].MemberID
	m := w.read(w.group.ID, id)
	equal(t, "with evidence", m.Points[0].State, gateway.PointActive)
	equal(t, "without", m.Points[1].State, gateway.PointUnconfirmed)
	equal(t, "without", len(m.Points[1].Topics), 0)
	proofs, err := w.Evidence(w.ctx, w.group.ID, id)
	w.ok(err)
	equal(t, "pieces", len(proofs), 1)
	p := proofs[0]
	equal(t, "point", p.PointID, m.Points[0].ID)
	equal(t, "member", p.MemberID, id)
	equal(t, "topic", p.Topic, "reports")
	equal(t, "granted", p.Granted, true)
	equal(t, "wording", p.Wording, "v1")
	equal(t, "proof", p.Proof, gateway.Private("a form on paper"))
	equal(t, "time", p.At, w.clock.Now())
	equal(t, "source", p.Source, "import")
	if _, err := w.Evidence(w.ctx, w.other.ID, id); err == nil {
		t.Fatal("another group read the evidence")
	}
}

func stop(t *testing.T, open Open) {
	w := newWorld(t, open)
	address := gateway.Private("+15550105555")
	row := func(ref string) gateway.StagedMember {
		r := w.row(ref)
		w.addPoint(&r, "sms", address, "reports")
		w.addPoint(&r, "telegram", gateway.Private("chat-of-"+ref), "reports")
		return r
	}
	staged := w.take(w.group.ID, row("one"), row("two"))
	elsewhere := w.take(w.other.ID, row("three"))[0]
	one := w.read(w.group.ID, staged[0].MemberID)
	id := w.plan(w.submit(gateway.LifeSafety), 1, one)[0]
	proof := gateway.Consent{Topic: "", Wording: "STOP", Locale: "en", At: w.clock.Now(), Proof: "she wrote STOP", Source: "member"}

	none, err := w.StopAddress(w.ctx, w.group.ID, "sms", "+15550101111", proof)
	w.ok(err)
	equal(t, "concerned by a stranger's STOP", len(none), 0)
	who, err := w.StopAddress(w.ctx, w.group.ID, "sms", address, proof)
	w.ok(err)
	equal(t, "concerned", len(who), 2)
	for _, s := range staged {
		m := w.read(w.group.ID, s.MemberID)
		equal(t, "text messages", m.Points[0].State, gateway.PointStopped)
		equal(t, "telegram", m.Points[1].State, gateway.PointActive)
		proofs, err := w.Evidence(w.ctx, w.group.ID, s.MemberID)
		w.ok(err)
		last := proofs[len(proofs)-1]
		equal(t, "evidence", fmt.Sprint(last.Granted, last.Source, last.PointID == m.Points[0].ID), "falsemembertrue")
		equal(t, "proof", last.Proof, gateway.Private("she wrote STOP"))
	}
	equal(t, "in another group", w.read(w.other.ID, elsewhere.MemberID).Points[0].State, gateway.PointActive)
	equal(t, "what was planned", w.claim(id).Verdict, gateway.Silenced)
	w.is(id, gateway.Ended, gateway.ReasonSuppressed)
	// A provider's word does not lift it.
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", address, gateway.PointChange{State: gateway.PointActive}))
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", address, gateway.PointChange{State: gateway.PointGone}))
	equal(t, "after a provider's word", w.read(w.group.ID, one.ID).Points[0].State, gateway.PointStopped)
	_, err = w.ConfirmAddress(w.ctx, w.group.ID, "sms", address, []string{"reports"}, proof)
	w.ok(err)
	equal(t, "after a confirmation", w.read(w.group.ID, one.ID).Points[0].State, gateway.PointStopped)
	// STOP again changes nothing and says so to the same people.
	who, err = w.StopAddress(w.ctx, w.group.ID, "sms", address, proof)
	w.ok(err)
	equal(t, "concerned again", len(who), 2)

	proof.Granted, proof.Wording, proof.Proof = true, "START", "she wrote START"
	who, err = w.StartAddress(w.ctx, w.group.ID, "sms", address, proof)
	w.ok(err)
	equal(t, "concerned", len(who), 2)
	m := w.read(w.group.ID, one.ID)
	equal(t, "state", m.Points[0].State, gateway.PointActive)
	equal(t, "her topics", fmt.Sprint(m.Points[0].Topics), "[reports]")
	equal(t, "a STOP stands", w.take(w.group.ID, row("four"))[0].Stopped, false)
	id = w.plan(w.submit(gateway.Report), 1, m)[0]
	w.granted(id)
}

func confirm(t *testing.T, open Open) {
	w := newWorld(t, open)
	row := w.row("K-3")
	w.addPoint(&row, "sms", "+15550103333")
	id := w.take(w.group.ID, row)[0].MemberID
	m := w.read(w.group.ID, id)
	report := w.plan(w.submit(gateway.Report), 1, m)[0]
	account := w.plan(w.submit(gateway.Account, func(b *gateway.Broadcast) { b.Audience = gateway.Audience{Topic: "reports", Unconfirmed: true} }), 1, m)[0]
	equal(t, "a report to an unconfirmed address", w.claim(report).Verdict, gateway.Unusable)
	asked := w.claim(account)
	equal(t, "a request to confirm", asked.Verdict, gateway.Granted)
	equal(t, "the one contact point that may carry it", asked.Only, m.Points[0].ID)
	proof := gateway.Consent{Granted: true, Wording: "v2", Locale: "en", Proof: "she wrote YES", Source: "member"}
	who, err := w.ConfirmAddress(w.ctx, w.group.ID, "sms", "+15550103333", []string{"reports", "alerts"}, proof)
	w.ok(err)
	equal(t, "concerned", fmt.Sprint(who), fmt.Sprint([]gateway.ID{id}))
	m = w.read(w.group.ID, id)
	equal(t, "state", m.Points[0].State, gateway.PointActive)
	equal(t, "topics", len(m.Points[0].Topics), 2)
	proofs, err := w.Evidence(w.ctx, w.group.ID, id)
	w.ok(err)
	topics := map[string]bool{}
	for _, p := range proofs {
		equal(t, "granted", p.Granted, true)
		topics[p.Topic] = true
	}
	equal(t, "evidence for each topic", topics["reports"] && topics["alerts"], true)
	w.granted(report)
	who, err = w.ConfirmAddress(w.ctx, w.other.ID, "sms", "+15550103333", []string{"reports"}, proof)
	w.ok(err)
	equal(t, "concerned in another group", len(who), 0)
}

func mark(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	address := m.Points[1].Address
	id := w.plan(w.submit(gateway.Report), 1, gateway.Member{ID: m.ID, Points: m.Points[1:]})[0]
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "telegram", address, gateway.PointChange{State: gateway.PointGone, Note: "she blocked the bot"}))
	p := w.read(w.group.ID, m.ID).Points[1]
	equal(t, "state", p.State, gateway.PointGone)
	equal(t, "why", p.Note, "she blocked the bot")
	c := w.claim(id)
	equal(t, "verdict", c.Verdict, gateway.Unusable)
	equal(t, "member", c.Member, m.ID)
	equal(t, "point", c.Point, m.Points[1].ID)
	equal(t, "class", c.Class, gateway.Report)
	w.is(id, gateway.Waiting, "")
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: id, Attempt: c.Attempt, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.sms.ID, Point: m.Points[0].ID}}}))
	w.accepted(w.granted(id))
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "telegram", address, gateway.PointChange{State: gateway.PointActive}))
	p = w.read(w.group.ID, m.ID).Points[1]
	equal(t, "state", p.State, gateway.PointActive)
	equal(t, "topics", fmt.Sprint(p.Topics), "[reports]")

	// The address has a successor: the contact point follows, and the old address is nobody's any more.
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "telegram", address, gateway.PointChange{Moved: "chat-new"}))
	p = w.read(w.group.ID, m.ID).Points[1]
	equal(t, "address", p.Address, gateway.Private("chat-new"))
	equal(t, "found by the old one", len(must(w.FindMembers(w.ctx, w.group.ID, "telegram", address))), 0)
	equal(t, "found by the new one", len(must(w.FindMembers(w.ctx, w.group.ID, "telegram", "chat-new"))), 1)

	// To an address that was stopped: the STOP stands there too.
	_, err := w.StopAddress(w.ctx, w.group.ID, "telegram", "chat-stopped", gateway.Consent{Source: "member"})
	w.ok(err)
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "telegram", "chat-new", gateway.PointChange{Moved: "chat-stopped"}))
	equal(t, "state", w.read(w.group.ID, m.ID).Points[1].State, gateway.PointStopped)

	// An outcome may say the same of the contact point that it used.
	id = w.plan(w.submit(gateway.Report), 1, m)[0]
	c = w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Spent: true, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}, Point: &gateway.PointChange{State: gateway.PointInvalid, Note: "no such number"}}))
	p = w.read(w.group.ID, m.ID).Points[0]
	equal(t, "state", p.State, gateway.PointInvalid)
	equal(t, "why", p.Note, "no such number")

	// An unconfirmed address does not become active by a provider's word.
	row := w.row("K-4")
	w.addPoint(&row, "sms", "+15550104444")
	fresh := w.take(w.group.ID, row)[0].MemberID
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", "+15550104444", gateway.PointChange{State: gateway.PointActive}))
	equal(t, "state", w.read(w.group.ID, fresh).Points[0].State, gateway.PointUnconfirmed)
}
