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
}

// RoundTrip implements http.RoundTripper.
func (s *sandboxed) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.Transport.RoundTrip(r)
	if err == nil && answer.Header.Get(sandbox.Header) != "" && !s.seen.Swap(true) {
		s.log.Warn("a channel speaks to the sandbox: nobody gets anything from it")
	}
	return answer, err
}

var _ http.RoundTripper = (*sandboxed)(nil)
