package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func report(text string) map[string]any {
	return map[string]any{"kind": "report", "audience": map[string]any{"topic": "reports"}, "words": map[string]any{"sources": map[string]string{"en": text}}}
}

func keyed(token, key string, body any) ask {
	return ask{method: "POST", path: "/api/v1/groups/berlin/broadcasts", token: token, body: body, header: map[string]string{"Idempotency-Key": key}}
}

// A client asks again because it never saw the answer: it gets the first answer, and nothing is done twice. Another
// request under the same key is refused, and so are strange keys.
func TestARepeatedRequestGetsTheFirstAnswer(t *testing.T) {
	w := newWorld(t)
	var first, again gateway.Submission
	w.want(201, keyed("berlin author", "k1", report("Hello.")), &first)
	r := w.want(201, keyed("berlin author", "k1", report("Hello.")), &again)
	if first.ID != again.ID || first.Created != again.Created || r.header.Get("Idempotent-Replayed") != "true" || w.fake.submitted() != 1 {
		t.Errorf("first %+v, again %+v, %d submitted, headers %v", first, again, w.fake.submitted(), r.header)
	}
	if p := w.want(422, keyed("berlin author", "k1", report("Other.")), nil).problem(t); p.Code != gateway.CodeKeyReused {
		t.Errorf("another body under the key: %+v", p)
	}
	w.want(201, keyed("berlin administrator", "k1", report("Other.")), nil) // keys are each token's own
	for _, key := range []string{strings.Repeat("k", 201), "two words", "ä"} {
		w.want(422, keyed("berlin author", key, report("Hello.")), nil)
	}
	w.clock.wind(25 * time.Hour)
	w.want(200, keyed("berlin author", "k1", report("Hello.")), &again) // forgotten after a day, but the broadcast's own key holds
	if again.Created || again.ID != first.ID {
		t.Errorf("after a day: %+v", again)
	}
}

// Fifty copies of one request arrive at once: one does the work, the others are told that it is at work, or get its answer.
func TestConcurrentRepetitions(t *testing.T) {
	w := newWorld(t)
	w.fake.gate, w.fake.entered = make(chan struct{}), make(chan struct{}, 1)
	var wait sync.WaitGroup
	wait.Go(func() { w.want(201, keyed("berlin author", "k", report("Hello.")), nil) })
	<-w.fake.entered
	var inside sync.WaitGroup
	for range 20 {
		inside.Go(func() {
			if p := w.want(409, keyed("berlin author", "k", report("Hello.")), nil).problem(t); p.Code != gateway.CodeInProgress {
				t.Errorf("while it is at work: %+v", p)
			}
		})
	}
	inside.Wait()
	w.clock.wind(5 * time.Minute) // the ledger's reservation lapses, but this process knows that it is still at work
	w.want(409, keyed("berlin author", "k", report("Hello.")), nil)
	close(w.fake.gate)
	wait.Wait()
	for range 20 {
		wait.Go(func() { w.want(201, keyed("berlin author", "k", report("Hello.")), nil) })
	}
	wait.Wait()
	if w.fake.submitted() != 1 {
		t.Errorf("submitted %d times", w.fake.submitted())
	}
}

// A request that was refused, failed or panicked has no kept answer: mended or repeated, it is done.
func TestOnlySuccessIsKept(t *testing.T) {
	w := newWorld(t)
	w.want(422, keyed("berlin author", "k", map[string]any{"kind": "report"}), nil)
	w.fake.fail = errors.New("disk")
	w.want(500, keyed("berlin author", "k", report("Hello.")), nil)
	w.fake.fail = gateway.Faultf(gateway.CodeNobody, "nobody subscribed to reports")
	w.want(422, keyed("berlin author", "k", report("Hello.")), nil)
	w.fake.fail, w.fake.panics = nil, "boom"
	w.want(500, keyed("berlin author", "k", report("Hello.")), nil)
	w.fake.panics = nil
	w.want(201, keyed("berlin author", "k", report("Hello.")), nil)
}

// A process dies with a request at work. Its reservation lapses after a minute, and the repetition is done.
func TestAReservationOfADeadProcessLapses(t *testing.T) {
	w := newWorld(t)
	a := keyed("berlin author", "k", report("Hello."))
	var print []byte
	w.server.Replays = spy{w.store, &print}
	w.want(201, keyed("berlin author", "other", report("Hello.")), nil)
	if _, err := w.store.BeginRequest(t.Context(), w.ids["berlin author"], "k", print); err != nil {
		t.Fatal(err)
	}
	w.want(409, a, nil)
	w.clock.wind(61 * time.Second)
	w.want(201, a, nil)
}

// A token's text is shown once, and the ledger's copy of the answer does not have it.
func TestTheTextOfATokenIsNotKept(t *testing.T) {
	w := newWorld(t)
	a := ask{method: "POST", path: "/api/v1/groups/berlin/tokens", token: "berlin administrator", body: map[string]any{"label": "new", "role": "viewer"}, header: map[string]string{"Idempotency-Key": "k"}}
	var first, again gateway.IssuedToken
	w.want(201, a, &first)
	w.want(201, a, &again)
	if first.Secret == "" || again.Secret != "" || first.ID != again.ID {
		t.Errorf("first %v, again %v", first.ID, again)
	}
}

// What was asked for in private is not kept, so its key keeps nothing; the same key may be used again and again.
func TestPrivateAnswersAreNotKept(t *testing.T) {
	w := newWorld(t)
	for _, reason := range []string{"incident", "contact-her"} {
		r := w.want(200, ask{method: "POST", path: "/api/v1/groups/berlin/members/" + w.member.String() + "/reveal", token: "berlin administrator",
			body: map[string]string{"reason": reason}, header: map[string]string{"Idempotency-Key": "k"}}, nil)
		if r.header.Get("Idempotent-Replayed") != "" {
			t.Error("a member in clear came out of the kept answers")
		}
	}
}

// A file of members with a key needs the digest of what it will be, so that it need not be kept to be compared.
func TestAnImportWithAKey(t *testing.T) {
	w := newWorld(t)
	file := people + row("K-20", "Somebody", "+447700900120")
	post := func(file string, header map[string]string) ask {
		header["Content-Type"], header["Idempotency-Key"] = "text/csv", "k"
		return ask{method: "POST", path: "/api/v1/groups/berlin/imports", token: "berlin administrator", body: strings.NewReader(file), header: header}
	}
	w.want(422, post(file, map[string]string{}), nil)
	w.want(422, post(file, map[string]string{"Content-Digest": "sha-256=:AAAA:"}), nil)
	var first, again gateway.ImportReport
	w.want(200, post(file, map[string]string{"Content-Digest": digestOf(file)}), &first)
	w.want(200, post(file, map[string]string{"Content-Digest": digestOf(file)}), &again)
	if first.New != 1 || first.ID != again.ID {
		t.Errorf("first %+v, again %+v", first, again)
	}
	w.want(422, post(people, map[string]string{"Content-Digest": digestOf(people)}), nil)
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// The kept fingerprint cannot be guessed from the ledger: it is keyed with what only the token's holder has.
func TestFingerprintsDifferByToken(t *testing.T) {
	w := newWorld(t)
	var mine, hers []byte
	w.server.Replays = spy{w.store, &mine}
	w.want(201, keyed("berlin author", "a", report("Hello.")), nil)
	w.server.Replays = spy{w.store, &hers}
	w.want(201, keyed("berlin approver", "b", report("Hello.")), nil)
	if len(mine) != sha256.Size || string(mine) == string(hers) {
		t.Errorf("fingerprints %x and %x", mine, hers)
	}
}

// spy sees the fingerprints that are kept.
type spy struct {
	gateway.Replays
	print *[]byte
}

func (s spy) BeginRequest(ctx context.Context, token gateway.ID, key string, fingerprint []byte) (*gateway.Answer, error) {
	*s.print = fingerprint
	return s.Replays.BeginRequest(ctx, token, key, fingerprint)
}
