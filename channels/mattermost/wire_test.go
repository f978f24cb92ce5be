package mattermost_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// What the server itself does in each of these cases, and what it means for the message.
func TestTheServersOwnRefusals(t *testing.T) {
	const ghost = "ghosttttttttttttttttttttt9"
	long := strings.Repeat("ж", 16384)
	for name, c := range map[string]struct {
		box   sandbox.Options
		to    string
		text  string
		class channels.Class
		scope channels.Scope
		hint  string // that must be in the sentence for people
	}{
		"an account that is not there":              {to: ghost, class: channels.Permanent, scope: channels.ScopeAddress, hint: "no such account"},
		"a channel that is not there":               {to: "channel:" + ghost, class: channels.Permanent, scope: channels.ScopeAddress, hint: "add it to the channel"},
		"a post that is too long":                   {to: anna, text: long, class: channels.Permanent, scope: channels.ScopeContent, hint: "text_limit"},
		"a post that is too long for an old server": {box: sandbox.Options{OldMattermost: true}, to: anna, text: long[:2*4001], class: channels.Permanent, scope: channels.ScopeContent, hint: "text_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.box, nil)
			_, err := w.Send(t.Context(), outbound(c.to, c.text+"x"))
			if e := errorOf(t, err, c.class, c.scope); !strings.Contains(e.Detail, c.hint) {
				t.Errorf("it says %q, which does not hold %q", e.Detail, c.hint)
			}
		})
	}
	w := newWorld(t, sandbox.Options{}, nil)
	if _, err := w.Send(t.Context(), outbound(harbour, "Hello")); err != nil {
		t.Fatal(err)
	}
	w.reply(sandbox.Reply{Address: harbour, Block: true})
	_, err := w.Send(t.Context(), outbound(harbour, "Hello"))
	errorOf(t, err, channels.Gone, channels.ScopeAddress)
	wrong, err := build(channels.Settings{Now: w.now}, w.base, map[string]any{"token": "a-wrong-token"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.Send(t.Context(), outbound(anna, "Hello"))
	errorOf(t, err, channels.Auth, channels.ScopeSender)
	errorOf(t, wrong.Check(t.Context()), channels.Auth, channels.ScopeSender)
}

// Every row of the manual's table, through the wire. A row that a row before it hides would fail here.
func TestEveryRefusalHasItsVerdict(t *testing.T) {
	for _, c := range []struct {
		status int
		id     string
		to     string
		class  channels.Class
		scope  channels.Scope
	}{
		{401, "api.context.session_expired.app_error", anna, channels.Auth, channels.ScopeSender},
		{401, "api.context.mfa_required.app_error", anna, channels.Auth, channels.ScopeSender},
		{403, "api.context.session_expired.app_error", anna, channels.Auth, channels.ScopeSender},
		{400, "api.post.create_post.can_not_post_to_deleted.error", harbour, channels.Gone, channels.ScopeAddress},
		{403, "api.post.create_post.can_not_post_to_deleted.error", anna, channels.Gone, channels.ScopeAddress},
		{403, "api.channel.create_channel.direct_channel.team_restricted_error", anna, channels.Permanent, channels.ScopeAddress},
		{400, "api.post.create_post.can_not_post_in_restricted_dm.error", anna, channels.Permanent, channels.ScopeAddress},
		{403, "api.post.post_priority.priority_post_not_allowed_for_user.request_error", anna, channels.Temporary, channels.ScopeChannel},
		{400, "api.channel.create_direct_channel.invalid_user.app_error", anna, channels.Permanent, channels.ScopeAddress},
		{404, "app.user.missing_account.const", anna, channels.Permanent, channels.ScopeAddress},
		{404, "api.context.404.app_error", anna, channels.Temporary, channels.ScopeChannel},
		{404, "app.channel.get.existing.app_error", harbour, channels.Permanent, channels.ScopeAddress},
		{404, "app.channel.get.existing.app_error", anna, channels.Permanent, channels.ScopeSender},
		{403, "api.context.permissions.app_error", harbour, channels.Permanent, channels.ScopeAddress},
		{403, "api.context.permissions.app_error", anna, channels.Permanent, channels.ScopeSender},
		{403, "api.something.new.app_error", harbour, channels.Permanent, channels.ScopeSender},
		{400, "model.post.is_valid.message_length.app_error", anna, channels.Permanent, channels.ScopeContent},
		{400, "model.post.is_valid.msg.app_error", anna, channels.Permanent, channels.ScopeContent},
		{400, "model.post.is_valid.props.app_error", anna, channels.Permanent, channels.ScopeContent},
		{400, "api.something.new.app_error", anna, channels.Permanent, channels.ScopeContent},
		{413, "api.context.request_body_too_large.app_error", anna, channels.Permanent, channels.ScopeContent},
		{409, "api.something.new.app_error", anna, channels.Permanent, channels.ScopeContent},
		{500, "api.post.deduplicate_create_post.pending", anna, channels.Unknown, channels.ScopeChannel},
		{500, "app.post.save.app_error", anna, channels.Unknown, channels.ScopeChannel},
		{501, "license_error.feature_unavailable", anna, channels.Unknown, channels.ScopeChannel},
		{503, "api.context.server_busy.app_error", anna, channels.Unknown, channels.ScopeChannel},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.id), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			w.script(sandbox.Fault{Kind: sandbox.Failure, Status: c.status, Text: c.id})
			_, err := w.Send(t.Context(), outbound(c.to, "Hello"))
			if e := errorOf(t, err, c.class, c.scope); e.Code != strconv.Itoa(c.status) || e.Cause == nil && !strings.Contains(c.id, "404") {
				t.Errorf("code %q, cause %v", e.Code, e.Cause)
			}
			w.Clear()
			if c.class == channels.Unknown { // the same refusal of a question leaves nothing in doubt
				w.script(sandbox.Fault{Kind: sandbox.Failure, Status: c.status, Text: c.id, On: sandbox.OnRead})
				_, err := w.twin(w.now, nil).Send(t.Context(), outbound(anna, "Hello"))
				errorOf(t, err, channels.Temporary, channels.ScopeChannel)
			}
		})
	}
}

// answering is a server that answers every request for making a post like this, and the questions before it well.
func answering(t *testing.T, post http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/posts"):
			post(w, r)
		case strings.HasSuffix(r.URL.Path, "/channels/direct"):
			_, _ = io.WriteString(w, `{"id":"`+harbourID+`","type":"D"}`)
		default:
			_, _ = io.WriteString(w, `{"id":"`+anna+`","username":"x"}`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// How long a 429 asks to wait. It is plain text, and its reset is a number of seconds on the wire although the manual of
// the server says that it is a time.
func TestRateHeaders(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"Retry-After":              {map[string]string{"Retry-After": "3", "X-RateLimit-Reset": "9"}, 3 * time.Second},
		"reset in seconds":         {map[string]string{"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, 7 * time.Second},
		"reset as a time":          {map[string]string{"X-RateLimit-Reset": strconv.FormatInt(now.Add(42*time.Second).Unix(), 10)}, 42 * time.Second},
		"reset in the past":        {map[string]string{"X-RateLimit-Reset": strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)}, 0},
		"reset far away":           {map[string]string{"X-RateLimit-Reset": strconv.FormatInt(now.Add(1000*time.Hour).Unix(), 10)}, 24 * time.Hour},
		"nonsense":                 {map[string]string{"Retry-After": "soon", "X-RateLimit-Reset": "later"}, 0},
		"negative":                 {map[string]string{"X-RateLimit-Reset": "-5"}, 0},
		"a number without measure": {map[string]string{"X-RateLimit-Reset": "99999999999999999999"}, 0},
		"nothing":                  {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			base := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				http.Error(w, "limit exceeded", http.StatusTooManyRequests)
			})
			a, err := build(channels.Settings{Now: func() time.Time { return now }}, base, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Send(t.Context(), outbound(anna, "Hello"))
			if e := errorOf(t, err, channels.Throttled, channels.ScopeChannel); e.RetryAfter != c.want || e.Code != "429" {
				t.Errorf("it waits %v, want %v", e.RetryAfter, c.want)
			}
		})
	}
}

// The limiter as it is when it is switched on: a burst of 100, then ten a second.
func TestTheLimiterLetsTheRestThroughLater(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	w.script(sandbox.Fault{Kind: sandbox.Rates})
	sent := 0
	var err error
	for err == nil && sent < 200 {
		if _, err = w.Send(t.Context(), outbound(harbour, fmt.Sprint("Hello ", sent))); err == nil {
			sent++
		}
		w.wind(time.Millisecond)
	}
	e := errorOf(t, err, channels.Throttled, channels.ScopeChannel)
	if sent < 100 || sent > 102 || e.RetryAfter != time.Second {
		t.Errorf("%d were let through, then it asked to wait %v", sent, e.RetryAfter)
	}
	w.wind(e.RetryAfter)
	if _, err := w.Send(t.Context(), outbound(harbour, "Hello again")); err != nil {
		t.Error(err)
	}
}

// What stands between us and the server answers in its own way. Only answers that may come after the work was done leave
// doubt.
func TestAnswersThatAreNotMattermosts(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		class  channels.Class
		scope  channels.Scope
	}{
		"a page of 502":            {502, "<html>Bad Gateway</html>", channels.Unknown, channels.ScopeChannel},
		"a page of 504":            {504, "<html>Gateway Time-out</html>", channels.Unknown, channels.ScopeChannel},
		"a page of 503":            {503, "<html>busy</html>", channels.Unknown, channels.ScopeChannel},
		"a page of 401":            {401, "<html>Log in</html>", channels.Temporary, channels.ScopeChannel},
		"a page of 403":            {403, "<html>Forbidden</html>", channels.Temporary, channels.ScopeChannel},
		"a page of 404":            {404, "<html>Not Found</html>", channels.Temporary, channels.ScopeChannel},
		"a page of 413":            {413, "<html>Request Entity Too Large</html>", channels.Permanent, channels.ScopeContent},
		"a redirect":               {302, "<html>Moved</html>", channels.Temporary, channels.ScopeChannel},
		"an error of another make": {400, `{"error":"x"}`, channels.Temporary, channels.ScopeChannel},
		"a page of 200":            {200, "<html>Welcome to the hotel</html>", channels.Unknown, channels.ScopeChannel},
		"nothing":                  {201, "", channels.Unknown, channels.ScopeChannel},
		"a post without an id":     {201, "{}", channels.Unknown, channels.ScopeChannel},
		"null":                     {201, "null", channels.Unknown, channels.ScopeChannel},
		"hardened mode":            {500, `{"id":"","message":"Internal Server Error","status_code":500}`, channels.Unknown, channels.ScopeChannel},
	} {
		t.Run(name, func(t *testing.T) {
			base := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			a, err := build(channels.Settings{}, base, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Send(t.Context(), outbound(anna, "Hello"))
			e := errorOf(t, err, c.class, c.scope)
			for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
				if strings.Contains(cause.Error(), "<html>") || strings.Contains(cause.Error(), token) {
					t.Errorf("the error quotes the answer: %v", cause)
				}
			}
		})
	}
}

// Long texts become several posts, each whole by itself and within the limit of the server.
func TestLongTextsAreCut(t *testing.T) {
	for limit, text := range map[int]string{16383: strings.Repeat("A *starred* sentence. ", 1500), 4000: strings.Repeat("Ein _Satz_ mehr. ", 600)} {
		w := newWorld(t, sandbox.Options{OldMattermost: limit == 4000}, map[string]any{"text_limit": limit})
		parts, err := w.Compose(content.Document{Reference: "K7Q2", Blocks: []content.Block{content.Text(text)}, Buttons: []content.Button{{Label: "Yes", Action: "yes"}}})
		if err != nil || len(parts) < 2 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		for i, p := range parts {
			if (len(p.Buttons) > 0) != (i == len(parts)-1) {
				t.Errorf("part %d has %d buttons", i, len(p.Buttons))
			}
			m := outbound(anna, "")
			m.Part, m.PartNo, m.Key = p, i, fmt.Sprint("part ", i)
			if _, err := w.Send(t.Context(), m); err != nil {
				t.Errorf("part %d of %d: %v", i, len(parts), err)
			}
		}
		if kept := w.kept(); len(kept) != len(parts) || kept[1].Part != 1 || !strings.HasSuffix(kept[0].Plain, "K7Q2 1/"+strconv.Itoa(len(parts))) {
			t.Errorf("%d posts, the first ends with %.60q", len(kept), kept[0].Plain[max(0, len(kept[0].Plain)-60):])
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	many := make([]content.Button, 11)
	for i := range many {
		many[i] = content.Button{Label: "Yes", Action: "yes"}
	}
	for name, doc := range map[string]content.Document{
		"nothing":          {},
		"too many buttons": {Short: "x", Buttons: many},
		"no label":         {Short: "x", Buttons: []content.Button{{Label: " \u200b", Action: "yes"}}},
		"no action":        {Short: "x", Buttons: []content.Button{{Label: "Yes"}}},
		"a book":           {Blocks: []content.Block{content.Text(strings.Repeat("word ", 30000))}},
	} {
		_, err := w.Compose(doc)
		t.Run(name, func(t *testing.T) { errorOf(t, err, channels.Permanent, channels.ScopeContent) })
	}
	polled, err := build(channels.Settings{}, w.base, nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := polled.Compose(content.Document{Short: "x", Buttons: many[:1]})
	if err != nil || len(parts[0].Buttons) > 0 || polled.Capabilities().Buttons {
		t.Errorf("without a public URL there are buttons whose presses go nowhere: %+v, %v", parts, err)
	}
}

// A server is fit for sensitive texts only if its owner says so.
func TestFitForSensitiveTextsByTheOwnersWord(t *testing.T) {
	for _, says := range []bool{false, true} {
		a, err := build(channels.Settings{Name: "mm"}, "https://chat.example.org", map[string]any{"sensitive": says})
		if err != nil || a.Capabilities().Sensitive != says {
			t.Errorf("the owner says %v: %v", says, err)
		}
	}
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	for want, c := range map[string]struct {
		hook    string
		options map[string]any
	}{
		"options.base_url":               {"", map[string]any{"base_url": ""}},
		"without /api/v4":                {"", map[string]any{"base_url": "https://chat.example.org/api/v4"}},
		"no user, query":                 {"", map[string]any{"base_url": "https://a:b@chat.example.org"}},
		"options.token: missing":         {"", map[string]any{"token": ""}},
		"without a line end":             {"", map[string]any{"token": "abc\n"}},
		"options.action_secret: missing": {"https://us.example.org/hooks/mm", nil},
		"at least 32 characters":         {"", map[string]any{"action_secret": "short"}},
		"stands alone":                   {"", map[string]any{"previous_action_secret": secret}},
		"options.command_token":          {"", map[string]any{"command_token": "short"}},
		"options.sensitive: needs":       {"", map[string]any{"sensitive": true, "base_url": "http://chat.example.org"}},
		"options.text_limit":             {"", map[string]any{"text_limit": 20000}},
		"options.per_second":             {"", map[string]any{"per_second": -1}},
		"unknown field":                  {"", map[string]any{"colour": "red"}},
	} {
		_, err := build(channels.Settings{Name: "mm", HookURL: c.hook}, "https://chat.example.org", c.options)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "channel mm") {
			t.Errorf("%v: %v, want %q", c.options, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), token)) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}
