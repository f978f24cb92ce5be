package channeltest

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// called has a name in every place where the author of a text may put a member's: within and at both ends of a line, behind
// what it could be read together with, strong and emphasised, in every kind of block.
func called(name func(content.Direction) string) map[string]content.Document {
	doc := func(d content.Direction) content.Document {
		say := func(s string) content.Span { return content.Span{Text: s} }
		v := say(name(d))
		strong, emph := v, v
		strong.Strong, emph.Emph = true, true
		return content.Document{Locale: "en", Direction: d, Subject: "About it", Blocks: []content.Block{
			{Kind: content.Heading, Spans: []content.Span{v}},
			{Kind: content.Paragraph, Spans: []content.Span{say("Dear "), v, say(", we "), strong, say(" met "), emph, say(".")}},
		}}
	}
	edges := func(d content.Direction) content.Document {
		v := content.Span{Text: name(d)}
		return content.Document{Locale: "en", Direction: d, Subject: "About it", Blocks: []content.Block{
			{Kind: content.Paragraph, Spans: []content.Span{{Text: v.Text + ". Hello. Ask @" + v.Text + ", :" + v.Text + ": or #" + v.Text + "."}}},
			{Kind: content.Bullets, Items: [][]content.Span{{v}, {{Text: "and you"}}}},
			{Kind: content.Numbered, Items: [][]content.Span{{{Text: "first"}}, {v}}},
			{Kind: content.Quote, Spans: []content.Span{v}},
		}}
	}
	return map[string]content.Document{"a document": doc(content.LeftToRight), "one from right to left": doc(content.RightToLeft),
		"one with names at the edges": edges(content.LeftToRight), "one from right to left with names at the edges": edges(content.RightToLeft),
		"a short text": {Locale: "en", Subject: "About it", Short: "Dear " + name(content.LeftToRight) + ", seven o'clock."}}
}

// checkFilling puts names into the holes of composed parts.
func checkFilling(p *probe) {
	filler, ok := p.adapter.(channels.Filler)
	if !ok {
		p.Skipf("the adapter puts no names into texts")
	}
	to := p.People[0]
	fill := func(parts []channels.Part, name string) (filled []channels.Part, ok bool) {
		for _, part := range parts {
			part.Text, part.HTML = content.Narrow(part.Text), content.Narrow(part.HTML)
			if part, ok = filler.Fill(part, to, name); !ok {
				return nil, false
			}
			if content.HasHole(part.Text + part.HTML + part.Subject) {
				p.Errorf("a hole is left: %q", part.Text)
			}
			filled = append(filled, part)
		}
		return filled, true
	}
	alone, err := p.adapter.Compose(content.Document{Locale: "en", Blocks: []content.Block{content.Text("⟦" + content.Hole(content.LeftToRight) + "⟧")}})
	if err != nil {
		p.Fatalf("Compose of a hole alone: %v", err)
	}
	one, _ := fill(alone, plainName)
	one[0].Text, one[0].HTML = strings.ReplaceAll(one[0].Text, plainName, content.HoleMark), strings.ReplaceAll(one[0].HTML, plainName, content.HoleMark)
	names, shown := append(Hostile(), Endless()...), map[string]string{}
	for _, name := range names {
		if alone, ok := filler.Fill(one[0], to, name); ok {
			shown[name] = p.shown(alone, name)
		}
	}
	of := func(s string) func(content.Direction) string { return func(content.Direction) string { return s } }
	whole := called(of(plainName))
	for kind, doc := range called(content.Hole) {
		holed, err := p.adapter.Compose(doc)
		if err != nil {
			p.Fatalf("Compose of %s with holes: %v", kind, err)
		}
		want, err := p.adapter.Compose(whole[kind])
		if err != nil {
			p.Fatalf("Compose of %s with a plain name: %v", kind, err)
		}
		plain, ok := fill(holed, plainName)
		if !ok || len(plain) != len(want) {
			p.Fatalf("%s with a plain name put in has %d parts, and composed with it %d", kind, len(plain), len(want))
		}
		for i, as := range p.readings(kind, want) {
			p.sameShape(kind, plainName, plain[i], as)
		}
		as := p.readings(kind, plain)
		for _, name := range names {
			parts, ok := fill(holed, name)
			if !ok {
				continue // nothing of it is seen
			}
			for i, part := range parts {
				p.sameShape(kind, shown[name], part, as[i])
				if n := p.measured(part); n > p.adapter.Capabilities().TextLimit {
					p.Errorf("%s with the name %.60q measures %d, over the limit", kind, name, n)
				}
			}
		}
	}
	for name, seen := range map[string]string{"": "", " \t\u200b": "", strings.Repeat("n", 50): strings.Repeat("n", 40), strings.Repeat("👩‍👩‍👧‍👦", 50): strings.Repeat("👩‍👩‍👧‍👦", 5)} {
		part, ok := filler.Fill(channels.Part{Text: content.HoleMark, HTML: content.HoleMark}, to, name)
		if ok != (seen != "") || ok && !strings.Contains(part.Text, seen) || strings.Contains(part.Text, seen+"n") {
			p.Errorf("the name %.60q was put in as %q, %v; want %q", name, part.Text, ok, seen)
		}
	}
}

// shown is what a reader sees of a name that is put into a text: its beginning at least.
func (p *probe) shown(part channels.Part, name string) string {
	if p.Read == nil {
		return name
	}
	shape, err := p.Read(part)
	if err != nil {
		p.Errorf("the name %.60q alone cannot be read: %v", name, err)
	}
	_, behind, _ := strings.Cut(shape.Text, "⟦")
	got, _, _ := strings.Cut(behind, "⟧")
	if got == "" || !strings.HasPrefix(seen(name), seen(got)) {
		p.Errorf("the name %.60q alone reads %q", name, shape.Text)
	}
	return got
}
