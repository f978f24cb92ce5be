package templates

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Render puts values in, for a reader whose language this is. The document's Tag is left empty. Data that no placeholder
// uses is passed over.
func (t *Template) Render(r Reader, data Data) (content.Document, error) {
	if err := data.check(); err != nil {
		return content.Document{}, err
	}
	if err := data.fit(t.needs, func() []string { return []string{t.Locale} }); err != nil {
		return content.Document{}, err
	}
	c := t.customsOf(r.own())
	return fields{t, t, t}.render(clockOf(r), data, [fieldCount]customs{c, c, c})
}

// fields are the texts that each field of a document is taken from; nil: none has it.
type fields [fieldCount]*Template

// main is the text that gives the document its language.
func (f fields) main() *Template {
	if f[body] != nil {
		return f[body]
	}
	return f[short]
}

// watch is a clock on the reader's wall, and what it shows.
type watch struct {
	zone *time.Location
	now  time.Time
}

func clockOf(r Reader) watch {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	return watch{r.Zone, r.Now}
}

// render fills in checked data; by says how each field is written.
func (f fields) render(clock watch, data Data, by [fieldCount]customs) (content.Document, error) {
	main := f.main()
	d := content.Document{Locale: main.Locale, Direction: main.direction}
	w := writer{watch: clock, data: data, left: maxText}
	for i, t := range f {
		if t == nil {
			continue
		}
		w.customs, w.rtl = by[i], t.direction == content.RightToLeft
		switch field(i) {
		case subject:
			d.Subject = w.isolated(w.say(t.subject))
		case short:
			d.Short = strings.TrimSpace(w.say(t.short))
		case body:
			w.blocks(&d, t)
		}
		if w.err != nil {
			return content.Document{}, fmt.Errorf("in %s: %w", t.Locale, w.err)
		}
	}
	if strings.ContainsAny(d.Subject, "\n\t") {
		return content.Document{}, fmt.Errorf("a value in the subject in %s has a line break or tab: a subject is one line", f[subject].Locale)
	}
	if n := utf8.RuneCountInString(d.Subject); n > maxSubject {
		return content.Document{}, fmt.Errorf("the subject in %s has %d characters: shorten it to %d", f[subject].Locale, n, maxSubject)
	}
	return d, nil
}

// customsOf chooses how numbers and dates are written: as a reader of this language is used to in her own country, else
// as the text's people are.
func (t *Template) customsOf(own language.Tag) customs {
	l := t.locale()
	if own != language.Und && own != t.tag && sameReading(own, t.tag) {
		l = customsIn(own)
	}
	return customs{l, l.Heed(options(own))}
}

func (w *writer) blocks(d *content.Document, t *Template) {
	for _, b := range t.blocks {
		if b.alone != "" && w.insertBlocks(d, b.alone) {
			continue
		}
		out := content.Block{Kind: b.kind, Spans: w.spans(b.spans)}
		for _, item := range b.items {
			out.Items = append(out.Items, w.spans(item))
		}
		d.Blocks = append(d.Blocks, out)
	}
	if len(d.Blocks) > 2*maxBlocks {
		w.fail(fmt.Errorf("with its values the text has %d blocks: shorten the values to %d", len(d.Blocks), maxBlocks))
	}
}

// insertBlocks puts blocks or a list in the place of a placeholder on a line of its own.
func (w *writer) insertBlocks(d *content.Document, name string) bool {
	bullets := content.Block{Kind: content.Bullets}
	switch v := w.data[name].(type) {
	case []content.Block:
		d.Blocks = append(d.Blocks, slices.Clone(v)...)
		return true
	case []string:
		for _, item := range v {
			bullets.Items = append(bullets.Items, []content.Span{{Text: item, Value: true}})
		}
	case []any:
		for _, item := range v {
			w.b = w.b[:0]
			w.value(name, item)
			bullets.Items = append(bullets.Items, []content.Span{{Text: string(w.b), Value: true}})
		}
	default:
		return false
	}
	if len(bullets.Items) > 0 {
		d.Blocks = append(d.Blocks, bullets)
	}
	return true
}

func (w *writer) spans(spans []span) []content.Span {
	var out []content.Span
	for _, s := range spans {
		c := content.Span{Text: w.say(s.text), Strong: s.strong, Emph: s.emph, Code: s.code}
		if len(s.link) > 0 {
			var err error
			if c.Link, err = s.link.link(w.data); err != nil {
				w.fail(err)
			}
		}
		if c.Text != "" {
			out = w.cut(out, c)
		}
	}
	return out
}

// cut appends a span that was said last, its values apart. A link or code stays one.
func (w *writer) cut(out []content.Span, s content.Span) []content.Span {
	if len(w.apart) > 0 && (s.Link != "" || s.Code) {
		s.Value = true
		return append(out, s)
	}
	text, at := s.Text, 0
	for _, v := range w.apart {
		if v[0] > at {
			s.Text, s.Value = text[at:v[0]], false
			out = append(out, s)
		}
		s.Text, s.Value = text[v[0]:v[1]], true
		out = append(out, s)
		at = v[1]
	}
	if at < len(text) {
		s.Text, s.Value = text[at:], false
		out = append(out, s)
	}
	return out
}

// label shows a language's tag before what is in it.
func label(d *content.Document, locale string) {
	mark := content.Span{Text: "[" + locale + "] "}
	if len(d.Blocks) > 0 && len(d.Blocks[0].Items) == 0 {
		d.Blocks[0].Spans = append([]content.Span{mark}, d.Blocks[0].Spans...)
		return
	}
	d.Blocks = append([]content.Block{content.Text("[" + locale + "]")}, d.Blocks...)
}

// isolated puts marks (Unicode UAX #9, 2.4) around the values of a line that was said last whose direction is another: a
// subject has no spans that could say which they are.
func (w *writer) isolated(line string) string {
	var b strings.Builder
	at := 0
	for _, v := range w.apart {
		value := line[v[0]:v[1]]
		if !strays(value, w.rtl) {
			continue
		}
		b.WriteString(line[at:v[0]] + "\u2068" + value + "\u2069")
		at = v[1]
	}
	return b.String() + line[at:]
}
