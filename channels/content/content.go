// Package content holds structured text: what a message says, before any channel has decided how to write it.
//
// A Document is data. Only an adapter's Compose turns it into plain text, HTML or another markup, so escaping
// happens last and once. The package uses the standard library only.
package content

import (
	"strconv"
	"strings"
)

// Direction is the base direction of a text.
type Direction string

// The two base directions; the zero value reads as left to right.
const (
	LeftToRight Direction = "ltr"
	RightToLeft Direction = "rtl"
)

// Document is one message in one language. All text is data: no field holds markup of any channel.
type Document struct {
	Locale    string    `json:"locale"`              // BCP 47 tag of the language the text is in
	Direction Direction `json:"direction,omitempty"` // base direction of Locale's script
	Tag       string    `json:"tag,omitempty"`       // language tag to show first when this is a fallback; empty otherwise
	Subject   string    `json:"subject,omitempty"`   // one line; channels without subjects may show it as a heading
	Short     string    `json:"short,omitempty"`     // plain text that stands alone, for text messages; empty: derive it from Blocks
	Blocks    []Block   `json:"blocks,omitempty"`
	Buttons   []Button  `json:"buttons,omitempty"`
	Reference string    `json:"reference,omitempty"` // short reference by which a reader recognises a repeated message
	Calendar  string    `json:"calendar,omitempty"`  // the event that it is about, as an iCalendar file; left out where nothing can be attached
}

// BlockKind says what a Block is.
type BlockKind string

// The kinds of block.
const (
	Paragraph BlockKind = "paragraph"
	Heading   BlockKind = "heading"
	Bullets   BlockKind = "bullets"
	Numbered  BlockKind = "numbered"
	Quote     BlockKind = "quote"
)

// Block is a piece of text that stands on lines of its own. Bullets and Numbered use Items, the others Spans.
type Block struct {
	Kind  BlockKind `json:"kind"`
	Spans []Span    `json:"spans,omitempty"`
	Items [][]Span  `json:"items,omitempty"`
}

// Span is a run of text with one style. A newline in Text is a forced line break.
type Span struct {
	Text   string `json:"text"`
	Strong bool   `json:"strong,omitempty"`
	Emph   bool   `json:"emph,omitempty"`
	Code   bool   `json:"code,omitempty"`
	Link   string `json:"link,omitempty"` // absolute http, https, mailto or tel URL; empty: no link

	// Value says that the text is a value put into the author's (a name, an event), which a channel keeps apart: it is
	// isolated from text of the other direction, and calls nobody and commands nothing even where the author may.
	Value bool `json:"value,omitempty"`
}

// Button is an answer that the reader can give with one touch. On channels without buttons it is left out.
type Button struct {
	Label  string `json:"label"`
	Action string `json:"action"` // opaque to adapters; 1 to 40 bytes of A-Z a-z 0-9 _ - : .
}

// Text makes a paragraph of plain text.
func Text(s string) Block { return Block{Kind: Paragraph, Spans: []Span{{Text: s}}} }

// Plain writes the document without any markup: tag and subject first, blocks separated by an empty line,
// links in full behind their text where they differ from it. It ignores Short and Buttons.
func (d Document) Plain() string {
	var b strings.Builder
	if d.Subject != "" {
		b.WriteString(d.Subject)
	}
	for _, block := range d.Blocks {
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(block.Plain())
	}
	if d.Tag == "" {
		return b.String()
	}
	return "[" + d.Tag + "] " + b.String()
}

// Plain writes one block without markup; list items get "- " or "1. " before them.
func (b Block) Plain() string {
	switch b.Kind {
	case Bullets, Numbered:
		lines := make([]string, len(b.Items))
		for i, item := range b.Items {
			lines[i] = Marker(b.Kind, i) + PlainSpans(item)
		}
		return strings.Join(lines, "\n")
	default:
		return PlainSpans(b.Spans)
	}
}

// Marker is what stands before item i (from zero) of a list in plain text.
func Marker(kind BlockKind, i int) string {
	if kind == Numbered {
		return strconv.Itoa(i+1) + ". "
	}
	return "- "
}

// PlainSpans writes spans without markup, each link's address in parentheses unless it is the text itself.
func PlainSpans(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
		if s.Link != "" && s.Link != s.Text && strings.TrimPrefix(s.Link, "mailto:") != s.Text {
			b.WriteString(" (" + s.Link + ")")
		}
	}
	return b.String()
}
