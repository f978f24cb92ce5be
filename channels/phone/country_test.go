package phone

import (
	"testing"

	"github.com/carillon-gateway/carillon/channels"
)

// TestCountry: the numbers are of ranges that regulators keep for fiction, or that cannot be assigned.
func TestCountry(t *testing.T) {
	for number, want := range map[string]string{
		"+4915550000001": "DE", "+447700900123": "GB", "+447400123456": "GB", "+447781000000": "GG",
		"+12025550101": "US", "+16135550101": "CA", "+18765550101": "JM", "+10005550101": "US",
		"+77010000000": "KZ", "+79010000000": "RU", "+254700000000": "KE", "+33639980001": "FR", "+61491570156": "AU",
		"+881612345678": "", "+80012345678": "", "": "", "+": "", "+4": "", "49155": "", "+999123": "", "+ab": "",
	} {
		if got := Country(channels.Address(number)); got != want {
			t.Errorf("%s is in %q, want %q", number, got, want)
		}
	}
}

// FuzzCountry: whatever ParseNumber lets in has a country or none, and never panics.
func FuzzCountry(f *testing.F) {
	f.Add("+447700900123")
	f.Add("+8816\x00")
	f.Fuzz(func(t *testing.T, raw string) {
		if c := Country(channels.Address(raw)); c != "" && !isCountry(c) {
			t.Errorf("a country %q", c)
		}
	})
}

func BenchmarkCountry(b *testing.B) {
	for name, number := range map[string]channels.Address{"own code": "+4915550000001", "shared code": "+12025550101"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Country(number)
			}
		})
	}
}
