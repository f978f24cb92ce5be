package templates

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/carillon-gateway/carillon/channels/content"
)

// markdown walks the body's tree and builds blocks. base is where the body begins in the file.
type markdown struct {
	*finder
	src  []byte // the body
	base int
}

func (f *finder) body(t *Template, base int) {
	f.field = body
	m := &markdown{f, f.src[base:], base}
	if m.tooDeep() {
		return
	}
	root := goldmark.DefaultParser().Parse(text.NewReader(m.src))
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		m.block(t, n)
	}
}

// tooDeep keeps hostile nesting from the parser, which recurses and tries brackets and stars against each other.
func (m *markdown) tooDeep() bool {
	offset := 0
	for line := range bytes.Lines(m.src) {
		if markers(line) > 20 || bytes.Count(line, []byte("[")) > 100 || bytes.Count(line, []byte("*")) > 1000 {
			m.at(m.base+offset, "this line is nested too deeply", "write plain paragraphs and lists")
			return true
		}
		offset += len(line)
	}
	return false
}

// markers counts the quotation and list markers that a line begins with; each opens a level.
func markers(line []byte) int {
	n := 0
	for {
		rest := bytes.TrimLeft(line, " \t")
		switch after := bytes.TrimLeft(rest, "0123456789"); {
		case len(rest) > 0 && rest[0] == '>':
			line = rest[1:]
		case len(rest) > 1 && bytes.IndexByte([]byte("-+*"), rest[0]) >= 0 && rest[1] == ' ':
			line = rest[2:]
		case len(after) < len(rest) && len(after) > 1 && (after[0] == '.' || after[0] == ')') && after[1] == ' ':
			line = after[2:]
		default:
			return n
		}
		n++
	}
}

func (m *markdown) block(t *Template, n ast.Node) {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		m.add(t, block{kind: content.Paragraph, spans: m.spans(n)})
	case *ast.Heading:
		m.add(t, block{kind: content.Heading, spans: m.spans(n)})
	case *ast.Blockquote:
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if _, ok := c.(*ast.Paragraph); !ok {
				m.refuse(c, "a quotation holds more than paragraphs", "quote plain paragraphs only")
				continue
			}
			m.add(t, block{kind: content.Quote, spans: m.spans(c)})
		}
	case *ast.List:
		m.list(t, n)
	case *ast.HTMLBlock:
		m.refuse(n, "HTML is not used here", "write Markdown: **strong**, _emphasis_, [text](https://…)")
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		m.refuse(n, "blocks of code are not used here", "do not indent the line, and write code between `backticks`")
	case *ast.ThematicBreak:
		m.refuse(n, "rules are not used here", "delete the line; an empty line separates paragraphs")
	case *ast.LinkReferenceDefinition: // its links have taken it up
	default:
		m.refuse(n, "this is not used here", "write paragraphs, headings, lists and quotations")
	}
}

func (m *markdown) add(t *Template, b block) {
	if len(b.spans) > 0 {
		t.blocks = append(t.blocks, b)
	}
}

func (m *markdown) list(t *Template, n *ast.List) {
	b := block{kind: content.Bullets}
	if n.IsOrdered() {
		b.kind = content.Numbered
		if n.Start != 1 {
			m.refuse(n, "a list starts with another number than 1", "start it with 1; only then every channel shows the same numbers")
		}
	}
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		first := item.FirstChild()
		if first == nil {
			m.refuse(item, "an item of a list is empty", "write its text, or delete it")
			continue
		}
		if next := first.NextSibling(); next != nil {
			m.refuse(next, "an item of a list holds more than one paragraph", "keep it to one; lists in lists are not shown on every channel")
		}
		switch first.(type) {
		case *ast.Paragraph, *ast.TextBlock:
			b.items = append(b.items, m.spans(first))
		default:
			m.refuse(first, "an item of a list is no plain paragraph", "write its text behind the dash or number")
		}
	}
	t.blocks = append(t.blocks, b)
}

// run is a stretch of text of one style, with the file's offset of each of its bytes.
type run struct {
	style span
	dest  string
	text  strings.Builder
	from  []int
}

// spans reads the text of a block. Stretches of one style are joined before placeholders are looked for, because the
// parser cuts text where markup might have begun.
func (m *markdown) spans(n ast.Node) []span {
	var runs []*run
	m.inline(n, span{}, "", &runs)
	var out []span
	for _, r := range runs {
		s, from := r.style, r.from
		at := func(i int) int { return from[min(i, len(from)-1)] }
		if s.code || r.dest != "" {
			m.greets = nowhere
		}
		s.text = m.part(r.text.String(), at, len(runs) > 1)
		if r.dest != "" {
			s.link = m.destination(r.dest, from[0])
		}
		m.greets = unasked
		if len(s.text) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (m *markdown) inline(parent ast.Node, style span, dest string, runs *[]*run) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			m.text(n, style, dest, runs)
		case *ast.String:
			m.write(string(n.Value), m.where(parent), style, dest, runs)
		case *ast.Emphasis:
			inner := style
			inner.strong, inner.emph = inner.strong || n.Level > 1, inner.emph || n.Level == 1
			m.inline(n, inner, dest, runs)
		case *ast.CodeSpan:
			inner := style
			inner.code = true
			m.inline(n, inner, dest, runs)
		case *ast.Link:
			if len(n.Title) > 0 {
				m.refuse(n, "a link's title is not shown", "delete the title between the quotes")
			}
			if n.FirstChild() == nil {
				m.refuse(n, "a link has no text", "write it as [text](https://…)")
			}
			m.inline(n, style, string(n.Destination), runs)
		case *ast.AutoLink:
			url := string(n.URL(m.src))
			if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(url, "mailto:") {
				url = "mailto:" + url
			}
			m.write(string(n.Label(m.src)), m.where(parent), style, url, runs)
		case *ast.RawHTML:
			m.refuse(n, "HTML is not used here", "write Markdown: **strong**, _emphasis_, [text](https://…)")
		case *ast.Image:
			m.refuse(n, "images are not sent", "describe it in words, or link to it: [text](https://…)")
		default:
			m.refuse(n, "this is not used here", "write text, emphasis, code and links")
		}
	}
}

// text takes in a stretch of source: escapes and character references are resolved here, as goldmark leaves that to its
// renderer (CommonMark 0.31.2, 2.4 and 2.5).
func (m *markdown) text(n *ast.Text, style span, dest string, runs *[]*run) {
	raw, start := string(n.Segment.Value(m.src)), m.base+n.Segment.Start
	if style.code {
		m.write(strings.ReplaceAll(raw, "\n", " "), start, style, dest, runs)
		return
	}
	for i := 0; i < len(raw); {
		j := i + 1
		piece := raw[i:j]
		switch {
		case raw[i] == '\\' && j < len(raw) && util.IsPunct(raw[j]):
			if raw[j] == '{' || raw[j] == '}' {
				m.at(start+i, "a backslash does not quote a brace", "put the brace between apostrophes: '{'")
			}
			piece, j = raw[j:j+1], j+1
		case strings.HasPrefix(raw[i:], "**"): // beside a placeholder's brace, which is punctuation, stars need a space (CommonMark 0.31.2, 6.2)
			m.at(start+i, "these stars make nothing strong and would be sent as they are", "write a space outside of them, as in x **{name}** y, or \\*\\* for stars")
			piece, j = raw[i:i+2], i+2
		case raw[i] == '&':
			if end := strings.IndexByte(raw[i:], ';'); end > 1 && end < 40 {
				reference := []byte(raw[i : i+end+1])
				resolved := string(util.ResolveEntityNames(util.ResolveNumericReferences(reference)))
				if resolved != string(reference) {
					if strings.IndexFunc(resolved, forbidden) >= 0 || !utf8.ValidString(resolved) {
						m.at(start+i, "this stands for a control character or an invisible mark", "delete it")
						resolved = ""
					}
					piece, j = resolved, i+end+1
				}
			}
		}
		m.write(piece, start+i, style, dest, runs)
		i = j
	}
	switch {
	case n.HardLineBreak():
		m.write("\n", start, style, dest, runs)
	case n.SoftLineBreak() && !m.unspaced(n):
		m.write(" ", start, style, dest, runs)
	}
}

// unspaced reports whether a line ends and the next begins in a script that has no spaces between words.
func (m *markdown) unspaced(n *ast.Text) bool {
	last, _ := utf8.DecodeLastRune(n.Segment.Value(m.src))
	next, ok := n.NextSibling().(*ast.Text)
	if !ok {
		return false
	}
	first, _ := utf8.DecodeRune(next.Segment.Value(m.src))
	return wordsRunOn(last) && wordsRunOn(first)
}

func wordsRunOn(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || (r >= 0x3000 && r <= 0x303f) || (r >= 0xff00 && r <= 0xffef)
}

func (m *markdown) write(s string, offset int, style span, dest string, runs *[]*run) {
	if s == "" {
		return
	}
	last := len(*runs) - 1
	if last < 0 || !sameStyle((*runs)[last], style, dest) {
		*runs = append(*runs, &run{style: style, dest: dest})
		last++
	}
	r := (*runs)[last]
	r.text.WriteString(s)
	for i := range len(s) {
		r.from = append(r.from, offset+i)
	}
}

func sameStyle(r *run, style span, dest string) bool {
	return r.style.strong == style.strong && r.style.emph == style.emph && r.style.code == style.code && r.dest == dest
}

func (m *markdown) destination(dest string, offset int) message {
	known := len(m.faults)
	link := m.message(dest, func(int) int { return offset })
	sample := Data{}
	for i := range link {
		if n := &link[i]; n.kind != literal && n.kind != argument {
			m.at(offset, "a placeholder in a link has a format", "write its name alone: an address is the same in every language")
			return nil
		} else if n.name != "" {
			sample[n.name] = "x"
			if len(link) == 1 {
				sample[n.name] = "https://example.org"
			}
		}
	}
	if s, err := link.link(sample); err != nil && len(m.faults) == known {
		m.at(offset, "this link leads nowhere", "write a whole address: https://…, http://…, mailto:… or tel:…")
	} else if err == nil && len(link) > 1 && link[0].name != "" {
		m.at(offset, "this link begins with a placeholder", "make the placeholder the whole address, or write its beginning out: "+s)
	}
	return link
}

// refuse reports a construct that does not survive on every channel.
func (m *markdown) refuse(n ast.Node, what, repair string) { m.at(m.where(n), what, repair) }

// where finds a node in the file: its first text, or that of what holds it.
func (m *markdown) where(n ast.Node) int {
	for ; n != nil; n = n.Parent() {
		offset := -1
		_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
			if entering && offset < 0 {
				offset = startOf(c)
			}
			if offset >= 0 {
				return ast.WalkStop, nil
			}
			return ast.WalkContinue, nil
		})
		if offset >= 0 {
			return m.base + offset
		}
	}
	return m.base
}

func startOf(n ast.Node) int {
	if n.Kind() == ast.KindDocument {
		return -1
	}
	return n.Pos()
}
