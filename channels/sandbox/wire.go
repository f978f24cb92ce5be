package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// owner is an account or a bot: whose message it is.
type owner struct {
	s        *Sandbox
	provider string
	name     string // account SID or bot id
}

// reply is an answer that is ready to be written.
type reply struct {
	status     int
	retryAfter string
	kind       string      // Content-Type; empty: JSON
	header     http.Header // beside those; nil: none
	body       []byte
}

// jsonReply is an answer in JSON.
func jsonReply(status int, v any) reply {
	b, err := json.Marshal(v)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: status, body: b}
}

// refusal is how a provider says no: with its own code and words.
type refusal struct {
	status int
	code   int
	text   string
}

const maxBody = 1 << 20

// answer writes a reply, or what the fault makes of it. The log was written before.
func (s *Sandbox) answer(w http.ResponseWriter, r *http.Request, f *Fault, out reply) {
	if f == nil {
		out.write(w)
		return
	}
	switch f.Kind {
	case Hang:
		s.hang(f, r.Context().Done())
		panic(http.ErrAbortHandler)
	case Cut:
		panic(http.ErrAbortHandler)
	case Drip:
		s.drip(w, r, f.For, out)
	case Garbage:
		reply{status: out.status, body: []byte("{\"sid\": \"SM\x00\xff\xfe<<<<,,\n]")}.write(w)
	case HTML:
		page := "<html>\r\n<head><title>" + http.StatusText(f.status(503)) + "</title></head>\r\n<body>\r\n<center><h1>" +
			strconv.Itoa(f.status(503)) + "</h1></center>\r\n</body>\r\n</html>\r\n"
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.status(503))
		_, _ = io.WriteString(w, page)
	default:
		out.write(w)
	}
}

// write sends an answer. A client that has gone is its own business.
func (out reply) write(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, out.header)
	h.Set("Content-Type", jsonType)
	if out.kind != "" {
		h.Set("Content-Type", out.kind)
	}
	if out.retryAfter != "" {
		h.Set("Retry-After", out.retryAfter)
	}
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body)
}

// drip writes the reply byte by byte.
func (s *Sandbox) drip(w http.ResponseWriter, r *http.Request, each time.Duration, out reply) {
	if each == 0 {
		each = 500 * time.Millisecond
	}
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	rc := http.NewResponseController(w)
	for i := range out.body {
		if _, err := w.Write(out.body[i : i+1]); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		if !s.pause(r, each) {
			return
		}
	}
}

// hang waits until the fault's time is over, it is cleared, or the client has gone.
func (s *Sandbox) hang(f *Fault, gone <-chan struct{}) {
	var ring <-chan time.Time
	if f.For > 0 {
		t := time.NewTimer(f.For)
		defer t.Stop()
		ring = t.C
	}
	select {
	case <-ring:
	case <-s.faults.freed(f.ID):
	case <-gone:
	case <-s.box.ctx.Done():
	}
}

// pause waits for a time and reports whether the client is still there.
func (s *Sandbox) pause(r *http.Request, d time.Duration) bool { return s.rest(d, r.Context().Done()) }

// rest waits for a time and reports whether nothing ended it: the client's going or the sandbox's closing.
func (s *Sandbox) rest(d time.Duration, gone <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-gone:
	case <-s.box.ctx.Done():
	}
	return false
}

// strict decodes one JSON value and refuses unknown fields and anything after it.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the first JSON value")
	}
	return nil
}

const jsonType = "application/json"

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

const hexDigits = "0123456789abcdef"

// appendString appends a text as a JSON string. Bytes that are no UTF-8 become the replacement character.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		case r < 0x80:
			b = append(b, byte(r))
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}
