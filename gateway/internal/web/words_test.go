package web

import (
	"maps"
	"regexp"
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

// Pages and messages call her the same: the form of address is that of docs/words/glossary.md, wherever she alone reads it.
func TestOneFormOfAddress(t *testing.T) {
	all, err := readWords(files)
	if err != nil {
		t.Fatal(err)
	}
	for locale, other := range map[string]string{
		"fr": `vous|votre|vos`, "ru": `ты|тебя|тебе|тобой|твой|твоя|твои|твоей|напиши|открой|проверь|нажми`, "uk": `ти|тебе|тобі|тобою|твій|твоя|твої|твоїй|напиши|відкрий|перевір|натисни`,
	} {
		is := regexp.MustCompile(`(?i)(?:^|\PL)(?:` + other + `)(?:\PL|$)`)
		for key, text := range all[locale] {
			if !strings.HasPrefix(key, "join") && is.MatchString(text) { // whoever is invited is nobody's member yet
				t.Errorf("%s, %s: %q", locale, key, text)
			}
		}
		for _, name := range []string{LinkText, ChangedText, CodeText, templates.Stopped, templates.Started, templates.Paused, templates.LanguageSet, templates.Welcome, templates.Pointer} {
			if text := templates.ShippedText(name)[locale]; text == "" || is.MatchString(text) {
				t.Errorf("%s in %s: %q", name, locale, text)
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
