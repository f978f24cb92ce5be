// Package httpsend makes one HTTP attempt and says what a failure means. It draws the one hard line that all HTTP
// adapters share: while nothing of the request has left, the failure is Temporary; from the first byte on the wire,
// silence, a cut or an unreadable answer is Unknown, because the provider may have acted.
package httpsend

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/reach"
)

// MaxBody is the longest answer that is read, in bytes, unless a Sender was told otherwise.
const MaxBody = 1 << 20

// Longest is the time after which an attempt ends when the context sets no earlier deadline.
const Longest = 30 * time.Second

// Sender makes attempts through one transport. It is safe for concurrent use.
type Sender struct {
	transport http.RoundTripper
	longest   time.Duration
	maxBody   int64
}

// New makes a sender over a client's transport; a nil client gets one of its own (see Transport). What else an
// http.Client does is left out: it would follow redirects, and a second request to another host would be a second
// attempt. longest bounds each attempt from dialling to the last byte of the answer, as the client's Timeout does if it is
// shorter; zero means Longest.
func New(client *http.Client, longest time.Duration) *Sender {
	if longest <= 0 {
		longest = Longest
	}
	s := &Sender{longest: longest, maxBody: MaxBody}
	switch {
	case client == nil:
		s.transport = Transport()
	case client.Transport == nil:
		s.transport = http.DefaultTransport
	default:
		s.transport = client.Transport
	}
	if client != nil && client.Timeout > 0 {
		s.longest = min(longest, client.Timeout)
	}
	return s
}

// WithMaxBody gives a sender over the same connections that reads answers of up to n bytes, for lists that come whole.
func (s *Sender) WithMaxBody(n int64) *Sender {
	other := *s
	other.maxBody = n
	return &other
}

// Close lets idle connections go.
func (s *Sender) Close() {
	if idle, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// Transport gives a new transport for talking to one provider from many goroutines. It speaks HTTP/1.1 only: one
// request a connection makes it certain which requests a broken connection took with it, and whether a byte of them
// had left.
func Transport() *http.Transport {
	return transport(&net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}, http.ProxyFromEnvironment)
}

// GuardedTransport is Transport for an address that somebody else chose: it connects only to addresses that allowed permits
// (nil: those of the open internet), and through no proxy, which would dial for it. See Refused.
func GuardedTransport(allowed func(netip.Addr) bool) *http.Transport {
	return transport(reach.Dialer(dialTime, allowed), nil)
}

const dialTime = 5 * time.Second

func transport(dialer *net.Dialer, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countingConn{Conn: conn}, nil
		},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // answers are a few hundred bytes
	}
}

// countingConn counts the writes that were begun, so that a failure can tell whether anything may have left.
type countingConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// Response is a whole answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes one attempt and reads the answer, whatever its status. The error is an *channels.Error of class Temporary
// or Unknown on the channel, and holds no URL, header or body. If the answer's head arrived and its body did not, both
// results are set: a status such as 429 speaks for itself. A body that is too long counts as one that did not arrive.
//
// net/http itself sends a request again when a kept connection turns out to be dead and nothing was written on it; a
// GET also when it cannot know. That is still one attempt as far as the provider can tell.
func (s *Sender) Do(req *http.Request) (*Response, error) {
	ctx := req.Context()
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > s.longest {
		bounded, cancel := context.WithTimeout(ctx, s.longest)
		defer cancel()
		ctx = bounded
	}
	var w wire
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: w.gotConn})
	resp, err := s.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, w.failure(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := &Response{Status: resp.StatusCode, Header: resp.Header}
	out.Body, err = read(resp.Body, resp.ContentLength, s.maxBody)
	if err != nil {
		return out, &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel,
			Detail: "the provider's answer broke off; it may have taken the message",
			Cause:  redact(ctx, err),
		}
	}
	return out, nil
}

// Dialer gives what a channel dials with if its provider does not speak HTTP: for a group's channel a guarded one, as
// GuardedTransport has it. What it refuses is for Refused to tell.
func Dialer(s channels.Settings) *net.Dialer {
	if s.Operator {
		return &net.Dialer{}
	}
	return reach.Dialer(0, s.Reach)
}

// Refused gives the error of a channel whose address a guarded dialler did not connect to, or nil if err is of another
// kind. Nothing was sent. It pauses the channel: nothing goes over it until somebody has changed the address.
func Refused(err error) *channels.Error {
	if !errors.Is(err, reach.ErrPrivate) {
		return nil
	}
	return &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Cause: &failure{text: private, is: reach.ErrPrivate},
		Detail: "the address in the channel's options leads into a private network; give a public one, or ask the operator, who can allow that network with private_networks"}
}

const private = "the address leads into a private network, where groups' channels may not go"

// ErrTooLong is the cause of an error about an answer of which more came than is taken.
var ErrTooLong = errors.New("the answer is too long")

func read(body io.Reader, announced, most int64) ([]byte, error) {
	size := int64(512)
	if announced > 0 {
		size = min(announced, most) + 1 // room to see the end without growing
	}
	buf := make([]byte, 0, size)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > most:
			return nil, ErrTooLong
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// wire remembers the connection that an attempt got last; net/http moves to another one only if it may.
type wire struct {
	got    atomic.Bool
	conn   atomic.Pointer[countingConn]
	before atomic.Int64
}

func (w *wire) gotConn(info httptrace.GotConnInfo) {
	conn := info.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	counting, _ := conn.(*countingConn)
	if counting != nil {
		w.before.Store(counting.writes.Load())
	}
	w.conn.Store(counting)
	w.got.Store(true)
}

// mayHaveLeft says whether a byte of the request may have left. A connection that cannot count is taken to have
// carried it.
func (w *wire) mayHaveLeft() bool {
	if !w.got.Load() {
		return false
	}
	conn := w.conn.Load()
	return conn == nil || conn.writes.Load() != w.before.Load()
}

func (w *wire) failure(ctx context.Context, err error) *channels.Error {
	if e := Refused(err); e != nil && ctx.Err() == nil {
		return e
	}
	e := &channels.Error{Scope: channels.ScopeChannel, Cause: redact(ctx, err)}
	if w.mayHaveLeft() {
		e.Class, e.Detail = channels.Unknown, "the provider did not answer; it may have taken the message"
	} else {
		e.Class, e.Detail = channels.Temporary, "the provider could not be reached; nothing was sent"
	}
	return e
}
