package templates_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/templates"
)

func setOf(t *testing.T, sources map[string]string) *templates.Set {
	t.Helper()
	set, err := templates.NewSet(sources)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestEachFieldFallsBackByItself follows members of several languages through a report whose French has no subject, whose
// Turkish is a text message only, and whose Swahili is a body only.
func TestEachFieldFallsBackByItself(t *testing.T) {
	set := setOf(t, map[string]string{
		"en": "---\nsubject: \"Week {w}\"\nsms: \"sms en\"\n---\nbody en\n",
		"fr": "---\nsms: \"sms fr\"\n---\nbody fr\n",
		"tr": "---\nsms: \"sms tr\"\n---\n",
		"sw": "body sw\n",
		"de": "---\nsubject: \"Woche {w}\"\n---\n- body de\n",
	})
	for _, c := range []struct{ chain, subject, short, body, tag, version string }{
		{"en", "Week 48", "sms en", "body en", "", "en"},
		{"fr en", "[en] Week 48", "sms fr", "body fr", "", "fr-x-subject-en"},
		{"fr de en", "[de] Woche 48", "sms fr", "body fr", "", "fr-x-subject-de"},
		{"fr", "", "sms fr", "body fr", "", "fr"},
		{"tr en", "[en] Week 48", "sms tr", "[en] body en", "", "en-x-short-tr-own-fallback"},
		{"tr de", "[de] Woche 48", "sms tr", "[de]\n\n- body de", "", "de-x-short-tr-own-fallback"},
		{"tr", "", "sms tr", "", "", "tr"},
		{"sw en", "[en] Week 48", "", "body sw", "", "sw-x-subject-en"}, // her text message follows from her own body
		{"am en", "Week 48", "sms en", "body en", "en", "en-x-fallback"},
		{"am fr en", "[en] Week 48", "[fr] sms fr", "[fr] body fr", "", "fr-x-subject-en-fallback"},
	} {
		doc, result, err := set.Render(templates.Reader{Chain: strings.Fields(c.chain)}, templates.Data{"w": "48"})
		if err != nil {
			t.Fatal(c.chain, err)
		}
		plain := doc
		plain.Tag, plain.Subject = "", ""
		if doc.Subject != c.subject || doc.Short != c.short || plain.Plain() != c.body || doc.Tag != c.tag || result.Version() != c.version {
			t.Errorf("%s: %q, %q, %q, tag %q, version %s", c.chain, doc.Subject, doc.Short, plain.Plain(), doc.Tag, result.Version())
		}
		shows := strings.Contains(doc.Plain()+doc.Short, "[")
		if result.Fallback != shows {
			t.Errorf("%s: fallback %v, tags shown %v", c.chain, result.Fallback, shows)
		}
		for field, locale := range map[string]string{doc.Subject: result.Subject, doc.Short: result.Short, plain.Plain(): result.Body} {
			if (field == "") != (locale == "") {
				t.Errorf("%s: %q is said to be in %q", c.chain, field, locale)
			}
		}
	}
}

// TestDatesFollowTheReader gives one English text to members in three countries, and one Persian to two who count days
// differently: their renderings differ, and so do their versions.
func TestDatesFollowTheReader(t *testing.T) {
	set := setOf(t, map[string]string{"en": "{w, date, short}, {n, number}\n", "fa": "{w, date, short}، {n, number}\n"})
	for _, c := range []struct{ chain, text, version string }{
		{"en", "11/5/26, 1,234", "en"},
		{"en-US", "11/5/26, 1,234", "en"},
		{"en-GB", "05/11/2026, 1,234", "en-x-as-en-gb"},
		{"fa", "۱۴۰۵/۸/۱۴، ۱٬۲۳۴", "fa"},
		{"fa-u-ca-gregory-nu-latn", "2026/11/5، 1,234", "fa-u-ca-gregory-nu-latn"},
		{"fa-u-nu-latn", "1405/8/14، 1,234", "fa-u-nu-latn"},
		{"en-u-nu-latn", "11/5/26, 1,234", "en"},                            // nothing that her people do not do anyway
		{"ckb-u-nu-latn fa", "1405/8/14، 1,234", "fa-u-nu-latn-x-fallback"}, // whose digits she can read stays so
	} {
		doc, result, err := set.Render(templates.Reader{Chain: strings.Fields(c.chain)}, templates.Data{"w": "2026-11-05", "n": 1234})
		doc.Tag = ""
		if err != nil || strings.ReplaceAll(doc.Plain(), "\u200e", "") != c.text || result.Version() != c.version {
			t.Errorf("%s: %q, version %s, %v; want %q, %s", c.chain, doc.Plain(), result.Version(), err, c.text, c.version)
		}
	}
	apart := setOf(t, map[string]string{"en": "---\nsubject: \"{w, date, short}\"\nsms: x\n---\n", "fr": "x\n"})
	for locale, want := range map[string][2]string{"en": {"11/5/26", "fr-x-subject-en-own-short-en-own-fallback"}, "en-GB": {"05/11/2026", "fr-x-subject-en-as-en-gb-own-short-en-as-en-gb-own-fallback"}} {
		doc, result, err := apart.Render(templates.Reader{Chain: []string{locale, "fr"}}, templates.Data{"w": "2026-11-05"})
		if err != nil || doc.Subject != want[0] || result.Version() != want[1] {
			t.Errorf("%s: subject %q, version %s, %v; want %v", locale, doc.Subject, result.Version(), err, want)
		}
	}
	plain := setOf(t, map[string]string{"fa": "{w}\n"})
	if r, err := plain.Choose(templates.Reader{Chain: []string{"fa-u-nu-latn"}}); err != nil || r.Version() != "fa" {
		t.Errorf("a text without numbers has the version %s, %v", r.Version(), err)
	}
}

// TestPlaceholdersAgreeFieldByField does not ask a language for a placeholder of a field that it leaves to others.
func TestPlaceholdersAgreeFieldByField(t *testing.T) {
	setOf(t, map[string]string{"en": "---\nsubject: \"{a}\"\n---\nx\n", "de": "y\n"})
	if _, err := templates.NewSet(map[string]string{"en": "{n, plural, one {{a}} other {#}}\n", "de": "{n}\n"}); err == nil ||
		err.Error() != "de.md: {a} is missing; en has it; use the same placeholders in every language" {
		t.Errorf("got %v", err)
	}
	set := setOf(t, map[string]string{"en": "{n}\n", "de": "{n, number}\n"})
	if err := set.CheckData(templates.Data{"n": "x"}); err == nil || err.Error() != "the value for {n} is no number: write one as in 3 or 2.50" {
		t.Errorf("got %v", err)
	}
}

// BenchmarkPersonalDocument fills in a chosen text for one of many members, with a plural and a date in each field.
func BenchmarkPersonalDocument(b *testing.B) {
	set, err := templates.NewSet(map[string]string{"fa": `---
subject: "{name}"
sms: "{n, plural, one {# گروه} other {# گروه}}"
---

{name}: {n, plural, one {# گروه} other {# گروه}}

{when, date, full}, {when, time, short}
`})
	if err != nil {
		b.Fatal(err)
	}
	reader := berlin
	reader.Chain = []string{"fa"}
	chosen, err := set.Choose(reader)
	if err != nil {
		b.Fatal(err)
	}
	data := templates.Data{"name": "Ana", "n": "1234", "when": "2026-11-05T14:30:00Z"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chosen.Render(reader, data); err != nil {
			b.Fatal(err)
		}
	}
}

// Who lives elsewhere reads another text where an instant is told, or a distance from now; not where an author wrote what
// every clock shows, or a number.
func TestWhereTheZoneHasASay(t *testing.T) {
	for _, one := range []struct {
		text, value string
		want        bool
	}{
		{"{v, date, full}", "2026-11-05T14:00:00Z", true},
		{"{v, time}", "2026-11-05T14:00:00.5+01:00", true},
		{"{v, date}", "2026-11-05T14:00", false},
		{"{v, date}", "2026-11-05T14:00:00", false},
		{"{v, date}", "2026-11-05", false},
		{"{v, relative}", "2026-11-05", true},
		{"{v, relative, day}", "2026-11-05", true},
		{"{v, relative, day}", "-3", false},
		{"{v}", "2026-11-05T14:00:00Z", false}, // as it is written
		{"{v, plural, other {#}}", "3", false},
	} {
		set, err := templates.NewSet(map[string]string{"en": "Now " + one.text})
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Zoned(templates.Data{"v": one.value, "other": "2026-11-05T14:00:00Z"}); got != one.want {
			t.Errorf("%s with %s: %v", one.text, one.value, got)
		}
	}
}
