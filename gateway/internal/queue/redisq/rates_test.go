package redisq_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// sharing gives the rates of one channel as some processes see them.
func sharing(t *testing.T, processes int, of ...channels.Rate) (all []limit.Shared, server *servers.Redis) {
	t.Helper()
	server = single(t, servers.RedisOptions{})
	o := redisq.Options{Addrs: []string{server.Addr()}, Prefix: gateway.NewID().String(), Timeout: 200 * time.Millisecond}
	channel := gateway.NewID()
	for range processes {
		all = append(all, open(t, o).Rates(channel, of))
	}
	return all, server
}

// Three processes want as much as they can get, in messages of three units. Together they get the rate, no more and hardly
// less, over any stretch of time.
func TestRateIsKeptByAllTogether(t *testing.T) {
	const perSecond, burst, cost, lasts = 600, 30, 3, 2 * time.Second
	processes, _ := sharing(t, 3, channels.Rate{PerSecond: perSecond, Burst: burst}, channels.Rate{PerSecond: 10 * perSecond, Burst: 10 * burst})
	var mu sync.Mutex
	var taken []time.Time // of each unit
	var all sync.WaitGroup
	begun := time.Now()
	for i, p := range processes {
		all.Go(func() {
			for time.Since(begun) < lasts {
				g := p.Take(time.Time{}, false, 7, cost)
				got := g.Count
				if i == 0 && got > 0 { // what it costs turns out later
					p.Debit(time.Time{}, got*cost)
					got *= 2
				}
				mu.Lock()
				for range got * cost {
					taken = append(taken, time.Now())
				}
				mu.Unlock()
				if g.Count == 0 {
					time.Sleep(g.Wait)
				}
			}
		})
	}
	all.Wait()
	slices.SortFunc(taken, time.Time.Compare)
	// A debt is settled within a few milliseconds; until then others may use what is owed: at most what one Take gave.
	const slack = 7*cost + perSecond/100
	for i := range taken {
		for _, stretch := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second} {
			last, _ := slices.BinarySearchFunc(taken, taken[i].Add(stretch), time.Time.Compare)
			if n, most := last-i, float64(burst)+perSecond*stretch.Seconds()+slack; float64(n) > most {
				t.Fatalf("%d units left within %v at %d a second", n, stretch, perSecond)
			}
		}
	}
	if n, least := len(taken), perSecond*lasts.Seconds()*0.95; float64(n) < least {
		t.Errorf("only %d units left in %v at %d a second", n, lasts, perSecond)
	}
}

// What bulk leaves of a burst is there for alerts of any process, and an alert that was turned away goes before the bulk of
// all others.
func TestUrgentComesFirstEverywhere(t *testing.T) {
	p, _ := sharing(t, 2, channels.Rate{PerSecond: 10, Burst: 10})
	if got := p[0].Take(time.Time{}, false, 100, 1).Count; got != 8 {
		t.Fatalf("bulk took %d of 10 with 2 kept", got)
	}
	if got := p[1].Take(time.Time{}, true, 2, 1).Count; got != 2 {
		t.Fatalf("an alert found %d of 2", got)
	}
	turned := p[1].Take(time.Time{}, true, 1, 1)
	if turned.Count != 0 || turned.Wait <= 0 || turned.Wait > 100*time.Millisecond {
		t.Fatalf("an alert beyond the rate: %+v", turned)
	}
	bulk := p[0].Take(time.Time{}, false, 1, 1)
	if bulk.Count != 0 || bulk.Wait < turned.Wait {
		t.Fatalf("bulk of another process: %+v, though an alert waits %v", bulk, turned.Wait)
	}
	for g := turned; g.Count == 0; g = p[1].Take(time.Time{}, true, 1, 1) {
		time.Sleep(g.Wait)
	}
}

// A provider tells one process to wait: all do, and only ever longer.
func TestPausesAreShared(t *testing.T) {
	p, server := sharing(t, 2, channels.Rate{PerSecond: 1, Burst: 3, PerAddress: true})
	p[0].Pause(time.Minute)
	p[0].Pause(time.Second)
	if g := p[1].Take(time.Time{}, true, 1, 1); g.Count != 0 || g.Pause < 59*time.Second || g.Pause > time.Minute || g.Wait < g.Pause {
		t.Errorf("the other process got %+v", g)
	}
	chat, other := gateway.NewID(), gateway.NewID()
	for i := range 4 {
		if wait := p[i%2].Address(chat, 1); (wait == 0) != (i < 3) {
			t.Errorf("message %d to a chat waits %v", i+1, wait)
		}
	}
	p[0].PauseAddress(other, time.Minute)
	if wait := p[1].Address(other, 1); wait < 59*time.Second {
		t.Errorf("a paused chat waits %v", wait)
	}
	if err := server.FlushAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g := p[1].Take(time.Time{}, false, 5, 1); g.Count != 5 || g.Pause != 0 {
		t.Errorf("a channel without rates, not paused: %+v", g)
	}
}

// Without Redis nothing is sent, and at once again when it is back.
func TestNothingIsSentWithoutRedis(t *testing.T) {
	p, server := sharing(t, 1, channels.Rate{PerSecond: 1000, Burst: 1000})
	if p[0].Take(time.Time{}, false, 1, 1).Count != 1 {
		t.Fatal("nothing may leave")
	}
	server.Kill()
	for _, urgent := range []bool{true, false} {
		if g := p[0].Take(time.Time{}, urgent, 1, 1); g.Count != 0 || g.Wait <= 0 || g.Wait > time.Second {
			t.Errorf("without Redis: %+v", g)
		}
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for back := time.Now(); p[0].Take(time.Time{}, true, 1, 1).Count == 0; {
		if time.Since(back) > 5*time.Second {
			t.Fatal("nothing may leave five seconds after Redis came back")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
