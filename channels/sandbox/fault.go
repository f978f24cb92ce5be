package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// FaultKind says how a provider misbehaves.
type FaultKind string

// The faults. Those that take the place of the answer keep the message only if Fault.Kept says so.
const (
	Latency      FaultKind = "latency"      // wait For, then go on as if nothing were
	Hang         FaultKind = "hang"         // say nothing for For (zero: for ever), then cut the connection
	Drip         FaultKind = "drip"         // the true answer, a byte each For (zero: 500 ms); the message is kept
	Cut          FaultKind = "cut"          // read the request, then cut the connection
	Garbage      FaultKind = "garbage"      // success, and a body that is no JSON
	HTML         FaultKind = "html"         // a proxy's HTML page with Status (zero: 503)
	Failure      FaultKind = "error"        // the provider's own error with Status, Code and Text
	Throttle     FaultKind = "throttle"     // 429 with RetryAfter verbatim; empty: without
	Unauthorized FaultKind = "unauthorized" // refuse the credentials
	Migrate      FaultKind = "migrate"      // Telegram: the group has become the supergroup MovedTo
	Rates        FaultKind = "rates"        // Telegram and Mattermost: hold the published rates; see rates.go
	Queue        FaultKind = "queue"        // Twilio: the message waits For in the provider's queue
	Receipts     FaultKind = "receipts"     // Twilio and Android: reports are changed as Receipt says
	Greylist     FaultKind = "greylist"     // mail: who was never seen must come again after For (zero: 5 min)
	Bounce       FaultKind = "bounce"       // mail: it is taken and, after For, comes back with the status in Text (empty: 5.1.1); with Receipt late it is only delayed
	AutoReply    FaultKind = "auto-reply"   // mail: after For, a machine answers with Text
)

// Receipt is what a fault of kind Receipts does to the callbacks of a message.
type Receipt string

// The ways of receipts. The status that look-ups give is the true one in each case.
const (
	Withhold Receipt = "withhold" // none comes
	Late     Receipt = "late"     // they come For later
	Twice    Receipt = "repeat"   // each comes twice
	Reverse  Receipt = "reverse"  // the last comes first
	Fail     Receipt = "fail"     // sent, and then undelivered with Code (zero: 30003)
)

// The calls that a fault can strike.
const (
	OnSend = "send" // messages; the default
	OnRead = "read" // everything else: look-ups, checks, polling, webhook registration
	OnAll  = "all"
)

// Fault is one scripted misbehaviour. Empty fields strike everything. Of several that fit, the oldest strikes.
type Fault struct {
	ID         string        // given by Script
	Kind       FaultKind     //
	Provider   string        // Twilio, Telegram, Mattermost, Mail, Voice, Android, Matrix or empty
	Credential string        // account SID, bot id or user of the mail server
	Address    string        // number, chat id, account id, channel or mail address of the message
	On         string        // OnSend (also when empty), OnRead or OnAll
	Stage      string        // mail: where it strikes, whatever On says; empty: by kind and On
	Times      int           // how often it strikes; zero: until cleared
	Kept       bool          // the provider keeps the message although its answer is spoilt
	For        time.Duration // see the kinds
	Status     int           // HTTP status; for mail the code of the SMTP reply
	Code       int           // the provider's code
	Text       string        // the provider's words, or the id of Mattermost's error
	RetryAfter string        // for Throttle: seconds, or nonsense, verbatim
	Receipt    Receipt       // for Receipts
	MovedTo    string        // for Migrate: the new chat id
}

// faultJSON is how a Fault travels.
type faultJSON struct {
	ID         string    `json:"id,omitempty"`
	Kind       FaultKind `json:"kind"`
	Provider   string    `json:"provider,omitempty"`
	Credential string    `json:"credential,omitempty"`
	Address    string    `json:"address,omitempty"`
	On         string    `json:"on,omitempty"`
	Stage      string    `json:"stage,omitempty"`
	Times      int       `json:"times,omitempty"`
	Kept       bool      `json:"kept,omitempty"`
	For        string    `json:"for,omitempty"` // as in "1.5s"
	Status     int       `json:"status,omitempty"`
	Code       int       `json:"code,omitempty"`
	Text       string    `json:"text,omitempty"`
	RetryAfter string    `json:"retry_after,omitempty"`
	Receipt    Receipt   `json:"receipt,omitempty"`
	MovedTo    string    `json:"moved_to,omitempty"`
	Words      string    `json:"words,omitempty"`
}

// MarshalJSON writes the fault with For as text ("1.5s") and with its Words.
func (f Fault) MarshalJSON() ([]byte, error) {
	out := faultJSON{
		f.ID, f.Kind, f.Provider, f.Credential, f.Address, f.On, f.Stage, f.Times, f.Kept, "", f.Status, f.Code, f.Text,
		f.RetryAfter, f.Receipt, f.MovedTo, f.Words(),
	}
	if f.For != 0 {
		out.For = f.For.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes and refuses fields that it does not know; id and words are ignored.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var in faultJSON
	if err := strict(b, &in); err != nil {
		return err
	}
	var wait time.Duration
	if in.For != "" {
		var err error
		if wait, err = time.ParseDuration(in.For); err != nil {
			return fmt.Errorf("for: %q is no duration; write it like 1.5s or 72h", in.For)
		}
	}
	*f = Fault{
		"", in.Kind, in.Provider, in.Credential, in.Address, in.On, in.Stage, in.Times, in.Kept, wait, in.Status, in.Code, in.Text,
		in.RetryAfter, in.Receipt, in.MovedTo,
	}
	return nil
}

func (f Fault) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch f.Kind {
	case Latency, Hang, Drip, Cut, Garbage, HTML, Failure, Throttle, Unauthorized:
	case Migrate:
		if _, err := strconv.ParseInt(f.MovedTo, 10, 64); err != nil {
			bad("moved_to: %q is no chat id", f.MovedTo)
		}
	case Rates, Queue, Greylist, Bounce, AutoReply:
	case Receipts:
		switch f.Receipt {
		case Withhold, Late, Twice, Reverse, Fail:
		default:
			bad("receipt: %q is not one of withhold, late, repeat, reverse, fail", f.Receipt)
		}
	default:
		bad("kind: %q is not known; see docs/sandbox.md", f.Kind)
	}
	switch f.Provider {
	case "", Twilio, Telegram, Mattermost, Mail, Voice, Android, Matrix:
	default:
		bad("provider: %q is none of %q, %q, %q, %q, %q, %q and %q", f.Provider, Twilio, Telegram, Mattermost, Mail, Voice, Android, Matrix)
	}
	switch f.Stage {
	case "", StageConnect, StageHello, StageAuth, StageMail, StageRcpt, StageData:
	default:
		bad("stage: %q is not one of connect, hello, auth, mail, rcpt, data", f.Stage)
	}
	switch f.On {
	case "", OnSend, OnRead, OnAll:
	default:
		bad("on: %q is not one of send, read, all", f.On)
	}
	if f.For < 0 {
		bad("for: a fault cannot last a negative time")
	}
	if f.Times < 0 {
		bad("times: %d is negative; use 0 for until cleared", f.Times)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		bad("status: %d is no HTTP error", f.Status)
	}
	return errors.Join(errs...)
}

// armed is a scripted fault and how often it may still strike.
type armed struct {
	Fault
	left atomic.Int64 // below zero: used up; not counted when Times is zero
}

// faultScript holds the faults in force. Striking takes no lock.
type faultScript struct {
	mu   sync.Mutex
	n    int
	held map[string]chan struct{} // by id of a Hang: closed when it is cleared
	list atomic.Pointer[[]*armed]
}

// Script puts a fault in force after those that are. It returns the fault's id, or an error that names every field
// that is wrong.
func (s *Sandbox) Script(f Fault) (string, error) {
	if err := f.check(); err != nil {
		return "", err
	}
	fs := &s.faults
	fs.mu.Lock()
	fs.n++
	f.ID = "f" + strconv.Itoa(fs.n)
	a := &armed{Fault: f}
	a.left.Store(int64(f.Times))
	if f.Kind == Hang {
		if fs.held == nil {
			fs.held = make(map[string]chan struct{})
		}
		fs.held[f.ID] = make(chan struct{})
	}
	list := append(fs.current(), a)
	fs.list.Store(&list)
	fs.mu.Unlock()
	s.wall.refresh()
	s.note()
	return f.ID, nil
}

// Clear ends the faults with these ids, all of them if none is given. Connections that they let hang are cut.
func (s *Sandbox) Clear(ids ...string) {
	fs := &s.faults
	fs.mu.Lock()
	var list []*armed
	if len(ids) > 0 {
		list = slices.DeleteFunc(fs.current(), func(a *armed) bool { return slices.Contains(ids, a.ID) })
	}
	fs.list.Store(&list)
	for id, held := range fs.held {
		if len(ids) == 0 || slices.Contains(ids, id) {
			close(held)
			delete(fs.held, id)
		}
	}
	fs.mu.Unlock()
	s.wall.refresh()
	s.note()
}

// freed is closed once a Hang has been cleared.
func (fs *faultScript) freed(id string) <-chan struct{} {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if held, ok := fs.held[id]; ok {
		return held
	}
	over := make(chan struct{})
	close(over)
	return over
}

// Faults returns the faults in force, with Times counted down.
func (s *Sandbox) Faults() []Fault {
	var out []Fault
	for _, a := range s.faults.current() {
		f := a.Fault
		if f.Times > 0 {
			f.Times = int(a.left.Load())
		}
		out = append(out, f)
	}
	return out
}

// current returns a copy of the faults that can still strike.
func (fs *faultScript) current() []*armed {
	p := fs.list.Load()
	if p == nil {
		return nil
	}
	out := make([]*armed, 0, len(*p))
	for _, a := range *p {
		if a.Times == 0 || a.left.Load() > 0 {
			out = append(out, a)
		}
	}
	return out
}

// strike finds the fault that hits this call and counts it; nil if there is none. Only those that want says are asked.
func (fs *faultScript) strike(provider, credential, address, on string, want func(*Fault) bool) *Fault {
	p := fs.list.Load()
	if p == nil {
		return nil
	}
	for _, a := range *p {
		if !want(&a.Fault) || !fits(a.Provider, provider) || !fits(a.Credential, credential) || !fits(a.Address, address) {
			continue
		}
		if a.On != OnAll && on != a.On && !(a.On == "" && on == OnSend) {
			continue
		}
		if a.Times > 0 && a.left.Add(-1) < 0 {
			continue
		}
		return &a.Fault
	}
	return nil
}

func fits(want, have string) bool { return want == "" || want == have }

func onWire(f *Fault) bool {
	switch f.Kind {
	case Rates, Queue, Receipts, Migrate, Greylist, Bounce, AutoReply:
		return false
	default:
		return true
	}
}

func isKind(want FaultKind) func(*Fault) bool { return func(f *Fault) bool { return f.Kind == want } }

// spoils says whether the fault takes the answer's place, so that Kept decides about the message.
func (f *Fault) spoils() bool { return f != nil && f.Kind != Latency && f.Kind != Drip }

// Words says what the fault does, for people.
func (f Fault) Words() string {
	var b strings.Builder
	switch f.Provider {
	case Twilio:
		b.WriteString("Text messages (Twilio)")
	case Telegram:
		b.WriteString("Telegram")
	case Mattermost:
		b.WriteString("Mattermost")
	case Mail:
		b.WriteString("Mail")
	case Matrix:
		b.WriteString("Matrix")
	case Voice:
		b.WriteString("Calls (Twilio)")
	case Android:
		b.WriteString("Text messages (Android phone)")
	default:
		b.WriteString("Every provider")
	}
	if f.Credential != "" {
		b.WriteString(", account " + f.Credential)
	}
	if f.Address != "" {
		b.WriteString(", to " + f.Address)
	}
	b.WriteString(": " + f.effect())
	switch f.Kind {
	case Hang, Cut, Garbage, HTML, Failure:
		if f.Kept {
			b.WriteString("; the message is kept")
		} else {
			b.WriteString("; the message is lost")
		}
	}
	switch {
	case f.Times == 1:
		b.WriteString(", once")
	case f.Times > 1:
		fmt.Fprintf(&b, ", %d times", f.Times)
	}
	if f.Stage != "" {
		b.WriteString(", at " + f.Stage)
	}
	switch f.On {
	case OnRead:
		b.WriteString(" (look-ups and polling only)")
	case OnAll:
		b.WriteString(" (every call)")
	}
	return b.String()
}

func (f Fault) effect() string {
	switch f.Kind {
	case Latency:
		return "answers after " + f.For.String()
	case Hang:
		if f.For == 0 {
			return "hangs and never answers"
		}
		return "hangs for " + f.For.String() + ", then hangs up"
	case Drip:
		return "answers one byte at a time"
	case Cut:
		return "hangs up after the request"
	case Garbage:
		return "answers garbage"
	case HTML:
		return fmt.Sprintf("a proxy answers %d with an HTML page", f.status(503))
	case Failure:
		s := fmt.Sprintf("answers an error, %d", f.status(500))
		if f.Code != 0 {
			s += fmt.Sprintf(" with code %d", f.Code)
		}
		return s
	case Throttle:
		if f.RetryAfter == "" {
			return "says too many requests, and not for how long"
		}
		return "says too many requests, come back after " + f.RetryAfter + " s"
	case Unauthorized:
		return "refuses the credentials"
	case Migrate:
		return "the group has moved to " + f.MovedTo
	case Rates:
		return "holds its published rates"
	case Queue:
		return "keeps messages in its queue for " + f.For.String()
	case Receipts:
		return f.receipts()
	case Greylist:
		return "asks strangers to come again"
	case Bounce:
		if f.Receipt == Late {
			return "messages are reported as delayed"
		}
		return "messages come back"
	case AutoReply:
		return "a machine answers every message"
	default:
		return string(f.Kind)
	}
}

func (f Fault) receipts() string {
	switch f.Receipt {
	case Withhold:
		return "no receipts come"
	case Late:
		return "receipts come " + f.For.String() + " late"
	case Twice:
		return "receipts come twice"
	case Reverse:
		return "receipts come in reverse order"
	default:
		return fmt.Sprintf("messages fail on the way, code %d", f.code(30003))
	}
}

func (f Fault) status(otherwise int) int {
	if f.Status != 0 {
		return f.Status
	}
	return otherwise
}

func (f Fault) code(otherwise int) int {
	if f.Code != 0 {
		return f.Code
	}
	return otherwise
}
