package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const (
	secret  = channels.Secret("whsec_a2l0LXNlY3JldC1raXQtc2VjcmV0LWtpdC1zZWNyZXQt")
	another = channels.Secret("whsec_YW5vdGhlci1zZWNyZXQtYW5vdGhlci1zZWNyZXQtYW5v")
)

// receiver is a group's endpoint: it remembers ids, tells what became of each message, and brings replies.
type receiver struct {
	*channeltest.Fake
	signer *httpsend.Signer
	hook   string
	events int
}

func newReceiver() (*receiver, func(), error) {
	r := &receiver{}
	var err error
	if r.signer, err = httpsend.NewSigner(secret); err != nil {
		return nil, nil, err
	}
	var stop func()
	r.Fake, stop, err = channeltest.NewFake(channeltest.Wire{
		Message: func(req *http.Request, body []byte) (channeltest.Said, bool) {
			var e event
			var m message
			if json.Unmarshal(body, &e) != nil || e.Type != typeMessage || json.Unmarshal(e.Data, &m) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: m.To, Text: m.Text, Key: req.Header.Get(httpsend.HeaderID)}, true
		},
		Answer: func(w http.ResponseWriter, req *http.Request, body []byte, kept *channeltest.Seen) {
			if _, ok := r.signer.Verify(req.Header, body, time.Now()); !ok {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			if kept == nil {
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"id": kept.ID})
			var e event
			var m message
			_ = json.Unmarshal(body, &e)
			_ = json.Unmarshal(e.Data, &m)
			r.tell(m.Tell, "receipt-"+kept.ID, typeReceipt, map[string]any{"id": kept.ID, "attempt": m.Attempt, "part": m.Part, "status": "delivered"})
		},
		Refuse: func(w http.ResponseWriter, status int, text string) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": text})
		},
		Reply: func(address, text string) error {
			r.events++
			r.tell(r.hook, "reply-"+strconv.Itoa(r.events), typeReply, map[string]any{"from": address, "text": text})
			return nil
		},
	})
	return r, stop, err
}

// tell sends the gateway a signed event.
func (r *receiver) tell(to, id, kind string, data any) {
	raw, _ := json.Marshal(map[string]any{"specversion": "1.0", "id": id, "source": "urn:bridge", "type": kind, "data": data})
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(raw))
	if err != nil {
		return
	}
	r.signer.Sign(req.Header, id, time.Now(), raw)
	r.Call(req)
}

func subject() channeltest.Subject {
	build := func(key channels.Secret) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			if r, ok := d.(*receiver); ok && hook != "" {
				r.hook = hook
			}
			raw, err := json.Marshal(map[string]any{"url": d.URL(), "secret": key.Reveal(), "receipts": true, "replies": true, "dedupe_hours": 24})
			if err != nil {
				return nil, err
			}
			return New(channels.Settings{Name: "webhook-kit", HookURL: hook, Options: raw})
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			r, stop, err := newReceiver()
			return r, stop, err
		},
		Make: build(secret), Stranger: build(another),
		Valid:   map[string]channels.Address{"anna-7391": "anna-7391", "  Anna \n Berg\t": "Anna Berg", "+44 7700 900123": "+44 7700 900123"},
		Invalid: []string{"", " \n\t ", "\u200b\u200b\u200b\u200b\u200b", string(make([]byte, 7))},
		People:  []channels.Address{"person-one-8127", "person-two-8128", "person-three-8129"},
		Secrets: []string{secret.Reveal(), another.Reveal()}, Proof: "Webhook-Signature", SignsBody: true,
		Read: func(p channels.Part) (channeltest.Shape, error) { return channeltest.Shape{Text: p.Text}, nil },
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
