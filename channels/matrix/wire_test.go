package matrix

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/matrix.md", Options: Options{}, Columns: []string{"code", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{v.code, v.class.String(), string(v.scope), v.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func made(t *testing.T, url string, now func() time.Time) *Adapter {
	t.Helper()
	a, err := New(channels.Settings{Name: "m", Now: now, Options: []byte(`{"base_url":"` + url + `","token":"` + token + `","invites_from":["harbour.example"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func hello(room string) channels.Outbound {
	return channels.Outbound{Key: "k1", To: channels.Address(room), Part: channels.Part{Text: "hello"}}
}

// Nothing is ever written into an encrypted room, nor into one that is encrypted later.
func TestEncryptedRoomsAreRefused(t *testing.T) {
	h, stop, err := newHomeserver()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	now := time.Now()
	a := made(t, h.URL(), func() time.Time { return now })
	refused := func(what string) {
		t.Helper()
		_, err := a.Send(context.Background(), hello("!r:harbour.example"))
		if e := channels.AsError(err); err == nil || e.Class != channels.Permanent || e.Scope != channels.ScopeAddress || e.Code != "encrypted" {
			t.Errorf("%s: %v", what, err)
		}
	}
	do := func(r sandbox.Reply) {
		t.Helper()
		r.Kind = sandbox.KindMatrix
		if _, err := h.Box.Reply(r); err != nil {
			t.Fatal(err)
		}
	}
	do(sandbox.Reply{Address: "!r:harbour.example", Block: true})
	refused("an encrypted room")
	do(sandbox.Reply{Address: "!r:harbour.example", Unblock: true})
	if _, err := a.Send(context.Background(), hello("!r:harbour.example")); err != nil {
		t.Fatal(err)
	}
	_, cursor, err := a.Poll(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	do(sandbox.Reply{Address: "!r:harbour.example", Block: true})
	if _, _, err := a.Poll(context.Background(), cursor); err != nil {
		t.Fatal(err)
	}
	refused("one that was encrypted since, as a sync told")
	if _, err := a.Send(context.Background(), hello("!s:harbour.example")); err != nil {
		t.Fatal(err)
	}
	do(sandbox.Reply{Address: "!s:harbour.example", Block: true})
	now = now.Add(fresh + time.Second)
	_, err = a.Send(context.Background(), hello("!s:harbour.example"))
	if channels.AsError(err).Code != "encrypted" {
		t.Errorf("one that was encrypted since, which nobody told: %v", err)
	}
	if n := len(h.Seen()); n != 2 {
		t.Errorf("%d messages left, want the 2 into rooms that were not encrypted", n)
	}
}

// An alias leads to its room.
func TestAliases(t *testing.T) {
	h, stop, err := newHomeserver()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := made(t, h.URL(), nil).Send(context.Background(), hello("#news:harbour.example")); err != nil {
		t.Fatal(err)
	}
	if seen := h.Seen(); len(seen) != 1 || seen[0].To != "!of-news:harbour.example" {
		t.Errorf("it went to %+v", seen)
	}
}

func TestRefusals(t *testing.T) {
	var status int
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			say(w, http.StatusNotFound, map[string]string{"errcode": "M_NOT_FOUND"})
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	a := made(t, srv.URL, nil)
	refuse := func() *channels.Error {
		t.Helper()
		_, err := a.Send(context.Background(), hello("!r8127:harbour.example"))
		if err == nil {
			t.Fatalf("%d %s was taken for a yes", status, body)
		}
		return channels.AsError(err)
	}
	for _, v := range verdicts {
		status, body = 400, `{"errcode":"`+v.code+`","error":"about !r8127","retry_after_ms":2500}`
		e := refuse()
		if e.Class != v.class || e.Scope != v.scope || e.Code != v.code || strings.Contains(e.Error(), "8127") {
			t.Errorf("%s: %v, want %v %s", v.code, e, v.class, v.scope)
		}
		if want := map[bool]time.Duration{true: 2500 * time.Millisecond}[v.class == channels.Throttled]; e.RetryAfter != want {
			t.Errorf("%s: it waits %v, want %v", v.code, e.RetryAfter, want)
		}
		status = 502 // whatever it says, it broke down
		if e := refuse(); e.Class != channels.Unknown {
			t.Errorf("%s with 502: %v", v.code, e)
		}
	}
	for _, c := range []struct {
		status int
		body   string
		class  channels.Class
	}{{404, "<html>", channels.Auth}, {400, `{"errcode":"M_SOMETHING_NEW"}`, channels.Permanent}, {200, `{}`, channels.Unknown}, {200, "<html>", channels.Unknown}, {307, "", channels.Temporary}} {
		status, body = c.status, c.body
		if e := refuse(); e.Class != c.class {
			t.Errorf("%d %q: %v, want %v", c.status, c.body, e, c.class)
		}
	}
}

// What a sync leaves out of a busy room is fetched; invitations are taken from those who may invite; a room that put the account
// out is stopped; machines and our own words are not heard.
func TestPolling(t *testing.T) {
	var asked []string
	answers := map[string]string{
		"/account/whoami": `{"user_id":"` + self + `"}`,
		"/sync": `{"next_batch":"s2","rooms":{
			"join":{"!r:h":{"timeline":{"limited":true,"prev_batch":"p1","events":[
				{"event_id":"$3","type":"m.room.message","sender":"@a:h","origin_server_ts":3,"content":{"msgtype":"m.text","body":"> <@carillon:h> hi\n> there\n\nthree","m.relates_to":{"m.in_reply_to":{"event_id":"$ours"}}}},
				{"event_id":"$4","type":"m.room.message","sender":"` + self + `","content":{"msgtype":"m.text","body":"ours"}},
				{"event_id":"$5","type":"m.room.message","sender":"@bot:h","content":{"msgtype":"m.notice","body":"a machine"}},
				{"event_id":"$6","type":"m.room.message","sender":"@a:h","content":{"msgtype":"m.text","body":"* three","m.relates_to":{"rel_type":"m.replace","event_id":"$3"}}},
				{"event_id":"$7","type":"m.room.message","sender":"@a:h","content":{"msgtype":"m.image","body":"x.png"}}]}}},
			"invite":{
				"!in:h":{"invite_state":{"events":[{"type":"m.room.member","sender":"@b:harbour.example","state_key":"` + self + `"}]}},
				"!out:h":{"invite_state":{"events":[{"type":"m.room.member","sender":"@b:evil.example","state_key":"` + self + `"},{"type":"m.room.member","sender":"@b:harbour.example","state_key":"@b:harbour.example"}]}}},
			"leave":{"!gone:h":{}}}}`,
		"/rooms/!r:h/messages": `{"end":"","chunk":[{"event_id":"$2","type":"m.room.message","sender":"@a:h","content":{"msgtype":"m.text","body":"two"}},{"event_id":"$1","type":"m.room.message","sender":"@a:h","content":{"msgtype":"m.text","body":"one"}}]}`,
		"/rooms/!in:h/join":    `{}`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, root)
		asked = append(asked, path)
		if path == "/rooms/!r:h/messages" && (r.URL.Query().Get("from") != "p1" || r.URL.Query().Get("to") != "s1") {
			t.Errorf("the gap is asked for with %s", r.URL.RawQuery)
		}
		if answers[path] == "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, answers[path])
	}))
	defer srv.Close()
	a := made(t, srv.URL, nil)
	events, next, err := a.Poll(context.Background(), "s1")
	if err != nil || next != "s2" {
		t.Fatalf("%q, %v", next, err)
	}
	var heard []string
	for _, e := range events {
		if e.Signal != nil {
			heard = append(heard, "stopped "+e.Signal.Address.Reveal())
			continue
		}
		heard = append(heard, e.ID+" "+e.Inbound.Text+" "+e.Inbound.ReplyTo)
	}
	if want := []string{"$1 one ", "$2 two ", "$3 three $ours", "stopped !gone:h"}; !slices.Equal(heard, want) {
		t.Errorf("it heard %q, want %q", heard, want)
	}
	if slices.Contains(asked, "/rooms/!out:h/join") || !slices.Contains(asked, "/rooms/!in:h/join") {
		t.Errorf("invitations were taken otherwise: %q", asked)
	}
	delete(answers, "/rooms/!in:h/join") // a homeserver that fails just now
	if events, next, err := a.Poll(context.Background(), "s1"); err == nil || next != "s1" || len(events) != 0 {
		t.Errorf("an invitation was lost: %v", err)
	}
}

// A message calls nobody, and both forms of it are there.
func TestWhatLeaves(t *testing.T) {
	var got map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_ = json.NewDecoder(r.Body).Decode(&got)
			say(w, http.StatusOK, map[string]string{"event_id": "$1"})
			return
		}
		say(w, http.StatusNotFound, map[string]string{"errcode": "M_NOT_FOUND"})
	}))
	defer srv.Close()
	m := hello("!r:h")
	m.Part = channels.Part{Text: "hello", HTML: "<p>hello</p>", Markup: markup}
	if _, err := made(t, srv.URL, nil).Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	mentions, empty := got["m.mentions"].(map[string]any)
	if got["msgtype"] != "m.text" || got["body"] != "hello" || got["formatted_body"] != "<p>hello</p>" || got["format"] != markup || !empty || len(mentions) != 0 {
		t.Errorf("it sent %v", got)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for options, key := range map[string]string{
		`{"token":"tok-4711"}`: "base_url", `{"base_url":"https://m.example/_matrix","token":"tok-4711"}`: "base_url", `{"base_url":"https://m.example"}`: "token",
		`{"base_url":"https://m.example","token":"tok-4711\n"}`: "token", `{"base_url":"https://m.example","token":"tok-4711","invites_from":["@a:b"]}`: "invites_from",
		`{"base_url":"https://m.example","token":"tok-4711","per_second":-1}`: "per_second",
	} {
		if _, err := New(channels.Settings{Name: "m", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), "options."+key) || strings.Contains(err.Error(), "tok-4711") {
			t.Errorf("%s: %v, want one about %s", options, err, key)
		}
	}
}
