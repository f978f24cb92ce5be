package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	accountSID = "AC00000000000000000000000000000001"
	authToken  = "00000000000000000000000000000001"
	from       = "+12025550100"
)

// provider is the least that answers as the SMS provider does: it accepts a message, and posts one signed callback for
// it. It runs in a process of its own, so its CPU never counts as ours.
type provider struct {
	delay     time.Duration
	next      atomic.Int64
	callbacks chan callback
	client    *http.Client
}

type callback struct {
	url, sid, to string
}

func serveFake(delay time.Duration, workers int) error {
	p := &provider{delay: delay, callbacks: make(chan callback, 1<<16), client: &http.Client{Transport: tuned(workers)}}
	for range workers {
		go p.report()
	}
	listener, err := fakeListener()
	if err != nil {
		return err
	}
	return http.Serve(listener, p)
}

// fakeListener listens for a fake in a process of its own, and tells its parent where.
func fakeListener() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	fmt.Println(listener.Addr())
	go func() { // the parent's end of our standard input is our life line
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return listener, nil
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/bot") {
		p.serveTelegram(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/v4/") {
		p.serveMattermost(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("To") == "" {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	sid := "SM" + fmt.Sprintf("%032x", p.next.Add(1))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"account_sid":"`+accountSID+`","api_version":"2010-04-01","body":"bench","date_created":"Mon, 23 Nov 2026 10:00:00 +0000","date_sent":null,"date_updated":"Mon, 23 Nov 2026 10:00:00 +0000","direction":"outbound-api","error_code":null,"error_message":null,"from":"`+from+`","messaging_service_sid":null,"num_media":"0","num_segments":"1","price":null,"price_unit":"USD","sid":"`+sid+`","status":"queued","subresource_uris":{"media":"/m"},"to":"`+form.Get("To")+`","uri":"/2010-04-01/Accounts/`+accountSID+`/Messages/`+sid+`.json"}`)
	if to := form.Get("StatusCallback"); to != "" {
		p.callbacks <- callback{url: to, sid: sid, to: form.Get("To")}
	}
}

// report posts callbacks, signed as the provider signs them: HMAC-SHA1 over the URL and the sorted form.
func (p *provider) report() {
	for c := range p.callbacks {
		form := [][2]string{{"AccountSid", accountSID}, {"From", from}, {"MessageSid", c.sid}, {"MessageStatus", "delivered"}, {"SmsSid", c.sid}, {"SmsStatus", "delivered"}, {"To", c.to}}
		mac := hmac.New(sha1.New, []byte(authToken))
		_, _ = io.WriteString(mac, c.url)
		var body strings.Builder
		for i, kv := range form {
			_, _ = io.WriteString(mac, kv[0]+kv[1])
			if i > 0 {
				body.WriteByte('&')
			}
			body.WriteString(kv[0] + "=" + url.QueryEscape(kv[1]))
		}
		req, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(body.String()))
		if err != nil {
			continue
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		resp, err := p.client.Do(req)
		if err != nil {
			fmt.Fprintln(os.Stderr, "fake: callback:", err)
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// tuned is a transport that keeps a connection for each worker; the default keeps two a host.
func tuned(conns int) *http.Transport {
	return &http.Transport{MaxIdleConns: 2 * conns, MaxIdleConnsPerHost: conns, MaxConnsPerHost: 0, DisableCompression: true, WriteBufferSize: 4 << 10, ReadBufferSize: 4 << 10}
}

// fakeProcess is the provider in a process of its own.
type fakeProcess struct {
	URL  string
	cmd  *exec.Cmd
	stop io.Closer
}

func startFake(delay time.Duration, workers int) (*fakeProcess, error) {
	return startProcess("fake", delay.String(), strconv.Itoa(workers))
}

// startProcess starts this program again as a fake, which says where it listens.
func startProcess(args ...string) (*fakeProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var line bytes.Buffer
	for one := make([]byte, 1); ; {
		if _, err := stdout.Read(one); err != nil {
			return nil, fmt.Errorf("the fake provider did not start: %w", err)
		}
		if one[0] == '\n' {
			break
		}
		line.WriteByte(one[0])
	}
	return &fakeProcess{URL: "http://" + line.String(), cmd: cmd, stop: stdin}, nil
}

// Close ends the process.
func (f *fakeProcess) Close() {
	_ = f.stop.Close()
	_ = f.cmd.Wait()
}

// once collects the callbacks of one run and says when the last has come.
type once struct {
	left atomic.Int64
	done chan struct{}
	end  sync.Once
}

func expect(n int) *once {
	o := &once{done: make(chan struct{})}
	o.left.Store(int64(n))
	return o
}

func (o *once) one() {
	if o.left.Add(-1) == 0 {
		o.end.Do(func() { close(o.done) })
	}
}

// wait waits until it has happened, or for the longest that a measurement may take.
func (o *once) wait(ctx context.Context, what string) error {
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(longest):
		return fmt.Errorf("%s: %d are missing", what, o.left.Load())
	}
}
