package sandbox

import "unicode/utf16"

// The characters of the GSM 7-bit default alphabet beyond those shared with ASCII, and those that take two septets
// (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1). They are written out here, and not shared with the code that the gateway
// counts with, so that one can be checked against the other.
const (
	gsmBasic    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// gsmWidth is how many septets a character takes; zero: it is not in the alphabet.
func gsmWidth(r rune) int {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ' ' {
		return 1
	}
	for _, c := range gsmBasic {
		if c == r {
			return 1
		}
	}
	for _, c := range gsmExtended {
		if c == r {
			return 2
		}
	}
	return 0
}

// segments counts the messages that a text is cut into: 160 septets or 70 code units if it fits in one, else 153 or 67
// each, and no character is cut in two (3GPP TS 23.040, section 9.2.3.24.1).
func segments(text string) int {
	width, single, each := gsmWidth, 160, 153
	for _, r := range text {
		if gsmWidth(r) == 0 {
			width, single, each = utf16.RuneLen, 70, 67
			break
		}
	}
	total, n, room := 0, 1, each
	for _, r := range text {
		w := max(width(r), 1)
		total += w
		if w > room {
			n++
			room = each
		}
		room -= w
	}
	if total <= single {
		return 1
	}
	return n
}
