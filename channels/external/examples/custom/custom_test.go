package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
)

const token = "kit-token-of-the-harbour"

// startChat starts a chat server that misbehaves as the kit wants it to.
func startChat() (channeltest.Double, func(), error) {
	say := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	f, stop, err := channeltest.NewFake(channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var m struct{ To, Text string }
			if r.URL.Path != "/messages" || json.Unmarshal(body, &m) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: m.To, Text: m.Text}, true
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte, kept *channeltest.Seen) {
			switch {
			case r.Header.Get("Authorization") != "Bearer "+token:
				say(w, http.StatusUnauthorized, map[string]string{})
			case kept != nil:
				say(w, http.StatusOK, map[string]string{"id": kept.ID})
			default:
				say(w, http.StatusOK, map[string]string{"name": "carillon"})
			}
		},
		Refuse: func(w http.ResponseWriter, status int, text string) { say(w, status, map[string]string{"error": text}) },
	})
	return f, stop, err
}

// TestConformance holds the adapter against the kit that ours are held against.
func TestConformance(t *testing.T) {
	for _, c := range channeltest.Checks(channeltest.Subject{
		Start: startChat,
		Make: func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return New(channels.Settings{Name: "kit", HookURL: hook, Options: []byte(`{"base_url":"` + d.URL() + `","token":"` + token + `"}`)})
		},
		Valid:   map[string]channels.Address{"anna.berg": "anna.berg", " Anna.Berg ": "anna.berg"},
		Invalid: []string{"", "two words", "-x", strings.Repeat("a", 65)},
		People:  []channels.Address{"person.one-8127", "person.two-8128", "person.three-8129"},
		Secrets: []string{token},
		Read:    func(p channels.Part) (channeltest.Shape, error) { return channeltest.Shape{Text: p.Text}, nil },
	}) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}

// TestTheProgram builds the gateway, gives it a channel of the new sort, sees it become ready, and stops it.
func TestTheProgram(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "custom")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	settings := `keys: [{id: a, secret: {env: TEST_KEY}}]
index_key: {env: TEST_KEY}
data: data
listen: 127.0.0.1:0
channels:
  - name: harbour
    adapter: harbourchat
    options: {base_url: "http://127.0.0.1:9", token: {env: CHAT_TOKEN}}
`
	if err := os.WriteFile(filepath.Join(dir, "carillon.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CARILLON_") }) // as of a gateway that runs here
	cmd.Env = append(cmd.Env, "CHAT_TOKEN="+token, "TEST_KEY="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	ready := false
	var said []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said = append(said, lines.Text())
		if !ready && strings.Contains(lines.Text(), "the gateway is ready") {
			ready = true
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || !ready {
		t.Errorf("%v\n%s", err, strings.Join(said, "\n"))
	}
}
