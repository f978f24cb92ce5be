package webhook

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// verdict says what a status means that the receiver does not explain.
type verdict struct {
	status int // HTTP
	class  channels.Class
	scope  channels.Scope
	detail string
}

// verdicts lists the statuses that mean something of their own here (spec/standard-webhooks.md, "Delivery success and failure":
// 410 disables the endpoint); for others see httpsend.FromStatus. A channel that is paused for such a reason goes on by itself
// once a check passes.
var verdicts = [...]verdict{
	{400, channels.Permanent, channels.ScopeContent, "the receiver does not understand the message"},
	{401, channels.Auth, channels.ScopeSender, "the receiver does not accept the signature; check that it has the same secret, and its clock"},
	{403, channels.Auth, channels.ScopeSender, "the receiver does not accept the signature; check that it has the same secret, and its clock"},
	{404, channels.Auth, channels.ScopeChannel, "there is no receiver at the channel's url; check it"},
	{405, channels.Auth, channels.ScopeChannel, "what is at the channel's url takes no events; check it"},
	{409, channels.Unknown, channels.ScopeChannel, "the receiver says that it has the message already, or is at work on it"},
	{410, channels.Auth, channels.ScopeChannel, "the receiver says that it wants no more events; the channel is paused until a check passes"},
	{413, channels.Permanent, channels.ScopeContent, "the message is too long for the receiver"},
	{422, channels.Permanent, channels.ScopeAddress, "the receiver does not know the person, or cannot reach her"},
}

// refused is the explanation that a receiver may give in JSON.
type refused struct {
	Class      string `json:"class"`
	Scope      string `json:"scope"`
	Code       string `json:"code"`
	RetryAfter int    `json:"retry_after"` // seconds
}

// classes are those that a receiver may name.
var classes = map[string]channels.Class{
	"unknown": channels.Unknown, "temporary": channels.Temporary, "throttled": channels.Throttled, "permanent": channels.Permanent, "gone": channels.Gone,
}

var scopes = []channels.Scope{channels.ScopeAddress, channels.ScopeContent, channels.ScopeSender, channels.ScopeChannel}

// codeForm is that of codes which are told: short, and with nothing in it that could be an address.
var codeForm = regexp.MustCompile(`^[a-z][a-z_-]{0,39}$`)

// refusal judges an answer that is no yes: by what the receiver explains, or else by its status.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	var said refused
	if resp.Status < 500 && resp.Status >= 400 && json.Unmarshal(resp.Body, &said) == nil {
		if e := said.read(); e != nil {
			if e.Code == "" {
				e.Code = strconv.Itoa(resp.Status)
			}
			e.RetryAfter = max(e.RetryAfter, httpsend.RetryAfter(resp.Header, a.now()))
			return e
		}
	}
	for _, v := range verdicts {
		if v.status == resp.Status {
			return &channels.Error{Class: v.class, Scope: v.scope, Code: strconv.Itoa(v.status), Detail: v.detail}
		}
	}
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	if e.Class == channels.Temporary && resp.Status < http.StatusBadRequest {
		e.Detail = "the receiver's url leads elsewhere; check the channel's url"
	}
	return e
}

// read gives the error that an explanation stands for; nil if it names no class.
func (r refused) read() *channels.Error {
	class, known := classes[r.Class]
	if !known {
		return nil
	}
	e := &channels.Error{Class: class, Scope: channels.Scope(r.Scope), Detail: "the receiver refuses the message"}
	switch {
	case class == channels.Gone:
		e.Scope, e.Detail = channels.ScopeAddress, "the receiver says that the person wants or gets no more"
	case !slices.Contains(scopes, e.Scope):
		e.Scope = channels.ScopeChannel
	}
	if codeForm.MatchString(r.Code) {
		e.Code = r.Code
	}
	e.RetryAfter = min(time.Duration(max(r.RetryAfter, 0))*time.Second, httpsend.MaxRetryAfter)
	return e
}
