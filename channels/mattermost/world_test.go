package mattermost_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/mattermost"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	token     = "sandboxbottoken00000000001"
	secret    = "button-secret-button-secret-00001"
	command   = "commandtoken00000000000001"
	anna      = "annaaaaaaaaaaaaaaaaaaaaaa1"
	badr      = "badrbbbbbbbbbbbbbbbbbbbbb2"
	harbourID = "harbourrrrrrrrrrrrrrrrrrr3"
	harbour   = "channel:" + harbourID
	attempt   = "01890000-0000-7000-8000-000000000001"
)

func build(s channels.Settings, base string, options map[string]any) (*mattermost.Adapter, error) {
	all := map[string]any{"base_url": base, "token": token}
	for k, v := range options {
		all[k] = v
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	s.Options = raw
	return mattermost.New(s)
}

// clock is wound by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) wind(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a sandbox in which Anna, Badr and a channel are there, our hook, and an adapter between the two. All share one
// clock.
type world struct {
	*mattermost.Adapter
	*sandbox.Sandbox
	*clock
	t     *testing.T
	base  string
	hook  string
	heard chan heardHook
	asked *requests
	said  channels.Outcome // to whoever presses or says something
}

// heardHook is what came to our hook, and what the adapter made of it.
type heardHook struct {
	request *http.Request
	body    []byte
	events  []channels.Event
	err     error
}

// requests counts what the server was asked.
type requests struct {
	mu    sync.Mutex
	paths []string
}

func (r *requests) add(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, path)
}

// take gives the paths asked since the last call.
func (r *requests) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.paths
	r.paths = nil
	return out
}

func newWorld(t *testing.T, box sandbox.Options, options map[string]any) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, heard: make(chan heardHook, 64), asked: &requests{}}
	box.Now = w.now
	box.Strict = true
	hook := httptest.NewServer(http.HandlerFunc(w.take))
	t.Cleanup(hook.Close)
	w.hook = hook.URL + "/hooks/mm"
	box.TeamBots = []sandbox.MattermostBot{{Token: token, Username: "carillon", Command: sandbox.Command{Trigger: "carillon", URL: w.hook, Token: command}}}
	w.Sandbox = sandbox.New(box)
	handler := w.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.add(r.Method + " " + r.URL.Path)
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		if err := w.Sandbox.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	w.base = server.URL
	err := w.Phones(
		sandbox.Phone{Kind: sandbox.KindMattermost, Address: anna, Name: "Anna", Username: "anna", Language: "de"},
		sandbox.Phone{Kind: sandbox.KindMattermost, Address: badr, Name: "Badr", Username: "badr", Language: "ar"},
		sandbox.Phone{Kind: sandbox.KindMattermost, Address: harbour, Name: "Harbour", Started: []string{"*"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	w.Adapter = w.twin(w.now, options)
	return w
}

// twin is another adapter for the same bot, as after a start.
func (w *world) twin(now func() time.Time, options map[string]any) *mattermost.Adapter {
	w.t.Helper()
	all := map[string]any{"action_secret": secret, "command_token": command}
	for k, v := range options {
		all[k] = v
	}
	a, err := build(channels.Settings{Name: "mm", HookURL: w.hook, Now: now}, w.base, all)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = a.Close() })
	return a
}

// take is the gateway's end of the hook.
func (w *world) take(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	events, err := w.ParseWebhook(r, body)
	switch {
	case err != nil:
		rw.WriteHeader(http.StatusForbidden)
	default:
		kind, reply := w.WebhookReply(r.Context(), body, w.said)
		rw.Header().Set("Content-Type", kind)
		_, _ = rw.Write(reply)
	}
	w.heard <- heardHook{r, body, events, err}
}

func (w *world) script(f sandbox.Fault) {
	w.t.Helper()
	f.Provider = sandbox.Mattermost
	if _, err := w.Script(f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) reply(r sandbox.Reply) {
	w.t.Helper()
	r.Kind = sandbox.KindMattermost
	if _, err := w.Reply(r); err != nil {
		w.t.Fatal(err)
	}
}

// next waits for what comes to the hook.
func (w *world) next() heardHook {
	w.t.Helper()
	select {
	case h := <-w.heard:
		return h
	case <-w.t.Context().Done():
		w.t.Fatal("nothing came to the hook")
	}
	return heardHook{}
}

func (w *world) poll(cursor string) ([]channels.Event, string) {
	w.t.Helper()
	events, next, err := w.Poll(w.t.Context(), cursor)
	if err != nil {
		w.t.Fatal(err)
	}
	return events, next
}

// kept lists the posts that the server has.
func (w *world) kept() []sandbox.Entry {
	var out []sandbox.Entry
	for _, e := range w.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage && e.Kept {
			out = append(out, e)
		}
	}
	return out
}

func outbound(to, text string) channels.Outbound {
	return channels.Outbound{Attempt: attempt, Key: attempt + ":0", To: channels.Address(to), Part: channels.Part{Text: text, Cost: 1}}
}

// errorOf wants an *channels.Error of a class and scope.
func errorOf(t *testing.T, err error, class channels.Class, scope channels.Scope) *channels.Error {
	t.Helper()
	e, ok := err.(*channels.Error)
	if !ok {
		t.Fatalf("the error is a %T: %v", err, err)
	}
	if e.Class != class || e.Scope != scope {
		t.Errorf("got %v, want %v (%s)", e, class, scope)
	}
	if e.Detail == "" {
		t.Errorf("%v says nothing to people", e)
	}
	return e
}

// bare is the library without us, for looking at what the server has.
func (w *world) bare() *model.Client4 {
	c := model.NewAPIv4Client(w.base)
	c.SetToken(token)
	return c
}
