package signal

import (
	"bytes"
	"context"
	"encoding/base64"
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
)

const (
	number    = "+12025550100"
	password  = "kit-password-of-the-proxy"
	hookToken = "kittokenkittokenkittokenkittoken"
)

// bridge is signal-cli's REST bridge: it passes on what comes, by webhook and to whoever polls, once.
type bridge struct {
	*channeltest.Fake
	mu      sync.Mutex
	hook    string
	waiting []map[string]any
	clock   int64
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func newBridge() (*bridge, func(), error) {
	b := &bridge{clock: time.Now().UnixMilli()}
	var stop func()
	var err error
	b.Fake, stop, err = channeltest.NewFake(channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var m struct {
				Recipients []string `json:"recipients"`
				Message    string   `json:"message"`
			}
			if r.Method != http.MethodPost || r.URL.Path != "/v2/send" || json.Unmarshal(body, &m) != nil || len(m.Recipients) != 1 {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: m.Recipients[0], Text: m.Message}, true
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte, kept *channeltest.Seen) {
			b.mu.Lock()
			defer b.mu.Unlock()
			user, shown, _ := r.BasicAuth()
			switch {
			case user != "u" || shown != password:
				say(w, http.StatusUnauthorized, map[string]string{"error": "no"})
			case kept != nil:
				b.clock++
				say(w, http.StatusCreated, map[string]string{"timestamp": strconv.FormatInt(b.clock, 10)})
				b.tell(map[string]any{"sourceNumber": kept.To, "timestamp": b.clock, "receiptMessage": map[string]any{"isDelivery": true, "timestamps": []int64{b.clock}}})
			case r.URL.Path == "/v1/accounts":
				say(w, http.StatusOK, []string{number})
			case strings.HasPrefix(r.URL.Path, "/v1/receive/"+number):
				say(w, http.StatusOK, append([]map[string]any{}, b.waiting...))
				b.waiting = nil
			default:
				say(w, http.StatusNotFound, map[string]string{})
			}
		},
		Refuse: func(w http.ResponseWriter, status int, text string) {
			body := map[string]any{"error": text}
			if status == http.StatusTooManyRequests {
				body["challenge_tokens"] = []string{"kit"}
			}
			say(w, status, body)
		},
		Reply: func(address, text string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.clock++
			b.tell(map[string]any{"sourceNumber": address, "sourceUuid": "01234567-89ab-cdef-0123-456789abcdef", "timestamp": b.clock, "dataMessage": map[string]any{"timestamp": b.clock, "message": text}})
			return nil
		},
	})
	return b, stop, err
}

// tell passes a message on.
func (b *bridge) tell(envelope map[string]any) {
	params := map[string]any{"account": number, "envelope": envelope}
	b.waiting = append(b.waiting, params)
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": "receive", "params": params})
	if err != nil || b.hook == "" {
		return
	}
	if req, err := http.NewRequest(http.MethodPost, b.hook+"?token="+hookToken, bytes.NewReader(body)); err == nil {
		b.Call(req)
	}
}

func options(url, token string) json.RawMessage {
	return json.RawMessage(`{"base_url":"` + url + `","number":"` + number + `","username":"u","password":"` + password + `","hook_token":"` + token + `","region":"US"}`)
}

func TestConformance(t *testing.T) {
	build := func(token string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			if b, ok := d.(*bridge); ok && hook != "" {
				b.mu.Lock()
				b.hook = hook
				b.mu.Unlock()
			}
			return New(channels.Settings{Name: "signal-kit", HookURL: hook, Options: options(d.URL(), token)})
		}
	}
	subject := channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			b, stop, err := newBridge()
			return b, stop, err
		},
		Make: build(hookToken), Stranger: build("anothertokenanothertokenanotherto"),
		Valid: map[string]channels.Address{
			"+44 7700 900123": "+447700900123", "(202) 555-0123": "+12025550123", "01234567-89AB-cdef-0123-456789abcdef": "01234567-89ab-cdef-0123-456789abcdef",
			"group.ckRzaEd4VmRzNnJaASAEsasa": "group.ckRzaEd4VmRzNnJaASAEsasa",
		},
		Invalid: []string{"", "Anna", "12345", "group.x", "01234567-89ab"},
		People:  []channels.Address{"+12025550123", "+447700900123", "+12025550124"},
		Secrets: []string{password, hookToken}, Proof: "?token", Nameless: true,
		Read: func(p channels.Part) (channeltest.Shape, error) { return channeltest.Shape{Text: p.Text}, nil },
	}
	for _, c := range channeltest.Checks(subject) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/signal.md", Options: Options{}, Columns: []string{"the bridge says", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{v.says, v.class.String(), string(v.scope), v.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func made(t *testing.T, url string) *Adapter {
	t.Helper()
	a, err := New(channels.Settings{Name: "s", Options: options(url, hookToken)})
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
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	a := made(t, srv.URL)
	refuse := func() *channels.Error {
		t.Helper()
		_, err := a.Send(context.Background(), channels.Outbound{To: "+12025550123", Part: channels.Part{Text: "hello"}})
		if err == nil {
			t.Fatalf("%d %s was taken for a yes", status, body)
		}
		return channels.AsError(err)
	}
	for _, v := range verdicts {
		for _, c := range []struct {
			status int
			body   string
		}{{400, `{"error":"Failed to send to \"+12025550123\": ` + strings.ToUpper(v.says) + `"}`}, {201, `{"timestamp":"17","errors":{"recipients":[{"number":"+12025550123","reason":"` + v.says + `"}]}}`}} {
			status, body = c.status, c.body
			if e := refuse(); e.Class != v.class || e.Scope != v.scope || e.Detail != v.detail || strings.Contains(e.Error(), "555") {
				t.Errorf("%d %s: %v, want %v %s", c.status, v.says, e, v.class, v.scope)
			}
		}
	}
	for _, c := range []struct {
		status int
		body   string
		class  channels.Class
	}{{400, `{"error":"Failed to send message"}`, channels.Unknown}, {429, `{"error":"x","challenge_tokens":["t"]}`, channels.Throttled}, {429, `{"error":"Failed to send message due to rate limiting. Use the attached challenge tokens","challenge_tokens":[""]}`, channels.Unknown},
		{400, `{"error":"CAPTCHA proof required for sending to \"+12025550123\", with challenge token \"t\". Failed to send message due to rate limiting"}`, channels.Throttled}, {404, "<html>", channels.Auth}, {500, "{}", channels.Unknown},
		{201, `{"timestamp":"17","errors":{"recipients":[{"reason":"A_NEW_FAILURE"}]}}`, channels.Unknown}, {201, `{}`, channels.Unknown}, {201, "", channels.Unknown}, {308, "", channels.Temporary}} {
		status, body = c.status, c.body
		if e := refuse(); e.Class != c.class {
			t.Errorf("%d %q: %v, want %v", c.status, c.body, e, c.class)
		}
	}
	status, body = 200, `["+12025550199"]`
	if e := channels.AsError(a.Check(context.Background())); e.Class != channels.Auth || e.Trouble != channels.TroubleUnregistered {
		t.Errorf("a bridge without our account: %v", e)
	}
	status, body = 400, "Bad Request\n" // what an upgrade that was not asked for is answered with
	if _, next, err := a.Poll(context.Background(), "c"); next != "c" || channels.AsError(err).Class != channels.Permanent {
		t.Errorf("a bridge that cannot be polled: %q, %v", next, err)
	}
}

// What a poll brought comes again until the cursor that came with it is shown, because the bridge has forgotten it.
func TestABatchIsKeptUntilItIsStored(t *testing.T) {
	b, stop, err := newBridge()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	a := made(t, b.URL())
	if err := b.Reply("+12025550123", "one"); err != nil {
		t.Fatal(err)
	}
	var cursors []string
	for range 2 {
		events, next, err := a.Poll(context.Background(), "c0")
		if err != nil || len(events) != 1 || events[0].Inbound.Text != "one" {
			t.Fatalf("%+v, %v", events, err)
		}
		cursors = append(cursors, next)
	}
	if cursors[0] != cursors[1] || cursors[0] == "c0" {
		t.Errorf("the cursors are %q", cursors)
	}
	if events, _, err := a.Poll(context.Background(), cursors[0]); err != nil || len(events) != 0 {
		t.Errorf("what is stored came again: %+v, %v", events, err)
	}
}

// Groups speak for themselves, accounts that hide their number go by their id, and of receipts only delivery counts.
func TestWhatIsHeard(t *testing.T) {
	a := made(t, "http://127.0.0.1:8080")
	hear := func(envelope, token string) ([]channels.Event, error) {
		r := httptest.NewRequest(http.MethodPost, "/hooks/s?token="+token, nil)
		return a.ParseWebhook(r, []byte(`{"jsonrpc":"2.0","method":"receive","params":{"account":"`+number+`","envelope":`+envelope+`}}`))
	}
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	group := "group." + base64.StdEncoding.EncodeToString([]byte("Zm9v"))
	for _, c := range []struct{ envelope, from, reply string }{
		{`{"sourceNumber":"+12025550123","sourceUuid":"` + id + `","timestamp":5,"dataMessage":{"message":"yes","quote":{"id":3}}}`, "+12025550123", idOf("3", "+12025550123")},
		{`{"sourceNumber":null,"sourceUuid":"` + id + `","timestamp":5,"dataMessage":{"message":"yes"}}`, id, ""},
		{`{"sourceNumber":"+12025550123","timestamp":5,"dataMessage":{"message":"yes","groupInfo":{"groupId":"Zm9v"}}}`, group, ""},
	} {
		events, err := hear(c.envelope, hookToken)
		if err != nil || len(events) != 1 || events[0].Inbound == nil || events[0].Inbound.From.Reveal() != c.from || events[0].Inbound.ReplyTo != c.reply || events[0].ID == "" {
			t.Errorf("%s: %+v, %v", c.envelope, events, err)
		}
	}
	for _, nothing := range []string{`{"sourceNumber":"+12025550123","timestamp":5,"receiptMessage":{"isDelivery":false,"isRead":true,"timestamps":[3]}}`, `{"sourceNumber":"+12025550123","timestamp":5,"typingMessage":{}}`, `{}`} {
		if events, err := hear(nothing, hookToken); err != nil || len(events) != 0 {
			t.Errorf("%s: %+v, %v", nothing, events, err)
		}
	}
	receipt := `{"sourceNumber":null,"sourceUuid":"` + id + `","timestamp":5,"receiptMessage":{"isDelivery":true,"timestamps":[3,4]}}`
	if events, err := hear(receipt, hookToken); err != nil || len(events) != 2 || events[1].Receipt.ProviderID != idOf("4", id) {
		t.Errorf("a receipt: %+v, %v", events, err)
	}
	if _, err := hear(receipt, "x"); !errors.Is(err, channels.ErrForged) {
		t.Errorf("another token: %v", err)
	}
	if part, ok := a.Fill(channels.Part{Text: "x"}, channels.Address(group), "Ana"); ok {
		t.Errorf("a group is called by a name: %+v", part)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	const good = `"base_url":"http://bridge:8080","number":"` + number + `"`
	for options, key := range map[string]string{
		`{"number":"` + number + `"}`: "base_url", `{"base_url":"http://bridge:8080/v1","number":"` + number + `"}`: "base_url", `{"base_url":"http://bridge:8080","number":"202 555 0100"}`: "number",
		`{` + good + `}`: "hook_token", `{` + good + `,"hook_token":"short"}`: "hook_token", `{` + good + `,"polled":true,"previous_hook_token":"` + hookToken + `"}`: "previous_hook_token",
		`{` + good + `,"polled":true,"username":"u"}`: "password", `{` + good + `,"polled":true,"sensitive":true}`: "sensitive", `{` + good + `,"polled":true,"region":"XX"}`: "region",
		`{` + good + `,"polled":true,"per_minute":-1}`: "per_minute",
	} {
		if _, err := New(channels.Settings{Name: "s", HookURL: "https://c.example/hooks/s", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), "options."+key) || strings.Contains(err.Error(), hookToken) {
			t.Errorf("%s: %v, want one about %s", options, err, key)
		}
	}
	for _, url := range []string{"http://127.0.0.1:8080", "http://localhost:8080", "https://bridge.example"} {
		if _, err := New(channels.Settings{Name: "s", Options: []byte(`{"base_url":"` + url + `","number":"` + number + `","sensitive":true}`)}); err != nil {
			t.Errorf("%s is not fit for sensitive texts: %v", url, err)
		}
	}
}
