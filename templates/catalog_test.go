package templates_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

var update = flag.Bool("update", false, "write docs/words/segments.md anew")

// locales of the shipped texts, in the order of the table.
var locales = []string{"en", "de", "fr", "es", "pt-BR", "sw", "tr", "ru", "uk", "ar", "fa", "hi", "zh-Hans", "my"}

// latin are those that can mostly be written in GSM-7; in Turkish hardly a sentence can.
var latin = []string{"en", "de", "fr", "es", "pt-BR", "sw"}

// pieces are texts that code builds into others; they never leave as a text message of their own.
var pieces = []string{"report-section", "report-entry", "report-silent", "report-figure", "report-indicator", "report-alerts", "event-neutral", "calendar-neutral", "duty-entry", "duty-nobody"}

// sources gives every text that ships: the catalogue, and the palette under palette/TOPIC.
var sources = sync.OnceValue(func() map[string]map[string]string {
	all := templates.Shipped()
	for topic, talks := range templates.Palette() {
		name := "palette/" + topic
		all[name] = map[string]string{}
		for locale, talk := range talks {
			all[name][locale] = talk.Source
		}
	}
	return all
})

// samples gives typical values in a language.
func samples(t *testing.T, locale string) templates.Data {
	t.Helper()
	return templates.Sample(locale)
}

// needed leaves of the values those that a text has placeholders for.
func needed(set *templates.Set, d templates.Data) templates.Data {
	d = maps.Clone(d)
	maps.DeleteFunc(d, func(name string, _ any) bool { return !slices.Contains(set.Names(), name) })
	return d
}

func rendered(t *testing.T, locale, name string, d templates.Data) content.Document {
	t.Helper()
	set, err := templates.NewSet(map[string]string{locale: sources()[name][locale]})
	if err != nil {
		t.Fatal(err)
	}
	doc, _, err := set.Render(templates.Reader{Chain: []string{locale}}, needed(set, d))
	if err != nil {
		t.Fatalf("%s in %s: %v", name, locale, err)
	}
	return doc
}

// TestShippedTextsAreComplete reads every text of the catalogue and the palette in every language: with the same
// placeholders, a form for text messages, composed characters, and all drafts.
func TestShippedTextsAreComplete(t *testing.T) {
	for name, texts := range sources() {
		set, err := templates.NewSet(texts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, slices.Sorted(slices.Values(locales))) {
			t.Errorf("%s is in %v", name, got)
		}
		for locale, source := range texts {
			front, body, _ := strings.Cut(strings.TrimPrefix(source, "---\n"), "\n---\n")
			if set.Status(locale) != templates.Draft {
				t.Errorf("%s in %s is %q: a text ships as a draft", name, locale, set.Status(locale))
			}
			if !slices.Contains(pieces, name) && !strings.Contains(front, "\nsms: ") || strings.TrimSpace(body) == "" {
				t.Errorf("%s in %s lacks the form for text messages, or the body", name, locale)
			}
			if strings.Contains(front, "subject: ") != strings.Contains(texts["en"], "\nsubject: ") {
				t.Errorf("%s in %s: some languages have a subject, others do not", name, locale)
			}
			if !norm.NFC.IsNormalString(source) {
				t.Errorf("%s in %s is not in normal form C", name, locale)
			}
		}
	}
	for topic, talks := range templates.Palette() {
		for locale, talk := range talks {
			if talk.Topic == "" || len(talk.Notes) < 2 || len(talk.Notes) != len(talks["en"].Notes) {
				t.Errorf("palette/%s in %s: topic %q, %d notes", topic, locale, talk.Topic, len(talk.Notes))
			}
		}
	}
}

// TestShippedTextsRender fills every text with typical values, those of events also without an hour, and of alerts also
// with danger to life: nothing is left of the braces, and no sign or space stands twice.
func TestShippedTextsRender(t *testing.T) {
	twice := regexp.MustCompile(`\. ?\.|[。।။] ?[。।။]|[,،，၊] ?[,،，၊]|  `)
	for _, locale := range locales {
		d := samples(t, locale)
		other := maps.Clone(d)
		other["all_day"], other["danger"], other["way"], other["kind"], other["pause"] = true, "life", "contact", "own", "open"
		for name := range sources() {
			for _, d := range []templates.Data{d, other} {
				doc := rendered(t, locale, name, d)
				s := doc.Subject + "\n" + doc.Short + "\n" + doc.Plain()
				if m := twice.FindString(s); strings.ContainsAny(s, "{}") || m != "" {
					t.Errorf("%s in %s has a brace, or %q: %q", name, locale, m, s)
				}
			}
		}
	}
}

// TestShippedPluralsAreComplete wants a case for every form that CLDR knows in the language.
func TestShippedPluralsAreComplete(t *testing.T) {
	plural := regexp.MustCompile(`\{\w+, plural, ((?:\w+ \{(?:[^{}]|\{[^{}]*\})*\} ?)+)\}`)
	arm := regexp.MustCompile(`(\w+) \{(?:[^{}]|\{[^{}]*\})*\}`)
	found := 0
	for name, texts := range sources() {
		for locale, source := range texts {
			l := cldr.Get(locale)
			var want []string
			for _, c := range l.Categories(false) {
				want = append(want, c.String())
			}
			slices.Sort(want)
			if n := strings.Count(source, ", plural,"); n != len(plural.FindAllString(source, -1)) {
				t.Errorf("%s in %s: this test cannot read a plural", name, locale)
			}
			for _, m := range plural.FindAllStringSubmatch(source, -1) {
				var got []string
				for _, a := range arm.FindAllStringSubmatch(m[1], -1) {
					got = append(got, a[1])
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("%s in %s: a plural has %v, the language has %v", name, locale, got, want)
				}
				found++
			}
		}
	}
	if found < 7*len(locales) {
		t.Errorf("only %d plurals were found", found)
	}
}

// TestShippedKeywords wants the same words to send in every language (requirement 86), and only those that are
// understood or that part 6 brings.
func TestShippedKeywords(t *testing.T) {
	word := regexp.MustCompile(`\b[A-Z]{3,}\b`)
	known := []string{"HELP", "LANG", "START", "STOP", "YES"}
	words := func(source string) []string {
		_, body, _ := strings.Cut(source, "\n---\n")
		var out []string
		for _, w := range word.FindAllString(body, -1) {
			if slices.Contains(known, w) && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		slices.Sort(out)
		return out
	}
	for name, texts := range sources() {
		want := words(texts["en"])
		for locale, source := range texts {
			if got := words(source); !slices.Equal(got, want) {
				t.Errorf("%s in %s names %v, in English %v", name, locale, got, want)
			}
		}
	}
}

// TestAnAlertAsksForTheLegalContact refuses an alert without one, and with an empty one.
func TestAnAlertAsksForTheLegalContact(t *testing.T) {
	set, err := templates.NewSet(templates.ShippedText("alert"))
	if err != nil {
		t.Fatal(err)
	}
	d := needed(set, templates.Sample("en"))
	d["legal"] = " "
	if err := set.CheckData(d); err == nil || !strings.HasPrefix(err.Error(), "the value for {legal} is empty: ") {
		t.Errorf("an empty one: %v", err)
	}
	delete(d, "legal")
	if err := set.CheckData(d); err == nil || !strings.HasPrefix(err.Error(), "no value for {legal}, ") {
		t.Errorf("none: %v", err)
	}
}

// TestAlertsSayFirstWhatToDo holds the rules for the words of alerts: the action comes first, the legal contact is there,
// a drill shows at both ends, and what is over is called over in the subject and the text.
func TestAlertsSayFirstWhatToDo(t *testing.T) {
	for _, locale := range locales {
		d := samples(t, locale)
		do, legal := d["do"].(string), d["legal"].(string)
		alert, later := rendered(t, locale, "alert", d), rendered(t, locale, "update", d)
		if !strings.HasPrefix(alert.Short, do) || !strings.HasPrefix(alert.Blocks[0].Plain(), do) {
			t.Errorf("in %s an alert begins with %q", locale, alert.Short)
		}
		if !strings.Contains(later.Short[:strings.Index(later.Short, d["what"].(string))], do) {
			t.Errorf("in %s an update does not say first what to do: %q", locale, later.Short)
		}
		over := rendered(t, locale, "all-clear", d)
		for _, doc := range []content.Document{alert, later, over} {
			if !strings.Contains(doc.Short, legal) || !strings.Contains(doc.Plain(), legal) {
				t.Errorf("in %s the legal contact is missing: %q", locale, doc.Short)
			}
		}
		life := maps.Clone(d)
		life["danger"] = "life"
		if a := rendered(t, locale, "alert", life); a.Subject == alert.Subject || a.Plain() == alert.Plain() {
			t.Errorf("in %s danger to life reads like any alert", locale)
		}
		first := func(s string) string { // its first word
			return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '\u200c' })[0]
		}
		prefix, suffix := rendered(t, locale, "exercise-prefix", d), rendered(t, locale, "exercise-suffix", d)
		if first(prefix.Short) != first(suffix.Short) {
			t.Errorf("in %s a drill is called %q before and %q behind", locale, first(prefix.Short), first(suffix.Short))
		}
	}
}

// TestNeutralTextsNameNobody: they have no placeholder that could (threat T10), and each text that goes to a member by
// name of her group has one beside it.
func TestNeutralTextsNameNobody(t *testing.T) {
	for name, texts := range templates.Shipped() {
		toOwners := strings.HasPrefix(name, "spend-") || slices.Contains(pieces, name)
		if strings.Contains(texts["en"], "{group}") && !toOwners && len(templates.ShippedText(name+templates.Neutral)) == 0 {
			t.Errorf("%s names the group and has no neutral form", name)
		}
		if !strings.HasSuffix(name, templates.Neutral) && name != templates.Pointer {
			continue
		}
		for locale, source := range texts {
			if strings.Contains(source, "{") || strings.Contains(source, "subject:") {
				t.Errorf("%s in %s has a placeholder or a subject", name, locale)
			}
		}
	}
}

// TestScriptsAreSound: in right-to-left texts a mark keeps the plus of a telephone number on its left, and Burmese is
// Unicode: the vowel sign E follows its consonant, which in Zawgyi it goes before.
func TestScriptsAreSound(t *testing.T) {
	bare := regexp.MustCompile(`[^\x{200E}]\{(?:legal|contact|medic)\}`)
	zawgyi := regexp.MustCompile(`(?:^|[^\x{1000}-\x{1021}\x{1025}\x{1029}\x{103B}-\x{103E}\x{1039}])\x{1031}|[\x{1060}-\x{1097}]`)
	for name, texts := range sources() {
		for _, locale := range []string{"ar", "fa"} {
			if m := bare.FindString(texts[locale]); m != "" {
				t.Errorf("%s in %s: write U+200E before the placeholder in %q", name, locale, m)
			}
		}
		if m := zawgyi.FindString(texts["my"]); m != "" {
			t.Errorf("%s in my is not Unicode: %q", name, m)
		}
	}
}

// TestSegments keeps docs/words/segments.md true: what each text message takes with the values of samples.json.
func TestSegments(t *testing.T) {
	all := sources()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(n string) bool { return slices.Contains(pieces, n) })
	var b, rows strings.Builder
	ones := make([]int, len(locales))
	data := make([]templates.Data, len(locales))
	for i, locale := range locales {
		data[i] = samples(t, locale)
		data[i][templates.Name] = templates.Nameless // no shipped text calls anybody by name in a text message
	}
	var forced []string
	row := func(title string, names ...string) {
		fmt.Fprintf(&rows, "| %s |", title)
		for i, locale := range locales {
			texts := make([]string, len(names))
			for j, name := range names {
				texts[j] = compose.TextMessage(rendered(t, locale, name, data[i]))
			}
			encoding, units, segments, letters := compose.Count(strings.Join(texts, " "))
			mark := ""
			if encoding == compose.UCS2 {
				mark = "u"
				if slices.Contains(latin, locale) && len(names) == 1 {
					forced = append(forced, fmt.Sprintf("%s in %s (%s)", title, locale, strings.Join(letters, " ")))
				}
			}
			if len(names) == 1 && segments == 1 {
				ones[i]++
			}
			fmt.Fprintf(&rows, " %d (%d%s) |", segments, units, mark)
		}
		rows.WriteString("\n")
	}
	for _, name := range names {
		row(name, name)
	}
	row("an alert as a drill", "exercise-prefix", "alert", "exercise-suffix")
	row("an alert that asks for a reply", "alert", "ack-request")
	row("an alert at the last resort", "alert", "ack-nobody", "ack-request")
	b.WriteString("# Segments of the shipped texts\n\nWritten by `go test ./templates -run TestSegments -update`; the same test fails when it is out of date. Each text message is filled in with the values of `templates/samples.json`, composed as the SMS channel does it and counted: segments, and units in brackets, with *u* where the text needs UCS-2 (70 units in one segment, else 67 in each) instead of GSM-7 (160, else 153). National shift tables are not used. Longer values take more.\n\n| text |")
	for _, locale := range locales {
		fmt.Fprintf(&b, " %s |", locale)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(locales)) + "\n" + rows.String())
	fmt.Fprintf(&b, "| **in one segment, of %d** |", len(names))
	for _, n := range ones {
		fmt.Fprintf(&b, " **%d** |", n)
	}
	fmt.Fprintf(&b, "\n\nIn languages that GSM-7 can write, these need UCS-2, for the letters in brackets: %s.\n", strings.Join(forced, ", "))
	path := filepath.Join("..", "docs", "words", "segments.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != b.String() {
		t.Errorf("%s is out of date (%v): go test ./templates -run TestSegments -update", path, err)
	}
}

// TestAPauseIsTold writes what readers of a series get, from the values that the gateway gives.
func TestAPauseIsTold(t *testing.T) {
	set, err := templates.NewSet(templates.ShippedText("series-paused"))
	if err != nil {
		t.Fatal(err)
	}
	for pause, want := range map[string]string{"until": "Harbour report: no reports until 7 January 2027.", "open": "Harbour report: no reports until further notice."} {
		data := templates.Text(map[string]string{"series": "Harbour report", "pause": pause, "until": "2027-01-07"})
		if err := set.CheckData(data); err != nil {
			t.Error(err)
		}
		doc, _, err := set.Render(templates.Reader{Chain: []string{"en-GB"}}, data)
		if err != nil || doc.Short != want {
			t.Errorf("%q, %v, want %q", doc.Short, err, want)
		}
	}
}

// Whoever writes LANG alone, to see what there is, gets the same text as she who names a language that we lack: it denies nothing.
func TestTheListOfLanguagesDeniesNothing(t *testing.T) {
	for locale, denial := range map[string]string{"en": "do not have", "de": "nicht", "es": "No tenemos", "fr": "pas", "zh-Hans": "没有", "ar": "غير", "sw": "hatuna", "pt-BR": "Não"} {
		if text := templates.ShippedText(templates.LanguageUnknown)[locale]; text == "" || strings.Contains(text, denial) {
			t.Errorf("%s: %s", locale, text)
		}
	}
}
