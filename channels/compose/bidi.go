package compose

import (
	"strings"

	"golang.org/x/text/unicode/bidi"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Marks of direction (Unicode UAX #9, 2.4 and 2.6).
const (
	LRM, RLM = string(lrm), string(rlm) // what follows on this line is set from the left, from the right
	FSI, PDI = string(fsi), string(pdi) // around a text that must not upset the order of its neighbours
)

// NeedsIsolate says whether a text of one line would upset the order of what stands around it.
func NeedsIsolate(text string, rtl bool) bool {
	if strings.Contains(text, "\n") {
		return false
	}
	dir, strong := firstStrong(text)
	if rtl {
		return !strong || dir != content.RightToLeft
	}
	return strong && dir == content.RightToLeft
}

// Isolate puts isolating marks around a text of one line that needs them.
func Isolate(text string, rtl bool) string {
	if NeedsIsolate(text, rtl) {
		return FSI + text + PDI
	}
	return text
}

// firstStrong finds a line's direction as Unicode UAX #9, rules P2 and P3, has it; what is isolated does not count.
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

// WrongSide says whether a client, which takes a line's direction from its first strong character, would set the line from
// the wrong side.
func WrongSide(line string, rtl bool) bool {
	if strings.TrimSpace(line) == "" {
		return false
	}
	dir, strong := firstStrong(line)
	if rtl {
		return !strong || dir != content.RightToLeft
	}
	return strong && dir == content.RightToLeft
}
