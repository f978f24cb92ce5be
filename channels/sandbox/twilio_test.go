package sandbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	accountSID = "AC00000000000000000000000000000001"
	authToken  = "sandboxtoken"
	ourNumber  = "+12025550100"
	anna       = "+12025550123"
	badr       = "+447700900456"
)

// serve starts a sandbox on a real socket.
func serve(t testing.TB, opts sandbox.Options) (*sandbox.Sandbox, string) {
	t.Helper()
	s := sandbox.New(opts)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return s, srv.URL
}

// toSandbox leads twilio-go's requests to the sandbox.
type toSandbox struct {
	client.BaseClient
	base string
}

func (c toSandbox) SendRequest(method, raw string, data url.Values, headers map[string]interface{}, body ...byte) (*http.Response, error) {
	return c.BaseClient.SendRequest(method, strings.Replace(raw, "https://api.twilio.com", c.base, 1), data, headers, body...)
}

func twilio(base, user, password string) *openapi.ApiService {
	c := &client.Client{Credentials: client.NewCredentials(user, password)}
	c.SetAccountSid(accountSID)
	return openapi.NewApiService(client.NewRequestHandler(toSandbox{c, base}))
}

func message(to, from, body string) *openapi.CreateMessageParams {
	p := &openapi.CreateMessageParams{}
	return p.SetTo(to).SetFrom(from).SetBody(body)
}

// hook is the gateway's end: it keeps every callback and whether its signature was right.
type hook struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
	came  chan call
}

type call struct {
	query  url.Values
	form   url.Values
	signed bool
}

func newHook(t testing.TB, token string) *hook {
	h := &hook{came: make(chan call, 1024)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(raw))
		c := call{r.URL.Query(), form, r.Header.Get("X-Twilio-Signature") == sign(token, h.URL+r.URL.RequestURI(), form)}
		h.mu.Lock()
		h.calls = append(h.calls, c)
		h.mu.Unlock()
		h.came <- c
	}))
	t.Cleanup(h.Close)
	return h
}

// sign computes Twilio's signature from its description, independently of the sandbox and of twilio-go.
func sign(token, to string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		to += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(to))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (h *hook) next(t testing.TB) call {
	t.Helper()
	select {
	case c := <-h.came:
		return c
	case <-time.After(5 * time.Second):
		t.Fatal("no callback within 5 s")
		return call{}
	}
}

// quiet fails if a callback comes although everything is done.
func (h *hook) quiet(t testing.TB, s *sandbox.Sandbox) {
	t.Helper()
	settled(t, s)
	select {
	case c := <-h.came:
		t.Fatalf("an unexpected callback: %v", c.form)
	default:
	}
}

func settled(t testing.TB, s *sandbox.Sandbox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Wait(ctx, func() bool { return s.Stats().Pending == 0 }); err != nil {
		t.Fatal(err)
	}
}

func twilioCode(err error) int {
	var e *client.TwilioRestError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func TestTwilioDeliversAndReports(t *testing.T) {
	h := newHook(t, authToken)
	s, base := serve(t, sandbox.Options{})
	api := twilio(base, accountSID, authToken)
	callback := h.URL + "/hooks/sms?a=0198-attempt&p=1"
	got, err := api.CreateMessage(message(anna, ourNumber, "Ça marche · 你好").SetStatusCallback(callback))
	if err != nil {
		t.Fatal(err)
	}
	if *got.Status != "queued" || *got.From != ourNumber || *got.NumSegments != "1" || got.DateSent != nil || len(*got.Sid) != 34 {
		t.Errorf("the answer to the creation: %+v", got)
	}
	for _, want := range []string{"sent", "delivered"} {
		c := h.next(t)
		if !c.signed {
			t.Error("a callback is not signed as Twilio signs")
		}
		if c.form.Get("MessageStatus") != want || c.form.Get("MessageSid") != *got.Sid || c.query.Get("a") != "0198-attempt" || c.form.Get("To") != anna {
			t.Errorf("callback %v, want status %s", c.form, want)
		}
	}
	h.quiet(t, s)
	again, err := api.FetchMessage(*got.Sid, &openapi.FetchMessageParams{})
	if err != nil || *again.Status != "delivered" || *again.Body != "Ça marche · 你好" || again.DateSent == nil {
		t.Errorf("looked up: %+v, %v", again, err)
	}
	log := s.Log(0, 0)
	if len(log) != 1 || log[0].Attempt != "0198-attempt" || log[0].Part != 1 || !log[0].Kept || log[0].ID != *got.Sid || log[0].Status != "delivered" {
		t.Errorf("the log: %+v", log)
	}
}

func TestTwilioServiceHidesItsSenderAtFirst(t *testing.T) {
	h := newHook(t, authToken)
	s, base := serve(t, sandbox.Options{})
	api := twilio(base, accountSID, authToken)
	p := &openapi.CreateMessageParams{}
	p.SetTo(anna).SetMessagingServiceSid("MG00000000000000000000000000000001").SetBody("hello").SetStatusCallback(h.URL)
	got, err := api.CreateMessage(p)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Status != "accepted" || got.From != nil || *got.NumSegments != "0" {
		t.Errorf("the answer: status %s, from %v, segments %s", *got.Status, got.From, *got.NumSegments)
	}
	for _, want := range []string{"queued", "sent", "delivered"} {
		if c := h.next(t); c.form.Get("MessageStatus") != want || c.form.Get("From") == "" {
			t.Errorf("callback %v, want %s", c.form, want)
		}
	}
	h.quiet(t, s)
}

func TestTwilioRefusesAsTheRealOne(t *testing.T) {
	s, base := serve(t, sandbox.Options{Accounts: []sandbox.Account{{SID: accountSID, Token: authToken, Numbers: []string{ourNumber}}}})
	api := twilio(base, accountSID, authToken)
	long := strings.Repeat("x", 1601)
	for _, c := range []struct {
		name   string
		params *openapi.CreateMessageParams
		code   int
	}{
		{"no To", (&openapi.CreateMessageParams{}).SetFrom(ourNumber).SetBody("x"), 21604},
		{"no From", (&openapi.CreateMessageParams{}).SetTo(anna).SetBody("x"), 21603},
		{"no Body", (&openapi.CreateMessageParams{}).SetTo(anna).SetFrom(ourNumber), 21602},
		{"bad To", message("12", ourNumber, "x"), 21211},
		{"bad From", message(anna, "+1", "x"), 21212},
		{"not our From", message(anna, "+12025550199", "x"), 21606},
		{"too long", message(anna, ourNumber, long), 21617},
		{"bad callback", message(anna, ourNumber, "x").SetStatusCallback("nowhere"), 21609},
		{"bad window", message(anna, ourNumber, "x").SetValidityPeriod(36001), 20001},
		{"magic: invalid", message("+15005550001", ourNumber, "x"), 21211},
		{"magic: no route", message("+15005550002", ourNumber, "x"), 21612},
		{"magic: country", message("+15005550003", ourNumber, "x"), 21408},
		{"magic: opted out", message("+15005550004", ourNumber, "x"), 21610},
		{"magic: landline", message("+15005550009", ourNumber, "x"), 21614},
		{"magic: queue full", message(anna, "+15005550008", "x"), 21611},
	} {
		if _, err := api.CreateMessage(c.params); twilioCode(err) != c.code {
			t.Errorf("%s: %v, want code %d", c.name, err, c.code)
		}
	}
	if got := s.Stats(); got.Kept != 0 || got.Refused != 15 || got.Phones != 0 {
		t.Errorf("after refusals only: %+v", got)
	}
	if _, err := twilio(base, accountSID, "wrong").CreateMessage(message(anna, ourNumber, "x")); twilioCode(err) != 20003 {
		t.Errorf("with a wrong token: %v", err)
	}
	if _, err := api.FetchMessage("SM00000000000000000000000000000000", &openapi.FetchMessageParams{}); twilioCode(err) != 20404 {
		t.Errorf("of an unknown SID: %v", err)
	}
}

func TestTwilioLearnsCredentialsOnFirstUse(t *testing.T) {
	_, base := serve(t, sandbox.Options{})
	const key = "SK00000000000000000000000000000009"
	if _, err := twilio(base, key, "keysecret").CreateMessage(message(anna, ourNumber, "by key")); err != nil {
		t.Error(err)
	}
	if _, err := twilio(base, key, "other").CreateMessage(message(anna, ourNumber, "x")); twilioCode(err) != 20003 {
		t.Errorf("a second secret of a known key: %v", err)
	}
	if acc, err := twilio(base, key, "keysecret").FetchAccount(accountSID); err != nil || *acc.Status != "active" {
		t.Errorf("the account: %+v, %v", acc, err)
	}
	_, strict := serve(t, sandbox.Options{Strict: true})
	if _, err := twilio(strict, accountSID, authToken).FetchAccount(accountSID); twilioCode(err) != 20003 {
		t.Errorf("a strict sandbox took an unknown account: %v", err)
	}
}

func TestTwilioLists(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, base := serve(t, sandbox.Options{Now: func() time.Time { return now }})
	api := twilio(base, accountSID, authToken)
	send := func(to, body string) {
		t.Helper()
		if _, err := api.CreateMessage(message(to, ourNumber, body)); err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Minute)
	}
	for i := range 5 {
		send(anna, strings.Repeat("a", i+1))
		send(badr, strings.Repeat("b", i+1))
	}
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: badr, Text: "yes, here"}); err != nil {
		t.Fatal(err)
	}
	bodies := func(p *openapi.ListMessageParams) string {
		t.Helper()
		list, err := api.ListMessage(p)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, m := range list {
			all = append(all, *m.Body)
		}
		return strings.Join(all, " ")
	}
	at := func(minute int) time.Time { return now.Add(time.Duration(minute) * time.Minute) }
	for _, c := range []struct {
		name string
		p    *openapi.ListMessageParams
		want string
	}{
		{"to one, in pages of two", (&openapi.ListMessageParams{}).SetTo(anna).SetPageSize(2), "aaaaa aaaa aaa aa a"},
		{"all in pages of three", (&openapi.ListMessageParams{}).SetPageSize(3), "yes, here bbbbb aaaaa bbbb aaaa bbb aaa bb aa b a"},
		{"from one", (&openapi.ListMessageParams{}).SetFrom(badr), "yes, here"},
		{"inbound to our number", (&openapi.ListMessageParams{}).SetTo(ourNumber), "yes, here"},
		{"between", (&openapi.ListMessageParams{}).SetTo(badr).SetDateSentAfter(at(3)).SetDateSentBefore(at(7)), "bbbb bbb bb"},
		{"another day", (&openapi.ListMessageParams{}).SetDateSentAfter(at(24 * 60)), ""},
	} {
		if got := bodies(c.p); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStopIsKeptByTheProvider(t *testing.T) {
	h := newHook(t, authToken)
	s, base := serve(t, sandbox.Options{Accounts: []sandbox.Account{{SID: accountSID, Token: authToken, SMSURL: h.URL + "/in?x=1"}}})
	api := twilio(base, accountSID, authToken)
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna, Text: "hello?"}); !errors.Is(err, sandbox.ErrNobody) {
		t.Errorf("a reply to nobody: %v", err)
	}
	send := func() error {
		_, err := api.CreateMessage(message(anna, ourNumber, "news"))
		return err
	}
	say := func(text, optOut string) {
		t.Helper()
		if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna, Text: text}); err != nil {
			t.Fatal(err)
		}
		c := h.next(t)
		if !c.signed || c.form.Get("Body") != text || c.form.Get("From") != anna || c.form.Get("To") != ourNumber || c.form.Get("OptOutType") != optOut {
			t.Errorf("webhook of %q: %v, signed %v", text, c.form, c.signed)
		}
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	say("stop please", "")
	if err := send(); err != nil {
		t.Errorf("the provider must know bare words only: %v", err)
	}
	for _, word := range []string{"STOP", "revoke", " OptOut ", "Unsubscribe"} {
		say(word, "STOP")
		if err := send(); twilioCode(err) != 21610 {
			t.Errorf("after %q: %v, want 21610", word, err)
		}
		if _, err := api.CreateMessage(message(anna, "+12025550101", "other")); err != nil {
			t.Errorf("the block is the sender's own: %v", err)
		}
		if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna, To: "+12025550101", Text: "ok"}); err != nil {
			t.Error(err)
		}
		h.next(t)
		if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna, To: ourNumber, Text: "START"}); err != nil {
			t.Error(err)
		}
		if c := h.next(t); c.form.Get("OptOutType") != "START" {
			t.Errorf("START: %v", c.form)
		}
		if err := send(); err != nil {
			t.Errorf("after START: %v", err)
		}
	}
}
