package apptest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	"github.com/carillon-gateway/carillon/scheduler/rota"
)

// two is a world with Ann and Ben, who have telephones.
type two struct {
	*apptest.World
	numbers  []string
	ann, ben gateway.ID
}

func annAndBen(t *testing.T) two {
	w := two{World: apptest.New(t, apptest.Options{}), numbers: apptest.Numbers(t, 2)}
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", []apptest.Person{{Ref: "ann", Language: "en", SMS: w.numbers[0]}, {Ref: "ben", Language: "en", SMS: w.numbers[1]}})
	for ref, id := range map[string]*gateway.ID{"ann": &w.ann, "ben": &w.ben} {
		ids, err := w.API.FindMembers(t.Context(), "harbour", "ref", gateway.Private(ref))
		if err != nil || len(ids) != 1 {
			t.Fatalf("%s is %v, %v", ref, ids, err)
		}
		*id = ids[0]
	}
	return w
}

// got lists what has come to one of the numbers.
func (w two) got(who int) (texts []string) {
	for _, e := range late(w.World, time.Time{}, func(e sandbox.Entry) bool { return e.To == w.numbers[who] }) {
		texts = append(texts, e.Text)
	}
	return texts
}

// dieAt lets the gateway start, die at a step, and start again.
func (w two) dieAt(point string) {
	w.T.Helper()
	if w.StartToDie(point + "@1") {
		w.AwaitEnd()
	}
	w.Kill()
	w.Start()
}

// TestKilledWhileAnAlertClimbs: Ann did not answer, and the gateway is killed at each step on the way to Ben. He is asked
// once, Ann is not asked again, and his answer ends the climb.
func TestKilledWhileAnAlertClimbs(t *testing.T) {
	for _, point := range escalation.FaultPoints {
		t.Run(strings.NewReplacer(": ", "-", " ", "-").Replace(point), func(t *testing.T) {
			t.Parallel()
			w := annAndBen(t)
			ask := func(id gateway.ID) []gateway.AlertTarget {
				return []gateway.AlertTarget{{Topic: "reports", Members: []gateway.ID{id}}}
			}
			if _, err := w.API.PutAlertPolicy(t.Context(), "harbour", gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: ask(w.ann), Wait: 5}, {Targets: ask(w.ben), Wait: 5}}, Last: ask(w.ann)}); err != nil {
				t.Fatal(err)
			}
			a, err := w.API.RaiseAlert(t.Context(), "harbour", gateway.AlertDraft{Policy: "night", Saying: gateway.AlertSaying{Until: time.Now().Add(3 * time.Hour),
				Texts: map[string]gateway.AlertText{"en": {Source: "Office", What: "Flood", Where: "Harbour", Do: "Go uphill."}}}})
			if err != nil {
				t.Fatal(err)
			}
			w.Until(20*time.Second, "for Ann's telephone to say that it has the question", func() bool {
				delivered, err := w.API.Deliveries(t.Context(), "harbour", gateway.DeliveryFilter{State: gateway.Delivered}, 0)
				return err == nil && len(delivered) == 1
			})
			w.Stop()
			w.Wind(5*time.Minute + time.Second)
			w.dieAt(point)
			w.Until(20*time.Second, "for Ben to be asked", func() bool { return len(w.got(1)) == 1 })
			if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: w.numbers[1], To: apptest.Number, Text: "1"}); err != nil {
				t.Fatal(err)
			}
			w.Until(20*time.Second, "for somebody in charge, and both to hear of it", func() bool {
				now, err := w.API.Alert(t.Context(), "harbour", a.Reference)
				return err == nil && now.State == gateway.AlertTaken && len(w.got(0)) >= 2 && len(w.got(1)) >= 2
			})
			w.Stop()
			if ann, ben := w.got(0), w.got(1); len(ann) != 2 || len(ben) != 2 {
				t.Errorf("Ann got %q, Ben got %q", ann, ben)
			}
		})
	}
}

// TestKilledWhileDutyPassesOn: the gateway is killed at each step as Ann's turn ends and Ben's begins. Both hear of it once.
func TestKilledWhileDutyPassesOn(t *testing.T) {
	for _, point := range rota.FaultPoints {
		t.Run(strings.NewReplacer(": ", "-", " ", "-").Replace(point), func(t *testing.T) {
			t.Parallel()
			w := annAndBen(t)
			now := time.Now().UTC()
			begun := time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), 0, 0, 0, time.UTC)
			if _, err := w.API.PutRota(t.Context(), "harbour", "night", gateway.DocumentRota{Kind: gateway.RotaDays, Zone: "UTC", Start: civil.At(now.Year(), now.Month(), now.Day(), now.Hour(), 0, 0), Members: []gateway.ID{w.ann, w.ben}}); err != nil {
				t.Fatal(err)
			}
			w.Until(20*time.Second, "for Ann to hear that her turn begins", func() bool { return len(w.got(0)) == 1 })
			w.Stop()
			w.Wind(time.Until(begun.AddDate(0, 0, 1).Add(time.Second)))
			w.dieAt(point)
			w.Until(20*time.Second, "for both to hear of the change", func() bool { return len(w.got(0)) >= 2 && len(w.got(1)) >= 1 })
			w.Stop()
			if ann, ben := w.got(0), w.got(1); len(ann) != 2 || len(ben) != 1 {
				t.Errorf("Ann got %q, Ben got %q", ann, ben)
			}
		})
	}
}
