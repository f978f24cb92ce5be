package content

import "unicode"

// Digit gives the value of a decimal digit of any script; below zero: it is none. Each script's digits stand in a row of ten, from
// zero on (Unicode Standard, section 4.6), and rows that touch are whole.
func Digit(r rune) int {
	if !unicode.IsDigit(r) {
		return -1
	}
	for _, rows := range unicode.Nd.R16 {
		if r <= rune(rows.Hi) {
			return int(r-rune(rows.Lo)) % 10
		}
	}
	for _, rows := range unicode.Nd.R32 {
		if r <= rune(rows.Hi) {
			return int(r-rune(rows.Lo)) % 10
		}
	}
	return -1
}
