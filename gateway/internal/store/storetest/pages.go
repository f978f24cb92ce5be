package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// link keeps a link to a member's page, sent to one of her contact points.
func (w *world) link(m gateway.Member, point int) gateway.PageLink {
	w.Helper()
	_, digest := gateway.MintPageToken()
	l := gateway.PageLink{ID: gateway.NewID(), GroupID: m.GroupID, MemberID: m.ID, PointID: m.Points[point].ID, Digest: digest, CreatedAt: w.clock.Now(), ExpiresAt: w.clock.Now().Add(gateway.PageLinkLife)}
	w.ok(w.PutPageLink(w.ctx, l))
	return l
}

func (w *world) linked(l gateway.PageLink, want bool) {
	w.Helper()
	got, err := w.PageLink(w.ctx, l.Digest)
	if !want {
		w.fails(err, gateway.CodeNotFound)
		return
	}
	w.ok(err)
	if !reflect.DeepEqual(got, l) {
		w.Fatalf("found %+v, stored %+v", got, l)
	}
}

// A link to her page works until its time is over, its address is stopped or taken away, or she is erased.
func pageLinks(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	first, second := w.link(m, 0), w.link(m, 1)
	strange := first
	strange.ID, strange.GroupID, strange.Digest = gateway.NewID(), w.other.ID, make([]byte, 32)
	w.fails(w.PutPageLink(w.ctx, strange), gateway.CodeNotFound)
	strange.GroupID, strange.PointID = w.group.ID, gateway.NewID()
	w.fails(w.PutPageLink(w.ctx, strange), gateway.CodeNotFound)
	w.crash()
	w.linked(first, true)
	w.linked(second, true)

	_, err := w.StopAddress(w.ctx, w.group.ID, "sms", m.Points[0].Address, gateway.Consent{Source: "member"})
	w.ok(err)
	w.linked(first, false)
	w.linked(second, true)
	_, err = w.StartAddress(w.ctx, w.group.ID, "sms", m.Points[0].Address, gateway.Consent{Source: "member", Granted: true})
	w.ok(err)
	w.linked(first, false)

	for range gateway.MaxPageLinks - 1 {
		w.link(m, 0)
	}
	over := second
	over.ID, over.Digest = gateway.NewID(), make([]byte, 32)
	w.fails(w.PutPageLink(w.ctx, over), gateway.CodeTooMany)
	w.clock.Wind(gateway.PageLinkLife)
	w.linked(second, false)
	for n := 1; n > 0; {
		n, err = w.Retain(w.ctx, 100)
		w.ok(err)
	}
	third, fourth := w.link(m, 1), w.link(m, 0)
	w.fails(w.DropPoint(w.ctx, w.other.ID, m.ID, m.Points[1].ID), gateway.CodeNotFound)
	w.ok(w.DropPoint(w.ctx, w.group.ID, m.ID, m.Points[1].ID))
	w.linked(third, false)
	w.linked(fourth, true)
	w.fails(w.DropPoint(w.ctx, w.group.ID, m.ID, m.Points[0].ID), gateway.CodeConflict)
	w.ok(w.Erase(w.ctx, w.group.ID, m.ID))
	w.linked(fourth, false)
	w.link(w.member("sms"), 0) // so that there is something to move
}

// A code is used once, within its time, and not by trying.
func pageCodes(t *testing.T, open Open) {
	w := newWorld(t, open)
	l := w.link(w.member("sms"), 0)
	right, wrong := make([]byte, 32), make([]byte, 32)
	right[0] = 1
	put := func() { w.Helper(); w.ok(w.PutPageCode(w.ctx, w.group.ID, l.ID, right)) }
	w.fails(w.SpendPageCode(w.ctx, w.group.ID, l.ID, wrong), gateway.CodeForbidden)
	w.fails(w.PutPageCode(w.ctx, w.other.ID, l.ID, right), gateway.CodeNotFound)
	put()
	w.fails(w.SpendPageCode(w.ctx, w.other.ID, l.ID, right), gateway.CodeForbidden)
	w.fails(w.SpendPageCode(w.ctx, w.group.ID, l.ID, wrong), gateway.CodeForbidden)
	w.ok(w.SpendPageCode(w.ctx, w.group.ID, l.ID, right))
	w.fails(w.SpendPageCode(w.ctx, w.group.ID, l.ID, right), gateway.CodeForbidden)
	put()
	w.clock.Wind(gateway.PageCodeLife)
	w.fails(w.SpendPageCode(w.ctx, w.group.ID, l.ID, right), gateway.CodeForbidden)
	put()
	for range gateway.MaxPageTries {
		w.fails(w.SpendPageCode(w.ctx, w.group.ID, l.ID, wrong), gateway.CodeForbidden)
	}
	w.fails(w.SpendPageCode(w.ctx, w.group.ID, l.ID, right), gateway.CodeForbidden)
	for range gateway.MaxPageCodes - 3 {
		put()
	}
	w.fails(w.PutPageCode(w.ctx, w.group.ID, l.ID, right), gateway.CodeTooMany)
	w.ok(w.SpendPageCode(w.ctx, w.group.ID, l.ID, right))
}

// An address that a member adds is nobody's until it is proven.
func proving(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	claim := func(address gateway.Private) gateway.ContactPoint {
		return gateway.ContactPoint{ID: gateway.NewID(), Kind: "sms", Address: address}
	}
	proof := gateway.Consent{Wording: "page-1", Locale: "en", At: w.clock.Now(), Proof: "a code", Source: "member"}
	w.fails(w.ProvePoint(w.ctx, w.other.ID, m.ID, claim(w.number("sms"))), gateway.CodeNotFound)
	w.fails(w.ProvePoint(w.ctx, w.group.ID, m.ID, claim(m.Points[0].Address)), gateway.CodeConflict)
	stopped := w.number("sms")
	_, err := w.StopAddress(w.ctx, w.group.ID, "sms", stopped, gateway.Consent{Source: "member"})
	w.ok(err)
	w.fails(w.ProvePoint(w.ctx, w.group.ID, m.ID, claim(stopped)), gateway.CodeForbidden)

	p := claim(w.number("sms"))
	w.ok(w.ProvePoint(w.ctx, w.group.ID, m.ID, claim(w.number("sms"))))
	w.ok(w.ProvePoint(w.ctx, w.group.ID, m.ID, p)) // in its place
	w.crash()
	got := w.read(w.group.ID, m.ID)
	equal(t, "points", len(got.Points), 2)
	equal(t, "address", got.Points[1].Address, p.Address)
	equal(t, "state", got.Points[1].State, gateway.PointProving)
	equal(t, "found by it", len(must(w.FindMembers(w.ctx, w.group.ID, "sms", p.Address))), 0)
	confirmed, err := w.ConfirmAddress(w.ctx, w.group.ID, "sms", p.Address, []string{"reports"}, proof)
	w.ok(err)
	equal(t, "confirmed by who has it", len(confirmed), 0)

	// It can be sent a code, and nothing else; no report of a provider makes it hers.
	hers := w.read(w.group.ID, m.ID)
	hers.Points = hers.Points[1:]
	account := w.plan(w.submit(gateway.Account), 1, hers)[0]
	equal(t, "a code", w.claim(account).Verdict, gateway.Granted)
	report := w.plan(w.submit(gateway.Report), 1, hers)[0]
	equal(t, "a report", w.claim(report).Verdict, gateway.Unusable)
	w.ok(w.MarkAddress(w.ctx, w.group.ID, "sms", p.Address, gateway.PointChange{State: gateway.PointActive}))
	equal(t, "state", w.read(w.group.ID, m.ID).Points[1].State, gateway.PointProving)

	w.fails(w.TakePoint(w.ctx, w.other.ID, m.ID, p.ID, []string{"reports"}, proof), gateway.CodeNotFound)
	w.fails(w.TakePoint(w.ctx, w.group.ID, m.ID, m.Points[0].ID, []string{"reports"}, proof), gateway.CodeNotFound)
	w.ok(w.TakePoint(w.ctx, w.group.ID, m.ID, p.ID, []string{"reports", "alerts"}, proof))
	w.fails(w.TakePoint(w.ctx, w.group.ID, m.ID, p.ID, []string{"reports"}, proof), gateway.CodeNotFound)
	got = w.read(w.group.ID, m.ID)
	equal(t, "state", got.Points[1].State, gateway.PointActive)
	equal(t, "topics", len(got.Points[1].Topics), 2)
	equal(t, "found by it", len(must(w.FindMembers(w.ctx, w.group.ID, "sms", p.Address))), 1)
	n := 0
	for _, c := range must(w.Evidence(w.ctx, w.group.ID, m.ID)) {
		if c.PointID == p.ID {
			n++
			equal(t, "proof", c.Proof, proof.Proof)
			equal(t, "granted", c.Granted, true)
		}
	}
	equal(t, "evidence", n, 2)

	// Whoever has an address that is claimed may say STOP: then there is nothing left to prove.
	claimed := claim(w.number("sms"))
	w.ok(w.ProvePoint(w.ctx, w.group.ID, m.ID, claimed))
	_, err = w.StopAddress(w.ctx, w.group.ID, "sms", claimed.Address, gateway.Consent{Source: "member"})
	w.ok(err)
	equal(t, "points", len(w.read(w.group.ID, m.ID).Points), 2)
	w.fails(w.TakePoint(w.ctx, w.group.ID, m.ID, claimed.ID, nil, proof), gateway.CodeNotFound)

	for range gateway.MaxPagePoints - 2 {
		next := claim(w.number("sms"))
		w.ok(w.ProvePoint(w.ctx, w.group.ID, m.ID, next))
		w.ok(w.TakePoint(w.ctx, w.group.ID, m.ID, next.ID, nil, proof))
	}
	w.fails(w.ProvePoint(w.ctx, w.group.ID, m.ID, claim(w.number("sms"))), gateway.CodeConflict)

	// What nobody proves is forgotten. Identifiers tell the time by the process's clock.
	other := w.member("sms")
	w.ok(w.ProvePoint(w.ctx, w.group.ID, other.ID, gateway.ContactPoint{ID: gateway.IDAt(w.clock.Now()), Kind: "sms", Address: w.number("sms")}))
	w.clock.Wind(gateway.ProvingLife + time.Second)
	_, err = w.Retain(w.ctx, 100)
	w.ok(err)
	equal(t, "points", len(w.read(w.group.ID, other.ID).Points), 1)
}

// What a member wrote is found by her, in her group.
func inboundOf(t *testing.T, open Open) {
	w := newWorld(t, open)
	m, other := w.member("sms"), w.member("sms")
	for i, who := range []gateway.Member{m, other, m} {
		_, err := w.Receive(w.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, MemberIDs: []gateway.ID{who.ID}, Kind: "sms", From: who.Points[0].Address,
			Text: gateway.Private([]string{"one", "two", "three"}[i]), At: w.clock.Now()})
		w.ok(err)
	}
	found := must(w.InboundOf(w.ctx, w.group.ID, m.ID, gateway.ID{}, 10))
	equal(t, "messages", len(found), 2)
	equal(t, "the newest", found[0].Text, "three")
	rest := must(w.InboundOf(w.ctx, w.group.ID, m.ID, found[0].ID, 10))
	equal(t, "behind it", len(rest), 1)
	equal(t, "the oldest", rest[0].Text, "one")
	equal(t, "of another group", len(must(w.InboundOf(w.ctx, w.other.ID, m.ID, gateway.ID{}, 10))), 0)
}

// noticedOnce: whoever finds that a limit is reached says so; within the hour it is one notice.
func noticedOnce(t *testing.T, open Open) {
	w := newWorld(t, open)
	at := w.clock.Now().Truncate(time.Hour)
	for _, when := range []time.Time{at, at.Add(59 * time.Minute), at.Add(time.Hour)} {
		w.ok(w.PutNotice(w.ctx, gateway.LimitNotice(w.group.ID, when)))
	}
	notices := must(w.Untold(w.ctx, 10))
	equal(t, "notices", len(notices), 2)
	equal(t, "whose", notices[0].GroupID, w.group.ID)
	equal(t, "words", notices[0].Wording, gateway.NoticeJoinLimited)
}
