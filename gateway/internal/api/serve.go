package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/gateway"
)

// Limits of the server. Bodies have limits and times of their own.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	writeTimeout  = time.Minute // for one answer, once it begins
	maxHeader     = 32 << 10    // bytes of all header fields
)

// NewServer makes an http.Server around a handler of New, with limits on headers and idle connections. It sets no time for whole
// requests, because an import may take long: New bounds bodies and answers itself.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

type requestKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// ServeHTTP serves one request: under an id, with the security headers, bounded, counted, and never with a panic.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	id := gateway.NewID().String()
	w.Header().Set("X-Request-Id", id)
	if name, ok := strings.CutPrefix(r.URL.Path, "/hooks/"); ok && s.Hooks != nil && name != "" {
		s.serveHook(w, r)
		return
	}
	secure(w.Header(), r.TLS != nil)
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // of the answer before, on this connection
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // also if nobody wants the body: net/http reads on before it answers
	}
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
	out := &answer{ResponseWriter: w}
	defer func() {
		s.recovered(out, r, recover())
		s.account(out, r, time.Since(begun))
	}()
	s.dispatch(out, r)
}

// dispatch finds the route, and answers what the multiplexer would say itself with a problem.
func (s *server) dispatch(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		if err := new(http.CrossOriginProtection).Check(r); err != nil {
			writeProblem(w, newProblem(r.Context(), http.StatusForbidden, gateway.CodeForbidden, "a page of another site sent this; the API is not for browsers of strangers"))
			return
		}
	}
	clean := path.Clean(r.URL.Path) == strings.TrimSuffix(r.URL.Path, "/") || r.URL.Path == "/"
	handler, pattern := s.mux.Handler(r)
	if pattern != "" && clean {
		s.mux.ServeHTTP(w, r)
		return
	}
	refusal := &probe{header: http.Header{}}
	if clean {
		handler.ServeHTTP(refusal, r)
	}
	if refusal.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", refusal.header.Get("Allow"))
		writeProblem(w, newProblem(r.Context(), http.StatusMethodNotAllowed, gateway.CodeInvalid, "this path does not take "+methodOf(r)+"; it takes "+refusal.header.Get("Allow")))
		return
	}
	writeProblem(w, newProblem(r.Context(), http.StatusNotFound, gateway.CodeNotFound, plainText(gateway.CodeNotFound)))
}

// methodOf names a request's method without repeating what a stranger made up.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "this method"
}

// serveHook passes a provider's call on. There may be very many, so nothing is done here but what protects: the answer goes to a
// machine that called by POST, which no browser shows and no cache keeps, so it has none of the headers for those but the one that
// keeps it from being taken for a page. The rest cost a tenth of the whole request.
func (s *server) serveHook(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Content-Type-Options"] = []string{"nosniff"}
	out := &answer{ResponseWriter: w, bounded: true}
	defer func() { s.recovered(out, r, recover()) }()
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(hookTimeout + writeTimeout)) // at once: of an answer this short there is no part to wait for
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(time.Now().Add(hookTimeout)) // at once, for a body that is not even looked at may drip too
	}
	body := &timed{body: r.Body, deadline: control.SetReadDeadline, begun: true}
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	s.Hooks.ServeHTTP(out, r)
}

// secure sets the headers that every answer has but those to providers. Nothing here is meant to be shown in a browser or kept by a cache. The
// slices of one value each are cut from one array, which is all that the headers of an answer allocate.
func secure(h http.Header, encrypted bool) {
	values := [...]string{"no-store", "default-src 'none'; frame-ancestors 'none'", "same-origin", "no-referrer", "nosniff", "DENY", "max-age=31536000"}
	h["Cache-Control"] = values[0:1:1]
	h["Content-Security-Policy"] = values[1:2:2]
	h["Cross-Origin-Resource-Policy"] = values[2:3:3]
	h["Referrer-Policy"] = values[3:4:4]
	h["X-Content-Type-Options"] = values[4:5:5]
	h["X-Frame-Options"] = values[5:6:6]
	if encrypted {
		h["Strict-Transport-Security"] = values[6:7:7]
	}
}

// recovered ends a request that panicked. The value is not logged: it may quote what was sent.
func (s *server) recovered(w *answer, r *http.Request, value any) {
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value) // net/http's own way to cut a connection
	}
	if r.Context().Err() != nil {
		return // the client has gone, and what could not be written to it is no defect
	}
	s.Log.Error("a request panicked", "request", w.Header().Get("X-Request-Id"), "route", routeOf(r), "error", gateway.DefectOf(value))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	writeProblem(w, newProblem(r.Context(), http.StatusInternalServerError, gateway.CodeInternal, plainText(gateway.CodeInternal)))
}

// account logs and counts a request, by its route: never the path, the query or who asked from where.
func (s *server) account(w *answer, r *http.Request, took time.Duration) {
	route := routeOf(r)
	if s.meter != nil {
		s.meter.requests.WithLabelValues(route, strconv.Itoa(w.status)).Inc()
		s.meter.seconds.WithLabelValues(route).Observe(took.Seconds())
	}
	s.Log.Info("request", "request", requestID(r.Context()), "route", route, "status", w.status, "bytes", w.bytes, "duration", took)
}

// routeOf names the route of a request; its pattern holds names of parameters, never their values.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return r.Pattern
}

// answer notes how a request was answered, and bounds the time that a slow reader may take.
type answer struct {
	http.ResponseWriter
	status  int
	bytes   int64
	bounded bool // already
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	if !a.bounded && status >= 200 {
		a.bounded = true
		_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout)) // not every transport has one
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap gives the writer below; http.ResponseController looks for it.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// probe learns what a handler would say.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// meter counts requests.
type meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMeter(registry *prometheus.Registry) (*meter, error) {
	m := &meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carillon_http_requests_total", Help: "Requests answered, webhooks apart."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "carillon_http_request_seconds", Help: "Time until a request was answered, webhooks apart.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60}}, []string{"route"}),
	}
	return m, errors.Join(registry.Register(m.requests), registry.Register(m.seconds))
}

var (
	_ http.ResponseWriter = (*answer)(nil)
	_ http.ResponseWriter = (*probe)(nil)
)
