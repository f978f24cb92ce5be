package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
)

// problem is what every fault is told as: problem details of RFC 9457, with a code that stays the same.
type problem struct {
	Type     string            `json:"type" doc:"Where the code is explained."`
	Title    string            `json:"title" doc:"The status in words."`
	Status   int               `json:"status"`
	Detail   string            `json:"detail,omitempty" doc:"What is wrong and how to mend it, for people."`
	Instance string            `json:"instance,omitempty" doc:"This request, by the id under which the log has it."`
	Code     gateway.Code      `json:"code" doc:"For programs; it stays the same."`
	Errors   []flaw            `json:"errors,omitempty" doc:"Everything that is wrong with the request."`
	Missing  []gateway.Missing `json:"missing,omitempty" doc:"With the code incomplete: what the text lacks, and how many members it concerns."`

	header http.Header
}

// flaw is one thing wrong with a request.
type flaw struct {
	Path string `json:"path,omitempty" doc:"Where, such as body.audience.topic."`
	Text string `json:"text"`
}

const errorPage = "https://github.com/carillon-gateway/carillon/blob/main/docs/errors.md#"

func (p *problem) Error() string           { return p.Detail }
func (p *problem) GetStatus() int          { return p.Status }
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType says what a problem is sent as.
func (p *problem) ContentType(string) string { return "application/problem+json" }

var (
	_ huma.StatusError       = (*problem)(nil)
	_ huma.ContentTypeFilter = (*problem)(nil)
	_ huma.HeadersError      = (*problem)(nil)
)

// statusOf gives the HTTP status of a code.
func statusOf(c gateway.Code) int {
	switch c {
	case gateway.CodeNotFound:
		return http.StatusNotFound
	case gateway.CodeConflict, gateway.CodeInProgress:
		return http.StatusConflict
	case gateway.CodeForbidden:
		return http.StatusForbidden
	case gateway.CodeNoToken:
		return http.StatusUnauthorized
	case gateway.CodeTooLong:
		return http.StatusRequestEntityTooLarge
	case gateway.CodeTooMany:
		return http.StatusTooManyRequests
	case gateway.CodeLocked, gateway.CodeUnavailable:
		return http.StatusServiceUnavailable
	case gateway.CodeInvalid, gateway.CodeNobody, gateway.CodeKeyReused, gateway.CodeIncomplete:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// codeOf gives the code of a status that the library or the multiplexer chose.
func codeOf(status int) gateway.Code {
	switch status {
	case http.StatusNotFound:
		return gateway.CodeNotFound
	case http.StatusRequestEntityTooLarge:
		return gateway.CodeTooLong
	case http.StatusForbidden:
		return gateway.CodeForbidden
	case http.StatusRequestTimeout:
		return gateway.CodeUnavailable
	}
	if status >= 500 {
		return gateway.CodeInternal
	}
	return gateway.CodeInvalid
}

func newProblem(ctx context.Context, status int, code gateway.Code, text string) *problem {
	p := &problem{Type: errorPage + string(code), Title: http.StatusText(status), Status: status, Code: code, Detail: text, header: http.Header{}}
	if id := requestID(ctx); id != "" {
		p.Instance = "urn:uuid:" + id
	}
	switch status {
	case http.StatusServiceUnavailable:
		p.header.Set("Retry-After", "5")
	case http.StatusUnauthorized:
		p.header.Set("WWW-Authenticate", `Bearer realm="carillon"`)
	}
	if code == gateway.CodeInProgress {
		p.header.Set("Retry-After", "1")
	}
	return p
}

// problem tells an error. What is no fault of the caller's goes to the log under the request's id; she learns nothing
// more than that.
func (s *server) problem(ctx context.Context, err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var fault *gateway.Fault
	if errors.As(err, &fault) {
		text := fault.Text
		if text == "" {
			text = plainText(fault.Code)
		}
		if fault.Code == gateway.CodeNotFound {
			text = plainText(fault.Code) // the same for what is not there and what is another's
		}
		p := newProblem(ctx, statusOf(fault.Code), fault.Code, text)
		p.Missing = fault.Missing
		return p
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return newProblem(ctx, http.StatusRequestEntityTooLarge, gateway.CodeTooLong, fmt.Sprintf("the body is larger than %d bytes; send it in smaller pieces", large.Limit))
	}
	if ctx.Err() != nil {
		return newProblem(ctx, http.StatusServiceUnavailable, gateway.CodeUnavailable, "the request was cut off; ask again")
	}
	s.Log.Error("a request failed", "request", requestID(ctx), "error", err)
	return newProblem(ctx, http.StatusInternalServerError, gateway.CodeInternal, plainText(gateway.CodeInternal))
}

func plainText(c gateway.Code) string {
	switch c {
	case gateway.CodeNotFound:
		return "there is no such thing, or it is not yours to see"
	case gateway.CodeConflict:
		return "it contradicts what is there; read it again first"
	case gateway.CodeKeyReused:
		return "this key was used for another request; use a new one"
	case gateway.CodeInternal:
		return "something went wrong on our side; the log has it under the id of this request"
	}
	return string(c)
}

// translate turns the library's own errors into problems. It never repeats what was sent: that may be an address.
func (s *server) translate(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(ctx.Context(), m.Status, codeOf(m.Status), m.Detail)
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, flaw{Path: e.Location, Text: e.Message})
		}
	}
	switch {
	case m.Status >= 500:
		s.Log.Error("a request failed", "request", requestID(ctx.Context()), "error", m.Detail)
		p.Detail, p.Errors = plainText(gateway.CodeInternal), nil
	case len(p.Errors) == 1:
		p.Detail = "one thing is wrong with the request"
	case len(p.Errors) > 1:
		p.Detail = fmt.Sprintf("%d things are wrong with the request", len(p.Errors))
	}
	return p, nil
}

func (s *server) problemResponse() *huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	return &huma.Response{Description: "A fault.", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema, Example: problem{
		Type: errorPage + "invalid", Title: "Unprocessable Entity", Status: 422, Code: gateway.CodeInvalid, Detail: "one thing is wrong with the request",
		Instance: "urn:uuid:0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f",
		Errors:   []flaw{{Path: "body.kind", Text: `expected value to be one of "report, reminder, alert"`}},
	}}}}
}

// writeProblem tells a problem outside the library's handlers.
func writeProblem(w http.ResponseWriter, p *problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	write(w, p.Status, "application/problem+json", append(body, '\n'))
}

// refuse tells a problem inside a middleware.
func refuse(ctx huma.Context, p *problem) {
	for name, values := range p.header {
		for _, v := range values {
			ctx.SetHeader(name, v)
		}
	}
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(p.Status)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(p) // the client may have gone
}

// unmarshalStrict decodes JSON and refuses what encoding/json lets pass: a name that an object has twice, of which
// readers may take different ones (RFC 8259, section 4). Names that differ by case only are one name to encoding/json,
// so they count as the same; what was checked is then what is done.
func unmarshalStrict(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return errors.New("this is not valid JSON for this request: " + withoutQuotes(err))
	}
	if _, first := v.(*any); !first {
		return nil // the second reading of the same bytes
	}
	return uniqueNames(json.NewDecoder(bytes.NewReader(data)))
}

// withoutQuotes tells a decoding error without words of what was sent.
func withoutQuotes(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("it goes wrong at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s has the wrong type", kind.Field)
	}
	return "a value cannot be read"
}

func uniqueNames(d *json.Decoder) error {
	type level struct {
		names map[string]bool // nil in an array
		value bool            // the next token is the value of a name
	}
	var open []level
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errors.New("this is not valid JSON: " + withoutQuotes(err))
		}
		top := len(open) - 1
		if name, ok := token.(string); ok && top >= 0 && open[top].names != nil && !open[top].value {
			name = strings.Map(folded, name)
			if open[top].names[name] {
				return fmt.Errorf("an object has a name twice, at byte %d; leave one out", d.InputOffset())
			}
			open[top].names[name], open[top].value = true, true
			continue
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			if open = open[:top]; top > 0 {
				open[top-1].value = false
			}
		default:
			if top >= 0 {
				open[top].value = false
			}
		}
	}
}

// folded gives all cases of a letter as one, as encoding/json does for names.
func folded(r rune) rune {
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		if next < r {
			return folded(next)
		}
	}
	return r
}

// oneLine reports whether a text is one line that people can read.
func oneLine(s string) bool {
	return strings.TrimSpace(s) != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffd })
}
