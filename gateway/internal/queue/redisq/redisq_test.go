package redisq_test

import (
	"context"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/queuetest"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// site is one of the ways in which Redis runs.
type site struct {
	name  string
	begin func(ctx context.Context) (options redisq.Options, flush func(context.Context) error, end func(), err error)
}

var sites = []site{
	{"single", func(ctx context.Context) (redisq.Options, func(context.Context) error, func(), error) {
		r, err := servers.StartRedis(ctx, servers.RedisOptions{})
		if err != nil {
			return redisq.Options{}, nil, nil, err
		}
		return redisq.Options{Addrs: []string{r.Addr()}}, r.FlushAll, r.Close, nil
	}},
	{"Sentinel", func(ctx context.Context) (redisq.Options, func(context.Context) error, func(), error) {
		s, err := servers.StartRedisSentinel(ctx, servers.RedisOptions{})
		if err != nil {
			return redisq.Options{}, nil, nil, err
		}
		flush := func(ctx context.Context) error { return s.Primary(ctx).FlushAll(ctx) }
		return redisq.Options{Addrs: s.Addrs(), Master: servers.Master}, flush, s.Close, nil
	}},
	{"Cluster", func(ctx context.Context) (redisq.Options, func(context.Context) error, func(), error) {
		c, err := servers.StartRedisCluster(ctx, servers.RedisOptions{})
		if err != nil {
			return redisq.Options{}, nil, nil, err
		}
		return redisq.Options{Addrs: c.Addrs()[:2], Cluster: true}, c.FlushAll, c.Close, nil
	}},
}

// single starts one server for a test.
func single(t testing.TB, o servers.RedisOptions) *servers.Redis {
	t.Helper()
	r, err := servers.StartRedis(t.Context(), o)
	servers.Need(t, err)
	t.Cleanup(r.Close)
	return r
}

// open connects with keys of its own.
func open(t testing.TB, o redisq.Options) *redisq.Queue {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = gateway.NewID().String()
	}
	q, err := redisq.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return q
}

func TestQueue(t *testing.T) {
	for _, at := range sites {
		t.Run(at.name, func(t *testing.T) {
			o, flush, end, err := at.begin(t.Context())
			servers.Need(t, err)
			t.Cleanup(end)
			o.Window = queuetest.Window
			queuetest.Run(t, func(t *testing.T) queuetest.Subject {
				q := open(t, o)
				return queuetest.Subject{Queue: q, Flush: func() {
					if err := flush(context.Background()); err != nil {
						t.Fatal(err)
					}
				}}
			})
		})
	}
}

// A Redis that drops keys when it is full is refused, with what to do about it.
func TestEvictionIsRefused(t *testing.T) {
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
		r := single(t, servers.RedisOptions{Policy: policy})
		_, err := redisq.Open(t.Context(), redisq.Options{Addrs: []string{r.Addr()}})
		if err == nil || !strings.Contains(err.Error(), policy) || !strings.Contains(err.Error(), "noeviction") {
			t.Errorf("%s: %v", policy, err)
		}
		r.Close()
	}
}
