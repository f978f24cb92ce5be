package mattermost_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// hooked makes a request to our hook.
func hooked(kind, body string, header map[string]string) (*http.Request, []byte) {
	r := httptest.NewRequest(http.MethodPost, "/hooks/mm", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	return r, []byte(body)
}

// pressedOnce gives the genuine request of a pressed button.
func pressedOnce(w *world, to string) map[string]any {
	w.t.Helper()
	m := w.reminder()
	m.To = channels.Address(to)
	if _, err := w.Send(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
	w.reply(sandbox.Reply{Address: to, Press: "carillon0"})
	var body map[string]any
	if err := json.Unmarshal(w.next().body, &body); err != nil {
		w.t.Fatal(err)
	}
	return body
}

// A press counts only as it was signed: by whom, for which message, on which button, in which channel, until when.
func TestPressesCannotBeMadeUp(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	genuine := pressedOnce(w, anna)
	try := func(a channels.WebhookParser, change func(body, context map[string]any)) ([]channels.Event, error) {
		t.Helper()
		body, context := maps.Clone(genuine), maps.Clone(genuine["context"].(map[string]any))
		body["context"] = context
		if change != nil {
			change(body, context)
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, raw := hooked("application/json; charset=utf-8", string(raw), nil)
		return a.ParseWebhook(r, raw)
	}
	if events, err := try(w, nil); err != nil || len(events) != 1 {
		t.Fatalf("the genuine press: %v, %v", events, err)
	}
	for name, change := range map[string]func(body, context map[string]any){
		"another action":       func(_, c map[string]any) { c["action"] = "ack:no" },
		"another message":      func(_, c map[string]any) { c["attempt"] = "01890000-0000-7000-8000-000000000009" },
		"another part":         func(_, c map[string]any) { c["part"] = "1" },
		"a later end":          func(_, c map[string]any) { c["expires"] = "9999999999" },
		"another person's":     func(b, _ map[string]any) { b["user_id"] = badr },
		"taken over":           func(b, c map[string]any) { b["user_id"], c["user"] = badr, badr },
		"for anybody":          func(_, c map[string]any) { c["user"] = "" },
		"another channel":      func(b, _ map[string]any) { b["channel_id"] = harbourID },
		"channel of another":   func(b, c map[string]any) { b["channel_id"], c["channel"] = harbourID, harbourID },
		"another label":        func(_, c map[string]any) { c["label"] = "x" },
		"fields moved":         func(_, c map[string]any) { c["action"], c["label"] = "ack:yesI", "am coming *now*" },
		"no proof":             func(_, c map[string]any) { delete(c, "proof") },
		"an empty proof":       func(_, c map[string]any) { c["proof"] = "" },
		"half a proof":         func(_, c map[string]any) { c["proof"] = c["proof"].(string)[:20] },
		"a number as proof":    func(_, c map[string]any) { c["proof"] = 7 },
		"no context":           func(b, _ map[string]any) { delete(b, "context") },
		"a context of nothing": func(b, _ map[string]any) { b["context"] = map[string]any{} },
		"nobody":               func(b, _ map[string]any) { b["user_id"] = "" },
	} {
		events, err := try(w, change)
		if !errors.Is(err, channels.ErrForged) || len(events) != 0 {
			t.Errorf("%s: %v, %v", name, events, err)
		}
	}
	again, err := try(w, func(b, _ map[string]any) { b["post_id"] = "anotherposttttttttttttttt1" })
	if first, _ := try(w, nil); err != nil || again[0].ID != first[0].ID {
		t.Errorf("replayed under another post it would count twice: %+v, %v", again, err)
	}
	sibling, err := build(channels.Settings{Name: "mm-two", HookURL: w.hook, Now: w.now}, w.base, map[string]any{"action_secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(sibling, nil); !errors.Is(err, channels.ErrForged) {
		t.Errorf("another channel with the same secret takes it: %v", err)
	}
	const next = "the-next-secret-the-next-secret-01"
	rotating := w.twin(w.now, map[string]any{"action_secret": next, "previous_action_secret": secret})
	if _, err := try(rotating, nil); err != nil {
		t.Errorf("a button that is out, while the secret is changed: %v", err)
	}
	rotated := w.twin(w.now, map[string]any{"action_secret": next})
	if _, err := try(rotated, nil); !errors.Is(err, channels.ErrForged) {
		t.Errorf("a button signed with a secret that is no longer live: %v", err)
	}
	none, err := build(channels.Settings{Name: "mm", Now: w.now}, w.base, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(none, nil); !errors.Is(err, channels.ErrForged) {
		t.Errorf("without a secret everything is forged: %v", err)
	}
	w.wind(6 * time.Hour)
	if events, err := try(w, nil); err == nil || errors.Is(err, channels.ErrForged) || len(events) != 0 {
		t.Errorf("after its message expired: %v, %v", events, err)
	}
}

// In a channel whoever reads may press, each person once.
func TestPressesInAChannel(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	body := pressedOnce(w, harbour)
	ids := map[string]bool{}
	for _, who := range []string{anna, badr, anna} {
		body["user_id"] = who
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, raw := hooked("application/json", string(raw), nil)
		events, err := w.ParseWebhook(r, raw)
		if err != nil || len(events) != 1 || events[0].Inbound.From != channels.Address(who) {
			t.Fatalf("%+v, %v", events, err)
		}
		ids[events[0].ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("three presses of two people are %d events", len(ids))
	}
}

// A pressed button that we do not take shows the person that it failed.
func TestSheSeesThatHerPressFailed(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	m := w.reminder()
	m.Expires = time.Time{} // a week, then
	if _, err := w.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.wind(7*24*time.Hour - time.Second)
	w.reply(sandbox.Reply{Address: anna, Press: "carillon0"})
	if h := w.next(); h.err != nil {
		t.Fatalf("within the week: %v", h.err)
	}
	w.wind(time.Second)
	w.reply(sandbox.Reply{Address: anna, Press: "carillon0"})
	if h := w.next(); h.err == nil || len(h.events) > 0 {
		t.Errorf("after the week: %+v, %v", h.events, h.err)
	}
	err := w.Wait(t.Context(), func() bool {
		log := w.Log(0, 0)
		return log[len(log)-1].Text == "Action integration error."
	})
	if err != nil {
		t.Error(err)
	}
}

// STOP by the slash command works at once; only the server can say it.
func TestTheSlashCommand(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	if _, err := w.Send(t.Context(), outbound(anna, "Hello")); err != nil {
		t.Fatal(err)
	}
	w.reply(sandbox.Reply{Address: anna, Text: "/carillon STOP"})
	h := w.next()
	if h.err != nil || len(h.events) != 1 || h.events[0].Inbound.Text != "STOP" || h.events[0].Inbound.From != anna || h.events[0].ID == "" {
		t.Fatalf("%+v, %v", h.events, h.err)
	}
	if again, err := w.ParseWebhook(h.request, h.body); err != nil || again[0].ID != h.events[0].ID {
		t.Errorf("the same command once more: %+v, %v", again, err)
	}
	err := w.Wait(t.Context(), func() bool {
		log := w.Log(0, 0)
		last := log[len(log)-1]
		return last.Kind == sandbox.EntryAuto && last.Text == "✓"
	})
	if err != nil {
		t.Errorf("she was not shown that it was heard: %v", err)
	}
	form := "text=STOP&user_id=" + anna + "&trigger_id=t1&token="
	const kind = "application/x-www-form-urlencoded"
	good := map[string]string{"Authorization": "Token " + command}
	for name, c := range map[string]struct {
		body   string
		header map[string]string
	}{
		"no token in the body":      {"text=STOP&user_id=" + anna, good},
		"a wrong token in the body": {form + "commandtoken00000000000002", good},
		"two tokens in the body":    {form + command + "&token=x", good},
		"no header":                 {form + command, nil},
		"a wrong header":            {form + command, map[string]string{"Authorization": "Token x"}},
		"the bot's own token":       {form + token, map[string]string{"Authorization": "Token " + token}},
		"no form":                   {"%zz", good},
	} {
		r, body := hooked(kind, c.body, c.header)
		if events, err := w.ParseWebhook(r, body); !errors.Is(err, channels.ErrForged) || len(events) > 0 {
			t.Errorf("%s: %v, %v", name, events, err)
		}
	}
	r, body := hooked(kind, form+command, good)
	if events, err := w.ParseWebhook(r, body); err != nil || len(events) != 1 {
		t.Errorf("the genuine one: %v, %v", events, err)
	}
	r.Method = http.MethodGet
	if _, err := w.ParseWebhook(r, body); !errors.Is(err, channels.ErrForged) {
		t.Errorf("by GET, which puts the token into logs: %v", err)
	}
	if _, reply := w.WebhookReply(t.Context(), []byte("command=%2Fcarillon&text=+"), channels.Outcome{}); len(reply) > 0 {
		t.Errorf("a command that says nothing is answered with %s", reply)
	}
	for _, empty := range []string{"text=+&user_id=" + anna, "text=STOP&user_id=nobody"} {
		r, body := hooked(kind, empty+"&token="+command, good)
		if events, err := w.ParseWebhook(r, body); err != nil || len(events) > 0 {
			t.Errorf("%s: %v, %v", empty, events, err)
		}
	}
	without, err := build(channels.Settings{Name: "mm", Now: w.now}, w.base, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, body = hooked(kind, "text=STOP&token=&user_id="+anna, map[string]string{"Authorization": "Token "})
	if _, err := without.ParseWebhook(r, body); !errors.Is(err, channels.ErrForged) {
		t.Errorf("a channel without a command takes one: %v", err)
	}
}

// What people write in direct messages comes by polling, once, in order, from whoever wrote it.
func TestDirectMessagesAreHeard(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	for _, to := range []string{anna, badr, harbour} {
		if _, err := w.Send(t.Context(), outbound(to, "Hello "+to)); err != nil {
			t.Fatal(err)
		}
	}
	events, cursor := w.poll("")
	if len(events) != 0 || cursor == "" {
		t.Fatalf("our own posts came back: %+v, %q", events, cursor)
	}
	w.wind(time.Second)
	w.reply(sandbox.Reply{Address: anna, Text: "STOP"})
	w.wind(time.Second)
	w.reply(sandbox.Reply{Address: badr, Text: "نعم"})
	w.reply(sandbox.Reply{Address: harbour, Text: "talk in a channel is not ours"})
	events, next := w.poll(cursor)
	if len(events) != 2 || events[0].Inbound.From != anna || events[0].Inbound.Text != "STOP" || events[1].Inbound.From != badr || events[1].Inbound.Text != "نعم" {
		t.Fatalf("%+v", events)
	}
	if events[0].ID == events[1].ID || events[0].ID == "" || !events[0].At.Equal(w.now().Add(-time.Second)) {
		t.Errorf("%+v", events)
	}
	if next == cursor {
		t.Error("the cursor stands although something came: after a failure to store it could not be told apart")
	}
	again, _ := w.poll(cursor) // it could not be stored
	if len(again) != 2 || again[0].ID != events[0].ID || again[1].ID != events[1].ID {
		t.Errorf("asked again from the old cursor it gave %+v", again)
	}
	_, next = w.poll(next)
	if more, last := w.poll(next); len(more) != 0 || last != next {
		t.Errorf("with nothing new it gave %+v and moved from %q to %q", more, next, last)
	}
	started := w.twin(w.now, nil) // a start: what lies just before the cursor comes again, with the same ids
	late, _, err := started.Poll(t.Context(), next)
	if err != nil || len(late) != 2 || late[0].ID != events[0].ID {
		t.Errorf("after a start: %+v, %v", late, err)
	}
}

// A post that becomes visible a little late, behind newer ones, is heard, and once more if it could not be stored.
func TestALatePostIsHeard(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	for _, to := range []string{anna, badr} {
		if _, err := w.Send(t.Context(), outbound(to, "Hello")); err != nil {
			t.Fatal(err)
		}
	}
	w.wind(time.Minute)
	w.reply(sandbox.Reply{Address: badr, Text: "yes"})
	_, cursor := w.poll("")
	w.wind(-30 * time.Second)
	w.reply(sandbox.Reply{Address: anna, Text: "STOP"})
	for range 2 {
		events, next := w.poll(cursor)
		if len(events) == 0 || events[0].Inbound.Text != "STOP" {
			t.Fatalf("%+v", events)
		}
		if next == cursor {
			t.Error("the cursor stands: what could not be stored would be taken for stored")
		}
	}
}

// An old server lists direct messages by team only.
func TestDirectMessagesAreHeardOnOldServers(t *testing.T) {
	w := newWorld(t, sandbox.Options{OldMattermost: true}, nil)
	if _, err := w.Send(t.Context(), outbound(anna, "Hello")); err != nil {
		t.Fatal(err)
	}
	w.reply(sandbox.Reply{Address: anna, Text: "STOP"})
	if events, _ := w.poll(""); len(events) != 1 || events[0].Inbound.Text != "STOP" {
		t.Errorf("%+v", events)
	}
	lonely := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/users/me"):
			_, _ = rw.Write([]byte(`{"id":"` + badr + `"}`))
		case strings.HasSuffix(r.URL.Path, "/teams"):
			_, _ = rw.Write([]byte(`[]`))
		default:
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write([]byte(`{"id":"api.context.404.app_error","status_code":404}`))
		}
	}))
	defer lonely.Close()
	a, err := build(channels.Settings{Now: w.now}, lonely.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = a.Poll(t.Context(), "")
	if e := errorOf(t, err, channels.Permanent, channels.ScopeSender); !strings.Contains(e.Detail, "no team") {
		t.Errorf("a bot in no team: %v", e)
	}
}

// After a broadcast every chat has a new post, and it is ours: nothing but the list is read. What somebody wrote just
// before or after ours is read all the same.
func TestABroadcastCostsNoReading(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	for _, to := range []string{anna, badr} {
		if _, err := w.Send(t.Context(), outbound(to, "Hello")); err != nil {
			t.Fatal(err)
		}
	}
	_, cursor := w.poll("")
	reads := func() (n int) {
		for _, path := range w.asked.take() {
			if strings.HasSuffix(path, "/posts") && strings.HasPrefix(path, "GET") {
				n++
			}
		}
		return n
	}
	reads()
	broadcast := func(text string) {
		t.Helper()
		for _, to := range []string{anna, badr} {
			m := outbound(to, text)
			m.Key = text
			if _, err := w.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		w.wind(time.Second)
	}
	for _, text := range []string{"one", "two", "three"} {
		w.wind(time.Second)
		broadcast(text)
		var events []channels.Event
		events, cursor = w.poll(cursor)
		if n := reads(); n != 0 || len(events) != 0 {
			t.Errorf("after broadcast %s it read %d chats and heard %d", text, n, len(events))
		}
	}
	w.wind(time.Second)
	w.reply(sandbox.Reply{Address: anna, Text: "before"})
	w.wind(time.Second)
	broadcast("four")
	w.reply(sandbox.Reply{Address: badr, Text: "after"})
	events, next := w.poll(cursor)
	if n := reads(); n != 2 || len(events) != 2 {
		t.Errorf("it read %d chats and heard %+v", n, events)
	}
	// A repeat that the server took for the same post must not hide an answer.
	m := outbound(anna, "five")
	m.Key = "five"
	w.wind(time.Second)
	for range 2 {
		if _, err := w.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	w.reply(sandbox.Reply{Address: anna, Text: "STOP"})
	if events, _ = w.poll(next); len(events) < 1 || events[len(events)-1].Inbound.Text != "STOP" {
		t.Errorf("behind a repeat it heard %+v", events)
	}
}

// A poll ends however much there is: what it did not come to, the next one reads.
func TestPollingInPieces(t *testing.T) {
	w := newWorld(t, sandbox.Options{OpenChats: true}, nil)
	const people = 120
	person := func(i int) string {
		return "person" + strings.Repeat("x", 17) + string(rune('a'+i/26%26)) + string(rune('a'+i%26)) + "1"
	}
	for i := range people {
		w.wind(time.Second)
		w.reply(sandbox.Reply{Address: person(i), Text: "hello"})
	}
	heard, cursor := map[string]int{}, ""
	for range 5 {
		w.asked.take()
		var events []channels.Event
		events, cursor = w.poll(cursor)
		if n := len(w.asked.take()); n > 52 {
			t.Errorf("one poll asked %d times", n)
		}
		for _, e := range events {
			heard[e.ID]++
		}
	}
	if len(heard) != people {
		t.Errorf("%d of %d were heard", len(heard), people)
	}
	for id, n := range heard {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

func TestPollRefusesForeignCursors(t *testing.T) {
	w := newWorld(t, sandbox.Options{}, nil)
	for _, cursor := range []string{"x", "1", "1.x", "-1.0", "1.-1", "1700000000 - -"} {
		events, next, err := w.Poll(t.Context(), cursor)
		if next != cursor || len(events) > 0 {
			t.Errorf("%q became %q", cursor, next)
		}
		errorOf(t, err, channels.Permanent, channels.ScopeChannel)
	}
}

func FuzzParseWebhook(f *testing.F) {
	f.Add("application/json", `{"user_id":"`+anna+`","context":{"action":"x","proof":7}}`)
	f.Add("application/json", `null`)
	f.Add("application/x-www-form-urlencoded", "token=x&text=STOP")
	f.Fuzz(func(t *testing.T, kind, body string) {
		a, err := build(channels.Settings{Name: "mm", HookURL: "https://us.example.org/hooks/mm"}, "https://chat.example.org", map[string]any{"action_secret": secret, "command_token": command})
		if err != nil {
			t.Fatal(err)
		}
		r, raw := hooked("text/plain", body, map[string]string{"Authorization": "Token x"})
		r.Header.Set("Content-Type", kind)
		if events, err := a.ParseWebhook(r, raw); !errors.Is(err, channels.ErrForged) || len(events) > 0 {
			t.Errorf("%q was taken: %+v, %v", body, events, err)
		}
		a.WebhookReply(t.Context(), raw, channels.Outcome{})
	})
}
