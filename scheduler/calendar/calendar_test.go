package calendar_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// TestCalendarsOfOtherPrograms holds what we read in calendars, written as the usual programs export them, and around the
// changes of clocks in both halves of the earth, against an independent implementation: testdata/independent.py.
func TestCalendarsOfOtherPrograms(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	// What ours has and theirs has not: theirs leaves out the occurrence that begins at UNTIL itself.
	more := map[string]string{"testdata/outlook.ics": "2026-04-12T07:00:00Z 2026-04-12T08:30:00Z CONFIRMED 040000008200E00074C5B7101A82E008000000001"}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := calendar.Read(f)
		f.Close()
		if err != nil || len(c.Faults) > 0 || c.Cut {
			t.Fatalf("%s: %v, %v, cut off: %v", file, err, c.Faults, c.Cut)
		}
		var got []string
		for _, o := range expand(t, c, "2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z", "") {
			status := o.Status
			if status == "" {
				status = "-"
			}
			got = append(got, strings.Join([]string{o.Start.String(), o.End.String(), status, o.UID}, " "))
		}
		theirs, err := os.ReadFile(strings.TrimSuffix(file, ".ics") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSpace(string(theirs)), "\n")
		if line, ok := more[file]; ok {
			want = append(want, line)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func expand(t *testing.T, c *calendar.Calendar, from, to, place string) []calendar.Occurrence {
	t.Helper()
	var loc *time.Location
	if place != "" {
		var err error
		if loc, err = civil.Zone(place); err != nil {
			t.Fatal(err)
		}
	}
	begin, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.Parse(time.RFC3339, to)
	if err != nil {
		t.Fatal(err)
	}
	all, faults, err := c.Expand(context.Background(), begin, end, loc)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return all
}

// read makes a calendar of the lines of events.
func read(t *testing.T, lines string) *calendar.Calendar {
	t.Helper()
	c, err := calendar.Read(strings.NewReader("BEGIN:VCALENDAR\nVERSION:2.0\n" + strings.TrimSpace(lines) + "\nEND:VCALENDAR\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// one makes a calendar of one event.
func one(t *testing.T, lines string) *calendar.Calendar {
	t.Helper()
	c := read(t, "BEGIN:VEVENT\nUID:1\n"+lines+"\nEND:VEVENT")
	if len(c.Faults) > 0 {
		t.Fatal(c.Faults)
	}
	return c
}

func starts(all []calendar.Occurrence) string {
	var s []string
	for _, o := range all {
		s = append(s, o.Start.String())
	}
	return strings.Join(s, " ")
}

// TestTimesAroundClockChanges tells when events are that clocks would skip or double.
func TestTimesAroundClockChanges(t *testing.T) {
	for _, c := range []struct{ name, event, from, to, want string }{
		{"a skipped half hour", "DTSTART;TZID=Europe/Berlin:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3", "2026-03-01", "2026-04-30", "2026-03-28T01:30:00Z 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z"},
		{"a doubled hour", "DTSTART;TZID=Europe/Berlin:20261024T023000\nRRULE:FREQ=DAILY;COUNT=3", "2026-10-01", "2026-11-30", "2026-10-24T00:30:00Z 2026-10-25T00:30:00Z 2026-10-26T01:30:00Z"},
		{"the other half of the earth", "DTSTART;TZID=America/Santiago:20250906T000000\nRRULE:FREQ=DAILY;COUNT=3", "2025-09-01", "2025-09-30", "2025-09-06T04:00:00Z 2025-09-07T04:00:00Z 2025-09-08T03:00:00Z"},
		{"half an hour", "DTSTART;TZID=Australia/Lord_Howe:20251004T021500\nRRULE:FREQ=DAILY;COUNT=3", "2025-10-01", "2025-10-30", "2025-10-03T15:45:00Z 2025-10-04T15:45:00Z 2025-10-05T15:15:00Z"},
		{"midnight in Cairo", "DTSTART;TZID=Africa/Cairo:20260423T000000\nRRULE:FREQ=DAILY;COUNT=3", "2026-04-01", "2026-04-30", "2026-04-22T22:00:00Z 2026-04-23T22:00:00Z 2026-04-24T21:00:00Z"},
		{"Beirut by weeks", "DTSTART;TZID=Asia/Beirut:20260322T000000\nRRULE:FREQ=WEEKLY;COUNT=3", "2026-03-01", "2026-04-30", "2026-03-21T22:00:00Z 2026-03-28T22:00:00Z 2026-04-04T21:00:00Z"},
		{"Havana", "DTSTART;TZID=America/Havana:20260307T003000\nRRULE:FREQ=DAILY;COUNT=3", "2026-03-01", "2026-03-30", "2026-03-07T05:30:00Z 2026-03-08T05:30:00Z 2026-03-09T04:30:00Z"},
		{"the Azores", "DTSTART;TZID=Atlantic/Azores:20260328T003000\nRRULE:FREQ=DAILY;COUNT=3", "2026-03-01", "2026-04-30", "2026-03-28T01:30:00Z 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z"},
		{"a day that Samoa never had is the next one, once", "DTSTART;TZID=Pacific/Apia:20111229T090000\nRRULE:FREQ=DAILY;COUNT=4", "2011-12-01", "2012-01-30", "2011-12-29T19:00:00Z 2011-12-30T19:00:00Z 2011-12-31T19:00:00Z"},
		{"two wall times on one instant", "DTSTART;TZID=Europe/Berlin:20260328T023000\nRRULE:FREQ=DAILY;COUNT=4;BYHOUR=2,3", "2026-03-01", "2026-04-30", "2026-03-28T01:30:00Z 2026-03-28T02:30:00Z 2026-03-29T01:30:00Z"},
		{"until an instant, within, after the change", "DTSTART;TZID=Europe/Berlin:20260328T090000\nRRULE:FREQ=DAILY;UNTIL=20260330T070000Z", "2026-03-01", "2026-04-30", "2026-03-28T08:00:00Z 2026-03-29T07:00:00Z 2026-03-30T07:00:00Z"},
		{"until a date, within", "DTSTART;TZID=Europe/Berlin:20260328T090000\nRRULE:FREQ=DAILY;UNTIL=20260329", "2026-03-01", "2026-04-30", "2026-03-28T08:00:00Z 2026-03-29T07:00:00Z"},
		{"EXDATE of a skipped time", "DTSTART;TZID=Europe/Berlin:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20260329T023000", "2026-03-01", "2026-04-30", "2026-03-28T01:30:00Z 2026-03-30T00:30:00Z"},
	} {
		if got := starts(expand(t, one(t, c.event), c.from+"T00:00:00Z", c.to+"T00:00:00Z", "")); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestListsAndForms holds the many ways of writing what repeats.
func TestListsAndForms(t *testing.T) {
	for _, c := range []struct{ name, event, place, want string }{
		{"RDATE and EXDATE are lists, in any zone", "DTSTART;TZID=Europe/Berlin:20260302T090000\nRDATE:20260310T080000Z,20260311T080000Z\nRDATE;TZID=America/New_York:20260312T040000\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260303T080000Z,20260311T080000Z", "",
			"2026-03-02T08:00:00Z 2026-03-04T08:00:00Z 2026-03-10T08:00:00Z 2026-03-12T08:00:00Z"},
		{"names in lower case", "dtstart;tzid=Europe/Berlin:20260302t090000\nrrule:freq=daily;count=2", "", "2026-03-02T08:00:00Z 2026-03-03T08:00:00Z"},
		{"EXDATE as a date", "DTSTART;TZID=Europe/Berlin:20260302T090000\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260303", "", "2026-03-02T08:00:00Z 2026-03-04T08:00:00Z"},
		{"EXDATE of whole days as times", "DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260303T000000", "", "2026-03-02 2026-03-04"},
		{"the start may be excluded", "DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE;VALUE=DATE:20260302", "", "2026-03-03"},
		{"a start that the rule does not have counts all the same", "DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=3", "", "2026-03-02 2026-03-03 2026-03-10"},
		{"EXRULE", "DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;COUNT=4\nEXRULE:FREQ=DAILY;INTERVAL=2", "", "2026-03-03 2026-03-05"},
		{"periods", "DTSTART:20260302T090000Z\nRDATE;VALUE=PERIOD:20260303T090000Z/PT2H,20260304T090000Z/20260304T100000Z", "", "2026-03-02T09:00:00Z 2026-03-03T09:00:00Z 2026-03-04T09:00:00Z"},
		{"floating stays floating", "DTSTART:20260302T090000\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE:20260303T090000", "", "2026-03-02T09:00:00"},
		{"until a place is given", "DTSTART:20260302T090000\nRRULE:FREQ=DAILY;COUNT=2", "Asia/Tokyo", "2026-03-02T00:00:00Z 2026-03-03T00:00:00Z"},
		{"a date without VALUE", "DTSTART:20260302", "", "2026-03-02"},
		{"a leap second", "DTSTART:20260302T235960Z", "", "2026-03-02T23:59:59Z"},
		{"a rule from long ago", "DTSTART;TZID=Europe/Berlin:19700105T090000\nRRULE:FREQ=WEEKLY;INTERVAL=3", "", "2026-03-09T08:00:00Z 2026-03-30T07:00:00Z"},
		{"a zone with a maker's prefix", "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260302T090000", "", "2026-03-02T08:00:00Z"},
		{"a Windows zone", "DTSTART;TZID=\"India Standard Time\":20260302T090000", "", "2026-03-02T03:30:00Z"},
		{"what is too long for its own good, elsewhere", "DTSTART:20260302T090000Z\nATTACH:" + strings.Repeat("x", 100_000) + "\nX-BROKEN;A=\"b\n BEGIN:nothing", "", "2026-03-02T09:00:00Z"},
	} {
		if got := starts(expand(t, one(t, c.event), "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", c.place)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestLengths(t *testing.T) {
	for _, c := range []struct{ event, want string }{
		{"DTSTART;TZID=Europe/Berlin:20260328T220000\nDTEND;TZID=Europe/Berlin:20260329T060000", "2026-03-29T04:00:00Z"},                            // seven hours, as the clock says
		{"DTSTART;TZID=Europe/Berlin:20260321T220000\nDTEND;TZID=Europe/Berlin:20260322T060000\nRRULE:FREQ=WEEKLY;COUNT=2", "2026-03-29T05:00:00Z"}, // DTEND: the same exact length (section 3.8.5.3)
		{"DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:P1D", "2026-03-29T10:00:00Z"},                                                        // nominal days
		{"DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:PT24H", "2026-03-29T11:00:00Z"},
		{"DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:P1DT2H30M", "2026-03-29T12:30:00Z"},
		{"DTSTART;TZID=Europe/Berlin:20260328T120000", "2026-03-28T11:00:00Z"},
		{"DTSTART;TZID=Europe/Berlin:20260329T023000\nDTEND;TZID=Europe/Berlin:20260329T030000", "2026-03-29T02:00:00Z"}, // the gap puts the end first
		{"DTSTART;TZID=Europe/Berlin:20260328T120000\nDTEND;TZID=America/New_York:20260328T090000", "2026-03-28T13:00:00Z"},
		{"DTSTART;VALUE=DATE:20260328", "2026-03-29"},
		{"DTSTART;VALUE=DATE:20260328\nDTEND;VALUE=DATE:20260328", "2026-03-29"},
		{"DTSTART;VALUE=DATE:20260328\nDURATION:P1W", "2026-04-04"},
		{"DTSTART:20260328T120000\nDTEND:20260328T140000", "2026-03-28T14:00:00"},
	} {
		all := expand(t, one(t, c.event), "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "")
		if got := all[len(all)-1].End.String(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.event, got, c.want)
		}
	}
}

// told writes occurrences with all that tells them apart.
func told(all []calendar.Occurrence) string {
	var s []string
	for _, o := range all {
		id := "-"
		if o.RecurrenceID != nil {
			id = o.RecurrenceID.String()
		}
		s = append(s, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", o.Start, o.End, id, o.Summary, o.Status)))
	}
	return strings.Join(s, "\n")
}

// TestOverrides tells a series of Mondays at nine: one is moved, one is cancelled, from one on all are later and longer,
// and one of those is moved again.
func TestOverrides(t *testing.T) {
	c := read(t, `BEGIN:VEVENT
UID:1
SEQUENCE:1
DTSTART;TZID=Europe/Berlin:20260302T090000
DTEND;TZID=Europe/Berlin:20260302T100000
RRULE:FREQ=WEEKLY;COUNT=7
SUMMARY:Old
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID:20260309T080000Z
DTSTART;TZID=Europe/Berlin:20260310T090000
DTEND;TZID=Europe/Berlin:20260310T100000
SUMMARY:Moved
END:VEVENT
BEGIN:VEVENT
UID:1
SEQUENCE:3
RECURRENCE-ID;VALUE=DATE:20260316
DTSTART;TZID=Europe/Berlin:20260316T090000
DTEND;TZID=Europe/Berlin:20260316T100000
SUMMARY:Not held
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:1
SEQUENCE:2
RECURRENCE-ID;VALUE=DATE:20260316
DTSTART;TZID=Europe/Berlin:20260316T150000
SUMMARY:An older word on it
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260323T090000
DTSTART;TZID=Europe/Berlin:20260324T103000
DTEND;TZID=Europe/Berlin:20260324T120000
SUMMARY:New
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;TZID=Europe/Berlin:20260406T090000
DTSTART;TZID=Europe/Berlin:20260408T090000
DURATION:PT1H
SUMMARY:Moved again
END:VEVENT
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Berlin:20250302T090000
RRULE:FREQ=DAILY
SUMMARY:An older word on all
END:VEVENT
BEGIN:VEVENT
UID:2
RECURRENCE-ID;TZID=Europe/Berlin:20260320T090000
DTSTART;TZID=Europe/Berlin:20260321T090000
SUMMARY:One of a series that is elsewhere
END:VEVENT`)
	want := `2026-03-02T08:00:00Z 2026-03-02T09:00:00Z - Old
2026-03-10T08:00:00Z 2026-03-10T09:00:00Z 2026-03-09T08:00:00Z Moved
2026-03-16T08:00:00Z 2026-03-16T09:00:00Z 2026-03-16T08:00:00Z Not held CANCELLED
2026-03-21T08:00:00Z 2026-03-21T08:00:00Z 2026-03-20T08:00:00Z One of a series that is elsewhere
2026-03-24T09:30:00Z 2026-03-24T11:00:00Z 2026-03-23T08:00:00Z New
2026-03-31T08:30:00Z 2026-03-31T10:00:00Z 2026-03-30T07:00:00Z New
2026-04-08T07:00:00Z 2026-04-08T08:00:00Z 2026-04-06T07:00:00Z Moved again
2026-04-14T08:30:00Z 2026-04-14T10:00:00Z 2026-04-13T07:00:00Z New`
	if got := told(expand(t, c, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", "")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What is moved into the time asked for is there, what is moved out of it is not.
	if got := told(expand(t, c, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", "")); !strings.Contains(got, "Moved") || strings.Contains(got, "\n") {
		t.Error(got)
	}
	if got := told(expand(t, c, "2026-04-13T00:00:00Z", "2026-04-14T00:00:00Z", "")); got != "" {
		t.Error(got)
	}
	if got := told(expand(t, c, "2026-04-14T00:00:00Z", "2026-04-15T00:00:00Z", "")); got == "" {
		t.Error("what a change of all that follows moved into the time is missing")
	}
}

// TestAZoneWithAnyName finds a description whose name is no name of a zone, as Exchange writes them, and the zone that
// a description says it is.
func TestAZoneWithAnyName(t *testing.T) {
	c := read(t, "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Home:20260302T090000\nEND:VEVENT\nBEGIN:VTIMEZONE\nTZID:Home\nX-LIC-LOCATION:Asia/Tokyo\nEND:VTIMEZONE")
	if got := starts(expand(t, c, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "")); got != "2026-03-02T00:00:00Z" {
		t.Errorf("%s, %v", got, c.Faults)
	}
	c = read(t, "BEGIN:VTIMEZONE\nTZID:(UTC+05:45) Kathmandu\\, anywhere\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0545\nTZOFFSETTO:+0545\nEND:STANDARD\nEND:VTIMEZONE\n"+
		"BEGIN:VEVENT\nUID:1\nDTSTART;TZID=\"(UTC+05:45) Kathmandu, anywhere\":20260302T054500\nEND:VEVENT")
	if got := starts(expand(t, c, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "")); got != "2026-03-02T00:00:00Z" {
		t.Errorf("%s, %v", got, c.Faults)
	}
}

func TestWholeDaysFollowThePlace(t *testing.T) {
	c := one(t, "DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;COUNT=3")
	for place, want := range map[string]string{"": "2026-03-02 2026-03-03", "Asia/Tokyo": "2026-03-03 2026-03-04", "America/New_York": "2026-03-02 2026-03-03"} {
		if got := starts(expand(t, c, "2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z", place)); got != want {
			t.Errorf("%s: got %s, want %s", place, got, want)
		}
	}
}

// TestEventsThatCannotBeRead holds that each is named with its line, its UID and why, and that the others are there.
func TestEventsThatCannotBeRead(t *testing.T) {
	for event, why := range map[string]string{
		"SUMMARY:no start":                                           "no DTSTART",
		"DTSTART:tomorrow":                                           "no date or time",
		"DTSTART:00000101":                                           "no date or time",
		"DTSTART;TZID=Nowhere:20260302T090000":                       `"Nowhere" is unknown`,
		"DTSTART:20260302T090000Z\nRRULE:FREQ=OFTEN":                 "RRULE: FREQ=OFTEN",
		"DTSTART:20260302T090000Z\nRRULE:FREQ=DAILY;INTERVAL=0":      "INTERVAL=0",
		"DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=HOURLY":             "within the day",
		"DTSTART:20260302T090000Z\nDTEND:20260302T080000Z":           "ends before it starts",
		"DTSTART:20260302T090000Z\nDURATION:-PT1H":                   "ends before it starts",
		"DTSTART:20260302T090000Z\nDURATION:PT":                      "no duration",
		"DTSTART:20260302T090000Z\nDURATION:P99999999W":              "hundred years",
		"DTSTART:20260302T090000Z\nEXDATE:20260302T090000Z,x":        "EXDATE",
		"DTSTART:20260302T090000Z\nRDATE:20260302T090000Z/x":         "RDATE",
		"DTSTART:20260302T090000Z\nRECURRENCE-ID:x":                  "RECURRENCE-ID",
		"DTSTART;A=\"b\"c:20260302T090000Z":                          "parameters",
		"DTSTART;A=\"b:20260302T090000Z":                             "no value",
		"DTSTART":                                                    "no value",
		"DTSTART;A=" + strings.Repeat("x", 3000) + ":20260302":       "too many parameters",
		"DTSTART;TZID=Broken:20260302T090000":                        "cannot be used",
		"DTSTART;TZID=Empty:20260302T090000":                         "no offsets",
		"DTSTART:20260302T090000Z\nBEGIN:VEVENT\nDTSTART:20260303\n": "no end",
	} {
		c := read(t, "BEGIN:VTIMEZONE\nTZID:Broken\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:late\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n"+
			"BEGIN:VTIMEZONE\nTZID:Empty\nEND:VTIMEZONE\n"+
			"BEGIN:VEVENT\nUID:good\nDTSTART:20260305T090000Z\nEND:VEVENT\nBEGIN:VEVENT\nUID:bad\n"+event+"\nEND:VEVENT\nBEGIN:VEVENT\nUID:fine\nDTSTART:20260306T090000Z\nEND:VEVENT")
		if len(c.Faults) != 1 || c.Faults[0].UID != "bad" || c.Faults[0].Line != 18 || !strings.Contains(c.Faults[0].Error(), why) {
			t.Errorf("%.60q: %v, want one about %q", event, c.Faults, why)
		}
		if got := starts(expand(t, c, "2026-03-05T00:00:00Z", "2026-04-01T00:00:00Z", "")); got != "2026-03-05T09:00:00Z 2026-03-06T09:00:00Z" {
			t.Errorf("%.60q: %s", event, got)
		}
	}
}

// TestDescribedZones evaluates descriptions of zones that are known and holds them against the real ones.
func TestDescribedZones(t *testing.T) {
	for _, c := range []struct{ zone, description string }{
		{"Europe/Berlin", "BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT"},
		{"Pacific/Auckland", "BEGIN:DAYLIGHT\nDTSTART:20070930T020000\nTZOFFSETFROM:+1200\nTZOFFSETTO:+1300\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=9\nEND:DAYLIGHT\nBEGIN:STANDARD\nDTSTART:20080406T030000\nTZOFFSETFROM:+1300\nTZOFFSETTO:+1200\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=4\nEND:STANDARD"},
		{"Australia/Lord_Howe", "BEGIN:STANDARD\nDTSTART:20080406T020000\nTZOFFSETFROM:+1100\nTZOFFSETTO:+1030\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=4\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:20081005T020000\nTZOFFSETFROM:+1030\nTZOFFSETTO:+1100\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=10\nEND:DAYLIGHT"},
		{"Asia/Kolkata", "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD"},
		{"Pacific/Apia", "BEGIN:STANDARD\nDTSTART:20111230T000000\nTZOFFSETFROM:-1000\nTZOFFSETTO:+1400\nEND:STANDARD\nBEGIN:STANDARD\nDTSTART:20120401T040000\nTZOFFSETFROM:+1400\nTZOFFSETTO:+1300\nRDATE:20120401T040000\nEND:STANDARD"},
	} {
		loc, err := civil.Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		event := "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Here:%s\nRRULE:FREQ=HOURLY;COUNT=%d\nEND:VEVENT"
		from, to, n := "20260101T003000", "2028-01-01T00:00:00Z", 17_000
		if c.zone == "Pacific/Apia" {
			from, to, n = "20111228T003000", "2012-04-03T00:00:00Z", 2300
		}
		described := read(t, "BEGIN:VTIMEZONE\nTZID:Here\n"+c.description+"\nEND:VTIMEZONE\n"+fmt.Sprintf(event, from, n))
		real := read(t, strings.ReplaceAll(fmt.Sprintf(event, from, n), "Here", c.zone))
		got, want := expand(t, described, "2011-01-01T00:00:00Z", to, ""), expand(t, real, "2011-01-01T00:00:00Z", to, "")
		if len(want) < n-30 || len(got) != len(want) {
			t.Errorf("%s: %d and %d hours", loc, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if got[i].Start.String() != want[i].Start.String() {
				t.Errorf("%s: %s is described as %s", loc, want[i].Start, got[i].Start)
				break
			}
		}
	}
}

// TestWhatIsNoCalendar refuses pages and rubbish, and tells a calendar that ends too early.
func TestWhatIsNoCalendar(t *testing.T) {
	for _, text := range []string{"", "\n\n", "<!DOCTYPE html><html><body>Log in</body></html>", "BEGIN:VCARD\nEND:VCARD\n", "BEGIN:VEVENT\nEND:VEVENT\n", "{}", "\x00\x01"} {
		if _, err := calendar.Read(strings.NewReader(text)); !errors.Is(err, calendar.ErrNotCalendar) {
			t.Errorf("%q: %v", text, err)
		}
	}
	whole := "\ufeff\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260302\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nDTSTART:20260303\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	for n := range len(whole) {
		c, err := calendar.Read(strings.NewReader(whole[:n]))
		if err == nil && c.Cut == strings.Contains(whole[:n], "END:VCALENDAR") {
			t.Errorf("after %d bytes: cut off: %v", n, c.Cut)
		}
	}
	two, err := calendar.Read(strings.NewReader(whole + "rubbish\n" + strings.ReplaceAll(strings.TrimPrefix(whole, "\ufeff\n"), "UID:", "UID:x")))
	if err != nil || two.Cut || len(expand(t, two, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "")) != 4 {
		t.Errorf("two calendars in one file: %v, %+v", err, two)
	}
}
