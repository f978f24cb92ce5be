package inbound

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// How often whoever opens a chat with a bot is greeted.
const (
	greetingsOfAddress = 1  // in a day
	greetingsOfChannel = 60 // in an hour
)

// opens reports whether a text is what opening a chat with a bot sends: /start, with no code behind it
// (core.telegram.org/bots/features#global-commands). No other channel has a word with a stroke before it.
func opens(text string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(text), "@")
	return strings.EqualFold(word, "/start")
}

// greet tells whoever opened a chat with a bot how people join: the same words to members and strangers, of no group, so they tell
// nobody who is one (threat T14). A stranger has no row in the ledger that a delivery could belong to, so this one message
// leaves by itself (ADR 58): once a day to each chat, and lost if it fails.
func (v *visit) greet(ctx context.Context) {
	if err := v.tryGreeting(ctx); err != nil {
		v.Log.Warn("whoever opened a chat is not told how to join", "channel", v.ch.ID, "error", err)
	}
}

func (v *visit) tryGreeting(ctx context.Context) error {
	adapter, ok := v.Channels.Adapter(v.ch.ID)
	if !ok || len(v.groups) == 0 {
		return nil
	}
	room, err := v.Guests.Try(ctx, 1,
		gateway.Limit{What: "greeting", By: v.who(), Most: greetingsOfAddress, Within: 24 * time.Hour},
		gateway.Limit{What: "greetings", By: v.ch.ID.String(), Most: greetingsOfChannel, Within: time.Hour})
	if err != nil || !room {
		return err
	}
	set, err := templates.NewSet(templates.ShippedText(templates.HowToJoin))
	if err != nil {
		return fmt.Errorf("read the text: %w", err)
	}
	g := v.groups[0]
	doc, _, err := set.Render(templates.Reader{Chain: append([]string{g.Locale}, g.Fallback...), Now: v.Now()}, nil)
	if err != nil {
		return fmt.Errorf("render the text: %w", err)
	}
	parts, err := adapter.Compose(doc)
	if err != nil {
		return fmt.Errorf("compose the text: %w", err)
	}
	id := gateway.NewID().String()
	for i, part := range parts {
		if _, err := adapter.Send(ctx, channels.Outbound{Attempt: id, PartNo: i, Key: fmt.Sprint(id, "-", i), To: channels.Address(v.from.Reveal()), Part: part, Expires: v.Now().Add(time.Minute), Neutral: true}); err != nil {
			return fmt.Errorf("send the text: %w", err)
		}
	}
	return nil
}
