package redisq_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// A Redis on which nothing would come through is told from one that is away, at the start, by doctor and while it goes on, with
// how to mend it; and nothing is left there by looking.
func TestWhatIsWrongWithRedis(t *testing.T) {
	sound, replica, small := single(t, servers.RedisOptions{}), single(t, servers.RedisOptions{}), single(t, servers.RedisOptions{Settings: []string{"--maxmemory", "100kb"}})
	noScripts := single(t, servers.RedisOptions{Settings: []string{"--rename-command", "EVAL", "", "--rename-command", "EVALSHA", ""}})
	sentinels, err := servers.StartRedisSentinel(t.Context(), servers.RedisOptions{})
	servers.Need(t, err)
	t.Cleanup(sentinels.Close)
	cluster, err := servers.StartRedisCluster(t.Context(), servers.RedisOptions{})
	servers.Need(t, err)
	t.Cleanup(cluster.Close)
	host, port, _ := strings.Cut(sound.Addr(), ":")
	c := replica.Client()
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SlaveOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	for name, is := range map[string]struct {
		options redisq.Options
		want    string // nothing: it is sound
		starts  bool
	}{
		"sound":                {redisq.Options{Addrs: []string{sound.Addr()}}, "", true},
		"a Cluster":            {redisq.Options{Addrs: cluster.Addrs()[:1], Cluster: true}, "", true},
		"full":                 {redisq.Options{Addrs: []string{small.Addr()}}, "Redis is full", true},
		"a replica":            {redisq.Options{Addrs: []string{replica.Addr()}}, "Redis only reads", false},
		"no scripts":           {redisq.Options{Addrs: []string{noScripts.Addr()}}, "scripts (EVAL, EVALSHA)", false},
		"a Sentinel":           {redisq.Options{Addrs: sentinels.Addrs()[:1]}, "this is a Sentinel", false},
		"an unknown master":    {redisq.Options{Addrs: sentinels.Addrs(), Master: "nobody"}, "storage.redis.master", false},
		"a node of a Cluster":  {redisq.Options{Addrs: cluster.Addrs()[:1]}, "set cluster to true", false},
		"one that is no node":  {redisq.Options{Addrs: []string{sound.Addr()}, Cluster: true}, "Redis is no Cluster", false},
		"two that are no node": {redisq.Options{Addrs: []string{sound.Addr(), small.Addr()}}, "Redis is no Cluster", false},
	} {
		said := func(who string, err error) {
			t.Helper()
			if is.want == "" && err != nil || is.want != "" && (err == nil || !strings.Contains(err.Error(), is.want) || strings.Contains(err.Error(), "cannot be reached")) {
				t.Errorf("%s, %s: %v", name, who, err)
			}
		}
		q, err := redisq.Open(t.Context(), is.options)
		if is.starts != (err == nil) {
			t.Errorf("%s: opened with %v", name, err)
		}
		if err == nil {
			said("while it goes on", q.Check(t.Context()))
			_ = q.Close()
		} else {
			said("at the start", err)
		}
		all, err := redisq.Examine(t.Context(), is.options)
		for i := 0; err == nil && i < len(all); i++ {
			err = all[i].Unfit
		}
		said("doctor", err)
	}
	if left, err := sound.Items(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("looking left %v, %v", left, err)
	}
}
