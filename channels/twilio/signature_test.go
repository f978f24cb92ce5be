package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"testing"

	twilioclient "github.com/twilio/twilio-go/client"
	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
)

const (
	hook  = "https://gateway.example.org/hooks/sms-berlin"
	token = "0123456789abcdef0123456789abcdef"
	query = "a=01890000-0000-7000-8000-000000000001&p=0"
)

// sign follows the provider's description, step by step.
func sign(key, publicURL string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(publicURL)
	for _, name := range names {
		b.WriteString(name + form.Get(name))
	}
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(b.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func receiptForm() url.Values {
	return url.Values{
		"AccountSid": {"AC00000000000000000000000000000001"}, "ApiVersion": {"2010-04-01"}, "From": {"+12025550101"},
		"MessageSid": {"SM00000000000000000000000000000001"}, "MessageStatus": {"delivered"}, "SmsSid": {"SM00000000000000000000000000000001"},
		"SmsStatus": {"delivered"}, "To": {"+12025550102"}, "RawDlrDoneDate": {"2611231000"},
	}
}

// Twilio's own worked example (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
func TestProvidersExample(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+12349013030"}, "Digits": {"1234"}, "From": {"+12349013030"}, "To": {"+18005551212"}}
	v := NewValidator("https://mycompany.com/myapp.php", "12345")
	if _, ok := v.Check("foo=1&bar=2", []byte(form.Encode()), "0/KCTR6DLpKmkAf8muzZqo1nDgQ="); !ok {
		t.Error("the provider's own example was refused")
	}
}

// Everything that an impostor can change is refused; what the provider signs is taken.
func TestForgeries(t *testing.T) {
	form := receiptForm()
	body := form.Encode()
	good := sign(token, hook+"?"+query, form)
	cases := []struct {
		name      string
		query     string
		body      string
		signature string
		ok        bool
	}{
		{"genuine", query, body, good, true},
		{"genuine, fields in another order", query, reversed(body), good, true},
		{"genuine, written with the port", query, body, sign(token, strings.Replace(hook, ".org", ".org:443", 1)+"?"+query, form), true},
		{"old token within the rotation", query, body, sign("oldtoken", hook+"?"+query, form), true},
		{"no signature", query, body, "", false},
		{"another's token", query, body, sign("wrong", hook+"?"+query, form), false},
		{"altered field", query, strings.Replace(body, "MessageStatus=delivered", "MessageStatus=failed", 1), good, false},
		{"added field", query, body + "&X=1", good, false},
		{"lost field", query, strings.Replace(body, "&To=%2B12025550102", "", 1), good, false},
		{"repeated field", query, body + "&MessageStatus=failed", good, false},
		{"repeated field in front", query, "MessageStatus=failed&" + body, good, false},
		{"field repeated as it is", query, body + "&SmsStatus=delivered", good, false},
		{"altered query", strings.Replace(query, "1&p", "2&p", 1), body, good, false},
		{"no query", "", body, good, false},
		{"broken form", query, body + "&%zz", good, false},
		{"semicolon", query, body + ";X=1", good, false},
		{"unpadded signature", query, body, strings.TrimRight(good, "="), false},
		{"longer signature", query, body, good + "AAAA", false},
		{"signature without padding of the same length", query, body, good[:27] + "A", false},
		{"garbage", query, body, "☃", false},
		{"form under a digest of its own", query + "&bodySHA256=" + digest(body), body, good, false},
	}
	v := NewValidator(hook, token, "oldtoken")
	for _, c := range cases {
		form, ok := v.Check(c.query, []byte(c.body), c.signature)
		if ok != c.ok {
			t.Errorf("%s: accepted %v, want %v", c.name, ok, c.ok)
		}
		if ok && form.Get("MessageStatus") != "delivered" {
			t.Errorf("%s: the form came back as %v", c.name, form)
		}
	}
	if _, ok := NewValidator(hook, token).Check(query, []byte(body), sign("oldtoken", hook+"?"+query, form)); ok {
		t.Error("the old token still counts after the rotation")
	}
	if _, ok := NewValidator(hook, token, "").Check(query, []byte(body), sign("", hook+"?"+query, form)); ok {
		t.Error("an empty token signs")
	}
	if _, ok := NewValidator("", token).Check(query, []byte(body), sign(token, "?"+query, form)); ok {
		t.Error("a channel without a public URL accepts webhooks")
	}
}

func reversed(body string) string {
	parts := strings.Split(body, "&")
	slices.Reverse(parts)
	return strings.Join(parts, "&")
}

func digest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func TestJSONBody(t *testing.T) {
	body := `{"status":"delivered"}`
	q := "bodySHA256=" + digest(body)
	v := NewValidator(hook, token)
	good := sign(token, hook+"?"+q, nil)
	if _, ok := v.Check(q, []byte(body), good); !ok {
		t.Error("a genuine JSON request was refused")
	}
	if _, ok := v.Check(q, []byte(`{"status":"failed"}`), good); ok {
		t.Error("an altered JSON body was accepted")
	}
	if _, ok := v.Check("bodySHA256=", []byte(body), sign(token, hook+"?bodySHA256=", nil)); ok {
		t.Error("an empty digest was accepted")
	}
}

// The public URL may hold a port or an IPv6 literal.
func TestPorts(t *testing.T) {
	form := receiptForm()
	body := []byte(form.Encode())
	for configured, signed := range map[string][]string{
		"https://example.org/h":      {"https://example.org/h", "https://example.org:443/h"},
		"https://example.org:8443/h": {"https://example.org:8443/h", "https://example.org/h"},
		"http://[2001:db8::1]/h":     {"http://[2001:db8::1]/h", "http://[2001:db8::1]:80/h"},
		"http://[2001:db8::1]:81/h":  {"http://[2001:db8::1]:81/h", "http://[2001:db8::1]/h"},
	} {
		for _, u := range signed {
			if _, ok := NewValidator(configured, token).Check("", body, sign(token, u, form)); !ok {
				t.Errorf("%s was configured, and the request signed for %s refused", configured, u)
			}
		}
	}
}

// What twilio-go's validator accepts for forms without repeats, ours accepts, and the other way round.
func TestAgreesWithTheLibrary(t *testing.T) {
	theirs := twilioclient.NewRequestValidator(token)
	ours := NewValidator(hook, token)
	rapid.Check(t, func(t *rapid.T) {
		form := url.Values{}
		for name, value := range rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "form") {
			form.Set(name, value)
		}
		signature := sign(token, hook+"?"+query, form)
		if rapid.Bool().Draw(t, "forge") {
			form.Set("MessageStatus", "forged")
		}
		body := []byte(form.Encode())
		want := theirs.ValidateBody(hook+"?"+query, body, signature)
		if _, got := ours.Check(query, body, signature); got != want {
			t.Fatalf("we say %v, the library %v", got, want)
		}
	})
}

func FuzzCheck(f *testing.F) {
	form := receiptForm()
	f.Add(query, form.Encode(), sign(token, hook+"?"+query, form))
	f.Add("bodySHA256=00", "{}", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	v := NewValidator(hook, channels.Secret("another token"))
	f.Fuzz(func(t *testing.T, query, body, signature string) {
		if _, ok := v.Check(query, []byte(body), signature); ok {
			t.Fatal("a request was accepted that nobody signed")
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	form := receiptForm()
	body := []byte(form.Encode())
	good := sign(token, hook+"?"+query, form)
	b.Run("ours", func(b *testing.B) {
		v := NewValidator(hook, token)
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := v.Check(query, body, good); !ok {
				b.Fatal("refused")
			}
		}
	})
	b.Run("twilio-go", func(b *testing.B) {
		v := twilioclient.NewRequestValidator(token)
		b.ReportAllocs()
		for b.Loop() {
			if !v.ValidateBody(hook+"?"+query, body, good) {
				b.Fatal("refused")
			}
		}
	})
}
