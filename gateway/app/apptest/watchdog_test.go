package apptest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// read lists what a number got.
func (c *clocked) read(number string) (texts []string) {
	for _, e := range c.Box.Log(0, 0) {
		if e.Kept && e.To == number {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func (c *clocked) findings() []gateway.Finding {
	c.T.Helper()
	status, err := c.API.Status(c.T.Context())
	if err != nil {
		c.T.Fatal(err)
	}
	return status.Findings
}

// passing lets time pass, quickly and in steps that no sign of life is too short for, until done says true.
func (c *clocked) passing(limit time.Duration, what string, done func() bool) {
	c.T.Helper()
	stepped := time.Now()
	c.Until(limit, what, func() bool {
		if time.Since(stepped) > 2200*time.Millisecond {
			c.to(time.Now().Add(c.wound + 10*time.Second))
			stepped = time.Now()
		}
		return done()
	})
}

// TestTheSchedulerDies: two processes share the work. The only scheduler is killed, and a run is due. The watchdog of the
// other tells the operators, shows it on /readyz, and no heartbeat goes out any more. With a new scheduler the run is done,
// the operators hear that all is well, and the heartbeat comes back.
func TestTheSchedulerDies(t *testing.T) {
	t.Parallel()
	var pings atomic.Int64
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { pings.Add(1) }))
	defer outside.Close()
	w := &clocked{World: apptest.New(t, apptest.Options{Storage: shared.Storage(t), More: fmt.Sprintf("contacts: harbour\nwatchdog: {ping: %q, every: 1s}", outside.URL)})}
	rest := w.Launch("api,relay,sender,inbound")
	scheduler := w.Launch("scheduler")
	numbers := apptest.Numbers(t, 6)
	owner := numbers[0]
	owned(w.World, apptest.PeopleWith("s", numbers[1:]), owner, func(*gateway.Group) {})
	s := w.put("daily", gateway.DocumentSchedule{Cron: "0 9 * * *", Window: 60, Send: sends("All is well.")})
	w.Until(20*time.Second, "for the heartbeat", func() bool { return pings.Load() > 0 })
	if found := w.findings(); len(found) > 0 {
		t.Fatalf("found are %+v", found)
	}

	scheduler.Kill()
	w.to(s.NextAt.Add(3 * time.Minute))
	is := func(code gateway.FindingCode) func(gateway.Finding) bool {
		return func(f gateway.Finding) bool { return f.Code == code }
	}
	w.passing(90*time.Second, "for the watchdog", func() bool { return slices.ContainsFunc(w.findings(), is(gateway.RunsLate)) })
	heard := pings.Load()
	w.UntilBox(30*time.Second, "for the operators to be told", func() bool {
		return slices.ContainsFunc(w.read(owner), func(text string) bool { return strings.Contains(text, "found: runs-late") })
	})
	w.passing(90*time.Second, "for the missing role", func() bool { return slices.ContainsFunc(w.findings(), is(gateway.RoleMissing)) })
	w.Until(30*time.Second, "for /readyz", func() bool {
		answer, err := http.Get(rest.URL + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("/readyz: %d %s", answer.StatusCode, body)
		}
		return strings.Contains(string(body), `"code":"runs-late"`)
	})
	if n := pings.Load(); n != heard {
		t.Errorf("%d heartbeats went out while a run was late", n-heard)
	}

	w.Launch("scheduler")
	w.passing(90*time.Second, "for all to be well", func() bool { return len(w.findings()) == 0 })
	w.Until(20*time.Second, "for the heartbeat", func() bool { return pings.Load() > heard })
	w.UntilBox(20*time.Second, "for the end to be told", func() bool {
		return slices.ContainsFunc(w.read(owner), func(text string) bool { return strings.Contains(text, "well again: runs-late") })
	})
	if runs := w.runs("daily"); len(runs) != 1 || runs[0].State != gateway.OccurrenceFired {
		t.Errorf("recorded are %+v", runs)
	}
	told := map[string]int{}
	for _, text := range w.read(owner) {
		told[text]++
	}
	for text, n := range told {
		if n > 1 {
			t.Errorf("told %d times: %q", n, text)
		}
	}
}

// TestNobodyDecides: a run is asked about. The group's owner is told, once; when a person has decided, nothing is left of it.
// The heartbeat goes on: an instance is not ill because somebody has to decide.
func TestNobodyDecides(t *testing.T) {
	t.Parallel()
	var pings atomic.Int64
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { pings.Add(1) }))
	defer outside.Close()
	w := &clocked{World: apptest.New(t, apptest.Options{More: fmt.Sprintf("watchdog: {ping: %q, every: 1s}", outside.URL)})}
	w.Start()
	numbers := apptest.Numbers(t, 3)
	owner := numbers[0]
	owned(w.World, apptest.PeopleWith("s", numbers[1:]), owner, func(*gateway.Group) {})
	s := w.put("daily", gateway.DocumentSchedule{Cron: "0 9 * * *", Late: gateway.LateAsk, Send: sends("All is well.")})
	w.Stop()
	w.to(s.NextAt.Add(time.Hour))
	w.Start()
	w.Until(20*time.Second, "for the run to be asked about", func() bool { return len(w.runs("daily")) == 1 })
	undecided := func() (found []gateway.Finding) { // and nothing else: after a day without Telegram it is also said what nobody heard
		return slices.DeleteFunc(w.findings(), func(f gateway.Finding) bool { return f.Code != gateway.RunUndecided })
	}
	w.passing(30*time.Second, "for the watchdog", func() bool { return len(undecided()) == 1 })
	f := undecided()[0]
	if f.Name != "daily" || f.Part != s.Next || !strings.Contains(f.Text, "schedule skip") {
		t.Errorf("found is %+v", f)
	}
	w.UntilBox(20*time.Second, "for the owner to be told", func() bool { return len(w.read(owner)) > 0 })
	before := pings.Load()
	w.Until(20*time.Second, "for the heartbeat", func() bool { return pings.Load() > before })
	if _, err := w.API.SkipRun(t.Context(), "harbour", "daily", s.Next); err != nil {
		t.Fatal(err)
	}
	w.passing(30*time.Second, "for nothing to be left", func() bool { return len(undecided()) == 0 })
	if texts := w.read(owner); len(texts) != 1 || !strings.Contains(texts[0], "waits for you to decide") {
		t.Errorf("the owner read %q", texts)
	}
}
