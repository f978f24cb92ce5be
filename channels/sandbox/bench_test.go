package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

func form(i int, callback string) string {
	v := url.Values{"To": {fmt.Sprintf("+1202555%07d", i)}, "From": {ourNumber}, "Body": {"The quick brown fox jumps over the lazy dog. CARILLON-1"}}
	if callback != "" {
		v.Set("StatusCallback", callback+fmt.Sprintf("?a=0198c7e2-7a3e-7000-8000-%012d&p=0", i))
	}
	return v.Encode()
}

// BenchmarkSend measures the sandbox alone: one message, without a socket and without a callback.
func BenchmarkSend(b *testing.B) {
	s := sandbox.New(sandbox.Options{})
	defer s.Close()
	h := s.Handler()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		req := httptest.NewRequest(http.MethodPost, "/2010-04-01/Accounts/"+accountSID+"/Messages.json", strings.NewReader(form(i, "")))
		req.SetBasicAuth(accountSID, authToken)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.ServeHTTP(discard{http.Header{}}, req)
	}
}

// BenchmarkWire measures messages over kept-alive connections of this machine, the client's work included.
func BenchmarkWire(b *testing.B) {
	for _, reported := range []bool{false, true} {
		b.Run(fmt.Sprintf("callbacks=%v", reported), func(b *testing.B) {
			hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
			defer hook.Close()
			s, base := serve(b, sandbox.Options{Statuses: []string{"delivered"}})
			callback := ""
			if reported {
				callback = hook.URL
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			var n atomic.Int64
			b.SetParallelism(16)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequest(http.MethodPost, base+"/2010-04-01/Accounts/"+accountSID+"/Messages.json", strings.NewReader(form(int(n.Add(1)), callback)))
					if err != nil {
						b.Error(err)
						return
					}
					req.SetBasicAuth(accountSID, authToken)
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					resp, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
			settled(b, s)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
