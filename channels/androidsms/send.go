package androidsms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// phoneName is what cannot be asked.
const phoneName = "the phone"

// settles is how long after an attempt its message may still be on its way to the app: nothing younger is said not to be there.
const settles = time.Minute

// expedited is the priority from which the app sends before all else and without its own limits (Message.kt,
// PRIORITY_EXPEDITED).
const expedited = 100

// outgoing is a request to send (PostMessageRequest.kt).
type outgoing struct {
	ID       string            `json:"id"`
	Text     map[string]string `json:"textMessage"`
	Numbers  []string          `json:"phoneNumbers"`
	SIM      int               `json:"simNumber,omitempty"`
	Device   string            `json:"deviceId,omitempty"`
	Report   bool              `json:"withDeliveryReport"`
	Priority int               `json:"priority,omitempty"`
	Until    string            `json:"validUntil,omitempty"`
}

// state is what app and server tell of a message (Message.kt).
type state struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Recipients []struct {
		State string `json:"state"`
		Error string `json:"error"`
	} `json:"recipients"`
}

// idOf names a message by its idempotency key, in the 36 characters that a server takes.
func idOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Send hands one text message to the phone. One that it has under this id already is not sent again, and that is well. It is
// dropped there once it has expired. Number checks of the phone's are off: they would read numbers by its own country.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	out := outgoing{
		ID: idOf(m.Key), Text: map[string]string{"text": m.Part.Text}, Numbers: []string{m.To.Reveal()},
		SIM: a.opts.SIM, Device: a.opts.DeviceID, Report: true,
	}
	if m.Urgent {
		out.Priority = expedited
	}
	if !m.Expires.IsZero() {
		if m.Expires.Sub(a.now()) < time.Second {
			return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message expired before it was sent", Cause: channels.ErrExpired}
		}
		out.Until = m.Expires.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	var answer state
	status, fail := a.call(ctx, http.MethodPost, "/messages?skipPhoneValidation=true", out, &answer)
	switch {
	case status == http.StatusConflict:
		return channels.Sent{ProviderID: out.ID}, nil
	case fail != nil:
		return channels.Sent{}, fail
	case answer.ID != out.ID:
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "what answered speaks of another message; it may have taken ours"}
	}
	return channels.Sent{ProviderID: out.ID}, nil
}

// FindStatus asks for a message by its id, which follows from its key.
func (a *Adapter) FindStatus(ctx context.Context, q channels.Query) (channels.Finding, error) {
	id := q.ProviderID
	if id == "" {
		id = idOf(q.Key)
	}
	var s state
	status, fail := a.call(ctx, http.MethodGet, "/messages/"+url.PathEscape(id), nil, &s)
	switch {
	case status == http.StatusNotFound:
		if q.ProviderID == "" && q.Key != "" && !q.Until.IsZero() && a.now().After(q.Until.Add(settles)) {
			return channels.Finding{Found: channels.NotSent}, nil
		}
		return channels.Finding{Found: channels.CannotTell}, nil // or its log was cleared
	case fail != nil:
		return channels.Finding{}, httpsend.Asked(fail, phoneName)
	}
	r := channels.Receipt{Attempt: q.Attempt, PartNo: q.PartNo, ProviderID: id}
	switch s.State {
	case "Pending", "Processed", "Sent", "Cancelling":
		r.Status = channels.StatusAccepted
	case "Delivered":
		r.Status = channels.StatusDelivered
	case "Failed", "Cancelled":
		r.Status, r.Err = channels.StatusFailed, ofReason("")
		for _, to := range s.Recipients {
			r.Err = ofReason(to.Error)
		}
	default:
		return channels.Finding{Found: channels.CannotTell}, nil
	}
	return channels.Finding{Found: channels.WasSent, Receipt: r}, nil
}

// call makes one request. The status is zero if no answer came.
func (a *Adapter) call(ctx context.Context, method, path string, in, into any) (int, *channels.Error) {
	return a.sender.JSON(ctx, httpsend.Exchange{
		Method: method, URL: a.opts.BaseURL + path, Header: httpsend.Basic(a.opts.Username, a.opts.Password), In: in, Into: into, Who: "the app", Refusal: a.refusal,
	})
}

// refusal judges an answer that is no yes. App and server explain themselves in {"message": …}, which may quote a number; it is
// looked through, and never shown.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	var said struct {
		Message string `json:"message"`
	}
	own := json.Unmarshal(resp.Body, &said) == nil && said.Message != ""
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	message := strings.ToLower(said.Message)
	for _, v := range refusals {
		if own && v.status == resp.Status && strings.Contains(message, v.says) {
			e.Class, e.Scope, e.Detail, e.Trouble = v.class, v.scope, v.detail, v.trouble
			if v.says == "expired" {
				e.Cause = channels.ErrExpired
			}
			return e
		}
	}
	if resp.Status == http.StatusNotFound {
		e.Class, e.Scope, e.Detail = channels.Auth, channels.ScopeChannel, "neither the app nor a server for it is at the channel's base_url; check it"
	}
	return e
}
