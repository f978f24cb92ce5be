package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

// book is a ledger of one schedule, as storetest holds the real ones to be.
type book struct {
	mu    sync.Mutex
	now   time.Time
	s     gateway.TimelySchedule
	runs  []gateway.Occurrence
	sent  map[string]time.Duration // key of the broadcast → how late somebody may be
	ready func(scheduler.Performance) error
	late  time.Duration
	ticks int
	days  []string // of the calendar holidays
}

func (b *book) DueSchedules(context.Context, int) (gateway.Timely, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ticks++
	found := gateway.Timely{Now: b.now}
	switch {
	case b.s.Run == "":
	case b.s.At.After(b.now):
		found.Next = b.s.At
	default:
		found.Schedules = []gateway.TimelySchedule{b.s}
	}
	return found, nil
}

func (b *book) Fire(_ context.Context, f gateway.Firing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.Revision != b.s.Revision || f.Run != b.s.Run {
		return gateway.ErrStale
	}
	b.s.Run, b.s.At = f.Next, f.At
	for i := range b.runs {
		if f.Supersede && b.runs[i].State == gateway.OccurrenceAsked {
			b.runs[i].State, b.runs[i].Reason = gateway.OccurrenceSkipped, gateway.RunSuperseded
		}
	}
	for _, o := range f.Occurrences {
		if slices.ContainsFunc(b.runs, func(was gateway.Occurrence) bool { return was.Run == o.Run }) {
			continue
		}
		if o.State == gateway.OccurrenceFired {
			b.sent[f.Send.Broadcast.Key] = b.late
		}
		b.runs = append(b.runs, o)
	}
	return nil
}

func (b *book) Retime(_ context.Context, f gateway.Firing) error {
	b.s.Run, b.s.At = f.Next, f.At
	return nil
}

func (b *book) Timings(context.Context, gateway.ID, int) ([]gateway.TimelySchedule, error) {
	return []gateway.TimelySchedule{b.s}, nil
}

func (b *book) Decide(context.Context, gateway.Occurrence, *gateway.ReadyBroadcast) error { return nil }

func (b *book) Ready(_ context.Context, p scheduler.Performance) (*gateway.ReadyBroadcast, error) {
	if b.ready != nil {
		if err := b.ready(p); err != nil {
			return nil, err
		}
	}
	b.late = p.Late
	return &gateway.ReadyBroadcast{Broadcast: gateway.Broadcast{Key: p.Occurrence.BroadcastKey()}}, nil
}

func (b *book) Holidays(_ context.Context, _ gateway.ID, calendar string, _ civil.Wall) ([]string, error) {
	if calendar != "holidays" {
		return nil, gateway.ErrNotFound
	}
	return b.days, nil
}

func (b *book) Look() {}

// begin keeps a schedule at a time, and stands at its first run.
func begin(t rapid.TB, timing gateway.Timing, at string) *book {
	t.Helper()
	now := instant(t, at)
	timing, err := scheduler.Check(timing, "Europe/Berlin", now)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{now: now, sent: map[string]time.Duration{}, s: gateway.TimelySchedule{GroupZone: "Europe/Berlin", Schedule: gateway.Schedule{ID: gateway.NewID(), Name: "weekly", Revision: 1, Timing: timing}}}
	run, look, err := scheduler.First(timing, "Europe/Berlin", now)
	if err != nil {
		t.Fatal(err)
	}
	b.s.Run, b.s.At = run, look
	return b
}

func instant(t rapid.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// tick has a ticker look once.
func (b *book) tick(t rapid.TB) {
	t.Helper()
	if _, err := scheduler.NewTicker(b, b, scheduler.Options{}).Tick(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (b *book) told() string {
	var all []string
	for _, o := range b.runs {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Run, o.State, o.Reason)))
	}
	return strings.Join(all, "; ")
}

// TestWhatBecomesOfRuns winds the clock to some times one after another, and tells what is recorded then.
func TestWhatBecomesOfRuns(t *testing.T) {
	daily := gateway.Timing{Cron: "0 9 * * *"}
	with := func(change func(*gateway.Timing)) gateway.Timing {
		c := daily
		change(&c)
		return c
	}
	for _, c := range []struct {
		name   string
		timing gateway.Timing
		begin  string
		clock  string // times at which it is looked
		want   string
	}{
		{"on time, each once", daily, "2026-03-02T00:00:00Z", "2026-03-02T07:59:59Z 2026-03-02T08:00:00Z 2026-03-02T08:00:00Z 2026-03-03T08:00:59Z",
			"2026-03-02T09:00+01:00 fired; 2026-03-03T09:00+01:00 fired"},
		{"late within its window: once, under its own name", daily, "2026-03-02T00:00:00Z", "2026-03-02T15:00:00Z", "2026-03-02T09:00+01:00 fired late"},
		{"of several the newest", daily, "2026-03-02T00:00:00Z", "2026-03-04T10:00:00Z",
			"2026-03-02T09:00+01:00 skipped superseded; 2026-03-03T09:00+01:00 skipped superseded; 2026-03-04T09:00+01:00 fired late"},
		{"beyond its window", daily, "2026-03-02T00:00:00Z", "2026-03-02T20:00:01Z", "2026-03-02T09:00+01:00 skipped late"},
		{"a window of its own", with(func(t *gateway.Timing) { t.Window = 30 }), "2026-03-02T00:00:00Z", "2026-03-02T08:30:01Z", "2026-03-02T09:00+01:00 skipped late"},
		{"the one after a late one comes on time", daily, "2026-03-02T00:00:00Z", "2026-03-02T15:00:00Z 2026-03-03T08:00:00Z", "2026-03-02T09:00+01:00 fired late; 2026-03-03T09:00+01:00 fired"},
		{"skip and note", with(func(t *gateway.Timing) { t.Late = gateway.LateSkip }), "2026-03-02T00:00:00Z", "2026-03-03T09:00:00Z 2026-03-04T08:00:30Z",
			"2026-03-02T09:00+01:00 skipped late; 2026-03-03T09:00+01:00 skipped late; 2026-03-04T09:00+01:00 fired"},
		{"ask about the newest", with(func(t *gateway.Timing) { t.Late = gateway.LateAsk }), "2026-03-02T00:00:00Z", "2026-03-03T09:00:00Z", "2026-03-02T09:00+01:00 skipped superseded; 2026-03-03T09:00+01:00 asked late"},
		{"nobody answered until the next", with(func(t *gateway.Timing) { t.Late = gateway.LateAsk }), "2026-03-02T00:00:00Z", "2026-03-02T09:00:00Z 2026-03-03T08:00:00Z",
			"2026-03-02T09:00+01:00 skipped superseded; 2026-03-03T09:00+01:00 fired"},
		{"dates left out", with(func(t *gateway.Timing) { t.Except, t.Holidays = []string{"2026-03-03"}, []string{"2026-03-04"} }), "2026-03-02T00:00:00Z", "2026-03-04T09:00:00Z 2026-03-05T08:00:00Z",
			"2026-03-02T09:00+01:00 skipped late; 2026-03-03T09:00+01:00 skipped excepted; 2026-03-04T09:00+01:00 skipped holiday; 2026-03-05T09:00+01:00 fired"},
		{"a date left out supersedes nothing", with(func(t *gateway.Timing) { t.Except, t.Window = []string{"2026-03-03"}, 2*24*60 }), "2026-03-02T00:00:00Z", "2026-03-03T09:00:00Z",
			"2026-03-02T09:00+01:00 fired late; 2026-03-03T09:00+01:00 skipped excepted"},
		{"it starts and it ends", with(func(t *gateway.Timing) { t.Starts, t.Ends = wall("2026-03-03T09:00"), wall("2026-03-04T09:00") }), "2026-03-02T00:00:00Z", "2026-03-02T08:00:00Z 2026-03-03T08:00:00Z 2026-03-09T08:00:00Z", "2026-03-03T09:00+01:00 fired"},
		{"a clock that is set back repeats nothing", daily, "2026-03-02T00:00:00Z", "2026-03-02T08:00:00Z 2026-03-01T08:00:00Z 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z", "2026-03-02T09:00+01:00 fired; 2026-03-03T09:00+01:00 fired"},
		{"a clock that was a day ahead for a while", daily, "2026-03-02T00:00:00Z", "2026-03-03T08:00:00Z 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z 2026-03-04T08:00:00Z",
			"2026-03-02T09:00+01:00 skipped superseded; 2026-03-03T09:00+01:00 fired; 2026-03-04T09:00+01:00 fired"},
		{"a rhythm through a doubled hour", gateway.Timing{Cron: "30 * * * *"}, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-25T02:30:00Z",
			"2026-10-25T02:30+02:00 fired; 2026-10-25T02:30+01:00 fired; 2026-10-25T03:30+01:00 fired"},
		{"each member's own time is planned before the first zone's", with(func(t *gateway.Timing) { t.Zone = gateway.ZoneMember }), "2026-03-01T00:00:00Z", "2026-03-01T17:59:59Z 2026-03-01T18:00:00Z",
			"2026-03-02T09:00 fired"},
		{"for some it is too late, each zone is judged by itself", with(func(t *gateway.Timing) { t.Zone = gateway.ZoneMember }), "2026-03-01T00:00:00Z", "2026-03-02T12:00:00Z", "2026-03-02T09:00 fired late"},
		{"both days are under way", with(func(t *gateway.Timing) { t.Zone = gateway.ZoneMember }), "2026-03-01T00:00:00Z", "2026-03-02T20:00:00Z", "2026-03-02T09:00 fired late; 2026-03-03T09:00 fired late"},
		{"it is over everywhere", with(func(t *gateway.Timing) { t.Zone, t.Late = gateway.ZoneMember, gateway.LateSkip }), "2026-03-01T00:00:00Z", "2026-03-02T21:01:01Z", "2026-03-02T09:00 skipped late; 2026-03-03T09:00 fired late"},
		{"ask before anybody is told late", with(func(t *gateway.Timing) { t.Zone, t.Late, t.Cron = gateway.ZoneMember, gateway.LateAsk, "0 9 * * MON" }), "2026-03-01T00:00:00Z", "2026-03-01T19:02:00Z", "2026-03-02T09:00 asked late"},
	} {
		b := begin(t, c.timing, c.begin)
		for _, at := range strings.Fields(c.clock) {
			b.now = instant(t, at)
			b.tick(t)
		}
		if got := b.told(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		fired := strings.Count(c.want, "fired")
		if len(b.sent) != fired {
			t.Errorf("%s: %d were sent, want %d", c.name, len(b.sent), fired)
		}
	}
}

func wall(s string) (w civil.Wall) {
	if err := w.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return w
}

// TestHowLateAMemberMayBe holds the policy against one who is late because we were away.
func TestHowLateAMemberMayBe(t *testing.T) {
	for policy, want := range map[gateway.LatePolicy]time.Duration{gateway.LateOnce: 12 * time.Hour, gateway.LateSkip: gateway.OnTime, gateway.LateAsk: 0} {
		b := begin(t, gateway.Timing{Cron: "0 9 * * MON", Zone: gateway.ZoneMember, Late: policy}, "2026-03-01T00:00:00Z")
		b.now = instant(t, "2026-03-01T18:00:00Z")
		b.tick(t)
		for _, late := range b.sent {
			if late != want {
				t.Errorf("%s: %s, want %s", policy, late, want)
			}
		}
		if len(b.sent) != 1 {
			t.Errorf("%s: %s", policy, b.told())
		}
	}
}

// TestTwoHundredMissed: each has one outcome, the newest within its window is done.
func TestTwoHundredMissed(t *testing.T) {
	for _, missed := range []int{1, 5, 200, 950} {
		b := begin(t, gateway.Timing{Cron: "*/5 * * * *", Window: 10}, "2026-03-02T00:00:00Z")
		b.now = instant(t, "2026-03-02T00:00:00Z").Add(time.Duration(missed)*5*time.Minute + 3*time.Minute)
		b.tick(t)
		if len(b.runs) != missed || len(b.sent) != 1 || b.runs[missed-1].State != gateway.OccurrenceFired {
			t.Fatalf("of %d missed %d have an outcome, and %d were done", missed, len(b.runs), len(b.sent))
		}
		for _, o := range b.runs[:missed-1] {
			if o.State != gateway.OccurrenceSkipped || o.Reason != gateway.RunSuperseded {
				t.Fatalf("one of them was %s %s", o.State, o.Reason)
			}
		}
	}
}

// TestPausedSchedulerComesBack: one scheduler is paused between its decision and its write, the other does the run, and a
// minute later the first one goes on.
func TestPausedSchedulerComesBack(t *testing.T) {
	b := begin(t, gateway.Timing{Cron: "0 9 * * *"}, "2026-03-02T00:00:00Z")
	b.now = instant(t, "2026-03-02T08:00:00Z")
	paused, resume := make(chan struct{}), make(chan struct{})
	first := true
	b.ready = func(scheduler.Performance) error {
		if first {
			first = false
			close(paused)
			<-resume
		}
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.tick(t)
	}()
	<-paused
	b.tick(t)
	b.mu.Lock()
	b.now = b.now.Add(time.Minute)
	b.mu.Unlock()
	close(resume)
	<-done
	if got := b.told(); got != "2026-03-02T09:00+01:00 fired" || len(b.sent) != 1 {
		t.Errorf("recorded: %s; sent: %d", got, len(b.sent))
	}
}

// TestWhatCannotBeDone is recorded with its reason, unless trying again may help.
func TestWhatCannotBeDone(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{gateway.Faultf(gateway.CodeNobody, "nobody"), "2026-03-02T09:00+01:00 skipped nobody"},
		{gateway.Faultf(gateway.CodeConflict, "no channel serves this group"), "2026-03-02T09:00+01:00 failed fault"},
		{gateway.Faultf(gateway.CodeUnavailable, "busy"), ""},
		{context.DeadlineExceeded, ""},
	} {
		b := begin(t, gateway.Timing{Cron: "0 9 * * *"}, "2026-03-02T00:00:00Z")
		b.now = instant(t, "2026-03-02T08:00:00Z")
		b.ready = func(scheduler.Performance) error { return c.err }
		b.tick(t)
		if got := b.told(); got != c.want {
			t.Errorf("%v: recorded is %q, want %q", c.err, got, c.want)
		}
		b.ready = nil
		b.now = b.now.Add(10 * time.Second)
		b.tick(t)
		if c.want == "" && b.told() != "2026-03-02T09:00+01:00 fired" {
			t.Errorf("%v: tried again it is %q", c.err, b.told())
		}
	}
}

// TestNoClockIsFarther: nobody's clock is farther from Greenwich than what runs at each member's own time reckon with.
func TestNoClockIsFarther(t *testing.T) {
	for _, name := range zones(t) {
		loc, err := civil.Zone(name)
		if err != nil {
			continue // not one that people live in
		}
		for at := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC); at.Year() < 2037; at = at.AddDate(0, 1, 0) {
			if off := time.Duration(civil.Of(at, loc).Offset) * time.Second; off > gateway.FarthestAhead || off < -gateway.FarthestBehind {
				t.Fatalf("%s is %s from Greenwich at %s", name, off, at)
			}
		}
	}
}

// TestAnotherZone: a group moves, and its schedules keep their hours.
func TestAnotherZone(t *testing.T) {
	b := begin(t, gateway.Timing{Cron: "0 9 * * MON"}, "2026-03-02T12:00:00Z")
	b.s.GroupZone = "America/New_York"
	scheduler.NewTicker(b, b, scheduler.Options{}).Align(context.Background())
	if b.s.Run != "2026-03-09T09:00-04:00" || !b.s.At.Equal(instant(t, "2026-03-09T13:00:00Z")) {
		t.Errorf("it stands at %s, %s", b.s.Run, b.s.At)
	}
	was := b.s.Run
	scheduler.NewTicker(b, b, scheduler.Options{}).Align(context.Background())
	if b.s.Run != was {
		t.Errorf("aligned twice it stands at %s", b.s.Run)
	}
}

// TestAnyClock winds a clock in any way, with jumps of an hour and a day both ways and processes that stop and start: every
// run until the latest time that was seen has one outcome, no key is sent twice, and outcomes come in the order of their runs.
func TestAnyClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timing := gateway.Timing{
			Cron:   rapid.SampledFrom([]string{"0 9 * * *", "30 2 * * *", "30 * * * *", "*/20 1-3 * * *", "0 0 * * SUN"}).Draw(t, "cron"),
			Zone:   rapid.SampledFrom([]string{"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", gateway.ZoneGroup}).Draw(t, "zone"),
			Late:   rapid.SampledFrom([]gateway.LatePolicy{gateway.LateOnce, gateway.LateSkip, gateway.LateAsk}).Draw(t, "late"),
			Except: []string{"2026-03-30"},
		}
		b := begin(t, timing, rapid.SampledFrom([]string{"2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z", "2026-09-04T00:00:00Z"}).Draw(t, "begin"))
		start, latest := b.now, b.now
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			b.now = b.now.Add(time.Duration(rapid.SampledFrom([]int{1, 60, 600, 3600, 7200, 86400, -3600, -86400, 5 * 86400}).Draw(t, "jump")) * time.Second)
			if b.now.After(latest) {
				latest = b.now
			}
			b.tick(t)
		}
		b.now = latest
		b.tick(t)
		want := 0
		for at, last := start, ""; ; want++ {
			run, look, err := scheduler.First(timing, "Europe/Berlin", at)
			if err != nil {
				t.Fatal(err)
			}
			if run == "" || look.After(latest) {
				break
			}
			if want >= len(b.runs) || b.runs[want].Run != run {
				t.Fatalf("the run %s after %s has no outcome in its turn: %s", run, last, b.told())
			}
			at, last = look, run
		}
		if len(b.runs) != want {
			t.Fatalf("%d outcomes for %d runs", len(b.runs), want)
		}
		fired := 0
		for _, o := range b.runs {
			if o.State == gateway.OccurrenceFired {
				fired++
			}
		}
		if len(b.sent) != fired {
			t.Fatalf("%d fired, %d were sent", fired, len(b.sent))
		}
	})
}

// TestHolidaysOfACalendar: nothing is done on a day that a calendar has as a whole one, as it stands when the run is due; a calendar that
// is gone keeps nothing back, and one that never was is refused.
func TestHolidaysOfACalendar(t *testing.T) {
	b := begin(t, gateway.Timing{Cron: "0 9 * * *", HolidaysOf: "holidays", Except: []string{"2026-03-03"}}, "2026-03-02T00:00:00Z")
	b.days = []string{"2026-03-02"}
	for _, at := range []string{"2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z"} {
		b.now = instant(t, at)
		b.tick(t)
	}
	b.s.HolidaysOf = "gone"
	b.days = []string{"2026-03-05"}
	b.now = instant(t, "2026-03-05T08:00:00Z")
	b.tick(t)
	if got, want := b.told(), "2026-03-02T09:00+01:00 skipped holiday; 2026-03-03T09:00+01:00 skipped excepted; 2026-03-04T09:00+01:00 fired; 2026-03-05T09:00+01:00 fired"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	desk := scheduler.NewDesk(nil, b, func() time.Time { return b.now }, func() {})
	g := gateway.Group{Zone: "Europe/Berlin"}
	b.days = []string{"2026-03-07"}
	runs, err := desk.Preview(t.Context(), g, gateway.Timing{Cron: "0 9 * * *", HolidaysOf: "holidays"}, time.Time{}, "", 2)
	if err != nil || runs[0].LeftOut != "" || runs[1].LeftOut != gateway.RunHoliday {
		t.Errorf("%v, %+v", err, runs)
	}
	if _, err = desk.Preview(t.Context(), g, gateway.Timing{Cron: "0 9 * * *", HolidaysOf: "nothing"}, time.Time{}, "", 2); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		t.Errorf("a calendar that is not there: %v", err)
	}
}
