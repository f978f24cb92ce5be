package telegram_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"golang.org/x/net/html"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

// kinds are the elements that Telegram knows, of those that we write (core.telegram.org/bots/api, "HTML style").
var kinds = map[string]string{"b": "bold", "i": "italic", "code": "code", "a": "text_link", "blockquote": "blockquote"}

// found is an entity of a message, in UTF-16 code units.
type found struct {
	kind       string
	start, end int
}

// read reads a part with the HTML tokenizer of golang.org/x/net and Telegram's rules, and finds the mentions and commands
// that Telegram would.
func read(part channels.Part) (channeltest.Shape, error) {
	var (
		text  strings.Builder
		units int
		open  []found
		all   []found
	)
	z := html.NewTokenizer(strings.NewReader(part.Text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) || len(open) > 0 {
				return channeltest.Shape{}, fmt.Errorf("%d elements are open: %w", len(open), z.Err())
			}
			all = append(all, called(text.String())...)
			slices.SortStableFunc(all, func(a, b found) int { return cmp.Or(a.start-b.start, b.end-a.end, cmp.Compare(a.kind, b.kind)) })
			shape := channeltest.Shape{Text: text.String()}
			for _, e := range all {
				shape.Marks = append(shape.Marks, e.kind)
			}
			return shape, nil
		case html.TextToken:
			s := z.Token().Data
			text.WriteString(s)
			units += len(utf16.Encode([]rune(s)))
		case html.StartTagToken:
			t := z.Token()
			kind := kinds[t.Data]
			switch {
			case kind == "", t.Data == "a" && (len(t.Attr) != 1 || t.Attr[0].Key != "href"), t.Data != "a" && len(t.Attr) > 0:
				return channeltest.Shape{}, fmt.Errorf("Telegram does not know %s", t)
			case t.Data == "a":
				kind += " " + t.Attr[0].Val
			}
			open = append(open, found{kind, units, 0})
		case html.EndTagToken:
			t := z.Token()
			last := len(open) - 1
			if last < 0 || !strings.HasPrefix(open[last].kind, kinds[t.Data]) || open[last].start == units {
				return channeltest.Shape{}, fmt.Errorf("%s closes nothing, or nothing stands in it", t)
			}
			open[last].end = units
			all, open = append(all, open[last]), open[:last]
		default:
			return channeltest.Shape{}, fmt.Errorf("neither text nor element: %s", z.Token())
		}
	}
}

// called finds mentions and commands as tdlib does (td/telegram/MessageEntity.cpp, match_mentions and match_bot_commands):
// neither stands right behind a letter, a digit or _, and a command not behind / < or > either.
func called(text string) []found {
	runes, units := []rune(text), 0
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (runes[i] == '_' || unicode.IsLetter(runes[i]) || unicode.IsNumber(runes[i]))
	}
	var out []found
	for i, r := range runes {
		n := 0
		for ; word(i+1+n) && runes[i+1+n] < 0x80; n++ {
		}
		whole := n > 0 && !word(i-1) && !word(i+1+n)
		switch {
		case r == '@' && whole && n >= 2 && n <= 32:
			out = append(out, found{"mention", units, units + 1 + n})
		case r == '/' && whole && n <= 64 && (i == 0 || !strings.ContainsRune("/<>", runes[i-1])):
			out = append(out, found{"bot_command", units, units + 1 + n})
		}
		units += len(utf16.Encode([]rune{r}))
	}
	return out
}

// Whom the channel allows is mentioned where the author wrote it, and nobody else.
func TestMentions(t *testing.T) {
	a, err := telegram.New(channels.Settings{Name: "telegram-kit", Options: []byte(`{"token":"` + token + `","mentions":["Harbour_News"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	mentions := func(spans ...content.Span) int {
		t.Helper()
		parts, err := a.Compose(content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: spans}}})
		if err != nil {
			t.Fatal(err)
		}
		shape, err := read(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		return len(shape.Marks)
	}
	author := func(s string) content.Span { return content.Span{Text: s} }
	value := func(s string) content.Span { return content.Span{Text: s, Value: true} }
	for i, c := range []struct {
		want  int
		spans []content.Span
	}{
		{1, []content.Span{author("ask @harbour_news.")}},
		{0, []content.Span{author("ask @harbour_news2 or @harbour")}},
		{0, []content.Span{author("ask "), value("@harbour_news")}},
		{0, []content.Span{author("ask @"), value("harbour_news")}},
		{0, []content.Span{author("https://t.me/@harbour_news")}},
		{1, []content.Span{author("touch /stop to end")}},
		{0, []content.Span{author("by "), value("/stop")}},
		{0, []content.Span{value("https://example.org/stop and/or x")}},
	} {
		if got := mentions(c.spans...); got != c.want {
			t.Errorf("case %d: %d are called, want %d", i, got, c.want)
		}
	}
	if _, err := telegram.New(channels.Settings{Name: "telegram-kit", Options: []byte(`{"token":"` + token + `","mentions":["@x"]}`)}); err == nil || !strings.Contains(err.Error(), "mentions") {
		t.Errorf("a name with @ is taken: %v", err)
	}
}

// FuzzShape: whatever a value is, the message is read as it is with a plain one.
func FuzzShape(f *testing.F) {
	for _, name := range channeltest.Hostile() {
		f.Add(name)
	}
	a := adapter(f)
	of := func(name string) ([]channels.Part, error) {
		return a.Compose(content.Document{Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{
			{Text: "Dear "}, {Text: name, Strong: true, Value: true}, {Text: ", see "}, {Text: name, Link: "https://example.org/", Value: true}, {Text: " @"}, {Text: name, Value: true}, {Text: " end"},
		}}}})
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 300 {
			t.Skip()
		}
		parts, err := of("x" + name + "x")
		if err != nil || len(parts) != 1 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		shape, err := read(parts[0])
		if err != nil || !slices.Equal(shape.Marks, []string{"bold", "text_link https://example.org/"}) {
			t.Fatalf("%q, %v of %q", shape.Marks, err, parts[0].Text)
		}
	})
}
