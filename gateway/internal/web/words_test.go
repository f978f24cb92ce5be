package web

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/templates"
)

// Every language has all the words, as drafts, with the same placeholders, and in each all can be said.
func TestWordsAreWhole(t *testing.T) {
	all, err := readWords(files)
	if err != nil {
		t.Fatal(err)
	}
	shipped := slices.Sorted(maps.Keys(templates.ShippedText(templates.EnrolAsk)))
	if have := slices.Sorted(maps.Keys(all)); !slices.Equal(have, shipped) {
		t.Errorf("the pages speak %v, the catalogue %v", have, shipped)
	}
	want := slices.Sorted(maps.Keys(all["en"]))
	for locale, w := range all {
		if have := slices.Sorted(maps.Keys(w)); !slices.Equal(have, want) {
			t.Errorf("%s has %d words, en %d", locale, len(have), len(want))
		}
		if w["status"] != "draft" {
			t.Errorf("%s is %q: who has reviewed it?", locale, w["status"])
		}
		say := speech{words: w, plain: locale, locale: locale, reader: templates.Reader{Zone: time.UTC, Now: time.Unix(0, 0)}}
		for key, message := range w {
			text, err := say.Say(key, "old", isolated("+1"), "new", isolated("+2"), "when", time.Unix(0, 0), "group", isolated("Harbour"), "number", isolated("+3"))
			if err != nil || text == "" || strings.ContainsAny(text, "{}\uE000\uE002\uE006\uE008") {
				t.Errorf("%s, %s: %v, %q", locale, key, err, text)
			}
			for _, placeholder := range []string{"{old}", "{new}", "{when", "{group}", "{number}"} {
				if strings.Contains(message, placeholder) != strings.Contains(all["en"][key], placeholder) {
					t.Errorf("%s, %s: %s", locale, key, placeholder)
				}
			}
		}
	}
}

// Digits are read in any script, with whatever stands between.
func TestDigits(t *testing.T) {
	for typed, want := range map[string]string{"123 456": "123456", "١٢٣٤٥٦": "123456", "۱۲۳-۴۵۶": "123456", "१२३४५६": "123456", "၀၁၂၃၄၅": "012345", "𝟎𝟗": "09", "none": ""} {
		if got := digits(typed); got != want {
			t.Errorf("%q: %q", typed, got)
		}
	}
}
