package compose

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// The longest name that is put into a text, in characters as a reader sees them and in UTF-16 code units.
const (
	mostOfName  = 40
	unitsOfName = 64
)

// Name gives a name as it may stand in a text: clean, on one line, cut to 40 characters as a reader sees them and to 64
// UTF-16 code units. It is empty if nothing of the name can be seen. Naming twice changes nothing more.
func Name(raw string) string {
	if len(raw) <= mostOfName && plainName(raw) {
		return raw
	}
	if len(raw) > 4096 { // no name; what is behind would be cut off
		raw = strings.ToValidUTF8(raw[:4096], "")
	}
	name := strings.Map(func(r rune) rune {
		if content.HasHole(string(r)) || isDirection(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(Clean(raw)), " "))
	var seen clusters
	n, units, start := 0, 0, 0
	for i, r := range name {
		if !seen.next(r) {
			n, start = n+1, i
		}
		if units += utf16Width(r); n > mostOfName || units > unitsOfName {
			name = strings.TrimSpace(name[:start])
			break
		}
	}
	if !Visible(name) {
		return ""
	}
	return name
}

// plainName says whether a name is of ASCII letters, with single blanks between them: the common case.
func plainName(s string) bool {
	blank := true // before i there is none, or the beginning
	for i := 0; i < len(s); i++ {
		letter := s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z'
		if !letter && (blank || s[i] != ' ') {
			return false
		}
		blank = !letter
	}
	return !blank
}

// Filling puts a name into the composed texts of one part.
type Filling struct {
	name    string
	escape  func(string) string // writes a text so that every character is read as itself, wherever it stands; nil: as it is
	written [2]string           // escaped, and isolated where it needs that: in a text from left to right, from right to left
}

// NewFilling prepares a name, of Name, for a dialect. A character without meaning stands before and behind it where its ends
// are no letters, so that what stands around it is read as if it were any other name; behind each @, and / too, so that it
// calls and commands nothing.
func NewFilling(name string, escape func(string) string) *Filling {
	return &Filling{name: name, escape: escape}
}

func (f *Filling) in(rtl bool) string {
	i := 0
	if rtl {
		i = 1
	}
	if f.written[i] == "" {
		f.written[i] = f.write(f.name, rtl)
	}
	return f.written[i]
}

func (f *Filling) write(name string, rtl bool) string {
	isolated := NeedsIsolate(name, rtl)
	if !isolated && plainName(name) {
		return name
	}
	text := name
	if strings.ContainsAny(text, "@/:") {
		text = apart.Replace(text)
	}
	if f.escape != nil {
		text = f.escape(text)
	}
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if !unicode.IsLetter(first) {
		text = Apart + text
	}
	if !unicode.IsLetter(last) && !unicode.IsNumber(last) && !unicode.Is(unicode.M, last) {
		text += Apart
	}
	if isolated {
		text = FSI + text + PDI
	}
	if Length(text, channels.UTF16) >= content.HoleLength { // it is made of signs; one more character may come before it
		return f.write(Name(name[:max(1, CutAt(name, len(name)/2))]), rtl)
	}
	return text
}

// apart takes the power to call people, to command and to become a picture out of a name, whatever stands around it.
var apart = strings.NewReplacer("@", "@"+Apart, "/", "/"+Apart, ":", ":"+Apart)

// Into puts the name into every hole of a text.
func (f *Filling) Into(text string) string {
	before, after, rtl, found := content.NextHole(text)
	if !found {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(f.in(rtl)) + 16)
	for found {
		b.WriteString(before)
		if n := len(before); n > 0 && strings.IndexByte("@:/#~&!$", before[n-1]) >= 0 {
			b.WriteString(Apart) // or both would be read together
		}
		b.WriteString(f.in(rtl))
		before, after, rtl, found = content.NextHole(after)
	}
	b.WriteString(before)
	return b.String()
}

// FillTextMessage puts a name into the holes of a text message, and leaves out what only now costs without being seen.
func FillTextMessage(text, name string) string {
	before, after, _, found := content.NextHole(text)
	if !found {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(name))
	for found {
		b.WriteString(before)
		b.WriteString(name)
		before, after, _, found = content.NextHole(after)
	}
	b.WriteString(before)
	return thrifty(tidy(b.String()))
}

// Recalls says whether a text may be one that was filled in from a text with holes, whatever the name: the letters and digits
// around the holes are the same.
func Recalls(holed, text string) bool {
	rest := letters(text)
	piece, after, _, more := content.NextHole(holed)
	if piece = letters(piece); !strings.HasPrefix(rest, piece) {
		return false
	}
	rest = rest[len(piece):]
	for more {
		piece, after, _, more = content.NextHole(after)
		piece = letters(piece)
		if !more {
			return strings.HasSuffix(rest, piece)
		}
		i := strings.Index(rest, piece)
		if i < 0 {
			return false
		}
		rest = rest[i+len(piece):]
	}
	return rest == ""
}

// letters is a text without all that is written in more than one way.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, text)
}
