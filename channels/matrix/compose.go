package matrix

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// markup is the name of Part.Markup for Matrix's HTML.
const markup = "org.matrix.custom.html"

// Compose writes a document twice, as plain text and as HTML (client-server API, "m.room.message msgtypes"). Nobody is called:
// behind each @ stands an invisible character. Buttons are left out, since Matrix has none.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	rtl := doc.Direction == content.RightToLeft
	doc.Buttons = nil
	write := func(blocks []content.Block) channels.Part {
		var b strings.Builder
		compose.HTML{}.Write(&b, isolated(blocks, rtl))
		return channels.Part{Text: compose.PlainBlocks(blocks, rtl), HTML: b.String(), Markup: markup, Cost: 1}
	}
	return compose.Chat{
		Name: "Matrix", Limit: textLimit, Unit: channels.Bytes, Parts: maxParts,
		Measure: func(blocks []content.Block, _ int) int { p := write(blocks); return len(p.Text) + len(p.HTML) },
	}.Compose(doc, write)
}

// isolated keeps codes and links apart from text of the other direction; other spans are already.
func isolated(blocks []content.Block, rtl bool) []content.Block {
	each := func(spans []content.Span) []content.Span {
		out := make([]content.Span, len(spans))
		for i, s := range spans {
			if s.Code || s.Link != "" {
				s.Text = compose.Isolate(s.Text, rtl)
			}
			out[i] = s
		}
		return out
	}
	out := make([]content.Block, len(blocks))
	for i, b := range blocks {
		out[i] = content.Block{Kind: b.Kind, Spans: each(b.Spans)}
		for _, item := range b.Items {
			out[i].Items = append(out[i].Items, each(item))
		}
	}
	return out
}
