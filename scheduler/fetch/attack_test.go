package fetch_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

// nothing is a stream of zeros.
type nothing struct{}

func (nothing) Read(b []byte) (int, error) { return len(b), nil }

// A few kilobytes that unpack to 256 MiB are no more than ten of these, and an answer that says "unchanged" and brings something else
// along is unchanged.
func TestAnswersThatAreMoreThanTheySay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = io.CopyN(packed, nothing{}, 256<<20)
		_ = packed.Close()
	}))
	defer server.Close()
	c := fetch.New("test", func(netip.Addr) bool { return true })
	if _, err := c.Get(t.Context(), server.URL, fetch.Version{}); !errors.Is(err, fetch.ErrTooBig) {
		t.Errorf("a bomb: %v", err)
	}
	if a, err := c.Get(t.Context(), server.URL, fetch.Version{ETag: "x"}); err != nil || !a.Unchanged || len(a.Body) != 0 {
		t.Errorf("unchanged: %+v, %v", a, err)
	}
}
