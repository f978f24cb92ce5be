package compose

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// htmlish measures as a channel with markup would: some room for each span and block.
func htmlish(blocks []content.Block) int {
	n := 0
	for i, b := range blocks {
		if i > 0 {
			n += 2
		}
		n += Length(b.Plain(), channels.UTF16)
	}
	return n
}

func plainOf(blocks []content.Block) string { return content.Document{Blocks: blocks}.Plain() }

func split(t *testing.T, limit int, blocks ...content.Block) []string {
	t.Helper()
	pieces, err := Split(blocks, limit, htmlish)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(pieces))
	for i, p := range pieces {
		out[i] = plainOf(p)
	}
	return out
}

func TestSplit(t *testing.T) {
	heading := content.Block{Kind: content.Heading, Spans: []content.Span{{Text: "Two"}}}
	numbered := content.Block{Kind: content.Numbered, Items: [][]content.Span{{{Text: "aaaa"}}, {{Text: "bbbb"}}, {{Text: "cccc"}}}}
	for name, c := range map[string]struct {
		limit  int
		blocks []content.Block
		want   []string
	}{
		"nothing":          {10, nil, []string{}},
		"fits":             {10, []content.Block{content.Text("one"), content.Text("two")}, []string{"one\n\ntwo"}},
		"between blocks":   {9, []content.Block{content.Text("one one"), content.Text("two")}, []string{"one one", "two"}},
		"heading moves":    {12, []content.Block{content.Text("one"), heading, content.Text("three")}, []string{"one", "Two\n\nthree"}},
		"sentences":        {20, []content.Block{content.Text("First one. Second one. Third.")}, []string{"First one.", "Second one. Third."}},
		"words":            {10, []content.Block{content.Text("aaaa bbbb cccc")}, []string{"aaaa bbbb", "cccc"}},
		"characters":       {4, []content.Block{content.Text("aaaaaa")}, []string{"aaaa", "aa"}},
		"no torn emoji":    {5, []content.Block{content.Text("👩‍🔬👩‍🔬")}, []string{"👩‍🔬", "👩‍🔬"}},
		"no torn flag":     {6, []content.Block{content.Text("🇩🇪🇫🇷")}, []string{"🇩🇪", "🇫🇷"}},
		"marks stay":       {2, []content.Block{content.Text("e\u0301e\u0301")}, []string{"e\u0301", "e\u0301"}},
		"Chinese":          {8, []content.Block{content.Text("一二三四。五六七八九。")}, []string{"一二三四。", "五六七八九。"}},
		"numbers go on":    {8, []content.Block{numbered}, []string{"1. aaaa", "2. bbbb", "3. cccc"}},
		"items":            {15, []content.Block{numbered}, []string{"1. aaaa\n2. bbbb", "3. cccc"}},
		"a long item":      {5, []content.Block{{Kind: content.Bullets, Items: [][]content.Span{{{Text: "aaa bbb"}}}}}, []string{"- aaa", "bbb"}},
		"blanks at a cut":  {4, []content.Block{content.Text("aaaa   \n bbbb")}, []string{"aaaa", "bbbb"}},
		"blanks in front":  {4, []content.Block{content.Text("        aaaa")}, []string{"aaaa"}},
		"only blanks left": {4, []content.Block{content.Text("aaaa      ")}, []string{"aaaa"}},
	} {
		if got := split(t, c.limit, c.blocks...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// A link that is cut is a link on both sides.
func TestCutSpansKeepTheirStyle(t *testing.T) {
	b := content.Block{Kind: content.Quote, Spans: []content.Span{{Text: "aa "}, {Text: "bb cc", Strong: true, Link: "https://example.org"}}}
	pieces, err := Split([]content.Block{b}, 6, func(p []content.Block) int { return len(spanText(p[0].Spans)) })
	if err != nil {
		t.Fatal(err)
	}
	want := [][]content.Block{
		{{Kind: content.Quote, Spans: []content.Span{{Text: "aa "}, {Text: "bb", Strong: true, Link: "https://example.org"}}}},
		{{Kind: content.Quote, Spans: []content.Span{{Text: "cc", Strong: true, Link: "https://example.org"}}}},
	}
	if !reflect.DeepEqual(pieces, want) {
		t.Errorf("got %+v, want %+v", pieces, want)
	}
}

func TestSplitRefusesWhatCannotFit(t *testing.T) {
	for name, b := range map[string]content.Block{"a letter": content.Text("a"), "an emoji": content.Text("😀")} {
		_, err := Split([]content.Block{b}, 10, func(p []content.Block) int { return 10 + htmlish(p) })
		var e *channels.Error
		if !errors.As(err, &e) || e.Class != channels.Permanent || e.Scope != channels.ScopeContent {
			t.Errorf("%s: got %v, want a permanent error of content", name, err)
		}
	}
	_, err := Split([]content.Block{{Kind: content.Paragraph}}, 1, func([]content.Block) int { return 5 })
	if err == nil {
		t.Error("an empty block of length 5 was put into 1")
	}
}

// Whatever the blocks and the limit: every piece fits and says something, every letter is there once and in order,
// and no character that a reader sees is torn.
func TestSplitLosesNothing(t *testing.T) {
	letters := rapid.StringOfN(rapid.RuneFrom([]rune("abж.。 \ne😀\u0301\u200d中")), 0, 60, -1)
	span := rapid.Custom(func(t *rapid.T) content.Span {
		return content.Span{Text: letters.Draw(t, "text"), Strong: rapid.Bool().Draw(t, "strong")}
	})
	block := rapid.Custom(func(t *rapid.T) content.Block {
		b := content.Block{Kind: rapid.SampledFrom([]content.BlockKind{content.Paragraph, content.Heading, content.Bullets, content.Numbered, content.Quote}).Draw(t, "kind")}
		if b.Kind == content.Bullets || b.Kind == content.Numbered {
			b.Items = rapid.SliceOfN(rapid.SliceOfN(span, 1, 3), 1, 4).Draw(t, "items")
		} else {
			b.Spans = rapid.SliceOfN(span, 1, 4).Draw(t, "spans")
		}
		return b
	})
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.SliceOfN(block, 0, 5).Draw(t, "blocks")
		limit := rapid.IntRange(250, 400).Draw(t, "limit") / rapid.SampledFrom([]int{1, 10}).Draw(t, "scale")
		pieces, err := Split(blocks, limit, htmlish)
		if err != nil {
			return // one cluster of marks can be longer than a small limit
		}
		var got strings.Builder
		for _, p := range pieces {
			if n := htmlish(p); n > limit {
				t.Fatalf("a piece measures %d, over %d: %q", n, limit, plainOf(p))
			}
			text := plainOf(p)
			if !utf8.ValidString(text) {
				t.Fatalf("a piece is torn: %q", text)
			}
			got.WriteString(text)
		}
		if want := squeeze(plainOf(blocks)); squeeze(got.String()) != want {
			t.Fatalf("got %q, want %q", squeeze(got.String()), want)
		}
		again, _ := Split(blocks, limit, htmlish)
		if !reflect.DeepEqual(again, pieces) {
			t.Fatal("a second time it was cut elsewhere")
		}
	})
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func FuzzCutAt(f *testing.F) {
	f.Add("One. Two three", 6)
	f.Add("👩‍🔬\xff", 3)
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 0 || n > len(text) {
			return
		}
		at := CutAt(text, n)
		if at > n || at < 0 {
			t.Fatalf("CutAt(%q, %d) = %d", text, n, at)
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[:at]) {
			t.Fatalf("CutAt(%q, %d) tears a character", text, n)
		}
	})
}

// A text of thousands of short blocks is cut as if they came one by one, and few pieces are measured for it.
func TestSplitMeasuresLittle(t *testing.T) {
	blocks := make([]content.Block, 4000)
	for i := range blocks {
		blocks[i] = content.Text(strings.Repeat("a", 1+i*7%13))
	}
	measured := 0
	pieces, err := Split(blocks, 500, func(piece []content.Block) int {
		measured++
		n := 0
		for _, b := range piece {
			n += len(b.Spans[0].Text) + 2
		}
		return n
	})
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for i, piece := range pieces {
		n := 0
		for _, b := range piece {
			if b.Spans[0].Text != blocks[at].Spans[0].Text {
				t.Fatalf("piece %d has other blocks", i)
			}
			n += len(b.Spans[0].Text) + 2
			at++
		}
		if n > 500 || at < len(blocks) && n+len(blocks[at].Spans[0].Text)+2 <= 500 {
			t.Errorf("piece %d has a length of %d", i, n)
		}
	}
	if at != len(blocks) || measured > 16*len(pieces) {
		t.Errorf("%d of %d blocks in %d pieces, measured %d times", at, len(blocks), len(pieces), measured)
	}
}
