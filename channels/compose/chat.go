package compose

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// Chat is what a chat service takes: formatted messages with buttons. An adapter's Compose is its Compose.
type Chat struct {
	Name        string                                      // of the service, for errors
	Limit       int                                         // longest message, in Unit
	Unit        channels.Unit                               //
	Parts       int                                         // most messages that one document may become
	Measure     func(blocks []content.Block, limit int) int // length of a message as the service counts it; over limit if another of its limits is passed
	ButtonLimit int                                         // most buttons of one message
	ActionLimit int                                         // most bytes that a button carries
	Calls       Calls                                       // whom a text may call
}

// Compose writes a document as parts, the buttons under the last one. The error is an *channels.Error (Permanent, content).
func (c Chat) Compose(doc content.Document, write func([]content.Block) channels.Part) ([]channels.Part, error) {
	buttons, err := c.buttons(doc.Buttons)
	if err != nil {
		return nil, err
	}
	pieces, err := c.cut(doc)
	if err != nil {
		return nil, err
	}
	parts := make([]channels.Part, len(pieces))
	for i, piece := range pieces {
		parts[i] = write(piece)
	}
	if len(buttons) > 0 {
		parts[len(parts)-1].Buttons = buttons
	}
	return parts, nil
}

// cut gives the blocks of each message of a document: subject as a heading, tag first, addresses of mail and telephone
// behind their text, because chats link the web only. Each message ends with the document's reference and, where there
// are several, its number.
func (c Chat) cut(doc content.Document) ([][]content.Block, error) {
	blocks := c.prepare(doc)
	if length(blocks, c.Unit) > c.Parts*c.Limit {
		return nil, c.tooLong()
	}
	reference := c.Calls.calm(0, strings.TrimSpace(Clean(doc.Reference)), true)
	room := c.Limit - len("\n\n")
	if foot := footer(reference, c.Parts, c.Parts); len(foot.Spans) > 0 {
		room -= c.Measure([]content.Block{foot}, c.Limit)
	}
	if room < c.Limit/2 {
		return nil, refused("the reference is too long for " + c.Name)
	}
	seen, err := c.split(blocks, room)
	switch {
	case err != nil:
		return nil, err
	case len(seen) == 0:
		return nil, refused("the message has no text that can be seen")
	case len(seen) > c.Parts:
		return nil, c.tooLong()
	}
	for i := range seen {
		if foot := footer(reference, i+1, len(seen)); len(foot.Spans) > 0 {
			seen[i] = append(seen[i], foot)
		}
	}
	return seen, nil
}

// split cuts blocks into pieces that have something to be seen. Most texts are one.
func (c Chat) split(blocks []content.Block, room int) ([][]content.Block, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	if surely(blocks, room) || c.Measure(blocks, room) <= room {
		return [][]content.Block{blocks}, nil
	}
	pieces, err := Split(blocks, room, func(b []content.Block) int { return c.Measure(b, room) })
	if err != nil {
		return nil, err
	}
	seen := pieces[:0]
	for _, piece := range pieces {
		if visibleBlocks(piece) {
			seen = append(seen, piece)
		}
	}
	return seen, nil
}

// surely says whether blocks are so short that they fit whatever markup a chat has: a character becomes six at most, a line
// and a span take room for what stands around them, and no service allows fewer than 100 styles.
func surely(blocks []content.Block, room int) bool {
	const mostSpans, aroundSpan, aroundLine = 24, 40, 20
	n, spans := 0, 0
	count := func(all []content.Span) {
		n += aroundLine
		spans += len(all)
		for _, s := range all {
			n += 6*len(s.Text) + aroundLine*strings.Count(s.Text, "\n") + 3*len(s.Link) + aroundSpan
		}
	}
	for _, b := range blocks {
		count(b.Spans)
		for _, item := range b.Items {
			count(item)
		}
	}
	return n <= room && spans <= mostSpans
}

// length is at most what blocks measure once they are written.
func length(blocks []content.Block, unit channels.Unit) int {
	n := 0
	for _, b := range blocks {
		for _, s := range b.Spans {
			n += Length(s.Text, unit)
		}
		for _, item := range b.Items {
			for _, s := range item {
				n += Length(s.Text, unit)
			}
		}
	}
	return n
}

func (c Chat) tooLong() *channels.Error {
	return refused(fmt.Sprintf("the text is too long for %s: it would take more than %d messages of %d characters", c.Name, c.Parts, c.Limit))
}

func refused(detail string) *channels.Error {
	return &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: detail}
}

// buttons gives the buttons with clean labels of one line.
func (c Chat) buttons(buttons []content.Button) ([]content.Button, error) {
	if len(buttons) > c.ButtonLimit {
		return nil, refused(fmt.Sprintf("a %s message has at most %d buttons", c.Name, c.ButtonLimit))
	}
	out := make([]content.Button, len(buttons))
	for i, b := range buttons {
		if !Visible(Clean(b.Label)) {
			return nil, refused(fmt.Sprintf("button %d has no label", i+1))
		}
		if len(b.Action) < 1 || len(b.Action) > c.ActionLimit {
			return nil, refused(fmt.Sprintf("the action of button %d must have 1 to %d bytes", i+1, c.ActionLimit))
		}
		b.Label = strings.Join(strings.Fields(Clean(b.Label)), " ")
		out[i] = b
	}
	return out, nil
}

// footer is the line by which a reader recognises a part that came twice, or misses one. It has no spans if there is
// nothing to say.
func footer(reference string, n, of int) content.Block {
	b := content.Block{Kind: content.Paragraph}
	if reference != "" {
		b.Spans = append(b.Spans, content.Span{Text: reference, Code: true})
	}
	if of > 1 {
		number := strconv.Itoa(n) + "/" + strconv.Itoa(of)
		if reference != "" {
			number = " " + number
		}
		b.Spans = append(b.Spans, content.Span{Text: number})
	}
	return b
}

// prepare gives the document's blocks with everything in them that a chat can show, clean, and nothing else: subject
// as a heading, tag first, spans without text gone, links that are not of the web written out, values kept apart.
func (c Chat) prepare(doc content.Document) []content.Block {
	rtl := doc.Direction == content.RightToLeft
	var blocks []content.Block
	if doc.Subject != "" {
		blocks = append(blocks, content.Block{Kind: content.Heading, Spans: []content.Span{{Text: doc.Subject, Value: true}}})
	}
	blocks = append(blocks, doc.Blocks...)
	if len(doc.Blocks) == 0 && doc.Short != "" {
		blocks = append(blocks, content.Block{Kind: content.Paragraph, Spans: []content.Span{{Text: doc.Short, Value: true}}})
	}
	out := make([]content.Block, 0, len(blocks)+1)
	for _, b := range blocks {
		ready := content.Block{Kind: b.Kind}
		if IsList(b.Kind) {
			for _, item := range b.Items {
				if spans := c.prepareSpans(item, rtl); len(spans) > 0 {
					ready.Items = append(ready.Items, spans)
				}
			}
		} else {
			ready.Spans = c.prepareSpans(b.Spans, rtl)
		}
		if len(ready.Spans)+len(ready.Items) > 0 {
			out = append(out, ready)
		}
	}
	if tag := strings.TrimSpace(Clean(doc.Tag)); tag != "" && len(out) > 0 {
		out = tagged(out, Isolate("["+c.Calls.calm(0, tag, true)+"]", rtl))
	}
	return out
}

func tagged(blocks []content.Block, tag string) []content.Block {
	first := blocks[0]
	if IsList(first.Kind) || first.Kind == content.Quote {
		return append([]content.Block{content.Text(tag)}, blocks...)
	}
	first.Spans = append([]content.Span{{Text: tag + " "}}, first.Spans...)
	blocks[0] = first
	return blocks
}

// IsList says whether a kind of block has items.
func IsList(kind content.BlockKind) bool { return kind == content.Bullets || kind == content.Numbered }

// prepareSpans gives the spans of one block or item, without those that say nothing. Neighbours that look the same are
// one, so that a value leaves no trace in the markup.
func (c Chat) prepareSpans(spans []content.Span, rtl bool) []content.Span {
	out := make([]content.Span, 0, len(spans))
	var before rune
	for _, s := range spans {
		s = c.prepareSpan(s, before, rtl)
		if s.Text == "" {
			continue
		}
		before, _ = utf8.DecodeLastRuneInString(s.Text)
		if last := len(out) - 1; last >= 0 && alike(out[last], s) {
			out[last].Text += s.Text
		} else {
			out = append(out, s)
		}
	}
	if !visibleSpans(out) {
		return nil
	}
	return out
}

// alike says whether two spans differ in their text only. Two links stay two.
func alike(a, b content.Span) bool {
	a.Text, b.Text = "", ""
	return a == b && a.Link == ""
}

// prepareSpan gives a span clean and calm. before is the character in front of it.
func (c Chat) prepareSpan(s content.Span, before rune, rtl bool) content.Span {
	s.Text = Clean(s.Text)
	link := s.Link
	s.Link = webLink(link)
	if link != "" && s.Link == "" {
		address := Clean(strings.TrimPrefix(strings.TrimPrefix(link, "mailto:"), "tel:"))
		switch {
		case s.Text == "":
			s.Text = Isolate(address, rtl)
		case s.Text != address && s.Text != link:
			s.Text += " (" + Isolate(address, rtl) + ")"
		}
	}
	if s.Text == "" {
		s.Text = Clean(s.Link)
	}
	s.Text = c.Calls.calm(before, s.Text, s.Value || link != "" && s.Link == "")
	if s.Code {
		// Chat services let nothing else overlap with code; a link is worth more than its typeface.
		s.Strong, s.Emph, s.Code = false, false, s.Link == ""
	}
	if s.Value && !s.Code && s.Link == "" { // those are isolated around their markup
		s.Text = Isolate(s.Text, rtl)
	}
	s.Value = false
	return s
}

func visibleSpans(spans []content.Span) bool {
	for _, s := range spans {
		if Visible(s.Text) {
			return true
		}
	}
	return false
}

// webLink gives the link in normal form if it leads to the web, else nothing.
func webLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return ""
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	return u.String()
}

// escapeQuery escapes what a URL may not hold; url.URL does so everywhere but in the query, which it keeps as it came.
func escapeQuery(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
