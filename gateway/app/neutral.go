package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// telltale says by which of a channel's names a phone tells which group writes, for each group that the channel serves: a
// member in neutral mode must not read any. The provider is asked, if it is the one that knows.
func (d *channelDesk) telltale(ctx context.Context, c gateway.Channel, adapter channels.Adapter) ([]string, error) {
	introducer, ok := adapter.(channels.Introducer)
	if !ok {
		return nil, nil
	}
	names, err := introducer.Names(ctx)
	if err != nil {
		e := channels.AsError(err)
		return []string{"under which name it writes could not be found out: " + e.Detail}, nil
	}
	groups, err := d.store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	var warnings []string
	for _, g := range groups {
		if c.GroupID != g.ID && (!c.GroupID.IsZero() || len(c.Groups) > 0 && !slices.Contains(c.Groups, g.Slug)) {
			continue
		}
		for _, name := range names {
			if g.NamedIn(name) || holds(name, g.Name) || holds(name, g.Slug) {
				warnings = append(warnings, fmt.Sprintf("a member in neutral mode reads %q as the sender, which tells that %s writes; choose a sender that says nothing, as the channel's page of the manual describes", name, g.Slug))
			}
		}
	}
	return warnings, nil
}

// holds reports whether a sender's name holds another name, whatever stands between its letters. A name without letters and
// digits is in everything, so it is in nothing.
func holds(sender, name string) bool {
	name = squeezed(name)
	return name != "" && strings.Contains(squeezed(sender), name)
}

// squeezed keeps letters and digits, so that "Harbour Union" is found in "harbour-union.example".
func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
