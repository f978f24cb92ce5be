package fanout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// mostLocales is how many locales of a group are looked at; one with more of them is counted member by member.
const mostLocales = 500

// mostMissing bounds what is told of one text. Languages beyond it are counted together: every member may have one of her own.
const mostMissing = 200

// saidMissing is how much of what is missing a fault says in words.
const saidMissing = 5

// shortage counts what the text lacks for those who would be told.
type shortage struct {
	t      *texts
	counts map[lack]int
}

// lack is one thing that is missing: a gap of the text, or a language.
type lack struct {
	gap    templates.Gap
	wants  string
	gets   string
	partly bool
}

// newShortage begins with the gaps of the text: they are there whether or not anybody meets them.
func newShortage(t *texts) shortage {
	s := shortage{t, map[lack]int{}}
	for _, gap := range t.main.Gaps() {
		s.counts[lack{gap: gap}] = 0
	}
	return s
}

// count adds one member.
func (s *shortage) count(r *gateway.Recipient, d *decision) {
	if d.way < 0 || d.said.lacks == nil {
		return
	}
	short := &d.said.lacks[d.way]
	for _, gap := range short.Gaps {
		s.counts[lack{gap: gap}]++
	}
	if !short.Foreign {
		return
	}
	if left := s.t.main.LeftOut(r.Locale); left != nil {
		for _, gap := range left {
			s.counts[lack{gap: gap}]++
		}
		return
	}
	wants, _, _ := strings.Cut(r.Locale, "-u-")
	l := lack{wants: wants, gets: short.Gets, partly: short.Partly}
	if _, known := s.counts[l]; !known && len(s.counts) >= mostMissing {
		l = lack{wants: "und"}
	}
	s.counts[l]++
}

// list puts what is missing in order, what concerns most first.
func (s *shortage) list() []gateway.Missing {
	all := make([]gateway.Missing, 0, len(s.counts))
	for l, n := range s.counts {
		m := l.missing()
		m.Members = n
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b gateway.Missing) int {
		return cmp.Or(b.Members-a.Members, cmp.Compare(a.Locale, b.Locale), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Detail, b.Detail))
	})
	all = all[:min(len(all), mostMissing+1)]
	slices.SortStableFunc(all, func(a, b gateway.Missing) int { return cmp.Compare(rest(a), rest(b)) })
	return all
}

// rest puts the languages that are counted together behind those that have a name.
func rest(m gateway.Missing) int {
	if m.Locale == "und" {
		return 1
	}
	return 0
}

func (l lack) missing() gateway.Missing {
	if g := l.gap; g.Locale != "" {
		m := gateway.Missing{What: gateway.MissingPlural, Locale: g.Locale, Detail: g.What, Repair: g.Repair, Line: g.Line, Column: g.Column}
		if g.Placeholder != "" {
			m.What = gateway.MissingPlaceholder
		}
		return m
	}
	m := gateway.Missing{What: gateway.MissingLanguage, Locale: l.wants, Gets: l.gets}
	switch {
	case l.wants == "und":
		m.Detail, m.Repair = "the text is not in further languages", "write it in the languages that are named first"
	case l.partly && l.gets == "":
		m.Detail, m.Repair = "a part of the text is not in "+l.wants+"; its readers would get the message without it", "write it, as in the other languages"
	case l.partly:
		m.Detail, m.Repair = "a part of the text is not in "+l.wants+"; its readers would get that in ["+l.gets+"]", "write it, as in the other languages"
	default:
		m.Detail, m.Repair = "the text is not in "+l.wants+"; its readers would get ["+l.gets+"]", "write it in "+l.wants
	}
	return m
}

// missing finds what the text lacks for its audience, of which the first page is read already. The audience is gone
// through only if something may be missing.
func (f *Fanout) missing(ctx context.Context, t *texts, first []gateway.Recipient) ([]gateway.Missing, error) {
	s := newShortage(t)
	if len(first) == gateway.MaxChunk && len(s.counts) == 0 {
		if any, err := f.anyForeign(ctx, t); err != nil || !any {
			return nil, err
		}
	}
	for page, err := range f.audience(ctx, t.b, first) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			d := t.decide(&page[i])
			s.count(&page[i], &d)
		}
	}
	return s.list(), nil
}

// anyForeign reports whether some member of the group may get what is not in her language, by the locales that its
// members have. Whatever her fallbacks, it is her own locale that decides.
func (f *Fanout) anyForeign(ctx context.Context, t *texts) (bool, error) {
	if len(t.b.Audience.Members) > 0 {
		return true, nil // a list is gone through as fast
	}
	locales, err := f.store.Audiences.Locales(ctx, t.b.GroupID, mostLocales)
	if err != nil {
		return false, fmt.Errorf("read the languages of the members: %w", err)
	}
	for _, l := range locales {
		if !t.b.Audience.Reads(l) {
			continue
		}
		if v := t.read(l, nil, t.group.Zone, false); v == nil || slices.ContainsFunc(v.lacks, func(s templates.Shortfall) bool { return s.Foreign }) {
			return true, nil
		}
	}
	return len(locales) == mostLocales, nil
}

// incomplete is the fault of a text in which something is missing.
func incomplete(missing []gateway.Missing) *gateway.Fault {
	var said []string
	for _, m := range missing[:min(saidMissing, len(missing))] {
		said = append(said, fmt.Sprintf("%s: %s (%d members)", m.Locale, m.Detail, m.Members))
	}
	if more := len(missing) - len(said); more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	fault := gateway.Faultf(gateway.CodeIncomplete, "something is missing in the text, so it is refused: %s. Write what is missing, or say that it may fall back (--fallback; fallback in the API): then others of their languages are sent instead, and the form other", strings.Join(said, "; "))
	fault.Missing = missing
	return fault
}
