package content_test

import (
	"testing"
	"unicode"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Every decimal digit of every script has a value, and nothing else has.
func TestDigitsOfAllScripts(t *testing.T) {
	for _, ten := range []string{"0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "๐๑๒๓๔๕๖๗๘๙", "０１２３４５６７８９", "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡", "𞥐𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘𞥙"} {
		for want, r := range []rune(ten) {
			if got := content.Digit(r); got != want {
				t.Errorf("%c reads as %d", r, got)
			}
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if (content.Digit(r) >= 0) != unicode.IsDigit(r) {
			t.Fatalf("%U reads as %d", r, content.Digit(r))
		}
	}
}
