package apptest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// TestAnEditionGoesOnCorrected: a report leaves at nine of each member's own time. When Auckland has it, somebody sees that it
// is wrong, stops it and sends a correction, which Auckland gets. The gateway is killed; then the report is resumed. New York
// gets it at her nine, corrected, and nothing else.
func TestAnEditionGoesOnCorrected(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	w.Apply("harbour")
	numbers := w.joinFar([]string{"Pacific/Auckland", "America/New_York"})
	auckland, newYork := numbers["Pacific/Auckland"], numbers["America/New_York"]
	if _, err := w.API.PutSeries(ctx, "harbour", "harbour-report", gateway.DocumentSeries{Title: "Harbour report", Topic: "reports", Approve: gateway.ApproveNone}); err != nil {
		t.Fatal(err)
	}
	say := func(d gateway.DocumentContribution, text string) {
		t.Helper()
		d.Series, d.Texts = "harbour-report", map[string]string{"en": text}
		if _, err := w.API.Contribute(ctx, "harbour", d); err != nil {
			t.Fatal(err)
		}
	}
	say(gateway.DocumentContribution{Section: gateway.SectionSummary}, "A good week.")
	say(gateway.DocumentContribution{Section: gateway.SectionProgress}, "The kitchen is open.")
	s, err := w.API.PutSchedule(ctx, "harbour", "daily", gateway.DocumentSchedule{Cron: "0 9 * * *", Zone: gateway.ZoneMember, Report: "harbour-report"})
	if err != nil {
		t.Fatal(err)
	}
	nominal, err := civil.ParseWall(s.Next)
	if err != nil {
		t.Fatal(err)
	}
	nine := func(zone string) time.Time {
		loc, err := civil.Zone(zone)
		if err != nil {
			t.Fatal(err)
		}
		return civil.In(nominal, loc).Instant()
	}
	got := func(number string) (texts []string) {
		for _, e := range w.Box.Log(0, 0) {
			if e.Kept && e.To == number {
				texts = append(texts, e.Text)
			}
		}
		return texts
	}
	w.to(nine("Pacific/Auckland").Add(time.Second))
	w.UntilBox(20*time.Second, "for Auckland", func() bool { return len(got(auckland)) == 1 })
	run := w.runs("daily")[0]
	w.Until(20*time.Second, "for the answer", func() bool { return w.Counts("harbour", run.BroadcastID)["sending"] == 0 })
	if err := w.API.StopBroadcast(ctx, "harbour", run.BroadcastID); err != nil {
		t.Fatal(err)
	}
	correction, err := w.API.StepEdition(ctx, "harbour", "harbour-report", 1, "correct")
	if err != nil {
		t.Fatal(err)
	}
	say(gateway.DocumentContribution{Section: gateway.SectionSummary, Edition: correction.Number}, "It was a bad week.")
	for _, step := range []string{"freeze", "send"} {
		if correction, err = w.API.StepEdition(ctx, "harbour", "harbour-report", correction.Number, step); err != nil {
			t.Fatal(err)
		}
	}
	w.UntilBox(20*time.Second, "for the correction", func() bool { return len(got(auckland)) == 2 })
	w.Settled(20*time.Second, "harbour", correction.BroadcastID)
	w.Kill()
	w.Start()
	if err := w.API.ResumeBroadcast(ctx, "harbour", run.BroadcastID); err != nil {
		t.Fatal(err)
	}
	if err := w.API.ResumeBroadcast(ctx, "harbour", run.BroadcastID); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("resumed twice: %v", err)
	}
	w.to(nine("America/New_York").Add(time.Second))
	w.UntilBox(20*time.Second, "for New York", func() bool { return len(got(newYork)) > 0 })
	all, err := w.API.Broadcasts(ctx, "harbour", 10)
	if err != nil || len(all) != 3 {
		t.Fatalf("the broadcasts are %v, %+v", err, all)
	}
	for _, b := range all {
		if b.ID != run.BroadcastID {
			w.Settled(20*time.Second, "harbour", b.ID)
		}
	}
	if texts := got(newYork); len(texts) != 1 || !strings.HasSuffix(texts[0], "news from 1 group. It was a bad week.") || strings.Contains(texts[0], "Correction") {
		t.Errorf("New York got %q", texts)
	}
	if texts := got(auckland); len(texts) != 2 || !strings.HasSuffix(texts[0], "A good week.") || texts[1] != "Correction: Harbour report, edition 1. It was a bad week." {
		t.Errorf("Auckland got %q", texts)
	}
}
