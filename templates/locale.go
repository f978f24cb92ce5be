package templates

import (
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
)

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
