package sandbox

import (
	"errors"
	"net/http"
)

const telegramRoot = "/bot"

// Bot is a Telegram bot.
type Bot struct{ ID string }

// Bot configures a Telegram bot.
func (s *Sandbox) Bot(Bot) {}

type chat struct{}

func (p *phone) telegram() *chat { return nil }
func (c *chat) start(string)     {}

type parsed struct{ text string }
type rich struct {
	id     int64
	parsed *parsed
}

func (s *Sandbox) serveTelegram(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
func (s *Sandbox) replyTelegram(Reply) (uint64, error)                  { return 0, errors.ErrUnsupported }
func (s *Sandbox) postBot(w http.ResponseWriter, r *http.Request)       { http.NotFound(w, r) }
func (s *Sandbox) wallRoutes(*http.ServeMux)                            {}
