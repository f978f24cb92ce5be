package voice

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's choice
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

const (
	account = "AC00000000000000000000000000007391"
	token   = "0123456789abcdef0123456789abcdef"
)

// instructions are what a call is told, as Twilio reads it.
type instructions struct {
	Says   []spoken `xml:"Say"`
	Gather *struct {
		Action string   `xml:"action,attr"`
		Says   []spoken `xml:"Say"`
	} `xml:"Gather"`
}

type spoken struct {
	Language string `xml:"language,attr"`
	Voice    string `xml:"voice,attr"`
	Loop     int    `xml:"loop,attr"`
	Text     string `xml:",chardata"`
}

func (i instructions) says() []spoken {
	if i.Gather != nil {
		return i.Gather.Says
	}
	return i.Says
}

// exchange is Twilio, and remembers where it was told to report.
type exchange struct {
	*channeltest.SandboxDouble
	hook atomic.Pointer[string]
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func signature(to string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(to))
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		mac.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func options(url, token string, more string) json.RawMessage {
	return json.RawMessage(`{"account_sid":"` + account + `","auth_token":"` + token + `","from":"+12025550100","region":"US","base_url":"` + url + `"` + more + `}`)
}

var answers = []content.Button{{Label: "Yes", Action: "ack:yes"}, {Label: "No", Action: "ack:no"}}

func TestConformance(t *testing.T) {
	build := func(token string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			if x, ok := d.(*exchange); ok && hook != "" {
				x.hook.Store(&hook)
			}
			return New(channels.Settings{Name: "voice-kit", HookURL: hook, Options: options(d.URL(), token, "")})
		}
	}
	subject := channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			d, stop, err := channeltest.Sandbox(sandbox.Voice, sandbox.KindVoice, "", sandbox.Options{Strict: true, Accounts: []sandbox.Account{{SID: account, Token: token, Numbers: []string{"+12025550100"}}}})
			return &exchange{SandboxDouble: d}, stop, err
		},
		Make: build(token), Stranger: build("another-token"),
		Valid:   map[string]channels.Address{"+12025550123": "+12025550123", "(202) 555-0123": "+12025550123"},
		Invalid: []string{"", "Anna", "12345"},
		People:  []channels.Address{"+12025550123", "+447700900123", "+12025550124"},
		Secrets: []string{token}, Proof: twilio.SignatureHeader, SignsBody: true,
		Prompt: func(d channeltest.Double, to channels.Address) error {
			x := d.(*exchange)
			hook := *x.hook.Load()
			a, err := build(token)(d, hook)
			if err != nil {
				return err
			}
			defer func() { _ = a.(*Adapter).Close() }()
			if _, err := a.Send(context.Background(), channels.Outbound{To: to, CallbackURL: hook + "?a=a-7391&p=0", Part: channels.Part{Text: "come", Buttons: answers}}); err != nil {
				return err
			}
			_, err = x.Box.Reply(sandbox.Reply{Kind: sandbox.KindVoice, Address: to.Reveal(), Press: "2"})
			return err
		},
	}
	for _, c := range channeltest.Checks(subject) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}

var rewrite = flag.Bool("manual", false, "rewrite the tables in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/voice.md", Options: Options{}, Columns: []string{"code or ending", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{strconv.Itoa(v.code), v.class.String(), string(v.scope), v.detail})
	}
	for _, e := range endings {
		page.Rows = append(page.Rows, []string{e.status, channels.Temporary.String(), string(e.scope), e.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func made(t *testing.T, url, hook, more string) *Adapter {
	t.Helper()
	a, err := New(channels.Settings{Name: "v", HookURL: hook, Options: options(url, token, more)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// A text is spoken twice, in its own language by a voice of that language, with its answers and their keys; a name that is markup
// stays a name. A language without a voice is refused, unless the channel names one.
func TestWhatIsSpoken(t *testing.T) {
	const hook = "https://c.example/hooks/v"
	a := made(t, "http://127.0.0.1:1", hook, `,"voices":{"cs":"cs-CZ Google.cs-CZ-Standard-A"}`)
	read := func(locale string) (instructions, error) {
		parts, err := a.Compose(content.Document{Locale: locale, Short: `Ana & <Say>Bo</Say>: come.`, Buttons: answers})
		if err != nil {
			return instructions{}, err
		}
		text, ok := a.instructions(channels.Outbound{Part: parts[0], CallbackURL: hook + "?a=1&p=0"})
		var in instructions
		if err := xml.Unmarshal([]byte(text), &in); err != nil || !ok || len([]rune(text)) > 4000 {
			t.Fatalf("%s: %v", text, err)
		}
		return in, nil
	}
	for locale, want := range map[string]speech{"de": {"de-DE", "Polly.Marlene"}, "de-AT": {"de-DE", "Polly.Marlene"}, "pt-BR": {"pt-BR", "Polly.Camila"}, "ar-u-nu-latn": {"arb", "Polly.Zeina"}, "zh-Hans": {"zh-CN", "Polly.Zhiyu"},
		"uk": {"uk-UA", "Google.uk-UA-Standard-A"}, "cs": {"cs-CZ", "Google.cs-CZ-Standard-A"}, "": {"en-US", "Polly.Joanna"}} {
		in, err := read(locale)
		if err != nil {
			t.Errorf("%s: %v", locale, err)
			continue
		}
		var texts []string
		for _, s := range in.says() {
			texts = append(texts, s.Text)
			if s.Language != want.language || s.Voice != want.voice || s.Loop != 2 {
				t.Errorf("%s is spoken by %+v, want %+v", locale, s, want)
			}
		}
		if want := []string{"Ana & <Say>Bo</Say>: come.", "1: Yes. 2: No."}; !slices.Equal(texts, want) || in.Gather.Action != hook+"?a=1&p=0&k1=ack%3Ayes&k2=ack%3Ano" {
			t.Errorf("%s: it says %q, and answers go to %s", locale, texts, in.Gather.Action)
		}
	}
	for _, locale := range []string{"fa", "sw", "my", "zh-Hant"} {
		if _, err := read(locale); channels.AsError(err).Scope != channels.ScopeContent {
			t.Errorf("%s: %v", locale, err)
		}
	}
	if one := made(t, "http://127.0.0.1:1", "", "").Capabilities(); one.Buttons || one.Receipts != channels.NoReceipts {
		t.Errorf("without a public URL it says that something comes back: %+v", one)
	}
}

// The longest text and nine answers fit into what a call may be told, whatever XML makes of them.
func TestTheLongestCallFits(t *testing.T) {
	const hook = "https://carillon.example/hooks/voice-berlin"
	a := made(t, "http://127.0.0.1:1", hook, "")
	buttons := make([]content.Button, buttonLimit)
	for i := range buttons {
		buttons[i] = content.Button{Label: "Yes", Action: strings.Repeat(":", actionLimit)}
	}
	for text, fits := range map[string]bool{strings.Repeat("a", textLimit): true, strings.Repeat("&", 300): true, strings.Repeat("&", textLimit): false} {
		parts, err := a.Compose(content.Document{Short: text, Buttons: buttons})
		if (err == nil) != fits {
			t.Errorf("%.5s: %v", text, err)
		}
		if err != nil {
			continue
		}
		told, _ := a.instructions(channels.Outbound{Part: parts[0], CallbackURL: hook + "?a=01890000-0000-7000-8000-000000007391&p=0"})
		if n := len([]rune(told)); n > mostTold {
			t.Errorf("%.5s: the call is told %d characters", text, n)
		}
	}
}

func TestEndingsAndKeys(t *testing.T) {
	const hook = "https://c.example/hooks/v"
	a := made(t, "http://127.0.0.1:1", hook, "")
	hear := func(query string, form url.Values) []channels.Event {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/hooks/v?"+query, nil)
		r.Header.Set(twilio.SignatureHeader, signature(hook+"?"+query, form))
		events, err := a.ParseWebhook(r, []byte(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	for _, e := range endings {
		got := hear("a=a1&p=0", url.Values{"CallSid": {"CA1"}, "CallStatus": {e.status}})
		if len(got) != 1 || got[0].Receipt.Status != channels.StatusFailed || got[0].Receipt.Err.Class != channels.Temporary || got[0].Receipt.Err.Detail != e.detail || got[0].Receipt.Attempt != "a1" {
			t.Errorf("%s: %+v", e.status, got)
		}
	}
	if got := hear("a=a1&p=0", url.Values{"CallSid": {"CA1"}, "CallStatus": {"ringing"}}); len(got) != 0 {
		t.Errorf("ringing: %+v", got)
	}
	key := url.Values{"CallSid": {"CA1"}, "Digits": {"2"}, "To": {"+12025550123"}, "From": {"+12025550100"}}
	if got := hear("a=a1&p=0&k1=yes&k2=no", key); len(got) != 1 || got[0].Inbound.Action != "no" || got[0].Inbound.From != "+12025550123" || got[0].Inbound.ReplyTo != "CA1" || got[0].ID != "CA1:key:2" {
		t.Errorf("a key: %+v", got)
	}
	if got := hear("a=a1&p=0&k1=yes", key); len(got) != 0 {
		t.Errorf("a key without an answer: %+v", got)
	}
	if kind, reply := a.WebhookReply(t.Context(), []byte(key.Encode()), channels.Outcome{}); kind != "text/xml" || !strings.Contains(string(reply), "Hangup") {
		t.Errorf("after a key: %s %s", kind, reply)
	}
	if kind, _ := a.WebhookReply(t.Context(), []byte("CallStatus=completed"), channels.Outcome{}); kind != "" {
		t.Errorf("after a call: %s", kind)
	}
}

func TestRefusals(t *testing.T) {
	status, code := 0, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		say(w, status, map[string]any{"code": code, "message": "about +12025550123", "status": status})
	}))
	defer srv.Close()
	a := made(t, srv.URL, "", "")
	call := func() *channels.Error {
		t.Helper()
		_, err := a.Send(context.Background(), channels.Outbound{To: "+12025550123", Part: channels.Part{Text: "come"}})
		if err == nil {
			t.Fatalf("%d %d was taken for a yes", status, code)
		}
		return channels.AsError(err)
	}
	for _, v := range verdicts {
		status, code = 400, v.code
		if e := call(); e.Class != v.class || e.Scope != v.scope || e.Detail != v.detail || e.Code != strconv.Itoa(code) || strings.Contains(e.Error(), "555") {
			t.Errorf("%d: %v, want %v %s", code, e, v.class, v.scope)
		}
		status = 500
		if e := call(); e.Class != channels.Unknown {
			t.Errorf("%d with 500: %v", code, e)
		}
	}
	_, err := a.Send(context.Background(), channels.Outbound{To: "+12025550123", Part: channels.Part{Text: "come"}, Expires: time.Now().Add(10 * time.Second)})
	if channels.AsError(err).Cause != channels.ErrExpired {
		t.Errorf("a call that nobody can take in time: %v", err)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for more, key := range map[string]string{`,"neutral_from":"Harbour"`: "neutral_from", `,"voices":{"uk":"Polly"}`: "voices", `,"region":"XX"`: "region", `,"per_second":-1`: "per_second"} {
		if _, err := New(channels.Settings{Name: "v", Options: options("https://api.twilio.com", token, more)}); err == nil || !strings.Contains(err.Error(), "options."+key) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v, want one about %s", more, err, key)
		}
	}
	if _, err := New(channels.Settings{Name: "v", Options: []byte(`{}`)}); err == nil || !strings.Contains(err.Error(), "options.account_sid") || !strings.Contains(err.Error(), "options.from") || !strings.Contains(err.Error(), "options.auth_token") {
		t.Errorf("without options: %v", err)
	}
}
