package mattermost

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// writer writes blocks in Mattermost's Markdown. Two parsers read it: the web client's fork of marked
// (mattermost/marked) and CommonMark in the server and on telephones. What is written here means the same to both: a
// backslash stands only before characters that both take it before, and what has no such escape is written as an entity.
type writer struct {
	rtl bool
}

// write writes blocks with an empty line between them.
func (w writer) write(blocks []content.Block) string {
	out := make([]string, 0, len(blocks))
	for _, b := range blocks {
		if text := w.block(b); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, "\n\n")
}

func (w writer) block(b content.Block) string {
	switch b.Kind {
	case content.Heading:
		line := strings.Join(w.lines(b.Spans), " ")
		if strings.TrimSpace(line) == "" {
			return ""
		}
		return "#### " + line
	case content.Quote:
		return prefixed(filled(w.lines(b.Spans)), "> ", "> ")
	case content.Bullets, content.Numbered:
		items := make([]string, 0, len(b.Items))
		for i, item := range b.Items {
			marker := content.Marker(b.Kind, i)
			var lines []string
			for _, line := range w.lines(item) { // an empty line would end the list
				if strings.TrimSpace(line) != "" {
					lines = append(lines, line)
				}
			}
			if len(lines) > 0 {
				items = append(items, prefixed(lines, marker, strings.Repeat(" ", len(marker))))
			}
		}
		return strings.Join(items, "\n")
	}
	return strings.TrimSpace(strings.Join(filled(w.lines(b.Spans)), "\n"))
}

// filled puts an invisible character into the empty lines between others, which would begin another paragraph.
func filled(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for i, line := range lines {
		if line == "" {
			lines[i] = compose.Apart
		}
	}
	return lines
}

// prefixed puts a prefix before each line, another before the first.
func prefixed(lines []string, first, rest string) string {
	out := make([]string, len(lines))
	for i, line := range lines {
		if i == 0 {
			out[i] = first + line
		} else {
			out[i] = rest + line
		}
	}
	return strings.Join(out, "\n")
}

// lines writes spans as lines that are each whole by themselves: a style that goes over a line end is closed and opened
// again. Blanks around a line go, because they could make it code.
func (w writer) lines(spans []content.Span) []string {
	if len(spans) == 1 && spans[0] == (content.Span{Text: spans[0].Text}) && !strings.Contains(spans[0].Text, "\n") {
		text := strings.TrimSpace(w.text(spans[0].Text))
		if compose.WrongSide(spans[0].Text, w.rtl) {
			text = compose.Mark(w.rtl) + text
		}
		return []string{opening(text)}
	}
	var out []string
	var line, plain strings.Builder
	end := func() {
		text := strings.TrimSpace(line.String())
		if compose.WrongSide(plain.String(), w.rtl) {
			stars := len(text) - len(strings.TrimLeft(text, "*")) // a mark before them would keep them from opening a style
			text = text[:stars] + compose.Mark(w.rtl) + text[stars:]
		}
		out = append(out, opening(text))
		line.Reset()
		plain.Reset()
	}
	for n, s := range spans {
		if s.Link != "" || s.Code {
			s.Text = strings.ReplaceAll(s.Text, "\n", " ") // or each line would be one
		}
		pieces := strings.Split(s.Text, "\n")
		for i, text := range pieces {
			if i > 0 {
				end()
			}
			after := ' '
			if i == len(pieces)-1 && n+1 < len(spans) {
				after, _ = utf8.DecodeRuneInString(spans[n+1].Text)
			}
			line.WriteString(w.span(s, text, line.String(), plain.String(), after))
			plain.WriteString(text)
		}
	}
	end()
	return out
}

// span writes a stretch of one line in the style of a span. Before is what was written of the line so far, said is its
// text, and after is the character that follows. Blanks at the ends stay outside, where markers would not count next to
// them.
func (w writer) span(s content.Span, text, before, said string, after rune) string {
	inner := strings.TrimFunc(text, unicode.IsSpace)
	switch {
	case inner == "":
		return text
	case !s.Code && s.Link == "" && !s.Strong && !s.Emph:
		return w.text(text)
	}
	lead := text[:strings.Index(text, inner)]
	tail := text[len(lead)+len(inner):]
	isolated := (s.Code || s.Link != "") && compose.NeedsIsolate(inner, w.rtl)
	last, _ := utf8.DecodeLastRuneInString(said)
	switch {
	case s.Code:
		inner = code(inner)
	case s.Link != "":
		inner = "[" + escape(inner) + "](" + destination(s.Link) + ")"
	default:
		inner = escape(inner)
	}
	if !s.Code && (s.Emph || s.Strong) {
		if lead == "" && !opens(last, inner) {
			inner = compose.Apart + inner
		}
		if tail == "" && !closes(inner, after) {
			inner += compose.Apart
		}
	}
	if s.Emph && !s.Code {
		if strings.HasPrefix(inner, `"`) {
			inner = "&quot;" + inner[1:] // marked opens nothing before a quotation mark
		}
		inner = "*" + inner + "*"
	}
	if s.Strong && !s.Code {
		inner = "**" + inner + "**"
	}
	if lead == "" && before != "" && before[len(before)-1] == inner[0] && (inner[0] == '*' || inner[0] == '`') {
		inner = compose.Apart + inner // or the end of one and the beginning of the other would be read as one marker
	}
	if isolated {
		inner = compose.FSI + inner + compose.PDI
	}
	return lead + inner + tail
}

// opens says whether a marker between a character and a text would open a style (CommonMark, 6.2: left-flanking). Where
// it would not, an invisible character before the text makes it.
func opens(before rune, text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return !isMark(first) || before == utf8.RuneError || unicode.IsSpace(before) || isMark(before)
}

// closes says the same of the other end.
func closes(text string, after rune) bool {
	last, _ := utf8.DecodeLastRuneInString(text)
	return !isMark(last) || after == utf8.RuneError || unicode.IsSpace(after) || isMark(after)
}

func isMark(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

// code writes a code span with a fence that the text does not hold.
func code(text string) string {
	text = faceless(text)
	longest, row := 0, 0
	for _, r := range text {
		if r == '`' {
			row++
			longest = max(longest, row)
		} else {
			row = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	if longest > 0 {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// bare finds web addresses in a text. Clients make links of them, and a backslash within would become part of the address.
var bare = regexp.MustCompile(`https?://[^\s<>()\[\]{}"'` + "`" + `|\\^]+`)

// text writes plain text. Web addresses in it stay as they are.
func (w writer) text(text string) string {
	if !strings.Contains(text, "://") {
		return escape(text)
	}
	var b strings.Builder
	for text != "" {
		at := bare.FindStringIndex(text)
		if at == nil {
			break
		}
		end := at[0] + len(strings.TrimRight(text[at[0]:at[1]], "?!.,:;*_~'\""))
		b.WriteString(escape(text[:at[0]]))
		b.WriteString(text[at[0]:end])
		text = text[end:]
	}
	b.WriteString(escape(text))
	return b.String()
}

// escape writes text so that every character of it is read as itself, wherever in a line it stands.
func escape(text string) string {
	if !strings.ContainsAny(text, "*_`~[]|\\<&$:") {
		return text
	}
	text = faceless(text)
	dollars := strings.Count(text, "$") > 1
	var b strings.Builder
	b.Grow(len(text) + 8)
	for i, r := range text {
		switch r {
		case '*', '_', '`', '~', '[', ']', '|':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\\':
			b.WriteString("&#92;") // the two parsers differ about what a backslash before it means
		case '<':
			b.WriteString("&lt;")
		case '&':
			if entity.MatchString(text[i:]) {
				b.WriteString("&amp;")
			} else {
				b.WriteRune(r)
			}
		case '$':
			if dollars { // two of them are a formula where the server allows those
				b.WriteString("&#36;")
			} else {
				b.WriteRune(r)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var (
	entity = regexp.MustCompile(`^&#?[0-9A-Za-z]+;`)
	// face is a name between colons, which becomes a picture.
	face = regexp.MustCompile(`:([\w+-]+:)`)
	// list is a number or sign at the start of a line that would make it an item, a heading, a quotation or a rule.
	list = regexp.MustCompile(`^(\d+)([.)])(\s|$)`)
)

// faceless keeps names between colons from becoming pictures.
func faceless(text string) string {
	if strings.Count(text, ":") > 1 {
		text = face.ReplaceAllString(text, ":"+compose.Apart+"$1")
	}
	return text
}

// opening takes the meaning out of what stands first in a line.
func opening(line string) string {
	if line == "" {
		return line
	}
	switch line[0] {
	case '#', '>':
		return `\` + line
	case '+', '-':
		if len(line) == 1 || line[1] == ' ' || line[1] == '-' {
			return `\` + line
		}
		return line
	case '=':
		return "&#61;" + line[1:]
	}
	if line[0] < '0' || line[0] > '9' {
		return line
	}
	return list.ReplaceAllString(line, `$1\$2$3`)
}

// destination writes the address of a link. An @ in it might call people.
func destination(link string) string { return address.Replace(link) }

var address = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", " ", "%20", `"`, "%22", `\`, "%5C", "`", "%60", "*", "%2A", "[", "%5B", "]", "%5D", "@", "%40")
