package calendar_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

var (
	begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
)

// TestHostileCalendarsAreBounded feeds what is made to take for ever, and holds that it is refused or named.
func TestHostileCalendarsAreBounded(t *testing.T) {
	if _, err := calendar.Read(strings.NewReader("BEGIN:VCALENDAR\n" + strings.Repeat("X", calendar.MaxBytes))); !errors.Is(err, calendar.ErrTooBig) {
		t.Errorf("a big file: %v", err)
	}
	if _, err := calendar.Read(strings.NewReader("BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VEVENT\nEND:VEVENT\n", calendar.MaxEvents+1))); !errors.Is(err, calendar.ErrTooBig) {
		t.Errorf("many events: %v", err)
	}
	deep := read(t, strings.Repeat("BEGIN:X\n", 400_000)+strings.Repeat("END:X\n", 400_000)+"BEGIN:VEVENT\nUID:1\nDTSTART:20260302\n"+strings.Repeat("BEGIN:Y\n", 400_000)+"END:VEVENT")
	if got := starts(expand(t, deep, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "")); got != "2026-03-02" {
		t.Errorf("deeply nested: %s, %v", got, deep.Faults)
	}

	c := read(t, "BEGIN:VEVENT\nUID:often\nDTSTART:20200101T000000Z\nRRULE:FREQ=MINUTELY\nEND:VEVENT\nBEGIN:VEVENT\nUID:never\nDTSTART:20200101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\nEND:VEVENT\nBEGIN:VEVENT\nUID:fine\nDTSTART:20260302T000000Z\nEND:VEVENT")
	all, faults, err := c.Expand(context.Background(), begin, end, nil)
	if err != nil || len(all) != 1 || len(faults) != 1 || faults[0].UID != "often" || !strings.Contains(faults[0].Error(), "too often") {
		t.Errorf("%v, %v, %v", all, faults, err)
	}

	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, "BEGIN:VEVENT\nUID:%d\nDTSTART:20260301T000000Z\nRRULE:FREQ=MINUTELY;INTERVAL=15\nEND:VEVENT\n", i)
	}
	if _, _, err := read(t, many.String()).Expand(context.Background(), begin, end, nil); !errors.Is(err, calendar.ErrTooBig) {
		t.Errorf("many occurrences: %v", err)
	}
	var rules, zones, overrides strings.Builder
	for i := range 19_000 {
		fmt.Fprintf(&zones, "BEGIN:VEVENT\nUID:%d\nDTSTART;TZID=/a/b/Zone%d:20260301T000000\nEND:VEVENT\n", i, i)
		fmt.Fprintf(&overrides, "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID;RANGE=THISANDFUTURE:%[1]s\nDTSTART;TZID=Europe/Berlin:%[1]s\nEND:VEVENT\n", begin.Add(time.Duration(i)*time.Hour).Format("20060102T150405"))
	}
	for range 200_000 {
		rules.WriteString("RRULE:FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2\n")
	}
	if c := read(t, zones.String()); len(c.Faults) != 19_000 || !strings.Contains(c.Faults[18_999].Error(), "more than 200 time zones") {
		t.Errorf("many zones: %d faults", len(c.Faults))
	}
	if c := read(t, "BEGIN:VEVENT\nUID:1\nDTSTART:20260301T000000Z\n"+rules.String()+"END:VEVENT"); len(c.Faults) != 1 {
		t.Errorf("many rules: %v", c.Faults)
	}
	var worlds strings.Builder // 1800 rules that look through 2200 years and find nothing
	for z := range 9 {
		fmt.Fprintf(&worlds, "BEGIN:VTIMEZONE\nTZID:/x%d\n", z)
		for range 199 {
			worlds.WriteString("BEGIN:STANDARD\nDTSTART:00010101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\nEND:STANDARD\n")
		}
		fmt.Fprintf(&worlds, "END:VTIMEZONE\nBEGIN:VEVENT\nUID:%[1]d\nDTSTART;TZID=/x%[1]d:20260301T000000\nEND:VEVENT\n", z)
	}
	if c := read(t, worlds.String()); len(c.Faults) != 9 || !strings.Contains(c.Faults[8].Error(), "repeats too often") {
		t.Errorf("zones that look for ever: %v", c.Faults)
	}
	changed := read(t, "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Berlin:20260301T000000\nRRULE:FREQ=HOURLY\nEND:VEVENT\n"+overrides.String())
	if all, _, err := changed.Expand(context.Background(), begin, end, nil); err != nil || len(all) < 2000 {
		t.Errorf("many overrides: %d, %v", len(all), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.Expand(ctx, begin, end, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a time that is over: %v", err)
	}
}

// TestOverridesThatMeanEachOther: two occurrences change places, a series is moved twice from different weeks on, and an occurrence of
// the second stretch by itself; each occurrence takes place once.
func TestOverridesThatMeanEachOther(t *testing.T) {
	const series = "BEGIN:VEVENT\nUID:1\nDTSTART:20260302T090000Z\nRRULE:FREQ=WEEKLY;COUNT=5\nEND:VEVENT\n"
	override := func(id, start string) string {
		return "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID" + id + "\nDTSTART:" + start + "\nEND:VEVENT\n"
	}
	for what, c := range map[string]struct{ text, want string }{
		"a circle":    {override(":20260302T090000Z", "20260309T090000Z") + override(":20260309T090000Z", "20260302T090000Z"), "2026-03-02T09:00:00Z 2026-03-09T09:00:00Z 2026-03-16T09:00:00Z 2026-03-23T09:00:00Z 2026-03-30T09:00:00Z"},
		"moved twice": {override(";RANGE=THISANDFUTURE:20260309T090000Z", "20260310T100000Z") + override(";RANGE=THISANDFUTURE:20260323T090000Z", "20260325T110000Z") + override(":20260330T090000Z", "20260403T120000Z"), "2026-03-02T09:00:00Z 2026-03-10T10:00:00Z 2026-03-17T10:00:00Z 2026-03-25T11:00:00Z 2026-04-03T12:00:00Z"},
	} {
		if got := starts(expand(t, read(t, series+c.text), "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", "")); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, c.want)
		}
	}
}

// TestTwoEventsWithOneUID holds that an event which another one hides is named.
func TestTwoEventsWithOneUID(t *testing.T) {
	c := read(t, "BEGIN:VEVENT\nUID:1\nDTSTART:20260302\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nDTSTART:20260303\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20260304\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20260305\nEND:VEVENT")
	if len(c.Faults) != 1 || c.Faults[0].Line != 7 || !strings.Contains(c.Faults[0].Error(), "line 3 has the same UID") {
		t.Error(c.Faults)
	}
	if got := starts(expand(t, c, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "")); got != "2026-03-03 2026-03-04 2026-03-05" {
		t.Error(got)
	}
	cancelled := read(t, "METHOD:CANCEL\nBEGIN:VEVENT\nUID:1\nDTSTART:20260302\nSTATUS:CONFIRMED\nEND:VEVENT")
	if got := expand(t, cancelled, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", ""); len(got) != 1 || got[0].Status != "CANCELLED" {
		t.Errorf("%+v", got)
	}
}

// FuzzCalendar holds that no file makes reading or expanding panic, hang, or give what starts outside of the time asked
// for or out of order.
func FuzzCalendar(f *testing.F) {
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, event := range []string{
		"DTSTART;TZID=Europe/Berlin:20260302T090000\nRRULE:FREQ=WEEKLY\nEXDATE:20260309T080000Z\nRDATE;VALUE=PERIOD:20260303T090000Z/PT2H",
		"DTSTART;A=\"b\"c:20260302T090000Z", "DTSTART;A=b", "DTSTART:20260302T090000\nDURATION:P1DT2H", "DTSTART:20260302\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260301",
	} {
		f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n" + event + "\nEND:VEVENT\nEND:VCALENDAR\n")
	}
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := calendar.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, place := range []*time.Location{nil, tokyo} {
			all, _, err := c.Expand(context.Background(), begin, end, place)
			if err != nil && !errors.Is(err, calendar.ErrTooBig) {
				t.Fatal(err)
			}
			for i, o := range all {
				if o.Start.Kind != calendar.Instant {
					continue
				}
				at := o.Start.Moment.Instant()
				if at.Before(begin) || !at.Before(end) || o.End.Moment.Instant().Before(at) {
					t.Errorf("%d: %s to %s", i, o.Start, o.End)
				}
			}
		}
	})
}
