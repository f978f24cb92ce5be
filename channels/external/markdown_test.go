package external

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// TestWhatWasComposedForAnotherChannel: after a replacement the backlog is read as it was meant.
func TestWhatWasComposedForAnotherChannel(t *testing.T) {
	plain := channels.Part{Text: "2. *The* roof\n\n<is> mended", Subject: "Report"}
	for markup, want := range map[string]channels.Part{
		Plain:    {Text: plain.Text},
		Markdown: {Text: "2\\. \\*The\\* roof\\\n\n\\<is\\> mended"},
		HTML:     {Text: plain.Text, HTML: "<p>2. *The* roof<br>\n<br>\n&lt;is&gt; mended</p>\n"},
	} {
		got := (writer{TextForm: TextForm{Markup: markup}}).suited(plain)
		if got.Text != want.Text || got.HTML != want.HTML || got.Subject != "" {
			t.Errorf("%s: %q %q", markup, got.Text, got.HTML)
		}
	}
	rich := channels.Part{Text: "The roof", HTML: "<p>The <strong>roof</strong></p>", Markup: HTML}
	if got := (writer{TextForm: TextForm{Markup: HTML}}).suited(rich); got.HTML != rich.HTML {
		t.Errorf("%q", got.HTML)
	}
}

// TestMarkdownIsReadAsItWasMeant: a reader of CommonMark sees every text as data, and the styles that were meant.
func TestMarkdownIsReadAsItWasMeant(t *testing.T) {
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, text := range []string{"Come at seven.", "*not* _this_ `nor` ~~that~~", "1. no list", "2) none either", "- nor + this", "+ this", "===", "---", "# no heading", "> no quote", "<b>tag</b> &amp; <!-- x -->",
		"[no](http://link.example)", "![no](image)", `back\slash \* end\`, "    no code", "a | b", "https://carillon.example/?a=1&b=2", "***", "``` fence", "[ref]: http://x.example", "Ж*ж*", "你好*吗*", "x\\"} {
		for _, s := range []content.Span{{Text: text}, {Text: text, Strong: true}, {Text: text, Emph: true, Strong: true}, {Text: text, Code: true}, {Text: text, Link: "https://carillon.example/a(b)<c>"}} {
			for _, b := range []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "a"}, s, {Text: "b"}}}, {Kind: content.Paragraph, Spans: []content.Span{s}},
				{Kind: content.Heading, Spans: []content.Span{s}}, {Kind: content.Quote, Spans: []content.Span{s, {Text: "\nnext"}}}, {Kind: content.Bullets, Items: [][]content.Span{{s}, {s}}}, {Kind: content.Numbered, Items: [][]content.Span{{s}, {{Text: "x"}}}}} {
				written := commonMark{}.write([]content.Block{b})
				var out bytes.Buffer
				if err := goldmark.Convert([]byte(written), &out); err != nil {
					t.Fatal(err)
				}
				seen := strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(out.String(), " "))), "")
				var want strings.Builder
				for _, spans := range append([][]content.Span{b.Spans}, b.Items...) {
					for _, one := range spans {
						want.WriteString(one.Text)
					}
				}
				if seen != strings.Join(strings.Fields(want.String()), "") {
					t.Errorf("%q in %s is read as %q from %q", text, b.Kind, seen, written)
				}
				for tag, meant := range map[string]bool{"<li>": len(b.Items) > 0, "<h4>": b.Kind == content.Heading, "<blockquote>": b.Kind == content.Quote, "<img": false, "<pre>": false, "<hr": false, "<h1": false, "<h2": false, "<code>": s.Code, "<a ": s.Link != ""} {
					if strings.Contains(out.String(), tag) != meant {
						t.Errorf("%q in %s is read as %q from %q", text, b.Kind, out.String(), written)
					}
				}
			}
		}
	}
	w := writer{TextForm: TextForm{Markup: Markdown, Limit: 1000, Unit: string(channels.Characters), Parts: 1, Subject: true, Calendar: true}, name: "x"}
	parts, err := w.compose(content.Document{Subject: "The  roof", Calendar: "BEGIN:VCALENDAR", Blocks: []content.Block{
		{Kind: content.Paragraph, Spans: []content.Span{{Text: "The roof is "}, {Text: "mended", Strong: true}, {Text: ".\nRead "}, {Text: "more", Link: "https://carillon.example/r"}}}}})
	if err != nil || len(parts) != 1 {
		t.Fatalf("%v, %v", parts, err)
	}
	if p := parts[0]; p.Text != "The roof is **mended**.\\\nRead [more](<https://carillon.example/r>)" || p.Subject != "The roof" || p.Calendar != "BEGIN:VCALENDAR" {
		t.Errorf("%+v", p)
	}
}
