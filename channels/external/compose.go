package external

import (
	"fmt"
	"html"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

const (
	actionLimit = 40  // bytes that a button carries
	mostSubject = 200 // characters
)

// writer composes in the markup that an adapter describes. It is pure and safe for concurrent use.
type writer struct {
	TextForm
	name    string // of the service, for errors
	buttons int
}

func (w writer) unit() channels.Unit { return channels.Unit(w.Unit) }

func (w writer) compose(doc content.Document) ([]channels.Part, error) {
	if w.Markup == TextMessage {
		return w.textMessage(doc)
	}
	if w.buttons == 0 {
		doc.Buttons = nil
	}
	subject := ""
	if w.Subject {
		if subject, doc.Subject = oneLine(doc.Subject), ""; compose.Length(subject, channels.Characters) > mostSubject {
			return nil, &channels.Error{
				Class: channels.Permanent, Scope: channels.ScopeContent,
				Detail: fmt.Sprintf("the subject may have at most %d characters; shorten it", mostSubject),
			}
		}
	}
	rtl := doc.Direction == content.RightToLeft
	chat := compose.Chat{
		Name: w.name, Limit: w.Limit, Unit: w.unit(), Parts: w.Parts, ButtonLimit: w.buttons, ActionLimit: actionLimit,
		Measure: func(blocks []content.Block, _ int) int { return w.length(w.part(blocks, rtl)) },
	}
	parts, err := chat.Compose(doc, func(piece []content.Block) channels.Part { return w.part(piece, rtl) })
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if w.length(p) > w.Limit {
			return nil, w.tooLong(w.length(p))
		}
	}
	for i := range parts {
		parts[i].Subject = subject
	}
	if w.Calendar {
		parts[0].Calendar = doc.Calendar
	}
	return parts, nil
}

// suited gives a part as this adapter takes it, also one that was composed for another channel of the kind, whose place this one
// took: plain text becomes plain text in this markup. Markdown is read as it stands.
func (w writer) suited(p channels.Part) channels.Part {
	switch {
	case w.Markup == HTML && p.HTML == "":
		p.HTML = "<p>" + strings.ReplaceAll(html.EscapeString(p.Text), "\n", "<br>\n") + "</p>\n"
	case w.Markup == Markdown && p.Markup != Markdown:
		lines := strings.Split(p.Text, "\n")
		for i, line := range lines {
			lines[i] = opening(escaped(strings.TrimSpace(line)))
		}
		p.Text = strings.ReplaceAll(strings.Join(lines, "\\\n"), "\n\\\n", "\n\n")
	}
	if w.Markup != HTML {
		p.HTML = ""
	}
	if !w.Subject {
		p.Subject = ""
	}
	if !w.Calendar {
		p.Calendar = ""
	}
	return p
}

func oneLine(s string) string { return strings.Join(strings.Fields(compose.Clean(s)), " ") }

func (w writer) textMessage(doc content.Document) ([]channels.Part, error) {
	text := compose.TextMessage(doc)
	if !compose.Visible(text) {
		return nil, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "there is no text to send"}
	}
	if n := compose.Length(text, w.unit()); n > w.Limit {
		return nil, w.tooLong(n)
	}
	return []channels.Part{counted(text)}, nil
}

func (w writer) tooLong(n int) error {
	return &channels.Error{
		Class: channels.Permanent, Scope: channels.ScopeContent,
		Detail: fmt.Sprintf("the message is %d long and may be at most %d; shorten it, or give it a short form", n, w.Limit),
	}
}

func counted(text string) channels.Part {
	encoding, _, segments, _ := compose.Count(text)
	return channels.Part{Text: text, Encoding: encoding, Cost: segments}
}

func (w writer) length(p channels.Part) int {
	return max(compose.Length(p.Text, w.unit()), compose.Length(p.HTML, w.unit()))
}

// part writes blocks that are clean and calm.
func (w writer) part(blocks []content.Block, rtl bool) channels.Part {
	ready := make([]content.Block, len(blocks))
	for i, b := range blocks {
		ready[i] = content.Block{Kind: b.Kind, Spans: isolated(b.Spans, rtl)}
		for _, item := range b.Items {
			ready[i].Items = append(ready[i].Items, isolated(item, rtl))
		}
	}
	if w.Markup == Markdown {
		return channels.Part{Text: commonMark{rtl}.write(ready), Markup: Markdown, Cost: 1}
	}
	p := channels.Part{Text: marked(content.Document{Blocks: ready}.Plain(), rtl), Cost: 1}
	if w.Markup != HTML {
		return p
	}
	var b strings.Builder
	if rtl {
		b.WriteString(`<div dir="rtl">` + "\n")
	}
	compose.HTML{}.Write(&b, ready)
	if rtl {
		b.WriteString("</div>\n")
	}
	p.HTML, p.Markup = b.String(), HTML
	return p
}

// isolated keeps what is set in code or leads elsewhere apart from text of the other direction around it.
func isolated(spans []content.Span, rtl bool) []content.Span {
	out := make([]content.Span, len(spans))
	for i, s := range spans {
		if s.Code || s.Link != "" {
			s.Text = compose.Isolate(s.Text, rtl)
		}
		out[i] = s
	}
	return out
}

// marked puts a direction mark before each line that would otherwise be set from the wrong side.
func marked(text string, rtl bool) string {
	if !rtl && compose.IsASCII(text) {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if compose.WrongSide(line, rtl) {
			lines[i] = compose.Mark(rtl) + line
		}
	}
	return strings.Join(lines, "")
}

// fill puts a name into a part.
func (w writer) fill(p channels.Part, name string) (channels.Part, bool) {
	if name = compose.Name(name); name == "" {
		return p, false
	}
	if w.Markup == TextMessage {
		if !content.HasHole(p.Text) {
			return p, true
		}
		return counted(compose.FillTextMessage(p.Text, name)), true
	}
	if w.Markup == Markdown {
		p.Text = compose.NewFilling(name, escaped).Into(p.Text)
	} else {
		p.Text = compose.NewFilling(name, nil).Into(p.Text)
	}
	p.Subject = compose.NewFilling(name, nil).Into(p.Subject)
	if p.HTML != "" {
		p.HTML = compose.NewFilling(name, html.EscapeString).Into(p.HTML)
	}
	return p, true
}
