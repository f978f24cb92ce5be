package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/reach"
)

// knocks is a server inside that counts who comes, and hangs up or sends them elsewhere.
type knocks struct {
	at    string // its host and port
	port  int
	count atomic.Int64
	came  chan struct{} // holds a token once somebody came
}

func inside(t *testing.T, elsewhere string) *knocks {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &knocks{at: l.Addr().String(), port: l.Addr().(*net.TCPAddr).Port, came: make(chan struct{}, 1)}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if elsewhere == "" {
			panic(http.ErrAbortHandler)
		}
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	}), ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			k.count.Add(1)
			select {
			case k.came <- struct{}{}:
			default:
			}
		}
	}, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return k
}

// optionsAt gives the shortest options of every adapter whose provider is at a host and port.
func optionsAt(host string, port int) map[string]string {
	url := fmt.Sprintf("http://%s:%d", host, port)
	const twilio = `"account_sid":"AC00000000000000000000000000000000","auth_token":"00000000000000000000000000000000","from":"+12025550100"`
	const whsec = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	return map[string]string{
		"sms":        `{` + twilio + `,"base_url":"` + url + `"}`,
		"voice":      `{` + twilio + `,"base_url":"` + url + `"}`,
		"telegram":   `{"token":"1:kit-token","base_url":"` + url + `"}`,
		"mattermost": `{"token":"kit-token-kit-token-kit1","base_url":"` + url + `"}`,
		"androidsms": `{"username":"sms","password":"kit-password","base_url":"` + url + `"}`,
		"matrix":     `{"token":"kit-token","base_url":"` + url + `"}`,
		"ntfy":       `{"base_url":"` + url + `"}`,
		"mastodon":   `{"token":"kit-token","base_url":"` + url + `"}`,
		"signal":     `{"number":"+12025550100","polled":true,"base_url":"` + url + `"}`,
		"webhook":    `{"secret":"` + whsec + `","url":"` + url + `"}`,
		"shoutrrr":   fmt.Sprintf(`{"url":"gotify://%s:%d/AkitTOKEN-4711x?disabletls=yes"}`, host, port),
		"external":   `{"secret":"` + whsec + `","url":"https` + strings.TrimPrefix(url, "http") + `","description":{"protocol":1,"name":"guarded","kind":"pager","text":{"limit":100,"unit":"characters","markup":"plain"},"address":{"pattern":"^[0-9]+$","example":"1"}}}`,
		"email":      fmt.Sprintf(`{"host":%q,"port":%d,"tls":"none","from":"a@example.org","secret":"0123456789abcdef"}`, host, port),
	}
}

func liveFor(allowed func(netip.Addr) bool) *live {
	log := slog.New(slog.DiscardHandler)
	return &live{factories: builtin.All(), now: time.Now, log: log, reach: allowed,
		http: &sandboxed{Transport: httpsend.Transport(), log: log}, guarded: &sandboxed{Transport: httpsend.GuardedTransport(allowed), log: log}}
}

func made(t *testing.T, l *live, adapter, options string, group gateway.ID) channels.Adapter {
	t.Helper()
	a, err := l.make(gateway.Channel{ID: gateway.NewID(), GroupID: group, Name: "harbour-own", Adapter: adapter, Options: json.RawMessage(options)}, nil)
	if err != nil {
		t.Fatalf("%s: %v", adapter, err)
	}
	return a
}

// A group cannot lead any adapter to where only this machine comes, by number or by name; the operator can.
func TestGroupsChannelsStayOutside(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k := inside(t, "")
	l := liveFor(reach.Public)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		options := optionsAt(host, k.port)
		for _, f := range builtin.All() {
			if options[f.Name] == "" {
				t.Errorf("%s is not looked at here: write down where its provider is", f.Name)
				continue
			}
			a := made(t, l, f.Name, options[f.Name], gateway.NewID())
			e := channels.AsError(a.Check(ctx))
			if e == nil || e.Class != channels.Auth || e.Scope != channels.ScopeChannel || !strings.Contains(e.Detail, "private_networks") {
				t.Errorf("%s at %s: %v", f.Name, host, e)
			}
			if p, polls := a.(channels.Poller); polls && f.Name != "email" { // it has no mailbox, so it polls nothing
				if _, _, err := p.Poll(ctx, ""); err == nil || !strings.Contains(channels.AsError(err).Detail, "private_networks") {
					t.Errorf("%s at %s, polling: %v", f.Name, host, err)
				}
			}
			if n := k.count.Load(); n != 0 {
				t.Fatalf("%s at %s: it was connected to", f.Name, host)
			}
		}
	}
	for name, options := range optionsAt("127.0.0.1", k.port) {
		before := k.count.Load()
		if name == "email" {
			continue // it waits for a greeting, which no web server gives; TestGroupsMailStaysOutside has a mail server
		}
		_ = made(t, l, name, options, gateway.ID{}).Check(ctx)
		if k.count.Load() == before {
			t.Errorf("%s: the operator's own channel does not get there, so the test above proves nothing", name)
		}
	}
}

// Mail dials by itself: server and mailbox are guarded alike.
func TestGroupsMailStaysOutside(t *testing.T) {
	k := inside(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	options := fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"tls":"none","from":"a@example.org","secret":"0123456789abcdef","return_to":"a@example.org","imap_host":"127.0.0.1","imap_port":%[1]d,"imap_tls":"none","imap_username":"a","imap_password":"b"}`, k.port)
	a := made(t, liveFor(reach.Public), "email", options, gateway.NewID())
	for what, err := range map[string]error{"the server": a.Check(ctx), "the mailbox": polled(ctx, a)} {
		if e := channels.AsError(err); err == nil || e.Class != channels.Auth || !strings.Contains(e.Detail, "private_networks") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if k.count.Load() != 0 {
		t.Error("it was connected to")
	}
	short, cut := context.WithCancel(ctx)
	own := made(t, liveFor(reach.Public), "email", options, gateway.ID{})
	done := make(chan error, 1)
	go func() { done <- polled(short, own) }()
	select {
	case <-k.came:
	case err := <-done:
		t.Errorf("the operator's own channel does not get there, so this proves nothing: %v", err)
		done <- err
	}
	cut()
	<-done
}

func polled(ctx context.Context, a channels.Adapter) error {
	_, _, err := a.(channels.Poller).Poll(ctx, "")
	return err
}

// A provider outside cannot send a group's channel inside, and what the operator allows by private_networks is open.
func TestRedirectsStayOutside(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	secret := inside(t, "")
	outside := inside(t, "http://localhost:"+fmt.Sprint(secret.port)+"/secret")
	c := config.Default()
	c.PrivateNets = []string{"127.0.0.0/8"}
	l := liveFor((Options{Config: c}).reach())
	for name, options := range optionsAt("127.0.0.1", outside.port) {
		if name == "email" {
			continue // SMTP knows no redirects
		}
		before := outside.count.Load()
		if err := made(t, l, name, options, gateway.NewID()).Check(ctx); err == nil {
			t.Errorf("%s takes a redirect for a good answer", name)
		}
		if outside.count.Load() == before {
			t.Errorf("%s: private_networks does not open its network", name)
		}
	}
	if secret.count.Load() != 0 {
		t.Error("a redirect was followed")
	}
}
