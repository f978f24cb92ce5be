package external

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const another = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="

// TestWhoMayPost: the channel's own secret, and the old one for as long as the options name it; another group's not, and nothing
// that is too old or changed.
func TestWhoMayPost(t *testing.T) {
	now := time.Now()
	made := func(secret, previous channels.Secret) channels.WebhookParser {
		t.Helper()
		d, err := json.Marshal(describe())
		if err != nil {
			t.Fatal(err)
		}
		options := `{"url":"https://adapter.example/","secret":"` + secret.Reveal() + `","description":` + string(d)
		if previous != "" {
			options += `,"previous_secret":"` + previous.Reveal() + `"`
		}
		a, err := New(channels.Settings{Name: "test", Options: []byte(options + "}"), HookURL: "https://carillon.example/hooks/test", Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return a.(channels.WebhookParser)
	}
	body := []byte(`{"events":[{"id":"e","receipt":{"id":"m","status":"delivered"}}]}`)
	posted := func(secret channels.Secret, id string, at time.Time) *http.Request {
		t.Helper()
		signer, err := httpsend.NewSigner(secret)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Header: http.Header{}}
		signer.Sign(r.Header, id, at, body)
		return r
	}
	mine, during, after := made(secret, ""), made(another, secret), made(another, "")
	twice := posted(secret, "p", now)
	twice.Header.Add(httpsend.HeaderSignature, "v1,AAAA")
	for what, try := range map[string]struct {
		at   channels.WebhookParser
		r    *http.Request
		body []byte
		good bool
	}{
		"the secret":                       {mine, posted(secret, "p", now), body, true},
		"once more":                        {mine, posted(secret, "p", now), body, true}, // its events have ids
		"the new secret in the overlap":    {during, posted(another, "p", now), body, true},
		"the old one in the overlap":       {during, posted(secret, "p", now), body, true},
		"the old one afterwards":           {after, posted(secret, "p", now), body, false},
		"another group's":                  {mine, posted(another, "p", now), body, false},
		"six minutes old":                  {mine, posted(secret, "p", now.Add(-6*time.Minute)), body, false},
		"of the future":                    {mine, posted(secret, "p", now.Add(6*time.Minute)), body, false},
		"another body":                     {mine, posted(secret, "p", now), append(body[:len(body)-1:len(body)-1], ' ', '}'), false},
		"two headers":                      {mine, twice, body, false},
		"an id that could move the stamp":  {mine, posted(secret, "p.1", now), body, false},
		"nothing signed":                   {mine, &http.Request{Header: http.Header{}}, body, false},
		"a request that we made ourselves": {mine, posted(secret, OwnID+"p", now), body, false},
	} {
		_, err := try.at.ParseWebhook(try.r, try.body)
		if (err == nil) != try.good || err != nil && !errors.Is(err, channels.ErrForged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestHostileSchemas are refused or read, soon, and fetch nothing.
func TestHostileSchemas(t *testing.T) {
	file := t.TempDir() + "/schema.json"
	if err := os.WriteFile(file, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	doubled := `{"$defs":{`
	for _, n := range strings.Split("abcdefghijklmnopqrstuvwxy", "") {
		doubled += `"` + n + `":{"allOf":[{"$ref":"#/$defs/` + string(n[0]+1) + `"},{"$ref":"#/$defs/` + string(n[0]+1) + `"}]},`
	}
	doubled += `"z":{"type":"object"}},"$ref":"#/$defs/a"}`
	for schema, good := range map[string]bool{
		`{"$ref":"file://` + file + `"}`: false, `{"$ref":"https://carillon.example/schema.json"}`: false, `{"$schema":"https://carillon.example/meta"}`: false,
		`{"$ref":"#"}`: true, doubled: true, strings.Repeat(`{"not":`, 5000) + "{}" + strings.Repeat("}", 5000): false,
		strings.Repeat(`{"not":`, mostDepth-1) + "{}" + strings.Repeat("}", mostDepth-1): true, `{"type":"object","patternProperties":{"(a+)+$":{}}}`: true,
		`{"pattern":"((a{1,1000}){1,1000}){1,1000}"}`: false, `{"type":7}`: false, `[`: false,
	} {
		began := time.Now()
		_, err := settingsSchema([]byte(schema))
		if (err == nil) != good {
			t.Errorf("%.60s: %v", schema, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%.60s took %v", schema, took)
		}
		if err != nil && (strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "carillon.example")) {
			t.Errorf("the error tells where it looked: %v", err)
		}
	}
}

// TestExpressionsAreBounded: neither a schema nor a pattern takes memory or time that other channels need. Before there was a bound,
// the first schema here took 1.4 GiB.
func TestExpressionsAreBounded(t *testing.T) {
	for what, schema := range map[string]string{
		"one":            `{"pattern":"` + strings.Repeat(".{1000}", 3000) + `"}`,
		"names":          `{"patternProperties":{"` + strings.Repeat(".{1000}", 3000) + `":{}}}`,
		"many small":     `{"allOf":[` + strings.TrimSuffix(strings.Repeat(`{"pattern":".{999}"},`, 100), ",") + `]}`,
		"nested repeats": `{"pattern":"((.{10}){10}){10}.{100}"}`,
	} {
		bounded(t, func() {
			if _, err := settingsSchema([]byte(schema)); err == nil {
				t.Errorf("%s: it was taken", what)
			}
		})
	}
	if _, err := settingsSchema([]byte(`{"patternProperties":{"^[a-z]{1,20}$":{"pattern":"^https://[^ ]{1,200}$"}}}`)); err != nil {
		t.Errorf("a usual one: %v", err)
	}
	if _, err := newForm(AddressForm{Pattern: "([a-z]?[a-y]?[a-x]?){1000}", Example: "a"}); err == nil { // took 24 ms for each address of up to 500 a second
		t.Error("a pattern that is slow to match was taken")
	}
	for pattern, example := range map[string]string{`[^@ ]{1,64}@([a-z0-9-]{1,63}[.]){1,8}[a-z]{2,24}`: "anna@chat.example", `05[0-9a-f]{64}`: "05" + strings.Repeat("a", 64)} {
		if _, err := newForm(AddressForm{Pattern: pattern, Example: example}); err != nil {
			t.Errorf("a usual one, %s: %v", pattern, err)
		}
	}
}

// TestSecretsStayInside: an adapter that says what it was told, in its log, in a refusal and in its description.
func TestSecretsStayInside(t *testing.T) {
	const token, phrase = "tok-4711-night", "the phrase of the bridge"
	tell := `read x; echo "$x $CHAT_TOKEN" >&2; echo '{"id":"1","error":{"class":"auth","code":"` + token + `","detail":"` + token + ` and ` + phrase + ` are wrong"}}'; cat >/dev/null`
	raw, err := json.Marshal(map[string]any{"command": []string{"/bin/sh", "-c", tell}, "environment": map[string]string{"CHAT_TOKEN": token}, "secrets": map[string]string{"phrase": phrase}, "description": describe()})
	if err != nil {
		t.Fatal(err)
	}
	a, log := open(t, Options{Command: []string{"/bin/true"}, Description: describe()}, func(s *channels.Settings) { s.Options = raw })
	_, err = a.Send(t.Context(), out("1", "hello"))
	e := channels.AsError(err)
	_ = a.(interface{ Close() error }).Close()
	for _, said := range []string{e.Error(), e.Detail, e.Code, log.String()} {
		if strings.Contains(said, token) || strings.Contains(said, phrase) {
			t.Errorf("it got out: %s", said)
		}
	}
	if e.Class != channels.Auth || !strings.Contains(log.String(), "an adapter says") {
		t.Errorf("it never came to it: %v, %s", e, log)
	}
}

// TestWhatItLeavesBehind: a child in a session of its own, which holds the streams open, keeps neither the end of the channel nor that
// of the gateway.
func TestWhatItLeavesBehind(t *testing.T) {
	leave := "setsid sh -c 'trap \"\" TERM; echo $$ >&2; exec sleep 600' & exec cat >/dev/null"
	a, log := open(t, Options{Command: []string{"/bin/sh", "-c", leave}, Description: describe(), StartSeconds: 1}, nil)
	p := core(a).wire.(*program)
	p.parting = 100 * time.Millisecond
	if _, err := a.Send(t.Context(), out("1", "hello")); channels.AsError(err).Class != channels.Temporary {
		t.Error(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.(io.Closer).Close() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for what the program left behind")
	}
	var child int
	if _, line, ok := strings.Cut(log.String(), "line="); !ok {
		t.Fatalf("there was no child: %s", log)
	} else if _, err := fmt.Sscan(line, &child); err != nil {
		t.Fatal(err)
	}
	if left, err := os.FindProcess(child); err == nil {
		_ = left.Kill()
	}
}
