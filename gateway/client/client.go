// Package client speaks the HTTP API of a gateway. The command line uses nothing else.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// tries is how often a request is made that certainly did not arrive, or that carries an Idempotency-Key.
const tries = 3

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

// do makes a request. A POST gets an Idempotency-Key, so that repeating it after a lost connection does nothing twice.
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
	var err error
	for i := range tries {
		if i > 0 {
			select {
			case <-time.After(time.Duration(i) * 200 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var again bool
		if again, err = c.once(ctx, r, bytes.NewReader(body), "application/json"); !again {
			return err
		}
	}
	return err
}

// once makes a request once; again says that it may be repeated.
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
		var dial *net.OpError
		refused := errors.As(err, &dial) && dial.Op == "dial"
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if refused {
			return false, gateway.Faultf(gateway.CodeUnavailable, "no gateway answers at %s; is carillon serve running, and is CARILLON_SERVER right?", c.base)
		}
		return true, fmt.Errorf("asking the gateway: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return false, problem(resp)
	}
	if r.out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return false, err
	}
	if err := json.NewDecoder(resp.Body).Decode(r.out); err != nil {
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
	return &gateway.Fault{Code: p.Code, Text: text}
}

// page is a slice of a list; Next is the cursor to go on from, empty at the end.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// list goes through all pages.
func list[T any](ctx context.Context, c *Client, path string, query url.Values, most int) ([]T, error) {
	all := []T{}
	if query == nil {
		query = url.Values{}
	}
	for {
		if most > 0 {
			query.Set("limit", strconv.Itoa(min(most-len(all), 500)))
		}
		var p page[T]
		if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, out: &p}); err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" || most > 0 && len(all) >= most {
			return all, nil
		}
		query.Set("after", p.Next)
	}
}

func groupPath(group string, parts ...string) string {
	path := "/api/v1/groups/" + url.PathEscape(group)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
