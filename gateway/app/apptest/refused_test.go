package apptest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestSecondProcess: a second gateway on the same data folder is told that it is taken, and the first one goes on.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	w.Start()
	w.Apply("harbour")
	said, locked := w.Second()
	if !locked || !strings.Contains(said, "data") {
		t.Errorf("a second process on the same folder ended otherwise than as locked: %s", said)
	}
	if _, err := w.API.Group(t.Context(), "harbour"); err != nil {
		t.Errorf("the first gateway was disturbed: %v", err)
	}
}

// TestWrongInput: what is wrong in a request or file is refused with a text that helps, and nothing of it is stored.
func TestWrongInput(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", apptest.PeopleWith("s", apptest.Numbers(t, 3)))
	const group = "/api/v1/groups/harbour"
	right := `"kind":"report","audience":{"topic":"reports"},"words":{"sources":{"en":"The roof is mended."}}`
	row := func(cells string) string { return apptest.Header + cells + "\n" }
	consent := ",reports,join-2,en,2026-01-10T10:00:00Z,paper form"
	for name, c := range map[string]struct{ method, path, body string }{
		"an unknown key":                  {"POST", group + "/broadcasts", `{` + right + `,"colour":"red"}`},
		"an unknown key deep inside":      {"POST", group + "/broadcasts", `{"kind":"report","audience":{"topic":"reports","moon":1},"words":{"sources":{"en":"x"}}}`},
		"a wrong type":                    {"POST", group + "/broadcasts", `{"kind":7,"audience":{"topic":"reports"},"words":{"sources":{"en":"x"}}}`},
		"an unknown kind":                 {"POST", group + "/broadcasts", strings.Replace(`{`+right+`}`, "report", "rumour", 1)},
		"a report as a danger to life":    {"POST", group + "/broadcasts", `{` + right + `,"danger_to_life":true}`},
		"an unknown topic":                {"POST", group + "/broadcasts", `{"kind":"report","audience":{"topic":"gossip"},"words":{"sources":{"en":"x"}}}`},
		"nobody meant":                    {"POST", group + "/broadcasts", `{"kind":"report","audience":{"topic":"reports","tags":["nobody-has-it"]},"words":{"sources":{"en":"x"}}}`},
		"no words":                        {"POST", group + "/broadcasts", `{"kind":"report","audience":{"topic":"reports"},"words":{"sources":{}}}`},
		"words for one channel too long":  {"POST", group + "/broadcasts", `{"kind":"report","audience":{"topic":"reports"},"words":{"sources":{"en":"---\nsms: ` + strings.Repeat("a", 2000) + `\n---\n\nx"}}}`},
		"a control character in the key":  {"POST", group + "/broadcasts", `{` + right + `,"key":"week\u0007"}`},
		"a line break in a subject":       {"POST", group + "/broadcasts", `{"kind":"report","audience":{"topic":"reports"},"words":{"sources":{"en":"---\nsubject: \"a\\r\\nBcc: b\"\n---\n\nx"}}}`},
		"an expiry in the past":           {"POST", group + "/broadcasts", `{` + right + `,"expires_at":"2020-01-01T00:00:00Z"}`},
		"a body over the limit":           {"POST", group + "/broadcasts", `{"x":"` + strings.Repeat("a", 2<<20) + `"}`},
		"half a body":                     {"POST", group + "/broadcasts", `{` + right},
		"two bodies":                      {"POST", group + "/broadcasts", `{` + right + `}{}`},
		"a group with a strange zone":     {"PUT", "/api/v1/groups/rivers", `{"slug":"rivers","name":"Rivers","locale":"en","zone":"Moon/Crater"}`},
		"a group with a control in it":    {"PUT", "/api/v1/groups/rivers", `{"slug":"rivers","name":"Riv\u0000ers","locale":"en","zone":"Europe/Berlin"}`},
		"a channel with unknown options":  {"POST", "/api/v1/channels", `{"name":"sms-new","adapter":"sms","options":{"acount":"x"}}`},
		"a channel of an unknown adapter": {"POST", "/api/v1/channels", `{"name":"sms-new","adapter":"pigeon","options":{}}`},
		"a file with an unknown column":   {"POST", group + "/imports", "ref,sms,consnet\nx,+447700900900,yes\n"},
		"a file with a bad number":        {"POST", group + "/imports", row("n-1,Ann,en,+4477,"+consent) + "n-2,Bea,en,+447700900901," + consent + "\n"},
		"a file with a control character": {"POST", group + "/imports", row("n-3,An\x07n,en,+447700900902," + consent)},
		"a file that is no text":          {"POST", group + "/imports", row("n-4,\xff\xfe,en,+447700900903," + consent)},
		"half a consent":                  {"POST", group + "/imports", row("n-5,Ann,en,+447700900904,,reports,,,,")},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			status, answer := ask(t, w, c.method, c.path, c.body)
			refused := status >= 400 && status < 500
			if strings.HasSuffix(c.path, "/imports") { // its report says what is wrong, line by line
				refused = refused || strings.Contains(answer, `"published":false`) && strings.Contains(answer, `"line"`)
			} else if refused && !strings.Contains(answer, `"detail"`) {
				t.Errorf("the refusal does not say what is wrong: %s", answer)
			}
			if !refused {
				t.Errorf("status %d: %s", status, answer)
			}
		})
	}
	if all, err := w.API.Broadcasts(t.Context(), "harbour", 0); err != nil || len(all) != 0 {
		t.Errorf("%d broadcasts are stored, %v", len(all), err)
	}
	if all, err := w.API.Members(t.Context(), "harbour", 0); err != nil || len(all) != 3 {
		t.Errorf("%d members are stored, %v", len(all), err)
	}
	if all, err := w.API.Groups(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d groups are stored, %v", len(all), err)
	}
	if all, err := w.API.Channels(t.Context(), ""); err != nil || len(all) != 2 {
		t.Errorf("%d channels are stored, %v", len(all), err)
	}
	if resp, err := http.Get(w.URL + "/metrics"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the metrics are open to anybody: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	if n := w.Box.Stats().Received; n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	var fault *gateway.Fault
	if _, err := w.API.Submit(t.Context(), "nowhere", gateway.Draft{}); !errors.As(err, &fault) {
		t.Errorf("a group that does not exist: %v", err)
	}
}

// ask makes one request as the operator.
func ask(t *testing.T, w *apptest.World, method, path, body string) (int, string) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(w.Data(), "operator.token"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
	r.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(path, "/imports") {
		r.Header.Set("Content-Type", "text/csv")
	}
	r.Header.Set("Idempotency-Key", gateway.NewID().String())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}
