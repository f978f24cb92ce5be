package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
)

const account = "AC00000000000000000000000000000001"

func client(t testing.TB, h http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o := Options{AccountSID: account, AuthToken: token, BaseURL: srv.URL}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func message() *api.CreateMessageParams {
	p := &api.CreateMessageParams{}
	return p.SetTo("+12025550102").SetFrom("+12025550101").SetBody("Hello 1.25")
}

// The message arrives at the configured address whatever the environment says, under the account's name.
func TestCreateMessage(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "frankfurt")
	t.Setenv("TWILIO_REGION", "ie1")
	for name, change := range map[string]func(*Options){
		"auth token": func(*Options) {},
		"API key":    func(o *Options) { o.AuthToken, o.KeySID, o.KeySecret = "", "SK01", "s3cret/with+signs" },
	} {
		t.Run(name, func(t *testing.T) {
			var seen *http.Request
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				seen = r
				w.WriteHeader(201)
				_, _ = io.WriteString(w, `{"sid":"SM1","status":"queued"}`)
			}, change)
			m, err := c.CreateMessage(context.Background(), message())
			if err != nil || *m.Sid != "SM1" {
				t.Fatalf("got %v, %v", m, err)
			}
			user, password, _ := seen.BasicAuth()
			wantUser, wantPassword := account, token
			if name == "API key" {
				wantUser, wantPassword = "SK01", "s3cret/with+signs"
			}
			if user != wantUser || password != wantPassword {
				t.Error("the credentials are not those of the options")
			}
			if seen.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json" || seen.PostForm.Get("Body") != "Hello 1.25" {
				t.Errorf("the provider saw %s with %v", seen.URL, seen.PostForm)
			}
			if seen.Header.Get("X-Twilio-ApiVersion") != "" {
				t.Error("the library now asks for another error format; look at what that changes")
			}
		})
	}
}

// However the provider fails, it sees one request, and the error says what happened and nothing of what was sent.
func TestOneRequestAndATypedError(t *testing.T) {
	quote := `{"code":%d,"message":"The 'To' number +12025550102 is wrong","status":400,"more_info":"x"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   int
		class  channels.Class
	}{
		{"refused number", 400, fmt.Sprintf(quote, 21211), 21211, channels.Permanent},
		{"credentials", 401, fmt.Sprintf(quote, 20003), 20003, channels.Auth},
		{"flood", 429, fmt.Sprintf(quote, 20429), 20429, channels.Throttled},
		{"server error", 500, fmt.Sprintf(quote, 20500), 20500, channels.Unknown},
		{"a proxy's page", 503, "<html>+12025550102</html>", 0, channels.Unknown},
		{"bad gateway", 502, "", 0, channels.Unknown},
		{"redirect", 307, "", 0, channels.Temporary},
	} {
		t.Run(c.name, func(t *testing.T) {
			var requests atomic.Int32
			cl := client(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := cl.CreateMessage(context.Background(), message())
			var e *Error
			if !errors.As(err, &e) || e.Status != c.status || e.Code != c.code || e.ByStatus.Class != c.class || e.RetryAfter != 7*time.Second {
				t.Fatalf("got %+v", err)
			}
			if requests.Load() != 1 {
				t.Errorf("%d requests were made, want 1", requests.Load())
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "0102") {
				t.Errorf("the error quotes the number: %s", text)
			}
		})
	}
}

// Success that cannot be read leaves open what was done.
func TestGarbageIsUnknown(t *testing.T) {
	for _, body := range []string{"", "{", "<html>+12025550102</html>", `{"sid":17}`, `[]`} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		_, err := c.CreateMessage(context.Background(), message())
		var e *channels.Error
		if !errors.As(err, &e) || e.Class != channels.Unknown {
			t.Errorf("%q gave %v, want Unknown", body, err)
		}
		if text := fmt.Sprintf("%+v %v", err, errors.Unwrap(err)); strings.Contains(text, "0102") {
			t.Errorf("the error quotes the answer: %s", text)
		}
	}
}

// Should a later version of the library send again by itself, the second request does not leave.
func TestSecondPostIsRefused(t *testing.T) {
	var requests atomic.Int32
	c := client(t, func(w http.ResponseWriter, _ *http.Request) { requests.Add(1); _, _ = io.WriteString(w, "{}") })
	one := &call{Client: c, ctx: context.Background()}
	for i := range 2 {
		_, err := one.SendRequest(http.MethodPost, DefaultBaseURL+"/x", nil, nil)
		if (err != nil) != (i == 1) {
			t.Errorf("request %d: %v", i+1, err)
		}
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests left, want 1", requests.Load())
	}
}

func TestDeadline(t *testing.T) {
	done := make(chan struct{})
	c := client(t, func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.CreateMessage(ctx, message())
	var e *channels.Error
	if !errors.As(err, &e) || e.Class != channels.Unknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want Unknown by the deadline", err)
	}
}

// The list is read page by page; fractions and dates arrive whole.
func TestPages(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("DateSent>"); got != "2026-03-01T10:00:00Z" {
			t.Errorf("DateSent> is %q", got)
		}
		switch r.URL.Query().Get("PageToken") {
		case "":
			_, _ = io.WriteString(w, `{"messages":[{"sid":"SM2"}],"next_page_uri":"/2010-04-01/Accounts/x/Messages.json?Page=1&PageToken=PB.77"}`)
		case "PB.77":
			_, _ = io.WriteString(w, `{"messages":[{"sid":"SM1"}],"next_page_uri":null}`)
		}
	})
	p := (&api.ListMessageParams{}).SetDateSentAfter(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	var sids []string
	page := Page{}
	for {
		list, next, err := c.PageMessages(context.Background(), p, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			sids = append(sids, *m.Sid)
		}
		if page = next; page == (Page{}) {
			break
		}
	}
	if strings.Join(sids, " ") != "SM2 SM1" {
		t.Errorf("read %v", sids)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{AccountSID: account},
		{AccountSID: account, KeySID: "SK1"},
		{AccountSID: account, AuthToken: token, BaseURL: "api.twilio.com"},
		{AccountSID: account, AuthToken: token, BaseURL: "https://user:pw@api.twilio.com"},
		{AccountSID: account, AuthToken: token, BaseURL: "https://api.twilio.com/path"},
		{AccountSID: account, AuthToken: token, BaseURL: "ftp://api.twilio.com"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	c, err := New(Options{AccountSID: account, AuthToken: token})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %#v", *c, c); strings.Contains(text, token) || strings.Contains(text, "Basic") {
		t.Error("a printed client shows its token")
	}
}
