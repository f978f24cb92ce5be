package httpsend

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// MaxRetryAfter is the longest wait that a provider is granted; longer demands are cut to it.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads the Retry-After header (RFC 9110, 10.2.3): whole seconds or a date, as seen at now. It is zero
// if the header is missing, negative, past or nonsense, and never over MaxRetryAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if isDigits(text) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter)
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// FromStatus gives the error that a bare HTTP status means when the provider's own code says nothing better; nil for
// 200 to 299. A server error is Unknown, for it may come after the work was done.
func FromStatus(status int, h http.Header, now time.Time) *channels.Error {
	e := &channels.Error{Scope: channels.ScopeChannel, Code: strconv.Itoa(status)}
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusTooManyRequests:
		e.Class, e.RetryAfter = channels.Throttled, RetryAfter(h, now)
		e.Detail = "the provider says that too many requests came at once"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Class, e.Scope = channels.Auth, channels.ScopeSender
		e.Detail = "the provider refuses the channel's credentials; check them in the channel's options"
	case status >= 500, status < 200, status == http.StatusRequestTimeout:
		e.Class, e.RetryAfter = channels.Unknown, RetryAfter(h, now)
		e.Detail = "the provider failed while handling the message and may have taken it"
	case status < 400:
		e.Class = channels.Temporary
		e.Detail = "the provider's address redirects elsewhere; check the channel's base_url"
	default:
		e.Class, e.Scope = channels.Permanent, channels.ScopeContent
		e.Detail = "the provider refuses the request"
	}
	return e
}
