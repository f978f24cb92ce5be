// Package client speaks the HTTP API of a gateway. The command line uses nothing else.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// tries is how often a request is made whose answer is lost; the waits between rise by pause.
const (
	tries = 5
	pause = 200 * time.Millisecond
)

// Client speaks to one gateway with one token. It is safe for concurrent use.
type Client struct {
	base  string
	token gateway.Private
	http  *http.Client
}

// New makes a client of the gateway at base, as in https://carillon.example. An httpClient of nil is one without a
// limit of its own: contexts bound every call.
func New(base string, token gateway.Private, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = &http.Client{}
	}
	return &Client{base: strings.TrimRight(base, "/"), token: token, http: httpClient}
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	in           any // encoded as JSON; nil: no body
	out          any // decoded from JSON; nil: ignored
	key          string
}

// fetch makes a request and gives its answer.
func fetch[T any](ctx context.Context, c *Client, r call) (T, error) {
	var answer T
	r.out = &answer
	err := c.do(ctx, r)
	return answer, err
}

// do makes a request, and makes it again where that is safe: the connection was lost, and repeating the request does
// nothing twice. A POST gets an Idempotency-Key for that.
func (c *Client) do(ctx context.Context, r call) error {
	var body []byte
	if r.in != nil {
		var err error
		if body, err = json.Marshal(r.in); err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
	}
	if r.method == http.MethodPost && r.key == "" {
		r.key = gateway.NewID().String()
	}
	for i := 1; ; i++ {
		again, err := c.once(ctx, r, bytes.NewReader(body), "application/json")
		if i > 1 {
			var fault *gateway.Fault
			switch {
			case !errors.As(err, &fault):
			case fault.Code == gateway.CodeInProgress:
				again = true // the lost one is still at work: its answer is what we want
			case fault.Code == gateway.CodeNotFound && r.method == http.MethodDelete:
				return nil // the lost one did it
			}
		}
		if !again || i == tries {
			return err
		}
		select {
		case <-time.After(time.Duration(i) * pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once makes a request once; again says that its fate is unknown, so that it may be repeated.
func (c *Client) once(ctx context.Context, r call, body io.Reader, kind string) (again bool, err error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return false, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	if r.in != nil || kind != "application/json" {
		req.Header.Set("Content-Type", kind)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
			return false, &gateway.Fault{Code: gateway.CodeUnavailable, Err: dial,
				Text: fmt.Sprintf("no gateway answers at %s; is carillon serve running, and is CARILLON_SERVER right?", c.base)}
		}
		return true, fmt.Errorf("asking the gateway: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return false, problem(resp)
	}
	if r.out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	} else {
		err = json.NewDecoder(resp.Body).Decode(r.out)
	}
	if err != nil {
		return true, fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return false, nil
}

func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// problem turns a problem document (RFC 9457) into a fault with its code.
func problem(resp *http.Response) error {
	var p struct {
		Title  string       `json:"title"`
		Detail string       `json:"detail"`
		Code   gateway.Code `json:"code"`
		Errors []struct {
			Path string `json:"path"`
			Text string `json:"text"`
		} `json:"errors"`
		Missing []gateway.Missing `json:"missing"`
	}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" {
		return gateway.Faultf(gateway.CodeInternal, "the server answered %s, which is not how a gateway answers; is CARILLON_SERVER right?", resp.Status)
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	for _, e := range p.Errors {
		text += "\n  " + strings.TrimPrefix(e.Path+": ", ": ") + e.Text
	}
	return &gateway.Fault{Code: p.Code, Text: text, Missing: p.Missing}
}

// page is a slice of a list; Next is the cursor to go on from, empty at the end.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// largestPage is what the API gives at most at once.
const largestPage = 500

// each goes through a list, page by page, as it is read; it ends at the first error.
func each[T any](ctx context.Context, c *Client, path string, query url.Values, size int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := maps.Clone(query)
		if query == nil {
			query = url.Values{}
		}
		if size > 0 {
			query.Set("limit", strconv.Itoa(size))
		}
		for {
			p, err := fetch[page[T]](ctx, c, call{method: http.MethodGet, path: path, query: query})
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			query.Set("after", p.Next)
		}
	}
}

// list reads a list: most entries of it, or all if most is zero. whole says that the API gives it in one page.
func list[T any](ctx context.Context, c *Client, path string, query url.Values, most int, whole bool) ([]T, error) {
	size := largestPage
	if most > 0 {
		size = min(most, largestPage)
	}
	if whole {
		size = 0
	}
	all := []T{}
	for item, err := range each[T](ctx, c, path, query, size) {
		if err != nil {
			return nil, err
		}
		if all = append(all, item); len(all) == most {
			break
		}
	}
	return all, nil
}

func groupPath(group string, parts ...string) string {
	path := "/api/v1/groups/" + url.PathEscape(group)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
