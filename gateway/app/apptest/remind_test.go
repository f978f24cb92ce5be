package apptest_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

// meeting is a calendar with one event at 18:00 in Berlin.
type meeting struct {
	day        civil.Wall
	hour       int
	place      string
	status     string
	sequence   int
	otherTitle string
}

func (m meeting) file() []byte {
	title := "Plenum"
	if m.otherTitle != "" {
		title = m.otherTitle
	}
	return fmt.Appendf(nil, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSEQUENCE:%d\r\nDTSTART;TZID=Europe/Berlin:%sT%02d0000\r\nDURATION:PT2H\r\nSUMMARY:%s\r\nLOCATION:%s\r\nSTATUS:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		m.sequence, m.day.Fields().Format("20060102"), m.hour, title, m.place, m.status)
}

// clocks is a member in each of two zones and two languages, and one who joins late.
const clocks = "ref,zone,language,sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n" +
	"berlin,Europe/Berlin,de,%s,meetings,join-2,de,2026-01-10T10:00:00Z,paper form\n" +
	"nairobi,Africa/Nairobi,en,%s,meetings,join-2,en,2026-01-10T10:00:00Z,paper form\n"

func (c *clocked) join(file string) {
	c.T.Helper()
	report, err := c.API.ImportMembers(c.T.Context(), "harbour", strings.NewReader(file), gateway.ImportOptions{})
	if err != nil || !report.Published {
		c.T.Fatalf("importing: %v, %+v", err, report)
	}
}

// got lists what has come, as "number: text", sorted.
func (c *clocked) got() (all []string) {
	for _, e := range c.Box.Log(0, 0) {
		if e.Kept {
			all = append(all, e.To+": "+e.Text)
		}
	}
	slices.Sort(all)
	return all
}

// TestAnEventIsToldOf: an event is reminded of at the place's hours, to two members in two languages and zones; it is moved,
// and those who were told hear of that, not who joined since; then all are reminded of the new time. In the end it is
// cancelled. At every step the gateway is killed and started again, and nobody is told anything twice.
func TestAnEventIsToldOf(t *testing.T) {
	t.Parallel()
	berlin, err := civil.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	w.Apply("harbour")
	numbers := apptest.Numbers(t, 3)
	w.join(fmt.Sprintf(clocks, numbers[0], numbers[1]))
	day := civil.Of(time.Now().AddDate(0, 0, 9), berlin).Wall.Midnight()
	m := meeting{day: day, hour: 18, place: "Harbour hall", status: "CONFIRMED"}
	put := func() {
		t.Helper()
		if _, err := w.API.UploadCalendar(t.Context(), "harbour", "meetings", "meetings", "", bytes.NewReader(m.file())); err != nil {
			t.Fatal(err)
		}
	}
	put()
	at := func(day civil.Wall, hour, minute int) time.Time {
		return civil.In(day+civil.Wall(hour)*civil.Hour+civil.Wall(minute)*civil.Minute, berlin).Instant()
	}
	want := 0
	// comes waits for messages, kills the gateway, starts it again and looks that nothing came twice.
	comes := func(why string, n int) []string {
		t.Helper()
		before := w.got()
		want += n
		w.UntilBox(30*time.Second, why, func() bool { return len(w.got()) >= want })
		w.Kill()
		w.Start()
		w.to(time.Now().Add(w.wound + 2*time.Second)) // it looks again
		w.Until(20*time.Second, "for what is planned", func() bool {
			all, err := w.API.Broadcasts(t.Context(), "harbour", 0)
			return err == nil && !slices.ContainsFunc(all, func(b gateway.Broadcast) bool { return b.State == gateway.Planning })
		})
		all := w.got()
		if len(all) != want {
			t.Fatalf("%s: %d messages, want %d:\n%s", why, len(all), want, strings.Join(all, "\n"))
		}
		var fresh []string
		for _, text := range all {
			if !slices.Contains(before, text) {
				fresh = append(fresh, text)
			}
		}
		return fresh
	}
	has := func(all []string, number string, parts ...string) {
		t.Helper()
		i := slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, number+": ") })
		if i < 0 {
			t.Fatalf("%s got nothing of\n%s", number, strings.Join(all, "\n"))
		}
		for _, part := range parts {
			if !strings.Contains(all[i], part) {
				t.Errorf("%q lacks %q", all[i], part)
			}
		}
	}

	w.to(at(day-civil.Day, 17, 59))
	if got := w.got(); len(got) > 0 {
		t.Fatalf("before the day before at 18:00: %v", got)
	}
	w.to(at(day-civil.Day, 18, 0))
	fresh := comes("for the first reminder", 2)
	has(fresh, numbers[0], "Erinnerung: Plenum", "18:00", "Harbour hall.")
	if strings.Contains(fresh[slices.IndexFunc(fresh, func(s string) bool { return strings.HasPrefix(s, numbers[0]) })], "In deiner Zeit") {
		t.Error("who lives at the place is told her own time besides")
	}
	_, offset := at(day, 18, 0).In(berlin).Zone()
	has(fresh, numbers[1], "Reminder: Plenum", "6:00", "PM", "In your time", fmt.Sprintf("%d:00", 6+3-offset/3600))

	// Text alone is silent; who joins now was not told.
	m.otherTitle, m.sequence = "Plenum of all", 1
	put()
	w.join(strings.SplitAfter(clocks, "\n")[0] + fmt.Sprintf("late,Europe/Berlin,en,%s,meetings,join-2,en,2026-01-10T10:00:00Z,paper form\n", numbers[2]))
	m.day, m.hour, m.place, m.sequence = day+2*civil.Day, 19, "Town hall", 2
	put()
	fresh = comes("for what has changed", 2)
	has(fresh, numbers[0], "Geändert: Plenum of all", "19:00", "Town hall")
	has(fresh, numbers[1], "Changed: Plenum of all", "7:00", "In your time")

	w.to(at(day, 16, 0)) // two hours before it would have been
	w.to(at(m.day-civil.Day, 18, 0))
	fresh = comes("for the first reminder of the new time", 3)
	has(fresh, numbers[2], "Reminder: Plenum of all", "7:00")

	w.Stop() // over the second one
	w.to(at(m.day, 17, 30))
	w.Start()
	comes("for the late reminder", 3)

	m.status, m.sequence = "CANCELLED", 3
	put()
	fresh = comes("for the cancellation", 3)
	has(fresh, numbers[0], "Abgesagt: Plenum of all", "19:00")
	has(fresh, numbers[2], "Cancelled: Plenum of all")
	events, err := w.API.Events(t.Context(), "harbour", "meetings", 0)
	if err != nil || len(events) != 1 || len(events[0].Reminders) != 5 {
		t.Fatalf("%v, %+v", err, events)
	}
	w.to(at(m.day, 21, 30))
	comes("for nothing more", 0)
}

// TestKilledWhileAnEventIsToldOf: at each step between a reminder that is due and its broadcast the gateway is killed and started
// again. Everyone is reminded once.
func TestKilledWhileAnEventIsToldOf(t *testing.T) {
	for _, point := range append(slices.Clone(scheduler.NotifyFaultPoints[:]), "store: before commit@2", "store: after commit@2") {
		t.Run(strings.NewReplacer(": ", "-", " ", "-", "@", "-").Replace(point), func(t *testing.T) {
			t.Parallel()
			berlin, err := civil.Zone("Europe/Berlin")
			if err != nil {
				t.Fatal(err)
			}
			w := &clocked{World: apptest.New(t, apptest.Options{})}
			w.Start()
			w.Apply("harbour")
			numbers := apptest.Numbers(t, 2)
			w.join(fmt.Sprintf(clocks, numbers[0], numbers[1]))
			m := meeting{day: civil.Of(time.Now().AddDate(0, 0, 9), berlin).Wall.Midnight(), hour: 18, place: "Harbour hall", status: "CONFIRMED"}
			if _, err := w.API.UploadCalendar(t.Context(), "harbour", "meetings", "meetings", "", bytes.NewReader(m.file())); err != nil {
				t.Fatal(err)
			}
			w.Until(20*time.Second, "for the plan", func() bool {
				events, err := w.API.Events(t.Context(), "harbour", "meetings", 0)
				return err == nil && len(events) == 1 && len(events[0].Reminders) == 2
			})
			w.Stop()
			w.to(civil.In(m.day-civil.Day+18*civil.Hour, berlin).Instant().Add(2 * time.Second))
			if w.StartToDie(point) {
				w.AwaitEnd()
			}
			w.Kill()
			w.Start()
			w.UntilBox(20*time.Second, "for everyone", func() bool { return len(w.got()) >= 2 })
			all, err := w.API.Broadcasts(t.Context(), "harbour", 10)
			if err != nil || len(all) != 1 || len(w.got()) != 2 {
				t.Errorf("%d broadcasts, %v, and the messages %v", len(all), err, w.got())
			}
		})
	}
}

// TestTwoNotifiers: of two schedulers one is paused while an event is reminded of and resumed afterwards; then the other one, while
// it is moved. Everyone is told each thing once.
func TestTwoNotifiers(t *testing.T) {
	t.Parallel()
	berlin, err := civil.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w := &clocked{World: apptest.New(t, apptest.Options{Storage: shared.Storage(t)})}
	w.Launch("api,relay,sender,inbound")
	one, two := w.Launch("scheduler"), w.Launch("scheduler")
	w.Apply("harbour")
	numbers := apptest.Numbers(t, 2)
	w.join(fmt.Sprintf(clocks, numbers[0], numbers[1]))
	m := meeting{day: civil.Of(time.Now().AddDate(0, 0, 9), berlin).Wall.Midnight(), hour: 18, place: "Harbour hall", status: "CONFIRMED"}
	put := func() {
		t.Helper()
		if _, err := w.API.UploadCalendar(t.Context(), "harbour", "meetings", "meetings", "", bytes.NewReader(m.file())); err != nil {
			t.Fatal(err)
		}
	}
	put()
	one.Pause()
	w.to(civil.In(m.day-civil.Day+18*civil.Hour, berlin).Instant().Add(time.Second))
	w.UntilBox(30*time.Second, "for the reminder", func() bool { return len(w.got()) >= 2 })
	one.Resume()
	two.Pause()
	m.place, m.sequence = "Town hall", 1
	put()
	w.UntilBox(30*time.Second, "for the notice", func() bool { return len(w.got()) >= 4 })
	two.Resume()
	w.to(civil.In(m.day+16*civil.Hour, berlin).Instant().Add(time.Second))
	w.UntilBox(30*time.Second, "for the second reminder", func() bool { return len(w.got()) >= 6 })
	all, err := w.API.Broadcasts(t.Context(), "harbour", 0)
	if err != nil || len(all) != 3 || len(w.got()) != 6 {
		t.Errorf("%d broadcasts, %v, and the messages\n%s", len(all), err, strings.Join(w.got(), "\n"))
	}
}
