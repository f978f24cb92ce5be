package apptest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/templates"
)

// TestAGroupsOwnWording: two groups share a channel, and one of them says in its own words that there is a message. Its
// members read these, in the languages it wrote, and Carillon's in others; members of the other group read Carillon's.
func TestAGroupsOwnWording(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	w.Start()
	w.Apply("harbour", "hill")
	numbers := apptest.Numbers(t, 4)
	people := apptest.PeopleWith("w", numbers)
	people[1].Language, people[3].Language = "sw", "sw"
	w.Join("harbour", people[:2])
	w.Join("hill", people[2:])
	const own = "---\nstatus: draft\nsms: \"A letter waits at the quay.\"\n---\nA letter waits at the quay.\n"
	if err := w.API.PutWording(t.Context(), "harbour", "pointer", map[string]string{"en": own}); err != nil {
		t.Fatal(err)
	}
	sensitive := gateway.Draft{Kind: gateway.KindReport, Key: "meeting", Sensitive: true, Fallback: new(true), Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("We meet at nine.")}
	drafts := func(group string, want ...string) {
		t.Helper()
		p, err := w.API.Preview(t.Context(), group, sensitive)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range p.Drafts {
			if got = append(got, d.Name+"/"+d.Locale); d.Members != 1 {
				t.Errorf("%+v: one member would get it", d)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("in %s the drafts are %q, want %q", group, got, want)
		}
	}
	drafts("harbour", "pointer/en", "pointer/sw")
	drafts("hill", "pointer/en", "pointer/sw")

	// One person of each group reviews a text: what one group knows is nothing to the other.
	for group, review := range map[string]struct{ locale, source string }{"harbour": {"en", own}, "hill": {"sw", templates.ShippedText("pointer")["sw"]}} {
		if _, err := w.API.PutReview(t.Context(), group, "pointer", review.locale, review.source, "Ana of the "+group); err != nil {
			t.Fatal(err)
		}
	}
	drafts("harbour", "pointer/sw")
	drafts("hill", "pointer/en")

	for _, group := range []string{"harbour", "hill"} {
		w.Settled(20*time.Second, group, w.Submit(group, sensitive))
	}
	shipped := func(locale string) string {
		set, err := templates.NewSet(templates.ShippedText("pointer"))
		if err != nil {
			t.Fatal(err)
		}
		doc, _, err := set.Render(templates.Reader{Chain: []string{locale}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return doc.Short
	}
	got := map[string]string{}
	for _, e := range w.Box.Log(0, 0) {
		got[e.To] += e.Text
	}
	for i, want := range []string{"A letter waits at the quay.", shipped("sw"), shipped("en"), shipped("sw")} {
		if got[numbers[i]] != want {
			t.Errorf("person %d of %s reads %q, want %q", i, []string{"harbour", "harbour", "hill", "hill"}[i], got[numbers[i]], want)
		}
	}

	// What was imported is in the exported document, and applying that changes nothing; what people change afterwards is theirs.
	doc, err := w.API.Export(t.Context())
	if err != nil || doc.Groups[0].Wordings["pointer"]["en"] != own || len(doc.Groups[1].Wordings) != 0 {
		t.Fatalf("the document has %+v, %v", doc.Groups, err)
	}
	apply := func(want gateway.ApplyWhat) {
		t.Helper()
		report, err := w.API.Apply(t.Context(), doc, false, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range report.Items {
			if item.Path == "groups/harbour/wordings/pointer" && item.What != want {
				t.Errorf("%+v, want %s", item, want)
			}
		}
	}
	apply(gateway.ApplySame)
	if err := w.API.PutWording(t.Context(), "harbour", "pointer", map[string]string{"en": own + "It is dry.\n"}); err != nil {
		t.Fatal(err)
	}
	apply(gateway.ApplyConflict)
	drafts("harbour", "pointer/en", "pointer/sw")
}
