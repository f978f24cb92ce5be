package templates_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/templates"
)

// A word stands in one list of its language, and a key means one command to whoever reads it.
func TestAWordHasOneMeaning(t *testing.T) {
	l := templates.Words()
	for _, w := range l.Words {
		if w.Key == "" || !slices.Contains(templates.Commands[:], w.Command) {
			t.Errorf("%q of %s is a word for %q", w.Text, w.Locale, w.Command)
		}
		for _, o := range l.Find(w.Key) {
			clash := o.Locale == w.Locale || !o.Only && !w.Only || o.Locale == templates.CodeWords
			if o != w && clash && o.Command != w.Command {
				t.Errorf("%q means %s in %s, and %s in %s", w.Text, w.Command, w.Locale, o.Command, o.Locale)
			}
		}
	}
	for locale := range l.Names {
		if !slices.Contains(locales, locale) {
			t.Errorf("words in %s, and no texts", locale)
		}
		for _, c := range []templates.Command{templates.CommandStop, templates.CommandStopAll, templates.CommandStart, templates.CommandHelp, templates.CommandWho, templates.CommandYes} {
			if !slices.ContainsFunc(l.Words, func(w templates.Word) bool { return w.Locale == locale && w.Command == c }) && c != templates.CommandYes {
				t.Errorf("no word for %s in %s", c, locale)
			}
		}
		if len(l.Emergencies[locale]) == 0 {
			t.Errorf("nothing sounds like an emergency in %s", locale)
		}
	}
	for spoken, want := range map[string]string{"pt": "pt-BR", "PT-pt": "pt-BR", "zh": "zh-Hans", "zh-Hant-TW": "zh-Hans", "DEUTSCH": "de", "Farsi": "fa", "en-GB": "en", "tlh": "", "e": "", "": ""} {
		if got, _ := l.Locale(templates.WordKey(spoken)); got != want {
			t.Errorf("%q is %q, not %q", spoken, got, want)
		}
	}
}

func TestWhatSoundsLikeAnEmergency(t *testing.T) {
	sounds := func(text string) bool { return templates.Words().Emergency(templates.WordKey(text)) }
	for _, text := range []string{"SOS", "two hurt, road closed", "Hilfe!", "au secours", "¡Auxilio!", "há feridos", "msaada tafadhali", "imdat", "acil yardım", "Помогите!", "рятуйте", "النجدة", "به اورژانس نیاز داریم", "कोई घायल है", "我们需要救护车", "ကယ်ပါဦး"} {
		if !sounds(text) {
			t.Errorf("%q is one", text)
		}
	}
	for _, text := range []string{"", "thank you", "helpful", "die Verletzlichkeit", "See you at noon", "谢谢"} {
		if sounds(text) {
			t.Errorf("%q is none", text)
		}
	}
}

// docs/replies.md lists the words as they are.
func TestTheWordsAreDocumented(t *testing.T) {
	l := templates.Words()
	var b strings.Builder
	list := func(title, locale string) {
		fmt.Fprintf(&b, "\n### %s\n\n| command | words |\n|---|---|\n", title)
		for _, c := range templates.Commands {
			var words []string
			for _, w := range l.Words {
				if w.Locale != locale || w.Command != c {
					continue
				}
				mark := ""
				if w.Only {
					mark = "~"
				} else if w.Within {
					mark = "+"
				}
				words = append(words, mark+w.Text)
			}
			if len(words) > 0 {
				fmt.Fprintf(&b, "| %s | %s |\n", c, strings.Join(words, ", "))
			}
		}
		fmt.Fprintf(&b, "| sounds like an emergency | %s |\n", strings.Join(l.Emergencies[locale], ", "))
		if len(l.Real[locale]) > 0 {
			fmt.Fprintf(&b, "| is in no exercise | %s |\n| is in no actual alert | %s |\n", strings.Join(l.Real[locale], ", "), strings.Join(l.Exercise[locale], ", "))
		}
	}
	list("Code forms, for everybody", templates.CodeWords)
	for _, locale := range slices.Sorted(maps.Keys(l.Names)) {
		list(fmt.Sprintf("%s (%s), %s", l.Names[locale][0], locale, l.States[locale]), locale)
	}
	const file = "../docs/replies.md"
	had, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(had), "<!-- words:")
	if !found {
		t.Fatal("the mark before the words is gone")
	}
	want := head + "<!-- words: go test ./templates -run TestTheWordsAreDocumented -update -->\n" + b.String()
	if want == string(had) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: go test ./templates -run TestTheWordsAreDocumented -update", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A page of words, like a text, is read in the same language and script or not at all.
func TestTheNearestLanguage(t *testing.T) {
	have := []string{"en", "fa", "pt-BR", "zh-Hans", "my"}
	for want, near := range map[string]string{"en-GB": "en", "pt": "pt-BR", "fa-u-nu-latn": "fa", "zh-CN": "zh-Hans", "zh-TW": "", "ru": "", "": "", "x y": ""} {
		if got := templates.Nearest(want, have); got != near {
			t.Errorf("who reads %q gets %q, not %q", want, got, near)
		}
	}
	if templates.DirectionOf("fa") != "rtl" || templates.DirectionOf("my") != "ltr" {
		t.Error("languages are written the other way")
	}
}

// Whoever is asked what she meant by STOP in a sentence is told the word of her own language that brings everything back, besides the
// one that counts in all: and it does.
func TestTheQuestionAboutStopNamesHerWord(t *testing.T) {
	l := templates.Words()
	for locale, text := range templates.ShippedText(templates.StopAsked) {
		named := func(w templates.Word) bool {
			return w.Command == templates.CommandStart && strings.Contains(text, w.Text)
		}
		if !slices.ContainsFunc(l.Words, func(w templates.Word) bool { return w.Locale == locale && !w.Only && named(w) }) || !strings.Contains(text, "START") {
			t.Errorf("%s: %s", locale, text)
		}
	}
}

// A language is found by what it is called in hers; a word that two have in common finds none.
func TestALanguageIsFoundByItsNameInHers(t *testing.T) {
	for _, c := range []struct{ spoken, in, want string }{
		{"Allemand", "fr", "de"}, {"chinois", "fr", "zh-Hans"}, {"portugués", "es", "pt-BR"}, {"суахили", "ru", "sw"}, {"الألمانية", "ar", "de"}, {"ကိုရီးယား", "my", ""},
		{"dili", "tr", ""}, {"allemand", "de", ""}, {"", "fr", ""}, {"klingon", "en", ""},
	} {
		if got := templates.Words().LocaleNamed(templates.WordKey(c.spoken), []string{c.in}); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.spoken, c.in, got, c.want)
		}
	}
}
