package sms

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// Each line is a row of the table of provider facts, section 4.3: codes, class, scope.
const facts = `
20003: auth sender
20404: auth sender
20429: throttled channel
20500: unknown channel
20503 21730: unknown channel
21211: permanent address
21214 21612: permanent sender
21408: permanent sender
21606 21601: permanent sender
21608: permanent sender
21610: gone address
21611: throttled sender
30001: temporary sender
21614: permanent address
21617: permanent content
30002: auth sender
30003: temporary address
30004: gone address
30005: permanent address
30006: permanent address
30007: permanent content
30008: temporary channel
30010: permanent content
30022 30023: temporary sender
30024 30032 30034: permanent sender
30036: permanent channel
30410: unknown channel
30500: temporary channel
63016: permanent content
63018: throttled sender
63024: permanent address`

func TestEveryCodeOfTheFacts(t *testing.T) {
	for line := range strings.SplitSeq(strings.TrimSpace(facts), "\n") {
		list, want, _ := strings.Cut(line, ": ")
		for text := range strings.SplitSeq(list, " ") {
			code, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			e, ok := ofCode(code)
			if !ok || e.Class.String()+" "+string(e.Scope) != want || e.Code != text {
				t.Errorf("%d: got %v, want %s", code, e, want)
			}
		}
	}
}

// The table can be searched, and each line of it can be shown to people.
func TestCodesAreInOrderAndSpeak(t *testing.T) {
	last := 0
	for _, c := range Codes() {
		if c.Code <= last {
			t.Errorf("%d stands behind %d", c.Code, last)
		}
		last = c.Code
		if len(c.Detail) < 15 || strings.HasSuffix(c.Detail, ".") {
			t.Errorf("%d: %q is no sentence for people", c.Code, c.Detail)
		}
		if (c.Class == channels.Auth) && c.Scope != channels.ScopeSender {
			t.Errorf("%d: refused credentials blame the %s", c.Code, c.Scope)
		}
	}
	if first := Codes(); true {
		first[0].Code = 1
		if Codes()[0].Code == 1 {
			t.Error("a caller can change the table")
		}
	}
	if _, ok := ofCode(1); ok {
		t.Error("code 1 has a meaning")
	}
	if _, ok := ofCode(99999); ok {
		t.Error("code 99999 has a meaning")
	}
}

// What HTTP status and code mean together, with the wait that the answer demands.
func TestStatusAndCode(t *testing.T) {
	for _, c := range []struct {
		status, code int
		retryAfter   string
		class        channels.Class
		scope        channels.Scope
		wait         time.Duration
	}{
		{400, 21211, "", channels.Permanent, channels.ScopeAddress, 0},
		{400, 99999, "", channels.Permanent, channels.ScopeContent, 0},
		{401, 20003, "", channels.Auth, channels.ScopeSender, 0},
		{403, 0, "", channels.Auth, channels.ScopeSender, 0},
		{403, 21408, "", channels.Permanent, channels.ScopeSender, 0},
		{404, 20404, "", channels.Auth, channels.ScopeSender, 0},
		{429, 20429, "60", channels.Throttled, channels.ScopeChannel, time.Minute},
		{429, 20429, "", channels.Throttled, channels.ScopeChannel, 0},
		{429, 20429, "nonsense", channels.Throttled, channels.ScopeChannel, 0},
		{429, 20429, "3600", channels.Throttled, channels.ScopeChannel, time.Hour},
		{429, 21611, "5", channels.Throttled, channels.ScopeSender, time.Minute},
		{429, 0, "1", channels.Throttled, channels.ScopeChannel, time.Second},
		{500, 20500, "", channels.Unknown, channels.ScopeChannel, 0},
		{500, 21211, "", channels.Unknown, channels.ScopeChannel, 0},
		{503, 20503, "", channels.Unknown, channels.ScopeChannel, 0},
		{503, 0, "", channels.Unknown, channels.ScopeChannel, 0},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.retryAfter != "" {
				w.Header().Set("Retry-After", c.retryAfter)
			}
			w.WriteHeader(c.status)
			if c.code != 0 {
				_, _ = io.WriteString(w, `{"code":`+strconv.Itoa(c.code)+`,"message":"about +12025550123","status":400}`)
			}
		}))
		a, err := New(channels.Settings{Options: base.with("base_url", srv.URL).raw()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Send(context.Background(), channels.Outbound{To: anna, Part: channels.Part{Text: "Hello"}})
		srv.Close()
		e := asError(t, err)
		if e.Class != c.class || e.Scope != c.scope || e.RetryAfter != c.wait {
			t.Errorf("HTTP %d, code %d, Retry-After %q: got %v after %v, want %v (%s) after %v", c.status, c.code, c.retryAfter, e, e.RetryAfter, c.class, c.scope, c.wait)
		}
		if c.code != 0 && e.Code != strconv.Itoa(c.code) {
			t.Errorf("HTTP %d: the code %q is not the provider's", c.status, e.Code)
		}
		if regexp.MustCompile(`\d{7}`).MatchString(e.Error() + e.Cause.Error()) {
			t.Errorf("the error quotes a number: %v", e)
		}
	}
}

// A message that Twilio takes and refuses in one answer is refused.
func TestRefusedInTheAnswer(t *testing.T) {
	for body, want := range map[string]channels.Class{
		`{"sid":"SM1","status":"failed","error_code":30007}`: channels.Permanent,
		`{"sid":"SM1","status":"failed"}`:                    channels.Temporary,
		`{"status":"queued"}`:                                channels.Unknown,
		`{}`:                                                 channels.Unknown,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		a, err := New(channels.Settings{Options: base.with("base_url", srv.URL).raw()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Send(context.Background(), channels.Outbound{To: anna, Part: channels.Part{Text: "Hello"}})
		srv.Close()
		if e := asError(t, err); e.Class != want {
			t.Errorf("%s: got %v, want %v", body, e, want)
		}
	}
}
