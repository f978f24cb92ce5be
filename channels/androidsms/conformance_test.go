package androidsms

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
)

const (
	password   = "kit-password-of-the-phone"
	signingKey = "kit-signing-key-of-the-phone"
)

// handset is a phone with the app: it keeps messages by id, calls the webhooks that are registered, and has an inbox.
type handset struct {
	*channeltest.Fake
	mu    sync.Mutex
	hooks map[string]string // event → URL
	inbox []entry
}

func newHandset() (*handset, func(), error) {
	h := &handset{hooks: map[string]string{}}
	var stop func()
	var err error
	h.Fake, stop, err = channeltest.NewFake(channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var m outgoing
			if r.Method != http.MethodPost || r.URL.Path != "/messages" || json.Unmarshal(body, &m) != nil || len(m.Numbers) != 1 {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: m.Numbers[0], Text: m.Text["text"], Key: m.ID}, true
		},
		Answer: h.answer,
		Refuse: func(w http.ResponseWriter, status int, text string) {
			say(w, status, map[string]string{"message": text})
		},
		Reply: h.reply,
	})
	return h, stop, err
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (h *handset) answer(w http.ResponseWriter, r *http.Request, body []byte, kept *channeltest.Seen) {
	if user, shown, ok := r.BasicAuth(); !ok || user != "sms" || shown != password {
		say(w, http.StatusUnauthorized, map[string]string{"message": "no"})
		return
	}
	switch {
	case kept != nil && !kept.Kept:
		say(w, http.StatusConflict, map[string]string{"message": "there is one with this id"})
	case kept != nil:
		say(w, http.StatusAccepted, map[string]string{"id": kept.Key, "state": "Pending"})
		for _, event := range []string{"sms:sent", "sms:delivered"} {
			h.tell(event, map[string]any{"messageId": kept.Key, "phoneNumber": kept.To, "recipient": kept.To})
		}
	case r.Method == http.MethodPost && r.URL.Path == "/webhooks":
		var in map[string]string
		_ = json.Unmarshal(body, &in)
		h.mu.Lock()
		h.hooks[in["event"]] = in["url"]
		h.mu.Unlock()
		say(w, http.StatusCreated, in)
	case r.URL.Path == "/messages":
		say(w, http.StatusOK, []state{})
	case r.URL.Path == "/inbox":
		h.mu.Lock()
		defer h.mu.Unlock()
		say(w, http.StatusOK, h.inbox)
	default:
		for _, m := range h.Seen() {
			if m.Kept && r.URL.Path == "/messages/"+m.Key {
				say(w, http.StatusOK, map[string]any{"id": m.Key, "state": "Delivered"})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func (h *handset) reply(address, text string) error {
	h.mu.Lock()
	n := int32(-1000 - len(h.inbox)) // as hashes are: as often below zero as above
	e := entry{ID: "text:" + strconv.Itoa(int(n)), Sender: address, Text: text, At: time.Now().Truncate(time.Millisecond)}
	h.inbox = append(h.inbox, e)
	h.mu.Unlock()
	h.tell("sms:received", map[string]any{
		"messageId": strconv.FormatUint(uint64(uint32(n)), 16), "sender": address, "phoneNumber": address, "message": text, "simNumber": 1,
		"receivedAt": e.At.In(time.FixedZone("", 7*3600)).Format("2006-01-02T15:04:05.000Z07:00"),
	})
	return nil
}

// tell calls a webhook as the app does.
func (h *handset) tell(event string, payload map[string]any) {
	h.mu.Lock()
	to := h.hooks[event]
	h.mu.Unlock()
	body, err := json.Marshal(map[string]any{"id": "w1", "event": event, "deviceId": "d1", "payload": payload})
	if to == "" || err != nil {
		return
	}
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return
	}
	sign(req.Header, signingKey, time.Now(), body)
	h.Call(req)
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
			raw, err := json.Marshal(map[string]any{"base_url": d.URL(), "username": "sms", "password": password, "signing_key": key, "region": "US"})
			if err != nil {
				return nil, err
			}
			return New(channels.Settings{Name: "phone-kit", HookURL: hook, Options: raw})
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			h, stop, err := newHandset()
			return h, stop, err
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
