package telegram

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
)

// secretHeader carries the secret given to setWebhook (core.telegram.org/bots/api, setWebhook).
const secretHeader = "X-Telegram-Bot-Api-Secret-Token"

// ParseWebhook decodes one update. Without a webhook secret every request is forged. An update that is of no use to us
// gives no event and no error, so that Telegram does not send it again.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	shown := r.Header.Values(secretHeader)
	if len(shown) != 1 || !a.opts.WebhookSecret.Is(shown[0]) && !a.opts.PreviousWebhookSecret.Is(shown[0]) {
		return nil, channels.ErrForged
	}
	u, err := decodeUpdate(body)
	if err != nil {
		return nil, err
	}
	if e, ok := a.event(u); ok {
		return []channels.Event{e}, nil
	}
	return nil, nil
}

// longestToast is the most characters that a phone shows for a moment (core.telegram.org/bots/api, answerCallbackQuery).
const longestToast = 200

// WebhookReply answers a pressed button, so that the phone stops showing it as busy, and shows there for a moment what became of
// it. Telegram takes a method call as the answer to a webhook (core.telegram.org/bots/api, "Making requests when getting
// updates"). The buttons of a message that is settled are taken away first, by a call of its own.
func (a *Adapter) WebhookReply(ctx context.Context, body []byte, o channels.Outcome) (contentType string, reply []byte) {
	u, err := decodeUpdate(body)
	if err != nil || u.Callback == nil || u.Callback.ID == "" {
		return "", nil
	}
	if m := u.Callback.Message; o.Settled && m != nil && m.Chat.ID != 0 && m.ID != 0 {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		// That buttons stay which mean nothing any more is no harm: whoever presses one is told.
		_, _ = a.api.call(ctx, a.api.short, "editMessageReplyMarkup", tgbotapi.Params{
			"chat_id": strconv.FormatInt(m.Chat.ID, 10), "message_id": strconv.FormatInt(m.ID, 10),
		})
		cancel()
	}
	answer := map[string]string{"method": "answerCallbackQuery", "callback_query_id": u.Callback.ID}
	if o.Text != "" {
		answer["text"] = toast(o.Text)
	}
	reply, err = json.Marshal(answer)
	if err != nil {
		return "", nil
	}
	return "application/json", reply
}

// toast cuts a text to what a phone shows.
func toast(text string) string {
	if signs := []rune(text); len(signs) > longestToast {
		return text[:compose.CutAt(text, len(string(signs[:longestToast])))]
	}
	return text
}

// Subscribe sets the webhook if the channel has a public URL and removes it otherwise, because Telegram refuses to be
// polled while one is set. Waiting updates are kept either way.
func (a *Adapter) Subscribe(ctx context.Context) error {
	method, params := "deleteWebhook", tgbotapi.Params{"drop_pending_updates": "false"}
	if a.hookURL != "" {
		method = "setWebhook"
		params["url"] = a.hookURL
		params["secret_token"] = a.opts.WebhookSecret.Reveal()
		params["allowed_updates"] = allowedUpdates
	}
	if _, fail := a.api.call(ctx, a.api.short, method, params); fail != nil {
		return fail
	}
	return nil
}

var (
	_ channels.WebhookParser = (*Adapter)(nil)
	_ channels.Subscriber    = (*Adapter)(nil)
	_ channels.Replier       = (*Adapter)(nil)
)
