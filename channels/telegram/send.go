package telegram

import (
	"context"
	"encoding/json"
	"strconv"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// markup is the name of Part.Markup for Telegram's HTML.
const markup = "html"

// Send posts one part. The provider's id is the number of the message within its chat; it holds no part of the address.
// Sent.Delivered stays false: Telegram says that the message is in the chat, never that a phone fetched it.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	to, err := parseTarget(m.To.Reveal())
	if err != nil {
		return channels.Sent{}, &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeAddress,
			Detail: "the address is no Telegram chat", Cause: err,
		}
	}
	params, err := a.params(to, m)
	if err != nil {
		return channels.Sent{}, &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeContent, Detail: badButtons, Cause: err,
		}
	}
	begun := a.now()
	result, fail := a.api.call(ctx, a.api.short, "sendMessage", params)
	if fail != nil {
		if fail.Class == channels.Throttled {
			fail.Scope = a.floods.refused(to.chat, fail.RetryAfter, a.now())
		}
		return channels.Sent{}, fail
	}
	a.floods.passed(begun)
	var message struct {
		ID int64 `json:"message_id"`
	}
	if err := json.Unmarshal(result, &message); err != nil || message.ID == 0 {
		return channels.Sent{}, &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel,
			Detail: "Telegram accepted the message and did not say which number it has",
		}
	}
	return channels.Sent{ProviderID: strconv.FormatInt(message.ID, 10)}, nil
}

// params writes a part as parameters of sendMessage.
func (a *Adapter) params(to target, m channels.Outbound) (tgbotapi.Params, error) {
	p := tgbotapi.Params{"chat_id": to.chat, "text": m.Part.Text}
	if m.Part.Markup == markup {
		p["parse_mode"] = tgbotapi.ModeHTML
	}
	topic := to.topic
	if topic == 0 {
		topic = a.opts.Topic
	}
	if topic != generalTopic {
		p.AddNonZero("message_thread_id", topic)
	}
	p.AddBool("protect_content", m.Protected || a.opts.Protect)
	p.AddBool("disable_notification", a.opts.Quiet && !m.Urgent)
	if !a.opts.Previews {
		p["link_preview_options"] = `{"is_disabled":true}`
	}
	if len(m.Part.Buttons) > 0 {
		if err := p.AddInterface("reply_markup", keyboard(m.Part.Buttons)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// generalTopic is the number of the topic that every forum has. Telegram knows it as the chat without a topic and
// refuses it as message_thread_id.
const generalTopic = 1

// keyboard lays out one button a row, so that long labels and right-to-left ones stay whole.
func keyboard(buttons []content.Button) tgbotapi.InlineKeyboardMarkup {
	rows := make([][]tgbotapi.InlineKeyboardButton, len(buttons))
	for i, b := range buttons {
		rows[i] = tgbotapi.NewInlineKeyboardRow(tgbotapi.NewInlineKeyboardButtonData(b.Label, b.Action))
	}
	return tgbotapi.NewInlineKeyboardMarkup(rows...)
}
