package ntfy

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// provider is what answers.
const provider = "the ntfy server"

// outgoing is a message to publish (docs.ntfy.sh/publish/#publish-as-json).
type outgoing struct {
	Topic    string   `json:"topic"`
	Message  string   `json:"message"`
	Title    string   `json:"title,omitempty"`
	Priority int      `json:"priority"`
	Actions  []action `json:"actions,omitempty"`
}

// action is a button that has the phone make a request (docs.ntfy.sh/publish/#send-http-request).
type action struct {
	Action  string            `json:"action"`
	Label   string            `json:"label"`
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Clear   bool              `json:"clear"` // take the notification away once the request went well
}

// Send publishes one part. The server says that it has it, never that a phone fetched it.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	out := outgoing{Topic: m.To.Reveal(), Message: m.Part.Text, Title: a.opts.Title, Priority: a.opts.Priority}
	if m.Neutral {
		out.Title = ""
	}
	if m.Urgent {
		out.Priority = a.opts.UrgentPriority
	}
	if a.presses() {
		for _, b := range m.Part.Buttons {
			p := a.press(m, b.Action)
			out.Actions = append(out.Actions, action{
				Action: "http", Label: b.Label, URL: a.hook, Method: http.MethodPost, Body: p, Clear: true,
				Headers: map[string]string{"Content-Type": "application/json", proofHeader: a.proof(a.opts.ActionSecret, p)},
			})
		}
	}
	var answer struct {
		ID    string `json:"id"`
		Event string `json:"event"`
	}
	if fail := a.call(ctx, http.MethodPost, "/", out, &answer); fail != nil {
		return channels.Sent{}, fail
	}
	if answer.ID == "" || answer.Event != "message" {
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "what answered is perhaps no ntfy server; check the channel's base_url"}
	}
	return channels.Sent{ProviderID: answer.ID}, nil
}

// call makes one request.
func (a *Adapter) call(ctx context.Context, method, path string, in, into any) *channels.Error {
	var header http.Header
	switch {
	case a.opts.Token != "":
		header = httpsend.Bearer(a.opts.Token)
	case a.opts.Username != "":
		header = httpsend.Basic(a.opts.Username, a.opts.Password)
	}
	_, fail := a.sender.JSON(ctx, httpsend.Exchange{Method: method, URL: a.opts.BaseURL + path, Header: header, In: in, Into: into, Who: provider, Refusal: a.refusal})
	return fail
}

// verdict says what one of the server's error codes means for the message.
type verdict struct {
	code   int
	class  channels.Class
	scope  channels.Scope
	detail string
}

// verdicts lists the codes that publishing may give (server/errors.go). Others go by their status.
var verdicts = [...]verdict{
	{40009, channels.Permanent, channels.ScopeAddress, "this is no topic"},
	{40010, channels.Permanent, channels.ScopeAddress, "the server keeps this topic for itself"},
	{40011, channels.Permanent, channels.ScopeContent, "the server does not understand the text"},
	{40014, channels.Permanent, channels.ScopeContent, "the text is longer than the server takes; let it take 4,096 bytes"},
	{40017, channels.Permanent, channels.ScopeContent, "the server does not understand the message"},
	{40018, channels.Permanent, channels.ScopeContent, "the server does not take the buttons"},
	{40101, channels.Auth, channels.ScopeSender, "the server does not accept token or password"},
	{40301, channels.Permanent, channels.ScopeAddress, "the user may not publish to this topic; allow it on the server with ntfy access"},
	{40401, channels.Auth, channels.ScopeChannel, "what is at the channel's base_url is no ntfy server; check it"},
	{41301, channels.Permanent, channels.ScopeContent, "the text is longer than the server takes; let it take 4,096 bytes"},
	{41303, channels.Permanent, channels.ScopeContent, "the message is longer than the server takes"},
	{42901, channels.Throttled, channels.ScopeSender, "the server asks to wait; let whoever runs it exempt the gateway, or lower per_second"},
	{42904, channels.Throttled, channels.ScopeChannel, "the server has as many topics as it may"},
	{42905, channels.Throttled, channels.ScopeSender, "the server's daily allowance is used up"},
	{42908, channels.Throttled, channels.ScopeSender, "the server's daily allowance of messages is used up"},
	{50701, channels.Permanent, channels.ScopeAddress, "nobody has subscribed to this topic of UnifiedPush"},
}

// refusal judges an answer that is no yes.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	var said struct {
		Code int `json:"code"`
	}
	own := json.Unmarshal(resp.Body, &said) == nil && said.Code > 0
	for _, v := range verdicts {
		if own && v.code == said.Code && v.code/100 == resp.Status {
			e.Class, e.Scope, e.Detail, e.Code = v.class, v.scope, v.detail, strconv.Itoa(v.code)
			return e
		}
	}
	switch {
	case own:
		e.Code = strconv.Itoa(said.Code)
	case e.Class == channels.Permanent:
		// The server explains itself in JSON, so it was another that refused.
		e.Class, e.Scope, e.Detail = channels.Auth, channels.ScopeChannel, "what is at the channel's base_url is no ntfy server; check it"
	}
	return e
}
