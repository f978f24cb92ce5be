package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// entity is a styled stretch of a text, in UTF-16 code units (https://core.telegram.org/bots/api#messageentity).
type entity struct {
	kind     string
	offset   int
	length   int
	url      string // of text_link
	language string // of pre
}

// parsed is a text without its markup.
type parsed struct {
	text     string
	units    int // UTF-16 code units
	entities []entity
}

// tags are the elements of HTML style (https://core.telegram.org/bots/api#html-style) and the entities they make.
func tagKind(name string) string {
	switch name {
	case "b", "strong":
		return "bold"
	case "i", "em":
		return "italic"
	case "u", "ins":
		return "underline"
	case "s", "strike", "del":
		return "strikethrough"
	case "tg-spoiler", "span":
		return "spoiler"
	case "a":
		return "text_link"
	case "code":
		return "code"
	case "pre":
		return "pre"
	case "blockquote":
		return "blockquote"
	case "tg-emoji":
		return "custom_emoji"
	default:
		return ""
	}
}

// htmlParser reads the HTML style as strictly as Telegram does. Its errors are in Telegram's words, because adapters and
// people look for them.
type htmlParser struct {
	in    string
	at    int
	out   strings.Builder
	units int
	open  []openTag
	found []entity
}

type openTag struct {
	name, argument string
	offset         int // in the output, UTF-16
	start          int // in the output, bytes
}

// parseHTML takes the markup off a text.
func parseHTML(in string) (*parsed, error) {
	p := &htmlParser{in: in}
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case '&':
			p.reference()
		case '<':
			if err := p.tag(); err != nil {
				return nil, err
			}
		default:
			r, n := utf8.DecodeRuneInString(p.in[p.at:])
			p.at += n
			p.put(r)
		}
	}
	if len(p.open) > 0 {
		return nil, fmt.Errorf("Can't find end tag corresponding to start tag \"%s\"", p.open[len(p.open)-1].name)
	}
	return trim(&parsed{text: p.out.String(), units: p.units, entities: p.found}), nil
}

func (p *htmlParser) put(r rune) {
	p.out.WriteRune(r)
	p.units += max(utf16.RuneLen(r), 1)
}

// reference decodes a character reference. Only four names are known; what is none stays as it stands.
func (p *htmlParser) reference() {
	rest := p.in[p.at+1:]
	for name, r := range map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"'} {
		if strings.HasPrefix(rest, name) {
			p.at += 1 + len(name)
			if p.at < len(p.in) && p.in[p.at] == ';' {
				p.at++
			}
			p.put(r)
			return
		}
	}
	if digits, ok := strings.CutPrefix(rest, "#"); ok {
		base := 10
		if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
			digits, base = hex, 16
		}
		n := 0
		for n < len(digits) && n < 8 && isDigit(digits[n], base) {
			n++
		}
		code, err := strconv.ParseUint(digits[:n], base, 32)
		if err == nil && code > 0 && code <= utf8.MaxRune && utf8.ValidRune(rune(code)) {
			p.at = len(p.in) - len(digits) + n
			if p.at < len(p.in) && p.in[p.at] == ';' {
				p.at++
			}
			p.put(rune(code))
			return
		}
	}
	p.at++
	p.put('&')
}

func isDigit(c byte, base int) bool {
	return c >= '0' && c <= '9' || base == 16 && (c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0 || c == '\v'
}

func (p *htmlParser) more() bool { return p.at < len(p.in) }

func (p *htmlParser) spaces() {
	for p.more() && isSpace(p.in[p.at]) {
		p.at++
	}
}

// word takes everything up to a byte that stop knows.
func (p *htmlParser) word(stop func(byte) bool) string {
	from := p.at
	for p.more() && !stop(p.in[p.at]) {
		p.at++
	}
	return p.in[from:p.at]
}

func (p *htmlParser) tag() error {
	begin := p.at
	p.at++
	if p.more() && p.in[p.at] == '/' {
		return p.endTag(begin)
	}
	name := strings.ToLower(p.word(func(c byte) bool { return c == '>' || isSpace(c) }))
	if !p.more() {
		return fmt.Errorf("Unclosed start tag at byte offset %d", begin)
	}
	if tagKind(name) == "" {
		return fmt.Errorf("Unsupported start tag \"%s\" at byte offset %d", name, begin)
	}
	argument, class := "", ""
	for {
		p.spaces()
		if !p.more() {
			return fmt.Errorf("Unclosed start tag \"%s\" at byte offset %d", name, begin)
		}
		if p.in[p.at] == '>' {
			break
		}
		key, value, err := p.attribute(name, begin)
		if err != nil {
			return err
		}
		switch {
		case name == "a" && key == "href", name == "tg-emoji" && key == "emoji-id":
			argument = value
		case name == "code" && key == "class":
			argument = strings.TrimPrefix(value, "language-")
		case name == "blockquote" && key == "expandable":
			argument = "expandable"
		case name == "span" && key == "class":
			class = value
		}
	}
	p.at++
	if name == "span" && class != "tg-spoiler" {
		return fmt.Errorf("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", begin)
	}
	p.open = append(p.open, openTag{name, argument, p.units, p.out.Len()})
	return nil
}

// attribute reads one attribute of a start tag.
func (p *htmlParser) attribute(tag string, begin int) (key, value string, err error) {
	key = strings.ToLower(p.word(func(c byte) bool { return c == '=' || c == '>' || c == '/' || c == '"' || c == '\'' || isSpace(c) }))
	if key == "" {
		return "", "", fmt.Errorf("Empty attribute name in the tag \"%s\" at byte offset %d", tag, begin)
	}
	p.spaces()
	if !p.more() {
		return "", "", fmt.Errorf("Unclosed start tag \"%s\" at byte offset %d", tag, begin)
	}
	if p.in[p.at] != '=' {
		if key == "expandable" {
			return key, "", nil
		}
		return "", "", fmt.Errorf("Expected equal sign in declaration of an attribute of the tag \"%s\" at byte offset %d", tag, begin)
	}
	p.at++
	p.spaces()
	if !p.more() {
		return "", "", fmt.Errorf("Unclosed start tag \"%s\" at byte offset %d", tag, begin)
	}
	quote := p.in[p.at]
	if quote != '"' && quote != '\'' {
		value = p.word(func(c byte) bool { return c == '>' || isSpace(c) })
		return key, unescape(value), nil
	}
	p.at++
	value = p.word(func(c byte) bool { return c == quote })
	if !p.more() {
		return "", "", fmt.Errorf("Unclosed start tag at byte offset %d", begin)
	}
	p.at++
	return key, unescape(value), nil
}

// unescape decodes the references in an attribute.
func unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	p := &htmlParser{in: s}
	for p.more() {
		if p.in[p.at] == '&' {
			p.reference()
			continue
		}
		r, n := utf8.DecodeRuneInString(p.in[p.at:])
		p.at += n
		p.put(r)
	}
	return p.out.String()
}

func (p *htmlParser) endTag(begin int) error {
	if len(p.open) == 0 {
		return fmt.Errorf("Unexpected end tag at byte offset %d", begin)
	}
	p.at++
	name := strings.ToLower(p.word(func(c byte) bool { return c == '>' || isSpace(c) }))
	p.spaces()
	if !p.more() || p.in[p.at] != '>' {
		return fmt.Errorf("Unclosed end tag at byte offset %d", begin)
	}
	p.at++
	top := p.open[len(p.open)-1]
	if name != "" && name != top.name {
		return fmt.Errorf("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", begin, top.name, name)
	}
	p.open = p.open[:len(p.open)-1]
	p.close(top)
	return nil
}

// close makes the entity of an element that has ended; an empty one makes none.
func (p *htmlParser) close(t openTag) {
	e := entity{kind: tagKind(t.name), offset: t.offset, length: p.units - t.offset}
	if e.length == 0 {
		return
	}
	switch e.kind {
	case "text_link":
		e.url = t.argument
		if e.url == "" {
			e.url = p.out.String()[t.start:]
		}
		if !strings.Contains(e.url, ":") && !strings.Contains(e.url, ".") {
			return
		}
	case "blockquote":
		if t.argument != "" {
			e.kind = "expandable_blockquote"
		}
	case "code":
		if n := len(p.open); n > 0 && p.open[n-1].name == "pre" && t.argument != "" {
			p.open[n-1].argument = t.argument
			return
		}
	case "pre":
		e.language = t.argument
	}
	p.found = append(p.found, e)
}

// trim takes white space off both ends, as Telegram does, and moves the entities along.
func trim(p *parsed) *parsed {
	left := len(p.text) - len(strings.TrimLeft(p.text, " \t\r\n\v"))
	text := strings.TrimRight(p.text[left:], " \t\r\n\v")
	cut := len(p.text) - left - len(text)
	p.text, p.units = text, p.units-left-cut
	var kept []entity
	for _, e := range p.entities {
		end := min(e.offset+e.length-left, p.units)
		e.offset = max(e.offset-left, 0)
		if e.length = end - e.offset; e.length > 0 {
			kept = append(kept, e)
		}
	}
	p.entities = kept
	return p
}

// parsePlain is a text that has no markup.
func parsePlain(in string) *parsed {
	units := 0
	for _, r := range in {
		units += max(utf16.RuneLen(r), 1)
	}
	return trim(&parsed{text: strings.ToValidUTF8(in, "\uFFFD"), units: units})
}
