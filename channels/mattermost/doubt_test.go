package mattermost_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// Within 30 seconds the server takes a repeat under the same key for the same post; after that it does not, so that one
// has to look first.
func TestTheKeyHoldsForThirtySeconds(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if got := w.Capabilities().DedupeWindow; got != 30*time.Second {
		t.Errorf("the window is %v", got)
	}
	m := outbound(anna, "Hello")
	first, err := w.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	w.wind(29 * time.Second)
	if again, err := w.Send(t.Context(), m); err != nil || again != first {
		t.Errorf("the repeat gave %+v, %v; want %+v", again, err, first)
	}
	other := m
	other.Key += "1"
	if another, err := w.Send(t.Context(), other); err != nil || another == first {
		t.Errorf("another key gave %+v, %v", another, err)
	}
	w.wind(2 * time.Second)
	if late, err := w.Send(t.Context(), m); err != nil || late == first {
		t.Errorf("after 30 s the repeat gave %+v, %v", late, err)
	}
	if n := len(w.kept()); n != 3 {
		t.Errorf("the server has %d posts, want 3", n)
	}
}

// A lost answer heals by itself when the same part is sent again under its key in time.
func TestALostAnswerIsRepeatedUnderItsKey(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	w.script(sandbox.Fault{Kind: sandbox.Cut, Kept: true, Times: 1})
	m := outbound(anna, "Hello")
	_, err := w.Send(t.Context(), m)
	errorOf(t, err, channels.Unknown, channels.ScopeChannel)
	sent, err := w.Send(t.Context(), m)
	if kept := w.kept(); err != nil || len(kept) != 1 || kept[0].ID != sent.ProviderID {
		t.Errorf("%+v, %v; the server has %+v", sent, err, kept)
	}
}

// While the first request is still under way the server answers a repeat with 500. It is doubt, not failure: the first
// may yet succeed. A request that failed frees the key.
func TestTheFirstIsStillUnderWay(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if _, err := w.Send(t.Context(), outbound(harbour, "so that the bot is known")); err != nil {
		t.Fatal(err)
	}
	w.script(sandbox.Fault{Kind: sandbox.Latency, For: time.Hour, Times: 2})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := outbound(harbour, "Hello")
	m.Key = "two at once"
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := w.Send(ctx, m)
			results <- err
		}()
	}
	e := errorOf(t, <-results, channels.Unknown, channels.ScopeChannel)
	if e.Code != "500" || e.Detail != "the server is still busy with the same message from a try before" {
		t.Errorf("%v", e)
	}
	cancel()
	errorOf(t, <-results, channels.Unknown, channels.ScopeChannel)
	w.Clear()
	for { // until the server has noticed that the first has gone
		if _, err := w.Send(t.Context(), m); err == nil {
			break
		}
	}
	w.script(sandbox.Fault{Kind: sandbox.Failure, Status: 400, Times: 1})
	m.Key = "refused at first"
	if _, err := w.Send(t.Context(), m); err == nil {
		t.Fatal("the refusal went unnoticed")
	}
	if _, err := w.Send(t.Context(), m); err != nil {
		t.Errorf("a refused request did not free its key: %v", err)
	}
}

// What became of a message whose answer was lost: found by its marker, or certainly not there once the list has settled.
func TestDoubtIsSettled(t *testing.T) {
	for _, to := range []string{anna, harbour} {
		w := newWorld(t, sandbox.Options{}, nil)
		look := func(attempt string, since, until time.Time) channels.Finding {
			t.Helper()
			f, err := w.FindStatus(t.Context(), channels.Query{Attempt: attempt, To: channels.Address(to), Part: channels.Part{Text: "Hello"}, Since: since, Until: until})
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		began := w.now()
		w.script(sandbox.Fault{Kind: sandbox.Cut, Kept: true, Times: 1})
		if _, err := w.Send(t.Context(), outbound(to, "Hello")); err == nil {
			t.Fatal("the cut went unnoticed")
		}
		w.wind(time.Hour)
		f := look(attempt, began, began)
		if kept := w.kept(); f.Found != channels.WasSent || f.Receipt.ProviderID != kept[0].ID || f.Receipt.Attempt != attempt || f.Receipt.Status != channels.StatusAccepted {
			t.Errorf("%+v; the server has %+v", f, kept)
		}
		f, err := w.FindStatus(t.Context(), channels.Query{Attempt: attempt, PartNo: 0, ProviderID: f.Receipt.ProviderID, To: channels.Address(to)})
		if err != nil || f.Found != channels.WasSent {
			t.Errorf("by its id: %+v, %v", f, err)
		}
		f, err = w.FindStatus(t.Context(), channels.Query{Attempt: attempt, ProviderID: "ybndrfg8ejkmcpqxot1uwisza3", To: channels.Address(to)})
		if err != nil || f.Found != channels.CannotTell {
			t.Errorf("a post that was deleted since: %+v, %v", f, err)
		}
		w.script(sandbox.Fault{Kind: sandbox.Cut, Times: 1})
		if _, err := w.Send(t.Context(), outbound(to, "Hello")); err == nil {
			t.Fatal("the cut went unnoticed")
		}
		const lost = "01890000-0000-7000-8000-000000000002"
		if f := look(lost, w.now(), w.now()); f.Found != channels.CannotTell {
			t.Errorf("at once: %+v", f)
		}
		began = w.now()
		w.wind(2 * time.Minute)
		if f := look(lost, began, began); f.Found != channels.NotSent {
			t.Errorf("two minutes later: %+v", f)
		}
		w.Adapter = w.twin(func() time.Time { return w.now().Add(10 * time.Minute) }, nil)
		if f := look(lost, began, began); f.Found != channels.CannotTell {
			t.Errorf("with clocks ten minutes apart: %+v", f)
		}
	}
}

// A list that is cut off proves nothing.
func TestALongListProvesNothing(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if _, err := w.Send(t.Context(), outbound(anna, "Hello")); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		w.reply(sandbox.Reply{Address: anna, Text: "and another thing"})
	}
	began := w.now()
	w.wind(2 * time.Minute)
	f, err := w.FindStatus(t.Context(), channels.Query{Attempt: "another", To: anna, Since: began, Until: began})
	if err != nil || f.Found != channels.CannotTell {
		t.Errorf("%+v, %v", f, err)
	}
}

// Whoever else may write in a channel cannot make a post of ours up: the marker counts on our own posts only.
func TestOnlyOurOwnPostsSettleDoubt(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if _, err := w.Send(t.Context(), outbound(harbour, "Hello")); err != nil {
		t.Fatal(err)
	}
	other := "anotherbotstoken0000000001"
	w.MattermostBot(sandbox.MattermostBot{Token: other})
	b, err := build(channels.Settings{Now: w.now}, w.base, map[string]any{"token": other})
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.FindStatus(t.Context(), channels.Query{Attempt: attempt, To: harbour, Since: w.now(), Until: w.now()})
	if err != nil || f.Found != channels.CannotTell {
		t.Errorf("another bot's marker: %+v, %v", f, err)
	}
}
