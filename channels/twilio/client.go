// Package twilio is what adapters for Twilio's products share: a client for one call at a time on top of twilio-go's
// generated API, with deadlines and typed errors, and the check of webhook signatures.
package twilio

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	twilioclient "github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// DefaultBaseURL is where Twilio answers.
const DefaultBaseURL = "https://api.twilio.com"

// Options says how to reach an account. Either AuthToken, or KeySID and KeySecret, prove who we are.
type Options struct {
	AccountSID string
	AuthToken  channels.Secret
	KeySID     string
	KeySecret  channels.Secret
	BaseURL    string           // scheme and host, without a path; empty: DefaultBaseURL
	HTTP       *http.Client     // nil: httpsend's default
	Longest    time.Duration    // bound of one call; zero: httpsend.Longest
	Now        func() time.Time // nil: time.Now
}

// Client calls Twilio's API for one account. It is safe for concurrent use, reads no environment (TWILIO_EDGE and
// TWILIO_REGION have no effect) and never repeats a call.
type Client struct {
	account string
	base    string
	auth    func() string // the Authorization header; a function, because fmt prints unexported strings
	http    *httpsend.Sender
	now     func() time.Time
}

// New makes a client. It does no I/O. The error says which option is wrong.
func New(o Options) (*Client, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") || base.User != nil ||
		strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("base_url: give scheme and host only, such as " + DefaultBaseURL)
	}
	user, password := o.AccountSID, o.AuthToken
	if o.KeySID != "" {
		user, password = o.KeySID, o.KeySecret
	}
	if user == "" || password == "" {
		return nil, errors.New("credentials: give auth_token, or api_key_sid and api_key_secret")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password.Reveal()))
	return &Client{
		account: o.AccountSID,
		base:    base.Scheme + "://" + base.Host,
		auth:    func() string { return auth },
		http:    httpsend.New(o.HTTP, o.Longest),
		now:     o.Now,
	}, nil
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.Close() }

// CreateMessage sends one text message with one request. The error of this and all other calls is an *Error if Twilio
// answered with one, else an *channels.Error.
func (c *Client) CreateMessage(ctx context.Context, p *api.CreateMessageParams) (*api.ApiV2010Message, error) {
	m, err := c.service(ctx).CreateMessage(p)
	return m, failure(err)
}

// CreateCall begins one call with one request.
func (c *Client) CreateCall(ctx context.Context, p *api.CreateCallParams) (*api.ApiV2010Call, error) {
	made, err := c.service(ctx).CreateCall(p)
	return made, failure(err)
}

// FetchMessage reads one message.
func (c *Client) FetchMessage(ctx context.Context, sid string) (*api.ApiV2010Message, error) {
	m, err := c.service(ctx).FetchMessage(url.PathEscape(sid), nil)
	return m, failure(err)
}

// Page is where a list goes on. The zero value is its beginning, and also what follows its last page.
type Page struct{ Token, Number string }

// PageMessages reads one page of the message list, newest first, and says where the next one is.
func (c *Client) PageMessages(ctx context.Context, p *api.ListMessageParams, page Page) ([]api.ApiV2010Message, Page, error) {
	list, err := c.service(ctx).PageMessage(p, page.Token, page.Number)
	if err != nil {
		return nil, Page{}, failure(err)
	}
	if list.NextPageUri == nil || *list.NextPageUri == "" {
		return list.Messages, Page{}, nil
	}
	next, err := url.Parse(*list.NextPageUri)
	if err != nil {
		return nil, Page{}, unreadable("the link to the next page cannot be read")
	}
	q := next.Query()
	return list.Messages, Page{q.Get("PageToken"), q.Get("Page")}, nil
}

// FetchAccount reads the account itself.
func (c *Client) FetchAccount(ctx context.Context) (*api.ApiV2010Account, error) {
	a, err := c.service(ctx).FetchAccount(c.account)
	return a, failure(err)
}

// service gives the generated API for one call. The handler is made by hand because twilio-go's constructor takes
// edge and region from the environment.
func (c *Client) service(ctx context.Context) *api.ApiService {
	return api.NewApiService(&twilioclient.RequestHandler{Client: &call{Client: c, ctx: ctx}})
}

// call is twilio-go's BaseClient for one call: its context travels here because the library's own methods take none.
type call struct {
	*Client
	ctx    context.Context
	posted bool
}

// AccountSid is the account whose resources are meant, also when an API key signs.
func (c *call) AccountSid() string { return c.account }

// SetTimeout has no effect: the context and the client's own bound decide.
func (c *call) SetTimeout(time.Duration) {}

// SetOauth has no effect: credentials come from Options only.
func (c *call) SetOauth(twilioclient.OAuth) {}

// OAuth gives none.
func (c *call) OAuth() twilioclient.OAuth { return nil }

// SendRequest makes the one request of the call. It refuses a second POST, so that no version of the library can send
// a message twice, and looks at the status, which the generated code does not.
func (c *call) SendRequest(method, rawURL string, data url.Values, headers map[string]any, body ...byte) (*http.Response, error) {
	if method != http.MethodGet {
		if c.posted {
			return nil, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "a second request was asked for within one attempt and refused"}
		}
		c.posted = true
	}
	req, err := c.request(method, rawURL, data, headers, body)
	if err != nil {
		return nil, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: "the request to the provider could not be written"}
	}
	resp, err := c.http.Do(req)
	if resp != nil && resp.Status >= 300 {
		if e := c.refusal(resp); err == nil || e.Status == http.StatusTooManyRequests {
			return nil, e
		}
	}
	if err != nil {
		return nil, err
	}
	answer := resp.Body
	if c.posted {
		answer = cut(answer)
	}
	return &http.Response{StatusCode: resp.Status, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(answer))}, nil
}

func (c *call) request(method, rawURL string, data url.Values, headers map[string]any, body []byte) (*http.Request, error) {
	target := c.base + strings.TrimPrefix(rawURL, DefaultBaseURL)
	var payload io.Reader
	switch {
	case method == http.MethodGet || method == http.MethodDelete:
		if len(data) > 0 {
			target += "?" + data.Encode()
		}
	case len(body) > 0:
		payload = bytes.NewReader(body)
	default:
		payload = strings.NewReader(data.Encode())
	}
	req, err := http.NewRequestWithContext(c.ctx, method, target, payload)
	if err != nil {
		return nil, err
	}
	for name, value := range headers {
		text, ok := value.(string)
		if !ok {
			text = fmt.Sprint(value)
		}
		req.Header.Set(name, text)
	}
	req.Header.Set("Authorization", c.auth())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "carillon twilio-go/"+twilioclient.LibraryVersion)
	return req, nil
}

// Error is an answer of Twilio's that is not success. It keeps none of Twilio's words, which often quote the number.
type Error struct {
	Status     int           // of HTTP
	Code       int           // Twilio's; zero if the answer was not Twilio's JSON (a proxy's page, say)
	RetryAfter time.Duration // zero: none given
	ByStatus   *channels.Error
}

func (e *Error) Error() string {
	if e.Code == 0 {
		return "twilio: HTTP " + strconv.Itoa(e.Status)
	}
	return "twilio: HTTP " + strconv.Itoa(e.Status) + ", code " + strconv.Itoa(e.Code)
}

func (c *call) refusal(resp *httpsend.Response) *Error {
	var answer struct {
		Code int `json:"code"`
	}
	e := &Error{Status: resp.Status, ByStatus: httpsend.FromStatus(resp.Status, resp.Header, c.now())}
	e.RetryAfter = httpsend.RetryAfter(resp.Header, c.now())
	if json.Unmarshal(resp.Body, &answer) == nil {
		e.Code = answer.Code
	}
	return e
}

// failure makes sure that what leaves the package is typed: what the generated code could not decode may quote the
// answer, and an answer that cannot be read leaves open what was done.
func failure(err error) error {
	var (
		refused *Error
		typed   *channels.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &typed):
		return typed
	}
	return unreadable("the answer is not the JSON that was expected")
}

func unreadable(why string) *channels.Error {
	return &channels.Error{
		Class: channels.Unknown, Scope: channels.ScopeChannel,
		Detail: "the provider's answer cannot be read; it may have taken the message", Cause: errors.New(why),
	}
}

var _ twilioclient.BaseClient = (*call)(nil)
