package templates

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// message is a text with placeholders: literal pieces and names in turn.
type message []piece

// piece is a literal text, or a placeholder if name is set.
type piece struct{ text, name string }

// place maps a byte of a message's text to an offset in the file.
type place func(int) int

// message reads placeholders by ICU MessageFormat's rules: an apostrophe before a brace starts a quotation that the
// next single apostrophe ends, two are one apostrophe, and any other is itself (ICU, ApostropheMode DOUBLE_OPTIONAL).
func (f *finder) message(s string, at place) message {
	var out message
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, piece{text: text.String()})
			text.Reset()
		}
	}
	quoted := -1 // where the quotation began
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' && strings.HasPrefix(s[i+1:], "'"):
			text.WriteByte('\'')
			i++
		case c == '\'' && quoted >= 0:
			quoted = -1
		case c == '\'' && i+1 < len(s) && (s[i+1] == '{' || s[i+1] == '}'):
			quoted = i
		case c == '{' && quoted < 0:
			end := strings.IndexAny(s[i+1:], "{}\n")
			if end < 0 || s[i+1+end] != '}' {
				i = f.brace(s, i, end, at)
				continue
			}
			name := strings.TrimSpace(s[i+1 : i+1+end])
			flush()
			if f.name(name, at(i)) {
				out = append(out, piece{name: name})
			}
			i += end + 1
		case c == '}' && quoted < 0:
			f.at(at(i), "this } closes nothing", "delete it, or quote it: '}'")
		default:
			text.WriteByte(c)
		}
	}
	if quoted >= 0 {
		f.at(at(quoted), "this quotation is not closed", "write ' behind the text that it quotes, or '' for an apostrophe")
	}
	flush()
	return out
}

// brace reports an opening brace at i that starts no placeholder, and returns the last byte that goes with it. Behind
// it the text is read on, for further faults.
func (f *finder) brace(s string, i, end int, at place) int {
	if end != 0 || s[i+1] != '{' {
		f.at(at(i), "this { is not closed", "write {name}, or quote it: '{'")
		return i
	}
	f.at(at(i), "double braces mean nothing here", "write {name}, or quote braces: '{{'")
	if length := strings.Index(s[i:], "}}"); length > 0 {
		return i + length + 1
	}
	return i + 1
}

func (f *finder) name(name string, offset int) bool {
	switch {
	case validName(name):
		return true
	case name == "":
		f.at(offset, "this placeholder has no name", "write {name}, or quote the braces: '{}'")
	case strings.Contains(name, ","):
		f.at(offset, "this placeholder has a format", "write its name alone; plurals, dates and numbers come with a later release")
	default:
		f.at(offset, "this is no name of a placeholder", "use a letter a to z, then up to 39 letters, digits and _; there are no functions, loops or fields")
	}
	return false
}

func validName(s string) bool {
	if s == "" || len(s) > 40 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// names adds the message's placeholders to a set.
func (m message) names(into map[string]bool) {
	for _, p := range m {
		if p.name != "" {
			into[p.name] = true
		}
	}
}

// with puts values in.
func (m message) with(data map[string]string) string {
	var b strings.Builder
	for _, p := range m {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(data[p.name])
		}
	}
	return b.String()
}

// link puts values into an address. A placeholder that is the whole address brings a whole one; elsewhere its value is
// escaped, so that it stays in its place.
func (m message) link(data map[string]string) (string, error) {
	whole := len(m) == 1
	var b strings.Builder
	for _, p := range m {
		switch {
		case p.name == "":
			b.WriteString(p.text)
		case whole:
			b.WriteString(data[p.name])
		default:
			b.WriteString(strings.ReplaceAll(url.QueryEscape(data[p.name]), "+", "%20"))
		}
	}
	if !validLink(b.String()) {
		return "", fmt.Errorf("a link leads nowhere: its placeholder must bring a whole http, https, mailto or tel address")
	}
	return b.String(), nil
}

// validLink accepts absolute addresses of the four schemes that every channel can show.
func validLink(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2000 || strings.ContainsAny(s, " \t\n\"<>`\\") {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != "" && u.User == nil
	case "mailto", "tel":
		return u.Opaque != ""
	}
	return false
}

// checkData refuses values that no placeholder may take.
func checkData(data map[string]string) error {
	total := 0
	for name, v := range data {
		total += len(v)
		switch i := strings.IndexFunc(v, forbidden); {
		case !validName(name):
			return fmt.Errorf("a placeholder cannot be called %q: use a letter a to z, then up to 39 letters, digits and _", shorten(name))
		case len(v) > maxValue:
			return fmt.Errorf("the value for {%s} has %d bytes: shorten it to %d", name, len(v), maxValue)
		case i >= 0:
			r, _ := utf8.DecodeRuneInString(v[i:])
			return fmt.Errorf("the value for {%s} holds %s: delete that character", name, describe(r))
		case len(data) > maxNames, total > maxData:
			return fmt.Errorf("there are more than %d values or %d bytes of them: leave out what the text does not use", maxNames, maxData)
		}
	}
	return nil
}

func describe(r rune) string {
	switch {
	case r == '\r':
		return "a carriage return"
	case r == utf8.RuneError:
		return "bytes that are not UTF-8"
	case r < ' ' || (r >= 0x7f && r < 0xa0):
		return fmt.Sprintf("a control character (U+%04X)", r)
	}
	return fmt.Sprintf("an invisible mark that reorders text (U+%04X)", r)
}

func shorten(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
