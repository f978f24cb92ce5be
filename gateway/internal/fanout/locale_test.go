package fanout

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// plain is an adapter that writes documents as they are.
type plain struct{ channels.Adapter }

func (plain) Capabilities() channels.Capabilities { return channels.Capabilities{} }

func (plain) Compose(doc content.Document) ([]channels.Part, error) {
	return []channels.Part{{Text: doc.Plain(), Cost: 1}}, nil
}

func shipped(name string) (*templates.Set, error) { return templates.Wording(name, nil) }

func base(locale string) string { b, _, _ := strings.Cut(locale, "-"); return b }

// Whoever reads whatever: she gets the first language of her own chain, then her group's, that the text is in; never
// one that nobody named; and she is shown the language's tag exactly when it is not her own.
func TestEveryReaderGetsTheFirstLanguageOfHerChain(t *testing.T) {
	all := []string{"en", "en-GB", "es", "es-MX", "qu", "fr", "sw", "ar", "be", "ru", "pt-BR"}
	rapid.Check(t, func(t *rapid.T) {
		some := func(name string, min int) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(all), min, 4, rapid.ID[string]).Draw(t, name)
		}
		own := rapid.SampledFrom(all).Draw(t, "own")
		fallback, group, text := some("fallback", 0), some("group", 1), some("text", 1)
		words := gateway.Words{Sources: map[string]string{}}
		for _, l := range text {
			words.Sources[l] = "text in " + l
		}
		b := gateway.Broadcast{ID: gateway.NewID(), Class: gateway.Report, Words: words}
		texts, err := newTexts(slog.New(slog.DiscardHandler), b, gateway.Group{Name: "Harbour", Zone: "UTC", Locale: group[0], Fallback: group[1:]}, shipped, []way{{kind: "sms", adapter: plain{}}})
		if err != nil {
			t.Fatal(err)
		}
		v := texts.read(own, fallback, "", false)
		want := ""
		for _, l := range slices.Concat([]string{own}, fallback, group) {
			if slices.ContainsFunc(text, func(x string) bool { return base(x) == base(l) }) {
				want = base(l)
				break
			}
		}
		if v == nil {
			if want != "" {
				t.Fatalf("nothing, though the text is in %s", want)
			}
			return
		}
		said := v.byKind[0].parts[0].Text
		switch {
		case base(v.locale) != want:
			t.Fatalf("gets %s, want %s", v.locale, want)
		case slices.Contains(text, own) && v.locale != own:
			t.Fatalf("gets %s, though the text is in her very language %s", v.locale, own)
		case v.fallback != (want != base(own)), v.fallback != strings.HasSuffix(v.locale, templates.FallbackMark), v.fallback != strings.HasPrefix(said, "["):
			t.Fatalf("reads %s, gets %s: %q (fallback: %v)", own, v.locale, said, v.fallback)
		case !strings.HasSuffix(said, "text in "+v.plain):
			t.Fatalf("%s says %q", v.locale, said)
		case texts.read(own, slices.Clone(fallback), "", false) != v:
			t.Fatal("a second reader of the same languages gets another text")
		}
		if n := texts.read(own, fallback, "", true); n == nil || strings.Contains(n.byKind[0].parts[0].Text, "Harbour") || !n.neutral {
			t.Fatalf("a neutral reader gets %+v", n)
		}
	})
}

// One Persian report with a date, in a group that lives by Tehran's clock: a member who asked for Gregorian dates gets
// another rendering than the others, and one who reads English by her country's customs another than one abroad.
func TestReadersOfOneTextCountDaysDifferently(t *testing.T) {
	words := gateway.Words{
		Sources: map[string]string{"fa": "{when, date, short} {n, plural, other {#}}\n", "en": "{when, date, short} {n, plural, one {#} other {#}}\n"},
		Data:    map[string]string{"when": "2026-11-05T21:00:00Z", "n": "1200"},
	}
	b := gateway.Broadcast{ID: gateway.NewID(), Class: gateway.Report, Words: words}
	texts, err := newTexts(slog.New(slog.DiscardHandler), b, gateway.Group{Name: "Harbour", Zone: "Asia/Tehran", Locale: "fa", Fallback: []string{"en"}}, shipped, []way{{kind: "sms", adapter: plain{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := texts.check(); err != nil {
		t.Fatal(err)
	}
	for locale, want := range map[string][2]string{
		"fa":                      {"fa", "۱۴۰۵/۸/۱۵ ۱٬۲۰۰"},
		"fa-u-ca-gregory-nu-latn": {"fa-u-ca-gregory-nu-latn", "2026/11/6 1,200"},
		"en":                      {"en", "11/6/26 1,200"},
		"en-GB":                   {"en-x-as-en-gb", "06/11/2026 1,200"},
		"de":                      {"fa-x-fallback", "[fa] ۱۴۰۵/۸/۱۵ ۱٬۲۰۰"},
	} {
		v := texts.read(locale, nil, "", false)
		if said := strings.ReplaceAll(v.byKind[0].parts[0].Text, "\u200e", ""); v.locale != want[0] || said != want[1] {
			t.Errorf("%s gets %s: %q, want %v", locale, v.locale, said, want)
		}
	}
}
