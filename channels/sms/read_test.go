package sms

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
)

// gsm holds the septets of the alphabet (3GPP TS 23.038, 6.2.1), written out here so that the code that counts is held
// against something else: a character's place is its code, and those behind escape are found by theirs.
const (
	gsm       = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmEscape = 0x1b
)

var gsmExtended = map[rune]byte{'\f': 0x0a, '^': 0x14, '{': 0x28, '}': 0x29, '\\': 0x2f, '[': 0x3c, '~': 0x3d, ']': 0x3e, '|': 0x40, '€': 0x65}

// septets encodes a text; ok is false if the alphabet does not hold it.
func septets(text string) (out []byte, ok bool) {
	alphabet := []rune(gsm)
	for _, r := range text {
		if code, ok := gsmExtended[r]; ok {
			out = append(out, gsmEscape, code)
			continue
		}
		at := -1
		for i, a := range alphabet {
			if a == r && r != 0x1b {
				at = i
			}
		}
		if at < 0 {
			return nil, false
		}
		out = append(out, byte(at))
	}
	return out, true
}

// segmented cuts an encoded text as a sender does that tears nothing, and puts the segments together again as a telephone
// does, each decoded by itself. It gives what the telephone shows.
func segmented(text string) (shown, encoding string, segments int, err error) {
	if codes, ok := septets(text); ok {
		alphabet := []rune(gsm)
		back := map[byte]rune{}
		for r, code := range gsmExtended {
			back[code] = r
		}
		for rest := codes; len(rest) > 0; segments++ {
			n := len(rest)
			if n > 160 || segments > 0 {
				n = min(153, n)
			}
			if n < len(rest) && rest[n-1] == gsmEscape {
				n--
			}
			escaped := false
			for _, c := range rest[:n] {
				switch {
				case escaped:
					shown += string(back[c])
				case c != gsmEscape:
					shown += string(alphabet[c])
				}
				escaped = c == gsmEscape && !escaped
			}
			if escaped {
				return "", "", 0, fmt.Errorf("segment %d ends within an escape", segments+1)
			}
			rest = rest[n:]
		}
		return shown, "GSM-7", max(segments, 1), nil
	}
	units := utf16.Encode([]rune(text))
	for rest := units; len(rest) > 0; segments++ {
		n := len(rest)
		if n > 70 || segments > 0 {
			n = min(67, n)
		}
		if n < len(rest) && utf16.IsSurrogate(rune(rest[n-1])) && rest[n-1] < 0xdc00 {
			n--
		}
		shown += string(utf16.Decode(rest[:n]))
		rest = rest[n:]
	}
	return shown, "UCS-2", max(segments, 1), nil
}

// read encodes a part, cuts it into segments and decodes each.
func read(part channels.Part) (channeltest.Shape, error) {
	shown, encoding, segments, err := segmented(part.Text)
	switch {
	case err != nil:
		return channeltest.Shape{}, err
	case shown != part.Text || encoding != part.Encoding || segments != part.Cost:
		return channeltest.Shape{}, fmt.Errorf("a telephone shows %q of %d segments in %s; the part says %d in %s", shown, segments, encoding, part.Cost, part.Encoding)
	}
	return channeltest.Shape{Text: shown}, nil
}

// Whatever a text is thrown together of, what the part says of its segments is what comes out of cutting it for real: no
// escape, no surrogate pair and no character that a reader sees goes missing.
func TestNothingIsTorn(t *testing.T) {
	a := new(Adapter)
	rapid.Check(t, func(t *rapid.T) {
		pool := []string{"a", "€", "[", "é", " ", "ж", "😀", "👩‍👩‍👧‍👦", "🇩🇪", "क्ष", "한", "e\u0301", "\u200c", "\u2068", "\u2069"}
		if rapid.Bool().Draw(t, "GSM only") {
			pool = pool[:5]
		}
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pool), 1, 330).Draw(t, "text"), "")
		parts, err := a.Compose(content.Document{Short: text})
		if err != nil {
			return // blanks only
		}
		shape, err := read(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		squeeze := strings.NewReplacer(" ", "", "\u200c", "", "\u2068", "", "\u2069", "")
		if got, want := uniseg.GraphemeClusterCount(squeeze.Replace(shape.Text)), uniseg.GraphemeClusterCount(squeeze.Replace(text)); got != want {
			t.Fatalf("%d characters are left of %d", got, want)
		}
	})
}
