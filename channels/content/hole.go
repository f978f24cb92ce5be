package content

import "strings"

// The marks that stand in a composed text where a member's name comes, in a text from left to right and in one from right to
// left: noncharacters of Unicode, which no text from outside may hold.
const (
	HoleMark    = "\ufdd0"
	HoleMarkRTL = "\ufdd1"
)

// HoleLength is how many characters, or UTF-16 code units, a name takes at most, with all that a channel puts into it and
// around it.
const HoleLength = 160

// Hole stands in a document for a name: as long as the longest, so that no part is too long once it is filled in, and one
// character as a reader sees it, so that it is never cut.
func Hole(d Direction) string {
	if d == RightToLeft {
		return strings.Repeat(HoleMarkRTL, HoleLength)
	}
	return strings.Repeat(HoleMark, HoleLength)
}

// Narrow gives a composed text with one mark for each hole.
func Narrow(text string) string {
	for _, mark := range [...]string{HoleMark, HoleMarkRTL} {
		if strings.Contains(text, mark) {
			text = strings.ReplaceAll(text, strings.Repeat(mark, HoleLength), mark)
		}
	}
	return text
}

// HasHole says whether a name is to be put into a text.
func HasHole(text string) bool { return holeIn(text) >= 0 }

// NextHole gives what stands before the first hole of a text and behind it, and the direction of the text around it; false:
// there is none.
func NextHole(text string) (before, after string, rtl, found bool) {
	i := holeIn(text)
	if i < 0 {
		return text, "", false, false
	}
	end := i + len(HoleMark)
	return text[:i], text[end:], text[i:end] == HoleMarkRTL, true
}

// holeIn finds the first mark. Both begin with the same bytes, for which a search is quick.
func holeIn(text string) int {
	for at := 0; ; {
		i := strings.Index(text[at:], HoleMark[:2])
		if i < 0 {
			return -1
		}
		if at += i; strings.HasPrefix(text[at:], HoleMark) || strings.HasPrefix(text[at:], HoleMarkRTL) {
			return at
		}
		at += 2
	}
}
