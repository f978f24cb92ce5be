package apptest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestWhatALanguageCosts: one report of a hundred characters in three languages, one of them in another alphabet and one
// with a dash that makes it dear, to people in two countries. Before anything is sent its author reads what each language
// costs in each, and what the dash does.
func TestWhatALanguageCosts(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	w.Start()
	w.Apply("harbour")
	people := apptest.PeopleWith("l", apptest.Numbers(t, 1003)) // the first thousand are British, the others French
	people = append(people[:3:3], people[1000:]...)
	for i, language := range []string{"en", "ru", "ru", "en", "fr", "fr"} {
		people[i].Language = language
	}
	w.Join("harbour", people)
	ctx := t.Context()
	if _, err := w.API.SetPrices(ctx, "harbour", []gateway.Price{{Kind: "sms", Country: "GB", Currency: "EUR", Micros: 40_000}, {Kind: "sms", Country: "FR", Currency: "EUR", Micros: 75_000}}, nil); err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for language, text := range map[string]string{"en": strings.Repeat("a", 100), "ru": strings.Repeat("ж", 100), "fr": strings.Repeat("é", 98) + " –"} {
		sources[language] = "---\nsms: \"" + text + "\"\n---\n"
	}
	preview, err := w.API.Preview(ctx, "harbour", gateway.Draft{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: sources}})
	if err != nil {
		t.Fatal(err)
	}
	var costs, texts []string
	for _, c := range preview.Costs {
		costs = append(costs, fmt.Sprintf("%s %s: %d members, %d segments, %d", c.Locale, c.Country, c.Members, c.Segments, c.Amount.Micros))
	}
	for _, x := range preview.Texts {
		texts = append(texts, fmt.Sprintf("%s: %s, %d units, %d segments, %d if smart, %v", x.Locale, x.Encoding, x.Units, x.Cost, x.Smart, x.Offending))
	}
	slices.Sort(costs)
	slices.Sort(texts)
	if want := []string{"en FR: 1 members, 1 segments, 75000", "en GB: 1 members, 1 segments, 40000", "fr FR: 2 members, 4 segments, 300000", "ru GB: 2 members, 4 segments, 160000"}; !slices.Equal(costs, want) {
		t.Errorf("got %q, want %q", costs, want)
	}
	if want := []string{"en: GSM-7, 100 units, 1 segments, 0 if smart, []", "fr: UCS-2, 100 units, 2 segments, 1 if smart, [{– -}]", "ru: UCS-2, 100 units, 2 segments, 0 if smart, [{ж }]"}; !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
	if len(preview.Total.Amounts) != 1 || preview.Total.Amounts[0] != (gateway.Money{Currency: "EUR", Micros: 575_000}) || preview.Total.Segments != 10 || len(preview.Missing) != 0 {
		t.Errorf("%+v, missing %v", preview.Total, preview.Missing)
	}
}
