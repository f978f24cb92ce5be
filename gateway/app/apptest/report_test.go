package apptest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// TestAReportOfTwoGroups: two groups write a report that goes out every day at nine. The first edition is not approved when
// its hour comes, so a person is asked; she approves it and has the run done. The second is approved in time and leaves at
// nine. Each is read in each member's language, and the second tells whom the first reached. With nobody's word in it, the
// third run sends nothing and says why.
func TestAReportOfTwoGroups(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	w.Apply("harbour", "rivers")
	numbers := apptest.Numbers(t, 2)
	people := apptest.PeopleWith("s", numbers)
	people[1].Language = "de"
	w.Join("harbour", people)
	as := func(group string, role gateway.Role) *client.Client {
		made, err := w.API.CreateToken(ctx, group, role, string(role), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return client.New(w.URL, gateway.Private(made.Secret), nil)
	}
	author, approver, rivers := as("harbour", gateway.Author), as("harbour", gateway.Approver), as("rivers", gateway.Author)
	if _, err := w.API.PutSeries(ctx, "harbour", "harbour-report", gateway.DocumentSeries{Title: "Harbour report", Topic: "reports", Contributors: []string{"rivers"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := author.PutSchedule(ctx, "harbour", "daily", gateway.DocumentSchedule{Cron: "0 9 * * *", Report: "nothing"}); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("a schedule of no series: %v", err)
	}
	s, err := author.PutSchedule(ctx, "harbour", "daily", gateway.DocumentSchedule{Cron: "0 9 * * *", Report: "harbour-report"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Report != "harbour-report" || s.Send != nil {
		t.Errorf("the schedule is %+v", s.DocumentSchedule)
	}
	write := func(summary, summaryDE string) (edition int) {
		t.Helper()
		for _, said := range []struct {
			c     *client.Client
			group string
			d     gateway.DocumentContribution
		}{
			{author, "harbour", gateway.DocumentContribution{Section: gateway.SectionSummary, Texts: map[string]string{"en": summary, "de": summaryDE}}},
			{rivers, "rivers", gateway.DocumentContribution{Owner: "harbour", Section: gateway.SectionObjections, Credit: gateway.CreditAnonymous, Texts: map[string]string{"en": "Too few chairs."}}},
		} {
			said.d.Series = "harbour-report"
			kept, err := said.c.Contribute(ctx, said.group, said.d)
			if err != nil {
				t.Fatal(err)
			}
			edition = kept.Edition
		}
		return edition
	}
	told := func(number, part string) bool {
		for _, e := range w.Box.Log(0, 0) {
			if e.Kept && e.To == number && strings.Contains(e.Text, part) {
				return true
			}
		}
		return false
	}
	recorded := func(n int) gateway.Occurrence {
		t.Helper()
		w.Until(20*time.Second, "for the run", func() bool { return len(w.runs("daily")) >= n })
		return w.runs("daily")[n-1]
	}

	first := write("A good week.", "Eine gute Woche.")
	w.to(s.NextAt.Add(time.Second))
	o := recorded(1)
	if o.State != gateway.OccurrenceAsked || o.Reason != gateway.RunUnapproved || !strings.Contains(o.Detail, "approve it first") || len(w.Box.Log(0, 0)) != 0 {
		t.Fatalf("an edition that nobody has approved: %+v", o)
	}
	if _, err := approver.StepEdition(ctx, "harbour", "harbour-report", first, "approve"); err != nil {
		t.Fatal(err)
	}
	if o, err = author.RunSchedule(ctx, "harbour", "daily", o.Run); err != nil || o.State != gateway.OccurrenceFired {
		t.Fatalf("the run that was asked about: %v, %+v", err, o)
	}
	w.UntilBox(20*time.Second, "for both", func() bool { return told(numbers[0], "A good week.") && told(numbers[1], "Eine gute Woche.") })
	if told(numbers[0], "Too few chairs") || told(numbers[0], "[") {
		t.Error("a text message stands alone, with the summary only")
	}
	w.Settled(20*time.Second, "harbour", o.BroadcastID)
	e, err := author.Edition(ctx, "harbour", "harbour-report", first)
	if err != nil || e.State != gateway.EditionSent || e.BroadcastID != o.BroadcastID || len(e.Steps) != 3 {
		t.Fatalf("the archive: %v, %+v", err, e)
	}

	// It was wrong. Who had it is told; who has joined since is not.
	late := apptest.Person{Ref: "late", Language: "en", SMS: apptest.Numbers(t, 3)[2]}
	w.Join("harbour", []apptest.Person{late})
	correction, err := author.StepEdition(ctx, "harbour", "harbour-report", first, "correct")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := author.Contribute(ctx, "harbour", gateway.DocumentContribution{Series: "harbour-report", Edition: correction.Number, Section: gateway.SectionSummary, Texts: map[string]string{"en": "It was a bad week."}}); err != nil {
		t.Fatal(err)
	}
	for _, by := range []struct {
		c    *client.Client
		step string
	}{{author, "freeze"}, {approver, "approve"}, {author, "send"}} {
		if correction, err = by.c.StepEdition(ctx, "harbour", "harbour-report", correction.Number, by.step); err != nil {
			t.Fatal(err)
		}
	}
	w.UntilBox(20*time.Second, "for the correction", func() bool {
		return told(numbers[0], "Correction: Harbour report, edition 1. It was a bad week.") && told(numbers[1], "Berichtigung: Harbour report, Ausgabe 1. [en] It was a bad week.")
	})
	w.Settled(20*time.Second, "harbour", correction.BroadcastID)
	if told(late.SMS, "Correction") {
		t.Error("who never had it is told of its correction")
	}

	second := write("Another week.", "Noch eine Woche.")
	if _, err := author.StepEdition(ctx, "harbour", "harbour-report", second, "freeze"); err != nil {
		t.Fatal(err)
	}
	if _, err := approver.StepEdition(ctx, "harbour", "harbour-report", second, "approve"); err != nil {
		t.Fatal(err)
	}
	w.to(s.NextAt.Add(25 * time.Hour)) // beyond a change of clocks, if there is one
	if o = recorded(2); o.State != gateway.OccurrenceFired {
		t.Fatalf("an edition that was approved in time: %+v", o)
	}
	w.UntilBox(20*time.Second, "for all", func() bool {
		return told(late.SMS, "Another week.") && told(numbers[0], "Another week.") && told(numbers[1], "Noch eine Woche.")
	})
	if e, err = author.Edition(ctx, "harbour", "harbour-report", second); err != nil || e.State != gateway.EditionSent || len(e.Figures) == 0 || e.Figures[0].Kind != gateway.FigureReach || e.Figures[0].Count != 2 || e.Figures[0].Of != 2 {
		t.Fatalf("the second edition: %v, %+v", err, e)
	}

	w.to(s.NextAt.Add(49 * time.Hour))
	if o = recorded(3); o.State != gateway.OccurrenceFailed || !strings.Contains(o.Detail, "no edition") {
		t.Errorf("a run with nothing to tell: %+v", o)
	}
}
