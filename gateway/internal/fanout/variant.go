package fanout

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// place is where a reader's clock hangs.
type place struct {
	name  string // IANA; empty: the group's
	clock *time.Location
}

// placed gives a place by its zone; the group's, if there is no such zone.
func (t *texts) placed(zone string) place {
	if zone == "" {
		return t.home
	}
	clock, err := civil.Zone(zone)
	if err != nil {
		return t.home
	}
	return place{zone, clock}
}

// of marks a version with the place whose clock it tells times by.
func (p place) of(version string) string {
	if p.name == "" {
		return version
	}
	name := strings.NewReplacer("/", "-", "_", "-", "+", "plus").Replace(strings.ToLower(p.name))
	return subtags(version, "zone-"+name)
}

// subtags adds what sets a version apart behind its language, as private use (BCP 47, section 2.2.7). Words of more than
// eight letters are cut, as the form has it.
func subtags(version, more string) string {
	if !strings.Contains(version, "-x-") {
		version += "-x"
	}
	for _, word := range strings.Split(more, "-") {
		for ; len(word) > 8; word = word[8:] {
			version += "-" + word[:8]
		}
		version += "-" + word
	}
	return version
}

// pair puts a pointer beside a version of a sensitive text, under one name: which of the two leaves is decided at each claim,
// by the channel. Readers of one text may read the pointer in different languages.
func (t *texts) pair(v, pointer *version) *version {
	key := versionKey{locale: v.locale}
	if pointer.locale != v.locale {
		key.locale = subtags(v.locale, "pointer-"+strings.ToLower(pointer.locale))
	}
	both := t.versions[key]
	if both == nil || both.pointer == nil {
		both = v.as(versionKey{locale: gateway.FullLocale(key.locale)})
		both.versionKey = key // of deliveries
		both.pointer = pointer.as(versionKey{key.locale, true})
		t.versions[key] = both
	}
	return both
}

// as gives the same text under another name.
func (v *version) as(key versionKey) *version {
	named := *v
	named.versionKey, named.written, named.byKind = key, false, slices.Clone(v.byKind)
	for i := range named.byKind {
		c := &named.byKind[i]
		c.rendering.Locale = key.locale
		if c.named != nil {
			byName := *c.named
			byName.rendering.Locale = gateway.NamedLocale(key.locale)
			c.named = &byName
		}
	}
	return &named
}

// fit says whether a text as it is may leave over a way.
func (t *texts) fit(way int) bool { return !t.b.Sensitive || t.ways[way].channel.Sensitive }

// over gives what leaves of a version over a way.
func (t *texts) over(v *version, way int) *version {
	if v.pointer != nil && !t.fit(way) {
		return v.pointer
	}
	return v
}

// neutral gives the texts that take the place of others, with the group's own languages laid over the shipped ones: but
// for those that name the group, as after it has taken another name.
func (f *Fanout) neutral(g gateway.Group, wordings map[string]map[string]string) wordingSource {
	return func(name string) (*templates.Set, error) {
		own := maps.Clone(wordings[name])
		maps.DeleteFunc(own, func(_, source string) bool { return g.NamedIn(source) })
		if name == templates.Pointer && len(own) == 0 {
			return f.pointer()
		}
		if len(templates.ShippedText(name)) == 0 { // then the shipped text names nobody; the group's own words for it may
			name = strings.TrimSuffix(name, templates.Neutral)
		}
		return templates.Wording(name, own)
	}
}

// pointers counts who gets only the pointer of a sensitive text, by channel: the author is told.
func (f *Fanout) pointers(ctx context.Context, b gateway.Broadcast) ([]gateway.PointerCount, error) {
	t, err := f.texts(ctx, b) // of its own: the other one may be planning already
	if err != nil {
		return nil, err
	}
	members := make([]int, len(t.ways))
	for page, err := range f.audience(ctx, b, nil) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			if d := t.decide(&page[i]); d.way >= 0 && d.said != d.version {
				members[d.way]++
			}
		}
	}
	return t.countPointers(members), nil
}

// countPointers lists what was counted for each way.
func (t *texts) countPointers(members []int) (all []gateway.PointerCount) {
	for i, n := range members {
		if n > 0 {
			c := t.ways[i].channel
			all = append(all, gateway.PointerCount{ChannelID: c.ID, Channel: c.Name, Kind: c.Kind, Members: n})
		}
	}
	return all
}
