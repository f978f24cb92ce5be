package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// generator reads each file of the packages once.
type generator struct {
	from string
	read map[string]any
}

// missing says what the packages do not hold.
type missing string

// file parses a JSON file of the packages.
func (g *generator) file(path string) any {
	if v, ok := g.read[path]; ok {
		return v
	}
	b, err := os.ReadFile(filepath.Join(g.from, path))
	if err != nil {
		panic(missing(err.Error()))
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		panic(missing(path + ": " + err.Error()))
	}
	g.read[path] = v
	return v
}

// main gives a part of a locale's data: CLDR's JSON nests it under main and the locale's name.
func (g *generator) main(pkg, locale, file string, keys ...string) any {
	name := sourceName(locale)
	return get(g.file(filepath.Join(pkg, "main", name, file)), append([]string{"main", name}, keys...)...)
}

// sourceName is a locale's name in the packages: CLDR's pt is that of Brazil.
func sourceName(locale string) string {
	if locale == "pt-BR" {
		return "pt"
	}
	return locale
}

func get(v any, keys ...string) any {
	for i, k := range keys {
		m, ok := v.(map[string]any)
		if ok {
			v, ok = m[k]
		}
		if !ok {
			panic(missing("there is no " + strings.Join(keys[:i+1], " / ")))
		}
	}
	return v
}

func text(v any, keys ...string) string {
	switch v := get(v, keys...).(type) {
	case string:
		return v
	case map[string]any: // a pattern with digits of its own for a part; none of our locales needs it here
		if s, ok := v["_value"].(string); ok {
			return s
		}
	}
	panic(missing("there is no text at " + strings.Join(keys, " / ")))
}

func has(v any, key string) bool {
	m, ok := v.(map[string]any)
	return ok && m[key] != nil
}

func keysOf(v any) []string { return slices.Sorted(maps.Keys(v.(map[string]any))) }
