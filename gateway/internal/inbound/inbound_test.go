package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

const ann, bea = "+447700900101", "+447700900102"

// She writes STOP in her chat: it holds at once, she is told once how to return over the very chat, and the word is in
// her group's inbox. START brings her back.
func TestStopAndStartByChat(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "telegram:700", "sms:"+ann)
	st.say(st.chat, told{ID: "1", From: "700", Text: " «Stop!» "})
	if got := st.states(st.harbour, id); got != "stopped active" {
		t.Fatalf("after STOP: %s", got)
	}
	answers := st.answers(st.harbour)
	if len(answers) != 1 || answers[0].ChannelID != st.chat.ID || answers[0].State != gateway.Waiting {
		t.Fatalf("answers: %+v", answers)
	}
	_, claims, err := st.s.Exchange(t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, []gateway.ID{answers[0].ID})
	if err != nil || claims[0].Verdict != gateway.Granted || claims[0].Address.Reveal() != "700" {
		t.Errorf("the answer must pass her STOP: %v, %v", claims[0].Verdict, err)
	}
	if box := st.inbox(st.harbour); len(box) != 1 || box[0].Meaning != "stop" || box[0].MemberIDs[0] != id || box[0].Text.Reveal() != " «Stop!» " {
		t.Errorf("inbox: %+v", box)
	}
	evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, id)
	st.ok(err)
	last := evidence[len(evidence)-1]
	if last.Granted || last.Source != "member" || !strings.Contains(last.Proof.Reveal(), "harbour-chat") {
		t.Errorf("evidence: %+v, %s", last, last.Proof.Reveal())
	}
	st.say(st.chat, told{ID: "2", From: "700", Text: "STOP"}) // again: no second answer
	st.say(st.chat, told{ID: "3", From: "700", Text: "/start"})
	if got := st.states(st.harbour, id); got != "active active" || len(st.answers(st.harbour)) != 2 {
		t.Errorf("after START: %s", got)
	}
}

// The text provider answers and blocks by itself: nothing is sent that way. If she has another channel she hears it there.
func TestStopByTextIsAnsweredElsewhereOrByTheProvider(t *testing.T) {
	st := newStage(t)
	st.wires[st.own.ID].reserves = []string{"STOP", "START"}
	both := st.enrol(st.harbour, "sms:"+ann, "telegram:700")
	only := st.enrol(st.harbour, "sms:"+bea)
	st.say(st.own, told{ID: "1", From: ann, Text: "QUIT"}, told{ID: "1:stop", From: ann, Signal: "stopped"})
	st.say(st.own, told{ID: "2", From: bea, Text: "stop"})
	if got := st.states(st.harbour, both) + ", " + st.states(st.harbour, only); got != "stopped active, stopped" {
		t.Errorf("%s", got)
	}
	if answers := st.answers(st.harbour); len(answers) != 1 || answers[0].ChannelID != st.chat.ID || answers[0].MemberID != both {
		t.Errorf("answers: %+v", answers)
	}
}

// A number that several groups share: STOP holds in each, also where she is not known yet; another group sees nothing of it.
func TestStopOnASharedNumberHoldsForEveryGroup(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.say(st.all, told{ID: "1", From: ann, Text: "STOP"})
	if st.states(st.harbour, id) != "stopped" || len(st.inbox(st.valley)) != 0 || len(st.inbox(st.harbour)) != 1 {
		t.Errorf("%s; %d messages in the other group", st.states(st.harbour, id), len(st.inbox(st.valley)))
	}
	later := st.enrol(st.valley, "sms:"+ann)
	if got := st.states(st.valley, later); got != "stopped" {
		t.Errorf("imported later: %s", got)
	}
	st.say(st.all, told{ID: "2", From: bea, Text: "who is this?"})
	if len(st.inbox(st.harbour))+len(st.inbox(st.valley)) != 1 || st.heard[inbound.HeardStranger] != 1 {
		t.Errorf("a stranger's message is nobody's to read: %v", st.heard)
	}
}

func TestAStrangerGetsNoAnswerAndIsHeard(t *testing.T) {
	st := newStage(t)
	st.say(st.own, told{ID: "1", From: bea, Text: "STOP"})
	st.say(st.own, told{ID: "2", From: bea, Text: "hello"})
	if box := st.inbox(st.harbour); len(box) != 2 || box[0].Text.Reveal() != "hello" || len(box[0].MemberIDs) != 0 {
		t.Errorf("inbox: %+v", box)
	}
	if answers := st.answers(st.harbour); len(answers) != 0 {
		t.Errorf("answers: %+v", answers)
	}
	if got := st.states(st.harbour, st.enrol(st.harbour, "sms:"+bea)); got != "stopped" {
		t.Errorf("a later import finds her %s", got)
	}
}

// She was asked, and says yes: she may be written to about the topics that the question named, with the words as evidence. A yes
// of somebody who was never asked changes nothing, and a yes does not undo a STOP.
func TestYesConfirms(t *testing.T) {
	st := newStage(t)
	asked := st.enrol(st.harbour, "?sms:"+ann)
	gone := st.enrol(st.harbour, "sms:"+bea)
	st.say(st.own, told{ID: "1", From: bea, Text: "STOP"})
	st.say(st.own, told{ID: "2", From: bea, Text: "Yes."})
	st.say(st.own, told{ID: "0", From: ann, Text: "yes"}) // to what?
	if got := st.states(st.harbour, asked); got != "unconfirmed" {
		t.Fatalf("before she is asked: %s", got)
	}
	s, err := st.f.Ask(t.Context(), st.harbour.ID, []string{"alerts"}, "desk")
	st.ok(err)
	st.answers(st.harbour)
	again, err := st.f.Ask(t.Context(), st.harbour.ID, []string{"alerts"}, "desk")
	if err != nil || again.Created || again.ID != s.ID {
		t.Errorf("asked twice a day: %+v, %v", again, err)
	}
	st.say(st.own, told{ID: "3", From: ann, Text: "Ｙｅｓ"})
	if got := st.states(st.harbour, asked) + ", " + st.states(st.harbour, gone); got != "active, stopped" {
		t.Fatalf("%s", got)
	}
	m, err := st.s.Member(t.Context(), st.harbour.ID, asked)
	st.ok(err)
	evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, asked)
	st.ok(err)
	if fmt.Sprint(m.Points[0].Topics) != "[alerts]" || len(evidence) != 1 || evidence[0].Topic != "alerts" || !strings.HasPrefix(evidence[0].Wording, "enrol-ask-") || evidence[0].Locale != "en" || !evidence[0].Granted {
		t.Errorf("%v, %+v", m.Points[0].Topics, evidence)
	}
}

// She is asked at each of her addresses that has not agreed; a yes counts for the one that it comes from.
func TestYesConfirmsTheAddressItComesFrom(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "?sms:"+ann, "?telegram:700")
	_, err := st.f.Ask(t.Context(), st.harbour.ID, []string{"alerts"}, "desk")
	st.ok(err)
	if asked := st.answers(st.harbour); len(asked) != 2 {
		t.Fatalf("asked %d times", len(asked))
	}
	st.say(st.chat, told{ID: "1", From: "700", Text: "yes"})
	if got := st.states(st.harbour, id); got != "unconfirmed active" {
		t.Errorf("after a yes in the chat: %s", got)
	}
	st.say(st.own, told{ID: "2", From: ann, Text: "yes"})
	if got := st.states(st.harbour, id); got != "active active" {
		t.Errorf("after a yes by text message too: %s", got)
	}
}

// What a provider says without her words: blocked is STOP, unblocked is not START, moved is followed; none undoes a STOP.
func TestWhatProvidersSayOfAnAddress(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "telegram:700")
	st.say(st.chat, told{ID: "1", From: "700", Signal: "stopped"})
	st.say(st.chat, told{ID: "2", From: "700", Signal: "started"})
	if got := st.states(st.harbour, id); got != "stopped" || len(st.answers(st.harbour)) != 0 {
		t.Errorf("blocked: %s", got)
	}
	st.say(st.chat, told{ID: "2b", From: "700", Text: "/start"})
	st.say(st.chat, told{ID: "3", From: "700", Signal: "moved", Moved: "-100700"})
	m, err := st.s.Member(t.Context(), st.harbour.ID, id)
	st.ok(err)
	if m.Points[0].State != gateway.PointActive || m.Points[0].Address.Reveal() != "-100700" {
		t.Errorf("moved: %s, %s", m.Points[0].State, m.Points[0].Address.Reveal())
	}
	st.say(st.chat, told{ID: "4", From: "-100700", Text: "stop"}, told{ID: "5", From: "-100700", Signal: "started"})
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("a provider undid her STOP: %s", got)
	}
	// A word of her own that only the provider understands.
	other := st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "6", From: ann, Text: "basta"}, told{ID: "6:stop", From: ann, Signal: "stopped"})
	if got := st.states(st.harbour, other); got != "stopped" {
		t.Errorf("her own word: %s", got)
	}
}

func TestWordsThatAreNoStop(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	for i, text := range []string{"please don't stop", "stop it you two", "stopwatch", "", "的", strings.Repeat("stop", 1000)} {
		st.say(st.own, told{ID: fmt.Sprint(i), From: ann, Text: text})
	}
	if got := st.states(st.harbour, id); got != "active" || len(st.inbox(st.harbour)) != 6 {
		t.Errorf("%s, %d messages", got, len(st.inbox(st.harbour)))
	}
	for i, text := range []string{"STOP", "stop.", "Stop!!", "\u200fستوپ STOP"[len("\u200fستوپ "):], "ＳＴＯＰ", "opt-out", "Arrêt", "/stop@harbour_bot", "“unsubscribe”", "st\u00adop"} {
		who := st.enrol(st.harbour, fmt.Sprintf("sms:+4477009002%02d", i))
		st.say(st.own, told{ID: "s" + fmt.Sprint(i), From: fmt.Sprintf("+4477009002%02d", i), Text: text})
		if got := st.states(st.harbour, who); got != "stopped" {
			t.Errorf("%q leaves her %s", text, got)
		}
	}
}

// The provider repeats itself: one effect for each event, in the order she wrote, also across a restart.
func TestRepeatedEventsHaveOneEffect(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	base := time.Now().Add(-time.Minute)
	day := []told{
		{ID: "1", From: ann, Text: "STOP", At: base}, {ID: "2", From: ann, Text: "stop", At: base.Add(time.Second)},
		{ID: "3", From: ann, Text: "START", At: base.Add(2 * time.Second)}, {ID: "4", From: ann, Text: "thanks", At: base.Add(3 * time.Second)},
	}
	st.say(st.own, day...)
	for range 3 {
		st.say(st.own, day...)
		st.ears = st.newEars() // a restart: memory is lost, the ledger is not
	}
	if got := st.states(st.harbour, id); got != "active" || len(st.inbox(st.harbour)) != 4 {
		t.Errorf("%s, %d messages", got, len(st.inbox(st.harbour)))
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_ = st.ears.Hear(context.Background(), st.own, []channels.Event{told{ID: "5", From: ann, Text: "again"}.event()})
		})
	}
	all.Wait()
	if len(st.inbox(st.harbour)) != 5 {
		t.Errorf("%d messages after twenty calls at once", len(st.inbox(st.harbour)))
	}
}

// The gateway died after it kept STOP and before it acted on it: the repetition makes good for it.
func TestACrashBetweenKeepingAndActing(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	_, err := st.s.Receive(t.Context(), gateway.InboundMessage{ID: gateway.NewID(), GroupID: st.harbour.ID, ChannelID: st.own.ID, EventID: "1", Kind: "sms", From: ann, Text: "STOP", Meaning: "stop", At: time.Now()})
	st.ok(err)
	st.say(st.own, told{ID: "1", From: ann, Text: "STOP"})
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("%s", got)
	}
}

// Webhooks: forged, unknown, unreadable, too long, or while the store is down.
func TestWebhooksThatAreNotTaken(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	word := `[{"ID":"1","From":"` + ann + `","Text":"STOP"}]`
	for _, c := range []struct {
		name, channel, signature, body string
		code                           int
	}{
		{"forged", "harbour-text", "bad", word, http.StatusForbidden},
		{"unknown channel", "nobody", "good", word, http.StatusNotFound},
		{"garbage", "harbour-text", "good", "{", http.StatusBadRequest},
		{"a defect in the adapter", "harbour-text", "good", `[{"Text":"panic"}]`, http.StatusBadRequest},
		{"too long", "harbour-text", "good", strings.Repeat(" ", 1<<20+1), http.StatusRequestEntityTooLarge},
	} {
		w := st.call(c.channel, c.signature, c.body)
		if w.Code != c.code || strings.Contains(w.Body.String(), "7700") || len(w.Body.String()) > 20 {
			t.Errorf("%s: %d %q", c.name, w.Code, w.Body)
		}
	}
	st.broken = errors.New("the disk is full")
	if w := st.call("harbour-text", "good", word); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("while the store is down: %d", w.Code)
	}
	if w := st.call("harbour-text", "good", `[{"ID":"2","Receipt":"SM1"}]`); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a receipt while the store is down: %d", w.Code)
	}
	st.broken = nil
	w := st.call("harbour-text", "good", word)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/xml" || w.Body.String() != "<Response/>" || st.states(st.harbour, id) != "stopped" {
		t.Errorf("the next call: %d %s %q, she is %s", w.Code, w.Header().Get("Content-Type"), w.Body, st.states(st.harbour, id))
	}
}

// With a public URL, a mailbox is looked into all the same, and the others wait for their webhooks.
func TestAMailboxIsPolledBesideWebhooks(t *testing.T) {
	st := newStage(t)
	st.ears.Polls = false
	w := st.wires[st.own.ID]
	w.mailbox = true
	w.pages = [][]channels.Event{nil, nil, nil, nil}
	if !st.ears.Polled(st.own.ID) || st.ears.Polled(st.all.ID) {
		t.Error("what has to be polled is not told from what has a webhook")
	}
	alive := 0 // as often as a poll succeeded; one goroutine polls
	st.ears.Alive = func(_ context.Context, channel gateway.ID) {
		if alive++; channel != st.own.ID {
			t.Error("a channel that is not polled shows signs of life")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = st.ears.Run(ctx)
	}()
	for range 3 {
		select {
		case <-w.polled:
		case <-st.wires[st.all.ID].polled:
			t.Error("a channel with a webhook is polled")
		}
	}
	cancel()
	<-done
	if alive < 2 { // the third was under way, perhaps
		t.Errorf("%d signs of life after three polls", alive)
	}
}

// Behind a home router everything is polled: the cursor moves only after what came is kept, and the order is hers even
// when the provider lists the newest first.
// With a public URL, only a channel whose people cannot be heard otherwise is polled: her STOP in a direct message counts.
func TestPollingBesideHooks(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.ears.Polls = false
	w := st.wires[st.own.ID]
	w.mailbox = true
	w.pages = [][]channels.Event{{told{ID: "1", From: ann, Text: "STOP", At: time.Now()}.event()}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = st.ears.Run(ctx)
	}()
	for <-w.polled != "x" { // until what came is kept
	}
	select {
	case <-st.wires[st.chat.ID].polled:
		t.Error("a channel that has a hook was polled")
	default:
	}
	cancel()
	<-done
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("after STOP she is %s", got)
	}
}

func TestPolling(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	now := time.Now()
	w := st.wires[st.own.ID]
	w.pages = [][]channels.Event{{
		told{ID: "2", From: ann, Text: "START", At: now.Add(time.Second)}.event(),
		told{ID: "1", From: ann, Text: "STOP", At: now}.event(),
		told{ID: "r", Receipt: "SM1", At: now}.event(),
	}}
	st.broken = errors.New("the disk is full")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = st.ears.Run(ctx)
	}()
	if cursor := <-w.polled; cursor != "" {
		t.Errorf("began at %q", cursor)
	}
	if cursor := <-w.polled; cursor != "" {
		t.Errorf("went on at %q although nothing was kept", cursor)
	}
	st.mu.Lock()
	st.broken = nil
	st.mu.Unlock()
	for <-w.polled != "x" { // until what came is kept
	}
	cancel()
	<-done
	if got := st.states(st.harbour, id); got != "active" || len(st.receipts) < 2 {
		t.Errorf("%s, %d receipts", got, len(st.receipts))
	}
	if cursor, err := st.s.Cursor(context.Background(), st.own.ID); cursor != "x" || err != nil {
		t.Errorf("the cursor is %q, %v", cursor, err)
	}
}

// A machine answers our answers a thousand times: it is answered as often as the limit says, and its STOP holds each time,
// also beyond. A person beside it hears of hers.
func TestMachinesThatAnswerEachOther(t *testing.T) {
	st := newStage(t)
	machine := st.enrol(st.harbour, "telegram:700")
	ben := st.enrol(st.harbour, "telegram:701")
	asked := 0
	st.ears.Answer = func(answer inbound.Answer) inbound.Answer {
		return func(ctx context.Context, group gateway.ID, key, wording string, to gateway.Audience, data map[string]string) error {
			asked++
			return answer(ctx, group, key, wording, to, data)
		}
	}(st.ears.Answer)
	for i := range 500 {
		st.say(st.chat, told{ID: fmt.Sprint("a", i), From: "700", Text: "I am driving and will call you back"})
		if i < 20 { // each of these has an answer
			st.say(st.chat, told{ID: fmt.Sprint("b", i), From: "700", Text: "STOP"})
			if got := st.states(st.harbour, machine); got != "stopped" {
				t.Fatalf("STOP number %d is not honoured: %s", i, got)
			}
			st.say(st.chat, told{ID: fmt.Sprint("c", i), From: "700", Text: "START"})
		}
	}
	st.say(st.chat, told{ID: "d", From: "701", Text: "STOP"})
	if n := len(st.answers(st.harbour)); asked != 41 || n != gateway.MostAnswersHour+1 || st.heard[inbound.HeardLimit] != 40-gateway.MostAnswersHour {
		t.Errorf("of %d answers %d are given, and %d are kept back", asked, n, st.heard[inbound.HeardLimit])
	}
	if got := st.states(st.harbour, machine) + ", " + st.states(st.harbour, ben); got != "active, stopped" {
		t.Errorf("%s", got)
	}
}
