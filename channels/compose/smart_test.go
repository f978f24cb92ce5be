package compose_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels/compose"
)

// TestSmartEncodingReplacesSignsOnly writes texts that one sign makes dear, and leaves alone what it cannot make cheaper.
func TestSmartEncodingReplacesSignsOnly(t *testing.T) {
	long := strings.Repeat("a", 80)
	for _, c := range []struct{ name, text, want string }{
		{"signs", "“We’re” — «here» … • ‘now’ 5−3 → " + long, `"We're" - "here" ... - 'now' 5-3 -> ` + long},
		{"an invisible mark and a special space", "a\u00a0–\u200bb " + long, "a -b " + long},
		{"GSM-7 as it is", "[a] €5 " + long, "[a] €5 " + long},
		{"one segment costs one segment", "It’s here.", "It’s here."},
		{"a letter stays, and so does all else", "“ça” " + long, "“ça” " + long},
		{"another alphabet", "«Крыша» — " + long, "«Крыша» — " + long},
		{"an emoji", "“🏠” " + long, "“🏠” " + long},
		{"a half is no sign", "1½ – 2 " + long, "1½ – 2 " + long},
		{"longer in GSM-7", strings.Repeat("…", 70) + "’", strings.Repeat("…", 70) + "’"},
	} {
		got := compose.Smart(c.text)
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if compose.Smart(got) != got {
			t.Errorf("%s: twice is not once", c.name)
		}
		_, _, before, _ := compose.Count(c.text)
		if encoding, _, after, _ := compose.Count(got); got != c.text && (encoding != compose.GSM7 || after >= before) {
			t.Errorf("%s: %s, %d segments after %d", c.name, encoding, after, before)
		}
	}
	for r := range rune(0x10000) {
		if sign := compose.Instead(r); sign != "" {
			if encoding, _, _, _ := compose.Count(sign); encoding != compose.GSM7 || len(sign) > 3 {
				t.Errorf("%c becomes %q", r, sign)
			}
			if encoding, _, _, _ := compose.Count(string(r)); encoding == compose.GSM7 {
				t.Errorf("%c needs no other sign", r)
			}
		}
	}
}
