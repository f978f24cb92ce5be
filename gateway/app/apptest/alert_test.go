package apptest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestAnAlertClimbs: an alert asks Cleo, whose number cannot be reached from ours: it climbs at once, not when her half hour is over
// or our tries are. It asks Ann's feature phone, and nobody answers. Five minutes later it asks Ben, in Swahili; he
// replies 1. Nobody else is asked, Ann hears who is in charge, and both hear that it is over.
func TestAnAlertClimbs(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	numbers := apptest.Numbers(t, 3)
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", []apptest.Person{{Ref: "ann", Language: "en", SMS: numbers[0]}, {Ref: "ben", Language: "sw", SMS: numbers[1]}, {Ref: "cleo", Language: "en", SMS: numbers[2]}})
	w.Script(sandbox.Fault{Kind: sandbox.Failure, Provider: sandbox.Twilio, Address: numbers[2], Status: 400, Code: 21612})
	find := func(ref string) []gateway.ID {
		t.Helper()
		ids, err := w.API.FindMembers(t.Context(), "harbour", "ref", gateway.Private(ref))
		if err != nil || len(ids) != 1 {
			t.Fatalf("%s is %v, %v", ref, ids, err)
		}
		return ids
	}
	ask := func(ref string) []gateway.AlertTarget {
		return []gateway.AlertTarget{{Topic: "reports", Members: find(ref)}}
	}
	if _, err := w.API.PutAlertPolicy(t.Context(), "harbour", gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: ask("cleo"), Wait: 30}, {Targets: ask("ann"), Wait: 5}, {Targets: ask("ben"), Wait: 5}}, Last: ask("ann")}); err != nil {
		t.Fatal(err)
	}
	text := func(do string) gateway.AlertText {
		return gateway.AlertText{Source: "Office", What: "Flood", Where: "Harbour", Do: do}
	}
	a, err := w.API.RaiseAlert(t.Context(), "harbour", gateway.AlertDraft{Policy: "night", Saying: gateway.AlertSaying{Until: time.Now().Add(3 * time.Hour), Texts: map[string]gateway.AlertText{"en": text("Go uphill."), "sw": text("Panda juu.")}}})
	if err != nil {
		t.Fatal(err)
	}
	got := func(to string) (texts []string) {
		for _, e := range late(w, time.Time{}, func(e sandbox.Entry) bool { return e.To == to }) {
			texts = append(texts, e.Text)
		}
		return texts
	}
	w.Until(20*time.Second, "for Ann to be asked", func() bool { return len(got(numbers[0])) == 1 })
	if text := got(numbers[0])[0]; !strings.Contains(text, "Go uphill.") || !strings.Contains(text, a.Reference) {
		t.Errorf("Ann is asked %q", text)
	}
	w.Wind(5*time.Minute + time.Second)
	w.Until(20*time.Second, "for Ben to be asked", func() bool { return len(got(numbers[1])) == 1 })
	if text := got(numbers[1])[0]; !strings.Contains(text, "Panda juu.") {
		t.Errorf("Ben is asked %q", text)
	}
	if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: numbers[1], To: apptest.Number, Text: "1"}); err != nil {
		t.Fatal(err)
	}
	w.Until(20*time.Second, "for somebody in charge, thanked, and the others told", func() bool {
		now, err := w.API.Alert(t.Context(), "harbour", a.Reference)
		return err == nil && now.State == gateway.AlertTaken && len(got(numbers[1])) == 2 && len(got(numbers[0])) == 2
	})
	w.Wind(10 * time.Minute)
	if _, err := w.API.ActOnAlert(t.Context(), "harbour", a.Reference, "clear", gateway.AlertAct{}); err != nil {
		t.Fatal(err)
	}
	w.Until(20*time.Second, "for the all-clear", func() bool { return len(got(numbers[0])) == 3 && len(got(numbers[1])) == 3 })
	w.Stop()
}
