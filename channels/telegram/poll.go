package telegram

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/carillon-gateway/carillon/channels"
)

// batch is the most updates of one Poll. An update may hold a message and the one it answers, each 4,096 characters that
// Telegram escapes to six bytes; sixteen of them stay within httpsend.MaxBody.
const batch = 16

// answerTime bounds the answers to pressed buttons before a Poll.
const answerTime = 3 * time.Second

// Poll makes one getUpdates. The cursor is the number of the next update; handing it in again confirms all before it,
// which Telegram then forgets, and answers the buttons among them. Telegram keeps what nobody fetched for 24 hours.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	params := tgbotapi.Params{"limit": strconv.Itoa(batch), "allowed_updates": allowedUpdates}
	if cursor != "" {
		if !allDigits(cursor) {
			return nil, cursor, &channels.Error{
				Class: channels.Permanent, Scope: channels.ScopeChannel,
				Detail: "the stored cursor is not one of this channel's; clear it to go on with what Telegram still holds",
			}
		}
		params["offset"] = cursor
	}
	a.answerPresses(ctx, cursor)
	params.AddNonZero("timeout", int(a.wait(ctx)/time.Second))
	result, fail := a.api.call(ctx, a.api.long, "getUpdates", params)
	if fail != nil {
		return nil, cursor, fail
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(result, &raws); err != nil {
		return nil, cursor, unreadableUpdates()
	}
	var (
		events  []channels.Event
		pressed []string
		next    = cursor
	)
	for _, raw := range raws {
		var head struct {
			ID int64 `json:"update_id"`
		}
		if err := json.Unmarshal(raw, &head); err != nil || head.ID <= 0 {
			return nil, cursor, unreadableUpdates()
		}
		next = strconv.FormatInt(head.ID+1, 10)
		u, err := decodeUpdate(raw)
		if err != nil {
			continue // numbered but not of a form we know; it must not stop the ones behind it
		}
		if e, ok := a.event(u); ok {
			events = append(events, e)
		}
		if u.Callback != nil && u.Callback.ID != "" {
			pressed = append(pressed, u.Callback.ID)
		}
	}
	a.presses.put(next, pressed)
	return events, next, nil
}

// wait is how long Telegram may hold the request: within PollWait, and with time left to answer before the deadline.
func (a *Adapter) wait(ctx context.Context) time.Duration {
	wait := a.pollWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-2*time.Second)
	}
	return max(wait, 0)
}

// answerPresses tells the phones that the buttons pressed before the cursor have been taken. It is a courtesy: a phone
// that hears nothing stops waiting by itself, so a failure here changes nothing and is not reported.
func (a *Adapter) answerPresses(ctx context.Context, cursor string) {
	ids := a.presses.take(cursor)
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for _, id := range ids {
		if _, fail := a.api.call(ctx, a.api.short, "answerCallbackQuery", tgbotapi.Params{"callback_query_id": id}); fail != nil && ctx.Err() != nil {
			return
		}
	}
}

func unreadableUpdates() *channels.Error {
	return &channels.Error{
		Class: channels.Temporary, Scope: channels.ScopeChannel,
		Detail: "the answer is not a list of Telegram's updates; check the channel's base_url",
	}
}

var _ channels.Poller = (*Adapter)(nil)
