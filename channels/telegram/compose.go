package telegram

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// maxParts is the most messages that one document may become; beyond it nobody reads on.
const maxParts = 10

// rawLimit is the most bytes of markup in a part. The Bot API server refuses a text of more than 32,768 bytes before it
// parses the markup (tdlib/telegram-bot-api, Client.cpp, get_formatted_text).
const rawLimit = 32000

// Compose writes a document in Telegram's HTML. Each part is well-formed by itself and ends with the document's
// reference and, where there are several, its number. Addresses of mail and telephone stand behind their text, because
// Telegram links the web only. Buttons go under the last part.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	if err := checkButtons(doc.Buttons); err != nil {
		return nil, err
	}
	blocks := prepare(doc)
	if compose.Length(content.Document{Blocks: blocks}.Plain(), channels.UTF16) > maxParts*textLimit {
		return nil, tooLong()
	}
	w := writer{rtl: doc.Direction == content.RightToLeft}
	reference := strings.TrimSpace(compose.Clean(doc.Reference))
	room := textLimit - w.length(w.runs([]content.Block{footer(reference, maxParts, maxParts)})) - len("\n\n")
	if room < textLimit/2 {
		return nil, contentError("the reference is too long for Telegram")
	}
	pieces, err := compose.Split(blocks, room, func(b []content.Block) int { return w.measure(b, room) })
	if err != nil {
		return nil, err
	}
	seen := pieces[:0]
	for _, piece := range pieces {
		if compose.Visible(content.Document{Blocks: piece}.Plain()) {
			seen = append(seen, piece)
		}
	}
	switch {
	case len(seen) == 0:
		return nil, contentError("the message has no text that can be seen")
	case len(seen) > maxParts:
		return nil, tooLong()
	}
	parts := make([]channels.Part, len(seen))
	for i, piece := range seen {
		if foot := footer(reference, i+1, len(seen)); len(foot.Spans) > 0 {
			piece = append(piece, foot)
		}
		parts[i] = channels.Part{Text: html(w.runs(piece)), Markup: markup, Cost: 1}
	}
	if len(doc.Buttons) > 0 {
		parts[len(parts)-1].Buttons = cleanButtons(doc.Buttons)
	}
	return parts, nil
}

func contentError(detail string) *channels.Error {
	return &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: detail}
}

func tooLong() *channels.Error {
	return contentError(fmt.Sprintf("the text is too long for Telegram: it would take more than %d messages of %d characters", maxParts, textLimit))
}

func checkButtons(buttons []content.Button) error {
	if len(buttons) > buttonLimit {
		return contentError(fmt.Sprintf("a Telegram message has at most %d buttons", buttonLimit))
	}
	for i, b := range buttons {
		if !compose.Visible(compose.Clean(b.Label)) {
			return contentError(fmt.Sprintf("button %d has no label", i+1))
		}
		if len(b.Action) < 1 || len(b.Action) > dataLimit {
			return contentError(fmt.Sprintf("the action of button %d must have 1 to %d bytes", i+1, dataLimit))
		}
	}
	return nil
}

func cleanButtons(buttons []content.Button) []content.Button {
	out := make([]content.Button, len(buttons))
	for i, b := range buttons {
		b.Label = strings.Join(strings.Fields(compose.Clean(b.Label)), " ")
		out[i] = b
	}
	return out
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

// prepare gives the document's blocks with everything in them that Telegram can show, clean, and nothing else: subject
// as a heading, tag first, spans without text gone, links that are not of the web written out.
func prepare(doc content.Document) []content.Block {
	rtl := doc.Direction == content.RightToLeft
	var blocks []content.Block
	if doc.Subject != "" {
		blocks = append(blocks, content.Block{Kind: content.Heading, Spans: []content.Span{{Text: doc.Subject}}})
	}
	blocks = append(blocks, doc.Blocks...)
	if len(doc.Blocks) == 0 && doc.Short != "" {
		blocks = append(blocks, content.Text(doc.Short))
	}
	out := make([]content.Block, 0, len(blocks)+1)
	for _, b := range blocks {
		ready := content.Block{Kind: b.Kind}
		if isList(b.Kind) {
			for _, item := range b.Items {
				if spans := prepareSpans(item, rtl); len(spans) > 0 {
					ready.Items = append(ready.Items, spans)
				}
			}
		} else {
			ready.Spans = prepareSpans(b.Spans, rtl)
		}
		if len(ready.Spans)+len(ready.Items) > 0 {
			out = append(out, ready)
		}
	}
	if tag := strings.TrimSpace(compose.Clean(doc.Tag)); tag != "" && len(out) > 0 {
		out = tagged(out, compose.Isolate("["+tag+"]", rtl))
	}
	return out
}

func tagged(blocks []content.Block, tag string) []content.Block {
	first := blocks[0]
	if isList(first.Kind) || first.Kind == content.Quote {
		return append([]content.Block{content.Text(tag)}, blocks...)
	}
	first.Spans = append([]content.Span{{Text: tag + " "}}, first.Spans...)
	blocks[0] = first
	return blocks
}

func isList(kind content.BlockKind) bool { return kind == content.Bullets || kind == content.Numbered }

func prepareSpans(spans []content.Span, rtl bool) []content.Span {
	var out []content.Span
	for _, s := range spans {
		s.Text = compose.Clean(s.Text)
		link := s.Link
		s.Link = webLink(link)
		if link != "" && s.Link == "" {
			address := compose.Clean(strings.TrimPrefix(strings.TrimPrefix(link, "mailto:"), "tel:"))
			switch {
			case s.Text == "":
				s.Text = compose.Isolate(address, rtl)
			case s.Text != address && s.Text != link:
				s.Text += " (" + compose.Isolate(address, rtl) + ")"
			}
		}
		if s.Text == "" {
			s.Text = compose.Clean(s.Link)
		}
		if s.Code {
			// Telegram lets nothing else overlap with code; a link is worth more than its typeface.
			s.Strong, s.Emph, s.Code = false, false, s.Link == ""
		}
		if s.Text != "" {
			out = append(out, s)
		}
	}
	if !compose.Visible(content.PlainSpans(out)) {
		return nil
	}
	return out
}

// webLink gives the link in normal form if Telegram will link to it, else nothing.
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
