package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

func groups(t *testing.T, open Open) {
	w := newWorld(t, open)
	got, err := w.Group(w.ctx, "harbour")
	w.ok(err)
	if !reflect.DeepEqual(got, w.group) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, w.group)
	}
	got, err = w.GroupByID(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "by id", got.Slug, "harbour")
	all, err := w.Groups(w.ctx)
	w.ok(err)
	equal(t, "groups", len(all), 2)
	_, err = w.Group(w.ctx, "nowhere")
	w.fails(err, gateway.CodeNotFound)
	_, err = w.GroupByID(w.ctx, gateway.NewID())
	w.fails(err, gateway.CodeNotFound)

	// A topic that goes and comes back finds its subscribers; one that takes its place finds none.
	m := w.member("sms")
	changed := w.group
	changed.ID = gateway.ID{}
	changed.Name, changed.Floor = "The new harbour", 5
	changed.Topics = []gateway.Topic{{Name: "alerts"}, {Name: "events"}}
	changed, err = w.PutGroup(w.ctx, changed)
	w.ok(err)
	equal(t, "id", changed.ID, w.group.ID)
	got, err = w.GroupByID(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "name", got.Name, "The new harbour")
	equal(t, "floor", got.Floor, 5)
	equal(t, "topics", len(got.Topics), 2)
	read, err := w.Member(w.ctx, w.group.ID, m.ID)
	w.ok(err)
	equal(t, "topics of a point whose topic is gone", len(read.Points[0].Topics), 0)
	for _, topic := range []string{"alerts", "events"} {
		page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: topic}, gateway.ID{}, 10)
		w.ok(err)
		equal(t, "subscribed to "+topic, page[0].Points[0].Subscribed, false)
	}
	changed.Topics = append(changed.Topics, gateway.Topic{Name: "reports"})
	_, err = w.PutGroup(w.ctx, changed)
	w.ok(err)
	page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "subscribed once it is back", page[0].Points[0].Subscribed, true)

	for i := range gateway.MaxTopics + 1 {
		changed.Topics = append(changed.Topics, gateway.Topic{Name: fmt.Sprintf("topic-%d", i)})
	}
	_, err = w.PutGroup(w.ctx, changed)
	w.fails(err, gateway.CodeInvalid)
}

func members(t *testing.T, open Open) {
	w := newWorld(t, open)
	row := w.row("K-17", "sms", "telegram")
	row.Member.Name, row.Member.Locale, row.Member.Zone, row.Member.Neutral = "Maryam", "fa", "Asia/Tehran", true
	row.Member.Fallback, row.Member.Tags = []string{"de", "en"}, []string{"north", "night"}
	id := w.take(w.group.ID, row)[0].MemberID
	m, err := w.Member(w.ctx, w.group.ID, id)
	w.ok(err)
	want := row.Member
	want.ID, want.GroupID, want.CreatedAt = id, w.group.ID, w.clock.Now()
	slices.Sort(m.Tags)
	slices.Sort(want.Tags)
	want.Points = m.Points
	if fmt.Sprintf("%#v", m) != fmt.Sprintf("%#v", want) || m.Name != want.Name || m.Ref != want.Ref {
		t.Fatalf("read back %#v, stored %#v", m, want)
	}
	for i, p := range m.Points {
		given := row.Member.Points[i]
		equal(t, "kind", p.Kind, given.Kind)
		equal(t, "address", p.Address, given.Address)
		equal(t, "state", p.State, gateway.PointActive)
		equal(t, "topics", fmt.Sprint(p.Topics), "[reports]")
		equal(t, "shared", p.Shared, false)
	}
	for _, find := range []struct {
		kind  string
		value gateway.Private
	}{{"ref", "K-17"}, {"sms", m.Points[0].Address}, {"telegram", m.Points[1].Address}} {
		found, err := w.FindMembers(w.ctx, w.group.ID, find.kind, find.value)
		w.ok(err)
		equal(t, "found by "+find.kind, fmt.Sprint(found), fmt.Sprint([]gateway.ID{id}))
		found, err = w.FindMembers(w.ctx, w.other.ID, find.kind, find.value)
		w.ok(err)
		equal(t, "found in another group", len(found), 0)
	}
	found, err := w.FindMembers(w.ctx, w.group.ID, "telegram", m.Points[0].Address)
	w.ok(err)
	equal(t, "found by the address of another kind", len(found), 0)

	var ids []gateway.ID
	for range 5 {
		ids = append(ids, w.member("sms").ID)
	}
	w.memberOf(w.other.ID, "sms")
	page, err := w.Members(w.ctx, w.group.ID, gateway.ID{}, 4)
	w.ok(err)
	rest, err := w.Members(w.ctx, w.group.ID, page[3].ID, 4)
	w.ok(err)
	equal(t, "pages", fmt.Sprint(len(page), len(rest)), "4 2")
	var listed []gateway.ID
	for _, m := range append(page, rest...) {
		listed = append(listed, m.ID)
	}
	equal(t, "in order of id", slices.IsSortedFunc(listed, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) }), true)
	for _, id := range ids {
		equal(t, "listed", slices.Contains(listed, id), true)
	}
	_, err = w.Member(w.ctx, w.group.ID, gateway.NewID())
	w.fails(err, gateway.CodeNotFound)
}

func erase(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	b := w.submit(gateway.Report)
	id := w.plan(b, 1, m)[0]
	stopped, err := w.StopAddress(w.ctx, w.group.ID, "telegram", m.Points[1].Address, gateway.Consent{Wording: "STOP", Source: "member", Proof: "she wrote STOP"})
	w.ok(err)
	equal(t, "stopped", len(stopped), 1)
	fresh, err := w.Receive(w.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, EventID: "e1", MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: m.Points[0].Address, Text: "please forget me", At: w.clock.Now()})
	w.ok(err)
	equal(t, "fresh", fresh, true)

	w.fails(w.Erase(w.ctx, w.other.ID, m.ID), gateway.CodeNotFound)
	w.ok(w.Erase(w.ctx, w.group.ID, m.ID))
	w.fails(w.Erase(w.ctx, w.group.ID, m.ID), gateway.CodeNotFound)
	_, err = w.Member(w.ctx, w.group.ID, m.ID)
	w.fails(err, gateway.CodeNotFound)
	for i, kind := range []string{"sms", "telegram"} {
		found, err := w.FindMembers(w.ctx, w.group.ID, kind, m.Points[i].Address)
		w.ok(err)
		equal(t, "found by "+kind, len(found), 0)
	}
	found, err := w.FindMembers(w.ctx, w.group.ID, "ref", m.Ref)
	w.ok(err)
	equal(t, "found by ref", len(found), 0)
	page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "recipients", len(page), 0)
	if proofs, err := w.Evidence(w.ctx, w.group.ID, m.ID); err == nil && len(proofs) > 0 {
		t.Fatalf("evidence of an erased member: %d", len(proofs))
	}
	inbox, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	for _, in := range inbox {
		if in.Text != "" || in.From != "" {
			t.Fatal("what she wrote is still there")
		}
	}
	equal(t, "what was planned for her", w.claim(id).Verdict, gateway.Silenced)
	w.is(id, gateway.Ended, gateway.ReasonSuppressed)

	// Enrolled anew by a file, her STOP still stands; the other address is free.
	row := w.row(m.Ref.Reveal())
	w.addPoint(&row, "sms", m.Points[0].Address, "reports")
	w.addPoint(&row, "telegram", m.Points[1].Address, "reports")
	staged := w.take(w.group.ID, row)[0]
	equal(t, "kind of row", staged.Kind, gateway.StagedNew)
	equal(t, "a STOP stands", staged.Stopped, true)
	again, err := w.Member(w.ctx, w.group.ID, staged.MemberID)
	w.ok(err)
	equal(t, "text messages", again.Points[0].State, gateway.PointActive)
	equal(t, "telegram", again.Points[1].State, gateway.PointStopped)
}

func recipients(t *testing.T, open Open) {
	w := newWorld(t, open)
	row := func(ref, locale string, tags ...string) gateway.StagedMember {
		r := w.row(ref, "sms", "telegram")
		r.Member.Locale, r.Member.Tags = locale, tags
		return r
	}
	r4 := row("four", "de", "north")
	r4.Consents = r4.Consents[1:] // the first contact point is unconfirmed
	r5 := w.row("five")           // no contact point at all
	r5.Member.Locale = "fa-u-nu-latn"
	staged := w.take(w.group.ID, row("one", "de", "north"), row("two", "en", "north", "night"), row("three", "de"), r4, r5)
	hidden := w.begin(w.group.ID)
	w.stage(w.group.ID, hidden, row("hidden", "de", "north"))
	w.memberOf(w.other.ID, "sms")
	all := func(a gateway.Audience, limit int) (found []gateway.Recipient) {
		var after gateway.ID
		for {
			page, err := w.Recipients(w.ctx, w.group.ID, a, after, limit)
			w.ok(err)
			if len(page) == 0 {
				return found
			}
			if len(page) > limit {
				t.Fatalf("a page of %d, the limit is %d", len(page), limit)
			}
			found = append(found, page...)
			after = page[len(page)-1].Member
		}
	}
	who := func(a gateway.Audience) string {
		var ids []gateway.ID
		for _, r := range all(a, 2) {
			ids = append(ids, r.Member)
		}
		slices.SortFunc(ids, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
		return fmt.Sprint(ids)
	}
	those := func(rows ...int) string {
		var ids []gateway.ID
		for _, i := range rows {
			ids = append(ids, staged[i-1].MemberID)
		}
		slices.SortFunc(ids, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
		return fmt.Sprint(ids)
	}
	equal(t, "everybody", who(gateway.Audience{Topic: "reports"}), those(1, 2, 3, 4, 5))
	equal(t, "with a tag", who(gateway.Audience{Topic: "reports", Tags: []string{"north"}}), those(1, 2, 4))
	equal(t, "with two tags", who(gateway.Audience{Topic: "reports", Tags: []string{"north", "night"}}), those(2))
	equal(t, "with no such tag", who(gateway.Audience{Topic: "reports", Tags: []string{"nor"}}), "[]")
	equal(t, "locales", fmt.Sprint(must(w.Locales(w.ctx, w.group.ID, 10))), "[de en fa-u-nu-latn]")
	equal(t, "the first locale", fmt.Sprint(must(w.Locales(w.ctx, w.group.ID, 1))), "[de]")
	equal(t, "locales of nobody", len(must(w.Locales(w.ctx, gateway.NewID(), 2))), 0)
	equal(t, "in a language", who(gateway.Audience{Topic: "reports", Locales: []string{"en", "fa"}}), those(2, 5))
	equal(t, "whatever digits she wants", who(gateway.Audience{Topic: "reports", Locales: []string{"fa"}}), those(5))
	equal(t, "who wants such digits", who(gateway.Audience{Topic: "reports", Locales: []string{"fa-u-nu-latn"}}), those(5))
	equal(t, "by name", who(gateway.Audience{Topic: "reports", Members: []gateway.ID{staged[2].MemberID, gateway.NewID(), staged[0].MemberID}}), those(1, 3))
	equal(t, "all at once", who(gateway.Audience{Topic: "reports", Tags: []string{"north"}, Locales: []string{"de"}, Members: []gateway.ID{staged[0].MemberID, staged[1].MemberID}}), those(1))

	for _, r := range all(gateway.Audience{Topic: "reports"}, 10) {
		m, err := w.Member(w.ctx, w.group.ID, r.Member)
		w.ok(err)
		equal(t, "locale", r.Locale, m.Locale)
		equal(t, "zone", r.Zone, m.Zone)
		equal(t, "points", len(r.Points), len(m.Points))
		for i, p := range r.Points {
			equal(t, "point", p.ID, m.Points[i].ID)
			equal(t, "kind", p.Kind, m.Points[i].Kind)
			equal(t, "state", p.State, m.Points[i].State)
			equal(t, "subscribed", p.Subscribed, slices.Contains(m.Points[i].Topics, "reports"))
		}
	}
	for _, r := range all(gateway.Audience{Topic: "alerts"}, 10) {
		for _, p := range r.Points {
			equal(t, "subscribed to another topic", p.Subscribed, false)
		}
	}
	four := all(gateway.Audience{Topic: "reports", Members: []gateway.ID{staged[3].MemberID}}, 10)[0]
	equal(t, "without evidence", four.Points[0].State, gateway.PointUnconfirmed)
	equal(t, "without evidence", four.Points[0].Subscribed, false)
	equal(t, "with evidence", four.Points[1].Subscribed, true)

	// Many members come in pages without a gap or a repeat.
	var many []gateway.StagedMember
	for i := range 300 {
		many = append(many, w.row(fmt.Sprintf("many-%d", i), "sms"))
	}
	w.ok(w.Discard(w.ctx, w.group.ID, hidden))
	w.take(w.group.ID, many...)
	seen := map[gateway.ID]bool{}
	for _, r := range all(gateway.Audience{Topic: "reports"}, 37) {
		if seen[r.Member] {
			t.Fatal("a member came twice")
		}
		seen[r.Member] = true
	}
	equal(t, "seen", len(seen), 305)
}
