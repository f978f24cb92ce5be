package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

func TestRoles(t *testing.T) {
	for text, want := range map[string][]Role{"": AllRoles(), " ": AllRoles(), "relay,sender": {RoleRelay, RoleSender}, "sender, relay,sender": {RoleSender, RoleRelay}} {
		if got, err := ParseRoles(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"senders", "relay,", ",", "all"} {
		if got, err := ParseRoles(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for text, want := range map[string]dispatch.Work{"": dispatch.Everything, "relay,sender": dispatch.Everything, "relay,api": dispatch.Relaying, "sender": dispatch.Sending, "api,inbound,scheduler": dispatch.Listening} {
		o := Options{Config: config.Default()}
		o.Roles, _ = ParseRoles(text)
		if got := o.work(); got != want {
			t.Errorf("%q: work %v, want %v", text, got, want)
		}
		if err := o.checkRoles(); (err == nil) != (text == "") {
			t.Errorf("%q in the profile alone: %v", text, err)
		}
		o.Config.Storage.Profile = config.Scaled
		if err := o.checkRoles(); err != nil {
			t.Errorf("%q in the profile scaled: %v", text, err)
		}
	}
}

// A process serves what its roles offer, and its health always.
func TestOffered(t *testing.T) {
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, c := range []struct {
		role Role
		path string
		ok   bool
	}{
		{RoleAPI, "/api/v1/status", true}, {RoleAPI, "/hooks/sms", false}, {RoleAPI, "/healthz", true},
		{RoleInbound, "/api/v1/status", false}, {RoleInbound, "/hooks/sms", true}, {RoleInbound, "/readyz", true},
		{RoleSender, "/api/v1/status", false}, {RoleSender, "/hooks/sms", false}, {RoleSender, "/metrics", true}, {RoleSender, "/", false},
	} {
		o := Options{Roles: []Role{c.role}}
		w := httptest.NewRecorder()
		o.offered(served).ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		want := http.StatusMisdirectedRequest
		if c.ok {
			want = http.StatusNoContent
		}
		if w.Code != want {
			t.Errorf("%s at a process with the role %s: %d", c.path, c.role, w.Code)
		}
	}
}

// The process is not ready while the ledger takes no writes, or, if it needs that, the queue is not as it must be; it says
// why, and is ready again by itself.
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &registry{}
		var evicts atomic.Bool
		check := func(context.Context) error {
			if evicts.Load() {
				return errors.New("Redis drops keys") //nolint:staticcheck // a name
			}
			return nil
		}
		p := newPresence(ledger, check, gateway.NewID(), []Role{RoleRelay}, "f1")
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.run(ctx) }()
		pass := func() { time.Sleep(beatMissed + 2*beat); synctest.Wait() }
		pass()
		if missing := p.missing(true); len(missing) > 0 {
			t.Fatalf("all is well, and it says %v", missing)
		}
		ledger.set(true)
		pass()
		if missing := p.missing(true); !slices.Equal(missing, []string{"the ledger does not answer"}) {
			t.Errorf("without a ledger it says %v", missing)
		}
		ledger.set(false)
		evicts.Store(true)
		pass()
		if missing := p.missing(true); !slices.Equal(missing, []string{"Redis drops keys"}) {
			t.Errorf("without a queue it says %v", missing)
		}
		if missing := p.missing(false); len(missing) > 0 {
			t.Errorf("who needs no queue says %v", missing)
		}
		evicts.Store(false)
		pass()
		if missing := p.missing(true); len(missing) > 0 {
			t.Errorf("all is well again, and it says %v", missing)
		}
		end()
		if err := <-ended; err != nil || !ledger.by.IsZero() {
			t.Errorf("it ended with %v, and is held by %v", err, ledger.by)
		}
	})
}

// stuck is a ledger whose answers do not come while somebody holds a lock.
type stuck struct {
	registry
	locked atomic.Bool
}

func (s *stuck) Hold(ctx context.Context, duty string, by gateway.ID, lease time.Duration) (gateway.Fence, error) {
	if s.locked.Load() {
		<-ctx.Done()
		return gateway.Fence{}, ctx.Err()
	}
	return s.registry.Hold(ctx, duty, by, lease)
}

func (s *stuck) Held(context.Context) ([]string, time.Duration, error) {
	if s.locked.Load() {
		return []string{"process 7 of PostgreSQL"}, 5 * time.Second, nil
	}
	return nil, 0, nil
}

// The log is told within ten seconds, once, for whom a process waits and that it cannot work, and when that is over. A ledger that
// hangs says nothing of Redis.
func TestPresenceTellsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		ledger := &stuck{}
		p := newPresence(ledger, func(ctx context.Context) error { return ctx.Err() }, gateway.NewID(), AllRoles(), "f1")
		p.log = NewLogger(&said, slog.LevelInfo, false)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.run(ctx) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		pass(time.Minute)
		if said.Len() > 0 {
			t.Errorf("all is well, and the log is told %s", said.String())
		}
		ledger.locked.Store(true)
		pass(10 * time.Second)
		if missing := p.missing(true); !slices.Equal(missing, []string{"the ledger does not answer"}) {
			t.Errorf("it says %v", missing)
		}
		pass(time.Minute)
		if strings.Contains(said.String(), "Redis") {
			t.Error("it blames Redis for what the ledger does")
		}
		if text := said.String(); strings.Count(text, "process 7 of PostgreSQL") != 1 || strings.Count(text, "cannot do its work") != 1 || strings.Count(text, "\n") != 2 {
			t.Errorf("the log is told %s", text)
		}
		said.Reset()
		(&telling{last: time.Now().Add(-time.Minute), missing: true}).say(p) // as if it had been stopped for a minute
		if said.Len() > 0 {
			t.Errorf("just awake it tells the log %s", said.String())
		}
		ledger.locked.Store(false)
		pass(10 * time.Second)
		if text := said.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "is gone") || !strings.Contains(text, "can do its work again") {
			t.Errorf("when it is over the log is told %s", text)
		}
		end()
		<-ended
	})
}

// Anybody may ask whether a process is ready: the answer names no server.
func TestReadinessNamesNoServer(t *testing.T) {
	p := newPresence(nil, nil, gateway.NewID(), AllRoles(), "f1")
	p.queueAt = time.Now().Add(-time.Minute)
	p.queueIs = errors.New("Redis cannot be reached, what is due waits in the ledger: dial tcp 10.1.2.3:6379: connection refused")
	if got := p.missing(true); len(got) != 1 || got[0] != "Redis cannot be reached, what is due waits in the ledger" {
		t.Errorf("%q", got)
	}
}

// Without Redis nothing leaves, but what the API takes in is kept: a process that has it stays ready, and says what waits. One that only
// sends has nothing to do.
func TestWhoIsReadyWithoutRedis(t *testing.T) {
	for roles, ready := range map[string]bool{"": true, "api,sender": true, "api": true, "relay,sender": false, "inbound,sender": false, "scheduler": true} {
		list, err := ParseRoles(roles)
		if err != nil {
			t.Fatal(err)
		}
		a := &App{Options: Options{Roles: list}, presence: newPresence(nil, nil, gateway.NewID(), list, "f1")}
		a.presence.queueAt = time.Now().Add(-time.Minute)
		if reasons := a.ready(t.Context()); (len(reasons) == 0) != ready {
			t.Errorf("%q: not ready for %q", roles, reasons)
		}
		if says, needs := a.waits(), a.has(RoleRelay) || a.has(RoleSender); (len(says) > 0) != needs {
			t.Errorf("%q: waits %q", roles, says)
		}
	}
}

// Who held a lock is named until nobody has been found twice running: between two tries nobody waits for a moment, and what is then
// still asked may be slow for another reason. A look that failed has found nothing.
func TestWhoHeldALockIsForgotten(t *testing.T) {
	p := newPresence(nil, nil, gateway.NewID(), AllRoles(), "f1")
	errAway := errors.New("the ledger does not answer")
	for i, look := range []struct {
		by    []string
		err   error
		named bool
	}{{[]string{"process 7"}, nil, true}, {nil, nil, true}, {[]string{"process 7"}, nil, true}, {nil, nil, true}, {nil, errAway, true}, {nil, nil, false}, {nil, nil, false}} {
		p.held = func(context.Context) ([]string, time.Duration, error) { return look.by, 6 * time.Second, look.err }
		p.askHeld(t.Context())
		if by, _ := p.waiting(); (len(by) > 0) != look.named {
			t.Errorf("look %d: named is %q", i+1, by)
		}
	}
}

// Why the data folder takes nothing is told apart, and where it is is told nobody.
func TestWhyTheDataFolderTakesNothing(t *testing.T) {
	for want, cause := range map[string]error{"full": syscall.ENOSPC, "by the user": syscall.EACCES, "gone": syscall.ENOENT, "see its disk": syscall.EIO} {
		text := unwritable(&os.PathError{Op: "open", Path: "/srv/data/.probe", Err: cause})
		if !strings.Contains(text, want) || strings.Contains(text, "srv") {
			t.Errorf("%v: %s", cause, text)
		}
	}
}

// Good news is no warning, and a line of the log has nothing in it that is empty.
func TestNoticesInTheLog(t *testing.T) {
	for event, want := range map[dispatch.NoticeEvent]string{
		dispatch.NoticeMended: `level=INFO msg="a channel works again" channel=sms event="credentials accepted"`,
		dispatch.NoticeAuth:   `level=WARN msg="a channel needs attention" channel=sms event="credentials refused" code=20003 detail=""`,
	} {
		var said bytes.Buffer
		n := dispatch.Notice{Name: "sms", Event: event}
		if !event.Good() {
			n.Code = "20003"
		}
		a := &App{Options: Options{Log: NewLogger(&said, slog.LevelInfo, false)}, changes: make(chan struct{}, 1)}
		a.notice(n)
		if _, line, _ := strings.Cut(said.String(), " "); line != want+"\n" {
			t.Errorf("%s", said.String())
		}
	}
}

// alive is a ledger that knows who holds what, and nothing else.
type alive []gateway.Duty

func (l alive) Hold(context.Context, string, gateway.ID, time.Duration) (gateway.Fence, error) {
	return gateway.Fence{}, errAway
}
func (l alive) Leave(context.Context, gateway.Fence) error              { return errAway }
func (l alive) Holders(context.Context, string) ([]gateway.Duty, error) { return l, nil }

// Whoever asks who is alive hears what each does and which operator's file it read, of a process of the release before too.
func TestProcessesTellTheirFiles(t *testing.T) {
	id := gateway.NewID()
	for name, want := range map[string]gateway.ProcessStatus{
		newPresence(nil, nil, id, []Role{RoleRelay, RoleSender}, "f1").name: {ID: id, Roles: []string{"relay", "sender"}, File: "f1"},
		"process/api+inbound/" + id.String():                                {ID: id, Roles: []string{"api", "inbound"}},
	} {
		got, err := processes(t.Context(), alive{{Name: name, By: id}})
		if err != nil || len(got) != 1 || got[0].ID != want.ID || got[0].File != want.File || !slices.Equal(got[0].Roles, want.Roles) {
			t.Errorf("%s is read as %+v; %v", name, got, err)
		}
	}
}

// Two files are alike if what all processes need alike is; where each listens and keeps what is its own is no part of that.
func TestWhichFilesAreAlike(t *testing.T) {
	ring := func(index byte) *seal.Ring {
		r, err := seal.NewRing(bytes.Repeat([]byte{index}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	mark := func(r *seal.Ring, change func(*config.Config)) string {
		c := &config.Config{Listen: "127.0.0.1:1", PublicBaseURL: "https://carillon.example", Keys: []config.Key{{ID: "k1"}}, Channels: []config.Channel{{Name: "sms", Adapter: "sms"}}}
		c.Storage.Redis.Addresses = []string{"a:1", "b:1"}
		change(c)
		m, err := fileMark(c, r)
		if err != nil || m == "" {
			t.Fatal(m, err)
		}
		return m
	}
	same := mark(ring(7), func(*config.Config) {})
	for name, change := range map[string]func(*config.Config){
		"listening elsewhere": func(c *config.Config) { c.Listen, c.Data = "127.0.0.1:2", "other" },
		"in another order":    func(c *config.Config) { c.Storage.Redis.Addresses = []string{"b:1", "a:1"} },
	} {
		if mark(ring(7), change) != same {
			t.Errorf("%s makes another file", name)
		}
	}
	for name, change := range map[string]func(*config.Config){
		"another Redis":          func(c *config.Config) { c.Storage.Redis.Addresses = []string{"a:1"} },
		"another address":        func(c *config.Config) { c.PublicBaseURL = "https://other.example" },
		"one more key":           func(c *config.Config) { c.Keys = append(c.Keys, config.Key{ID: "k2"}) },
		"a channel with more":    func(c *config.Config) { c.Channels[0].Senders = 3 },
		"a channel less":         func(c *config.Config) { c.Channels = nil },
		"a network more":         func(c *config.Config) { c.PrivateNets = []string{"10.0.0.0/8"} },
		"other people to call":   func(c *config.Config) { c.Contacts = "harbour" },
		"another dead man's one": func(c *config.Config) { c.Watchdog.Ping = "https://ping.example" },
	} {
		if mark(ring(7), change) == same {
			t.Errorf("%s is not seen", name)
		}
	}
	if mark(ring(6), func(*config.Config) {}) == same {
		t.Error("the mark can be made without the index key")
	}
}

// locked is a ledger that reads and takes no writes.
type locked struct{ store.Store }

func (locked) Tokens(context.Context, gateway.ID) ([]gateway.Token, error) { return nil, nil }
func (locked) Writable() bool                                              { return false }

func TestNotReadyWhileTheLedgerTakesNoWrites(t *testing.T) {
	a := &App{Options: Options{Config: &config.Config{Data: t.TempDir()}}, store: locked{}}
	if said := a.ready(t.Context()); len(said) != 1 || said[0] != "the ledger cannot be written" {
		t.Errorf("%q", said)
	}
}
