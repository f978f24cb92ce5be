package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

func TestRunsByRecurrenceRule(t *testing.T) {
	for _, c := range []struct{ name, rule, start, zone, from, want string }{
		{"every second Monday, across a clock change", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "2026-03-02", "Europe/Berlin", "2026-03-10T00:00:00Z",
			"2026-03-16T09:00+01:00 09:00; 2026-03-30T09:00+02:00 09:00; 2026-04-13T09:00+02:00 09:00"},
		{"the time of day comes from the start", "FREQ=MONTHLY;BYDAY=-1FR", "2020-01-01T17:30", "America/New_York", "2026-10-01T00:00:00Z",
			"2026-10-30T17:30-04:00 17:30; 2026-11-27T17:30-05:00 17:30"},
		{"a line DTSTART", "DTSTART:20260302T090000\nRRULE:FREQ=WEEKLY;COUNT=2", "1999-01-01", "UTC", "2026-01-01T00:00:00Z",
			"2026-03-02T09:00+00:00 09:00; 2026-03-09T09:00+00:00 09:00; none"},
		{"a skipped time", "FREQ=DAILY", "2026-01-01T02:30", "Europe/Berlin", "2026-03-28T12:00:00Z",
			"2026-03-29T02:30+01:00 03:30 gap; 2026-03-30T02:30+02:00 02:30"},
		{"a skipped time and the one it falls on are one run", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=30", "2026-01-01", "Europe/Berlin", "2026-03-28T12:00:00Z",
			"2026-03-29T03:30+02:00 03:30; 2026-03-30T02:30+02:00 02:30"},
		{"a doubled time", "FREQ=DAILY", "2026-01-01T02:30", "Europe/Berlin", "2026-10-24T12:00:00Z",
			"2026-10-25T02:30+02:00 02:30 first of two; 2026-10-26T02:30+01:00 02:30"},
		{"a day that Samoa never had", "FREQ=DAILY", "2011-12-01T09:00", "Pacific/Apia", "2011-12-29T00:00:00Z",
			"2011-12-29T09:00-10:00 09:00; 2011-12-31T09:00+14:00 09:00"},
		{"a run is strictly after", "FREQ=DAILY", "2026-01-01T09:00", "UTC", "2026-01-05T09:00:00Z", "2026-01-06T09:00+00:00 09:00"},
		{"until an instant, within", "FREQ=DAILY;UNTIL=20260103T080000Z", "2026-01-01T09:00", "Europe/Berlin", "2026-01-02T00:00:00Z",
			"2026-01-02T09:00+01:00 09:00; 2026-01-03T09:00+01:00 09:00; none"},
		{"until a date, within", "FREQ=DAILY;UNTIL=20260103", "2026-01-01T09:00", "Europe/Berlin", "2026-01-02T00:00:00Z",
			"2026-01-02T09:00+01:00 09:00; 2026-01-03T09:00+01:00 09:00; none"},
	} {
		start, err := civil.ParseWall(c.start)
		if err != nil {
			t.Fatal(err)
		}
		rule, err := scheduler.ParseRecurrence(c.rule, start)
		if err != nil {
			t.Fatal(err)
		}
		if got := runs(t, rule, c.zone, c.from, strings.Count(c.want, ";")+1); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestRefusedRecurrenceRules(t *testing.T) {
	for rule, why := range map[string]string{
		"": "part of a rule", "FREQ=OFTEN": "YEARLY", "BYDAY=MO": "how often", "FREQ=HOURLY": "cron line", "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40": "cron line",
		"FREQ=DAILY;BYSECOND=30": "BYSECOND", "FREQ=DAILY;COUNT=100001": "COUNT", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30": "never runs",
		"FREQ=DAILY;UNTIL=20250101": "never runs", "DTSTART;TZID=Europe/Berlin:20260101T090000\nFREQ=DAILY": "beside", "DTSTART:20260101T090000Z\nFREQ=DAILY": "beside",
	} {
		if _, err := scheduler.ParseRecurrence(rule, civil.At(2026, 1, 1, 9, 0, 0)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want something about %q", rule, err, why)
		}
	}
}

// FuzzRecurrence holds that no rule makes the parser or Next panic or hang.
func FuzzRecurrence(f *testing.F) {
	for _, rule := range []string{"FREQ=WEEKLY;BYDAY=MO", "DTSTART:20260302T090000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "FREQ=YEARLY;BYWEEKNO=53;BYSETPOS=-1", "FREQ=DAILY;UNTIL=20260103T080000Z"} {
		f.Add(rule, int64(1_774_000_000))
	}
	loc, err := civil.Zone("Africa/Cairo")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		rule, err := scheduler.ParseRecurrence(text, civil.At(2020, 2, 29, 2, 30, 0))
		if err != nil {
			return
		}
		at := time.Unix(unix%4e9, 0)
		if m, ok := rule.Next(at, loc); ok && !m.Instant().After(at) {
			t.Errorf("%q after %s: %s", text, at, m)
		}
	})
}

// TestRulesThatEndInADoubledHour: what a rule counts are its wall times, each of which takes place once; its end in UTC may lie
// between the two times that clocks show the same.
func TestRulesThatEndInADoubledHour(t *testing.T) {
	berlin, err := civil.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"FREQ=DAILY;COUNT=3":                                          "2026-10-24T02:30+02:00 2026-10-25T02:30+02:00 2026-10-26T02:30+01:00",
		"FREQ=DAILY;UNTIL=20261025T003000Z":                           "2026-10-24T02:30+02:00 2026-10-25T02:30+02:00",
		"FREQ=DAILY;UNTIL=20261025T002959Z":                           "2026-10-24T02:30+02:00",
		"FREQ=DAILY;UNTIL=20261025T010000Z;BYHOUR=2;BYMINUTE=0,30,59": "2026-10-24T02:30+02:00 2026-10-24T02:59+02:00 2026-10-25T02:00+02:00 2026-10-25T02:30+02:00 2026-10-25T02:59+02:00",
		"FREQ=DAILY;UNTIL=20261025T023000":                            "2026-10-24T02:30+02:00 2026-10-25T02:30+02:00",
		"FREQ=DAILY;COUNT=4;BYHOUR=2,3;BYMINUTE=30":                   "2026-10-24T02:30+02:00 2026-10-24T03:30+02:00 2026-10-25T02:30+02:00 2026-10-25T03:30+01:00",
	} {
		rule, err := scheduler.ParseRecurrence(text, civil.At(2026, 10, 24, 2, 30, 0))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		m, ok := rule.Next(civil.At(2026, 10, 20, 0, 0, 0).Fields(), berlin)
		for ok && len(got) < 9 {
			got = append(got, m.String())
			m, ok = rule.Next(m.Instant(), berlin)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n got %s\nwant %s", text, strings.Join(got, " "), want)
		}
	}
}
