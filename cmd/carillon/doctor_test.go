package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
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

// Doctor looks whether providers and members find a gateway where the file says. An address that this computer cannot reach is no
// fault, for a router may be why; whatever else answers there is one.
func TestDoctorLooksAtThePublicAddress(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/login":
				_, _ = w.Write([]byte(`{"alive":true}`))
			case "/healthz":
				w.Header().Set("Location", "/login") // counts with 302 only
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			default:
				t.Errorf("it asks for %s", r.URL.Path)
			}
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	secret := httptest.NewTLSServer(answer(http.StatusOK, `{"alive":true}`))
	defer secret.Close()
	secret.Config.ErrorLog = log.New(io.Discard, "", 0) // that nobody trusts it
	hangs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangs.Close()
	for _, c := range []struct {
		base    string // of a server that is there
		handler http.Handler
		ok      bool
		says    string
	}{
		{"", answer(http.StatusOK, `{"alive":true}`+"\n"), true, "answers at "},
		{"", answer(http.StatusOK, "<title>This domain is for sale</title>"), false, "something else than a gateway answers"},
		{"", answer(http.StatusOK, "{}"), false, "something else than a gateway answers"},
		{"", answer(http.StatusFound, ""), false, "answers 302"},
		{"", answer(http.StatusBadGateway, ""), false, "answers 502"},
		{gone.URL, nil, true, "cannot be reached from this computer"},
		{secret.URL, nil, false, "certificate"},
		{hangs.URL, nil, false, "no gateway answers"},
	} {
		base := c.base
		if c.handler != nil {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			base = server.URL
		}
		if f := examinePublic(t.Context(), base+"/"); f.OK != c.ok || !strings.Contains(f.Text, c.says) || !c.ok && !strings.Contains(f.Text, base) {
			t.Errorf("%s: %+v", c.says, f)
		}
	}
	if f := examinePublic(t.Context(), gone.URL); !strings.Contains(f.Text, "whether "+gone.URL+`/healthz says {"alive":true}`) {
		t.Error(f.Text)
	}
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if f := examinePublic(late, hangs.URL); !f.OK || !strings.Contains(f.Text, "cannot be reached") {
		t.Errorf("silence: %+v", f)
	}
}

// Whatever keeps a gateway from being ready, doctor says once where it asked.
func TestDoctorSaysWhereItAsked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	err := client.New(server.URL, "", nil).Ready(t.Context())
	if text := unready(err, server.URL, "; more").Error(); text != "asked at "+server.URL+": the server answered 502 Bad Gateway, which is not how a gateway answers; is CARILLON_SERVER right?" {
		t.Error(text)
	}
	server.Close()
	err = client.New(server.URL, "", nil).Ready(t.Context())
	if text := unready(err, server.URL, "; more").Error(); !strings.HasPrefix(text, "no gateway answers at "+server.URL) || strings.Count(text, server.URL) != 1 {
		t.Error(text)
	}
	// What a gateway says is told apart by its type, not by what it says.
	err = &client.NotReady{Reasons: "not ready: " + server.URL + " is full"}
	if text := unready(err, server.URL, "; more").Error(); text != "the gateway at "+server.URL+" is not ready: "+server.URL+" is full; more" {
		t.Error(text)
	}
}
