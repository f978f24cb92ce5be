package templates

import (
	"time"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// WeekStart gives the day with which the week begins for a reader of a locale: the one that she asks for, as in en-u-fw-mon; else
// that of the region in her locale; else that of a region that is hers otherwise (ISO 3166; may be empty); else that of the
// country of her language. Source: CLDR 48, supplemental week data.
func WeekStart(locale, region string) time.Weekday {
	tag, ok := parseLocale(locale)
	if !ok {
		return cldr.WeekStart(region)
	}
	if day, ok := cldr.Weekday(tag.TypeForKey("fw")); ok {
		return day
	}
	own, sure := tag.Region()
	if sure != language.Exact && region != "" {
		return cldr.WeekStart(region)
	}
	return cldr.WeekStart(own.String())
}
