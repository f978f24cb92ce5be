package compose

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels/content"
)

// ends gives the places where we see one character end and the next begin.
func ends(text string) map[int]bool {
	at := map[int]bool{0: true, len(text): true}
	var c clusters
	for i, r := range text {
		if !c.next(r) {
			at[i] = true
		}
	}
	return at
}

func whole(text string) bool { return len(ends(text)) == 2 }

// Every character there is, in every place where Unicode 17 joins it to its neighbours: we never cut there.
func TestNoCharacterIsCutByUnicode17(t *testing.T) {
	raw, err := os.ReadFile("testdata/graphemes.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Unicode                                                                        string
		Behind, Before, Between, Lead, Open, Vowel, Final, Consonants, Pictures, Flags [][2]rune
		Texts                                                                          [][]string
	}
	if err := json.Unmarshal(raw, &golden); err != nil || golden.Unicode != "17.0" || len(golden.Texts) < 40 {
		t.Fatalf("Unicode %s, %d texts, %v", golden.Unicode, len(golden.Texts), err)
	}
	for name, c := range map[string]struct {
		ranges        [][2]rune
		before, after string
	}{
		"behind": {golden.Behind, "a", ""}, "before": {golden.Before, "", "a"}, "between": {golden.Between, "\u0915", "\u0915"},
		"lead": {golden.Lead, "", "\u1161"}, "open": {golden.Open, "", "\u11a8"}, "vowel": {golden.Vowel, "\u1100", ""}, "final": {golden.Final, "\u11a8", ""},
		"consonants": {golden.Consonants, "\u0915\u094d", ""}, "pictures": {golden.Pictures, "👩\u200d", ""}, "flags": {golden.Flags, "🇩", ""},
	} {
		n := 0
		for _, span := range c.ranges {
			for r := span[0]; r <= span[1]; r++ {
				n++
				if text := c.before + string(r) + c.after; !whole(text) {
					t.Errorf("%s: U+%04X would be cut off in %+q", name, r, text)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: nothing to look at", name)
		}
	}
	for _, pieces := range golden.Texts {
		text := strings.Join(pieces, "")
		allowed, at := map[int]bool{0: true}, 0
		for _, p := range pieces {
			at += len(p)
			allowed[at] = true
		}
		checkCuts(t, text, allowed)
	}
}

// checkCuts cuts a text everywhere, and wants each cut at one of the places.
func checkCuts(t interface{ Errorf(string, ...any) }, text string, allowed map[int]bool) {
	for n := range len(text) + 1 {
		if at := CutAt(text, n); !allowed[at] || at > n && at != len(text) {
			t.Errorf("%+q is cut at %d, within a character, where %d bytes were allowed", text, at, n)
		}
	}
	for at := range ends(text) {
		if !allowed[at] {
			t.Errorf("%+q: %d is no end of a character", text, at)
		}
	}
}

// Ordinary letters of every script can be told apart, or a long word could not be sent.
func TestLettersAreToldApart(t *testing.T) {
	for _, text := range []string{"abc", "жук", "αβγ", "שלום", "سلام", "កខគ", "กขค", "कखग", "中文字", "かきく", "한국어", "አማር", "ابج", "👩👨🎉", "12:3"} {
		if got, want := len(ends(text))-1, len([]rune(text)); got != want {
			t.Errorf("%q has %d characters for us, want %d", text, got, want)
		}
	}
	if got := len(ends("🇩🇪🇫🇷")) - 1; got != 2 {
		t.Errorf("two flags are %d characters", got)
	}
}

// pieces of text that are hard to cut between.
var hard = []string{
	"a", " ", "\n", ". ", "é", "e\u0301", "\u0301", "\u0300\u0316", "ж", "中", "。", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏿", "🇩", "🇪", "🇩🇪", "\u200d", "\u200c", "\ufe0f", "1\ufe0f\u20e3",
	"क", "्", "क्ष", "র্য", "한", "\u1112", "\u1161", "\u11ab", "น้ำ", "\u0600", "می‌", "\u2068", "\u2069", "\u200f", "𝒜", "&", "<", "*", "@a", ":x:", "\r\n", "\u200b",
}

func hardText(most int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(hard), 0, most), func(all []string) string { return strings.Join(all, "") })
}

// Another segmenter (of Unicode 15) agrees about whatever is thrown together.
func TestCutsAgreeWithAnotherSegmenter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := hardText(24).Draw(t, "text")
		checkCuts(t, text, otherEnds(text))
	})
}

func otherEnds(text string) map[int]bool {
	allowed, at := map[int]bool{0: true}, 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		at += len(g.Str())
		allowed[at] = true
	}
	return allowed
}

// A text that is split into messages is cut at such places only: the pieces, put together again with what fell away at
// the cuts, hold the characters of the whole.
func TestSplitCutsNoCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Clean(hardText(60).Draw(t, "text"))
		limit := rapid.IntRange(8, 60).Draw(t, "limit")
		pieces, err := Split([]content.Block{content.Text(text)}, limit, htmlish)
		if err != nil {
			return // a character longer than the limit
		}
		allowed, at := otherEnds(text), 0
		for i, p := range pieces {
			piece := p[0].Spans[0].Text
			found := strings.Index(text[at:], piece)
			if found < 0 || strings.TrimSpace(text[at:at+found]) != "" {
				t.Fatalf("piece %d, %+q, is not what follows in %+q", i, piece, text[at:])
			}
			start := at + found
			at = start + len(piece)
			if !allowed[start] || !allowed[at] {
				t.Fatalf("piece %d of %+q is %+q, torn from a character", i, text, piece)
			}
		}
	})
}
