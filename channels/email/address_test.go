package email

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for raw, want := range map[string]string{
		"a@b.example":                            "a@b.example",
		"\u200eAnna@Example.ORG.\u200f":          "Anna@example.org",
		"\"Anna, B\" <anna@example.org>":         "anna@example.org",
		"MAILTO:anna@example.org?subject=x":      "anna@example.org",
		"o'neil+tag@sub.example.co.uk":           "o'neil+tag@sub.example.co.uk",
		"anna@BÜCHER.example":                    "anna@xn--bcher-kva.example",
		"anna@xn--bcher-kva.example":             "anna@xn--bcher-kva.example",
		"anna@مثال.إختبار":                       "anna@xn--mgbh0fb.xn--kgbechtv",
		strings.Repeat("a", 64) + "@example.org": strings.Repeat("a", 64) + "@example.org",
	} {
		got, err := parseAddress(raw)
		if err != nil || got.Reveal() != want {
			t.Errorf("%q gave %q, %v; want %q", raw, got.Reveal(), err, want)
		}
		if again, err := parseAddress(want); err != nil || again.Reveal() != want {
			t.Errorf("%q is not itself: %q, %v", want, again.Reveal(), err)
		}
	}
	for raw, why := range map[string]error{
		"": errEmpty, "  ": errEmpty, "anna": errForm, "anna@": errForm, "@example.org": errForm, "a b@example.org": errForm,
		"a@b@example.org": errSeveral, "a@example.org;b@example.org": errSeveral, `"a"@example.org`: errQuoted, `a\b@example.org`: errQuoted,
		".a@example.org": errLocal, "a.@example.org": errLocal, "a..b@example.org": errLocal, "a(b)@example.org": errLocal, "änna@example.org": errForeign,
		"a@example": errDomain, "a@localhost": errDomain, "a@exa_mple.org": errDomain, "a@-x.org": errDomain, "a@example..org": errDomain, "a@[127.0.0.1]": errNumber, "a@127.0.0.1": errNumber,
		strings.Repeat("a", 65) + "@example.org": errLong, "a@" + strings.Repeat("abcdefghi.", 25) + "org": errLong, strings.Repeat("x", 2000): errLong,
	} {
		if got, err := parseAddress(raw); err != why || got != "" {
			t.Errorf("%.30q gave %q, %v; want %v", raw, got.Reveal(), err, why)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"anna@example.org", "Anna <a@b.example>", "a@ẞ.example", "a@xn--a.example", "mailto:<a@b.example>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := parseAddress(raw)
		if err != nil {
			return
		}
		again, err := parseAddress(got.Reveal())
		if err != nil || again != got {
			t.Errorf("%q gave %q, and that %q, %v", raw, got.Reveal(), again.Reveal(), err)
		}
		if len(got) > longestAddress || badHeader(got.Reveal()) || strings.ContainsAny(got.Reveal(), "<> \"") {
			t.Errorf("%q gave %q", raw, got.Reveal())
		}
	})
}
