package apptest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// What this binary reads from its environment when it is run as somebody's adapter.
const (
	envStray = "CARILLON_APPTEST_STRAY" // its folder
	envWays  = "CARILLON_APPTEST_WAYS"  // how it goes astray
	envAt    = "CARILLON_APPTEST_AT"    // where it takes signed requests; empty: it speaks over its input and output
)

const straySecret channels.Secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// stray is an adapter that keeps what it sends in a file, which is also how it knows its keys after a death, and goes astray: at
// the fifth message it gets, once in all its lives; or, where it floods, until the file "calm" is there.
type stray struct {
	folder, ways string
	forgetful    bool // it does not know keys

	mu   sync.Mutex
	file *os.File
	ids  map[string]string // by key
	n    int
	hook string
	out  io.Writer
	told int // events
}

// runStray is the adapter.
func runStray(folder string) error {
	s := &stray{folder: folder, ways: os.Getenv(envWays), ids: map[string]string{}, out: os.Stdout}
	s.ways, s.forgetful = strings.CutSuffix(s.ways, " forgetful")
	lines, err := os.ReadFile(filepath.Join(folder, "sent"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(lines)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.ids[rest] = "m-" + rest
	}
	if s.file, err = os.OpenFile(filepath.Join(folder, "sent"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	if s.ways == "floods its log" {
		go s.flood(os.Stderr, strings.Repeat("a line of a log without end ", 30)+"\n")
	}
	if at := os.Getenv(envAt); at != "" {
		return s.listen(at)
	}
	return s.lines()
}

func (s *stray) calm() bool {
	_, err := os.Stat(filepath.Join(s.folder, "calm"))
	return err == nil
}

func (s *stray) flood(to io.Writer, text string) {
	for much := bytes.Repeat([]byte(text), max(1, 64<<10/len(text))); !s.calm(); {
		if _, err := to.Write(much); err != nil {
			return
		}
	}
}

// goes says whether it goes astray in this way now.
func (s *stray) goes(way string) bool {
	if s.ways != way {
		return false
	}
	s.n++
	if s.n != 5 {
		return false
	}
	f, err := os.OpenFile(filepath.Join(s.folder, "strayed"), os.O_CREATE|os.O_EXCL, 0o600)
	return err == nil && f.Close() == nil
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (s *stray) lines() error {
	fd := int(os.Stdin.Fd())
	var line []byte
	for one := make([]byte, 1); ; {
		if len(line) == 0 && s.goes("dies before it reads") {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
			die()
		}
		if _, err := io.ReadFull(os.Stdin, one); err != nil {
			return nil
		}
		if line = append(line, one[0]); one[0] != '\n' {
			continue
		}
		answer, ok := s.answer(line)
		line = line[:0]
		if !ok {
			continue
		}
		answer = append(answer, '\n')
		if s.ways == "floods its output" && s.goes(s.ways) {
			s.flood(s.out, "this answers nothing\n")
		}
		if s.ways == "floods empty lines" && s.goes(s.ways) {
			s.flood(s.out, "\n")
		}
		_, _ = s.out.Write(answer)
	}
}

// answer answers one request; false: it says nothing.
func (s *stray) answer(body []byte) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var r struct {
		ID, Do string
		With   json.RawMessage
	}
	if json.Unmarshal(body, &r) != nil {
		return nil, false
	}
	ok := any(map[string]any{})
	switch r.Do {
	case "describe":
		var hello external.Introduction
		_ = json.Unmarshal(r.With, &hello)
		if hello.Hook != "" && s.hook == "" && s.ways == "floods events" {
			s.hook = hello.Hook
			for range 4 {
				go s.post()
			}
		}
		ok = strayDescription(filepath.Base(s.folder), s.ways, s.forgetful)
	case "events":
		ok = s.events()
	case "send":
		if s.goes("dies before it sends") {
			die()
		}
		var m external.Message
		_ = json.Unmarshal(r.With, &m)
		id := s.ids[m.Key]
		if id == "" || s.forgetful {
			id = "m-" + m.Key
			_, _ = fmt.Fprintf(s.file, "%s %s\n", m.To, m.Key)
			s.ids[m.Key] = id
		}
		if s.goes("dies before it answers") {
			die()
		}
		if s.goes("hangs") {
			if os.Getenv(envAt) == "" {
				select {}
			}
			return nil, false
		}
		ok = external.Taken{ID: id}
	}
	answer, _ := json.Marshal(map[string]any{"id": r.ID, "ok": ok})
	if r.Do == "send" && s.goes("dies within its answer") {
		_, _ = s.out.Write(answer[:len(answer)/2])
		die()
	}
	return answer, true
}

// events tells without end of people whom nobody knows and of messages that nobody sent.
func (s *stray) events() external.Batch {
	b := external.Batch{Events: []external.Event{}, Next: strconv.Itoa(s.told)}
	if s.ways != "floods events" || s.calm() {
		return b
	}
	for range 250 {
		s.told++
		n := strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(s.told)
		b.Events = append(b.Events,
			external.Event{ID: "r" + n, Receipt: &external.Receipt{ID: "of-nothing-" + n, Status: "delivered"}},
			external.Event{ID: "i" + n, Inbound: &external.Inbound{From: "stranger-" + n, Text: "Who are you?"}})
	}
	b.Next = strconv.Itoa(s.told)
	return b
}

func (s *stray) post() {
	signer, err := httpsend.NewSigner(straySecret)
	if err != nil {
		return
	}
	for n := 0; !s.calm(); n++ {
		s.mu.Lock()
		batch := s.events()
		s.mu.Unlock()
		body, _ := json.Marshal(external.Batch{Events: batch.Events})
		req, err := http.NewRequest(http.MethodPost, s.hook, bytes.NewReader(body))
		if err != nil {
			return
		}
		signer.Sign(req.Header, batch.Next, time.Now(), body)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}
}

// deadly dies as the second connection comes.
type deadly struct {
	net.Listener
	s *stray
}

func (d *deadly) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err == nil && d.s.ways == "dies before it reads" {
		d.s.n = max(d.s.n, 2) // describe and check come over one connection
		if d.s.goes(d.s.ways) {
			die()
		}
	}
	return conn, err
}

func (s *stray) listen(at string) error {
	signer, err := httpsend.NewSigner(straySecret)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	return http.Serve(&deadly{l, s}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if _, genuine := signer.Verify(r.Header, body, time.Now()); err != nil || !genuine {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if s.ways == "floods its output" && s.goes(s.ways) {
			s.flood(w, "this answers nothing\n")
			return
		}
		answer, ok := s.answer(body)
		if !ok {
			<-r.Context().Done() // it hangs until nobody waits any more
			return
		}
		_, _ = w.Write(answer)
	}))
}

func strayDescription(kind, ways string, forgetful bool) external.Description {
	d := external.Description{
		Protocol: 1, Kind: kind, Address: external.AddressForm{Pattern: `[a-z0-9-]+`, Example: "anna"}, Text: external.TextForm{Markup: external.Plain, Limit: 1000},
		Dedupe: 86400, Attempt: 1, Concurrent: 4,
	}
	if forgetful {
		d.Dedupe = 0
	}
	if ways == "floods events" {
		d.Events, d.Inbound = "push", true
	}
	return d
}
