package compose

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"

	"github.com/carillon-gateway/carillon/channels/content"
)

// FSI and PDI stand around a text that must not upset the order of its neighbours (Unicode UAX #9, 2.4).
const FSI, PDI = string(fsi), string(pdi)

// Mark is the invisible character before a line that makes programs set it from the side of the base direction
// (Unicode UAX #9, 2.6).
func Mark(rtl bool) string {
	if rtl {
		return string(rlm)
	}
	return string(lrm)
}

// firstStrong finds a line's direction as Unicode UAX #9, rules P2 and P3, has it; what is isolated does not count. It
// is false for a line without any strong character.
func firstStrong(line string) (dir content.Direction, ok bool) {
	depth := 0
	for rest := line; rest != ""; {
		p, size := bidi.LookupString(rest)
		if size == 0 {
			break
		}
		rest = rest[size:]
		switch p.Class() {
		case bidi.LRI, bidi.RLI, bidi.FSI:
			depth++
		case bidi.PDI:
			depth = max(depth-1, 0)
		case bidi.L:
			if depth == 0 {
				return content.LeftToRight, true
			}
		case bidi.R, bidi.AL:
			if depth == 0 {
				return content.RightToLeft, true
			}
		}
	}
	return content.LeftToRight, false
}

// NeedsIsolate says whether a text of one line would upset the order of what stands around it in a text of the given
// base direction.
func NeedsIsolate(text string, rtl bool) bool {
	if strings.Contains(text, "\n") {
		return false
	}
	return strays(text, rtl)
}

// Isolate puts isolating marks around a text of one line that needs them.
func Isolate(text string, rtl bool) string {
	if NeedsIsolate(text, rtl) {
		return FSI + text + PDI
	}
	return text
}

// WrongSide says whether a reader's program, which takes a line's direction from its first strong character, would set
// a line of a text of the given base direction from the wrong side.
func WrongSide(line string, rtl bool) bool {
	if strings.TrimSpace(line) == "" {
		return false
	}
	return strays(line, rtl)
}

// strays says whether a text, judged by its first strong character, has another direction than the base one.
func strays(text string, rtl bool) bool {
	dir, strong := firstStrong(text)
	if rtl {
		return !strong || dir != content.RightToLeft
	}
	return strong && dir == content.RightToLeft
}

// Visible says whether a reader sees anything of a text.
func Visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Mn, r) && !invisibleLetter(r)
	})
}

// invisibleLetter names the letters and symbols that show nothing: Hangul fillers and the empty Braille cell.
func invisibleLetter(r rune) bool {
	return r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0' || r == '\u2800'
}
