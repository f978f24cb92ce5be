package telegram

import (
	"context"
	"encoding/json"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// keeps is how long Telegram keeps what it could not bring (core.telegram.org/bots/api, "Getting updates").
const keeps = 24 * time.Hour

// CatchUp asks how many updates wait: Telegram brings them by itself, to the webhook or to the next Poll, and counts one no more
// once that has confirmed it (core.telegram.org/bots/api#webhookinfo).
func (a *Adapter) CatchUp(ctx context.Context, since time.Time, _ string) (channels.Caught, error) {
	result, fail := a.api.call(ctx, a.api.short, "getWebhookInfo", nil)
	if fail != nil {
		return channels.Caught{}, fail
	}
	var info struct {
		Pending *int `json:"pending_update_count"`
	}
	if err := json.Unmarshal(result, &info); err != nil || info.Pending == nil {
		return channels.Caught{}, &channels.Error{
			Class: channels.Temporary, Scope: channels.ScopeChannel,
			Detail: "the answer does not say what waits at Telegram; check the channel's base_url",
		}
	}
	var c channels.Caught
	if *info.Pending > 0 {
		c.Next = "pending"
	}
	if oldest := a.now().Add(-keeps); since.Before(oldest) {
		c.Lost = oldest
	}
	return c, nil
}

var _ channels.Catcher = (*Adapter)(nil)
