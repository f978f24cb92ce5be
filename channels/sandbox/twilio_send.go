package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
	"unique"
)

// smsRequest is a request to send a text message.
type smsRequest struct {
	to, from, service, body, callback string
	window                            int
	attempt                           string
	part                              int
}

// twilioSend creates a message (https://www.twilio.com/docs/messaging/api/message-resource, "Create a Message resource").
func (s *Sandbox) twilioSend(w http.ResponseWriter, r *http.Request, a *account) {
	form := r.PostForm
	m := smsRequest{
		to: form.Get("To"), from: form.Get("From"), service: form.Get("MessagingServiceSid"), body: form.Get("Body"),
		callback: form.Get("StatusCallback"),
	}
	m.attempt, m.part = attemptOf(m.callback)
	f := s.faults.strike(Twilio, a.name, m.to, OnSend, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	if out, ok := f.twilio(); ok {
		var rec *record
		if f.Kept {
			if bad := a.refuses(&m, form.Get("ValidityPeriod")); bad == nil {
				rec = s.keepSMS(a, m, f.label(out.status))
			}
		}
		if rec == nil {
			s.loseSMS(a, m, f.code(0), f.label(out.status))
		}
		s.answer(w, r, f, out)
		return
	}
	if bad := a.refuses(&m, form.Get("ValidityPeriod")); bad != nil {
		s.loseSMS(a, m, bad.code, strconv.Itoa(bad.status))
		s.answer(w, r, f, twilioError(*bad))
		return
	}
	if f.spoils() && !f.Kept {
		s.loseSMS(a, m, 0, f.label(0))
		s.answer(w, r, f, reply{status: http.StatusCreated})
		return
	}
	rec := s.keepSMS(a, m, f.label(http.StatusCreated))
	s.answer(w, r, f, reply{status: http.StatusCreated, body: rec.appendFirst(m.initial())})
}

// label is what the log says of the answer.
func (f *Fault) label(status int) string {
	if f != nil {
		switch f.Kind {
		case Hang, Cut, Garbage, Drip:
			return string(f.Kind)
		case HTML:
			status = f.status(503)
		}
	}
	if status == http.StatusCreated {
		return "201"
	}
	return strconv.Itoa(status)
}

// initial is the status in the answer: accepted until a messaging service has chosen a sender, else queued (same page).
func (m *smsRequest) initial() status {
	if m.service != "" {
		return statusAccepted
	}
	return statusQueued
}

// keepSMS takes a message: it is in the log and on its way when this returns.
func (s *Sandbox) keepSMS(a *account, m smsRequest, answer string) *record {
	p, made := s.phones.get(KindSMS, m.to)
	if made {
		s.wall.add(p)
	}
	from := m.from
	if m.service != "" && from == "" {
		from = a.set.Load().number(m.service, m.to)
	}
	l := line{
		at: s.now().UnixMicro(), owner: &a.owner, phone: p, kind: EntryMessage, from: unique.Make(from), to: p.key.address,
		text: unique.Make(m.body), attempt: strings.Clone(m.attempt), part: int32(m.part), window: int32(m.window), kept: true,
		answer: answer, service: unique.Make(m.service),
	}
	rec := s.journal.append(l, m.initial())
	s.receive(p, rec, from, m.service)
	s.seen.count(rec)
	s.note()
	s.deliverSMS(a, rec, strings.Clone(m.callback))
	return rec
}

// loseSMS logs a message that the provider does not have.
func (s *Sandbox) loseSMS(a *account, m smsRequest, code int, answer string) {
	from := m.from
	if from == "" {
		from = m.service
	}
	rec := s.journal.append(line{
		at: s.now().UnixMicro(), owner: &a.owner, kind: EntryMessage, from: unique.Make(from), to: strings.Clone(m.to),
		text: unique.Make(m.body), attempt: strings.Clone(m.attempt), part: int32(m.part), code: int32(code), answer: answer,
		service: unique.Make(m.service),
	}, statusNone)
	s.seen.count(rec)
	s.note()
}

// refuses checks a request as Twilio does and returns what it would say. Codes: https://www.twilio.com/docs/api/errors.
func (a *account) refuses(m *smsRequest, window string) *refusal {
	if m.to == "" {
		return &refusal{400, 21604, "A 'To' phone number is required."}
	}
	if m.from == "" && m.service == "" {
		return &refusal{400, 21603, "A 'From' phone number is required."}
	}
	if m.body == "" {
		return &refusal{400, 21602, "Message body is required."}
	}
	if bad := magic(m.from, m.to); bad != nil {
		return bad
	}
	if !e164(m.to) {
		return &refusal{400, 21211, "Invalid 'To' Phone Number: " + m.to}
	}
	if bad := a.sender(m); bad != nil {
		return bad
	}
	if utf8.RuneCountInString(m.body) > 1600 {
		return &refusal{400, 21617, "The concatenated message body exceeds the 1600 character limit"}
	}
	if m.callback != "" && !callbackURL(m.callback) {
		return &refusal{400, 21609, "The 'StatusCallback' URL " + m.callback + " is not a valid URL."}
	}
	if window != "" {
		n, err := strconv.Atoi(window)
		if err != nil || n < 1 || n > 36000 {
			return &refusal{400, 20001, "The 'ValidityPeriod' must be between 1 and 36000 seconds."}
		}
		m.window = n
	}
	return a.optedOut(m)
}

// sender checks From and MessagingServiceSid: a number, a short code, or at most eleven letters and digits with a letter
// (https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id).
func (a *account) sender(m *smsRequest) *refusal {
	set := a.set.Load()
	if m.service != "" && !isSID(m.service, "MG") {
		return &refusal{400, 21701, "The Messaging Service does not exist"}
	}
	if m.from == "" {
		return nil
	}
	if !e164(m.from) && !shortCode(m.from) && !senderName(m.from) {
		return &refusal{400, 21212, "The 'From' number " + m.from + " is not a valid phone number, shortcode, or alphanumeric sender ID."}
	}
	if len(set.Numbers) == 0 {
		return nil
	}
	for _, n := range set.Numbers {
		if n == m.from {
			return nil
		}
	}
	return &refusal{400, 21606, "The 'From' phone number provided (" + m.from + ") is not a valid message-capable Twilio phone number for this destination."}
}

func shortCode(s string) bool {
	if len(s) < 3 || len(s) > 6 {
		return false
	}
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

func senderName(s string) bool {
	letter := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			letter = true
		case r >= '0' && r <= '9' || strings.ContainsRune(" +-_&", r):
		default:
			return false
		}
	}
	return letter && len(s) <= 11
}

// magic answers the numbers that Twilio reserves for tests (https://www.twilio.com/docs/iam/test-credentials, "Test SMS
// messages"). They are nobody's, so they work with every credential here.
func magic(from, to string) *refusal {
	if !strings.HasPrefix(from, "+1500555000") && !strings.HasPrefix(to, "+1500555000") {
		return nil
	}
	switch from {
	case "+15005550001":
		return &refusal{400, 21212, "The 'From' number " + from + " is not a valid phone number, shortcode, or alphanumeric sender ID."}
	case "+15005550007":
		return &refusal{400, 21606, "The 'From' phone number provided (" + from + ") is not a valid message-capable Twilio phone number for this destination."}
	case "+15005550008":
		return &refusal{429, 21611, "This 'From' number has exceeded the maximum number of queued messages"}
	}
	switch to {
	case "+15005550001":
		return &refusal{400, 21211, "Invalid 'To' Phone Number: " + to}
	case "+15005550002":
		return &refusal{400, 21612, "Message cannot be sent with the current combination of 'To' (" + to + ") and/or 'From' (" + from + ") parameters"}
	case "+15005550003":
		return &refusal{403, 21408, "Permission to send an SMS or MMS has not been enabled for the region indicated by the 'To' number: " + to}
	case "+15005550004":
		return &refusal{400, 21610, "Attempt to send to unsubscribed recipient"}
	case "+15005550009":
		return &refusal{400, 21614, "To number: " + to + ", is not a mobile number"}
	}
	return nil
}

// callbackURL says whether Twilio would take it: absolute, http or https, a host without underscores (page of the resource).
func callbackURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.Contains(u.Host, "_")
}

// attemptOf reads the gateway's attempt id and part number from a callback URL.
func attemptOf(callback string) (attempt string, part int) {
	_, query, ok := strings.Cut(callback, "?")
	for ok && query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "a":
			if v, err := url.QueryUnescape(value); err == nil {
				attempt = v
			}
		case "p":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < 1<<16 {
				part = n
			}
		}
	}
	return attempt, part
}
