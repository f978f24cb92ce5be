package templates_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/templates"
)

// TestSamplesAreInEveryLanguage: what stands for a group's name is in the language's own words, so that lengths are true.
func TestSamplesAreInEveryLanguage(t *testing.T) {
	for _, locale := range locales {
		if own, english := templates.Sample(locale)["group"], templates.Sample("en")["group"]; own == nil || locale != "en" && own == english {
			t.Errorf("samples.json has no values in %s", locale)
		}
	}
	if templates.Sample("pt")["group"] != templates.Sample("pt-BR")["group"] || templates.Sample("zh-CN")["group"] != templates.Sample("zh-Hans")["group"] {
		t.Error("a language is served by the nearest of its script")
	}
	if templates.Sample("pt-br")["group"] != templates.Sample("pt-BR")["group"] || templates.Sample("xx")["group"] != templates.Sample("en")["group"] {
		t.Error("a language is found by its canonical tag, and English stands in for one that is not there")
	}
}

// TestTrialFits fills every shipped text, and placeholders of every sort that no shipped text has.
func TestTrialFits(t *testing.T) {
	all := sources()
	all["odd"] = map[string]string{"en": "{a} {b, number} {c, date} {d, time} {e, relative} {f, relative, day} {g, list} {h, select, x {1} other {2}} " +
		"{i, plural, one {#} other {#s}} {j, date} {j, number} {group, number} {when}\n\n{blocks}"}
	for name, texts := range all {
		set, err := templates.NewSet(texts)
		if err != nil {
			t.Fatal(err)
		}
		for _, locale := range set.Locales() {
			doc, _, err := set.Render(templates.Reader{Chain: []string{locale}, Now: time.Now()}, set.Trial(locale))
			if err != nil || strings.ContainsAny(doc.Plain(), "{}") {
				t.Errorf("%s in %s: %q, %v", name, locale, doc.Plain(), err)
			}
		}
	}
}

// TestDraftsAreReviewedByDigest: a review is of exactly one text in one language; a letter more is another text, a line
// end is not.
func TestDraftsAreReviewedByDigest(t *testing.T) {
	const draft = "---\nstatus: draft\n---\nHello\n"
	set := func(sources map[string]string) *templates.Set {
		s, err := templates.NewSet(sources)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := set(map[string]string{"en": draft, "pt-br": draft, "de": "Hallo", "fr": "---\nstatus: reviewed\n---\nBonjour"})
	reviewed := map[string]bool{}
	drafts := func(s *templates.Set) string {
		return strings.Join(s.Drafts(func(d string) bool { return reviewed[d] }), " ")
	}
	if got := drafts(s); got != "en fr pt-BR" {
		t.Errorf("drafts are %q", got)
	}
	if s.Digest("en") == s.Digest("pt-BR") || s.Digest("pt-br") != s.Digest("pt-BR") || len(s.Digest("en")) != 64 || s.Digest("sw") != "" {
		t.Error("a digest is of one language")
	}
	reviewed[s.Digest("en")] = true
	if got := drafts(s); got != "fr pt-BR" {
		t.Errorf("drafts are %q after a review", got)
	}
	if got := drafts(set(map[string]string{"en": "\xef\xbb\xbf" + strings.ReplaceAll(draft, "\n", "\r\n")})); got != "" {
		t.Errorf("line ends make another text: %q", got)
	}
	if got := drafts(set(map[string]string{"en": draft + "!"})); got != "en" {
		t.Errorf("a change stays reviewed: %q", got)
	}
}
