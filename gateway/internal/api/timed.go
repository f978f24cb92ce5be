package api

import (
	"errors"
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// timed bounds the time that a body may take to arrive: each piece of it, or the whole. Once the body has ended the
// bound is lifted, because net/http takes a deadline that passes while the answer is made for a client that has gone. A body that failed keeps it: net/http
// reads on before it answers, in order to use the connection again, and would wait for ever.
type timed struct {
	body     io.Reader
	deadline func(time.Time) error // of reading; an error means that the transport has none
	each     time.Duration
	whole    time.Duration
	begun    bool
}

func (t *timed) Read(p []byte) (int, error) {
	switch {
	case t.each > 0:
		_ = t.deadline(time.Now().Add(t.each))
	case !t.begun:
		_ = t.deadline(time.Now().Add(t.whole))
	}
	t.begun = true
	n, err := t.body.Read(p)
	if errors.Is(err, io.EOF) {
		_ = t.deadline(time.Time{})
	}
	return n, err
}

// bounded is a context whose body is timed.
type bounded struct {
	inner
	body io.Reader
}

func withTimedBody(ctx huma.Context) huma.Context {
	return bounded{inner: ctx, body: &timed{body: ctx.BodyReader(), deadline: ctx.SetReadDeadline, whole: bodyTimeout}}
}

func (b bounded) BodyReader() io.Reader { return b.body }

// Unwrap gives the context below; the library looks for it.
func (b bounded) Unwrap() huma.Context { return b.inner }

var (
	_ io.Reader    = (*timed)(nil)
	_ huma.Context = bounded{}
)
