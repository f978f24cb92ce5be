package ntfy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// proofHeader carries our own signature of what a button says, for no server and no phone signs anything.
const proofHeader = "X-Carillon-Proof"

// buttonLife is how long a button of a message without an end can be pressed.
const buttonLife = 7 * 24 * time.Hour

// errLate answers a press of a message that has expired.
var errLate = errors.New("webhook: a button was pressed after its message had expired; nothing was done")

// pressed is what a button says.
type pressed struct {
	Topic   string `json:"topic"`
	Action  string `json:"action"`
	Attempt string `json:"attempt"`
	Part    int    `json:"part"`
	Expires int64  `json:"expires"` // Unix seconds
}

// press writes what the phone is to say when a button is touched.
func (a *Adapter) press(m channels.Outbound, action string) string {
	expires := m.Expires
	if expires.IsZero() {
		expires = a.now().Add(buttonLife)
	}
	raw, _ := json.Marshal(pressed{m.To.Reveal(), action, m.Attempt, m.PartNo, expires.Unix()}) // strings and numbers always can be written
	return string(raw)
}

// proof is the HMAC-SHA256 over the channel's name and what a button says.
func (a *Adapter) proof(secret channels.Secret, said string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	fmt.Fprintf(mac, "%d:%s,%s", len(a.name), a.name, said)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ParseWebhook reads a press. It proves that the button is one of ours; who touched it, the topic's readers only know. A repeated
// press has the same id, and one effect.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	shown := r.Header.Values(proofHeader)
	if r.URL.RawQuery != "" || len(shown) != 1 {
		return nil, channels.ErrForged
	}
	signed := false
	for _, secret := range [...]channels.Secret{a.opts.ActionSecret, a.opts.PreviousActionSecret} {
		if secret != "" && hmac.Equal([]byte(shown[0]), []byte(a.proof(secret, string(body)))) {
			signed = true
		}
	}
	var p pressed
	if !signed || json.Unmarshal(body, &p) != nil || p.Action == "" {
		return nil, channels.ErrForged
	}
	if !a.now().Before(time.Unix(p.Expires, 0)) {
		return nil, errLate
	}
	return []channels.Event{{
		ID:      strings.Join([]string{"press", p.Attempt, fmt.Sprint(p.Part), p.Action}, ":"),
		Inbound: &channels.Inbound{From: channels.Address(p.Topic), To: a.name, Action: p.Action},
	}}, nil
}
