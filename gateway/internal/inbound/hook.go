package inbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// maxBody is the largest webhook that is read, in bytes; providers send a few thousand.
const maxBody = 1 << 20

// usualBody is the most, in bytes, that is set aside for a body before it arrives: anybody may announce one.
const usualBody = 16 << 10

// largeBodies is how many bytes of bodies beyond what is usual are held at once, of all webhooks together: who they are from is only
// known when they are whole, and anybody may send a thousand of them, as slowly as hooks may be.
const largeBodies = 16 << 20

// errCrowded says that so many large webhooks are at work that there is no room for another.
var errCrowded = errors.New("too many large webhooks at once")

// hookTime is how long storing in the ledger may take before the spool takes over. Twilio hangs up after 15 seconds
// (www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides), and whoever comes second may have to wait for the first.
const hookTime = 5 * time.Second

// replyTime is how long an adapter may ask its provider before a webhook is answered.
const replyTime = 3 * time.Second

// ServeHTTP takes the webhook of the channel that the path's wildcard "channel" names. It answers 200 once everything is
// stored or spooled, 503 or 429 if the provider is to call again, as where very many large ones come at once, 403 to a forgery and 404 for a
// channel that is not there, the last two without a word that helps anybody who tries. Whoever serves it may have set X-Request-Id; the log names that.
func (e *Ears) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := w.Header().Get("X-Request-Id")
	ch, adapter, ok := e.Channels.ByName(r.PathValue("channel"))
	parser, hears := adapter.(channels.WebhookParser)
	if !ok || !hears {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	held := &held{body: http.MaxBytesReader(w, r.Body, maxBody), room: &e.large}
	defer held.free()
	body, err := read(held, r.ContentLength)
	if errors.Is(err, errCrowded) {
		e.Count(ch.ID, HeardFailure)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many; call again", http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		status := http.StatusBadRequest
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			status = http.StatusRequestEntityTooLarge
		}
		e.Count(ch.ID, HeardNonsense)
		http.Error(w, "not read", status)
		return
	}
	events, err := e.parse(parser, r, body)
	switch {
	case errors.Is(err, channels.ErrForged):
		e.Count(ch.ID, HeardForgery)
		e.Log.Debug("a webhook was refused", "request", id, "channel", ch.ID, "error", err)
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	case errors.Is(err, channels.ErrBusy):
		e.Count(ch.ID, HeardFailure)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many; call again", http.StatusTooManyRequests)
		return
	case err != nil:
		e.Count(ch.ID, HeardNonsense)
		e.Log.Warn("a webhook cannot be read", "request", id, "channel", ch.ID, "error", err)
		http.Error(w, "not understood", http.StatusBadRequest)
		return
	}
	said, err := e.take(context.WithoutCancel(r.Context()), ch, events)
	if err != nil { // a provider that hangs up does not undo what it said
		e.Count(ch.ID, HeardFailure)
		e.Log.Error("what a provider reports cannot be stored; it is to call again", "request", id, "channel", ch.ID, "error", err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "call again", http.StatusServiceUnavailable)
		return
	}
	if replier, ok := adapter.(channels.Replier); ok {
		ctx, cancel := context.WithTimeout(r.Context(), replyTime)
		kind, reply := replier.WebhookReply(ctx, body, said)
		cancel()
		if len(reply) > 0 {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(reply) // the provider has hung up: nothing is lost
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// held is a body that takes from the common room what it has beyond the usual, until it is freed.
type held struct {
	body        io.Reader
	room        *atomic.Int64 // taken, by all
	read, taken int64
}

func (h *held) Read(p []byte) (int, error) {
	n, err := h.body.Read(p)
	if h.read += int64(n); h.read-usualBody > h.taken {
		more := h.read - usualBody - h.taken
		h.taken += more
		if h.room.Add(more) > largeBodies {
			return n, errCrowded
		}
	}
	return n, err
}

func (h *held) free() { h.room.Add(-h.taken) }

// read reads all of a body whose length was announced, or is unknown and below zero.
func read(body io.Reader, announced int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(announced, 0), usualBody)) + bytes.MinRead) // what is only announced gets no memory
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// parse keeps a defect in an adapter from ending the connection without an answer.
func (e *Ears) parse(p channels.WebhookParser, r *http.Request, body []byte) (events []channels.Event, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			events, err = nil, fmt.Errorf("the adapter met %w", gateway.DefectOf(cause))
		}
	}()
	return p.ParseWebhook(r, body)
}

var _ http.Handler = (*Ears)(nil)
