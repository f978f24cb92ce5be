package main

import (
	"maps"
	"slices"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
)

// repliesOf reads a coalition file's replies of a group; nil: it has none.
func repliesOf(c config.Replies) *gateway.Replies {
	r := gateway.Replies{Contact: c.Contact, Rota: c.Rota, KeepDays: c.KeepDays, Words: map[string][]string{}, Acks: map[string][]string{}, Costs: map[string]string{}}
	for _, w := range c.Words {
		r.Words[w.Command] = append(r.Words[w.Command], w.Words...)
	}
	for _, a := range c.Acks {
		r.Acks[a.Language] = append(r.Acks[a.Language], a.Words...)
	}
	for _, one := range c.Costs {
		r.Costs[one.Language] = one.Cost
	}
	if r.Contact == "" && r.Rota == "" && len(r.Words)+len(r.Acks)+len(r.Costs)+r.KeepDays == 0 {
		return nil
	}
	return &r
}

// writtenReplies writes what repliesOf reads.
func writtenReplies(r gateway.Replies) map[string]any {
	out := map[string]any{}
	given(out, "contact", r.Contact)
	given(out, "rota", r.Rota)
	list := func(name, of string, all map[string][]string) {
		var lists []map[string]any
		for _, key := range slices.Sorted(maps.Keys(all)) {
			lists = append(lists, map[string]any{of: key, "words": all[key]})
		}
		if len(lists) > 0 {
			out[name] = lists
		}
	}
	if r.KeepDays > 0 {
		out["keep_days"] = r.KeepDays
	}
	var costs []map[string]any
	for _, locale := range slices.Sorted(maps.Keys(r.Costs)) {
		costs = append(costs, map[string]any{"language": locale, "cost": r.Costs[locale]})
	}
	if len(costs) > 0 {
		out["costs"] = costs
	}
	list("words", "command", r.Words)
	list("acks", "language", r.Acks)
	return out
}
