package compose

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// Plain is Compose for services that show a text as it is, without any markup: lists with their markers, a link's address in
// parentheses behind its text.
func (c Chat) Plain(doc content.Document) ([]channels.Part, error) {
	rtl := doc.Direction == content.RightToLeft
	c.Measure = func(blocks []content.Block, _ int) int { return Length(PlainBlocks(blocks, rtl), c.Unit) }
	return c.Compose(doc, func(piece []content.Block) channels.Part {
		return channels.Part{Text: PlainBlocks(piece, rtl), Cost: 1}
	})
}

// FillPlain puts a name into a text of Chat.Plain; false: nothing of the name can be seen.
func FillPlain(p channels.Part, name string) (channels.Part, bool) {
	if name = Name(name); name == "" {
		return p, false
	}
	p.Text = NewFilling(name, nil).Into(p.Text)
	return p, true
}

// PlainBlocks writes blocks without markup, with an empty line between them, and none behind a heading. A line that a program would set from
// the wrong side begins with a mark of direction.
func PlainBlocks(blocks []content.Block, rtl bool) string {
	var b strings.Builder
	for i, block := range blocks {
		switch {
		case i == 0:
		case blocks[i-1].Kind == content.Heading:
			b.WriteByte('\n')
		default:
			b.WriteString("\n\n")
		}
		plain := content.Block{Kind: block.Kind, Spans: isolated(block.Spans, rtl)}
		for _, item := range block.Items {
			plain.Items = append(plain.Items, isolated(item, rtl))
		}
		for n, line := range strings.Split(plain.Plain(), "\n") {
			if n > 0 {
				b.WriteByte('\n')
			}
			if WrongSide(line, rtl) {
				b.WriteString(Mark(rtl))
			}
			b.WriteString(line)
		}
	}
	return b.String()
}

// isolated gives spans whose texts are kept apart from those beside them where that needs no markup.
func isolated(spans []content.Span, rtl bool) []content.Span {
	out := make([]content.Span, len(spans))
	for i, s := range spans {
		if s.Link != "" && s.Text == s.Link {
			s.Link = "" // it is written out
		}
		if s.Code || s.Link != "" {
			s.Text = Isolate(s.Text, rtl)
		}
		out[i] = s
	}
	return out
}
