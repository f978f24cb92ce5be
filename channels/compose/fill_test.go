package compose

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// A name is cut between characters as a reader sees them, and one of which nothing is seen is none.
func TestAName(t *testing.T) {
	family := "👩‍👩‍👧‍👦"
	for raw, want := range map[string]string{
		"Ana": "Ana", "  Ana  María ": "Ana María", "": "", " \n\u200b\u202e": "", "A\r\nBcc: x": "A Bcc: x", "\u2067abc": "abc", "a\ufdd0b\ufdd1": "ab",
		strings.Repeat("x", 60): strings.Repeat("x", 40), strings.Repeat(family, 9): strings.Repeat(family, 5), strings.Repeat("क्ष", 50): strings.Repeat("क्ष", 21),
		"x" + strings.Repeat("\u0301", 5000): "", "\xff": "\ufffd",
	} {
		if got := Name(raw); got != want {
			t.Errorf("Name(%.40q) = %q, want %q", raw, got, want)
		}
	}
}

func checkName(t interface{ Errorf(string, ...any) }, raw string) {
	name := Name(raw)
	if again := Name(name); again != name {
		t.Errorf("Name(%q) = %q, and again %q", raw, name, again)
	}
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\n\t\x00") || content.HasHole(name) || Length(name, channels.UTF16) > unitsOfName || name != "" && !Visible(name) {
		t.Errorf("Name(%q) = %q", raw, name)
	}
	for _, rtl := range []bool{false, true} {
		for _, escape := range []func(string) string{nil, func(s string) string { return strings.Repeat(s, 5) }} {
			if got := NewFilling(name, escape).in(rtl); Length(got, channels.UTF16) > content.HoleLength || Length(got, channels.Characters) > content.HoleLength || strings.Count(got, FSI) != strings.Count(got, PDI) {
				t.Errorf("%q is written as %q", name, got)
			}
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"Ana", "@all /stop :a:", strings.Repeat("\\", 64), "عربي", "\u2067x\u2069", "👩‍👩‍👧‍👦"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkName(t, raw) })
}

// Every hole of a text is filled, and nothing else of it changes.
func TestHolesAreFilled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("a@: \n\ufdd0\ufdd1ж"))).Draw(t, "text")
		name := Name(rapid.StringOf(rapid.RuneFrom([]rune("aж@*عس \u0301"))).Draw(t, "name"))
		if name == "" {
			return
		}
		checkName(t, name)
		got := NewFilling(name, nil).Into(text)
		unseen := strings.NewReplacer(Apart, "", FSI, "", PDI, "")
		if want := strings.NewReplacer(content.HoleMark, name, content.HoleMarkRTL, name).Replace(text); unseen.Replace(got) != want {
			t.Errorf("%q with %q is %q", text, name, got)
		}
		if !Recalls(text, got) {
			t.Errorf("%q is not recalled from %q", got, text)
		}
	})
}

// A text is told from another by what stands around the name, whatever name and encoding.
func TestATextIsRecalled(t *testing.T) {
	holed := "Hello " + content.HoleMark + ", we meet at 7. Bye, " + content.HoleMark + "."
	for text, want := range map[string]bool{
		"Hello Ana, we meet at 7. Bye, Ana.": true, "Hello Zoë, we meet at 7. Bye, Bea.": true, "Hello, we meet at 7. Bye.": true,
		"Hello Ana, we meet at 8. Bye, Ana.": false, "We meet at 7. Bye.": false, "": false, "Hello Ana, we meet at 7. Bye, Ana. Yes": true,
	} {
		if Recalls(holed, text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	if Recalls("Hello", "Hello Ana") || !Recalls("“Hello”", `"Hello"`) {
		t.Error("a text without a hole is recalled by itself only")
	}
}

// The longest name in the place of a hole keeps a part within the limit, and no hole is torn.
func TestAHoleIsOneCharacter(t *testing.T) {
	text := strings.Repeat("这是一个很长的句子", 3) + content.Hole(content.LeftToRight) + strings.Repeat("没有空格", 20)
	for n := range len(text) {
		if at := CutAt(text, n); at > 0 {
			if marks := strings.Count(text[:at], content.HoleMark); marks != 0 && marks != content.HoleLength {
				t.Fatalf("cut at %d, after %d marks", at, marks)
			}
		}
	}
}
