package inbound_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/templates"
)

func (st *stage) Weigh(ctx context.Context, o inbound.Outgoing) (gateway.Preview, error) {
	return st.f.Weigh(ctx, note(o))
}

func (st *stage) Send(ctx context.Context, o inbound.Outgoing) (gateway.ID, error) {
	s, err := st.f.Tell(ctx, note(o))
	return s.ID, err
}

func note(o inbound.Outgoing) fanout.Note {
	return fanout.Note{ID: o.ID, Group: o.Group, Key: o.Key, Wording: templates.InboxReply, Data: map[string]string{"text": o.Text}, Locale: o.Locale, Author: o.Author,
		Audience: gateway.Audience{Members: []gateway.ID{o.Member}, Point: o.Point, Only: true}}
}

func (st *stage) desk() *inbound.Desk {
	return inbound.NewDesk(inbound.DeskParts{Conversations: st.s, Answers: st.s, Members: st.s, Groups: st.s, Deliveries: st.s, Post: st})
}

// read gives the one conversation of the harbour.
func (st *stage) read() gateway.Conversation {
	st.t.Helper()
	all, err := st.desk().List(st.t.Context(), st.harbour.ID, gateway.ID{}, 10)
	st.ok(err)
	if len(all) != 1 {
		st.t.Fatalf("%d conversations", len(all))
	}
	c, err := st.desk().Read(st.t.Context(), st.harbour.ID, all[0].ID)
	st.ok(err)
	return c
}

// conflicts insists on a refusal that says so.
func (st *stage) conflicts(err error, says string) {
	st.t.Helper()
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeConflict}) || !strings.Contains(err.Error(), says) {
		st.t.Errorf("want a refusal that says %q, got %v", says, err)
	}
}

// She answers a report by chat: her people see what she answers, as a guess or as her client says, and their answer goes to
// her chat, in her language or marked as another; after STOP it does not go at all.
func TestAConversation(t *testing.T) {
	st := newStage(t)
	ctx := t.Context()
	id := st.enrol(st.harbour, "telegram:700", "sms:"+ann)
	_, err := st.f.Submit(ctx, gateway.Draft{Group: st.harbour.ID, Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "The well is dug."}}})
	st.ok(err)
	report := st.answers(st.harbour)[0]
	by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}
	_, claims, err := st.s.Exchange(ctx, by, nil, []gateway.ID{report.ID})
	st.ok(err)
	_, _, err = st.s.Exchange(ctx, by, []gateway.Outcome{{Attempt: claims[0].Attempt, Token: claims[0].Token, State: gateway.Accepted, ProviderID: "77", Cost: 1}}, nil)
	st.ok(err)

	st.say(st.chat, told{ID: "1", From: "700", Text: "The road is closed."})
	c := st.read()
	if c.State != gateway.ThreadOpen || c.MemberIDs[0] != id || c.Urgent || c.Kind != "telegram" {
		t.Errorf("%+v", c.ThreadView)
	}
	if a := c.Lines[0].Answers; a == nil || !a.Guess || a.Delivery != report.ID || a.Kind != gateway.KindReport {
		t.Errorf("a guess: %+v", a)
	}
	st.say(st.chat, told{ID: "2", From: "700", Text: "Two are hurt!", ReplyTo: "77"}, told{ID: "3", From: "700", Text: "Mind the dam", ReplyTo: "12"})
	c = st.read()
	if a := c.Lines[1].Answers; a == nil || a.Guess || a.Broadcast != report.BroadcastID {
		t.Errorf("as her client says: %+v", a)
	}
	if a := c.Lines[2].Answers; a == nil || !a.Guess {
		t.Errorf("an answer to what is not ours is a guess: %+v", a)
	}
	if !c.Urgent {
		t.Error("two are hurt, and it is not urgent")
	}

	d := gateway.ReplyDraft{Key: "k", Text: " Help comes. ", As: "Ines", Author: "office", DryRun: true}
	tried, err := st.desk().Reply(ctx, st.harbour.ID, c.ID, d)
	st.ok(err)
	if !tried.ID.IsZero() || tried.Segments != 1 || tried.Kind != "telegram" || tried.Locale != "en" || len(tried.Warnings) != 0 || len(st.answers(st.harbour)) != 1 {
		t.Errorf("tried: %+v", tried)
	}
	d.DryRun = false
	for range 2 {
		_, err = st.desk().Reply(ctx, st.harbour.ID, c.ID, d)
		st.ok(err)
	}
	sent := st.answers(st.harbour)
	if len(sent) != 2 || sent[1].ChannelID != st.chat.ID || sent[1].MemberID != id || st.text(st.harbour, sent[1]) != "Answer to your message\n\nHelp comes.\nInes" {
		t.Fatalf("sent %q: %+v", st.text(st.harbour, sent[1]), sent)
	}
	d.Key, d.Locale, d.As = "l", "fa", ""
	other, err := st.desk().Reply(ctx, st.harbour.ID, c.ID, d)
	st.ok(err)
	sent = st.answers(st.harbour)
	if len(other.Warnings) != 1 || !strings.HasPrefix(st.text(st.harbour, sent[2]), "[fa]") {
		t.Errorf("in another language: %q, %q", other.Warnings, st.text(st.harbour, sent[2]))
	}
	c = st.read()
	if last := c.Lines[len(c.Lines)-1]; c.State != gateway.ThreadReplied || !last.Ours || last.State != gateway.Waiting || last.Author != "office" {
		t.Errorf("after the answers: %+v", c)
	}

	st.say(st.chat, told{ID: "4", From: "700", Text: "STOP"})
	_, claims, err = st.s.Exchange(ctx, by, nil, []gateway.ID{sent[1].ID})
	st.ok(err)
	if claims[0].Verdict != gateway.Silenced {
		t.Errorf("an answer that waits must heed her STOP: %v", claims[0].Verdict)
	}
	_, err = st.desk().Reply(ctx, st.harbour.ID, c.ID, d)
	st.conflicts(err, "STOP")
	st.ok(st.desk().Close(ctx, st.harbour.ID, c.ID))
	st.say(st.chat, told{ID: "5", From: "700", Text: "And now?"})
	if got := st.read(); got.State != gateway.ThreadOpen || got.ID != c.ID {
		t.Errorf("what she writes opens it again: %+v", got.ThreadView)
	}
}

// A stranger gets a name and no answer. Whoever writes from a shared telephone is somebody at that address.
func TestStrangersAndSharedTelephones(t *testing.T) {
	st := newStage(t)
	st.say(st.own, told{ID: "1", From: bea, Text: "Hello?"}, told{ID: "2", From: bea, Text: "Anybody?"})
	c := st.read()
	if len(c.MemberIDs) != 0 || !strings.HasPrefix(c.Stranger, "stranger ") || len(c.Lines) != 2 {
		t.Fatalf("%+v", c)
	}
	_, err := st.desk().Reply(t.Context(), st.harbour.ID, c.ID, gateway.ReplyDraft{Text: "Hello."})
	st.conflicts(err, "no text message goes to somebody whom the group does not know")

	shared := newStage(t)
	one, two := shared.enrol(shared.harbour, "sms:"+ann), shared.enrol(shared.harbour, "sms:"+ann, "telegram:700")
	shared.say(shared.own, told{ID: "1", From: ann, Text: "Is the bus late?"})
	c = shared.read()
	if len(c.MemberIDs) != 2 || c.MemberIDs[0] != one && c.MemberIDs[1] != one || c.Stranger != "" {
		t.Fatalf("%+v, of %s and %s", c.ThreadView, one, two)
	}
	a, err := shared.desk().Reply(t.Context(), shared.harbour.ID, c.ID, gateway.ReplyDraft{Text: "The harbour."})
	shared.ok(err)
	if sent := shared.answers(shared.harbour); len(a.Warnings) != 1 || len(sent) != 1 || sent[0].ChannelID != shared.own.ID {
		t.Errorf("%+v, %+v", a, sent)
	}
}

// A cry for help is answered as HELP is and people read it, at once; the word that our own messages name is no cry.
func TestACryForHelp(t *testing.T) {
	st := newStage(t)
	st.enrol(st.harbour, "telegram:700")
	st.say(st.chat, told{ID: "1", From: "700", Text: "HELP"})
	if waiting, err := st.s.Threads(t.Context(), st.harbour.ID, gateway.ID{}, 10); err != nil || len(waiting) != 0 {
		t.Errorf("HELP waits: %v, %v", waiting, err)
	}
	st.say(st.chat, told{ID: "2", From: "700", Text: "Help me!"})
	if c := st.read(); !c.Urgent || len(st.answers(st.harbour)) != 2 {
		t.Errorf("%+v with %d answers", c.ThreadView, len(st.answers(st.harbour)))
	}
}
