package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// raw sends one text message by plain HTTP and returns what came back.
func raw(base, to, text string, timeout time.Duration) (status int, header http.Header, body string, err error) {
	form := url.Values{"To": {to}, "From": {ourNumber}, "Body": {text}}
	req, err := http.NewRequest(http.MethodPost, base+"/2010-04-01/Accounts/"+accountSID+"/Messages.json", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, "", err
	}
	req.SetBasicAuth(accountSID, authToken)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b), err
}

// TestFaults sends one message into each fault. Whatever the sender sees, the log says what the provider has.
func TestFaults(t *testing.T) {
	const short, long = 150 * time.Millisecond, 5 * time.Second
	for _, c := range []struct {
		name    string
		fault   sandbox.Fault
		timeout time.Duration
		status  int    // 0: the client gets no whole answer
		holds   string // of the body
		kept    bool
		answer  string
	}{
		{"latency", sandbox.Fault{Kind: sandbox.Latency, For: 20 * time.Millisecond}, long, 201, `"queued"`, true, "201"},
		{"hangs for ever, kept", sandbox.Fault{Kind: sandbox.Hang, Kept: true}, short, 0, "", true, "hang"},
		{"hangs for ever, lost", sandbox.Fault{Kind: sandbox.Hang}, short, 0, "", false, "hang"},
		{"hangs a while", sandbox.Fault{Kind: sandbox.Hang, For: time.Millisecond, Kept: true}, long, 0, "", true, "hang"},
		{"drips", sandbox.Fault{Kind: sandbox.Drip, For: time.Hour}, short, 0, "", true, "drip"},
		{"drips fast", sandbox.Fault{Kind: sandbox.Drip, For: time.Microsecond}, long, 201, `"queued"`, true, "drip"},
		{"cut, kept", sandbox.Fault{Kind: sandbox.Cut, Kept: true}, long, 0, "", true, "cut"},
		{"cut, lost", sandbox.Fault{Kind: sandbox.Cut}, long, 0, "", false, "cut"},
		{"garbage", sandbox.Fault{Kind: sandbox.Garbage, Kept: true}, long, 201, "<<<<", true, "garbage"},
		{"HTML 502", sandbox.Fault{Kind: sandbox.HTML, Status: 502}, long, 502, "Bad Gateway", false, "502"},
		{"HTML 503, kept", sandbox.Fault{Kind: sandbox.HTML, Kept: true}, long, 503, "<html>", true, "503"},
		{"500, kept", sandbox.Fault{Kind: sandbox.Failure, Kept: true}, long, 500, `"code":20500`, true, "500"},
		{"a code", sandbox.Fault{Kind: sandbox.Failure, Status: 400, Code: 21614}, long, 400, `"code":21614`, false, "400"},
		{"throttled", sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "60"}, long, 429, `"code":20429`, false, "429"},
		{"refused", sandbox.Fault{Kind: sandbox.Unauthorized}, long, 401, `"code":20003`, false, "401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, base := serve(t, sandbox.Options{})
			c.fault.Times = 1
			if _, err := s.Script(c.fault); err != nil {
				t.Fatal(err)
			}
			status, header, body, err := raw(base, anna, "x", c.timeout)
			if c.status == 0 && err == nil {
				t.Errorf("got a whole answer, %d %q", status, body)
			}
			if c.status != 0 && (err != nil || status != c.status || !strings.Contains(body, c.holds)) {
				t.Errorf("got %d %q, %v; want %d with %s", status, body, err, c.status, c.holds)
			}
			if c.fault.Kind == sandbox.Throttle && header.Get("Retry-After") != "60" {
				t.Errorf("Retry-After %q", header.Get("Retry-After"))
			}
			log := s.Log(0, 0)
			if len(log) != 1 || log[0].Kept != c.kept || log[0].Answer != c.answer || log[0].To != anna {
				t.Errorf("the log says %+v", log)
			}
			if len(s.Faults()) != 0 {
				t.Errorf("still in force: %+v", s.Faults())
			}
			if status, _, _, err := raw(base, anna, "y", long); err != nil || status != 201 {
				t.Errorf("afterwards: %d, %v", status, err)
			}
		})
	}
}

func TestFaultsFitWhatTheyName(t *testing.T) {
	s, base := serve(t, sandbox.Options{})
	id, err := s.Script(sandbox.Fault{Kind: sandbox.Failure, Provider: sandbox.Twilio, Credential: accountSID, Address: badr, Status: 400, Code: 30006})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Script(sandbox.Fault{Kind: sandbox.Cut, Provider: sandbox.Telegram}); err != nil {
		t.Fatal(err)
	}
	if status, _, _, _ := raw(base, anna, "x", time.Second); status != 201 {
		t.Errorf("another address: %d", status)
	}
	if status, _, _, _ := raw(base, badr, "x", time.Second); status != 400 {
		t.Errorf("the address: %d", status)
	}
	s.Clear(id)
	if status, _, _, _ := raw(base, badr, "x", time.Second); status != 201 {
		t.Errorf("after clearing: %d", status)
	}
	if left := s.Faults(); len(left) != 1 || left[0].Kind != sandbox.Cut {
		t.Errorf("left: %+v", left)
	}
	bad := sandbox.Fault{Kind: "explode", Provider: "pigeon", On: "never", Times: -1, For: -1, Status: 200}
	_, err = s.Script(bad)
	for _, field := range []string{"kind", "provider", "on", "times", "for", "status"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("the error does not name %s: %v", field, err)
		}
	}
}

func TestClearingFreesWhatHangs(t *testing.T) {
	s, base := serve(t, sandbox.Options{})
	id, err := s.Script(sandbox.Fault{Kind: sandbox.Hang})
	if err != nil {
		t.Fatal(err)
	}
	freed := make(chan error, 1)
	go func() {
		_, _, _, err := raw(base, anna, "x", 30*time.Second)
		freed <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Wait(ctx, func() bool { return s.Stats().Received == 1 }); err != nil {
		t.Fatal(err)
	}
	s.Clear(id)
	select {
	case err := <-freed:
		if err == nil {
			t.Error("a hanging answer was freed by an answer")
		}
	case <-ctx.Done():
		t.Error("the fault is cleared and its answer still hangs")
	}
}

func TestReceiptsAreBent(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault sandbox.Fault
		wind  time.Duration
		want  string
		truth string
	}{
		{"withheld", sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Withhold}, 0, "", "delivered"},
		{"twice", sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Twice}, 0, "sent delivered sent delivered", "delivered"},
		{"reversed", sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Reverse}, 0, "delivered sent", "delivered"},
		{"three days late", sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Late, For: 72 * time.Hour}, 72 * time.Hour, "sent delivered", "delivered"},
		{"failed", sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Fail, Code: 30005}, 0, "sent undelivered:30005", "undelivered"},
		{"expired in the queue", sandbox.Fault{Kind: sandbox.Queue, For: time.Hour}, time.Hour, "failed:30036", "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			h := newHook(t, authToken)
			s, base := serve(t, sandbox.Options{Now: func() time.Time { return now }})
			if _, err := s.Script(c.fault); err != nil {
				t.Fatal(err)
			}
			p := message(anna, ourNumber, "x").SetStatusCallback(h.URL).SetValidityPeriod(600)
			if _, err := twilio(base, accountSID, authToken).CreateMessage(p); err != nil {
				t.Fatal(err)
			}
			if c.wind > 0 {
				s.Advance(c.wind - time.Second)
				if got := len(h.came); got != 0 {
					t.Errorf("%d callbacks before their time", got)
				}
				s.Advance(time.Second)
			}
			settled(t, s)
			var got []string
			for range len(h.came) {
				f := h.next(t).form
				word := f.Get("MessageStatus")
				if code := f.Get("ErrorCode"); code != "" {
					word += ":" + code
				}
				got = append(got, word)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("callbacks %q, want %q", got, c.want)
			}
			if e := s.Log(0, 0)[0]; e.Status != c.truth {
				t.Errorf("the truth is %s, want %s", e.Status, c.truth)
			}
		})
	}
}

func TestFaultsTravelAsJSON(t *testing.T) {
	in := sandbox.Fault{Kind: sandbox.Hang, Provider: sandbox.Twilio, For: 1500 * time.Millisecond, Times: 3, Kept: true}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(`"for":"1.5s"`)) || !bytes.Contains(b, []byte(`hangs for 1.5s`)) {
		t.Errorf("written as %s", b)
	}
	var out sandbox.Fault
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("read back as %+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"kind":"cut","adress":"x"}`), &out); err == nil {
		t.Error("a misspelt field was taken")
	}
}

// TestNothingLeavesTheMachine tries to call back to an address that is reserved for documentation (RFC 5737).
func TestNothingLeavesTheMachine(t *testing.T) {
	s, base := serve(t, sandbox.Options{})
	p := message(anna, ourNumber, "x").SetStatusCallback("http://192.0.2.1/hook")
	if _, err := twilio(base, accountSID, authToken).CreateMessage(p); err != nil {
		t.Fatal(err)
	}
	settled(t, s)
	if got := s.Stats(); got.CallErrors != 2 || got.Callbacks != 0 || got.Arrived != 1 {
		t.Errorf("after a callback to elsewhere: %+v", got)
	}
}

func TestDuplicatesAreCounted(t *testing.T) {
	var spill bytes.Buffer
	s := sandbox.New(sandbox.Options{LogTo: &spill})
	srv := s.Handler()
	do := func(to, text, attempt string) {
		form := url.Values{"To": {to}, "From": {ourNumber}, "Body": {text}, "StatusCallback": {"http://localhost/?a=" + attempt}}
		req, err := http.NewRequest(http.MethodPost, "/2010-04-01/Accounts/"+accountSID+"/Messages.json", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(accountSID, authToken)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		srv.ServeHTTP(discard{http.Header{}}, req)
	}
	if _, err := s.Script(sandbox.Fault{Kind: sandbox.Receipts, Receipt: sandbox.Withhold}); err != nil {
		t.Fatal(err)
	}
	do(anna, "one", "1")
	do(badr, "one", "2")
	do(anna, "two", "3")
	do(anna, "one", "4")
	do(badr, "three", "2")
	got := s.Stats()
	if got.Kept != 5 || got.Duplicates != 1 || got.SameAttempt != 1 || s.Addresses()["sms:"+anna] != 3 {
		t.Errorf("counted %+v, %v", got, s.Addresses())
	}
	if r := s.Repeats(); len(r) != 2 || r[0].First != 1 || r[0].Again != 4 || r[1].Attempt != "2" {
		t.Errorf("repeats: %+v", r)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(spill.String()), "\n")
	var last sandbox.Entry
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 5 || last.Seq != 5 || last.Text != "three" {
		t.Errorf("the copy of the log has %d lines, last %+v, %v", len(lines), last, err)
	}
}

// discard is a response that nobody reads.
type discard struct{ h http.Header }

func (d discard) Header() http.Header       { return d.h }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
