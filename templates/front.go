package templates

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const fence = "---\n"

// front reads the front matter, if there is any, and returns where the body begins.
func (f *finder) front(t *Template) int {
	src := f.src
	if !bytes.HasPrefix(src, []byte(fence)) {
		return 0
	}
	end := bytes.Index(src[len(fence)-1:], []byte("\n---"))
	if end < 0 {
		f.at(0, "the front matter is not closed", "write a line --- below it")
		return len(src)
	}
	end += len(fence)
	body := end + len("---")
	line, _, _ := bytes.Cut(src[body:], []byte("\n"))
	if len(bytes.TrimSpace(line)) > 0 {
		f.at(body, "something follows the --- that closes the front matter", "put it on a line of its own")
	}
	f.matter(t, src[:end])
	return min(len(src), body+len(line)+1)
}

// matter reads the keys between the fences. It sees the opening one too, so that lines count from the file's first.
func (f *finder) matter(t *Template, src []byte) {
	defer func() {
		if recover() != nil { // the parser has panicked on hostile input before; that is a fault of the file
			f.at(0, "the front matter is not YAML", "write key: \"value\" lines")
		}
	}()
	// The parser compares every key with every other and recurses into brackets, so both are bounded before it.
	if keys := bytes.Count(src, []byte("\n")) - bytes.Count(src, []byte("\n ")); keys > 100 || bytes.Count(src, []byte("[")) > 100 || bytes.Count(src, []byte("{")) > 2*maxNames || len(src) > 8<<10 {
		f.at(0, "the front matter is too long", "write subject, sms and status, and the text below")
		return
	}
	file, err := parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		offset := 0
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			offset = f.offset(syntax.Token.Position)
		}
		f.at(offset, "the front matter is not YAML", "put values with braces, colons or quotes between double quotes")
		return
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		m, ok := doc.Body.(ast.MapNode)
		if !ok {
			f.at(len(fence), "the front matter has no keys", "write key: \"value\" lines")
			return
		}
		seen := map[string]bool{}
		for it := m.MapRange(); it.Next(); {
			key := it.Key().GetToken()
			if seen[key.Value] {
				f.at(f.offset(key.Position), key.Value+" is given twice", "keep one of them")
				continue
			}
			seen[key.Value] = true
			f.key(t, key, it.Value())
		}
	}
}

func (f *finder) key(t *Template, key *token.Token, n ast.Node) {
	start := f.offset(key.Position)
	if key.Value != "subject" && key.Value != "sms" && key.Value != "status" {
		f.at(start, fmt.Sprintf("unknown key %s", shorten(key.Value)), "the keys are subject, sms and status")
		return
	}
	var value string
	switch n := n.(type) {
	case *ast.StringNode:
		value = n.Value
	case *ast.LiteralNode:
		value = n.Value.Value
	default:
		f.at(start, key.Value+" is not a text", "put it between double quotes")
		return
	}
	if i := strings.IndexFunc(value, forbidden); i >= 0 { // escaped in double quotes
		f.at(start, key.Value+" holds a control character or an invisible mark", "delete it")
		return
	}
	value = strings.TrimSpace(value)
	at := f.written(start, value)
	switch key.Value {
	case "subject":
		if strings.ContainsAny(value, "\n\t") {
			f.at(start, "the subject has a line break or tab", "write it on one line")
		}
		if n := len([]rune(value)); n > maxSubject {
			f.at(start, fmt.Sprintf("the subject has %d characters", n), fmt.Sprintf("shorten it to %d", maxSubject))
		}
		f.field, f.greets = subject, nowhere
		t.subject = f.message(value, at)
		f.greets = unasked
	case "sms":
		if len(value) > maxShort {
			f.at(start, fmt.Sprintf("sms has %d bytes", len(value)), fmt.Sprintf("shorten it to %d", maxShort))
		}
		f.field = short
		t.short = f.message(value, at)
	case "status":
		t.Status = Status(value)
		if t.Status != Draft && t.Status != Reviewed {
			f.at(start, "this status does not exist", "write draft, or leave it out; that a person has reviewed the text is recorded with carillon template review")
		}
	}
}

// written finds a value behind its key on the same line. One that is written otherwise than it reads, with escapes or over
// several lines, is not found: its faults point at the key.
func (f *finder) written(key int, value string) place {
	line, _, _ := bytes.Cut(f.src[key:], []byte("\n"))
	colon := bytes.IndexByte(line, ':') + 1
	if i := bytes.Index(line[colon:], []byte(value)); i >= 0 && value != "" {
		return func(j int) int { return key + colon + i + j }
	}
	return func(int) int { return key }
}

// offset finds a position of the YAML parser in the file.
func (f *finder) offset(p *token.Position) int {
	offset := 0
	for range max(0, p.Line-1) {
		i := bytes.IndexByte(f.src[offset:], '\n')
		if i < 0 {
			break
		}
		offset += i + 1
	}
	for range max(0, p.Column-1) {
		if offset < len(f.src) && f.src[offset] != '\n' {
			_, size := utf8.DecodeRune(f.src[offset:])
			offset += size
		}
	}
	return offset
}
