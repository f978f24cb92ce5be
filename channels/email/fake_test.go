package email

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// fake is an SMTP server that answers as it is told, and keeps what it got. It speaks plainly, for this machine only.
type fake struct {
	net.Listener
	answers map[string]string // by verb, or "." for the final dot and "greet"; "" closes the connection, "…" is silence, and "✂" at its end cuts the connection there

	mu       sync.Mutex
	lines    []string // commands
	messages []string
	opened   int
	dotted   chan struct{} // gets a token for each final dot
	wg       sync.WaitGroup
	conns    []net.Conn
}

func startFake(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{Listener: l, answers: answers, dotted: make(chan struct{}, 100)}
	f.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.opened++
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			f.wg.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

var usual = map[string]string{
	"greet": "220 fake ESMTP", "EHLO": "250-fake\r\n250-SIZE 1000000\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok",
	"DATA": "354 go on", ".": "250 2.0.0 queued as Q1", "RSET": "250 ok", "NOOP": "250 ok", "QUIT": "221 bye",
}

func (f *fake) answer(verb string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.answers[verb]; ok {
		return a, true
	}
	a, ok := usual[verb]
	return a, ok
}

func (f *fake) set(verb, answer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[verb] = answer
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(verb string) bool {
		a, ok := f.answer(verb)
		switch {
		case !ok:
			a = "502 5.5.1 unknown"
		case a == "":
			return false
		case a == "…":
			_, _ = io.Copy(io.Discard, r) // until the other side has had enough
			return false
		}
		if cut, ok := strings.CutSuffix(a, "✂"); ok {
			_, _ = io.WriteString(conn, cut)
			return false
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", a)
		return err == nil && !strings.HasPrefix(a, "421") && verb != "QUIT"
	}
	if !say("greet") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		f.mu.Lock()
		f.lines = append(f.lines, line)
		f.mu.Unlock()
		verb, _, _ := strings.Cut(line, " ")
		if !say(strings.ToUpper(verb)) {
			return
		}
		if a, _ := f.answer("DATA"); strings.EqualFold(verb, "DATA") && strings.HasPrefix(a, "354") {
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			f.mu.Lock()
			f.messages = append(f.messages, b.String())
			f.mu.Unlock()
			f.dotted <- struct{}{}
			if !say(".") {
				return
			}
		}
	}
}

func (f *fake) got() (messages, lines []string, opened int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.messages...), append([]string(nil), f.lines...), f.opened
}

// plainly are the options for a fake.
func (f *fake) plainly(changes map[string]any) map[string]any {
	o := options(map[string]any{"tls": "none", "username": nil, "password": nil, "port": f.Addr().(*net.TCPAddr).Port})
	for k, v := range changes {
		o[k] = v
	}
	return o
}

// adapter makes one against a fake.
func (f *fake) adapter(t *testing.T, changes map[string]any, hook string) *Adapter {
	t.Helper()
	a, err := made(f.plainly(changes), hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

const attemptID = "01890000-0000-7000-8000-00000000beef"

func outbound(key string) channels.Outbound {
	return channels.Outbound{
		Attempt: attemptID, Key: key, To: "anna@example.org", Expires: time.Now().Add(time.Hour),
		Part: channels.Part{Text: "The well is dug.\n", HTML: "<p>The well is dug.</p>", Subject: "The well", Cost: 1},
	}
}

func send(t *testing.T, a *Adapter, m channels.Outbound) (channels.Sent, *channels.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sent, err := a.Send(ctx, m)
	if err == nil {
		return sent, nil
	}
	var e *channels.Error
	if !errors.As(err, &e) {
		t.Fatalf("Send: %T, want *channels.Error", err)
	}
	return sent, e
}
