package apptest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestAReportThatThreeCannotRead: a report in English and Russian is for two who read English, one Russian and three
// Persian. It is refused, and says that three would read [en]; no phone rings. Its author sends it with the fallback, and
// repeats that because the answer was lost: each phone gets one message, the Persian ones with the tag. An alert does not
// wait for a translation.
func TestAReportThatThreeCannotRead(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	people := apptest.PeopleWith("l", apptest.Numbers(t, 6))
	languages := []string{"en", "en", "ru", "fa", "fa", "fa"}
	for i := range people {
		people[i].Language = languages[i]
	}
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	report := gateway.Draft{Kind: gateway.KindReport, Key: "week-48", Audience: gateway.Audience{Topic: "reports"},
		Words: gateway.Words{Sources: map[string]string{"en": "---\nsms: The roof is mended.\n---\n", "ru": "---\nsms: Крыша починена.\n---\n"}}}
	var refusal *gateway.Fault
	_, err := w.API.Submit(t.Context(), "harbour", report)
	want := []gateway.Missing{{What: gateway.MissingLanguage, Locale: "fa", Gets: "en", Detail: "the text is not in fa; its readers would get [en]", Repair: "write it in fa", Members: 3}}
	if !errors.As(err, &refusal) || refusal.Code != gateway.CodeIncomplete || !slices.Equal(refusal.Missing, want) {
		t.Fatalf("got %v: %+v", err, refusal)
	}
	if n := len(texts(w)); n > 0 {
		t.Fatalf("%d messages left", n)
	}
	report.Fallback = new(true)
	id := w.Submit("harbour", report)
	if again := w.Submit("harbour", report); again != id {
		t.Errorf("%s and %s", id, again)
	}
	w.Until(20*time.Second, "for six reports", func() bool { return w.Counts("harbour", id)["delivered"] == 6 })
	got := texts(w)
	slices.Sort(got)
	if strings.Join(got, "\n") != strings.Join([]string{"The roof is mended.", "The roof is mended.", "[en] The roof is mended.", "[en] The roof is mended.", "[en] The roof is mended.", "Крыша починена."}, "\n") {
		t.Errorf("the phones got %q", got)
	}

	alert := gateway.Draft{Kind: gateway.KindAlert, Audience: gateway.Audience{Topic: "alerts"}, Words: gateway.Words{Sources: map[string]string{"en": "---\nsms: Use the ford.\n---\n"}}}
	w.Submit("harbour", alert)
	alert.Fallback = new(false)
	if _, err := w.API.Submit(t.Context(), "harbour", alert); !errors.As(err, &refusal) || refusal.Code != gateway.CodeIncomplete {
		t.Errorf("an alert whose author wants no fallback: %v", err)
	}
}

// texts lists what the phones got.
func texts(w *apptest.World) (all []string) {
	for _, e := range w.Box.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage {
			all = append(all, e.Text)
		}
	}
	return all
}
