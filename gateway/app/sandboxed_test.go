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
