package external

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// TestClosingWaitsForAnswers: what is under way when a channel is let go is answered, and is in no doubt.
func TestClosingWaitsForAnswers(t *testing.T) {
	came, answer := make(chan struct{}), make(chan struct{})
	provider := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(came)
		<-answer
	}))
	defer provider.Close()
	w := piped(t, describe(), describe(), "-post", provider.URL)
	sent := make(chan error, 1)
	go func() {
		_, err := w.Send(t.Context(), out("1", "hello"))
		sent <- err
	}()
	<-came
	run := w.program().current
	closed := make(chan error, 1)
	go func() { closed <- w.Adapter.(io.Closer).Close() }()
	select {
	case <-run.dead:
		t.Error("its program is ended in the middle of a message")
	case <-time.After(50 * time.Millisecond): // in which one would end whose input is closed
	}
	close(answer)
	if err := <-sent; err != nil {
		t.Errorf("what was under way: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestARoomIsCalledByNoName: where several people read, nobody's name is put in.
func TestARoomIsCalledByNoName(t *testing.T) {
	d := describe()
	d.Address.Shared = `[a-z]+@room\.example`
	a, _ := open(t, Options{URL: "http://127.0.0.1:1/", Secret: secret, Description: d}, nil)
	part := channels.Part{Text: "Dear " + content.HoleMark + ", come."}
	if p, ok := a.(channels.Filler).Fill(part, "all@room.example", "Ann"); ok || strings.Contains(p.Text, "Ann") {
		t.Errorf("a room is told %q", p.Text)
	}
	if p, ok := a.(channels.Filler).Fill(part, "anna@chat.example", "Ann"); !ok || !strings.Contains(p.Text, "Ann") {
		t.Errorf("she is told %q, %t", p.Text, ok)
	}
}

// TestAnActionIsOfOurButtons: none is longer than a button may carry.
func TestAnActionIsOfOurButtons(t *testing.T) {
	f, err := newForm(describe().Address)
	if err != nil {
		t.Fatal(err)
	}
	for n, usable := range map[int]bool{actionLimit: true, actionLimit + 1: false} {
		e := Event{ID: "1", Inbound: &Inbound{From: "anna@chat.example", Action: strings.Repeat("a", n)}}
		if _, ok := e.event(f, (&veil{}).over); ok != usable {
			t.Errorf("one of %d bytes: usable is %t", n, ok)
		}
	}
}

// canned is a wire that always answers the same.
type canned struct{ ok json.RawMessage }

func (c canned) Exchange(context.Context, string, any) (Answer, error) { return Answer{OK: c.ok}, nil }
func (canned) Close() error                                            { return nil }

// TestCatchingUpKeepsItsPace: a second page of events comes no sooner than by polling; who has no time for it asks again.
func TestCatchingUpKeepsItsPace(t *testing.T) {
	d := describe()
	d.CatchUp = true
	a, _ := open(t, Options{URL: "http://127.0.0.1:1/", Secret: secret, Description: d}, func(s *channels.Settings) { s.HookURL = "http://127.0.0.1:1/hooks/test" })
	core(a).wire = canned{json.RawMessage(`{"events":[` + strings.TrimSuffix(strings.Repeat(`{"id":"e","receipt":{"id":"m","status":"accepted"}},`, mostEvents), ",") + `],"next":"1"}`)}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	c := a.(channels.Catcher)
	if got, err := c.CatchUp(ctx, time.Now(), ""); err != nil || len(got.Events) != mostEvents {
		t.Fatalf("%d events, %v", len(got.Events), err)
	}
	if got, err := c.CatchUp(ctx, time.Now(), "1"); channels.AsError(err).Class != channels.Temporary {
		t.Errorf("%d events at once, %v", len(got.Events), err)
	}
}
