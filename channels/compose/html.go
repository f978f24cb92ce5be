package compose

import (
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// Readable gives a document's blocks clean, with nothing in them that no reader sees, links that may be followed only, and
// what could upset the order of its neighbours isolated. Without blocks, the short form is one.
func Readable(doc content.Document) []content.Block {
	rtl := doc.Direction == content.RightToLeft
	blocks := doc.Blocks
	if len(blocks) == 0 && doc.Short != "" {
		blocks = []content.Block{content.Text(doc.Short)}
	}
	out := make([]content.Block, 0, len(blocks))
	for _, b := range blocks {
		ready := content.Block{Kind: b.Kind, Spans: readableSpans(b.Spans, rtl)}
		for _, item := range b.Items {
			if spans := readableSpans(item, rtl); len(spans) > 0 {
				ready.Items = append(ready.Items, spans)
			}
		}
		if len(ready.Spans)+len(ready.Items) > 0 {
			out = append(out, ready)
		}
	}
	return out
}

func readableSpans(spans []content.Span, rtl bool) []content.Span {
	out := make([]content.Span, 0, len(spans))
	for _, s := range spans {
		s.Text, s.Link = Clean(s.Text), followable(s.Link)
		if s.Text == "" && s.Link != "" {
			s.Text = strings.TrimPrefix(strings.TrimPrefix(s.Link, "mailto:"), "tel:")
		}
		if s.Code || s.Link != "" || s.Value {
			s.Text = Isolate(s.Text, rtl)
		}
		s.Value = false
		switch last := len(out) - 1; {
		case s.Text == "":
		case last >= 0 && alike(out[last], s):
			out[last].Text += s.Text
		default:
			out = append(out, s)
		}
	}
	if !visibleSpans(out) {
		return nil
	}
	return out
}

// followable gives a link in normal form if it may be followed, else nothing.
func followable(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return ""
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "", u.Scheme == "mailto" && u.Opaque != "", u.Scheme == "tel" && u.Opaque != "":
		return unquoted.Replace(u.String())
	}
	return ""
}

// unquoted escapes what url.URL keeps as it came.
var unquoted = strings.NewReplacer(`"`, "%22", "<", "%3C", ">", "%3E", " ", "%20", "'", "%27")

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// Attributes gives the attributes lang and dir of a document, each with a blank before it.
func Attributes(doc content.Document) string {
	dir := content.LeftToRight
	if doc.Direction == content.RightToLeft {
		dir = content.RightToLeft
	}
	if languageTag.MatchString(doc.Locale) {
		return ` lang="` + doc.Locale + `" dir="` + string(dir) + `"`
	}
	return ` dir="` + string(dir) + `"`
}

// HTML writes readable blocks as HTML, escaping last.
type HTML struct {
	Attributes func(element string) string // of h2, p, ul, ol, li, blockquote, code and a, each with a blank before it; nil: none
}

// Write appends blocks.
func (h HTML) Write(b *strings.Builder, blocks []content.Block) {
	for _, block := range blocks {
		name := "p"
		switch block.Kind {
		case content.Heading:
			name = "h2"
		case content.Quote:
			name = "blockquote"
		case content.Bullets:
			name = "ul"
		case content.Numbered:
			name = "ol"
		}
		h.open(b, name)
		if IsList(block.Kind) {
			b.WriteString("\n")
			for _, item := range block.Items {
				h.open(b, "li")
				h.spans(b, item)
				b.WriteString("</li>\n")
			}
		} else {
			h.spans(b, block.Spans)
		}
		b.WriteString("</" + name + ">\n")
	}
}

func (h HTML) open(b *strings.Builder, element string) {
	b.WriteByte('<')
	b.WriteString(element)
	if h.Attributes != nil {
		b.WriteString(h.Attributes(element))
	}
	b.WriteByte('>')
}

func (h HTML) spans(b *strings.Builder, spans []content.Span) {
	for _, s := range spans {
		if s.Link != "" {
			b.WriteString(`<a href="` + html.EscapeString(s.Link) + `"`)
			if h.Attributes != nil {
				b.WriteString(h.Attributes("a"))
			}
			b.WriteByte('>')
		}
		if s.Strong {
			b.WriteString("<strong>")
		}
		if s.Emph {
			b.WriteString("<em>")
		}
		if s.Code {
			h.open(b, "code")
		}
		text := html.EscapeString(s.Text)
		if strings.Contains(text, "\n") {
			text = strings.ReplaceAll(text, "\n", "<br>\n")
		}
		b.WriteString(text)
		for _, end := range [...]struct {
			on   bool
			text string
		}{{s.Code, "</code>"}, {s.Emph, "</em>"}, {s.Strong, "</strong>"}, {s.Link != "", "</a>"}} {
			if end.on {
				b.WriteString(end.text)
			}
		}
	}
}

// Page writes a document as a fragment of a web page, an article in its own language and direction: subject as its heading,
// the tag of a fallback before it, the reference last. It holds no style, script, image or identifier, so that it may stand on
// a page with the strictest policy; links open without telling where from. Buttons are left out: a page has its own. The
// error is an *channels.Error (Permanent, content).
func Page(doc content.Document) (string, error) {
	blocks := Readable(doc)
	subject := strings.Join(strings.Fields(Clean(doc.Subject)), " ")
	if !Visible(subject) && !visibleBlocks(blocks) {
		return "", &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the text has nothing that can be seen"}
	}
	var b strings.Builder
	b.WriteString("<article" + Attributes(doc) + ">\n")
	small := func(text string) {
		if text = strings.Join(strings.Fields(Clean(text)), " "); Visible(text) {
			b.WriteString("<p><small><bdi>" + html.EscapeString(text) + "</bdi></small></p>\n")
		}
	}
	if doc.Tag != "" {
		small("[" + doc.Tag + "]")
	}
	if Visible(subject) {
		b.WriteString("<h1>" + html.EscapeString(subject) + "</h1>\n")
	}
	HTML{Attributes: func(element string) string {
		if element == "a" {
			return ` rel="noopener noreferrer"`
		}
		return ""
	}}.Write(&b, blocks)
	small(doc.Reference)
	b.WriteString("</article>\n")
	return b.String(), nil
}

func visibleBlocks(blocks []content.Block) bool {
	for _, b := range blocks {
		if visibleSpans(b.Spans) {
			return true
		}
		for _, item := range b.Items {
			if visibleSpans(item) {
				return true
			}
		}
	}
	return false
}
