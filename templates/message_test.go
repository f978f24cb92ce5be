package templates_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates"
)

var berlin = templates.Reader{Zone: zoneOf("Europe/Berlin"), Now: time.Date(2026, 11, 4, 18, 0, 0, 0, time.UTC)}

func zoneOf(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func say(locale, message string, data templates.Data) (string, error) {
	s, err := templates.NewSentence(locale, message)
	if err != nil {
		return "", err
	}
	return s.Render(berlin, data)
}

// TestSentences writes what a translator would write in each format, and reads it as a member does.
func TestSentences(t *testing.T) {
	when := "2026-11-05T14:30:00Z"
	for _, c := range []struct {
		locale, message string
		data            templates.Data
		want            string
	}{
		// Quoting, as ICU has it.
		{"en", "It's, I''m '{x}' '' '}'", nil, "It's, I'm {x} ' }"},
		{"en", "{n, plural, other {'#' # '{#}' {x}}}", templates.Data{"n": 2, "x": "#"}, "# 2 {#} #"},
		{"en", "# {k, select, other {#}}", templates.Data{"k": "a"}, "# #"},
		// Plurals: exact before forms, and # less the offset.
		{"en", "{n, plural, =0 {none} =1 {just one} one {# group} other {# groups}}", templates.Data{"n": 1}, "just one"},
		{"en", "{n, plural, one {# group} =1 {just one} other {# groups}}", templates.Data{"n": 1}, "just one"},
		{"en", "{n, plural, offset:1 =0 {nobody} =1 {{who}} one {{who} and # other} other {{who} and # others}}", templates.Data{"n": 2, "who": "Ana"}, "Ana and 1 other"},
		{"en", "{n,plural,offset:1 other{#}}", templates.Data{"n": "2.50"}, "1.50"},
		{"en", "{n, plural, one {# hour} other {# hours}}", templates.Data{"n": "1.0"}, "1.0 hours"},
		{"en", "{n, plural, =1.5 {one and a half} other {#}}", templates.Data{"n": "1.50"}, "one and a half"},
		{"en", "{n, plural, one {one} other {#}}", templates.Data{"n": -1}, "one"},
		{"ru", "{n, plural, one {# группа} few {# группы} many {# групп} other {# группы}}", templates.Data{"n": 1121}, "1 121 группа"},
		{"ru", "{n, plural, one {# группа} few {# группы} many {# групп} other {# группы}}", templates.Data{"n": "1.5"}, "1,5 группы"},
		{"ar", "{n, plural, zero {لا} one {واحد} two {اثنان} few {# قليل} many {# كثير} other {# آخر}}", templates.Data{"n": 11}, "11 كثير"},
		{"ar-EG", "{n, plural, other {#}}", templates.Data{"n": 1234567}, "١٬٢٣٤٬٥٦٧"},
		{"en", "{n, selectordinal, one {#st} two {#nd} few {#rd} other {#th}}", templates.Data{"n": 22}, "22nd"},
		{"en", "{k, select, report {a report} other {{n, plural, one {one} other {{k}: #}}}}", templates.Data{"k": "alert", "n": 3}, "alert: 3"},
		{"en", "{k, select, true {yes} other {no}}", templates.Data{"k": true}, "yes"},
		{"qu", "{n, plural, one {x} other {#}}", templates.Data{"n": 1234}, "1,234"},                                                       // CLDR knows no forms
		{"cy", "{n, plural, two {dau} few {tri} other {#}}", templates.Data{"n": 3}, "tri"},                                                // nor do we ship it, but its forms are known
		{"sr-Latn", "{n, plural, few {# grupe} other {# grupa}} {w, date, long}", templates.Data{"n": 3, "w": when}, "3 grupe 2026 M11 5"}, // no Cyrillic
		// Numbers.
		{"hi", "{n, number}", templates.Data{"n": 1234567.5}, "12,34,567.5"},
		{"es", "{n, number} {m, number}", templates.Data{"n": 1234, "m": 12345}, "1234 12.345"},
		{"de", "{n, number, integer} {n, number, ::.00} {n, number, ::.##} {n, number, percent}", templates.Data{"n": 0.5}, "1 0,50 0,5 50 %"},
		{"en", "{n, number, compact} {n, number, compact long}", templates.Data{"n": 15400}, "15K 15 thousand"},
		{"fa-u-nu-latn", "{n, number}", templates.Data{"n": 1234}, "1,234"},
		// Dates and times, on the reader's clock.
		{"en-GB", "{w, date, full}, {w, time, short}", templates.Data{"w": when}, "Thursday, 5 November 2026, 15:30"},
		{"en", "{w, date} {w, time}", templates.Data{"w": when}, "Nov 5, 2026 3:30:00 PM"},
		{"de", "{w, time, full}", templates.Data{"w": when}, "15:30:00 Mitteleuropäische Normalzeit"},
		{"fa", "{w, date, long}", templates.Data{"w": when}, "۱۴ آبان ۱۴۰۵"},
		{"fa-u-ca-gregory-nu-latn", "{w, date, long}", templates.Data{"w": when}, "5 نوامبر 2026"},
		{"th", "{w, date, long}", templates.Data{"w": when}, "5 พฤศจิกายน 2569"},
		{"de", "{w, date, short} {w, time, short}", templates.Data{"w": "2026-03-29T02:30"}, "29.03.26 03:30"}, // a time that clocks skip
		{"de", "{w, date, full}", templates.Data{"w": "2026-11-05"}, "Donnerstag, 5. November 2026"},
		{"de", "{w, date, short}", templates.Data{"w": json.Number("1793889000000")}, "05.11.26"},
		{"qu", "{w, date, short}", templates.Data{"w": when}, "2026-11-05"},
		{"en", "{w}", templates.Data{"w": time.Date(2026, 11, 5, 14, 30, 0, 0, time.UTC)}, "11/5/26, 3:30 PM"},
		// Relative times.
		{"en", "{w, relative}", templates.Data{"w": when}, "tomorrow"},
		{"en", "{w, relative, numeric}", templates.Data{"w": when}, "in 1 day"},
		{"en", "{w, relative, hour short}", templates.Data{"w": when}, "in 21 hr."},
		{"en", "{w, relative}", templates.Data{"w": "2026-11-04T20:29:40Z"}, "in 2 hours"},
		{"en", "{w, relative}", templates.Data{"w": "2026-11-04"}, "today"},
		{"de", "{w, relative}", templates.Data{"w": "2026-11-24"}, "in 2 Wochen"},
		{"en", "{w, relative}", templates.Data{"w": "2024-11-03"}, "2 years ago"},
		{"de", "{n, relative, day} {m, relative, week}", templates.Data{"n": 2, "m": -3}, "übermorgen vor 3 Wochen"},
		// Lists.
		{"en", "{l, list}", templates.Data{"l": []string{"Ana", "Bo", "Cy"}}, "Ana, Bo, and Cy"},
		{"es", "{l, list} {m, list, or}", templates.Data{"l": []string{"Ana", "Irene"}, "m": []string{"siete", "ocho"}}, "Ana e Irene siete u ocho"},
		{"de", "{l}", templates.Data{"l": []any{1234.5, "x", true}}, "1.234,5, x und true"},
		{"en", "{l, list, unit}", templates.Data{"l": []string{}}, ""},
		{"en", "{l, list}", templates.Data{"l": "Ana"}, "Ana"},
	} {
		got, err := say(c.locale, c.message, c.data)
		if err != nil || spaces(got) != spaces(c.want) {
			t.Errorf("%s %s: got %q, %v; want %q", c.locale, c.message, got, err, c.want)
		}
	}
}

// spaces makes every space plain, as tests are typed.
func spaces(s string) string { return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s) }

func TestLanguagesAreNamed(t *testing.T) {
	for _, c := range []struct{ of, in, want string }{
		{"de", "de", "Deutsch"}, {"de", "fr", "allemand"}, {"de-AT", "en", "German"}, {"fa", "fa", "فارسی"}, {"zh-TW", "en", "Traditional Chinese"},
		{"qu", "en", ""}, {"x!", "en", ""}, {"de", "sr-Latn", ""},
	} {
		if got := templates.LanguageName(c.of, c.in); got != c.want {
			t.Errorf("%s in %s: got %q, want %q", c.of, c.in, got, c.want)
		}
	}
}

// TestFaultySentences names the place and the repair of what authors get wrong.
func TestFaultySentences(t *testing.T) {
	deep := strings.Repeat("{n, plural, other {", 7) + strings.Repeat("}}", 7)
	for message, want := range map[string]string{
		"{n, plural, one {x}}":                    "message:1:1: the case other is missing; write other {…} as the last case: it is for all that no case is for",
		"a\n  {n, plural, one {x} one {y}}":       "message:2:23: the case one is given twice; keep one of them",
		"{n, plural, som {x} other {y}}":          `message:1:13: "som" is no case here; use =n for a number, or zero, one, two, few, many or other`,
		"{n, plural, =x {x} other {y}}":           `message:1:13: "=x" is no case here; use =n for a number, or zero, one, two, few, many or other`,
		"{k, select, a.b {x} other {y}}":          `message:1:13: "a.b" is no case here; name it by letters, digits, _ and -, as in meeting {…}`,
		"{n, plural, one x other {y}}":            "message:1:13: the case one has no text; write it in braces, as in one {…}",
		"{n, plural, offset:x other {y}}":         "message:1:20: this offset is no whole number from 0 to 1000; write it as in offset:1",
		"{n, plural, offset:9999 other {y}}":      "message:1:20: this offset is no whole number from 0 to 1000; write it as in offset:1",
		"{n, number, ::scientific}":               `message:1:13: number has no style "::scientific"; use integer, percent, compact, compact long, or fraction digits as in ::.00 and ::.##`,
		"{w, relative, fortnight}":                `message:1:15: relative has no style "fortnight"; name a unit (second, minute, hour, day, week, month, year) or none; numeric for in 1 day instead of tomorrow, short for in 1 hr.`,
		"{l, list, xor}":                          `message:1:11: list has no style "xor"; use and, or, or unit`,
		"{l, lists}":                              `message:1:5: there is no format "lists"; use number, date, time, relative, list, plural, selectordinal or select`,
		"{n, plural, other {x}":                   "message:1:1: this { is not closed; write {name}, or quote it: '{'",
		"{n, plural, other {x}} }":                "message:1:24: this } closes nothing; delete it, or quote it: '}'",
		"{n, date, full":                          "message:1:1: this { is not closed; write {name}, or quote it: '{'",
		"{n, date, {x}}":                          "message:1:1: this { is not closed; write {name}, or quote it: '{'",
		"{n, plural":                              "message:1:1: this { is not closed; write {name}, or quote it: '{'",
		"{N, plural, other {{a.b}}}":              "message:1:1: this is no name of a placeholder; use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields\nmessage:1:20: this is no name of a placeholder; use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields",
		"{n, plural, other {'{}}":                 "message:1:1: this { is not closed; write {name}, or quote it: '{'\nmessage:1:20: this quotation is not closed; write ' behind the text that it quotes, or '' for an apostrophe",
		deep:                                      "message:1:115: more than 6 plurals and selects stand in one another; write whole sentences in fewer cases",
		"{n, plural, =1 {a} other {b}} \u202e":    "message:1:31: here is an invisible mark that reorders text (U+202E); delete it; U+200E and U+200F may mark the direction",
		"{n, number, ::.000000000000000000000}":   `message:1:13: number has no style "::.000000000000000000000"; use integer, percent, compact, compact long, or fraction digits as in ::.00 and ::.##`,
		"{n, selectordinal}":                      "message:1:1: selectordinal has no cases; write them behind a comma, as in {count, selectordinal, other {…}}",
		"{n, select, other}":                      "message:1:13: the case other has no text; write it in braces, as in other {…}",
		"{n, plural, zero {} one {} other {}} ''": "",
	} {
		_, err := templates.NewSentence("en", message)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s\n got %s\nwant %s", message, got, want)
		}
	}
}

// TestUnfitValues tells a sender which value cannot be used, before anything is sent.
func TestUnfitValues(t *testing.T) {
	for _, c := range []struct {
		message string
		data    templates.Data
		want    string
	}{
		{"{n, plural, other {#}}", templates.Data{"n": "many"}, "the value for {n} is no number: write one as in 3 or 2.50"},
		{"{n, number}", templates.Data{"n": "1e99"}, "the value for {n} is no number: write one as in 3 or 2.50"},
		{"{n, number}", templates.Data{"n": json.Number("1e400")}, "the value for {n} is a number that is not finite or has more than 40 digits: send it as a text"},
		{"{w, date}", templates.Data{"w": "tomorrow"}, "the value for {w} is no time: write one as in 2026-11-05T14:00:00Z, 2026-11-05T14:00 or 2026-11-05"},
		{"{w, date}", templates.Data{"w": "2026-02-30"}, "the value for {w} is no time: write one as in 2026-11-05T14:00:00Z, 2026-11-05T14:00 or 2026-11-05"},
		{"{w, time}", templates.Data{"w": "2026-11-05"}, "the value for {w} is a day and has no time: write one as in 2026-11-05T14:00"},
		{"{w, relative, day}", templates.Data{"w": "x"}, "the value for {w} is neither a time nor a number: write one as in 2026-11-05T14:00:00Z or -3"},
		{"{n, number}", templates.Data{"n": []string{"1"}}, "the value for {n} is a list: give it a placeholder with the format list"},
		{"{n}", templates.Data{"n": nil}, "the value for {n} is neither a text, a number, a time nor a list: give one of these"},
		{"{n}", templates.Data{"n": map[string]any{}}, "the value for {n} is neither a text, a number, a time nor a list: give one of these"},
		{"{n}", templates.Data{"n": []any{[]any{}}}, "the list for {n} holds more than texts and numbers: give one of these for each item"},
		{"{n}", templates.Data{"n": make([]string, 201)}, "the list for {n} has 201 items: shorten it to 200"},
		{"{n}", templates.Data{"n": []content.Block{content.Text("x")}}, "the value for {n} is no text: put the placeholder on a line of its own, without a format"},
		{"{n}", templates.Data{"n": []string{"a\x00"}}, "the value for {n} holds a control character (U+0000): delete that character"},
		{"{n} {m}", templates.Data{}, "no value for {m}, {n}, which the text needs in en"},
	} {
		if got, err := say("en", c.message, c.data); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %q, %v; want %s", c.message, got, err, c.want)
		}
	}
}

// TestListsStandOnLinesOfTheirOwn puts the events of a week and the sections of a report where their placeholders stand.
func TestListsStandOnLinesOfTheirOwn(t *testing.T) {
	tpl := parse(t, "en", "Hello {name}\n\n{events}\n\n{sections}\n\n{note}\n\nBye\n")
	doc, err := tpl.Render(berlin, templates.Data{
		"name": "Ana", "events": []any{"a **b**", 1234}, "note": "plain",
		"sections": []content.Block{{Kind: content.Heading, Spans: []content.Span{{Text: "North"}}}, content.Text("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := doc.Plain(), "Hello Ana\n\n- a **b**\n- 1,234\n\nNorth\n\nx\n\nplain\n\nBye"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	doc, err = tpl.Render(berlin, templates.Data{"name": "Ana", "events": []string{}, "note": "", "sections": []content.Block(nil)})
	if err != nil || len(doc.Blocks) != 3 {
		t.Errorf("empty lists leave %+v, %v", doc.Blocks, err)
	}
}

// TestOneTextMayNotGrowWithoutBound multiplies values in templates of the largest size and expects a quick refusal.
func TestOneTextMayNotGrowWithoutBound(t *testing.T) {
	start := time.Now()
	big := strings.Repeat("x", 4<<10)
	for name, src := range map[string]string{
		"one paragraph": strings.Repeat("{a}", 10_000),
		"many items":    strings.Repeat("- {a}{a}{a}\n", 390),
		"nested":        strings.Repeat("{n, plural, other {{n, plural, other {{a}{a}}}}}", 600),
		"links":         strings.Repeat("- [x](https://x.example/{a}{a}{a}{a}{a})\n", 390),
	} {
		tpl := parse(t, "en", src)
		_, err := tpl.Render(berlin, templates.Data{"a": big, "n": 5})
		if err == nil || !strings.Contains(err.Error(), "shorten") && !strings.Contains(err.Error(), "leads nowhere") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, unit := range []string{"{n, plural, other {", "{n, select, a", "{n,", "{n, number, ::.", "'{", "{n, plural, =1 {} ", "{n, plural, offset:", "#", "}"} {
		if _, err := templates.NewSentence("en", strings.Repeat(unit, (32<<10)/len(unit))); err == nil && unit != "#" {
			t.Errorf("%q was taken", unit)
		}
	}
	if spent := time.Since(start); spent > 5*time.Second {
		t.Errorf("hostile messages took %v", spent)
	}
}

// FuzzSentence feeds any message, locale and value: it is refused with faults, or is written within bounds.
func FuzzSentence(f *testing.F) {
	for _, message := range []string{
		"{n, plural, offset:1 =0 {x} one {#} other {'#' {x}}}", "{x, select, a {b} other {c}}", "{n, selectordinal, one {#st} other {#th}}",
		"{n, number, ::.0#} {n, number, percent} {n, number, compact long}", "{x, date, full} {x, time, long} {x, relative, day numeric short}", "{l, list, or} {l}", "'{' '' '", "{{x}}",
	} {
		f.Add("fa-u-nu-latn", message, "2026-11-05T14:30", 1234.5)
		f.Add("ar", message, "-12.50", -0.1)
	}
	f.Fuzz(func(t *testing.T, locale, message, text string, n float64) {
		s, err := templates.NewSentence(locale, message)
		if err != nil {
			return
		}
		got, err := s.Render(berlin, templates.Data{"x": text, "n": n, "l": []string{text, text}})
		if err != nil {
			return
		}
		if len(got) > 128<<10 {
			t.Fatalf("%d bytes", len(got))
		}
		if again, err := s.Render(berlin, templates.Data{"x": text, "n": n, "l": []string{text, text}}); again != got || err != nil {
			t.Fatalf("%q, then %q", got, again)
		}
	})
}

// BenchmarkSentence writes a plural and a date in Persian, as for one of many members.
func BenchmarkSentence(b *testing.B) {
	s, err := templates.NewSentence("fa", "{name}: {n, plural, one {# گروه} other {# گروه}}، {when, date, full} {when, time, short}")
	if err != nil {
		b.Fatal(err)
	}
	data := templates.Data{"name": "Ana", "n": "1234", "when": "2026-11-05T14:30:00Z"}
	for b.Loop() {
		if _, err := s.Render(berlin, data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
}
