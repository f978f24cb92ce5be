package sms

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	twilioclient "github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// toFake leads the bare library to the fake.
type toFake struct {
	twilioclient.BaseClient
	base string
}

func (c toFake) SendRequest(method, raw string, data url.Values, headers map[string]any, body ...byte) (*http.Response, error) {
	return c.BaseClient.SendRequest(method, c.base+strings.TrimPrefix(raw, "https://api.twilio.com"), data, headers, body...)
}

// BenchmarkSend compares one message through the adapter with one through bare twilio-go over the same transport.
func BenchmarkSend(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"sid":"SM00000000000000000000000000000001","status":"queued","body":"Hello","to":"+12025550123"}`)
	}))
	defer srv.Close()
	callback := "https://example.org/hooks/sms?a=" + attempt + "&p=0"
	b.Run("adapter", func(b *testing.B) {
		a, err := New(channels.Settings{Options: base.with("base_url", srv.URL).raw()})
		if err != nil {
			b.Fatal(err)
		}
		m := channels.Outbound{To: anna, Part: channels.Part{Text: "Hello"}, CallbackURL: callback}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Send(context.Background(), m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("twilio-go", func(b *testing.B) {
		c := &twilioclient.Client{Credentials: twilioclient.NewCredentials(account, token), HTTPClient: &http.Client{Transport: httpsend.Transport()}}
		c.SetAccountSid(account)
		service := api.NewApiService(twilioclient.NewRequestHandler(toFake{c, srv.URL}))
		b.ReportAllocs()
		for b.Loop() {
			p := (&api.CreateMessageParams{}).SetTo(anna.Reveal()).SetFrom(ours).SetBody("Hello").SetStatusCallback(callback).SetValidityPeriod(36000)
			if _, err := service.CreateMessage(p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkParseWebhook decodes a genuine status callback.
func BenchmarkParseWebhook(b *testing.B) {
	a := hooked(b)
	form := url.Values{
		"AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "From": {ours}, "MessageSid": {"SM00000000000000000000000000000001"},
		"MessageStatus": {"delivered"}, "RawDlrDoneDate": {"2611231000"}, "SmsSid": {"SM00000000000000000000000000000001"},
		"SmsStatus": {"delivered"}, "To": {anna.Reveal()},
	}
	query, body := "a="+attempt+"&p=0", []byte(form.Encode())
	r := httptest.NewRequest(http.MethodPost, hookURL+"?"+query, nil)
	r.Header.Set("X-Twilio-Signature", sign(token, query, form))
	b.ReportAllocs()
	for b.Loop() {
		if events, err := a.ParseWebhook(r, body); err != nil || len(events) != 1 {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseNumber reads a number as an import does.
func BenchmarkParseNumber(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseNumber("07700 900123", "GB"); err != nil {
			b.Fatal(err)
		}
	}
}
