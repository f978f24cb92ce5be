package channeltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// Wire is how one provider speaks HTTP: the few lines that differ from one double to the next. Each function gets the whole
// body of a request and may be called by many at once.
type Wire struct {
	// Message reads a request to send a message; false: it is any other request.
	Message func(r *http.Request, body []byte) (Said, bool)
	// Answer answers a request that no fault spoils. kept is the message that was kept; nil: the request was no message.
	Answer func(w http.ResponseWriter, r *http.Request, body []byte, kept *Seen)
	// Refuse says no with a status, in the provider's own form, quoting text as careless providers do.
	Refuse func(w http.ResponseWriter, status int, text string)
	// Reply makes a person write. Nil: nobody can answer.
	Reply func(address, text string) error
}

// Said is what a request to send says.
type Said struct {
	To, Text string
	Key      string // under which a repeated request is known; empty: the provider knows none
}

// Fake is a Double of a provider that speaks HTTP, on a socket of its own. It keeps messages and misbehaves as it is told;
// what it says is its Wire's.
type Fake struct {
	wire   Wire
	url    string
	ctx    context.Context
	calls  sync.WaitGroup
	mu     sync.Mutex
	faults []*sandbox.Fault
	struck []int
	freed  chan struct{} // closed by Clear
	seen   []Seen
	byKey  map[string]string // idempotency key → id of the message that was kept
}

// NewFake starts a double. stop ends it, and waits for the calls that it makes.
func NewFake(wire Wire) (f *Fake, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f = &Fake{wire: wire, url: "http://" + l.Addr().String(), ctx: ctx, freed: make(chan struct{}), byKey: map[string]string{}}
	server := &http.Server{Handler: http.HandlerFunc(f.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // it ends with stop
	return f, func() {
		cancel()
		_ = server.Close()
		f.calls.Wait()
	}, nil
}

// URL is where the double answers.
func (f *Fake) URL() string { return f.url }

// Script puts a fault in force.
func (f *Fake) Script(fault sandbox.Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.struck = append(f.faults, &fault), append(f.struck, 0)
	return nil
}

// Clear ends all faults.
func (f *Fake) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.struck = nil, nil
	close(f.freed)
	f.freed = make(chan struct{})
}

// Seen lists the requests to send a message. One that was repeated under its key is listed once more, and not kept again.
func (f *Fake) Seen() []Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Seen(nil), f.seen...)
}

// Reply makes a person write.
func (f *Fake) Reply(address, text string) error {
	if f.wire.Reply == nil {
		return errors.New("nobody can answer this provider")
	}
	return f.wire.Reply(address, text)
}

// Call makes a request of the provider's, as to a webhook, and does not wait for it. What is answered is not read.
func (f *Fake) Call(req *http.Request) {
	f.calls.Go(func() {
		if resp, err := http.DefaultClient.Do(req.WithContext(f.ctx)); err == nil {
			_ = resp.Body.Close()
		}
	})
}

// strike finds the fault that hits a request: the oldest that fits.
func (f *Fake) strike(message bool) (*sandbox.Fault, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.faults {
		on := fault.On == sandbox.OnAll || message == (fault.On == "" || fault.On == sandbox.OnSend)
		if !on || fault.Times > 0 && f.struck[i] >= fault.Times {
			continue
		}
		f.struck[i]++
		return fault, f.freed
	}
	return nil, f.freed
}

// keep notes a message and gives it as it stands there; under a key that is known, as it was kept first.
func (f *Fake) keep(s Said, kept bool) Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := Seen{To: s.To, Text: s.Text, Key: s.Key, Kept: kept}
	if id, known := f.byKey[s.Key]; known && s.Key != "" {
		m.ID, m.Kept = id, false
	} else if kept {
		m.ID = "fake-" + strconv.Itoa(len(f.seen)+1)
		if s.Key != "" {
			f.byKey[s.Key] = m.ID
		}
	}
	f.seen = append(f.seen, m)
	return m
}

func (f *Fake) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	said, message := f.wire.Message(r, body)
	fault, freed := f.strike(message)
	var kept *Seen
	if message {
		m := f.keep(said, fault == nil || fault.Kept || fault.Kind == sandbox.Latency || fault.Kind == sandbox.Drip)
		kept = &m
	}
	if fault == nil {
		f.wire.Answer(w, r, body, kept)
		return
	}
	status := fault.Status
	switch fault.Kind {
	case sandbox.Hang:
		select {
		case <-freed:
		case <-r.Context().Done():
		case <-f.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	case sandbox.Cut:
		panic(http.ErrAbortHandler)
	case sandbox.Garbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{\"id\": \"\x00\xff<<<<,,\n]")
	case sandbox.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(or(status, http.StatusServiceUnavailable))
		_, _ = io.WriteString(w, "<html><body><h1>"+strconv.Itoa(or(status, http.StatusServiceUnavailable))+"</h1></body></html>")
	case sandbox.Failure:
		f.wire.Refuse(w, or(status, http.StatusInternalServerError), fault.Text)
	case sandbox.Throttle:
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.RetryAfter)
		}
		f.wire.Refuse(w, http.StatusTooManyRequests, fault.Text)
	case sandbox.Unauthorized:
		f.wire.Refuse(w, http.StatusUnauthorized, fault.Text)
	case sandbox.Drip:
		f.drip(w, r, body, kept, fault.For)
	default:
		f.wire.Answer(w, r, body, kept)
	}
}

// drip writes the true answer a byte at a time.
func (f *Fake) drip(w http.ResponseWriter, r *http.Request, body []byte, kept *Seen, each time.Duration) {
	whole := &answer{header: http.Header{}, status: http.StatusOK}
	f.wire.Answer(whole, r, body, kept)
	maps.Copy(w.Header(), whole.header)
	w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
	w.WriteHeader(whole.status)
	flusher := http.NewResponseController(w)
	for _, b := range whole.body.Bytes() {
		if _, err := w.Write([]byte{b}); err != nil || flusher.Flush() != nil {
			return
		}
		timer := time.NewTimer(max(each, time.Millisecond))
		select {
		case <-timer.C:
		case <-r.Context().Done():
			timer.Stop()
			return
		case <-f.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// answer keeps what is written to it.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func or(status, otherwise int) int {
	if status != 0 {
		return status
	}
	return otherwise
}

var _ Double = (*Fake)(nil)
