package apptest_test

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// limits say how soon all goes on at full speed again. What is raced, beside other tests, has four times as long.
func limits() (afterRedis, afterPostgres time.Duration) {
	if raced {
		return 20 * time.Second, time.Minute
	}
	if !full() { // other tests run beside it
		return 10 * time.Second, 30 * time.Second
	}
	return 5 * time.Second, 15 * time.Second
}

// TestStorm: three processes share a report over a Redis Cluster of six and a PostgreSQL that syncs. While it goes out one
// of them is killed, one is frozen until its claims have run out and goes on, everything in Redis is flushed, the server
// that holds the channel's keys is killed so that its replica takes over, and PostgreSQL is stopped and started. By the
// providers' own log nobody gets it twice and nobody is missing; in doubt are at most as many as were on their way in the
// two processes; the rate is back soon after each fault, and never above what the channel may; and Redis never held
// anything but ids.
func TestStorm(t *testing.T) {
	const text, senders = "The roof is mended and the night bus runs again.", 16
	afterRedis, afterPostgres := limits()
	ours, rate := 4_000, 200
	switch {
	case whole() && !full():
		ours, rate = 10_000, 350
	case whole():
		ours, rate = 50_000, 1_200
	}
	ctx := context.Background()
	cluster, err := servers.StartRedisCluster(ctx, servers.RedisOptions{AppendOnly: true})
	servers.Need(t, err)
	t.Cleanup(cluster.Close)
	database, err := servers.StartPostgres(ctx, servers.PostgresOptions{})
	servers.Need(t, err)
	t.Cleanup(database.Close)
	name, err := database.NewDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := apptest.New(t, apptest.Options{Senders: senders, Rate: rate, Storage: &apptest.Storage{Postgres: database.URL(name), Redis: cluster.Addrs(), Cluster: true}})
	people := apptest.PeopleWith("storm", apptest.Numbers(t, ours))
	processes := []*apptest.Process{w.Launch(""), w.Launch(""), w.Launch("")}
	w.Apply("harbour")
	w.Join("harbour", people)
	gauge := watch(t, w)
	id := w.Report("harbour", "week-47", text)

	w.Until(time.Minute, "for the plan", func() bool {
		b, err := w.API.Broadcast(t.Context(), "harbour", id)
		return err == nil && b.State == gateway.Planned
	})
	speed := gauge.full()
	t.Logf("three processes send %.0f a second of %d", speed, rate)
	fault := func(what string, limit time.Duration, do func()) {
		t.Helper()
		began := time.Now()
		do()
		took := gauge.again(began, 0.8*speed, 4*limit)
		t.Logf("%s: full speed again after %v, %d received", what, took.Round(100*time.Millisecond), w.Box.Stats().Received)
		if took > limit {
			t.Errorf("%s: it took %v to be at full speed again; at most %v may pass", what, took, limit)
		}
	}
	fault("a process is killed", afterRedis, processes[0].Kill)
	fault("a process is frozen", afterRedis, processes[1].Pause)
	fault("its claims run out", afterRedis, func() { w.Wind(6 * time.Minute) })
	fault("it goes on", afterRedis, processes[1].Resume)
	fault("Redis is flushed", afterRedis, func() {
		if err := cluster.FlushAll(ctx); err != nil {
			t.Fatal(err)
		}
	})
	channel := w.Channel("sms")
	key := channelKey(t, cluster, channel.ID)
	fault("the server of the channel's keys fails, and a replica takes over", afterRedis, func() {
		if _, err := cluster.Failover(ctx, key); err != nil {
			t.Fatal(err)
		}
	})
	fault("PostgreSQL is stopped and started", afterPostgres, func() {
		database.Stop()
		if err := database.Start(ctx); err != nil {
			t.Fatal(err)
		}
	})
	if n := w.Box.Stats().Received; n >= uint64(ours) {
		t.Errorf("all had arrived before the last fault: it tells nothing")
	}
	w.Settled(4*time.Minute, "harbour", id)
	gauge.stop()

	books := w.Audit("harbour", id, people, text)
	t.Logf("by the ledger: %v", books.States)
	clean(t, books)
	if most := 2 * (senders + apptest.UrgentSenders); books.InDoubt > most {
		t.Errorf("%d are in doubt; at most %d may be", books.InDoubt, most)
	}
	if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 {
		t.Errorf("the providers kept %d duplicates", s.Duplicates)
	}
	may := 10*rate + max(10*rate/100, compose.LargestSMS) // and the burst, a hundredth or what one message may need
	if !full() {
		may += rate / 20 // beside other tests the machine holds some up for 50 ms, and they arrive with those behind them
	}
	if most := busiest(w, text); most > may {
		t.Errorf("within ten seconds %d were received; at most %d may be", most, may)
	} else {
		t.Logf("at most %d were received within ten seconds; %d may be", most, may)
	}
	for _, r := range cluster.Servers {
		holdsOnlyIDs(t, r, text, people)
	}
}

// speed is how many messages the sandbox received, over time.
type speed struct {
	t    testing.TB
	w    *apptest.World
	end  chan struct{}
	once sync.Once
	done sync.WaitGroup

	mu    sync.Mutex
	marks []mark
}

type mark struct {
	at time.Time
	n  uint64
}

const markEvery = 100 * time.Millisecond

func watch(t testing.TB, w *apptest.World) *speed {
	s := &speed{t: t, w: w, end: make(chan struct{})}
	s.done.Go(func() {
		tick := time.NewTicker(markEvery)
		defer tick.Stop()
		for {
			select {
			case <-s.end:
				return
			case <-tick.C:
			}
			s.mu.Lock()
			s.marks = append(s.marks, mark{time.Now(), w.Box.Stats().Received})
			s.mu.Unlock()
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *speed) stop() {
	s.once.Do(func() { close(s.end) })
	s.done.Wait()
}

// since gives the messages a second of the last second, all of it after a time; zero if there is no such second yet.
func (s *speed) since(begin time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.marks) - 1
	first := last - int(time.Second/markEvery)
	if first < 0 || s.marks[first].at.Before(begin) {
		return 0
	}
	return float64(s.marks[last].n-s.marks[first].n) / s.marks[last].at.Sub(s.marks[first].at).Seconds()
}

// full gives the rate of the third second from now: the burst of the beginning is over then.
func (s *speed) full() float64 {
	s.t.Helper()
	begin := time.Now().Add(2 * time.Second)
	now := 0.0
	s.w.Until(time.Minute, "for full speed", func() bool { now = s.since(begin); return now > 0 })
	return now
}

// again waits until a second at this rate has passed, and says how long after begin it began.
func (s *speed) again(begin time.Time, rate float64, limit time.Duration) time.Duration {
	s.t.Helper()
	s.w.Until(limit, "for full speed again", func() bool { return s.since(begin) >= rate })
	return max(0, time.Since(begin)-time.Second)
}

// busiest is the most messages that the sandbox received within any ten seconds.
func busiest(w *apptest.World, text string) (most int) {
	var times []time.Time
	for _, e := range w.Box.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage && e.Text == text {
			times = append(times, e.Time)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= 10*time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// channelKey is a key of a channel.
func channelKey(t *testing.T, c *servers.RedisCluster, channel gateway.ID) string {
	t.Helper()
	for _, r := range c.Servers {
		items, err := r.Items(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			if strings.Contains(item.Key, channel.String()) || strings.Contains(item.Key, string(channel[:])) {
				return item.Key
			}
		}
	}
	t.Fatal("Redis holds nothing of the channel")
	return ""
}

// telephone is what every sample number is.
var telephone = regexp.MustCompile(`\+[0-9]{8,15}`)

// holdsOnlyIDs looks through all keys, values and the log on disk of a server.
func holdsOnlyIDs(t *testing.T, r *servers.Redis, text string, people []apptest.Person) {
	t.Helper()
	words := []string{text, text[:20], "roof", "Group harbour", "harbour"}
	for i := 0; i < len(people); i += 97 {
		words = append(words, people[i].Ref, people[i].SMS, people[i].SMS[1:])
	}
	found, err := r.Holds(context.Background(), words...)
	if err != nil && !strings.Contains(err.Error(), "connection refused") {
		t.Fatal(err)
	}
	for _, word := range found {
		t.Errorf("Redis holds %q", word)
	}
	log, err := r.Log()
	if err != nil {
		t.Fatal(err)
	}
	if len(log) == 0 {
		t.Error("a server of Redis has no log: there was nothing to look at")
	}
	if n := telephone.Find(bytes.ReplaceAll(log, []byte("\r\n"), []byte(" "))); n != nil {
		t.Errorf("the log of Redis holds what looks like a telephone number: %q", n)
	}
}
