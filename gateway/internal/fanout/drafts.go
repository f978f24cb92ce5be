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

// unreviewed lists the drafts among texts. Which of them its members read is for a preview to say.
func (f *Fanout) unreviewed(ctx context.Context, group gateway.ID, texts []named) ([]gateway.DraftText, error) {
	if !slices.ContainsFunc(texts, func(t named) bool { return len(t.set.Drafts(nobody)) > 0 }) {
		return nil, nil // an alert that somebody types in a hurry waits for nothing
	}
	reviewed, err := f.reviewed(ctx, group)
	if err != nil {
		return nil, err
	}
	var all []gateway.DraftText
	for _, t := range texts {
		for _, locale := range t.set.Drafts(reviewed) {
			all = append(all, gateway.DraftText{Name: t.name, Locale: locale})
		}
	}
	slices.SortFunc(all, byText)
	return all, nil
}

// nobody has reviewed anything.
func nobody(string) bool { return false }

func byText(a, b gateway.DraftText) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Locale, b.Locale))
}

// draftsOf lists the drafts of a broadcast that somebody hands in. Its languages are read one by one: whether they fit
// together is decided elsewhere, and what cannot be read at all is refused there.
func (f *Fanout) draftsOf(ctx context.Context, b gateway.Broadcast) ([]gateway.DraftText, error) {
	var texts []named
	for locale, source := range b.Words.Sources {
		if set, err := templates.NewSet(map[string]string{locale: source}); err == nil {
			texts = append(texts, named{"", set})
		}
	}
	if b.Sensitive {
		pointer, err := f.wording(ctx, b.GroupID, templates.Pointer)
		if err != nil {
			return nil, err
		}
		texts = append(texts, pointer...)
	}
	return f.unreviewed(ctx, b.GroupID, texts)
}

// wording gives a shipped text with the group's own laid over it; nothing if the two do not fit together, which is refused
// where it is sent.
func (f *Fanout) wording(ctx context.Context, group gateway.ID, name string) ([]named, error) {
	own, err := f.store.Wordings.Wordings(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("read the group's wordings: %w", err)
	}
	set, err := templates.Wording(name, own[name])
	if err != nil {
		return nil, nil
	}
	return []named{{name, set}}, nil
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
	if v.neutral && d.t.pointer != d.t.main {
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
