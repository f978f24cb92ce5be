package calendar_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// at gives an instant.
func at(s string) calendar.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return calendar.Time{Moment: civil.Of(t, time.UTC)}
}

func TestWrite(t *testing.T) {
	berlin, _ := civil.Zone("Europe/Berlin")
	got := string(calendar.Write(calendar.Publication{Name: "Harbour; group", Product: "-//carillon//calendar//EN", Refresh: time.Hour, Entries: []calendar.Entry{
		{UID: "1", Start: at("2026-03-28T17:00:00Z"), End: at("2026-03-29T00:30:00Z"), Zone: berlin, Status: "CONFIRMED", Sequence: 2, Changed: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
			Summary: "Plenum, then \\ soup;\nbring 合唱団のための長い題名がここにあります and bowls", Location: "Hall", Link: "https://harbour.example/plenum",
			Alarms: []calendar.Alarm{{Before: 26*time.Hour + 90*time.Second}, {At: time.Date(2026, 3, 27, 17, 0, 0, 0, time.UTC)}}},
		{UID: "2", Start: calendar.Time{Kind: calendar.Date, Moment: civil.Moment{Wall: civil.At(2026, 5, 1, 0, 0, 0)}}, End: calendar.Time{Kind: calendar.Date, Moment: civil.Moment{Wall: civil.At(2026, 5, 2, 0, 0, 0)}}, Status: "CANCELLED", Summary: "May Day"},
		{UID: "3", Start: at("2026-10-25T01:30:00Z"), End: at("2026-10-25T01:30:00Z"), Zone: berlin, Summary: "the second half past two"},
	}}))
	want := `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//carillon//calendar//EN
CALSCALE:GREGORIAN
METHOD:PUBLISH
NAME:Harbour\; group
X-WR-CALNAME:Harbour\; group
REFRESH-INTERVAL;VALUE=DURATION:PT60M
X-PUBLISHED-TTL:PT60M
BEGIN:VTIMEZONE
TZID:Europe/Berlin
X-LIC-LOCATION:Europe/Berlin
BEGIN:STANDARD
DTSTART:20241027T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0100
TZNAME:CET
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20250330T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:20251026T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
END:STANDARD
`
	if !strings.HasPrefix(got, strings.ReplaceAll(want, "\n", "\r\n")) {
		t.Errorf("it begins\n%s", got)
	}
	for _, part := range []string{`BEGIN:VEVENT
UID:1
DTSTAMP:20260301T090000Z
LAST-MODIFIED:20260301T090000Z
SEQUENCE:2
DTSTART;TZID=Europe/Berlin:20260328T180000
DTEND;TZID=Europe/Berlin:20260329T013000
STATUS:CONFIRMED
SUMMARY:Plenum\, then \\ soup\;\nbring 合唱団のための長い題名が
 ここにあります and bowls
LOCATION:Hall
URL:https://harbour.example/plenum
BEGIN:VALARM
ACTION:DISPLAY
`, `TRIGGER:-P1DT2H1M30S
END:VALARM
`, `TRIGGER;VALUE=DATE-TIME:20260327T170000Z
END:VALARM
END:VEVENT
`, `DTSTART;VALUE=DATE:20260501
DTEND;VALUE=DATE:20260502
STATUS:CANCELLED
`, `DTSTART:20261025T013000Z
SUMMARY:the`} {
		if !strings.Contains(got, strings.ReplaceAll(part, "\n", "\r\n")) {
			t.Errorf("it lacks\n%s\nit is\n%s", part, got)
		}
	}
}

// entries draws events of any zone, at any time of thirty years, and with texts of all kinds.
func entries(t *rapid.T, zones []string) []calendar.Entry {
	var all []calendar.Entry
	for i := range rapid.IntRange(1, 6).Draw(t, "events") {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		loc, err := civil.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Unix(rapid.Int64Range(1_230_000_000, 2_200_000_000).Draw(t, "start"), 0)
		if next := civil.SpanAt(start.Unix(), loc).End; next < 2_200_000_000 && rapid.Bool().Draw(t, "at a change") { // where it matters
			start = time.Unix(next+rapid.Int64Range(-7200, 7200).Draw(t, "beside"), 0)
		}
		e := calendar.Entry{UID: fmt.Sprint("uid-", i), Zone: loc, Sequence: rapid.IntRange(0, 99).Draw(t, "sequence"), Changed: start, Status: rapid.SampledFrom([]string{"CONFIRMED", "TENTATIVE", "CANCELLED"}).Draw(t, "status"),
			Summary: strings.TrimSpace(rapid.StringN(0, 120, 400).Draw(t, "summary")), Location: strings.TrimSpace(rapid.StringOfN(rapid.SampledFrom([]rune(`,;:\"n é合🚢 `)), 0, 90, -1).Draw(t, "location"))}
		switch kind := calendar.Kind(rapid.IntRange(0, 2).Draw(t, "kind")); kind {
		case calendar.Instant:
			e.Start = calendar.Time{Moment: civil.Of(start, loc)}
			e.End = calendar.Time{Moment: civil.Of(start.Add(time.Duration(rapid.IntRange(0, 200_000).Draw(t, "seconds"))*time.Second), loc)}
		default:
			wall := civil.Of(start, loc).Wall
			if kind == calendar.Date {
				wall = wall.Midnight()
			}
			e.Start = calendar.Time{Kind: kind, Moment: civil.Moment{Wall: wall}}
			e.End = calendar.Time{Kind: kind, Moment: civil.Moment{Wall: wall + civil.Day}}
		}
		e.Alarms = make([]calendar.Alarm, rapid.IntRange(0, 2).Draw(t, "alarms"))
		for i := range e.Alarms {
			e.Alarms[i].Before = time.Duration(rapid.IntRange(0, 1_000_000).Draw(t, "before")) * time.Second
		}
		all = append(all, e)
	}
	return all
}

// shown is an event as both readers tell it.
type shown struct {
	UID, Start, End, Summary, Location, Status string
	Sequence, Alarms                           int
}

// meant is what an entry says, in the words of the readers. Of control characters none are written.
func meant(e calendar.Entry) shown {
	clean := func(s string) string {
		s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
		return strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
				return -1
			}
			return r
		}, s))
	}
	return shown{e.UID, e.Start.String(), e.End.String(), clean(e.Summary), clean(e.Location), e.Status, e.Sequence, len(e.Alarms)}
}

// TestWhatIsWrittenIsRead writes any events, and reads them with our own reader: knowing the zones by their names, and from
// their descriptions alone.
func TestWhatIsWrittenIsRead(t *testing.T) {
	zones := allZones(t)
	rapid.Check(t, func(t *rapid.T) {
		all := entries(t, zones)
		written := calendar.Write(calendar.Publication{Name: "x", Product: "-//x//EN", Entries: all})
		for _, line := range bytes.Split(written, []byte("\r\n")) {
			if len(line) > 75 || !utf8.Valid(line) || bytes.ContainsAny(line, "\r\n") {
				t.Fatalf("%d bytes in line %q", len(line), line)
			}
		}
		described := strings.ReplaceAll(strings.ReplaceAll(string(written), "X-LIC-LOCATION:", "X-OTHER:"), "TZID:", "TZID:of our own ")
		described = strings.ReplaceAll(described, ";TZID=", ";TZID=of our own ")
		for how, file := range map[string]string{"by name": string(written), "as described": described} {
			c, err := calendar.Read(strings.NewReader(file))
			if err != nil || len(c.Faults) > 0 || c.Cut {
				t.Fatal(err, c)
			}
			found, faults, err := c.Expand(t.Context(), time.Unix(1e9, 0), time.Unix(3e9, 0), nil)
			if err != nil || len(faults) > 0 || len(found) != len(all) {
				t.Fatal(err, faults, len(found))
			}
			for _, o := range found {
				i := slices.IndexFunc(all, func(e calendar.Entry) bool { return e.UID == o.UID })
				want := meant(all[i])
				got := shown{o.UID, o.Start.String(), o.End.String(), o.Summary, o.Location, o.Status, o.Sequence, len(all[i].Alarms)}
				if got != want {
					t.Fatalf("%s: read %+v, written %+v\n%s", how, got, want, file)
				}
			}
		}
	})
}

// TestWhatIsWrittenIsReadByOthers has Debian's python3-icalendar read events around every change of clocks of some years, in
// every zone, from the descriptions of their zones.
func TestWhatIsWrittenIsReadByOthers(t *testing.T) {
	script := exec.Command("/usr/bin/python3", "testdata/read.py")
	if err := exec.Command("/usr/bin/python3", "-c", "import icalendar").Run(); err != nil {
		if os.Getenv("CARILLON_REQUIRE_SERVICES") != "" {
			t.Fatal("python3-icalendar is not installed; run .ci/install python3-icalendar")
		}
		t.Skip("python3-icalendar is not installed")
	}
	var all []calendar.Entry
	add := func(loc *time.Location, unix int64) {
		start := time.Unix(unix, 0)
		all = append(all, calendar.Entry{UID: fmt.Sprint(len(all)), Zone: loc, Start: calendar.Time{Moment: civil.Of(start, loc)}, End: calendar.Time{Moment: civil.Of(start.Add(90*time.Minute), loc)}, Changed: start,
			Status: "CONFIRMED", Sequence: len(all) % 7, Summary: "Versammlung, 合唱; \\ in " + loc.String() + "\nübermorgen", Location: "Straße 1, Hof", Alarms: []calendar.Alarm{{Before: time.Hour}}})
	}
	for _, name := range allZones(t) {
		loc, err := civil.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		add(loc, 1_767_268_800) // 1 January 2026, 12:00
		for span := civil.SpanAt(1_767_268_800, loc); span.End < 1_798_800_000; span = civil.SpanAt(span.End, loc) {
			for _, beside := range []int64{-1800, 0, 5400} {
				add(loc, span.End+beside)
			}
		}
	}
	all = append(all, calendar.Entry{UID: "day", Start: calendar.Time{Kind: calendar.Date, Moment: civil.Moment{Wall: civil.At(2026, 5, 1, 0, 0, 0)}}, End: calendar.Time{Kind: calendar.Date, Moment: civil.Moment{Wall: civil.At(2026, 5, 2, 0, 0, 0)}}},
		calendar.Entry{UID: "floating", Start: calendar.Time{Kind: calendar.Floating, Moment: civil.Moment{Wall: civil.At(2026, 5, 1, 9, 0, 0)}}, End: calendar.Time{Kind: calendar.Floating, Moment: civil.Moment{Wall: civil.At(2026, 5, 1, 10, 0, 0)}}})
	script.Stdin = bytes.NewReader(calendar.Write(calendar.Publication{Name: "x", Product: "-//x//EN", Entries: all}))
	var complaint bytes.Buffer
	script.Stderr = &complaint
	out, err := script.Output()
	if err != nil {
		t.Fatal(err, complaint.String())
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != len(all) || len(all) < 1000 {
		t.Fatalf("%d events read of %d", len(lines), len(all))
	}
	wrong := 0
	for i, line := range lines {
		var got shown
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if want := meant(all[i]); got != want {
			if wrong++; wrong < 10 {
				t.Errorf("%v: read\n%+v, written\n%+v", all[i].Zone, got, want)
			}
		}
	}
	t.Logf("%d events, %d wrong", len(all), wrong)
}

// allZones lists every zone that Go carries.
func allZones(t *testing.T) []string {
	r, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var names []string
	for _, f := range r.File {
		if _, err := civil.Zone(f.Name); err == nil && !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("only %d zones", len(names))
	}
	return names
}
