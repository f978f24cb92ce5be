package apptest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestKilledWithAnAlertClaimed: an alert to six is claimed for the four senders that are kept for alerts as it is written, and the
// gateway is killed behind the commit, before any of it leaves. The next one looks at the provider, which has none of it, and everybody
// gets it; nobody twice.
func TestKilledWithAnAlertClaimed(t *testing.T) {
	for _, point := range []string{"fanout: submitted", "dispatch: claimed, not sent"} {
		t.Run(strings.NewReplacer(": ", "-", ", ", "-", " ", "-").Replace(point), func(t *testing.T) {
			t.Parallel()
			w := apptest.New(t, apptest.Options{Senders: 2})
			people := apptest.PeopleWith("s", apptest.Numbers(t, 6))
			w.Start()
			w.Apply("harbour")
			w.Join("harbour", people)
			w.Stop()
			const text = "The bridge is closed."
			draft := gateway.Draft{Kind: gateway.KindAlert, Key: "bridge", Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words(text)}
			said := func() (n int) {
				for _, e := range w.Box.Log(0, 0) {
					if e.Kind == sandbox.EntryMessage && e.Text == text {
						n++
					}
				}
				return n
			}
			if !w.StartToDie(point + "@1") {
				t.Fatal("it died before it was ready")
			}
			w.Until(10*time.Second, "for its senders", func() bool {
				all, err := w.API.Channels(t.Context(), "harbour")
				return err == nil && slices.ContainsFunc(all, func(c gateway.ChannelView) bool { return c.Kind == sandbox.KindSMS && c.SendersNow > 0 })
			})
			if _, err := w.API.Submit(t.Context(), "harbour", draft); err == nil {
				t.Error("the gateway that dies has answered")
			}
			w.AwaitEnd()
			w.Kill()
			before := said()
			w.Start()
			id := w.Submit("harbour", draft)
			w.UntilBox(20*time.Second, "for those for whom nothing had been claimed", func() bool { return said() == len(people)-apptest.UrgentSenders })
			w.Wind(15 * time.Minute) // until the provider certainly does not have it
			w.UntilBox(20*time.Second, "for everybody", func() bool { return said() >= len(people) })
			w.Settled(20*time.Second, "harbour", id)
			doubted := 0
			all, err := w.API.Deliveries(t.Context(), "harbour", gateway.DeliveryFilter{Broadcast: id}, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range all {
				if d, err = w.API.Delivery(t.Context(), "harbour", d.ID); err != nil {
					t.Fatal(err)
				}
				if len(d.Attempts) > 1 && len(d.Attempts[0].Parts) == 0 {
					doubted++
				}
			}
			w.Stop()
			if before != 0 || doubted != apptest.UrgentSenders {
				t.Errorf("%d left before the kill, and %d were claimed; %d senders are kept for alerts", before, doubted, apptest.UrgentSenders)
			}
			books := w.Audit("harbour", id, people, "")
			clean(t, books)
			if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 || books.InDoubt > 0 {
				t.Errorf("the provider kept %d duplicates, %d in doubt", s.Duplicates, books.InDoubt)
			}
		})
	}
}
