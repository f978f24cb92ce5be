package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// serve answers on this machine, to a client that may fetch from it.
func serve(t *testing.T, handler http.HandlerFunc) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return New("Carillon test", netip.Addr.IsLoopback), server.URL
}

// TestACalendarIsFetchedOnce fetches, and asks again for what is still the same.
func TestACalendarIsFetchedOnce(t *testing.T) {
	client, at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") != "Carillon test" {
			t.Errorf("it names itself as %q", r.Header.Get("User-Agent"))
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Mon, 02 Mar 2026 09:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"1"` && r.Header.Get("If-Modified-Since") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, "BEGIN:VCALENDAR")
	})
	first, err := client.Get(context.Background(), at+"/secret.ics#top", Version{})
	if err != nil || string(first.Body) != "BEGIN:VCALENDAR" || first.Unchanged || first.Version.ETag != `"1"` {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := client.Get(context.Background(), at+"/secret.ics", first.Version)
	if err != nil || !second.Unchanged || len(second.Body) > 0 || second.Version != first.Version {
		t.Fatalf("%+v, %v", second, err)
	}
}

// TestPrivateAddressesAreRefused holds that neither a name, nor a number, nor a redirect leads to this machine.
func TestPrivateAddressesAreRefused(t *testing.T) {
	asked := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer inside.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	client := New("test", nil)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		_, err := client.Get(context.Background(), "http://"+host+":"+port+"/metadata", Version{})
		if !errors.Is(err, ErrPrivate) && host != "[::1]" { // a machine without IPv6 says so instead
			t.Errorf("%s: %v", host, err)
		}
	}
	if asked > 0 {
		t.Errorf("it was asked %d times", asked)
	}
	only := ""
	client = New("test", func(a netip.Addr) bool { return a.String() == only })
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		only = "" // from here on no address is allowed any more
		http.Redirect(w, r, inside.URL, http.StatusFound)
	}))
	defer outside.Close()
	only = "127.0.0.1"
	if _, err := client.Get(context.Background(), outside.URL, Version{}); !errors.Is(err, ErrPrivate) || asked > 0 {
		t.Errorf("after a redirect: %v, asked %d times", err, asked)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://cal.example/a?b=c#d": "https://cal.example/a?b=c", "webcal://cal.example/a": "https://cal.example/a", " HTTP://cal.example:8080 ": "http://cal.example:8080",
	} {
		if u, err := Check(address); err != nil || u.String() != want {
			t.Errorf("%s: %v, %v", address, u, err)
		}
	}
	for _, address := range []string{"", "secret", "file:///etc/passwd", "gopher://x", "https://", "https:secret", "https://u:secret@cal.example/", "http://cal.example:25/secret", "http://[secret", "http://cal.example:x/secret"} {
		if _, err := Check(address); !errors.Is(err, ErrAddress) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestAnswersThatAreNone tells each way in which a server can disappoint, and that no error repeats the address.
func TestAnswersThatAreNone(t *testing.T) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	for range 11 << 4 {
		if _, err := zip.Write(make([]byte, 1<<16)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(context.Background())
	client, at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/secret/gone":
			w.WriteHeader(http.StatusGone)
		case "/secret/busy":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/secret/loop":
			http.Redirect(w, r, "/secret/loop", http.StatusMovedPermanently)
		case "/secret/nowhere":
			w.Header().Set("Location", "http://[secret")
			w.WriteHeader(http.StatusFound)
		case "/secret/file":
			w.Header().Set("Location", "file:///secret")
			w.WriteHeader(http.StatusFound)
		case "/secret/unasked":
			w.WriteHeader(http.StatusNotModified)
		case "/secret/big":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		case "/secret/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("short"))
		case "/secret/hang":
			giveUp()
			<-r.Context().Done()
		}
	})
	for path, is := range map[string]func(error) bool{
		"gone":    func(err error) bool { var s *StatusError; return errors.As(err, &s) && s.Code == 410 },
		"unasked": func(err error) bool { var s *StatusError; return errors.As(err, &s) && s.Code == 304 },
		"busy": func(err error) bool {
			var s *StatusError
			return errors.As(err, &s) && s.Code == 503 && s.RetryAfter == 2*time.Minute
		},
		"loop":    func(err error) bool { return errors.Is(err, ErrAddress) },
		"nowhere": func(err error) bool { return errors.Is(err, ErrAddress) },
		"file":    func(err error) bool { return errors.Is(err, ErrAddress) },
		"big":     func(err error) bool { return errors.Is(err, ErrTooBig) },
		"cut":     func(err error) bool { return err != nil },
	} {
		if _, err := client.Get(context.Background(), at+"/secret/"+path, Version{}); !is(err) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := client.Get(ctx, at+"/secret/hang", Version{}); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "secret") {
		t.Errorf("hang: %v", err)
	}
}

// TestHTTPSIsKept holds that certificates are checked, and that a redirect from https to http is not followed.
func TestHTTPSIsKept(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://cal.example/", http.StatusFound)
	}))
	defer server.Close()
	client := New("test", netip.Addr.IsLoopback)
	if _, err := client.Get(context.Background(), server.URL, Version{}); err == nil || errors.Is(err, ErrAddress) {
		t.Errorf("a certificate that nobody signed was taken: %v", err)
	}
	client.transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	if _, err := client.Get(context.Background(), server.URL, Version{}); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "https to http") {
		t.Errorf("%v", err)
	}
}
