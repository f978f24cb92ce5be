package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

func TestWhenToRemind(t *testing.T) {
	for _, c := range []struct {
		lead, zone, start string
		allDay            bool
		want              string
	}{
		{"1w", "Europe/Berlin", "2026-04-01T18:00", false, "2026-03-25T18:00:00+01:00"}, // on the calendar, across a change of clocks
		{"2h", "Europe/Berlin", "2026-03-29T04:00", false, "2026-03-29T01:00:00+01:00"}, // of real time, across the hour that is not there
		{"1d@18:00", "Europe/Berlin", "2026-03-29T10:00", false, "2026-03-28T18:00:00+01:00"},
		{"1d", "Europe/Berlin", "2026-03-30T02:30", false, "2026-03-29T03:30:00+02:00"},    // a time that the day before does not have
		{"1d", "America/New_York", "2026-11-02T01:30", false, "2026-11-01T01:30:00-04:00"}, // and one that it has twice
		{"30m", "Asia/Kathmandu", "2026-03-29T10:00", false, "2026-03-29T09:30:00+05:45"},
		{"0d@08:00", "Europe/Berlin", "2026-03-29T10:00", false, "2026-03-29T08:00:00+02:00"},
		{"0d@11:00", "Europe/Berlin", "2026-03-29T10:00", false, ""},
		{"1w", "Europe/Berlin", "2026-05-01", true, "2026-04-24T09:00:00+02:00"},
		{"2h", "Europe/Berlin", "2026-05-01", true, "2026-05-01T09:00:00+02:00"},
		{"1d@18:00", "Europe/Berlin", "2026-05-01", true, "2026-04-30T18:00:00+02:00"},
		{"1d@00:00", "Africa/Cairo", "2026-04-25", true, "2026-04-24T01:00:00+03:00"}, // a midnight that is not there
	} {
		l, err := gateway.ParseLead(c.lead)
		if err != nil {
			t.Fatal(err)
		}
		place, _ := civil.Zone(c.zone)
		start, _ := civil.ParseWall(c.start)
		got := ""
		if at, ok := l.Before(start, c.allDay, place); ok {
			got = at.In(place).Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s before %s in %s: %q, want %q", c.lead, c.start, c.zone, got, c.want)
		}
	}
	if got := fmt.Sprint(gateway.DefaultLeads()); got != "[1d@18:00 2h]" {
		t.Error(got)
	}
	for _, text := range []string{"", "2", "h", "-1h", "1h@18:00", "1d@24:00", "1d@18", "61d", "9w", "99999h", "1y", " 1d"} {
		if l, err := gateway.ParseLead(text); err == nil {
			t.Errorf("%q was taken as %s", text, l)
		}
	}
}

// Whatever lead, zone and event: it is written as it is read, time on the clock is real time, days are days of the calendar,
// and nobody is reminded of what has begun.
func TestLeads(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia", "America/Havana", "Africa/Casablanca", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		unit := rapid.SampledFrom([]string{"m", "h", "d", "w"}).Draw(t, "unit")
		if unit == "w" {
			n %= 8
		}
		text := fmt.Sprint(n, unit)
		hour := -1
		if (unit == "d" || unit == "w") && rapid.Bool().Draw(t, "clock") {
			hour = rapid.IntRange(0, 23).Draw(t, "hour")
			text += fmt.Sprintf("@%02d:15", hour)
		}
		l, err := gateway.ParseLead(text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := gateway.ParseLead(l.String()); err != nil || again != l {
			t.Fatalf("%s became %s, %v", text, l, err)
		}
		place, _ := civil.Zone(rapid.SampledFrom(zones).Draw(t, "zone"))
		start := civil.Of(time.Unix(rapid.Int64Range(1.7e9, 2e9).Draw(t, "start"), 0), place)
		if start.Note == civil.Second {
			return // events are kept as instants; the rule is asked for the first
		}
		at, ok := l.Before(start.Wall, false, place)
		if !ok {
			if hour < 0 && n > 0 {
				t.Fatalf("%s before %s does not come", text, start)
			}
			return
		}
		if at.After(start.Instant()) {
			t.Fatalf("%s before %s is %s", text, start, at)
		}
		switch days := map[string]int{"d": n, "w": 7 * n}[unit]; {
		case hour >= 0:
			want := civil.In(start.Wall.Midnight()-civil.Wall(days)*civil.Day+civil.Wall(hour)*civil.Hour+15*civil.Minute, place)
			if !at.Equal(want.Instant()) {
				t.Fatalf("%s before %s is %s, want %s", text, start, at, want)
			}
		case unit == "m" || unit == "h":
			length := map[string]time.Duration{"m": time.Minute, "h": time.Hour}[unit] * time.Duration(n)
			if start.Instant().Sub(at) != length {
				t.Fatalf("%s before %s is %s", text, start, at)
			}
		default:
			if w := civil.Of(at, place).Wall; civil.In(start.Wall-civil.Wall(days)*civil.Day, place).Note != civil.Gap && start.Wall-w != civil.Wall(days)*civil.Day {
				t.Fatalf("%s before %s is %s", text, start, civil.Of(at, place))
			}
		}
	})
}
