package redisq_test

import (
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

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

// Three processes want as much as they can get, in messages of three units, and one of them finds out late that each costs
// six. Together they get the rate and no more, over any stretch of time.
func TestRateIsKeptByAllTogether(t *testing.T) {
	const perSecond, burst, cost, most, lasts = 600, 30, 3, 7, 2 * time.Second
	processes, _ := sharing(t, 3, channels.Rate{PerSecond: perSecond, Burst: burst}, channels.Rate{PerSecond: 10 * perSecond, Burst: 10 * burst})
	type taking struct {
		asked, got time.Time // leave was given between them
		units      int
	}
	var mu sync.Mutex
	var takings []taking
	var all sync.WaitGroup
	begun := time.Now()
	for i, p := range processes {
		all.Go(func() {
			for time.Since(begun) < lasts {
				asked := time.Now()
				g := p.Take(time.Time{}, false, most, cost)
				units := g.Count * cost
				if i == 0 && units > 0 {
					p.Debit(time.Time{}, units)
					units *= 2
				}
				if g.Count == 0 {
					time.Sleep(g.Wait)
					continue
				}
				mu.Lock()
				takings = append(takings, taking{asked, time.Now(), units})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	// Others may use what is owed until it is debited: what one Take gave.
	const slack = most * cost
	for _, first := range takings {
		for _, stretch := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second} {
			sum := 0
			for _, x := range takings {
				if !x.asked.Before(first.asked) && !x.got.After(first.asked.Add(stretch)) {
					sum += x.units
				}
			}
			if allowed := (burst + perSecond*stretch.Seconds()) * 1.01; float64(sum) > allowed+slack {
				t.Fatalf("%d units left within %v at %d a second", sum, stretch, perSecond)
			}
		}
	}
	if len(takings) < 20 {
		t.Errorf("leave was given %d times in %v", len(takings), lasts)
	}
}

// A server whose clock is behind that of the one before it (it took over, or its clock was set) does not keep everybody
// waiting until it has caught up.
func TestTheClockGoesBack(t *testing.T) {
	p, server := sharing(t, 1, channels.Rate{PerSecond: 20, Burst: 4})
	p[0].Pause(50 * time.Millisecond)
	for range 6 {
		if g := p[0].Take(time.Time{}, true, 4, 1); g.Count == 0 {
			time.Sleep(g.Wait)
		}
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	keys := client.Keys(t.Context(), "*:rates").Val()
	if len(keys) != 1 {
		t.Fatalf("keys %q", keys)
	}
	for field := range client.HGetAll(t.Context(), keys[0]).Val() {
		if err := client.HIncrBy(t.Context(), keys[0], field, time.Hour.Microseconds()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		g := p[0].Take(time.Time{}, true, 1, 1)
		if g.Count == 0 {
			t.Fatalf("wait %v, pause %v", g.Wait, g.Pause)
		}
	}
}

// Whoever waits as long as he is told gets leave.
func TestWaitsAreTrue(t *testing.T) {
	p, _ := sharing(t, 1, channels.Rate{PerSecond: 50, Burst: 4}, channels.Rate{PerSecond: 100, Burst: 1})
	waited := 0
	for range 12 {
		g := p[0].Take(time.Time{}, waited%2 == 0, 3, 2)
		if g.Count == 0 {
			waited++
			time.Sleep(g.Wait)
			if g = p[0].Take(time.Time{}, true, 3, 2); g.Count == 0 {
				t.Fatalf("after waiting as told, another %v", g.Wait)
			}
		}
	}
	if waited == 0 {
		t.Error("nothing ever waited")
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

// What was taken for messages that were stopped while they waited comes back, up to the burst, whoever asks next.
func TestUnusedUnitsComeBack(t *testing.T) {
	p, _ := sharing(t, 2, channels.Rate{PerSecond: 0.1, Burst: 10})
	for range 50 {
		if g := p[0].Take(time.Time{}, true, 1, 5); g.Count != 1 {
			t.Fatalf("it waits %v for messages that were never sent", g.Wait)
		}
		p[0].Debit(time.Time{}, -5)
	}
	p[0].Take(time.Time{}, true, 0, 1)
	if g := p[1].Take(time.Time{}, true, 20, 1); g.Count != 10 {
		t.Errorf("%d leave at once of a burst of 10", g.Count)
	}
}

// A rate is raised or lowered while its burst is used up, and more is owed: the next message waits as long as the new rate says, for
// the whole channel as for one contact point, and neither finds a second burst.
func TestRateChanges(t *testing.T) {
	server := single(t, servers.RedisOptions{})
	for _, c := range []struct {
		from, to         float64
		burst, burstThen int
		least, most      time.Duration // until one may leave
	}{
		{1, 2000, 24, 200, 0, 20 * time.Millisecond},
		{0.01, 100, 24, 24, 0, 20 * time.Millisecond},
		{0, 100, 24, 24, 0, 20 * time.Millisecond},
		{2000, 1, 200, 24, 900 * time.Millisecond, time.Second},
		{100, 0.1, 1, 1, 9 * time.Second, 10 * time.Second},
	} {
		q := open(t, redisq.Options{Addrs: []string{server.Addr()}, Timeout: 200 * time.Millisecond})
		for _, each := range []bool{false, true} {
			channel, point := gateway.NewID(), gateway.NewID()
			before := q.Rates(channel, []channels.Rate{{PerSecond: c.from, Burst: c.burst, PerAddress: each}})
			after := q.Rates(channel, []channels.Rate{{PerSecond: c.to, Burst: c.burstThen, PerAddress: each}})
			var wait time.Duration
			if each {
				before.Address(point, c.burst)
				before.Address(point, c.burst)
				wait = after.Address(point, 1)
			} else {
				before.Take(time.Time{}, true, c.burst, 1)
				before.Debit(time.Time{}, c.burst)
				before.Take(time.Time{}, true, 1, 1)
				wait = after.Take(time.Time{}, true, 1, 1).Wait
			}
			if wait < c.least || wait > c.most {
				t.Errorf("from %v to %v a second, each address %v: the next waits %v", c.from, c.to, each, wait)
			}
		}
	}
}

// While an alert waits at a slow rate the others stand back. A faster one lets them go at once, though nobody asks for the alert any more.
func TestRateChangesWhileAnAlertWaits(t *testing.T) {
	server := single(t, servers.RedisOptions{})
	q, channel := open(t, redisq.Options{Addrs: []string{server.Addr()}, Timeout: 200 * time.Millisecond}), gateway.NewID()
	before := q.Rates(channel, []channels.Rate{{PerSecond: 1, Burst: 24}})
	before.Take(time.Time{}, true, 24, 1)
	if g := before.Take(time.Time{}, true, 1, 24); g.Count != 0 {
		t.Fatal("it does not wait")
	}
	after := q.Rates(channel, []channels.Rate{{PerSecond: 2000, Burst: 200}})
	for range 2 {
		if g := after.Take(time.Time{}, false, 1, 1); g.Count != 1 {
			t.Errorf("the next waits %v", g.Wait)
		}
	}
}
