package mattermost_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// Anna takes charge by a button: the post loses it, and beneath stands for everybody what became of it. What was not ours, or
// cannot be read, stays as it is; she is told all the same.
func TestASettledPostLosesItsButtons(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	w.said = channels.Outcome{Text: "Du bist *jetzt* zuständig.", Settled: true}
	pressed := pressedOnce(w, anna)
	post := pressed["post_id"].(string)
	if err := w.Wait(t.Context(), func() bool { // her own client shows the answer
		log := w.Log(0, 0)
		return strings.Contains(log[len(log)-1].Text, "zuständig")
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Reply(sandbox.Reply{Kind: sandbox.KindMattermost, Address: anna, Press: "carillon0"}); err != nil {
		t.Fatal(err) // a client that has not seen the change can press still
	}
	w.next()
	reply := func(id string) model.PostActionIntegrationResponse {
		t.Helper()
		pressed["post_id"] = id
		body, _ := json.Marshal(pressed)
		kind, raw := w.WebhookReply(t.Context(), body, w.said)
		var out model.PostActionIntegrationResponse
		if err := json.Unmarshal(raw, &out); err != nil || kind != "application/json" {
			t.Fatalf("%s, %s, %v", kind, raw, err)
		}
		return out
	}
	got := reply(post)
	if got.Update == nil || got.EphemeralText != `Du bist \*jetzt\* zuständig.` || !strings.HasSuffix(got.Update.Message, "\n\n"+got.EphemeralText) || strings.HasPrefix(got.Update.Message, "\n") {
		t.Fatalf("%+v", got)
	}
	if props := got.Update.GetProps(); props["attachments"] != nil || props["carillon_delivery_id"] == nil {
		t.Errorf("properties: %v", props)
	}
	if got := reply("nothinggggggggggggggggggg1"); got.Update != nil || got.EphemeralText == "" {
		t.Errorf("a post that is not there: %+v", got)
	}
	w.said.Settled = false
	if got := reply(post); got.Update != nil {
		t.Errorf("what is not settled changes the post: %+v", got)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w.said.Settled = true
	body, _ := json.Marshal(pressed)
	if _, raw := w.WebhookReply(gone, body, w.said); !strings.Contains(string(raw), "ephemeral_text") {
		t.Errorf("without time to ask: %s", raw)
	}
}

// Whoever uses the command is told what became of it, to her alone.
func TestTheCommandSaysWhatBecameOfIt(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	_, raw := w.WebhookReply(t.Context(), []byte("command=%2Fcarillon&text=1+4711"), channels.Outcome{Text: "Taken already.", Settled: true})
	var out model.CommandResponse
	if err := json.Unmarshal(raw, &out); err != nil || out.Text != "Taken already." || out.ResponseType != model.CommandResponseTypeEphemeral {
		t.Errorf("%s, %v", raw, err)
	}
}
