package external

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels/compose"
)

// suspicious finds what may be an address, a number, a key, or a text that was escaped.
var suspicious = regexp.MustCompile(`\+?\d[\d ().\-]{4,}\d|[^\s"'<>]*@[^\s"'<>]+|[A-Za-z0-9_+/=-]{24,}|\?[^\s"']*|(?:\\u[0-9A-Fa-f]{4})+`)

const (
	withheld  = "[withheld]"
	recent    = 512       // messages that are remembered at most, to know what they said
	mostVeil  = 256 << 10 // bytes of them that are remembered
	telling   = 4         // bytes from which a piece of a text or a secret tells something
	someone   = 2         // and an address
	pieceSize = 24        // bytes of a piece at most
)

// veil knows what an adapter was told lately and takes it out of what it says: addresses, texts and secrets. Texts are looked for
// piece by piece, because programs cut, escape and wrap what they log. It is safe for concurrent use and holds a bounded number
// of messages and of bytes.
type veil struct {
	secrets []string
	mu      sync.Mutex
	lately  []message // oldest first
	size    int       // bytes of lately
}

type message struct{ to, text, html string }

func (m message) size() int { return len(m.to) + len(m.text) + len(m.html) }

// told remembers what goes to the adapter; of a text that is too long, its beginning.
func (v *veil) told(to, text, html string) {
	m := message{to, text[:min(len(text), mostVeil/4)], html[:min(len(html), mostVeil/4)]}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lately, v.size = append(v.lately, m), v.size+m.size()
	for len(v.lately) > recent || v.size > mostVeil {
		v.size -= v.lately[0].size()
		v.lately[0] = message{}
		v.lately = v.lately[1:]
	}
}

// over gives a line of an adapter without what it may not tell, on one line.
func (v *veil) over(line string) string {
	if line == "" {
		return ""
	}
	line = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	hidden := make([]bool, len(line)) // pieces overlap
	hide := func(what string, least int) {
		if len(what) < least {
			return
		}
		for at, from := strings.Index(line, what), 0; at >= 0; at = strings.Index(line[from:], what) {
			from += at + len(what)
			for i := from - len(what); i < from; i++ {
				hidden[i] = true
			}
		}
	}
	for _, secret := range v.secrets {
		hide(secret, telling)
		eachPiece(secret, func(piece string) { hide(piece, telling) })
	}
	v.mu.Lock()
	lately := slices.Clone(v.lately)
	v.mu.Unlock()
	for _, m := range lately {
		hide(m.to, someone)
		hide(m.text, telling)
		for _, text := range [...]string{m.text, m.html} {
			eachPiece(text, func(piece string) { hide(piece, telling) })
		}
	}
	var out strings.Builder
	for i := range len(line) {
		switch {
		case !hidden[i]:
			out.WriteByte(line[i])
		case i == 0 || !hidden[i-1]:
			out.WriteString(withheld)
		}
	}
	return strings.TrimSpace(suspicious.ReplaceAllString(out.String(), withheld))
}

// eachPiece cuts a text where programs that log it would break or escape it, and else between words. What is not ASCII some
// escape and some do not.
func eachPiece(text string, do func(piece string)) {
	breaks := func(r rune) bool { return strings.ContainsRune(`"'\<>&`, r) || unicode.IsControl(r) }
	runs := strings.FieldsFunc(text, breaks)
	if !compose.IsASCII(text) {
		runs = append(runs, strings.FieldsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || breaks(r) })...)
	}
	for _, run := range runs {
		for len(run) > 0 {
			end := len(run)
			if end > pieceSize {
				end = strings.LastIndexByte(run[:pieceSize], ' ')
				if end < telling {
					for end = pieceSize; !utf8.RuneStart(run[end]); {
						end--
					}
				}
			}
			do(strings.TrimSpace(run[:end]))
			run = run[end:]
		}
	}
}

// short cuts a text at the end of a character.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
