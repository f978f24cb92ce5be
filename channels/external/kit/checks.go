package kit

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

type check struct {
	name, why string
	run       func(*probe)
	only      func(*kit) bool // by how the adapter is reached; nil: always
	needs     string          // what the adapter has to describe, by its name in the description; empty: nothing
}

// describes says whether an adapter describes what a check needs.
func (k *kit) describes(capability string) bool {
	switch capability {
	case "dedupe_seconds":
		return k.Dedupe > 0
	case "text.parts above 1":
		return k.Text.Parts > 1
	case "test.refused":
		return k.Test.Refused != ""
	case "find":
		return k.Find
	case "events":
		return k.Events == "poll" || k.Events == "push"
	case `events "push"`:
		return k.Events == "push"
	case "catch_up":
		return k.CatchUp
	case "text.subject or text.calendar":
		return k.Text.Subject || k.Text.Calendar
	}
	return true
}

// list has the checks that talk to the adapter; from "nonsense" on it has a bad day.
func (k *kit) list() []check {
	byPipe := func(k *kit) bool { return k.URL == "" }
	byPost := func(k *kit) bool { return k.URL != "" }
	atOnce := func(k *kit) bool { return k.URL != "" || k.Concurrent > 1 }
	return []check{
		{"check", "looking after a channel would disturb people, or find nothing", checkCheck, nil, ""},
		{"send", "a message would be lost, or sent twice", checkSend, nil, ""},
		{"keys", "after a crash a message would be sent twice", checkKeys, nil, "dedupe_seconds"},
		{"keys at once", "a message would be sent twice where an answer is late", checkSameKeyAtOnce, atOnce, "dedupe_seconds"},
		{"parts", "the second half of a long message would be lost", checkParts, nil, "text.parts above 1"},
		{"fields", "an alert would be refused for what it has beside its text", checkFields, nil, ""},
		{"refusal", "a number that does not exist would be tried again and again", checkRefusal, nil, "test.refused"},
		{"texts", "somebody's name would stop the adapter", checkTexts, nil, ""},
		{"look-up", "a message would be sent again although it arrived", checkFind, nil, "find"},
		{"events", "receipts and answers would be lost, or count twice", checkEvents, nil, "events"},
		{"waiting", "every message would wait until somebody answers", checkWaiting, atOnce, "events"},
		{"catching up", "what came while the gateway was away would never be heard", checkCatchUp, nil, "catch_up"},
		{"subject and file", "somebody would get a text without the event that it is about", checkEnclosed, nil, "text.subject or text.calendar"},
		{"posted events", "receipts and answers would be lost when the gateway is away", checkPosted, byPost, `events "push"`},
		{"concurrency", "senders would get each other's answers", checkConcurrency, nil, ""},
		{"later versions", "the adapter would stop with the next version of the gateway", checkLater, nil, ""},
		{"over-long text", "one text would stop the adapter, or be cut without a word", checkOverLong, nil, ""},
		{"nonsense", "one torn line would stop the adapter", checkNonsense, nil, ""},
		{"timeouts", "an answer that comes late would be taken for another's", checkTimeouts, nil, ""},
		{"forgery", "anyone could send as you", checkForgery, byPost, ""},
		{"changing the secret", "messages would be refused while the secret is changed", checkRotation, byPost, ""},
		{"crash in mid-send", "after a crash messages would be lost or doubled", checkCrash, byPipe, ""},
		{"clean output", "what the adapter prints would be taken for answers", checkOutput, byPipe, ""},
		{"end", "the adapter would outlive the gateway, and two would send", checkEnd, byPipe, ""},
	}
}

const words = "kit-text meets at the harbour"

func checkCheck(p *probe) {
	var nothing map[string]any
	if f := p.must(external.DoCheck, nil, &nothing); f != nil {
		p.Errorf("check was refused (%s); answer {\"ok\":{}} where credentials and provider are in order", errorOf(f))
	}
}

func checkSend(p *probe) {
	a, b := p.sent(p.message(p.Test.People[0], words)), p.sent(p.message(p.Test.People[1], words))
	if c := p.sent(p.message(p.Test.People[0], words)); a.ID == b.ID || a.ID == c.ID {
		p.Errorf("two messages have the same id; receipts go by it, so give each its own")
	}
}

func checkKeys(p *probe) {
	m := p.message(p.Test.People[0], words)
	first := p.sent(m)
	if again := p.sent(m); again.ID != first.ID {
		p.Errorf("the same key was sent as two messages, %q and %q; remember the id of each key for dedupe_seconds and answer with it, or describe dedupe_seconds as 0", first.ID, again.ID)
	}
	other := p.message(p.Test.People[0], words)
	if next := p.sent(other); next.ID == first.ID {
		p.Errorf("another key got the id of the first; only the same key is the same message")
	}
}

func checkRefusal(p *probe) {
	_, f := p.tried(p.message(p.Test.Refused, words))
	switch {
	case f == nil:
		p.Errorf("test.refused was taken; refuse it as the provider refuses an address that does not exist")
	case f.Class != "permanent" && f.Class != "gone" || f.Scope != "address":
		p.Errorf("test.refused was refused with %s; an address that does not exist is class permanent or gone, scope address", errorOf(f))
	}
}

func checkTexts(p *probe) {
	p.sent(p.message(p.Test.People[0], words)) // where nothing is taken, the texts are not at fault
	for _, text := range channeltest.Hostile() {
		if !utf8.ValidString(text) || len(text) > p.Text.Limit {
			continue
		}
		if _, f := p.tried(p.message(p.Test.People[0], text)); f != nil && (f.Class != "permanent" || f.Scope != "content") {
			p.Errorf("the text %q was refused with %s; take it, or refuse it as class permanent, scope content", text, errorOf(f))
		}
	}
	p.sent(p.message(p.Test.People[0], words))
}

func checkFind(p *probe) {
	since := time.Now().Add(-time.Second).UTC()
	m := p.message(p.Test.People[0], words)
	taken := p.sent(m)
	ask := func(what, attempt, id string) (f external.Found) {
		if failure := p.must(external.DoFind, external.Question{Attempt: attempt, ID: id, To: m.To, Text: m.Text, Since: since, Until: time.Now().UTC()}, &f); failure != nil {
			p.Errorf("find of %s was refused (%s); answer cannot-tell where nothing is known", what, errorOf(failure))
		}
		if f.Found != "sent" && f.Found != "not-sent" && f.Found != "cannot-tell" {
			p.Errorf("find of %s was answered %q; answer sent, not-sent or cannot-tell", what, f.Found)
		}
		return f
	}
	for id, what := range map[string]string{taken.ID: "a message that was sent", "": "a message whose answer was lost"} {
		f := ask(what, m.Attempt, id)
		if f.Found == "not-sent" {
			p.Errorf("%s is said not to be sent, and would be sent twice; answer cannot-tell until the provider's list is complete", what)
		}
		if f.Found == "sent" && (f.Receipt == nil || f.Receipt.ID != taken.ID || f.Receipt.Status == "") {
			p.Errorf("%s is found without its receipt; give id and status in receipt", what)
		}
	}
	if f := ask("a message that was never sent", m.Attempt+"-never", ""); f.Found == "sent" {
		p.Errorf("a message that was never sent is said to be sent; find by attempt and part, or by to and text within since and until")
	}
}

// batch asks for events after a cursor.
func (p *probe) batch(after string) external.Batch {
	var b external.Batch
	if f := p.must(external.DoEvents, external.After{After: after}, &b); f != nil {
		p.Fatalf("events was refused (%s)", errorOf(f))
	}
	if b.Next == "" {
		p.Fatalf("events was answered without next; give a cursor from which to go on, also when there is nothing")
	}
	return b
}

func (p *probe) best() string {
	return map[string]string{"sent": "accepted", "delivered": "delivered"}[p.Receipts]
}

// about finds the receipt of a message.
func (p *probe) about(events []external.Event, m external.Message, taken external.Taken) *external.Event {
	for i, e := range events {
		if e.ID == "" {
			p.Errorf("an event has no id, so that a repeat would count twice; give each an id of its own that stays")
		}
		if r := e.Receipt; r != nil && r.Status == p.best() && (r.ID == taken.ID || r.Attempt == m.Attempt) {
			return &events[i]
		}
	}
	return nil
}

func checkEvents(p *probe) {
	if p.best() == "" {
		p.batch("")
		return
	}
	cursor := p.batch("").Next
	m := p.message(p.Test.People[0], words)
	taken := p.sent(m)
	var found *external.Event
	var before string
	for until := time.Now().Add(p.due(arrives)); found == nil && time.Now().Before(until); {
		b := p.batch(cursor)
		before, cursor = cursor, b.Next
		if found = p.about(b.Events, m, taken); found == nil && len(b.Events) == 0 {
			pause(p.ctx)
		}
	}
	if found == nil {
		p.Fatalf("no receipt with status %s came for a message to a test address within %v; report what receipts promises, with the id or the attempt", p.best(), arrives)
	}
	if again := p.about(p.batch(before).Events, m, taken); again == nil || again.ID != found.ID {
		p.Errorf("asked again after the same cursor, the receipt was gone or had another id; keep events until a later cursor is asked for, because the answer may have been lost")
	}
	if again := p.about(p.batch(cursor).Events, m, taken); again != nil {
		p.Errorf("asked after the cursor that came with it, the receipt came again; give only what came after the cursor")
	}
}

// checkCatchUp: what was told and read already is told again to who asks since a time before it.
func checkCatchUp(p *probe) {
	since := time.Now().Add(-time.Minute).UTC()
	all := func() (events []external.Event) {
		for cursor, n := "", 0; n < 1000; n++ {
			var b external.Batch
			if f := p.must(external.DoEvents, external.After{After: cursor, Since: &since}, &b); f != nil {
				p.Fatalf("events with since was refused (%s); answer it with what came from then on, or describe no catch_up", errorOf(f))
			}
			if len(b.Events) == 0 {
				return events
			}
			if events = append(events, b.Events...); b.Next == "" || b.Next == cursor {
				p.Fatalf("events with since was answered with events and without another next; give a cursor that goes on from there")
			}
			cursor = b.Next
		}
		p.Fatalf("events with since never ends; answer without events once everything since then was told")
		return nil
	}
	all()
	if p.best() == "" {
		return
	}
	cursor := p.batch("").Next
	m := p.message(p.Test.People[0], words)
	taken := p.sent(m)
	for until := time.Now().Add(p.due(arrives)); time.Now().Before(until); {
		b := p.batch(cursor)
		cursor = b.Next
		told := p.about(b.Events, m, taken)
		if told == nil {
			pause(p.ctx)
			continue
		}
		p.batch(cursor) // now it may be forgotten, but for this
		if again := p.about(all(), m, taken); again == nil || again.ID != told.ID {
			p.Errorf("asked since a time before it, a receipt that was told already was missing or had another id; keep what came for some days, or describe no catch_up")
		}
		return
	}
	p.Fatalf("no receipt with status %s came for a message to a test address within %v", p.best(), arrives)
}

func checkEnclosed(p *probe) {
	m := p.message(p.Test.People[0], words)
	if p.Text.Subject {
		m.Subject = "kit: at the harbour"
	}
	if p.Text.Calendar {
		m.Calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Carillon//kit//EN\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:kit@carillon.example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T190000Z\r\nSUMMARY:Kit\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	}
	p.sent(m)
}

// due is how long is waited for what must come.
func (t Target) due(usually time.Duration) time.Duration { return cmp.Or(t.patience, usually) }

// pause is a moment between two questions, as the gateway makes it.
func pause(ctx context.Context) {
	t := time.NewTimer(200 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// checkPosted has the adapter post to a gateway that is away at first: late receipts.
func checkPosted(p *probe) {
	signer, err := httpsend.NewSigner(p.Secret)
	if err != nil {
		p.Fatalf("%v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatalf("listening: %v", err)
	}
	var refused atomic.Int64
	got := make(chan external.Batch, 100)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		id, genuine := signer.Verify(r.Header, body, time.Now())
		if strings.HasPrefix(id, external.OwnID) {
			p.Errorf("what was posted has a webhook-id that begins with %s, as our own requests have, and would be taken for one of them; make ids of your own", external.OwnID)
		}
		if err != nil || !genuine {
			p.Errorf("what was posted is not signed with the channel's secret; sign id.timestamp.body as Standard Webhooks does")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if refused.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var b external.Batch
		if json.Unmarshal(body, &b) == nil {
			select {
			case got <- b:
			default:
			}
		}
	})}
	go func() { _ = server.Serve(l) }() // it ends with Close
	defer func() { _ = server.Close() }()
	if _, err := p.Target.describe(p.ctx, p.peer, "http://"+l.Addr().String()+"/hooks/kit"); err != nil {
		p.Fatalf("%v", err)
	}
	if p.best() == "" {
		p.Skipf("there are no receipts to wait for")
	}
	m := p.message(p.Test.People[0], words)
	taken := p.sent(m)
	for late := time.After(p.due(arrives)); ; {
		select {
		case b := <-got:
			if p.about(b.Events, m, taken) != nil {
				return
			}
		case <-late:
			p.Fatalf("no receipt was posted within %v to the hook of describe, which answered the first request with 503; post events there, and again, later and later, until the answer is 2xx", arrives)
		}
	}
}

func checkConcurrency(p *probe) {
	var group sync.WaitGroup
	ids := make(chan string, 2*max(1, p.Concurrent))
	for i := range cap(ids) {
		m := p.message(p.Test.People[i%2], words)
		group.Go(func() {
			if answer, err := p.ask(p.ctx, external.DoSend, m); err == nil && answer.Error == nil {
				var taken external.Taken
				if json.Unmarshal(answer.OK, &taken) == nil {
					ids <- taken.ID
				}
			}
		})
	}
	group.Wait()
	close(ids)
	seen := map[string]bool{}
	for id := range ids {
		seen[id] = true
	}
	if len(seen) != cap(ids) {
		p.Errorf("%d messages at once got %d different ids; answer each request with its own id, or describe concurrent as less", cap(ids), len(seen))
	}
}

func checkLater(p *probe) {
	var d map[string]any
	if f := p.must(external.DoCheck, map[string]any{"a_field_of_later": []int{1}}, &d); f != nil {
		p.Errorf("a request with a field that the protocol does not have was refused (%s); ignore what you do not know", errorOf(f))
	}
	if f := p.must(external.DoCheck, map[string]any{"a_field_of_later": strings.Repeat("x", 200<<10)}, &d); f != nil {
		p.Errorf("a request of 200 KiB was refused (%s); take requests of up to 1 MiB", errorOf(f))
	}
	if f := p.must("a-verb-of-later", map[string]any{}, &d); f == nil {
		p.Errorf("a request to do what does not exist was answered with ok; answer with an error of class permanent")
	}
}

func checkOverLong(p *probe) {
	if _, f := p.tried(p.message(p.Test.People[0], strings.Repeat("a", p.Text.Limit))); f != nil {
		p.Errorf("a text of just text.limit was refused (%s); describe a limit that holds", errorOf(f))
	}
	if _, f := p.tried(p.message(p.Test.People[0], p.longest())); f != nil {
		p.Errorf("a text of just text.limit, in %s as text.unit says, was refused when it was of characters beyond the usual (%s); describe the limit and the unit that the provider counts in", cmp.Or(p.Text.Unit, "characters"), errorOf(f))
	}
	if _, f := p.tried(p.message(p.Test.People[0], strings.Repeat("long ", 2*p.Text.Limit))); f == nil {
		p.Errorf("a text of ten times text.limit was taken; refuse it, for the provider would cut it")
	} else if f.Class != "permanent" || f.Scope != "content" {
		p.Errorf("a text of ten times text.limit was refused with %s; that is class permanent, scope content", errorOf(f))
	}
	p.sent(p.message(p.Test.People[0], words))
}

func checkNonsense(p *probe) {
	for what, raw := range map[string]string{"no JSON": "{", "JSON that is no request": "[1,2]", "bad UTF-8": "{\"id\":\"x\",\"do\":\"send\",\"with\":{\"text\":\"\xff\xfe\"}}", "another type": `{"id":7,"do":{}}`} {
		if err := p.nonsense(p.ctx, []byte(raw+"\n")); err != nil {
			p.Errorf("%s: %v; go on after a line that cannot be read", what, err)
		}
	}
	p.sent(p.message(p.Test.People[0], words))
}

func checkTimeouts(p *probe) {
	for range 5 {
		ctx, cancel := context.WithTimeout(p.ctx, time.Microsecond)
		_, _ = p.ask(ctx, external.DoSend, p.message(p.Test.People[0], words)) // nobody waits for it
		cancel()
	}
	checkSend(p)
}

func checkForgery(p *probe) {
	h, ok := p.peer.(*posting)
	if !ok {
		return
	}
	body := []byte(`{"id":"kit_forged","do":"check"}`)
	stranger, err := httpsend.NewSigner(channels.Secret("whsec_" + strings.Repeat("QUJD", 12)))
	if err != nil {
		p.Fatalf("%v", err)
	}
	for what, try := range map[string]struct {
		signer *httpsend.Signer
		at     time.Time
	}{
		"no signature": {nil, time.Now()}, "another secret": {stranger, time.Now()}, "an old request": {h.signer, time.Now().Add(-time.Hour)},
	} {
		resp, err := h.post(p.ctx, body, try.at, try.signer)
		if err != nil {
			p.Errorf("%s: no answer", what)
		} else if resp.Status != http.StatusUnauthorized && resp.Status != http.StatusForbidden {
			p.Errorf("%s: status %d; verify every request as Standard Webhooks does, and answer 401", what, resp.Status)
		}
	}
}

// checkCrash kills the program right behind a request, starts it again and sends the same again.
func checkCrash(p *probe) {
	first, ok := p.peer.(*piping)
	if !ok {
		return
	}
	m := p.message(p.Test.People[0], words)
	before := ""
	if p.Dedupe > 0 {
		before = p.sent(m).ID
	}
	if _, err := first.begin(external.DoSend, m); err != nil {
		p.Fatalf("%v", err)
	}
	first.kill()
	second, err := p.open()
	if err != nil {
		p.Fatalf("after a crash: %v", err)
	}
	p.peer = second
	defer second.close()
	if d, err := p.Target.describe(p.ctx, second, ""); err != nil {
		p.Fatalf("after a crash: %v", err)
	} else if written(d) != written(p.described) {
		p.Errorf("after a crash it describes itself otherwise")
	}
	again := p.sent(m)
	if p.Dedupe > 0 && again.ID != before {
		p.Errorf("after a crash the same key was sent as another message; keep keys in a file for dedupe_seconds, or describe dedupe_seconds as 0")
	}
}

func checkOutput(p *probe) {
	first, ok := p.peer.(*piping)
	if !ok {
		return
	}
	p.sent(p.message(p.Test.People[0], words))
	checkCheck(p)
	first.mu.Lock()
	defer first.mu.Unlock()
	for _, line := range first.junk {
		p.Errorf("it wrote %s, which answers nothing, to its standard output; write logs to standard error", line)
	}
}

func checkEnd(p *probe) {
	first, ok := p.peer.(*piping)
	if !ok {
		return
	}
	_ = first.in.Close() // it may have ended
	select {
	case <-first.dead:
	case <-time.After(p.due(leave)):
		p.Errorf("it went on for %v after its standard input had ended; end when it does", leave)
	}
}
