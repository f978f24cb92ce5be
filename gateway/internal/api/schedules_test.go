package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/scheduler"
)

// sends makes ready what a run sends, as fan-out does; it refuses what has no topic that a group has.
type sends struct{}

func (sends) Holidays(context.Context, gateway.ID, string, civil.Wall) ([]string, error) {
	return nil, gateway.ErrNotFound
}

func (sends) Ready(_ context.Context, p scheduler.Performance) (*gateway.ReadyBroadcast, error) {
	a := p.Schedule.Action.Broadcast
	if a == nil || a.Audience.Topic != "reports" {
		return nil, gateway.Faultf(gateway.CodeInvalid, "audience: the group has no such topic")
	}
	policy := gateway.PolicyOf(gateway.Report)
	at := p.Occurrence.At
	return &gateway.ReadyBroadcast{Fingerprint: []byte("run"), Broadcast: gateway.Broadcast{ID: gateway.NewID(), GroupID: p.Schedule.GroupID, Key: p.Occurrence.BroadcastKey(), Kind: a.Kind, Class: gateway.Report, Audience: a.Audience, Words: a.Words,
		Policy: policy, CreatedAt: at, StartAt: at, ExpiresAt: at.Add(policy.Expires)}}, nil
}

func (sends) Look() {}

// schedule makes a schedule of Berlin with one run that is asked about, and gives the name of that run.
func (w *world) schedule(name string) string {
	ctx := w.t.Context()
	s, _, err := w.server.Schedules.Put(ctx, w.berlin, gateway.DocumentSchedule{Name: name, Cron: "0 9 * * MON", Send: &gateway.DocumentSend{Kind: gateway.KindReport, Topic: "reports", Words: map[string]string{"en": "Hello."}}}.Schedule())
	must(w.t, err)
	o := gateway.Occurrence{GroupID: s.GroupID, ScheduleID: s.ID, Run: "asked " + gateway.NewID().String(), At: w.clock.Now(), State: gateway.OccurrenceAsked, Reason: gateway.RunLate}
	must(w.t, w.store.Decide(ctx, o, nil))
	return o.Run
}

func TestSchedules(t *testing.T) {
	w := newWorld(t)
	useSchedules(t, w, client.New(w.url, gateway.Private(w.tokens["berlin author"]), nil), "berlin author")
}

// useSchedules has Berlin write a weekly report, look at its runs, pause it and let it go on, run it now and take it away.
func useSchedules(t *testing.T, w *world, c *client.Client, by string) {
	t.Helper()
	ctx := t.Context()
	d := gateway.DocumentSchedule{Cron: "0 9 * * MON", Zone: gateway.ZoneMember, Except: []string{"2026-12-28"}, Send: &gateway.DocumentSend{Kind: gateway.KindReport, Topic: "reports", Words: map[string]string{"en": "All is well."}}}
	runs, err := c.PreviewSchedule(ctx, "berlin", d, client.Runs{From: time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC), Zone: "Pacific/Apia", Number: 3})
	must(t, err)
	if len(runs) != 3 || runs[0].Run != "2026-12-21T09:00" || runs[0].Local != "2026-12-21T09:00:00+13:00" || runs[1].LeftOut != gateway.RunExcepted {
		t.Errorf("the preview is %+v", runs)
	}
	s, err := c.PutSchedule(ctx, "berlin", "weekly-report", d)
	must(t, err)
	if s.Zone != gateway.ZoneMember || s.Late != gateway.LateOnce || s.Window != 720 || s.Revision != 1 || s.Author != by || !strings.HasSuffix(s.Next, "T09:00") || s.Send.Words["en"] != "All is well." {
		t.Errorf("kept is %+v", s)
	}
	again, err := c.PutSchedule(ctx, "berlin", "weekly-report", d)
	must(t, err)
	if again.ID != s.ID || again.Next != s.Next || again.Revision != 2 {
		t.Errorf("put again it is %+v", again)
	}
	next, err := c.NextRuns(ctx, "berlin", "weekly-report", client.Runs{Number: 2})
	must(t, err)
	if len(next) != 2 || next[0].Zone != "Europe/Berlin" {
		t.Errorf("the next runs are %+v", next)
	}
	until := w.clock.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	paused, err := c.PauseSchedule(ctx, "berlin", "weekly-report", until, false)
	must(t, err)
	if !paused.Paused || !paused.PausedUntil.Equal(until) || paused.Next != s.Next {
		t.Errorf("paused it is %+v", paused)
	}
	held, err := c.NextRuns(ctx, "berlin", "weekly-report", client.Runs{Number: 2})
	must(t, err)
	if first := held[0].Nominal.Fields().Add(-gateway.FarthestAhead); first.Before(until) != (held[0].LeftOut == gateway.RunPaused) || held[1].LeftOut == gateway.RunPaused {
		t.Errorf("paused until %s its next runs are %+v", until, held)
	}
	resumed, err := c.ResumeSchedule(ctx, "berlin", "weekly-report")
	must(t, err)
	if resumed.Paused {
		t.Errorf("resumed it is %+v", resumed)
	}
	o, err := c.RunSchedule(ctx, "berlin", "weekly-report", "")
	must(t, err)
	if o.State != gateway.OccurrenceFired || o.Reason != gateway.RunByHand || o.By != by || o.BroadcastID.IsZero() {
		t.Errorf("a run by hand became %+v", o)
	}
	if _, err := c.RunSchedule(ctx, "berlin", "weekly-report", o.Run); err == nil {
		t.Error("a run was done twice")
	}
	if _, err := c.SkipRun(ctx, "berlin", "weekly-report", "2026-01-05T09:00"); err == nil {
		t.Error("a run was left out of which nothing is recorded")
	}
	all, err := c.Occurrences(ctx, "berlin", "weekly-report", 10)
	must(t, err)
	if len(all) != 1 || all[0] != o {
		t.Errorf("recorded is %+v", all)
	}
	list, err := c.Schedules(ctx, "berlin")
	must(t, err)
	if len(list) != 1 {
		t.Errorf("listed are %+v", list)
	}
	week, err := c.WeekText(ctx, "berlin", "reports", "sw")
	must(t, err)
	if week.Locale != "sw" || week.Text != "reports" {
		t.Errorf("the week ahead is %+v", week)
	}
	must(t, c.DeleteSchedule(ctx, "berlin", "weekly-report"))
	if _, err := c.Schedule(ctx, "berlin", "weekly-report"); err == nil {
		t.Error("it is still there")
	}
}

func TestRefusedSchedules(t *testing.T) {
	w := newWorld(t)
	send := `"send":{"kind":"report","topic":"reports","words":{"en":"x"}}`
	for body, why := range map[string]string{
		`{` + send + `}`:                     "one of both",
		`{"cron":"0 0 30 2 *",` + send + `}`: "never runs",
		`{"cron":"0 9 * * *","ends":"2020-01-01T00:00",` + send + `}`:        "never runs from now on",
		`{"cron":"0 * * * *","zone":"member",` + send + `}`:                  "hours apart",
		`{"cron":"0 9 * * *","zone":"Mars/Base",` + send + `}`:               "no time zone",
		`{"cron":"0 9 * * *","late":"never",` + send + `}`:                   "no policy",
		`{"cron":"0 9 * * *","late":"skip","window_minutes":5,` + send + `}`: "once only",
		`{"cron":"0 9 * * *","except":["Christmas"],` + send + `}`:           "no date",
		`{"cron":"0 9 * * *","starts":"2026-01-01 09:00",` + send + `}`:      "2026-03-29T02:30",
		`{"rrule":"FREQ=DAILY",` + send + `}`:                                "start is missing",
		`{"cron":"0 9 * * *","start":"2026-01-05T09:00",` + send + `}`:       "recurrence rule",
		`{"cron":"0 9 * * *"}`: "no such topic",
		`{"cron":"0 9 24 12 *","except":["2026-12-24"],"ends":"2027-01-01",` + send + `}`: "never runs from now on",
	} {
		r := w.want(422, ask{method: http.MethodPut, path: "/api/v1/groups/berlin/schedules/weekly", token: "berlin author", body: body}, nil)
		if !strings.Contains(string(r.body), why) {
			t.Errorf("%s: %s, want something about %q", body, r.body, why)
		}
	}
}

// No scheduler ran for two days when somebody changes the hour: the runs that were due have their outcomes, and one that is due by the
// old rule and by the new is still to be done.
func TestAChangeLosesNoRun(t *testing.T) {
	w := newWorld(t)
	c, ctx := client.New(w.url, gateway.Private(w.tokens["berlin author"]), nil), t.Context()
	d := gateway.DocumentSchedule{Cron: "0 9 * * *", Send: &gateway.DocumentSend{Kind: gateway.KindReport, Topic: "reports", Words: map[string]string{"en": "All is well."}}}
	first, err := c.PutSchedule(ctx, "berlin", "daily", d)
	must(t, err)
	w.clock.wind(first.NextAt.Add(25 * time.Hour).Sub(w.clock.Now()))
	d.Except = []string{"2040-01-01"}
	kept, err := c.PutSchedule(ctx, "berlin", "daily", d)
	must(t, err)
	all, err := c.Occurrences(ctx, "berlin", "daily", 10)
	must(t, err)
	if kept.Next != first.Next || len(all) != 0 {
		t.Errorf("with the same hours it stands at %s, not at %s, and recorded is %+v", kept.Next, first.Next, all)
	}
	d.Cron = "0 17 * * *"
	moved, err := c.PutSchedule(ctx, "berlin", "daily", d)
	must(t, err)
	if all, err = c.Occurrences(ctx, "berlin", "daily", 10); err != nil || len(all) != 2 || !moved.NextAt.After(w.clock.Now()) {
		t.Fatalf("at another hour it stands at %s, and recorded is %+v, %v", moved.Next, all, err)
	}
	for _, o := range all {
		if o.State != gateway.OccurrenceSkipped || o.Reason != gateway.RunChanged || !strings.Contains(o.Run, "T09:00") {
			t.Errorf("a run that was due became %+v", o)
		}
	}
}
