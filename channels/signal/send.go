package signal

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// provider is what answers.
const provider = "the bridge"

// Send sends one part. Signal knows a message by its time and its sender, and takes no key of ours.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	in := map[string]any{"number": a.opts.Number, "recipients": []string{m.To.Reveal()}, "message": m.Part.Text, "text_mode": "normal"}
	var answer struct {
		Timestamp string `json:"timestamp"`
		Errors    *struct {
			Recipients []struct {
				Reason string `json:"reason"`
			} `json:"recipients"`
		} `json:"errors"`
	}
	if fail := a.call(ctx, a.sender, http.MethodPost, "/v2/send", in, &answer); fail != nil {
		return channels.Sent{}, fail
	}
	if answer.Errors != nil && len(answer.Errors.Recipients) > 0 && !strings.HasPrefix(m.To.Reveal(), "group.") {
		fail := ofWords(answer.Errors.Recipients[0].Reason)
		if fail == nil {
			fail = &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: inPart}
		}
		return channels.Sent{}, fail
	}
	if n, err := strconv.ParseInt(answer.Timestamp, 10, 64); err != nil || n <= 0 {
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "the bridge took the message and did not say which it is"}
	}
	return channels.Sent{ProviderID: idOf(answer.Timestamp, m.To.Reveal())}, nil
}

// Check asks the bridge for its accounts, and finds ours among them.
func (a *Adapter) Check(ctx context.Context) error {
	var accounts []string
	if fail := a.call(ctx, a.sender, http.MethodGet, "/v1/accounts", nil, &accounts); fail != nil {
		return httpsend.Asked(fail, provider)
	}
	if !slices.Contains(accounts, a.opts.Number) {
		return &channels.Error{
			Class: channels.Auth, Scope: channels.ScopeSender, Trouble: channels.TroubleUnregistered,
			Detail: "the bridge holds no account with this number; register or link it there",
		}
	}
	return nil
}

// call makes one request.
func (a *Adapter) call(ctx context.Context, by *httpsend.Sender, method, path string, in, into any) *channels.Error {
	var header http.Header
	if a.opts.Username != "" {
		header = httpsend.Basic(a.opts.Username, a.opts.Password)
	}
	_, fail := by.JSON(ctx, httpsend.Exchange{Method: method, URL: a.opts.BaseURL + path, Header: header, In: in, Into: into, Who: provider, Refusal: a.refusal})
	return fail
}

// verdict says what words of the bridge's mean: it answers whatever went wrong with 400 and a sentence of signal-cli's.
type verdict struct {
	says    string // in lower case
	class   channels.Class
	scope   channels.Scope
	detail  string
	trouble channels.Trouble
}

// verdicts lists words; the first row that fits counts. Those in capitals are reasons for one recipient (client.go, SendV2; the
// names are signal-cli's). The others were read in api.go, in client.go and in reports of its users. What fits none is in doubt:
// signal-cli may have failed after it had sent.
var verdicts = [...]verdict{
	{"unregistered", channels.Permanent, channels.ScopeAddress, "nobody uses Signal with this number", ""},
	{"invalid number", channels.Permanent, channels.ScopeAddress, "this is no number of Signal's", ""},
	{"untrusted", channels.Permanent, channels.ScopeAddress, "her key has changed, as with a new phone; trust the new one at the bridge once you know that it is hers", ""},
	{"identity_failure", channels.Permanent, channels.ScopeAddress, "her key has changed, as with a new phone; trust the new one at the bridge once you know that it is hers", ""},
	{"proof required for sending", channels.Throttled, channels.ScopeSender, unproved, ""},
	{"rate limit", channels.Unknown, channels.ScopeSender, mayBeSent, ""},
	{"rate_limit_failure", channels.Throttled, channels.ScopeSender, "Signal asks to wait", ""},
	{"proof_required_failure", channels.Throttled, channels.ScopeSender, unproved, ""},
	{"please provide a valid number", channels.Auth, channels.ScopeSender, "the bridge does not take the account's number; check number", channels.TroubleUnregistered},
	{"not registered", channels.Auth, channels.ScopeSender, "the account is not registered with Signal any more; register or link it again", channels.TroubleUnregistered},
	{"authorization failed", channels.Auth, channels.ScopeSender, "Signal does not know the account any more; register or link it again", channels.TroubleUnregistered},
	{"specified account does not exist", channels.Auth, channels.ScopeSender, "the bridge holds no account with this number; register or link it there", channels.TroubleUnregistered},
	{"please first update your profile", channels.Permanent, channels.ScopeSender, "the account has no profile, and groups want one; set its name at the bridge", ""},
	{"group not found", channels.Permanent, channels.ScopeAddress, "the account is not in this group", ""},
	{"network_failure", channels.Unknown, channels.ScopeChannel, "the bridge could not reach Signal, and may have sent the message", ""},
}

const (
	unproved = "Signal asks for a proof that a person sends; solve the challenge at the bridge"
	// mayBeSent is what 429 is without a token of a challenge: signal-cli before 0.14.6 gives it for messages that it has sent
	// (issue 2071 there, and 881 of the bridge, of August 2026).
	mayBeSent = "the bridge says that Signal asks to wait, and names no challenge; it may have sent the message, as signal-cli does before 0.14.6"
)

const inPart = "the bridge could not send the message, and may have done so in part; its own log says more"

// ofWords gives the error of an explanation, nil if its words are not known. They may hold a number, and are not told.
func ofWords(words string) *channels.Error {
	words = strings.ToLower(words)
	for _, v := range verdicts {
		if strings.Contains(words, v.says) {
			return &channels.Error{Class: v.class, Scope: v.scope, Detail: v.detail, Trouble: v.trouble}
		}
	}
	return nil
}

// refusal judges an answer that is no yes.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	var said struct {
		Error  string   `json:"error"`
		Tokens []string `json:"challenge_tokens"`
	}
	own := json.Unmarshal(resp.Body, &said) == nil && said.Error != ""
	switch {
	case resp.Status == http.StatusBadRequest && own:
		if known := ofWords(said.Error); known != nil {
			known.Code, known.RetryAfter = e.Code, httpsend.RetryAfter(resp.Header, a.now())
			return known
		}
		e.Class, e.Scope, e.Detail = channels.Unknown, channels.ScopeChannel, inPart
	case resp.Status == http.StatusTooManyRequests && own && strings.Join(said.Tokens, "") == "":
		e.Class, e.Scope, e.Detail = channels.Unknown, channels.ScopeSender, mayBeSent
	case resp.Status == http.StatusTooManyRequests:
		e.Scope, e.Detail = channels.ScopeSender, unproved
	case e.Class == channels.Permanent:
		e.Class, e.Scope, e.Detail = channels.Auth, channels.ScopeChannel, "what is at the channel's base_url is not the bridge; check it"
	}
	return e
}
