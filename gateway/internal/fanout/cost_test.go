package fanout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// Four members with numbers in two countries and one without a number: the preview says what the text costs in each
// language and country, and that nobody knows what Kenya costs.
func TestAPreviewSaysWhatItCosts(t *testing.T) {
	st := newStage(t)
	st.places = []string{"DE", "DE", "KE", "DE"}
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "es", points: "sms"}, who{locale: "en", points: "sms"}, who{locale: "en", points: "sms"}, who{locale: "en", points: "telegram"})
	st.ok(st.s.SetPrices(t.Context(), gateway.ID{}, true, []gateway.Price{{Kind: "sms", Country: "DE", Currency: "EUR", Micros: 80_000}}))
	d := report("r1")
	d.Group = st.group.ID
	show := func() string {
		t.Helper()
		p, err := st.f.Preview(t.Context(), d)
		st.ok(err)
		lines := []string{}
		for _, c := range p.Costs {
			amount := "unknown"
			if c.Amount != nil {
				amount = c.Amount.String()
			}
			lines = append(lines, fmt.Sprintf("%s %s %s: %d members, %d segments, %s", c.Channel, c.Country, c.Locale, c.Members, c.Segments, amount))
		}
		return strings.Join(append(lines, fmt.Sprintf("%d segments, %d of no known price, %v", p.Total.Segments, p.Total.Unpriced, p.Total.Amounts)), "\n")
	}
	want := `text DE en: 2 members, 2 segments, 0.16 EUR
text DE es: 1 members, 1 segments, 0.08 EUR
text KE en: 1 members, 1 segments, unknown
4 segments, 1 of no known price, [0.24 EUR]`
	if got := show(); got != want {
		t.Errorf("the preview says\n%s\nwant\n%s", got, want)
	}
	// The group's own price of the channel goes before the operator's, and Telegram costs something once somebody says so.
	st.ok(st.s.SetPrices(t.Context(), st.group.ID, true, []gateway.Price{{Kind: "sms", Channel: "text", Currency: "USD", Micros: 10_000}, {Kind: "telegram", Currency: "USD", Micros: 1}}))
	want = `text DE en: 2 members, 2 segments, 0.02 USD
chat  en: 1 members, 1 segments, 0.000001 USD
text DE es: 1 members, 1 segments, 0.01 USD
text KE en: 1 members, 1 segments, 0.01 USD
5 segments, 0 of no known price, [0.040001 USD]`
	if got := show(); got != want {
		t.Errorf("the preview says\n%s\nwant\n%s", got, want)
	}
}

// A group sends to Germany only: who has a number elsewhere is told on Telegram, or not at all, and the preview says why.
func TestOnlyTheGroupsCountries(t *testing.T) {
	st := newStage(t)
	st.group.Countries = []string{"DE"}
	var err error
	st.group, err = st.s.PutGroup(t.Context(), st.group)
	st.ok(err)
	st.places = []string{"DE", "KE", gateway.UnknownCountry}
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "sms"}, who{locale: "en", points: "sms telegram"})
	d := report("r1")
	d.Group = st.group.ID
	p, err := st.f.Preview(t.Context(), d)
	st.ok(err)
	if got := fmt.Sprint(p.LeftOut); got != "[{has a number in a country to which the group does not send true 1}]" || p.Reached != 2 {
		t.Errorf("left out %s, reached %d", got, p.Reached)
	}
	st.run(st.f)
	want := "waiting en\nended en suppressed: has a number in a country to which the group does not send\nwaiting en"
	if all := st.planned(st.submit(report("r1"))); told(all) != want || all[2].ChannelID != st.list[1].ID {
		t.Errorf("planned\n%s", told(all))
	}
}

// Every notice has words in every shipped language, which fit, and goes to the owners as an alert around the channel that
// is ailing; an owner who stays neutral is shown a pointer.
func TestNoticesToOwners(t *testing.T) {
	st := newStage(t)
	st.group.Topics = append(st.group.Topics, gateway.Topic{Name: gateway.OwnersTopic})
	var err error
	st.group, err = st.s.PutGroup(t.Context(), st.group)
	st.ok(err)
	st.addChannel("text-2", "sms", 1000)
	st.enrol(who{locale: "sw", points: "sms telegram"}, who{locale: "ar", points: "telegram", neutral: true})
	data := map[string]string{"channel": "text", "code": "30007", "month": "2026-03", "spent": "12.50 EUR", "cap": "12.00 EUR", "finding": "runs-late", "schedule": "weekly-report", "run": "2026-03-30T09:00+02:00"}
	st.run(st.f)
	for _, wording := range []string{gateway.NoticeRefused, gateway.NoticeLocked, gateway.NoticeWell, gateway.NoticeSoft, gateway.NoticeHard, gateway.NoticePassed, gateway.NoticeFound, gateway.NoticeMended, gateway.NoticeUndecided} {
		s, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: wording, Wording: wording, Class: gateway.Alert, Data: data,
			Audience: gateway.Audience{Topic: "reports", Avoid: st.list[0].ID}})
		if err != nil {
			t.Errorf("%s: %v", wording, err)
			continue
		}
		all := st.planned(s.ID)
		if len(all) != 2 || all[0].Locale != "sw" || all[0].ChannelID != st.list[2].ID || all[0].Lane != gateway.Urgent {
			t.Errorf("%s: %+v", wording, all)
		}
		if text := st.text(all[1], "telegram"); strings.Contains(text, "30007") || strings.Contains(text, "12.50") || strings.Contains(text, "القناة") || strings.Contains(text, "Harbour") {
			t.Errorf("%s: a neutral owner reads %q", wording, text)
		}
	}
	if _, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: "k", Wording: gateway.NoticeWell, Class: gateway.Alert, Data: data, Audience: gateway.Audience{Topic: gateway.OwnersTopic}}); !isCode(err, gateway.CodeNobody) {
		t.Errorf("without an owner: %v", err)
	}
	d := report("r1")
	d.Group, d.Audience.Avoid = st.group.ID, st.list[0].ID
	if _, err := st.f.Submit(t.Context(), d); !isCode(err, gateway.CodeInvalid) {
		t.Errorf("an author names a channel to avoid: %v", err)
	}
}
