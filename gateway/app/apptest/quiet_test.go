package apptest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestANightWithQuietHours: two reports at 23:00 arrive at 07:00 as one, the newer. An alert with danger to life comes at
// once; another one comes at once to her who lets alerts pass, and at 07:00 to her who does not.
func TestANightWithQuietHours(t *testing.T) {
	t.Parallel()
	w := &clocked{World: apptest.New(t, apptest.Options{})}
	w.Start()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(berlin).Date()
	w.to(time.Date(y, m, d+1, 20, 0, 0, 0, berlin)) // 07:00 exists every day in Berlin
	w.Apply("harbour")
	numbers := apptest.Numbers(t, 3)
	awake, passes, waits := numbers[0], numbers[1], numbers[2]
	const consent = ",reports,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	report, err := w.API.ImportMembers(t.Context(), "harbour", strings.NewReader("ref,zone,language,sms,quiet,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"+
		"q-1,Europe/Berlin,en,"+awake+","+consent+"q-2,Europe/Berlin,en,"+passes+",22:00-07:00"+consent+"q-3,Europe/Berlin,en,"+waits+",22:00-07:00; alerts wait"+consent), gateway.ImportOptions{})
	if err != nil || !report.Published || report.New != 3 {
		t.Fatalf("importing: %v, %+v", err, report)
	}
	are := func(text string, want ...string) {
		t.Helper()
		slices.Sort(want)
		w.UntilBox(20*time.Second, "for "+text, func() bool { return len(w.told(text)) >= len(want) })
		if got := w.told(text); !slices.Equal(got, want) {
			t.Fatalf("told %q are %v, want %v", text, got, want)
		}
	}
	w.to(time.Date(y, m, d+1, 23, 0, 0, 0, berlin))
	morning := time.Date(y, m, d+2, 7, 0, 0, 0, berlin)
	p, err := w.API.Preview(t.Context(), "harbour", gateway.Draft{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("First report.")})
	if err != nil || len(p.Quiet) != 1 || p.Quiet[0].Members != 2 || !p.Quiet[0].Until.Equal(morning) {
		t.Fatalf("the preview: %v, %+v; want two who wait until %s", err, p.Quiet, morning)
	}
	first := w.Report("harbour", "first", "First report.")
	are("First report.", awake)
	second := w.Report("harbour", "second", "Second report.")
	are("Second report.", awake)
	alert := gateway.Draft{Kind: gateway.KindAlert, Key: "alert", Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("An alert.")}
	w.Submit("harbour", alert)
	danger := alert
	danger.Key, danger.DangerToLife, danger.Words = "danger", true, apptest.Words("Danger to life.")
	w.Submit("harbour", danger)
	are("Danger to life.", awake, passes, waits)
	are("An alert.", awake, passes)
	w.to(morning.Add(-time.Minute))
	are("Second report.", awake)
	w.to(morning)
	are("Second report.", awake, passes, waits)
	are("An alert.", awake, passes, waits)
	w.Until(20*time.Second, "for the first report to end", func() bool { return w.Counts("harbour", first)["ended: merged"] == 2 })
	are("First report.", awake)
	if counts := w.Counts("harbour", second); counts["ended: merged"] != 0 {
		t.Errorf("what became of the newer one: %v", counts)
	}
}
