package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unique"
)

// AndroidPhone is an Android phone with the app SMS Gateway for Android (https://docs.sms-gate.app/integration/api).
type AndroidPhone struct {
	User       string `json:"user"`
	Password   string `json:"password,omitempty"`
	SigningKey string `json:"signing_key,omitempty"` // of its webhooks; empty: AndroidSigningKey
}

// AndroidSigningKey signs the webhooks of a phone whose own key was never told.
const AndroidSigningKey = "sandbox-signing-key"

// handset is an AndroidPhone in use.
type handset struct {
	owner
	mu    sync.Mutex
	set   AndroidPhone
	byID  map[string]uint32 // the sender's id of a message → sequence number
	hooks map[string]string // event → URL
	inbox []uint32          // sequence numbers of texts that came, oldest first
}

// AndroidPhone configures an Android phone, or replaces its configuration.
func (s *Sandbox) AndroidPhone(p AndroidPhone) {
	h := s.handsetOf(p.User)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set = p
}

func (s *Sandbox) handsetOf(user string) *handset {
	have, _ := s.handsets.LoadOrStore(user, &handset{
		owner: owner{s, Android, user}, set: AndroidPhone{User: user}, byID: map[string]uint32{}, hooks: map[string]string{},
	})
	return have.(*handset)
}

const androidRoot = "/android/"

// serveAndroid answers the app's local server. What it does was read in its source (capcom6/android-sms-gateway:
// MessagesRoutes.kt, WebhooksRoutes.kt, InboxRoutes.kt).
func (s *Sandbox) serveAndroid(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.answer(w, r, nil, androidError(400, "The body cannot be read"))
		return
	}
	h := s.handsetBy(r)
	if h == nil {
		s.answer(w, r, nil, androidError(401, "Unauthorized"))
		return
	}
	path := "/" + strings.TrimPrefix(r.URL.Path, androidRoot)
	if r.Method == http.MethodPost && path == "/messages" {
		s.androidSend(w, r, h, body)
		return
	}
	f := s.faults.strike(Android, h.name, "", OnRead, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	out, fails := f.android()
	if !fails {
		out = h.look(r, path, body)
	}
	s.answer(w, r, f, out)
}

// handsetBy finds the phone that the credentials prove; one that is new is known from then on.
func (s *Sandbox) handsetBy(r *http.Request) *handset {
	user, password, ok := r.BasicAuth()
	if !ok || user == "" || password == "" {
		return nil
	}
	if _, known := s.handsets.Load(user); !known && s.opts.Strict {
		return nil
	}
	h := s.handsetOf(user)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.set.Password == "" && !s.opts.Strict {
		h.set.Password = password
	}
	if subtle.ConstantTimeCompare([]byte(h.set.Password), []byte(password)) != 1 {
		return nil
	}
	return h
}

func androidError(status int, text string) reply {
	return jsonReply(status, map[string]string{"message": text})
}

// android is the error that a fault answers with; false if it gives none of the app's own.
func (f *Fault) android() (reply, bool) {
	if f == nil {
		return reply{}, false
	}
	switch f.Kind {
	case Failure:
		text := f.Text
		if text == "" {
			text = "Internal server error"
		}
		return androidError(f.status(500), text), true
	case Throttle:
		out := androidError(429, "Too many requests")
		out.retryAfter = f.RetryAfter
		return out, true
	case Unauthorized:
		return androidError(401, "Unauthorized"), true
	}
	return reply{}, false
}

// androidText is a request to send (PostMessageRequest.kt).
type androidText struct {
	ID      string            `json:"id"`
	Text    map[string]string `json:"textMessage"`
	Numbers []string          `json:"phoneNumbers"`
	Until   string            `json:"validUntil"`
}

func (m *androidText) to() string {
	if len(m.Numbers) == 0 {
		return ""
	}
	return m.Numbers[0]
}

func (m *androidText) refused(now time.Time) *refusal {
	until, err := time.Parse(time.RFC3339, m.Until)
	switch {
	case m.ID == "" || len(m.ID) > 36 || m.Text["text"] == "":
		return &refusal{400, 0, "The request is not valid"}
	case len(m.Numbers) != 1 || !e164(m.Numbers[0]):
		return &refusal{400, 0, "Invalid phone number: " + m.to()}
	case m.Until != "" && (err != nil || !until.After(now)):
		return &refusal{400, 0, "Message is already expired"}
	}
	return nil
}

// androidSend takes a message under the sender's id, once (MessagesRoutes.kt: 409 for an id that is there).
func (s *Sandbox) androidSend(w http.ResponseWriter, r *http.Request, h *handset, body []byte) {
	var m androidText
	bad := &refusal{400, 0, "The request is not valid"}
	if json.Unmarshal(body, &m) == nil {
		bad = m.refused(s.now())
	}
	f := s.faults.strike(Android, h.name, m.to(), OnSend, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	out, fails := f.android()
	spoilt := fails || f.spoils()
	h.mu.Lock()
	_, again := h.byID[m.ID]
	h.mu.Unlock()
	switch {
	case !fails && bad != nil:
		out = androidError(bad.status, bad.text)
	case !fails && again:
		out = androidError(409, "Message with ID "+m.ID+" already exists")
	case !fails:
		out = jsonReply(202, map[string]any{"id": m.ID, "state": "Pending", "recipients": []any{map[string]string{"phoneNumber": m.to(), "state": "Pending"}}})
	}
	if bad == nil && !again && (!spoilt || f.Kept) {
		s.keepAndroid(h, &m, f.label(out.status))
	} else {
		s.seen.count(s.journal.append(m.line(s.now(), h, nil, f.label(out.status)), statusNone))
		s.note()
	}
	s.answer(w, r, f, out)
}

func (m *androidText) line(now time.Time, h *handset, p *phone, answer string) line {
	return line{
		at: now.UnixMicro(), owner: &h.owner, phone: p, kind: EntryMessage, from: unique.Make(h.name), to: m.to(), text: unique.Make(m.Text["text"]),
		kept: p != nil, answer: answer, own: m.ID,
	}
}

// keepAndroid takes a message: it is in the log and on its way when this returns.
func (s *Sandbox) keepAndroid(h *handset, m *androidText, answer string) {
	p, made := s.phones.get(KindSMS, m.to())
	if made {
		s.wall.add(p)
	}
	rec := s.journal.append(m.line(s.now(), h, p, answer), statusQueued)
	h.mu.Lock()
	h.byID[m.ID] = uint32(rec.seq)
	h.mu.Unlock()
	s.receive(p, rec, h.name, "")
	s.seen.count(rec)
	s.note()
	j := &journey{rec: rec, url: "webhook"}
	last := step{status: statusDelivered, wait: s.opts.Pace}
	how := s.faults.strike(Android, h.name, rec.to, OnSend, isKind(Receipts))
	reason := "Send result: RESULT_ERROR_GENERIC_FAILURE"
	if how != nil && how.Receipt == Fail {
		last.status = statusFailed
		if how.Text != "" {
			reason = how.Text
		}
	}
	j.steps = []step{{status: statusSent, wait: s.opts.Pace}, last}
	if how != nil {
		j.bend(*how)
	}
	j.tell = func(ctx context.Context, st step) {
		payload := map[string]any{"messageId": m.ID, "phoneNumber": m.to(), "recipient": m.to()}
		event := "sms:" + st.status.String()
		if st.status == statusFailed {
			payload["reason"] = reason
		}
		h.call(ctx, event, payload)
	}
	s.proceed(j)
}

// androidStates are the app's words for what became of a message (Message.kt).
var androidStates = map[status]string{statusQueued: "Pending", statusSent: "Sent", statusDelivered: "Delivered", statusFailed: "Failed"}

// look answers everything that is no message.
func (h *handset) look(r *http.Request, path string, body []byte) reply {
	switch id, under := strings.CutPrefix(path, "/messages/"); {
	case r.Method == http.MethodPost && path == "/webhooks":
		var in struct{ ID, Event, URL string }
		if json.Unmarshal(body, &in) != nil || in.Event == "" || !callbackURL(in.URL) {
			return androidError(400, "The webhook is not valid")
		}
		h.mu.Lock()
		h.hooks[in.Event] = in.URL
		h.mu.Unlock()
		return jsonReply(201, in)
	case r.Method != http.MethodGet:
		return androidError(405, "Method not allowed")
	case path == "/messages":
		return jsonReply(200, []any{})
	case path == "/inbox":
		return h.list(r)
	case under:
		h.mu.Lock()
		rec := h.s.journal.get(uint64(h.byID[id]))
		h.mu.Unlock()
		if rec != nil {
			return jsonReply(200, map[string]any{"id": id, "state": androidStates[rec.status0()], "recipients": []any{map[string]string{"phoneNumber": rec.to, "state": androidStates[rec.status0()]}}})
		}
	}
	return androidError(404, "Not found")
}

// hash stands for the app's name of a text that came: a number of 32 bits, as often below zero as above.
func hash(seq uint64) int32 { return int32(uint32(scramble(seq))) }

// list is what came since a time, newest first (IncomingMessagesDao.kt).
func (h *handset) list(r *http.Request) reply {
	q := r.URL.Query()
	from, err := time.Parse(time.RFC3339, q.Get("from"))
	limit, err2 := strconv.Atoi(q.Get("limit"))
	offset, err3 := strconv.Atoi(q.Get("offset"))
	if errors.Join(err, err2, err3) != nil {
		return androidError(400, "The query is not valid")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []any{}
	for i := len(h.inbox) - 1; i >= 0 && len(list) < offset+limit; i-- {
		rec := h.s.journal.get(uint64(h.inbox[i]))
		if at := rec.time().Truncate(time.Millisecond); !at.Before(from) {
			list = append(list, map[string]any{"id": "text:" + strconv.Itoa(int(hash(rec.seq))), "sender": rec.from.Value(), "contentPreview": rec.text.Value(), "createdAt": at})
		}
	}
	return jsonReply(200, list[min(offset, len(list)):])
}

// handsetFor is the Android phone that a reply goes to: the one named, or the one that wrote last. Nil: there is none.
func (s *Sandbox) handsetFor(p *phone, to string) *handset {
	p.mu.Lock()
	last := p.last
	p.mu.Unlock()
	if to == "" && last != nil && last.provider == Android {
		to = last.name
	}
	if have, ok := s.handsets.Load(to); ok {
		return have.(*handset)
	}
	return nil
}

// replyAndroid sends a text from a telephone to an Android phone.
func (s *Sandbox) replyAndroid(h *handset, p *phone, in Reply) (uint64, error) {
	if in.Text == "" {
		return 0, errors.New("a telephone can only send text to an Android phone")
	}
	rec := s.keepText(&h.owner, p, line{kind: EntryReply, from: unique.Make(in.Address), to: h.name, text: unique.Make(in.Text)})
	h.mu.Lock()
	h.inbox = append(h.inbox, uint32(rec.seq))
	h.mu.Unlock()
	s.box.do(func(ctx context.Context) {
		h.call(ctx, "sms:received", map[string]any{
			"messageId": strconv.FormatUint(uint64(uint32(hash(rec.seq))), 16), "sender": in.Address, "phoneNumber": in.Address, "message": in.Text, "simNumber": 1,
			"receivedAt": rec.time().Truncate(time.Millisecond),
		})
	})
	return rec.seq, nil
}

// call calls the webhook of an event, if there is one. The signature is HMAC-SHA256 over the body and, behind it, the time that
// the header gives (https://docs.sms-gate.app/features/webhooks, "Payload signing").
func (h *handset) call(ctx context.Context, event string, payload map[string]any) {
	h.mu.Lock()
	to, key := h.hooks[event], h.set.SigningKey
	h.mu.Unlock()
	if key == "" {
		key = AndroidSigningKey
	}
	body, err := json.Marshal(map[string]any{"id": event, "event": event, "deviceId": h.name, "payload": payload})
	if to == "" || err != nil {
		return
	}
	stamp := strconv.FormatInt(h.s.now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	mac.Write([]byte(stamp))
	h.s.box.post(ctx, to, jsonType, http.Header{"X-Timestamp": {stamp}, "X-Signature": {hex.EncodeToString(mac.Sum(nil))}}, string(body))
	h.s.note()
}
