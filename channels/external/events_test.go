package external

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// TestPushedEvents are taken if they are signed, however often they come, and our own requests are not.
func TestPushedEvents(t *testing.T) {
	requests := make(chan *http.Request, 10)
	bodies := make(chan []byte, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- r.Clone(context.Background())
		bodies <- body
	}))
	defer hook.Close()
	w := posted(t, describe(), hook.URL)
	if w.Capabilities().Polled {
		t.Error("it is polled although it posts")
	}
	if err := w.Check(t.Context()); err != nil { // it is told where to
		t.Fatal(err)
	}
	w.again(out("1", "Is this read?"))
	r, body := <-requests, <-bodies
	parser := w.Adapter.(channels.WebhookParser)
	events, err := parser.ParseWebhook(r, body)
	if err != nil || len(events) != 2 {
		t.Fatalf("%v, %v", events, err)
	}
	if _, err := parser.ParseWebhook(r, append(body, ' ')); !errors.Is(err, channels.ErrForged) {
		t.Errorf("an altered body: %v", err)
	}
	own := &http.Request{Header: http.Header{}}
	core(w.Adapter).signer.Sign(own.Header, OwnID+"1", time.Now(), body)
	if _, err := parser.ParseWebhook(own, body); !errors.Is(err, channels.ErrForged) {
		t.Errorf("a request of our own, posted back: %v", err)
	}
}

// TestCatchingUp: who posts is asked after an outage, page by page, and gives the ids that were posted.
func TestCatchingUp(t *testing.T) {
	d := describe()
	d.CatchUp = true
	if _, asked := posted(t, d, "").Adapter.(channels.Catcher); asked {
		t.Error("who is polled is asked besides")
	}
	w := posted(t, d, "http://127.0.0.1:1/hooks/test", "-bad", "never posts")
	if err := w.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.again(out("1", "Is this read?"))
	c := w.Adapter.(channels.Catcher)
	first, err := c.CatchUp(t.Context(), time.Now().Add(-time.Hour), "")
	if err != nil || len(first.Events) != 2 || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if last, err := c.CatchUp(t.Context(), time.Now().Add(-time.Hour), first.Next); err != nil || len(last.Events) != 0 || last.Next != "" {
		t.Errorf("%+v, %v", last, err)
	}
	polled, _, err := w.Adapter.(channels.Poller).Poll(t.Context(), "")
	if err != nil || len(polled) != 2 || polled[0].ID != first.Events[0].ID {
		t.Errorf("%+v, %v", polled, err)
	}
}

// TestPostedFloods: more than is taken from one channel is to come again, and a while later it is taken.
func TestPostedFloods(t *testing.T) {
	now := time.Now()
	a, _ := open(t, Options{URL: "http://127.0.0.1:1/", Secret: secret, Description: describe()}, func(s *channels.Settings) {
		s.HookURL, s.Now = "http://127.0.0.1:1/hooks/test", func() time.Time { return now }
	})
	body := []byte(`{"events":[` + strings.TrimSuffix(strings.Repeat(`{"id":"e","receipt":{"id":"m","status":"accepted"}},`, mostEvents), ",") + `]}`)
	post := func() (int, error) {
		r := &http.Request{Header: http.Header{}}
		core(a).signer.Sign(r.Header, "post_1", now, body)
		events, err := a.(channels.WebhookParser).ParseWebhook(r, body)
		return len(events), err
	}
	for range eventBurst / mostEvents {
		if n, err := post(); err != nil || n != mostEvents {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if _, err := post(); !errors.Is(err, channels.ErrBusy) {
		t.Errorf("%v", err)
	}
	before := a
	a, _ = open(t, Options{URL: "http://127.0.0.1:1/other", Secret: secret, Description: describe()}, func(s *channels.Settings) {
		s.HookURL, s.Now, s.Before = "http://127.0.0.1:1/hooks/test", func() time.Time { return now }, before
	})
	if _, err := post(); !errors.Is(err, channels.ErrBusy) {
		t.Errorf("other options lift its bound: %v", err)
	}
	now = now.Add(mostEvents / eventRate * time.Second)
	if n, err := post(); err != nil || n != mostEvents {
		t.Errorf("%d, %v", n, err)
	}
}
