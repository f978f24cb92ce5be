package compose

import (
	"strings"
	"unicode"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Invisible characters with a meaning of their own here.
const (
	lre, rle, pdf, lro, rlo = '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'
	lri, rli, fsi, pdi      = '\u2066', '\u2067', '\u2068', '\u2069'
	lrm, rlm, alm           = '\u200e', '\u200f', '\u061c'
	byteOrderMark           = '\ufeff'
)

// Clean makes text harmless to what stands around it: line ends become \n, tabs become spaces, other control
// characters go, and so do embeddings and overrides of direction, which can make a text read as something else.
// Isolates stay, and are closed at the end of their line; a close that opens nowhere goes. Cleaning twice changes
// nothing more.
func Clean(text string) string {
	if !needsCleaning(text) {
		return text
	}
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n")
	var b strings.Builder
	b.Grow(len(text) + 8)
	open := 0
	closeAll := func() {
		for ; open > 0; open-- {
			b.WriteRune(pdi)
		}
	}
	for _, r := range text {
		switch {
		case r == '\n', r == '\r', r == '\u0085', r == '\u2028', r == '\u2029', r == '\v', r == '\f':
			closeAll()
			b.WriteByte('\n')
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r), r == lre, r == rle, r == pdf, r == lro, r == rlo, r == byteOrderMark:
		case r == lri, r == rli, r == fsi:
			open++
			b.WriteRune(r)
		case r == pdi:
			if open > 0 {
				open--
				b.WriteRune(r)
			}
		default:
			b.WriteRune(r)
		}
	}
	closeAll()
	return b.String()
}

func needsCleaning(text string) bool {
	for i := 0; i < len(text); i++ {
		// All that Clean touches beyond ASCII starts with one of these bytes, and so does every broken byte.
		if c := text[i]; c < ' ' && c != '\n' || c >= 0x7f {
			return true
		}
	}
	return false
}

// TextMessage writes a document for channels that carry nothing but short plain text: its own short form if it has
// one, else subject and blocks without the addresses of links (an address that is itself the text stays). The
// language tag comes first. Direction marks, joiners and special spaces that alone would force the costlier UCS-2
// encoding are left out or become plain spaces; direction marks and isolates that would cost a segment are left out too.
func TextMessage(doc content.Document) string {
	text := doc.Short
	if text == "" {
		text = unlinked(doc).Plain()
	} else if doc.Tag != "" {
		text = "[" + doc.Tag + "] " + text
	}
	return thrifty(tidy(Clean(text)))
}

// unlinked leaves out what a text message has no room for: addresses of links, and the marks around values in a subject.
func unlinked(doc content.Document) content.Document {
	blocks := make([]content.Block, len(doc.Blocks))
	for i, b := range doc.Blocks {
		b.Spans = withoutLinks(b.Spans)
		items := make([][]content.Span, len(b.Items))
		for j, item := range b.Items {
			items[j] = withoutLinks(item)
		}
		b.Items = items
		blocks[i] = b
	}
	doc.Blocks = blocks
	doc.Subject = strings.NewReplacer(FSI, "", PDI, "").Replace(doc.Subject)
	return doc
}

func withoutLinks(spans []content.Span) []content.Span {
	out := make([]content.Span, len(spans))
	for i, s := range spans {
		s.Link = ""
		out[i] = s
	}
	return out
}

// tidy drops blanks at the ends of lines and empty lines at both ends of the text.
func tidy(text string) string {
	if !strings.Contains(text, " \n") {
		return strings.TrimSpace(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for line := range strings.Lines(text) {
		whole := strings.TrimSuffix(line, "\n")
		b.WriteString(strings.TrimRight(whole, " "))
		b.WriteString(line[len(whole):])
	}
	return strings.TrimSpace(b.String())
}

// thrifty gives the text without what a reader cannot see, if it is GSM-7 then. If it is not, marks and isolates of direction
// go that would cost a segment; joiners stay, because letters and pictures are drawn by them.
func thrifty(text string) string {
	if IsASCII(text) {
		return text
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '\u00a0', r == '\u202f', r >= '\u2000' && r <= '\u200a':
			return ' '
		case r >= '\u200b' && r <= rlm, isDirection(r), r == '\u00ad', r == '\u2060':
			return -1
		}
		return r
	}, text)
	if !strings.ContainsFunc(plain, func(r rune) bool { return gsmWidth(r) == 0 }) {
		return plain
	}
	if !strings.ContainsFunc(text, isDirection) {
		return text
	}
	bare := strings.Map(func(r rune) rune {
		if isDirection(r) {
			return -1
		}
		return r
	}, text)
	_, _, with, _ := Count(text)
	if _, _, without, _ := Count(bare); without < with {
		return bare
	}
	return text
}

func isDirection(r rune) bool { return r == lrm || r == rlm || r == alm || r >= lri && r <= pdi }

// IsASCII says whether a text has nothing beyond ASCII.
func IsASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
