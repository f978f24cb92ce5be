package compose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// elements reads a fragment as a browser does, and gives its text and its elements with their attributes.
func elements(t *testing.T, fragment string) (text string, out []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader("<!doctype html><body>" + fragment))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			b.WriteString(n.Data)
		case html.ElementNode:
			element := n.Data
			for _, a := range n.Attr {
				element += " " + a.Key + "=" + a.Val
			}
			if element != "br" {
				out = append(out, element)
			}
		case html.CommentNode:
			t.Errorf("a comment: %q", fragment)
		}
	}
	return b.String(), out
}

func report(name string) content.Document {
	v := content.Span{Text: name, Value: true}
	strong, code, link := v, v, v
	strong.Strong, code.Code, link.Link = true, true, "https://example.org/?a=1&b=%22"
	return content.Document{
		Locale: "fa", Direction: content.RightToLeft, Subject: name, Tag: name, Reference: name,
		Blocks: []content.Block{
			{Kind: content.Heading, Spans: []content.Span{v}}, {Kind: content.Paragraph, Spans: []content.Span{{Text: "از "}, strong, {Text: " "}, code, {Text: " "}, link}},
			{Kind: content.Numbered, Items: [][]content.Span{{v}, {strong}}}, {Kind: content.Quote, Spans: []content.Span{v}},
		},
	}
}

func TestPage(t *testing.T) {
	page, err := compose.Page(report("Zeta"))
	if err != nil {
		t.Fatal(err)
	}
	_, plain := elements(t, page)
	want := []string{
		"html", "head", "body", "article lang=fa dir=rtl", "p", "small", "bdi", "h1", "h2", "p", "strong", "code",
		"a href=https://example.org/?a=1&b=%22 rel=noopener noreferrer", "ol", "li", "li", "strong", "blockquote", "p", "small", "bdi",
	}
	if !slices.Equal(plain, want) {
		t.Errorf("got %q, want %q", plain, want)
	}
	for _, name := range channeltest.Hostile() {
		page, err := compose.Page(report(name))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if _, got := elements(t, page); !slices.Equal(got, plain) {
			t.Errorf("%q became %q:\n%s", name, got, page)
		}
	}
	for _, link := range []string{"javascript:alert(1)", "data:text/html,x", "//example.org", "vbscript:x", " javascript:x", "https:", "java\nscript:x"} {
		page, err := compose.Page(content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "press", Link: link}}}}})
		if err != nil || strings.Contains(page, "<a ") {
			t.Errorf("%q can be followed: %s, %v", link, page, err)
		}
	}
	var e *channels.Error
	if _, err := compose.Page(content.Document{Subject: " \u200b", Blocks: []content.Block{content.Text("\n")}}); !errors.As(err, &e) || e.Scope != channels.ScopeContent {
		t.Errorf("nothing became a page: %v", err)
	}
	if page, err := compose.Page(content.Document{Locale: `en" onclick="x`, Subject: "A", Short: "B"}); err != nil || page != "<article dir=\"ltr\">\n<h1>A</h1>\n<p>B</p>\n</article>\n" {
		t.Errorf("got %q, %v", page, err)
	}
}

func FuzzPage(f *testing.F) {
	for _, name := range channeltest.Hostile() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		page, err := compose.Page(report("x" + name + "x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := elements(t, page); len(got) != 21 {
			t.Fatalf("%q became %q", name, got)
		}
	})
}
