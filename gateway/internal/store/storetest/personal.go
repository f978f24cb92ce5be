package storetest

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// personal: a claim of a text with room for a name brings the member's, as it is now, unless nobody may learn it: she has
// none, is in neutral mode, or shares her address with another member. Of other texts it never brings one.
func personal(t *testing.T, open Open) {
	w := newWorld(t, open)
	named := func(name gateway.Private, change ...func(*gateway.StagedMember)) gateway.Member {
		row := w.row("ref-"+gateway.NewID().Short(), "sms")
		row.Member.Name = name
		for _, c := range change {
			c(&row)
		}
		id := w.take(w.group.ID, row)[0].MemberID
		m, err := w.Member(w.ctx, w.group.ID, id)
		w.ok(err)
		return m
	}
	ann, nobody := named("Ann"), named("")
	hidden := named("Hild", func(r *gateway.StagedMember) { r.Member.Neutral = true })
	first := named("Bea")
	second := named("Cal", func(r *gateway.StagedMember) { r.Member.Points[0].Address = first.Points[0].Address })

	b := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.Personal = true })
	stored, err := w.Broadcast(w.ctx, b.GroupID, b.ID)
	w.ok(err)
	equal(t, "a broadcast with room for a name, as stored", stored.Personal, true)
	chunk, ids := w.chunk(b, 1, ann, nobody, hidden, first, second)
	chunk.Deliveries[2].Neutral = true
	for _, r := range chunk.Renderings {
		r.Locale, r.Cost = gateway.NamedLocale(r.Locale), 3
		r.Parts = append(r.Parts, r.Parts[0])
		chunk.Renderings = append(chunk.Renderings, r)
	}
	w.ok(w.Plan(w.ctx, chunk))
	plainly := w.plan(w.submit(gateway.Report), 1, ann)[0]
	for _, one := range []struct {
		what, name, locale string
		id                 gateway.ID
	}{
		{"who has a name", "Ann", "en-x-named", ids[0]},
		{"who has none", "", "en", ids[1]},
		{"in neutral mode", "", "en", ids[2]},
		{"who shares her address", "", "en", ids[3]},
		{"with whom she shares it", "", "en", ids[4]},
		{"a text without room for a name", "", "en", plainly},
	} {
		c := w.granted(one.id)
		equal(t, one.what+": the name", c.Name.Reveal(), one.name)
		equal(t, one.what+": where the text lies", c.Locale, one.locale)
		equal(t, one.what+": the address", c.Address != "", true)
		cases, err := w.Cases(w.ctx, []gateway.ID{c.Attempt})
		w.ok(err)
		equal(t, one.what+": where the text lies, as a case", cases[0].Locale, c.Locale)
		equal(t, one.what+": the name, as a case", cases[0].Name.Reveal(), "")
		if one.id != ids[0] {
			w.refused(c, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
			continue
		}
		// She is in neutral mode after the attempt came to doubt: what is looked up is what left, and so is what it cost.
		w.inDoubt(c, w.clock.Now())
		row := w.row(ann.Ref.Reveal())
		w.addPoint(&row, "sms", ann.Points[0].Address, "reports")
		row.Member.Neutral, row.Member.Name = true, "Ann"
		w.take(w.group.ID, row)
		cases, err = w.Cases(w.ctx, []gateway.ID{c.Attempt})
		w.ok(err)
		equal(t, "what is looked up", [2]any{cases[0].Locale, cases[0].Pointer}, [2]any{"en-x-named", false})
		w.ok(w.Resend(w.ctx, w.group.ID, ids[0]))
		again := w.granted(ids[0])
		equal(t, "after she went into neutral mode", [2]any{again.Name.Reveal(), again.Pointer}, [2]any{"", true})
		w.refused(again, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	}
	// A text that says another member's name says it over channels that are fit for it, to nobody in neutral mode, and only while
	// she is a member; who does not know of such texts takes it for one that says none.
	fitting, err := w.PutChannel(w.ctx, gateway.Channel{Name: "fits", Adapter: "sms", Kind: "sms", Sensitive: true})
	w.ok(err)
	leader := named("Lea")
	for _, one := range []struct {
		what, name string
		channel    gateway.ID
		to         gateway.Member
		erased     bool
	}{
		{"over a channel that is fit", "Lea", fitting.ID, named("Fay"), false},
		{"to who has no name herself", "Lea", fitting.ID, nobody, false},
		{"over one that is not", "", w.sms.ID, named("Gil"), false},
		{"in neutral mode", "", fitting.ID, hidden, false},
		{"after she was erased", "", fitting.ID, named("Ida"), true},
	} {
		b := w.submit(gateway.Report, func(b *gateway.Broadcast) {
			b.Audience.Alert = &gateway.AlertTold{Alert: gateway.NewID(), Names: leader.ID}
		})
		chunk, ids := w.chunk(b, 1, one.to)
		chunk.Deliveries[0].Channel, chunk.Deliveries[0].Neutral = one.channel, one.to.Neutral
		w.ok(w.Plan(w.ctx, chunk))
		if one.erased {
			w.ok(w.Erase(w.ctx, w.group.ID, leader.ID))
		}
		c := w.granted(ids[0])
		equal(t, "the name of another, "+one.what, [2]any{c.Name.Reveal(), c.Locale == gateway.NamedLocale("en")}, [2]any{one.name, one.name != ""})
		equal(t, "the address beside it, "+one.what, c.Address != "", true)
	}
	// What is sensitive keeps its name too, and an erased member has none.
	s := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.Personal, b.Sensitive = true, true })
	fit, err := w.PutChannel(w.ctx, gateway.Channel{Name: "sms-fit", Adapter: "sms", Kind: "sms", Sensitive: true})
	w.ok(err)
	dee := named("Dee")
	chunk, ids = w.chunk(s, 1, dee, named("Eve"))
	chunk.Deliveries[0].Channel = fit.ID
	w.ok(w.Plan(w.ctx, chunk))
	c := w.granted(ids[0])
	equal(t, "a sensitive text over a channel that is fit for it", [2]string{c.Locale, c.Name.Reveal()}, [2]string{"en-x-full-named", "Dee"})
	c = w.granted(ids[1])
	equal(t, "over another", [3]any{c.Locale, c.Name.Reveal(), c.Pointer}, [3]any{"en", "", true})
}
