package compose

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
)

// The alphabet as the standard prints it, row by row, without the escape (3GPP TS 23.038, 6.2.1).
const (
	defaultAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extensionTable  = "\f^{}\\[~]|€"
)

// Every character there is: those of the standard take one or two septets, all others force UCS-2.
func TestEveryCharacter(t *testing.T) {
	if n := utf8.RuneCountInString(defaultAlphabet); n != 127 {
		t.Fatalf("the alphabet of this test has %d characters, want 127", n)
	}
	for r := range rune(utf8.MaxRune + 1) {
		want := 0
		switch {
		case strings.ContainsRune(defaultAlphabet, r) && utf8.ValidRune(r):
			want = 1
		case strings.ContainsRune(extensionTable, r) && utf8.ValidRune(r):
			want = 2
		}
		if got := gsmWidth(r); got != want {
			t.Errorf("%q (U+%04X) takes %d septets, want %d", r, r, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	x := strings.Repeat
	cases := []struct {
		name      string
		text      string
		encoding  string
		units     int
		segments  int
		offending []string
	}{
		{"empty", "", GSM7, 0, 1, nil},
		{"one full segment", x("a", 160), GSM7, 160, 1, nil},
		{"one too many", x("a", 161), GSM7, 161, 2, nil},
		{"two full segments", x("a", 306), GSM7, 306, 2, nil},
		{"a third", x("a", 307), GSM7, 307, 3, nil},
		{"extension counts twice", "€" + x("a", 158), GSM7, 160, 1, nil},
		{"extension tips it over", "€" + x("a", 159), GSM7, 161, 2, nil},
		{"an escape is not torn", x("a", 152) + "€" + x("a", 151), GSM7, 305, 2, nil},
		{"the hole it leaves costs a segment", x("a", 152) + "€" + x("a", 152), GSM7, 306, 3, nil},
		{"every second one is an escape", x("[", 153), GSM7, 306, 3, nil},
		{"one foreign letter", "naïve", UCS2, 5, 1, []string{"ï"}},
		{"small cedilla is foreign, capital is not", "Çç", UCS2, 2, 1, []string{"ç"}},
		{"in order, once each", "ъ“aъ”“", UCS2, 6, 1, []string{"ъ", "“", "”"}},
		{"full UCS-2", x("ж", 70), UCS2, 70, 1, []string{"ж"}},
		{"one more", x("ж", 71), UCS2, 71, 2, []string{"ж"}},
		{"two full", x("ж", 134), UCS2, 134, 2, []string{"ж"}},
		{"three", x("ж", 135), UCS2, 135, 3, []string{"ж"}},
		{"pairs", x("😀", 35), UCS2, 70, 1, []string{"😀"}},
		{"a pair is not torn", x("a", 66) + "😀" + x("a", 66), UCS2, 134, 3, []string{"😀"}},
		{"tab", "a\tb", UCS2, 3, 1, []string{"\t"}},
		{"backtick", "`", UCS2, 1, 1, []string{"`"}},
		{"no-break space", "10\u00a0h", UCS2, 4, 1, []string{"\u00a0"}},
		{"broken bytes", "a\xff", UCS2, 2, 1, []string{"\ufffd"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			encoding, units, segments, offending := Count(c.text)
			if encoding != c.encoding || units != c.units || segments != c.segments || !slices.Equal(offending, c.offending) {
				t.Errorf("got %s, %d units, %d segments, %q; want %s, %d, %d, %q",
					encoding, units, segments, offending, c.encoding, c.units, c.segments, c.offending)
			}
			if offending == nil {
				t.Error("offending is nil; it must print as an empty list")
			}
		})
	}
}

// Whatever the text, cutting it into segments by hand gives the same number.
func TestCountAgreesWithCuttingByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab€[é\nж😀中`"))).Draw(t, "text")
		if rapid.Bool().Draw(t, "GSM only") {
			text = strings.Map(func(r rune) rune {
				if gsmWidth(r) == 0 {
					return '{'
				}
				return r
			}, text)
		}
		text = strings.Repeat(text, rapid.IntRange(0, 30).Draw(t, "times"))
		encoding, units, segments, offending := Count(text)
		width, single, joined := utf16Width, 70, 67
		if encoding == GSM7 {
			width, single, joined = gsmWidth, 160, 153
		}
		sum, parts, used := 0, 1, 0
		for _, r := range text {
			w := width(r)
			sum += w
			if used+w > joined {
				parts, used = parts+1, 0
			}
			used += w
		}
		if sum <= single {
			parts = 1
		}
		if sum != units || parts != segments {
			t.Fatalf("got %d units in %d segments, by hand %d in %d", units, segments, sum, parts)
		}
		if (encoding == GSM7) != (len(offending) == 0) {
			t.Fatalf("%s with offending %q", encoding, offending)
		}
	})
}

func FuzzCount(f *testing.F) {
	for _, s := range []string{"", "a", "€", "ж", "😀", "\xff", "\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		encoding, units, segments, offending := Count(text)
		if segments < 1 || units < segments-1 || units > segments*160 {
			t.Fatalf("%q: %d units in %d segments", text, units, segments)
		}
		if encoding == UCS2 && units != Length(text, channels.UTF16) {
			t.Fatalf("%q: %d units of UCS-2, but %d UTF-16 code units", text, units, Length(text, channels.UTF16))
		}
		for _, o := range offending {
			if !strings.Contains(strings.ToValidUTF8(text, "\ufffd"), o) {
				t.Fatalf("%q: %q offends but is not there", text, o)
			}
		}
	})
}

func TestLength(t *testing.T) {
	for unit, want := range map[channels.Unit]int{channels.Characters: 3, channels.UTF16: 4, channels.Bytes: 7} {
		if got := Length("aж😀", unit); got != want {
			t.Errorf("%s: got %d, want %d", unit, got, want)
		}
	}
}

func BenchmarkCount(b *testing.B) {
	for name, text := range map[string]string{
		"gsm-150": strings.Repeat("Meeting on Friday at seven. ", 6)[:150],
		"ucs-150": strings.Repeat("Встреча в пятницу в семь. ", 6),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Count(text)
			}
		})
	}
}
