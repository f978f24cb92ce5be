package ntfy

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
)

const (
	token        = "tk_kitkitkitkitkitkitkitkitkitki"
	actionSecret = "kit-action-secret-of-32-characters"
)

// server is an ntfy server with a phone that subscribed to everything.
type server struct {
	*channeltest.Fake
	mu   sync.Mutex
	last map[string]outgoing // topic → newest message
}

func newServer() (*server, func(), error) {
	s := &server{last: map[string]outgoing{}}
	var stop func()
	var err error
	say := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	s.Fake, stop, err = channeltest.NewFake(channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var m outgoing
			if r.Method != http.MethodPost || r.URL.Path != "/" || json.Unmarshal(body, &m) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: m.Topic, Text: m.Message}, true
		},
		Answer: func(w http.ResponseWriter, r *http.Request, body []byte, kept *channeltest.Seen) {
			switch {
			case r.Header.Get("Authorization") != "Bearer "+token:
				say(w, http.StatusUnauthorized, map[string]any{"code": 40101, "http": 401, "error": "unauthorized"})
			case kept != nil:
				var m outgoing
				_ = json.Unmarshal(body, &m)
				s.mu.Lock()
				s.last[m.Topic] = m
				s.mu.Unlock()
				say(w, http.StatusOK, map[string]any{"id": kept.ID, "event": "message", "topic": m.Topic})
			case r.URL.Path == "/v1/health":
				say(w, http.StatusOK, map[string]bool{"healthy": true})
			default:
				say(w, http.StatusOK, map[string]string{"username": "carillon"})
			}
		},
		Refuse: func(w http.ResponseWriter, status int, text string) {
			say(w, status, map[string]any{"code": status*100 + 1, "http": status, "error": text})
		},
	})
	return s, stop, err
}

// touch has the phone press the first button of a topic's newest message.
func (s *server) touch(topic string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.last[topic]
	if len(m.Actions) == 0 {
		return errors.New("there is no button")
	}
	b := m.Actions[0]
	req, err := http.NewRequest(b.Method, b.URL, strings.NewReader(b.Body))
	if err != nil {
		return err
	}
	for k, v := range b.Headers {
		req.Header.Set(k, v)
	}
	s.Call(req)
	return nil
}

func build(secret string) func(channeltest.Double, string) (channels.Adapter, error) {
	return func(d channeltest.Double, hook string) (channels.Adapter, error) {
		return New(channels.Settings{Name: "ntfy-kit", HookURL: hook, Options: []byte(`{"base_url":"` + d.URL() + `","token":"` + token + `","action_secret":"` + secret + `"}`)})
	}
}

func subject() channeltest.Subject {
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			s, stop, err := newServer()
			return s, stop, err
		},
		Make: build(actionSecret), Stranger: build("another-action-secret-of-32-chars"),
		Valid:   map[string]channels.Address{"Harbour_news-7391": "Harbour_news-7391", " https://ntfy.example.org/harbour?x=1 ": "harbour", "ntfy://ntfy.example.org/harbour": "harbour"},
		Invalid: []string{"", "two words", "docs", "https://ntfy.example.org/", strings.Repeat("a", 65), "a/b"},
		People:  []channels.Address{"topic-one-8127", "topic-two-8128", "topic-three-8129"},
		Secrets: []string{token, actionSecret}, Proof: proofHeader, SignsBody: true,
		Prompt: func(d channeltest.Double, to channels.Address) error {
			s := d.(*server)
			a, err := build(actionSecret)(d, hookOf(s))
			if err != nil {
				return err
			}
			if _, err := a.Send(context.Background(), channels.Outbound{To: to, Attempt: "a-7391", Part: channels.Part{Text: "come", Buttons: []content.Button{{Label: "Yes", Action: "yes"}}}}); err != nil {
				return err
			}
			return s.touch(to.Reveal())
		},
		Read: func(p channels.Part) (channeltest.Shape, error) { return channeltest.Shape{Text: p.Text}, nil },
	}
}

// hookOf finds where presses go, in the message that the kit had sent: it has no buttons, so it is told beside it.
func hookOf(s *server) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last["hook"].Message
}

func TestConformance(t *testing.T) {
	s := subject()
	make := s.Make
	s.Make = func(d channeltest.Double, hook string) (channels.Adapter, error) {
		if fake, ok := d.(*server); ok && hook != "" {
			fake.mu.Lock()
			fake.last["hook"] = outgoing{Message: hook}
			fake.mu.Unlock()
		}
		return make(d, hook)
	}
	for _, c := range channeltest.Checks(s) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/ntfy.md", Options: Options{}, Columns: []string{"code", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{strconv.Itoa(v.code), v.class.String(), string(v.scope), v.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func made(t *testing.T, url, hook string, now func() time.Time) *Adapter {
	t.Helper()
	a, err := New(channels.Settings{Name: "n", HookURL: hook, Now: now, Options: []byte(`{"base_url":"` + url + `","username":"u","password":"p","title":"Harbour","action_secret":"` + actionSecret + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestRefusals(t *testing.T) {
	var status int
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	a := made(t, srv.URL, "", nil)
	refuse := func() *channels.Error {
		t.Helper()
		_, err := a.Send(context.Background(), channels.Outbound{To: "topic-8127", Part: channels.Part{Text: "hello"}})
		if err == nil {
			t.Fatalf("%d %s was taken for a yes", status, body)
		}
		return channels.AsError(err)
	}
	for _, v := range verdicts {
		status, body = v.code/100, `{"code":`+strconv.Itoa(v.code)+`,"error":"about topic-8127"}`
		if e := refuse(); e.Class != v.class || e.Scope != v.scope || e.Code != strconv.Itoa(v.code) || strings.Contains(e.Error(), "8127") {
			t.Errorf("%d: %v, want %v %s", v.code, e, v.class, v.scope)
		}
	}
	for _, c := range []struct {
		status int
		body   string
		class  channels.Class
	}{{404, "<html>", channels.Auth}, {500, `{"code":40010}`, channels.Unknown}, {400, `{"code":40099}`, channels.Permanent}, {200, `{}`, channels.Unknown}, {200, "<html>", channels.Unknown}, {301, "", channels.Temporary}} {
		status, body = c.status, c.body
		if e := refuse(); e.Class != c.class {
			t.Errorf("%d %q: %v, want %v", c.status, c.body, e, c.class)
		}
	}
}

// What is urgent sounds, members in neutral mode see no title, and buttons are there only where they can come back.
func TestWhatLeaves(t *testing.T) {
	var m outgoing
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m = outgoing{}
		if user, pass, _ := r.BasicAuth(); user != "u" || pass != "p" || json.NewDecoder(r.Body).Decode(&m) != nil {
			t.Error("it cannot be read, or proves nobody")
		}
		_, _ = io.WriteString(w, `{"id":"m1","event":"message"}`)
	}))
	defer srv.Close()
	doc := content.Document{Blocks: []content.Block{content.Text("Come.")}, Buttons: []content.Button{{Label: "Yes", Action: "yes"}}}
	send := func(a *Adapter, out channels.Outbound) {
		t.Helper()
		parts, err := a.Compose(doc)
		if err != nil {
			t.Fatal(err)
		}
		out.To, out.Part = "harbour", parts[0]
		if _, err := a.Send(context.Background(), out); err != nil {
			t.Fatal(err)
		}
	}
	send(made(t, srv.URL, "https://c.example/hooks/n", nil), channels.Outbound{Urgent: true})
	if m.Topic != "harbour" || m.Message != "Come." || m.Title != "Harbour" || m.Priority != 5 || len(m.Actions) != 1 || m.Actions[0].URL != "https://c.example/hooks/n" || m.Actions[0].Action != "http" {
		t.Errorf("an urgent message: %+v", m)
	}
	send(made(t, srv.URL, "", nil), channels.Outbound{Neutral: true})
	if m.Title != "" || m.Priority != 3 || len(m.Actions) != 0 {
		t.Errorf("one to a member in neutral mode, without a public URL: %+v", m)
	}
	if made(t, srv.URL, "", nil).Capabilities().Buttons || !made(t, srv.URL, "https://c.example/hooks/n", nil).Capabilities().Buttons {
		t.Error("it says otherwise which buttons come back")
	}
}

// A button works until its message expires, under the old secret while the new one is brought out, and for its own channel only.
func TestPresses(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	a := made(t, "https://ntfy.example", "https://c.example/hooks/n", clock)
	said := a.press(channels.Outbound{To: "harbour", Attempt: "a1", PartNo: 2, Expires: now.Add(time.Hour)}, "yes")
	press := func(by *Adapter) ([]channels.Event, error) {
		r := httptest.NewRequest(http.MethodPost, "/hooks/n", nil)
		r.Header.Set(proofHeader, a.proof(actionSecret, said))
		return by.ParseWebhook(r, []byte(said))
	}
	events, err := press(a)
	if err != nil || len(events) != 1 || events[0].ID != "press:a1:2:yes" || events[0].Inbound.From != "harbour" || events[0].Inbound.Action != "yes" {
		t.Errorf("a press: %+v, %v", events, err)
	}
	newer, err := New(channels.Settings{Name: "n", Now: clock, Options: []byte(`{"base_url":"https://ntfy.example","action_secret":"` + strings.Repeat("x", 32) + `","previous_action_secret":"` + actionSecret + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := press(newer); err != nil {
		t.Errorf("under the secret before: %v", err)
	}
	other, err := New(channels.Settings{Name: "other", Now: clock, Options: []byte(`{"base_url":"https://ntfy.example","action_secret":"` + actionSecret + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := press(other); !errors.Is(err, channels.ErrForged) {
		t.Errorf("at another channel with the same secret: %v", err)
	}
	now = now.Add(time.Hour)
	if _, err := press(a); !errors.Is(err, errLate) {
		t.Errorf("after the end: %v", err)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	const good = `"base_url":"https://ntfy.example"`
	for options, key := range map[string]string{
		`{}`: "base_url", `{"base_url":"https://ntfy.example/topic"}`: "base_url", `{` + good + `,"token":"tk_4711","username":"u","password":"p"}`: "token",
		`{` + good + `,"username":"u"}`: "password", `{` + good + `,"action_secret":"short"}`: "action_secret", `{` + good + `,"previous_action_secret":"` + actionSecret + `"}`: "previous_action_secret",
		`{` + good + `,"title":"a\nb"}`: "title", `{` + good + `,"priority":6}`: "priority", `{` + good + `,"urgent_priority":-1}`: "urgent_priority", `{` + good + `,"per_second":-1}`: "per_second",
	} {
		if _, err := New(channels.Settings{Name: "n", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), "options."+key) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v, want one about %s", options, err, key)
		}
	}
}
