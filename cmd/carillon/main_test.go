package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"carillon": main})
}

// TestCommands runs the stories in testdata/script: what is typed, what is printed, how it ends. Stories about a
// server bring its answers along: the file answers/POST/api/v1/….json is what it says to that request, ….json.problem is what
// it refuses it with, and requests/ holds what it was asked.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(standIn{env.WorkDir})
			env.Defer(server.Close)
			env.Setenv("CARILLON_SERVER", server.URL)
			env.Setenv("CARILLON_TOKEN_FILE", "token")
			return os.WriteFile(filepath.Join(env.WorkDir, "token"), []byte("crl_test\n"), 0o600)
		},
	})
}

// standIn answers from files. It holds the command line against the API's documents, not against a gateway: package
// apptest does that.
type standIn struct{ dir string }

func (s standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := filepath.Join(r.Method, filepath.FromSlash(r.URL.Path)) + ".json"
	asked := filepath.Join(s.dir, "requests", name)
	_ = os.MkdirAll(filepath.Dir(asked), 0o700)
	f, err := os.Create(asked)
	if err == nil {
		_, _ = f.ReadFrom(r.Body)
		_ = f.Close()
	}
	if r.URL.Path != "/readyz" && r.Header.Get("Authorization") != "Bearer crl_test" {
		problem(w, http.StatusUnauthorized, `{"code":"no-token","detail":"no such token"}`)
		return
	}
	if refusal, err := os.ReadFile(filepath.Join(s.dir, "answers", name+".problem")); err == nil {
		problem(w, http.StatusUnprocessableEntity, string(refusal))
		return
	}
	answer, err := os.ReadFile(filepath.Join(s.dir, "answers", name))
	if err != nil {
		problem(w, http.StatusNotFound, `{"code":"not-found","detail":"no answer for `+r.Method+" "+r.URL.Path+`"}`)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

func problem(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
