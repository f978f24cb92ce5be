package shoutrrr

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const token = "kit4711token4711kit4711token47" // 30 characters, as Pushover's have

// there leads every request to a double, wherever the library meant it for.
type there struct {
	http.RoundTripper
	at string
}

func (t there) RoundTrip(req *http.Request) (*http.Response, error) {
	at, err := url.Parse(t.at)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = at.Scheme, at.Host
	return t.RoundTripper.RoundTrip(req)
}

func (t there) CloseIdleConnections() { t.RoundTripper.(*http.Transport).CloseIdleConnections() }

func made(d, options string) (*Adapter, error) {
	return New(channels.Settings{Name: "kit", Options: []byte(options), HTTP: &http.Client{Transport: there{httpsend.Transport(), d}}})
}

func opts(u string) string { return `{"url":"` + u + `","per_second":100}` }

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// doubles of the services, as their own pages describe them.
var (
	pushoverWire = channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			form, err := url.ParseQuery(string(body))
			if r.URL.Path != "/1/messages.json" || err != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: form.Get("user"), Text: form.Get("message")}, true
		},
		Answer: func(w http.ResponseWriter, r *http.Request, body []byte, kept *channeltest.Seen) {
			switch form, _ := url.ParseQuery(string(body)); {
			case kept != nil && form.Get("token") != token, kept == nil && r.URL.Query().Get("token") != token:
				say(w, 400, map[string]any{"token": "invalid", "errors": []string{"application token is invalid"}, "status": 0})
			case kept != nil:
				say(w, 200, map[string]any{"status": 1, "request": kept.ID})
			default:
				say(w, 200, map[string]any{"limit": 10000, "remaining": 7496, "reset": 1393653600, "status": 1})
			}
		},
		Refuse: func(w http.ResponseWriter, status int, text string) {
			say(w, status, map[string]any{"errors": []string{text}, "status": 0})
		},
	}
	discordWire = channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var m struct {
				Content string `json:"content"`
			}
			if r.Method != http.MethodPost || r.URL.Path != "/api/webhooks/7391/"+token || json.Unmarshal(body, &m) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: r.URL.Query().Get("thread_id"), Text: shown(m.Content).Text}, true
		},
		Answer: func(w http.ResponseWriter, _ *http.Request, _ []byte, kept *channeltest.Seen) {
			if kept != nil {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			say(w, 200, map[string]any{"type": 1, "id": "7391"})
		},
		Refuse: func(w http.ResponseWriter, status int, text string) {
			say(w, status, map[string]any{"message": text, "code": 0})
		},
	}
	pagerdutyWire = channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var m struct {
				Key     string `json:"routing_key"`
				Payload struct {
					Summary string `json:"summary"`
				} `json:"payload"`
			}
			if r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" || json.Unmarshal(body, &m) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: m.Key, Text: m.Payload.Summary}, true
		},
		Answer: func(w http.ResponseWriter, _ *http.Request, _ []byte, kept *channeltest.Seen) {
			if kept == nil {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			say(w, 202, map[string]string{"status": "success", "message": "Event processed", "dedup_key": kept.ID})
		},
		Refuse: func(w http.ResponseWriter, status int, text string) {
			say(w, status, map[string]any{"status": "error", "message": text})
		},
	}
)

// markup is what Discord would make something of: a character of its Markdown that no backslash stands before, or somebody called.
var markup = regexp.MustCompile("\\\\[\\\\*_~|`<>#\\[\\]()+.:!-]|<https?://[^ >]+>|[*_~|`<>#\\[\\]]|@[A-Za-z0-9_&!]|(?m)^[-+] |(?m)^[0-9]+\\. ")

// shown reads a text as Discord's client does.
func shown(text string) channeltest.Shape {
	s := channeltest.Shape{}
	s.Text = markup.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case found[0] == '\\':
			return found[1:]
		case strings.HasPrefix(found, "<http"):
			return found[1 : len(found)-1]
		}
		s.Marks = append(s.Marks, found[:1])
		return found
	})
	return s
}

func subjects() map[string]channeltest.Subject {
	start := func(wire channeltest.Wire) func() (channeltest.Double, func(), error) {
		return func() (channeltest.Double, func(), error) { return channeltest.NewFake(wire) }
	}
	make := func(u string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, _ string) (channels.Adapter, error) { return made(d.URL(), opts(u)) }
	}
	plain := func(p channels.Part) (channeltest.Shape, error) { return channeltest.Shape{Text: p.Text}, nil }
	anna, berta, cilly := strings.Repeat("a8127", 6), strings.Repeat("b8128", 6), strings.Repeat("c8129", 6)
	hexA, hexB := strings.Repeat("a8127bcd", 4), strings.Repeat("b8128bcd", 4)
	return map[string]channeltest.Subject{
		"pushover": {
			Start: start(pushoverWire), Make: make("pushover://shoutrrr:" + token + "@{address}/"), Secrets: []string{token}, Read: plain,
			Valid: map[string]channels.Address{" " + anna + " ": channels.Address(anna)}, Invalid: []string{"", "anna", anna + "x", strings.Repeat("a-127", 6)},
			People: []channels.Address{channels.Address(anna), channels.Address(berta), channels.Address(cilly)},
		},
		"discord": {
			Start: start(discordWire), Bodiless: true, Make: make("discord://" + token + "@7391?thread_id={address}"), Secrets: []string{token},
			Read:  func(p channels.Part) (channeltest.Shape, error) { return shown(p.Text), nil },
			Valid: map[string]channels.Address{"112233445566778899\n": "112233445566778899"}, Invalid: []string{"", "anna", "1234", "https://discord.com/channels/1/2"},
			People: []channels.Address{"112233445566778899", "112233445566778800"},
		},
		"pagerduty": {
			Start: start(pagerdutyWire), Make: make("pagerduty://events.pagerduty.com/{address}"), Read: plain,
			Valid: map[string]channels.Address{hexA: channels.Address(hexA)}, Invalid: []string{"", "R123", hexA + "0", strings.Repeat("g", 32)},
			People: []channels.Address{channels.Address(hexA), channels.Address(hexB)},
		},
	}
}

func TestConformance(t *testing.T) {
	for name, subject := range subjects() {
		for _, c := range channeltest.Checks(subject) {
			t.Run(name+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				c.Run(t)
			})
		}
	}
}

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/shoutrrr.md", Options: Options{}, Columns: []string{"service", "answer", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{v.service, strings.TrimSpace(strconv.Itoa(v.status) + " " + v.sign), v.class.String(), string(v.scope), v.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

const gotifyURL = "gotify://gotify.example.org/AkitTOKEN-4711x"

// urls gives a URL of each service that leads to one place, and an address for it.
func urls() map[string][2]string {
	return map[string][2]string{
		"pushover":  {"pushover://shoutrrr:" + token + "@{address}/?title=Harbour", strings.Repeat("a8127", 6)},
		"gotify":    {gotifyURL + "?title=Harbour", fixed},
		"discord":   {"discord://" + token + "@7391?username=Harbour", fixed},
		"pagerduty": {"pagerduty:///" + strings.Repeat("a8127bcd", 4) + "?source=Harbour", fixed},
	}
}

func TestRefusals(t *testing.T) {
	status, body, asked := 0, "", 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "9")
		w.Header().Set("Location", "https://elsewhere.example/"+token)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	refuse := func(u, to string) *channels.Error {
		t.Helper()
		a, err := made(srv.URL, opts(u))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		asked = 0
		_, err = a.Send(context.Background(), channels.Outbound{Key: "k", To: channels.Address(to), Part: channels.Part{Text: "hello"}})
		if err == nil {
			t.Fatalf("%s: %d %s was taken for a yes", u[:8], status, body)
		}
		if e := channels.AsError(err); asked != 1 || strings.Contains(e.Error(), "4711") || strings.Contains(e.Error(), "8127") || e.Cause != nil && strings.Contains(e.Cause.Error(), "4711") {
			t.Errorf("%s: %d: asked %d times; %v, %v", u[:8], status, asked, e, e.Cause)
		}
		return channels.AsError(err)
	}
	all := urls()
	for _, v := range verdicts {
		status, body = v.status, `{"errors":["about 8127"]}`
		switch code, err := strconv.Atoi(v.sign); {
		case err == nil:
			body = `{"code":` + strconv.Itoa(code) + `,"message":"about 8127"}`
		case v.sign != "":
			body = `{"` + v.sign + `":"invalid","status":0}`
		}
		if e := refuse(all[v.service][0], all[v.service][1]); e.Class != v.class || e.Scope != v.scope || e.Detail != v.detail {
			t.Errorf("%s %d %s: %v", v.service, v.status, v.sign, e)
		}
	}
	for name, u := range all {
		for _, c := range []struct {
			status int
			body   string
			class  channels.Class
		}{{500, "{}", channels.Unknown}, {503, "<html>", channels.Unknown}, {200, "{}", channels.Unknown}, {202, "<html>", channels.Unknown}, {302, "", channels.Temporary}, {429, "", channels.Throttled}} {
			status, body = c.status, c.body
			if e := refuse(u[0], u[1]); e.Class != c.class || c.class == channels.Throttled && e.RetryAfter != 9*time.Second {
				t.Errorf("%s %d %q: %v after %v, want %v", name, c.status, c.body, e, e.RetryAfter, c.class)
			}
		}
	}
	status, body = 401, "{}" // where the token is a member's own, nobody else is at fault
	if e := refuse("gotify://gotify.example.org/{address}", "Amember-token-x"); e.Class != channels.Permanent || e.Scope != channels.ScopeAddress {
		t.Errorf("a member's own token: %v", e)
	}
}

// What is urgent sounds; nobody in neutral mode sees who writes; no secret stands in a URL but where the service has it there.
func TestWhatLeaves(t *testing.T) {
	var path, query, said, key string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		path, query, said, key = r.URL.Path, r.URL.RawQuery, string(raw), r.Header.Get("X-Gotify-Key")
		switch {
		case strings.Contains(path, "/api/webhooks"):
			w.WriteHeader(http.StatusNoContent)
		default:
			say(w, 200, map[string]any{"id": 17, "status": map[bool]any{true: 1, false: "success"}[strings.HasPrefix(path, "/1/")], "request": "r-17", "dedup_key": "d-17"})
		}
	}))
	defer srv.Close()
	for name, want := range map[string]struct{ path, urgent, usual, id string }{
		"pushover": {"/1/messages.json", "priority=1", "priority=0", "r-17"}, "gotify": {"/message", `"priority":8`, `"priority":0`, "17"},
		"discord": {"/api/webhooks/7391/" + token, `"content"`, `"content"`, "k"}, "pagerduty": {"/v2/enqueue", `"severity":"critical"`, `"severity":"error"`, "d-17"},
	} {
		u := urls()[name]
		a, err := made(srv.URL, opts(u[0]))
		if err != nil {
			t.Fatal(err)
		}
		parts, err := a.Compose(content.Document{Blocks: []content.Block{content.Text("Come at 8.")}, Buttons: []content.Button{{Label: "Yes", Action: "yes"}}})
		if err != nil || len(parts) != 1 || len(parts[0].Buttons) != 0 {
			t.Fatalf("%s: %v, %v", name, parts, err)
		}
		out := channels.Outbound{Key: "k", To: channels.Address(u[1]), Part: parts[0], Urgent: true}
		if sent, err := a.Send(context.Background(), out); err != nil || sent.ProviderID != want.id || sent.Delivered {
			t.Errorf("%s: %+v, %v", name, sent, err)
		}
		if path != want.path || query != "" || !strings.Contains(said, want.urgent) || !strings.Contains(said, "Harbour") || !strings.Contains(said, "Come") || name == "gotify" && key == "" {
			t.Errorf("%s, urgent: %s?%s %s", name, path, query, said)
		}
		out.Urgent, out.Neutral = false, true
		if _, err := a.Send(context.Background(), out); err != nil || !strings.Contains(said, want.usual) || strings.Contains(said, "Harbour") || strings.Contains(said, "outrrr") {
			t.Errorf("%s, in neutral mode: %s, %v", name, said, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A group's channel reaches nothing inside, and no second request is made.
func TestGuard(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	options := []byte(opts("gotify://" + strings.TrimPrefix(srv.URL, "http://") + "/AkitTOKEN-4711x?disabletls=yes"))
	a, err := New(channels.Settings{Name: "g", Options: options})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Send(context.Background(), channels.Outbound{To: fixed, Part: channels.Part{Text: "hello"}})
	if e := channels.AsError(err); err == nil || e.Class != channels.Auth || asked != 0 {
		t.Errorf("a group's: %v, asked %d times", err, asked)
	}
	a, err = New(channels.Settings{Name: "g", Options: options, Reach: netip.Addr.IsLoopback})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Check(context.Background()); err != nil || asked != 1 {
		t.Errorf("where the operator allows it: %v, asked %d times", err, asked)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for u, why := range map[string]string{
		"": "missing", "pushover": "no URL", "slack://hook:4711@webhook": "does not have", "telegram://4711@telegram?chats=1": "adapter: telegram", "smtp://u:4711@h/": "adapter: email",
		"generic://h/4711": "adapter: webhook", "logger://": "does not have", "pushover://shoutrrr:t4711@" + strings.Repeat("u", 30) + "/": "leads to one person",
		"pushover://shoutrrr:{address}@u/": "none belongs", "pushover://shoutrrr:t4711@{address}/?html=1": "parameter", "pushover://{address}": "not taken",
		"discord://t4711@7391/raw": "not taken", "discord://t4711@7391?json=yes": "parameter", "discord://t4711@{address}": "none belongs", "discord://t4711@7391?thread_id={address}&username={address}": "more than once",
		"gotify://h/sub/A47111234567890": "not taken", "gotify://h/{address}?insecureskipverify=yes": "parameter", "pagerduty:///4711": "not taken", "pagerduty:///{address}?action=resolve": "parameter", "discord://%zz4711": "cannot be read",
	} {
		_, err := New(channels.Settings{Name: "n", Options: []byte(opts(u))})
		if err == nil || !strings.Contains(err.Error(), "options.url") || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v, want %q", u, err, why)
		}
	}
	if _, err := New(channels.Settings{Name: "n", Options: []byte(`{"url":"` + gotifyURL + `","per_second":-1}`)}); err == nil || !strings.Contains(err.Error(), "per_second") {
		t.Errorf("per_second: %v", err)
	}
}

// One request is made for a library that wants several, whatever the first brought.
func TestOnce(t *testing.T) {
	x := &exchange{ctx: t.Context(), sender: httpsend.New(&http.Client{Transport: refused{}}, time.Second)}
	for range 2 {
		if _, err := x.RoundTrip(httptest.NewRequest(http.MethodPost, "http://gateway.example/", nil)); !errors.Is(err, errOnce) {
			t.Errorf("%v", err)
		}
	}
}

type refused struct{}

func (refused) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
