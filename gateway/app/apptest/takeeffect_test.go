package apptest_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// soon is how long a STOP, a stopped broadcast and an expiry may take to hold.
const soon = 2 * time.Second

// slow makes the provider of text messages so slow that most of a broadcast is planned and waits.
func slow(w *apptest.World) (end func()) {
	return w.Script(sandbox.Fault{Kind: sandbox.Latency, Provider: sandbox.Twilio, For: 150 * time.Millisecond})
}

// underWay waits until a broadcast is planned and its first messages are out.
func underWay(w *apptest.World, id gateway.ID) {
	w.T.Helper()
	w.Until(20*time.Second, "for the plan", func() bool { return w.Counts("harbour", id)["planning"] == 0 })
	w.UntilBox(20*time.Second, "for the first messages", func() bool { return int(w.Box.Stats().Received) >= 10 })
}

// late lists what the providers were asked to send after a moment, and passes what pick does not choose.
func late(w *apptest.World, after time.Time, pick func(sandbox.Entry) bool) []sandbox.Entry {
	var found []sandbox.Entry
	for _, e := range w.Box.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage && e.Time.After(after) && pick(e) {
			found = append(found, e)
		}
	}
	return found
}

// TestStopFromAPhone: a report is planned for two hundred, and five who have not got it yet write STOP. Two seconds later
// nothing is on its way to them any more; everyone else gets it.
func TestStopFromAPhone(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 2})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 200))
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	end := slow(w)
	id := w.Report("harbour", "week-47", "The roof is mended.")
	underWay(w, id)
	got := w.Box.Addresses()
	stopped := map[string]time.Time{}
	for i := len(people) - 1; len(stopped) < 5; i-- { // from the end, where the report comes last
		if number := people[i].SMS; got["sms:"+number] == 0 {
			if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: number, To: apptest.Number, Text: "STOP"}); err != nil {
				t.Fatal(err)
			}
			stopped[number] = time.Now()
		}
	}
	for number, at := range stopped {
		w.Until(time.Until(at.Add(soon)), "for a STOP to hold", func() bool {
			members, err := w.API.FindMembers(t.Context(), "harbour", "sms", gateway.Private(number))
			if err != nil || len(members) != 1 {
				t.Fatalf("finding a member by her number: %v, %d found", err, len(members))
			}
			m, err := w.API.Member(t.Context(), "harbour", members[0])
			return err == nil && m.Points[0].State == gateway.PointStopped
		})
	}
	end()
	w.Settled(30*time.Second, "harbour", id)
	for _, e := range late(w, time.Time{}, func(e sandbox.Entry) bool { at, ok := stopped[e.To]; return ok && e.Time.After(at.Add(soon)) }) {
		t.Errorf("%s after her STOP a member was sent to (line %d)", e.Time.Sub(stopped[e.To]), e.Seq)
	}
	counts := w.Counts("harbour", id)
	if n := counts["ended: suppressed"]; n == 0 || n > len(stopped) {
		t.Errorf("%d deliveries are suppressed; five wrote STOP before they got it: %v", n, counts)
	}
	if n := counts["delivered"] + counts["ended: suppressed"]; n != len(people) {
		t.Errorf("everyone else must get it: %v", counts)
	}
}

// TestBroadcastStop: its author stops a report that is planned for two hundred. What was on its way may arrive; after
// that nothing does, while another group's report goes out whole. Resumed, it reaches everyone who is left, once.
func TestBroadcastStop(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 2})
	numbers := apptest.Numbers(t, 300)
	people, others := apptest.PeopleWith("s", numbers[:200]), apptest.PeopleWith("o", numbers[200:])
	w.Start()
	w.Apply("harbour", "rivers")
	w.Join("harbour", people)
	w.Join("rivers", others)
	end := slow(w)
	const text = "The roof is mended."
	id := w.Report("harbour", "week-47", text)
	underWay(w, id)
	if err := w.API.StopBroadcast(t.Context(), "harbour", id); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	w.Until(soon, "for what is on its way to end", func() bool { return w.Counts("harbour", id)["sending"] == 0 })
	end()
	other := w.Report("rivers", "week-47", "The night bus runs again.")
	w.Settled(30*time.Second, "rivers", other)
	if n := w.Counts("rivers", other)["delivered"]; n != len(others) {
		t.Errorf("another group's report reached %d of %d", n, len(others))
	}
	if n := w.Counts("harbour", id)["waiting"]; n < 100 {
		t.Errorf("only %d deliveries are held: the stop came too late to show anything", n)
	}
	for _, e := range late(w, at.Add(soon), func(e sandbox.Entry) bool { return e.Text == text }) {
		t.Errorf("%s after the stop a message left (line %d)", e.Time.Sub(at), e.Seq)
	}
	if err := w.API.ResumeBroadcast(t.Context(), "harbour", id); err != nil {
		t.Fatal(err)
	}
	w.Settled(30*time.Second, "harbour", id)
	w.Stop()
	books := w.Audit("harbour", id, people, text)
	clean(t, books)
	if books.States["delivered"] != len(people) {
		t.Errorf("after it was resumed: %v", books.States)
	}
}

// TestExpiry: a report expires while most of it waits for a slow provider. Within two seconds the rest is shown as
// expired, and nothing of it leaves any more.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 2})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 200))
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	defer slow(w)()
	const text = "The roof is mended."
	expires := time.Now().Add(2 * time.Second)
	id := w.Submit("harbour", gateway.Draft{Kind: gateway.KindReport, Key: "week-47", Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words(text), ExpiresAt: expires})
	w.Until(time.Until(expires.Add(soon)), "for the rest to be shown as expired", func() bool { return !underWayStill(w, id) })
	w.Settled(20*time.Second, "harbour", id)
	for _, e := range late(w, expires.Add(soon), func(sandbox.Entry) bool { return true }) {
		t.Errorf("%s after the expiry a message left (line %d)", e.Time.Sub(expires), e.Seq)
	}
	w.Stop()
	books := w.Audit("harbour", id, people, text)
	clean(t, books)
	if books.States["ended: expired"] < 100 || books.States["delivered"] == 0 {
		t.Errorf("some must get it and most be shown as expired: %v", books.States)
	}
}

func underWayStill(w *apptest.World, id gateway.ID) bool {
	counts := w.Counts("harbour", id)
	return counts["planning"]+counts["waiting"]+counts["sending"] > 0
}
