package templates

import (
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// Reader is for whom a text is written.
type Reader struct {
	// Chain holds her locale and her fallbacks, then her group's and its fallbacks, then the coalition's, in this order.
	// Her own may ask for other customs than her people's, as BCP 47 has it: fa-u-ca-gregory-nu-latn is Persian with
	// Gregorian dates and Latin digits. Tags that cannot be read are passed over.
	Chain []string
	Zone  *time.Location // of her clock; nil: UTC
	Now   time.Time      // from which relative times count
}

// own is the reader's language; und if it cannot be read.
func (r Reader) own() language.Tag {
	if len(r.Chain) == 0 {
		return language.Und
	}
	tag, ok := parseLocale(r.Chain[0])
	if !ok {
		return language.Und
	}
	return tag
}

// options reads what a locale asks for against the customs of its people.
func options(own language.Tag) cldr.Options {
	return cldr.Options{LatinDigits: own.TypeForKey("nu") == "latn", Gregorian: own.TypeForKey("ca") == "gregory"}
}

// extension writes options as a locale asks for them.
func extension(o cldr.Options) string {
	out := ""
	if o.Gregorian {
		out += "-ca-gregory"
	}
	if o.LatinDigits {
		out += "-nu-latn"
	}
	if out != "" {
		out = "-u" + out
	}
	return out
}

// shipped are the locales whose customs we know.
var shipped = sync.OnceValue(func() []language.Tag {
	var tags []language.Tag
	for _, name := range cldr.Names() {
		tags = append(tags, language.Make(name))
	}
	return tags
})

// customs are how numbers, dates and lists are written for a reader.
type customs struct {
	locale  *cldr.Locale
	options cldr.Options
}

// customsIn finds those of a language: of the nearest locale of the same language and script.
func customsIn(tag language.Tag) *cldr.Locale {
	if found, ok := find(tag, shipped()); ok {
		return cldr.Get(found.String())
	}
	return cldr.Unshipped(baseOf(tag))
}

// LanguageName names a language in another, as in LanguageName("de", "fr"), allemand; in itself, it is its own name.
// It is empty if a tag cannot be read, or where CLDR has no word.
func LanguageName(of, in string) string {
	named, ok := parseLocale(of)
	reader, read := parseLocale(in)
	if !ok || !read {
		return ""
	}
	if found, ok := find(named, shipped()); ok {
		return customsIn(reader).LanguageName(found.String())
	}
	return ""
}

// parseLocale reads a BCP 47 tag into its canonical form, old and encompassing names included (iw is he, cmn is zh).
func parseLocale(s string) (language.Tag, bool) {
	if s == "" || len(s) > 35 || strings.Contains(s, "_") {
		return language.Und, false
	}
	tag, err := language.All.Parse(s)
	base, _ := tag.Base()
	return tag, err == nil && tag != language.Und && base.String() != "und"
}

// find gives the locale among those available that a reader of want can read: the same, else the nearest of the same
// language and script. It never crosses either: be does not become ru, nor zh-Hant zh-Hans.
func find(want language.Tag, available []language.Tag) (language.Tag, bool) {
	for tag := want; tag != language.Und; tag = tag.Parent() {
		if i := slices.Index(available, tag); i >= 0 && sameReading(want, tag) {
			return tag, true
		}
	}
	var near []language.Tag
	for _, tag := range available {
		if sameReading(want, tag) {
			near = append(near, tag)
		}
	}
	if len(near) == 0 {
		return language.Und, false
	}
	region, _ := language.Make(baseOf(want)).Region()
	slices.SortFunc(near, func(a, b language.Tag) int {
		ra, _ := a.Region()
		rb, _ := b.Region()
		if (ra == region) != (rb == region) { // the language's own country first
			if ra == region {
				return -1
			}
			return 1
		}
		return strings.Compare(a.String(), b.String())
	})
	return near[0], true
}

// Nearest gives the locale among those available that a reader of another can read: the same, else the nearest of the same language
// and script; empty if there is none.
func Nearest(want string, available []string) string {
	tag, ok := parseLocale(want)
	if !ok {
		return ""
	}
	tags := make([]language.Tag, len(available))
	for i, have := range available {
		tags[i] = language.Make(have)
	}
	if found, ok := find(tag, tags); ok {
		return available[slices.Index(tags, found)]
	}
	return ""
}

// DirectionOf is the direction in which a language is written.
func DirectionOf(locale string) content.Direction { return directionOf(language.Make(locale)) }

func sameReading(a, b language.Tag) bool {
	sa, _ := a.Script()
	sb, _ := b.Script()
	return baseOf(a) == baseOf(b) && sa == sb
}

func baseOf(t language.Tag) string {
	b, _ := t.Base()
	return b.String()
}

// directionOf follows the script (Unicode 17, scripts whose letters are of bidirectional class R or AL).
func directionOf(t language.Tag) content.Direction {
	script, _ := t.Script()
	switch script.String() {
	case "Adlm", "Arab", "Aran", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi":
		return content.RightToLeft
	}
	return content.LeftToRight
}
