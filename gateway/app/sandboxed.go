package app

import (
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// sandboxed notices whether a provider that this process talks to over HTTP is the sandbox, by what it answers. It is safe for
// concurrent use.
type sandboxed struct {
	*http.Transport
	log  *slog.Logger
	seen atomic.Bool
	deaf atomic.Bool // it brings no text messages to a webhook
}

// RoundTrip implements http.RoundTripper.
func (s *sandboxed) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.Transport.RoundTrip(r)
	if err != nil {
		return answer, err
	}
	said := answer.Header.Get(sandbox.Header)
	if said != "" && !s.seen.Swap(true) {
		s.log.Warn("a channel speaks to the sandbox: nobody gets anything from it")
	}
	if said == sandbox.Hooked || said == sandbox.Unhooked {
		s.deaf.Store(said == sandbox.Unhooked)
	}
	return answer, err
}

var _ http.RoundTripper = (*sandboxed)(nil)
