package apptest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// TestAnEventEarlyInTheMorning begins at 07:30, and the second reminder is for 05:30. Who sleeps from ten to seven gets it at 21:59,
// under the title that the event has by then; who is awake in its time; who wants only three hours' notice gets that, and who joins
// in the night gets what comes then. Nobody is told twice.
func TestAnEventEarlyInTheMorning(t *testing.T) {
	t.Parallel()
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	w.Apply("harbour")
	berlin, err := civil.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	numbers := apptest.Numbers(t, 4)
	const head, consent = "ref,zone,language,sms,quiet,leads,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n", ",meetings,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	w.join(head + "awake,Europe/Berlin,en," + numbers[0] + ",," + consent + "asleep,Europe/Berlin,en," + numbers[1] + ",22:00-07:00," + consent + "own,Europe/Berlin,en," + numbers[2] + ",,meetings 3h" + consent)
	day := civil.Of(time.Now().AddDate(0, 0, 3), berlin).Wall.Midnight()
	at := func(day civil.Wall, hour, minute int) time.Time {
		return civil.In(day+civil.Wall(hour)*civil.Hour+civil.Wall(minute)*civil.Minute, berlin).Instant()
	}
	put := func(title string, sequence int) {
		t.Helper()
		file := meeting{day: day, hour: 7, place: "Harbour hall", status: "CONFIRMED", sequence: sequence, otherTitle: title}.file()
		file = bytes.Replace(file, []byte("T070000"), []byte("T073000"), 1)
		if _, err := w.API.UploadCalendar(t.Context(), "harbour", "meetings", "meetings", "", bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
	}
	planned := func() {
		t.Helper()
		w.Until(20*time.Second, "for what is planned", func() bool {
			all, err := w.API.Broadcasts(t.Context(), "harbour", 0)
			return err == nil && !slices.ContainsFunc(all, func(b gateway.Broadcast) bool { return b.State == gateway.Planning })
		})
	}
	total := 0
	come := func(when time.Time, title string, to ...string) {
		t.Helper()
		w.to(when)
		total += len(to)
		w.UntilBox(20*time.Second, "for the reminders at "+when.In(berlin).Format("15:04"), func() bool { return len(w.got()) >= total })
		all := w.got()
		if len(all) != total {
			t.Fatalf("at %s: %d messages, want %d:\n%s", when.In(berlin), len(all), total, strings.Join(all, "\n"))
		}
		for _, number := range to {
			if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, number+": Reminder: "+title+",") }) {
				t.Errorf("at %s: %s is not told of %s:\n%s", when.In(berlin), number, title, strings.Join(all, "\n"))
			}
		}
	}
	early := func(n int) {
		t.Helper()
		w.Until(20*time.Second, "for the early part", func() bool {
			events, err := w.API.Events(t.Context(), "harbour", "meetings", 0)
			found := 0
			for _, r := range events[0].Reminders {
				if r.Early {
					found++
				}
			}
			return err == nil && found == n
		})
		planned()
	}
	put("Plenum", 0)
	early(1)
	come(at(day-civil.Day, 18, 0), "Plenum", numbers[0], numbers[1])
	put("Plenum of all", 1)
	early(2)
	come(at(day-civil.Day, 21, 59), "Plenum of all", numbers[1])
	come(at(day, 4, 30), "Plenum of all", numbers[2])
	w.join(head + "late,Europe/Berlin,en," + numbers[3] + ",," + consent)
	come(at(day, 5, 30), "Plenum of all", numbers[0], numbers[3])
	planned()
	come(at(day, 7, 15), "")
}
