package apptest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// front is the load balancer of a scaled gateway: it asks every process whether it is ready, and leads what providers report
// to those with the role inbound and everything else to those with the role api.
type front struct {
	url   string
	turn  atomic.Uint64
	proxy *httputil.ReverseProxy

	mu    sync.Mutex
	known []*member
}

// member is a process behind the front.
type member struct {
	p     *Process
	at    *url.URL
	ready atomic.Bool
}

// patient waits as long as it takes for what takes long.
type patient struct{ usual, long http.RoundTripper }

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/imports") { // a file of fifty thousand
		return p.long.RoundTrip(r)
	}
	return p.usual.RoundTrip(r)
}

// frontLooks is how often the front asks whether a process is ready.
const frontLooks = 100 * time.Millisecond

type ledTo struct{}

func newFront(t testing.TB) *front {
	f := &front{}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(r.In.Context().Value(ledTo{}).(*member).at) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if !errors.Is(err, context.Canceled) {
				r.Context().Value(ledTo{}).(*member).ready.Store(false) // until it is asked again
			}
			w.WriteHeader(http.StatusBadGateway)
		},
		Transport: patient{&http.Transport{MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: 5 * time.Second}, &http.Transport{}},
	}
	server := httptest.NewServer(f)
	f.url = server.URL
	ctx, stop := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() { f.look(ctx) })
	t.Cleanup(func() { stop(); looking.Wait(); server.CloseClientConnections(); server.Close() })
	return f
}

func (f *front) add(p *Process) {
	at, err := url.Parse(p.URL)
	if err != nil {
		p.T.Fatal(err)
	}
	m := &member{p: p, at: at}
	m.ready.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = append(f.known, m)
}

func (f *front) members() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*member{}, f.known...)
}

// look asks all that are there, each for itself: a paused one answers nobody.
func (f *front) look(ctx context.Context) {
	tick := time.NewTicker(frontLooks)
	defer tick.Stop()
	var asking sync.Map
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, m := range f.members() {
			if _, busy := asking.LoadOrStore(m, true); busy || m.p.gone() {
				continue
			}
			go func() {
				defer asking.Delete(m)
				bounded, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				r, err := http.NewRequestWithContext(bounded, http.MethodGet, m.p.URL+"/readyz", nil)
				if err != nil {
					return
				}
				answer, err := http.DefaultClient.Do(r)
				if err == nil {
					_ = answer.Body.Close()
				}
				m.ready.Store(err == nil && answer.StatusCode == http.StatusOK)
			}()
		}
	}
}

// ServeHTTP leads a request to a process that is ready and has the role, in turn.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	role := "api"
	if strings.HasPrefix(r.URL.Path, "/hooks/") {
		role = "inbound"
	}
	all := f.members()
	first := int(f.turn.Add(1))
	for i := range all {
		if m := all[(first+i)%len(all)]; m.ready.Load() && !m.p.gone() && m.p.does(role) {
			f.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ledTo{}, m)))
			return
		}
	}
	w.WriteHeader(http.StatusServiceUnavailable)
}
