package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// Edition makes ready what an edition sends.
func (sends) Edition(_ context.Context, t gateway.Telling) (*gateway.ReadyBroadcast, error) {
	policy := gateway.PolicyOf(gateway.Report)
	at := t.Edition.Steps[len(t.Edition.Steps)-1].At
	return &gateway.ReadyBroadcast{Fingerprint: []byte("edition"), Broadcast: gateway.Broadcast{ID: gateway.NewID(), GroupID: t.Series.GroupID, Key: t.Edition.SendKey(), Kind: gateway.KindReport, Class: gateway.Report,
		Audience: gateway.Audience{Topic: t.Series.Topic}, Policy: policy, CreatedAt: at, StartAt: at, ExpiresAt: at.Add(policy.Expires)}}, nil
}

// edition makes a series of Berlin with an edition that has taken some steps, and gives the path of that.
func (w *world) edition(series string, steps ...takeStep) string {
	ctx := w.t.Context()
	_, _, err := w.server.Reports.Put(ctx, w.berlin, gateway.Series{Name: series, Title: "News", Topic: "reports"})
	must(w.t, err)
	number := 0
	for _, section := range []gateway.Section{gateway.SectionSummary, gateway.SectionProgress} {
		number, _, err = w.server.Reports.Contribute(ctx, w.berlin, series, 0, gateway.Contribution{Group: w.berlin.Slug, Section: section, Name: w.berlin.Name, Texts: map[string]string{"en": "All is well."}})
		must(w.t, err)
	}
	for i, step := range steps {
		_, err := step(ctx, w.berlin, series, number, gateway.Hand{Label: fmt.Sprint("test ", i), Token: gateway.ID{15: byte(i + 1)}})
		must(w.t, err)
	}
	return fmt.Sprintf("series/%s/editions/%d", series, number)
}

// counting makes a series of Berlin with an indicator, and gives the path on which its numbers are handed in.
func (w *world) counting(series string) string {
	_, _, err := w.server.Reports.Put(w.t.Context(), w.berlin, gateway.Series{Name: series, Title: "News", Topic: "reports",
		Indicators: []gateway.Indicator{{Name: "meals", Titles: map[string]string{"en": "Meals"}, Source: "the kitchen", Spot: gateway.Spot{Column: "meals"}}}})
	must(w.t, err)
	return "series/" + series + "/indicators"
}

// Two groups write a report: one of them makes the series, the other is named in it. Who wrote a part of it does not approve
// it, and it is sent once.
func TestReports(t *testing.T) {
	w := newWorld(t)
	useReports(t, w, client.New(w.url, gateway.Private(w.tokens["berlin administrator"]), nil))
}

func useReports(t *testing.T, w *world, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	nairobi := client.New(w.url, gateway.Private(w.tokens["nairobi administrator"]), nil)
	refused := func(err error, code gateway.Code) {
		t.Helper()
		var f *gateway.Fault
		if !errors.As(err, &f) || f.Code != code {
			t.Errorf("%v, want the code %s", err, code)
		}
	}
	d := gateway.DocumentSeries{Title: "Harbour report", Topic: "reports"}
	_, err := c.PutSeries(ctx, "berlin", "harbour-report", gateway.DocumentSeries{Title: "Harbour report", Topic: "nothing"})
	refused(err, gateway.CodeInvalid)
	_, err = c.PutSeries(ctx, "berlin", "harbour-report", d)
	must(t, err)
	objection := gateway.DocumentContribution{Owner: "berlin", Series: "harbour-report", Section: gateway.SectionObjections, Credit: gateway.CreditAnonymous, Name: "Achieng", Texts: map[string]string{"sw": "Viti vichache mno."}}
	_, err = nairobi.Contribute(ctx, "nairobi", objection)
	refused(err, gateway.CodeNotFound) // nobody has asked them
	d.Contributors = []string{"nairobi"}
	_, err = c.PutSeries(ctx, "berlin", "harbour-report", d)
	must(t, err)
	said, err := nairobi.Contribute(ctx, "nairobi", objection)
	must(t, err)
	if said.Edition != 1 || said.Name != "" || said.Group != "nairobi" || said.Texts["sw"] != "Viti vichache mno." {
		t.Errorf("they see back %+v", said)
	}
	objection.Texts = map[string]string{"en": "Too few chairs."}
	said, err = nairobi.Contribute(ctx, "nairobi", objection)
	must(t, err)
	if len(said.Texts) != 2 {
		t.Errorf("a second language stands beside the first: %+v", said)
	}
	objection.Texts = map[string]string{"en": "Too \u202efew chairs."}
	_, err = nairobi.Contribute(ctx, "nairobi", objection)
	refused(err, gateway.CodeInvalid)
	objection.Texts, objection.Section = map[string]string{"en": "Mine."}, gateway.SectionSummary
	_, err = nairobi.Contribute(ctx, "nairobi", objection)
	refused(err, gateway.CodeInvalid)
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "freeze")
	refused(err, gateway.CodeConflict) // it has no summary
	for _, section := range []gateway.Section{gateway.SectionSummary, gateway.SectionProgress} {
		_, err = c.Contribute(ctx, "berlin", gateway.DocumentContribution{Series: "harbour-report", Section: section, Texts: map[string]string{"de": "Alles ist gut."}})
		must(t, err)
	}
	list, err := c.SeriesOf(ctx, "berlin")
	must(t, err)
	if len(list) == 0 {
		t.Error("the series is not listed")
	}
	_, err = c.HandIn(ctx, "berlin", "harbour-report", nil, strings.NewReader("day,meals\n2026-03-28,412\n"), "text/csv")
	refused(err, gateway.CodeConflict) // it has no indicators
	d.Indicators = []gateway.DocumentIndicator{{Name: "meals", Titles: map[string]string{"en": "Meals"}, Source: "the kitchen", Spot: gateway.Spot{Column: "meals"}}, {Name: "boats", Titles: map[string]string{"en": "Boats"}, Source: "the pier", URL: "https://counts.example/secret.json", Spot: gateway.Spot{Pointer: "/boats"}}}
	s, err := c.PutSeries(ctx, "berlin", "harbour-report", d)
	must(t, err)
	if text, _ := json.Marshal(s); strings.Contains(string(text), "secret.json") || s.Indicators[1].Host != "counts.example" {
		t.Errorf("the address of an indicator is shown: %s", text)
	}
	_, err = c.HandIn(ctx, "berlin", "harbour-report", []string{"meals"}, strings.NewReader("day,dishes\n1,412\n"), "text/csv")
	refused(err, gateway.CodeInvalid)
	_, err = nairobi.HandIn(ctx, "berlin", "harbour-report", nil, strings.NewReader("meals\n412\n"), "text/csv")
	refused(err, gateway.CodeNotFound)
	s, err = c.HandIn(ctx, "berlin", "harbour-report", []string{"meals"}, strings.NewReader("meals\n412\n"), "text/csv; charset=utf-8")
	must(t, err)
	if s.Indicators[0].Measure.Value != "412" {
		t.Errorf("handed in: %+v", s.Indicators)
	}
	e, err := c.Edition(ctx, "berlin", "harbour-report", 1)
	must(t, err)
	if len(e.Locales) != 3 || len(e.Missing) != 3 || e.Missing[0].Group != "nairobi" || len(e.Missing[0].Locales) != 1 || e.Missing[0].Locales[0] != "de" {
		t.Errorf("what is missing: %+v of %v", e.Missing, e.Locales)
	}
	_, err = nairobi.Edition(ctx, "berlin", "harbour-report", 1)
	refused(err, gateway.CodeNotFound)

	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "freeze")
	must(t, err)
	late := gateway.DocumentContribution{Owner: "berlin", Series: "harbour-report", Section: gateway.SectionLessons, Texts: map[string]string{"en": "Late."}}
	said, err = nairobi.Contribute(ctx, "nairobi", late)
	must(t, err)
	if said.Edition != 2 {
		t.Errorf("what comes late goes into the next edition, not into %d", said.Edition)
	}
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "send")
	refused(err, gateway.CodeConflict)
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "approve")
	refused(err, gateway.CodeForbidden)
	approver := client.New(w.url, gateway.Private(w.tokens["berlin approver"]), nil)
	_, err = approver.StepEdition(ctx, "berlin", "harbour-report", 1, "approve")
	must(t, err)
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "reopen")
	must(t, err)
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "freeze")
	must(t, err)
	_, err = approver.StepEdition(ctx, "berlin", "harbour-report", 1, "approve")
	must(t, err)
	sent, err := c.StepEdition(ctx, "berlin", "harbour-report", 1, "send")
	must(t, err)
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 1, "send")
	refused(err, gateway.CodeConflict)
	correction, err := c.StepEdition(ctx, "berlin", "harbour-report", 1, "correct")
	must(t, err)
	if correction.Number != 3 || correction.Corrects != 1 || correction.State != gateway.EditionCollecting {
		t.Errorf("the correction is %+v", correction)
	}
	right := gateway.DocumentContribution{Series: "harbour-report", Edition: 3, Section: gateway.SectionProgress, Texts: map[string]string{"en": "Not all."}}
	_, err = c.Contribute(ctx, "berlin", right)
	refused(err, gateway.CodeInvalid)
	right.Section = gateway.SectionSummary
	said, err = c.Contribute(ctx, "berlin", right)
	must(t, err)
	right.Edition = 1
	_, err = c.Contribute(ctx, "berlin", right)
	refused(err, gateway.CodeConflict) // it does not change any more
	for _, by := range []struct {
		c    *client.Client
		step string
	}{{c, "freeze"}, {approver, "approve"}} {
		_, err = by.c.StepEdition(ctx, "berlin", "harbour-report", said.Edition, by.step)
		must(t, err)
	}
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 3, "send")
	refused(err, gateway.CodeConflict) // the first is still being planned
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 3, "withdraw")
	must(t, err)
	_, err = c.StepEdition(ctx, "berlin", "harbour-report", 2, "withdraw")
	must(t, err)
	all, err := c.Editions(ctx, "berlin", "harbour-report", 0)
	must(t, err)
	if len(all) != 3 || all[0].State != gateway.EditionWithdrawn || all[2] != sent || sent.State != gateway.EditionSent || sent.BroadcastID.IsZero() {
		t.Errorf("the archive is %+v", all)
	}
}
