package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
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
		p := newPresence(ledger, check, gateway.NewID(), []Role{RoleRelay})
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

// Anybody may ask whether a process is ready: the answer names no server.
func TestReadinessNamesNoServer(t *testing.T) {
	p := newPresence(nil, nil, gateway.NewID(), AllRoles())
	p.queueAt = time.Now().Add(-time.Minute)
	p.queueIs = errors.New("Redis cannot be reached, what is due waits in the ledger: dial tcp 10.1.2.3:6379: connection refused")
	if got := p.missing(true); len(got) != 1 || got[0] != "Redis cannot be reached, what is due waits in the ledger" {
		t.Errorf("%q", got)
	}
}
