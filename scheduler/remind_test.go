package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

func leads(t interface{ Fatal(...any) }, texts ...string) []scheduler.Lead {
	var all []scheduler.Lead
	for _, text := range texts {
		l, err := scheduler.ParseLead(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// nights is quiet from an hour to another one of the next day, on clocks of a zone.
func nights(loc *time.Location, begin, end civil.Wall) scheduler.Quiet {
	return func(at time.Time) (time.Time, time.Time, bool) {
		for day := civil.Of(at, loc).Wall.Midnight() - civil.Day; day <= civil.Of(at, loc).Wall; day += civil.Day {
			from, to := civil.In(day+begin, loc).Instant(), civil.In(day+civil.Day+end, loc).Instant()
			if !at.Before(from) && at.Before(to) {
				return from, to, true
			}
		}
		return time.Time{}, time.Time{}, false
	}
}

func never(time.Time) (time.Time, time.Time, bool) { return time.Time{}, time.Time{}, false }

func TestReminders(t *testing.T) {
	berlin, _ := civil.Zone("Europe/Berlin")
	night := nights(berlin, 22*civil.Hour, 7*civil.Hour)
	for _, c := range []struct {
		name, start, leads, now string
		allDay                  bool
		quiet                   scheduler.Quiet
		want                    string
	}{
		{"in their order", "2026-04-01T18:00", "2h 1w 1d@18:00", "2026-03-01T12:00", false, never, "1w 2026-03-25T18:00, 1d@18:00 2026-03-31T18:00, 2h 2026-04-01T16:00"},
		{"what was due before is left out", "2026-04-01T18:00", "2h 1w 1d@18:00", "2026-03-28T12:00", false, never, "1d@18:00 2026-03-31T18:00, 2h 2026-04-01T16:00"},
		{"quiet hours: earlier", "2026-04-01T08:00", "2h", "2026-03-01T12:00", false, night, "2h 2026-03-31T21:59"},
		{"two that move together are one", "2026-04-01T08:00", "2h 3h", "2026-03-01T12:00", false, night, "3h 2026-03-31T21:59"},
		{"too late for that: when they end", "2026-04-01T08:00", "2h", "2026-04-01T00:30", false, night, "2h 2026-04-01T07:00"},
		{"and not once it has begun", "2026-04-01T06:30", "2h", "2026-04-01T00:30", false, night, ""},
		{"a day is ahead until it is over", "2026-04-01", "0d@06:00", "2026-04-01T00:30", true, night, "0d@06:00 2026-04-01T07:00"},
		{"an hour that is not there", "2026-03-29T09:00", "6h", "2026-03-01T12:00", false, nights(berlin, 1*civil.Hour, -18*civil.Hour), "6h 2026-03-29T00:59"},
	} {
		start, _ := civil.ParseWall(c.start)
		now, _ := civil.ParseWall(c.now)
		var got []string
		for _, r := range scheduler.Reminders(start, c.allDay, berlin, leads(t, strings.Fields(c.leads)...), c.quiet, civil.In(now, berlin).Instant()) {
			got = append(got, fmt.Sprint(r.Lead, " ", civil.Of(r.At, berlin).Wall))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

func TestWhoseLeadsCount(t *testing.T) {
	hers := scheduler.LeadRules{"plenum": leads(t, "1w"), "alerts": {}}
	groups := scheduler.LeadRules{"plenum": leads(t, "2h"), "": leads(t, "1d")}
	for topic, want := range map[string]string{"plenum": "[1w]", "alerts": "[]", "kitchen": "[1d]"} {
		if got := fmt.Sprint(scheduler.LeadsFor(topic, hers, groups)); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
	if got := fmt.Sprint(scheduler.LeadsFor("kitchen", hers, nil)); got != fmt.Sprint(scheduler.DefaultLeads()) {
		t.Error(got)
	}
}

// Whatever event, leads, zone and night: nobody is disturbed at night, nor reminded of what has begun, nor twice at once, nor
// before now; and a reminder is late only where it could not be early.
func TestRemindersAreHeard(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		place, _ := civil.Zone(rapid.SampledFrom(zones).Draw(t, "place"))
		hers, _ := civil.Zone(rapid.SampledFrom(zones).Draw(t, "hers"))
		begin := civil.Wall(rapid.IntRange(18, 23).Draw(t, "from")) * civil.Hour
		end := civil.Wall(rapid.IntRange(0, 10).Draw(t, "to")) * civil.Hour
		night := nights(hers, begin, end)
		start := civil.Of(time.Unix(rapid.Int64Range(1.75e9, 1.85e9).Draw(t, "start"), 0), place).Wall
		begins := civil.In(start, place).Instant()
		now := begins.Add(-time.Duration(rapid.IntRange(-10, 24*20).Draw(t, "hours")) * time.Hour)
		all := leads(t, rapid.SliceOfN(rapid.SampledFrom([]string{"0m", "15m", "2h", "9h", "1d", "1d@18:00", "2d@07:30", "1w"}), 0, 5).Draw(t, "leads")...)
		got := scheduler.Reminders(start, false, place, all, night, now)
		for i, r := range got {
			due, _ := r.Lead.Before(start, false, place)
			from, to, is := night(due)
			if _, _, disturbs := night(r.At); disturbs || r.At.After(begins) || r.At.Before(now) || i > 0 && !got[i-1].At.Before(r.At) {
				t.Fatalf("%s at %s, event at %s, now %s", r.Lead, r.At, begins, now)
			}
			switch {
			case !is && !r.At.Equal(due):
				t.Fatalf("%s was moved from %s to %s", r.Lead, due, r.At)
			case is && r.At.After(due) && (!r.At.Equal(to) || !from.Add(-time.Minute).Before(now)):
				t.Fatalf("%s comes at %s, and the night is from %s to %s, now %s", r.Lead, r.At, from, to, now)
			case is && r.At.Before(due) && !r.At.Equal(from.Add(-time.Minute)):
				t.Fatalf("%s comes at %s, and the night begins at %s", r.Lead, r.At, from)
			}
		}
	})
}
