package external

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// suspicious finds what may be an address, a number or a key.
var suspicious = regexp.MustCompile(`\+?\d[\d ().\-]{4,}\d|[^\s"'<>]*@[^\s"'<>]+|[A-Za-z0-9_+/=-]{24,}|\?[^\s"']*`)

const (
	withheld = "[withheld]"
	recent   = 512 // messages that are remembered, to know what they said
	telling  = 4   // bytes from which a line or a word tells something
)

// veil knows what an adapter was told lately and takes it out of what it says: addresses, texts and secrets. It is safe for
// concurrent use and holds a bounded number of messages.
type veil struct {
	secrets []string
	mu      sync.Mutex
	lately  [recent][]string
	next    int
}

// told remembers what goes to the adapter.
func (v *veil) told(texts ...string) {
	var hide []string
	for _, t := range texts {
		hide = append(hide, t)
		if strings.Contains(t, "\n") {
			hide = append(hide, strings.Split(t, "\n")...)
		}
	}
	v.mu.Lock()
	v.lately[v.next%recent] = hide
	v.next++
	v.mu.Unlock()
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
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, secret := range v.secrets {
		if len(secret) >= telling {
			line = strings.ReplaceAll(line, secret, withheld)
		}
	}
	for _, texts := range v.lately {
		for _, text := range texts {
			if len(text) >= telling && len(text) <= len(line) {
				line = strings.ReplaceAll(line, text, withheld)
			}
		}
	}
	return strings.TrimSpace(suspicious.ReplaceAllString(line, withheld))
}

// short cuts a text at the end of a character.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
