package voice

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/phone"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

// ParseWebhook reads what became of a call, and a key that was pressed. Which answer the key stands for is in the URL that
// Twilio was given, and the signature covers it.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	form, ok := a.validator.Check(r.URL.RawQuery, body, r.Header.Get(twilio.SignatureHeader))
	switch {
	case !ok:
		return nil, channels.ErrForged
	case r.Method != http.MethodPost:
		return nil, errors.New("webhook: Twilio is set to call with GET; set it to POST")
	case form == nil || form.Get("CallSid") == "":
		return nil, nil
	}
	q, sid := r.URL.Query(), form.Get("CallSid")
	if digit := form.Get("Digits"); digit != "" {
		action := q.Get("k" + digit)
		to, err := phone.ParseNumber(form.Get("To"), "")
		if action == "" || err != nil {
			return nil, nil // a key without an answer
		}
		return []channels.Event{{ID: sid + ":key:" + digit, Inbound: &channels.Inbound{From: to, To: form.Get("From"), Action: action, ReplyTo: sid}}}, nil
	}
	return ended(form, sid, q), nil
}

// ended makes the event of a call that is over. One that was taken counts as delivered, by whoever or whatever took it: only a key
// proves a person.
func ended(form url.Values, sid string, q url.Values) []channels.Event {
	part, err := strconv.Atoi(q.Get("p"))
	if err != nil || part < 0 {
		part = 0
	}
	status := form.Get("CallStatus")
	out := &channels.Receipt{Attempt: q.Get("a"), PartNo: part, ProviderID: sid, Status: channels.StatusDelivered}
	if status != "completed" {
		for _, e := range endings {
			if e.status == status {
				out.Status, out.Err = channels.StatusFailed, &channels.Error{Class: channels.Temporary, Scope: e.scope, Code: status, RetryAfter: e.wait, Detail: e.detail}
			}
		}
		if out.Err == nil {
			return nil // it goes on
		}
	}
	return []channels.Event{{ID: sid + ":" + status, Receipt: out}}
}

// WebhookReply hangs up once a key was pressed (twilio.com/docs/voice/twiml/hangup). What became of a call wants no answer.
func (a *Adapter) WebhookReply(_ context.Context, body []byte, _ channels.Outcome) (contentType string, reply []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("Digits") == "" {
		return "", nil
	}
	return "text/xml", []byte("<Response><Hangup/></Response>")
}

// ending is how a call may end that nobody took.
type ending struct {
	status string // CallStatus (help.twilio.com, "What are the possible call statuses, and what do they mean?")
	scope  channels.Scope
	wait   time.Duration
	detail string
}

var endings = [...]ending{
	{"busy", channels.ScopeAddress, time.Minute, "the line was busy"},
	{"no-answer", channels.ScopeAddress, 2 * time.Minute, "nobody took the call"},
	{"failed", channels.ScopeAddress, 2 * time.Minute, "the carrier could not put the call through"},
	{"canceled", channels.ScopeChannel, time.Minute, "the call was cancelled at Twilio"},
}

// verdict says what one of Twilio's codes means for a call. Each is described at https://www.twilio.com/docs/api/errors/CODE.
type verdict struct {
	code    int
	class   channels.Class
	scope   channels.Scope
	detail  string
	trouble channels.Trouble
}

var verdicts = [...]verdict{
	{20003, channels.Auth, channels.ScopeSender, "Twilio refuses the credentials; check account_sid and auth_token", ""},
	{20005, channels.Auth, channels.ScopeSender, "the Twilio account is not active; look at it in Twilio's console", channels.TroubleUnpaid},
	{20404, channels.Auth, channels.ScopeSender, "Twilio does not know the account; check account_sid", ""},
	{20429, channels.Throttled, channels.ScopeChannel, "too many requests to Twilio at once; this one was not handled", ""},
	{21210, channels.Permanent, channels.ScopeSender, "the number that calls is not verified; check from", channels.TroubleUnregistered},
	{21211, channels.Permanent, channels.ScopeAddress, "this is not a valid phone number", ""},
	{21212, channels.Permanent, channels.ScopeSender, "the number that calls is not valid; check from", channels.TroubleUnregistered},
	{21213, channels.Permanent, channels.ScopeSender, "no number was given that calls; set from", channels.TroubleUnregistered},
	{21214, channels.Permanent, channels.ScopeAddress, "this number cannot be called", ""},
	{21215, channels.Permanent, channels.ScopeSender, "the account may not call this country; enable it under Voice Geographic Permissions", ""},
	{21216, channels.Permanent, channels.ScopeSender, "Twilio blocks this call: for fear of fraud, by law, or, to numbers that begin with +1, because the account has no primary customer profile; ask Twilio", ""},
	{21217, channels.Permanent, channels.ScopeAddress, "this is not a valid phone number", ""},
	{21219, channels.Permanent, channels.ScopeSender, "a trial account calls verified numbers only; upgrade it", channels.TroubleUnpaid},
	{573002, channels.Permanent, channels.ScopeSender, "a trial account calls this number from the number only that Twilio assigned to it; upgrade it", channels.TroubleUnpaid},
	{573005, channels.Permanent, channels.ScopeSender, "a trial account calls verified numbers only; upgrade it", channels.TroubleUnpaid},
}

// ofCall gives the error of a failed request. A server error stays Unknown whatever its code says: it may ring.
func ofCall(err error) *channels.Error {
	var refused *twilio.Error
	if !errors.As(err, &refused) {
		return channels.AsError(err)
	}
	e := *refused.ByStatus
	if refused.Code != 0 {
		e.Code = strconv.Itoa(refused.Code)
	}
	for _, v := range verdicts {
		if v.code == refused.Code && refused.Status < http.StatusInternalServerError {
			e.Class, e.Scope, e.Detail, e.Trouble = v.class, v.scope, v.detail, v.trouble
		}
	}
	e.RetryAfter, e.Cause = max(e.RetryAfter, refused.RetryAfter), refused
	return &e
}
