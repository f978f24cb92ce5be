package phone

import (
	"strconv"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
)

// Country gives the country of a number in E.164: two letters of ISO 3166, or nothing if no single country has it, as for
// satellite phones. Where countries share a calling code, a number that none of them has assigned counts for the code's
// main country.
func Country(number channels.Address) string {
	text := number.Reveal()
	for n := 2; n <= 4 && n < len(text); n++ { // no calling code begins with another
		code, err := strconv.Atoi(text[1:n])
		if err != nil || text[0] != '+' {
			return ""
		}
		regions := phonenumbers.GetRegionCodesForCountryCode(code)
		switch {
		case len(regions) == 0:
			continue
		case len(regions) > 1:
			if parsed, err := phonenumbers.Parse(text, ""); err == nil {
				if region := phonenumbers.GetRegionCodeForNumber(parsed); isCountry(region) {
					return region
				}
			}
		}
		if isCountry(regions[0]) {
			return regions[0]
		}
		return ""
	}
	return ""
}

// isCountry leaves out what is no country: 001 stands for the whole world.
func isCountry(region string) bool { return len(region) == 2 && region != "ZZ" }
