package mattermost

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// wire is the transport under the library's client: one attempt, whole bounded answers, and an *channels.Error that says
// whether anything may have left.
type wire struct{ sender *httpsend.Sender }

// RoundTrip makes one attempt.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := w.sender.Do(req)
	if err != nil && (answer == nil || answer.Status != http.StatusTooManyRequests) {
		return nil, err
	}
	return &http.Response{
		StatusCode: answer.Status,
		Status:     strconv.Itoa(answer.Status),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     answer.Header,
		Body:       io.NopCloser(bytes.NewReader(answer.Body)),
		Request:    req,
	}, nil
}

// failure turns what the library returned into an error; to is the kind of peer that was written to: "person", "channel"
// or empty. The library's own error may quote what was sent, so nothing of it is kept.
func (a *Adapter) failure(resp *model.Response, err error, to string) *channels.Error {
	if resp == nil {
		var own *channels.Error
		if errors.As(err, &own) {
			return own
		}
		return &channels.Error{
			Class: channels.Temporary, Scope: channels.ScopeChannel,
			Detail: "no request could be made; check the channel's base_url",
		}
	}
	var refusal *model.AppError
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		// The server's limiter and most proxies answer this in plain text.
		return &channels.Error{
			Class: channels.Throttled, Scope: channels.ScopeChannel, Code: "429", RetryAfter: rateWait(resp.Header, a.now()),
			Detail: "the server says that too many requests came at once",
		}
	case errors.As(err, &refusal) && refusal.Id != "":
		return refused(resp.StatusCode, refusal.Id, to)
	}
	e := httpsend.FromStatus(resp.StatusCode, resp.Header, a.now())
	switch {
	case e == nil:
		return &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel, Code: strconv.Itoa(resp.StatusCode),
			Detail: "the answer is not Mattermost's; the message may have been taken",
		}
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		e.Detail = "the message is too long for the server, or for a proxy before it"
	case e.Class == channels.Auth, e.Class == channels.Permanent:
		// Mattermost itself explains every refusal in JSON, so somebody on the way refused.
		e.Class, e.Scope = channels.Temporary, channels.ScopeChannel
		e.Detail = "something between us and Mattermost refuses the request; check proxy and base_url"
	}
	return e
}

// ofRead gives the error of a request that sends no message: no doubt follows from its failure.
func ofRead(e *channels.Error) *channels.Error {
	if e.Class != channels.Unknown {
		return e
	}
	out := *e
	out.Class, out.Detail = channels.Temporary, "Mattermost could not be asked just now; nothing was sent"
	return &out
}

// epochs is the number from which X-RateLimit-Reset must be a time: as seconds to wait it would be three years.
const epochs = 1e8

// rateWait reads how long a 429 asks to wait. Retry-After says it; else X-RateLimit-Reset does, which is documented as
// UTC epoch seconds and sent as seconds from now, so both are taken.
func rateWait(h http.Header, now time.Time) time.Duration {
	if wait := httpsend.RetryAfter(h, now); wait > 0 {
		return wait
	}
	n, err := strconv.ParseInt(strings.TrimSpace(h.Get("X-RateLimit-Reset")), 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	if n < epochs {
		return min(time.Duration(n)*time.Second, httpsend.MaxRetryAfter)
	}
	return min(max(time.Unix(n, 0).Sub(now), 0), httpsend.MaxRetryAfter)
}

var _ http.RoundTripper = wire{}
