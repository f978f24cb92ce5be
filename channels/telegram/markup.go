package telegram

import (
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// style is how a run of text is written. It is flat, so that a text cut anywhere is well-formed on both sides.
type style struct {
	strong, emph, code bool
	link               string
	quote              int // ordinal of the quotation it stands in; zero: none
}

type run struct {
	text string
	style
}

// writer lays blocks out as runs.
type writer struct {
	rtl bool
}

// measure is the length of a piece as Telegram counts it, or more than room if another of its limits is passed.
func (w writer) measure(blocks []content.Block, room int) int {
	runs := w.runs(blocks)
	if entities(runs)+1 > entityLimit || rawAtMost(runs) > rawLimit && len(html(runs)) > rawLimit {
		return room + 1
	}
	return w.length(runs)
}

func (writer) length(runs []run) int {
	n := 0
	for _, r := range runs {
		n += compose.Length(r.text, channels.UTF16)
	}
	return n
}

// rawAtMost bounds the bytes of the markup of runs from above: each byte may be escaped to six, and a run's tags and those
// of a quotation take less than 100.
func rawAtMost(runs []run) int {
	n := 0
	for _, r := range runs {
		n += 6*(len(r.text)+len(r.link)) + 100
	}
	return n
}

// runs writes blocks as runs of one style each, an empty line between blocks and none behind a heading.
func (w writer) runs(blocks []content.Block) []run {
	var out []run
	quotes := 0
	for i, b := range blocks {
		if i > 0 {
			gap := "\n\n"
			if blocks[i-1].Kind == content.Heading {
				gap = "\n"
			}
			out = add(out, run{text: gap})
		}
		base := style{}
		if b.Kind == content.Quote {
			quotes++
			base.quote = quotes
		}
		for _, r := range w.marked(w.blockRuns(b, base), base) {
			out = add(out, r)
		}
	}
	return out
}

func (w writer) blockRuns(b content.Block, base style) []run {
	var out []run
	if compose.IsList(b.Kind) {
		for i, item := range b.Items {
			marker := content.Marker(b.Kind, i)
			if i > 0 {
				marker = "\n" + marker
			}
			out = append(out, run{marker, base})
			out = append(out, w.spanRuns(item, base, false)...)
		}
		return out
	}
	return w.spanRuns(b.Spans, base, b.Kind == content.Heading)
}

func (w writer) spanRuns(spans []content.Span, base style, heading bool) []run {
	var out []run
	for _, s := range spans {
		st := base
		st.strong, st.emph, st.code, st.link = s.Strong || heading && !s.Code, s.Emph, s.Code, s.Link
		if (s.Code || s.Link != "") && compose.NeedsIsolate(s.Text, w.rtl) {
			out = append(out, run{compose.FSI, base}, run{s.Text, st}, run{compose.PDI, base})
		} else {
			out = append(out, run{s.Text, st})
		}
	}
	return out
}

// marked puts a direction mark before each line of a block that would otherwise be set from the wrong side, for a client
// takes a line's direction from its first strong character.
func (w writer) marked(runs []run, base style) []run {
	if !w.rtl && !slices.ContainsFunc(runs, func(r run) bool { return !compose.IsASCII(r.text) }) {
		return runs
	}
	var all strings.Builder
	for _, r := range runs {
		all.WriteString(r.text)
	}
	mark := compose.Mark(w.rtl)
	var out []run
	lines := strings.SplitAfter(all.String(), "\n")
	left := 0 // bytes of the current line that are still to come
	for _, r := range runs {
		var b strings.Builder
		for rest := r.text; rest != ""; {
			if left == 0 {
				if left = len(lines[0]); compose.WrongSide(lines[0], w.rtl) {
					if b.Len() == 0 {
						out = append(out, run{mark, base})
					} else {
						b.WriteString(mark)
					}
				}
				lines = lines[1:]
			}
			n := min(left, len(rest))
			b.WriteString(rest[:n])
			rest, left = rest[n:], left-n
		}
		r.text = b.String()
		out = append(out, r)
	}
	return out
}

// add appends a run and joins it with the one before if they look the same. Blanks take no style but their quotation's.
func add(runs []run, r run) []run {
	if strings.TrimSpace(r.text) == "" {
		r.style = style{quote: r.quote}
	}
	if last := len(runs) - 1; last >= 0 && runs[last].style == r.style {
		runs[last].text += r.text
		return runs
	}
	return append(runs, r)
}

// entities counts the formatting entities that Telegram will make of runs.
func entities(runs []run) int {
	n, quote := 0, 0
	for _, r := range runs {
		for _, on := range [...]bool{r.strong, r.emph, r.code, r.link != "", r.quote != 0 && r.quote != quote} {
			if on {
				n++
			}
		}
		quote = r.quote
	}
	return n
}

// html writes runs in Telegram's HTML (core.telegram.org/bots/api, "HTML style"), which knows no line break tag and
// only four named entities.
func html(runs []run) string {
	var b strings.Builder
	n := 0
	for _, r := range runs {
		n += len(r.text) + len(r.link) + 32
	}
	b.Grow(n)
	quote := 0
	turn := func(to int) {
		if quote == to {
			return
		}
		if quote != 0 {
			b.WriteString("</blockquote>")
		}
		if to != 0 {
			b.WriteString("<blockquote>")
		}
		quote = to
	}
	for _, r := range runs {
		turn(r.quote)
		if r.link != "" {
			b.WriteString(`<a href="`)
			_, _ = attribute.WriteString(&b, r.link) // a builder takes everything
			b.WriteString(`">`)
		}
		b.WriteString(r.style.open())
		_, _ = escaped.WriteString(&b, r.text)
		b.WriteString(r.style.shut())
		if r.link != "" {
			b.WriteString("</a>")
		}
	}
	turn(0)
	return b.String()
}

// escaped and attribute write text as it stands between tags and in quotes.
var (
	escaped   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attribute = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
)

// open and shut are the tags of a style. Code stands alone.
func (s style) open() string {
	switch {
	case s.code:
		return "<code>"
	case s.strong && s.emph:
		return "<b><i>"
	case s.strong:
		return "<b>"
	case s.emph:
		return "<i>"
	}
	return ""
}

func (s style) shut() string {
	switch {
	case s.code:
		return "</code>"
	case s.strong && s.emph:
		return "</i></b>"
	case s.strong:
		return "</b>"
	case s.emph:
		return "</i>"
	}
	return ""
}
