package civil_test

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// TestWallTimesThatClocksTreatOddly holds the vectors of requirement 20 and its table 3.7, and more from both halves of
// the earth.
func TestWallTimesThatClocksTreatOddly(t *testing.T) {
	for _, c := range []struct {
		zone, wall, want string
		note             civil.Note
	}{
		{"America/Vancouver", "2024-03-10T02:30", "2024-03-10T03:30:00-07:00", civil.Gap},
		{"Europe/Athens", "2025-03-30T03:30", "2025-03-30T04:30:00+03:00", civil.Gap},
		{"Australia/Lord_Howe", "2025-10-05T02:15", "2025-10-05T02:45:00+11:00", civil.Gap},
		{"Africa/Cairo", "2025-04-25T00:00", "2025-04-25T01:00:00+03:00", civil.Gap},
		{"Asia/Beirut", "2025-03-30T00:00", "2025-03-30T01:00:00+03:00", civil.Gap},
		{"America/Santiago", "2025-09-07T00:00", "2025-09-07T01:00:00-03:00", civil.Gap},
		{"America/Havana", "2025-03-09T00:30", "2025-03-09T01:30:00-04:00", civil.Gap},
		{"Atlantic/Azores", "2025-03-30T00:30", "2025-03-30T01:30:00Z", civil.Gap},
		{"Pacific/Apia", "2011-12-30T09:00", "2011-12-31T09:00:00+14:00", civil.Gap},
		{"America/Vancouver", "2024-11-03T01:30", "2024-11-03T01:30:00-07:00", civil.First},
		{"Europe/Athens", "2025-10-26T03:30", "2025-10-26T03:30:00+03:00", civil.First},
		{"Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-05T01:45:00+11:00", civil.First},
		{"Australia/Lord_Howe", "2026-04-05T01:15", "2026-04-05T01:15:00+11:00", ""},
		{"Asia/Beirut", "2025-10-25T23:30", "2025-10-25T23:30:00+03:00", civil.First},
		{"Europe/Berlin", "2026-07-01T09:00", "2026-07-01T09:00:00+02:00", ""},
		{"Asia/Kathmandu", "2026-07-01T09:00", "2026-07-01T09:00:00+05:45", ""},
		{"UTC", "2026-07-01T09:00", "2026-07-01T09:00:00Z", ""},
	} {
		loc := zone(t, c.zone)
		w, err := civil.ParseWall(c.wall)
		if err != nil {
			t.Fatal(err)
		}
		m := civil.In(w, loc)
		if got := m.Instant().In(loc).Format(time.RFC3339); got != c.want || m.Note != c.note || m.Wall != w {
			t.Errorf("%s %s: %s %q, want %s %q", c.zone, c.wall, got, m.Note, c.want, c.note)
		}
	}
}

func TestAnInstantOfADoubledHour(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for instant, want := range map[string]civil.Moment{
		"2026-10-25T00:30:00Z": {Wall: civil.At(2026, 10, 25, 2, 30, 0), Offset: 7200, Note: civil.First},
		"2026-10-25T01:30:00Z": {Wall: civil.At(2026, 10, 25, 2, 30, 0), Offset: 3600, Note: civil.Second},
		"2026-10-25T02:00:00Z": {Wall: civil.At(2026, 10, 25, 3, 0, 0), Offset: 3600},
	} {
		at, _ := time.Parse(time.RFC3339, instant)
		if got := civil.Of(at, berlin); got != want {
			t.Errorf("%s is %+v, want %+v", instant, got, want)
		}
	}
	if got := civil.Of(time.Unix(-62, 5e8), time.UTC).String(); got != "1969-12-31T23:58:58+00:00" {
		t.Errorf("a fraction of a second was not cut off: %s", got)
	}
	if got := (civil.Moment{Wall: civil.At(1900, 1, 1, 0, 0, 0), Offset: -(3*3600 + 30*60 + 52)}).String(); got != "1900-01-01T00:00-03:30:52" {
		t.Error(got)
	}
}

func TestDatesThatDoNotExist(t *testing.T) {
	for _, c := range []struct {
		zone string
		date civil.Wall
		want bool
	}{
		{"Pacific/Apia", civil.At(2011, 12, 30, 12, 0, 0), false},
		{"Pacific/Apia", civil.At(2011, 12, 29, 23, 0, 0), true},
		{"Pacific/Apia", civil.At(2011, 12, 31, 0, 0, 0), true},
		{"Pacific/Kwajalein", civil.At(1993, 8, 21, 0, 0, 0), false},
		{"Africa/Cairo", civil.At(2025, 4, 25, 0, 0, 0), true},
		{"Europe/Berlin", civil.At(2026, 3, 29, 2, 30, 0), true},
	} {
		if got := civil.Exists(c.date, zone(t, c.zone)); got != c.want {
			t.Errorf("%s in %s: %v", c.date, c.zone, got)
		}
	}
}

func TestParseWall(t *testing.T) {
	for text, want := range map[string]string{"2026-03-29": "2026-03-29T00:00", "2026-03-29T02:30": "2026-03-29T02:30", "2026-03-29T02:30:15": "2026-03-29T02:30:15", "1960-01-01T00:00:01": "1960-01-01T00:00:01"} {
		if w, err := civil.ParseWall(text); err != nil || w.String() != want {
			t.Errorf("%s: %v, %v", text, w, err)
		}
	}
	if w := civil.At(1960, 1, 1, 0, 0, 1).Midnight().String(); w != "1960-01-01T00:00" {
		t.Error(w)
	}
	for _, text := range []string{"", "2026-02-30", "2026-03-29T24:00", "2026-03-29 02:30", "2026-03-29T02:30Z", "2026-03-29T02:30:15.5"} {
		if w, err := civil.ParseWall(text); err == nil {
			t.Errorf("%q was taken as %s", text, w)
		}
	}
}

// TestEveryClockChange walks through each change of every zone's clocks in eleven years and holds both directions
// against a table made by looking at the clock every five minutes.
func TestEveryClockChange(t *testing.T) {
	changes, shown := 0, map[civil.Wall][]int64{} // which instants a wall time has
	for _, name := range zones(t) {
		loc := zone(t, name)
		offset := func(at time.Time) int { _, off := at.In(loc).Zone(); return off }
		end := time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)
		for day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); day.Before(end); day = day.Add(24 * time.Hour) {
			before, after := offset(day), offset(day.Add(24*time.Hour))
			if before == after {
				continue
			}
			changes++
			clear(shown)
			for at := day.Add(-30 * time.Hour); at.Before(day.Add(54 * time.Hour)); at = at.Add(5 * time.Minute) {
				w := civil.Wall(at.Unix() + int64(offset(at)))
				shown[w] = append(shown[w], at.Unix())
			}
			for w := civil.Wall(day.Unix()) - civil.Hour*2; w < civil.Wall(day.Unix())+civil.Hour*26; w += 5 * civil.Minute {
				got := civil.In(w, loc)
				at, is := got.Instant().Unix(), shown[w]
				ok := len(is) > 0 && at == is[0]
				switch len(is) {
				case 0:
					ok = got.Note == civil.Gap && at == int64(w)-int64(before) && got.Offset == int64(before)
				case 1:
					ok = ok && got.Note == ""
				default:
					ok = ok && got.Note == civil.First && civil.Of(time.Unix(is[1], 0), loc) == civil.Moment{Wall: w, Offset: int64(after), Note: civil.Second}
				}
				if len(is) > 0 {
					ok = ok && civil.Of(got.Instant(), loc) == got
				}
				if !ok {
					t.Fatalf("%s %s: %+v, shown at %v", name, w, got, is)
				}
			}
		}
	}
	if changes < 2000 {
		t.Errorf("only %d changes seen", changes)
	}
}

// TestThereAndBack takes any instant of any zone, also from times before zones were agreed on.
func TestThereAndBack(t *testing.T) {
	names := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		loc, err := civil.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(-5e9, 6e9).Draw(t, "instant"), 0)
		m := civil.Of(at, loc)
		if !m.Instant().Equal(at) {
			t.Fatalf("%s became %s", at, m)
		}
		if back := civil.In(m.Wall, loc); m.Note != civil.Second && back != m {
			t.Fatalf("%s became %s %q", m, back, back.Note)
		}
		if !civil.Exists(m.Wall, loc) {
			t.Fatalf("%s is on a date that does not exist", m)
		}
	})
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := civil.Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
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
