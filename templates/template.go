package templates

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
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

// Status says whether a named person has reviewed a text.
type Status string

// The statuses. A text that names none was written by its sender, who answers for it.
const (
	Draft    Status = "draft"
	Reviewed Status = "reviewed"
)

// Template is one text in one language, parsed. It is safe for concurrent use.
type Template struct {
	Locale string // BCP 47, canonical
	Status Status

	tag     language.Tag
	subject message
	short   message
	blocks  []block
	names   []string // of its placeholders, sorted
}

type block struct {
	kind  content.BlockKind
	spans []span
	items [][]span
}

type span struct {
	text               message
	strong, emph, code bool
	link               message
}

// Names lists the placeholders, sorted.
func (t *Template) Names() []string { return slices.Clone(t.names) }

// Parse reads one template; file is its name in faults. An error is always Faults, with everything that is wrong.
func Parse(file, locale string, src []byte) (*Template, error) {
	f := &finder{file: file, src: src}
	t := &Template{Locale: locale}
	tag, ok := parseLocale(locale)
	if !ok {
		f.whole(fmt.Sprintf("%q is no language", shorten(locale)), "write its BCP 47 tag, as in en, pt-BR or zh-Hans")
	}
	t.tag = tag
	if ok {
		t.Locale = tag.String()
	}
	if !f.readable() {
		return nil, f.err()
	}
	body := f.front(t)
	f.body(t, body)
	t.collect(f)
	if err := f.err(); err != nil {
		return nil, err
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

func (t *Template) collect(f *finder) {
	names := map[string]bool{}
	t.subject.names(names)
	t.short.names(names)
	size := len(t.blocks)
	for _, b := range t.blocks {
		size += len(b.items)
		for _, spans := range append([][]span{b.spans}, b.items...) {
			for _, s := range spans {
				s.text.names(names)
				s.link.names(names)
			}
		}
	}
	for name := range names {
		t.names = append(t.names, name)
	}
	slices.Sort(t.names)
	switch {
	case size > maxBlocks:
		f.whole(fmt.Sprintf("the text has %d blocks", size), fmt.Sprintf("shorten it to %d paragraphs and list items", maxBlocks))
	case len(names) > maxNames:
		f.whole(fmt.Sprintf("the text has %d placeholders", len(names)), fmt.Sprintf("use at most %d", maxNames))
	case len(t.blocks) == 0 && len(t.short) == 0 && len(f.faults) == 0:
		f.whole("the text is empty", "write a body below the front matter, or at least sms")
	}
}

// Render puts values in. The document's Tag is left empty. Data that no placeholder uses is passed over.
func (t *Template) Render(data map[string]string) (content.Document, error) {
	if err := checkData(data); err != nil {
		return content.Document{}, err
	}
	for _, name := range t.names {
		if _, ok := data[name]; !ok {
			return content.Document{}, fmt.Errorf("no value for {%s}, which the text in %s needs", name, t.Locale)
		}
	}
	d := content.Document{Locale: t.Locale, Direction: directionOf(t.tag), Subject: t.subject.with(data), Short: strings.TrimSpace(t.short.with(data))}
	if strings.ContainsAny(d.Subject, "\n\t") {
		return content.Document{}, fmt.Errorf("a value in the subject in %s has a line break or tab: a subject is one line", t.Locale)
	}
	if n := utf8.RuneCountInString(d.Subject); n > maxSubject {
		return content.Document{}, fmt.Errorf("the subject in %s has %d characters: shorten it to %d", t.Locale, n, maxSubject)
	}
	for _, b := range t.blocks {
		out := content.Block{Kind: b.kind}
		var err error
		if out.Spans, err = renderSpans(b.spans, data); err != nil {
			return content.Document{}, fmt.Errorf("in %s: %w", t.Locale, err)
		}
		for _, item := range b.items {
			spans, err := renderSpans(item, data)
			if err != nil {
				return content.Document{}, fmt.Errorf("in %s: %w", t.Locale, err)
			}
			out.Items = append(out.Items, spans)
		}
		d.Blocks = append(d.Blocks, out)
	}
	return d, nil
}

func renderSpans(spans []span, data map[string]string) ([]content.Span, error) {
	var out []content.Span
	for _, s := range spans {
		c := content.Span{Text: s.text.with(data), Strong: s.strong, Emph: s.emph, Code: s.code}
		if len(s.link) > 0 {
			var err error
			if c.Link, err = s.link.link(data); err != nil {
				return nil, err
			}
		}
		if c.Text != "" {
			out = append(out, c)
		}
	}
	return out, nil
}
