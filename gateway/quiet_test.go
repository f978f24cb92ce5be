package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

func TestQuietHoursAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"22:00-07:00":                   "22:00-07:00",
		" 22:00-07:00 ;; Alerts  wait ": "22:00-07:00; alerts wait",
		"mon,tue,wed 00:00-24:00":       "mon-wed 00:00-24:00",
		"fri-mon 22:00-07:00":           "mon,fri,sat,sun 22:00-07:00",
		"Reports 20:00-17:00; reminders sun 00:00-24:00; reports 2026-12-25": "reports 20:00-17:00; reminders sun 00:00-24:00; reports 2026-12-25",
		"sat,sun 20:00-10:00|22:00-07:00|danger waits":                       "sat,sun 20:00-10:00; 22:00-07:00; danger waits",
		"2026-12-24,2026-12-31 14:00-23:00;2026-12-25":                       "2026-12-24 14:00-23:00; 2026-12-31 14:00-23:00; 2026-12-25",
	} {
		q, err := gateway.ParseQuiet(text)
		if err != nil || q.String() != want {
			t.Errorf("%q: %q, %v; want %q", text, q, err, want)
		}
		if again, err := gateway.ParseQuiet(q.String()); err != nil || again.String() != want {
			t.Errorf("%q read again: %q, %v", want, again, err)
		}
	}
	for _, text := range []string{"22-07", "22:00-22:00", "24:00-07:00", "25:00-07:00", "22:00-24:01", "someday 22:00-07:00", "mon- 22:00-07:00", "2026-02-30", "2026-1-1", "2026-12-25T10:00",
		"alerts wait", "danger waits", "reports 22:00-07:00; alerts wait", "reports", "reports ", "reminders 00:00-24:00", "reports 06:00-18:00; 18:00-06:00", "codes 22:00-07:00", "alerts pass", "mon", "00:00-24:00", "06:00-18:00; 18:00-06:00", "2026-12-25,mon 10:00-12:00", strings.Repeat("22:00-07:00;", 100), strings.Repeat("22:00-07:00;", 20)} {
		if q, err := gateway.ParseQuiet(text); err == nil {
			t.Errorf("%.40q was taken as %q", text, q)
		}
	}
}

func quiet(t testing.TB, text string) gateway.QuietHours {
	q, err := gateway.ParseQuiet(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func zone(t testing.TB, name string) *time.Location {
	loc, err := civil.Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestQuietHoursOnOddNights(t *testing.T) {
	for _, c := range []struct{ what, hours, zone, at, from, to string }{
		{"an ordinary night", "22:00-07:00", "Europe/Berlin", "2026-01-10T23:30:00Z", "2026-01-10T21:00:00Z", "2026-01-11T06:00:00Z"},
		{"the night that clocks go forward", "22:00-07:00", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"},
		{"the night that they go back", "22:00-07:00", "Europe/Berlin", "2026-10-24T23:30:00Z", "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"},
		{"an end that clocks never show", "22:00-02:30", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-28T21:00:00Z", "2026-03-29T01:30:00Z"},
		{"an end that they show twice", "22:00-02:30", "Europe/Berlin", "2026-10-24T23:30:00Z", "2026-10-24T20:00:00Z", "2026-10-25T00:30:00Z"},
		{"a day of its own behind a night", "22:00-07:00; 2026-12-25", "Europe/Berlin", "2026-12-25T12:00:00Z", "2026-12-24T21:00:00Z", "2026-12-26T06:00:00Z"},
		{"spans that touch", "sat 22:00-24:00; sun 00:00-09:00", "UTC", "2026-07-04T23:00:00Z", "2026-07-04T22:00:00Z", "2026-07-05T09:00:00Z"},
		{"a date that was left out", "22:00-07:00", "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T08:00:00Z", "2011-12-30T17:00:00Z"},
		{"Friday night on Saturday morning", "fri 22:00-07:00", "UTC", "2026-07-04T03:00:00Z", "2026-07-03T22:00:00Z", "2026-07-04T07:00:00Z"},
		{"the end is outside", "22:00-07:00", "UTC", "2026-07-04T07:00:00Z", "", ""},
		{"not on Saturday night", "mon-fri 22:00-07:00", "UTC", "2026-07-04T23:00:00Z", "", ""},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		from, to, is := quiet(t, c.hours).At(gateway.Report, at, zone(t, c.zone))
		got := fmt.Sprint(from.UTC().Format(time.RFC3339), " ", to.UTC().Format(time.RFC3339), " ", is)
		if want := fmt.Sprint(c.from, " ", c.to, " ", true); c.from != "" && got != want || c.from == "" && is {
			t.Errorf("%s: %s, want %s", c.what, got, want)
		}
	}
}

// TestQuietHoursEverywhere: in zones of every sort of clock change, at any instant of ten years, a stretch of quiet hours
// holds its beginning and what is within it, not its end and not the second before; and where no clock is changed nearby,
// an instant is quiet if the clock on the wall says so.
func TestQuietHoursEverywhere(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/Santiago", "Africa/Cairo", "Africa/Casablanca", "Asia/Tehran", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Pacific/Chatham", "America/Havana", "Antarctica/Troll"}
	const minutes = 24 * 60
	rapid.Check(t, func(r *rapid.T) {
		loc := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		type span struct{ day, from, to int }
		var spans []span
		var text []string
		for range rapid.IntRange(1, 4).Draw(r, "spans") {
			s := span{rapid.IntRange(0, 6).Draw(r, "day"), rapid.IntRange(0, minutes-1).Draw(r, "from"), rapid.IntRange(1, minutes).Draw(r, "to")}
			if s.from == s.to {
				continue
			}
			spans = append(spans, s)
			text = append(text, fmt.Sprintf("%s %02d:%02d-%02d:%02d", []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}[s.day], s.from/60, s.from%60, s.to/60, s.to%60))
		}
		q := quiet(t, strings.Join(text, ";"))
		at := time.Unix(rapid.Int64Range(1262304000, 1893456000).Draw(r, "at"), 0)
		if rapid.Bool().Draw(r, "near a change") {
			if _, end := at.In(loc).ZoneBounds(); !end.IsZero() {
				at = end.Add(time.Duration(rapid.IntRange(-48*3600, 48*3600).Draw(r, "from it")) * time.Second)
			}
		}
		from, to, is := q.At(gateway.Report, at, loc)
		if is {
			if at.Before(from) || !at.Before(to) || to.Sub(from) > 9*24*time.Hour {
				r.Fatalf("%s at %s: from %s to %s", q, at, from, to)
			}
			if _, _, still := q.At(gateway.Report, to, loc); still {
				r.Fatalf("%s: its end %s is quiet", q, to.In(loc))
			}
			if _, _, already := q.At(gateway.Report, from.Add(-time.Second), loc); already {
				r.Fatalf("%s: the second before %s is quiet", q, from.In(loc))
			}
			within := from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from))-1).Draw(r, "within")))
			if f, e, still := q.At(gateway.Report, within, loc); !still || !f.Equal(from) || !e.Equal(to) {
				r.Fatalf("%s: %s is within from %s to %s, and has %s to %s", q, within, from, to, f, e)
			}
		}
		begin, end := at.In(loc).ZoneBounds()
		if !begin.IsZero() && at.Sub(begin) < 49*time.Hour || !end.IsZero() && end.Sub(at) < 49*time.Hour {
			return
		}
		shown := at.In(loc)
		week := ((int(shown.Weekday())+6)%7*minutes + shown.Hour()*60 + shown.Minute())
		want := false
		for _, s := range spans {
			length := s.to - s.from
			if length <= 0 {
				length += minutes
			}
			since := (week - s.day*minutes - s.from + 7*minutes) % (7 * minutes)
			want = want || since < length
		}
		if is != want {
			r.Fatalf("%s at %s: %v, want %v", q, shown, is, want)
		}
	})
}

func TestWhatQuietHoursMove(t *testing.T) {
	night := time.Date(2026, 7, 4, 23, 0, 0, 0, time.UTC)
	morning, before := night.Add(8*time.Hour), night.Add(-61*time.Minute)
	for _, c := range []struct {
		what, hours string
		class       gateway.Class
		now         time.Time
		expires     time.Duration
		due, until  time.Time
		late        bool
	}{
		{"a report waits", "22:00-07:00", gateway.Report, night, 24 * time.Hour, morning, morning, false},
		{"a report that is over by then", "22:00-07:00", gateway.Report, night, 8 * time.Hour, morning, morning, true},
		{"a reminder moves earlier", "22:00-07:00", gateway.Reminder, night.Add(-2 * time.Hour), 24 * time.Hour, before, time.Time{}, false},
		{"a reminder that became due inside", "22:00-07:00", gateway.Reminder, night.Add(-time.Minute), 24 * time.Hour, morning, morning, false},
		{"an alert passes", "22:00-07:00", gateway.Alert, night, time.Hour, night, time.Time{}, false},
		{"an alert waits if she says so", "22:00-07:00; alerts wait", gateway.Alert, night, 12 * time.Hour, morning, morning, false},
		{"danger passes then", "22:00-07:00; alerts wait", gateway.LifeSafety, night, time.Hour, night, time.Time{}, false},
		{"danger waits if she refused it", "22:00-07:00; danger waits", gateway.LifeSafety, night, 12 * time.Hour, morning, morning, false},
		{"so does an alert", "22:00-07:00; danger waits", gateway.Alert, night, 12 * time.Hour, morning, morning, false},
		{"a code passes always", "22:00-07:00; danger waits", gateway.Account, night, time.Minute, night, time.Time{}, false},
		{"a report outside its window", "reports 20:00-17:00", gateway.Report, night, 24 * time.Hour, night.Add(18 * time.Hour), night.Add(18 * time.Hour), false},
		{"a reminder then", "reports 20:00-17:00", gateway.Reminder, night, 24 * time.Hour, night, time.Time{}, false},
		{"an alert then", "22:00-07:00; reports 20:00-17:00; alerts wait", gateway.Alert, night, 12 * time.Hour, morning, morning, false},
		{"nobody keeps quiet without hours", "", gateway.Report, night, time.Hour, night, time.Time{}, false},
	} {
		due, until, late := quiet(t, c.hours).Move(c.class, night, c.now, night.Add(c.expires), time.UTC)
		if !due.Equal(c.due) || !until.Equal(c.until) || late != c.late {
			t.Errorf("%s: due %s, until %s, late %v", c.what, due, until, late)
		}
	}
}

// TestHolidaysOfACalendarInQuietHours: an entry that names a calendar holds on its dates, for the kinds and hours that it says, and reads
// as it is written. Many dates are no fault: nobody typed them.
func TestHolidaysOfACalendarInQuietHours(t *testing.T) {
	q, err := gateway.ParseQuiet("HOLIDAYS  school 10:00-12:00; 22:00-07:00;reports holidays feasts;danger waits")
	if err != nil {
		t.Fatal(err)
	}
	const want = "22:00-07:00; holidays school 10:00-12:00; reports holidays feasts; danger waits"
	if q.String() != want {
		t.Errorf("written: %s", q)
	}
	var many []string
	for day := civil.At(2026, 1, 1, 0, 0, 0); len(many) < gateway.MaxHolidays; day += civil.Day {
		many = append(many, gateway.HolidayDates([]civil.Wall{day})...)
	}
	text, err := gateway.HolidaysIn(want, func(calendar string) ([]string, error) {
		return map[string][]string{"feasts": many, "school": {"2026-12-25"}}[calendar], nil
	})
	if err != nil || strings.Contains(text, "holidays") {
		t.Fatal(text, err)
	}
	var b gateway.QuietBook
	for at, quiet := range map[string]map[gateway.Class]bool{
		"2026-12-25T10:30:00Z": {gateway.Report: true, gateway.Reminder: true}, "2026-12-25T12:30:00Z": {gateway.Report: true, gateway.Reminder: false},
		"2026-12-26T09:30:00Z": {gateway.Report: true, gateway.Reminder: false}, "2026-12-26T23:30:00Z": {gateway.Report: true, gateway.Reminder: true}, "2027-03-01T09:30:00Z": {gateway.Report: false, gateway.Reminder: false},
	} {
		instant, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		for class, want := range quiet {
			if _, _, is := b.Hours(text).At(class, instant, b.Zone("UTC")); is != want {
				t.Errorf("a %s at %s: quiet %t", class, at, is)
			}
		}
	}
	for text, want := range map[string]string{"22:00-07:00; holidays school": "22:00-07:00", "holidays school": "", "holidays school; danger waits": "", "22:00-07:00": "22:00-07:00"} {
		if got, err := gateway.HolidaysIn(text, func(string) ([]string, error) { return nil, nil }); err != nil || got != want {
			t.Errorf("%s without dates: %q, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"holidays", "holidays ", "holidays a", "holidays school feasts", "holidays -x", "mon holidays school", "holidays a1;holidays a2;holidays a3;holidays a4;holidays a5;holidays a6"} {
		if _, err := gateway.ParseQuiet(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
