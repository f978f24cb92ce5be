package sqlite_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// Receipts wait for other work that takes them along. Whatever meets them, urgent or not, given up or alone, everybody is
// answered.
func TestReceiptsRideAlong(t *testing.T) {
	b := prepared(t, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receipt := []gateway.Receipt{{Attempt: gateway.NewID(), Channel: b.channel.ID, State: gateway.AttemptDelivered}}
	for round := range 60 {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				effects, err := b.s.Observe(ctx, receipt)
				if err != nil || effects[0] != gateway.NoAttempt {
					t.Errorf("receipts: %v, %v", effects, err)
				}
			})
		}
		all.Go(func() { // somebody gives up; what was taken is answered all the same
			short, stop := context.WithTimeout(ctx, time.Duration(round)*50*time.Microsecond)
			defer stop()
			if _, err := b.s.Observe(short, receipt); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("given up: %v", err)
			}
		})
		for i := range round % 3 {
			all.Go(func() {
				if _, _, err := b.s.Exchange(ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute, Urgent: i == 0}, nil, []gateway.ID{gateway.NewID()}); err != nil {
					t.Errorf("a claim beside: %v", err)
				}
			})
		}
		all.Wait()
	}
}

// A ledger that closes answers receipts that still wait.
func TestReceiptsAreAnsweredWhileTheLedgerCloses(t *testing.T) {
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir(), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			_, err := s.Observe(context.Background(), []gateway.Receipt{{Attempt: gateway.NewID(), Channel: gateway.NewID(), State: gateway.AttemptDelivered}})
			done <- err
		}()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range cap(done) {
		var closed *gateway.Fault
		if err := <-done; err != nil && (!errors.As(err, &closed) || closed.Code != gateway.CodeUnavailable) {
			t.Errorf("while the ledger closes: %v", err)
		}
	}
}
