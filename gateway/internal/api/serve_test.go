package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Every answer has the headers that keep it out of caches, frames, scripts and other sites: of every route, of what
// is open, of what is nowhere. One to a provider's machine has what keeps it from being taken for a page.
func TestHeadersOnEveryAnswer(t *testing.T) {
	w := newWorld(t)
	all := deeds(w)
	asks := []ask{{method: "GET", path: "/healthz"}, {method: "GET", path: "/readyz"}, {method: "GET", path: "/metrics"}, {method: "GET", path: "/metrics", token: "operator"},
		{method: "GET", path: "/api/v1/openapi.json"}, {method: "GET", path: "/nowhere"}, {method: "PATCH", path: "/api/v1/groups"}, {method: "POST", path: "/hooks/sms-berlin"}, {method: "GET", path: "/hooks/"}, {method: "GET", path: "/"}}
	for _, rt := range w.server.routes {
		for _, token := range []string{"", "operator", "nairobi administrator", "berlin administrator"} {
			asks = append(asks, all[rt.ID].ask(rt, "berlin", token))
		}
	}
	want := map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin"}
	for _, a := range asks {
		r := w.ask(a)
		provider := a.path == "/hooks/sms-berlin"
		for name, value := range want {
			if got := r.header.Get(name); got != value && (!provider || name == "X-Content-Type-Options") {
				t.Errorf("%s %s (%d): %s is %q, want %q", a.method, a.path, r.status, name, got, value)
			}
		}
		if _, err := gateway.ParseID(r.header.Get("X-Request-Id")); err != nil {
			t.Errorf("%s %s: no id of the request: %v", a.method, a.path, err)
		}
		if r.header.Get("Set-Cookie") != "" || r.header.Get("Access-Control-Allow-Origin") != "" || r.header.Get("Location") != "" {
			t.Errorf("%s %s: cookies, other sites or a redirect: %v", a.method, a.path, r.header)
		}
		if len(r.body) > 0 && r.header.Get("Content-Type") == "" {
			t.Errorf("%s %s: an answer without a type: %s", a.method, a.path, r.body)
		}
	}
}

// A page of another site cannot make a browser use the API, even with a token that it got hold of.
func TestOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	all := deeds(w)
	for _, rt := range w.server.routes {
		if rt.Method == http.MethodGet {
			continue
		}
		a := all[rt.ID].ask(rt, "berlin", "berlin administrator")
		header := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
		for name, value := range a.header {
			header[name] = value
		}
		a.header = header
		w.want(403, a, nil)
	}
}

// A handler panics: the client gets a problem without a word of why, the log gets the stack, and the server goes on.
func TestAPanicIsContained(t *testing.T) {
	w := newWorld(t)
	w.fake.panics = errors.New(memberName)
	p := w.want(500, ask{method: "POST", path: "/api/v1/groups/berlin/broadcasts", token: "berlin author", body: report("Hello.")}, nil).problem(t)
	if p.Code != gateway.CodeInternal || strings.Contains(p.Detail, memberName) {
		t.Errorf("told: %+v", p)
	}
	if log := w.log.String(); !strings.Contains(log, "a request panicked") || strings.Contains(log, memberName) {
		t.Errorf("logged: %s", log)
	}
	w.fake.panics = nil
	id := w.want(500, ask{method: "POST", path: "/hooks/panic"}, nil).header.Get("X-Request-Id")
	if !strings.Contains(w.log.String(), id) {
		t.Error("the log does not name the webhook that panicked")
	}
	w.want(201, ask{method: "POST", path: "/api/v1/groups/berlin/broadcasts", token: "berlin author", body: report("Hello.")}, nil)
}

// A failure of ours says nothing of itself but the request's id, under which the log has it.
func TestAFailureIsFoundByItsID(t *testing.T) {
	w := newWorld(t)
	w.fake.fail = errors.New("disk I/O error in carillon.db")
	r := w.want(500, ask{method: "POST", path: "/api/v1/groups/berlin/broadcasts", token: "berlin author", body: report("Hello.")}, nil)
	id := r.header.Get("X-Request-Id")
	if p := r.problem(t); p.Instance != "urn:uuid:"+id || strings.Contains(string(r.body), "carillon.db") {
		t.Errorf("told: %s", r.body)
	}
	found := false
	lines := bufio.NewScanner(strings.NewReader(w.log.String()))
	for lines.Scan() {
		found = found || strings.Contains(lines.Text(), id) && strings.Contains(lines.Text(), "disk I/O error")
	}
	if !found {
		t.Error("the log does not have the failure under the request's id")
	}
}

// The access log has the route, never the path, the query, the token or who asked from where.
func TestTheAccessLogIsDiscreet(t *testing.T) {
	w := newWorld(t)
	w.want(404, ask{method: "GET", path: "/api/v1/groups/berlin/members/" + w.member.String() + "/" + memberAddress + "?q=" + memberAddress, token: "berlin viewer"}, nil)
	w.want(422, ask{method: "GET", path: "/api/v1/groups/berlin/members/" + memberAddress + "?q=secret-query", token: "berlin viewer"}, nil)
	w.want(200, ask{method: "POST", path: "/api/v1/groups/berlin/members/" + w.member.String() + "/reveal", token: "berlin administrator", body: map[string]string{"reason": "her-request"}}, nil)
	log := w.log.String()
	for _, secret := range []string{memberAddress, memberName, memberRef, "secret-query", w.tokens["berlin viewer"], "127.0.0.1", "s3cr3t-marker"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	for _, wanted := range []string{`"route":"POST /api/v1/groups/{group}/members/{member}/reveal"`, `"reason":"her-request"`, w.member.String(), w.ids["berlin administrator"].String()} {
		if !strings.Contains(log, wanted) {
			t.Errorf("the log lacks %s", wanted)
		}
	}
}

// The server that we offer refuses headers without end.
func TestServerBoundsHeaders(t *testing.T) {
	w := newWorld(t)
	real := httptest.NewUnstartedServer(nil)
	real.Config = NewServer(w.server, w.server.Log)
	real.Start()
	defer real.Close()
	conn, err := net.Dial("tcp", real.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", maxHeader+8<<10))
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
	if real.Config.ReadHeaderTimeout == 0 || real.Config.IdleTimeout == 0 {
		t.Error("headers and idle connections need a time")
	}
}

// deadlines is a connection that notes until when it may be read.
type deadlines struct {
	*httptest.ResponseRecorder
	reads, writes []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.reads = append(d.reads, t)
	return nil
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.writes = append(d.writes, t)
	return nil
}

// A body has a time to arrive in. When it has arrived the time is lifted, so that slow work after it is not taken for
// a client that has gone; and the answer has a time to be read in.
func TestBodiesAndAnswersHaveTheirTime(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ path, kind, body, key string }{
		{"/api/v1/groups/berlin/broadcasts", "application/json", `{"kind":"report","audience":{"topic":"reports"},"words":{"sources":{"en":"Hello."}}}`, ""},
		{"/api/v1/groups/berlin/broadcasts", "application/json", `{"kind":"report","audience":{"topic":"reports"},"words":{"sources":{"en":"Hello."}}}`, "k"},
		{"/api/v1/groups/berlin/imports", "text/csv", people + row("K-70", "Somebody", "+447700900170"), ""},
	} {
		r := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		r.Header.Set("Authorization", "Bearer "+w.tokens["berlin administrator"])
		if c.key != "" {
			r.Header.Set("Idempotency-Key", c.key)
		}
		conn := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w.server.ServeHTTP(conn, r)
		if conn.Code > 299 {
			t.Fatalf("%s: %d %s", c.path, conn.Code, conn.Body)
		}
		bound := slices.ContainsFunc(conn.reads, func(d time.Time) bool { return time.Until(d) > time.Second && time.Until(d) <= stallTime })
		if last := conn.reads[len(conn.reads)-1]; !bound || !last.IsZero() {
			t.Errorf("%s with key %q: times to read %v: bounded, and lifted at the end", c.path, c.key, conn.reads)
		}
		if len(conn.writes) != 2 || !conn.writes[0].IsZero() || time.Until(conn.writes[1]) < time.Second {
			t.Errorf("%s: times to write %v", c.path, conn.writes)
		}
	}
}

// Anybody may open a webhook, so a body that drips is given up; one that has arrived is stored without haste.
func TestWebhooksHaveTheirTime(t *testing.T) {
	w := newWorld(t)
	conn := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest(http.MethodPost, "/hooks/sms", strings.NewReader("MessageSid=SM1"))
	hooks := w.server.Hooks
	w.server.Hooks = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) })
	defer func() { w.server.Hooks = hooks }()
	w.server.ServeHTTP(conn, r)
	if len(conn.reads) != 2 || time.Until(conn.reads[0]) < time.Second || time.Until(conn.reads[0]) > hookTimeout || !conn.reads[1].IsZero() {
		t.Errorf("times to read %v: bounded, and lifted at the end", conn.reads)
	}
	conn = &deadlines{ResponseRecorder: httptest.NewRecorder()}
	w.server.ServeHTTP(conn, httptest.NewRequest(http.MethodPost, "/hooks/sms", iotest.ErrReader(os.ErrDeadlineExceeded)))
	if len(conn.reads) != 1 || conn.reads[0].IsZero() {
		t.Errorf("times to read of a body that failed: %v: never lifted, or the rest is waited for", conn.reads)
	}
}

// A name that is no method of ours is not repeated, and an unknown path under a method is not a wrong method.
// net/http reads a body that nobody wanted before it answers, so such a one has a time too: whoever drips it would hold the
// connection for ever, without a token.
func TestBodiesThatNobodyWantsHaveTheirTime(t *testing.T) {
	w := newWorld(t)
	hooks := w.server.Hooks
	w.server.Hooks = http.NotFoundHandler()
	defer func() { w.server.Hooks = hooks }()
	for _, c := range []struct{ method, path, token string }{
		{"POST", "/api/v1/groups/berlin/broadcasts", ""},
		{"POST", "/api/v1/groups/berlin/broadcasts", "berlin viewer"},
		{"GET", "/api/v1/groups/berlin/broadcasts", "berlin viewer"},
		{"POST", "/api/v1/groups", "berlin viewer"},
		{"GET", "/healthz", ""},
		{"GET", "/metrics", ""},
		{"POST", "/nothing", ""},
		{"POST", "/hooks/nothing", ""},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader("{}"))
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+w.tokens[c.token])
		}
		conn := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w.server.ServeHTTP(conn, r)
		if n := len(conn.reads); n == 0 || time.Until(conn.reads[n-1]) <= 0 || time.Until(conn.reads[n-1]) > bodyTimeout {
			t.Errorf("%s %s: status %d, times to read %v", c.method, c.path, conn.Code, conn.reads)
		}
	}
}

func TestNowhere(t *testing.T) {
	w := newWorld(t)
	r := w.want(405, ask{method: "PURGE", path: "/api/v1/groups", token: "operator"}, nil)
	if p := r.problem(t); strings.Contains(p.Detail, "PURGE") || r.header.Get("Allow") == "" {
		t.Errorf("told: %+v, Allow %q", p, r.header.Get("Allow"))
	}
	w.want(404, ask{method: "PURGE", path: "/api/v1/nothing", token: "operator"}, nil)
	w.want(404, ask{method: "GET", path: "/hooks/"}, nil)
}

// Options that lack a service are named, all of them.
func TestMissingServicesAreNamed(t *testing.T) {
	_, err := New(Options{})
	for _, name := range []string{"Groups", "Directory", "Broadcasts", "Metrics", "Applied"} {
		if err == nil || !strings.Contains(err.Error(), "Options."+name+" ") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

// Everything behind the API breaks at once: each route answers with a problem that tells nothing, the log holds no
// name and no address, and idempotency keys are free again.
func TestEverythingBehindBreaks(t *testing.T) {
	w := newWorld(t)
	all := deeds(w)
	s := w.server
	type (
		channels   = Channels // an embedded name must not hide a method
		broadcasts = Broadcasts
		wordings   = Wordings
		reviews    = gateway.Reviews
	)
	s.Directory, s.Importer, s.Broadcasts, s.Ledger = struct{ Directory }{}, struct{ Importer }{}, struct{ broadcasts }{}, struct{ Ledger }{}
	s.Channels, s.Wordings, s.Applied = struct{ channels }{}, struct{ wordings }{}, struct{ gateway.ApplyLog }{}
	s.Reviews = struct{ reviews }{}
	broken := 0
	for _, rt := range s.routes {
		for range 2 {
			a := all[rt.ID].ask(rt, "berlin", "berlin administrator")
			if rt.Role == gateway.Operator {
				a.token = "operator"
			}
			header := map[string]string{"Idempotency-Key": rt.ID}
			for name, value := range a.header {
				header[name] = value
			}
			if a.header = header; rt.Stream != "" {
				delete(header, "Idempotency-Key")
			}
			r := w.ask(a)
			if r.status != http.StatusInternalServerError {
				continue // a route that needs none of these
			}
			broken++
			if p := r.problem(t); p.Code != gateway.CodeInternal || p.Detail != plainText(gateway.CodeInternal) || len(p.Errors) > 0 {
				t.Errorf("%s tells %s", rt.ID, r.body)
			}
		}
	}
	if broken < 50 {
		t.Errorf("only %d requests met what is broken", broken)
	}
	for _, secret := range []string{memberName, memberAddress, memberRef, "s3cr3t"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}
