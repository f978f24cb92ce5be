package inbound_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/mattermost"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/channels/telegram"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// The webhook by which mail programs unsubscribe has the same table in channels/email: only that package can seal an address.

// public is the address that providers know; the proxy before us passes on another scheme, host and port.
const public = "https://carillon.example.org/hooks/"

// door is one webhook of an adapter: how its provider calls it, and what a liar would change.
type door struct {
	name, adapter string
	options       map[string]any // with the secret in force under the key secret
	secret        string
	before        string // key of the secret that is replaced
	// call makes the provider's request under a secret; alter changes one field after it was signed.
	call func(secret string) request
	// alter changes a field that the provider's proof covers; nil: it covers none, and the secret is all there is.
	alter func(*request)
	bare  func(*request) // without any proof
	twice func(*request) // one parameter stands there twice
}

type request struct {
	query  string
	header http.Header
	body   string
}

func doors(t *testing.T) []door {
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	typed := func(kind string) http.Header { return http.Header{"Content-Type": {kind}} }
	const formType = "application/x-www-form-urlencoded"
	swap := func(old, now string) func(*request) {
		return func(r *request) { r.body = strings.Replace(r.body, old, now, 1) }
	}
	return []door{
		{
			name: "a text by Twilio", adapter: "sms", secret: "auth_token", before: "previous_auth_token",
			options: map[string]any{"account_sid": "AC00000000000000000000000000000001", "from": "+12025550100"},
			call: func(secret string) request {
				v := form("MessageSid", "SM00000000000000000000000000000007", "From", ann, "To", "+12025550100", "Body", "hello", "NumMedia", "0")
				var names []string
				for name := range v {
					names = append(names, name)
				}
				slices.Sort(names)
				mac := hmac.New(sha1.New, []byte(secret))
				fmt.Fprint(mac, public+"harbour")
				for _, name := range names {
					fmt.Fprint(mac, name+v.Get(name))
				}
				h := typed(formType)
				h.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
				return request{header: h, body: v.Encode()}
			},
			alter: swap("Body=hello", "Body=STOP"), bare: func(r *request) { r.header.Del("X-Twilio-Signature") }, twice: func(r *request) { r.body += "&Body=hello" },
		},
		{
			name: "an update by Telegram", adapter: "telegram", secret: "webhook_secret", before: "previous_webhook_secret",
			options: map[string]any{"token": "123456:a-token-of-a-bot"},
			call: func(secret string) request {
				h := typed("application/json")
				h.Set("X-Telegram-Bot-Api-Secret-Token", secret)
				return request{header: h, body: `{"update_id":7,"message":{"message_id":1,"date":1795680000,"chat":{"id":700,"type":"private"},"from":{"id":700},"text":"hello"}}`}
			},
			bare: func(r *request) { r.header.Del("X-Telegram-Bot-Api-Secret-Token") }, twice: func(r *request) {
				r.header.Add("X-Telegram-Bot-Api-Secret-Token", r.header.Get("X-Telegram-Bot-Api-Secret-Token"))
			},
		},
		{
			name: "a command by Mattermost", adapter: "mattermost", secret: "command_token", before: "previous_command_token",
			options: map[string]any{"base_url": "https://chat.example.org", "token": "a-token-of-the-bot", "action_secret": strings.Repeat("x", 32)},
			call: func(secret string) request {
				h := typed(formType)
				h.Set("Authorization", "Token "+secret)
				return request{header: h, body: form("token", secret, "command", "/carillon", "text", "hello", "user_id", strings.Repeat("a", 26), "trigger_id", "seven").Encode()}
			},
			alter: func(r *request) { r.header.Set("Authorization", "Token another-token-of-a-command") },
			bare:  func(r *request) { r.header.Del("Authorization") }, twice: func(r *request) { r.body += "&text=hello" },
		},
		{
			name: "a button by Mattermost", adapter: "mattermost", secret: "action_secret", before: "previous_action_secret",
			options: map[string]any{"base_url": "https://chat.example.org", "token": "a-token-of-the-bot"},
			call: func(secret string) request {
				return request{header: typed("application/json"), body: pressOf(secret)}
			},
			alter: swap(`"action":"ack"`, `"action":"STOP"`), bare: func(r *request) {
				r.body = `{"user_id":"` + strings.Repeat("a", 26) + `","context":{"action":"ack"}}`
			},
			twice: func(r *request) {
				r.body = strings.Replace(r.body, `"action":"ack"`, `"action":"ack","action":"STOP"`, 1)
			},
		},
	}
}

// open makes the adapter of a door with these secrets.
func (d door) open(t *testing.T, secret, before string) channels.Adapter {
	t.Helper()
	o := map[string]any{d.secret: secret}
	for key, value := range d.options {
		o[key] = value
	}
	if before != "" {
		o[d.before] = before
	}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	f := map[string]func() channels.Factory{"sms": sms.Factory, "telegram": telegram.Factory, "mattermost": mattermost.Factory}[d.adapter]()
	a, err := f.New(channels.Settings{Name: "harbour", Options: raw, HookURL: public + "harbour", LinkURL: public + "harbour", HTTP: http.DefaultClient, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// pressOf is a pressed button of ours, as the server hands it back.
func pressOf(secret string) string {
	who, where, expires := strings.Repeat("a", 26), strings.Repeat("b", 26), strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	for _, field := range []string{"harbour", "ack", "an-attempt", "0", expires, where, who, "I come"} {
		fmt.Fprintf(mac, "%d:%s,", len(field), field)
	}
	return fmt.Sprintf(`{"user_id":%q,"channel_id":%q,"context":{"action":"ack","attempt":"an-attempt","part":"0","expires":%q,"channel":%q,"user":%q,"label":"I come","proof":%q}}`,
		who, where, expires, where, who, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}

// gate is a stage whose one channel has a real adapter.
type gate struct {
	*stage
	channel gateway.Channel
	adapter channels.Adapter
}

func (g *gate) All() []gateway.Channel { return []gateway.Channel{g.channel} }

func (g *gate) ByName(name string) (gateway.Channel, channels.Adapter, bool) {
	return g.channel, g.adapter, name == "harbour"
}

func (g *gate) Adapter(gateway.ID) (channels.Adapter, bool) { return g.adapter, true }

// knock calls as the proxy passes it on: to a host of its own, over plain HTTP, with headers that anybody may have written.
func (g *gate) knock(r request) int {
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{channel}", g.ears)
	q := httptest.NewRequest(http.MethodPost, "http://10.0.0.7:8080/hooks/harbour?"+r.query, strings.NewReader(r.body))
	q.Header = r.header.Clone()
	q.Header.Set("X-Forwarded-Host", "evil.example")
	q.Header.Set("X-Forwarded-Proto", "gopher")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, q)
	return w.Code
}

// Every webhook refuses what its provider did not send, takes what it did, also through a proxy that changes scheme and
// host, and takes it once.
func TestEveryWebhookRefusesForgeries(t *testing.T) {
	const now, before = "the-secret-in-force-0123456789abcdef", "the-secret-before-it-0123456789abcde"
	for _, d := range doors(t) {
		t.Run(d.name, func(t *testing.T) {
			st := newStage(t)
			g := &gate{stage: st, channel: st.own, adapter: d.open(t, now, before)}
			listen := func() {
				g.ears = inbound.New(inbound.Parts{Channels: g, Receipts: st, Members: st.s, Groups: st.s, Consents: st.s, Inbox: st.s, Cursors: st.s})
			}
			listen()
			kept := func() int { return len(st.inbox(st.harbour)) }
			changed := func(change func(*request)) request {
				r := d.call(now)
				r.header = r.header.Clone()
				change(&r)
				return r
			}
			refused := map[string]request{"no proof": changed(d.bare), "a wrong secret": d.call("a-secret-that-is-nobody-s-0123456789"), "a parameter twice": changed(d.twice)}
			if d.alter != nil {
				refused["an altered field"] = changed(d.alter)
			}
			for name, r := range refused {
				if code := g.knock(r); code != http.StatusForbidden || kept() != 0 {
					t.Errorf("%s: answered %d, %d messages kept", name, code, kept())
				}
			}
			for range 3 { // the second and third are replays
				if code := g.knock(d.call(now)); code != http.StatusOK || kept() != 1 {
					t.Errorf("the provider's own: answered %d, %d messages kept", code, kept())
				}
				listen() // whatever the process remembers
			}
			if code := g.knock(d.call(before)); code != http.StatusOK || kept() != 1 {
				t.Errorf("under the secret before, in its time: answered %d, %d messages kept", code, kept())
			}
			g.adapter = d.open(t, now, "")
			if code := g.knock(d.call(before)); code != http.StatusForbidden {
				t.Errorf("under the secret before, after its time: answered %d", code)
			}
		})
	}
}
