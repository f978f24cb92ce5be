package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

const secret = "a-secret-of-the-webhook"

func hooked(t testing.TB) *telegram.Adapter {
	t.Helper()
	return build(t, channels.Settings{Name: "tg", HookURL: "https://example.org/hooks/tg"},
		map[string]any{"token": token, "webhook_secret": secret})
}

func post(secrets ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hooks/tg", nil)
	for _, s := range secrets {
		r.Header.Add("X-Telegram-Bot-Api-Secret-Token", s)
	}
	return r
}

func TestOnlyTelegramMayPostUpdates(t *testing.T) {
	a := hooked(t)
	body := []byte(`{"update_id":1,"message":{"chat":{"id":5},"text":"STOP"}}`)
	for name, r := range map[string]*http.Request{
		"no secret":      post(),
		"empty":          post(""),
		"wrong":          post("a-secret-of-the-webhooK"),
		"a prefix":       post(secret[:len(secret)-1]),
		"longer":         post(secret + "x"),
		"right, twice":   post(secret, secret),
		"wrong, right":   post("x", secret),
		"in the query":   httptest.NewRequest(http.MethodPost, "/hooks/tg?secret_token="+secret, nil),
		"as other token": func() *http.Request { r := post(); r.Header.Set("Authorization", secret); return r }(),
	} {
		if events, err := a.ParseWebhook(r, body); !errors.Is(err, channels.ErrForged) || events != nil {
			t.Errorf("%s: %v, %v", name, events, err)
		}
	}
	if events, err := a.ParseWebhook(post(secret), body); err != nil || len(events) != 1 {
		t.Errorf("the right one: %v, %v", events, err)
	}
	polled := build(t, channels.Settings{Name: "tg"}, map[string]any{"token": token})
	if _, err := polled.ParseWebhook(post(""), body); !errors.Is(err, channels.ErrForged) {
		t.Errorf("a channel without a secret takes a webhook: %v", err)
	}
}

func TestWhatUpdatesMean(t *testing.T) {
	a := hooked(t)
	at := time.Unix(1_790_000_000, 0).UTC()
	inbound := func(from channels.Address, text, action string) *channels.Event {
		return &channels.Event{ID: "7", Inbound: &channels.Inbound{From: from, To: botID, Text: text, Action: action}}
	}
	signal := func(kind channels.SignalKind, address, moved channels.Address) *channels.Event {
		return &channels.Event{ID: "7", At: at, Signal: &channels.Signal{Kind: kind, Address: address, NewAddr: moved}}
	}
	member := func(chat, was, is string) string {
		return `"my_chat_member":{"date":1790000000,"chat":{"id":` + chat + `},"old_chat_member":` + was + `,"new_chat_member":` + is + `}`
	}
	answering := func(e *channels.Event) *channels.Event { e.Inbound.ReplyTo = "31"; return e }
	timed := inbound("5", "STOP", "")
	timed.At = at
	for name, c := range map[string]struct {
		update string
		want   *channels.Event
	}{
		"a text":                 {`"message":{"date":1790000000,"chat":{"id":5},"from":{"id":5},"text":"STOP"}`, timed},
		"/start with a payload":  {`"message":{"chat":{"id":5},"text":"/start abc"}`, inbound("5", "/start abc", "")},
		"an answer":              {`"message":{"message_id":32,"chat":{"id":5},"text":"closed","reply_to_message":{"message_id":31,"text":"private"}}`, answering(inbound("5", "closed", ""))},
		"a topic's beginning":    {`"message":{"chat":{"id":-1005},"message_thread_id":31,"is_topic_message":true,"text":"hi","reply_to_message":{"message_id":31}}`, inbound("-1005:31", "hi", "")},
		"a press of a message":   {`"callback_query":{"id":"q","from":{"id":5},"data":"ack:1","message":{"message_id":31,"date":1,"chat":{"id":5}}}`, answering(inbound("5", "", "ack:1"))},
		"a caption":              {`"message":{"chat":{"id":5},"caption":"look"}`, inbound("5", "look", "")},
		"in a topic":             {`"message":{"chat":{"id":-1005},"message_thread_id":42,"is_topic_message":true,"text":"hi"}`, inbound("-1005:42", "hi", "")},
		"in a thread of replies": {`"message":{"chat":{"id":-1005},"message_thread_id":42,"text":"hi"}`, inbound("-1005", "hi", "")},
		"of another bot":         {`"message":{"chat":{"id":-1005},"from":{"id":9,"is_bot":true},"text":"hi"}`, nil},
		"a sticker":              {`"message":{"chat":{"id":5},"sticker":{}}`, nil},
		"a press":                {`"callback_query":{"id":"q","from":{"id":5},"data":"ack:1","message":{"date":1,"chat":{"id":-1005}}}`, inbound("-1005", "", "ack:1")},
		"a press, old message":   {`"callback_query":{"id":"q","from":{"id":5},"data":"ack:1"}`, inbound("5", "", "ack:1")},
		"a press of nothing":     {`"callback_query":{"id":"q","from":{"id":5}}`, nil},
		"she blocks":             {member("5", `{"status":"member"}`, `{"status":"kicked"}`), signal(channels.SignalStopped, "5", "")},
		"she comes back":         {member("5", `{"status":"kicked"}`, `{"status":"member"}`), signal(channels.SignalStarted, "5", "")},
		"put out of a group":     {member("-5", `{"status":"administrator"}`, `{"status":"left"}`), signal(channels.SignalStopped, "-5", "")},
		"restricted, still in":   {member("-5", `{"status":"member"}`, `{"status":"restricted","is_member":true}`), nil},
		"restricted and out":     {member("-5", `{"status":"member"}`, `{"status":"restricted"}`), signal(channels.SignalStopped, "-5", "")},
		"promoted":               {member("-5", `{"status":"member"}`, `{"status":"administrator"}`), nil},
		"a supergroup now":       {`"message":{"date":1790000000,"chat":{"id":-5},"migrate_to_chat_id":-1005}`, signal(channels.SignalMoved, "-5", "-1005")},
		"something new":          {`"galaxy_boost":{"id":1}`, nil},
	} {
		events, err := a.ParseWebhook(post(secret), []byte(`{"update_id":7,`+c.update+`}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.want == nil {
			if len(events) != 0 {
				t.Errorf("%s: %+v", name, events[0])
			}
			continue
		}
		if len(events) != 1 {
			t.Errorf("%s: %d events", name, len(events))
			continue
		}
		if got, want := reveal(events[0]), reveal(*c.want); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
	if _, err := a.ParseWebhook(post(secret), []byte(`{"message":{"text":"private"`)); err == nil || strings.Contains(err.Error(), "private") {
		t.Errorf("a torn body: %v", err)
	}
}

// reveal writes an event in clear.
func reveal(e channels.Event) string {
	s := e.ID + " " + e.At.String()
	if e.Inbound != nil {
		s += fmt.Sprintf(" inbound from %s to %s: %q %q %q", e.Inbound.From.Reveal(), e.Inbound.To, e.Inbound.Text, e.Inbound.Action, e.Inbound.ReplyTo)
	}
	if e.Signal != nil {
		s += fmt.Sprintf(" signal %s %s %s", e.Signal.Kind, e.Signal.Address.Reveal(), e.Signal.NewAddr.Reveal())
	}
	return s
}

func TestAPressIsAnsweredInTheReplyToTheWebhook(t *testing.T) {
	a := hooked(t)
	kind, reply := a.WebhookReply(context.Background(), []byte(`{"update_id":7,"callback_query":{"id":"q1","from":{"id":5},"data":"a"}}`), channels.Outcome{})
	if kind != "application/json" || string(reply) != `{"callback_query_id":"q1","method":"answerCallbackQuery"}` {
		t.Errorf("%s %s", kind, reply)
	}
	for _, body := range []string{`{"update_id":7,"message":{"text":"x"}}`, `{`, ``} {
		if _, reply := a.WebhookReply(context.Background(), []byte(body), channels.Outcome{}); len(reply) != 0 {
			t.Errorf("%s is answered %s", body, reply)
		}
	}
}

// Who takes charge by a button sees so at once, and the buttons go; that they cannot be taken away changes nothing.
func TestASettledMessageLosesItsButtons(t *testing.T) {
	d := newDouble(t, func(_ call, w http.ResponseWriter) { _, _ = io.WriteString(w, `{"ok":true,"result":true}`) })
	a := d.adapter(t, channels.Settings{HookURL: "https://example.org/hooks/tg"}, map[string]any{"webhook_secret": secret})
	body := []byte(`{"update_id":7,"callback_query":{"id":"q1","from":{"id":5},"data":"a","message":{"message_id":31,"chat":{"id":5}}}}`)
	_, reply := a.WebhookReply(t.Context(), body, channels.Outcome{Text: "You are in charge.", Settled: true})
	if got := d.last(t); got.method != "editMessageReplyMarkup" || got.params.Get("chat_id") != "5" || got.params.Get("message_id") != "31" || got.params.Has("reply_markup") {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(string(reply), `"text":"You are in charge."`) {
		t.Errorf("%s", reply)
	}
	d.answer = refuse(400, "Bad Request: message can't be edited", "")
	long := strings.Repeat("ကျေးဇူး ", 60)
	var answer map[string]string
	if _, reply = a.WebhookReply(t.Context(), body, channels.Outcome{Text: long, Settled: true}); json.Unmarshal(reply, &answer) != nil {
		t.Fatalf("%s", reply)
	}
	if n := len([]rune(answer["text"])); n == 0 || n > 200 || !strings.HasPrefix(long, answer["text"]) {
		t.Errorf("%d characters are shown: %q", n, answer["text"])
	}
}

func FuzzParseWebhook(f *testing.F) {
	for _, s := range []string{
		`{"update_id":1,"message":{"date":-1,"chat":{"id":5},"text":"STOP"}}`,
		`{"update_id":1,"callback_query":{"id":"q","from":{"id":5},"data":"a","message":{"chat":{"id":0}}}}`,
		`{"update_id":1,"my_chat_member":{"chat":{"id":-5},"old_chat_member":{"status":"left"},"new_chat_member":{"status":"member"}}}`,
		`{"update_id":9223372036854775807,"message":{"chat":{"id":-9223372036854775808},"migrate_to_chat_id":1}}`,
		`{"update_id":"x"}`, `[]`, `null`, "\x00",
	} {
		f.Add([]byte(s))
	}
	a := hooked(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := a.ParseWebhook(post(secret), body)
		if err != nil && len(events) > 0 {
			t.Fatal("events beside an error")
		}
		a.WebhookReply(context.Background(), body, channels.Outcome{})
		for _, e := range events {
			set := 0
			for _, on := range []bool{e.Receipt != nil, e.Inbound != nil, e.Signal != nil} {
				if on {
					set++
				}
			}
			if set != 1 || e.ID == "" {
				t.Fatalf("%s", reveal(e))
			}
			if e.Inbound != nil && (e.Inbound.From == "" || e.Inbound.Text == "" && e.Inbound.Action == "") {
				t.Fatalf("%s", reveal(e))
			}
		}
	})
}

func TestSubscribingSetsTheWebhookOrClearsTheWayForPolling(t *testing.T) {
	d := newDouble(t, func(_ call, w http.ResponseWriter) { _, _ = io.WriteString(w, `{"ok":true,"result":true}`) })
	a := d.adapter(t, channels.Settings{HookURL: "https://example.org/hooks/tg"}, map[string]any{"webhook_secret": secret})
	if err := a.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := d.last(t)
	if got.method != "setWebhook" || got.params.Get("url") != "https://example.org/hooks/tg" || got.params.Get("secret_token") != secret ||
		got.params.Get("allowed_updates") != `["message","callback_query","my_chat_member"]` || got.params.Get("drop_pending_updates") != "false" {
		t.Errorf("%+v", got)
	}
	if err := d.adapter(t, channels.Settings{}, nil).Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.last(t); got.method != "deleteWebhook" || got.params.Get("drop_pending_updates") != "false" {
		t.Errorf("%+v", got)
	}
	d.answer = refuse(400, "Bad Request: bad webhook: HTTPS url must be provided for webhook", "")
	if e := classOf(t, a.Subscribe(t.Context())); e.Scope != channels.ScopeChannel || !strings.Contains(e.Detail, "https") {
		t.Errorf("%v", e)
	}
}

func TestAWebhookOverTheSandboxAndBackToPolling(t *testing.T) {
	b := newBench(t, nil)
	events := make(chan channels.Event, 8)
	var a *telegram.Adapter
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, err := a.ParseWebhook(r, body)
		if err != nil {
			t.Error(err)
		}
		for _, e := range got {
			events <- e
		}
		kind, reply := a.WebhookReply(context.Background(), body, channels.Outcome{})
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(reply)
	}))
	defer hook.Close()
	a = b.twin(t, channels.Settings{Name: "tg", HookURL: hook.URL + "/hooks/tg"}, map[string]any{"webhook_secret": secret})
	if err := a.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.reply(sandbox.Reply{Address: her, Text: "hello"})
	first := <-events
	if first.Inbound == nil || first.Inbound.Text != "hello" || first.Inbound.From != her {
		t.Errorf("%s", reveal(first))
	}
	_, _, err := b.Poll(t.Context(), "")
	if e := classOf(t, err); e.Class != channels.Temporary || e.Code != "409" || !strings.Contains(e.Detail, "webhook") {
		t.Errorf("polling beside a webhook: %v", e)
	}
	if err := b.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.reply(sandbox.Reply{Address: her, Text: "again"})
	got, _ := b.poll("")
	if len(got) == 2 && got[0].ID == first.ID {
		got = got[1:] // Telegram had not heard our answer yet and says it again, under the same id
	}
	if len(got) != 1 || got[0].Inbound == nil || got[0].Inbound.Text != "again" {
		t.Errorf("%+v", got)
	}
}

func TestPollingGoesOnFromItsCursorAndAnswersPresses(t *testing.T) {
	queue := `[{"update_id":41,"callback_query":{"id":"q1","from":{"id":5},"data":"a"}},{"update_id":42,"message":{"date":"odd"}},{"update_id":43,"message":{"chat":{"id":5},"text":"hi"}}]`
	d := newDouble(t, func(c call, w http.ResponseWriter) {
		if c.method == "getUpdates" && c.params.Get("offset") == "" {
			_, _ = io.WriteString(w, `{"ok":true,"result":`+queue+`}`)
			return
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":[]}`)
	})
	a := d.adapter(t, channels.Settings{PollWait: 50 * time.Second}, nil)
	events, next, err := a.Poll(t.Context(), "")
	if err != nil || len(events) != 2 || next != "44" {
		t.Fatalf("%d events, next %q, %v", len(events), next, err)
	}
	if got := d.last(t); got.params.Get("timeout") != "50" || got.params.Get("allowed_updates") == "" {
		t.Errorf("%+v", got)
	}
	// The press is answered only now that the cursor shows it stored.
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	if _, next, err = a.Poll(ctx, next); err != nil || next != "44" {
		t.Fatalf("next %q, %v", next, err)
	}
	var methods []string
	for _, c := range d.calls {
		methods = append(methods, c.method)
	}
	if got := strings.Join(methods, " "); got != "getUpdates answerCallbackQuery getUpdates" {
		t.Error(got)
	}
	if got := d.last(t).params; got.Get("offset") != "44" || len(got.Get("timeout")) != 1 {
		t.Errorf("within twelve seconds it asks %v", got)
	}
	if _, _, err := a.Poll(t.Context(), "x"); classOf(t, err).Class != channels.Permanent {
		t.Errorf("a foreign cursor: %v", err)
	}
}

func TestAFailedPollKeepsItsPlaceAndSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(call, http.ResponseWriter)
		class  channels.Class
		say    string
	}{
		"two programs": {refuse(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", ""), channels.Temporary, "another program polls this bot"},
		"a webhook":    {refuse(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first", ""), channels.Temporary, "a webhook is set"},
		"wrong token":  {refuse(401, "Unauthorized", ""), channels.Auth, "@BotFather"},
		"no list":      {accept, channels.Temporary, "base_url"},
		"no numbers":   {func(_ call, w http.ResponseWriter) { _, _ = io.WriteString(w, `{"ok":true,"result":[{}]}`) }, channels.Temporary, "base_url"},
	} {
		d := newDouble(t, c.answer)
		events, next, err := d.adapter(t, channels.Settings{}, nil).Poll(t.Context(), "44")
		if e := classOf(t, err); len(events) != 0 || next != "44" || e.Class != c.class || !strings.Contains(e.Detail, c.say) {
			t.Errorf("%s: next %q, %v", name, next, e)
		}
	}
}

// The longest updates that Telegram can send must fit one answer, or polling would stop at them for ever.
func TestTheLongestUpdatesFitOnePoll(t *testing.T) {
	text := strings.Repeat(`\u0416`, 4096)
	message := `{"chat":{"id":5},"text":"` + text + `","reply_to_message":{"text":"` + text + `"}}`
	d := newDouble(t, func(c call, w http.ResponseWriter) {
		var limit int
		_ = json.Unmarshal([]byte(c.params.Get("limit")), &limit)
		list := make([]string, limit)
		for i := range list {
			list[i] = fmt.Sprintf(`{"update_id":%d,"message":%s}`, i+1, message)
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":[`+strings.Join(list, ",")+`]}`)
	})
	events, _, err := d.adapter(t, channels.Settings{}, nil).Poll(t.Context(), "")
	if err != nil || len(events) < 10 {
		t.Errorf("%d events, %v", len(events), err)
	}
}
