package templates_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/templates"
)

// The days are those of Unicode's week data, and of what Intl.Locale says of these locales.
func TestWeeksBeginWhereTheReaderLives(t *testing.T) {
	for _, c := range []struct {
		locale, region string
		want           time.Weekday
	}{
		{"de", "", time.Monday}, {"en", "", time.Sunday}, {"en-GB", "", time.Monday}, {"en-US", "DE", time.Sunday}, {"en", "DE", time.Monday}, {"pt-BR", "", time.Sunday}, {"fa", "", time.Saturday},
		{"ar", "", time.Saturday}, {"ar-MA", "", time.Monday}, {"hi", "", time.Sunday}, {"my", "", time.Sunday}, {"sw", "", time.Monday}, {"dv-MV", "", time.Friday}, {"en-u-fw-wed", "DE", time.Wednesday},
		{"fa-u-nu-latn", "", time.Saturday}, {"?", "EG", time.Saturday}, {"?", "", time.Monday}, {"en", "ZZ", time.Monday},
	} {
		if got := templates.WeekStart(c.locale, c.region); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.locale, c.region, got, c.want)
		}
	}
}
