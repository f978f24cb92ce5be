package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// wishes: what a member decides is kept whole or not at all; what she does not speak of stays. Topics leave evidence, and
// no wish undoes a STOP.
func wishes(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	text, chat := m.Points[0].ID, m.Points[1].ID
	proof := gateway.Consent{Wording: "her page", Locale: "de", At: w.clock.Now(), Proof: "her own page", Source: "member"}
	wish := func(what gateway.Wish) error { return w.Wish(w.ctx, w.group.ID, m.ID, what, proof) }
	yes, no := true, false
	until := w.clock.Now().Add(14 * 24 * time.Hour)
	w.ok(wish(gateway.Wish{Locale: "pt-br", Fallback: []string{"es", "iw"}, Zone: "America/Bahia", Quiet: "22:00-07:00;alerts  wait", Leads: "Reports  1W,2h; none", Neutral: &yes, PausedUntil: &until}))
	for range 2 { // the second time after a wish that speaks of nothing
		got := w.read(w.group.ID, m.ID)
		equal(t, "what she wished", fmt.Sprint(got.Locale, got.Fallback, got.Zone, got.Quiet, got.Leads, got.Neutral, got.PausedUntil.Equal(until)), "pt-BR[es he]America/Bahia22:00-07:00; alerts waitnone; reports 1w, 2htrue true")
		w.ok(wish(gateway.Wish{}))
	}
	page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "as a recipient", page[0].PausedUntil.Equal(until), true)
	w.ok(wish(gateway.Wish{Fallback: []string{}, Quiet: gateway.NoQuiet, Leads: gateway.DefaultRules, Neutral: &no, PausedUntil: &time.Time{}}))
	got := w.read(w.group.ID, m.ID)
	equal(t, "what she took back", fmt.Sprint(got.Locale, len(got.Fallback), got.Quiet+got.Leads, got.Neutral, got.PausedUntil.IsZero()), "pt-BR0false true")

	before := len(must(w.Evidence(w.ctx, w.group.ID, m.ID)))
	w.ok(wish(gateway.Wish{Order: []gateway.ID{chat}, Topics: []gateway.TopicWish{
		{Point: text, Topic: "reports"}, {Point: text, Topic: "alerts", Taken: true}, {Point: chat, Topic: "reports", Taken: true}}}))
	got = w.read(w.group.ID, m.ID)
	equal(t, "the first", got.Points[0].ID, chat)
	equal(t, "at the chat", fmt.Sprint(got.Points[0].Topics), "[reports]")
	equal(t, "by text", fmt.Sprint(got.Points[1].Topics), "[alerts]")
	evidence := must(w.Evidence(w.ctx, w.group.ID, m.ID))[before:]
	equal(t, "pieces of evidence: what she had leaves none", len(evidence), 2)
	said := map[string]bool{}
	for _, c := range evidence {
		said[fmt.Sprint(c.Topic, c.Granted)] = c.PointID == text && c.Source == "member" && c.Proof == "her own page" && c.Wording == "her page"
	}
	equal(t, "evidence", said["reportsfalse"] && said["alertstrue"], true)

	_, err = w.StopAddress(w.ctx, w.group.ID, "sms", m.Points[0].Address, gateway.Consent{Source: "member"})
	w.ok(err)
	w.ok(wish(gateway.Wish{Topics: []gateway.TopicWish{{Point: text, Topic: "reports", Taken: true}}, Order: []gateway.ID{text}}))
	equal(t, "after STOP", w.read(w.group.ID, m.ID).Points[0].State, gateway.PointStopped)

	row := w.row("K-5")
	w.addPoint(&row, "sms", w.number("sms"))
	fresh := w.read(w.group.ID, w.take(w.group.ID, row)[0].MemberID)
	w.fails(w.Wish(w.ctx, w.group.ID, fresh.ID, gateway.Wish{Topics: []gateway.TopicWish{{Point: fresh.Points[0].ID, Topic: "reports", Taken: true}}}, proof), gateway.CodeConflict)
	far := w.clock.Now().Add(gateway.MaxPause + time.Minute)
	for what, bad := range map[string]gateway.Wish{
		"a language": {Locale: "klingonese-x"}, "a zone": {Zone: "Mars/Base"}, "quiet hours": {Quiet: "always"}, "lead times": {Leads: "soon"}, "a pause": {PausedUntil: &far},
		"another's contact point": {Order: []gateway.ID{fresh.Points[0].ID}}, "a topic at another's": {Topics: []gateway.TopicWish{{Point: fresh.Points[0].ID, Topic: "reports"}}},
		"no such topic": {Zone: "UTC", Topics: []gateway.TopicWish{{Point: text, Topic: "gossip", Taken: true}}},
	} {
		if err := wish(bad); err == nil {
			t.Errorf("%s that is no good was taken", what)
		}
	}
	equal(t, "after half a wish", w.read(w.group.ID, m.ID).Zone, "America/Bahia")
	w.fails(w.Wish(w.ctx, w.group.ID, gateway.NewID(), gateway.Wish{}, proof), gateway.CodeNotFound)
}

// pauses: reports and reminders that were planned before she paused end at the claim; alerts and what belongs to her account
// pass. An endless pause ends by her own wish, another by itself.
func pauses(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	pause := func(until time.Time) {
		t.Helper()
		w.ok(w.Wish(w.ctx, w.group.ID, m.ID, gateway.Wish{PausedUntil: &until}, gateway.Consent{Source: "member"}))
	}
	plan := func(class gateway.Class) gateway.ID { return w.plan(w.submit(class), 1, m)[0] }
	report, reminder := plan(gateway.Report), plan(gateway.Reminder)
	pause(w.clock.Now().Add(time.Hour))
	for _, id := range []gateway.ID{report, reminder} {
		equal(t, "what is routine", w.claim(id).Verdict, gateway.Silenced)
		equal(t, "why", w.is(id, gateway.Ended, gateway.ReasonSuppressed).Detail, gateway.PausedDetail)
	}
	for _, class := range []gateway.Class{gateway.LifeSafety, gateway.Alert, gateway.Account} {
		w.granted(plan(class))
	}
	w.clock.Wind(time.Hour)
	w.granted(plan(gateway.Report))
	pause(gateway.Endless)
	equal(t, "kept", w.read(w.group.ID, m.ID).PausedUntil, gateway.Endless)
	w.clock.Wind(300 * 24 * time.Hour)
	equal(t, "ten months later", w.claim(plan(gateway.Report)).Verdict, gateway.Silenced)
	pause(time.Time{})
	w.granted(plan(gateway.Report))
}

// dropped: what was planned for a topic that she dropped since does not go to that contact point; alerts of another topic and
// what belongs to her account pass. What she takes again leaves.
func dropped(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	wish := func(taken bool, points ...int) {
		t.Helper()
		var topics []gateway.TopicWish
		for _, i := range points {
			topics = append(topics, gateway.TopicWish{Point: m.Points[i].ID, Topic: "reports", Taken: taken})
		}
		w.ok(w.Wish(w.ctx, w.group.ID, m.ID, gateway.Wish{Topics: topics}, gateway.Consent{Source: "member"}))
	}
	plan := func(class gateway.Class) gateway.ID { return w.plan(w.submit(class), 1, m)[0] }
	refused := func(what string, id gateway.ID) {
		t.Helper()
		c := w.claim(id)
		equal(t, what, c.Verdict, gateway.Unusable)
		equal(t, "why", c.Dropped, true)
		w.is(id, gateway.Waiting, "")
	}
	report, alert, account, later := plan(gateway.Report), plan(gateway.LifeSafety), plan(gateway.Account), plan(gateway.Reminder)
	wish(false, 0)
	refused("a report", report)
	refused("whatever the class", alert)
	w.granted(account)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: report, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}}))
	w.granted(report)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: later, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}}))
	wish(false, 1)
	refused("what has moved there", later)
	w.crash()
	refused("after a restart", alert)
	wish(true, 0)
	w.granted(alert)
	elsewhere := w.plan(w.submit(gateway.Report, func(b *gateway.Broadcast) { b.Audience.Topic = "" }), 1, m)[0]
	wish(false, 0)
	w.granted(elsewhere)
}

// stopEverywhere: an address that was stopped for every group is stopped in each that learns of it, also after she was erased.
// START in one group is for that one, until STOP is said again.
func stopEverywhere(t *testing.T, open Open) {
	w := newWorld(t, open)
	address, proof := gateway.Private("+15550107777"), gateway.Consent{Source: "member"}
	taken := func(group gateway.ID, ref string) gateway.Member {
		t.Helper()
		row := w.row(ref)
		w.addPoint(&row, "sms", address, "reports")
		return w.read(group, w.take(group, row)[0].MemberID)
	}
	state := func(what string, m gateway.Member, want gateway.PointState) {
		t.Helper()
		equal(t, what, m.Points[0].State, want)
	}
	for range 2 {
		w.ok(w.StopEverywhere(w.ctx, "sms", address))
	}
	one := taken(w.group.ID, "one")
	state("in a group that learns of it", one, gateway.PointStopped)
	state("in another", taken(w.other.ID, "two"), gateway.PointStopped)
	_, err := w.StartAddress(w.ctx, w.group.ID, "sms", address, proof)
	w.ok(err)
	state("after START", w.read(w.group.ID, one.ID), gateway.PointActive)
	state("one who comes later", taken(w.group.ID, "three"), gateway.PointActive)
	state("in the other group, later", taken(w.other.ID, "four"), gateway.PointStopped)
	_, err = w.StopAddress(w.ctx, w.group.ID, "sms", address, proof)
	w.ok(err)
	w.ok(w.Erase(w.ctx, w.group.ID, one.ID))
	state("after STOP again, and an erasure", taken(w.group.ID, "five"), gateway.PointStopped)

	g := w.group
	g.Replies = &gateway.Replies{Contact: "the office", Words: map[string][]string{"stop": {"genug"}}, Acks: map[string][]string{"de": {"komme"}}}
	_, err = w.PutGroup(w.ctx, g)
	w.ok(err)
	kept, err := w.GroupByID(w.ctx, g.ID)
	w.ok(err)
	equal(t, "a group's replies", fmt.Sprint(*kept.Replies), fmt.Sprint(*g.Replies))
}

// reportedStop: a provider refuses a message because she opted out there. That is her STOP: in every member's contact point with
// the address, with evidence, and for whoever is imported with it later.
func reportedStop(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	c := w.granted(w.plan(w.submit(gateway.Report), 1, m)[0])
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Spent: true, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonSuppressed}, Point: &gateway.PointChange{State: gateway.PointStopped, Note: "she opted out"}}))
	equal(t, "she", w.read(w.group.ID, m.ID).Points[0].State, gateway.PointStopped)
	evidence := must(w.Evidence(w.ctx, w.group.ID, m.ID))
	last := evidence[len(evidence)-1]
	equal(t, "evidence", fmt.Sprint(last.Granted, last.Source, last.PointID == m.Points[0].ID), "falseprovidertrue")
	row := w.row("later")
	w.addPoint(&row, "sms", m.Points[0].Address, "reports")
	equal(t, "imported later", w.read(w.group.ID, w.take(w.group.ID, row)[0].MemberID).Points[0].State, gateway.PointStopped)
	_, err := w.StartAddress(w.ctx, w.group.ID, "sms", m.Points[0].Address, gateway.Consent{Granted: true, Source: "member"})
	w.ok(err)
	equal(t, "after START", w.read(w.group.ID, m.ID).Points[0].State, gateway.PointActive)
}

// hers: what a member decided herself no file of members changes, and staging tells; what she did not decide it does. A topic
// that she dropped no evidence gives back but her own yes.
func hers(t *testing.T, open Open) {
	w := newWorld(t, open)
	first := w.row("K-1", "sms", "telegram")
	id := w.take(w.group.ID, first)[0].MemberID
	m := w.read(w.group.ID, id)
	text, chat := m.Points[0], m.Points[1]
	equal(t, "her own before", len(m.Own.Names()), 0)
	file := func(change func(*gateway.StagedMember)) (gateway.Staged, gateway.Member) {
		t.Helper()
		row := w.row("K-1")
		row.KeepsNeutral, row.Keeps = true, gateway.Kept{Locale: true, Fallback: true, Zone: true, Tags: true}
		change(&row)
		return w.take(w.group.ID, row)[0], w.read(w.group.ID, id)
	}
	all := func(row *gateway.StagedMember) {
		row.Member.Locale, row.Member.Fallback, row.Member.Zone, row.Member.Quiet, row.Member.Neutral = "fr", []string{"de"}, "Europe/Paris", "12:00-13:00", false
		row.Member.Tags, row.KeepsNeutral, row.Keeps = []string{"north"}, false, gateway.Kept{}
		w.addPoint(row, "sms", text.Address, "reports")
		w.addPoint(row, "telegram", chat.Address, "reports")
	}
	staged, got := file(all)
	equal(t, "what is not hers", fmt.Sprint(staged.Hers, got.Locale, got.Fallback, got.Zone, got.Quiet, got.Points[0].ID == text.ID), "falsefr[de]Europe/Paris12:00-13:00true")

	yes := true
	w.ok(w.Wish(w.ctx, w.group.ID, id, gateway.Wish{Locale: "sw", Fallback: []string{}, Zone: "Africa/Nairobi", Quiet: gateway.NoQuiet, Neutral: &yes, Order: []gateway.ID{chat.ID},
		Topics: []gateway.TopicWish{{Point: text.ID, Topic: "reports"}}}, gateway.Consent{Source: "member"}))
	before := len(must(w.Evidence(w.ctx, w.group.ID, id)))
	staged, got = file(func(row *gateway.StagedMember) {
		all(row)
		w.addPoint(row, "email", "new@example.org", "reports")
	})
	equal(t, "said of it", staged.Hers, true)
	equal(t, "what is hers", fmt.Sprint(got.Locale, len(got.Fallback), got.Zone, got.Quiet, got.Neutral), "sw0Africa/Nairobitrue")
	equal(t, "what is not", fmt.Sprint(got.Tags), "[north]")
	equal(t, "the order", got.Points[0].ID == chat.ID && got.Points[1].ID == text.ID && got.Points[2].Kind == "email", true)
	equal(t, "the topic she dropped", len(got.Points[1].Topics), 0)
	equal(t, "pieces of evidence: of the new address only", len(must(w.Evidence(w.ctx, w.group.ID, id)))-before, 1)
	equal(t, "her own", fmt.Sprint(got.Own.Names()), "[language fallback zone quiet neutral order topics]")
	staged, _ = file(func(row *gateway.StagedMember) { row.Member.Name = "Another name" })
	equal(t, "a row that speaks of nothing of hers", staged.Hers, false)

	w.ok(w.Wish(w.ctx, w.group.ID, id, gateway.Wish{Topics: []gateway.TopicWish{{Point: text.ID, Topic: "reports", Taken: true}, {Point: text.ID, Topic: "alerts"}}}, gateway.Consent{Source: "member"}))
	_, got = file(func(row *gateway.StagedMember) { w.addPoint(row, "sms", text.Address, "alerts") })
	equal(t, "after she took it again, and a topic that she never had to drop", len(got.Points[1].Topics), 2)
	equal(t, "her own", got.Own&gateway.OwnTopics, 0)
}
