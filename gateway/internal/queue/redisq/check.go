package redisq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// oldestVersion is the oldest Redis that the queue is tested on.
const oldestVersion = 7

// Check reports whether Redis can be reached, takes what it is given, and keeps it.
func (q *Queue) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*q.o.Timeout)
	defer cancel()
	if err := each(ctx, q.client, func(ctx context.Context, c *redis.Client) error {
		r, err := inspect(ctx, c, q.o.Cluster)
		if err == nil {
			err = r.Unfit
		}
		return err
	}); err != nil {
		return unreachable(err)
	}
	_, err := q.run(ctx, q.scripts.probe, []string{q.o.Prefix + ":probe"})
	return err
}

// inspect asks one server what it is. An error says that it does not answer.
func inspect(ctx context.Context, c *redis.Client, cluster bool) (r Report, err error) {
	r.Addr = c.Options().Addr
	info := c.InfoMap(ctx)
	if info.Err() != nil {
		return r, unreachable(info.Err())
	}
	number := func(section, key string) int64 {
		n, _ := strconv.ParseInt(info.Item(section, key), 10, 64)
		return n
	}
	r.Version, r.Policy = info.Item("Server", "redis_version"), info.Item("Memory", "maxmemory_policy")
	major, _, _ := strings.Cut(r.Version, ".")
	release, _ := strconv.Atoi(major)
	limit, used := number("Memory", "maxmemory"), number("Memory", "used_memory")-number("Memory", "mem_not_counted_for_evict")
	mode := info.Item("Server", "redis_mode")
	switch {
	case mode == "sentinel":
		r.Unfit = unfit("this is a Sentinel, which holds nothing itself; write under storage.redis the name by which the Sentinels watch the servers, as master")
	case mode == "cluster" && !cluster:
		r.Unfit = unfit(clusterText)
	case release > 0 && release < oldestVersion:
		r.Unfit = unfit("Redis %s is too old; the queue needs version %d or later", r.Version, oldestVersion)
	case r.Policy != "noeviction" && r.Policy != "":
		r.Unfit = unfit("Redis drops keys when it is full; set maxmemory-policy to noeviction on every server, in redis.conf or by CONFIG SET; it is %s (maxmemory is %d)", r.Policy, limit)
	case info.Item("Replication", "role") == "slave":
		r.Unfit = unfit(replicaText)
	case limit > 0 && used > limit:
		r.Unfit = unfit(fullText+"; it holds %d bytes of %d", used, limit)
	}
	return r, nil
}

// full reports whether an error says that Redis is full, which passes.
func full(err error) bool {
	var t *trouble
	return errors.As(err, &t) && strings.HasPrefix(t.text, fullText)
}

func unfit(format string, args ...any) error { return &trouble{text: fmt.Sprintf(format, args...)} }

// trouble is what keeps Redis from being our queue, in words that say how to mend it.
type trouble struct {
	text string
	err  error // nil: we found it ourselves
}

// Error gives the words first: what stands behind them may name a server.
func (t *trouble) Error() string {
	if t.err == nil {
		return t.text
	}
	return t.text + ": " + t.err.Error()
}

// Unwrap gives what Redis said.
func (t *trouble) Unwrap() error { return t.err }

const (
	fullText    = "Redis is full, what is due waits in the ledger; raise maxmemory, and see what else is kept there"
	replicaText = "Redis only reads, what is due waits in the ledger; storage.redis.addresses must lead to the primary, or to Sentinels who know it (master)"
	clusterText = "Redis is a Cluster; set cluster to true under storage.redis"
)

// answers tell what a refusal of Redis means, by how it begins behind the word ERR.
var answers = [...]struct {
	begin []string
	text  string
}{
	{[]string{"OOM"}, fullText},
	{[]string{"READONLY"}, replicaText},
	{[]string{"MOVED", "ASK", "CROSSSLOT"}, clusterText},
	{[]string{"This instance has cluster support disabled"}, "Redis is no Cluster; set cluster to false and give one address, or those of Sentinels with their master"},
	{[]string{"unknown command"}, "Redis does not know a command of ours; see that scripts (EVAL, EVALSHA) are not switched off there"},
	{[]string{"NOAUTH", "WRONGPASS", "NOPERM"}, "Redis refuses us; see that user name and password are right, and that the user may run scripts and publish"},
	{[]string{"MISCONF"}, "Redis takes nothing since it cannot write to its disk, what is due waits in the ledger; see its disk and its log"},
	{[]string{"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"}, "Redis is not ready, what is due waits in the ledger; see its log if that does not pass"},
}

// unreachable says what an error of Redis means for us.
func unreachable(err error) error {
	var told *trouble
	if err == nil || errors.As(err, &told) {
		return err
	}
	for _, a := range answers {
		for _, begin := range a.begin {
			if redis.HasErrorPrefix(err, begin) {
				return &trouble{a.text, err}
			}
		}
	}
	if errors.Is(err, redis.Nil) {
		return &trouble{"the Sentinels know no server by the name of storage.redis.master", err}
	}
	return &trouble{"Redis cannot be reached, what is due waits in the ledger; see that it runs and that its address is right", err}
}
