package external

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// most is what reading one hostile answer may allocate, in bytes.
const most = 16 << 20

// bounded runs do and holds what it allocated, in the whole process, against most.
func bounded(t *testing.T, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	do()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > most {
		t.Errorf("it took %d bytes", n)
	}
	if took := time.Since(began); took > 20*time.Second { // beside other tests, with race detection
		t.Errorf("it took %v", took)
	}
}

// TestHostileAnswers: an adapter over HTTP takes neither memory nor time beyond its bounds, whatever it answers; all of it is doubt.
func TestHostileAnswers(t *testing.T) {
	endless := func(w http.ResponseWriter) {
		for much := []byte(strings.Repeat("x", 64<<10)); ; {
			if _, err := w.Write(much); err != nil {
				return
			}
		}
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"a body of a gigabyte": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			endless(w)
		},
		"a body without end": func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"drops": func(w http.ResponseWriter, r *http.Request) {
			for tick := time.NewTicker(time.Millisecond); r.Context().Err() == nil; <-tick.C {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
			}
		},
		"more than a short answer holds": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"id":"1","ok":{"id":"m","more":"`+strings.Repeat("x", mostShort)+`"}}`)
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"depth": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"id":"1","ok":`+strings.Repeat(`{"a":`, 200_000))
		},
		"width": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"id":"1","ok":{"id":["`+strings.Repeat(`","`, 300_000)+`"]}}`)
		},
		"numbers": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"id":"1","error":{"class":"temporary","retry_after_seconds":1e999999999}}`)
		},
		"a redirect after it took the message": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/taken/1")
			w.WriteHeader(http.StatusSeeOther)
		},
		"compression": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b\x08")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				answer(w, r)
			}))
			a, _ := open(t, Options{URL: server.URL, Secret: secret, Description: describe()}, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			bounded(t, func() {
				if _, err := a.Send(ctx, out("1", "hello")); channels.AsError(err).Class != channels.Unknown {
					t.Errorf("%v", err)
				}
			})
			server.CloseClientConnections()
			server.Close()
		})
	}
}

// TestHostileEvents: as many events as a line holds take no more memory than as many as it may.
func TestHostileEvents(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"1","ok":{"next":"1","events":[{}`+strings.Repeat(`,{}`, 340_000)+`]}}`)
	}))
	defer server.Close()
	a, _ := open(t, Options{URL: server.URL, Secret: secret, Description: describe()}, nil)
	bounded(t, func() {
		if events, next, err := a.(channels.Poller).Poll(t.Context(), ""); err != nil || len(events) != 0 || next != "1" {
			t.Errorf("%d, %q, %v", len(events), next, err)
		}
	})
}

// TestAnAnswerThatIsTooLong is doubt over pipes as well.
func TestAnAnswerThatIsTooLong(t *testing.T) {
	w := piped(t, describe(), describe(), "-bad", "verbose")
	w.class(out("1", "hello"), channels.Unknown)
}

// TestALineWithoutEnd ends the program before it fills the gateway's memory.
func TestALineWithoutEnd(t *testing.T) {
	a, log := open(t, Options{Command: []string{"/bin/sh", "-c", "head -c 1073741824 /dev/zero | tr '\\0' x"}, Description: describe()}, nil)
	bounded(t, func() {
		if _, err := a.Send(t.Context(), out("1", "hello")); channels.AsError(err).Class != channels.Temporary {
			t.Errorf("%v", err)
		}
	})
	if !strings.Contains(log.String(), errLong.Error()) {
		t.Errorf("it ended for another reason: %s", log)
	}
}
