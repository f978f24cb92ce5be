package email

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

func one(t *testing.T, doc content.Document) channels.Part {
	t.Helper()
	parts, err := new(Adapter).Compose(doc)
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	return parts[0]
}

var update = flag.Bool("update", false, "rewrite the golden files")

// What people and their programs read of a message with everything in it, in Arabic, is as it was approved.
func TestGolden(t *testing.T) {
	p := one(t, well)
	for name, got := range map[string]string{"well.txt": p.Subject + "\n\n" + p.Text, "well.html": p.HTML} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; if that is meant, run this test with -update and read the difference:\n%s", name, got)
		}
	}
}

// The plain text stands alone: links in full, quotations marked, the tag first, the reference last.
func TestPlainText(t *testing.T) {
	p := one(t, content.Document{
		Locale: "en", Tag: "EN", Subject: "The\nwell", Reference: "K7Q2", Buttons: []content.Button{{Label: "Yes", Action: "yes"}},
		Blocks: []content.Block{
			{Kind: content.Heading, Spans: []content.Span{{Text: "Dug"}}},
			{Kind: content.Paragraph, Spans: []content.Span{{Text: "See "}, {Text: "the map", Link: "https://example.org/map"}, {Text: " or ask "}, {Text: "us", Link: "mailto:us@example.org"}}},
			{Kind: content.Numbered, Items: [][]content.Span{{{Text: "one"}}, {{Text: "two"}}}},
			{Kind: content.Quote, Spans: []content.Span{{Text: "fine\nwater"}}},
		},
	})
	want := "[EN] Dug\n\nSee the map (https://example.org/map) or ask us (us@example.org)\n\n1. one\n2. two\n\n> fine\n> water\n\nK7Q2\n"
	if p.Text != want {
		t.Errorf("got %q, want %q", p.Text, want)
	}
	if p.Subject != "[EN] The well" || p.Cost != 1 || strings.Contains(p.HTML, "Yes") {
		t.Errorf("subject %q, cost %d", p.Subject, p.Cost)
	}
	for _, has := range []string{`<h2 style="`, `<a href="https://example.org/map">the map</a>`, `<a href="mailto:us@example.org">`, ">two</li>", "fine<br>\nwater", `lang="en" dir="ltr"`, "<bdi>K7Q2</bdi>"} {
		if !strings.Contains(p.HTML, has) {
			t.Errorf("the HTML lacks %s", has)
		}
	}
}

// Without a subject the text's beginning is one; links that nothing should follow are dropped; a short form will do.
func TestWhatIsMissingIsMade(t *testing.T) {
	if p := one(t, content.Document{Blocks: []content.Block{content.Text(strings.Repeat("We meet at the harbour. ", 20))}}); !strings.HasPrefix(p.Subject, "We meet at the harbour.") || len(p.Subject) > madeSubject+5 {
		t.Errorf("the subject is %q", p.Subject)
	}
	if p := one(t, content.Document{Short: "Seven o'clock."}); p.Text != "Seven o'clock.\n" || p.Subject != "Seven o'clock." {
		t.Errorf("%q under %q", p.Text, p.Subject)
	}
	for _, link := range []string{"javascript:alert(1)", "data:text/html,x", "//example.org", "https:", "x"} {
		p := one(t, content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "press", Link: link}}}}})
		if strings.Contains(p.HTML, "<a") || strings.Contains(p.Text, link+")") {
			t.Errorf("%s can be followed", link)
		}
	}
	for _, doc := range []content.Document{{}, {Subject: "only a subject"}, {Blocks: []content.Block{content.Text(" \u200b\n")}}} {
		var e *channels.Error
		if _, err := new(Adapter).Compose(doc); !errors.As(err, &e) || e.Scope != onContent {
			t.Errorf("%+v: %v", doc, err)
		}
	}
}

// A line that begins in the other direction is marked, and so is what is quoted in it.
func TestDirections(t *testing.T) {
	p := one(t, content.Document{Locale: "he", Direction: content.RightToLeft, Blocks: []content.Block{content.Text("PDF מצורף"), content.Text("שלום")}})
	if !strings.HasPrefix(p.Text, "\u200fPDF") || strings.Contains(p.Text, "\u200fשלום") {
		t.Errorf("got %q", p.Text)
	}
	p = one(t, content.Document{Locale: "en", Tag: "HE", Direction: content.RightToLeft, Subject: "שלום", Blocks: []content.Block{content.Text("שלום")}})
	if p.Subject != "\u2068[HE]\u2069 שלום" {
		t.Errorf("the subject is %q", p.Subject)
	}
}

// What can be answered becomes a link to the page with the answers, if there is one: in both forms, and only there.
func TestButtonsBecomeALink(t *testing.T) {
	p := one(t, content.Document{Blocks: []content.Block{content.Text("Can you come?")}, Buttons: []content.Button{{Label: "I take\ncharge", Action: "a"}, {Label: "I am <safe>", Action: "b"}}})
	if got := answered(p, ""); got.Text != p.Text || got.HTML != p.HTML {
		t.Errorf("without a page: %q", got.Text)
	}
	got := answered(p, "https://x.example/a/T&1")
	if got.Text != "Can you come?\n\nI take charge · I am <safe>:\nhttps://x.example/a/T&1\n" {
		t.Errorf("%q", got.Text)
	}
	if !strings.Contains(got.HTML, `<a href="https://x.example/a/T&amp;1"><bdi>I take charge · I am &lt;safe&gt;</bdi></a></p>`+"\n"+pageEnd) {
		t.Errorf("%s", got.HTML)
	}
	p.Buttons = nil
	if got := answered(p, "https://x.example/a/T"); got.Text != p.Text {
		t.Errorf("without an answer to give: %q", got.Text)
	}
}
