package mattermost

import (
	"strings"
	"testing"
	"unicode"

	"github.com/mattermost/mattermost/server/public/shared/markdown"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/carillon-gateway/carillon/channels/content"
)

// read gives what the server's own parser (which decides whom a post calls) makes of a post: its text, and the names of
// the elements around each stretch.
func read(post string) (plain string, within map[string]string) {
	var b strings.Builder
	within = map[string]string{}
	var path []string
	markdown.Inspect(post, func(node any) bool {
		if node == nil {
			path = path[:len(path)-1]
			return true
		}
		name := ""
		switch n := node.(type) {
		case *markdown.Text:
			b.WriteString(n.Text)
			within[n.Text] = strings.Join(path, " ")
			name = "text"
		case *markdown.CodeSpan:
			b.WriteString(n.Code)
			within[n.Code] = strings.Join(path, " ") + "code"
			name = "code"
		case *markdown.InlineLink:
			name = "link"
		case *markdown.Autolink:
			b.WriteString(n.Destination())
			name = "autolink"
		case *markdown.SoftLineBreak, *markdown.HardLineBreak:
			b.WriteString("\n")
			name = "break"
		case *markdown.BlockQuote:
			name = "quote"
		case *markdown.List:
			name = "list"
		case *markdown.Emoji:
			b.WriteString("<emoji>")
			name = "emoji"
		case *markdown.FencedCode, *markdown.IndentedCode:
			b.WriteString("<codeblock>")
			name = "codeblock"
		case *markdown.InlineImage, *markdown.ReferenceImage, *markdown.ReferenceLink:
			b.WriteString("<reference>")
			name = "reference"
		}
		path = append(path, name)
		return true
	})
	return b.String(), within
}

// commonMark gives what a CommonMark parser makes of a post: its text without markup, and how many elements of each sort.
func commonMark(post string) (plain string, elements map[string]int) {
	source := []byte(post)
	root := goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Table, extension.Linkify)).Parser().Parse(text.NewReader(source))
	var b strings.Builder
	elements = map[string]int{}
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the walker itself never fails
		if !entering {
			return ast.WalkContinue, nil
		}
		elements[n.Kind().String()]++
		switch n := n.(type) {
		case *ast.Text:
			value := string(n.Segment.Value(source))
			if n.Parent().Kind() != ast.KindCodeSpan {
				value = unescape(value)
			}
			b.WriteString(value)
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte('\n')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.Label(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String(), elements
}

// hostile are texts that a careless writer would turn into something else.
var hostile = []string{
	"@channel", "hello @all, and @here!", "x.@channel", "-@channel", "(@Channel)", "_@all_", "@@here", "**@channel**",
	"# heading", "#### heading", "> quote", "- item", "+ item", "* item", "1. item", "12) item", "---", "***", "===", "a\n===", "a\n---",
	"*a*", "**a**", "_a_", "__a__", "~~a~~", "`a`", "```\na\n```", "~~~\na", "    indented", "\tindented",
	"[a](https://evil.example)", "![a](https://evil.example/x.png)", "[a]: https://evil.example", "[a][b]", "<https://evil.example>", "<b>x</b>", "<!-- x -->", "</p>",
	"&amp; &lt;b&gt; &#64;channel &copy;", `\*a\*`, `a\`, `\n`, `C:\_temp\`, "a|b\n-|-\nc|d", "| a |", "$x$ and $y$", "it costs $5",
	":smile: :+1:", "10:30:45", "snake_case_name", "2 * 3 * 4", "a_b_c@example.org", "~town-square", "#hashtag", "{{template}}", "\u202eabc\u202c", "a\n\n\n\nb", "'\"",
}

// A text from a member or an event is data: whichever way a client reads the post, it shows the text and nothing else.
func TestTextIsData(t *testing.T) {
	for _, data := range hostile {
		for name, doc := range map[string]content.Block{
			"paragraph": content.Text(data), "quote": {Kind: content.Quote, Spans: []content.Span{{Text: data}}},
			"item":  {Kind: content.Bullets, Items: [][]content.Span{{{Text: data}}}},
			"bold":  {Kind: content.Paragraph, Spans: []content.Span{{Text: "x "}, {Text: data, Strong: true, Emph: true}, {Text: " y"}}},
			"code":  {Kind: content.Paragraph, Spans: []content.Span{{Text: "x "}, {Text: data, Code: true}}},
			"title": {Kind: content.Heading, Spans: []content.Span{{Text: data}}},
		} {
			post := compose1(t, content.Document{Blocks: []content.Block{doc}})
			if calls(post) {
				t.Errorf("%s: %q calls people: %q", name, data, post)
			}
			server, _ := read(post)
			phone, elements := commonMark(post)
			want := squeeze(doc.Plain())
			if name == "item" {
				want = squeeze(data)
			}
			if name != "title" { // the server's parser knows no headings
				got := squeeze(server)
				if name == "bold" { // nor styles
					got, want = strings.ReplaceAll(got, "*", ""), strings.ReplaceAll(want, "*", "")
				}
				if got != want {
					t.Errorf("%s: the server reads %q of %q, which was written %q", name, got, want, post)
				}
			}
			if name == "bold" {
				phone = strings.ReplaceAll(phone, "*", "")
			}
			if got := squeeze(phone); got != want {
				t.Errorf("%s: a telephone reads %q of %q, which was written %q", name, got, want, post)
			}
			for _, element := range []string{"Image", "HTMLBlock", "RawHTML", "FencedCodeBlock", "CodeBlock", "ThematicBreak", "Strikethrough", "Table"} {
				if elements[element] > 0 {
					t.Errorf("%s: %q became a %s: %q", name, data, element, post)
				}
			}
			if name == "paragraph" && (elements["List"]+elements["Heading"]+elements["Blockquote"]+elements["Emphasis"]+elements["CodeSpan"]+elements["Link"] > 0) {
				t.Errorf("%q became %v: %q", data, elements, post)
			}
		}
	}
}

// What calls nobody alone calls nobody together: a text's @ may stand right before somebody's name.
func TestSpansTogetherCallNobody(t *testing.T) {
	for _, spans := range [][]content.Span{
		{{Text: "@"}, {Text: "channel"}}, {{Text: "ask @"}, {Text: "all", Strong: true}}, {{Text: "@", Strong: true}, {Text: "here"}},
		{{Text: "@"}, {Text: "!"}, {Text: "channel", Emph: true}}, {{Text: "@"}, {Text: ""}, {Text: "channel"}}, {{Text: "@c"}, {Text: "hannel"}},
	} {
		for _, block := range []content.Block{{Kind: content.Paragraph, Spans: spans}, {Kind: content.Bullets, Items: [][]content.Span{spans}}} {
			if post := compose1(t, content.Document{Blocks: []content.Block{block}}); calls(post) {
				t.Errorf("%+v calls people: %q", spans, post)
			}
		}
	}
}

// unescape resolves what the tree of goldmark keeps for its renderer.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("*_`~[]|#>+-.)", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.NewReplacer("&lt;", "<", "&#92;", `\`, "&amp;", "&", "&#36;", "$", "&#61;", "=", "&quot;", `"`).Replace(b.String())
}

// squeeze makes texts comparable: without blanks, what cannot be seen, and direction overrides.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// calls says whether the server would find a mention: it splits the post's words at everything but letters, digits and
// . - _ : @, and again at . - : (server/channels/app/mention_parser_standard.go).
func calls(post string) bool {
	words := strings.FieldsFunc(post, func(r rune) bool {
		return !strings.ContainsRune(":.-_@", r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
	for _, word := range words {
		for _, w := range append(strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(".-:", r) }), word) {
			switch strings.ToLower(strings.Trim(w, "_.:-")) {
			case "@channel", "@all", "@here", "@@here":
				return true
			}
		}
	}
	return false
}

func compose1(t *testing.T, doc content.Document) string {
	t.Helper()
	a := &Adapter{opts: Options{TextLimit: newText}}
	parts, err := a.Compose(doc)
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	return parts[0].Text
}

func TestStylesSurvive(t *testing.T) {
	for want, spans := range map[string][]content.Span{
		"**bold** and *soft* and ***both***": {{Text: "bold", Strong: true}, {Text: " and "}, {Text: "soft", Emph: true}, {Text: " and "}, {Text: "both", Strong: true, Emph: true}},
		"**a**\u200b**b**":                   {{Text: "a", Strong: true}, {Text: "b", Strong: true}},
		"x **bold** y":                       {{Text: "x"}, {Text: " bold ", Strong: true}, {Text: "y"}},
		"**one**\n**two**":                   {{Text: "one\ntwo", Strong: true}},
		"[Plan \\[2\\]](https://example.org/a%28b%29?x=1&y=%40z)": {{Text: "Plan [2]", Link: "https://example.org/a(b)?x=1&y=@z"}},
		"see https://example.org/a_b_c*d, now":                    {{Text: "see https://example.org/a_b_c*d, now"}},
		"`a_b` and `` a`b ``":                                     {{Text: "a_b", Code: true}, {Text: " and "}, {Text: "a`b", Code: true}},
		"+49 30 123":                                              {{Text: "+49 30 123"}},
		"it costs $5":                                             {{Text: "it costs $5"}},
		`*&quot;so"* they say`:                                    {{Text: `"so"`, Emph: true}, {Text: " they say"}},
	} {
		got := writer{}.write([]content.Block{{Kind: content.Paragraph, Spans: spans}})
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_, within := read(writer{}.write([]content.Block{
		{Kind: content.Quote, Spans: []content.Span{{Text: "said"}}}, {Kind: content.Numbered, Items: [][]content.Span{{{Text: "first\nmore"}}, {{Text: "second"}}}},
		{Kind: content.Paragraph, Spans: []content.Span{{Text: "linked", Link: "https://example.org"}}},
	}))
	for text, element := range map[string]string{"said": "quote", "first": "list", "more": "list", "second": "list", "linked": "link"} {
		if !strings.Contains(within[text], element) {
			t.Errorf("%q stands in %q, want a %s", text, within[text], element)
		}
	}
}

// In a text from the right, every line is set from the right, and links and codes are set apart.
func TestRightToLeft(t *testing.T) {
	post := compose1(t, content.Document{
		Direction: content.RightToLeft, Tag: "AR", Reference: "K7Q2",
		Blocks: []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "اليوم "}, {Text: "Plan", Link: "https://example.org"}, {Text: "\nABC يكتب"}}}},
	})
	if !strings.Contains(post, "\u2068[Plan](https://example.org)\u2069") || !strings.Contains(post, "\n\u200fABC") || !strings.Contains(post, "\u200f\u2068`K7Q2`\u2069") && !strings.Contains(post, "\u2068`K7Q2`\u2069") {
		t.Errorf("%q", post)
	}
}

func FuzzTextIsData(f *testing.F) {
	for _, data := range hostile {
		f.Add(data)
	}
	a := &Adapter{opts: Options{TextLimit: newText}}
	f.Fuzz(func(t *testing.T, data string) {
		parts, err := a.Compose(content.Document{Blocks: []content.Block{content.Text(data)}})
		if err != nil {
			return
		}
		for _, p := range parts {
			if calls(p.Text) {
				t.Errorf("%q calls people: %q", data, p.Text)
			}
			if _, elements := commonMark(p.Text); elements["Image"]+elements["RawHTML"]+elements["HTMLBlock"]+elements["Heading"]+elements["List"] > 0 {
				t.Errorf("%q became %v: %q", data, elements, p.Text)
			}
		}
	})
}
