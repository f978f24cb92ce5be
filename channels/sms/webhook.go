package sms

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

// ParseWebhook decodes status callbacks and incoming messages. The query of a callback carries our attempt id (a) and
// part number (p); the signature covers them. An incoming STOP or START that Twilio acted upon is a Signal beside the
// Inbound.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	form, ok := a.validator.Check(r.URL.RawQuery, body, r.Header.Get(twilio.SignatureHeader))
	switch {
	case !ok:
		return nil, channels.ErrForged
	case r.Method != http.MethodPost:
		return nil, errors.New("webhook: Twilio is set to call with GET; set it to POST")
	case form == nil:
		return nil, nil // signed JSON: an event of a product that this channel does not use
	}
	sid := form.Get("MessageSid")
	if sid == "" {
		return nil, nil
	}
	if status := form.Get("MessageStatus"); status != "" {
		q := r.URL.Query()
		part, err := strconv.Atoi(q.Get("p"))
		if err != nil || part < 0 {
			part = 0
		}
		code, err := strconv.Atoi(form.Get("ErrorCode"))
		if err != nil {
			code = 0
		}
		return receipt(sid, status, code, q.Get("a"), part), nil
	}
	return a.inbound(sid, form), nil
}

// receipt makes the event of a status; none if it means nothing to us.
func receipt(sid, status string, code int, attempt string, part int) []channels.Event {
	s, known := statusOf(status)
	if !known {
		return nil
	}
	out := &channels.Receipt{Attempt: attempt, PartNo: part, ProviderID: sid, Status: s}
	if s == channels.StatusFailed {
		out.Err = ofReceipt(code)
	}
	return []channels.Event{{ID: sid + ":" + strings.ToLower(status), Receipt: out}}
}

// statusOf reads Twilio's message statuses
// (https://www.twilio.com/docs/messaging/api/message-resource, "Message Status values"); false for those of incoming
// messages and ones that did not exist when this was written.
func statusOf(status string) (channels.Status, bool) {
	switch strings.ToLower(status) {
	case "accepted", "scheduled", "queued", "sending", "sent":
		return channels.StatusAccepted, true
	case "delivered", "read":
		return channels.StatusDelivered, true
	case "undelivered", "failed", "canceled":
		return channels.StatusFailed, true
	}
	return 0, false
}

func (a *Adapter) inbound(sid string, form url.Values) []channels.Event {
	from := a.correspondent(form.Get("From"))
	events := []channels.Event{{ID: sid, Inbound: &channels.Inbound{From: from, To: form.Get("To"), Text: form.Get("Body")}}}
	switch form.Get("OptOutType") {
	case "STOP":
		events = append(events, channels.Event{ID: sid + ":stop", Signal: &channels.Signal{Address: from, Kind: channels.SignalStopped}})
	case "START":
		events = append(events, channels.Event{ID: sid + ":start", Signal: &channels.Signal{Address: from, Kind: channels.SignalStarted}})
	}
	return events
}

// correspondent is who wrote: a number, or whatever Twilio names if it is none (a short code, a sender's name).
func (a *Adapter) correspondent(from string) channels.Address {
	if address, err := ParseNumber(from, ""); err == nil {
		return address
	}
	return channels.Address(from)
}
