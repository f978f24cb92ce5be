package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// invite keeps an invitation and gives it with its code and link.
func (w *world) invite(group gateway.ID, uses int) (gateway.Invitation, gateway.Private, gateway.Private) {
	w.Helper()
	code, link := gateway.MintInvitation()
	i := gateway.Invitation{ID: gateway.NewID(), GroupID: group, Label: "assembly", Author: "desk", Topics: []string{"reports"}, Tags: []string{"north"}, Uses: uses, CreatedAt: w.clock.Now(), ExpiresAt: w.clock.Now().Add(10 * 24 * time.Hour)}
	w.ok(w.PutInvitation(w.ctx, i, code, link))
	return i, code, link
}

func (w *world) enrol(i gateway.Invitation, address gateway.Private) (gateway.Enrolled, error) {
	return w.Enrol(w.ctx, gateway.Enrolment{GroupID: i.GroupID, Invitation: i.ID, Kind: "sms", Address: address, Locale: "de", Zone: "Europe/Berlin", Wording: "enrol-ask-1"})
}

// Somebody sends a code, is asked, and says yes: she is a member with the topic that she was asked about, her evidence
// and her tag. Who does not answer is forgotten, and her use of the invitation is given back.
func enrolments(t *testing.T, open Open) {
	w := newWorld(t, open)
	i, code, link := w.invite(w.group.ID, 2)
	for _, secret := range []gateway.Private{code, link} {
		found, err := w.InvitationByCode(w.ctx, w.group.ID, secret)
		w.ok(err)
		equal(t, "invitation", fmt.Sprint(found), fmt.Sprint(i))
		_, err = w.InvitationByCode(w.ctx, w.other.ID, secret)
		w.fails(err, gateway.CodeNotFound)
	}
	w.fails(w.PutInvitation(w.ctx, gateway.Invitation{ID: gateway.NewID(), GroupID: w.group.ID, Topics: []string{"reports"}, Uses: 1, ExpiresAt: i.ExpiresAt}, code, "another"), gateway.CodeConflict)

	const ann, bea, eve = gateway.Private("+4915550100001"), gateway.Private("+4915550100002"), gateway.Private("+4915550100003")
	first, err := w.enrol(i, ann)
	w.ok(err)
	equal(t, "outcome", first.Outcome, gateway.EnrolAsk)
	again, err := w.enrol(i, ann) // the code once more: the same person, one use
	w.ok(err)
	equal(t, "once more", fmt.Sprint(again), fmt.Sprint(first))
	second, err := w.enrol(i, bea)
	w.ok(err)
	_, err = w.enrol(i, eve)
	w.fails(err, gateway.CodeNotFound)
	w.crash()
	m := w.read(w.group.ID, first.Member)
	equal(t, "before her yes", fmt.Sprintf("%v %v %v %v %v", m.Locale, m.Zone, m.Tags, m.Points[0].State, m.Points[0].Topics), "de Europe/Berlin [north] unconfirmed []")
	asked, err := w.Asked(w.ctx, w.group.ID, first.Member)
	w.ok(err)
	equal(t, "asked", fmt.Sprintf("%v %v %v %v", asked.Topics, asked.Wording, asked.Locale, asked.At.Equal(w.clock.Now())), "[reports] enrol-ask-1 de true")
	who, err := w.ConfirmAddress(w.ctx, w.group.ID, "sms", ann, asked.Topics, gateway.Consent{Granted: true, Wording: asked.Wording, Locale: asked.Locale, At: w.clock.Now(), Proof: "yes", Source: "member"})
	w.ok(err)
	equal(t, "confirmed", fmt.Sprint(who), fmt.Sprint([]gateway.ID{first.Member}))
	_, err = w.Asked(w.ctx, w.group.ID, first.Member)
	w.fails(err, gateway.CodeNotFound)
	late, err := w.enrol(i, ann)
	w.ok(err)
	equal(t, "a member's code", fmt.Sprintf("%v %v", late.Outcome, late.Member == first.Member), "already true")
	view, err := w.Invitation(w.ctx, w.group.ID, i.ID)
	w.ok(err)
	equal(t, "brought in", fmt.Sprint(view.Used, view.Members, view.Asked), fmt.Sprint(2, []gateway.ID{first.Member}, []gateway.ID{second.Member}))

	w.clock.Wind(gateway.KeepUnanswered + time.Hour)
	for n := 1; n > 0; {
		n, err = w.Retain(w.ctx, 1)
		w.ok(err)
	}
	_, err = w.Member(w.ctx, w.group.ID, second.Member)
	w.fails(err, gateway.CodeNotFound)
	equal(t, "a member stays", w.read(w.group.ID, first.Member).Points[0].State, gateway.PointActive)
	third, err := w.enrol(i, eve) // in the place that was given back
	w.ok(err)

	w.ok(w.RevokeInvitation(w.ctx, w.group.ID, i.ID))
	w.fails(w.RevokeInvitation(w.ctx, w.other.ID, i.ID), gateway.CodeNotFound)
	_, err = w.Asked(w.ctx, w.group.ID, third.Member) // her yes comes too late
	w.fails(err, gateway.CodeNotFound)
	for _, secret := range []gateway.Private{code, link} {
		_, err := w.InvitationByCode(w.ctx, w.group.ID, secret)
		w.fails(err, gateway.CodeNotFound)
	}
	_, err = w.enrol(i, bea)
	w.fails(err, gateway.CodeNotFound)
	w.ok(w.Erase(w.ctx, w.group.ID, first.Member))
	view, err = w.Invitation(w.ctx, w.group.ID, i.ID)
	w.ok(err)
	equal(t, "after erasing", fmt.Sprintf("%d %d %v", len(view.Members), len(view.Asked), view.RevokedAt.IsZero()), "0 1 false")
	equal(t, "listed", len(must(w.Invitations(w.ctx, w.group.ID, gateway.ID{}, 10))), 1)
}

// An address that is known is not made anew: a member who never agreed is asked, one who did is told so, one who said
// STOP is left alone; and nobody who was there before is erased for her silence.
func enrolKnown(t *testing.T, open Open) {
	w := newWorld(t, open)
	i, _, _ := w.invite(w.group.ID, 10)
	other, _, _ := w.invite(w.group.ID, 1)
	row := w.row("K-1")
	w.addPoint(&row, "sms", "+4915550100001")
	id := w.take(w.group.ID, row)[0].MemberID
	for _, by := range []gateway.Invitation{i, other} { // the newest counts
		out, err := w.enrol(by, "+4915550100001")
		w.ok(err)
		equal(t, "imported without evidence", fmt.Sprint(out.Outcome, out.Member), fmt.Sprint(gateway.EnrolAsk, id))
	}
	for n, by := range []gateway.Invitation{i, other} {
		v, err := w.Invitation(w.ctx, w.group.ID, by.ID)
		w.ok(err)
		equal(t, "used", v.Used, n)
	}
	// A number that was dead has a new owner, who inherits nothing.
	gone := w.row("K-2")
	w.addPoint(&gone, "sms", "+4915550100008", "alerts")
	before := w.take(w.group.ID, gone)[0].MemberID
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", "+4915550100008", gateway.PointChange{State: gateway.PointInvalid}))
	heir, err := w.enrol(i, "+4915550100008")
	w.ok(err)
	_, err = w.ConfirmAddress(w.ctx, w.group.ID, "sms", "+4915550100008", []string{"reports"}, gateway.Consent{Granted: true, At: w.clock.Now(), Source: "member"})
	w.ok(err)
	p := w.read(w.group.ID, heir.Member).Points[0]
	equal(t, "the new owner", fmt.Sprintf("%v %v %v", heir.Member != before, p.State, p.Topics), "true active [reports]")
	equal(t, "the old one", w.read(w.group.ID, before).Points[0].State, gateway.PointInvalid)

	_, err = w.StopAddress(w.ctx, w.group.ID, "sms", "+4915550100009", gateway.Consent{At: w.clock.Now(), Source: "member"})
	w.ok(err)
	out, err := w.enrol(i, "+4915550100009")
	w.ok(err)
	equal(t, "after a STOP", out.Outcome, gateway.EnrolStopped)
	w.clock.Wind(gateway.KeepUnanswered + time.Hour)
	_, err = w.Retain(w.ctx, 10)
	w.ok(err)
	equal(t, "she who was there before", w.read(w.group.ID, id).ID, id)
	w.clock.Wind(10 * 24 * time.Hour)
	_, err = w.enrol(i, "+4915550100002")
	w.fails(err, gateway.CodeNotFound)
}

// Whoever got a question that went to everybody was asked; nobody else was.
func asks(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, m, _ := w.one(gateway.Account, 1, "sms")
	other := w.member("sms")
	w.ok(w.PutAsk(w.ctx, w.group.ID, b.ID, gateway.Asked{Topics: []string{"alerts"}, Wording: "enrol-ask-2", At: w.clock.Now()}))
	w.ok(w.PutAsk(w.ctx, w.group.ID, b.ID, gateway.Asked{Topics: []string{"reports"}, Wording: "enrol-ask-3", At: w.clock.Now()}))
	asked, err := w.Asked(w.ctx, w.group.ID, m.ID)
	w.ok(err)
	equal(t, "asked", fmt.Sprintf("%v %v %v", asked.Topics, asked.Wording, asked.Locale), "[alerts] enrol-ask-2 en")
	_, err = w.Asked(w.ctx, w.group.ID, other.ID)
	w.fails(err, gateway.CodeNotFound)
}

// What is counted has room, then none, and room again when its time is over.
func tries(t *testing.T, open Open) {
	w := newWorld(t, open)
	number := gateway.Limit{What: "code", By: "+4915550100001", Most: 2, Within: time.Hour}
	all := gateway.Limit{What: "code", By: "everywhere", Most: 3, Within: 2 * time.Hour}
	try := func(want bool, n int, limits ...gateway.Limit) {
		t.Helper()
		room, err := w.Try(w.ctx, n, limits...)
		w.ok(err)
		equal(t, "room", room, want)
	}
	try(true, 0, number)
	try(true, 1, number, all)
	try(true, 1, number, all)
	w.crash()
	try(false, 1, number, all)
	try(false, 0, number)
	try(true, 1, all) // the refused one counted nowhere
	try(false, 1, all)
	w.clock.Wind(time.Hour)
	try(true, 1, number)
	try(false, 0, all)
	w.clock.Wind(time.Hour)
	n, err := w.Retain(w.ctx, 10)
	w.ok(err)
	equal(t, "forgotten", n, 2)
	try(true, 2, number)
}
