package sandbox

import (
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdownReader makes a text with entities out of Mattermost's Markdown, as its telephone clients show it: CommonMark
// in which every line end counts.
type markdownReader struct {
	source []byte
	b      strings.Builder
	units  int
	found  []entity
	open   []int // where the elements around begin, in units
}

// parseMarkdown reads a post.
func parseMarkdown(in string) *parsed {
	r := &markdownReader{source: []byte(strings.ToValidUTF8(in, "\uFFFD"))}
	root := goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify)).Parser().Parse(text.NewReader(r.source))
	if err := ast.Walk(root, r.visit); err != nil {
		return parsePlain(in)
	}
	return trim(&parsed{text: r.b.String(), units: r.units, entities: r.found})
}

func (r *markdownReader) write(s string) {
	r.b.WriteString(s)
	for _, c := range s {
		r.units += utf16Len(c)
	}
}

// style is the entity that an element becomes; empty: none.
func style(n ast.Node) (kind, link string) {
	switch n := n.(type) {
	case *ast.Emphasis:
		if n.Level == 2 {
			return "bold", ""
		}
		return "italic", ""
	case *ast.Heading:
		return "bold", ""
	case *ast.CodeSpan:
		return "code", ""
	case *ast.Blockquote:
		return "blockquote", ""
	case *ast.Link:
		return "text_link", string(n.Destination)
	}
	return "", ""
}

// visit is called for each node twice, on the way in and on the way out.
func (r *markdownReader) visit(n ast.Node, entering bool) (ast.WalkStatus, error) {
	kind, link := style(n)
	if !entering {
		if kind != "" {
			from := r.open[len(r.open)-1]
			r.open = r.open[:len(r.open)-1]
			if r.units > from {
				r.found = append(r.found, entity{kind: kind, offset: from, length: r.units - from, url: link})
			}
		}
		return ast.WalkContinue, nil
	}
	if n.Type() == ast.TypeBlock && n.PreviousSibling() != nil {
		if n.Kind() == ast.KindListItem {
			r.write("\n")
		} else {
			r.write("\n\n")
		}
	}
	if item, ok := n.(*ast.ListItem); ok {
		r.write(marker(item))
	}
	if kind != "" {
		r.open = append(r.open, r.units)
	}
	switch n := n.(type) {
	case *ast.Text:
		value := n.Segment.Value(r.source)
		if n.Parent().Kind() != ast.KindCodeSpan {
			value = util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(value)))
		}
		r.write(string(value))
		if n.SoftLineBreak() || n.HardLineBreak() {
			r.write("\n")
		}
	case *ast.AutoLink:
		r.write(string(n.Label(r.source)))
	}
	return ast.WalkContinue, nil
}

func marker(item *ast.ListItem) string {
	list, ok := item.Parent().(*ast.List)
	if !ok || !list.IsOrdered() {
		return "- "
	}
	n := list.Start
	for at := item.PreviousSibling(); at != nil; at = at.PreviousSibling() {
		n++
	}
	return string(appendInt(nil, int64(n))) + ". "
}
