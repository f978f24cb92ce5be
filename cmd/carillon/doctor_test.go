package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// Doctor says which role nobody has, and which processes read another operator's file than the rest.
func TestDoctorLooksAtProcesses(t *testing.T) {
	front, back := gateway.ProcessStatus{Roles: []string{"api", "inbound"}, File: "f1"}, gateway.ProcessStatus{Roles: []string{"scheduler", "relay"}, File: "f1"}
	sender := func(file string) gateway.ProcessStatus {
		return gateway.ProcessStatus{Roles: []string{"sender"}, File: file}
	}
	for name, c := range map[string]struct {
		processes []gateway.ProcessStatus
		want      string // nothing: all is well
	}{
		"all":                       {[]gateway.ProcessStatus{front, back, sender("f1")}, ""},
		"one of the release before": {[]gateway.ProcessStatus{front, back, sender("")}, ""},
		"nobody sends":              {[]gateway.ProcessStatus{front, back}, "nobody has the role sender: start carillon serve --roles sender"},
		"two files":                 {[]gateway.ProcessStatus{front, back, sender("f2"), sender("f2")}, "different operator's files (api+inbound, scheduler+relay; another: sender, sender)"},
	} {
		if f := shared(c.processes); f.OK != (c.want == "") || !strings.Contains(f.Text, c.want) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// A gateway that is not ready is told of once, with its address and each reason once, and so is one that does not answer. With
// --config the gateway of that file is asked, and its ledger looked for.
func TestDoctorSaysWhatIsNotReadyOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusServiceUnavailable, `{"code":"unavailable","detail":"not ready: Redis is full","errors":[{"text":"Redis is full"}]}`)
	}))
	defer server.Close()
	at := server.Listener.Addr().String()
	dir := t.TempDir()
	file := filepath.Join(dir, "carillon.yaml")
	for name, text := range map[string]string{
		"key": base64.StdEncoding.EncodeToString(make([]byte, 32)), "index": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)),
		"carillon.yaml": "listen: " + at + "\ndata: data\nkeys:\n  - id: k1\n    secret: {file: key}\nindex_key: {file: index}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ args, server, want string }{
		{"doctor --health", server.URL, "carillon: the gateway at " + server.URL + " is not ready: Redis is full"},
		{"doctor", "http://127.0.0.1:1", "carillon: no gateway answers at http://127.0.0.1:1; is"},
		{"doctor --config " + file, "", "the gateway at " + server.URL + " is not ready: Redis is full"},
		{"doctor --config " + file, "", "none yet in " + filepath.Join(dir, "data")},
	} {
		var out bytes.Buffer
		sh := &shell{in: strings.NewReader(""), out: &out, err: &out, lookup: func(name string) (string, bool) {
			return c.server, name == "CARILLON_SERVER" && c.server != ""
		}}
		code := sh.run(t.Context(), strings.Fields(c.args))
		if said := out.String(); code != exitFailed || !strings.Contains(said, c.want) || strings.Count(said, "ready") > 1 || strings.Count(said, "is full") > 1 {
			t.Errorf("%s: exit %d, %s", c.args, code, said)
		}
	}
}

// What a provider says of a channel that it refuses is told once, though the channel is paused for it and has an incident.
func TestARefusalIsToldOnce(t *testing.T) {
	h := gateway.ChannelHealth{Paused: gateway.PauseAuth, Code: "20003", Detail: "it refuses the credentials"}
	text := condition(h, &gateway.Incident{Trouble: "credentials", Code: h.Code, Detail: h.Detail}, "closed", "", false, nil)
	if strings.Count(text, "20003") != 1 || !strings.Contains(text, "incident since") {
		t.Error(text)
	}
}

// Doctor looks whether providers and members find a gateway where the file says.
func TestDoctorLooksAtThePublicAddress(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("it asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	if f := examinePublic(t.Context(), server.URL+"/"); !f.OK {
		t.Error(f.Text)
	}
	status = http.StatusBadGateway
	if f := examinePublic(t.Context(), server.URL); f.OK || !strings.Contains(f.Text, "answers 502") {
		t.Error(f.Text)
	}
	server.Close()
	if f := examinePublic(t.Context(), server.URL); f.OK || !strings.Contains(f.Text, "nobody answers") || strings.Count(f.Text, server.URL) != 2 {
		t.Error(f.Text)
	}
}
