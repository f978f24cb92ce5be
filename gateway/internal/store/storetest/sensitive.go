package storetest

import (
	"fmt"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// sensitive: a text goes in full over the one of two channels of a kind that is fit for it, and as a pointer over the
// other and to whoever is in neutral mode. Which one leaves is decided at every claim: when a delivery moves to another
// channel, and when a channel has changed meanwhile.
func sensitive(t *testing.T, open Open) {
	w := newWorld(t, open)
	fit, err := w.PutChannel(w.ctx, gateway.Channel{Name: "sms-fit", Adapter: "sms", Kind: "sms", Sensitive: true})
	w.ok(err)
	ann, bea, cal, dee, eve := w.member("sms"), w.member("sms", "telegram"), w.member("sms"), w.member("sms"), w.member("sms")
	b := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.Sensitive = true })
	plainly := w.submit(gateway.Report)
	text := func(kind string, neutral bool, parts int) gateway.Rendering {
		r := gateway.Rendering{BroadcastID: b.ID, GroupID: b.GroupID, Locale: gateway.FullLocale("en"), Kind: kind, Neutral: neutral, Cost: parts}
		if neutral {
			r.Locale = "en"
		}
		for range parts {
			r.Parts = append(r.Parts, []byte(`{"text":"words"}`))
		}
		return r
	}
	to := func(m gateway.Member, c gateway.Channel, neutral bool) gateway.NewDelivery {
		return gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.ID, Locale: "en", Neutral: neutral, Channel: c.ID, Point: m.Points[0].ID, Due: w.clock.Now()}
	}
	full, pointed, quiet := to(ann, fit, false), to(cal, w.sms, false), to(dee, fit, true)
	moves, half := to(bea, fit, false), to(eve, fit, false)
	w.ok(w.Plan(w.ctx, gateway.Chunk{Broadcast: b.ID, Group: b.GroupID, Last: true, Lane: gateway.Bulk, Cursor: gateway.NewID(),
		Renderings: []gateway.Rendering{text("sms", false, 3), text("sms", true, 1), text("telegram", false, 2), text("telegram", true, 1)}, Deliveries: []gateway.NewDelivery{full, pointed, quiet, moves, half}}))
	plain := w.plan(plainly, 1, ann)[0]
	for _, one := range []struct {
		what             string
		id               gateway.ID
		pointer, neutral bool
	}{{"over the fit channel", full.ID, false, false}, {"over the other of its kind", pointed.ID, true, false}, {"in neutral mode", quiet.ID, true, true}, {"a text that is not sensitive", plain, false, false}} {
		c := w.granted(one.id)
		full := !one.pointer && one.id != plain
		equal(t, one.what+", where its text lies", c.Locale == gateway.FullLocale("en"), full)
		equal(t, one.what, [2]bool{c.Pointer, c.Neutral}, [2]bool{one.pointer, one.neutral})
		cases, err := w.Cases(w.ctx, []gateway.ID{c.Attempt})
		w.ok(err)
		equal(t, one.what+", where its text lies, as a case", cases[0].Locale, c.Locale)
		equal(t, one.what+", as a case", [2]bool{cases[0].Pointer, cases[0].Neutral}, [2]bool{one.pointer, one.neutral})
	}
	c := w.granted(moves.ID)
	equal(t, "before it moves on", c.Pointer, false)
	w.refused(c, gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: bea.Points[1].ID})
	c = w.granted(moves.ID)
	equal(t, "after it has moved on", c.Pointer, true)
	equal(t, "the kind after that", c.Kind, "telegram")
	w.refused(c, gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: fit.ID, Point: bea.Points[0].ID})
	begun := w.granted(half.ID)
	w.ok(w.settle(gateway.Outcome{Attempt: begun.Attempt, Token: begun.Token, State: gateway.Claimed, Part: 0, ProviderID: "SM-half", Cost: 1}))
	begun.FirstPart = 1
	w.refused(begun, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	begun = w.granted(half.ID)
	equal(t, "where it goes on", begun.FirstPart, 1)
	w.refused(begun, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	fit.Sensitive = false
	_, err = w.PutChannel(w.ctx, fit)
	w.ok(err)
	equal(t, "over the channel that is no longer fit", w.granted(moves.ID).Pointer, true)
	begun = w.granted(half.ID)
	equal(t, "the pointer after a part of the text", fmt.Sprint(begun.Pointer, begun.FirstPart), "true 0")

	// Two members go into neutral mode between planning and claim. What leaves from then on is a pointer, and she is treated
	// as one in neutral mode; out of it again, the same delivery stays as it is.
	into := func(m gateway.Member, neutral bool) {
		row := w.row(m.Ref.Reveal())
		w.addPoint(&row, "sms", m.Points[0].Address, "reports")
		row.Member.Neutral = neutral
		equal(t, "kind of row", w.take(w.group.ID, row)[0].Kind, gateway.StagedChange)
	}
	fay, gus := w.member("sms"), w.member("sms")
	late := w.plan(w.submit(gateway.Report), 1, fay, gus)
	c = w.granted(late[0])
	equal(t, "before neutral mode", [2]bool{c.Pointer, c.Neutral}, [2]bool{false, false})
	w.refused(c, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	into(fay, true)
	into(gus, true)
	for _, id := range late {
		c = w.granted(id)
		equal(t, "in neutral mode since", [2]bool{c.Pointer, c.Neutral}, [2]bool{true, true})
		cases, err := w.Cases(w.ctx, []gateway.ID{c.Attempt})
		w.ok(err)
		equal(t, "in neutral mode since, as a case", [2]bool{cases[0].Pointer, cases[0].Neutral}, [2]bool{true, true})
		w.refused(c, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	}
	into(fay, false)
	equal(t, "out of neutral mode again", w.granted(late[0]).Neutral, true)

	alert := w.draft(gateway.Alert, func(b *gateway.Broadcast) { b.Sensitive = true })
	chunk, ids := w.chunk(alert, 1, w.member("sms"))
	_, err = w.Submit(w.ctx, alert, []byte(alert.Key), &chunk)
	w.ok(err)
	equal(t, "of a broadcast stored with its deliveries", w.granted(ids[0]).Pointer, true)
	all, err := w.Channels(w.ctx)
	w.ok(err)
	for _, ch := range all {
		equal(t, "fit after the change: "+ch.Name, ch.Sensitive, false)
	}
}
