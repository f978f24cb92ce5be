// Package fetch gets what others publish under an address that a member of a group typed in: calendars, and the numbers
// of a report. Such an address may be meant to reach what only this machine reaches, may never end and may be a
// secret; so private addresses are refused when they are dialled, all is bounded, and no error repeats the address
// beyond its host. It decides nothing about what comes: a page that asks to log in is an answer like any other.
package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/reach"
)

// The most that one answer may take.
const (
	MaxBytes     = 10 << 20
	MaxTime      = 30 * time.Second
	maxRedirects = 5
	maxHeader    = 64 << 10 // bytes
	maxValidator = 1000     // bytes of an ETag that are kept
	maxRetry     = 24 * time.Hour
)

var (
	// ErrAddress says that an address may not be fetched from, whatever is there.
	ErrAddress = errors.New("this address cannot be used")
	// ErrPrivate says that an address leads to this machine or into a private network.
	ErrPrivate = fmt.Errorf("%w: %w", ErrAddress, reach.ErrPrivate)
	// ErrTooBig says that the answer is longer than MaxBytes.
	ErrTooBig = fmt.Errorf("the answer is longer than %d MiB", MaxBytes>>20)
)

// StatusError is an answer that is neither the thing itself nor that it is unchanged.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // as long as the server asks for, at most a day; 0 if it does not
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
}

// Explain says in words why nothing was fetched, without the address, which may be a secret, and how long the server asks to
// wait.
func Explain(err error) (text string, wait time.Duration) {
	var status *StatusError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &status):
		return status.Error(), status.RetryAfter
	case errors.Is(err, ErrPrivate):
		return ErrPrivate.Error(), 0
	case errors.Is(err, ErrAddress):
		return err.Error(), 0 // it names no more than the host
	case errors.Is(err, ErrTooBig):
		return ErrTooBig.Error(), 0
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the server did not answer within %d seconds", int(MaxTime.Seconds())), 0
	case errors.As(err, &name):
		return "the name of the server is not known", 0
	case errors.As(err, &certificate):
		return "the certificate of the server is not good", 0
	}
	return "the server cannot be reached", 0
}

// Version names a state of what is fetched, as its server names it. The zero value knows none.
type Version struct {
	ETag         string
	LastModified string
}

// Answer is what was fetched.
type Answer struct {
	Unchanged bool // it is what Version named, and Body is empty
	Body      []byte
	Version   Version
}

// Client fetches. It may be used by many at once and keeps no connection.
type Client struct {
	agent     string
	transport *http.Transport
}

// New makes a client that names itself as agent. It fetches from the addresses that allowed permits; nil means reach.Public.
func New(agent string, allowed func(netip.Addr) bool) *Client {
	dialer := reach.Dialer(10*time.Second, allowed)
	return &Client{agent, &http.Transport{
		DialContext:       dialer.DialContext, // and no proxy, which would dial for us
		DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxHeader,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
	}}
}

// Get fetches from an address, unless it is still what known names. Of redirects it follows five, never from https to
// http. The errors are ErrAddress, ErrPrivate, ErrTooBig, a *StatusError, that of the context, or of the network.
func (c *Client) Get(ctx context.Context, address string, known Version) (Answer, error) {
	u, err := Check(address)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	for range maxRedirects + 1 {
		answer, next, err := c.once(ctx, u, known)
		if err != nil {
			return Answer{}, fmt.Errorf("fetching from %s: %w", u.Hostname(), err)
		}
		if next == nil {
			return answer, nil
		}
		if u.Scheme == "https" && next.Scheme != "https" {
			return Answer{}, fmt.Errorf("fetching from %s: %w: it redirects from https to http", u.Hostname(), ErrAddress)
		}
		u = next
	}
	return Answer{}, fmt.Errorf("fetching from %s: %w: it redirects more than %d times", u.Hostname(), ErrAddress, maxRedirects)
}

// Check reads an address and says what is wrong with it, before anything is fetched. webcal: is read as https:.
func Check(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil { // the error would repeat the address
		return nil, fmt.Errorf("%w: it is no address; write https://…", ErrAddress)
	}
	u.Fragment = ""
	switch u.Scheme = strings.ToLower(u.Scheme); u.Scheme {
	case "webcal", "webcals":
		u.Scheme = "https"
	case "https", "http":
	default:
		return nil, fmt.Errorf("%w: it must begin with https://", ErrAddress)
	}
	port, _ := strconv.Atoi(u.Port())
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%w: it names no server", ErrAddress)
	case u.User != nil:
		return nil, fmt.Errorf("%w: it holds a user name or a password; use the private address that the calendar's program gives out", ErrAddress)
	case port != 0 && port != 80 && port != 443 && port < 1024:
		return nil, fmt.Errorf("%w: no web server listens on port %d", ErrAddress, port)
	}
	return u, nil
}

// once makes one request. It returns where to ask next if it was redirected.
func (c *Client) once(ctx context.Context, u *url.URL, known Version) (Answer, *url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Answer{}, nil, fmt.Errorf("%w: it is no address", ErrAddress)
	}
	req.Header.Set("User-Agent", c.agent)
	if known.ETag != "" {
		req.Header.Set("If-None-Match", known.ETag)
	}
	if known.LastModified != "" {
		req.Header.Set("If-Modified-Since", known.LastModified)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		if errors.Is(err, reach.ErrPrivate) {
			err = ErrPrivate // without the address that its name led to
		}
		return Answer{}, nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		if known != (Version{}) {
			return Answer{Unchanged: true, Version: known}, nil, nil
		}
		return Answer{}, nil, &StatusError{Code: resp.StatusCode}
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		to, err := u.Parse(resp.Header.Get("Location"))
		if err != nil || resp.Header.Get("Location") == "" {
			return Answer{}, nil, fmt.Errorf("%w: it redirects to nowhere", ErrAddress)
		}
		next, err := Check(to.String())
		return Answer{}, next, err
	default:
		return Answer{}, nil, &StatusError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBytes+1))
	if err != nil {
		return Answer{}, nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > MaxBytes {
		return Answer{}, nil, ErrTooBig
	}
	return Answer{Body: body, Version: Version{validator(resp, "ETag"), validator(resp, "Last-Modified")}}, nil, nil
}

func validator(resp *http.Response, name string) string {
	if v := resp.Header.Get(name); len(v) <= maxValidator {
		return v
	}
	return ""
}

// retryAfter reads a number of seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(value string) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	}
	return min(max(0, wait), maxRetry)
}
