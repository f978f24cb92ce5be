package external

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// binary is the adapter of testdata/adapter, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "adapter")
	if err == nil {
		binary = filepath.Join(dir, "adapter")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, "./testdata/adapter").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func describe() Description {
	return Description{
		Protocol: 1, Name: "Test", Kind: "testchat", Address: AddressForm{Pattern: `[a-z]+@[a-z.]+`, Example: "anna@chat.example", Lower: true},
		Text: TextForm{Markup: Plain, Limit: 1000}, Receipts: "delivered", ReceiptWithin: 60, Inbound: true, Events: byPush, Find: true,
		Dedupe: 3600, Attempt: 10, Concurrent: 8,
	}
}

// world is a channel over the test adapter, and what the adapter "sent".
type world struct {
	channels.Adapter
	t    *testing.T
	file string
	log  *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func arguments(t testing.TB, d Description, file string, more ...string) []string {
	t.Helper()
	d.Receipts, d.Events = d.filled().Receipts, d.filled().Events
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{binary, "-file", file, "-description", string(raw)}, more...)
}

func open(t testing.TB, o Options, change func(*channels.Settings)) (channels.Adapter, *buffer) {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Replace(raw, []byte(`"secret":"[secret]"`), []byte(`"secret":"`+secret+`"`), 1)
	log := &buffer{}
	s := channels.Settings{Name: "test", Options: raw, Operator: true, Log: slog.New(slog.NewTextHandler(log, nil))}
	if change != nil {
		change(&s)
	}
	a, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.(io.Closer).Close() })
	return a, log
}

// piped opens a channel over a program; told is what the channel is told of it, is what it says.
func piped(t *testing.T, told, is Description, more ...string) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sent")
	a, log := open(t, Options{Command: arguments(t, is, file, more...), Description: told}, nil)
	w := &world{Adapter: a, t: t, file: file, log: log}
	w.program().backoff = time.Millisecond
	return w
}

// self is the adapter beneath its abilities.
func (a *adapter) self() *adapter { return a }

func core(a channels.Adapter) *adapter { return a.(interface{ self() *adapter }).self() }

func (w *world) program() *program { return core(w.Adapter).wire.(*program) }

// posted opens a channel over signed HTTP.
func posted(t *testing.T, d Description, hook string, more ...string) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sent")
	args := arguments(t, d, file, append([]string{"-listen", "127.0.0.1:0", "-secret", secret}, more...)...)
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		t.Fatal(err)
	}
	a, log := open(t, Options{URL: url, Secret: secret, Description: d}, func(s *channels.Settings) {
		s.HookURL, s.Operator, s.Reach = hook, false, netip.Addr.IsLoopback
	})
	return &world{Adapter: a, t: t, file: file, log: log}
}

func out(key, text string) channels.Outbound {
	return channels.Outbound{Attempt: "a-" + key, Key: key, To: "anna@chat.example", Part: channels.Part{Text: text, Cost: 1}, Expires: time.Now().Add(time.Hour)}
}

// sent lists the keys of what the adapter sent, in order.
func (w *world) sent() []string {
	w.t.Helper()
	raw, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	var keys []string
	for line := range strings.Lines(string(raw)) {
		var m struct{ Key string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, m.Key)
	}
	return keys
}

// again sends until the adapter is back, as dispatch does after what was not sent.
func (w *world) again(m channels.Outbound) channels.Sent {
	w.t.Helper()
	for until := time.Now().Add(20 * time.Second); ; {
		sent, err := w.Send(w.t.Context(), m)
		if err == nil {
			return sent
		}
		if e := channels.AsError(err); e.Class != channels.Temporary || time.Now().After(until) {
			w.t.Fatalf("%v: %v", e, e.Cause)
		}
	}
}

func (w *world) class(m channels.Outbound, want channels.Class) *channels.Error {
	w.t.Helper()
	_, err := w.Send(w.t.Context(), m)
	e := channels.AsError(err)
	if err == nil || e.Class != want {
		w.t.Fatalf("%v, want %v (%v)", err, want, e.Cause)
	}
	return e
}

// TestItsTimeGoesAlong: the adapter is told until when a message is worth anything, and is not given one whose time is over.
func TestItsTimeGoesAlong(t *testing.T) {
	w := piped(t, describe(), describe())
	m := out("1", "The water rises.")
	m.Expires = time.Now().Add(20 * time.Minute).Truncate(time.Second)
	w.again(m)
	raw, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Expires time.Time }
	if err := json.Unmarshal(raw, &said); err != nil || !said.Expires.Equal(m.Expires) {
		t.Errorf("the adapter is told %s, not %v, %v", raw, m.Expires, err)
	}
	m = out("2", "The water rises.")
	m.Expires = time.Now()
	if e := w.class(m, channels.Permanent); !errors.Is(e, channels.ErrExpired) || len(w.sent()) != 1 {
		t.Errorf("after its time: %v, sent %v", e, w.sent())
	}
}

// TestBothWays sends, hears and looks up over both transports.
func TestBothWays(t *testing.T) {
	for name, w := range map[string]*world{"pipes": piped(t, describe(), describe()), "HTTP": posted(t, describe(), "")} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			if err := w.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			first := w.again(out("1", "Is this read?"))
			if again := w.again(out("1", "Is this read?")); again != first || len(w.sent()) != 1 {
				t.Errorf("the same key: %v and %v, sent %v", first, again, w.sent())
			}
			events, next, err := w.Adapter.(channels.Poller).Poll(t.Context(), "")
			if err != nil || len(events) != 2 || next == "" {
				t.Fatalf("%v, %q, %v", events, next, err)
			}
			if r := events[0].Receipt; r.Status != channels.StatusDelivered || r.Attempt != "a-1" || r.ProviderID != first.ProviderID {
				t.Errorf("receipt %+v", r)
			}
			if in := events[1].Inbound; in.From != "anna@chat.example" || in.Text != "yes" {
				t.Errorf("inbound %+v", in)
			}
			found, err := w.Adapter.(channels.StatusFinder).FindStatus(t.Context(), channels.Query{Attempt: "a-1", To: "anna@chat.example"})
			if err != nil || found.Found != channels.WasSent || found.Receipt.ProviderID != first.ProviderID {
				t.Errorf("%+v, %v", found, err)
			}
			e := w.class(out("2", "#refuse"), channels.Permanent)
			if e.Scope != channels.ScopeAddress || e.Code != "404" || strings.Contains(e.Error(), "anna") {
				t.Errorf("%v", e)
			}
			if e := w.class(out("3", "#vague secrets"), channels.Unknown); strings.Contains(e.Error(), "secrets") {
				t.Errorf("a text came back: %v", e)
			}
		})
	}
}

// TestKilledAtAnyMoment: nothing is lost and nothing doubled, because the adapter knows its keys.
func TestKilledAtAnyMoment(t *testing.T) {
	w := piped(t, describe(), describe())
	w.again(out("0", "hello"))
	for i, text := range []string{"#crash-before", "#crash-after"} {
		key := fmt.Sprint("k", i)
		w.class(out(key, text), channels.Unknown)
		m := out(key, "now it goes")
		if id := w.again(m).ProviderID; id == "" {
			t.Error("no id")
		}
	}
	w.program().mu.Lock()
	pid := w.program().current.cmd.Process.Pid
	w.program().mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for { // the death is noticed when it is, and the message goes then, under its key
		if _, err := w.Send(t.Context(), out("last", "hello")); err == nil {
			break
		} else if e := channels.AsError(err); e.Class != channels.Temporary && e.Class != channels.Unknown {
			t.Fatal(err)
		}
	}
	if got := strings.Join(w.sent(), " "); got != "0 k0 k1 last" {
		t.Errorf("sent %s", got)
	}
}

// TestHanging: who waits has an answer in time, and the program is started anew.
func TestHanging(t *testing.T) {
	d := describe()
	d.Concurrent = 1
	w := piped(t, d, d)
	w.program().longest = 500 * time.Millisecond
	w.again(out("1", "hello"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := w.Send(ctx, out("2", "#hang")); channels.AsError(err).Class != channels.Unknown {
		t.Fatalf("%v", err)
	}
	w.again(out("3", "hello"))
	if got := strings.Join(w.sent(), " "); got != "1 2 3" {
		t.Errorf("sent %s", got)
	}
}

// TestFlooding: junk without end, and a line without end, end the program and leave another channel alone.
func TestFlooding(t *testing.T) {
	other := piped(t, describe(), describe())
	w := piped(t, describe(), describe())
	for i, text := range []string{"#flood", "#long"} {
		w.again(out(fmt.Sprint("before", i), "hello"))
		w.class(out(fmt.Sprint(i), text), channels.Unknown)
		if _, err := other.Send(t.Context(), out(fmt.Sprint("other", i), "hello")); err != nil {
			t.Errorf("another channel: %v", err)
		}
	}
	w.again(out("after", "hello"))
}

// TestItsMemoryIsBounded: a program that takes without end is ended by the system.
func TestItsMemoryIsBounded(t *testing.T) {
	w := piped(t, describe(), describe())
	w.again(out("0", "hello"))
	w.class(out("1", "#eats"), channels.Unknown)
	w.again(out("2", "hello"))
}

// TestADescriptionThatChanged pauses the channel, over both transports.
func TestADescriptionThatChanged(t *testing.T) {
	told := describe()
	told.Text.Limit = 900
	w := piped(t, told, describe())
	e := w.class(out("1", "hello"), channels.Auth)
	if !strings.Contains(e.Detail, "in: text;") {
		t.Errorf("%v", e)
	}
	if err := w.Check(t.Context()); channels.AsError(err).Class != channels.Auth {
		t.Errorf("check: %v", err)
	}
	h := posted(t, describe(), "")
	core(h.Adapter).describes.Text.Limit = 900
	if err := h.Check(t.Context()); channels.AsError(err).Class != channels.Auth {
		t.Errorf("check over HTTP: %v", err)
	}
}

// TestAnswersThatCannotBeRead are doubt.
func TestAnswersThatCannotBeRead(t *testing.T) {
	for name, w := range map[string]*world{"pipes": piped(t, describe(), describe(), "-bad", "torn"), "HTTP": posted(t, describe(), "", "-bad", "torn")} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.class(out("1", "hello"), channels.Unknown)
		})
	}
}

// TestLinesThatAnswerNothing are named beside the silence that comes of them.
func TestLinesThatAnswerNothing(t *testing.T) {
	d := describe()
	d.Attempt = 1
	w := piped(t, d, d, "-bad", "nonsense")
	if e := w.class(out("1", "hello"), channels.Unknown); !strings.Contains(e.Detail, "lines to its standard output that answer nothing") {
		t.Errorf("nonsense: %s", e.Detail)
	}
	w = piped(t, d, d)
	if e := w.class(out("1", "hello #hang"), channels.Unknown); strings.Contains(e.Detail, "standard output") {
		t.Errorf("silence: %s", e.Detail)
	}
}

// TestWhatItLogs is kept without addresses and texts.
func TestWhatItLogs(t *testing.T) {
	w := piped(t, describe(), describe())
	w.again(out("1", "meet at the old well #log"))
	_ = w.Adapter.(io.Closer).Close()
	if log := w.log.String(); !strings.Contains(log, "sending") || strings.Contains(log, "well") || strings.Contains(log, "anna") {
		t.Errorf("log: %s", log)
	}
}

// TestWhatIsLoggedInPieces: texts that a program cuts, wraps, quotes and escapes do not get into the log either, and what is
// remembered of them has an end.
func TestWhatIsLoggedInPieces(t *testing.T) {
	const text = "Treffen um sieben am alten Brunnen, sagt Jörg \"bitte\" und bringt den Schlüssel fürs Lager mit, denn am Abend kommt niemand mehr vorbei"
	v := &veil{secrets: []string{"pass phrase of the bridge at night"}}
	v.told("bob", text, "<p>"+text+"</p>")
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{text, text[:70], "cut: " + text[20:], string(quoted), fmt.Sprintf("%+q", text), "to bob", "opened with the pass phrase of the bridge at night", "cut: the bridge at night"} {
		said := v.over(line)
		for _, word := range []string{"Treffen", "sieben", "Brunnen", "Lager", "Abend", "niemand", "bob", "bridge"} {
			if strings.Contains(said, word) {
				t.Errorf("%q is let through as %q", line, said)
			}
		}
	}
	if said := v.over("connection to the provider refused"); said != "connection to the provider refused" {
		t.Errorf("what tells nothing is lost: %q", said)
	}
	long := strings.Repeat("x", 1<<20)
	for range 2 * recent {
		v.told("anna@chat.example", long, long)
	}
	if v.size > mostVeil || len(v.lately) > recent {
		t.Errorf("%d messages of %d bytes are kept", len(v.lately), v.size)
	}
}

// TestTheEnvironmentIsItsOwn: nothing of the gateway's environment reaches a program.
func TestTheEnvironmentIsItsOwn(t *testing.T) {
	t.Setenv("CARILLON_KEY", "k")
	if got := strings.Join(environment(map[string]string{"MODE": "x"}), " "); strings.Contains(got, "CARILLON") || !strings.HasSuffix(got, "MODE=x") {
		t.Errorf("%s", got)
	}
	a, _ := open(t, Options{Command: []string{"/bin/sh", "-c", "env >&2"}, Description: describe()}, func(s *channels.Settings) {})
	log := &buffer{}
	core(a).wire.(*program).log = slog.New(slog.NewTextHandler(log, nil))
	_, _ = a.Send(t.Context(), out("1", "x"))
	_ = a.(io.Closer).Close()
	if got := log.String(); strings.Contains(got, "CARILLON") || !strings.Contains(got, "PATH=") {
		t.Errorf("its environment: %s", got)
	}
}

// TestWhatIsTheOperatorsAlone: a group names no program and no private address.
func TestWhatIsTheOperatorsAlone(t *testing.T) {
	raw := func(o string) json.RawMessage {
		d, err := json.Marshal(describe())
		if err != nil {
			t.Fatal(err)
		}
		return json.RawMessage(`{` + o + `,"description":` + string(d) + `}`)
	}
	if _, err := New(channels.Settings{Name: "x", Options: raw(`"command":["/bin/true"]`)}); err == nil || !strings.Contains(err.Error(), "only the operator") || !strings.Contains(err.Error(), "without --group") {
		t.Errorf("a group's program: %v", err)
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	a, err := New(channels.Settings{Name: "x", Options: raw(`"url":"` + server.URL + `","secret":"` + secret + `"`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send(t.Context(), out("1", "x")); channels.AsError(err).Class != channels.Auth || asked != 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

func TestHostilePatterns(t *testing.T) {
	for pattern, good := range map[string]bool{
		`\+[0-9]{7,15}`: true, `[a-z]+(\.[a-z]+)*@[a-z.]+`: true, `(a+)+b`: true, `\p{L}{1,50}`: true,
		``: false, `(`: false, `a)|(b`: false, `(?=a)b`: false, `(a)\1`: false, `((a{1,100}){1,100}){1,10}`: false, `[a-z]{1,1001}`: false, strings.Repeat("a", 501): false,
	} {
		if _, err := expression(pattern); (err == nil) != good {
			t.Errorf("%.40q: %v", pattern, err)
		}
	}
	f, err := newForm(AddressForm{Pattern: `(a+)+b`, Example: "ab"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := f.parse(strings.Repeat("a", maxRaw)); err == nil || time.Since(began) > time.Second {
		t.Errorf("%v in %v", err, time.Since(began))
	}
}
