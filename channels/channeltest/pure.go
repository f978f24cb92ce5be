package channeltest

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

func checkCapabilities(p *probe) {
	c := p.adapter.Capabilities()
	if !reflect.DeepEqual(c, p.adapter.Capabilities()) {
		p.Errorf("Capabilities differ from one call to the next")
	}
	if c.Kind == "" || c.TextLimit <= 0 {
		p.Errorf("kind %q with a text limit of %d", c.Kind, c.TextLimit)
	}
	switch c.TextUnit {
	case channels.Characters, channels.UTF16, channels.Bytes:
	default:
		p.Errorf("the text unit %q does not exist", c.TextUnit)
	}
	if c.LongestAttempt <= 0 || c.LongestAttempt > time.Minute {
		p.Errorf("the longest attempt is %v, want more than nothing and at most a minute", c.LongestAttempt)
	}
	if (c.Receipts == channels.NoReceipts) != (c.ReceiptWithin == 0) {
		p.Errorf("receipts reach %d and come within %v", c.Receipts, c.ReceiptWithin)
	}
	if _, fills := p.adapter.(channels.Filler); c.Public && (c.Sensitive || fills) {
		p.Errorf("everybody reads what leaves, and yet it is fit for sensitive texts (%v), or for names (%v)", c.Sensitive, fills)
	}
	for _, r := range c.Rates {
		if r.PerSecond <= 0 || r.Burst < 1 {
			p.Errorf("the rate %+v lets nothing through", r)
		}
	}
	if n := len(p.double.Seen()); n != 0 {
		p.Errorf("asking for Capabilities sent %d messages", n)
	}
}

func checkAddresses(p *probe) {
	if len(p.Valid) == 0 || len(p.Invalid) == 0 || len(p.People) < 2 {
		p.Fatalf("the subject names too few addresses to check")
	}
	for raw, want := range p.Valid {
		for range 3 {
			got, err := p.adapter.ParseAddress(raw)
			if err != nil || got != want {
				p.Errorf("%q gave %q, %v; want %q", raw, got.Reveal(), err, want.Reveal())
			}
		}
		if again, err := p.adapter.ParseAddress(want.Reveal()); err != nil || again != want {
			p.Errorf("the canonical address %q gave %q, %v; want itself", want.Reveal(), again.Reveal(), err)
		}
	}
	for _, raw := range p.Invalid {
		got, err := p.adapter.ParseAddress(raw)
		switch {
		case err == nil:
			p.Errorf("%q was taken as %q", raw, got.Reveal())
		case got != "":
			p.Errorf("%q was refused, and yet gave %q", raw, got.Reveal())
		case len(err.Error()) < 15:
			p.Errorf("%q was refused with %q, which helps nobody", raw, err)
		case len(raw) >= 5 && strings.Contains(err.Error(), raw):
			p.Errorf("the refusal of %q repeats it, and would bring it into a log", raw)
		}
	}
}

func checkCompose(p *probe) {
	limits := p.adapter.Capabilities()
	for name, doc := range documents(limits.TextLimit) {
		before := frozen(doc)
		parts, err := p.adapter.Compose(doc)
		if err != nil {
			if e := p.typed("Compose of "+name, err); e != nil && (e.Class != channels.Permanent || e.Scope != channels.ScopeContent) {
				p.Errorf("Compose of %s: class %v, scope %s; want permanent, content", name, e.Class, e.Scope)
			}
			if name == "a short text" || name == "markup as text" {
				p.Errorf("Compose of %s failed: %v", name, err)
			}
			continue
		}
		if len(parts) == 0 {
			p.Errorf("Compose of %s gave no part and no error", name)
		}
		for i, part := range parts {
			n := p.measured(part)
			if n > limits.TextLimit {
				p.Errorf("Compose of %s: part %d measures %d %s, over the limit of %d", name, i, n, limits.TextUnit, limits.TextLimit)
			}
			if strings.TrimSpace(part.Text) == "" || !utf8.ValidString(part.Text) {
				p.Errorf("Compose of %s: part %d is empty or torn", name, i)
			}
			if part.Cost < 1 {
				p.Errorf("Compose of %s: part %d costs %d", name, i, part.Cost)
			}
		}
		for range 3 {
			if again, err := p.adapter.Compose(doc); err != nil || frozen(again) != frozen(parts) {
				p.Errorf("Compose of %s differs from one call to the next", name)
			}
		}
		if frozen(doc) != before {
			p.Errorf("Compose of %s changed the document", name)
		}
	}
	if n := len(p.double.Seen()); n != 0 {
		p.Errorf("composing sent %d messages", n)
	}
}

// measured is the length of a part, as the provider counts it.
func (p *probe) measured(part channels.Part) int {
	if p.Length != nil {
		return p.Length(part)
	}
	return measure(part, p.adapter.Capabilities().TextUnit)
}

func frozen(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func measure(part channels.Part, unit channels.Unit) int {
	n := 0
	for _, r := range part.Text {
		switch {
		case unit == channels.Bytes:
			n += utf8.RuneLen(r)
		case unit == channels.UTF16 && r >= 0x10000:
			n += 2
		default:
			n++
		}
	}
	return n
}

// documents are what people write, and what they should not.
func documents(limit int) map[string]content.Document {
	paragraph := func(s string) content.Document {
		return content.Document{Locale: "en", Blocks: []content.Block{content.Text(s)}}
	}
	rich := content.Document{
		Locale: "ar", Direction: content.RightToLeft, Tag: "AR", Subject: "خبر", Reference: "K7Q2",
		Blocks: []content.Block{
			{Kind: content.Heading, Spans: []content.Span{{Text: "عنوان", Strong: true}}},
			{Kind: content.Paragraph, Spans: []content.Span{{Text: "نص "}, {Text: "رابط", Link: "https://example.org/?a=1&b=<2>"}}},
			{Kind: content.Bullets, Items: [][]content.Span{{{Text: "أ", Emph: true}}, {{Text: "b", Code: true}}}},
			{Kind: content.Quote, Spans: []content.Span{{Text: "quoted\ntwice"}}},
		},
		Buttons: []content.Button{{Label: "نعم", Action: "ack:yes"}},
	}
	return map[string]content.Document{
		"a short text":          paragraph("Meeting at seven."),
		"markup as text":        paragraph(`<b>&amp;*_[x](y)` + "`{{a}}`" + `</b> @everyone "quoted" \`),
		"an empty document":     {Locale: "en"},
		"blanks":                paragraph(" \n\t "),
		"control characters":    paragraph("a\x00b\x1b[31m\u202ec"),
		"a long text":           paragraph(strings.Repeat("A sentence that goes on. ", limit/8)),
		"one long word":         paragraph(strings.Repeat("ж", limit*2+1)),
		"many emoji":            paragraph(strings.Repeat("👩‍🔬😀", limit/4)),
		"every kind of block":   rich,
		"a short form":          {Locale: "en", Short: "Meeting at seven.", Subject: "Meeting", Blocks: []content.Block{content.Text("At length.")}},
		"a text at the limit":   paragraph(strings.Repeat("a", limit)),
		"one over the limit":    paragraph(strings.Repeat("a", limit+1)),
		"a link that is marked": {Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: strings.Repeat("long link ", limit/5), Link: "https://example.org", Strong: true}}}}},
	}
}
