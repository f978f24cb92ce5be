package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// Every answer of the sandbox tells that it is one, also that to a stranger; no other server's does.
func TestTheSandboxIsNoticed(t *testing.T) {
	box := sandbox.New(sandbox.Options{})
	defer box.Close()
	for want, handler := range map[bool]http.Handler{true: box.Handler(), false: http.NotFoundHandler()} {
		server := httptest.NewServer(handler)
		defer server.Close()
		for _, path := range []string{"/2010-04-01/Accounts/AC0/Messages.json", "/bot1:x/getMe", "/api/v4/users/me"} {
			s := &sandboxed{Transport: httpsend.Transport(), log: slog.New(slog.DiscardHandler)}
			answer, err := (&http.Client{Transport: s}).Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if s.seen.Load() != want {
				t.Errorf("%s: noticed is %t, want %t", path, s.seen.Load(), want)
			}
			s.CloseIdleConnections()
		}
	}
}

// It is noticed whether text messages to the sandbox reach anybody, as soon as the account is asked for anything, also after that
// has changed; what is said about others does not touch that.
func TestADeafSandboxIsNoticed(t *testing.T) {
	box := sandbox.New(sandbox.Options{})
	defer box.Close()
	server := httptest.NewServer(box.Handler())
	defer server.Close()
	s := &sandboxed{Transport: httpsend.Transport(), log: slog.New(slog.DiscardHandler)}
	defer s.CloseIdleConnections()
	const sid, token = "AC00000000000000000000000000000001", "00000000000000000000000000000001"
	ask := func(path string, want bool) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.SetBasicAuth(sid, token)
		answer, err := (&http.Client{Transport: s}).Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if s.deaf.Load() != want {
			t.Errorf("%.5s: deaf is %t, want %t", path, s.deaf.Load(), want)
		}
	}
	account := "/2010-04-01/Accounts/" + sid + ".json"
	ask("/bot1:x/getMe", false)
	box.Account(sandbox.Account{SID: sid, Token: token})
	ask(account, true)
	ask("/bot1:x/getMe", true)
	box.Account(sandbox.Account{SID: sid, Token: token, SMSURL: server.URL})
	ask(account, false)
}
