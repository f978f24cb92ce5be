package sms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// query is what dispatch asks after an attempt whose answer was lost.
func (b *bench) query(text string) channels.Query {
	return channels.Query{Attempt: attempt, To: anna, Part: channels.Part{Text: text}, Since: b.start, Until: time.Now()}
}

func (b *bench) find(t *testing.T, q channels.Query) channels.Finding {
	t.Helper()
	f, err := b.FindStatus(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The answer is cut although the provider took the message: the look-up finds it, and what became of it.
func TestALostAnswerIsFound(t *testing.T) {
	b := setUp(t, base, sandbox.Options{Statuses: []string{"none"}})
	b.fault(t, sandbox.Fault{Kind: sandbox.Cut, Kept: true, Times: 1})
	_, err := b.Send(context.Background(), b.message("Hello"))
	if e := asError(t, err); e.Class != channels.Unknown {
		t.Fatalf("got %v, want Unknown", e)
	}
	f := b.find(t, b.query("Hello"))
	if f.Found != channels.WasSent || f.Receipt.ProviderID != b.box.Log(0, 0)[0].ID || f.Receipt.Attempt != attempt || f.Receipt.Status != channels.StatusDelivered {
		t.Errorf("got %+v", f)
	}
	q := b.query("Hello")
	q.ProviderID = f.Receipt.ProviderID
	if byID := b.find(t, q); byID != f {
		t.Errorf("by its id it is %+v, by its text %+v", byID, f)
	}
	q.ProviderID = "SM" + strings.Repeat("0", 32)
	if f := b.find(t, q); f.Found != channels.CannotTell {
		t.Errorf("an id that is not there gave %+v", f)
	}
}

// The provider never took it: not said at once, because the list may lag, but said once it has settled.
func TestALostMessageIsNotThere(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	b.fault(t, sandbox.Fault{Kind: sandbox.Cut, Times: 1})
	if _, err := b.Send(context.Background(), b.message("Hello")); err == nil {
		t.Fatal("the cut went unnoticed")
	}
	q := b.query("Hello")
	if f := b.find(t, q); f.Found != channels.CannotTell {
		t.Errorf("at once: got %+v, want CannotTell", f)
	}
	b.wound = ListSettles + time.Second
	if f := b.find(t, q); f.Found != channels.NotSent {
		t.Errorf("after %v: got %+v, want NotSent", b.wound, f)
	}
}

// What looks alike is not taken for ours.
func TestOtherMessagesAreNotOurs(t *testing.T) {
	b := setUp(t, base, sandbox.Options{Statuses: []string{"none"}})
	send := func(to channels.Address, text string) {
		t.Helper()
		m := b.message(text)
		m.To = to
		if _, err := b.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
	send(anna, "Another text")
	send("+12025550124", "Hello")
	if _, err := b.box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna.Reveal(), Text: "Hello"}); err != nil {
		t.Fatal(err)
	}
	<-b.events
	b.wound = ListSettles + time.Minute
	if f := b.find(t, b.query("Hello")); f.Found != channels.NotSent {
		t.Errorf("got %+v, want NotSent", f)
	}
	send(anna, "Hello")
	old := b.query("Hello")
	old.Since, old.Until = b.start.Add(-2*time.Hour), b.start.Add(-time.Hour)
	if f := b.find(t, old); f.Found != channels.NotSent {
		t.Errorf("a message of another hour was taken: %+v", f)
	}
	later := b.query("Hello")
	later.Since, later.Until = b.start.Add(time.Hour), b.start.Add(2*time.Hour)
	b.wound = 3 * time.Hour
	if f := b.find(t, later); f.Found != channels.NotSent {
		t.Errorf("a message of an hour ago was taken: %+v", f)
	}
	send(anna, "Hello")
	if f := b.find(t, b.query("Hello")); f.Found != channels.CannotTell {
		t.Errorf("two alike gave %+v, want CannotTell", f)
	}
	// Of messages that say the same to the same number, those of other attempts are left out.
	var ids []string
	for _, m := range b.box.Log(0, 0) {
		if m.To == anna.Reveal() && m.Text == "Hello" {
			ids = append(ids, m.ID)
		}
	}
	q := b.query("Hello")
	q.Others = func(id string) bool { return id == ids[1] }
	if f := b.find(t, q); len(ids) != 2 || f.Found != channels.WasSent || f.Receipt.ProviderID != ids[0] {
		t.Errorf("with one of %d another's: got %+v, want the message %s", len(ids), f, ids[0])
	}
	q.Others = func(id string) bool { return slices.Contains(ids, id) }
	if f := b.find(t, q); f.Found != channels.NotSent {
		t.Errorf("with both another's: got %+v, want NotSent", f)
	}
}

// A list that is too long to be read through proves nothing about what is not in it.
func TestALongListProvesNothing(t *testing.T) {
	b := setUp(t, base.with("segments_per_second", 1000), sandbox.Options{Statuses: []string{"none"}})
	for i := range pageSize*lookPages + 1 {
		if _, err := b.Send(context.Background(), b.message(fmt.Sprint("text ", i))); err != nil {
			t.Fatal(err)
		}
	}
	b.wound = time.Hour
	q := b.query("nowhere")
	if f := b.find(t, q); f.Found != channels.CannotTell {
		t.Errorf("got %+v, want CannotTell", f)
	}
	if f := b.find(t, b.query(fmt.Sprint("text ", pageSize*2))); f.Found == channels.NotSent {
		t.Errorf("a message on the third page: got %+v", f)
	}
}

// Where Twilio keeps no texts, time alone must do; where it keeps no numbers, absence proves nothing.
func TestRetention(t *testing.T) {
	b := setUp(t, base.with("address_retention", "obfuscate"), sandbox.Options{})
	b.wound = time.Hour
	if f := b.find(t, b.query("Hello")); f.Found != channels.CannotTell {
		t.Errorf("got %+v, want CannotTell", f)
	}
}

func TestAFailingLookUpIsNotDoubt(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	for kind, want := range map[sandbox.FaultKind]channels.Class{
		sandbox.Cut: channels.Temporary, sandbox.Garbage: channels.Temporary, sandbox.HTML: channels.Temporary,
		sandbox.Throttle: channels.Throttled, sandbox.Unauthorized: channels.Auth,
	} {
		b.fault(t, sandbox.Fault{Kind: kind, On: sandbox.OnRead})
		_, err := b.FindStatus(context.Background(), b.query("Hello"))
		if e := asError(t, err); e.Class != want {
			t.Errorf("%s: got %v, want %v", kind, e, want)
		}
		b.box.Clear()
	}
}

// advance winds both clocks and waits until the first message has this status.
func (b *bench) advance(t *testing.T, by time.Duration, status string) {
	t.Helper()
	b.wound += by
	b.box.Advance(by)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := b.box.Wait(ctx, func() bool { return b.box.Log(0, 1)[0].Status == status }); err != nil {
		t.Fatalf("the message is not %s: %v", status, err)
	}
}

// Without a public URL: what members wrote and what became of messages is fetched, and nothing is missed although
// statuses change after the message has left the window.
func TestPolling(t *testing.T) {
	b := setUp(t, base, sandbox.Options{Statuses: []string{"none"}, Pace: time.Hour, Now: time.Now})
	b.box.Account(sandbox.Account{SID: account, Token: token})
	m := b.message("Hello")
	sent, err := b.Send(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	poll := func(cursor string) ([]channels.Event, string) {
		t.Helper()
		events, next, err := b.Poll(context.Background(), cursor)
		if err != nil || next == "" || len(next) > 200 {
			t.Fatalf("poll: %v, cursor %q", err, next)
		}
		return events, next
	}
	events, cursor := poll("")
	if len(events) != 0 {
		t.Fatalf("got %+v of a message that is on its way", events)
	}
	if _, err := b.box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna.Reveal(), To: ours, Text: "coming"}); err != nil {
		t.Fatal(err)
	}
	events, cursor = poll(cursor)
	if len(events) != 1 || events[0].Inbound == nil || events[0].Inbound.From != anna || events[0].Inbound.Text != "coming" || events[0].ID == "" || events[0].At.IsZero() {
		t.Fatalf("got %+v, want Anna's text", events)
	}
	b.advance(t, time.Hour, "sent")
	_, cursor = poll(cursor) // sent, not delivered: it holds the window open
	b.advance(t, time.Hour, "delivered")
	events, _ = poll(cursor)
	var receipts []channels.Event
	for _, e := range events {
		if e.Receipt != nil {
			receipts = append(receipts, e)
		}
	}
	if len(receipts) != 1 || receipts[0].Receipt.ProviderID != sent.ProviderID || receipts[0].Receipt.Status != channels.StatusDelivered || receipts[0].ID != sent.ProviderID+":delivered" {
		t.Fatalf("got %+v, want the delivery", receipts)
	}
}

// A list of more pages than one poll reads is read on by the next, to its end and without a gap.
func TestPollingGoesOnInTheMiddle(t *testing.T) {
	b := setUp(t, base, sandbox.Options{Statuses: []string{"none"}})
	want := pageSize*2 + 5
	for i := range want {
		if _, err := b.Send(context.Background(), b.message(fmt.Sprint("text ", i))); err != nil {
			t.Fatal(err)
		}
	}
	s := sweep{since: b.start.Add(-time.Hour), started: b.start}
	seen := map[string]bool{}
	cursor := s.String()
	for range 3 {
		events, next, err := b.poll(context.Background(), cursor, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			seen[e.ID] = true
		}
		cursor = next
	}
	if len(seen) != want {
		t.Errorf("%d of %d messages were seen", len(seen), want)
	}
	if strings.Contains(cursor, " ") {
		t.Errorf("after the last page the cursor %q still names one", cursor)
	}
}

// A poll that fails leaves the cursor where it was.
func TestPollingKeepsItsPlace(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	b.fault(t, sandbox.Fault{Kind: sandbox.Failure, On: sandbox.OnRead})
	events, next, err := b.Poll(context.Background(), "1700000000")
	if e := asError(t, err); e.Class != channels.Temporary || next != "1700000000" || events != nil {
		t.Errorf("got %v, %q, %v", e, next, events)
	}
	for _, bad := range []string{"x", "1 2", "-5", "1 2 3 4", " "} {
		if _, next, err := b.Poll(context.Background(), bad); err == nil || next != bad {
			t.Errorf("cursor %q: got %q, %v", bad, next, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("1700000000")
	f.Add("1 2 - 4 PB 5")
	f.Fuzz(func(t *testing.T, cursor string) {
		s, err := readSweep(cursor, time.Unix(1_800_000_000, 0))
		if err != nil || cursor == "" {
			return
		}
		again, err := readSweep(s.String(), time.Unix(1_800_000_000, 0))
		if err != nil || !again.since.Equal(s.since) || again.page != s.page {
			t.Fatalf("%q reads as %+v and, written again, as %+v, %v", cursor, s, again, err)
		}
	})
}
