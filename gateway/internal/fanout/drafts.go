package fanout

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Nobody is kept from sending a draft: an alert in clumsy words is worth more than none. Its sender is told.

// reviewed gives what people of a group have reviewed.
func (f *Fanout) reviewed(ctx context.Context, group gateway.ID) (func(digest string) bool, error) {
	all, err := f.store.Reviews.Reviews(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("read the group's reviews: %w", err)
	}
	known := make(map[string]bool, len(all))
	for _, r := range all {
		known[r.Digest] = true
	}
	return func(digest string) bool { return known[digest] }, nil
}

// named is a text that a broadcast may say, and its name as in gateway.DraftText.
type named struct {
	name string
	set  *templates.Set
}

// drafts lists what a broadcast may say although nobody has reviewed it. Which of it its members read is for a preview to say.
func (f *Fanout) drafts(ctx context.Context, b gateway.Broadcast, t *texts) ([]gateway.DraftText, error) {
	said := []named{{"", t.main}}
	if t.shipped {
		said[0].name = string(b.Kind)
	}
	if b.Sensitive {
		said = append(said, named{t.instead, t.pointer})
	}
	if !slices.ContainsFunc(said, func(n named) bool { return len(n.set.Drafts(nil)) > 0 }) {
		return nil, nil // most texts that somebody types say nothing of a status
	}
	reviewed, err := f.reviewed(ctx, b.GroupID)
	if err != nil {
		return nil, err
	}
	var all []gateway.DraftText
	for _, n := range said {
		for _, locale := range n.set.Drafts(reviewed) {
			all = append(all, gateway.DraftText{Name: n.name, Locale: locale})
		}
	}
	slices.SortFunc(all, byText)
	return all, nil
}

func byText(a, b gateway.DraftText) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Locale, b.Locale))
}

// draftKey is a text that nobody has reviewed, in one language.
type draftKey struct{ name, locale string }

// drafting counts who would get a draft.
type drafting struct {
	t             *texts
	main, pointer map[string]bool // languages
	counts        map[draftKey]int
}

func newDrafting(t *texts, reviewed func(string) bool) *drafting {
	d := &drafting{t: t, main: map[string]bool{}, pointer: map[string]bool{}, counts: map[draftKey]int{}}
	for _, locale := range t.main.Drafts(reviewed) {
		d.main[locale] = true
	}
	for _, locale := range t.pointer.Drafts(reviewed) {
		d.pointer[locale] = true
	}
	return d
}

// count takes in one member. A text may come of several languages, field by field.
func (d *drafting) count(v *version) {
	drafts, name := d.main, ""
	if v.neutral {
		drafts, name = d.pointer, d.t.instead
	}
	locales := []string{v.from.Subject, v.from.Short, v.from.Body}
	slices.Sort(locales)
	for _, locale := range slices.Compact(locales) {
		if drafts[locale] {
			d.counts[draftKey{name, locale}]++
		}
	}
}

// list puts those first that most members would get.
func (d *drafting) list() []gateway.DraftText {
	all := make([]gateway.DraftText, 0, len(d.counts))
	for key, n := range d.counts {
		all = append(all, gateway.DraftText{Name: key.name, Locale: key.locale, Members: n})
	}
	slices.SortFunc(all, func(a, b gateway.DraftText) int { return cmp.Or(b.Members-a.Members, byText(a, b)) })
	return all
}
