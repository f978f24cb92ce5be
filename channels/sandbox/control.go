package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header is in every answer over HTTP, so that a gateway notices to whom it speaks.
const Header = "Carillon-Sandbox"

// What Header says in the answers to a Twilio account, and so to whoever waits for what people write: whether it has a webhook for
// incoming messages. Elsewhere it says 1.
const (
	Hooked   = "sms_url"
	Unhooked = "no sms_url"
)

// routes lays out the whole of the sandbox.
func (s *Sandbox) routes() http.Handler {
	control := http.NewServeMux()
	control.HandleFunc("GET /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, s.faultList()) })
	control.HandleFunc("POST /sandbox/faults", s.postFault)
	control.HandleFunc("DELETE /sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		s.Clear(r.URL.Query()["id"]...)
		w.WriteHeader(http.StatusNoContent)
	})
	control.HandleFunc("GET /sandbox/log", s.getLog)
	control.HandleFunc("GET /sandbox/stats", s.getStats)
	control.HandleFunc("POST /sandbox/reply", s.postReply)
	control.HandleFunc("POST /sandbox/phones", s.postPhones)
	control.HandleFunc("POST /sandbox/accounts", s.postAccount)
	control.HandleFunc("POST /sandbox/bots", s.postBot)
	control.HandleFunc("POST /sandbox/mattermost", s.postBotOfTeam)
	control.HandleFunc("POST /sandbox/advance", s.postAdvance)
	s.wallRoutes(control)
	guarded := http.NewCrossOriginProtection().Handler(control)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(Header, "1")
		switch {
		case strings.HasPrefix(r.URL.Path, twilioRoot):
			s.serveTwilio(w, r)
		case strings.HasPrefix(r.URL.Path, matrixRoot):
			s.serveMatrix(w, r)
		case strings.HasPrefix(r.URL.Path, androidRoot):
			s.serveAndroid(w, r)
		case strings.HasPrefix(r.URL.Path, telegramRoot):
			s.serveTelegram(w, r)
		case strings.HasPrefix(r.URL.Path, mattermostRoot):
			s.serveMattermost(w, r)
		case !s.ourName(r.Host):
			fail(w, http.StatusForbidden, errors.New("the sandbox is not served under this name; add it to the sandbox's hosts"))
		default:
			guarded.ServeHTTP(w, r)
		}
	})
}

// ourName refuses names that a foreign page could have pointed at this machine ("DNS rebinding"): only IP addresses,
// names without a dot, localhost and Options.Hosts are ours.
func (s *Sandbox) ourName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") || slices.Contains(s.opts.Hosts, name)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, fmt.Errorf("writing the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

func fail(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{err.Error()})
}

const maxControlBody = 64 << 20 // a hundred thousand phones at once

// body reads a JSON body strictly. It has answered if it returns false.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err == nil {
		err = strict(raw, into)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("reading the body: %w", err))
		return false
	}
	return true
}

func (s *Sandbox) faultList() any {
	list := s.Faults()
	if list == nil {
		list = []Fault{}
	}
	return struct {
		Faults []Fault `json:"faults"`
	}{list}
}

func (s *Sandbox) postFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !body(w, r, &f) {
		return
	}
	id, err := s.Script(f)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusCreated, struct {
		ID    string `json:"id"`
		Words string `json:"words"`
	}{id, f.Words()})
}

// getLog writes the log as NDJSON. With wait it waits for the first entry after the given one.
func (s *Sandbox) getLog(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, err := number(q.Get("after"))
	limit, err2 := number(q.Get("limit"))
	wait, err3 := duration(q.Get("wait"))
	if err := errors.Join(err, err2, err3); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	if wait > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		// Its end without an entry is an empty answer.
		_ = s.Wait(ctx, func() bool { return s.journal.len() > after })
		cancel()
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	enc := json.NewEncoder(w)
	last := s.journal.len()
	if limit > 0 {
		last = min(last, after+limit)
	}
	for seq := after + 1; seq <= last; seq++ {
		if enc.Encode(s.journal.get(seq).entry()) != nil {
			return
		}
	}
}

func number(raw string) (uint64, error) {
	if raw == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(raw, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no sequence number", raw)
	}
	return n, nil
}

func duration(raw string) (time.Duration, error) {
	if raw == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(raw)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration; write it like 1.5s or 72h", raw)
	}
	return d, nil
}

func (s *Sandbox) getStats(w http.ResponseWriter, r *http.Request) {
	out := struct {
		Stats
		Repeats   []Repeat       `json:"repeats"`
		Addresses map[string]int `json:"addresses,omitempty"`
	}{Stats: s.Stats(), Repeats: s.Repeats()}
	if out.Repeats == nil {
		out.Repeats = []Repeat{}
	}
	if r.URL.Query().Get("addresses") == "1" {
		out.Addresses = s.Addresses()
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Sandbox) postReply(w http.ResponseWriter, r *http.Request) {
	var in Reply
	if !body(w, r, &in) {
		return
	}
	seq, err := s.Reply(in)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusCreated, s.journal.get(seq).entry())
}

func (s *Sandbox) postPhones(w http.ResponseWriter, r *http.Request) {
	var in []Phone
	if !body(w, r, &in) {
		return
	}
	if err := s.Phones(in...); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sandbox) postAccount(w http.ResponseWriter, r *http.Request) {
	var in Account
	if !body(w, r, &in) {
		return
	}
	if !isSID(in.SID, "AC") {
		fail(w, http.StatusBadRequest, errors.New("sid: an account SID is AC and 32 hexadecimal digits"))
		return
	}
	s.Account(in)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sandbox) postAdvance(w http.ResponseWriter, r *http.Request) {
	var in struct {
		By string `json:"by"`
	}
	if !body(w, r, &in) {
		return
	}
	by, err := duration(in.By)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	s.Advance(by)
	writeJSON(w, http.StatusOK, struct {
		Now time.Time `json:"now"`
	}{s.now().UTC()})
}
