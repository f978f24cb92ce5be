package androidsms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/channels/phone"
)

// The headers of a signed webhook (PayloadSingingPlugin.kt): HMAC-SHA256 in hexadecimal over the body and the time behind it,
// in Unix seconds.
const (
	signatureHeader = "X-Signature"
	timeHeader      = "X-Timestamp"
)

// The events that we ask for (WebHookEvent.kt).
var events = [...]string{"sms:received", "sms:sent", "sms:delivered", "sms:failed"}

// lookBack is how far a list of what came is read: an SMS has the time at which the carrier took it, and may come much later.
const lookBack = 24 * time.Hour

const (
	inboxPage  = 200
	inboxPages = 10
)

var errForm = errors.New("webhook: the request is signed, and is not of the app's form; it may be newer than this adapter")

// ParseWebhook reads one event. The signature covers no query, so a request with one is refused.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	if r.URL.RawQuery != "" || !a.signed(r.Header, body) {
		return nil, channels.ErrForged
	}
	var e struct {
		Event   string `json:"event"`
		Payload struct {
			MessageID string    `json:"messageId"`
			Message   string    `json:"message"`
			Phone     string    `json:"phoneNumber"`
			Sender    string    `json:"sender"`
			Recipient string    `json:"recipient"`
			Received  time.Time `json:"receivedAt"`
			Reason    string    `json:"reason"`
		} `json:"payload"`
	}
	if json.Unmarshal(body, &e) != nil {
		return nil, errForm // the decoder's own error may quote the body
	}
	p := e.Payload
	receipt := &channels.Receipt{ProviderID: p.MessageID}
	switch e.Event {
	case "sms:received":
		if p.Sender == "" {
			p.Sender = p.Phone // its older name (MessageEventPayload.kt)
		}
		if p.Sender == "" || p.MessageID == "" || p.Received.IsZero() {
			return nil, errForm
		}
		return []channels.Event{inbound(p.MessageID, p.Sender, p.Recipient, p.Message, p.Received)}, nil
	case "sms:sent":
		receipt.Status = channels.StatusAccepted
	case "sms:delivered":
		receipt.Status = channels.StatusDelivered
	case "sms:failed":
		receipt.Status, receipt.Err = channels.StatusFailed, ofReason(p.Reason)
	default:
		return nil, nil // pings, pictures and data, which we did not ask for
	}
	if p.MessageID == "" {
		return nil, errForm
	}
	return []channels.Event{{Receipt: receipt}}, nil
}

func (a *Adapter) signed(h http.Header, body []byte) bool {
	at, shown := h.Values(timeHeader), h.Values(signatureHeader)
	if len(at) != 1 || len(shown) != 1 {
		return false
	}
	seconds, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil || a.now().Sub(time.Unix(seconds, 0)).Abs() > httpsend.Tolerance {
		return false
	}
	given, err := hex.DecodeString(shown[0])
	if err != nil {
		return false
	}
	for _, key := range [...]channels.Secret{a.opts.SigningKey, a.opts.PreviousSigningKey} {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write(body)
		mac.Write([]byte(at[0]))
		if key != "" && hmac.Equal(given, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// inbound is a text that somebody sent. The app names it by a hash of 32 bits, so its time is part of the id.
func inbound(id, from, to, text string, at time.Time) channels.Event {
	sender := channels.Address(from) // a short code or a sender's name is no number
	if number, err := phone.ParseNumber(from, ""); err == nil {
		sender = number
	}
	return channels.Event{
		ID: fmt.Sprintf("in:%s:%d", id, at.UnixMilli()), At: at, Inbound: &channels.Inbound{From: sender, To: to, Text: text},
	}
}

// Subscribe registers the webhooks, each under an id of its own, so that repeating it changes nothing (WebHooksService.kt,
// replace). Without a public URL there is nothing to do: the inbox is read.
func (a *Adapter) Subscribe(ctx context.Context) error {
	if a.hook == "" {
		return nil
	}
	for _, event := range events {
		in := map[string]string{"id": idOf(a.hook + " " + event), "url": a.hook, "event": event}
		if status, fail := a.call(ctx, http.MethodPost, "/webhooks", in, nil); fail != nil {
			if status == http.StatusBadRequest {
				fail.Class, fail.Scope, fail.Detail = channels.Permanent, channels.ScopeChannel, "the app refuses the webhook's address; public_base_url must be https"
			}
			return httpsend.Asked(fail, phoneName)
		}
	}
	return nil
}

// entry is a text in the phone's inbox (InboxRoutes.kt). Its preview is the whole text (IncomingMessagesService.kt, toPreview).
type entry struct {
	ID        string    `json:"id"`
	Sender    string    `json:"sender"`
	Recipient string    `json:"recipient"`
	Text      string    `json:"contentPreview"`
	At        time.Time `json:"createdAt"`
}

// event gives what the webhook would have brought: the same number names the text there, written in another way.
func (e entry) event() (channels.Event, bool) {
	hash, isText := strings.CutPrefix(e.ID, "text:")
	n, err := strconv.ParseInt(hash, 10, 64)
	if !isText || err != nil || e.Sender == "" {
		return channels.Event{}, false
	}
	return inbound(strconv.FormatUint(uint64(uint32(n)), 16), e.Sender, e.Recipient, e.Text, e.At), true
}

// Poll reads the texts of the last day from the phone's inbox, or from when the cursor was at if that is longer ago. They come
// again with the same ids. It never waits. What became of our own messages is asked for one by one.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	now := a.now()
	from := now
	if cursor != "" {
		ms, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || ms < 0 {
			return nil, cursor, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: "the stored cursor is not one of this channel's; clear it to read the last day again"}
		}
		from = time.UnixMilli(ms)
	}
	list, fail := a.inbox(ctx, from.Add(-lookBack))
	if fail != nil {
		return nil, cursor, fail
	}
	return list, strconv.FormatInt(now.UnixMilli(), 10), nil
}

// CatchUp reads the inbox from an hour before a time.
func (a *Adapter) CatchUp(ctx context.Context, since time.Time, _ string) (channels.Caught, error) {
	list, fail := a.inbox(ctx, since.Add(-time.Hour))
	if fail != nil {
		return channels.Caught{}, fail
	}
	return channels.Caught{Events: list}, nil
}

// inbox reads what came since a time, newest first as the app lists it (IncomingMessagesDao.kt): the 2,000 newest.
func (a *Adapter) inbox(ctx context.Context, from time.Time) ([]channels.Event, *channels.Error) {
	var out []channels.Event
	for page := range inboxPages {
		q := url.Values{"type": {"SMS"}, "limit": {strconv.Itoa(inboxPage)}, "offset": {strconv.Itoa(page * inboxPage)}, "from": {from.UTC().Format("2006-01-02T15:04:05.000Z")}}
		var list []entry
		status, fail := a.call(ctx, http.MethodGet, "/inbox?"+q.Encode(), nil, &list)
		switch {
		case status == http.StatusNotFound, status == http.StatusNotImplemented:
			return nil, &channels.Error{
				Class: channels.Permanent, Scope: channels.ScopeChannel, Code: strconv.Itoa(status),
				Detail: "what is at base_url keeps no list of what came; update the app, or give the gateway a public URL",
			}
		case fail != nil:
			return nil, httpsend.Asked(fail, phoneName)
		}
		for _, e := range list {
			if event, ok := e.event(); ok {
				out = append(out, event)
			}
		}
		if len(list) < inboxPage {
			return out, nil
		}
	}
	return out, nil
}
