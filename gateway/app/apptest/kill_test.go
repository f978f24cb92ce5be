package apptest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/scheduler"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	"github.com/carillon-gateway/carillon/scheduler/rota"
)

// TestKilledAtEveryStep: a report of one text message, or of two Telegram messages, goes to a group while one connection
// is cut. At each step that the code names the gateway is killed, once, and started again.
func TestKilledAtEveryStep(t *testing.T) {
	// How often each step is passed at least; the others are passed once or more.
	passings := map[string]int{"store: before commit": 30, "store: after commit": 30, "fanout: before chunk": 2, "fanout: after chunk": 2,
		"dispatch: popped, not claimed": 5, "dispatch: claimed, not sent": 100, "dispatch: sent, not settled": 100, "dispatch: a part sent, the next one not": 20, "dispatch: settled": 20}
	for _, point := range app.FaultPoints() {
		elsewhere := slices.Concat(scheduler.FaultPoints[:], scheduler.NotifyFaultPoints[:], escalation.FaultPoints[:], rota.FaultPoints[:])
		if slices.Contains(elsewhere, point) {
			continue // TestKilledWhileARunFires and the like
		}
		t.Run(strings.NewReplacer(": ", "-", ", ", "-", " ", "-").Replace(point), func(t *testing.T) {
			t.Parallel()
			killedAt(t, point, 1+rand.IntN(max(1, passings[point])))
		})
	}
}

func killedAt(t *testing.T, point string, nth int) {
	t.Logf("killed at passing %d", nth)
	const texters, chatters, senders = 560, 40, 8
	w := apptest.New(t, apptest.Options{Senders: senders})
	people := apptest.PeopleWith("s", apptest.Numbers(t, texters))
	for i := range chatters {
		people = append(people, apptest.Person{Ref: fmt.Sprintf("t-%03d", i), Language: "en", Telegram: fmt.Sprint(900_000_001 + i)})
	}
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	w.Stop()

	w.Script(sandbox.Fault{Kind: sandbox.Cut, Address: people[7].SMS, Times: 1})
	held, end := point == "fanout: between releases", func() {}
	if held {
		end = w.Script(sandbox.Fault{Kind: sandbox.Latency, For: 400 * time.Millisecond})
	}
	draft := gateway.Draft{Kind: gateway.KindReport, Key: "week-47", Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{
		"en": "---\nsubject: Report\nsms: The roof is mended.\n---\n\n" + strings.Repeat("The roof is mended and the night bus runs again. ", 120) + "\n"}}}
	if w.StartToDie(fmt.Sprint(point, "@", nth)) {
		// What the dying gateway does not answer is asked again of the next one.
		answer, err := w.API.Submit(t.Context(), "harbour", draft)
		if err == nil && held {
			holdAndRelease(w, answer.ID, end)
		}
		w.AwaitEnd()
	}
	w.Kill()
	w.Start()
	id := w.Submit("harbour", draft)
	if held {
		if err := w.API.ResumeBroadcast(t.Context(), "harbour", id); err != nil {
			t.Logf("resuming again: %v", err) // it was resumed before the kill
		}
	}
	w.Settled(time.Minute, "harbour", id)
	w.Stop()
	books := w.Audit("harbour", id, people, "")
	t.Logf("by the ledger: %v", books.States)
	clean(t, books)
	if most := 2*(senders+apptest.UrgentSenders) + 1; books.InDoubt > most { // two channels, and the connection that was cut
		t.Errorf("%d are in doubt; at most %d may be", books.InDoubt, most)
	}
	if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 {
		t.Errorf("the providers kept %d duplicates, %d of them of one attempt", s.Duplicates, s.SameAttempt)
	}
}

// holdAndRelease stops a broadcast that is planned, so that most of it is held, and resumes it. The gateway dies of that,
// perhaps before it answers.
func holdAndRelease(w *apptest.World, id gateway.ID, end func()) {
	w.Until(10*time.Second, "for the plan", func() bool { return w.Counts("harbour", id)["planning"] == 0 })
	if err := w.API.StopBroadcast(w.T.Context(), "harbour", id); err != nil {
		w.T.Fatal(err)
	}
	end()
	w.Until(10*time.Second, "for what waits to be held", func() bool {
		waiting, err := w.API.Deliveries(w.T.Context(), "harbour", gateway.DeliveryFilter{Broadcast: id, State: gateway.Waiting}, 0)
		return err == nil && !slices.ContainsFunc(waiting, func(d gateway.Delivery) bool { return !d.Due.IsZero() }) && w.Counts("harbour", id)["sending"] == 0
	})
	if err := w.API.ResumeBroadcast(w.T.Context(), "harbour", id); err != nil {
		w.T.Logf("resuming, as it dies: %v", err)
	}
}
