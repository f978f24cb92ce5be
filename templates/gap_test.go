package templates_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/templates"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// TestFormsThatALanguageKnowsAreMissed asks every language for the forms that its texts lack.
func TestFormsThatALanguageKnowsAreMissed(t *testing.T) {
	for _, c := range []struct{ locale, message, want string }{
		{"en", "{n, plural, one {# group} other {# groups}}", ""},
		{"en", "{n, plural, other {groups: #}}", "one: 1"},
		{"en", "{n, plural, =1 {a group} other {# groups}}", ""},
		{"en", "{n, plural, offset:1 =2 {you and another} other {you and # others}}", ""},
		{"en", "{n, plural, offset:1 =1 {you} other {you and # others}}", "one: 1"},
		{"en", "{n, selectordinal, one {#st} two {#nd} other {#th}}", "few: 3, 23, 33"},
		{"en", "{kind, select, meeting {{n, plural, other {#}}} other {}}", "one: 1"},
		{"ru", "{n, plural, one {#} many {#} other {#}}", "few: 2, 3, 4"},
		{"ru", "{n, plural, =2 {two} =3 {three} =4 {four} one {#} many {#} other {#}}", "few: 22, 23, 24"},
		{"ar", "{n, plural, =0 {} =1 {} =2 {} few {#} many {#} other {#}}", ""},
		{"ar", "{n, plural, =0 {} one {} two {} many {#} other {#}}", "few: 3, 4, 5"},
		{"fr", "{n, plural, one {#} other {#}}", ""}, // many is for whole millions only
		{"fr", "{n, plural, =0 {} =1 {} other {#}}", "one: 0.1, 0.2, 0.3"},
		{"es", "{n, plural, one {#} other {#}}", ""},
		{"pt-BR", "{n, plural, one {#} other {#}}", ""},
		{"it", "{n, selectordinal, other {#}}", "many: 8, 11, 80"},
		{"cs", "{n, plural, one {#} few {#} other {#}}", "many: 0.0, 0.1, 0.2"},
		{"zh-Hans", "{n, plural, other {#}}", ""},
		{"cy", "{n, plural, zero {} one {} two {} few {} other {#}}", "many: 6, 6.0, 6.00"}, // no dates of its own, but forms
		{"tlh", "{n, plural, other {#}}", ""},                                               // unknown to CLDR
	} {
		tpl, err := templates.NewSet(map[string]string{c.locale: "---\nsms: \"" + c.message + "\"\n---\n"})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, gap := range tpl.Gaps() {
			_, examples, _ := strings.Cut(gap.What, "as in ")
			got += fmt.Sprintf("%s: %s", gap.Form, examples)
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.locale, c.message, got, c.want)
		}
	}
}

// TestAGapSaysWhereAndHowToMendIt finds one in a subject and one in the body, and none is a fault.
func TestAGapSaysWhereAndHowToMendIt(t *testing.T) {
	set, err := templates.NewSet(map[string]string{
		"en": "---\nsubject: \"{n, plural, one {# group} other {# groups}}\"\n---\n{n}\n",
		"ru": "---\nsubject: \"Итог: {n, plural, one {# группа} many {# групп} other {# группы}}\"\n---\n\nВстреч: **{n, plural, one {#} few {#} other {#}}**\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, gap := range set.Gaps() {
		got = append(got, gap.Error())
	}
	want := []string{
		"ru.md:2:17: {n}: the form few is missing, as in 2, 3, 4; write the case few {…} before other",
		"ru.md:5:11: {n}: the form many is missing, as in 0, 5, 6; write the case many {…} before other",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	doc, _, err := set.Render(templates.Reader{Chain: []string{"ru"}}, templates.Data{"n": 3})
	if err != nil || doc.Subject != "Итог: 3 группы" {
		t.Errorf("other stands in: %q, %v", doc.Subject, err)
	}
}

// TestWhatAReaderLacksFollowsHerChannel reads one text by text message and by mail.
func TestWhatAReaderLacksFollowsHerChannel(t *testing.T) {
	set, err := templates.NewSet(map[string]string{
		"en": "---\nsubject: \"{n}\"\nsms: \"{n, plural, one {a} other {b}}\"\n---\n{n}\n",
		"fr": "---\nsms: \"{n}\"\n---\n{n, plural, other {#}}\n",
		"tr": "---\nsms: \"{n, plural, other {#}}\"\n---\n",
		"sw": "---\nsubject: \"{n}\"\n---\n{n}\n",
		"de": "---\nsubject: \"{n, plural, other {#}}\"\n---\n{n}\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		chain, sms, mail string
	}{
		{"en", "", ""},
		{"fr en", "", "[en] one"},         // the subject is English, and the body has no singular
		{"fr", "", "[] one"},              // there is no subject
		{"tr en", "one", "[en]"},          // subject and body are English
		{"sw en", "", ""},                 // her text message follows from the body
		{"de en", "one", "one"},           // her text message shows the subject
		{"fa en", "[en]", "[en]"},         // nothing is Persian
		{"fa tr", "[tr] one", "[tr] one"}, // for mails too there is only the text message
	} {
		result, err := set.Choose(templates.Reader{Chain: strings.Fields(c.chain)})
		if err != nil {
			t.Fatal(err)
		}
		for textMessage, want := range map[bool]string{true: c.sms, false: c.mail} {
			s := result.Shortfall(textMessage)
			var got []string
			if s.Foreign {
				got = append(got, "["+s.Gets+"]")
			}
			for _, gap := range s.Gaps {
				got = append(got, gap.Form)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s, by text message %v: got %q, want %q", c.chain, textMessage, got, want)
			}
		}
	}
}

// TestALanguageWithoutAPlaceholderIsLeftOut takes a text whose Spanish forgot a number: strictly it is refused, loosely its
// readers get English.
func TestALanguageWithoutAPlaceholderIsLeftOut(t *testing.T) {
	sources := map[string]string{"en": "{n} groups met.\n", "es": "Se reunieron grupos.\n", "fr": "{n, plural, one {#} other {#}}\n"}
	var faults templates.Faults
	if _, err := templates.NewSet(sources); !errors.As(err, &faults) || len(faults) != 1 {
		t.Fatal(err)
	}
	set, err := templates.NewLooseSet(sources)
	if err != nil {
		t.Fatal(err)
	}
	gaps := set.Gaps()
	if len(gaps) != 1 || gaps[0].Fault != faults[0] || gaps[0].Locale != "es" || gaps[0].Placeholder != "n" {
		t.Errorf("%+v", gaps)
	}
	if left := set.LeftOut("es-MX"); !slices.Equal(left, gaps) {
		t.Errorf("a Mexican reader: %+v", left)
	}
	if left := append(set.LeftOut("fr"), set.LeftOut("qu")...); left != nil {
		t.Errorf("readers of others: %+v", left)
	}
	result, err := set.Choose(templates.Reader{Chain: []string{"es", "en"}})
	if err != nil || result.Locale != "en" || !result.Fallback {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := templates.NewLooseSet(map[string]string{"en": "{a}\n", "es": "{b}\n"}); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("when every language lacks one: %v", err)
	}
	if _, err := templates.NewLooseSet(map[string]string{"en": "{n\n"}); !errors.As(err, &faults) {
		t.Errorf("faults stay faults: %v", err)
	}
}

// TestAPlaceholderIsMissedInEachField takes a text whose Russian forgot the time in the text message, but not in the body:
// whoever reads it by text message is concerned, and with the fallback it is sent in Russian all the same.
func TestAPlaceholderIsMissedInEachField(t *testing.T) {
	sources := map[string]string{
		"en": "---\nsms: \"At {when}. {n, plural, one {#} other {#s}}\"\n---\nAt {when}.\n",
		"ru": "---\nsms: \"{n, plural, one {#} many {#} other {#}}\"\n---\nВ {when}.\n",
		"sw": "Saa {when}.\n", // has no text message, so nothing is missing in it
	}
	strict, err := templates.NewSet(sources)
	if err != nil {
		t.Fatal(err)
	}
	loose, err := templates.NewLooseSet(sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []*templates.Set{strict, loose} {
		var got []string
		for _, gap := range set.Gaps() {
			got = append(got, gap.Error())
		}
		want := []string{
			"ru.md: {when} is missing in the sms; en has it; use the same placeholders in every language",
			"ru.md:2:7: {n}: the form few is missing, as in 2, 3, 4; write the case few {…} before other",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		r, err := set.Choose(templates.Reader{Chain: []string{"ru"}})
		if err != nil || r.Locale != "ru" || set.LeftOut("ru") != nil {
			t.Errorf("%+v, %v", r, err)
		}
		if sms, mail := r.Shortfall(true), r.Shortfall(false); len(sms.Gaps) != 2 || len(mail.Gaps) != 0 {
			t.Errorf("by text message %+v, by mail %+v", sms, mail)
		}
	}
	sources["ru"] = "---\nsms: \"{n, plural, one {#} many {#} other {#}}\"\n---\nВ.\n"
	if loose, err = templates.NewLooseSet(sources); err != nil {
		t.Fatal(err)
	}
	if left := loose.LeftOut("ru"); len(left) != 2 || left[0].Placeholder != "when" || left[1].Form != "few" {
		t.Errorf("a language that is left out lacks %+v", left)
	}
}

// TestNothingIsMissingInShippedTexts keeps the catalogue and the palette free of gaps.
func TestNothingIsMissingInShippedTexts(t *testing.T) {
	for name, texts := range sources() {
		set, err := templates.NewSet(texts)
		if err != nil {
			t.Fatal(err)
		}
		for _, gap := range set.Gaps() {
			t.Errorf("%s: %v", name, gap)
		}
	}
}

// TestEveryFormHasSamplesThatTakeIt holds the forms that are asked for against the rules, in every language.
func TestEveryFormHasSamplesThatTakeIt(t *testing.T) {
	forms := 0
	for _, name := range cldr.Names() {
		l := cldr.Get(name)
		for _, ordinal := range []bool{false, true} {
			asked := map[cldr.Category]bool{}
			for _, form := range l.Forms(ordinal) {
				asked[form.Category] = true
				forms++
				for _, s := range form.Samples {
					got := l.Plural(&s.Value)
					if ordinal {
						got = l.Ordinal(&s.Value)
					}
					if got != form.Category || len(form.Samples) == 0 {
						t.Errorf("%s: %s takes %s, not %s", name, s.Text, got, form.Category)
					}
				}
			}
			for _, c := range l.Categories(ordinal) {
				million := map[string]bool{"ca": true, "es": true, "es-MX": true, "fr": true, "fr-CA": true, "it": true, "pt-BR": true, "pt-PT": true}[name] && c == cldr.Many && !ordinal
				if c != cldr.Other && asked[c] == million {
					t.Errorf("%s: %s is asked for: %v", name, c, asked[c])
				}
			}
		}
	}
	if forms < 119 {
		t.Errorf("only %d forms", forms)
	}
}
