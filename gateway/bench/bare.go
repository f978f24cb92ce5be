package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// redirect sends the client library's requests to the fake provider; the library itself has no base URL.
type redirect struct {
	to   *url.URL
	next http.RoundTripper
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req.URL.Scheme, req.URL.Host = r.to.Scheme, r.to.Host
	return r.next.RoundTrip(req)
}

// bareSMS sends n messages by the client library with a tuned transport, receives a callback for each and verifies its
// signature: the work that no gateway can avoid.
func bareSMS(fake string, n, senders int, profile string) (figures, error) {
	target, err := url.Parse(fake)
	if err != nil {
		return figures{}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return figures{}, err
	}
	hook := "http://" + listener.Addr().String() + "/hooks/sms"
	validator := client.NewRequestValidator(authToken)
	wait := expect(n)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		params := make(map[string]string, len(form))
		for k := range form {
			params[k] = form.Get(k)
		}
		if !validator.Validate(hook+"?"+r.URL.RawQuery, params, r.Header.Get("X-Twilio-Signature")) {
			http.Error(w, "", http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		wait.one()
	})}
	go server.Serve(listener) //nolint:errcheck // closed below
	defer server.Close()

	library := &client.Client{Credentials: client.NewCredentials(accountSID, authToken), HTTPClient: &http.Client{Transport: redirect{target, tuned(senders)}}}
	library.SetAccountSid(accountSID)
	api := openapi.NewApiService(client.NewRequestHandler(library))

	stopProfile, err := startProfile(profile)
	if err != nil {
		return figures{}, err
	}
	defer stopProfile()
	begin, cpu := time.Now(), cpuTime()
	if err := together(n, senders, func(i int) error {
		params := &openapi.CreateMessageParams{}
		params.SetTo(number(i))
		params.SetFrom(from)
		params.SetBody(message)
		params.SetStatusCallback(fmt.Sprintf("%s?a=%032x&p=0", hook, i))
		params.SetValidityPeriod(36000)
		_, err := api.CreateMessage(params)
		return err
	}); err != nil {
		return figures{}, err
	}
	select {
	case <-wait.done:
	case <-time.After(time.Minute):
		return figures{}, fmt.Errorf("bare: %d callbacks are missing", wait.left.Load())
	}
	return figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}, nil
}

// number gives the i-th of ten million sample numbers; the area code 555 is nobody's.
func number(i int) string { return fmt.Sprintf("+1555%07d", i%10_000_000) }

type figures struct {
	n         int
	wall, cpu time.Duration
}

func (f figures) rate() float64          { return float64(f.n) / f.wall.Seconds() }
func (f figures) cpuEach() time.Duration { return f.cpu / time.Duration(f.n) }

func (f figures) String() string {
	return fmt.Sprintf("%.0f/s, %.1f µs of CPU each", f.rate(), float64(f.cpu.Nanoseconds())/float64(f.n)/1000)
}

// cpuTime is the processor time of this process so far, user and system.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // cannot fail for RUSAGE_SELF
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
