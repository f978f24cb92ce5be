package inbound_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/templates"
)

// Every word of every list means what its list says to those who read its language; and to all others, unless it is marked
// as one that means something else elsewhere.
func TestEveryWordOfEveryLanguage(t *testing.T) {
	lexicon := templates.Words()
	if len(lexicon.Names) != 14 {
		t.Fatalf("%d languages", len(lexicon.Names))
	}
	for _, w := range lexicon.Words {
		want := string(w.Command)
		for _, form := range []string{w.Text, strings.ToLower(w.Text), " «" + w.Text + "!» ", "\u200f" + w.Text + "\ufe0f."} {
			if got, _, _, _ := inbound.Meant(form, w.Locale); got != want {
				t.Errorf("%q in %s is %q, not %s", form, w.Locale, got, want)
			}
		}
		switch got, _, _, _ := inbound.Meant(w.Text); {
		case !w.Only && got != want:
			t.Errorf("%q of %s is %q to others, not %s", w.Text, w.Locale, got, want)
		case w.Only && got != "":
			t.Errorf("%q of %s means %s to others", w.Text, w.Locale, got)
		}
	}
	for locale, state := range lexicon.States {
		if state != "draft" {
			t.Errorf("%s is %s, and nobody has reviewed it", locale, state)
		}
	}
}

// Short words lead a double life: they count for those in whose language they are commands.
func TestFalseFriends(t *testing.T) {
	for _, c := range []struct{ text, locale, want string }{
		{"acha", "sw", "stop"}, {"acha", "hi", ""}, // in Hindi: all right
		{"dur", "tr", "stop"}, {"dur", "fr", ""}, // in French: hard
		{"son", "tr", "stop"}, {"son", "es", ""}, {"son", "fr", ""}, // they are; sound
		{"alto", "es", "stop"}, {"alto", "pt-BR", ""}, // high
		{"fin", "fr", "stop"}, {"fin", "de", ""}, {"halt", "de", "stop"}, {"halt", "en", ""},
		{"para", "es", "stop"}, {"para", "tr", ""}, // money
		{"من", "ar", "who"}, {"من", "fa", ""}, // who; I
		{"так", "uk", "yes"}, {"так", "ru", ""}, // yes; so
		{"बंद", "hi", "stop"}, {"सड़क बंद है", "hi", ""}, {"बस", "en", ""}, // the road is closed; a bus
		{"END", "tr", "stop"}, {"стоп", "en", "stop"}, // carriers take it for STOP; nothing else anywhere
	} {
		if got, _, _, within := inbound.Meant(c.text, c.locale); got != c.want || within {
			t.Errorf("%q to one who reads %s: %q, %v", c.text, c.locale, got, within)
		}
	}
}

func TestCommandsWithSomethingBehind(t *testing.T) {
	for _, c := range []struct {
		text, locale, meaning string
		days                  int
		language              string
	}{
		{"PAUSE", "en", "pause", 7, ""}, {"pause 14", "en", "pause", 14, ""}, {"Pause14", "en", "pause", 14, ""}, {"PAUSE 400", "en", "pause", 90, ""}, {"pause 0", "en", "pause", 0, ""},
		{"PAUSE ١٤", "ar", "pause", 14, ""}, {"إيقاف مؤقت ۱۴", "ar", "pause", 14, ""}, {"विराम १४", "hi", "pause", 14, ""}, {"ခဏရပ် ၁၄", "my", "pause", 14, ""},
		{"PAUSE ๑๔", "en", "pause", 14, ""}, {"ＰＡＵＳＥ　１４", "en", "pause", 14, ""}, {"暂停14", "zh-Hans", "pause", 14, ""}, {"пауза 14", "ru", "pause", 14, ""},
		{"PAUSE 999999999999999999999999", "en", "", 0, ""}, {"pause the music", "en", "", 0, ""},
		{"LANG", "en", "language", 0, ""}, {"lang sw", "en", "language", 0, "sw"}, {"LANG pt", "en", "language", 0, "pt-BR"}, {"LANG PT-BR", "en", "language", 0, "pt-BR"}, {"LANG zh-CN", "en", "language", 0, "zh-Hans"},
		{"LANG tlh", "en", "language", 0, ""}, {"LANG Türkçe", "en", "language", 0, "tr"}, {"lang turkce", "en", "language", 0, "tr"}, {"LANG فارسي", "ar", "language", 0, "fa"}, {"language español", "en", "language", 0, "es"},
		{"мова українська", "ru", "language", 0, "uk"}, {"भाषा हिन्दी", "hi", "language", 0, "hi"}, {"lang 中文", "en", "language", 0, "zh-Hans"}, {"LANG မြန်မာ", "en", "language", 0, "my"},
		{"STOP ALL", "en", "stop-all", 0, ""}, {"stopall", "en", "stop-all", 0, ""}, {"сТоп все", "en", "stop-all", 0, ""}, {"/stop@harbour_bot", "en", "stop", 0, ""}, {"WHO?", "en", "who", 0, ""},
	} {
		if m, days, language, _ := inbound.Meant(c.text, c.locale); m != c.meaning || days != c.days || language != c.language {
			t.Errorf("%q: %q %d %q", c.text, m, days, language)
		}
	}
	for text, want := range map[string]bool{
		"please STOP sending me this": true, "the road is stopped up": false, "bitte abmelden, danke": true, "请帮我退订谢谢": true, "a full stop.": true,
		"отпишите меня от этого": true, "in the end we cancel": false, "عايز إلغاء الاشتراك لو سمحت": true, "stopwatch": false, strings.Repeat("stop ", 3000): false,
	} {
		if m, _, _, within := inbound.Meant(text, "en", "de", "zh-Hans", "ru", "ar"); m != "" || within != want {
			t.Errorf("%.40q: %q, within %v", text, m, within)
		}
	}
}

// A word is one word whoever writes it: what its key is made of changes nothing, and digits of all scripts are digits.
func TestDigitsOfAllScripts(t *testing.T) {
	scripts := 0
	each := func(lo, hi rune) {
		for zero := lo; zero+9 <= hi; zero += 10 {
			scripts++
			text := "PAUSE " + string([]rune{zero + 1, zero + 4})
			if m, days, _, _ := inbound.Meant(text); m != "pause" || days != 14 {
				t.Errorf("%U: %s %d", zero, m, days)
			}
		}
	}
	for _, r := range unicode.Nd.R16 {
		each(rune(r.Lo), rune(r.Hi))
	}
	for _, r := range unicode.Nd.R32 {
		each(rune(r.Lo), rune(r.Hi))
	}
	if scripts < 60 {
		t.Errorf("%d scripts", scripts)
	}
}

// FuzzWords takes any text in any language: it always ends, one meaning stands for one key, and nobody is stopped for good by
// more words than the longest command has.
func FuzzWords(f *testing.F) {
	for _, w := range templates.Words().Words {
		f.Add(w.Text, w.Locale)
	}
	for _, seed := range []string{"don't stop", "", "\xff", "/stop@x", "ſtop", "PAUSE ١٤", "LANG \u200f", "İ", "가", "１２"} {
		f.Add(seed, "en")
	}
	f.Fuzz(func(t *testing.T, text, locale string) {
		m, days, _, within := inbound.Meant(text, locale)
		if m != "" && (within || len(strings.Fields(templates.WordKey(text))) > 9) || days < 0 || days > 90 {
			t.Errorf("%q is understood as %s, %d, %v", text, m, days, within)
		}
		key := templates.WordKey(text)
		if again := templates.WordKey(key); again != key {
			t.Errorf("the key of %q is %q, and of that %q", text, key, again)
		}
		if !strings.HasPrefix(strings.TrimSpace(text), "/") {
			if again := fmt.Sprint(inbound.Meant(key, locale)); len(text) < 2000 && again != fmt.Sprint(inbound.Meant(text, locale)) {
				t.Errorf("%q means something else than its key: %s", text, again)
			}
		}
	})
}
