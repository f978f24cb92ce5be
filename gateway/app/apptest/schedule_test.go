package apptest_test

import (
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

// far are places of the people below: every whole hour from Kiritimati to Pago Pago that somebody lives in, and half and
// quarter hours.
var far = []string{"Pacific/Kiritimati", "Pacific/Apia", "Pacific/Auckland", "Australia/Lord_Howe", "Australia/Adelaide", "Asia/Tokyo", "Asia/Shanghai", "Asia/Yangon",
	"Asia/Kathmandu", "Asia/Kolkata", "Asia/Kabul", "Asia/Tehran", "Africa/Nairobi", "Africa/Cairo", "Europe/Berlin", "Europe/London",
	"Atlantic/Azores", "America/St_Johns", "America/Sao_Paulo", "America/New_York", "America/Mexico_City", "America/Los_Angeles", "Pacific/Marquesas", "Pacific/Pago_Pago"}

// clocked is a world whose clock is wound to instants.
type clocked struct {
	*apptest.World
	wound time.Duration
}

func (c *clocked) to(at time.Time) {
	c.T.Helper()
	by := time.Until(at) - c.wound
	if by < 0 {
		c.T.Fatalf("the clock is beyond %s by %s already", at, -by)
	}
	c.wound += by
	c.Wind(by)
}

// joinFar makes a member of the harbour in each zone; it gives the numbers by zone.
func (c *clocked) joinFar(zones []string) map[string]string {
	c.T.Helper()
	numbers := apptest.Numbers(c.T, len(zones))
	at := map[string]string{}
	file := strings.Builder{}
	file.WriteString("ref,zone,language,sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n")
	for i, zone := range zones {
		fmt.Fprintf(&file, "m-%d,%s,en,%s,reports,join-2,en,2026-01-10T10:00:00Z,paper form\n", i, zone, numbers[i])
		at[zone] = numbers[i]
	}
	report, err := c.API.ImportMembers(c.T.Context(), "harbour", strings.NewReader(file.String()), gateway.ImportOptions{})
	if err != nil || !report.Published || report.New != len(zones) {
		c.T.Fatalf("importing: %v, %+v", err, report)
	}
	return at
}

// told lists who has got a text that begins so.
func (c *clocked) told(text string) (numbers []string) {
	for _, e := range c.Box.Log(0, 0) {
		if e.Kept && strings.HasPrefix(e.Text, text) {
			numbers = append(numbers, e.To)
		}
	}
	slices.Sort(numbers)
	return numbers
}

func (c *clocked) put(name string, d gateway.DocumentSchedule) gateway.ScheduleView {
	c.T.Helper()
	s, err := c.API.PutSchedule(c.T.Context(), "harbour", name, d)
	if err != nil {
		c.T.Fatal(err)
	}
	return s
}

// runs lists what is recorded of a schedule, the oldest first.
func (c *clocked) runs(name string) []gateway.Occurrence {
	c.T.Helper()
	all, err := c.API.Occurrences(c.T.Context(), "harbour", name, 0)
	if err != nil {
		c.T.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

func sends(text string) *gateway.DocumentSend {
	return &gateway.DocumentSend{Kind: gateway.KindReport, Topic: "reports", Words: apptest.Words(text).Sources}
}

// beforeChange gives the next Monday whose week ends with a change of Berlin's clocks.
func beforeChange(t *testing.T) civil.Wall {
	berlin, err := civil.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := civil.Of(time.Now().AddDate(0, 0, 3), berlin).Wall.Midnight()
	for ; ; day += civil.Day {
		if day.Fields().Weekday() == time.Monday && civil.In(day, berlin).Offset != civil.In(day+7*civil.Day, berlin).Offset {
			return day + 9*civil.Hour
		}
	}
}

// TestEachMemberAtNine: a weekly report goes out on Monday at nine, each member's own time, to members in 24 zones. The clock
// is wound from zone to zone, in the week before a change of clocks and in the one after it: each gets it when her clock
// shows nine, nobody earlier, nobody twice.
func TestEachMemberAtNine(t *testing.T) {
	t.Parallel()
	monday := beforeChange(t)
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	utc := func(m civil.Wall) time.Time { return time.Unix(int64(m), 0).UTC() }
	w.to(utc(monday).Add(-20 * time.Hour))
	w.Apply("harbour")
	numbers := w.joinFar(far)
	s := w.put("weekly-report", gateway.DocumentSchedule{Cron: "0 9 * * MON", Zone: gateway.ZoneMember, Send: sends("All is well.")})
	if s.Next != monday.String() {
		t.Fatalf("it stands at %s, want %s", s.Next, monday)
	}
	for week := range 2 {
		nominal := monday + civil.Wall(week)*7*civil.Day
		w.to(utc(nominal).Add(-gateway.FarthestAhead - gateway.Lead))
		w.Until(20*time.Second, "for the plan", func() bool {
			all := w.runs("weekly-report")
			return len(all) == week+1 && w.Counts("harbour", all[week].BroadcastID)["waiting"] == len(far)
		})
		hours := map[int64][]string{}
		for zone, number := range numbers {
			loc, err := civil.Zone(zone)
			if err != nil {
				t.Fatal(err)
			}
			at := civil.In(nominal, loc).Instant()
			if clock := at.In(loc).Format("Mon 15:04"); clock != "Mon 09:00" {
				t.Fatalf("%s: the clock shows %s", zone, clock)
			}
			hours[at.Unix()] = append(hours[at.Unix()], number)
		}
		before := w.told("All is well.")
		want := slices.Clone(before)
		for _, at := range sortedKeys(hours) {
			if got := w.told("All is well."); !slices.Equal(got, want) {
				t.Fatalf("before %s told are %v, want %v", time.Unix(at, 0).UTC(), got, want)
			}
			w.to(time.Unix(at, 0))
			want = append(want, hours[at]...)
			slices.Sort(want)
			w.UntilBox(20*time.Second, "for "+time.Unix(at, 0).UTC().String(), func() bool { return len(w.told("All is well.")) >= len(want) })
		}
		if got := w.told("All is well."); !slices.Equal(got, want) {
			t.Fatalf("told are %v, want %v", got, want)
		}
	}
	for _, o := range w.runs("weekly-report") {
		if o.State != gateway.OccurrenceFired || o.Reason != "" {
			t.Errorf("the run %s was %s %s", o.Run, o.State, o.Reason)
		}
	}
}

func sortedKeys(m map[int64][]string) []int64 {
	var keys []int64
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestAwayOverHerHour: the gateway is down from before the first zone's nine until noon in Berlin. Who still has her nine
// ahead is told then, who was late for no longer than the window is told at once, and the others are not.
func TestAwayOverHerHour(t *testing.T) {
	t.Parallel()
	monday := beforeChange(t)
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	utc := time.Unix(int64(monday), 0)
	w.to(utc.Add(-20 * time.Hour))
	w.Apply("harbour")
	numbers := w.joinFar([]string{"Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "America/New_York"})
	w.put("weekly-report", gateway.DocumentSchedule{Cron: "0 9 * * MON", Zone: gateway.ZoneMember, Window: 8 * 60, Send: sends("All is well.")})
	w.Stop()
	w.to(utc.Add(2 * time.Hour)) // 20:00 in Tokyo, 16:45 in Kathmandu, 12:00 or 13:00 in Berlin, before 9:00 in New York
	w.Start()
	want := []string{numbers["Asia/Kathmandu"], numbers["Europe/Berlin"]}
	slices.Sort(want)
	w.UntilBox(20*time.Second, "for those who are late", func() bool { return len(w.told("All is well.")) >= 2 })
	w.to(utc.Add(4*time.Hour - time.Minute)) // it is before nine in New York all the year
	if got := w.told("All is well."); !slices.Equal(got, want) {
		t.Fatalf("told are %v, want %v", got, want)
	}
	w.to(utc.Add(5 * time.Hour))
	w.UntilBox(20*time.Second, "for New York", func() bool { return len(w.told("All is well.")) == 3 })
	runs := w.runs("weekly-report")
	if len(runs) != 1 || runs[0].Reason != gateway.RunLate {
		t.Fatalf("recorded are %+v", runs)
	}
	if counts := w.Counts("harbour", runs[0].BroadcastID); counts["ended: expired"] != 1 {
		t.Errorf("what became of it: %v; Tokyo is late for longer than the window", counts)
	}
}

// TestKilledWhileARunFires: at each step between a run that is due and its broadcast the gateway is killed and started again.
// The run happens once.
func TestKilledWhileARunFires(t *testing.T) {
	for _, point := range append(slices.Clone(scheduler.FaultPoints[:]), "store: before commit@1", "store: after commit@1", "store: before commit@3", "store: after commit@3") {
		t.Run(strings.NewReplacer(": ", "-", " ", "-", "@", "-").Replace(point), func(t *testing.T) {
			t.Parallel()
			w := &clocked{World: apptest.New(t, apptest.Options{})}
			people := apptest.PeopleWith("s", apptest.Numbers(t, 20))
			w.Start()
			w.Apply("harbour")
			w.Join("harbour", people)
			s := w.put("daily", gateway.DocumentSchedule{Cron: "0 9 * * *", Send: sends("All is well.")})
			w.Stop()
			w.to(s.NextAt.Add(2 * time.Second))
			if w.StartToDie(point) {
				w.AwaitEnd()
			}
			w.Kill()
			w.Start()
			w.UntilBox(20*time.Second, "for everyone", func() bool { return len(w.told("All is well.")) >= len(people) })
			runs := w.runs("daily")
			if len(runs) != 1 || runs[0].Run != s.Next || runs[0].State != gateway.OccurrenceFired {
				t.Fatalf("recorded are %+v", runs)
			}
			all, err := w.API.Broadcasts(t.Context(), "harbour", 10)
			if err != nil || len(all) != 1 || all[0].ID != runs[0].BroadcastID {
				t.Errorf("%d broadcasts: %v", len(all), err)
			}
			if got := w.told("All is well."); len(got) != len(people) {
				t.Errorf("%d messages for %d people", len(got), len(people))
			}
		})
	}
}

// TestTwoSchedulers: of two schedulers one is paused before a run is due and resumed a minute after it, three times. Each run
// happens once.
func TestTwoSchedulers(t *testing.T) {
	t.Parallel()
	w := &clocked{World: apptest.New(t, apptest.Options{Storage: shared.Storage(t)})}
	w.Launch("api,relay,sender,inbound")
	one, two := w.Launch("scheduler"), w.Launch("scheduler")
	people := apptest.PeopleWith("s", apptest.Numbers(t, 10))
	w.Apply("harbour")
	w.Join("harbour", people)
	s := w.put("hourly", gateway.DocumentSchedule{Cron: "0 * * * *", Send: sends("All is well.")})
	for i := range 3 {
		paused := one
		if i%2 == 1 {
			paused = two
		}
		paused.Pause()
		w.to(s.NextAt.Add(time.Duration(i) * time.Hour))
		w.Until(20*time.Second, "for the run", func() bool {
			runs := w.runs("hourly")
			return len(runs) > i
		})
		w.to(s.NextAt.Add(time.Duration(i)*time.Hour + time.Minute))
		paused.Resume()
		w.UntilBox(30*time.Second, "for everyone", func() bool { return len(w.told("All is well.")) >= (i+1)*len(people) })
	}
	runs := w.runs("hourly")
	if len(runs) != 3 {
		t.Fatalf("recorded are %+v", runs)
	}
	for _, o := range runs {
		if o.State != gateway.OccurrenceFired {
			t.Errorf("the run %s was %s %s", o.Run, o.State, o.Reason)
		}
	}
	if got := w.told("All is well."); len(got) != 3*len(people) {
		t.Errorf("%d messages for %d people and 3 runs", len(got), len(people))
	}
}

// TestTwoHundredMissedByTwo: two schedulers are frozen by SIGSTOP over 200 runs, which is longer than any lease, and go on at the
// same moment; then one is frozen over 10 more while the other works, and comes back. Each run has one outcome with its
// reason, and each of the two catching up tells everybody once.
func TestTwoHundredMissedByTwo(t *testing.T) {
	t.Parallel()
	w := &clocked{World: apptest.New(t, apptest.Options{Storage: shared.Storage(t)})}
	w.Launch("api,relay,sender,inbound")
	one, two := w.Launch("scheduler"), w.Launch("scheduler")
	people := apptest.PeopleWith("s", apptest.Numbers(t, 3))
	w.Apply("harbour")
	w.Join("harbour", people)
	one.Pause()
	two.Pause()
	s := w.put("often", gateway.DocumentSchedule{Cron: "*/5 * * * *", Window: 10, Send: sends("All is well.")})
	const missed, more = 200, 10
	caughtUp := func(n, messages int) {
		t.Helper()
		w.Until(20*time.Second, "for the outcomes", func() bool { return len(w.runs("often")) >= n })
		w.UntilBox(20*time.Second, "for everyone", func() bool { return len(w.told("All is well.")) >= messages })
	}
	w.to(s.NextAt.Add((missed-1)*5*time.Minute + 30*time.Second))
	one.Resume()
	two.Resume()
	caughtUp(missed, len(people))
	one.Pause()
	w.to(s.NextAt.Add((missed+more-1)*5*time.Minute + 30*time.Second))
	caughtUp(missed+more, 2*len(people))
	one.Resume()
	w.to(s.NextAt.Add((missed+more-1)*5*time.Minute + time.Minute))
	runs := w.runs("often")
	outcomes := map[string]int{}
	names := map[string]bool{}
	for _, o := range runs {
		outcomes[string(o.State)+" "+string(o.Reason)]++
		names[o.Run] = true
	}
	if len(runs) != missed+more || len(names) != missed+more || outcomes["fired "] != 2 || outcomes["skipped "+string(gateway.RunSuperseded)] != missed+more-2 {
		t.Errorf("%d runs with %d names, and their outcomes %v", len(runs), len(names), outcomes)
	}
	if got := w.told("All is well."); len(got) != 2*len(people) {
		t.Errorf("%d messages for %d people who are told twice", len(got), len(people))
	}
}
