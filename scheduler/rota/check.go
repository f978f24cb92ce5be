package rota

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

var named = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// Check gives a rota of a group as Put keeps it, or says what is wrong with it.
func Check(g gateway.Group, r gateway.Rota) (gateway.Rota, error) {
	r.GroupID, r.Title = g.ID, strings.TrimSpace(r.Title)
	if r.Zone == "" {
		r.Zone = g.Zone
	}
	if r.Every == 0 && r.Kind != gateway.RotaList {
		r.Every = 1
	}
	wrong := func(format string, args ...any) (gateway.Rota, error) {
		return r, gateway.Faultf(gateway.CodeInvalid, format, args...)
	}
	_, zone := civil.Zone(r.Zone)
	switch {
	case !named.MatchString(r.Name):
		return wrong("name: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
	case utf8.RuneCountInString(r.Title) > gateway.MaxRotaTitle || !utf8.ValidString(r.Title) || strings.ContainsFunc(r.Title, func(c rune) bool { return !unicode.IsPrint(c) }):
		return wrong("title: at most %d printable characters in one line; those on duty read it", gateway.MaxRotaTitle)
	case zone != nil:
		return wrong("zone: %w", zone)
	case r.Until != 0 && r.Until <= r.Start:
		return wrong("until: it must be later than start (%s)", r.Start)
	case len(r.Members) > gateway.MaxRotaMembers:
		return wrong("members: %d are the most of a rotation", gateway.MaxRotaMembers)
	case slices.Contains(r.Members, gateway.ID{}):
		return wrong("members: each must be a member; to leave a turn to nobody, write an override")
	}
	switch r.Kind {
	case gateway.RotaDays, gateway.RotaWeeks:
		switch {
		case r.Start == 0:
			return wrong("start: say when the first turn begins, as in 2026-03-30T08:00")
		case r.Every < 1 || r.Every > gateway.MaxRotaEvery:
			return wrong("every: a turn lasts 1 to %d %s", gateway.MaxRotaEvery, r.Kind)
		case len(r.Turns) > 0:
			return wrong("turns: a rotation by %s has members in an order, no list of turns", r.Kind)
		}
	case gateway.RotaList:
		switch {
		case r.Every != 0 || len(r.Members) > 0:
			return wrong("a list has turns, and neither every nor members")
		case r.Until == 0:
			return wrong("until: a list needs it: it says when its last turn ends")
		case len(r.Turns) > gateway.MaxListedTurns:
			return wrong("turns: %d are the most of a list", gateway.MaxListedTurns)
		}
		for i, t := range r.Turns {
			switch {
			case i > 0 && t.From <= r.Turns[i-1].From:
				return wrong("turns[%d]: it must begin later than the one before it (%s)", i, r.Turns[i-1].From)
			case t.From >= r.Until:
				return wrong("turns[%d]: it must begin before until (%s)", i, r.Until)
			}
		}
		if len(r.Turns) > 0 {
			r.Start = r.Turns[0].From
		}
	default:
		return wrong("rotation: use days, weeks or list")
	}
	return r, nil
}

// people lists everybody whom a rota names, each once.
func people(r *gateway.Rota) []gateway.ID {
	all := append([]gateway.ID{r.Holder}, r.Members...)
	for _, t := range r.Turns {
		all = append(all, t.Member)
	}
	for _, o := range r.Overrides {
		all = append(all, o.Member)
	}
	for _, a := range r.Away {
		all = append(all, a.Member)
	}
	for _, s := range r.Swaps {
		all = append(all, s.From, s.With)
	}
	slices.SortFunc(all, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
	return slices.DeleteFunc(slices.Compact(all), gateway.ID.IsZero)
}
