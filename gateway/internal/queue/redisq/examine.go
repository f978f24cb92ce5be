package redisq

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Report is how one server is.
type Report struct {
	Addr     string
	Version  string
	Policy   string        // maxmemory-policy
	Persists string        // how what it holds survives a restart, in words; empty: it does not, or it does not say
	Clock    time.Duration // how far its clock is ahead of ours
}

// Examine looks at every server that takes writes. It changes nothing.
func Examine(ctx context.Context, o Options) (all []Report, err error) {
	o.complete()
	client := redis.NewUniversalClient(o.client())
	defer func() { err = errors.Join(err, client.Close()) }()
	var mu sync.Mutex
	look := func(ctx context.Context, c *redis.Client) error {
		r, err := examine(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, r)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*o.Timeout)
	defer cancel()
	err = each(ctx, client, look)
	slices.SortFunc(all, func(a, b Report) int { return strings.Compare(a.Addr, b.Addr) })
	return all, err
}

func examine(ctx context.Context, c *redis.Client) (Report, error) {
	r := Report{Addr: c.Options().Addr}
	asked := time.Now()
	at, err := c.Time(ctx).Result()
	if err != nil {
		return r, unreachable(err)
	}
	r.Clock = at.Sub(asked.Add(time.Since(asked) / 2))
	for _, item := range []struct {
		section, title, key string
		into                *string
	}{{"server", "Server", "redis_version", &r.Version}, {"memory", "Memory", "maxmemory_policy", &r.Policy}} {
		info := c.InfoMap(ctx, item.section)
		if info.Err() != nil {
			return r, unreachable(info.Err())
		}
		*item.into = info.Item(item.title, item.key)
	}
	// A hosted Redis may not show its settings; then nothing is said.
	settings := map[string]string{}
	for _, name := range [...]string{"appendonly", "appendfsync", "save"} {
		for k, v := range c.ConfigGet(ctx, name).Val() {
			settings[k] = v
		}
	}
	switch {
	case settings["appendonly"] == "yes":
		r.Persists = "append-only file, " + settings["appendfsync"]
	case settings["save"] != "":
		r.Persists = "snapshots"
	}
	return r, nil
}
