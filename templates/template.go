package templates

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// The limits of a template and its data, in bytes unless said otherwise.
const (
	maxSource  = 32 << 10
	maxSubject = 200 // characters, with values
	maxShort   = 1600
	maxBlocks  = 400 // blocks and list items together
	maxNames   = 64  // placeholders
	maxValue   = 4 << 10
	maxData    = 64 << 10
)

// Status is what a source says of itself. Whether a named person has reviewed it is not for the source to say: see Drafts.
type Status string

// The statuses; either is a draft. A text that names none was written by its sender, who answers for it.
const (
	Draft    Status = "draft"
	Reviewed Status = "reviewed"
)

// Template is one text in one language, parsed. It is safe for concurrent use.
type Template struct {
	Locale string // BCP 47, canonical
	Status Status

	tag       language.Tag
	digest    string // of language and source, see Set.Digest
	direction content.Direction
	subject   message
	short     message
	blocks    []block
	needs     []placeholder
	locale    func() *cldr.Locale
	gaps      []Gap
	names     Faults // see Set.NameFaults
}

type block struct {
	kind  content.BlockKind
	spans []span
	items [][]span
	alone string // the placeholder that is all there is: its value may be blocks
}

type span struct {
	text               message
	strong, emph, code bool
	link               message
}

// Names lists the placeholders, sorted.
func (t *Template) Names() []string { return namesOf(t.needs) }

// Parse reads one template; file is its name in faults. An error is always Faults, with everything that is wrong.
func Parse(file, locale string, src []byte) (*Template, error) {
	f := &finder{file: file, src: src}
	t := &Template{Locale: locale}
	tag, ok := parseLocale(locale)
	if !ok {
		f.whole(fmt.Sprintf("%q is no language", shorten(locale)), "write its BCP 47 tag, as in en, pt-BR or zh-Hans")
	}
	if ok && len(tag.Extensions()) > 0 {
		f.whole(fmt.Sprintf("%q asks for customs beside the language", shorten(locale)), "name the text after its language alone, as in fa; a member's locale may ask for customs")
	}
	t.tag, t.direction = tag, directionOf(tag)
	if ok {
		t.Locale = tag.String()
	}
	t.locale = sync.OnceValue(func() *cldr.Locale { return customsIn(tag) })
	f.plurals = t.locale
	if !f.readable() {
		return nil, f.err()
	}
	t.sum(f.src)
	body := f.front(t)
	f.body(t, body)
	t.collect(f)
	if err := f.err(); err != nil {
		return nil, err
	}
	t.names = f.names
	for _, gap := range f.gaps {
		gap.Locale = t.Locale
		t.gaps = append(t.gaps, gap)
	}
	return t, nil
}

// readable checks the source as bytes.
func (f *finder) readable() bool {
	f.src = bytes.TrimPrefix(f.src, []byte("\xef\xbb\xbf"))
	f.src = bytes.ReplaceAll(f.src, []byte("\r\n"), []byte("\n"))
	switch {
	case len(f.src) > maxSource:
		f.whole(fmt.Sprintf("the text has %d bytes", len(f.src)), fmt.Sprintf("shorten it to %d", maxSource))
		return false
	case !utf8.Valid(f.src):
		f.whole("the text is not UTF-8", "save it as UTF-8")
		return false
	}
	for i, r := range string(f.src) {
		if forbidden(r) {
			f.at(i, "here is "+describe(r), "delete it; U+200E and U+200F may mark the direction")
		}
	}
	return len(f.faults) == 0
}

// collect gathers the placeholders and checks the text as a whole.
func (t *Template) collect(f *finder) {
	needs := map[string]need{}
	size := len(t.blocks)
	for i := range t.blocks {
		b := &t.blocks[i]
		b.alone = b.onlyPlaceholder()
		size += len(b.items)
	}
	for f := range fieldCount {
		for name, n := range t.namesIn(f) {
			needs[name] |= n
		}
	}
	t.needs = sorted(needs)
	switch {
	case size > maxBlocks:
		f.whole(fmt.Sprintf("the text has %d blocks", size), fmt.Sprintf("shorten it to %d paragraphs and list items", maxBlocks))
	case len(t.needs) > maxNames:
		f.whole(fmt.Sprintf("the text has %d placeholders", len(t.needs)), fmt.Sprintf("use at most %d", maxNames))
	case len(t.blocks) == 0 && len(t.short) == 0 && len(f.faults) == 0:
		f.whole("the text is empty", "write a body below the front matter, or at least sms")
	}
}

// onlyPlaceholder gives the name of a paragraph's one placeholder, if it has no style, format, link or text beside it.
func (b *block) onlyPlaceholder() string {
	if b.kind != content.Paragraph || len(b.spans) != 1 {
		return ""
	}
	s := b.spans[0]
	if s.strong || s.emph || s.code || len(s.link) > 0 || len(s.text) != 1 || s.text[0].kind != argument {
		return ""
	}
	return s.text[0].name
}

// namesIn gathers the placeholders of one field.
func (t *Template) namesIn(f field) map[string]need {
	names := map[string]need{}
	switch f {
	case subject:
		t.subject.names(names)
	case short:
		t.short.names(names)
	case body:
		for i := range t.blocks {
			t.blocks[i].names(names)
		}
	}
	return names
}

// names adds a block's placeholders to a set.
func (b *block) names(into map[string]need) {
	if b.alone != "" {
		into[b.alone] |= 0
		return
	}
	for _, spans := range append([][]span{b.spans}, b.items...) {
		for _, s := range spans {
			s.text.names(into)
			s.link.names(into)
		}
	}
}

// typed reports whether anything is written by the customs of a locale.
func (t *Template) typed() bool {
	return slices.ContainsFunc(t.needs, func(p placeholder) bool { return p.need&needsCustoms != 0 })
}

// uses reports whether the text has a placeholder of that name.
func (t *Template) uses(name string) bool {
	return slices.ContainsFunc(t.needs, func(p placeholder) bool { return p.name == name })
}
