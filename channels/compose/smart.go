package compose

import "strings"

// Smart writes a text message with plain signs in place of typographic ones, if that makes it GSM-7 and takes fewer
// segments; otherwise it gives the text unchanged. Only signs are replaced, those of Instead: never a letter, for a name
// or word with another letter is another.
func Smart(text string) string {
	encoding, _, segments, _ := Count(text)
	if encoding == GSM7 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if sign := Instead(r); sign != "" {
			b.WriteString(sign)
		} else {
			b.WriteRune(r)
		}
	}
	plain := thrifty(b.String())
	if encoding, _, fewer, _ := Count(plain); encoding != GSM7 || fewer >= segments {
		return text
	}
	return plain
}

// Instead gives the signs of GSM-7 that say the same as a typographic sign; empty: there are none, or it needs none.
// Fractions, powers and ordinals have none, for 1½ is not 11/2; nor have letters, and marks that stand in words.
func Instead(r rune) string {
	switch r {
	case '“', '”', '„', '‟', '«', '»', '″', '〝', '〞', '＂':
		return `"`
	case '‘', '’', '‚', '‛', '‹', '›', '′', '＇', '`', '´':
		return "'"
	case '‐', '‑', '‒', '–', '—', '―', '−':
		return "-"
	case '•', '‣', '●', '▪', '◦', '∙':
		return "-"
	case '…':
		return "..."
	case '⁄', '∕':
		return "/"
	case '→':
		return "->"
	}
	return ""
}
