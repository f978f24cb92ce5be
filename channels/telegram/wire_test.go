package telegram_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

// double answers every call with what answer says and keeps what it was asked.
type double struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(c call, w http.ResponseWriter)
}

type call struct {
	method string
	params url.Values
}

func newDouble(t testing.TB, answer func(c call, w http.ResponseWriter)) *double {
	t.Helper()
	d := &double{answer: answer}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		params, _ := url.ParseQuery(string(body))
		c := call{strings.TrimPrefix(r.URL.Path, "/bot"+token+"/"), params}
		d.mu.Lock()
		d.calls = append(d.calls, c)
		d.mu.Unlock()
		d.answer(c, w)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *double) adapter(t testing.TB, s channels.Settings, options map[string]any) *telegram.Adapter {
	t.Helper()
	all := map[string]any{"token": token, "base_url": d.URL}
	for k, v := range options {
		all[k] = v
	}
	s.Name = "tg"
	return build(t, s, all)
}

func (d *double) last(t testing.TB) call {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.calls) == 0 {
		t.Fatal("no call was made")
	}
	return d.calls[len(d.calls)-1]
}

func accept(_ call, w http.ResponseWriter) {
	_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":7,"chat":{"id":1}}}`)
}

func refuse(code int, description, parameters string) func(call, http.ResponseWriter) {
	return func(_ call, w http.ResponseWriter) {
		w.WriteHeader(code)
		text, _ := json.Marshal(description)
		_, _ = fmt.Fprintf(w, `{"ok":false,"error_code":%d,"description":%s,"parameters":{%s}}`, code, text, parameters)
	}
}

func TestWhatGoesOverTheWire(t *testing.T) {
	d := newDouble(t, accept)
	part := channels.Part{Text: "<b>x</b>", Markup: "html", Cost: 1, Buttons: []content.Button{{Label: "Ja", Action: "a"}, {Label: "Nein", Action: "b"}}}
	for name, c := range map[string]struct {
		options map[string]any
		out     channels.Outbound
		want    map[string]string
	}{
		"bare": {nil, channels.Outbound{To: "5", Part: plainPart("x")}, map[string]string{
			"chat_id": "5", "text": "x", "link_preview_options": `{"is_disabled":true}`}},
		"all": {map[string]any{"quiet_unless_urgent": true, "link_previews": true}, channels.Outbound{To: "-1005:42", Part: part, Protected: true}, map[string]string{
			"chat_id": "-1005", "text": "<b>x</b>", "parse_mode": "HTML", "message_thread_id": "42", "protect_content": "true", "disable_notification": "true",
			"reply_markup": `{"inline_keyboard":[[{"text":"Ja","callback_data":"a"}],[{"text":"Nein","callback_data":"b"}]]}`}},
		"urgent is loud": {map[string]any{"quiet_unless_urgent": true, "link_previews": true, "protect_content": true}, channels.Outbound{To: "@harbour", Urgent: true, Part: plainPart("x")}, map[string]string{
			"chat_id": "@harbour", "text": "x", "protect_content": "true"}},
		"the channel's topic": {map[string]any{"topic": 9, "link_previews": true}, channels.Outbound{To: "-1005", Part: plainPart("x")}, map[string]string{
			"chat_id": "-1005", "text": "x", "message_thread_id": "9"}},
		"the general topic has no number": {map[string]any{"topic": 9, "link_previews": true}, channels.Outbound{To: "-1005:1", Part: plainPart("x")}, map[string]string{
			"chat_id": "-1005", "text": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			sent, err := d.adapter(t, channels.Settings{}, c.options).Send(t.Context(), c.out)
			if err != nil || sent.ProviderID != "7" {
				t.Fatalf("%+v, %v", sent, err)
			}
			got := d.last(t)
			if got.method != "sendMessage" || len(got.params) != len(c.want) {
				t.Errorf("%s %v; want %v", got.method, got.params, c.want)
			}
			for k, v := range c.want {
				if got.params.Get(k) != v {
					t.Errorf("%s=%q, want %q", k, got.params.Get(k), v)
				}
			}
		})
	}
}

func TestEveryRefusalHasItsClass(t *testing.T) {
	for _, c := range []struct {
		code        int
		description string
		class       channels.Class
		scope       channels.Scope
	}{
		{400, "Bad Request: chat not found", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: PEER_ID_INVALID", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: message thread not found", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: TOPIC_CLOSED", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: not enough rights to send text messages to the chat", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: have no write access to the chat", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: need administrator rights in the channel chat", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: CHAT_WRITE_FORBIDDEN", channels.Permanent, channels.ScopeAddress},
		{400, "Bad Request: can't parse entities: Unsupported start tag \"Zora\" at byte offset 5", channels.Permanent, channels.ScopeContent},
		{400, "Bad Request: message is too long", channels.Permanent, channels.ScopeContent},
		{400, "Bad Request: message text is empty", channels.Permanent, channels.ScopeContent},
		{400, "Bad Request: BUTTON_DATA_INVALID", channels.Permanent, channels.ScopeContent},
		{400, "Bad Request: something new about \"Zora\"", channels.Permanent, channels.ScopeContent},
		{401, "Unauthorized", channels.Auth, channels.ScopeSender},
		{403, "Forbidden: bot was blocked by the user", channels.Gone, channels.ScopeAddress},
		{403, "Forbidden: user is deactivated", channels.Gone, channels.ScopeAddress},
		{403, "Forbidden: bot was kicked from the supergroup chat", channels.Gone, channels.ScopeAddress},
		{403, "Forbidden: bot is not a member of the channel chat", channels.Gone, channels.ScopeAddress},
		{403, "Forbidden: the group chat was deleted", channels.Gone, channels.ScopeAddress},
		{403, "Forbidden: bot can't initiate conversation with a user", channels.Permanent, channels.ScopeAddress},
		{403, "Forbidden: bot can't send messages to bots", channels.Permanent, channels.ScopeAddress},
		{403, "Forbidden: the bot can't send messages to the bot", channels.Permanent, channels.ScopeAddress},
		{403, "Forbidden: something new", channels.Permanent, channels.ScopeAddress},
		{404, "Not Found", channels.Auth, channels.ScopeSender},
		{413, "Request Entity Too Large", channels.Permanent, channels.ScopeContent},
		{418, "I'm a teapot", channels.Permanent, channels.ScopeContent},
		{429, "Too Many Requests: retry after 5", channels.Throttled, channels.ScopeAddress},
		{500, "Internal Server Error", channels.Unknown, channels.ScopeChannel},
		{502, "Bad Gateway", channels.Unknown, channels.ScopeChannel},
	} {
		d := newDouble(t, refuse(c.code, c.description, ""))
		_, err := d.adapter(t, channels.Settings{}, nil).Send(t.Context(), channels.Outbound{To: "5", Part: plainPart("x")})
		e := classOf(t, err)
		if e.Class != c.class || e.Scope != c.scope || e.Code != fmt.Sprint(c.code) || e.Detail == "" {
			t.Errorf("%d %s: %v; want %v (%s)", c.code, c.description, e, c.class, c.scope)
		}
		if all := fmt.Sprint(e, e.Cause); strings.Contains(all, "Zora") {
			t.Errorf("the description's quotation is repeated: %s", all)
		}
		if len(d.calls) != 1 {
			t.Errorf("%d: %d requests", c.code, len(d.calls))
		}
	}
}

func TestRetryAfterIsObeyedWithinReason(t *testing.T) {
	for parameters, want := range map[string]time.Duration{
		`"retry_after":1`:        time.Second,
		`"retry_after":3600`:     time.Hour,
		`"retry_after":99999999`: 24 * time.Hour,
		`"retry_after":0`:        11 * time.Second, // the header's
		`"retry_after":-3`:       11 * time.Second,
		`"retry_after":"soon"`:   11 * time.Second, // nothing the library can decode
		``:                       11 * time.Second,
	} {
		d := newDouble(t, func(c call, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "11")
			refuse(429, "Too Many Requests", parameters)(c, w)
		})
		_, err := d.adapter(t, channels.Settings{}, nil).Send(t.Context(), channels.Outbound{To: "5", Part: plainPart("x")})
		if e := classOf(t, err); e.Class != channels.Throttled || e.RetryAfter != want {
			t.Errorf("%s: %v, retry after %v; want %v", parameters, e, e.RetryAfter, want)
		}
	}
}

// A busy group must not silence the bot, and a flooded bot must not ask chat after chat.
func TestOneFloodedChatIsToldFromAFloodedBot(t *testing.T) {
	flooded := map[string]bool{}
	d := newDouble(t, func(c call, w http.ResponseWriter) {
		if flooded[c.params.Get("chat_id")] {
			refuse(429, "Too Many Requests: retry after 30", `"retry_after":30`)(c, w)
			return
		}
		accept(c, w)
	})
	now := time.Unix(1_800_000_000, 0)
	a := d.adapter(t, channels.Settings{Now: func() time.Time { now = now.Add(time.Millisecond); return now }}, nil)
	send := func(to channels.Address) channels.Scope {
		t.Helper()
		_, err := a.Send(t.Context(), channels.Outbound{To: to, Part: plainPart("x")})
		if err == nil {
			return ""
		}
		return classOf(t, err).Scope
	}
	expect := func(what string, got, want channels.Scope) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	flooded["-1"] = true
	expect("a group writes too much", send("-1"), channels.ScopeAddress)
	expect("and again", send("-1:4"), channels.ScopeAddress)
	expect("she is reached", send("5"), "")
	flooded["-2"] = true
	expect("another group writes too much, while others are reached", send("-2"), channels.ScopeAddress)
	flooded["5"] = true
	expect("nobody was reached since: it is the bot", send("5"), channels.ScopeChannel)
	now = now.Add(31 * time.Second)
	expect("after the wait the evidence is old", send("-1"), channels.ScopeAddress)
}

func TestNoErrorHoldsTheTokenAtAnyDepth(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	garbage := newDouble(t, func(_ call, w http.ResponseWriter) { _, _ = io.WriteString(w, `{"ok":"`+token+`"`) })
	loop := newDouble(t, func(c call, w http.ResponseWriter) {
		w.Header().Set("Location", "https://example.org/bot"+token+"/x")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	echo := newDouble(t, refuse(400, "Bad Request: bot"+token+" wrote to 5: secret words", ""))
	cut := newDouble(t, func(_ call, w http.ResponseWriter) { panic(http.ErrAbortHandler) })
	hostile := &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("cannot reach %s", r.URL)
	})}
	for name, c := range map[string]struct {
		base string
		http *http.Client
		want channels.Class
	}{
		"nobody listens":  {closed.URL, nil, channels.Temporary},
		"no such host":    {"http://telegram.invalid", nil, channels.Temporary},
		"garbage":         {garbage.URL, nil, channels.Unknown},
		"a redirect":      {loop.URL, nil, channels.Temporary},
		"an echo":         {echo.URL, nil, channels.Permanent},
		"a cut":           {cut.URL, nil, channels.Unknown},
		"a hostile stack": {closed.URL, hostile, channels.Temporary},
	} {
		a := build(t, channels.Settings{Name: "tg", HTTP: c.http}, map[string]any{"token": token, "base_url": c.base})
		_, err := a.Send(t.Context(), channels.Outbound{To: "5", Part: plainPart("secret words")})
		if e := classOf(t, err); e.Class != c.want {
			t.Errorf("%s: %v; want %v", name, e, c.want)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, form := range []string{fmt.Sprintf("%v", e), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
				if strings.Contains(form, "sandbox-secret") || strings.Contains(form, "secret words") {
					t.Errorf("%s: leaks in %s", name, form)
				}
			}
			var u *url.Error
			if errors.As(e, &u) {
				t.Errorf("%s: a *url.Error is within", name)
			}
		}
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNewDoesNoIOAndNamesEveryFault(t *testing.T) {
	dead := &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) {
		t.Error("New makes a request")
		return nil, net.ErrClosed
	})}
	for options, says := range map[string][]string{
		`{"token":"1:abc"}`:                            nil,
		`{}`:                                           {"options.token: missing", "@BotFather"},
		`{"token":"abc"}`:                              {"options.token: does not look like"},
		`{"token":"1:abc","tokn":"x"}`:                 {`unknown field "tokn"`},
		`{"token":"1:abc","webhook_secret":"x"}`:       {"options.webhook_secret: must be 16 to 256"},
		`{"token":"1:abc","base_url":"ftp://x"}`:       {"options.base_url: must be an http or https URL"},
		`{"token":"1:abc","base_url":"https://x/%73"}`: {"options.base_url: must have no"},
		`{"token":"x","topic":-1,"per_second":-2,"per_chat_per_second":99}`: {"options.token", "options.topic", "options.per_second", "options.per_chat_per_second"},
	} {
		_, err := telegram.New(channels.Settings{Name: "tg-berlin", Options: []byte(options), HTTP: dead})
		if (err == nil) != (says == nil) {
			t.Errorf("%s: %v", options, err)
			continue
		}
		for _, say := range says {
			if !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), "channel tg-berlin") {
				t.Errorf("%s: %v; want it to say %q", options, err, say)
			}
		}
	}
	_, err := telegram.New(channels.Settings{Name: "tg", HookURL: "https://example.org/hooks/tg", Options: []byte(`{"token":"1:abc"}`)})
	if err == nil || !strings.Contains(err.Error(), "options.webhook_secret: missing") {
		t.Errorf("a webhook without a secret: %v", err)
	}
}
