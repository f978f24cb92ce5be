package apptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestReceiptsLostByAKill: a report is handed over, and the gateway is killed before the receipts come. They come to
// nobody. Minutes after its start every delivery is shown as delivered all the same, but the two that failed on their
// way; nothing is sent again.
func TestReceiptsLostByAKill(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 4})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 30))
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	for _, p := range people[:2] {
		w.Script(sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Fail, Code: 30006, Address: p.SMS})
	}
	w.Script(sandbox.Fault{Kind: sandbox.Queue, For: time.Hour})
	id := w.Report("harbour", "week-47", "The roof is mended.")
	w.Until(20*time.Second, "for all to be handed over", func() bool { return w.Counts("harbour", id)["accepted"] == len(people) })
	w.Kill()
	w.Box.Advance(time.Hour)
	w.UntilBox(20*time.Second, "for the receipts to come to nobody", func() bool { return w.Box.Stats().Pending == 0 })
	sent := w.Box.Stats().Received
	w.Start()
	if counts := w.Counts("harbour", id); counts["accepted"] != len(people) {
		t.Fatalf("no receipt can have been heard: %v", counts)
	}
	w.Wind(3 * time.Minute) // most receipts have come by then
	w.Until(20*time.Second, "for the deliveries to be healed", func() bool {
		counts := w.Counts("harbour", id)
		return counts["delivered"] == len(people)-2 && counts["ended: failed"] == 2
	})
	if n := w.Box.Stats().Received; n != sent {
		t.Errorf("%d messages were sent again", n-sent)
	}
	w.Stop()
}

// TestPolled: behind a home router no provider can call. Receipts and what members write come by asking: a report is
// shown as delivered, and who wrote STOP over either channel gets nothing more.
func TestPolled(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 4, Polled: true})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 20))
	for i := range 20 {
		people = append(people, apptest.Person{Ref: fmt.Sprintf("t-%03d", i), Language: "en", Telegram: fmt.Sprint(900_000_001 + i)})
	}
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	const text = "The roof is mended."
	id := w.Report("harbour", "week-47", text)
	w.Until(30*time.Second, "for the receipts", func() bool {
		counts := w.Counts("harbour", id)
		return counts["delivered"] == 20 && counts["accepted"] == 20
	})
	stops := []sandbox.Reply{{Kind: sandbox.KindSMS, Address: people[0].SMS, To: apptest.Number, Text: "STOP"}, {Kind: sandbox.KindTelegram, Address: people[20].Telegram, Text: "stop"}}
	for _, stop := range stops {
		if _, err := w.Box.Reply(stop); err != nil {
			t.Fatal(err)
		}
	}
	w.Until(20*time.Second, "for both to be heard", func() bool {
		members, err := w.API.Members(t.Context(), "harbour", 0)
		stopped := 0
		for _, m := range members {
			if m.Points[0].State == gateway.PointStopped {
				stopped++
			}
		}
		return err == nil && stopped == len(stops)
	})
	next := w.Report("harbour", "week-48", "The night bus runs again.")
	w.Until(30*time.Second, "for the receipts of the next one", func() bool {
		counts := w.Counts("harbour", next)
		return counts["delivered"] == 19 && counts["accepted"] == 19
	})
	if counts := w.Counts("harbour", next); counts["waiting"]+counts["sending"]+counts["in doubt"] != 0 {
		t.Errorf("by the ledger: %v", counts)
	}
	for _, e := range late(w, time.Time{}, func(e sandbox.Entry) bool {
		return e.Text == "The night bus runs again." && (e.To == stops[0].Address || e.To == stops[1].Address)
	}) {
		t.Errorf("who wrote STOP was sent to (line %d)", e.Seq)
	}
	w.Stop()
	clean(t, w.Audit("harbour", id, people, text))
}
