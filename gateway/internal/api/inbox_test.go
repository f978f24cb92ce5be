package api

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// posts takes answers and does nothing.
type posts struct{}

func (posts) Weigh(context.Context, inbound.Outgoing) (gateway.Preview, error) {
	return gateway.Preview{Reached: 1, Cost: 2, Total: gateway.Total{Segments: 2}}, nil
}

func (posts) Send(_ context.Context, o inbound.Outgoing) (gateway.ID, error) { return o.ID, nil }

// wrote has the member of Berlin write, and gives the conversation.
func (w *world) wrote(text gateway.Private) gateway.ID {
	_, err := w.store.Receive(w.t.Context(), gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.berlin.ID, ChannelID: w.channel.ID, MemberIDs: []gateway.ID{w.member}, Kind: "sms", From: memberAddress, Text: text, Waits: true, At: w.clock.Now()})
	must(w.t, err)
	t, err := w.store.ThreadWith(w.t.Context(), w.berlin.ID, w.member)
	must(w.t, err)
	return t.ID
}

func useInbox(t *testing.T, w *world, c *client.Client) {
	ctx := t.Context()
	id := w.wrote("The road is closed.")
	list, err := c.Inbox(ctx, "berlin", 0)
	must(t, err)
	if len(list) != 1 || list[0].ID != id || list[0].Unread != 1 || list[0].Locale != "de" {
		t.Errorf("the inbox is %+v", list)
	}
	said, err := c.ReadInbox(ctx, "berlin", id)
	must(t, err)
	if len(said.Lines) != 1 || said.Lines[0].Text != "The road is closed." {
		t.Errorf("said was %+v", said)
	}
	answer, err := c.ReplyInbox(ctx, "berlin", id, gateway.ReplyDraft{Text: "Help comes.", Locale: "en", As: "Ines"})
	must(t, err)
	if answer.ID.IsZero() || answer.Segments != 2 || len(answer.Warnings) != 1 {
		t.Errorf("the answer is %+v", answer)
	}
	must(t, c.CloseInbox(ctx, "berlin", id))
}

// A viewer sees that somebody waits; an author reads it, and the log says that he did; nobody sees an address. A member's
// own export has what was said, and erasing her takes it away.
func TestTheInboxByRoles(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const marker = "The bridge at the mill is closed."
	id := w.wrote(marker)
	viewer, _ := w.client("berlin viewer")
	author, _ := w.client("berlin author")
	admin, _ := w.client("berlin administrator")
	seen, err := viewer.Inbox(ctx, "berlin", 0)
	must(t, err)
	if len(seen) != 1 || seen[0].Unread != 1 || len(seen[0].MemberIDs) != 0 || seen[0].Locale != "" || seen[0].Kind != "" {
		t.Errorf("a viewer sees %+v", seen)
	}
	if _, err := viewer.ReadInbox(ctx, "berlin", id); err == nil {
		t.Error("a viewer reads")
	}
	if strings.Contains(w.log.String(), "a conversation was read") {
		t.Error("nobody has read it yet")
	}
	said, err := author.ReadInbox(ctx, "berlin", id)
	must(t, err)
	if said.Lines[0].Text != marker || said.MemberIDs[0] != w.member {
		t.Errorf("an author reads %+v", said)
	}
	if !strings.Contains(w.log.String(), "a conversation was read") || strings.Contains(w.log.String(), marker) {
		t.Error("the log is to say that it was read, and not what")
	}
	dry, err := author.ReplyInbox(ctx, "berlin", id, gateway.ReplyDraft{Text: "Thank you.", DryRun: true})
	must(t, err)
	if !dry.ID.IsZero() || dry.Locale != "de" || len(dry.Warnings) != 0 {
		t.Errorf("tried: %+v", dry)
	}
	_, err = author.ReplyInbox(ctx, "berlin", id, gateway.ReplyDraft{Text: "Thank you."})
	must(t, err)
	list, err := author.Inbox(ctx, "berlin", 0)
	must(t, err)
	if list[0].State != gateway.ThreadReplied || list[0].Unread != 0 {
		t.Errorf("after the answer: %+v", list)
	}
	raw, err := admin.ExportMember(ctx, "berlin", w.member, gateway.RevealRequest)
	must(t, err)
	if !bytes.Contains(raw, []byte(marker)) || !bytes.Contains(raw, []byte("Thank you.")) || bytes.Contains(raw, []byte("berlin author")) {
		t.Error("her export lacks what was said")
	}
	must(t, admin.EraseMember(ctx, "berlin", w.member))
	list, err = author.Inbox(ctx, "berlin", 0)
	if err != nil || len(list) != 0 {
		t.Errorf("after she was erased: %+v, %v", list, err)
	}
}
