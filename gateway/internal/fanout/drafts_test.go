package fanout_test

import (
	"reflect"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// The sender is told which of the texts that she uses nobody has reviewed, and how many members get each: of her own text,
// and of the pointer that stands in its place for members in neutral mode. A draft is sent all the same.
func TestTheSenderSeesDrafts(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "es", points: "sms"}, who{locale: "es", points: "sms"}, who{locale: "pt", points: "sms"},
		who{locale: "es", points: "sms", neutral: true}, who{locale: "en", points: "sms", neutral: true}, who{locale: "es", points: "-sms"})
	st.run(st.f)
	const spanish = "---\nstatus: draft\nsms: \"Buenas noticias.\"\n---\nBuenas noticias."
	d := gateway.Draft{Group: st.group.ID, Key: "weekly", Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Author: "test",
		Words: gateway.Words{Sources: map[string]string{"en": "Good news.", "es": spanish}}}
	preview := func(want ...gateway.DraftText) {
		t.Helper()
		p, err := st.f.Preview(t.Context(), d)
		st.ok(err)
		if len(want) == 0 && p.Drafts == nil || !reflect.DeepEqual(p.Drafts, append([]gateway.DraftText{}, want...)) {
			t.Fatalf("the preview names %+v, want %+v", p.Drafts, want)
		}
	}
	handIn := func(key string, want ...gateway.DraftText) {
		t.Helper()
		d.Key, d.Fallback = key, new(true)
		s, err := st.f.Submit(t.Context(), d)
		st.ok(err)
		if !s.Created || !reflect.DeepEqual(s.Drafts, want) {
			t.Fatalf("handed in: %+v, want %+v", s, want)
		}
		st.planned(s.ID)
	}
	review := func(locale, source string) {
		t.Helper()
		set, err := templates.NewSet(map[string]string{locale: source})
		st.ok(err)
		st.ok(st.s.PutReview(t.Context(), st.group.ID, gateway.Review{Digest: set.Digest(locale), Name: "x", Locale: locale, By: "Ana", At: st.now()}))
	}
	preview(gateway.DraftText{Locale: "es", Members: 2}, gateway.DraftText{Name: "pointer", Locale: "en", Members: 1}, gateway.DraftText{Name: "pointer", Locale: "es", Members: 1})
	handIn("draft", gateway.DraftText{Locale: "es"})

	// A person of the group reviews the pointer in Spanish, and her own text; in English the pointer stays a draft.
	review("es", templates.ShippedText("pointer")["es"])
	review("es", spanish)
	preview(gateway.DraftText{Name: "pointer", Locale: "en", Members: 1})
	handIn("reviewed")

	// A letter more, and it is another text.
	d.Words.Sources["es"] = spanish + " Gracias."
	preview(gateway.DraftText{Locale: "es", Members: 2}, gateway.DraftText{Name: "pointer", Locale: "en", Members: 1})

	// What is sensitive leaves as the pointer, which may be read in any of its languages.
	d.Sensitive = true
	d.Words.Sources["es"] = spanish
	d.Key = "sensitive"
	s, err := st.f.Submit(t.Context(), d)
	st.ok(err)
	if n := len(templates.ShippedText("pointer")) - 1; len(s.Drafts) != n || s.Drafts[0] != (gateway.DraftText{Name: "pointer", Locale: "ar"}) {
		t.Errorf("%d drafts of %d: %+v", len(s.Drafts), n, s.Drafts)
	}
}

// Whoever has everybody asked to confirm is told in which languages that text is a draft; the group's own words count.
func TestAskingNamesDrafts(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 1000 // bytes: scripts of three a letter ask too
	}
	st.enrol(who{locale: "en", points: "?sms"})
	st.run(st.f)
	st.ok(st.s.PutWording(t.Context(), st.group.ID, templates.EnrolAsk, map[string]string{"en": "{group} may write to you ({topics, list})? Send YES."}))
	s, err := st.f.Ask(t.Context(), st.group.ID, nil, "test")
	st.ok(err)
	if len(s.Drafts) != len(templates.ShippedText(templates.EnrolAsk))-1 {
		t.Errorf("%+v", s)
	}
	for _, d := range s.Drafts {
		if d.Name != templates.EnrolAsk || d.Locale == "en" {
			t.Errorf("%+v is no draft of the text that is sent", d)
		}
	}
}
