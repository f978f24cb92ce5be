package external

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// commonMark writes blocks as CommonMark (spec.commonmark.org, version 0.31.2). Where a style would not count by its rules for
// what stands around, the text stands without it.
type commonMark struct{ rtl bool }

func (w commonMark) write(blocks []content.Block) string {
	var out []string
	for _, b := range blocks {
		var text string
		switch b.Kind {
		case content.Heading:
			if lines := w.lines(b.Spans); len(lines) > 0 {
				text = "#### " + strings.Join(lines, " ")
			}
		case content.Quote:
			text = indented(w.lines(b.Spans), "> ", "> ")
		case content.Bullets, content.Numbered:
			var items []string
			for i, item := range b.Items {
				marker := "- "
				if b.Kind == content.Numbered {
					marker = content.Marker(b.Kind, i)
				}
				if text := indented(w.lines(item), marker, strings.Repeat(" ", len(marker))); text != "" {
					items = append(items, text)
				}
			}
			text = strings.Join(items, "\n")
		default:
			text = indented(w.lines(b.Spans), "", "")
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, "\n\n")
}

// indented puts lines beneath each other, each but the last with a break that is kept.
func indented(lines []string, first, rest string) string {
	if len(lines) == 0 {
		return ""
	}
	return first + strings.Join(lines, "\\\n"+rest)
}

// lines writes spans as lines that are each whole by themselves, without empty ones, which would end a block.
func (w commonMark) lines(spans []content.Span) (out []string) {
	var line, plain strings.Builder
	end := func() {
		if text := strings.TrimSpace(line.String()); text != "" {
			text = opening(text)
			if escaped, ends := strings.CutSuffix(text, `\\`); ends { // some readers miss the break that may follow
				text = escaped + "&#92;"
			}
			if compose.WrongSide(plain.String(), w.rtl) {
				text = compose.Mark(w.rtl) + text
			}
			out = append(out, text)
		}
		line.Reset()
		plain.Reset()
	}
	for n, s := range spans {
		if s.Link != "" || s.Code {
			s.Text = strings.ReplaceAll(s.Text, "\n", " ") // or each line would be one
		}
		for i, text := range strings.Split(s.Text, "\n") {
			if i > 0 {
				end()
			}
			after := ' '
			if n+1 < len(spans) {
				after, _ = utf8.DecodeRuneInString(spans[n+1].Text)
			}
			line.WriteString(styled(s, text, line.String(), after))
			plain.WriteString(text)
		}
	}
	end()
	return out
}

// styled writes a stretch of a line; before is what was written of the line, after the character that follows.
func styled(s content.Span, text, before string, after rune) string {
	inner := strings.TrimFunc(text, unicode.IsSpace)
	if inner == "" {
		return text
	}
	lead, tail, _ := strings.Cut(text, inner)
	written := escaped(inner)
	switch {
	case s.Code:
		written = code(inner)
	case s.Link != "":
		written = "[" + written + "](<" + strings.NewReplacer("<", "%3C", ">", "%3E", `\`, "%5C", " ", "%20", "\n", "").Replace(s.Link) + ">)"
	}
	stars := ""
	if s.Emph {
		stars += "*"
	}
	if s.Strong {
		stars += "**"
	}
	if stars != "" && counts(before+lead, written, tail, after) {
		written = stars + written + stars
	}
	return lead + written + tail
}

// counts says whether markers around a text open and close a style (section 6.2: left- and right-flanking runs).
func counts(before, written, tail string, after rune) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(tail)
	if tail == "" {
		next = after
	}
	begin, _ := utf8.DecodeRuneInString(written)
	end, _ := utf8.DecodeLastRuneInString(written)
	if last == '*' || next == '*' {
		return false
	}
	apart := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || sign(r) }
	return (!sign(begin) || apart(last)) && (!sign(end) || apart(next))
}

func sign(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

// code writes code between more backticks than stand in it.
func code(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

var escapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "&", `\&`, "#", `\#`, "~", `\~`, "|", `\|`, "!", `\!`)

// escaped writes a text as data, whatever it holds (section 2.4).
func escaped(s string) string { return escapes.Replace(s) }

// opening escapes what only means something where a line begins: bullets, numbers, and lines beneath headings.
func opening(line string) string {
	digits := len(line) - len(strings.TrimLeft(line, "0123456789"))
	switch {
	case strings.HasPrefix(line, "-"), strings.HasPrefix(line, "+"), strings.HasPrefix(line, "="):
		return `\` + line
	case digits > 0 && digits < len(line) && (line[digits] == '.' || line[digits] == ')'):
		return line[:digits] + `\` + line[digits:]
	}
	return line
}
