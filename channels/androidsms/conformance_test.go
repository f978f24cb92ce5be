package androidsms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	password   = "kit-password-of-the-phone"
	signingKey = "kit-signing-key-of-the-phone"
)

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func sign(h http.Header, key string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s%s", body, stamp)
	h.Set(timeHeader, stamp)
	h.Set(signatureHeader, hex.EncodeToString(mac.Sum(nil)))
}

func subject() channeltest.Subject {
	build := func(key string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			raw, err := json.Marshal(map[string]any{"base_url": d.URL() + "/android", "username": "sms", "password": password, "signing_key": key, "region": "US"})
			if err != nil {
				return nil, err
			}
			return New(channels.Settings{Name: "phone-kit", HookURL: hook, Options: raw})
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			d, stop, err := channeltest.Sandbox(sandbox.Android, sandbox.KindSMS, "", sandbox.Options{Strict: true})
			if err == nil {
				d.Box.AndroidPhone(sandbox.AndroidPhone{User: "sms", Password: password, SigningKey: signingKey})
			}
			return d, stop, err
		},
		Make: build(signingKey), Stranger: build("another-signing-key"),
		Valid:   map[string]channels.Address{"+12025550123": "+12025550123", "(202) 555-0123": "+12025550123", "+44 7700 900123": "+447700900123"},
		Invalid: []string{"", "Anna", "12345", "+1 202 555"},
		People:  []channels.Address{"+12025550123", "+447700900123", "+12025550124"},
		Secrets: []string{password, signingKey}, Proof: signatureHeader, SignsBody: true, Nameless: true,
	}
}

func TestConformance(t *testing.T) {
	for _, c := range channeltest.Checks(subject()) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}

// A webhook is taken while it is fresh, under the old key while the new one is brought out, and of no other phone.
func TestSignatures(t *testing.T) {
	a, err := New(channels.Settings{Name: "p", HookURL: "https://x.example/hooks/p", Options: []byte(`{"base_url":"http://10.0.0.2:8080","username":"sms","password":"p","signing_key":"new-signing-key","previous_signing_key":"` + signingKey + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"event":"sms:failed","payload":{"messageId":"m1","reason":"Send result: RESULT_ERROR_NO_SERVICE (Failed for +12025550123)"}}`)
	for _, c := range []struct {
		key  string
		age  time.Duration
		good bool
	}{{signingKey, 0, true}, {"new-signing-key", -4 * time.Minute, true}, {"new-signing-key", 6 * time.Minute, false}, {"new-signing-key", -6 * time.Minute, false}, {"", 0, false}, {"stranger-key", 0, false}} {
		r, err := http.NewRequest(http.MethodPost, "/hooks/p", nil)
		if err != nil {
			t.Fatal(err)
		}
		sign(r.Header, c.key, time.Now().Add(-c.age), body)
		events, err := a.ParseWebhook(r, body)
		if (err == nil) != c.good {
			t.Fatalf("%+v: %v", c, err)
		}
		if c.good {
			e := events[0].Receipt.Err
			if e.Class != channels.Temporary || e.Scope != channels.ScopeSender || e.Code != "RESULT_ERROR_NO_SERVICE" || strings.Contains(e.Error(), "2025550123") {
				t.Errorf("the failure reads %v", e)
			}
		}
	}
}
