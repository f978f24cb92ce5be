package channeltest

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// Hostile lists names and texts that a careless writer would turn into something else: markup of every format, calls,
// header lines, directions, characters that are none. Each holds something that a reader sees. None is longer than 1,000
// bytes; Endless has the long ones.
func Hostile() []string {
	return []string{
		"{", "}", "{name}", "{n, plural, one {x", "'{'", "{{.Secret}}", "${x} <%= x %>", "%s %999999999d %n", "=cmd|' /C calc'!A0", "+1+1", "'; drop table x --",

		"</b>", "</b></i></code></a></blockquote>", `"><a href="https://evil.example">x</a>`, "<script>alert(1)</script>", "</title></head><body onload=x>", "</style><style>*{}",
		"<!-- x", "--> x", "]]>", "<![CDATA[x", "<?x?>", "&lt;b&gt;", "&#60;b&#62;", "&amp;", "&copy;", "&", "<", ">", `"'`, "<img src=x onerror=alert(1)>", "javascript:alert(1)", "<tg-spoiler>x</tg-spoiler>", "&#64;channel",

		"*_[", "*a*", "**a**", "***a***", "_a_", "__a__", "~~a~~", "`a`", "``", "```\na\n```", "~~~\na", "[a](https://evil.example)", "![a](https://evil.example/x.png)", "[a]: https://evil.example", "[a][b]",
		"<https://evil.example>", "# a", "#### a", "> a", "- a", "+ a", "* a", "1. a", "12) a", "---", "***", "===", "a\n===", "a\n---", "a|b\n-|-\nc|d", "    a", "\ta", "$x$ and $y$", ":smile: :+1:", `\*a\*`, `a\`, `C:\_temp\`, "a  \nb", "a\n\n\n\nb",
		"snake_case_name", "2 * 3 * 4", "~town-square", "#hashtag",

		"@all", "@channel", "hello @here, and @all!", "@@here", "x.@channel", "-@channel", "(@Channel)", "_@all_", "**@channel**", "@harbour_news", "x@y @z1", "@_all", "/stop", "x /stop@bot y", "(/stop)",

		"x\r\nBcc: eve@example.org", "x\nBcc: eve@example.org", "x\r\n\r\n<html>", "x\r\n.\r\nMAIL FROM:<eve@example.org>", "=?utf-8?q?x=0D=0ABcc:_eve@example.org?=", "--\r\n--x", "x\u2028Bcc: y", "x\u0085y", "x\vy\fz",

		"\u202egpj.exe", "\u202dx\u202c\u202c", "\u2067abc", "a\u2069\u2069b", "\u2066\u2067\u2068x", "\u200fعربي", "עברית abc", "عربي <b>", "\u061cx",

		"nul\x00byte", "\x1b[31mred\x07", "a\x08\x7fb", "a\u0090\u009bc", "\ufeffx", "x\ufffex\uffff", "\xed\xa0\xbdhalf", "half\xed\xb8\x80", "\xff\xfebroken", "cut\xf0\x9f\x98",

		"👩‍👩‍👧‍👦", "a\u200db\u200cc\u200b", "🇩🇪🇫🇷🇪", "👍🏿🏳️‍🌈", "Z͑ͫa̴l̷g̸o̴", "\u0300x", "क्षत्रिय", "\u1112\u1161\u11ab", "န္တ", "x\U000e0041y", "ﷺ", "ı İ ß ſ",
	}
}

// Endless lists texts of a megabyte.
func Endless() []string {
	const megabyte = 1 << 20
	var out []string
	for _, s := range []string{"x ", "@a ", "<b>", "*_[", "\u202e", "\u0301", "👩\u200d", "\n", " \n", "https://x/@a/", "\xff", ":a:"} {
		out = append(out, strings.Repeat(s, megabyte/len(s)))
	}
	return out
}

// Shape is what a parser of a channel's own format sees of a part.
type Shape struct {
	// Text is what a reader reads.
	Text string
	// Marks are the elements in the order in which they begin, with what they hold that is no text: styles, links and where
	// they lead, lists, people that are called, commands, headers, parts of a message. Line breaks do not count, nor web
	// addresses that a client links by itself because they are written out.
	Marks []string
}

// plainName is a name without anything in it.
const plainName = "Zeta"

// named has a name in every place that a document has for a value.
func named(name string) map[string]content.Document {
	v := content.Span{Text: name, Value: true}
	strong, emph, code, link := v, v, v, v
	strong.Strong, emph.Emph, code.Code, link.Link = true, true, true, "https://example.org/?a=1&b=2"
	say := func(s string) content.Span { return content.Span{Text: s} }
	doc := content.Document{
		Locale: "en", Subject: "About " + name, Reference: "K7Q2",
		Blocks: []content.Block{
			{Kind: content.Heading, Spans: []content.Span{v}},
			{Kind: content.Paragraph, Spans: []content.Span{say("Dear "), v, say(", we "), strong, say(" met "), emph, say(" and "), code, say(", see "), link, say(".")}},
			{Kind: content.Paragraph, Spans: []content.Span{v, say(" begins, ask @"), v}},
			{Kind: content.Bullets, Items: [][]content.Span{{v}, {say("and "), strong}}},
			{Kind: content.Numbered, Items: [][]content.Span{{say("first")}, {v}}},
			{Kind: content.Quote, Spans: []content.Span{v}},
		},
		Buttons: []content.Button{{Label: "Yes, " + name, Action: "ack:yes"}},
	}
	rtl := doc
	rtl.Locale, rtl.Direction, rtl.Tag = "ar", content.RightToLeft, "ar"
	short := content.Document{Locale: "en", Short: "Dear " + name + ", seven o'clock.", Subject: "About " + name}
	return map[string]content.Document{"a document": doc, "one from right to left": rtl, "a short text": short}
}

func checkHostile(p *probe) {
	plain := map[string][]reading{}
	for kind, doc := range named(plainName) {
		parts, err := p.adapter.Compose(doc)
		if err != nil {
			p.Fatalf("Compose of %s with a plain name: %v", kind, err)
		}
		plain[kind] = p.readings(kind, parts)
	}
	for _, name := range Hostile() {
		for kind, doc := range named(name) {
			parts, err := p.adapter.Compose(doc)
			if err != nil {
				p.Errorf("Compose of %s with the name %q: %v", kind, name, err)
				continue
			}
			if len(parts) != len(plain[kind]) {
				p.Errorf("%s with the name %q has %d parts, with a plain one %d", kind, name, len(parts), len(plain[kind]))
				continue
			}
			for i, part := range parts {
				p.sameShape(kind, name, part, plain[kind][i])
			}
		}
	}
	for _, name := range Endless() {
		began := time.Now()
		parts, err := p.adapter.Compose(content.Document{Locale: "en", Subject: "About it", Blocks: []content.Block{
			{Kind: content.Paragraph, Spans: []content.Span{{Text: "Dear "}, {Text: name, Strong: true, Value: true}}},
		}})
		if took := time.Since(began); took > endless {
			p.Errorf("Compose with a name of a megabyte of %.6q took %v", name, took)
		}
		if err != nil {
			p.failed("Compose with a name of a megabyte", err, channels.Permanent)
		}
		for _, part := range parts {
			p.harmless("a document", name[:20], part)
		}
	}
}

// endless bounds the composing of a megabyte, which takes less than a tenth of a second, on a machine that does much else;
// what takes the square of a text's length takes minutes.
const endless = 20 * time.Second

// reading is a part with a plain name, and what a parser sees of it.
type reading struct {
	channels.Part
	shape Shape
	seen  string
}

// readings reads parts with a plain name, once for all the names that are held against it.
func (p *probe) readings(kind string, parts []channels.Part) []reading {
	all := make([]reading, len(parts))
	for i, part := range parts {
		all[i].Part = part
		if p.Read == nil {
			continue
		}
		shape, err := p.Read(part)
		if err != nil {
			p.Fatalf("reading %s with a plain name: %v", kind, err)
		}
		all[i].shape, all[i].seen = shape, seen(shape.Text)
	}
	return all
}

// sameShape holds a part with a hostile name against the one with a plain name.
func (p *probe) sameShape(kind, name string, got channels.Part, plain reading) {
	p.harmless(kind, name, got)
	if len(got.Buttons) != len(plain.Buttons) || len(got.Buttons) == 1 && got.Buttons[0].Action != plain.Buttons[0].Action || got.Markup != plain.Markup {
		p.Errorf("%s with the name %q has the markup %q and the buttons %q", kind, name, got.Markup, got.Buttons)
	}
	if p.Read == nil {
		return
	}
	have, err := p.Read(got)
	if err != nil {
		p.Errorf("%s with the name %q cannot be read: %v\n%q", kind, name, err, got.Text)
		return
	}
	if !slices.Equal(have.Marks, plain.shape.Marks) {
		p.Errorf("%s with the name %q has another structure:\n got %q\nwant %q\n%q", kind, name, have.Marks, plain.shape.Marks, got.Text)
	}
	if text := strings.ReplaceAll(plain.seen, plainName, seen(name)); seen(have.Text) != text {
		p.Errorf("%s with the name %q reads\n%q, want\n%q\n%q", kind, name, seen(have.Text), text, got.Text)
	}
}

// harmless holds what no part may have in it, whatever its format.
func (p *probe) harmless(kind, name string, part channels.Part) {
	for field, text := range map[string]string{"text": part.Text, "HTML": part.HTML, "subject": part.Subject} {
		i := strings.IndexFunc(text, func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' || r >= '\u202a' && r <= '\u202e' || r == '\u2028' || r == '\u2029'
		})
		if i >= 0 || !utf8.ValidString(text) || field == "subject" && strings.Contains(text, "\n") {
			p.Errorf("the %s of %s with the name %q holds what nobody sees and programs obey, at %d: %.200q", field, kind, name, i, text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if strings.Count(line, "\u2066")+strings.Count(line, "\u2067")+strings.Count(line, "\u2068") != strings.Count(line, "\u2069") {
				p.Errorf("the %s of %s with the name %q leaves a direction open: %.200q", field, kind, name, line)
			}
		}
	}
}

// seen is a text without what nobody sees, and without blanks.
func seen(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
