package httpsend

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/reach"
)

const marker = "marker-4711"

// rawServer answers each connection by hand.
func rawServer(t testing.TB, answer func(net.Conn, *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				answer(conn, r)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func post(t testing.TB, ctx context.Context, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/bot"+marker+"/send", strings.NewReader("Body="+marker))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func wantError(t *testing.T, err error, class channels.Class) *channels.Error {
	t.Helper()
	var e *channels.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *channels.Error", err)
	}
	if e.Class != class || e.Scope != channels.ScopeChannel {
		t.Fatalf("got %v (cause %v), want class %v on the channel", e, e.Cause, class)
	}
	for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
		if text := fmt.Sprintf("%v %+v %#v", cause, cause, cause); strings.Contains(text, marker) || strings.Contains(text, "/bot") {
			t.Errorf("the error tells what was sent: %s", text)
		}
	}
	return e
}

// A provider that took the request and then misbehaves leaves us in doubt, however it does so.
func TestAfterTheRequestFailureIsUnknown(t *testing.T) {
	write := func(text string) func(net.Conn, *http.Request) {
		return func(c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, text) }
	}
	cases := map[string]func(net.Conn, *http.Request){
		"cut":                func(net.Conn, *http.Request) {},
		"reset":              func(c net.Conn, _ *http.Request) { _ = c.(*net.TCPConn).SetLinger(0) },
		"garbage":            write("\x00\x01" + marker + "\r\n\r\n"),
		"head cut":           write("HTTP/1.1 200 OK\r\nContent-Len"),
		"body cut":           write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
		"chunk cut":          write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"),
		"bad chunk":          write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + marker + "\r\n"),
		"endless head":       write("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20)),
		"hang":               func(c net.Conn, _ *http.Request) { _, _ = c.Read(make([]byte, 1)) },
		"drip":               drip,
		"body over the mark": write("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("a", 2000000)),
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := rawServer(t, answer)
			s := New(nil, 0)
			defer s.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := s.Do(post(t, ctx, url))
			wantError(t, err, channels.Unknown)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it returned after %v, long past its deadline", took)
			}
		})
	}
}

func drip(c net.Conn, _ *http.Request) {
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"); err != nil {
		return
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(c, "a"); err != nil {
			return
		}
	}
}

// Nothing left the machine, so the message can be tried again without fear.
func TestBeforeTheRequestFailureIsTemporary(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	plain := rawServer(t, func(net.Conn, *http.Request) {})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		url  string
	}{
		{"refused", context.Background(), "http://" + closed.Addr().String()},
		{"no such host", context.Background(), "http://nowhere.invalid"},
		{"no TLS there", context.Background(), strings.Replace(plain, "http:", "https:", 1)},
		{"untrusted certificate", context.Background(), tlsServer(t)},
		{"cancelled before", ended, plain},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(c.ctx, time.Second)
			defer cancel()
			s := New(nil, 0)
			defer s.Close()
			_, err := s.Do(post(t, ctx, c.url))
			wantError(t, err, channels.Temporary)
		})
	}
}

func tlsServer(t *testing.T) string {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

// A cancelled caller learns which side of the line she is on, and can still tell that it was she who cancelled.
func TestCancelledAfterTheRequest(t *testing.T) {
	took := make(chan struct{})
	url := rawServer(t, func(c net.Conn, _ *http.Request) { close(took); _, _ = c.Read(make([]byte, 1)) })
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-took; cancel() }()
	s := New(nil, 0)
	_, err := s.Do(post(t, ctx, url))
	if e := wantError(t, err, channels.Unknown); !errors.Is(e, context.Canceled) {
		t.Errorf("the cause %v does not say that the caller cancelled", e.Cause)
	}
}

// A transport that cannot count bytes is not trusted to have sent none.
func TestForeignTransportIsCareful(t *testing.T) {
	url := rawServer(t, func(net.Conn, *http.Request) {})
	_, err := New(&http.Client{Transport: &http.Transport{}}, 0).Do(post(t, context.Background(), url))
	wantError(t, err, channels.Unknown)
}

// Without a deadline of the caller's, the sender's own bound ends the attempt.
func TestLongestBoundsEveryAttempt(t *testing.T) {
	url := rawServer(t, func(c net.Conn, _ *http.Request) { _, _ = c.Read(make([]byte, 1)) })
	_, err := New(nil, 50*time.Millisecond).Do(post(t, context.Background(), url))
	wantError(t, err, channels.Unknown)
}

// A redirect is an answer, not an invitation to send the message to someone else.
func TestRedirectIsNotFollowed(t *testing.T) {
	var second atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			second.Add(1)
		}
		http.Redirect(w, r, "/second", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	resp, err := New(srv.Client(), 0).Do(post(t, context.Background(), srv.URL))
	if err != nil || resp.Status != http.StatusTemporaryRedirect || second.Load() != 0 {
		t.Fatalf("got %+v, %v, and %d requests at the second address; want the redirect itself", resp, err, second.Load())
	}
}

// A thousand answers of every status travel over one connection.
func TestConnectionsAreReused(t *testing.T) {
	var conns atomic.Int32
	var n atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader([]int{200, 404, 429, 500, 302}[n.Add(1)%5])
		_, _ = io.WriteString(w, strings.Repeat("a", int(n.Load())*7))
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	s := New(nil, 0)
	defer s.Close()
	for i := range 1000 {
		resp, err := s.Do(post(t, context.Background(), srv.URL))
		if err != nil || len(resp.Body) != (i+1)*7 {
			t.Fatalf("request %d: %v, %v", i, resp, err)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections were opened, want 1", conns.Load())
	}
}

// A list that comes whole may be longer than other answers, for the sender that asks for it only.
func TestLongerAnswersWhereTheyAreAskedFor(t *testing.T) {
	url := rawServer(t, func(c net.Conn, _ *http.Request) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"+strings.Repeat("a", 2000000))
	})
	s := New(nil, 0)
	defer s.Close()
	resp, err := s.WithMaxBody(2000000).Do(post(t, context.Background(), url))
	if err != nil || len(resp.Body) != 2000000 {
		t.Fatalf("the longer answer did not come: %v", err)
	}
	_, err = s.WithMaxBody(1999999).Do(post(t, context.Background(), url))
	wantError(t, err, channels.Unknown)
	_, err = s.Do(post(t, context.Background(), url))
	wantError(t, err, channels.Unknown)
}

// The head arrived before the cut: its status can still speak.
func TestStatusSurvivesACutBody(t *testing.T) {
	url := rawServer(t, func(c net.Conn, _ *http.Request) {
		_, _ = io.WriteString(c, "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\n{")
	})
	resp, err := New(nil, 0).Do(post(t, context.Background(), url))
	wantError(t, err, channels.Unknown)
	if resp == nil || resp.Status != 429 || RetryAfter(resp.Header, time.Now()) != 7*time.Second {
		t.Errorf("got %+v, want the 429 with its wait", resp)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, " 60 ": time.Minute, "3600": time.Hour, "-5": 0, "1.5": 0, "soon": 0,
		"999999": MaxRetryAfter, "99999999999999999999999": MaxRetryAfter,
		"Sun, 01 Mar 2026 12:02:00 GMT": 2 * time.Minute, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Mon, 01 Mar 2027 12:00:00 GMT": MaxRetryAfter, "Sun, 99 Mar 2026 12:02:00 GMT": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("Retry-After %q gave %v, want %v", text, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Sun, 01 Mar 2026 12:02:00 GMT")
	f.Fuzz(func(t *testing.T, text string) {
		if d := RetryAfter(http.Header{"Retry-After": {text}}, time.Now()); d < 0 || d > MaxRetryAfter {
			t.Fatalf("%q gave %v", text, d)
		}
	})
}

func TestFromStatus(t *testing.T) {
	for status, want := range map[int]channels.Class{
		301: channels.Temporary, 400: channels.Permanent, 401: channels.Auth, 403: channels.Auth, 404: channels.Permanent,
		408: channels.Unknown, 429: channels.Throttled, 500: channels.Unknown, 502: channels.Unknown, 503: channels.Unknown,
	} {
		if e := FromStatus(status, http.Header{}, time.Now()); e == nil || e.Class != want {
			t.Errorf("status %d gave %v, want %v", status, e, want)
		}
	}
	if e := FromStatus(201, nil, time.Now()); e != nil {
		t.Errorf("201 gave %v, want no error", e)
	}
}

func BenchmarkDo(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer srv.Close()
	b.Run("httpsend", func(b *testing.B) {
		s := New(nil, 0)
		defer s.Close()
		for b.Loop() {
			if _, err := s.Do(post(b, context.Background(), srv.URL)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		c := http.Client{Transport: Transport()}
		for b.Loop() {
			resp, err := c.Do(post(b, context.Background(), srv.URL))
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
	})
}

// A guarded transport does not reach this machine, whatever its name, and says so without sending.
func TestGuarded(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	t.Setenv("HTTP_PROXY", server.URL)
	for _, at := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, at, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(&http.Client{Transport: GuardedTransport(nil)}, 0).Do(req)
		if e := channels.AsError(err); err == nil || e.Class != channels.Auth || !errors.Is(err, reach.ErrPrivate) || asked != 0 {
			t.Errorf("%v, asked %d times", err, asked)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(&http.Client{Transport: GuardedTransport(netip.Addr.IsLoopback)}, 0).Do(req); err != nil || asked != 1 {
		t.Errorf("what is allowed: %v, asked %d times", err, asked)
	}
}
