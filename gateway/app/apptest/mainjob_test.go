package apptest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestMainJob: a coalition is applied, its members come from a file, a report goes to everyone of one group, and the
// gateway is killed twice while it goes out. Everyone of the group gets it once or is shown in doubt, nobody else gets
// it, and in doubt are at most as many as were on their way when it was killed.
func TestMainJob(t *testing.T) {
	const text = "The roof is mended and the night bus runs again."
	ours, others, senders := 1_900, 100, 16
	switch {
	case whole() && !full():
		ours, others, senders = 19_000, 1_000, 64
	case whole():
		ours, others, senders = 95_000, 5_000, 64
	}
	w := apptest.New(t, apptest.Options{Senders: senders})
	numbers := apptest.Numbers(t, ours+others)
	people := apptest.PeopleWith("a", numbers[:ours])
	w.Start()
	w.Apply("harbour", "rivers")

	began := time.Now()
	w.Join("harbour", people)
	w.Join("rivers", apptest.PeopleWith("b", numbers[ours:]))
	t.Logf("import of %d members: %v", len(numbers), time.Since(began).Round(time.Millisecond))

	peak := int64(0)
	began = time.Now()
	broadcast := w.Report("harbour", "week-47", text)
	first := 0.05 + 0.4*rand.Float64()
	for i, share := range []float64{first, first + 0.05 + 0.4*rand.Float64()} {
		w.UntilBox(4*time.Minute, "for the moment to kill", func() bool { return w.Box.Stats().Kept >= uint64(share*float64(ours)) })
		peak = max(peak, w.PeakMemory())
		w.Kill()
		t.Logf("kill %d after %d messages", i+1, w.Box.Stats().Kept)
		restarted := time.Now()
		w.Start()
		t.Logf("ready again after %v", time.Since(restarted).Round(time.Millisecond))
	}
	w.UntilBox(4*time.Minute, "for the last messages", func() bool { return w.Box.Stats().Kept >= uint64(ours-2*(senders+apptest.UrgentSenders)) })
	took := time.Since(began)
	w.Settled(2*time.Minute, "harbour", broadcast)
	peak = max(peak, w.PeakMemory())
	t.Logf("%d messages in %v with two kills: %.0f a second; settled after %v; peak memory %.1f MB",
		w.Box.Stats().Kept, took.Round(time.Millisecond), float64(w.Box.Stats().Kept)/took.Seconds(), time.Since(began).Round(time.Millisecond), float64(peak)/1e6)
	w.Stop()

	account := w.Audit("harbour", broadcast, people, text)
	t.Logf("by the ledger: %v", account.States)
	clean(t, account)
	if most := 2 * (senders + apptest.UrgentSenders); account.InDoubt > most {
		t.Errorf("%d are in doubt; at most %d may be", account.InDoubt, most)
	}
	if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 {
		t.Errorf("the providers kept %d duplicates, %d of them of one attempt", s.Duplicates, s.SameAttempt)
	}
	if account.Members != ours {
		t.Errorf("the group has %d members, not %d", account.Members, ours)
	}
}
