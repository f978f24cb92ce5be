package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

func (w *world) count() int {
	w.Helper()
	page, err := w.Members(w.ctx, w.group.ID, gateway.ID{}, 1000)
	w.ok(err)
	return len(page)
}

func importWhole(t *testing.T, open Open) {
	w := newWorld(t, open)
	imp := w.begin(w.group.ID)
	first, second := w.row("one", "sms"), w.row("two", "sms")
	staged := w.stage(w.group.ID, imp, first)
	w.stage(w.group.ID, imp, second)
	equal(t, "seen before publishing", w.count(), 0)
	_, err := w.Member(w.ctx, w.group.ID, staged[0].MemberID)
	w.fails(err, gateway.CodeNotFound)
	found, err := w.FindMembers(w.ctx, w.group.ID, "sms", first.Member.Points[0].Address)
	w.ok(err)
	equal(t, "found before publishing", len(found), 0)
	page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "meant before publishing", len(page), 0)
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	equal(t, "seen after it", w.count(), 2)
	_, err = w.Stage(w.ctx, w.group.ID, imp, []gateway.StagedMember{w.row("three", "sms")})
	w.fails(err, gateway.CodeConflict)
	_, err = w.Stage(w.ctx, w.group.ID, gateway.NewID(), []gateway.StagedMember{w.row("three", "sms")})
	w.fails(err, gateway.CodeNotFound)

	imp = w.begin(w.group.ID)
	gone := w.row("three", "sms")
	w.stage(w.group.ID, imp, gone)
	w.ok(w.Discard(w.ctx, w.group.ID, imp))
	equal(t, "after discarding", w.count(), 2)
	w.fails(w.Publish(w.ctx, w.group.ID, imp), gateway.CodeConflict)
	equal(t, "new again", w.take(w.group.ID, gone)[0].Kind, gateway.StagedNew)
	equal(t, "after taking it again", w.count(), 3)
}

func importChanges(t *testing.T, open Open) {
	w := newWorld(t, open)
	old := w.row("K-1", "sms")
	old.Member.Tags = []string{"north"}
	id := w.take(w.group.ID, old)[0].MemberID
	before, err := w.Member(w.ctx, w.group.ID, id)
	w.ok(err)

	change := w.row("K-1")
	w.addPoint(&change, "sms", old.Member.Points[0].Address, "reports", "alerts")
	w.addPoint(&change, "telegram", "chat-1", "reports")
	change.Member.Name, change.Member.Locale, change.Member.Tags, change.Member.Neutral = "New name", "tr", []string{"south"}, true
	imp := w.begin(w.group.ID)
	staged := w.stage(w.group.ID, imp, change)[0]
	equal(t, "kind of row", staged.Kind, gateway.StagedChange)
	equal(t, "member", staged.MemberID, id)
	m, err := w.Member(w.ctx, w.group.ID, id)
	w.ok(err)
	equal(t, "name before publishing", m.Name, before.Name)
	equal(t, "points before publishing", len(m.Points), 1)
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	m, err = w.Member(w.ctx, w.group.ID, id)
	w.ok(err)
	equal(t, "name", m.Name, gateway.Private("New name"))
	equal(t, "locale", m.Locale, "tr")
	equal(t, "tags", fmt.Sprint(m.Tags), "[south]")
	equal(t, "neutral", m.Neutral, true)
	equal(t, "members", w.count(), 1)
	equal(t, "points", len(m.Points), 2)
	equal(t, "the point that was there", m.Points[0].ID, before.Points[0].ID)
	topics := m.Points[0].Topics
	slices.Sort(topics)
	equal(t, "topics", fmt.Sprint(topics), "[alerts reports]")
	equal(t, "new point", m.Points[1].State, gateway.PointActive)

	// Without a ref she is known by her address.
	change = w.row("")
	w.addPoint(&change, "sms", old.Member.Points[0].Address)
	staged = w.take(w.group.ID, change)[0]
	equal(t, "kind of row", staged.Kind, gateway.StagedChange)
	equal(t, "member", staged.MemberID, id)
	m, err = w.Member(w.ctx, w.group.ID, id)
	w.ok(err)
	equal(t, "consent stays without new evidence", len(m.Points[0].Topics), 2)
	equal(t, "state stays", m.Points[0].State, gateway.PointActive)
	equal(t, "ref stays", m.Ref, gateway.Private("K-1"))
	equal(t, "out of neutral mode, as the row says", m.Neutral, false)
	equal(t, "found by ref", len(must(w.FindMembers(w.ctx, w.group.ID, "ref", "K-1"))), 1)

	// A row that does not say whether she is in neutral mode leaves her in it, and out of it.
	for _, neutral := range []bool{true, false} {
		change = w.row("K-1", "sms")
		change.Member.Neutral = neutral
		w.take(w.group.ID, change)
		change = w.row("K-1", "sms")
		change.KeepsNeutral = true
		w.take(w.group.ID, change)
		m, err = w.Member(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, "neutral mode stays", m.Neutral, neutral)
	}

	// A row that says nothing of language, zone and tags leaves hers; one that does changes them, to none too.
	said := w.row("K-1", "sms")
	said.Member.Locale, said.Member.Fallback, said.Member.Zone, said.Member.Tags = "ar", []string{"fr"}, "Africa/Tunis", []string{"north"}
	w.take(w.group.ID, said)
	for _, keeps := range []bool{true, false} {
		change = w.row("K-1", "sms")
		change.Keeps = gateway.Kept{Locale: keeps, Fallback: keeps, Zone: keeps, Tags: keeps}
		w.take(w.group.ID, change)
		m, err = w.Member(w.ctx, w.group.ID, id)
		w.ok(err)
		want := change.Member
		if keeps {
			want = said.Member
		}
		equal(t, "what an import does not say", fmt.Sprint(m.Locale, m.Fallback, m.Zone, m.Tags), fmt.Sprint(want.Locale, want.Fallback, want.Zone, want.Tags))
	}

	// A member erased between staging and publishing stays erased.
	change = w.row("K-1", "sms")
	imp = w.begin(w.group.ID)
	w.stage(w.group.ID, imp, change)
	w.ok(w.Erase(w.ctx, w.group.ID, id))
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	equal(t, "members", w.count(), 0)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func importDuplicates(t *testing.T, open Open) {
	w := newWorld(t, open)
	line := func(n int, ref string, address gateway.Private) gateway.StagedMember {
		r := w.row(ref)
		r.Line = n
		w.addPoint(&r, "sms", address, "reports")
		return r
	}
	imp := w.begin(w.group.ID)
	staged := w.stage(w.group.ID, imp, line(2, "a", "+15550100001"), line(3, "a", "+15550100002"), line(4, "b", "+15550100001"), line(5, "", "+15550100003"))
	more := w.stage(w.group.ID, imp, line(6, "", "+15550100003"), line(7, "b", "+15550100009"), line(8, "c", "+15550100001"))
	staged = append(staged, more...)
	var got []string
	for _, s := range staged {
		got = append(got, fmt.Sprint(s.Kind, " ", s.Line))
	}
	n, d := gateway.StagedNew, gateway.StagedDuplicate
	want := []string{fmt.Sprint(n, " 0"), fmt.Sprint(d, " 2"), fmt.Sprint(n, " 0"), fmt.Sprint(n, " 0"), fmt.Sprint(d, " 5"), fmt.Sprint(d, " 4"), fmt.Sprint(n, " 0")}
	equal(t, "rows", fmt.Sprint(got), fmt.Sprint(want))
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	equal(t, "members", w.count(), 4)
	// Three people share a phone: each is a member, and her contact point says that it is shared.
	found, err := w.FindMembers(w.ctx, w.group.ID, "sms", "+15550100001")
	w.ok(err)
	equal(t, "at one number", len(found), 3)
	for _, id := range found {
		m, err := w.Member(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, "shared", m.Points[0].Shared, true)
	}
	// The same file again: everybody is known, and each line changes one member.
	imp = w.begin(w.group.ID)
	staged = w.stage(w.group.ID, imp, line(2, "a", "+15550100001"), line(3, "a", "+15550100001"), line(4, "b", "+15550100001"))
	equal(t, "again", fmt.Sprint(staged[0].Kind, staged[1].Kind, staged[1].Line, staged[2].Kind), fmt.Sprint(gateway.StagedChange, d, 2, gateway.StagedChange))
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	equal(t, "members", w.count(), 4)
}

func importStop(t *testing.T, open Open) {
	w := newWorld(t, open)
	proof := gateway.Consent{Wording: "STOP", Source: "member", Proof: "she wrote STOP"}
	m := w.member("sms")
	_, err := w.StopAddress(w.ctx, w.group.ID, "sms", m.Points[0].Address, proof)
	w.ok(err)
	again := w.row(m.Ref.Reveal())
	w.addPoint(&again, "sms", m.Points[0].Address, "reports", "alerts")
	staged := w.take(w.group.ID, again)[0]
	equal(t, "a STOP stands", staged.Stopped, true)
	m, err = w.Member(w.ctx, w.group.ID, m.ID)
	w.ok(err)
	equal(t, "state", m.Points[0].State, gateway.PointStopped)

	// A stranger's STOP counts once her number comes in a file; in another group it does not.
	_, err = w.StopAddress(w.ctx, w.group.ID, "sms", "+15550109999", proof)
	w.ok(err)
	row := w.row("new")
	w.addPoint(&row, "sms", "+15550109999", "reports")
	staged = w.take(w.group.ID, row)[0]
	equal(t, "a STOP stands", staged.Stopped, true)
	m, err = w.Member(w.ctx, w.group.ID, staged.MemberID)
	w.ok(err)
	equal(t, "state", m.Points[0].State, gateway.PointStopped)
	equal(t, "elsewhere", w.take(w.other.ID, row)[0].Stopped, false)

	// STOP between staging and publishing.
	row = w.row("later", "sms")
	change := w.row(m.Ref.Reveal(), "telegram")
	imp := w.begin(w.group.ID)
	staged = w.stage(w.group.ID, imp, row)[0]
	w.stage(w.group.ID, imp, change)
	concerned, err := w.StopAddress(w.ctx, w.group.ID, "sms", row.Member.Points[0].Address, proof)
	w.ok(err)
	_, err = w.StopAddress(w.ctx, w.group.ID, "telegram", change.Member.Points[0].Address, proof)
	w.ok(err)
	equal(t, "members concerned that nobody sees yet", len(concerned), 0)
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	later, err := w.Member(w.ctx, w.group.ID, staged.MemberID)
	w.ok(err)
	equal(t, "state", later.Points[0].State, gateway.PointStopped)
	m, err = w.Member(w.ctx, w.group.ID, m.ID)
	w.ok(err)
	for _, p := range m.Points {
		equal(t, "state of "+p.Kind, p.State, gateway.PointStopped)
	}
}

func importCrash(t *testing.T, open Open) {
	w := newWorld(t, open)
	known := w.member("sms")
	change := w.row(known.Ref.Reveal(), "telegram")
	imp := w.begin(w.group.ID)
	var rows []gateway.StagedMember
	for i := range 250 {
		rows = append(rows, w.row(fmt.Sprintf("new-%d", i), "sms"))
	}
	w.stage(w.group.ID, imp, append(rows, change)...)
	w.crash()
	w.clock.Wind(importLease) // where processes share a ledger, nobody knows before that the one that began it is gone
	w.ok(w.FinishImports(w.ctx))
	equal(t, "members after an import that was still open", w.count(), 1)
	w.fails(w.Publish(w.ctx, w.group.ID, imp), gateway.CodeConflict)
	staged := w.take(w.group.ID, rows...)
	equal(t, "kind of row", staged[0].Kind, gateway.StagedNew)
	w.crash()
	w.ok(w.FinishImports(w.ctx))
	equal(t, "members after an import that was published", w.count(), 251)
}

// A second import must not take what the first has staged for members who are there: the first may be given up.
func importOneAtATime(t *testing.T, open Open) {
	w := newWorld(t, open)
	first := w.begin(w.group.ID)
	w.stage(w.group.ID, first, w.row("one", "sms"))
	second := gateway.Import{ID: gateway.NewID(), GroupID: w.group.ID, Author: "the office", At: w.clock.Now()}
	w.fails(w.BeginImport(w.ctx, second), gateway.CodeConflict)

	w.ok(w.Discard(w.ctx, w.group.ID, first))
	w.ok(w.BeginImport(w.ctx, second))
	equal(t, "kind of row", w.stage(w.group.ID, second.ID, w.row("one", "sms"))[0].Kind, gateway.StagedNew)
	w.ok(w.Publish(w.ctx, w.group.ID, second.ID))
	equal(t, "kind of row after that", w.take(w.group.ID, w.row("one", "sms"))[0].Kind, gateway.StagedChange)
	equal(t, "members", w.count(), 1)
}
