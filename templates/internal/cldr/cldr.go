package cldr

import (
	"bytes"
	"compress/flate"
	"embed"
	"encoding/json"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed data
var files embed.FS

// Licence is that of the tables, which goes where they go.
//
//go:embed LICENSE
var Licence string

// Locale writes for the people of one locale. It is safe for concurrent use.
type Locale struct {
	table    Table
	systems  []system
	plurals  [2]rules // cardinal, ordinal
	forms    [2]func() []Form
	zones    func() *Zones
	relative [7][2]tenses
}

// unpacked holds every locale's table once it was asked for. Tables never change, so this is no state: only a way not to
// pay for languages that nobody here reads.
var (
	unpacked = shelve()
	common   = sync.OnceValue(func() *Shared { return load[Shared]("shared") })
)

func shelve() map[string]func() *Locale {
	entries, err := files.ReadDir("data")
	if err != nil {
		panic("cldr: " + err.Error()) // the binary is broken
	}
	out := make(map[string]func() *Locale, len(entries)/2)
	for _, e := range entries {
		name := e.Name()
		if name != "shared" && !strings.HasSuffix(name, ".zones") {
			out[name] = sync.OnceValue(func() *Locale { return newLocale(name) })
		}
	}
	return out
}

// Names lists the locales that ship, sorted.
func Names() []string {
	names := slices.Sorted(maps.Keys(unpacked))
	return slices.DeleteFunc(names, func(name string) bool { return name == root })
}

// root is the table for locales that do not ship.
const root = "und"

// Get gives the locale of that name, one of Names; an Unshipped one for any other.
func Get(locale string) *Locale {
	if get := unpacked[locale]; get != nil {
		return get()
	}
	language, _, _ := strings.Cut(locale, "-")
	return Unshipped(language)
}

// Unshipped gives formats that belong to no people (2026-11-05, Latin digits), with the plural forms of a language where CLDR
// knows them: for languages that do not ship, or not in that script.
func Unshipped(language string) *Locale {
	l := *unpacked[root]()
	l.setPlurals(language)
	return &l
}

func newLocale(name string) *Locale {
	l := &Locale{table: *load[Table](name)}
	l.zones = sync.OnceValue(func() *Zones { return load[Zones](name + ".zones") })
	l.setPlurals(name)
	for _, s := range l.table.Systems {
		l.systems = append(l.systems, newSystem(s, l.table.Minimum))
	}
	for unit, widths := range l.table.Relative {
		for width, r := range widths {
			l.relative[unit][width] = tenses{newRow(r.Past), newRow(r.Future), r.Words}
		}
	}
	return l
}

// Heed leaves of a reader's wishes what makes a difference here.
func (l *Locale) Heed(o Options) Options {
	return Options{LatinDigits: o.LatinDigits && len(l.systems) > 1, Gregorian: o.Gregorian && len(l.table.Calendars) > 1}
}

// Name is the locale's own, und for the root.
func (l *Locale) Name() string { return l.table.Locale }

// LanguageName names one of the locales that ship in this one's language; empty: it has no word for it.
func (l *Locale) LanguageName(locale string) string { return l.table.Languages[locale] }

func load[T any](name string) *T {
	packed, err := files.ReadFile(path.Join("data", name))
	if err != nil {
		panic("cldr: " + err.Error())
	}
	plain, err := Unpack(packed)
	v := new(T)
	if err == nil {
		err = json.Unmarshal(plain, v)
	}
	if err != nil {
		panic("cldr: the table " + name + " cannot be read: " + err.Error()) // the binary is broken
	}
	return v
}

// Unpack gives the JSON of a table's file.
func Unpack(packed []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
}
