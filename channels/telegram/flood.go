package telegram

import (
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// floods tells a flooded chat from a flooded bot. Telegram limits both (core.telegram.org/bots/faq: one message a second
// to a chat, 20 a minute to a group, about 30 a second in all) and its 429 names neither. The evidence does: a limit of
// the whole bot refuses every chat, a limit of one chat lets the others through. So the first refusal stops that chat
// only; if a second chat is refused while that wait runs, and nothing begun since has got through, it is the bot. The
// guess costs one request more, and a group that talks too much never silences the alerts to everyone else.
type floods struct {
	mu    sync.Mutex
	chat  string
	since time.Time
	until time.Time
}

// unstatedWait is how long a refusal without a stated wait counts as evidence.
const unstatedWait = 30 * time.Second

// refused notes a 429 for a chat and says whom it concerns.
func (f *floods) refused(chat string, wait time.Duration, now time.Time) channels.Scope {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wait <= 0 {
		wait = unstatedWait
	}
	if f.chat != "" && f.chat != chat && now.Before(f.until) {
		return channels.ScopeChannel
	}
	f.chat, f.since, f.until = chat, now, now.Add(wait)
	return channels.ScopeAddress
}

// passed notes that a message to some chat, begun at the time given, got through.
func (f *floods) passed(begun time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.chat != "" && begun.After(f.since) {
		f.chat = ""
	}
}
