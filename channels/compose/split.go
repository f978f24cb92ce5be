package compose

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// Split cuts blocks into pieces that each measure at most limit. measure gives the length of a piece as the provider
// counts it once the adapter has written it; it must not shrink when text is added. Cuts fall between blocks where
// they can, then between list items, sentences, words, and last between characters as a reader sees them; blanks at a
// cut go. A span that is cut goes on with its style and link, so no markup is torn. A numbered list goes on with its
// numbers. A heading stays with what follows it if that fits. The input is not changed.
//
// The error is an *channels.Error (Permanent, content) if not even one character fits.
func Split(blocks []content.Block, limit int, measure func([]content.Block) int) ([][]content.Block, error) {
	s := splitter{limit: limit, measure: measure}
	for len(blocks) > 0 {
		n := s.take(blocks)
		s.open = append(slices.Clip(s.open), blocks[:n]...)
		if blocks = blocks[n:]; len(blocks) == 0 {
			break
		}
		if err := s.add(blocks[0]); err != nil {
			return nil, err
		}
		blocks = blocks[1:]
	}
	s.flush()
	return s.pieces, nil
}

type splitter struct {
	limit   int
	measure func([]content.Block) int
	pieces  [][]content.Block
	open    []content.Block
}

func (s *splitter) fits(blocks ...content.Block) bool { return s.measure(blocks) <= s.limit }

func (s *splitter) flush() {
	if len(s.open) > 0 {
		s.pieces = append(s.pieces, s.open)
		s.open = nil
	}
}

// take finds how many blocks the open piece holds besides what it has. It measures few pieces, however many blocks there are.
func (s *splitter) take(blocks []content.Block) int {
	fit := func(n int) bool { return s.fits(append(slices.Clip(s.open), blocks[:n]...)...) }
	low, high := 0, 1
	for high <= len(blocks) && fit(high) {
		low, high = high, 2*high
	}
	return low + largest(min(high-1, len(blocks))-low, func(n int) bool { return n == 0 || fit(low+n) })
}

func (s *splitter) add(b content.Block) error {
	if with := append(slices.Clip(s.open), b); s.fits(with...) {
		s.open = with
		return nil
	}
	var heading []content.Block
	if last := len(s.open) - 1; last > 0 && s.open[last].Kind == content.Heading && s.fits(s.open[last], b) {
		heading, s.open = slices.Clone(s.open[last:]), s.open[:last]
	}
	s.flush()
	s.open = heading
	if with := append(slices.Clip(s.open), b); s.fits(with...) {
		s.open = with
		return nil
	}
	for {
		head, tail, err := s.cut(b)
		if err != nil {
			return err
		}
		if !empty(head) {
			s.pieces = append(s.pieces, []content.Block{head})
		}
		s.open = nil
		if empty(tail) {
			return nil
		}
		if b = tail; s.fits(b) {
			s.open = []content.Block{b}
			return nil
		}
	}
}

func empty(b content.Block) bool { return len(b.Spans) == 0 && len(b.Items) == 0 }

// cut takes as much of a block as one piece holds.
func (s *splitter) cut(b content.Block) (head, tail content.Block, err error) {
	if b.Kind == content.Bullets || b.Kind == content.Numbered {
		if n := largest(len(b.Items), func(n int) bool { return s.fits(withItems(b, b.Items[:n])) }); n > 0 {
			return withItems(b, b.Items[:n]), rest(b, n), nil
		}
		b = asText(b, 0)
	}
	text := spanText(b.Spans)
	if lead := len(text) - len(trimStart(text)); lead > 0 {
		return content.Block{}, withSpans(b, b.Spans, lead, len(text)), nil
	}
	n := largest(len(text), func(n int) bool { return s.fits(withSpans(b, b.Spans, 0, backToRune(text, n))) })
	if n = backToRune(text, n); n == len(text) && s.fits(b) {
		return b, content.Block{}, nil
	}
	at := CutAt(text, n)
	if at == 0 || at == len(text) {
		return head, tail, &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeContent,
			Detail: fmt.Sprintf("the text cannot be cut into pieces of at most %d", s.limit),
		}
	}
	end := len(trimEnd(text[:at]))
	next := len(text) - len(trimStart(text[at:]))
	return withSpans(b, b.Spans, 0, end), withSpans(b, b.Spans, next, len(text)), nil
}

// largest finds the greatest n in [0, most] for which ok holds, given that it holds for all below it.
func largest(most int, ok func(int) bool) int {
	low, high := 0, most+1 // ok at low, not ok at high
	for high-low > 1 {
		if mid := low + (high-low)/2; ok(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

func backToRune(text string, n int) int {
	for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

func withItems(b content.Block, items [][]content.Span) content.Block {
	b.Items = items
	return b
}

// rest gives the items behind the first n. Those of a numbered list become text that holds their numbers, since a
// list starts at one.
func rest(b content.Block, n int) content.Block {
	switch {
	case n == len(b.Items):
		return content.Block{}
	case b.Kind == content.Numbered:
		return asText(withItems(b, b.Items[n:]), n)
	}
	return withItems(b, b.Items[n:])
}

// asText writes a list as a paragraph, a line an item; the first has index from.
func asText(b content.Block, from int) content.Block {
	out := content.Block{Kind: content.Paragraph}
	for i, item := range b.Items {
		marker := content.Marker(b.Kind, from+i)
		if i > 0 {
			marker = "\n" + marker
		}
		out.Spans = append(append(out.Spans, content.Span{Text: marker}), item...)
	}
	return out
}

func spanText(spans []content.Span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// withSpans gives the block with the bytes from start to end of its spans' text.
func withSpans(b content.Block, spans []content.Span, start, end int) content.Block {
	b.Spans = nil
	at := 0
	for _, s := range spans {
		from, to := max(start-at, 0), min(end-at, len(s.Text))
		at += len(s.Text)
		if from < to {
			s.Text = s.Text[from:to]
			b.Spans = append(b.Spans, s)
		}
	}
	return b
}

// CutAt finds where to cut text so that at most n bytes come before: behind the last sentence if that leaves at least
// half of n, else behind the last word, else between two characters as a reader sees them. It is 0 if not even one
// character fits, and len(text) if all does.
func CutAt(text string, n int) int {
	if n >= len(text) {
		return len(text)
	}
	sentence, word, char := 0, 0, 0
	var seen clusters
	for i, r := range text {
		if i > n {
			break
		}
		prev := seen.prev
		if joined := seen.next(r); joined || i == 0 {
			continue
		}
		char = i
		blank := unicode.IsSpace(prev)
		if blank || unicode.IsSpace(r) {
			word = i
		}
		if prev == '\n' || strings.ContainsRune("。！？｡", prev) || blank && endsSentence(text[:i]) {
			sentence = i
		}
	}
	switch {
	case sentence > 0 && sentence >= n/2:
		return sentence
	case word > 0:
		return word
	}
	return char
}

func endsSentence(before string) bool {
	before = strings.TrimRightFunc(before, unicode.IsSpace)
	before = strings.TrimRight(before, "\"'”’»)]")
	last, _ := utf8.DecodeLastRuneInString(before)
	return strings.ContainsRune(".!?…؟۔।", last)
}
