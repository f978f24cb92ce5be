package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
)

// scope says what a route is about, and so which tokens come in question.
type scope int

const (
	// ofInstance: the whole instance; the role is checked as it is.
	ofInstance scope = iota
	// ofGroup: one group, named in the path. Another group's token gets the answer of a group that does not exist;
	// the operator's acts for it as long as it has no administrator.
	ofGroup
	// seenByOperator: as ofGroup, and the operator's token may always.
	seenByOperator
	// maybeNew: as ofGroup, and the operator may name a group that does not exist yet.
	maybeNew
)

// route is a row of the table from which requests are admitted, documented and tested.
type route struct {
	ID, Method, Path string
	Summary, About   string
	Tag              string
	Scope            scope
	Role             gateway.Role // the lowest that may

	Status  int                 // of success; zero: 200, or 204 without an answer
	Limit   int64               // bytes of the body; zero: 1 MiB
	Fresh   bool                // the answer holds private things, or the request does: an Idempotency-Key keeps nothing
	Keep    func([]byte) []byte // what is kept of the answer for repetitions; nil: all
	Stream  string              // media type of a body that the handler reads itself
	Example any                 // of the body
	Answer  any                 // of the answer
}

const (
	bodyTimeout = 30 * time.Second
	hookTimeout = 10 * time.Second // of a webhook's body, from whoever: providers send a few thousand bytes at once
)

// nothing is an answer without a body.
type nothing struct{}

// body is an answer with one.
type body[T any] struct{ Body T }

// caller is who asks, and the group that she asks about, if any.
type caller struct {
	Token gateway.Token
	Group gateway.Group // zero where the route is about no group, or it does not exist yet
	mac   []byte        // to digest her requests; derived from the token's text, which is not kept
}

type callerKey struct{}

// add puts a route into the table, the multiplexer and the document.
func add[I, O any](s *server, rt route, handle func(context.Context, caller, *I) (*O, error)) {
	if rt.Limit == 0 {
		rt.Limit = s.BodyLimit
	}
	s.routes = append(s.routes, rt)
	op := huma.Operation{
		OperationID: rt.ID, Method: rt.Method, Path: rt.Path, Summary: rt.Summary, Description: rt.About, Tags: []string{rt.Tag},
		DefaultStatus: rt.Status, MaxBodyBytes: rt.Limit, BodyReadTimeout: -1, // see timed
		Security:    []map[string][]string{{"token": {}}},
		Middlewares: huma.Middlewares{s.admit(rt), s.replay(rt)},
		Responses:   map[string]*huma.Response{"default": s.problemResponse()},
		Extensions:  map[string]any{"x-role": string(rt.Role)},
	}
	if rt.Stream != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			rt.Stream: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}, Example: rt.Example},
		}}
	} else if rt.Example != nil {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Example: rt.Example}}}
	}
	if rt.Answer != nil {
		status := rt.Status
		if status == 0 {
			status = http.StatusOK
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{Content: map[string]*huma.MediaType{"application/json": {Example: rt.Answer}}}
	}
	if rt.Method == http.MethodPost && !rt.Fresh {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Example: "2026-03-29-report",
			Description: "1 to 200 visible ASCII characters. The same key with the same request within 24 hours gets the first answer; with another request it is refused.",
			Schema:      &huma.Schema{Type: huma.TypeString},
		})
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		who, _ := ctx.Value(callerKey{}).(caller)
		out, err := handle(ctx, who, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// open adds a path that anybody may ask for.
func (s *server) open(pattern string, handle http.HandlerFunc) {
	s.opened = append(s.opened, pattern)
	s.mux.HandleFunc(pattern, handle)
}

// Paging are the parameters of every list.
type Paging struct {
	After gateway.ID `query:"after" doc:"The cursor: next of the page before."`
	Limit int        `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Entries of a page."`
}

// page is a part of a list. Next is the cursor of the next part; empty: this was the last.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

// pageOf cuts a list that was asked for with one entry more than the page holds.
func pageOf[T any](items []T, limit int, id func(T) gateway.ID) page[T] {
	if items == nil {
		items = []T{}
	}
	if len(items) <= limit {
		return page[T]{Items: items}
	}
	items = items[:limit]
	return page[T]{Items: items, Next: id(items[limit-1]).String()}
}
