package androidsms

import (
	"context"
	"encoding/json"
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
)

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/androidsms.md", Options: Options{}, Columns: []string{"the app says", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	row := func(says string, class channels.Class, scope channels.Scope, detail string) {
		page.Rows = append(page.Rows, []string{says, class.String(), string(scope), detail})
	}
	for _, r := range refusals {
		row(strings.TrimSpace(strconv.Itoa(r.status)+" "+r.says), r.class, r.scope, r.detail)
	}
	for _, f := range failures {
		if f.says == "" {
			f.says = "any other failure"
		}
		row(f.says, f.class, f.scope, f.detail)
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestRefusals(t *testing.T) {
	var status int
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	a, err := New(channels.Settings{Name: "p", Options: []byte(`{"base_url":"` + srv.URL + `","username":"sms","password":"p"}`)})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func() *channels.Error {
		_, err := a.Send(context.Background(), channels.Outbound{Key: "k", To: "+12025550123", Part: channels.Part{Text: "hello"}})
		if err == nil {
			t.Fatalf("%d %s was taken for a yes", status, body)
		}
		return channels.AsError(err)
	}
	for _, r := range refusals {
		status, body = r.status, `{"message":"About +12025550123: `+strings.ToUpper(r.says)+`."}`
		if e := refuse(); e.Class != r.class || e.Scope != r.scope || e.Detail != r.detail || strings.Contains(e.Error(), "555") {
			t.Errorf("%d %s: %v, want %v %s", r.status, r.says, e, r.class, r.scope)
		}
	}
	for _, c := range []struct {
		status int
		body   string
		class  channels.Class
	}{
		{404, "", channels.Auth}, {503, "<html>", channels.Unknown}, {500, `{"message":"x"}`, channels.Unknown}, {202, "", channels.Unknown},
		{202, `{"id":"another"}`, channels.Unknown}, {302, "", channels.Temporary}, {400, "<html>", channels.Permanent},
	} {
		status, body = c.status, c.body
		if e := refuse(); e.Class != c.class {
			t.Errorf("%d %q: %v, want %v", c.status, c.body, e, c.class)
		}
	}
	status, body = 501, `{"message":"not implemented"}`
	if _, next, err := a.Poll(context.Background(), "7"); next != "7" || channels.AsError(err).Class != channels.Permanent {
		t.Errorf("a server without an inbox: %q, %v", next, err)
	}
}

// The phone is told which SIM sends, when the message is worth nothing more, and what is urgent.
func TestWhatLeaves(t *testing.T) {
	var m outgoing
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/messages?skipPhoneValidation=true" || json.NewDecoder(r.Body).Decode(&m) != nil {
			t.Errorf("a request of another form: %s", r.URL)
		}
		say(w, http.StatusAccepted, map[string]string{"id": m.ID})
	}))
	defer srv.Close()
	now := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	a, err := New(channels.Settings{Name: "p", Now: func() time.Time { return now }, Options: []byte(`{"base_url":"` + srv.URL + `/","username":"sms","password":"p","sim":2,"device_id":"d1"}`)})
	if err != nil {
		t.Fatal(err)
	}
	out := channels.Outbound{Key: "k", To: "+12025550123", Part: channels.Part{Text: "hello"}, Urgent: true, Expires: now.Add(time.Hour)}
	if _, err := a.Send(context.Background(), out); err != nil {
		t.Fatal(err)
	}
	if m.SIM != 2 || m.Device != "d1" || m.Priority != expedited || m.Until != "2026-11-26T09:00:00.000Z" || !m.Report || len(m.ID) > 36 {
		t.Errorf("it sent %+v", m)
	}
	out.Expires = now
	if _, err := a.Send(context.Background(), out); channels.AsError(err).Cause != channels.ErrExpired {
		t.Errorf("what has expired was handed over: %v", err)
	}
}

// Nothing is said not to be there before the request can no longer be under way.
func TestLookUp(t *testing.T) {
	status := http.StatusNotFound
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"id":"m1","state":"Failed","recipients":[{"state":"Failed","error":"Delivery result from SC +12025550100: 70"}]}`)
	}))
	defer srv.Close()
	now := time.Now()
	a, err := New(channels.Settings{Name: "p", Now: func() time.Time { return now }, Options: []byte(`{"base_url":"` + srv.URL + `","username":"sms","password":"p"}`)})
	if err != nil {
		t.Fatal(err)
	}
	q := channels.Query{Key: "k", Until: now}
	found := func() channels.Finding {
		f, err := a.FindStatus(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if f := found(); f.Found != channels.CannotTell {
		t.Errorf("at once: %+v", f)
	}
	now = now.Add(settles + time.Second)
	if f := found(); f.Found != channels.NotSent {
		t.Errorf("after a minute: %+v", f)
	}
	q.ProviderID = "m1"
	if f := found(); f.Found != channels.CannotTell {
		t.Errorf("one that was taken once, and of which the log was cleared: %+v", f)
	}
	status = http.StatusOK
	if f := found(); f.Found != channels.WasSent || f.Receipt.Err == nil || f.Receipt.Err.Class != channels.Permanent || f.Receipt.Err.Code != "TP-Status 70" {
		t.Errorf("one that failed: %+v, %v", f, f.Receipt.Err)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	const good = `"base_url":"http://10.0.0.2:8080","username":"sms","password":"pass-4711"`
	for options, key := range map[string]string{
		`{}`: "base_url", `{"base_url":"10.0.0.2:8080","username":"sms","password":"p"}`: "base_url", `{"base_url":"http://10.0.0.2:8080/messages","username":"sms","password":"p"}`: "base_url",
		`{"base_url":"http://10.0.0.2:8080","password":"p"}`: "username", `{"base_url":"http://10.0.0.2:8080","username":"sms"}`: "password",
		`{` + good + `}`: "signing_key", `{` + good + `,"signing_key":"short"}`: "signing_key",
		`{` + good + `,"sim":-1}`: "sim", `{` + good + `,"region":"XX"}`: "region", `{` + good + `,"segments_per_minute":-1}`: "segments_per_minute",
	} {
		if _, err := New(channels.Settings{Name: "p", HookURL: "https://x.example/hooks/p", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), "options."+key) || strings.Contains(err.Error(), "pass-4711") {
			t.Errorf("%s: %v, want one about %s", options, err, key)
		}
	}
}
