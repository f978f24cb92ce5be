package inbound_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// Who opens a chat with a bot is told how people join: a member and a stranger the same, once a day each. Whom it brings back
// after a STOP hears that instead; and START typed as a word greets nobody.
func TestOpeningAChatIsAnsweredAlike(t *testing.T) {
	st := newStage(t)
	st.enrol(st.harbour, "telegram:700")
	adapter, _ := st.Adapter(st.chat.ID)
	chat := adapter.(*wire)
	for i, from := range []string{"700", "701", "700", "701", "702"} {
		text := "/start"
		if from == "702" {
			text = "START"
		}
		st.say(st.chat, told{ID: string(rune('a' + i)), From: from, Text: text})
	}
	sent := chat.sent
	if len(sent) != 2 || sent[0].To != "700" || sent[1].To != "701" || sent[0].Part.Text != sent[1].Part.Text || sent[0].Part.Text == "" || !sent[1].Neutral {
		t.Fatalf("%d greetings: %+v", len(sent), sent)
	}
	if got := len(st.answers(st.harbour)); got != 0 {
		t.Errorf("%d answers besides", got)
	}
	chat.sent = nil
	st.say(st.chat, told{ID: "y", From: "700", Text: "STOP"}, told{ID: "z", From: "700", Text: "/start"})
	if len(chat.sent) != 0 || len(st.answers(st.harbour)) != 2 || st.heard[inbound.HeardStart] != 6 {
		t.Errorf("%d greetings, %d answers to STOP and /start, %v", len(chat.sent), len(st.answers(st.harbour)), st.heard)
	}
}
