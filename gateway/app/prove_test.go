package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/reach"
)

// shelf keeps one channel.
type shelf struct {
	channelStore
	kept *gateway.Channel
	puts int
}

func (s *shelf) Channels(context.Context) ([]gateway.Channel, error) {
	if s.kept == nil {
		return nil, nil
	}
	return []gateway.Channel{*s.kept}, nil
}

func (s *shelf) PutChannel(_ context.Context, c gateway.Channel) (gateway.Channel, error) {
	s.puts++
	if c.ID.IsZero() {
		c.ID = gateway.NewID()
	}
	if s.kept != nil {
		c.Health = s.kept.Health
		if len(c.Options) == 0 {
			c.Options = s.kept.Options
		}
	}
	s.kept = &c
	return c, nil
}

func (s *shelf) SetChannelHealth(_ context.Context, _ gateway.ID, h gateway.ChannelHealth) error {
	s.kept.Health = h
	return nil
}

// A channel is kept once its provider knows it. Refused credentials are never kept, and what cannot be tried only where that is
// asked for, paused; nothing is sent to anybody, and what was there before stays.
func TestAChannelIsTriedBeforeItIsKept(t *testing.T) {
	answers, asked := http.StatusOK, 0
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Method != http.MethodGet {
			t.Errorf("the provider was sent %s %s", r.Method, r.URL.Path)
		}
		if r.URL.Path != "/v1/health" {
			w.WriteHeader(answers)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"healthy": true, "code": 40101})
	}))
	at := provider.URL
	s := &shelf{}
	d := &channelDesk{store: s, live: liveFor(reach.Public), changed: func(context.Context) error { return nil }}
	put := func(token string, unchecked bool) (gateway.Channel, string) {
		t.Helper()
		c := gateway.Channel{Name: "ntfy-one", Adapter: "ntfy"}
		if token != "" {
			c.Options = json.RawMessage(`{"base_url":"` + at + `","token":"` + token + `"}`)
		}
		c, err := d.PutChannel(t.Context(), c, unchecked)
		var fault *gateway.Fault
		switch {
		case err == nil:
			return c, ""
		case !errors.As(err, &fault):
			t.Fatalf("no fault: %v", err)
		case strings.Contains(fault.Text, "tk_"):
			t.Errorf("it tells the token: %s", fault.Text)
		}
		return c, string(fault.Code)
	}
	answers = http.StatusUnauthorized
	for _, unchecked := range []bool{false, true} {
		if _, code := put("tk_wrong", unchecked); code != string(gateway.CodeInvalid) || s.puts != 0 {
			t.Errorf("refused credentials, unchecked %v: %q, kept %d times", unchecked, code, s.puts)
		}
	}
	answers = http.StatusOK
	if c, code := put("tk_good", false); code != "" || c.Health.Paused != gateway.NotPaused || c.Kind != "ntfy" {
		t.Errorf("a good one: %q, %+v", code, c)
	}
	before := asked
	if _, code := put("", false); code != "" || asked != before {
		t.Errorf("one that keeps its options: %q, asked %d times", code, asked-before)
	}
	answers = http.StatusUnauthorized
	if _, code := put("tk_mistyped", false); code == "" || !strings.Contains(string(s.kept.Options), "tk_good") {
		t.Errorf("a mistyped token took the place of a good one: %q", code)
	}
	provider.Close()
	if _, code := put("tk_good", false); code != string(gateway.CodeUnavailable) {
		t.Errorf("out of reach: %q", code)
	}
	if c, code := put("tk_later", true); code != "" || c.Health.Paused != gateway.PauseUntried || s.kept.Health.Paused != gateway.PauseUntried || c.Health.Since.IsZero() || c.Health.Detail == "" {
		t.Errorf("out of reach, unchecked: %q, %+v", code, c.Health)
	}
	s.kept.Health = gateway.ChannelHealth{Paused: gateway.PauseManual, RoutineOnly: true, Since: time.Now()}
	if _, code := put("tk_later", true); code != "" || s.kept.Health.Paused != gateway.PauseManual {
		t.Errorf("what a person holds: %q, %+v", code, s.kept.Health)
	}
	own := gateway.Channel{GroupID: gateway.NewID(), Name: "gotify-own", Adapter: "shoutrrr", Options: json.RawMessage(`{"url":"gotify://127.0.0.1:1/AkitTOKEN-4711x"}`)}
	if _, err := d.PutChannel(t.Context(), own, false); err == nil || !strings.Contains(err.Error(), "private_networks") {
		t.Errorf("a group's, inside: %v", err)
	}
}
