package external

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// What an adapter can be asked to do.
const (
	DoDescribe = "describe"
	DoSend     = "send"
	DoFind     = "find"
	DoCheck    = "check"
	DoEvents   = "events"
)

// Request is one line to a program, or the body of a signed POST: what to do, and with what.
type Request struct {
	ID   string `json:"id"`
	Do   string `json:"do"`
	With any    `json:"with,omitempty"`
}

// Answer is what comes back: one of OK and Error.
type Answer struct {
	ID    string          `json:"id,omitempty"`
	OK    json.RawMessage `json:"ok,omitempty"`
	Error *Failure        `json:"error,omitempty"`
}

// Introduction goes with describe.
type Introduction struct {
	Protocol int               `json:"protocol"`
	Channel  string            `json:"channel"`            // the channel's name, for logs
	Hook     string            `json:"hook,omitempty"`     // where events are to be posted; empty: nowhere, they are polled
	Settings map[string]any    `json:"settings,omitempty"` // for programs: the channel's own
	Secrets  map[string]string `json:"secrets,omitempty"`  // for programs
}

// Message goes with send: one part for one address.
type Message struct {
	Attempt   string           `json:"attempt"` // to be named in receipts
	Part      int              `json:"part"`    // from 0; to be named in receipts
	Key       string           `json:"key"`     // the same whenever this part is sent again, also in another attempt
	To        string           `json:"to"`
	Text      string           `json:"text"`
	HTML      string           `json:"html,omitempty"`
	Subject   string           `json:"subject,omitempty"`
	Calendar  string           `json:"calendar,omitempty"` // an iCalendar file to attach
	Encoding  string           `json:"encoding,omitempty"` // of text messages: GSM-7 or UCS-2
	Segments  int              `json:"segments,omitempty"` // of text messages
	Buttons   []content.Button `json:"buttons,omitempty"`
	Expires   *time.Time       `json:"expires,omitempty"` // worthless after that
	Urgent    bool             `json:"urgent,omitempty"`
	Neutral   bool             `json:"neutral,omitempty"`
	Protected bool             `json:"protected,omitempty"`
}

// Taken is the answer to send.
type Taken struct {
	ID        string `json:"id"` // the provider's, or the adapter's own
	Delivered bool   `json:"delivered,omitempty"`
}

// Question goes with find.
type Question struct {
	Attempt string    `json:"attempt"`
	Part    int       `json:"part"`
	ID      string    `json:"id,omitempty"` // empty: the answer was lost
	To      string    `json:"to"`
	Text    string    `json:"text,omitempty"` // empty: not known word by word
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
}

// Found is the answer to find.
type Found struct {
	Found   string   `json:"found"` // sent, not-sent or cannot-tell
	Receipt *Receipt `json:"receipt,omitempty"`
}

// After goes with events.
type After struct {
	After string `json:"after,omitempty"` // the cursor; empty: from now on, and what is still there
	Wait  int    `json:"wait_seconds,omitempty"`
	// Since asks to catch up: for all that came from then on, told before or not. After is then a cursor of that asking alone.
	Since *time.Time `json:"since,omitempty"`
}

// Batch is the answer to events, and, without Next, what an adapter posts.
type Batch struct {
	Events []Event `json:"events"`
	Next   string  `json:"next,omitempty"`
	// Lost answers since: what came before that is no longer known.
	Lost *time.Time `json:"lost,omitempty"`
}

// UnmarshalJSON reads one event more than a batch may have and no others: there may be hundreds of thousands of empty ones in a
// line, which would take a hundred times its memory.
func (b *Batch) UnmarshalJSON(raw []byte) error {
	var whole struct {
		Events json.RawMessage `json:"events"`
		Next   string          `json:"next"`
		Lost   *time.Time      `json:"lost"`
	}
	if err := json.Unmarshal(raw, &whole); err != nil {
		return err
	}
	*b = Batch{Next: whole.Next, Lost: whole.Lost}
	if len(whole.Events) == 0 || string(whole.Events) == "null" {
		return nil
	}
	events := json.NewDecoder(bytes.NewReader(whole.Events))
	if begin, err := events.Token(); err != nil || begin != json.Delim('[') {
		return errors.New("events is no list")
	}
	for b.Events = []Event{}; events.More() && len(b.Events) <= mostEvents; {
		var e Event
		if err := events.Decode(&e); err != nil {
			return err
		}
		b.Events = append(b.Events, e)
	}
	return nil
}

// Event is one thing that the adapter reports: one of Receipt, Inbound and Signal.
type Event struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at,omitzero"`
	Receipt *Receipt  `json:"receipt,omitempty"`
	Inbound *Inbound  `json:"inbound,omitempty"`
	Signal  *Signal   `json:"signal,omitempty"`
}

// Receipt says what became of a part, which it names by ID, by Attempt and Part, or by both.
type Receipt struct {
	ID      string   `json:"id,omitempty"`
	Attempt string   `json:"attempt,omitempty"`
	Part    int      `json:"part,omitempty"`
	Status  string   `json:"status"` // accepted, delivered or failed
	Error   *Failure `json:"error,omitempty"`
}

// Inbound is what a member wrote, or a button that she pressed.
type Inbound struct {
	From    string `json:"from"`
	To      string `json:"to,omitempty"`
	Text    string `json:"text,omitempty"`
	Action  string `json:"action,omitempty"`
	ReplyTo string `json:"reply_to,omitempty"`
}

// Signal is what became known about an address.
type Signal struct {
	Address string `json:"address"`
	Kind    string `json:"kind"` // stopped, started or moved
	To      string `json:"to,omitempty"`
}

// Failure is why something was not done.
type Failure struct {
	Class      string  `json:"class,omitempty"` // missing: unknown
	Scope      string  `json:"scope,omitempty"` // missing: channel
	Trouble    string  `json:"trouble,omitempty"`
	RetryAfter float64 `json:"retry_after_seconds,omitempty"`
	Code       string  `json:"code,omitempty"`
	Detail     string  `json:"detail,omitempty"` // a sentence that may be shown to anybody
	Expired    bool    `json:"expired,omitempty"`
	MovedTo    string  `json:"moved_to,omitempty"`
	OptedOut   bool    `json:"opted_out,omitempty"`
}

// The bounds of what an adapter says.
const (
	mostLine   = 1 << 20  // bytes of one answer
	mostShort  = 64 << 10 // bytes of one to anything but describe and events: each sender may hold one
	mostEvents = 500      // of one batch
	mostCursor = 1000     // bytes
	mostID     = 200      // bytes of an id
	mostCode   = 40       // bytes
	mostDetail = 300      // bytes
	mostText   = 64 << 10
	mostRetry  = 24 * time.Hour
)

var (
	classes  = map[string]channels.Class{"temporary": channels.Temporary, "throttled": channels.Throttled, "permanent": channels.Permanent, "gone": channels.Gone, "auth": channels.Auth}
	scopes   = map[string]channels.Scope{"address": channels.ScopeAddress, "content": channels.ScopeContent, "sender": channels.ScopeSender, "channel": channels.ScopeChannel}
	troubles = map[string]channels.Trouble{"filtered": channels.TroubleFiltered, "unregistered": channels.TroubleUnregistered, "unpaid": channels.TroubleUnpaid, "credentials": channels.TroubleCredentials}
	statuses = map[string]channels.Status{"accepted": channels.StatusAccepted, "delivered": channels.StatusDelivered, "failed": channels.StatusFailed}
	signals  = map[string]channels.SignalKind{"stopped": channels.SignalStopped, "started": channels.SignalStarted, "moved": channels.SignalMoved}
	findings = map[string]channels.Found{"sent": channels.WasSent, "not-sent": channels.NotSent, "cannot-tell": channels.CannotTell}
)

// failure turns what an adapter says into an error. What it names wrongly is taken for what is more careful: a class that does
// not exist is Unknown. veil takes out what nobody may read in it.
func (f *Failure) failure(a *form, veil func(string) string) *channels.Error {
	e := &channels.Error{
		Class: classes[f.Class], Scope: cmp.Or(scopes[f.Scope], channels.ScopeChannel), Trouble: troubles[f.Trouble],
		Code: short(veil(f.Code), mostCode), Detail: cmp.Or(short(veil(f.Detail), mostDetail), "the adapter gives no reason"),
	}
	if f.RetryAfter > 0 {
		e.RetryAfter = time.Duration(min(f.RetryAfter, mostRetry.Seconds()) * float64(time.Second))
	}
	switch e.Class {
	case channels.Gone:
		e.Scope, e.OptedOut = channels.ScopeAddress, f.OptedOut
		if to, err := a.parse(f.MovedTo); err == nil && f.MovedTo != "" {
			e.MovedTo = to
		}
	case channels.Permanent:
		if f.Expired {
			e.Cause = channels.ErrExpired
		}
	}
	return e
}

func (r *Receipt) receipt(a *form, veil func(string) string) (*channels.Receipt, bool) {
	status, known := statuses[r.Status]
	if !known || r.ID == "" && r.Attempt == "" || len(r.ID) > mostID || len(r.Attempt) > mostID || r.Part < 0 {
		return nil, false
	}
	out := &channels.Receipt{Attempt: r.Attempt, PartNo: r.Part, ProviderID: r.ID, Status: status}
	if status == channels.StatusFailed {
		if r.Error == nil {
			r.Error = &Failure{Class: "permanent", Scope: "address"}
		}
		out.Err = r.Error.failure(a, veil)
	}
	return out, true
}

// event reads one event; false if it cannot be used.
func (e *Event) event(a *form, veil func(string) string) (channels.Event, bool) {
	out := channels.Event{ID: e.ID, At: e.At}
	if e.ID == "" || len(e.ID) > mostID {
		return out, false
	}
	var ok bool
	switch {
	case e.Receipt != nil && e.Inbound == nil && e.Signal == nil:
		out.Receipt, ok = e.Receipt.receipt(a, veil)
	case e.Inbound != nil && e.Receipt == nil && e.Signal == nil:
		from, err := a.parse(e.Inbound.From)
		in := e.Inbound
		ok = err == nil && len(in.Text) <= mostText && len(in.To) <= maxRaw && len(in.Action) <= actionLimit && len(in.ReplyTo) <= mostID
		out.Inbound = &channels.Inbound{From: from, To: in.To, Text: in.Text, Action: in.Action, ReplyTo: in.ReplyTo}
	case e.Signal != nil && e.Receipt == nil && e.Inbound == nil:
		address, err := a.parse(e.Signal.Address)
		kind, known := signals[e.Signal.Kind]
		s := &channels.Signal{Address: address, Kind: kind}
		if ok = err == nil && known; ok && kind == channels.SignalMoved {
			s.NewAddr, err = a.parse(e.Signal.To)
			ok = err == nil
		}
		out.Signal = s
	}
	return out, ok
}

// readBatch reads events and counts those that cannot be used.
func readBatch(batch *Batch, a *form, veil func(string) string) (events []channels.Event, unusable int) {
	for i := range batch.Events[:min(len(batch.Events), mostEvents)] {
		if e, ok := batch.Events[i].event(a, veil); ok {
			events = append(events, e)
		} else {
			unusable++
		}
	}
	return events, unusable + max(0, len(batch.Events)-mostEvents) // of those beyond, one is counted
}

// mostOf gives the most bytes of an answer.
func mostOf(do string) int {
	if do == DoDescribe || do == DoEvents {
		return mostLine
	}
	return mostShort
}

var errUnreadable = errors.New("the adapter's answer is no JSON in UTF-8 of the protocol")

// ReadAnswer reads a line or a body. The error holds nothing of it.
func ReadAnswer(raw []byte) (Answer, error) {
	var a Answer
	if !utf8.Valid(raw) || json.Unmarshal(raw, &a) != nil || (len(a.OK) == 0) == (a.Error == nil) {
		return Answer{}, errUnreadable
	}
	return a, nil
}
