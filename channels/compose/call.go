package compose

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Apart is an invisible character without meaning that keeps two others from being read together.
const Apart = "\u200b"

// Calls says what a text may do beside being read.
type Calls struct {
	Granted  []string // names, without @, that the author may call; nobody else is called, and values call nobody
	Commands bool     // the service makes commands of /words; those of values are none
}

// calm takes the power to call people out of a text: an invisible character comes behind the @ that begins a word. In web
// addresses the @ is written %40, which leads to the same place. before is the character in front of the text; value says
// that the text is not the author's.
func (c Calls) calm(before rune, text string, value bool) string {
	first, _ := utf8.DecodeRuneInString(text)
	together := before == '@' && isWord(first)
	if !together && strings.IndexByte(text, '@') < 0 && !(value && c.Commands && strings.IndexByte(text, '/') >= 0) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 2*len(Apart))
	if together {
		b.WriteString(Apart)
	}
	prev := before
	address := false // in a web address, up to what ends one
	for i, r := range text {
		rest := text[i+utf8.RuneLen(r):]
		next, _ := utf8.DecodeRuneInString(rest)
		switch {
		case r == '@' && (isWord(next) || rest == "") && !unicode.IsLetter(prev) && !unicode.IsNumber(prev):
			switch {
			case address:
				b.WriteString("%40")
			case rest == "": // what comes behind it is kept apart when it comes
				b.WriteByte('@')
			case !value && c.granted(rest):
				b.WriteByte('@')
			default:
				b.WriteString("@" + Apart)
			}
		case r == '/' && value && c.Commands && isWord(next) && !isWord(prev) && !strings.ContainsRune("/<>", prev) && !address:
			b.WriteString("/" + Apart)
		default:
			b.WriteRune(r)
		}
		switch {
		case r == ':' && strings.HasPrefix(rest, "//") && (strings.HasSuffix(text[:i], "http") || strings.HasSuffix(text[:i], "https")):
			address = true
		case strings.ContainsRune(" \n<>()[]{}\"'`|\\^", r):
			address = false
		}
		prev = r
	}
	return b.String()
}

// granted says whether the name that a text begins with may be called.
func (c Calls) granted(text string) bool {
	if len(c.Granted) == 0 {
		return false
	}
	end := strings.IndexFunc(text, func(r rune) bool { return !isWord(r) && r != '.' && r != '-' })
	if end < 0 {
		end = len(text)
	}
	name := strings.TrimRight(text[:end], ".-")
	return slices.ContainsFunc(c.Granted, func(g string) bool { return strings.EqualFold(g, name) })
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r))
}
