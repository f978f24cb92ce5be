package mattermost

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/shared/markdown"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
)

// ReadPart reads a part with two parsers, as Mattermost does: the server's own, which decides whom a post calls and what it
// links, and a CommonMark one with the extensions of the clients.
func ReadPart(part channels.Part) (channeltest.Shape, error) {
	var shape channeltest.Shape
	markdown.Inspect(part.Text, func(node any) bool {
		switch n := node.(type) {
		case nil, *markdown.Document, *markdown.Text, *markdown.Paragraph, *markdown.SoftLineBreak, *markdown.HardLineBreak, *markdown.Autolink, *markdown.ListItem:
		case *markdown.InlineLink:
			shape.Marks = append(shape.Marks, "server link "+n.Destination())
		default:
			shape.Marks = append(shape.Marks, fmt.Sprintf("server %T", n))
		}
		return true
	})
	if calls(part.Text) {
		shape.Marks = append(shape.Marks, "call")
	}
	var page bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Table, extension.Linkify)).Convert([]byte(part.Text), &page); err != nil {
		return shape, err
	}
	root, err := html.Parse(&page)
	if err != nil {
		return shape, err
	}
	body := root.LastChild.LastChild
	if body == nil || body.Data != "body" {
		return shape, fmt.Errorf("no body in %q", page.String())
	}
	var text strings.Builder
	for n := range body.Descendants() {
		switch n.Type {
		case html.TextNode:
			text.WriteString(n.Data)
		case html.ElementNode:
			mark := n.Data
			for _, a := range n.Attr {
				mark += " " + a.Key + "=" + a.Val
			}
			if n.Data == "br" || n.Data == "a" && writtenOut(n) || goesOn(n) {
				continue
			}
			shape.Marks = append(shape.Marks, mark)
		default:
			return shape, fmt.Errorf("%q is neither text nor element", n.Data)
		}
	}
	shape.Text = text.String()
	return shape, nil
}

// goesOn says whether a style is that of the line before, closed and opened again.
func goesOn(n *html.Node) bool {
	gap := n.PrevSibling
	return (n.Data == "strong" || n.Data == "em") && gap != nil && gap.Type == html.TextNode && strings.Trim(gap.Data, "\n \u200b\u200e\u200f") == "" && strings.Contains(gap.Data, "\n") && gap.PrevSibling != nil && gap.PrevSibling.Data == n.Data
}

// writtenOut says whether a link is made of the address that it shows.
func writtenOut(a *html.Node) bool {
	shown := a.FirstChild
	return shown != nil && shown.NextSibling == nil && len(a.Attr) == 1 && strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(a.Attr[0].Val, "mailto:"), "http://"), "https://") ==
		strings.TrimPrefix(strings.TrimPrefix(shown.Data, "http://"), "https://")
}

// Whom the channel allows is called where the author wrote it, and nobody else.
func TestMentions(t *testing.T) {
	a := &Adapter{opts: Options{TextLimit: newText, Mentions: []string{"channel", "Anna.b"}}}
	author := func(s string) content.Span { return content.Span{Text: s} }
	value := func(s string) content.Span { return content.Span{Text: s, Value: true} }
	for i, c := range []struct {
		want  string // what the post holds
		spans []content.Span
	}{
		{"see @Channel.", []content.Span{author("see @Channel.")}},
		{"ask @anna.b, @\u200ball and @\u200banna", []content.Span{author("ask @anna.b, @all and @anna")}},
		{"see @\u200bchannel", []content.Span{author("see "), value("@channel")}},
		{"see @\u200bchannel", []content.Span{author("see @"), value("channel")}},
		{"see @\u200bchannel", []content.Span{author("see @"), author("channel")}},
		{"https://social.example/%40anna.b and a@channel", []content.Span{author("https://social.example/@anna.b and a@channel")}},
	} {
		parts, err := a.Compose(content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: c.spans}}})
		if err != nil || parts[0].Text != c.want {
			t.Errorf("case %d: %q, %v; want %q", i, parts[0].Text, err, c.want)
		}
	}
	parts, err := a.Compose(content.Document{Subject: "@channel", Short: "@channel"})
	if err != nil || calls(parts[0].Text) {
		t.Errorf("a subject or a short form calls: %v, %v", parts, err)
	}
	if _, err := New(channels.Settings{Name: "mm", Options: []byte(`{"base_url":"https://chat.example.org","token":"kit-token-kit-token-kit1","mentions":["@x"]}`)}); err == nil || !strings.Contains(err.Error(), "mentions") {
		t.Errorf("a name with @ is taken: %v", err)
	}
}

// FuzzShape: whatever a value is, the post is read as it is with a plain one.
func FuzzShape(f *testing.F) {
	for _, name := range channeltest.Hostile() {
		f.Add(name)
	}
	a := &Adapter{opts: Options{TextLimit: newText, Mentions: []string{"channel"}}}
	of := func(name string) (channeltest.Shape, error) {
		parts, err := a.Compose(content.Document{Blocks: []content.Block{
			{Kind: content.Paragraph, Spans: []content.Span{
				{Text: "Dear "}, {Text: name, Strong: true, Value: true}, {Text: ", see "}, {Text: name, Link: "https://example.org/", Value: true}, {Text: " @"}, {Text: name, Value: true}, {Text: " end"},
			}},
			{Kind: content.Quote, Spans: []content.Span{{Text: name, Value: true}}},
		}})
		if err != nil {
			return channeltest.Shape{}, err
		}
		return ReadPart(parts[0])
	}
	want, err := of("xZetax")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 300 {
			t.Skip()
		}
		if got, err := of("x" + name + "x"); err != nil || !slices.Equal(got.Marks, want.Marks) {
			t.Fatalf("%q, %v, want %q", got.Marks, err, want.Marks)
		}
	})
}
