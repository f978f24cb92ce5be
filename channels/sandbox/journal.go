package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unique"
)

// What an Entry records.
const (
	EntryMessage = "message" // a request to send one message
	EntryEdit    = "edit"    // a request to change a sent one
	EntryReply   = "reply"   // a text that a person sent
	EntryPress   = "press"   // a button that a person pressed
	EntryAuto    = "auto"    // what the provider itself answered to a reserved word
)

// Entry is one line of the log.
type Entry struct {
	Seq        uint64    `json:"seq"`  // from 1, without gaps, in the order of arrival
	Time       time.Time `json:"time"` // when it was received
	Kind       string    `json:"kind"` // one of the Entry… constants
	Provider   string    `json:"provider"`
	Credential string    `json:"credential"`     // account SID, bot id or user of the mail server; never a secret
	From       string    `json:"from,omitempty"` // number, sender name or messaging service; for a reply the person
	To         string    `json:"to"`
	Subject    string    `json:"subject,omitempty"` // of mail
	Text       string    `json:"text"`              // as it came over the wire; of mail the plain text
	Plain      string    `json:"plain,omitempty"`   // as the person reads it, where that differs from Text
	Attempt    string    `json:"attempt,omitempty"` // query parameter a of the callback URL, or the mark of a post
	Part       int       `json:"part,omitempty"`    // query parameter p of the callback URL, or the mark of a post
	ID         string    `json:"id,omitempty"`      // the provider's id, of kept messages
	Kept       bool      `json:"kept"`              // the provider has the message and will deliver it
	Status     string    `json:"status,omitempty"`  // what became of it by now
	Code       int       `json:"code,omitempty"`    // the provider's error code: of the refusal, or of the failed delivery
	Answer     string    `json:"answer,omitempty"`  // HTTP status, or the fault that took the answer's place
}

// line is the immutable part of a record.
type line struct {
	at      int64 // microseconds
	owner   *owner
	phone   *phone // nil where the address cannot have one
	kind    string
	from    unique.Handle[string]
	to      string
	text    unique.Handle[string]
	attempt string
	part    int32
	code    int32
	window  int32 // validity period in seconds; zero: none
	kept    bool
	answer  string
	service unique.Handle[string] // messaging service of a text message
	rich    *rich                 // of chats: entities, buttons, message id
	mail    *letter               // mail: headers and HTML
	own     string                // the sender's own id of the message, where the provider takes one
}

// record is one line and what became of it.
type record struct {
	line
	seq     uint64
	state   atomic.Uint64 // status in the low byte, error code above it
	changed atomic.Int64  // microseconds
}

const segmentSize = 1024

// journal is the append-only log. Records are addressed by their sequence number and never move.
type journal struct {
	mu       sync.RWMutex
	segments []*[segmentSize]record
	n        uint64

	spillMu sync.Mutex
	spill   *bufio.Writer
	flush   *time.Timer
	err     error
	closed  bool
}

func (j *journal) open(w io.Writer) {
	if w != nil {
		j.spill = bufio.NewWriterSize(w, 1<<16)
	}
}

// append writes one line and returns its record. It returns only when the line is in the log.
func (j *journal) append(l line, st status) *record {
	j.mu.Lock()
	at := j.n % segmentSize
	if at == 0 {
		j.segments = append(j.segments, new([segmentSize]record))
	}
	r := &j.segments[len(j.segments)-1][at]
	r.line = l
	j.n++
	r.seq = j.n
	r.changed.Store(l.at)
	r.state.Store(uint64(st) | uint64(l.code)<<8)
	j.mu.Unlock()
	if j.spill != nil {
		j.write(r)
	}
	return r
}

// write copies a record to Options.LogTo; it is on its way to the operating system within 50 ms.
func (j *journal) write(r *record) {
	e, err := json.Marshal(r.entry())
	j.spillMu.Lock()
	defer j.spillMu.Unlock()
	if j.closed {
		return
	}
	if err == nil {
		_, err = j.spill.Write(append(e, '\n'))
	}
	j.err = errors.Join(j.err, err)
	if j.flush == nil {
		j.flush = time.AfterFunc(50*time.Millisecond, func() {
			j.spillMu.Lock()
			defer j.spillMu.Unlock()
			j.flush = nil
			j.err = errors.Join(j.err, j.spill.Flush())
		})
	}
}

func (j *journal) close() error {
	if j.spill == nil {
		return nil
	}
	j.spillMu.Lock()
	defer j.spillMu.Unlock()
	j.closed = true
	j.err = errors.Join(j.err, j.spill.Flush())
	return j.err
}

// len is the newest sequence number.
func (j *journal) len() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.n
}

// get returns the record with a sequence number, nil if there is none.
func (j *journal) get(seq uint64) *record {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if seq == 0 || seq > j.n {
		return nil
	}
	return &j.segments[(seq-1)/segmentSize][(seq-1)%segmentSize]
}

func (r *record) status() (status, int) {
	v := r.state.Load()
	return status(v & 0xff), int(v >> 8)
}

func (r *record) set(st status, code int, at time.Time) {
	r.changed.Store(at.UnixMicro())
	r.state.Store(uint64(st) | uint64(code)<<8)
}

func (r *record) time() time.Time { return time.UnixMicro(r.at).UTC() }

// id is the provider's id of the message.
func (r *record) id() string {
	switch {
	case r.owner.provider == Twilio:
		return r.owner.s.messageSID(r.seq)
	case r.own != "":
		return r.own
	case r.owner.provider == Voice:
		return "CA" + r.owner.s.messageSID(r.seq)[len("SM"):]
	case r.owner.provider == Mattermost:
		return r.owner.s.postID(r.seq)
	case r.mail != nil:
		return r.mail.id
	case r.rich != nil:
		return strconv.FormatInt(r.rich.id, 10)
	default:
		return ""
	}
}

func (r *record) entry() Entry {
	st, code := r.status()
	e := Entry{
		Seq: r.seq, Time: r.time(), Kind: r.kind, Provider: r.owner.provider, Credential: r.owner.name,
		From: r.from.Value(), To: r.to, Text: r.text.Value(), Attempt: r.attempt, Part: int(r.part),
		Kept: r.kept, Code: code, Answer: r.answer,
	}
	if r.kept || r.kind != EntryMessage {
		e.ID, e.Status = r.id(), st.String()
	}
	if r.mail != nil {
		e.Subject = r.mail.subject
	}
	if plain := r.plain(); plain != e.Text {
		e.Plain = plain
	}
	return e
}

// plain is the text as the person reads it.
func (r *record) plain() string {
	if r.rich == nil || r.rich.parsed == nil {
		return r.text.Value()
	}
	return r.rich.parsed.text
}

// Log returns the entries after sequence number after, oldest first; at most limit of them, zero for all.
func (s *Sandbox) Log(after uint64, limit int) []Entry {
	last := s.journal.len()
	if after >= last {
		return nil
	}
	if limit > 0 && last-after > uint64(limit) {
		last = after + uint64(limit)
	}
	out := make([]Entry, 0, last-after)
	for seq := after + 1; seq <= last; seq++ {
		out = append(out, s.journal.get(seq).entry())
	}
	return out
}
