package sms

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	account = "AC00000000000000000000000000000001"
	service = "MG00000000000000000000000000000001"
	token   = "0123456789abcdef0123456789abcdef"
	ours    = "+12025550100"
	anna    = channels.Address("+12025550123")
	attempt = "01890000-0000-7000-8000-000000000001"
)

type options map[string]any

func (o options) with(key string, v any) options {
	out := options{key: v}
	for k, have := range o {
		if _, set := out[k]; !set {
			out[k] = have
		}
	}
	return out
}

func (o options) raw() json.RawMessage { b, _ := json.Marshal(o); return b }

var base = options{"account_sid": account, "auth_token": token, "from": ours}

// bench is an adapter beside a sandbox, with a clock that can be wound, and the hook that the sandbox calls.
type bench struct {
	*Adapter
	box    *sandbox.Sandbox
	url    string
	events chan channels.Event
	start  time.Time
	wound  time.Duration
}

func setUp(t testing.TB, o options, box sandbox.Options) *bench {
	t.Helper()
	b := &bench{start: time.Now().Truncate(time.Second), events: make(chan channels.Event, 100)}
	b.box = sandbox.New(box)
	srv := httptest.NewServer(b.box.Handler())
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		events, err := b.ParseWebhook(r, body)
		if err != nil {
			t.Errorf("a webhook of the provider was refused: %v", err)
		}
		for _, e := range events {
			b.events <- e
		}
	}))
	t.Cleanup(func() { _ = b.box.Close(); hook.Close(); srv.Close() })
	a, err := New(channels.Settings{
		Name: "sms-test", Options: o.with("base_url", srv.URL).raw(), HookURL: hook.URL + "/hooks/sms-test",
		Now: func() time.Time { return time.Now().Add(b.wound) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	b.Adapter, b.url = a, hook.URL+"/hooks/sms-test"
	b.box.Account(sandbox.Account{SID: account, Token: token, SMSURL: b.url})
	return b
}

func (b *bench) message(text string) channels.Outbound {
	return channels.Outbound{Attempt: attempt, To: anna, Part: channels.Part{Text: text, Cost: 1}, CallbackURL: b.url + "?a=" + attempt + "&p=0"}
}

func (b *bench) fault(t *testing.T, f sandbox.Fault) {
	t.Helper()
	f.Provider = sandbox.Twilio
	if _, err := b.box.Script(f); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) next(t *testing.T) channels.Event {
	t.Helper()
	select {
	case e := <-b.events:
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("no event came")
		return channels.Event{}
	}
}

func asError(t *testing.T, err error) *channels.Error {
	t.Helper()
	var e *channels.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *channels.Error", err)
	}
	return e
}

// Anna's phone gets the text, and the gateway hears step by step what became of it.
func TestAMessageAndItsReceipts(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	m := b.message("Meeting at seven.")
	m.Expires = time.Now().Add(10*time.Minute + 500*time.Millisecond)
	sent, err := b.Send(context.Background(), m)
	if err != nil || sent.ProviderID == "" || sent.Delivered {
		t.Fatalf("got %+v, %v", sent, err)
	}
	log := b.box.Log(0, 0)
	if len(log) != 1 || log[0].To != anna.Reveal() || log[0].Text != "Meeting at seven." || log[0].Attempt != attempt {
		t.Fatalf("the provider's log is %+v", log)
	}
	for _, want := range []channels.Status{channels.StatusAccepted, channels.StatusDelivered} {
		e := b.next(t)
		if e.Receipt == nil || e.Receipt.Status != want || e.Receipt.Attempt != attempt || e.Receipt.ProviderID != sent.ProviderID || e.ID == "" {
			t.Fatalf("got %+v, want status %d", e.Receipt, want)
		}
	}
}

// The carrier says that the phone is off: the receipt says it as an error with its class.
func TestAFailedDelivery(t *testing.T) {
	b := setUp(t, base, sandbox.Options{Statuses: []string{"undelivered"}})
	b.fault(t, sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Fail, Code: 30005})
	if _, err := b.Send(context.Background(), b.message("Hello")); err != nil {
		t.Fatal(err)
	}
	e := b.next(t)
	if e.Receipt.Status != channels.StatusFailed || e.Receipt.Err.Class != channels.Permanent || e.Receipt.Err.Scope != channels.ScopeAddress || e.Receipt.Err.Code != "30005" {
		t.Errorf("got %+v", e.Receipt)
	}
}

// Anna answers STOP: her text arrives, and beside it the provider's word that it acted. Sending again is Gone.
func TestStop(t *testing.T) {
	b := setUp(t, base, sandbox.Options{Statuses: []string{"none"}})
	if _, err := b.Send(context.Background(), b.message("Hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: anna.Reveal(), Text: "Stop"}); err != nil {
		t.Fatal(err)
	}
	in, signal := b.next(t), b.next(t)
	if in.Inbound == nil || in.Inbound.From != anna || in.Inbound.To != ours || in.Inbound.Text != "Stop" {
		t.Errorf("got %+v", in.Inbound)
	}
	if signal.Signal == nil || signal.Signal.Kind != channels.SignalStopped || signal.Signal.Address != anna || signal.ID == in.ID {
		t.Errorf("got %+v", signal.Signal)
	}
	_, err := b.Send(context.Background(), b.message("Hello again"))
	if e := asError(t, err); e.Class != channels.Gone || e.Scope != channels.ScopeAddress || e.Code != "21610" {
		t.Errorf("got %v, want Gone", e)
	}
}

// What each parameter of a message is, as the provider sees it.
func TestWhatIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		options options
		expires time.Duration
		neutral bool
		want    map[string]string
	}{
		"from a number": {base, 0, false, map[string]string{"From": ours, "ValidityPeriod": "36000", "SmartEncoded": "false", "MessagingServiceSid": "", "ContentRetention": ""}},
		"from a service, private": {
			options{"account_sid": account, "auth_token": token, "messaging_service_sid": service, "content_retention": "discard", "address_retention": "obfuscate"}, time.Hour, false,
			map[string]string{"From": "", "MessagingServiceSid": service, "ContentRetention": "discard", "AddressRetention": "obfuscate", "ValidityPeriod": "3600"},
		},
		"not longer than allowed":                     {base, 100 * time.Hour, false, map[string]string{"ValidityPeriod": "36000"}},
		"not longer than configured":                  {base.with("validity_seconds", 60), time.Hour, false, map[string]string{"ValidityPeriod": "60"}},
		"rounded down, never arriving late":           {base, 90*time.Second + 900*time.Millisecond, false, map[string]string{"ValidityPeriod": "90"}},
		"to a neutral member, with no sender for her": {base, 0, true, map[string]string{"From": ours}},
		"to a neutral member":                         {base.with("from", "Harbour").with("neutral_from", ours), 0, true, map[string]string{"From": ours}},
		"to another, with a sender for neutral ones":  {base.with("from", "Harbour").with("neutral_from", ours), 0, false, map[string]string{"From": "Harbour"}},
		"to a neutral member, past the service": {
			options{"account_sid": account, "auth_token": token, "messaging_service_sid": service, "neutral_from": ours}, 0, true, map[string]string{"From": ours, "MessagingServiceSid": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan map[string]string, 1)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				form := map[string]string{}
				for k := range r.PostForm {
					form[k] = r.PostForm.Get(k)
				}
				seen <- form
				_, _ = io.WriteString(w, `{"sid":"SM1","status":"queued"}`)
			}))
			defer srv.Close()
			now := time.Now()
			a, err := New(channels.Settings{Options: c.options.with("base_url", srv.URL).raw(), Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			m := channels.Outbound{To: anna, Neutral: c.neutral, Part: channels.Part{Text: "Hello"}}
			if c.expires != 0 {
				m.Expires = now.Add(c.expires)
			}
			if _, err := a.Send(context.Background(), m); err != nil {
				t.Fatal(err)
			}
			form := <-seen
			for k, want := range c.want {
				if form[k] != want {
					t.Errorf("%s is %q, want %q", k, form[k], want)
				}
			}
			if _, given := form["StatusCallback"]; given {
				t.Error("a callback is asked for although there is no URL for it")
			}
		})
	}
}

// A message that is worthless by now does not leave.
func TestExpired(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	m := b.message("Hello")
	m.Expires = time.Now().Add(900 * time.Millisecond)
	_, err := b.Send(context.Background(), m)
	if e := asError(t, err); e.Class != channels.Permanent || !errors.Is(err, channels.ErrExpired) || len(b.box.Log(0, 0)) != 0 {
		t.Errorf("got %v and %d requests", e, len(b.box.Log(0, 0)))
	}
}

func TestCompose(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	parts, err := b.Compose(content.Document{Short: strings.Repeat("ж", 71)})
	if err != nil || len(parts) != 1 || parts[0].Cost != 2 || parts[0].Encoding != "UCS-2" {
		t.Errorf("got %+v, %v", parts, err)
	}
	if _, err = b.Compose(content.Document{Short: strings.Repeat("a", 1600)}); err != nil {
		t.Errorf("1,600 characters were refused: %v", err)
	}
	_, err = b.Compose(content.Document{Short: strings.Repeat("a", 1601)})
	if e := asError(t, err); e.Class != channels.Permanent || e.Scope != channels.ScopeContent || !strings.Contains(e.Detail, "1601") || !strings.Contains(e.Detail, "1600") {
		t.Errorf("got %v", e)
	}
	_, err = b.Compose(content.Document{Short: "\u200b \n"})
	if e := asError(t, err); e.Class != channels.Permanent || e.Scope != channels.ScopeContent {
		t.Errorf("an empty text gave %v", e)
	}
}

func TestCheck(t *testing.T) {
	b := setUp(t, base, sandbox.Options{})
	if err := b.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.fault(t, sandbox.Fault{Kind: sandbox.Unauthorized, On: sandbox.OnRead, Times: 1})
	if e := asError(t, b.Check(context.Background())); e.Class != channels.Auth {
		t.Errorf("got %v, want Auth", e)
	}
	b.fault(t, sandbox.Fault{Kind: sandbox.Cut, On: sandbox.OnRead})
	if e := asError(t, b.Check(context.Background())); e.Class != channels.Temporary {
		t.Errorf("got %v, want Temporary: nothing is at stake in a look-up", e)
	}
	if len(b.box.Log(0, 0)) != 0 {
		t.Error("a check disturbed somebody")
	}
}

// Wrong options are all named at once, each with what to do.
func TestOptions(t *testing.T) {
	for name, c := range map[string]struct {
		options options
		hook    string
		want    []string
	}{
		"nothing":            {options{}, "", []string{"account_sid: must be AC", "auth_token: is missing", "from: is missing"}},
		"unknown key":        {base.with("frmo", 1), "", []string{`"frmo"`}},
		"wrong type":         {base.with("validity_seconds", "x"), "", []string{"validity_seconds"}},
		"two senders":        {base.with("messaging_service_sid", service), "", []string{"give one of the two"}},
		"bad sender":         {base.with("from", "0301234567 89"), "", []string{"from: is no number in international form"}},
		"bad neutral sender": {base.with("neutral_from", "0301234567 89"), "", []string{"neutral_from: is no number in international form"}},
		"long name":          {base.with("from", "ANameTooLong"), "", []string{"at most 11"}},
		"half a key":         {base.with("api_key_sid", "SK00000000000000000000000000000001"), "", []string{"api_key_secret: is missing"}},
		"key cannot verify":  {options{"account_sid": account, "from": ours, "api_key_sid": "SK00000000000000000000000000000001", "api_key_secret": "s"}, "https://example.org/h", []string{"auth_token: is missing; Twilio signs"}},
		"region":             {base.with("region", "Germany"), "", []string{"region", "DE"}},
		"validity":           {base.with("validity_seconds", 36001), "", []string{"36001 is not within 1 and 36000"}},
		"retention":          {base.with("content_retention", "delete").with("address_retention", "discard"), "", []string{"content_retention", "address_retention"}},
		"rate":               {base.with("segments_per_second", -1), "", []string{"segments_per_second"}},
		"base URL":           {base.with("base_url", "localhost:8080"), "", []string{"base_url"}},
		"only the old token": {base.with("auth_token", "").with("previous_auth_token", "x"), "", []string{"previous_auth_token: stands alone"}},
	} {
		_, err := New(channels.Settings{Name: "sms-test", Options: c.options.raw(), HookURL: c.hook})
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		for _, want := range append(c.want, "sms-test") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), token) {
			t.Errorf("%s: the error shows the token", name)
		}
	}
	for _, from := range []string{"12345", "Carillon", "+4930123456", "A", "7 Dwarfs"} {
		if _, err := New(channels.Settings{Options: base.with("from", from).raw()}); err != nil {
			t.Errorf("sender %q: %v", from, err)
		}
	}
}

func TestRates(t *testing.T) {
	for from, want := range map[string]float64{ours: 1, "+18005550100": 3, "+18335550100": 3, "12345": 100, "+447700900100": 10, "Carillon": 10, "": 10} {
		if got := usualRate(from); got != want {
			t.Errorf("%q: %v segments a second, want %v", from, got, want)
		}
	}
	b := setUp(t, base.with("segments_per_second", 500), sandbox.Options{})
	if r := b.Capabilities().Rates; len(r) != 1 || r[0].PerSecond != 500 || r[0].Burst != 50 {
		t.Errorf("got %+v", r)
	}
	b = setUp(t, base, sandbox.Options{})
	if r := b.Capabilities().Rates[0]; r.Burst < 24 {
		t.Errorf("a message of 24 segments can never be sent with a burst of %d", r.Burst)
	}
}

// TestSmartEncoding composes the same text over two channels: only the one whose owner asked for it writes plain signs, and
// only where that is cheaper. What is counted is what is sent, and Twilio is told to change nothing.
func TestSmartEncoding(t *testing.T) {
	plain, smart := setUp(t, base, sandbox.Options{}), setUp(t, base.with("smart_encoding", true), sandbox.Options{})
	text := "“It’s here” – " + strings.Repeat("a", 80)
	for _, c := range []struct {
		on       *bench
		text     string
		want     string
		encoding string
		units    int
		cost     int
		signs    string
		smart    int
	}{
		{plain, text, text, "UCS-2", 94, 2, `“" ’' ”" –-`, 1},
		{smart, text, `"It's here" - ` + text[len(text)-80:], "GSM-7", 94, 1, "", 0},
		{smart, "It’s here", "It’s here", "UCS-2", 9, 1, "’'", 0},
		{smart, text + "ç", text + "ç", "UCS-2", 95, 2, `“" ’' ”" –- ç`, 0},
		{plain, text + "ç", text + "ç", "UCS-2", 95, 2, `“" ’' ”" –- ç`, 0},
	} {
		parts, err := c.on.Compose(content.Document{Short: c.text})
		if err != nil || len(parts) != 1 || parts[0].Text != c.want || parts[0].Cost != c.cost || parts[0].Encoding != c.encoding {
			t.Fatalf("%q: %+v, %v", c.text, parts, err)
		}
		m := c.on.Measure(parts[0])
		var signs []string
		for _, s := range m.Offending {
			signs = append(signs, s.Text+s.Instead)
		}
		if m.Encoding != c.encoding || m.Units != c.units || m.Smart != c.smart || strings.Join(signs, " ") != c.signs {
			t.Errorf("%q: %+v", c.text, m)
		}
	}
}
