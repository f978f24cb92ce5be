// Package compose measures, cleans and cuts text for channels: GSM 03.38 and UCS-2 segments of text messages, and
// structured content in pieces that each fit a provider's limit. Everything in it is pure and deterministic.
package compose

import (
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
)

// The encodings of text messages.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// Units of a message that fits one segment, and of each segment of a longer one: six bytes go to the header that
// joins the segments (3GPP TS 23.040, 9.2.3.24.1).
const (
	gsmSingle, gsmJoined = 160, 153
	ucsSingle, ucsJoined = 70, 67
)

// Count says how a text message is encoded (GSM7 or UCS2), how long it is in the units of that encoding (septets, or
// 16-bit code units) and how many segments it takes. A character of the GSM extension table takes two septets, one
// beyond the Basic Multilingual Plane two code units, and neither is torn between segments: so a long text may need
// one segment more than its units alone suggest. Offending holds the distinct characters that force UCS-2, in order
// of appearance; it is empty, never nil, for GSM-7. The empty text is GSM-7 with no units, and one segment: an empty
// text message is a message. Bytes that are no UTF-8 count as U+FFFD.
//
// Source: 3GPP TS 23.038, 6.2.1 (default alphabet and extension table, no national language shift).
func Count(text string) (encoding string, units, segments int, offending []string) {
	offending = []string{}
	var septets, room tally
	septets.single, septets.joined = gsmSingle, gsmJoined
	room.single, room.joined = ucsSingle, ucsJoined
	for _, r := range text {
		room.add(utf16Width(r))
		if w := gsmWidth(r); w > 0 {
			septets.add(w)
		} else {
			offending = addDistinct(offending, r)
		}
	}
	if len(offending) > 0 {
		return UCS2, room.units, room.segments(), offending
	}
	return GSM7, septets.units, septets.segments(), offending
}

// tally fills segments with characters that must not be torn.
type tally struct {
	single, joined int
	units          int
	full, used     int // joined segments that are full, and units in the open one
}

func (t *tally) add(width int) {
	t.units += width
	if t.used+width > t.joined {
		t.full++
		t.used = 0
	}
	t.used += width
}

func (t *tally) segments() int {
	if t.units <= t.single {
		return 1
	}
	return t.full + 1
}

func addDistinct(list []string, r rune) []string {
	for _, s := range list {
		if have, _ := utf8.DecodeRuneInString(s); have == r {
			return list
		}
	}
	return append(list, string(r))
}

// gsmWidth is how many septets a character takes in the GSM 7-bit default alphabet: one, two for the extension
// table, or zero if it has none.
func gsmWidth(r rune) int {
	switch {
	case r >= ' ' && r <= 'Z', r >= 'a' && r <= 'z':
		return 1
	}
	switch r {
	case '\n', '\r', '_', '£', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', 'Ø', 'ø', 'Å', 'å', 'Δ', 'Φ', 'Γ', 'Λ', 'Ω', 'Π',
		'Ψ', 'Σ', 'Θ', 'Ξ', 'Æ', 'æ', 'ß', 'É', '¤', '¡', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'ä', 'ö', 'ñ', 'ü', 'à':
		return 1
	case '\f', '^', '{', '}', '\\', '[', '~', ']', '|', '€':
		return 2
	}
	return 0
}

func utf16Width(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}

// Length measures text in a unit. An unknown unit counts bytes, which is never less than the others.
func Length(text string, unit channels.Unit) int {
	switch unit {
	case channels.Characters:
		return utf8.RuneCountInString(text)
	case channels.UTF16:
		n := 0
		for _, r := range text {
			n += utf16Width(r)
		}
		return n
	default:
		return len(text)
	}
}
