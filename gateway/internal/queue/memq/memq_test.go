package memq_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/queuetest"
)

func TestQueue(t *testing.T) {
	queuetest.Run(t, func(*testing.T) queuetest.Subject {
		q := memq.New(queuetest.Window)
		return queuetest.Subject{Queue: q, Flush: q.Flush}
	})
}

// BenchmarkQueue is the way of an id: pushed once in vain besides, popped, done. It must stay under 1 µs an id.
func BenchmarkQueue(b *testing.B) {
	q, lane := memq.New(2000), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	lanes := []gateway.Lane{gateway.Urgent, gateway.Normal, gateway.Bulk}
	ids := make([]gateway.ID, 1000)
	for i := range ids {
		ids[i] = gateway.NewID()
	}
	shares := []gateway.Share{{Group: gateway.NewID(), Deliveries: ids}}
	ctx := b.Context()
	for n := 0; b.Loop(); n++ {
		if n%len(ids) != 0 { // one iteration is one id
			continue
		}
		for range 2 {
			if _, _, err := q.Push(ctx, lane, shares, len(ids)); err != nil {
				b.Fatal(err)
			}
		}
		for left := len(ids); left > 0; {
			got, err := q.Pop(ctx, lane.Channel, lanes, 32)
			if err != nil {
				b.Fatal(err)
			}
			left -= len(got.Deliveries)
			if err := q.Done(ctx, lane, got.Deliveries); err != nil {
				b.Fatal(err)
			}
		}
	}
}
