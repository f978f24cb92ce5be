package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// step is one change of a message's status, or one report of it.
type step struct {
	status status
	code   int
	wait   time.Duration // before it
	silent bool          // the status changes, and nobody is told
	only   bool          // somebody is told, and nothing changes
}

// journey is a message on its way to its phone.
type journey struct {
	a     *account
	rec   *record
	url   string
	steps []step
	tell  func(context.Context, step) // makes a report
}

// deliverSMS sends a message on its way. The status in the answer to the creation is never called back; then come queued,
// where a messaging service had to choose a sender, sent, and delivered
// (https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks).
func (s *Sandbox) deliverSMS(a *account, r *record, callback string) {
	j := &journey{a: a, rec: r, url: callback}
	j.tell = func(ctx context.Context, st step) { s.callBack(ctx, j, st) }
	pace := s.opts.Pace
	st, _ := r.status()
	if st == statusAccepted {
		j.steps = append(j.steps, step{status: statusQueued, wait: pace})
	}
	last := step{status: statusDelivered, wait: pace}
	how := s.faults.strike(Twilio, a.name, r.to, OnSend, isKind(Receipts))
	if how != nil && how.Receipt == Fail {
		last = step{status: statusUndelivered, code: how.code(30003), wait: pace}
	}
	j.steps = append(j.steps, step{status: statusSent, wait: pace}, last)
	if how != nil {
		j.bend(*how)
	}
	for i := range j.steps {
		if len(s.opts.Statuses) > 0 && !slices.Contains(s.opts.Statuses, j.steps[i].status.String()) {
			j.steps[i].silent = true
		}
	}
	if q := s.faults.strike(Twilio, a.name, r.to, OnSend, isKind(Queue)); q != nil {
		j.steps[0].wait += q.For
	}
	s.proceed(j)
}

// bend changes the reports of a journey as a fault says. The true status goes on as it would.
func (j *journey) bend(f Fault) {
	var reports []step
	for _, st := range j.steps {
		reports = append(reports, step{status: st.status, code: st.code, only: true})
	}
	switch f.Receipt {
	case Withhold:
		reports = nil
	case Late:
		reports[0].wait = f.For
	case Twice:
		reports = slices.Concat(reports, reports)
	case Reverse:
		slices.Reverse(reports)
	default:
		return
	}
	for i := range j.steps {
		j.steps[i].silent = true
	}
	j.steps = append(j.steps, reports...)
}

// proceed takes the steps that need no waiting and files the rest.
func (s *Sandbox) proceed(j *journey) {
	for len(j.steps) > 0 {
		next := &j.steps[0]
		if next.wait > 0 {
			due := s.now().Add(next.wait)
			next.wait = 0
			s.box.at(due, func(context.Context) { s.proceed(j) })
			return
		}
		if j.url != "" && !next.silent {
			s.box.do(func(ctx context.Context) { s.report(ctx, j) })
			return
		}
		s.take(j)
	}
}

// take takes one step and returns it.
func (s *Sandbox) take(j *journey) step {
	st := j.steps[0]
	j.steps = j.steps[1:]
	if st.only {
		return st
	}
	now := s.now()
	expired := j.rec.window > 0 && now.UnixMicro()-j.rec.at > int64(j.rec.window)*1_000_000
	if expired && (st.status == statusQueued || st.status == statusSent) {
		// The validity period passed in the queue: https://www.twilio.com/docs/api/errors/30036.
		st.status, st.code = statusFailed, 30036
		j.steps = nil
	}
	j.rec.set(st.status, st.code, now)
	if st.status == statusDelivered {
		s.arrive(j.rec)
	} else {
		s.wall.touch(j.rec.phone, false)
		s.note()
	}
	return st
}

// report takes the steps whose callbacks can be made now, one after the other, so that they keep their order.
func (s *Sandbox) report(ctx context.Context, j *journey) {
	for len(j.steps) > 0 && j.steps[0].wait == 0 {
		st := s.take(j)
		if !st.silent && ctx.Err() == nil {
			j.tell(ctx, st)
		}
	}
	s.proceed(j)
}

// callBack makes one status callback. Its fields are in the order of their names, as the signature wants them.
func (s *Sandbox) callBack(ctx context.Context, j *journey, st step) {
	r := j.rec
	id := r.id()
	f := make(fields, 0, 12)
	f.add("AccountSid", j.a.name)
	f.add("ApiVersion", "2010-04-01")
	if st.code != 0 {
		f.add("ErrorCode", strconv.Itoa(st.code))
	}
	f.add("From", r.from.Value())
	f.add("MessageSid", id)
	f.add("MessageStatus", st.status.String())
	if service := r.service.Value(); service != "" {
		f.add("MessagingServiceSid", service)
	}
	if st.status == statusDelivered || st.status == statusUndelivered {
		f.add("RawDlrDoneDate", s.now().UTC().Format("0601021504"))
	}
	f.add("SmsSid", id)
	f.add("SmsStatus", st.status.String())
	f.add("To", r.to)
	s.postTwilio(ctx, j.a, j.url, f)
	s.note()
}

// fields are the form fields of a webhook, sorted by name.
type fields [][2]string

func (f *fields) add(name, value string) { *f = append(*f, [2]string{name, value}) }

// postTwilio posts a signed form. The signature is HMAC-SHA1, under the auth token, of the URL exactly as it was given
// and of all names and values in the order of the names (https://www.twilio.com/docs/usage/security). The idempotency
// token is the same if the call is repeated.
func (s *Sandbox) postTwilio(ctx context.Context, a *account, to string, f fields) bool {
	mac := hmac.New(sha1.New, []byte(a.set.Load().secret()))
	mac.Write([]byte(to))
	var body strings.Builder
	body.Grow(512)
	for i, kv := range f {
		mac.Write([]byte(kv[0]))
		mac.Write([]byte(kv[1]))
		if i > 0 {
			body.WriteByte('&')
		}
		body.WriteString(kv[0])
		body.WriteByte('=')
		body.WriteString(url.QueryEscape(kv[1]))
	}
	sum := mac.Sum(nil)
	return s.box.post(ctx, to, "application/x-www-form-urlencoded", http.Header{
		"X-Twilio-Signature":         {base64.StdEncoding.EncodeToString(sum)},
		"I-Twilio-Idempotency-Token": {hex.EncodeToString(sum[:16])},
		"User-Agent":                 {"TwilioProxy/1.1"},
	}, body.String())
}
