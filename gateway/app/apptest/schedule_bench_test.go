package apptest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/scheduler"
)

// handsIn makes a broadcast ready as fan-out does, without looking at its audience.
type handsIn struct{}

func (handsIn) Ready(_ context.Context, p scheduler.Performance) (*gateway.ReadyBroadcast, error) {
	policy := gateway.PolicyOf(gateway.Report)
	at := p.Occurrence.At
	return &gateway.ReadyBroadcast{Fingerprint: []byte("run"), Broadcast: gateway.Broadcast{ID: gateway.NewID(), GroupID: p.Schedule.GroupID, Key: p.Occurrence.BroadcastKey(), Kind: gateway.KindReport, Class: gateway.Report,
		Audience: p.Schedule.Action.Broadcast.Audience, Words: p.Schedule.Action.Broadcast.Words, Policy: policy, CreatedAt: at, StartAt: at, ExpiresAt: at.Add(policy.Expires)}}, nil
}

func (handsIn) Holidays(context.Context, gateway.ID, string, civil.Wall) ([]string, error) {
	return nil, nil
}

func (handsIn) Look() {}

// BenchmarkTick tells what one look at the ledger costs against the number of schedules that are not due: with nothing due,
// with one that is due and fires, and with a thousand that are due at the same moment.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		for _, database := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s/%d", database, n), func(b *testing.B) { benchTick(b, database, n) })
		}
	}
}

func benchTick(b *testing.B, database string, n int) {
	ctx := b.Context()
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		b.Fatal(err)
	}
	var s store.Store
	if database == "sqlite" {
		s, err = sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir(), Ring: ring, Now: clock})
	} else {
		s, err = postgres.Open(ctx, postgres.Options{URL: shared.Storage(b).Postgres, Ring: ring, Now: clock})
	}
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	g, err := s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	if err != nil {
		b.Fatal(err)
	}
	put := func(name, cron string, at time.Time) {
		timing, err := scheduler.Check(gateway.Timing{Cron: cron}, g.Zone, at)
		if err == nil {
			one := gateway.Schedule{GroupID: g.ID, Name: name, Timing: timing, Author: "bench", Action: gateway.Action{Kind: gateway.ActBroadcast, Broadcast: &gateway.ActionBroadcast{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "All is well."}}}}}
			if one.Run, one.At, err = scheduler.First(timing, g.Zone, at); err == nil {
				_, err = s.PutSchedule(ctx, one, true)
			}
		}
		if err != nil {
			b.Error(err)
		}
	}
	var all sync.WaitGroup
	places := make(chan struct{}, 128)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			put(fmt.Sprintf("yearly-%d", i), fmt.Sprintf("%d %d 1 1 *", i%60, i/60%24), now)
		})
	}
	all.Wait()
	ticker := scheduler.NewTicker(s, handsIn{}, scheduler.Options{})
	tick := func(b *testing.B) {
		if _, err := ticker.Tick(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			tick(b)
		}
	})
	wind := func(by time.Duration) {
		mu.Lock()
		now = now.Add(by)
		mu.Unlock()
	}
	put("minutely", "* * * * *", now)
	b.Run("one fires", func(b *testing.B) {
		for b.Loop() {
			wind(time.Minute)
			tick(b)
		}
	})
	crowd := 0
	b.Run("a thousand fire at once", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			at := clock().Truncate(time.Hour).Add(time.Hour)
			for i := range 1000 {
				places <- struct{}{}
				all.Go(func() {
					defer func() { <-places }()
					put(fmt.Sprintf("crowd-%d-%d", crowd, i), fmt.Sprintf("0 %d %d %d *", at.In(berlin()).Hour(), at.In(berlin()).Day(), at.In(berlin()).Month()), at.Add(-time.Second))
				})
			}
			all.Wait()
			crowd++
			wind(at.Sub(clock()))
			b.StartTimer()
			tick(b)
		}
	})
}

func berlin() *time.Location {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return loc
}
