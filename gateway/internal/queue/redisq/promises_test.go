package redisq_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

func some(n int) []gateway.ID {
	ids := make([]gateway.ID, n)
	for i := range ids {
		ids[i] = gateway.NewID()
	}
	return ids
}

func push(t *testing.T, q *redisq.Queue, lane queue.Lane, ids []gateway.ID) int {
	t.Helper()
	taken, _, err := q.Push(t.Context(), lane, []gateway.Share{{Group: lane.Channel, Deliveries: ids}}, len(ids)+1)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

func pop(t *testing.T, q *redisq.Queue, lane queue.Lane, most int) []gateway.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	b, err := q.Pop(ctx, lane.Channel, []gateway.Lane{lane.Lane}, most)
	if err != nil {
		t.Fatal(err)
	}
	return b.Deliveries
}

// Everything that is done leaves ids and numbers in Redis, in its keys, its values and its log: scanned while lanes are full
// and rates in use.
func TestRedisHoldsIDsOnly(t *testing.T) {
	r := single(t, servers.RedisOptions{AppendOnly: true, Settings: []string{"--appendfsync", "always"}})
	q := open(t, redisq.Options{Addrs: []string{r.Addr()}, Prefix: "carillon", Window: 300})
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	group, point, ids := gateway.NewID(), gateway.NewID(), some(300)
	if _, _, err := q.Push(t.Context(), lane, []gateway.Share{{Group: group, Deliveries: ids}}, 300); err != nil {
		t.Fatal(err)
	}
	got := pop(t, q, lane, 100)
	if err := q.Done(t.Context(), lane, got[:50]); err != nil {
		t.Fatal(err)
	}
	pop(t, q, lane, 10)
	rates := q.Rates(lane.Channel, []channels.Rate{{PerSecond: 10, Burst: 10}, {PerSecond: 1, Burst: 1, PerAddress: true}})
	rates.Take(time.Time{}, false, 5, 3)
	rates.Take(time.Time{}, true, 50, 3)
	rates.Debit(time.Time{}, 7)
	rates.Pause(time.Minute)
	rates.Address(point, 1)
	q.Nudge(lane)
	q.Announce()

	items, err := r.Items(t.Context())
	if err != nil || len(items) != 7 {
		t.Fatalf("%d keys, %v; want the generation, the turns, what is present, a group's list, who has more, rates of the channel and of a contact point", len(items), err)
	}
	known := append(slices.Concat(ids, []gateway.ID{lane.Channel, group, point}), gateway.ID{})
	isID := func(s string) bool { return len(s) == 16 && slices.Contains(known, gateway.ID([]byte(s))) }
	key := regexp.MustCompile(`(?s)^carillon:\{` + lane.Channel.String() + `\}:(generation|rates|[012]:(turns|present|more)|[012]:of:(.+)|to:(.+))$`)
	number := regexp.MustCompile(`^[0-9]{1,17}$|^[put]$|^e[12]$`)
	for _, item := range items {
		parts := key.FindStringSubmatch(item.Key)
		if parts == nil || parts[3] != "" && !isID(parts[3]) || parts[4] != "" && parts[4] != point.String() {
			t.Errorf("a key: %q", item.Key)
		}
		for _, value := range item.Values {
			if !isID(value) && !number.MatchString(value) && !strings.HasSuffix(item.Key, ":generation") {
				t.Errorf("a value of %q: %q", item.Key, value)
			}
		}
	}
	// In the log are commands, keys and the same values; nothing else that one could read.
	log, err := r.Log()
	if err != nil || len(log) == 0 {
		t.Fatalf("a log of %d bytes, %v", len(log), err)
	}
	words := regexp.MustCompile(`[A-Za-z_]{4,}`)
	plain := string(log)
	for _, id := range known {
		plain = strings.ReplaceAll(plain, string(id[:]), "")
	}
	for _, s := range []string{lane.Channel.String(), point.String(), generation(t, items)} {
		plain = strings.ReplaceAll(plain, s, "")
	}
	allowed := []string{"carillon", "generation", "turns", "present", "more", "rates", "probe", "SELECT", "MULTI", "EXEC", "SETNX", "RPUSH", "ZADD", "SADD", "SREM", "ZREM", "ZREMRANGEBYSCORE", "LPOP", "HSET", "PEXPIREAT",
		"REDIS", "redis", "bits", "ctime", "base", "used", "file", "startoffset", "type", "appendonly", "incr"}
	for _, word := range words.FindAllString(plain, -1) {
		if !slices.Contains(allowed, word) {
			t.Errorf("the log holds %q", word)
		}
	}
	if found, err := r.Holds(t.Context(), "generation", "+4917055500123"); err != nil || !slices.Equal(found, []string{"generation"}) {
		t.Errorf("looking for words found %q, %v", found, err)
	}
}

func generation(t *testing.T, items []servers.Item) string {
	t.Helper()
	for _, item := range items {
		if strings.HasSuffix(item.Key, ":generation") {
			return item.Values[0]
		}
	}
	t.Fatal("there is no generation")
	return ""
}

// The clock of a server that takes over is behind that of the one before it: what a dead process held is not held until it
// has caught up.
func TestHeldByAClockAhead(t *testing.T) {
	r := single(t, servers.RedisOptions{})
	q, lane, ids := open(t, redisq.Options{Addrs: []string{r.Addr()}, Prefix: "p"}), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Normal}, some(2)
	push(t, q, lane, ids)
	pop(t, q, lane, 2)
	client := redis.NewClient(&redis.Options{Addr: r.Addr()})
	defer client.Close()
	for _, key := range client.Keys(t.Context(), "*:present").Val() {
		for _, id := range ids {
			if err := client.ZIncrBy(t.Context(), key, float64(time.Hour.Milliseconds()), string(id[:])).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if taken := push(t, q, lane, ids); taken != 2 {
		t.Errorf("%d of 2 can be pushed again", taken)
	}
}

// A process died between its pop and its claim: what it held can be pushed again after a while, what others hold cannot.
func TestDeadPopper(t *testing.T) {
	r := single(t, servers.RedisOptions{})
	o := redisq.Options{Addrs: []string{r.Addr()}, Prefix: "p", Hold: 300 * time.Millisecond}
	q, lane, ids := open(t, o), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Normal}, some(2)
	push(t, q, lane, ids)
	pop(t, q, lane, 1)
	if n := push(t, q, lane, ids); n != 0 {
		t.Fatalf("%d were taken while one is held and one waits", n)
	}
	begun := time.Now()
	for push(t, q, lane, ids) == 0 {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("it is held for ever")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if held := time.Since(begun); held < 250*time.Millisecond {
		t.Errorf("it was held for %v only", held)
	}
	if waiting, held, err := q.Len(t.Context(), lane); waiting != 2 || held != 0 || err != nil {
		t.Errorf("%d wait and %d are held, %v", waiting, held, err)
	}
}

// Redis hangs while a Pop asks: it is told that Redis is away, and when Redis goes on it gives nothing to whom nobody
// listens any more.
func TestNothingIsPoppedForNobody(t *testing.T) {
	r := single(t, servers.RedisOptions{})
	q, lane := open(t, redisq.Options{Addrs: []string{r.Addr()}, Timeout: 200 * time.Millisecond}), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Urgent}
	push(t, q, lane, some(1))
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if _, err := q.Pop(t.Context(), lane.Channel, gateway.Lanes[:], 1); err == nil || !strings.Contains(err.Error(), "waits in the ledger") {
		t.Errorf("a Redis that hangs: %v", err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("that was noticed after %v", took)
	}
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := pop(t, q, lane, 1); len(got) != 1 {
		t.Errorf("got %d", len(got))
	}
}

// Redis is full: pushing says so and what to do, what is there can be popped, and pushing goes on when there is room.
func TestFullRedis(t *testing.T) {
	r := single(t, servers.RedisOptions{})
	q, lane := open(t, redisq.Options{Addrs: []string{r.Addr()}}), queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	ids := some(40)
	push(t, q, lane, ids[:20])
	c := r.Client()
	defer c.Close()
	if err := c.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	_, _, err := q.Push(t.Context(), lane, []gateway.Share{{Group: lane.Channel, Deliveries: ids}}, 50)
	if err == nil || !strings.Contains(err.Error(), "maxmemory") {
		t.Fatalf("a push into a full Redis: %v", err)
	}
	if got := pop(t, q, lane, 30); !slices.Equal(got, ids[:20]) {
		t.Errorf("popped %d of 20 from a full Redis", len(got))
	}
	if err := c.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if n := push(t, q, lane, ids); n != 20 {
		t.Errorf("%d of the other 20 were taken when there was room again", n)
	}
}

// What one process says the others hear, and not itself.
func TestSignals(t *testing.T) {
	for _, at := range sites[:1] {
		o, _, end, err := at.begin(t.Context())
		servers.Need(t, err)
		t.Cleanup(end)
		o.Prefix = "s"
		one, two := open(t, o), open(t, o)
		for _, q := range []*redisq.Queue{one, two} { // each begins with having missed what there was
			await(t, "listening", q.Announced())
		}
		lanes := []queue.Lane{{Channel: gateway.NewID(), Lane: gateway.Urgent}, {Channel: gateway.NewID(), Lane: gateway.Bulk}}
		heard := map[queue.Lane]bool{}
		for _, lane := range lanes {
			one.Nudge(lane)
		}
		for range lanes {
			heard[await(t, "a nudge", two.Nudged())] = true
		}
		if !heard[lanes[0]] || !heard[lanes[1]] {
			t.Errorf("heard %v", heard)
		}
		two.Announce()
		await(t, "an announcement", one.Announced())
		two.Nudge(lanes[0])
		await(t, "a nudge", one.Nudged())
		select {
		case lane := <-two.Nudged():
			t.Errorf("a process heard itself: %v", lane)
		case <-two.Announced():
			t.Error("a process heard itself announce")
		case <-one.Nudged():
			t.Error("a nudge came twice")
		default:
		}
	}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}
