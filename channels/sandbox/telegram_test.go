package sandbox_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	botToken = "700000001:sandbox-secret_1"
	botID    = "700000001"
	chatID   = 900000001
	chatText = "900000001"
)

func telegram(t testing.TB, base string) *tgbotapi.BotAPI {
	t.Helper()
	bot, err := tgbotapi.NewBotAPIWithAPIEndpoint(botToken, base+"/bot%s/%s")
	if err != nil {
		t.Fatal(err)
	}
	return bot
}

// withChat is a sandbox in which one person has started the bot.
func withChat(t testing.TB) (*sandbox.Sandbox, *tgbotapi.BotAPI, string) {
	t.Helper()
	s, base := serve(t, sandbox.Options{})
	if err := s.Phones(sandbox.Phone{Kind: sandbox.KindTelegram, Address: chatText, Name: "Chloé", Language: "fr", Started: []string{botID}}); err != nil {
		t.Fatal(err)
	}
	return s, telegram(t, base), base
}

func describe(err error) string {
	var e *tgbotapi.Error
	if errors.As(err, &e) {
		return e.Message
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestTelegramSendsAndShowsEntities(t *testing.T) {
	s, bot, _ := withChat(t)
	msg := tgbotapi.NewMessage(chatID, "  <b>Réunion</b> 🔔 <a href=\"https://example.org/?a=1&amp;b=2\">ici</a> &lt;3 <i>n'est</i>\n")
	msg.ParseMode = tgbotapi.ModeHTML
	got, err := bot.Send(msg)
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != "Réunion 🔔 ici <3 n'est" || got.From.ID != 700000001 || got.Chat.FirstName != "Chloé" || got.MessageID != 1 {
		t.Errorf("the answer: %+v", got)
	}
	want := []tgbotapi.MessageEntity{
		{Type: "bold", Offset: 0, Length: 7}, {Type: "text_link", Offset: 11, Length: 3, URL: "https://example.org/?a=1&b=2"},
		{Type: "italic", Offset: 18, Length: 5},
	}
	if len(got.Entities) != len(want) {
		t.Fatalf("entities: %+v", got.Entities)
	}
	for i := range want {
		if got.Entities[i] != want[i] {
			t.Errorf("entity %d: %+v, want %+v", i, got.Entities[i], want[i])
		}
	}
	log := s.Log(0, 0)
	if len(log) != 1 || log[0].Plain != got.Text || log[0].Text != msg.Text || log[0].Credential != botID || log[0].Status != "delivered" {
		t.Errorf("the log: %+v", log)
	}
}

func TestTelegramRefusesBadMarkupInItsOwnWords(t *testing.T) {
	_, bot, _ := withChat(t)
	for text, want := range map[string]string{
		"<h1>x</h1>":              "can't parse entities: Unsupported start tag \"h1\" at byte offset 0",
		"é <b>x":                  "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
		"x</b>":                   "can't parse entities: Unexpected end tag at byte offset 1",
		"<b>x</i>":                "can't parse entities: Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"",
		"1 < 2":                   "can't parse entities: Unsupported start tag \"\" at byte offset 2",
		"1 <b":                    "can't parse entities: Unclosed start tag at byte offset 2",
		"<a href>x</a>":           "can't parse entities: Expected equal sign in declaration of an attribute of the tag \"a\" at byte offset 0",
		"<span>x</span>":          "can't parse entities: Tag \"span\" must have class \"tg-spoiler\" at byte offset 0",
		"<b>x</b":                 "can't parse entities: Unclosed end tag at byte offset 4",
		"<b> </b>":                "message text is empty",
		strings.Repeat("🔔", 2049): "message is too long",
	} {
		msg := tgbotapi.NewMessage(chatID, text)
		msg.ParseMode = tgbotapi.ModeHTML
		if _, err := bot.Send(msg); describe(err) != "Bad Request: "+want {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
	long := tgbotapi.NewMessage(chatID, "<b>"+strings.Repeat("x", 4096)+"</b>")
	long.ParseMode = tgbotapi.ModeHTML
	if _, err := bot.Send(long); err != nil {
		t.Errorf("4,096 characters after entities are allowed: %v", err)
	}
}

func TestTelegramPeopleDecideWhoWrites(t *testing.T) {
	s, bot, _ := withChat(t)
	hello := tgbotapi.NewMessage(chatID, "hello")
	to := func(id int64) string {
		m := hello
		m.ChatID = id
		_, err := bot.Send(m)
		return describe(err)
	}
	if got := to(5); got != "Bad Request: chat not found" {
		t.Errorf("an unknown chat: %s", got)
	}
	if err := s.Phones(sandbox.Phone{Kind: sandbox.KindTelegram, Address: "6"}); err != nil {
		t.Fatal(err)
	}
	if got := to(6); got != "Forbidden: bot can't initiate conversation with a user" {
		t.Errorf("before /start: %s", got)
	}
	do := func(r sandbox.Reply) {
		t.Helper()
		r.Kind = sandbox.KindTelegram
		if _, err := s.Reply(r); err != nil {
			t.Fatal(err)
		}
	}
	do(sandbox.Reply{Address: "6", To: botID, Text: "/start join-42"})
	if got := to(6); got != "" {
		t.Errorf("after /start: %s", got)
	}
	do(sandbox.Reply{Address: "6", Block: true})
	if got := to(6); got != "Forbidden: bot was blocked by the user" {
		t.Errorf("after blocking: %s", got)
	}
	do(sandbox.Reply{Address: "6", Unblock: true})
	if got := to(6); got != "" {
		t.Errorf("after unblocking: %s", got)
	}
	updates, err := bot.GetUpdates(tgbotapi.NewUpdate(0))
	if err != nil || len(updates) != 3 {
		t.Fatalf("updates: %+v, %v", updates, err)
	}
	if m := updates[0].Message; m.Command() != "start" || m.CommandArguments() != "join-42" || m.Chat.ID != 6 {
		t.Errorf("the /start: %+v", m)
	}
	if a, b := updates[1].MyChatMember, updates[2].MyChatMember; a.NewChatMember.Status != "kicked" || b.NewChatMember.Status != "member" {
		t.Errorf("blocking and unblocking: %+v, %+v", a, b)
	}
	if _, err := s.Script(sandbox.Fault{Kind: sandbox.Migrate, Address: "6", MovedTo: "-1006"}); err != nil {
		t.Fatal(err)
	}
	_, err = bot.Send(tgbotapi.NewMessage(6, "x"))
	var e *tgbotapi.Error
	if !errors.As(err, &e) || e.MigrateToChatID != -1006 {
		t.Errorf("migrated: %v", err)
	}
}

func TestTelegramButtons(t *testing.T) {
	s, bot, _ := withChat(t)
	msg := tgbotapi.NewMessage(chatID, "Can you come?")
	msg.ReplyMarkup = tgbotapi.NewInlineKeyboardMarkup(tgbotapi.NewInlineKeyboardRow(
		tgbotapi.NewInlineKeyboardButtonData("Yes", "ack:1"), tgbotapi.NewInlineKeyboardButtonData("No", "no:1")))
	sent, err := bot.Send(msg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindTelegram, Address: chatText, Press: "ack:2"}); err == nil {
		t.Error("a button that is not there was pressed")
	}
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindTelegram, Address: chatText, Press: "ack:1"}); err != nil {
		t.Fatal(err)
	}
	updates, err := bot.GetUpdates(tgbotapi.NewUpdate(0))
	if err != nil || len(updates) != 1 || updates[0].CallbackQuery == nil {
		t.Fatalf("updates: %+v, %v", updates, err)
	}
	q := updates[0].CallbackQuery
	if q.Data != "ack:1" || q.Message.MessageID != sent.MessageID || q.From.ID != chatID {
		t.Errorf("the press: %+v", q)
	}
	if _, err := bot.Request(tgbotapi.NewCallback(q.ID, "thanks")); err != nil {
		t.Error(err)
	}
	if _, err := bot.Request(tgbotapi.NewCallback(q.ID, "again")); err == nil {
		t.Error("a query was answered twice")
	}
	edit := tgbotapi.NewEditMessageText(chatID, sent.MessageID, "Thank you")
	if got, err := bot.Send(edit); err != nil || got.Text != "Thank you" || got.ReplyMarkup != nil {
		t.Errorf("edited: %+v, %v", got, err)
	}
	if _, err := bot.Send(edit); !strings.HasPrefix(describe(err), "Bad Request: message is not modified") {
		t.Errorf("edited to the same: %v", err)
	}
}

func TestTelegramLongPollAndOffsets(t *testing.T) {
	s, bot, base := withChat(t)
	say := func(text string) {
		t.Helper()
		if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindTelegram, Address: chatText, To: botID, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	type result struct {
		updates []tgbotapi.Update
		err     error
	}
	poll := func() chan result {
		out := make(chan result, 1)
		go func() {
			u, err := bot.GetUpdates(tgbotapi.UpdateConfig{Timeout: 30})
			out <- result{u, err}
		}()
		return out
	}
	first, second := poll(), poll()
	var waiting chan result
	select {
	case got := <-first:
		waiting = second
		if !strings.Contains(describe(got.err), "terminated by other getUpdates request") {
			t.Errorf("the older poll: %+v", got)
		}
	case got := <-second:
		waiting = first
		if !strings.Contains(describe(got.err), "terminated by other getUpdates request") {
			t.Errorf("the older poll: %+v", got)
		}
	}
	say("one")
	got := <-waiting
	if got.err != nil || len(got.updates) != 1 || got.updates[0].Message.Text != "one" {
		t.Fatalf("the waiting poll: %+v", got)
	}
	say("two")
	again, err := bot.GetUpdates(tgbotapi.UpdateConfig{})
	if err != nil || len(again) != 2 {
		t.Errorf("without an offset nothing is confirmed: %+v, %v", again, err)
	}
	rest, err := bot.GetUpdates(tgbotapi.UpdateConfig{Offset: again[0].UpdateID + 1})
	if err != nil || len(rest) != 1 || rest[0].Message.Text != "two" {
		t.Errorf("after the first: %+v, %v", rest, err)
	}
	s.Advance(25 * time.Hour)
	if old, err := bot.GetUpdates(tgbotapi.UpdateConfig{}); err != nil || len(old) != 0 {
		t.Errorf("after a day: %+v, %v", old, err)
	}
	if resp, err := http.Get(base + "/botnonsense/getMe"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("no token at all: %v, %v", resp, err)
	}
	if resp, err := http.Get(base + "/bot700000001:wrong/getMe"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token: %v, %v", resp, err)
	}
}

func TestTelegramWebhookIsRetriedUntilItAnswers(t *testing.T) {
	s, bot, _ := withChat(t)
	seen := make(chan string, 16)
	down := true
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var u tgbotapi.Update
		if err := json.Unmarshal(raw, &u); err != nil {
			t.Error(err)
		}
		if down {
			down = false
			w.WriteHeader(http.StatusServiceUnavailable)
			seen <- "refused " + u.Message.Text
			return
		}
		seen <- r.Header.Get("X-Telegram-Bot-Api-Secret-Token") + " " + u.Message.Text
	}))
	defer hook.Close()
	if _, err := bot.MakeRequest("setWebhook", tgbotapi.Params{"url": hook.URL + "/hooks/tg", "secret_token": "s3cret"}); err != nil {
		t.Fatal(err)
	}
	if _, err := bot.GetUpdates(tgbotapi.UpdateConfig{}); !strings.HasPrefix(describe(err), "Conflict: can't use getUpdates method while webhook is active") {
		t.Errorf("polling beside a webhook: %v", err)
	}
	for _, text := range []string{"one", "two"} {
		if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindTelegram, Address: chatText, To: botID, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"refused one", "s3cret one", "s3cret two"} {
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("the webhook saw %q, want %q", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("the webhook did not see %q", want)
		}
	}
	settled(t, s)
	if info, err := bot.GetWebhookInfo(); err != nil || info.PendingUpdateCount != 0 || info.LastErrorMessage == "" {
		t.Errorf("webhook info: %+v, %v", info, err)
	}
	if _, err := bot.Request(tgbotapi.DeleteWebhookConfig{}); err != nil {
		t.Error(err)
	}
}

func TestTelegramHoldsItsRatesWhenTold(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, base := serve(t, sandbox.Options{OpenChats: true, Now: func() time.Time { return now }})
	bot := telegram(t, base)
	if _, err := s.Script(sandbox.Fault{Kind: sandbox.Rates}); err != nil {
		t.Fatal(err)
	}
	send := func() (retryAfter int) {
		_, err := bot.Send(tgbotapi.NewMessage(chatID, "x"))
		var e *tgbotapi.Error
		if errors.As(err, &e) {
			return e.RetryAfter
		}
		return 0
	}
	for i := range 3 {
		if wait := send(); wait != 0 {
			t.Errorf("message %d of the burst must wait %d s", i+1, wait)
		}
	}
	if wait := send(); wait != 1 {
		t.Errorf("the fourth at once: retry_after %d, want 1", wait)
	}
	s.Advance(time.Second)
	if wait := send(); wait != 0 {
		t.Errorf("a second later: retry_after %d", wait)
	}
}
