package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// api calls methods of the Bot API.
type api struct {
	token    string
	endpoint string
	short    *httpsend.Sender // for everything but
	long     *httpsend.Sender // getUpdates, which may wait
	now      func() time.Time
}

// call makes one attempt of one method. A 429 comes back with scope channel; the caller may know better.
func (c *api) call(ctx context.Context, sender *httpsend.Sender, method string, params tgbotapi.Params) (json.RawMessage, *channels.Error) {
	// The library takes no context, so each call has a bot of its own, whose client holds it.
	ex := &exchange{ctx: ctx, sender: sender}
	bot := &tgbotapi.BotAPI{Token: c.token, Client: ex}
	bot.SetAPIEndpoint(c.endpoint)
	resp, err := bot.MakeRequest(method, params)
	if err == nil && resp != nil {
		return resp.Result, nil
	}
	if ex.err != nil && (ex.answer == nil || ex.answer.Status != http.StatusTooManyRequests) {
		return nil, channels.AsError(ex.err)
	}
	if ex.answer == nil {
		return nil, &channels.Error{
			Class: channels.Temporary, Scope: channels.ScopeChannel,
			Detail: "no request could be made; check the channel's base_url",
		}
	}
	var refusal *tgbotapi.Error
	if errors.As(err, &refusal) {
		code := refusal.Code
		if code == 0 {
			code = ex.answer.Status
		}
		return nil, c.refused(code, refusal, ex.answer.Header)
	}
	return nil, c.unreadable(ex.answer)
}

// refused turns Telegram's own refusal into an error.
func (c *api) refused(code int, refusal *tgbotapi.Error, h http.Header) *channels.Error {
	v := judge(code, refusal.Message)
	e := &channels.Error{
		Class: v.class, Scope: v.scope, Code: strconv.Itoa(code), Detail: v.detail, OptedOut: v.detail == blocked,
		Cause: errors.New("telegram: " + safePhrase(refusal.Message)),
	}
	switch {
	case e.Class == channels.Throttled:
		e.RetryAfter = retryAfter(refusal.RetryAfter)
		if e.RetryAfter == 0 {
			e.RetryAfter = httpsend.RetryAfter(h, c.now())
		}
	case refusal.MigrateToChatID != 0:
		e.Class, e.Scope = channels.Gone, channels.ScopeAddress
		e.Detail = "the group became a supergroup and has a new address"
		// Only supergroups have topics, so a thread of the old address cannot exist in the new one.
		e.MovedTo = target{chat: strconv.FormatInt(refusal.MigrateToChatID, 10)}.address()
	}
	return e
}

// unreadable judges an answer that is not Telegram's JSON: a gateway's error page, a captive portal, garbage.
func (c *api) unreadable(answer *httpsend.Response) *channels.Error {
	e := httpsend.FromStatus(answer.Status, answer.Header, c.now())
	switch {
	case e == nil:
		return &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel, Code: strconv.Itoa(answer.Status),
			Detail: "the answer is not Telegram's; the message may have been taken",
		}
	case e.Class == channels.Auth, e.Class == channels.Permanent:
		// Telegram itself explains every refusal in JSON, so somebody on the way refused.
		e.Class, e.Scope = channels.Temporary, channels.ScopeChannel
		e.Detail = "something between us and Telegram refuses the request; check proxy and base_url"
	}
	return e
}

func retryAfter(seconds int) time.Duration {
	if seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, int(httpsend.MaxRetryAfter/time.Second))) * time.Second
}

// exchange is the HTTP client of one call: it adds the context, reads the whole bounded answer and keeps it, because
// the library shows neither the status nor what it could not decode.
type exchange struct {
	ctx    context.Context
	sender *httpsend.Sender
	answer *httpsend.Response
	err    error
}

// Do is called once by the library.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.answer, x.err = x.sender.Do(req.WithContext(x.ctx))
	if x.err != nil {
		return nil, x.err
	}
	return &http.Response{
		StatusCode: x.answer.Status,
		Header:     x.answer.Header,
		Body:       io.NopCloser(bytes.NewReader(x.answer.Body)),
		Request:    req,
	}, nil
}

var _ tgbotapi.HTTPClient = (*exchange)(nil)
