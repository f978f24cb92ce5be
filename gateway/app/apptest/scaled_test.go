package apptest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// roles are those that every gateway needs somebody for.
var roles = []string{"api", "scheduler", "relay", "sender", "inbound"}

// launchAll starts a process for each role.
func launchAll(w *apptest.World) map[string]*apptest.Process {
	all := map[string]*apptest.Process{}
	for _, role := range roles {
		all[role] = w.Launch(role)
	}
	return all
}

// TestRolesInFiveProcesses: five processes with a role each deliver a report and an alert, hear the receipts, and a STOP that
// one of them hears keeps another from sending.
func TestRolesInFiveProcesses(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Storage: shared.Storage(t)})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 300))
	launchAll(w)
	w.Apply("harbour")
	w.Join("harbour", people)
	const text = "The roof is mended."
	id := w.Report("harbour", "week-47", text)
	w.Until(time.Minute, "for the receipts", func() bool { return w.Counts("harbour", id)["delivered"] == len(people) })

	status, err := w.API.Status(t.Context())
	if err != nil || status.Profile != "scaled" || len(status.Processes) != len(roles) || strings.Join(status.Roles, ",") != "api" {
		t.Errorf("the status is %+v, %v", status, err)
	}

	began := time.Now()
	alert := w.Submit("harbour", gateway.Draft{Kind: gateway.KindAlert, Key: "storm", Audience: gateway.Audience{Topic: "alerts"}, Words: apptest.Words("A storm is coming.")})
	w.UntilBox(10*time.Second, "for the first alert", func() bool {
		for _, e := range w.Box.Log(0, 0) {
			if e.Text == "A storm is coming." {
				return true
			}
		}
		return false
	})
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("the first alert left after %v: the processes wait for sweeps instead of telling each other", took)
	}
	w.Until(time.Minute, "for the receipts of the alert", func() bool { return w.Counts("harbour", alert)["delivered"] == len(people) })

	if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: people[0].SMS, To: apptest.Number, Text: "STOP"}); err != nil {
		t.Fatal(err)
	}
	w.Until(20*time.Second, "for the STOP", func() bool {
		members, err := w.API.Members(t.Context(), "harbour", 0)
		for _, m := range members {
			if m.Points[0].State == gateway.PointStopped {
				return err == nil
			}
		}
		return false
	})
	next := w.Report("harbour", "week-48", "The night bus runs again.")
	w.Until(time.Minute, "for the receipts of the next one", func() bool { return w.Counts("harbour", next)["delivered"] == len(people)-1 })
	clean(t, w.Audit("harbour", id, people, text))
}

// TestRollingRestart: while a report is on its way every process is stopped and replaced, one after the other, as an upgrade
// does. Nobody is missing, nobody is told twice, nothing is in doubt, and no request of the group fails.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Storage: shared.Storage(t), Rate: 100})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 3000))
	var running []*apptest.Process
	for range 2 {
		running = append(running, w.Launch("api,scheduler,inbound"), w.Launch("relay,sender"))
	}
	w.Apply("harbour")
	w.Join("harbour", people)
	const text = "The roof is mended."
	id := w.Report("harbour", "week-47", text)
	w.UntilBox(20*time.Second, "for the first ones", func() bool { return w.Box.Stats().Received > 100 })
	for i, old := range running {
		running[i] = w.Launch(old.Roles)
		old.Stop()
		w.Counts("harbour", id) // fails the test if nobody answers
	}
	if n := w.Box.Stats().Received; n >= uint64(len(people)) {
		t.Fatal("the report had arrived before the last process was replaced: it tells nothing")
	}
	w.Settled(2*time.Minute, "harbour", id)
	books := w.Audit("harbour", id, people, text)
	t.Logf("by the ledger: %v", books.States)
	clean(t, books)
	if books.States["delivered"] != len(people) {
		t.Errorf("delivered are %d of %d", books.States["delivered"], len(people))
	}
	if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 {
		t.Errorf("the providers kept %d duplicates", s.Duplicates)
	}
}

// TestKilledAndPaused: of three processes with all roles one is killed while a report is on its way, and one is paused until
// its claims have run out, and then resumed. Nobody is missing and nobody is told twice; in doubt are at most the senders of
// those two.
func TestKilledAndPaused(t *testing.T) {
	t.Parallel()
	const senders = 4
	w := apptest.New(t, apptest.Options{Storage: shared.Storage(t), Rate: 200, Senders: senders})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 1500))
	processes := []*apptest.Process{w.Launch(""), w.Launch(""), w.Launch("")}
	w.Apply("harbour")
	w.Join("harbour", people)
	const text = "The roof is mended."
	id := w.Report("harbour", "week-47", text)
	w.UntilBox(20*time.Second, "for the first ones", func() bool { return w.Box.Stats().Received > 100 })
	processes[0].Kill()
	w.UntilBox(20*time.Second, "for the others to go on", func() bool { return w.Box.Stats().Received > 400 })
	processes[1].Pause()
	w.UntilBox(20*time.Second, "for the last one to go on", func() bool { return w.Box.Stats().Received > 600 })
	w.Wind(time.Minute) // claims run out
	processes[1].Resume()
	w.Settled(time.Minute, "harbour", id)
	books := w.Audit("harbour", id, people, text)
	t.Logf("by the ledger: %v", books.States)
	clean(t, books)
	if most := 2 * (senders + apptest.UrgentSenders); books.InDoubt > most {
		t.Errorf("%d are in doubt; at most %d may be", books.InDoubt, most)
	}
	if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 {
		t.Errorf("the providers kept %d duplicates", s.Duplicates)
	}
}

// TestKilledPoller: two processes hear, behind a home router, so that one of them polls each channel. The one that polls is
// killed; what members write is heard by the other before long, and once.
func TestKilledPoller(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Storage: shared.Storage(t), Polled: true})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 10))
	w.Launch("api,scheduler,relay,sender")
	first := w.Launch("inbound")
	w.Apply("harbour")
	w.Join("harbour", people)
	write := func(from int, text string) {
		t.Helper()
		if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: people[from].SMS, To: apptest.Number, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	heard := func() int { return len(w.Inbox("harbour")) }
	write(0, "one")
	w.Until(20*time.Second, "for the first message", func() bool { return heard() == 1 })
	second := w.Launch("inbound")
	first.Kill()
	write(1, "two")
	w.Until(40*time.Second, "for the other to poll", func() bool { return heard() == 2 })
	third := w.Launch("inbound")
	second.Stop() // gives its duties back
	began := time.Now()
	write(2, "three")
	w.Until(20*time.Second, "for the third to poll", func() bool { return heard() == 3 })
	t.Logf("after a stop the next one polls within %v", time.Since(began).Round(100*time.Millisecond))
	third.Stop()
}

// TestChannelChangedElsewhere: a person holds the reports of a channel at one process, while another is sending one: nothing
// of it leaves any more, and an alert passes. Then she gives the channel another number, which is used from then on.
func TestChannelChangedElsewhere(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Storage: shared.Storage(t)})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 200))
	launchAll(w)
	w.Apply("harbour")
	w.Join("harbour", people)
	end := slow(w)
	const report, alarm = "The roof is mended.", "A storm is coming."
	id := w.Report("harbour", "week-47", report)
	underWay(w, id)
	channel := w.Channel("sms")
	if err := w.API.PauseChannel(t.Context(), "", channel.ID, true); err != nil {
		t.Fatal(err)
	}
	held := time.Now()
	alert := w.Submit("harbour", gateway.Draft{Kind: gateway.KindAlert, Key: "storm", Audience: gateway.Audience{Topic: "alerts"}, Words: apptest.Words(alarm)})
	w.Until(time.Minute, "for the alert", func() bool { return w.Counts("harbour", alert)["delivered"] == len(people) })
	if n := len(late(w, held.Add(soon/2), func(e sandbox.Entry) bool { return e.Text == report })); n > 0 {
		t.Errorf("%d reports left a second after they were held", n)
	}
	if w.Counts("harbour", id)["waiting"] == 0 {
		t.Error("no report waits: the story tells nothing")
	}
	end()

	const other = "+12025550101"
	w.Box.Account(sandbox.Account{SID: apptest.Account, Token: apptest.Token, SMSURL: w.URL + "/hooks/sms", Numbers: []string{apptest.Number, other}})
	options := fmt.Sprintf(`{"account_sid":%q,"auth_token":%q,"from":%q,"segments_per_second":100000,"base_url":%q}`, apptest.Account, apptest.Token, other, w.Wall)
	if _, err := w.API.PutChannel(t.Context(), "", client.NewChannel{Name: "sms", Adapter: "sms", Senders: 8, Options: []byte(options)}); err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	if err := w.API.ResumeChannel(t.Context(), "", channel.ID, false); err != nil {
		t.Fatal(err)
	}
	w.Until(time.Minute, "for the reports", func() bool { return w.Counts("harbour", id)["delivered"] == len(people) })
	if n := len(late(w, changed.Add(soon/2), func(e sandbox.Entry) bool { return e.From != other })); n > 0 {
		t.Errorf("%d reports left over the old number", n)
	}
	if n := len(late(w, changed, func(e sandbox.Entry) bool { return e.From == other })); n == 0 {
		t.Error("no report left over the new number")
	}
	clean(t, w.Audit("harbour", id, people, report))
}
