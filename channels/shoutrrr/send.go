package shoutrrr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// errOnce ends a second request, which the library makes where it takes the first for failed.
var errOnce = errors.New("one attempt is one request")

// exchange makes the one request that the library wrote, within the attempt's time, and remembers how it went. It belongs to one
// Send.
type exchange struct {
	ctx    context.Context
	sender *httpsend.Sender
	made   bool
	resp   *httpsend.Response
	err    error
}

// RoundTrip makes the first request and no other. What the library sets a time for is left to the attempt's own.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if x.made {
		return nil, errOnce
	}
	x.made = true
	x.resp, x.err = x.sender.Do(req.WithContext(x.ctx))
	if x.resp == nil {
		return nil, errOnce
	}
	return &http.Response{
		Status: strconv.Itoa(x.resp.Status) + " " + http.StatusText(x.resp.Status), StatusCode: x.resp.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: x.resp.Header, Body: io.NopCloser(bytes.NewReader(x.resp.Body)), ContentLength: int64(len(x.resp.Body)), Request: req,
	}, nil
}

// Send has the library write one message for one address. What became of it is told by the answer and by nothing that the library
// says, whose errors hold the URL.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	to := m.To.Reveal()
	if canonical, err := a.ParseAddress(to); err != nil || canonical != m.To {
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeAddress, Detail: "this is no address of the channel's service"}
	}
	at, err := url.Parse(strings.ReplaceAll(a.opts.URL.Reveal(), hole, to))
	if err != nil {
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeAddress, Detail: "the address does not fit into the channel's url"}
	}
	if m.Neutral {
		q := at.Query()
		for _, key := range a.service.hidden {
			q.Del(key)
		}
		at.RawQuery = q.Encode()
	}
	ready, err := a.service.ready(at)
	if err != nil {
		return channels.Sent{}, &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Detail: "the library does not take the channel's url; check it"}
	}
	params := types.Params{}
	if m.Urgent {
		for key, value := range a.service.urgent {
			params[key] = value
		}
	}
	x := &exchange{ctx: ctx, sender: a.sender}
	ready.through(x)
	err = ready.send(m.Part.Text, params)
	switch {
	case !x.made:
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the library does not take the message; nothing was sent"}
	case x.resp == nil:
		return channels.Sent{}, channels.AsError(x.err)
	case x.resp.Status >= 300 || x.resp.Status < 200:
		return channels.Sent{}, a.refusal(x.resp)
	case x.err != nil:
		return channels.Sent{}, channels.AsError(x.err)
	}
	id, ok := a.accepted(x.resp)
	if !ok || err != nil {
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "what answered says neither yes nor no; the message may have been taken"}
	}
	if id == "" { // a webhook of Discord's says nothing
		id = m.Key
	}
	return channels.Sent{ProviderID: id}, nil
}

// accepted reads a yes, and the id that it gives.
func (a *Adapter) accepted(resp *httpsend.Response) (id string, ok bool) {
	if a.service.name == "discord" {
		return "", resp.Status == http.StatusNoContent
	}
	var said struct {
		ID      json.Number `json:"id"`        // Gotify
		Request string      `json:"request"`   // Pushover
		Status  any         `json:"status"`    // Pushover: 1; PagerDuty: success
		Dedup   string      `json:"dedup_key"` // PagerDuty
	}
	if json.Unmarshal(resp.Body, &said) != nil {
		return "", false
	}
	switch a.service.name {
	case "gotify":
		return said.ID.String(), said.ID != ""
	case "pushover":
		return said.Request, said.Status == float64(1) && said.Request != ""
	}
	return said.Dedup, said.Status == "success" && said.Dedup != ""
}

// verdict says what one answer of a service means.
type verdict struct {
	service string
	status  int
	sign    string // what the answer says beside its status, if it must; see saysSo
	class   channels.Class
	scope   channels.Scope
	detail  string
}

// verdicts lists the answers that mean something of their own: pushover.net/api ("API Responses"); gotify/server, api/message.go
// and auth/authentication.go; Discord's documentation, "JSON Error Codes"; PagerDuty's, "Response Codes & Retry Logic". Others go
// by their status.
var verdicts = [...]verdict{
	{"pushover", 400, "token", channels.Auth, channels.ScopeSender, "Pushover does not accept the application's token"},
	{"pushover", 400, "user", channels.Permanent, channels.ScopeAddress, "Pushover knows no such user, or she has no device that takes messages"},
	{"pushover", 400, "", channels.Permanent, channels.ScopeContent, "Pushover does not take the message"},
	{"pushover", 429, "", channels.Throttled, channels.ScopeSender, "the account's messages of this month are used up, or too many came at once"},
	{"gotify", 400, "", channels.Permanent, channels.ScopeContent, "the Gotify server does not take the message"},
	{"gotify", 401, "", channels.Auth, channels.ScopeSender, "the Gotify server does not accept the application's token"},
	{"gotify", 403, "", channels.Auth, channels.ScopeSender, "the Gotify server does not accept the application's token"},
	{"gotify", 404, "", channels.Auth, channels.ScopeChannel, "what is at the channel's url is no Gotify server; check it"},
	{"discord", 400, "", channels.Permanent, channels.ScopeContent, "Discord does not take the message"},
	{"discord", 401, "", channels.Auth, channels.ScopeSender, "Discord does not accept the webhook's token"},
	{"discord", 403, "", channels.Auth, channels.ScopeSender, "Discord does not accept the webhook's token"},
	{"discord", 404, "10003", channels.Permanent, channels.ScopeAddress, "Discord knows no such thread in the webhook's channel"},
	{"discord", 404, "", channels.Auth, channels.ScopeChannel, "somebody has deleted the webhook; make another"},
	{"pagerduty", 400, "", channels.Permanent, channels.ScopeContent, "PagerDuty does not take the event: its integration key is none, or the text"},
}

// saysSo tells whether an answer has a sign: the JSON code of Discord's, or of Pushover's the field that is "invalid".
func saysSo(body []byte, sign string) bool {
	var said struct {
		Code  int    `json:"code"`
		User  string `json:"user"`
		Token string `json:"token"`
	}
	if json.Unmarshal(body, &said) != nil {
		return false
	}
	switch sign {
	case "user":
		return said.User == "invalid"
	case "token":
		return said.Token == "invalid"
	}
	return strconv.Itoa(said.Code) == sign
}

// refusal judges an answer that is no yes.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	for _, v := range verdicts {
		if v.service == a.service.name && v.status == resp.Status && (v.sign == "" || saysSo(resp.Body, v.sign)) {
			e.Class, e.Scope, e.Detail = v.class, v.scope, v.detail
			if v.sign != "" {
				e.Code += " " + v.sign
			}
			break
		}
	}
	if a.service.name == "gotify" && a.several() && e.Class == channels.Auth && e.Scope == channels.ScopeSender {
		e.Class, e.Scope, e.Detail = channels.Permanent, channels.ScopeAddress, "the Gotify server does not accept the token that is her address"
	}
	return e
}
