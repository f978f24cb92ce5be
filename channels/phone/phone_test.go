package phone

import (
	"regexp"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	cases := []struct{ raw, region, want string }{
		{"+12025550123", "", "+12025550123"},
		{" +1 (202) 555-0123 ", "", "+12025550123"},
		{"tel:+1-202-555-0123", "", "+12025550123"},
		{"(202) 555 0123", "US", "+12025550123"},
		{"07700 900123", "GB", "+447700900123"},
		{"07700 900123", " gb", "+447700900123"},
		{"+44 (0)7700 900123", "", "+447700900123"},
		{"0044 7700 900123", "DE", "+447700900123"},
		{"0171 3920099", "DE", "+491713920099"},
		{"06 39 98 12 34", "FR", "+33639981234"},
		{"+٤٤٧٧٠٠٩٠٠١٢٣", "", "+447700900123"},
		{"۰۷۷۰۰ ۹۰۰۱۲۳", "GB", "+447700900123"},
		{"०७७००९००१२३", "GB", "+447700900123"},
		{"＋４４７７００９００１２３", "", "+447700900123"},
		{"\u202a+44\u00a07700\u00a0900123\u202c", "", "+447700900123"},
		{"+39 06 1234 5678", "", "+390612345678"},
		{"1511 2345678", "DE", "+4915112345678"},   // its 0 was lost in a spreadsheet
		{"04912 345678", "DE", "+494912345678"},    // an area whose code begins like the country's
		{"1 202 555 0123", "US", "+12025550123"},   // nothing else can be meant
		{"33 6 39 98 12 34", "FR", "+33639981234"}, // likewise
		{"91 98765 43210", "IN", "+919876543210"},  // likewise
		{"9198765432", "IN", "+919198765432"},      // likewise
		{"43 664 12345678", "AT", "+4366412345678"},
	}
	for _, c := range cases {
		got, err := ParseNumber(c.raw, c.region)
		if err != nil || got.Reveal() != c.want {
			t.Errorf("%q (%s): got %q, %v; want %q", c.raw, c.region, got.Reveal(), err, c.want)
		}
	}
}

// What cannot be sent to is refused with a sentence that helps, and that does not repeat the number.
func TestRefusedNumbers(t *testing.T) {
	cases := []struct{ raw, region, want string }{
		{"", "", "empty"},
		{" \t ", "", "empty"},
		{"Anna", "", "letters"},
		{"+44 7700 900123 ext. 5", "", "letters"},
		{"1-800-FLOWERS", "US", "letters"},
		{"4.91511E+11", "DE", "spreadsheet"},
		{"4,91511234E+11", "", "spreadsheet"},
		{"4915112345678", "DE", "lost its +"},
		{"49 (151) 12345678", "DE", "+49 before it"},
		{"07700 900123", "", "international form"},
		{"+999 12345678", "", "country code"},
		{"+49 1", "", "too few digits"},
		{"+1 555 01", "", "too few digits"},
		{"12345", "DE", ""},
		{"112", "DE", "too few digits"},
		{"+1 202 555 0123 4567", "", "too many digits"},
		{"+1202555012345678901234567890", "", "too many digits"},
		{"555 0123", "US", "area code"},
		{"+49 900 1234567", "", "premium"},
		{"+1 900 234 5678", "", "premium"},
		{"+", "", "no phone number"},
		{"+44 7700 900123", "UK", "region"},
		{"+44#31#", "", ""},
		{strings.Repeat("1", 5000), "DE", "digits"},
	}
	for _, c := range cases {
		got, err := ParseNumber(c.raw, c.region)
		if err == nil {
			if c.want != "" {
				t.Errorf("%q (%s) was taken as %q", c.raw, c.region, got.Reveal())
			}
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q (%s): %q does not say %q", c.raw, c.region, err, c.want)
		}
		if digits := regexp.MustCompile(`[0-9]{5,}`).FindString(err.Error()); digits != "" {
			t.Errorf("%q: the error repeats digits: %q", c.raw, err)
		}
	}
}

// Whatever is typed: the answer is E.164, and reading it again gives itself.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"+5215512345678", "+12025550123", "07700 900123", "+٤٤٧٧", "+39 0", "00", "(", "+54 9 11 2345 6789", "\xff"} {
		for _, region := range []string{"", "DE", "MX", "AR"} {
			f.Add(s, region)
		}
	}
	e164 := regexp.MustCompile(`^\+[1-9][0-9]{5,17}$`)
	f.Fuzz(func(t *testing.T, raw, region string) {
		if len(region) > 2 {
			region = ""
		}
		first, err := ParseNumber(raw, region)
		if err != nil {
			return
		}
		if !e164.MatchString(first.Reveal()) {
			t.Fatalf("%q became %q", raw, first.Reveal())
		}
		for _, again := range []string{region, "", "US"} {
			if second, err := ParseNumber(first.Reveal(), again); err != nil || second != first {
				t.Fatalf("%q became %q and then %q, %v", raw, first.Reveal(), second.Reveal(), err)
			}
		}
	})
}
