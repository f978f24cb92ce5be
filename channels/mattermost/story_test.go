package mattermost_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// reminder is a message with a button, as it would be sent to Anna.
func (w *world) reminder() channels.Outbound {
	w.t.Helper()
	parts, err := w.Compose(content.Document{
		Locale: "en", Subject: "Tomorrow", Reference: "K7Q2",
		Blocks:  []content.Block{content.Text("Harbour <3 assembly, 18:00 & food. @all")},
		Buttons: []content.Button{{Label: "I am coming *now*", Action: "ack:yes"}},
	})
	if err != nil || len(parts) != 1 {
		w.t.Fatalf("%d parts, %v", len(parts), err)
	}
	m := outbound(anna, "")
	m.Part, m.Expires = parts[0], w.now().Add(6*time.Hour)
	return m
}

// Anna gets a reminder in her direct messages, reads it as it was meant, presses its button, and sees that it worked.
func TestSheReadsTheReminderAndPressesItsButton(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	sent, err := w.Send(t.Context(), w.reminder())
	if err != nil || sent.ProviderID == "" || sent.Delivered {
		t.Fatalf("%+v, %v", sent, err)
	}
	kept := w.kept()
	if len(kept) != 1 || kept[0].To != anna || kept[0].ID != sent.ProviderID || kept[0].Attempt != attempt {
		t.Fatalf("%+v", kept)
	}
	if plain := strings.ReplaceAll(kept[0].Plain, "\u200b", ""); plain != "Tomorrow\n\nHarbour <3 assembly, 18:00 & food. @all\n\nK7Q2" {
		t.Errorf("she reads %q", plain)
	}
	w.reply(sandbox.Reply{Address: anna, Press: "carillon0"})
	press := w.next()
	if press.err != nil || len(press.events) != 1 {
		t.Fatalf("%+v, %v", press.events, press.err)
	}
	e := press.events[0]
	if e.Inbound == nil || e.Inbound.From != anna || e.Inbound.Action != "ack:yes" || e.Inbound.Text != "" || e.Inbound.ReplyTo != sent.ProviderID || e.ID == "" {
		t.Errorf("%+v, %+v", e, e.Inbound)
	}
	again, err := w.ParseWebhook(press.request, press.body)
	if err != nil || len(again) != 1 || again[0].ID != e.ID {
		t.Errorf("the same press once more is %+v, %v: it would count twice", again, err)
	}
	err = w.Wait(t.Context(), func() bool {
		log := w.Log(0, 0)
		last := log[len(log)-1]
		return last.Kind == sandbox.EntryAuto && last.Text == `✓ I am coming \*now\*` && last.To == anna
	})
	if err != nil {
		t.Errorf("she was not shown that her press worked: %v", err)
	}
}

// A person is asked for once an hour; every other message to her is one request.
func TestFactsAreAskedForOnce(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if paths := w.asked.take(); len(paths) != 0 {
		t.Fatalf("making the adapter asked for %v", paths)
	}
	send := func(to string) []string {
		t.Helper()
		if _, err := w.Send(t.Context(), outbound(to, "Hello")); err != nil {
			t.Fatal(err)
		}
		w.wind(time.Minute)
		return w.asked.take()
	}
	first := []string{"GET /api/v4/users/me", "GET /api/v4/users/" + anna, "POST /api/v4/channels/direct", "POST /api/v4/posts"}
	if got := send(anna); !slices.Equal(got, first) {
		t.Errorf("the first message asked for %v", got)
	}
	for range 3 {
		if got := send(anna); !slices.Equal(got, first[3:]) {
			t.Errorf("a later message asked for %v", got)
		}
	}
	if got := send(harbour); !slices.Equal(got, first[3:]) {
		t.Errorf("a message to a channel asked for %v", got)
	}
	w.wind(time.Hour)
	if got := send(anna); !slices.Equal(got, first[1:]) {
		t.Errorf("after an hour it asked for %v", got)
	}
}

// An account that was deactivated is not written to any more, although the server would take it.
func TestDeactivatedAccountIsGone(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if _, err := w.Send(t.Context(), outbound(anna, "Hello")); err != nil {
		t.Fatal(err)
	}
	w.reply(sandbox.Reply{Address: anna, Block: true})
	w.wind(time.Hour)
	_, err := w.Send(t.Context(), outbound(anna, "Hello again"))
	errorOf(t, err, channels.Gone, channels.ScopeAddress)
	if n := len(w.kept()); n != 1 {
		t.Errorf("%d posts", n)
	}
	w.reply(sandbox.Reply{Address: anna, Unblock: true})
	if _, err := w.Send(t.Context(), outbound(anna, "Welcome back")); err != nil {
		t.Error(err)
	}
}

// A name is looked up once and moves the contact point to the account's id, because answers name the id and names can
// change hands.
func TestNamesBecomeIDs(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	_, err := w.Send(t.Context(), outbound("@anna", "Hello"))
	e := errorOf(t, err, channels.Gone, channels.ScopeAddress)
	if e.MovedTo != anna {
		t.Errorf("moved to %q", e.MovedTo.Reveal())
	}
	if _, err := w.Send(t.Context(), outbound(e.MovedTo.Reveal(), "Hello")); err != nil {
		t.Error(err)
	}
	_, err = w.Send(t.Context(), outbound("@nobody", "Hello"))
	if e := errorOf(t, err, channels.Permanent, channels.ScopeAddress); e.MovedTo != "" {
		t.Errorf("nobody moved to %q", e.MovedTo.Reveal())
	}
	w.reply(sandbox.Reply{Address: badr, Block: true})
	_, err = w.Send(t.Context(), outbound("@badr", "Hello"))
	if e := errorOf(t, err, channels.Gone, channels.ScopeAddress); e.MovedTo != "" {
		t.Errorf("a deactivated account moved to %q", e.MovedTo.Reveal())
	}
	f, err := w.FindStatus(t.Context(), channels.Query{Attempt: attempt, To: "@anna", Since: w.now(), Until: w.now()})
	if err != nil || f.Found != channels.NotSent {
		t.Errorf("a name that is never posted to: %+v, %v", f, err)
	}
	if n := len(w.kept()); n != 1 {
		t.Errorf("%d posts", n)
	}
}

// Urgent messages carry the priority where the server takes it, and leave without it where it does not.
func TestUrgency(t *testing.T) {
	urgent := outbound(anna, "The bridge is closed")
	urgent.Urgent = true
	priority := func(w *world) bool {
		kept := w.kept()
		post, _, err := w.bare().GetPost(t.Context(), kept[len(kept)-1].ID, "")
		if err != nil {
			t.Fatal(err)
		}
		return post.IsUrgent()
	}
	t.Run("taken", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{}, nil)
		if _, err := w.Send(t.Context(), urgent); err != nil || !priority(w) {
			t.Errorf("%v; the post is not urgent", err)
		}
		w.asked.take()
		if _, err := w.Send(t.Context(), outbound(badr, "Hello")); err != nil || slices.Contains(w.asked.take(), "GET /api/v4/config/client") {
			t.Errorf("%v; an ordinary message asks whether priorities are taken", err)
		}
	})
	t.Run("switched off", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{NoPriority: true}, nil)
		if _, err := w.Send(t.Context(), urgent); err != nil || priority(w) {
			t.Errorf("%v", err)
		}
	})
	t.Run("switched off since", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{}, nil)
		w.script(sandbox.Fault{Kind: sandbox.Failure, Status: 403, Text: "api.post.post_priority.priority_post_not_allowed_for_user.request_error", Times: 1})
		_, err := w.Send(t.Context(), urgent)
		errorOf(t, err, channels.Temporary, channels.ScopeChannel)
		if _, err := w.Send(t.Context(), urgent); err != nil || priority(w) {
			t.Errorf("the next try: %v; it must go without the priority", err)
		}
	})
	t.Run("an old server", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{OldMattermost: true}, nil)
		if _, err := w.Send(t.Context(), urgent); err != nil {
			t.Error(err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{}, nil)
		if _, err := w.Send(t.Context(), outbound(anna, "Hello")); err != nil {
			t.Fatal(err)
		}
		w.script(sandbox.Fault{Kind: sandbox.Cut, On: sandbox.OnRead})
		if _, err := w.Send(t.Context(), urgent); err != nil {
			t.Errorf("a question that fails held the alert up: %v", err)
		}
	})
}

// A server that is down stops no start, and the first message after it is back goes out.
func TestStartsWhileTheServerIsDown(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	w.script(sandbox.Fault{Kind: sandbox.HTML, Status: 502, On: sandbox.OnAll})
	a := w.twin(w.now, nil)
	if err := a.Check(t.Context()); err == nil {
		t.Error("a server that is down passes the check")
	}
	_, err := a.Send(t.Context(), outbound(anna, "Hello"))
	errorOf(t, err, channels.Temporary, channels.ScopeChannel)
	w.Clear()
	if _, err := a.Send(t.Context(), outbound(anna, "Hello")); err != nil {
		t.Error(err)
	}
}

// A hanging server holds Send up no longer than its context allows, whichever of its requests hangs.
func TestEveryRequestHasADeadline(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	w.script(sandbox.Fault{Kind: sandbox.Hang, On: sandbox.OnRead})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := w.Send(ctx, outbound(anna, "Hello"))
	errorOf(t, err, channels.Temporary, channels.ScopeChannel) // nothing of the message had left
}
