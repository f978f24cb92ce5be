package webhook

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
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/webhook.md", Options: Options{}, Columns: []string{"status", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{strconv.Itoa(v.status), v.class.String(), string(v.scope), v.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// made makes an adapter with options beside url and secret.
func made(t *testing.T, url, hook string, more map[string]any) *Adapter {
	t.Helper()
	options := map[string]any{"url": url, "secret": secret.Reveal()}
	for k, v := range more {
		options[k] = v
	}
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(channels.Settings{Name: "hook-berlin", HookURL: hook, Options: raw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// What a receiver says is taken as it says, and its words reach nobody.
func TestRefusals(t *testing.T) {
	var status int
	var body, kind string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	a := made(t, srv.URL, "", nil)
	type want struct {
		class channels.Class
		scope channels.Scope
		code  string
	}
	check := func(what string, w want) {
		t.Helper()
		_, err := a.Send(context.Background(), channels.Outbound{Key: "k1", To: "anna-7391", Part: channels.Part{Text: "hello"}})
		var e *channels.Error
		if !errors.As(err, &e) || e.Class != w.class || e.Scope != w.scope || e.Code != w.code || strings.Contains(e.Error(), "7391") {
			t.Errorf("%s: %v, want %v %s %s", what, err, w.class, w.scope, w.code)
		}
	}
	kind = "application/json"
	for _, v := range verdicts {
		status, body = v.status, `{"message":"nothing for anna-7391"}`
		check(strconv.Itoa(status), want{v.class, v.scope, strconv.Itoa(v.status)})
	}
	status = 418
	for said, w := range map[string]want{
		`{"class":"permanent","scope":"address","code":"no_such_person"}`: {channels.Permanent, channels.ScopeAddress, "no_such_person"},
		`{"class":"gone","scope":"channel"}`:                              {channels.Gone, channels.ScopeAddress, "418"},
		`{"class":"throttled","retry_after":30}`:                          {channels.Throttled, channels.ScopeChannel, "418"},
		`{"class":"temporary","scope":"all","code":"anna-7391"}`:          {channels.Temporary, channels.ScopeChannel, "418"},
		`{"class":"auth"}`: {channels.Permanent, channels.ScopeContent, "418"}, // a receiver cannot speak of our credentials but by 401
		`{`:                {channels.Permanent, channels.ScopeContent, "418"},
	} {
		body = said
		check(said, w)
	}
	status, body = 500, `{"class":"permanent","scope":"address"}` // it broke down, and may have done it before
	check("500 with an explanation", want{channels.Unknown, channels.ScopeChannel, "500"})
	for _, c := range []struct {
		kind, body string
		taken      bool
	}{{"text/html; charset=utf-8", "<p>This domain is for sale", false}, {"application/json", "{", false}, {"text/plain", "ok", true}, {"", "", true}, {"application/json", "[]", true}} {
		status, kind, body = 200, c.kind, c.body
		sent, err := a.Send(context.Background(), channels.Outbound{Key: "k1", Part: channels.Part{Text: "hello"}})
		if c.taken && (err != nil || sent.ProviderID != "k1") || !c.taken && channels.AsError(err).Class != channels.Unknown {
			t.Errorf("200 with %q: %+v, %v", c.body, sent, err)
		}
	}
}

// The event has the attributes of CloudEvents, and both secrets sign it while one replaces the other.
func TestWhatLeaves(t *testing.T) {
	var got event
	var m message
	old, err := httpsend.NewSigner(another)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if id, ok := old.Verify(r.Header, body, time.Now()); !ok || id != "key-1-5" {
			t.Errorf("the secret before does not verify it, or its id is %q", id)
		}
		if r.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" || json.Unmarshal(body, &got) != nil || json.Unmarshal(got.Data, &m) != nil {
			t.Errorf("it cannot be read: %s", body)
		}
	}))
	defer srv.Close()
	a := made(t, srv.URL, "https://carillon.example/hooks/hook-berlin", map[string]any{"previous_secret": another.Reveal(), "replies": true})
	parts, err := a.Compose(content.Document{Blocks: []content.Block{content.Text("Come.")}, Buttons: []content.Button{{Label: "Yes", Action: "yes"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send(context.Background(), channels.Outbound{Key: "key.1.5", To: "anna", Part: parts[0], Attempt: "a-1", PartNo: 2, Urgent: true, Expires: time.Unix(1e9, 0)}); err != nil {
		t.Fatal(err)
	}
	if got.SpecVersion != "1.0" || got.ID != "key-1-5" || got.Source != "urn:carillon:channel:hook-berlin" || got.Type != typeMessage || got.Time == "" || got.Content != "application/json" {
		t.Errorf("the attributes are %+v", got)
	}
	if m.To != "anna" || m.Text != "Come." || len(m.Buttons) != 1 || m.Buttons[0].Action != "yes" || m.Attempt != "a-1" || m.Part != 2 || !m.Urgent || m.Expires != "2001-09-09T01:46:40Z" || m.Tell == "" {
		t.Errorf("the data is %+v", m)
	}
	if one := made(t, srv.URL, "", map[string]any{"replies": true, "receipts": true}).Capabilities(); one.Inbound || one.Buttons || one.Receipts != channels.NoReceipts {
		t.Errorf("without a public URL it says that it hears: %+v", one)
	}
}

// Whatever a receiver tells is heard once and as it is; what is old, or of another form, is not.
func TestWhatIsHeard(t *testing.T) {
	a := made(t, "https://bridge.example.org", "https://carillon.example/hooks/h", map[string]any{"replies": true, "receipts": true})
	now := time.Now()
	hear := func(at time.Time, kind, data string) ([]channels.Event, error) {
		body := []byte(`{"type":"` + kind + `","time":"2026-11-26T08:00:00Z","data":` + data + `}`)
		r := httptest.NewRequest(http.MethodPost, "/hooks/h", nil)
		a.signer.Sign(r.Header, "e1", at, body)
		return a.ParseWebhook(r, body)
	}
	one := func(kind, data string) channels.Event {
		t.Helper()
		events, err := hear(now, kind, data)
		if err != nil || len(events) != 1 || events[0].ID != "e1" || events[0].At.Year() != 2026 {
			t.Fatalf("%s %s: %+v, %v", kind, data, events, err)
		}
		return events[0]
	}
	if e := one(typeReply, `{"from":" anna ","action":"yes","reply_to":"m1"}`).Inbound; e == nil || e.From != "anna" || e.Action != "yes" || e.ReplyTo != "m1" {
		t.Errorf("a press: %+v", e)
	}
	if e := one(typeStopped, `{"from":"anna"}`).Signal; e == nil || e.Kind != channels.SignalStopped {
		t.Errorf("an opt-out: %+v", e)
	}
	if e := one(typeStarted, `{"from":"anna"}`).Signal; e == nil || e.Kind != channels.SignalStarted {
		t.Errorf("its end: %+v", e)
	}
	if e := one(typeReceipt, `{"attempt":"a1","part":1,"status":"failed","class":"gone"}`).Receipt; e == nil || e.Status != channels.StatusFailed || e.Err.Class != channels.Gone {
		t.Errorf("a failure: %+v", e)
	}
	if e := one(typeReceipt, `{"id":"m1","status":"failed"}`).Receipt; e == nil || e.Err.Class != channels.Temporary {
		t.Errorf("a failure without a reason: %+v", e)
	}
	for _, c := range [][2]string{{typeReply, `{"from":"anna"}`}, {typeReply, `{"text":"x"}`}, {typeReceipt, `{"id":"m1","status":"read"}`}, {typeReceipt, `{"status":"delivered"}`},
		{typeReceipt, `{"id":"m1","status":"delivered","part":-1}`}, {"other", `{}`}, {typeReply, `[]`}} {
		if events, err := hear(now, c[0], c[1]); !errors.Is(err, errForm) || events != nil {
			t.Errorf("%s %s: %+v, %v", c[0], c[1], events, err)
		}
	}
	if _, err := hear(now.Add(-httpsend.Tolerance-2*time.Second), typeReply, `{"from":"anna","text":"x"}`); !errors.Is(err, channels.ErrForged) {
		t.Errorf("a replayed event: %v", err)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for options, key := range map[string]string{
		`{}`: "url", `{"url":"ftp://x","secret":"` + secret.Reveal() + `"}`: "url", `{"url":"https://u:p@x","secret":"` + secret.Reveal() + `"}`: "url",
		`{"url":"https://x","secret":"whsec_short"}`:                                                        "secret",
		`{"url":"https://x","secret":"` + secret.Reveal() + `","previous_secret":"x"}`:                      "previous_secret",
		`{"url":"http://x","secret":"` + secret.Reveal() + `","sensitive":true}`:                            "sensitive",
		`{"url":"https://x","secret":"` + secret.Reveal() + `","dedupe_hours":721}`:                         "dedupe_hours",
		`{"url":"https://x","secret":"` + secret.Reveal() + `","per_second":-1}`:                            "per_second",
		`{"url":"https://x","secret":"` + secret.Reveal() + `","no_such_option":1,"previous_secret":"xyz"}`: "no_such_option",
	} {
		if _, err := New(channels.Settings{Name: "h", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), secret.Reveal()) {
			t.Errorf("%s: %v, want one about %s", options, err, key)
		}
	}
}
