package sms

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
)

const hookURL = "https://gateway.example.org/hooks/sms-test"

// sign signs a form as Twilio does.
func sign(key, query string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	text := hookURL
	if query != "" {
		text += "?" + query
	}
	for _, name := range names {
		text += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func hooked(t testing.TB) *Adapter {
	t.Helper()
	a, err := New(channels.Settings{Name: "sms-test", Options: base.raw(), HookURL: hookURL})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func call(a *Adapter, method, query string, form url.Values) ([]channels.Event, error) {
	r := httptest.NewRequest(method, "http://10.0.0.7:8080/hooks/sms-test?"+query, nil)
	r.Header.Set("X-Twilio-Signature", sign(token, query, form))
	return a.ParseWebhook(r, []byte(form.Encode()))
}

// Every status that Twilio has means one thing, and statuses that it may invent mean nothing.
func TestStatuses(t *testing.T) {
	a := hooked(t)
	for status, want := range map[string]channels.Status{
		"accepted": channels.StatusAccepted, "scheduled": channels.StatusAccepted, "queued": channels.StatusAccepted,
		"sending": channels.StatusAccepted, "sent": channels.StatusAccepted, "delivered": channels.StatusDelivered,
		"read": channels.StatusDelivered, "undelivered": channels.StatusFailed, "failed": channels.StatusFailed,
		"canceled": channels.StatusFailed, "Delivered": channels.StatusDelivered, "teleported": 0,
	} {
		events, err := call(a, http.MethodPost, "a="+attempt+"&p=3", url.Values{"MessageSid": {"SM1"}, "MessageStatus": {status}, "To": {anna.Reveal()}})
		if err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			if len(events) != 0 {
				t.Errorf("%s gave %+v", status, events)
			}
			continue
		}
		if len(events) != 1 || events[0].Receipt.Status != want || events[0].Receipt.PartNo != 3 || events[0].Receipt.Attempt != attempt {
			t.Errorf("%s gave %+v", status, events)
			continue
		}
		if e := events[0].Receipt.Err; (want == channels.StatusFailed) != (e != nil) {
			t.Errorf("%s has error %v", status, e)
		}
	}
}

func TestWhoWrote(t *testing.T) {
	a := hooked(t)
	for from, want := range map[string]string{"+12025550123": "+12025550123", "12345": "12345", "BANK": "BANK"} {
		events, err := call(a, http.MethodPost, "", url.Values{"MessageSid": {"SM1"}, "SmsStatus": {"received"}, "From": {from}, "To": {ours}, "Body": {"hi"}})
		if err != nil || len(events) != 1 || events[0].Inbound.From.Reveal() != want {
			t.Errorf("%s: got %+v, %v", from, events, err)
		}
	}
	events, err := call(a, http.MethodPost, "", url.Values{"MessageSid": {"SM1"}, "From": {anna.Reveal()}, "To": {ours}, "Body": {"START"}, "OptOutType": {"START"}})
	if err != nil || len(events) != 2 || events[1].Signal.Kind != channels.SignalStarted {
		t.Errorf("START gave %+v, %v", events, err)
	}
}

// A signed GET is a setting to mend, anything unsigned a forgery; without a public URL there are no webhooks at all.
func TestRequestsThatAreNotTaken(t *testing.T) {
	a := hooked(t)
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	if _, err := call(a, http.MethodGet, "", form); err == nil || errors.Is(err, channels.ErrForged) || !strings.Contains(err.Error(), "POST") {
		t.Errorf("a GET gave %v", err)
	}
	r := httptest.NewRequest(http.MethodPost, hookURL, nil)
	if _, err := a.ParseWebhook(r, []byte(form.Encode())); !errors.Is(err, channels.ErrForged) {
		t.Errorf("an unsigned request gave %v", err)
	}
	polled, err := New(channels.Settings{Options: base.raw()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call(polled, http.MethodPost, "", form); !errors.Is(err, channels.ErrForged) {
		t.Errorf("a channel without a public URL gave %v", err)
	}
}

// Whatever a signed body holds, each event is exactly one thing and names what it is about.
func FuzzParseWebhook(f *testing.F) {
	f.Add("a=1&p=0", "MessageSid=SM1&MessageStatus=failed&ErrorCode=30005")
	f.Add("", "MessageSid=SM1&From=%2B12025550123&Body=STOP&OptOutType=STOP")
	f.Add("p=-1", "MessageSid=SM1&MessageStatus=sent&ErrorCode=99999999999999999999")
	a := hooked(f)
	f.Fuzz(func(t *testing.T, query, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		if _, err := url.Parse("/?" + query); err != nil || strings.ContainsAny(query, " \r\n#") {
			return
		}
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		r.Header.Set("X-Twilio-Signature", sign(token, query, form))
		events, _ := a.ParseWebhook(r, []byte(body))
		for _, e := range events {
			set := 0
			for _, is := range []bool{e.Receipt != nil, e.Inbound != nil, e.Signal != nil} {
				if is {
					set++
				}
			}
			if set != 1 || e.ID == "" || e.Receipt != nil && (e.Receipt.ProviderID == "" || e.Receipt.PartNo < 0) {
				t.Fatalf("%q gave %+v", body, e)
			}
		}
	})
}
