package telegram

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// allowedUpdates is what we ask Telegram for; it sends nothing else. Edited messages are left out: an edit of an old
// answer would read as a new one.
const allowedUpdates = `["message","callback_query","my_chat_member"]`

// update is what we read of Telegram's Update (core.telegram.org/bots/api, Update).
type update struct {
	ID       int64       `json:"update_id"`
	Message  *message    `json:"message"`
	Callback *callback   `json:"callback_query"`
	Member   *membership `json:"my_chat_member"`
}

type chat struct {
	ID int64 `json:"id"`
}

type user struct {
	ID    int64 `json:"id"`
	IsBot bool  `json:"is_bot"`
}

type message struct {
	Date      int64  `json:"date"`
	Chat      chat   `json:"chat"`
	From      *user  `json:"from"`
	Text      string `json:"text"`
	Caption   string `json:"caption"`
	Thread    int    `json:"message_thread_id"`
	InTopic   bool   `json:"is_topic_message"`
	MigrateTo int64  `json:"migrate_to_chat_id"`
	ID        int64  `json:"message_id"`
	Answers   *struct {
		ID int64 `json:"message_id"`
	} `json:"reply_to_message"`
}

type callback struct {
	ID      string   `json:"id"`
	From    user     `json:"from"`
	Message *message `json:"message"`
	Data    string   `json:"data"`
}

type membership struct {
	Date int64     `json:"date"`
	Chat chat      `json:"chat"`
	Old  chatState `json:"old_chat_member"`
	New  chatState `json:"new_chat_member"`
}

// chatState is the bot's own standing in a chat. A person who blocks the bot has "kicked" it.
type chatState struct {
	Status   string `json:"status"`
	IsMember bool   `json:"is_member"` // for "restricted"
}

func (s chatState) present() bool {
	switch s.Status {
	case "creator", "administrator", "member":
		return true
	case "restricted":
		return s.IsMember
	}
	return false
}

func decodeUpdate(raw []byte) (update, error) {
	var u update
	if err := json.Unmarshal(raw, &u); err != nil {
		// The library error may quote the body.
		return u, fmt.Errorf("telegram: the update is not readable JSON")
	}
	return u, nil
}

// event reads one update; ok is false if it holds nothing for us.
func (a *Adapter) event(u update) (channels.Event, bool) {
	e := channels.Event{ID: strconv.FormatInt(u.ID, 10)}
	switch {
	case u.Message != nil:
		return a.messageEvent(e, u.Message)
	case u.Callback != nil:
		return a.callbackEvent(e, u.Callback)
	case u.Member != nil:
		return memberEvent(e, u.Member)
	}
	return e, false
}

func (a *Adapter) messageEvent(e channels.Event, m *message) (channels.Event, bool) {
	e.At = unix(m.Date)
	if m.Chat.ID == 0 {
		return e, false
	}
	if m.MigrateTo != 0 {
		e.Signal = &channels.Signal{
			Kind: channels.SignalMoved, Address: chatAddress(m.Chat.ID), NewAddr: chatAddress(m.MigrateTo),
		}
		return e, true
	}
	text := m.Text
	if text == "" {
		text = m.Caption
	}
	if text == "" || m.From != nil && m.From.IsBot {
		return e, false
	}
	e.Inbound = &channels.Inbound{From: a.origin(m), To: a.botID(), Text: text}
	if m.Answers != nil && m.Answers.ID != int64(m.Thread) { // in a topic, what answers nothing names the message that began the topic
		e.Inbound.ReplyTo = strconv.FormatInt(m.Answers.ID, 10)
	}
	return e, true
}

func (a *Adapter) callbackEvent(e channels.Event, c *callback) (channels.Event, bool) {
	from := chatAddress(c.From.ID)
	if c.Message != nil && c.Message.Chat.ID != 0 {
		from = a.origin(c.Message)
	}
	if c.Data == "" || from == "" {
		return e, false
	}
	// A press has no time of its own; the message's date is that of our sending.
	e.Inbound = &channels.Inbound{From: from, To: a.botID(), Action: c.Data}
	if c.Message != nil && c.Message.ID != 0 {
		e.Inbound.ReplyTo = strconv.FormatInt(c.Message.ID, 10)
	}
	return e, true
}

func memberEvent(e channels.Event, m *membership) (channels.Event, bool) {
	e.At = unix(m.Date)
	was, is := m.Old.present(), m.New.present()
	if m.Chat.ID == 0 || was == is {
		return e, false
	}
	kind := channels.SignalStopped
	if is {
		kind = channels.SignalStarted
	}
	e.Signal = &channels.Signal{Kind: kind, Address: chatAddress(m.Chat.ID)}
	return e, true
}

// origin is the address that a message came from: its chat, and its topic unless that is the one that addresses
// without a topic mean anyway.
func (a *Adapter) origin(m *message) channels.Address {
	t := target{chat: strconv.FormatInt(m.Chat.ID, 10)}
	if m.InTopic && m.Thread > generalTopic && m.Thread <= maxTopic && m.Thread != a.opts.Topic {
		t.topic = m.Thread
	}
	return t.address()
}

func chatAddress(id int64) channels.Address {
	if id == 0 {
		return ""
	}
	return target{chat: strconv.FormatInt(id, 10)}.address()
}

// botID is the bot's own number, the open half of its token.
func (a *Adapter) botID() string {
	id, _, _ := strings.Cut(a.opts.Token.Reveal(), ":")
	return id
}

func unix(seconds int64) time.Time {
	if seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
