package apptest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestKilledAtEveryStep: a report of one text message, or of two Telegram messages, goes to a group while one connection
// is cut. At each step that the code names the gateway is killed, once, and started again.
func TestKilledAtEveryStep(t *testing.T) {
	// How often each step is passed at least; the others are passed once or more.
	passings := map[string]int{"store: before commit": 30, "store: after commit": 30, "fanout: before chunk": 2, "fanout: after chunk": 2,
		"dispatch: popped, not claimed": 5, "dispatch: claimed, not sent": 100, "dispatch: sent, not settled": 100, "dispatch: a part sent, the next one not": 20, "dispatch: settled": 20}
	for _, point := range app.FaultPoints() {
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
	draft := gateway.Draft{Kind: gateway.KindReport, Key: "week-47", Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{
		"en": "---\nsubject: Report\nsms: The roof is mended.\n---\n\n" + strings.Repeat("The roof is mended and the night bus runs again. ", 120) + "\n"}}}
	if w.StartToDie(fmt.Sprint(point, "@", nth)) {
		// What the dying gateway does not answer is asked again of the next one.
		answer, err := w.API.Submit(t.Context(), "harbour", draft)
		if err == nil && point == "fanout: between releases" {
			holdAndRelease(w, answer.ID)
		}
		w.AwaitEnd()
	}
	w.Kill()
	w.Start()
	id := w.Submit("harbour", draft)
	if point == "fanout: between releases" {
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

// holdAndRelease stops a broadcast while the provider is slow, so that most of it is held, and resumes it.
func holdAndRelease(w *apptest.World, id gateway.ID) {
	end := w.Script(sandbox.Fault{Kind: sandbox.Latency, Provider: sandbox.Twilio, For: time.Second})
	if err := w.API.StopBroadcast(w.T.Context(), "harbour", id); err != nil {
		w.T.Fatal(err)
	}
	end()
	w.Until(30*time.Second, "for what is planned to be held", func() bool {
		status, err := w.API.Status(w.T.Context())
		return err == nil && status.Backlog == 0
	})
	// The gateway dies of it, perhaps before it answers.
	_ = w.API.ResumeBroadcast(w.T.Context(), "harbour", id)
}
