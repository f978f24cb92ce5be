package email

import (
	"fmt"
	"html"
	"strings"
	"unicode"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// The most bytes of a subject, and of one that is made from the text. Lists show less, and a header has 998 at most.
const (
	longestSubject = 240
	madeSubject    = 100
)

// Compose writes a document as one message: plain text and, beside it, HTML. It ends with the document's reference. Mail has
// no buttons that could be believed: they become a link when it is sent, if there is a page with them.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	rtl := doc.Direction == content.RightToLeft
	tag := clip(oneLine(doc.Tag), madeSubject)
	blocks := compose.Readable(doc)
	if !compose.Visible((content.Document{Blocks: blocks}).Plain()) {
		return nil, contentError("the message has no text that can be seen")
	}
	subject := subjectOf(doc, blocks)
	if tag != "" {
		subject = compose.Isolate("["+tag+"]", rtl) + " " + subject
	}
	if compose.WrongSide(subject, rtl) {
		subject = compose.Mark(rtl) + subject
	}
	reference := clip(oneLine(doc.Reference), madeSubject)
	text := plain(blocks, tag, reference, rtl)
	if n := compose.Length(text, channels.Characters); n > textLimit {
		return nil, contentError(fmt.Sprintf("the text is %d characters long and may have at most %d; shorten it", n, textLimit))
	}
	return []channels.Part{{Text: text, HTML: page(doc, subject, blocks, tag, reference), Subject: subject, Cost: 1, Calendar: doc.Calendar, Buttons: doc.Buttons}}, nil
}

// answered writes the page with a text's buttons beneath it: what can be said there, and its address.
func answered(p channels.Part, address string) channels.Part {
	if address == "" || len(p.Buttons) == 0 {
		return p
	}
	labels := make([]string, len(p.Buttons))
	for i, b := range p.Buttons {
		labels[i] = oneLine(b.Label)
	}
	what := strings.Join(labels, " · ")
	p.Text += "\n" + what + ":\n" + address + "\n"
	if at := strings.LastIndex(p.HTML, pageEnd); at >= 0 {
		p.HTML = p.HTML[:at] + "<p" + style("p") + `><a href="` + html.EscapeString(address) + `"><bdi>` + html.EscapeString(what) + "</bdi></a></p>\n" + p.HTML[at:]
	}
	return p
}

// footer names what the link beneath a text is for, by the word that says so in every language and for every group.
const footer = "PAGE"

// footed writes the link by which she has a link to her own page sent to her. It opens nothing and stops nothing, for mail is forwarded. It
// stands as a signature, so that what people answer above it stays a bare word.
func footed(p channels.Part, address string) channels.Part {
	p.Text = strings.TrimRight(p.Text, "\n") + "\n\n-- \n" + footer + "\n" + address + "\n"
	if at := strings.LastIndex(p.HTML, pageEnd); at >= 0 {
		p.HTML = p.HTML[:at] + "<p" + style("p") + `><a href="` + html.EscapeString(address) + `"><bdi>` + footer + "</bdi></a></p>\n" + p.HTML[at:]
	}
	return p
}

// Fill puts a name into both forms of a text. Subjects have no room for one.
func (a *Adapter) Fill(p channels.Part, _ channels.Address, name string) (channels.Part, bool) {
	if name = compose.Name(name); name == "" {
		return p, false
	}
	p.Text = compose.NewFilling(name, nil).Into(p.Text)
	p.HTML = compose.NewFilling(name, html.EscapeString).Into(p.HTML)
	return p, true
}

func contentError(detail string) *channels.Error {
	return &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: detail}
}

// subjectOf is the document's subject or, without one, the beginning of its text.
func subjectOf(doc content.Document, blocks []content.Block) string {
	if s := oneLine(doc.Subject); compose.Visible(s) {
		return clip(s, longestSubject)
	}
	for _, b := range blocks {
		first, _, _ := strings.Cut(b.Plain(), "\n")
		if first = oneLine(first); compose.Visible(first) {
			return clip(first, madeSubject)
		}
	}
	return "–"
}

func clip(s string, most int) string {
	if cut := compose.CutAt(s, most); cut < len(s) {
		return oneLine(s[:cut]) + "…"
	}
	return s
}

// oneLine makes text safe for a header: clean, and in one line.
func oneLine(text string) string { return strings.Join(strings.Fields(compose.Clean(text)), " ") }

// badHeader says whether a text may not stand in a header.
func badHeader(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

// plain writes the plain text. A mark stands before each line that a reader's program would set from the wrong side.
func plain(blocks []content.Block, tag, reference string, rtl bool) string {
	written := make([]string, 0, len(blocks)+1)
	for i, b := range blocks {
		text := plainBlock(b, rtl)
		if i > 0 && b.Kind == content.Quote {
			text = "> " + strings.ReplaceAll(text, "\n", "\n> ")
		}
		written = append(written, text)
	}
	if tag != "" {
		written[0] = "[" + tag + "] " + written[0]
	}
	if reference != "" {
		written = append(written, reference)
	}
	lines := strings.Split(strings.Join(written, "\n\n"), "\n")
	for i, line := range lines {
		if compose.WrongSide(line, rtl) {
			lines[i] = compose.Mark(rtl) + line
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// plainBlock writes the addresses of links in full behind their text, isolated.
func plainBlock(b content.Block, rtl bool) string {
	shown := func(spans []content.Span) []content.Span {
		var out []content.Span
		for _, s := range spans {
			address := strings.TrimPrefix(strings.TrimPrefix(s.Link, "mailto:"), "tel:")
			if s.Link != "" && !strings.Contains(s.Text, address) {
				s.Text += " (" + compose.Isolate(address, rtl) + ")"
			}
			s.Link = ""
			out = append(out, s)
		}
		return out
	}
	b.Spans = shown(b.Spans)
	items := make([][]content.Span, len(b.Items))
	for i, item := range b.Items {
		items[i] = shown(item)
	}
	b.Items = items
	return b.Plain()
}
