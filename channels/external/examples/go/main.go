// Command examplechat is an adapter of version 1 of Carillon's adapter protocol. Standard library only.
//
//	examplechat FOLDER                        lines of JSON over standard input and output
//	examplechat FOLDER --listen HOST:PORT     signed HTTP; ADAPTER_SECRET holds one secret whsec_..., or two while it is changed
//
// FOLDER keeps which messages were sent. Yours to change: describe, deliver, check.
package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	args := os.Args[1:]
	secrets := strings.Fields(os.Getenv("ADAPTER_SECRET"))
	if len(args) != 1 && (len(args) != 3 || args[1] != "--listen" || len(secrets) == 0) {
		fmt.Fprintln(os.Stderr, "usage: examplechat FOLDER [--listen HOST:PORT, with ADAPTER_SECRET in the environment]")
		os.Exit(2)
	}
	a, err := newAdapter(args[0])
	if err == nil && len(args) == 1 {
		err = pipes(a, os.Stdin, os.Stdout)
	} else if err == nil {
		err = listen(a, args[2], secrets)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pipes answers lines until they end, concurrent of them at once.
func pipes(a *adapter, in io.Reader, out io.Writer) error {
	var one sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	open := make(chan struct{}, concurrent)
	for lines := bufio.NewReaderSize(in, 1<<20); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		open <- struct{}{}
		all.Add(1)
		go func() {
			defer func() { <-open; all.Done() }()
			if answer := a.answer(line); answer != nil {
				one.Lock()
				defer one.Unlock()
				if _, err := out.Write(append(answer, '\n')); err != nil {
					fmt.Fprintln(os.Stderr, "an answer could not be written")
				}
			}
		}()
	}
}

func listen(a *adapter, where string, secrets []string) error {
	l, err := net.Listen("tcp", where)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s/\n", l.Addr())
	server := http.Server{ReadTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if r.Method != http.MethodPost || !genuine(r.Header, body, secrets, time.Now()) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer := a.answer(body)
		if answer == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer) // whoever asked has gone
	})}
	return server.Serve(l)
}

// genuine holds a request against Standard Webhooks: HMAC-SHA256 of id, timestamp and body, no older than five minutes.
func genuine(h http.Header, body []byte, secrets []string, now time.Time) bool {
	id, at := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if age := now.Unix() - seconds; err != nil || age > 300 || age < -300 {
		return false
	}
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			continue
		}
		m := hmac.New(sha256.New, key)
		m.Write([]byte(id + "." + at + "."))
		m.Write(body)
		want := []byte("v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)))
		for _, given := range strings.Fields(h.Get("webhook-signature")) {
			if hmac.Equal([]byte(given), want) {
				return true
			}
		}
	}
	return false
}

// answer answers one request; nil to what is none.
func (a *adapter) answer(line []byte) []byte {
	var r struct {
		ID   *string         `json:"id"`
		Do   string          `json:"do"`
		With json.RawMessage `json:"with"`
	}
	if json.Unmarshal(line, &r) != nil || r.ID == nil {
		return nil
	}
	answer := map[string]any{"id": *r.ID}
	done, err := a.do(r.Do, r.With)
	var refused *refusal
	switch {
	case err == nil:
		answer["ok"] = done
	case errors.As(err, &refused):
		answer["error"] = refused
	default:
		fmt.Fprintf(os.Stderr, "a request ended with %T\n", err) // its text may hold addresses
		answer["error"] = &refusal{Class: "unknown", Scope: "channel", Detail: "the adapter failed; its log says at what"}
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return nil
	}
	return raw
}

func (a *adapter) do(what string, with json.RawMessage) (any, error) {
	var m message
	if what == "send" {
		if err := json.Unmarshal(with, &m); err != nil {
			return nil, &refusal{Class: "permanent", Scope: "content", Code: "unreadable", Detail: "the request has a field of another type"}
		}
	}
	switch what {
	case "describe":
		return describe(), a.forget(time.Now())
	case "check":
		return map[string]any{}, a.check()
	case "send":
		return a.send(m)
	}
	return nil, &refusal{Class: "permanent", Scope: "channel", Code: "unknown-request", Detail: "this adapter cannot do that"}
}
