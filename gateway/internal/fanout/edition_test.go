package fanout_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
)

// An edition is read by each in her language, in sections in their order. What is not written in it stands in the language
// it was written in, under its tag; objections stand as they came; who wants no name has none; figures say where they are
// from. What people wrote is never markup and never a placeholder.
func TestAnEditionInEachLanguage(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 4000
	}
	st.run(st.f)
	en, de := st.enrol(who{locale: "en", points: "telegram"})[0], st.enrol(who{locale: "de", points: "telegram"})[0]
	say := func(group string, section gateway.Section, credit gateway.Credit, name string, texts ...string) gateway.Contribution {
		c := gateway.Contribution{Group: group, Section: section, Entry: 1, Credit: credit, Name: name, Texts: map[string]string{}}
		for i := 0; i < len(texts); i += 2 {
			c.Texts[texts[i]] = texts[i+1]
		}
		return c
	}
	e := gateway.Edition{ID: gateway.NewID(), GroupID: st.group.ID, Number: 4, Entries: []gateway.Contribution{
		say("rivers", gateway.SectionObjections, gateway.CreditAnonymous, "", "sw", "Viti {group} **vichache** mno."),
		say("harbour", gateway.SectionProgress, gateway.CreditGroup, "Harbour Union", "en", "The kitchen is open.", "de", "Die Küche ist offen."),
		say("rivers", gateway.SectionProgress, gateway.CreditName, "Achieng", "en", "Two boats more."),
		say("harbour", gateway.SectionSummary, gateway.CreditGroup, "Harbour Union", "en", "A good week.", "de", "Eine gute Woche."),
	}, Figures: []gateway.Figure{{Kind: gateway.FigureReach, Edition: 3, Count: 40, Of: 44}, {Kind: gateway.FigureCost, Edition: 3, Money: []gateway.Money{{Currency: "EUR", Micros: 12_400_000}}},
		{Kind: gateway.FigureOnTime, Count: 11, Of: 12},
		{Kind: gateway.FigureAlerts, Count: 3, Of: 5, Alerts: &gateway.AlertsFigure{Since: time.Date(2026, 11, 19, 9, 0, 0, 0, time.UTC), Median: 61, Worst: 1500, Exercises: 2}},
		{Kind: gateway.FigureAlerts, Of: 1, Alerts: &gateway.AlertsFigure{Since: time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC)}},
		{Kind: gateway.FigureAlerts, Alerts: &gateway.AlertsFigure{Since: time.Date(2026, 11, 17, 9, 0, 0, 0, time.UTC), Exercises: 1}},
		{Kind: gateway.FigureIndicator, Source: "the kitchen", Indicated: &gateway.Indicated{Titles: map[string]string{"en": "Meals", "de": "Essen"}, Unit: "kg", Value: "1234.5", Date: "2026-11-20"}},
		{Kind: gateway.FigureIndicator, Source: "the pier, counts.example", Indicated: &gateway.Indicated{Titles: map[string]string{"en": "Boats"}, Gap: gateway.GapSilent, Date: "2026-11-19"}},
		{Kind: gateway.FigureIndicator, Source: "the pier", At: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Indicated: &gateway.Indicated{Titles: map[string]string{"en": "{Nets}"}, Gap: gateway.GapNumber}}}}
	ready, err := st.f.ReadyEdition(context.Background(), gateway.Telling{Series: gateway.Series{GroupID: st.group.ID, Title: "Harbour report", Topic: "reports"}, Edition: e, Date: "2026-11-26", By: "desk"})
	st.ok(err)
	in, err := st.s.Submit(context.Background(), ready.Broadcast, ready.Fingerprint, nil)
	st.ok(err)
	st.f.Wake()
	texts := map[gateway.ID]string{}
	for _, d := range st.planned(in.ID) {
		texts[d.MemberID] = st.text(d, "telegram")
	}
	inOrder := func(who gateway.ID, want ...string) {
		t.Helper()
		rest := texts[who]
		for _, w := range want {
			_, after, found := strings.Cut(rest, w)
			if !found {
				t.Fatalf("%q is missing or in another order in\n%s", w, texts[who])
			}
			rest = after
		}
	}
	inOrder(en, "Harbour report", "2 groups tell", "A good week.", "Progress", "Harbour Union: The kitchen is open.", "Achieng: Two boats more.", "Meals: 1,234.5\u00a0kg (the kitchen, Nov 20, 2026)", "Boats: no figure, for the source has not answered since Nov 19, 2026. (the pier, counts.example)", "{Nets}: no figure, for what the source gives is not a number.", "Objections", "[sw] Viti {group} **vichache** mno.", "Thanks", "Harbour Union", "Achieng",
		"What it cost", "Edition 3 was sent to 40 of 44 members.", "(Source: Carillon’s ledger)", "Sending edition 3 cost 12.40 EUR.", "11 of the 12 runs of this report within 90 days were on time.",
		"Alerts since Nov 19, 2026: 5. Somebody took charge of 3: of half of these within 2 min, of the last within 25 min. Nobody took charge of 2. Exercises, counted apart: 2. (Source: Carillon’s ledger)",
		"Alerts since Nov 18, 2026: 1. Nobody took charge of any. (Source: Carillon’s ledger)", "Alerts since Nov 17, 2026: 0. Exercises, counted apart: 1.")
	inOrder(de, "Eine gute Woche.", "Fortschritte", "Die Küche ist offen.", "Achieng: [en] Two boats more.", "Essen: 1.234,5\u00a0kg (the kitchen, 20.11.2026)", "[en] Boats: keine Zahl", "[sw] Viti", "Ausgabe 3 ging an 40 von 44 Mitgliedern.", "Warnungen seit 19.11.2026: 5. Übernommen: 3, die Hälfte davon binnen 2 min, die letzte binnen 25 min. Nicht übernommen: 2. Übungen, eigens gezählt: 2.")
	if strings.Contains(texts[en], "rivers") || strings.Contains(texts[en], "anonymous") {
		t.Errorf("who wants no name has none:\n%s", texts[en])
	}

	// On its page it stands as those read it who were sent it, in a language that there are texts of reports in.
	e.Steps = []gateway.EditionStep{{To: gateway.EditionSent, At: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}}
	for wanted, want := range map[string]struct {
		locale string
		dir    content.Direction
		says   string
	}{"ar": {"ar", content.RightToLeft, "[sw] Viti"}, "de-AT": {"de", content.LeftToRight, "Die Küche ist offen."}, "tlh": {"en", content.LeftToRight, "Edition 3 was sent to 40 of 44 members."}} {
		doc, err := st.f.EditionDocument(context.Background(), st.group, gateway.Series{GroupID: st.group.ID, Title: "Harbour report"}, e, []string{wanted})
		st.ok(err)
		if text := doc.Plain(); doc.Locale != want.locale || doc.Direction != want.dir || !strings.Contains(text, want.says) || strings.Contains(text, "rivers") {
			t.Errorf("for %s it is in %s, %s:\n%s", wanted, doc.Locale, doc.Direction, text)
		}
	}

	// The group's own words may call members by name; the page calls nobody.
	st.ok(st.s.PutWording(t.Context(), st.group.ID, "report", map[string]string{"en": "{name, select, none {Hello} other {Hello {name}}}, this is {series} of {when, date, long}, from {groups} groups.\n\n{summary}\n\n{sections}"}))
	doc, err := st.f.EditionDocument(t.Context(), st.group, gateway.Series{GroupID: st.group.ID, Title: "Harbour report"}, e, []string{"en"})
	st.ok(err)
	if text := doc.Plain(); !strings.Contains(text, "Hello, this is Harbour report of November 26, 2026") {
		t.Errorf("it greets otherwise:\n%s", text)
	}
}
