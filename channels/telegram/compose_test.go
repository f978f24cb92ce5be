package telegram_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestComposeGolden compares with testdata/compose/*.golden what Telegram is sent for testdata/compose/*.json. Characters
// that cannot be seen are written as \u escapes there.
func TestComposeGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/compose/*.json")
	if err != nil || len(inputs) < 8 {
		t.Fatalf("%d inputs, %v", len(inputs), err)
	}
	a := adapter(t)
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			var doc content.Document
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			parts, err := a.Compose(doc)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, p := range parts {
				b.WriteString(showInvisible(p.Text) + "\n")
				for _, button := range p.Buttons {
					b.WriteString("[" + showInvisible(button.Label) + "] → " + button.Action + "\n")
				}
			}
			golden := strings.TrimSuffix(input, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("Telegram would be sent\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
}

func showInvisible(s string) string {
	return strings.NewReplacer("\u200e", `\u200e`, "\u200f", `\u200f`, "\u2067", `\u2067`, "\u2068", `\u2068`, "\u2069", `\u2069`).Replace(s)
}

// piece is a run of text with the elements around it, outermost first.
type piece struct{ text, within string }

// parse reads a part with a real parser: Telegram's HTML is XML but for the root.
func parse(t *testing.T, part string) []piece {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<r>" + part + "</r>"))
	var (
		out   []piece
		stack []string
	)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%.400q", err, part)
		}
		switch x := token.(type) {
		case xml.StartElement:
			name := x.Name.Local
			switch name {
			case "a":
				if len(x.Attr) != 1 || x.Attr[0].Name.Local != "href" {
					t.Fatalf("a link with attributes %v", x.Attr)
				}
				name += "=" + x.Attr[0].Value
			case "r", "b", "i", "code", "blockquote":
				if len(x.Attr) > 0 {
					t.Fatalf("<%s> with attributes %v", name, x.Attr)
				}
			default:
				t.Fatalf("Telegram does not know <%s>", name)
			}
			stack = append(stack, name)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			out = append(out, piece{string(x), strings.Join(stack[1:], " ")})
		default:
			t.Fatalf("unexpected %T", token)
		}
	}
}

func textOf(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

func skeleton(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString("|" + p.within)
	}
	return b.String()
}

// plainOf is a text as short and as wide as s that nobody could mistake for markup.
func plainOf(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\n', ' ':
			return r
		}
		return 'x'
	}, s)
}

var hostile = []string{
	"<b>bold</b>", "</b></i></code></a></blockquote>", `"><a href="https://evil.example">`, "&lt;b&gt;", "&#60;script&#62;",
	"*_`[]()~>#+-=|{}.!\\", "{{.Secret}} %s %999999d", "@everyone @channel /stop #tag", "=1+1", "a\r\nBcc: b", "]]>", "<!--", "&", "<", ">", `"'`,
}

func TestTextFromMembersIsNeverMarkup(t *testing.T) {
	a := adapter(t)
	make := func(name string) content.Document {
		return content.Document{
			Locale: "en", Subject: name, Tag: "en", Reference: "R1",
			Blocks: []content.Block{
				{Kind: content.Heading, Spans: []content.Span{{Text: name}}},
				{Kind: content.Paragraph, Spans: []content.Span{{Text: name, Strong: true}, {Text: name, Emph: true}, {Text: name, Code: true}, {Text: name, Link: "https://example.org/"}}},
				{Kind: content.Bullets, Items: [][]content.Span{{{Text: name}}, {{Text: name, Strong: true, Emph: true}}}},
				{Kind: content.Quote, Spans: []content.Span{{Text: name}}},
			},
		}
	}
	for _, name := range hostile {
		name = strings.ReplaceAll(name, "\r\n", "\n")
		got, err := a.Compose(make(name))
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		want, err := a.Compose(make(plainOf(name)))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || len(want) != 1 {
			t.Fatalf("%q: %d and %d parts", name, len(got), len(want))
		}
		pieces := parse(t, got[0].Text)
		if skeleton(pieces) != skeleton(parse(t, want[0].Text)) {
			t.Errorf("%q changes the structure:\n%s", name, got[0].Text)
		}
		if n := strings.Count(strings.ReplaceAll(textOf(pieces), compose.Apart, ""), name); n < 9 {
			t.Errorf("%q can be read %d times of 9:\n%s", name, n, textOf(pieces))
		}
	}
}

func TestALinkCannotLeaveItsAttribute(t *testing.T) {
	a := adapter(t)
	for link, want := range map[string]string{
		`https://example.org/?a="><b>&c=<i>`: `a=https://example.org/?a=%22%3E%3Cb%3E&c=%3Ci%3E`,
		"https://example.org/ü?q=1&r=2":      "a=https://example.org/%C3%BC?q=1&r=2",
		"javascript:alert(1)":                "",
		"tg://user?id=1":                     "",
		"https://":                           "",
		"mailto:harbour@example.org":         "",
		"tel:+4930123456":                    "",
	} {
		parts, err := a.Compose(content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "here", Link: link}}}}})
		if err != nil {
			t.Fatal(err)
		}
		pieces := parse(t, parts[0].Text)
		if pieces[0].within != want {
			t.Errorf("%q: within %q, want %q", link, pieces[0].within, want)
		}
		address := strings.TrimPrefix(strings.TrimPrefix(link, "mailto:"), "tel:")
		if want == "" && textOf(pieces) != "here ("+address+")" {
			t.Errorf("%q is read as %q", link, textOf(pieces))
		}
	}
}

func TestWhatCannotBeSentIsRefusedWithAReason(t *testing.T) {
	a := adapter(t)
	ok := []content.Block{content.Text("x")}
	for name, c := range map[string]struct {
		doc content.Document
		say string
	}{
		"nothing":       {content.Document{}, "no text that can be seen"},
		"only blanks":   {content.Document{Subject: " \u200b\u2800", Blocks: []content.Block{content.Text("\n\u3164")}}, "no text that can be seen"},
		"a book":        {content.Document{Blocks: []content.Block{content.Text(strings.Repeat("word ", 10000))}}, "too long for Telegram"},
		"a wide link":   {content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "x", Link: "https://example.org/" + strings.Repeat("a", 40000)}}}}}, ""},
		"long action":   {content.Document{Blocks: ok, Buttons: []content.Button{{Label: "Yes", Action: strings.Repeat("a", 65)}}}, "1 to 64 bytes"},
		"no action":     {content.Document{Blocks: ok, Buttons: []content.Button{{Label: "Yes"}}}, "1 to 64 bytes"},
		"no label":      {content.Document{Blocks: ok, Buttons: []content.Button{{Label: "\u2069", Action: "a"}}}, "no label"},
		"many buttons":  {content.Document{Blocks: ok, Buttons: make([]content.Button, 101)}, "at most 100"},
		"big reference": {content.Document{Blocks: ok, Reference: strings.Repeat("a", 3000)}, "reference"},
	} {
		parts, err := a.Compose(c.doc)
		var e *channels.Error
		if !errors.As(err, &e) || e.Class != channels.Permanent || e.Scope != channels.ScopeContent || !strings.Contains(e.Detail, c.say) {
			t.Errorf("%s: %d parts, %v; want it to say %q", name, len(parts), err, c.say)
		}
	}
}

func TestButtonsStandUnderTheLastPartAndEveryPartIsRecognised(t *testing.T) {
	a := adapter(t)
	doc := content.Document{
		Reference: "K7Q2", Buttons: []content.Button{{Label: "Yes", Action: "y"}},
		Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: strings.Repeat("Wörter & Sätze. ", 700), Strong: true}}}},
	}
	parts, err := a.Compose(doc)
	if err != nil || len(parts) != 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	for i, p := range parts {
		text := textOf(parse(t, p.Text))
		if want := "\n\nK7Q2 " + string(rune('1'+i)) + "/3"; !strings.HasSuffix(text, want) {
			t.Errorf("part %d ends %q", i, text[len(text)-20:])
		}
		if n := len(utf16.Encode([]rune(text))); n > 4096 || i < 2 && n < 3900 {
			t.Errorf("part %d has %d units", i, n)
		}
		if (len(p.Buttons) == 1) != (i == 2) {
			t.Errorf("part %d has %d buttons", i, len(p.Buttons))
		}
		if p.Markup != "html" || p.Cost != 1 {
			t.Errorf("part %d: %q, cost %d", i, p.Markup, p.Cost)
		}
	}
}

// FuzzCompose holds for any text: parts are well-formed, within the limits, the same twice, and nothing that can be read
// goes missing.
func FuzzCompose(f *testing.F) {
	for _, s := range append(hostile, "שלום <b>world</b>", "\u202eevil\u2067 x", "👩‍👩‍👧‍👦 🇩🇪", "\xff\xfe", strings.Repeat("ß\n", 40)) {
		f.Add(s, s, uint16(1), uint8(0x15))
		f.Add("first. "+s, "https://example.org/?q="+s, uint16(700), uint8(0xea))
	}
	a := adapter(f)
	f.Fuzz(func(t *testing.T, text, other string, times uint16, how uint8) {
		if len(text)*int(times) > 60_000 || len(other) > 2000 {
			t.Skip()
		}
		span := content.Span{Text: strings.Repeat(text, int(times)), Strong: how&1 != 0, Emph: how&2 != 0, Code: how&4 != 0}
		if how&8 != 0 {
			span.Link = other
		}
		kinds := [...]content.BlockKind{content.Paragraph, content.Heading, content.Bullets, content.Numbered, content.Quote}
		block := content.Block{Kind: kinds[int(how>>4)%len(kinds)], Spans: []content.Span{{Text: other}, span}}
		block.Items = [][]content.Span{block.Spans, {span}}
		doc := content.Document{Subject: other, Tag: "en", Reference: "R1", Blocks: []content.Block{block, content.Text("end")}}
		if how&0x80 != 0 {
			doc.Direction = content.RightToLeft
		}
		parts, err := a.Compose(doc)
		if err != nil {
			var e *channels.Error
			if !errors.As(err, &e) || e.Class != channels.Permanent || e.Scope != channels.ScopeContent {
				t.Fatalf("%v", err)
			}
			return
		}
		again, _ := a.Compose(doc)
		var all strings.Builder
		for i, p := range parts {
			if again[i].Text != p.Text {
				t.Fatal("the second time it is written otherwise")
			}
			// XML forbids two noncharacters that Telegram takes.
			pieces := parse(t, strings.NewReplacer("\ufffe", "?", "\uffff", "?").Replace(p.Text))
			got := textOf(pieces)
			if n := len(utf16.Encode([]rune(got))); n > 4096 || len(p.Text) > 32000 || len(pieces) > 400 {
				t.Fatalf("part %d: %d units, %d bytes, %d pieces", i, n, len(p.Text), len(pieces))
			}
			if !utf8.ValidString(p.Text) || strings.ContainsAny(p.Text, "\x00\r\u202a\u202b\u202c\u202d\u202e") {
				t.Fatalf("part %d holds what it must not: %.400q", i, p.Text)
			}
			all.WriteString(got)
		}
		for _, letters := range []string{"abcdefghijklmnopqrstuvwxyz", "ابتשלםдж漢字"} {
			count := func(s string) int {
				return strings.Count(strings.Map(func(r rune) rune {
					if strings.ContainsRune(letters, r) {
						return '.'
					}
					return -1
				}, s), ".")
			}
			if block.Kind == content.Bullets || block.Kind == content.Numbered {
				continue // items without anything to read go, and their share is not known here
			}
			if have, want := count(all.String()), count(text)*int(times); have < want {
				t.Fatalf("%d of %d letters are left", have, want)
			}
		}
	})
}
