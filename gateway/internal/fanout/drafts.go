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

// unreviewed lists the drafts among the texts that a broadcast may say. Which of them its members read is for a preview.
func (f *Fanout) unreviewed(ctx context.Context, group gateway.ID, sets map[string]*templates.Set) ([]gateway.DraftText, error) {
	drafts := 0
	for _, set := range sets {
		drafts += len(set.Drafts(func(string) bool { return false }))
	}
	if drafts == 0 { // an alert that somebody types in a hurry waits for nothing
		return nil, nil
	}
	reviewed, err := f.reviewed(ctx, group)
	if err != nil {
		return nil, err
	}
	var all []gateway.DraftText
	for name, set := range sets {
		for _, locale := range set.Drafts(reviewed) {
			all = append(all, gateway.DraftText{Name: name, Locale: locale})
		}
	}
	slices.SortFunc(all, byText)
	return all, nil
}

func byText(a, b gateway.DraftText) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Locale, b.Locale))
}

// draftsOf lists the drafts of a broadcast that somebody hands in. What cannot be read is refused elsewhere.
func (f *Fanout) draftsOf(ctx context.Context, b gateway.Broadcast) ([]gateway.DraftText, error) {
	sets := map[string]*templates.Set{}
	if set, err := templates.NewSet(b.Words.Sources); err == nil {
		sets[""] = set
	}
	if b.Sensitive {
		if err := f.wordingInto(ctx, b.GroupID, templates.Pointer, sets); err != nil {
			return nil, err
		}
	}
	return f.unreviewed(ctx, b.GroupID, sets)
}

// wordingInto adds a shipped text, with the group's own wording laid over it.
func (f *Fanout) wordingInto(ctx context.Context, group gateway.ID, name string, sets map[string]*templates.Set) error {
	own, err := f.store.Wordings.Wordings(ctx, group)
	if err != nil {
		return fmt.Errorf("read the group's wordings: %w", err)
	}
	if set, err := templates.Wording(name, own[name]); err == nil {
		sets[name] = set
	}
	return nil
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
