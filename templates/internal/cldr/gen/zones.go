package main

import (
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// shared gathers the plural rules of every language that CLDR knows, which metazone each zone is in today (messages speak of
// now), and with which day the week begins in each region.
func (g *generator) shared() cldr.Shared {
	s := cldr.Shared{Plurals: map[string][2]map[string]string{}, Canon: map[string]string{}, Metazone: map[string]string{}, Weeks: map[string]string{}}
	kinds := []any{
		get(g.file("cldr-core/supplemental/plurals.json"), "supplemental", "plurals-type-cardinal"),
		get(g.file("cldr-core/supplemental/ordinals.json"), "supplemental", "plurals-type-ordinal"),
	}
	for i, all := range kinds {
		for _, language := range keysOf(all) {
			rules := s.Plurals[language]
			rules[i] = map[string]string{}
			for _, key := range keysOf(get(all, language)) {
				condition, _, _ := strings.Cut(text(all, language, key), "@")
				if category := strings.TrimPrefix(key, "pluralRule-count-"); category != "other" {
					rules[i][category] = strings.TrimSpace(condition)
				}
			}
			s.Plurals[language] = rules
		}
	}
	first := get(g.file("cldr-core/supplemental/weekData.json"), "supplemental", "weekData", "firstDay")
	for _, region := range keysOf(first) {
		if len(region) <= 3 { // else an alternative that CLDR only mentions
			s.Weeks[region] = text(first, region)
		}
	}
	info := get(g.file("cldr-core/supplemental/metaZones.json"), "supplemental", "metaZones", "metazoneInfo", "timezone")
	zones := get(g.file("cldr-bcp47/bcp47/timezone.json"), "keyword", "u", "tz")
	for _, id := range keysOf(zones) {
		if !has(get(zones, id), "_alias") {
			continue
		}
		aliases := strings.Fields(text(zones, id, "_alias"))
		for _, alias := range aliases[1:] {
			s.Canon[alias] = aliases[0]
		}
		if metazone := current(info, strings.Split(aliases[0], "/")); metazone != "" {
			s.Metazone[aliases[0]] = metazone
		}
	}
	return s
}

// samples gives CLDR's own examples for its plural rules, for the tests: cardinal and ordinal → language → category → as
// in "@integer 1, 21 @decimal 1.0".
func (g *generator) samples() [2]map[string]map[string]string {
	var out [2]map[string]map[string]string
	for i, kind := range []string{"plurals.json/plurals-type-cardinal", "ordinals.json/plurals-type-ordinal"} {
		file, key, _ := strings.Cut(kind, "/")
		all := get(g.file("cldr-core/supplemental/"+file), "supplemental", key)
		out[i] = map[string]map[string]string{}
		for _, language := range keysOf(all) {
			out[i][language] = map[string]string{}
			for _, rule := range keysOf(get(all, language)) {
				_, examples, _ := strings.Cut(text(all, language, rule), "@")
				out[i][language][strings.TrimPrefix(rule, "pluralRule-count-")] = "@" + examples
			}
		}
	}
	return out
}

// current finds the metazone that a zone is in without an end.
func current(v any, path []string) string {
	for _, part := range path {
		if !has(v, part) {
			return ""
		}
		v = get(v, part)
	}
	periods, ok := v.([]any)
	if !ok {
		return ""
	}
	for _, p := range periods {
		if use := get(p, "usesMetazone"); !has(use, "_to") {
			return text(use, "_mzone")
		}
	}
	return ""
}

func (g *generator) zones(locale string) cldr.Zones {
	v := g.main("cldr-dates-full", locale, "timeZoneNames.json", "dates", "timeZoneNames")
	z := cldr.Zones{GMT: text(v, "gmtFormat"), Hour: text(v, "hourFormat"), Names: map[string]cldr.ZoneNames{}}
	shared := g.shared()
	used := map[string]bool{}
	for _, metazone := range shared.Metazone {
		used[metazone] = true
	}
	if has(v, "metazone") {
		for _, metazone := range keysOf(get(v, "metazone")) {
			if used[metazone] {
				g.zoneNames(z, metazone, get(v, "metazone", metazone))
			}
		}
	}
	var walk func(v any, path []string)
	walk = func(v any, path []string) {
		if has(v, "long") || has(v, "short") {
			g.zoneNames(z, strings.Join(path, "/"), v)
			return
		}
		if m, ok := v.(map[string]any); ok {
			for _, key := range keysOf(m) {
				walk(m[key], append(slices.Clone(path), key))
			}
		}
	}
	if has(v, "zone") {
		walk(get(v, "zone"), nil)
	}
	return z
}

func (g *generator) zoneNames(z cldr.Zones, name string, v any) {
	var names cldr.ZoneNames
	for i, width := range []string{"long", "short"} {
		if !has(v, width) {
			continue
		}
		w := get(v, width)
		for key, into := range map[string]*string{"standard": &names[i].Standard, "daylight": &names[i].Daylight} {
			if has(w, key) && text(w, key) != "∅∅∅" {
				*into = text(w, key)
			}
		}
	}
	if names != (cldr.ZoneNames{}) {
		z.Names[name] = names
	}
}
