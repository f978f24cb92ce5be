package compose

import (
	"unicode"
	"unicode/utf8"
)

// clusters walks through a text and finds where one character as a reader sees it ends and the next begins. It is Unicode
// UAX #29 (version 17, rules GB3 to GB13) made coarser where that saves tables: everything that it takes for the end of a
// character is one there too, but behind a joiner, or before any mark, it never sees one.
type clusters struct {
	prev  rune
	begun bool
	flags int  // regional indicators in a row up to here
	link  bool // a sign that joins consonants came since the last letter
}

// next takes the next character in, and says whether it belongs to the one before.
func (c *clusters) next(r rune) (joined bool) {
	joined = c.begun && c.joins(r)
	switch {
	case links(r):
		c.link = true
	case !extends(r):
		c.link = false
	}
	if isFlag(r) {
		c.flags++
	} else {
		c.flags = 0
	}
	c.prev, c.begun = r, true
	return joined
}

func (c *clusters) joins(r rune) bool {
	switch {
	case c.prev == '\r' && r == '\n':
		return true
	case isEnd(c.prev) || isEnd(r):
		return false
	case extends(r), c.prev == zwj, prepends(c.prev):
		return true
	case c.link && unicode.IsLetter(r):
		return true
	case isFlag(r):
		return c.flags%2 == 1
	}
	return jamo(c.prev, r)
}

const zwj, zwnj = '\u200d', '\u200c'

func isEnd(r rune) bool { return r == '\n' || r == '\r' || unicode.IsControl(r) }

// extends says whether a character is shown on the one before it: marks, joiners, skin tones, tags, vowels of Thai and Lao
// that stand behind, and the small voice marks of Japanese.
func extends(r rune) bool {
	switch {
	case r < 0x300:
		return false
	case r == zwj, r == zwnj, r == 0x0e33, r == 0x0eb3, r == 0xff9e, r == 0xff9f:
		return true
	case r >= 0x1f3fb && r <= 0x1f3ff, r >= 0xe0020 && r <= 0xe007f:
		return true
	}
	return unicode.Is(unicode.M, r) || unknown(r)
}

// unknown says whether a character is newer than Go's tables, and so may be a mark. Places that are kept for pictures are not.
func unknown(r rune) bool {
	return !(r >= 0x1f000 && r <= 0x1faff) && unicode.Is(unicode.Cn, r)
}

// links says whether a sign makes one character of the consonants around it (Indic_Conjunct_Break=Linker).
func links(r rune) bool {
	if r < 0x94d {
		return false
	}
	switch r {
	case 0x094d, 0x09cd, 0x0acd, 0x0b4d, 0x0c4d, 0x0d4d, 0x1039, 0x17d2, 0x1a60, 0x1b44, 0x1bab, 0xa9c0, 0xaaf6,
		0x10a3f, 0x11133, 0x113d0, 0x1193e, 0x11a47, 0x11a99, 0x11f42:
		return true
	}
	return false
}

// prepends says whether a sign is shown on the character behind it (Grapheme_Cluster_Break=Prepend).
func prepends(r rune) bool {
	switch {
	case r < 0x600:
		return false
	case r <= 0x605, r >= 0x0890 && r <= 0x0891, r >= 0x111c2 && r <= 0x111c3, r >= 0x11a84 && r <= 0x11a89:
		return true
	}
	switch r {
	case 0x06dd, 0x070f, 0x08e2, 0x0d4e, 0x110bd, 0x110cd, 0x113d1, 0x1193f, 0x11941, 0x11a3a, 0x11d46, 0x11f02:
		return true
	}
	return false
}

// jamo says whether two parts of Hangul make one syllable (rules GB6 to GB8).
func jamo(prev, r rune) bool {
	if r < 0x1100 || prev < 0x1100 {
		return false
	}
	syllable := r >= 0xac00 && r <= 0xd7a3
	lead := r >= 0x1100 && r <= 0x115f || r >= 0xa960 && r <= 0xa97c
	vowel := r >= 0x1160 && r <= 0x11a7 || r >= 0xd7b0 && r <= 0xd7c6 || r == 0x16d63 || r >= 0x16d67 && r <= 0x16d6a
	tail := r >= 0x11a8 && r <= 0x11ff || r >= 0xd7cb && r <= 0xd7fb
	switch {
	case prev >= 0x1100 && prev <= 0x115f, prev >= 0xa960 && prev <= 0xa97c:
		return lead || vowel || syllable
	case prev >= 0xac00 && prev <= 0xd7a3, prev >= 0x1160 && prev <= 0x11a7, prev >= 0xd7b0 && prev <= 0xd7c6,
		prev == 0x16d63, prev >= 0x16d67 && prev <= 0x16d6a:
		return vowel || tail
	case prev >= 0x11a8 && prev <= 0x11ff, prev >= 0xd7cb && prev <= 0xd7fb:
		return tail
	}
	return false
}

func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// trimEnd and trimStart drop blanks as strings.TrimSpace does, but none that carries a mark or a sign before it.
func trimEnd(text string) string {
	for text != "" {
		r, size := utf8.DecodeLastRuneInString(text)
		if !unicode.IsSpace(r) {
			break
		}
		last, _ := utf8.DecodeLastRuneInString(text[:len(text)-size])
		if r != '\n' && prepends(last) {
			break
		}
		text = text[:len(text)-size]
	}
	return text
}

func trimStart(text string) string {
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if !unicode.IsSpace(r) {
			break
		}
		next, _ := utf8.DecodeRuneInString(text[size:])
		if r != '\n' && extends(next) {
			break
		}
		text = text[size:]
	}
	return text
}
