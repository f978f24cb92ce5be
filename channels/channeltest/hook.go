package channeltest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// hook is where the provider's double calls. It keeps each request as it came and says 200.
type hook struct {
	url    string
	server *http.Server
	calls  chan *captured
}

// captured is a webhook request with its whole body.
type captured struct {
	request *http.Request
	body    []byte
}

// with copies the request, with other headers, query or body.
func (c *captured) with(change func(*captured)) *captured {
	out := &captured{request: c.request.Clone(context.Background()), body: bytes.Clone(c.body)}
	change(out)
	return out
}

func listen() (*hook, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hook{url: "http://" + l.Addr().String() + "/hooks/kit", calls: make(chan *captured, 1000)}
	h.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		select {
		case h.calls <- &captured{r.Clone(context.Background()), body}:
		default:
		}
	})}
	go func() { _ = h.server.Serve(l) }() // it ends with close
	return h, nil
}

func (h *hook) close() { _ = h.server.Close() }

// event waits for a webhook that brings an event of the wanted sort, and gives both.
func (p *probe) event(a channels.WebhookParser, what string, wanted func(channels.Event) bool) (*captured, channels.Event) {
	p.Helper()
	timeout := time.After(wait)
	for {
		select {
		case c := <-p.hook.calls:
			events, err := a.ParseWebhook(c.request, c.body)
			if err != nil {
				p.Fatalf("%s: the provider's own request was refused: %v", what, err)
			}
			for _, e := range events {
				p.whole(e)
				if wanted(e) {
					return c, e
				}
			}
		case <-timeout:
			p.Fatalf("%s: it did not come", what)
		}
	}
}

// whole holds an event against the contract.
func (p *probe) whole(e channels.Event) {
	p.Helper()
	set := 0
	for _, is := range []bool{e.Receipt != nil, e.Inbound != nil, e.Signal != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		p.Errorf("an event is %d things at once, want exactly one of receipt, inbound and signal", set)
	}
	if r := e.Receipt; r != nil {
		if (r.Status == channels.StatusFailed) != (r.Err != nil) {
			p.Errorf("a receipt of status %d has error %v", r.Status, r.Err)
		}
		if r.Err != nil {
			p.typed("receipt", r.Err)
		}
	}
}

func isInbound(e channels.Event) bool { return e.Inbound != nil }
