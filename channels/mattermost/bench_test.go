package mattermost_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// BenchmarkSend compares posts through the adapter with the same posts through the bare library over the same tuned
// transport, from sixteen senders to one fake that does no more than answer.
func BenchmarkSend(b *testing.B) {
	const answer = `{"id":"postttttttttttttttttttttt1","create_at":1767225600000,"update_at":1767225600000,"edit_at":0,"delete_at":0,"is_pinned":false,` +
		`"user_id":"annaaaaaaaaaaaaaaaaaaaaaa1","channel_id":"` + harbourID + `","root_id":"","original_id":"","message":"Hello","type":"",` +
		`"props":{"carillon_delivery_id":"` + attempt + `:0","from_bot":"true"},"hashtags":"","file_ids":[],"pending_post_id":"","metadata":{}}`
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}))
	defer fake.Close()
	text := strings.Repeat("The harbour assembly meets at seven. ", 8)
	run := func(name string, send func(n int64) error) {
		b.Run(name, func(b *testing.B) {
			var n atomic.Int64
			b.SetParallelism(8)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := send(n.Add(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
		})
	}
	bare := model.NewAPIv4Client(fake.URL)
	bare.SetToken(token)
	bare.HTTPClient = &http.Client{Transport: httpsend.Transport()}
	a, err := build(channels.Settings{Name: "mm"}, fake.URL, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	for range 3 { // interleaved, because the machine is not ours alone
		run("bare", func(n int64) error {
			p := &model.Post{ChannelId: harbourID, Message: text, PendingPostId: fmt.Sprint(attempt, ":", n)}
			p.SetProps(map[string]any{"carillon_delivery_id": fmt.Sprint(attempt, ":", n)})
			_, _, err := bare.CreatePost(context.Background(), p)
			return err
		})
		run("adapter", func(n int64) error {
			m := outbound(harbour, text)
			m.Key = fmt.Sprint(attempt, ":", n)
			_, err := a.Send(context.Background(), m)
			return err
		})
	}
}
