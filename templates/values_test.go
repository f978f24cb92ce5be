package templates_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates"
)

// TestHostileValuesLeaveTheDocumentAlone puts every text of the corpus that all channels are held against into a document,
// and finds its blocks and spans as with a plain one, the values marked. What is refused is refused with its name.
func TestHostileValuesLeaveTheDocumentAlone(t *testing.T) {
	tpl := parse(t, "en", "---\nsubject: \"About {x}\"\nsms: \"Dear {x}\"\n---\n# {x}\n\nDear {x}, we **{x}** met _{x}_, see [{x}](https://carillon.example/) and `a {x}`.\n\n- {x}\n- and {x}\n\n> {x}\n")
	render := func(name string) (content.Document, error) {
		return tpl.Render(templates.Reader{}, templates.Data{"x": name})
	}
	merged := func(spans []content.Span, name string) string {
		var b strings.Builder
		style := ""
		for _, s := range spans {
			if strings.ContainsAny(s.Text, "@/") != s.Value {
				t.Errorf("%q in %q: marked as a value: %v", name, s.Text, s.Value)
			}
			if now := fmt.Sprint(s.Strong, s.Emph, s.Code, s.Link); now != style {
				b.WriteString("|" + now + "|")
				style = now
			}
			b.WriteString(s.Text)
		}
		return b.String()
	}
	shape := func(name string) (string, error) {
		d, err := render(name)
		var b strings.Builder
		b.WriteString(d.Subject + "\n" + d.Short)
		for _, block := range d.Blocks {
			b.WriteString("\n" + string(block.Kind) + merged(block.Spans, name))
			for _, item := range block.Items {
				b.WriteString("\n* " + merged(item, name))
			}
		}
		return b.String(), err
	}
	plain, err := shape("Zeta")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, name := range channeltest.Hostile() {
		if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Hebrew, r) || unicode.Is(unicode.Arabic, r) }) {
			continue // those are values apart too, for another reason
		}
		got, err := shape(name)
		switch {
		case err != nil && !strings.Contains(err.Error(), "{x}") && !strings.Contains(err.Error(), "subject"):
			t.Errorf("%q is refused with %v", name, err)
		case err == nil && got != strings.ReplaceAll(plain, "Zeta", name):
			t.Errorf("%q:\n%s\nwant\n%s", name, got, strings.ReplaceAll(plain, "Zeta", name))
		case err == nil:
			taken++
		}
	}
	if taken < 80 {
		t.Errorf("only %d names are taken", taken)
	}
	for _, name := range channeltest.Endless() {
		if _, err := render(name); err == nil || !strings.Contains(err.Error(), "{x}") {
			t.Errorf("a megabyte of %.6q: %v", name, err)
		}
	}
}

// TestValuesOfTheOtherDirectionStandApart: a channel isolates them.
func TestValuesOfTheOtherDirectionStandApart(t *testing.T) {
	for _, c := range []struct {
		locale, value string
		apart         bool
	}{
		{"en", "Ana", false}, {"en", "12", false}, {"en", "ליאת", true}, {"en", "+49 30", false}, {"ar", "علي", false}, {"ar", "Ana", true}, {"ar", "علي Ana", true}, {"ar", "12", false},
		{"ar", "+49 30", true}, {"en", "@all", true}, {"en", "x/y", true}, {"fa", "۱۲", false},
	} {
		d, err := parse(t, c.locale, "x {v} y").Render(templates.Reader{}, templates.Data{"v": c.value})
		if err != nil {
			t.Fatal(err)
		}
		apart := len(d.Blocks[0].Spans) == 3 && d.Blocks[0].Spans[1] == content.Span{Text: c.value, Value: true}
		if apart != c.apart || !apart && len(d.Blocks[0].Spans) != 1 {
			t.Errorf("%s in %s: %+v", c.value, c.locale, d.Blocks[0].Spans)
		}
	}
	d, err := parse(t, "en", "x {v, list} y {v} z").Render(templates.Reader{}, templates.Data{"v": []string{"a", "@all"}})
	if err != nil || len(d.Blocks[0].Spans) != 5 || d.Blocks[0].Spans[1].Text != "a and @all" || !d.Blocks[0].Spans[3].Value {
		t.Errorf("a list: %+v, %v", d.Blocks[0].Spans, err)
	}
	if d, err = parse(t, "en", "ask @{v}").Render(templates.Reader{}, templates.Data{"v": "channel"}); err != nil || len(d.Blocks[0].Spans) != 2 {
		t.Errorf("behind an @: %+v, %v", d.Blocks[0].Spans, err)
	}
}

// TestASubjectIsolatesValuesOfTheOtherDirection: a subject has no spans, so marks stand around them; a text message that is
// made of it has none.
func TestASubjectIsolatesValuesOfTheOtherDirection(t *testing.T) {
	for _, c := range []struct{ locale, value, want string }{
		{"en", "ליאת", "About \u2068ליאת\u2069 (\u2068ליאת\u2069)"}, {"en", "Ana", "About Ana (Ana)"}, {"en", "@all", "About @all (@all)"}, {"ar", "Ana", "About \u2068Ana\u2069 (\u2068Ana\u2069)"}, {"ar", "علي", "About علي (علي)"},
	} {
		d, err := parse(t, c.locale, "---\nsubject: \"About {v} ({v})\"\n---\nx").Render(templates.Reader{}, templates.Data{"v": c.value})
		if err != nil || d.Subject != c.want {
			t.Errorf("%s in %s: %q, %v", c.value, c.locale, d.Subject, err)
		}
		if text := compose.TextMessage(d); strings.ContainsAny(text, "\u2068\u2069") {
			t.Errorf("as a text message: %q", text)
		}
	}
}
