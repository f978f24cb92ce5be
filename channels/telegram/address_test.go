package telegram_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

// adapter makes one that needs no network.
func adapter(t testing.TB) channels.Adapter {
	t.Helper()
	a, err := telegram.New(channels.Settings{Name: "tg", Options: []byte(`{"token":"100:secret-half"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnAddressIsWhateverPeopleCopyFromTelegram(t *testing.T) {
	a := adapter(t)
	for raw, want := range map[string]string{
		"123456789":                        "123456789",
		" 00123456789\n":                   "123456789",
		"-1001234567890":                   "-1001234567890",
		"\u22121001234567890":              "-1001234567890", // a typographic minus
		"١٢٣٤٥٦٧٨٩":                        "123456789",      // Arabic
		"۱۲۳۴۵۶۷۸۹":                        "123456789",      // Persian
		"१२३४५६७८९":                        "123456789",      // Devanagari
		"１２３":                              "123",            // full width
		"\u2068123\u2069":                  "123",            // isolated by a chat client
		"-1001234567890:42":                "-1001234567890:42",
		"-1001234567890：٤٢":                "-1001234567890:42",
		"@Harbour_News":                    "@harbour_news",
		"@harbour_news:7":                  "@harbour_news:7",
		"https://t.me/Harbour_News":        "@harbour_news",
		"t.me/harbour_news/":               "@harbour_news",
		"http://www.telegram.me/s/harbour": "@harbour",
		"https://t.me/harbour?before=3":    "@harbour",
		"tg://resolve?domain=Harbour&x=1":  "@harbour",
	} {
		got, err := a.ParseAddress(raw)
		if err != nil || got.Reveal() != want {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", raw, got.Reveal(), err, want)
		}
	}
}

func TestARefusedAddressSaysWhatToType(t *testing.T) {
	a := adapter(t)
	for raw, say := range map[string]string{
		"":                        "pressing Start",
		" \u200b ":                "pressing Start",
		"+4930123456":             "cannot write to a phone number",
		"harbour":                 "type its number",
		"12 34":                   "type its number",
		"--5":                     "type its number",
		"0":                       "no Telegram chat has this number",
		"99999999999999999999":    "no Telegram chat has this number",
		"-1001234567890:":         "number of a topic",
		"-1001234567890:0":        "number of a topic",
		"-1001234567890:x":        "number of a topic",
		"@abc":                    "4 to 32 letters",
		"@carillon_bot":           "bots cannot write to bots",
		"https://t.me/+AbCdEf":    "invite link",
		"t.me/joinchat/AbCdEf":    "invite link",
		"t.me/c/1234567890/7":     "should look like t.me/name",
		"https://t.me/":           "should look like t.me/name",
		"https://example.org/abc": "should look like t.me/name",
	} {
		got, err := a.ParseAddress(raw)
		if err == nil {
			t.Errorf("ParseAddress(%q) = %q; want an error", raw, got.Reveal())
			continue
		}
		if !strings.Contains(err.Error(), say) {
			t.Errorf("ParseAddress(%q): %v; want it to say %q", raw, err, say)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"123", "-1001234567890:42", "@Harbour_News", "https://t.me/s/harbour", "t.me/%2e%2e/x", "١٢٣", "𝟙𝟚𝟛", "tg://resolve?domain=", "@a:1:2", "-0"} {
		f.Add(s)
	}
	a := adapter(f)
	canonical := regexp.MustCompile(`^(-?[1-9][0-9]{0,15}|@[a-z][a-z0-9_]{3,31})(:[1-9][0-9]{0,9})?$`)
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := a.ParseAddress(raw)
		if err != nil {
			if got != "" {
				t.Fatalf("an address beside an error: %q", got.Reveal())
			}
			return
		}
		if !canonical.MatchString(got.Reveal()) {
			t.Fatalf("%q gives %q, which is not canonical", raw, got.Reveal())
		}
		if again, err := a.ParseAddress(got.Reveal()); err != nil || again != got {
			t.Fatalf("%q gives %q, which gives %q, %v", raw, got.Reveal(), again.Reveal(), err)
		}
	})
}
