package httpsend

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// Characters go out as they are, an answer that cannot be read is doubt, and a refusal is its judge's.
func TestJSON(t *testing.T) {
	status, answer, got := 200, `{"id":"7"}`, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Header.Get("Authorization") + " " + r.Header.Get("Content-Type") + " " + strings.TrimSpace(string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer srv.Close()
	s := New(nil, 0)
	defer s.Close()
	var into struct {
		ID string `json:"id"`
	}
	ask := func() (int, *channels.Error) {
		return s.JSON(context.Background(), Exchange{
			Method: http.MethodPost, URL: srv.URL, Header: Bearer("tok"), In: map[string]string{"text": "a<b & c"}, Into: &into, Who: "the bridge",
			Refusal: func(r *Response) *channels.Error { return FromStatus(r.Status, r.Header, time.Now()) },
		})
	}
	if n, fail := ask(); n != 200 || fail != nil || into.ID != "7" || got != `Bearer tok application/json {"text":"a<b & c"}` {
		t.Errorf("%d, %v; it got %s", n, fail, got)
	}
	answer = "<html>"
	if n, fail := ask(); n != 200 || fail == nil || fail.Class != channels.Unknown || !strings.Contains(fail.Detail, "the bridge") {
		t.Errorf("an answer that is none: %d, %v", n, fail)
	}
	status = 429
	if n, fail := ask(); n != 429 || fail == nil || fail.Class != channels.Throttled {
		t.Errorf("a refusal: %d, %v", n, fail)
	}
	srv.Close()
	s.Close() // a kept connection cannot know that nothing left
	if n, fail := ask(); n != 0 || fail == nil || fail.Class != channels.Temporary || Asked(fail, "it").Detail == "it could not be asked just now" {
		t.Errorf("nobody there: %d, %v", n, fail)
	}
}
