package sandbox

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unique"
)

// callRequest is a request to call somebody.
type callRequest struct {
	to, from, callback string
	attempt            string
	part               int
	says               string // what is spoken
	action             string // where a key that is pressed goes; empty: none is waited for
}

// twiml is what of a call's instructions is acted upon (https://www.twilio.com/docs/voice/twiml/say, …/gather).
type twiml struct {
	Says   []string `xml:"Say"`
	Gather *struct {
		Action string   `xml:"action,attr"`
		Says   []string `xml:"Say"`
	} `xml:"Gather"`
}

// mostTwiML is how many characters Twiml may have (https://www.twilio.com/docs/voice/api/call-resource, "Create a Call resource").
const mostTwiML = 4000

// twilioCall begins a call (same page). Whoever is called takes it at once, hears it to its end, and may press a key for as long
// as she likes.
func (s *Sandbox) twilioCall(w http.ResponseWriter, r *http.Request, a *account) {
	form := r.PostForm
	c := callRequest{to: form.Get("To"), from: form.Get("From"), callback: form.Get("StatusCallback")}
	c.attempt, c.part = attemptOf(c.callback)
	f := s.faults.strike(Voice, a.name, c.to, OnSend, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	bad := a.refusesCall(&c, form.Get("Twiml"))
	lose := func(code int, answer string) {
		s.seen.count(s.journal.append(c.line(s.now(), a, nil, code, answer), statusNone))
		s.note()
	}
	out, fails := f.twilio()
	switch {
	case fails && f.Kept && bad == nil:
		s.keepCall(a, c, f.label(out.status))
		s.answer(w, r, f, out)
	case fails:
		lose(f.code(0), f.label(out.status))
		s.answer(w, r, f, out)
	case bad != nil:
		lose(bad.code, strconv.Itoa(bad.status))
		s.answer(w, r, f, twilioError(*bad))
	case f.spoils() && !f.Kept:
		lose(0, f.label(0))
		s.answer(w, r, f, reply{status: http.StatusCreated})
	default:
		rec := s.keepCall(a, c, f.label(http.StatusCreated))
		s.answer(w, r, f, reply{status: http.StatusCreated, body: rec.appendCall(a.name)})
	}
}

// refusesCall checks a request as Twilio does. Codes: https://www.twilio.com/docs/api/errors; numbers that are for tests:
// https://www.twilio.com/docs/iam/test-credentials, "Test making calls".
func (a *account) refusesCall(c *callRequest, told string) *refusal {
	switch c.to {
	case "":
		return &refusal{400, 21201, "No 'To' number is specified"}
	case "+15005550001":
		return &refusal{400, 21217, "Phone number does not appear to be valid: " + c.to}
	case "+15005550002":
		return &refusal{400, 21214, "'To' phone number cannot be reached: " + c.to}
	case "+15005550003":
		return &refusal{400, 21215, "Account not authorized to call " + c.to}
	case "+15005550004":
		return &refusal{400, 21216, "Account not allowed to call " + c.to}
	}
	set := a.set.Load()
	switch {
	case !e164(c.to):
		return &refusal{400, 21211, "Invalid 'To' Phone Number: " + c.to}
	case c.from == "":
		return &refusal{400, 21213, "Caller phone number is required."}
	case !e164(c.from) || c.from == "+15005550001":
		return &refusal{400, 21212, "Invalid From Number (caller ID): " + c.from}
	case len(set.Numbers) > 0 && !slices.Contains(set.Numbers, c.from):
		return &refusal{400, 21210, "'From' phone number not verified: " + c.from}
	case c.callback != "" && !callbackURL(c.callback):
		return &refusal{400, 21609, "The 'StatusCallback' URL " + c.callback + " is not a valid URL."}
	}
	var in twiml
	if utf8.RuneCountInString(told) > mostTwiML || xml.Unmarshal([]byte(told), &in) != nil {
		return &refusal{400, 20001, "The 'Twiml' parameter is not valid TwiML of at most 4000 characters."}
	}
	says := in.Says
	if in.Gather != nil {
		says, c.action = append(says, in.Gather.Says...), in.Gather.Action
	}
	c.says = strings.Join(says, "\n")
	return nil
}

// line is a call as the log has it.
func (c *callRequest) line(now time.Time, a *account, p *phone, code int, answer string) line {
	l := line{
		at: now.UnixMicro(), owner: &a.calls, phone: p, kind: EntryMessage, from: unique.Make(c.from), to: strings.Clone(c.to),
		text: unique.Make(c.says), attempt: strings.Clone(c.attempt), part: int32(c.part), code: int32(code), answer: answer, kept: p != nil,
	}
	if p != nil && c.action != "" {
		l.rich = &rich{gather: strings.Clone(c.action), parsed: &parsed{text: c.says}}
		l.rich.face.Store(&face{parsed: l.rich.parsed, buttons: keysOf(c.action)})
	}
	return l
}

// keysOf gives the keys that our adapter has an answer for: Twilio itself knows nothing of them, and takes any.
func keysOf(action string) [][]button {
	u, err := url.Parse(action)
	if err != nil {
		return nil
	}
	var keys []button
	for digit := '0'; digit <= '9'; digit++ {
		if u.Query().Has("k" + string(digit)) {
			keys = append(keys, button{Text: string(digit), Data: string(digit)})
		}
	}
	return [][]button{keys}
}

// keepCall takes a call: it is in the log, and is being taken, when this returns.
func (s *Sandbox) keepCall(a *account, c callRequest, answer string) *record {
	p, made := s.phones.get(KindVoice, c.to)
	if made {
		s.wall.add(p)
	}
	rec := s.journal.append(c.line(s.now(), a, p, 0, answer), statusQueued)
	s.receive(p, rec, c.from, "")
	s.seen.count(rec)
	s.note()
	s.connect(a, rec, strings.Clone(c.callback))
	return rec
}

// connect lets a call be taken, or not. What became of it is called back once it is over, which is all that Twilio reports unless
// told otherwise (https://www.twilio.com/docs/voice/api/call-resource, StatusCallbackEvent).
func (s *Sandbox) connect(a *account, r *record, callback string) {
	j := &journey{a: a, rec: r, url: callback}
	last, ended := step{status: statusDelivered, wait: s.opts.Pace}, "completed"
	how := s.faults.strike(Voice, a.name, r.to, OnSend, isKind(Receipts))
	if how != nil && how.Receipt == Fail {
		last.status, ended = statusUndelivered, "no-answer"
		if how.Text != "" {
			ended = how.Text
		}
	}
	j.steps = []step{last}
	if how != nil {
		j.bend(*how)
	}
	j.tell = func(ctx context.Context, _ step) { s.callEnded(ctx, a, r, callback, ended) }
	s.proceed(j)
}

// callEnded makes the callback (same page, "StatusCallback"). Its fields are in the order of their names, as the signature wants.
func (s *Sandbox) callEnded(ctx context.Context, a *account, r *record, to, status string) {
	f := make(fields, 0, 12)
	f.add("AccountSid", a.name)
	f.add("ApiVersion", "2010-04-01")
	f.add("CallDuration", "7")
	f.add("CallSid", r.id())
	f.add("CallStatus", status)
	f.add("CallbackSource", "call-progress-events")
	f.add("Direction", "outbound-api")
	f.add("From", r.from.Value())
	f.add("SequenceNumber", "0")
	f.add("Timestamp", s.now().UTC().Format(time.RFC1123Z))
	f.add("To", r.to)
	s.postTwilio(ctx, a, to, f)
	s.note()
}

// replyCall presses a key in the newest call to a telephone that waits for one
// (https://www.twilio.com/docs/voice/twiml/gather, "action").
func (s *Sandbox) replyCall(in Reply) (uint64, error) {
	if len(in.Press) != 1 || !strings.Contains("0123456789*#", in.Press) {
		return 0, errors.New("whoever takes a call can press one key: 0 to 9, * or #")
	}
	p := s.phones.find(KindVoice, in.Address)
	if p == nil {
		return 0, ErrNobody
	}
	p.mu.Lock()
	items := slices.Clone(p.items)
	p.mu.Unlock()
	for _, seq := range slices.Backward(items) {
		call := s.journal.get(uint64(seq))
		if call.rich == nil || call.rich.gather == "" || call.kind != EntryMessage {
			continue
		}
		have, _ := s.accounts.Load(call.owner.name)
		a := have.(*account)
		rec := s.keepText(&a.calls, p, line{kind: EntryPress, from: unique.Make(in.Address), to: call.from.Value(), text: unique.Make(in.Press)})
		s.box.do(func(ctx context.Context) {
			f := make(fields, 0, 10)
			f.add("AccountSid", a.name)
			f.add("ApiVersion", "2010-04-01")
			f.add("CallSid", call.id())
			f.add("CallStatus", "in-progress")
			f.add("Digits", in.Press)
			f.add("Direction", "outbound-api")
			f.add("FinishedOnKey", "")
			f.add("From", call.from.Value())
			f.add("To", call.to)
			s.postTwilio(ctx, a, call.rich.gather, f)
			s.note()
		})
		return rec.seq, nil
	}
	return 0, errors.New("no call to this telephone waits for a key")
}

// appendCall is the call resource, as far as it matters (same page).
func (r *record) appendCall(account string) []byte {
	b := appendString([]byte(`{"sid":`), r.id())
	b = appendString(append(b, `,"account_sid":`...), account)
	b = appendString(append(b, `,"to":`...), r.to)
	b = appendString(append(b, `,"from":`...), r.from.Value())
	return append(b, `,"status":"queued","direction":"outbound-api","api_version":"2010-04-01"}`...)
}
