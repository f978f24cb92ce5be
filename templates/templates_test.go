package templates_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates"
)

func parse(t *testing.T, locale, src string) *templates.Template {
	t.Helper()
	tpl, err := templates.Parse("en.md", locale, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// TestATextBecomesStructure reads a report with everything that a text may hold.
func TestATextBecomesStructure(t *testing.T) {
	tpl := parse(t, "en", `---
subject: "Week {week}"
sms: "{count} people took part."
status: reviewed
---

# Hello {name}

We **all _met_** at `+"`{place}`"+`, see
[the minutes](https://carillon.example/{place}/x) or <mailto:a@carillon.example>.\
It''s '{'here'}' &amp; \*there*.

- one {count}
- two

1. first
2. second

> quoted
> on

> again
`)
	got, err := tpl.Render(templates.Reader{}, templates.Data{"week": "47", "count": "3", "name": "**Ana** <b>", "place": "a b/ü"})
	if err != nil {
		t.Fatal(err)
	}
	want := content.Document{Locale: "en", Direction: content.LeftToRight, Subject: "Week 47", Short: "3 people took part.", Blocks: []content.Block{
		{Kind: content.Heading, Spans: []content.Span{{Text: "Hello **Ana** <b>"}}},
		{Kind: content.Paragraph, Spans: []content.Span{
			{Text: "We "}, {Text: "all ", Strong: true}, {Text: "met", Strong: true, Emph: true}, {Text: " at "}, {Text: "a b/ü", Code: true, Value: true}, {Text: ", see "},
			{Text: "the minutes", Link: "https://carillon.example/a%20b%2F%C3%BC/x"}, {Text: " or "},
			{Text: "mailto:a@carillon.example", Link: "mailto:a@carillon.example"}, {Text: ".\nIt's {here} & *there*."},
		}},
		{Kind: content.Bullets, Items: [][]content.Span{{{Text: "one 3"}}, {{Text: "two"}}}},
		{Kind: content.Numbered, Items: [][]content.Span{{{Text: "first"}}, {{Text: "second"}}}},
		{Kind: content.Quote, Spans: []content.Span{{Text: "quoted on"}}},
		{Kind: content.Quote, Spans: []content.Span{{Text: "again"}}},
	}}
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	if string(g) != string(w) {
		t.Errorf("got %s\nwant %s", g, w)
	}
	if names := tpl.Names(); !slices.Equal(names, []string{"count", "name", "place", "week"}) {
		t.Errorf("placeholders: %v", names)
	}
	if tpl.Status != templates.Reviewed {
		t.Errorf("status: %q", tpl.Status)
	}
}

// TestEveryFaultAtOnce is an author's draft with a mistake a line.
func TestEveryFaultAtOnce(t *testing.T) {
	cases := []struct{ name, src, want string }{
		{"front matter", "---\nsubject: {name}\nsms: \"a\"\nsms: \"b\"\ntitle: x\nstatus: final\n---\nbody\n", `en.md:2:1: subject is not a text; put it between double quotes
en.md:4:1: sms is given twice; keep one of them
en.md:5:1: unknown key title; the keys are subject, sms and status
en.md:6:1: this status does not exist; write draft, or leave it out; that a person has reviewed the text is recorded with carillon template review`},
		{"placeholders", "ü {{name}} {x\n\n{Name} {a.b} {} }\n\n'{x} \\{\n\n{n, money} {n, plural} {d, date, tall}\n\n**{a**}\n", `en.md:1:3: double braces mean nothing here; write {name}, or quote braces: '{{'
en.md:1:12: this { is not closed; write {name}, or quote it: '{'
en.md:3:1: this is no name of a placeholder; use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields
en.md:3:8: this is no name of a placeholder; use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields
en.md:3:14: this placeholder has no name; write {name}, or quote the braces: '{}'
en.md:3:17: this } closes nothing; delete it, or quote it: '}'
en.md:5:1: this quotation is not closed; write ' behind the text that it quotes, or '' for an apostrophe
en.md:5:6: a backslash does not quote a brace; put the brace between apostrophes: '{'
en.md:7:5: there is no format "money"; use number, date, time, relative, list, plural, selectordinal or select
en.md:7:12: plural has no cases; write them behind a comma, as in {count, plural, one {# group} other {# groups}}
en.md:7:34: date has no style "tall"; use short, medium, long or full
en.md:9:3: this { is not closed; close it with } inside the same emphasis or link, or quote it: '{'
en.md:9:7: this } closes nothing; delete it, or quote it: '}'`},
		{"constructs", "<div>\n\na <b>x</b> ![i](https://x.example/i.png)\n\n    code\n\n2. two\n   - nested\n\n[a](javascript:alert) [b](/rel)\n\nx\n\n***\n", `en.md:1:1: HTML is not used here; write Markdown: **strong**, _emphasis_, [text](https://…)
en.md:3:3: HTML is not used here; write Markdown: **strong**, _emphasis_, [text](https://…)
en.md:3:7: HTML is not used here; write Markdown: **strong**, _emphasis_, [text](https://…)
en.md:3:12: images are not sent; describe it in words, or link to it: [text](https://…)
en.md:5:5: blocks of code are not used here; do not indent the line, and write code between ` + "`backticks`" + `
en.md:7:1: a list starts with another number than 1; start it with 1; only then every channel shows the same numbers
en.md:8:4: an item of a list holds more than one paragraph; keep it to one; lists in lists are not shown on every channel
en.md:10:2: this link leads nowhere; write a whole address: https://…, http://…, mailto:… or tel:…
en.md:10:24: this link leads nowhere; write a whole address: https://…, http://…, mailto:… or tel:…
en.md:14:1: rules are not used here; delete the line; an empty line separates paragraphs`},
		{"stars", "我们**{when}**见 **{when}** 见 2\\*\\*3 `a**b`\n", "en.md:1:3: these stars make nothing strong and would be sent as they are; write a space outside of them, as in x **{name}** y, or \\*\\* for stars\nen.md:1:11: these stars make nothing strong and would be sent as they are; write a space outside of them, as in x **{name}** y, or \\*\\* for stars"},
		{"characters", "a\x00b\n\u202eevil\n", "en.md:1:2: here is a control character (U+0000); delete it; U+200E and U+200F may mark the direction\nen.md:2:1: here is an invisible mark that reorders text (U+202E); delete it; U+200E and U+200F may mark the direction"},
		{"nothing", "---\nsubject: \"x\"\n---\n", "en.md: the text is empty; write a body below the front matter, or at least sms"},
		{"open", "---\nsubject: x\n", "en.md:1:1: the front matter is not closed; write a line --- below it"},
		{"values", "---\nsubject: \"Woche {n\"\nsms: 'ü {N}'\n---\n\n{n, plural,\n  one {**a** group}\n  other {b}}\n", "en.md:2:17: this { is not closed; write {name}, or quote it: '{'\nen.md:3:9: this is no name of a placeholder; use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields\nen.md:6:1: this { is not closed; close it with } inside the same emphasis or link, or quote it: '{'\nen.md:7:19: this } closes nothing; delete it, or quote it: '}'\nen.md:8:12: this } closes nothing; delete it, or quote it: '}'"},
		{"escaped header", "---\nsubject: \"a\\r\\nBcc: x\"\n---\nx\n", "en.md:2:1: subject holds a control character or an invisible mark; delete it"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := templates.Parse("en.md", "en", []byte(c.src))
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

// TestValuesAreData puts hostile values in and expects the structure of a plain one (threat T17).
func TestValuesAreData(t *testing.T) {
	tpl := parse(t, "en", "---\nsubject: \"{x}\"\n---\n# {x}\n\n- **{x}** and [{x}](https://carillon.example/?q={x})\n")
	shape := func(v string) (string, error) {
		d, err := tpl.Render(templates.Reader{}, templates.Data{"x": v})
		b, _ := json.Marshal(d)
		quoted, _ := json.Marshal(v)
		inner := string(quoted[1 : len(quoted)-1])
		link := d.Blocks
		if err == nil && strings.ContainsAny(link[1].Items[0][2].Link, " \"<>\n`\\@{}") {
			t.Errorf("%q broke out of the link: %s", v, link[1].Items[0][2].Link)
		}
		if err == nil {
			d.Blocks[1].Items[0][2].Link = ""
			b, _ = json.Marshal(d)
		}
		b = []byte(strings.NewReplacer("\u2068", "", "\u2069", "").Replace(string(b))) // of the subject
		return strings.ReplaceAll(strings.ReplaceAll(string(b), inner, "VALUE"), `,"value":true`, ""), err
	}
	plain, err := shape("Zeta")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"**b** _i_ `c`", "[a](javascript:x)", "<script>alert(1)</script>", "{{.}} {x} '{'", "@channel @all <!here>", "=cmd|' /C calc'!A0",
		"%9999999999d", "](https://evil.example) [", "\u200fعربي", "&lt;&#0;"} {
		if got, err := shape(v); err != nil || got != plain {
			t.Errorf("%q: %v\n got %s\nwant %s", v, err, got, plain)
		}
	}
	for v, want := range map[string]string{
		"a\r\nBcc: b":              "the value for {x} holds a carriage return: delete that character",
		"a\nb":                     "a value in the subject in en has a line break or tab: a subject is one line",
		"a\x1b[2J":                 "the value for {x} holds a control character (U+001B): delete that character",
		"\u202egpj":                "the value for {x} holds an invisible mark that reorders text (U+202E): delete that character",
		"\xff":                     "the value for {x} holds bytes that are not UTF-8: delete that character",
		strings.Repeat("a", 1<<20): "the value for {x} has 1048576 bytes: shorten it to 4096",
	} {
		if _, err := tpl.Render(templates.Reader{}, templates.Data{"x": v}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := parse(t, "en", "[a]({x})\n").Render(templates.Reader{}, templates.Data{"x": "javascript:alert(1)"}); err == nil {
		t.Error("a value made a link that runs a script")
	}
}

// TestHostileTextsAreRefusedSoon feeds the largest texts that the parsers under us take longest for.
func TestHostileTextsAreRefusedSoon(t *testing.T) {
	start := time.Now()
	for _, unit := range []string{"}", "{{", "1. ", "> ", "- ", "[", "**a", "---\n", "[a]: b\n", "`", "![a](b)\n"} {
		_, err := templates.Parse("en.md", "en", []byte(strings.Repeat(unit, (32<<10)/len(unit))))
		if unit != "`" && unit != "[a]: b\n" && err == nil {
			t.Errorf("%q was taken", unit)
		}
	}
	for _, unit := range []string{"a:\n", "a: b\n", "a: |\n  b\n", "a: {", "[", " - x\n"} {
		if _, err := templates.Parse("en.md", "en", []byte("---\n"+strings.Repeat(unit, (31<<10)/len(unit))+"\n---\nx\n")); err == nil {
			t.Errorf("front matter of %q was taken", unit)
		}
	}
	if spent := time.Since(start); spent > 5*time.Second { // without the bounds it is half a minute
		t.Errorf("hostile texts took %v", spent)
	}
}

// TestWhoReadsWhat follows readers along their chains: within a language and its script, and openly beyond.
func TestWhoReadsWhat(t *testing.T) {
	sources := map[string]string{}
	for _, l := range []string{"en", "pt", "ru", "zh-Hans", "sr-Latn", "ar", "fr-CA"} {
		sources[l] = "---\nsms: x\n---\n\nbody\n"
	}
	set, err := templates.NewSet(sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ chain, locale, tag string }{
		{"en", "en", ""},
		{"en-GB", "en", ""},
		{"pt-BR", "pt", ""},
		{"zh-SG", "zh-Hans", ""},
		{"cmn", "zh-Hans", ""},
		{"fr", "fr-CA", ""},
		{"be en", "en", "en"},       // never Russian unasked
		{"be ru en", "ru", "ru"},    // asked for
		{"zh-TW en", "en", "en"},    // never the other script
		{"sr en", "en", "en"},       // sr is Cyrillic
		{"sr-ME en", "sr-Latn", ""}, // written in Latin letters there
		{"uk de ar", "ar", "ar"},
		{"nonsense!! ru", "ru", "ru"},
	} {
		doc, result, err := set.Render(templates.Reader{Chain: strings.Fields(c.chain)}, nil)
		if err != nil || result.Locale != c.locale || doc.Tag != c.tag || result.Fallback != (c.tag != "") {
			t.Errorf("%s: got %+v, tag %q, %v; want %s, tag %q", c.chain, result, doc.Tag, err, c.locale, c.tag)
		}
		if (doc.Direction == content.RightToLeft) != (result.Locale == "ar") {
			t.Errorf("%s: direction %s", result.Locale, doc.Direction)
		}
	}
	if _, _, err := set.Render(templates.Reader{Chain: []string{"be", "zh-Hant"}}, nil); !errors.Is(err, templates.ErrNoLanguage) {
		t.Errorf("want ErrNoLanguage, got %v", err)
	}
}

// TestLanguagesAgree refuses a text whose languages need different values, and a broadcast that brings too few.
func TestLanguagesAgree(t *testing.T) {
	_, err := templates.NewSet(map[string]string{"en": "{a} {b}\n", "de": "{a}\n", "fa-u-nu-latn": "{a} {b}\n", "iw": "{a} {b}\n", "he": "{a} {b}\n", "x!": "a\n"})
	want := `fa-u-nu-latn.md: "fa-u-nu-latn" asks for customs beside the language; name the text after its language alone, as in fa; a member's locale may ask for customs
x!.md: "x!" is no language; write its BCP 47 tag, as in en, pt-BR or zh-Hans
iw.md: the language he is there already; keep one file for it
de.md: {b} is missing; en, he have it; use the same placeholders in every language`
	if got := sortedLines(err); got != sortedLines(errors.New(want)) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	set, err := templates.NewSet(map[string]string{"en": "{a} {b}\n", "de": "{b} {a}\n"})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = set.Render(templates.Reader{Chain: []string{"en"}}, templates.Data{"a": "1"})
	if err == nil || err.Error() != "no value for {b}, which the text needs in de, en" {
		t.Errorf("got %v", err)
	}
}

// TestShippedTexts renders every text that ships in every language: all drafts, in at least five scripts.
func TestShippedTexts(t *testing.T) {
	shipped := templates.Shipped()
	for _, name := range []string{templates.Pointer, templates.EnrolAsk, templates.EnrolAsk + templates.Neutral, templates.Stopped} {
		set, err := templates.Wording(name, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(set.Locales()) < 12 || len(shipped[name]) != len(set.Locales()) {
			t.Errorf("%s has %d languages", name, len(set.Locales()))
		}
		rtl := 0
		for _, l := range set.Locales() {
			doc, _, err := set.Render(templates.Reader{Chain: []string{l}}, templates.Data{"group": "Rivers", "topics": []string{"Reports"}})
			if err != nil || doc.Short == "" || set.Status(l) != templates.Draft {
				t.Errorf("%s in %s: %v, %q, status %q", name, l, err, doc.Short, set.Status(l))
			}
			if doc.Direction == content.RightToLeft {
				rtl++
			}
			if name != templates.EnrolAsk && strings.Contains(doc.Plain()+doc.Short, "Rivers") {
				t.Errorf("%s in %s names the group", name, l)
			}
			if strings.HasPrefix(name, templates.EnrolAsk) && (!strings.Contains(doc.Short, "YES") || !strings.Contains(doc.Short, "STOP")) {
				t.Errorf("%s in %s does not say how to answer", name, l)
			}
		}
		if rtl < 2 {
			t.Errorf("%s: %d right-to-left languages", name, rtl)
		}
	}
	set, err := templates.Wording(templates.Stopped, map[string]string{"en": "Bye, START to return.\n"})
	if err != nil {
		t.Fatal(err)
	}
	if doc, _, _ := set.Render(templates.Reader{Chain: []string{"en"}}, nil); doc.Plain() != "Bye, START to return." {
		t.Errorf("a group's own words were not used: %q", doc.Plain())
	}
}

// FuzzParse feeds any text: it is refused with faults, or renders to the same structure whatever the values.
func FuzzParse(f *testing.F) {
	f.Add("---\nsubject: \"{a}\"\nsms: b\n---\n# x {b}\n\n- [y](https://z.example/{c}) <tel:1> &amp; \\* `k`\n", "**v**")
	f.Add("> > > >\n>\n", "x")
	f.Add("{{.}} '{' }", "\u202e")
	f.Add("---\n\t---\n---\n", "a\nb")
	f.Add("**{n, plural, offset:1 =0 {a} one {b #} other {'#'}}** {d, date, full}\n\n{l}\n\n- {k, select, a {_x_} other {y}}\n", "2026-11-05")
	f.Add("[a]: /x\n\n[a] ![a] <b>", "{")
	f.Fuzz(func(t *testing.T, src, value string) {
		tpl, err := templates.Parse("en.md", "en", []byte(src))
		if err != nil {
			var faults templates.Faults
			if !errors.As(err, &faults) || len(faults) == 0 || strings.Count(err.Error(), "\n") != len(faults)-1 {
				t.Fatalf("not a list of faults: %q", err)
			}
			return
		}
		render := func(v string) (content.Document, error) {
			data := templates.Data{}
			for _, name := range tpl.Names() {
				data[name] = v
			}
			return tpl.Render(templates.Reader{Now: time.Unix(1e9, 0)}, data)
		}
		doc, err := render(value)
		if err != nil {
			return
		}
		plain, err := render("https://x.example")
		if err != nil {
			return
		}
		if len(doc.Blocks) != len(plain.Blocks) || strings.ContainsAny(doc.Subject, "\r\n") || !utf8.ValidString(doc.Plain()) {
			t.Fatalf("a value changed the structure: %+v", doc)
		}
	})
}

func sortedLines(err error) string {
	if err == nil {
		return ""
	}
	lines := strings.Split(err.Error(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
