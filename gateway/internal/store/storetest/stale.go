package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

const day = 24 * time.Hour

// stale: ann, bea and cal have a number, and ann a chat as well. A year goes by, in which bea writes something and the others do not.
func stale(t *testing.T, open Open) {
	w := newWorld(t, open)
	ann, bea, cal := w.member("sms", "telegram"), w.member("sms"), w.member("sms")
	state := func(what string, m gateway.Member, want gateway.PointState) {
		t.Helper()
		equal(t, what, w.read(w.group.ID, m.ID).Points[0].State, want)
		page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports", Members: []gateway.ID{m.ID}}, gateway.ID{}, 1)
		w.ok(err)
		equal(t, what+", as a recipient", page[0].Points[0].State, want)
	}
	listed := func(what string, want ...gateway.Member) {
		t.Helper()
		found, err := w.Stale(w.ctx, w.group.ID, 10)
		w.ok(err)
		equal(t, what, len(found), len(want))
		for _, m := range want {
			for _, p := range found {
				if p.Member == m.ID {
					equal(t, what, fmt.Sprint(p.Point == m.Points[0].ID, p.Kind, p.Zone, p.Since.Truncate(day).Equal(p.Since)), "truesmsEurope/Berlintrue")
				}
			}
		}
		n, err := w.CountStale(w.ctx, w.group.ID)
		w.ok(err)
		if n < len(want) {
			t.Fatalf("%s: %d are counted", what, n)
		}
	}
	writes := func(m gateway.Member, hers bool) {
		_, err := w.Receive(w.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: m.Points[0].Address, Text: "hello", At: w.clock.Now(), Hers: hers})
		w.ok(err)
	}
	proof := gateway.Consent{Granted: true, At: w.clock.Now(), Proof: "what she wrote", Source: "member"}

	w.clock.Wind(gateway.KeepConfirmed - 62*day)
	for _, m := range []gateway.Member{ann, bea, cal} {
		state("before anybody is asked", m, gateway.PointActive)
	}
	listed("before")
	writes(bea, true)
	writes(cal, false)
	w.clock.Wind(62 * day)
	state("after a year", ann, gateway.PointStale)
	state("heard of", bea, gateway.PointActive)
	state("who may not be she", cal, gateway.PointStale)
	equal(t, "a chat", w.read(w.group.ID, ann.ID).Points[1].State, gateway.PointActive)
	listed("after a year", ann, cal)

	// What may leave is decided by the class.
	equal(t, "a report", w.claim(w.plan(w.submit(gateway.Report), 1, ann)[0]).Verdict, gateway.Unusable)
	equal(t, "a reminder", w.claim(w.plan(w.submit(gateway.Reminder), 1, ann)[0]).Verdict, gateway.Unusable)
	c := w.granted(w.plan(w.submit(gateway.Alert), 1, ann)[0])
	equal(t, "an alert", [2]bool{c.Pointer, c.Neutral}, [2]bool{true, true})
	equal(t, "danger to life", w.granted(w.plan(w.submit(gateway.LifeSafety), 1, ann)[0]).Pointer, false)
	equal(t, "to one who was heard", w.granted(w.plan(w.submit(gateway.Report), 1, bea)[0]).Pointer, false)
	w.granted(w.plan(w.submit(gateway.Account, func(b *gateway.Broadcast) { b.Audience = gateway.Audience{Point: ann.Points[0].ID, Only: true} }), 1, ann)[0])

	// She is asked once. Silence leaves it so, and so does a message; her word ends it.
	w.ok(w.AskedStill(w.ctx, w.group.ID, ann.ID, ann.Points[0].ID))
	w.ok(w.AskedStill(w.ctx, w.group.ID, bea.ID, bea.Points[0].ID)) // who is not stale is not made so
	state("who is not stale", bea, gateway.PointActive)
	listed("asked", cal)
	n, err := w.CountStale(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "counted", n, 2)
	writes(ann, true)
	state("after a message", ann, gateway.PointStale)
	w.clock.Wind(200 * day)
	listed("asked half a year ago", cal)
	who, err := w.ReaffirmAddress(w.ctx, w.group.ID, "sms", ann.Points[0].Address, proof)
	w.ok(err)
	equal(t, "concerned", len(who), 1)
	state("her word", ann, gateway.PointActive)
	equal(t, "her topics", fmt.Sprint(w.read(w.group.ID, ann.ID).Points[0].Topics), "[reports]")
	evidence, err := w.Evidence(w.ctx, w.group.ID, ann.ID)
	w.ok(err)
	equal(t, "evidence", evidence[len(evidence)-1].Proof, proof.Proof)
	w.granted(w.plan(w.submit(gateway.Report), 1, ann)[0])

	// Somebody else has cal's number: that is a STOP, and START is no yes to what cal agreed to.
	proof.Granted = false
	_, err = w.DisownAddress(w.ctx, w.group.ID, "sms", cal.Points[0].Address, proof)
	w.ok(err)
	state("disowned", cal, gateway.PointStopped)
	row := w.row("", "sms")
	row.Member.Points[0].Address = cal.Points[0].Address
	equal(t, "a STOP stands", w.take(w.group.ID, row)[0].Stopped, true)
	listed("disowned")
	proof.Granted = true
	found := func(what string, want int) {
		t.Helper()
		ids, err := w.FindMembers(w.ctx, w.group.ID, "sms", cal.Points[0].Address)
		w.ok(err)
		equal(t, what, len(ids), want)
	}
	found("who has a number that is somebody else's", 0)
	_, err = w.StartAddress(w.ctx, w.group.ID, "sms", cal.Points[0].Address, proof)
	w.ok(err)
	state("after START", cal, gateway.PointStopped)
	found("after START", 0)
	n, err = w.CountStale(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "counted after that", n, 0)

	// Whoever has it joins as somebody new, and is alone there; neither her yes nor a file gives cal anything.
	i, _, _ := w.invite(w.group.ID, 2)
	dan, err := w.enrol(i, cal.Points[0].Address)
	w.ok(err)
	equal(t, "whoever has it", fmt.Sprint(dan.Outcome, dan.Member != cal.ID), "asktrue")
	_, err = w.ConfirmAddress(w.ctx, w.group.ID, "sms", cal.Points[0].Address, []string{"reports"}, proof)
	w.ok(err)
	state("her yes", w.read(w.group.ID, dan.Member), gateway.PointActive)
	equal(t, "shared", w.read(w.group.ID, dan.Member).Points[0].Shared, false)
	again := w.row(string(cal.Ref), "sms")
	again.Member.Points[0].Address = cal.Points[0].Address
	w.take(w.group.ID, again)
	state("after a file and somebody's yes", cal, gateway.PointStopped)
	equal(t, "what she gets there", fmt.Sprint(w.read(w.group.ID, cal.ID).Points[0].Topics), "[]")
	found("of the two", 1)

	// If it was a mistake, she says so from another address.
	_, err = w.DisownAddress(w.ctx, w.group.ID, "sms", bea.Points[0].Address, proof)
	w.ok(err)
	_, err = w.ReaffirmAddress(w.ctx, w.group.ID, "sms", bea.Points[0].Address, proof)
	w.ok(err)
	state("her word alone", bea, gateway.PointStopped)
	_, err = w.StartAddress(w.ctx, w.group.ID, "sms", bea.Points[0].Address, proof)
	w.ok(err)
	state("with START", bea, gateway.PointUnconfirmed)

	// A number that was dead does not live again by a provider's word; a chat does.
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", ann.Points[0].Address, gateway.PointChange{State: gateway.PointInvalid}))
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", ann.Points[0].Address, gateway.PointChange{State: gateway.PointActive}))
	state("a dead number", ann, gateway.PointInvalid)
}
