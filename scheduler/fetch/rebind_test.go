package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/carillon-gateway/carillon/reach"
)

// names answers questions about names: each question about addresses of the older kind with the next of some answers, the last
// one over and over.
func names(t *testing.T, answers ...[]string) *net.Resolver {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for b := make([]byte, 512); ; {
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				for _, a := range answers[0] {
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()}})
				}
				if len(answers) > 1 {
					answers = answers[1:]
				}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = l.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", l.LocalAddr().String())
	}}
}

// TestANameThatLeadsElsewhereLater: a name that leads to a server outside when it is first asked for, and inside for the
// redirect, leads nowhere; nor does one that has an address of either kind, of which the one outside does not answer.
func TestANameThatLeadsElsewhereLater(t *testing.T) {
	var inside, outside atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	defer secret.Close()
	_, port, _ := net.SplitHostPort(secret.Listener.Addr().String())
	for what, answers := range map[string][][]string{
		"rebound":       {{"127.0.0.2"}, {"127.0.0.1"}},
		"of both kinds": {{"127.0.0.2"}, {"127.0.0.3", "127.0.0.1"}},
	} {
		inside.Store(0)
		outside.Store(0)
		l, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			t.Skip("this machine has one address of its own only: ", err)
		}
		front := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			outside.Add(1)
			http.Redirect(w, r, "http://cal.example:"+port+"/metadata", http.StatusFound)
		})}}
		front.Start()
		client := New("test", nil)
		dialer := reach.Dialer(time.Second, func(a netip.Addr) bool { return a != netip.MustParseAddr("127.0.0.1") }) // the others are outside here
		dialer.Resolver = names(t, answers...)
		client.transport.DialContext = dialer.DialContext
		_, at, _ := net.SplitHostPort(l.Addr().String())
		_, err = client.Get(t.Context(), fmt.Sprintf("http://cal.example:%s/", at), Version{})
		front.Close()
		text, _ := Explain(err)
		if !errors.Is(err, ErrAddress) && what == "rebound" || err == nil || inside.Load() != 0 || outside.Load() != 1 {
			t.Errorf("%s: %v (%s); asked inside %d times, outside %d times", what, err, text, inside.Load(), outside.Load())
		}
	}
}

// TestRedirectsToPrivateAddresses: however an address inside is written, a redirect does not lead there.
func TestRedirectsToPrivateAddresses(t *testing.T) {
	to := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	front := server.Listener.Addr().String()
	own := netip.MustParseAddrPort(front).Addr()
	first := true
	client := New("test", func(a netip.Addr) bool {
		allowed := first && a == own || reach.Public(a)
		first = false
		return allowed
	})
	for _, to = range []string{"http://169.254.169.254/latest/", "http://10.0.0.1/", "//192.168.1.1/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[fd00::1]/", "http://127.0.0.1:8080/"} {
		first = true
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := client.Get(ctx, "http://"+front, Version{})
		cancel()
		if !errors.Is(err, ErrPrivate) && (err == nil || to[7] != '[') { // a machine without IPv6 says so instead
			t.Errorf("%s: %v", to, err)
		}
		if first {
			t.Errorf("%s: the first server was not asked", to)
		}
	}
}
