package sandbox

import (
	"crypto/subtle"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Account is a Twilio account.
type Account struct {
	SID      string            `json:"sid"`
	Token    string            `json:"token,omitempty"`    // auth token; it also signs the webhooks
	Keys     map[string]string `json:"keys,omitempty"`     // API keys: SID to secret
	SMSURL   string            `json:"sms_url,omitempty"`  // webhook for incoming messages; empty: none is called
	Numbers  []string          `json:"numbers,omitempty"`  // the senders it owns; empty: any well-formed one
	Services []Service         `json:"services,omitempty"` // messaging services; a service that is not listed has one made-up number
}

// Service is a messaging service: a pool of senders under one id.
type Service struct {
	SID     string   `json:"sid"`
	Numbers []string `json:"numbers"`
}

// account is an Account in use.
type account struct {
	owner
	calls owner // whose calls are
	set   atomic.Pointer[Account]

	mu      sync.Mutex
	inbound map[string][]uint32 // our number → sequence numbers of what people sent to it
}

// Account configures a Twilio account, or replaces its configuration.
func (s *Sandbox) Account(a Account) {
	have, _ := s.accounts.LoadOrStore(a.SID, s.newAccount(a.SID))
	have.(*account).set.Store(&a)
}

func (s *Sandbox) newAccount(sid string) *account {
	a := &account{owner: owner{s, Twilio, sid}, calls: owner{s, Voice, sid}, inbound: make(map[string][]uint32)}
	a.set.Store(&Account{SID: sid})
	return a
}

// number is the sender that a messaging service uses for a phone: always the same for one phone ("sticky sender").
func (a *Account) number(service, phone string) string {
	h := fnv.New32a()
	for _, s := range a.Services {
		if s.SID == service && len(s.Numbers) > 0 {
			_, _ = h.Write([]byte(phone))
			return s.Numbers[h.Sum32()%uint32(len(s.Numbers))]
		}
	}
	_, _ = h.Write([]byte(service))
	return "+120255501" + strconv.Itoa(10+int(h.Sum32()%90))
}

// secret is what signs the webhooks: the auth token, or the API secret it first saw if the token was never told.
func (a *Account) secret() string {
	if a.Token != "" {
		return a.Token
	}
	for _, secret := range a.Keys {
		return secret
	}
	return ""
}

const twilioRoot = "/2010-04-01/Accounts/"

// serveTwilio answers the part of the REST API that sends and looks up messages.
func (s *Sandbox) serveTwilio(w http.ResponseWriter, r *http.Request) {
	sid, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, twilioRoot), "/")
	sid = strings.TrimSuffix(sid, ".json")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.answer(w, r, nil, twilioError(refusal{400, 20001, "The request's body is not a form."}))
		return
	}
	a := s.authorise(r, sid)
	if a == nil {
		s.answer(w, r, nil, twilioError(refusal{401, 20003, "Authenticate"}))
		return
	}
	hook := Hooked
	if a.set.Load().SMSURL == "" {
		hook = Unhooked
	}
	w.Header().Set(Header, hook)
	switch {
	case rest == "Messages.json" && r.Method == http.MethodPost:
		s.twilioSend(w, r, a)
	case rest == "Calls.json" && r.Method == http.MethodPost:
		s.twilioCall(w, r, a)
	case r.Method != http.MethodGet:
		s.answer(w, r, nil, twilioError(refusal{405, 20004, "Method not allowed"}))
	case rest == "Messages.json":
		s.twilioRead(w, r, a, func() reply { return a.list(r) })
	case rest == "":
		s.twilioRead(w, r, a, a.describe, Voice)
	default:
		id, ok := strings.CutSuffix(rest, ".json")
		id, under := strings.CutPrefix(id, "Messages/")
		m := s.messageOf(id)
		if !ok || !under || m == nil || m.owner != &a.owner || m.status0() == statusNone {
			s.answer(w, r, nil, twilioError(refusal{404, 20404, "The requested resource " + r.URL.Path + " was not found"}))
			return
		}
		s.twilioRead(w, r, a, func() reply { return reply{status: 200, body: m.appendTwilio(nil)} })
	}
}

// twilioRead answers a look-up, unless a fault does: one of text messages, or of what else the look-up is for.
func (s *Sandbox) twilioRead(w http.ResponseWriter, r *http.Request, a *account, look func() reply, also ...string) {
	f := s.faults.strike(Twilio, a.name, "", OnRead, onWire)
	for _, provider := range also {
		if f == nil {
			f = s.faults.strike(provider, a.name, "", OnRead, onWire)
		}
	}
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	if out, ok := f.twilio(); ok {
		s.answer(w, r, f, out)
		return
	}
	s.answer(w, r, f, look())
}

// authorise finds the account that the credentials prove. Both kinds of credentials are HTTP Basic: account SID and auth
// token, or API key SID and secret (https://www.twilio.com/docs/usage/requests-to-twilio).
func (s *Sandbox) authorise(r *http.Request, sid string) *account {
	user, password, ok := r.BasicAuth()
	if !ok || password == "" || !isSID(sid, "AC") {
		return nil
	}
	have, known := s.accounts.Load(sid)
	if !known {
		if s.opts.Strict {
			return nil
		}
		have, _ = s.accounts.LoadOrStore(sid, s.newAccount(sid))
	}
	a := have.(*account)
	for {
		set := a.set.Load()
		want, given := set.Token, user == sid
		if !given {
			want = set.Keys[user]
		}
		if want != "" {
			if subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 {
				return a
			}
			return nil
		}
		if s.opts.Strict || (!given && !isSID(user, "SK")) {
			return nil
		}
		next := *set
		if given {
			next.Token = password
		} else {
			next.Keys = map[string]string{user: password}
			for k, v := range set.Keys {
				next.Keys[k] = v
			}
		}
		a.set.CompareAndSwap(set, &next)
	}
}

// isSID says whether a text is an identifier of Twilio's: two letters and 32 hexadecimal digits.
func isSID(sid, prefix string) bool {
	if len(sid) != 34 || sid[:2] != prefix {
		return false
	}
	for i := 2; i < len(sid); i++ {
		c := sid[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// twilioError writes an error as Twilio does (https://www.twilio.com/docs/usage/twilios-response).
func twilioError(f refusal) reply {
	b := make([]byte, 0, 192)
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(f.code), 10)
	b = append(b, `,"message":`...)
	b = appendString(b, f.text)
	b = append(b, `,"more_info":"https://www.twilio.com/docs/errors/`...)
	b = strconv.AppendInt(b, int64(f.code), 10)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(f.status), 10)
	return reply{status: f.status, body: append(b, '}')}
}

// twilio is the error that a fault answers with; false if it gives none of the provider's own.
func (f *Fault) twilio() (reply, bool) {
	if f == nil {
		return reply{}, false
	}
	switch f.Kind {
	case Failure:
		text := f.Text
		if text == "" {
			text = "An internal server error has occurred"
		}
		return twilioError(refusal{f.status(500), f.code(20500), text}), true
	case Throttle:
		out := twilioError(refusal{429, f.code(20429), "Too Many Requests"})
		out.retryAfter = f.RetryAfter
		return out, true
	case Unauthorized:
		return twilioError(refusal{401, f.code(20003), "Authenticate"}), true
	default:
		return reply{}, false
	}
}

// describe is the account resource (https://www.twilio.com/docs/iam/api/account).
func (a *account) describe() reply {
	b := append([]byte(nil), `{"sid":`...)
	b = appendString(b, a.name)
	b = append(b, `,"friendly_name":"Sandbox","status":"active","type":"Full","auth_token":null,"owner_account_sid":`...)
	b = appendString(b, a.name)
	b = append(b, `,"date_created":"Thu, 01 Jan 2026 00:00:00 +0000","date_updated":"Thu, 01 Jan 2026 00:00:00 +0000","uri":`...)
	b = appendString(b, twilioRoot+a.name+".json")
	b = append(b, `,"subresource_uris":{"messages":`...)
	b = appendString(b, twilioRoot+a.name+"/Messages.json")
	return reply{status: 200, body: append(b, "}}"...)}
}

func (r *record) status0() status { st, _ := r.status(); return st }
