package scheduler_test

import (
	"archive/zip"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	second "github.com/netresearch/go-cron"
	robfig "github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

// TestRunsAroundClockChanges tells what a schedule does where clocks are changed: nominal time and offset, what clocks
// then show, and the note.
func TestRunsAroundClockChanges(t *testing.T) {
	for _, c := range []struct{ name, spec, zone, from, want string }{
		{"a skipped half past two runs an hour later, on the same day", "30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z",
			"2026-03-28T02:30+01:00 02:30; 2026-03-29T02:30+01:00 03:30 gap; 2026-03-30T02:30+02:00 02:30"},
		{"half past two comes twice and runs once", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
			"2026-10-25T02:30+02:00 02:30 first of two; 2026-10-26T02:30+01:00 02:30"},
		{"the rhythm of every hour is kept", "0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z",
			"2026-10-25T02:00+02:00 02:00 first of two; 2026-10-25T02:00+01:00 02:00 second of two; 2026-10-25T03:00+01:00 03:00"},
		{"@hourly too", "@hourly", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00+01:00 02:00 second of two"},
		{"every hour in a gap is one run, under the time that exists", "30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
			"2026-03-29T01:30+01:00 01:30; 2026-03-29T03:30+02:00 03:30; 2026-03-29T04:30+02:00 04:30"},
		{"hours that are named are civil times, even if it is all of them", "30 0-23 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
			"2026-10-25T02:30+02:00 02:30 first of two; 2026-10-25T03:30+01:00 03:30"},
		{"two times on one instant are one run", "30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
			"2026-03-29T03:30+02:00 03:30; 2026-03-30T02:30+02:00 02:30; 2026-03-30T03:30+02:00 03:30"},
		{"half an hour is skipped", "15 2 * * *", "Australia/Lord_Howe", "2025-10-04T00:00:00Z",
			"2025-10-05T02:15+10:30 02:45 gap; 2025-10-06T02:15+11:00 02:15"},
		{"half an hour is doubled", "*/15 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
			"2026-04-05T01:15+11:00 01:15; 2026-04-05T01:30+11:00 01:30 first of two; 2026-04-05T01:45+11:00 01:45 first of two; 2026-04-06T01:00+10:30 01:00"},
		{"a rhythm in a doubled half hour", "*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
			"2026-04-05T01:30+11:00 01:30 first of two; 2026-04-05T01:30+10:30 01:30 second of two; 2026-04-05T02:00+10:30 02:00"},
		{"Thursdays in Cairo, where robfig takes the Friday", "0 9 * * 4", "Africa/Cairo", "2026-04-23T10:00:00Z",
			"2026-04-30T09:00+03:00 09:00"},
		{"and a Friday that it skips for a week", "0 9 * * 5", "Africa/Cairo", "2026-04-22T10:00:00Z",
			"2026-04-24T09:00+03:00 09:00; 2026-05-01T09:00+03:00 09:00"},
		{"and a date that it skips for a year", "0 9 24 4 *", "Africa/Cairo", "2026-04-22T10:00:00Z",
			"2026-04-24T09:00+03:00 09:00; 2027-04-24T09:00+02:00 09:00"},
		{"a midnight that does not exist", "0 0 * * *", "Asia/Beirut", "2026-03-28T00:00:00Z",
			"2026-03-29T00:00+02:00 01:00 gap; 2026-03-30T00:00+03:00 00:00"},
		{"west of Greenwich too, where plain libraries take the day before", "0 0 * * SUN", "America/Santiago", "2025-09-05T00:00:00Z",
			"2025-09-07T00:00-04:00 01:00 gap; 2025-09-14T00:00-03:00 00:00"},
		{"Havana", "30 0 * * *", "America/Havana", "2026-03-07T12:00:00Z",
			"2026-03-08T00:30-05:00 01:30 gap; 2026-03-09T00:30-04:00 00:30"},
		{"the Azores put back to the same midnight", "0 0 * * *", "Atlantic/Azores", "2026-10-24T12:00:00Z",
			"2026-10-25T00:00+00:00 00:00 first of two; 2026-10-26T00:00-01:00 00:00"},
		{"a day that Samoa never had", "0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
			"2011-12-29T09:00-10:00 09:00; 2011-12-31T09:00+14:00 09:00"},
		{"a Friday that Samoa never had", "0 9 * * FRI", "Pacific/Apia", "2011-12-29T00:00:00Z",
			"2012-01-06T09:00+14:00 09:00"},
		{"before the gap that ends a day", "30 23 * * *", "America/Nuuk", "2024-03-30T12:00:00Z",
			"2024-03-30T23:30-02:00 00:30 gap; 2024-03-31T23:30-01:00 23:30"},
		{"29 February", "0 12 29 2 *", "UTC", "2096-02-29T12:00:00Z", "2104-02-29T12:00+00:00 12:00"},
		{"either day", "0 12 13 * FRI", "UTC", "2026-03-12T12:00:00Z", "2026-03-13T12:00+00:00 12:00; 2026-03-20T12:00+00:00 12:00"},
	} {
		rule, err := scheduler.ParseCron(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := runs(t, rule, c.zone, c.from, strings.Count(c.want, ";")+1); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// runs writes the first runs after an instant.
func runs(t *testing.T, rule scheduler.Rule, zone, from string, n int) string {
	t.Helper()
	loc, err := civil.Zone(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for range n {
		m, ok := rule.Next(at, loc)
		if !ok {
			all = append(all, "none")
			break
		}
		at = m.Instant()
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", m, at.In(loc).Format("15:04"), m.Note)))
	}
	return strings.Join(all, "; ")
}

func TestRefusedCronLines(t *testing.T) {
	for spec, why := range map[string]string{
		"TZ=UTC": "zone", "CRON_TZ=UTC": "zone", "CRON_TZ= 0 9 * * *": "zone", "TZ=Europe/Berlin 0 9 * * *": "zone", "tz=x": "zone", "0 9 * * * TZ=": "zone",
		"@every 1h": "@every", "@every -1s": "@every", "@reboot": "@reboot", "@": "@",
		"": "empty", "* * * *": "five fields", "0 0 9 * * *": "five fields",
		"0 0 31 2 *": "never runs", "0 0 30 2 *": "never runs", "0 0 31 4,6,9,11 *": "never runs",
		"0 9 * * 7": "Sunday is 0", "0 9 * * MON-SUN": "beyond", "0 9 L * *": "L", "0 9 * * 5#2": "5#2", "60 9 * * *": "60", "0 24 * * *": "24",
		"0 9 , * *": "comma", "0 9 1, * *": "comma", "0 9 *-5 * *": "range", "+5 9 * * *": "range", "*/0 9 * * *": "step", "0 22-6 * * *": "beyond",
		strings.Repeat("1,", 600) + "1 9 * * *": "longer",
	} {
		if _, err := scheduler.ParseCron(spec); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40q: %v, want something about %q", spec, err, why)
		}
	}
}

// TestEqualToOthersInUTC takes any line, any instant: in UTC there are no odd times, and robfig/cron and go-cron are right.
func TestEqualToOthersInUTC(t *testing.T) {
	part := func(low, high int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			a, b := rapid.IntRange(low, high).Draw(t, "a"), rapid.IntRange(low, high).Draw(t, "b")
			step := rapid.IntRange(1, high).Draw(t, "step")
			return rapid.SampledFrom([]string{"*", "*", "?", fmt.Sprint(a), fmt.Sprintf("%d-%d", min(a, b), max(a, b)), fmt.Sprintf("*/%d", step), fmt.Sprintf("%d/%d", a, step), fmt.Sprintf("%d,%d", a, b)}).Draw(t, "form")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		spec := strings.Join([]string{part(0, 59).Draw(t, "minute"), part(0, 23).Draw(t, "hour"), part(1, 31).Draw(t, "day"), part(1, 12).Draw(t, "month"), part(0, 6).Draw(t, "weekday")}, " ")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "from"), 0).UTC()
		theirs, err := robfig.ParseStandard(spec)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := scheduler.ParseCron(spec)
		if err != nil {
			if !theirs.Next(at).IsZero() {
				t.Fatalf("%s: %v, but it runs at %s", spec, err, theirs.Next(at))
			}
			return
		}
		var third robfig.Schedule = theirs
		fields := strings.Fields(spec)
		star := func(field string) bool { return field == "*" || field == "?" }
		// It refuses steps longer than the range, wants both days, and counts steps of weekdays to 7.
		if s, err := second.ParseStandard(spec); err == nil && (star(fields[2]) || star(fields[4])) && !strings.Contains(fields[4], "/") {
			third = s
		}
		for range 5 {
			m, ok := ours.Next(at, time.UTC)
			for _, o := range []robfig.Schedule{theirs, third} {
				if says := o.Next(at); !ok || !says.IsZero() && !m.Instant().Equal(says) { // they look a few years ahead only
					t.Fatalf("%s after %s: %s, %T says %s", spec, at, m, o, says)
				}
			}
			at = m.Instant()
		}
	})
}

// TestEveryDateOnce runs a line with one time a day through each zone's clock changes of eleven years: each matching date
// that exists has one run, in order, and none is lost on the way.
func TestEveryDateOnce(t *testing.T) {
	start, end := civil.At(2024, 1, 1, 0, 0, 0), civil.At(2035, 1, 1, 0, 0, 0)
	for i, name := range zones(t) {
		loc, err := civil.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		// A quarter past the time that a change of this zone's clocks skips or doubles; all days, or one weekday.
		hour, minute := i%24, i*7%60
		if change := civil.SpanAt(int64(start)+int64(i%2*180)*int64(civil.Day), loc).End; change < int64(end) {
			before, after := civil.SpanAt(change-1, loc).Offset, civil.SpanAt(change, loc).Offset
			odd := (civil.Wall(change+min(before, after)) + 15*civil.Minute).Fields()
			hour, minute = odd.Hour(), odd.Minute()
		}
		days, weekday := []string{"*", "0", "5"}[i%3], []int{-1, 0, 5}[i%3]
		rule, err := scheduler.ParseCron(fmt.Sprintf("%d %d * * %s", minute, hour, days))
		if err != nil {
			t.Fatal(err)
		}
		at := civil.In(start, loc).Instant().Add(-48 * time.Hour)
		var m civil.Moment
		for date := start; date < end; date += civil.Day {
			if weekday >= 0 && int(date.Fields().Weekday()) != weekday || !civil.Exists(date, loc) {
				continue
			}
			want := civil.In(date+civil.Wall(hour)*civil.Hour+civil.Wall(minute)*civil.Minute, loc)
			for m.Wall < start {
				var ok bool
				if m, ok = rule.Next(at, loc); !ok {
					t.Fatalf("%s: no run after %s", name, at)
				}
				at = m.Instant()
			}
			if m != want {
				t.Fatalf("%s: %s %q, want %s %q", name, m, m.Note, want, want.Note)
			}
			m = civil.Moment{Wall: start - 1}
		}
	}
}

// TestARhythmIsKept runs a line with the hour * through each zone's clock changes: there is never more than its step
// between two runs, nor less, but where clocks change by less than the step.
func TestARhythmIsKept(t *testing.T) {
	rule, err := scheduler.ParseCron("*/30 * * * *")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Beirut", "Africa/Casablanca", "Antarctica/Troll", "Asia/Kathmandu"} {
		loc, err := civil.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		first, _ := rule.Next(at, loc)
		for at = first.Instant(); at.Year() < 2027; {
			m, ok := rule.Next(at, loc)
			if !ok || m.Instant().Sub(at) != 30*time.Minute {
				t.Fatalf("%s: %s follows %s", name, m, at)
			}
			at = m.Instant()
		}
	}
}

func TestARunInEveryMembersZone(t *testing.T) {
	rule, err := scheduler.ParseCron("0 9 * * MON")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"2026-03-25T12:00:00Z", "2026-10-21T12:00:00Z", "2026-03-04T12:00:00Z"} {
		at, _ := time.Parse(time.RFC3339, from)
		for _, name := range zones(t) {
			loc, _ := civil.Zone(name)
			m, ok := rule.Next(at, loc)
			if local := m.Instant().In(loc); !ok || local.Weekday() != time.Monday || local.Hour() != 9 || local.Minute() != 0 || local.Sub(at) > 8*24*time.Hour {
				t.Errorf("%s: %s", name, local)
			}
		}
	}
}

// zones lists every zone that Go carries.
func zones(t *testing.T) []string {
	r, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var names []string
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("only %d zones", len(names))
	}
	return names
}

// BenchmarkNext tells what one run costs, over a year with both clock changes.
func BenchmarkNext(b *testing.B) {
	rule, err := scheduler.ParseCron("0 9 * * MON")
	if err != nil {
		b.Fatal(err)
	}
	loc, err := civil.Zone("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; b.Loop(); i++ {
		rule.Next(start.Add(time.Duration(i%8760)*time.Hour), loc)
	}
}

// FuzzCron holds that no line makes the parser or Next panic or hang, and that a line which is taken runs.
func FuzzCron(f *testing.F) {
	for _, spec := range []string{"0 9 * * MON", "*/15 0-6,22 1,15 JAN-MAR ?", "@hourly", "TZ=UTC", "CRON_TZ=", "@every 0s", "0 0 31 2 *", "59/5 5 29 2 *"} {
		f.Add(spec, int64(1_774_000_000))
	}
	loc, err := civil.Zone("Africa/Cairo")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec string, unix int64) {
		rule, err := scheduler.ParseCron(spec)
		if err != nil {
			return
		}
		at := time.Unix(unix%4e9, 0)
		if m, ok := rule.Next(at, loc); !ok || !m.Instant().After(at) {
			t.Errorf("%q after %s: %s, %v", spec, at, m, ok)
		}
	})
}
