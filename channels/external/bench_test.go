package external

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// BenchmarkSend has 64 senders hand messages to a provider on this machine: in-process as built-in adapters do, and through a
// program over pipes that makes the same request. The promise is that pipes carry at least half.
func BenchmarkSend(b *testing.B) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer provider.Close()
	d := describe()
	d.Concurrent, d.Events, d.Receipts, d.ReceiptWithin, d.Inbound = 64, byNone, "none", 0, false
	sender := httpsend.New(&http.Client{Transport: httpsend.Transport()}, 0)
	inProcess := func(ctx context.Context, m channels.Outbound) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, provider.URL, strings.NewReader(m.Part.Text))
		if err != nil {
			return err
		}
		_, err = sender.Do(req)
		return err
	}
	a := overPipes(b, d, provider.URL)
	byPipes := func(ctx context.Context, m channels.Outbound) error {
		_, err := a.Send(ctx, m)
		return err
	}
	for name, send := range map[string]func(context.Context, channels.Outbound) error{"in-process": inProcess, "pipes": byPipes} {
		b.Run(name, func(b *testing.B) {
			var n atomic.Int64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := send(b.Context(), out(fmt.Sprint(n.Add(1)), "Meeting at seven at the harbour.")); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func overPipes(b *testing.B, d Description, provider string) channels.Adapter {
	b.Helper()
	a, _ := open(b, Options{Command: arguments(b, d, filepath.Join(b.TempDir(), "sent"), "-post", provider), Description: d}, nil)
	return a
}
