package apptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
)

// The sample credentials of every World.
const (
	Account = "AC00000000000000000000000000000001"
	Token   = "00000000000000000000000000000001"
	Number  = "+12025550100" // our own
	Bot     = "700000001:sample-bot-secret-of-a-story-000001"
)

// UrgentSenders is how many messages a channel sends at once besides its Senders, urgent ones only.
const UrgentSenders = 4

// Options says how a World is. The zero value has one SMS and one Telegram channel with eight senders each, in the profile
// alone.
type Options struct {
	Senders int             // of each channel, in each process that sends; zero: 8
	Rate    int             // segments a second of the SMS channel; zero: 100,000
	Sandbox sandbox.Options // OpenChats is set always
	Polled  bool            // without a public URL: the gateway asks for receipts and replies
	More    string          // lines of the operator's file
	Beside  string          // entries of its list of channels, beside those of text messages and of Telegram
	Storage *Storage        // the profile scaled; nil: alone
}

// World is providers and a gateway of one story. It is for one test at a time.
type World struct {
	T       testing.TB
	Box     *sandbox.Sandbox
	Wall    string // the sandbox's URL
	Dir     string // holds the operator's file, the data folder and the gateway's log
	URL     string // of the gateway; in the profile scaled, of the Front before its processes
	Senders int
	API     *client.Client // the operator's

	storage   *Storage
	front     *front        // nil: alone
	main      *Process      // the gateway that Start started; nil: none
	processes []*Process    // all that were launched
	ahead     time.Duration // by which the gateway's clock is wound
	log       *os.File
}

// New makes a world. Its gateway does not run yet; everything is gone when the test ends.
func New(t testing.TB, o Options) *World {
	t.Helper()
	if o.Senders == 0 {
		o.Senders = 8
	}
	if o.Rate == 0 {
		o.Rate = 100_000
	}
	o.Sandbox.OpenChats = true
	w := &World{T: t, Box: sandbox.New(o.Sandbox), Dir: t.TempDir(), Senders: o.Senders, storage: o.Storage}
	server := httptest.NewServer(w.Box.Handler())
	w.Wall = server.URL
	address := FreeAddress(t)
	w.URL = "http://" + address
	if o.Storage != nil {
		w.front = newFront(t)
		w.URL = w.front.url
	}
	w.Box.Account(sandbox.Account{SID: Account, Token: Token, SMSURL: w.URL + "/hooks/sms", Numbers: []string{Number}})
	w.configure(address, &o)
	if o.Storage == nil {
		if err := os.Mkdir(w.Data(), 0o700); err != nil {
			t.Fatal(err)
		}
		blank.Fill(t, w.Data())
	}
	var err error
	if w.log, err = os.OpenFile(w.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Kill()
		for _, p := range w.processes {
			p.Kill()
		}
		if err := w.Box.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		_ = w.log.Close()
		if t.Failed() {
			w.tellLog()
		}
	})
	return w
}

// FreeAddress finds a port on this machine below those that the system gives to outgoing connections, so that nobody takes it while
// the gateway is dead.
func FreeAddress(t testing.TB) string {
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20_000+mathrand.IntN(12_000)))
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (w *World) configure(address string, o *Options) {
	w.T.Helper()
	secrets := map[string]string{"twilio": Token, "telegram": Bot, "hook": "sample-hook-secret"}
	for _, name := range [...]string{"key", "index"} {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		secrets[name] = base64.StdEncoding.EncodeToString(secret)
	}
	for name, secret := range secrets {
		w.write(name, secret)
	}
	public := fmt.Sprintf("public_base_url: %q", w.URL)
	if o.Polled {
		public = ""
	}
	storage := ""
	if o.Storage != nil {
		w.write("postgres", o.Storage.Postgres)
		storage = o.Storage.text() + "\ndrain_notice: 1s"
	}
	w.write("carillon.yaml", fmt.Sprintf(`listen: %q
%s
data: data
keys: [{id: story, secret: {file: key}}]
index_key: {file: index}
drain_grace: 5s
%s
%s
channels:
  - name: sms
    adapter: sms
    senders: %d
    options: {account_sid: %q, auth_token: {file: twilio}, from: %q, segments_per_second: %d, base_url: %q}
  - name: telegram
    adapter: telegram
    senders: %d
    options: {token: {file: telegram}, webhook_secret: {file: hook}, per_second: 1000, base_url: %q}
%s`, address, public, storage, o.More, w.Senders, Account, Number, o.Rate, w.Wall, w.Senders, w.Wall, o.Beside))
}

func (w *World) write(name, text string) {
	w.T.Helper()
	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o600); err != nil {
		w.T.Fatal(err)
	}
}

// Data is the gateway's data folder.
func (w *World) Data() string { return filepath.Join(w.Dir, "data") }

// ConfigFile is the operator's file.
func (w *World) ConfigFile() string { return filepath.Join(w.Dir, "carillon.yaml") }

// LogFile holds all that the gateway's processes wrote.
func (w *World) LogFile() string { return filepath.Join(w.Dir, "gateway.log") }

func (w *World) tellLog() {
	text, err := os.ReadFile(w.LogFile())
	if err != nil {
		w.T.Log(err)
		return
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	w.T.Logf("the end of the gateway's log:\n%s", bytes.Join(lines[max(0, len(lines)-30):], []byte("\n")))
}

// Start starts the gateway, with all roles, and waits until it is ready.
func (w *World) Start() {
	w.T.Helper()
	if !w.StartToDie("") {
		w.T.Fatal("the gateway ended before it was ready")
	}
}

// StartToDie starts a gateway that kills itself at a point ("point@n"). It returns when that is ready, or false when it
// has died before.
func (w *World) StartToDie(kill string) bool {
	w.T.Helper()
	p, ready := w.launch("", kill)
	w.main = p
	return ready
}

// Wind puts the clock of every process forward, in this life and in those after it. What is due by then happens within a sweep.
func (w *World) Wind(by time.Duration) {
	w.T.Helper()
	w.ahead += by
	for _, p := range w.processes {
		if !p.gone() {
			p.wind(by)
		}
	}
}

// Kill ends the gateway that Start started as the kernel would, and waits until it is gone. It does nothing to one that is
// gone.
func (w *World) Kill() {
	if w.main != nil {
		w.main.Kill()
	}
	w.main = nil
}

// Stop lets it drain, and returns when it has ended.
func (w *World) Stop() {
	w.T.Helper()
	w.main.Stop()
	w.main = nil
}

// AwaitEnd waits until its process has ended by itself.
func (w *World) AwaitEnd() {
	w.T.Helper()
	w.main.AwaitEnd()
}

// PeakMemory is the most memory that it had so far, in bytes; zero where the system does not tell.
func (w *World) PeakMemory() int64 { return w.main.PeakMemory() }

// Until asks again and again until done says true; it fails the test when that takes longer than limit.
func (w *World) Until(limit time.Duration, what string, done func() bool) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), limit)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			w.T.Fatalf("after %v still waiting: %s", limit, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// UntilBox waits for something that the sandbox sees.
func (w *World) UntilBox(limit time.Duration, what string, done func() bool) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), limit)
	defer cancel()
	if err := w.Box.Wait(ctx, done); err != nil {
		w.T.Fatalf("after %v still waiting: %s", limit, what)
	}
}

// Script makes a provider misbehave and returns what ends it.
func (w *World) Script(f sandbox.Fault) (clear func()) {
	w.T.Helper()
	id, err := w.Box.Script(f)
	if err != nil {
		w.T.Fatal(err)
	}
	return func() { w.Box.Clear(id) }
}

// Second starts another gateway on the same data folder, which must end by itself. It returns what that wrote, and
// whether it ended because the folder is taken.
func (w *World) Second() (said string, locked bool) {
	w.T.Helper()
	cmd := w.command("", "", "")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		w.T.Fatal(err)
	}
	defer stdin.Close()
	end := time.AfterFunc(20*time.Second, func() { _ = stdin.Close() })
	defer end.Stop()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		w.T.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode() == exitLocked
}
