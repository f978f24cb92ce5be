// Command adapter is an adapter for tests: it follows docs/adapter-protocol.md and nothing else, keeps what it "sends" in a file,
// and misbehaves where a text or a flag says so. Over standard input and output, or with -listen by signed HTTP.
package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type request struct {
	ID   string `json:"id"`
	Do   string `json:"do"`
	With with   `json:"with"`
}

// with is whatever a request may bring.
type with struct {
	message
	Hook  string `json:"hook"`
	After string `json:"after"`
	Wait  int    `json:"wait_seconds"`
}

type object = map[string]any

type message struct {
	Attempt string `json:"attempt"`
	Part    int    `json:"part"`
	Key     string `json:"key"`
	To      string `json:"to"`
	Text    string `json:"text"`
	Since   string `json:"since,omitempty"`
	ID      string `json:"id,omitempty"`
	Expires string `json:"expires,omitempty"`

	Calendar string   `json:"calendar,omitempty"`
	Buttons  []object `json:"buttons,omitempty"`
}

type adapter struct {
	description object
	file        *os.File
	mu          sync.Mutex
	sent        []message
	events      []object
	hook        string
	bad         string
	secret      string
	provider    string
	client      http.Client
	post        sync.WaitGroup
}

func main() {
	listen := flag.String("listen", "", "address for signed HTTP")
	secret := flag.String("secret", "", "whsec_…")
	file := flag.String("file", "", "what was sent, a line each")
	description := flag.String("description", "", "what describe answers")
	bad := flag.String("bad", "", "a way to break the protocol")
	post := flag.String("post", "", "the provider: where every message is posted")
	swallow := flag.Bool("swallow", false, "be a provider that takes everything")
	slow := flag.Duration("slow", 0, "time before the first answer")
	flag.Parse()
	if *swallow {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		fmt.Println("http://" + l.Addr().String() + "/")
		must(http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })))
	}
	time.Sleep(*slow)
	a := &adapter{bad: *bad, secret: *secret, provider: *post}
	a.client.Transport = &http.Transport{MaxIdleConnsPerHost: 256}
	must(json.Unmarshal([]byte(*description), &a.description))
	var err error
	a.file, err = os.OpenFile(*file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	must(err)
	for lines := bufio.NewScanner(a.file); lines.Scan(); {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) == nil && m.ID != "" {
			a.sent = append(a.sent, m)
			a.report(m)
		}
	}
	if *listen != "" {
		l, err := net.Listen("tcp", *listen)
		must(err)
		fmt.Println("http://" + l.Addr().String() + "/")
		must(http.Serve(l, http.HandlerFunc(a.http)))
	}
	if a.bad == "floods" {
		go func() {
			for line := bytes.Repeat([]byte("a log without end "), 100); ; {
				_, _ = os.Stderr.Write(append(line, '\n'))
			}
		}()
	}
	a.pipes()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pipes answers lines, each by a goroutine that is free, and gathers what is said at once: every writing wakes the gateway.
func (a *adapter) pipes() {
	var one sync.Mutex
	var about atomic.Int64
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	say := func(b []byte) {
		about.Add(1)
		runtime.Gosched() // others that are done say it first
		one.Lock()
		defer one.Unlock()
		_, _ = out.Write(append(b, '\n'))
		if about.Add(-1) == 0 {
			_ = out.Flush()
		}
	}
	work := make(chan request)
	in := bufio.NewReaderSize(os.Stdin, 4<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if a.bad == "stays" {
				select {}
			}
			return
		}
		if a.bad == "reads short lines" && len(line) > bufio.MaxScanTokenSize {
			return
		}
		var r request
		if json.Unmarshal(line, &r) != nil {
			if a.bad == "dies of nonsense" {
				os.Exit(3)
			}
			continue
		}
		select {
		case work <- r:
		default:
			go a.work(r, work, say)
		}
	}
}

// work answers a request, and then those that come.
func (a *adapter) work(r request, more <-chan request, say func([]byte)) {
	for ; ; r = <-more {
		if a.bad == "chatter" {
			say([]byte("got a request"))
		}
		if b := a.answer(r, say); b != nil {
			say(b)
		}
	}
}

func (a *adapter) answer(r request, say func([]byte)) []byte {
	ok, failure := a.do(r, say)
	if ok == nil && failure == nil {
		return nil
	}
	answer := struct {
		ID    string `json:"id"`
		OK    object `json:"ok,omitzero"`
		Error object `json:"error,omitzero"`
	}{r.ID, ok, failure}
	if a.bad == "verbose" && r.Do == "send" {
		answer.OK["more"] = strings.Repeat("x", 64<<10)
	}
	b, _ := json.Marshal(answer)
	if a.bad == "nonsense" && r.Do == "send" {
		return []byte(`{"id": oops`)
	}
	if a.bad == "torn" && r.Do == "send" {
		b = bytes.Replace(b, []byte(`"ok"`), []byte("\"\xff\xfe\":1,\"ok\""), 1)
	}
	return b
}

func (a *adapter) do(r request, say func([]byte)) (ok, failure object) {
	m := r.With.message
	switch r.Do {
	case "describe":
		a.mu.Lock()
		a.hook = r.With.Hook
		a.mu.Unlock()
		return a.description, nil
	case "check":
		a.mu.Lock()
		defer a.mu.Unlock()
		return object{}, nil
	case "send":
		return a.send(m, say)
	case "find":
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, s := range a.sent {
			if s.Attempt == m.Attempt && s.Part == m.Part || a.bad == "finds all" {
				return object{"found": "sent", "receipt": object{"id": s.ID, "attempt": m.Attempt, "part": m.Part, "status": "delivered"}}, nil
			}
		}
		return object{"found": "cannot-tell"}, nil
	case "events":
		if a.bad == "floods" { // as many as a line holds
			return object{"events": make([]object, 200_000), "next": "1"}, nil
		}
		n, _ := strconv.Atoi(r.With.After)
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.bad == "waits alone" {
			time.Sleep(time.Duration(r.With.Wait) * time.Second)
		}
		n = min(n, len(a.events))
		events := a.events[n:min(len(a.events), n+100)]
		if a.bad == "forgets" && m.Since == "" {
			a.events = nil
		}
		return object{"events": append([]object{}, events...), "next": strconv.Itoa(n + len(events))}, nil
	}
	if a.bad == "ignores what it does not know" {
		return nil, nil
	}
	return nil, object{"class": "permanent", "scope": "channel", "detail": "this cannot be done"}
}

func (a *adapter) send(m message, say func([]byte)) (ok, failure object) {
	switch {
	case len(m.Buttons) > 0 && a.bad == "refuses buttons":
		return nil, object{"class": "permanent", "scope": "content", "detail": "buttons are not taken"}
	case m.Calendar != "" && a.bad == "refuses files":
		return nil, object{"class": "permanent", "scope": "content", "detail": "files are not taken"}
	case strings.Contains(m.Text, "#crash-before"):
		os.Exit(4)
	case strings.Contains(m.Text, "#refuse"):
		return nil, object{"class": "permanent", "scope": "address", "code": "404", "detail": "nobody is at " + m.To}
	case strings.Contains(m.Text, "#vague"):
		return nil, object{"detail": m.Text}
	case strings.Contains(m.Text, "#flood"):
		for range 1 << 20 {
			say([]byte("flood"))
		}
	case strings.Contains(m.Text, "#long"):
		say(bytes.Repeat([]byte("x"), 8<<20))
	case strings.Contains(m.Text, "#eats"):
		var all [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			if len(all) == 1<<16 {
				return
			}
		}
	case strings.Contains(m.Text, "#log"):
		fmt.Fprintln(os.Stderr, "sending", m.Text, "to", m.To)
	}
	limit := int(a.description["text"].(object)["limit"].(float64))
	if len([]rune(m.Text)) > limit && a.bad != "takes all" || len(m.Text) > limit && a.bad == "counts bytes" {
		return nil, object{"class": "permanent", "scope": "content", "detail": "the text is too long"}
	}
	if a.provider != "" { // for the benchmark: nothing but the provider
		resp, err := a.client.Post(a.provider, "text/plain", strings.NewReader(m.Text))
		if err != nil {
			return nil, object{}
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return object{"id": m.Key}, nil
	}
	a.mu.Lock()
	if a.bad == "sends before it writes" {
		for _, s := range a.sent {
			if s.Key == m.Key {
				a.mu.Unlock()
				return object{"id": s.ID}, nil
			}
		}
		a.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		a.mu.Lock()
	}
	for _, s := range a.sent {
		if s.Key == m.Key && a.bad != "sends twice" && a.bad != "sends before it writes" || s.Attempt == m.Attempt && a.bad == "knows no parts" {
			a.mu.Unlock()
			return object{"id": s.ID}, nil
		}
	}
	m.ID = "m" + strconv.Itoa(len(a.sent)+1)
	if a.bad == "same id" {
		m.ID = "m"
	}
	a.sent = append(a.sent, m)
	b, _ := json.Marshal(m)
	_, _ = a.file.Write(append(b, '\n'))
	a.report(m)
	a.mu.Unlock()
	switch {
	case strings.Contains(m.Text, "#crash-after"):
		os.Exit(5)
	case strings.Contains(m.Text, "#hang"):
		select {}
	}
	a.push()
	return object{"id": m.ID}, nil
}

// report makes the receipt of a message, and of one that ends in a question mark an answer too.
func (a *adapter) report(m message) {
	receipt := object{"id": m.ID, "attempt": m.Attempt, "part": m.Part, "status": "delivered"}
	a.events = append(a.events, object{"id": "r" + m.ID + m.Key, "receipt": receipt})
	if strings.HasSuffix(m.Text, "?") {
		a.events = append(a.events, object{"id": "i" + m.ID + m.Key, "inbound": object{"from": m.To, "text": "yes", "reply_to": m.ID}})
	}
}

func (a *adapter) push() {
	a.mu.Lock()
	hook, all := a.hook, append([]object{}, a.events...)
	a.mu.Unlock()
	if hook == "" || a.bad == "never posts" {
		return
	}
	a.post.Go(func() {
		for wait := 50 * time.Millisecond; wait < time.Minute; wait *= 2 {
			body, _ := json.Marshal(object{"events": all})
			req, _ := http.NewRequest(http.MethodPost, hook, bytes.NewReader(body))
			own := "post_"
			if a.bad == "takes our ids" {
				own = "carillon_"
			}
			id, at := own+strconv.FormatInt(time.Now().UnixNano(), 10), strconv.FormatInt(time.Now().Unix(), 10)
			req.Header.Set("webhook-id", id)
			req.Header.Set("webhook-timestamp", at)
			req.Header.Set("webhook-signature", "v1,"+a.sign(id, at, body))
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode/100 == 2 || a.bad == "posts once" {
					return
				}
			}
			time.Sleep(wait)
		}
	})
}

func (a *adapter) sign(id, at string, body []byte) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(a.secret, "whsec_"))
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + at + "."))
	m.Write(body)
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func (a *adapter) http(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	genuine := false
	for _, s := range strings.Fields(r.Header.Get("webhook-signature")) {
		if a.bad == "reads one signature" && s != strings.Fields(r.Header.Get("webhook-signature"))[0] {
			break
		}
		genuine = genuine || hmac.Equal([]byte(s), []byte("v1,"+a.sign(id, at, body)))
	}
	if n, err := strconv.ParseInt(at, 10, 64); err != nil || time.Since(time.Unix(n, 0)).Abs() > 5*time.Minute && a.bad != "takes old" {
		genuine = false
	}
	if !genuine && a.bad != "trusts all" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var q request
	if json.Unmarshal(body, &q) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if b := a.answer(q, func([]byte) {}); b != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}
}
