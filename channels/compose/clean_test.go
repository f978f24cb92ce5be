package compose

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels/content"
)

func TestClean(t *testing.T) {
	for name, c := range map[string][2]string{
		"plain":                  {"Hello, world", "Hello, world"},
		"line ends":              {"a\r\nb\rc\u2028d\u0085e", "a\nb\nc\nd\ne"},
		"tab":                    {"a\tb", "a b"},
		"controls":               {"a\x00b\x1b[31mc\x7fd\u0090e", "ab[31mcde"},
		"override":               {"pay \u202egnp.exe\u202c", "pay gnp.exe"},
		"isolate stays":          {"to \u2068Dana\u2069 now", "to \u2068Dana\u2069 now"},
		"open isolate is closed": {"to \u2068Dana now", "to \u2068Dana now\u2069"},
		"closed on its own line": {"\u2067a\nb", "\u2067a\u2069\nb"},
		"stray close goes":       {"a\u2069b", "ab"},
		"byte order mark":        {"\ufeffa", "a"},
		"broken bytes":           {"a\xffb", "a\ufffdb"},
		"joiners stay":           {"می\u200cخواهم", "می\u200cخواهم"},
	} {
		if got := Clean(c[0]); got != c[1] {
			t.Errorf("%s: %+q became %+q, want %+q", name, c[0], got, c[1])
		}
	}
}

// Whatever a text holds, what comes out cannot steer what stands beside it, and cleaning again changes nothing.
func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("a\n\r\t\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeffж"))).Draw(t, "text")
		checkClean(t, Clean(text))
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\u2067b\u202ec\xff")
	f.Fuzz(func(t *testing.T, text string) { checkClean(t, Clean(text)) })
}

func checkClean(t interface{ Fatalf(string, ...any) }, got string) {
	if !utf8.ValidString(got) || Clean(got) != got {
		t.Fatalf("%+q is not clean", got)
	}
	for line := range strings.SplitSeq(got, "\n") {
		depth := 0
		for _, r := range line {
			switch {
			case r >= lri && r <= fsi:
				depth++
			case r == pdi:
				depth--
			case unicode.IsControl(r) || r >= lre && r <= rlo:
				t.Fatalf("%+q holds %U", got, r)
			}
			if depth < 0 {
				t.Fatalf("%+q closes what it did not open", got)
			}
		}
		if depth != 0 {
			t.Fatalf("%+q leaves %d isolates open", got, depth)
		}
	}
}

func TestTextMessage(t *testing.T) {
	link := content.Block{Kind: content.Paragraph, Spans: []content.Span{{Text: "The plan", Link: "https://example.org/plan"}, {Text: " is out."}}}
	for name, c := range map[string]struct {
		doc  content.Document
		want string
	}{
		"the short form stands alone":   {content.Document{Short: "Meet at 7.", Subject: "Long", Blocks: []content.Block{link}}, "Meet at 7."},
		"a fallback shows its language": {content.Document{Short: "Meet at 7.", Tag: "EN"}, "[EN] Meet at 7."},
		"derived, without the link":     {content.Document{Tag: "EN", Subject: "News", Blocks: []content.Block{link}}, "[EN] News\n\nThe plan is out."},
		"a link that is the text stays": {content.Document{Blocks: []content.Block{{Kind: content.Paragraph,
			Spans: []content.Span{{Text: "https://example.org", Link: "https://example.org"}}}}}, "https://example.org"},
		"lists": {content.Document{Blocks: []content.Block{{Kind: content.Numbered,
			Items: [][]content.Span{{{Text: "one", Link: "https://example.org"}}, {{Text: "two"}}}}}}, "1. one\n2. two"},
		"marks do not double the price":     {content.Document{Short: "To \u2068Dana\u2069 at 10\u202fh\u00a030"}, "To Dana at 10 h 30"},
		"marks that cost a segment go":      {content.Document{Short: "إلى \u2068Dana\u2069" + strings.Repeat("ا", 62)}, "إلى Dana" + strings.Repeat("ا", 62)},
		"joiners stay whatever they cost":   {content.Document{Short: "می\u200cخواهم" + strings.Repeat("ا", 62)}, "می\u200cخواهم" + strings.Repeat("ا", 62)},
		"marks stay where they cost naught": {content.Document{Short: "إلى \u2068Dana\u2069"}, "إلى \u2068Dana\u2069"},
		"controls":                          {content.Document{Short: " a\x00\tb \r\n\n"}, "a b"},
	} {
		if got := TextMessage(c.doc); got != c.want {
			t.Errorf("%s: got %+q, want %+q", name, got, c.want)
		}
	}
	if link.Spans[0].Link == "" {
		t.Error("the document was changed")
	}
}

// Marks for direction and isolates never cost a segment, whatever they stand in.
func TestIsolatesAreFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.StringOfN(rapid.RuneFrom([]rune("ab é€жسا😀")), 1, 80, -1).Draw(t, "plain")
		plain = strings.Repeat(plain, rapid.IntRange(1, 4).Draw(t, "times"))
		marked := string(rlm)
		for _, word := range strings.Fields(plain) {
			marked += FSI + word + PDI + " "
		}
		_, _, want, _ := Count(strings.Join(strings.Fields(plain), " "))
		if _, _, got, _ := Count(TextMessage(content.Document{Short: marked})); got > want {
			t.Fatalf("%+q takes %d segments, without marks %d", marked, got, want)
		}
	})
}

// Marks for direction and typography never make a text message dearer.
func TestMarksAreFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.StringOf(rapid.RuneFrom([]rune("ab é€"))).Draw(t, "plain")
		marked := ""
		for _, r := range plain {
			marked += string(rapid.SampledFrom([]rune{fsi, pdi, lrm, alm, '\u200d', '\u00ad'}).Draw(t, "mark")) + string(r)
		}
		if encoding, _, _, offending := Count(TextMessage(content.Document{Short: marked})); encoding != GSM7 {
			t.Fatalf("%+q became %s by %q", marked, encoding, offending)
		}
	})
}
