package matrix

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// verdict says what one of Matrix's error codes means for the message.
type verdict struct {
	code    string // errcode
	class   channels.Class
	scope   channels.Scope
	detail  string
	trouble channels.Trouble
}

// verdicts lists the error codes (client-server API, "Standard error response", and each endpoint's); codes that are not here
// go by their status. A server error stays in doubt whatever its code.
var verdicts = [...]verdict{
	{"M_UNKNOWN_TOKEN", channels.Auth, channels.ScopeSender, "the homeserver does not accept the token; log in again and correct it", ""},
	{"M_MISSING_TOKEN", channels.Auth, channels.ScopeSender, "the homeserver does not accept the token; log in again and correct it", ""},
	{"M_USER_DEACTIVATED", channels.Auth, channels.ScopeSender, "the account was deactivated", channels.TroubleUnregistered},
	{"M_USER_LOCKED", channels.Auth, channels.ScopeSender, "the account is locked; ask whoever runs the homeserver", channels.TroubleUnregistered},
	{"M_USER_SUSPENDED", channels.Auth, channels.ScopeSender, "the account is suspended; ask whoever runs the homeserver", channels.TroubleUnregistered},
	{"M_CONSENT_NOT_GIVEN", channels.Auth, channels.ScopeSender, "the account must agree to the homeserver's terms; log in once", channels.TroubleUnregistered},
	{"M_RESOURCE_LIMIT_EXCEEDED", channels.Temporary, channels.ScopeChannel, "the homeserver has reached a limit of its own; ask whoever runs it", ""},
	{"M_LIMIT_EXCEEDED", channels.Throttled, channels.ScopeSender, "the homeserver asks to wait; let whoever runs it lift the account's rate, or lower per_second", ""},
	{"M_FORBIDDEN", channels.Permanent, channels.ScopeAddress, "the account is not in the room, or may not write there; invite it", ""},
	{"M_GUEST_ACCESS_FORBIDDEN", channels.Permanent, channels.ScopeAddress, "the account is a guest, and may not write there", ""},
	{"M_NOT_FOUND", channels.Permanent, channels.ScopeAddress, "there is no such room", ""},
	{"M_UNSUPPORTED_ROOM_VERSION", channels.Permanent, channels.ScopeAddress, "the homeserver is too old for the room", ""},
	{"M_TOO_LARGE", channels.Permanent, channels.ScopeContent, "the message is too long for Matrix", ""},
	{"M_BAD_JSON", channels.Permanent, channels.ScopeContent, "the homeserver does not understand the message", ""},
	{"M_NOT_JSON", channels.Permanent, channels.ScopeContent, "the homeserver does not understand the message", ""},
	{"M_INVALID_PARAM", channels.Permanent, channels.ScopeContent, "the homeserver does not understand the message", ""},
	{"M_UNRECOGNIZED", channels.Auth, channels.ScopeChannel, "what is at the channel's base_url is no homeserver, or too old a one", ""},
}

var codeForm = regexp.MustCompile(`^[A-Z_]{1,60}$`)

// refusal judges an answer that is no yes.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	var said struct {
		Code  string  `json:"errcode"`
		After float64 `json:"retry_after_ms"`
	}
	own := json.Unmarshal(resp.Body, &said) == nil && codeForm.MatchString(said.Code)
	switch {
	case resp.Status >= 500, resp.Status < 400:
	case !own && e.Class == channels.Permanent:
		// A homeserver explains itself in JSON, so it was another that refused.
		e.Class, e.Scope, e.Detail = channels.Auth, channels.ScopeChannel, "what is at the channel's base_url is no homeserver; check it"
	case own:
		e.Code = said.Code
		for _, v := range verdicts {
			if v.code == said.Code {
				e.Class, e.Scope, e.Detail, e.Trouble = v.class, v.scope, v.detail, v.trouble
			}
		}
		if e.Class == channels.Throttled && e.RetryAfter == 0 && said.After > 0 {
			e.RetryAfter = time.Duration(min(said.After, float64(httpsend.MaxRetryAfter/time.Millisecond))) * time.Millisecond
		}
	}
	return e
}
