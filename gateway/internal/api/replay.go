package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
)

// tidyTime is how long keeping an answer may take after the client has gone.
const tidyTime = 10 * time.Second

// inFlight holds the requests with a key that this process is working on. The ledger's own reservations lapse, so that
// a crash does not hold a key for ever; an import may take longer than that.
type inFlight struct {
	mu   sync.Mutex
	keys map[string]bool
}

func (f *inFlight) enter(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[key] {
		return false
	}
	if f.keys == nil {
		f.keys = map[string]bool{}
	}
	f.keys[key] = true
	return true
}

func (f *inFlight) has(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys[key]
}

func (f *inFlight) leave(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}

func errAtWork() error {
	return gateway.Faultf(gateway.CodeInProgress, "the first request with this Idempotency-Key is still at work; ask again in a moment")
}

// replay answers a repeated request with an Idempotency-Key from the first answer. Only success is kept: a refused
// request has done nothing and may be mended under the same key, and one that failed or crashed is tried again.
func (s *server) replay(rt route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		key := ctx.Header("Idempotency-Key")
		if rt.Method != http.MethodPost || rt.Fresh || key == "" {
			next(ctx)
			return
		}
		who, _ := ctx.Context().Value(callerKey{}).(caller)
		print, body, p := s.fingerprint(ctx, rt, who, key)
		if p != nil {
			refuse(ctx, p)
			return
		}
		mine := who.Token.ID.String() + key
		if s.atWork.has(mine) { // the ledger's reservation may have lapsed meanwhile
			refuse(ctx, s.problem(ctx.Context(), errAtWork()))
			return
		}
		known, err := s.Replays.BeginRequest(ctx.Context(), who.Token.ID, key, print)
		if err == nil && known == nil && !s.atWork.enter(mine) {
			err = errAtWork()
		}
		if err != nil {
			refuse(ctx, s.problem(ctx.Context(), err))
			return
		}
		if known != nil {
			ctx.SetHeader("Idempotent-Replayed", "true")
			if known.Type != "" {
				ctx.SetHeader("Content-Type", known.Type)
			}
			ctx.SetStatus(known.Status)
			_, _ = ctx.BodyWriter().Write(known.Body) // the client may have gone
			return
		}
		defer s.atWork.leave(mine)
		s.first(ctx, rt, who, key, body, next)
	}
}

// first does the work and keeps its answer before anybody gets it.
func (s *server) first(ctx huma.Context, rt route, who caller, key string, body io.Reader, next func(huma.Context)) {
	rec := &recorder{inner: ctx, body: body, header: http.Header{}}
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx.Context()), tidyTime)
	defer cancel()
	kept := false
	defer func() {
		if kept {
			return
		}
		if err := s.Replays.ForgetRequest(tidy, who.Token.ID, key); err != nil {
			s.Log.Error("an idempotency key stays reserved until it lapses", "request", requestID(ctx.Context()), "error", err)
		}
	}()
	next(rec)
	if rec.status >= 200 && rec.status < 300 {
		answer := gateway.Answer{Status: rec.status, Type: rec.header.Get("Content-Type"), Body: rec.answer.Bytes()}
		if rt.Keep != nil {
			answer.Body = rt.Keep(answer.Body)
		}
		kept = true
		if err := s.Replays.FinishRequest(tidy, who.Token.ID, key, answer); err != nil {
			s.Log.Error("an answer could not be kept for repetitions", "request", requestID(ctx.Context()), "error", err)
		}
	}
	rec.send()
}

// fingerprint digests a request under a key that only the holder of the token has, so that nobody can guess from the
// ledger what was sent. It gives back the body to read.
func (s *server) fingerprint(ctx huma.Context, rt route, who caller, key string) ([]byte, io.Reader, *problem) {
	if len(key) > 200 || bytes.ContainsFunc([]byte(key), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, nil, s.problem(ctx.Context(), gateway.Faultf(gateway.CodeInvalid, "Idempotency-Key must be 1 to 200 visible ASCII characters"))
	}
	reader := ctx.BodyReader()
	var content []byte
	if rt.Stream != "" {
		// A stream is not read twice, nor kept in clear: the client says beforehand what it will be (RFC 9530), and
		// the handler holds it to that.
		digest := ctx.Header("Content-Digest")
		if _, err := parseDigest(digest); err != nil || digest == "" {
			return nil, nil, s.problem(ctx.Context(), gateway.Faultf(gateway.CodeInvalid, "with an Idempotency-Key this request also needs Content-Digest: sha-256=:…: of the whole body"))
		}
		content = []byte(digest)
	} else {
		var err error
		if content, err = io.ReadAll(io.LimitReader(reader, rt.Limit+1)); err != nil {
			return nil, nil, newProblem(ctx.Context(), http.StatusRequestTimeout, gateway.CodeUnavailable, "the body did not arrive; ask again")
		}
		reader = bytes.NewReader(content)
	}
	mac := hmac.New(sha256.New, who.mac)
	url := ctx.URL()
	for _, piece := range [][]byte{[]byte(rt.Method), []byte(url.EscapedPath()), []byte(url.Query().Encode()), content} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(piece)))
		mac.Write(size[:])
		mac.Write(piece)
	}
	return mac.Sum(nil), reader, nil
}

// inner keeps the embedded context's name from hiding its method.
type inner huma.Context

// recorder holds an answer back until it has been kept.
type recorder struct {
	inner
	body   io.Reader
	status int
	header http.Header
	answer bytes.Buffer
}

func (r *recorder) BodyReader() io.Reader           { return r.body }
func (r *recorder) BodyWriter() io.Writer           { return &r.answer }
func (r *recorder) Status() int                     { return r.status }
func (r *recorder) SetStatus(code int)              { r.status = code }
func (r *recorder) SetHeader(name, value string)    { r.header.Set(name, value) }
func (r *recorder) AppendHeader(name, value string) { r.header.Add(name, value) }

// Unwrap gives the context below; the library looks for it.
func (r *recorder) Unwrap() huma.Context { return r.inner }

func (r *recorder) send() {
	for name, values := range r.header {
		for i, v := range values {
			if i == 0 {
				r.inner.SetHeader(name, v)
			} else {
				r.inner.AppendHeader(name, v)
			}
		}
	}
	if r.status == 0 {
		return
	}
	r.inner.SetStatus(r.status)
	_, _ = r.inner.BodyWriter().Write(r.answer.Bytes()) // the client may have gone
}

var _ huma.Context = (*recorder)(nil)
