package kit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// checkParts: the parts of one attempt are messages of their own.
func checkParts(p *probe) {
	first := p.message(p.Test.People[0], words)
	second := first
	second.Part, second.Key, second.Text = 1, strings.TrimSuffix(first.Key, "0")+"1", words+", and brings gloves"
	if a, b := p.sent(first), p.sent(second); a.ID == b.ID {
		p.Errorf("two parts of one attempt got the same id %q, as if the second were the first once more; tell messages apart by key, which is another for each part", a.ID)
	}
}

// checkFields: all that a message may have, and no more than it must have.
func checkFields(p *probe) {
	m := p.message(p.Test.People[0], words)
	m.Urgent, m.Neutral, m.Protected = true, true, true
	m.Buttons = slices.Grow(m.Buttons, p.Buttons)[:p.Buttons]
	for i := range m.Buttons {
		m.Buttons[i].Label, m.Buttons[i].Action = fmt.Sprintf("Answer %d", i+1), fmt.Sprintf("answer-%d", i+1)
	}
	if p.Text.Markup == external.TextMessage {
		m.Encoding, m.Segments = "GSM-7", 1
	}
	if _, f := p.tried(m); f != nil {
		p.Errorf("a message with all that it may have, urgent, neutral, protected and %d buttons, was refused (%s); take it, and ignore what the provider does not know", p.Buttons, errorOf(f))
	}
	m = p.message(p.Test.People[0], words)
	m.Expires = nil
	if _, f := p.tried(m); f != nil {
		p.Errorf("a message without expires was refused (%s); a field that the protocol calls optional may be missing", errorOf(f))
	}
}

// checkSameKeyAtOnce: the gateway may ask again while the first answer is still under way.
func checkSameKeyAtOnce(p *probe) {
	m := p.message(p.Test.People[0], words)
	var group sync.WaitGroup
	var mu sync.Mutex
	ids, taken := map[string]bool{}, 0
	for range max(2, min(8, p.Concurrent)) {
		group.Go(func() {
			answer, err := p.ask(p.ctx, external.DoSend, m)
			var t external.Taken
			if err != nil || answer.Error != nil || json.Unmarshal(answer.OK, &t) != nil {
				return // to be in doubt is right: the end of the first is not known yet
			}
			mu.Lock()
			defer mu.Unlock()
			ids[t.ID] = true
			taken++
		})
	}
	group.Wait()
	if len(ids) > 1 {
		p.Errorf("the same key, sent %d times at once, became %d messages; write the key down before you ask the provider, so that whoever comes second finds it", taken, len(ids))
	}
}

// longest gives a text that is as long as one may be, of the widest characters.
func (p *probe) longest() string {
	const wide = "😀"
	each := map[string]int{"utf-16": 2, "bytes": len(wide)}[p.Text.Unit]
	return strings.Repeat(wide, p.Text.Limit/max(1, each))
}

const waits = 3 // seconds for which events may wait here

// checkWaiting: while events wait for something to tell, all else goes on.
func checkWaiting(p *probe) {
	cursor := p.batch("").Next
	for range 100 { // what is still to be told would end the wait
		b := p.batch(cursor)
		if cursor = b.Next; len(b.Events) == 0 {
			break
		}
	}
	began := time.Now()
	waited := make(chan time.Duration, 1)
	go func() {
		_, err := p.ask(p.ctx, external.DoEvents, external.After{After: cursor, Wait: waits})
		if took := time.Since(began); err == nil {
			waited <- took
		}
		close(waited)
	}()
	time.Sleep(100 * time.Millisecond) // so that it is asked second
	checkCheck(p)
	checked := time.Since(began)
	took, answered := <-waited
	switch {
	case !answered:
		p.Errorf("events with wait_seconds %d was not answered; answer without events when the time is over", waits)
	case took > (waits+2)*time.Second:
		p.Errorf("events with wait_seconds %d was answered after %v; answer without events when the time is over", waits, took.Round(time.Second))
	case took > time.Second && checked >= took:
		p.Errorf("while events waited nothing else was answered; work on several requests at once, or do not wait")
	}
}

// checkRotation: while the secret is changed the gateway signs with both, and the adapter may know either.
func checkRotation(p *probe) {
	h, ok := p.peer.(*posting)
	if !ok {
		return
	}
	const stranger = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
	for what, secrets := range map[string][2]channels.Secret{"first": {p.Secret, stranger}, "second": {stranger, p.Secret}} {
		signer, err := httpsend.NewSigner(secrets[0], secrets[1])
		if err != nil {
			p.Fatalf("%v", err)
		}
		resp, err := h.post(p.ctx, []byte(`{"id":"kit_both","do":"check"}`), time.Now(), signer)
		if err != nil {
			p.Errorf("no answer to two signatures")
		} else if resp.Status != http.StatusOK {
			p.Errorf("two signatures, of which the %s is right: status %d; take a request if any of its signatures fits, or no secret can be changed without losing messages", what, resp.Status)
		}
	}
}
