package apptest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestSheWritesBack: she answers a report from her telephone, in Swahili. The keeper of the group hears over Telegram, in
// German, that somebody waits, and no word of what; the answer in her language reaches her telephone.
func TestSheWritesBack(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	numbers := apptest.Numbers(t, 1)
	w.Start()
	doc := gateway.Document{Groups: []gateway.DocumentGroup{{Slug: "harbour", Name: "Group harbour", Locale: "en", Zone: "Europe/Berlin", Region: "DE", Topics: []gateway.Topic{{Name: "reports"}, {Name: "alerts"}, {Name: "meetings"}, {Name: gateway.OwnersTopic}}}}}
	if report, err := w.API.Apply(t.Context(), doc, false, false); err != nil || report.Conflicts() > 0 {
		t.Fatalf("%v, %+v", err, report)
	}
	const keeper = "900000001"
	w.Join("harbour", []apptest.Person{{Ref: "s-1", Language: "sw", SMS: numbers[0]}})
	owner := "owner,,de,," + keeper + ",owners,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	if _, err := w.API.ImportMembers(t.Context(), "harbour", strings.NewReader(apptest.Header+owner), gateway.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	report := w.Report("harbour", "week-47", "The roof is mended.")
	w.Until(20*time.Second, "for the report", func() bool { return w.Counts("harbour", report)["delivered"] == 1 })
	if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: numbers[0], To: apptest.Number, Text: "Barabara imefungwa."}); err != nil {
		t.Fatal(err)
	}
	got := func(to string) (texts []string) {
		for _, e := range late(w, time.Time{}, func(e sandbox.Entry) bool { return e.To == to }) {
			texts = append(texts, e.Text)
		}
		return texts
	}
	w.Until(20*time.Second, "for the keeper to be told", func() bool { return len(got(keeper)) > 0 })
	if told := got(keeper); len(told) != 1 || !strings.Contains(told[0], "wartet auf Antwort") || strings.Contains(told[0], "Barabara") {
		t.Errorf("the keeper is told %q", told)
	}
	list, err := w.API.Inbox(t.Context(), "harbour", 0)
	if err != nil || len(list) != 1 {
		t.Fatalf("the inbox is %+v, %v", list, err)
	}
	said, err := w.API.ReadInbox(t.Context(), "harbour", list[0].ID)
	if err != nil || said.Locale != "sw" || len(said.Lines) != 1 || said.Lines[0].Answers == nil || said.Lines[0].Answers.Broadcast != report {
		t.Errorf("said is %+v, %v", said, err)
	}
	if _, err := w.API.ReplyInbox(t.Context(), "harbour", list[0].ID, gateway.ReplyDraft{Text: "Msaada unakuja."}); err != nil {
		t.Fatal(err)
	}
	w.Until(20*time.Second, "for the answer", func() bool { return len(got(numbers[0])) == 2 })
	if texts := got(numbers[0]); texts[1] != "Msaada unakuja." {
		t.Errorf("her telephone has %q", texts)
	}
	if n := len(got(keeper)); n != 1 {
		t.Errorf("the keeper was told %d times", n)
	}
	w.Stop()
}
