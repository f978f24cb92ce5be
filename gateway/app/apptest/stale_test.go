package apptest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestAnAlertDoesNotComeTooLate (reliability R20): an alert holds for twenty minutes, and Ann's carrier keeps it in a queue for longer.
// An update shortens it to eight minutes, and stays in the queue for ten. Neither comes once its time is over: the provider knew when
// that is, and it is not sent again.
func TestAnAlertDoesNotComeTooLate(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	ann := apptest.Numbers(t, 1)[0]
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", []apptest.Person{{Ref: "ann", Language: "en", SMS: ann}})
	asks := []gateway.AlertTarget{{Topic: "reports"}}
	if _, err := w.API.PutAlertPolicy(t.Context(), "harbour", gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: asks, Wait: 60}}, Last: asks}); err != nil {
		t.Fatal(err)
	}
	saying := func(do string, holds time.Duration) gateway.AlertSaying {
		return gateway.AlertSaying{Until: time.Now().Add(holds), Texts: map[string]gateway.AlertText{"en": {Source: "Office", What: "Flood", Where: "Harbour", Do: do}}}
	}
	sent := func(do string) []sandbox.Entry {
		return late(w, time.Time{}, func(e sandbox.Entry) bool { return strings.Contains(e.Text, do) })
	}
	gone := func(do string) bool {
		all := sent(do)
		for _, e := range all {
			if e.Status != "failed" || e.Code != 30036 { // its validity period was over in the queue
				return false
			}
		}
		return len(all) > 0
	}
	w.Script(sandbox.Fault{Kind: sandbox.Queue, For: 22 * time.Minute, Times: 1})
	a, err := w.API.RaiseAlert(t.Context(), "harbour", gateway.AlertDraft{Policy: "night", Saying: saying("Go uphill.", 20*time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	w.Until(20*time.Second, "for Ann to be asked", func() bool { return len(sent("Go uphill.")) == 1 })
	w.Script(sandbox.Fault{Kind: sandbox.Queue, For: 10 * time.Minute})
	shorter := saying("Stay inside.", 8*time.Minute)
	if _, err := w.API.ActOnAlert(t.Context(), "harbour", a.Reference, "update", gateway.AlertAct{Saying: &shorter}); err != nil {
		t.Fatal(err)
	}
	w.Until(20*time.Second, "for the update to be with the provider", func() bool { return len(sent("Stay inside.")) > 0 })
	w.Wind(10*time.Minute + time.Second)
	w.Box.Advance(10*time.Minute + time.Second)
	w.Until(20*time.Second, "for the update to be dropped", func() bool { return gone("Stay inside.") })
	if gone("Go uphill.") {
		t.Error("the first text was dropped before its time was over")
	}
	w.Wind(12 * time.Minute)
	w.Box.Advance(12 * time.Minute)
	w.Until(20*time.Second, "for the first text to be dropped", func() bool { return gone("Go uphill.") })
	w.Stop()
}
