package redisq

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Report is how one server is.
type Report struct {
	Addr     string
	Version  string
	Policy   string        // maxmemory-policy
	Unfit    error         // why it is no good for a queue, and how to mend it; nil: it is
	Persists string        // how what it holds survives a restart, in words; empty: it does not, or it does not say
	Clock    time.Duration // how far its clock is ahead of ours
}

// Examine looks at every server that takes writes, and tries whether they take any; of that it leaves nothing behind.
func Examine(ctx context.Context, o Options) (all []Report, err error) {
	o.complete()
	logging.Disable() // what the client prints by itself comes back to us as an error as well
	client := redis.NewUniversalClient(o.client())
	defer func() { err = errors.Join(err, client.Close()) }()
	var mu sync.Mutex
	look := func(ctx context.Context, c *redis.Client) error {
		r, err := examine(ctx, c, o.Cluster)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, r)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*o.Timeout)
	defer cancel()
	if err = unreachable(each(ctx, client, look)); err == nil && !slices.ContainsFunc(all, func(r Report) bool { return r.Unfit != nil }) {
		probe := newScripts().probe
		err = unreachable(client.Eval(ctx, probe.text, []string{o.Prefix + ":probe"}).Err())
	}
	slices.SortFunc(all, func(a, b Report) int { return strings.Compare(a.Addr, b.Addr) })
	return all, err
}

func examine(ctx context.Context, c *redis.Client, cluster bool) (Report, error) {
	r, err := inspect(ctx, c, cluster)
	if err != nil || r.Unfit != nil {
		return r, err
	}
	asked := time.Now()
	at, err := c.Time(ctx).Result()
	if err != nil {
		return r, unreachable(err)
	}
	r.Clock = at.Sub(asked.Add(time.Since(asked) / 2))
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
