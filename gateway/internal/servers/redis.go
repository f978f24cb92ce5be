package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisStart bounds the start of one server, redisJoin what several need to find each other.
const (
	redisStart = 20 * time.Second
	redisJoin  = 60 * time.Second
)

// RedisOptions sets up a Redis server.
type RedisOptions struct {
	AppendOnly bool   // keep a log on disk, synced every second; without it a restart forgets everything
	Policy     string // maxmemory-policy; noeviction
	Settings   []string
}

// Redis is one Redis server.
type Redis struct {
	process
	port int
}

// StartRedis starts a server; ErrMissing if there is none.
func StartRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	r, err := newRedis("redis-server")
	if err != nil {
		return nil, err
	}
	keep := "no"
	if o.AppendOnly {
		keep = "yes"
	}
	if o.Policy == "" {
		o.Policy = "noeviction"
	}
	r.args = append([]string{"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir, "--save", "", "--appendonly", keep, "--appendfsync", "everysec",
		"--maxmemory-policy", o.Policy}, o.Settings...)
	if err := r.Start(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func newRedis(program string) (*Redis, error) {
	path, err := find(program)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "carillon-redis-")
	if err != nil {
		return nil, err
	}
	return &Redis{process: process{path: path, dir: dir}, port: port}, nil
}

// Addr is where the server listens.
func (r *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// Dir is the folder where it keeps its log.
func (r *Redis) Dir() string { return r.dir }

// Client makes a client of this server alone.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr(), PoolSize: 2, MaxRetries: -1, DialTimeout: time.Second, DisableIdentity: true})
}

// Start runs the server again after Stop or Kill, on the same folder and port.
func (r *Redis) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisStart)
	defer cancel()
	c := r.Client()
	defer c.Close()
	return r.start(ctx, func(ctx context.Context) error { return c.Ping(ctx).Err() })
}

// Stop shuts the server down in order.
func (r *Redis) Stop() { r.end(syscall.SIGTERM) }

// Kill ends it at once; what its log has not written yet is lost.
func (r *Redis) Kill() { r.end(syscall.SIGKILL) }

// Pause stops it where it is, until Resume.
func (r *Redis) Pause() error { return r.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (r *Redis) Resume() error { return r.signal(syscall.SIGCONT) }

// FlushAll forgets everything.
func (r *Redis) FlushAll(ctx context.Context) error {
	c := r.Client()
	defer c.Close()
	return c.FlushAll(ctx).Err()
}

// Used is the processor time that the server has used since its start.
func (r *Redis) Used(ctx context.Context) (time.Duration, error) {
	c := r.Client()
	defer c.Close()
	info := c.InfoMap(ctx, "cpu")
	if info.Err() != nil {
		return 0, info.Err()
	}
	total := 0.0
	for _, name := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info.Item("CPU", name), 64)
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", name, err)
		}
		total += seconds
	}
	return time.Duration(total * float64(time.Second)), nil
}

// Close ends the server and deletes its folder.
func (r *Redis) Close() {
	r.Kill()
	_ = os.RemoveAll(r.dir)
}

// primary says whether the server takes writes.
func (r *Redis) primary(ctx context.Context) bool {
	c := r.Client()
	defer c.Close()
	info := c.InfoMap(ctx, "replication")
	return info.Err() == nil && info.Item("Replication", "role") == "master"
}

// linked says whether a replica follows its primary.
func (r *Redis) linked(ctx context.Context) bool {
	c := r.Client()
	defer c.Close()
	info := c.InfoMap(ctx, "replication")
	return info.Err() == nil && info.Item("Replication", "master_link_status") == "up"
}

// until asks again and again, until it is so.
func until(ctx context.Context, what string, so func() bool) error {
	for !so() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// RedisSentinel is a primary with two replicas, watched by three sentinels.
type RedisSentinel struct {
	Servers   []*Redis // the first one begins as the primary
	sentinels []*Redis
}

// Master is the name that sentinels know the servers by.
const Master = "carillon"

// StartRedisSentinel starts them; they notice within two seconds that the primary is gone.
func StartRedisSentinel(ctx context.Context, o RedisOptions) (*RedisSentinel, error) {
	ctx, cancel := context.WithTimeout(ctx, redisJoin)
	defer cancel()
	s := &RedisSentinel{}
	if err := s.begin(ctx, o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *RedisSentinel) begin(ctx context.Context, o RedisOptions) error {
	settings := append([]string{"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}, o.Settings...)
	for i := range 3 {
		o.Settings = settings
		if i > 0 {
			o.Settings = append(settings[:len(settings):len(settings)], "--replicaof", "127.0.0.1 "+strconv.Itoa(s.Servers[0].port))
		}
		r, err := StartRedis(ctx, o)
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, r)
	}
	for _, r := range s.Servers[1:] {
		if err := until(ctx, "a replica follows", func() bool { return r.linked(ctx) }); err != nil {
			return err
		}
	}
	for range 3 {
		r, err := newRedis("redis-sentinel")
		if err != nil {
			return err
		}
		s.sentinels = append(s.sentinels, r)
		file := filepath.Join(r.dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d 2\nsentinel down-after-milliseconds %s 1500\nsentinel failover-timeout %s 5000\nsentinel parallel-syncs %s 2\n",
			r.port, r.dir, Master, s.Servers[0].port, Master, Master, Master)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		r.args = []string{file}
		if err := r.Start(ctx); err != nil {
			return err
		}
	}
	for _, r := range s.sentinels {
		c := redis.NewSentinelClient(&redis.Options{Addr: r.Addr(), DisableIdentity: true})
		err := until(ctx, "the sentinels know each other", func() bool {
			known, err := c.Master(ctx, Master).Result()
			return err == nil && known["num-other-sentinels"] == "2" && known["num-slaves"] == "2"
		})
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Addrs is where the sentinels listen.
func (s *RedisSentinel) Addrs() []string { return addrs(s.sentinels) }

// Primary is the server that the sentinels name; nil: they name none of ours.
func (s *RedisSentinel) Primary(ctx context.Context) *Redis {
	for _, watcher := range s.sentinels {
		c := redis.NewSentinelClient(&redis.Options{Addr: watcher.Addr(), DisableIdentity: true})
		named, err := c.GetMasterAddrByName(ctx, Master).Result()
		_ = c.Close()
		for _, r := range s.Servers {
			if err == nil && len(named) == 2 && named[1] == strconv.Itoa(r.port) {
				return r
			}
		}
	}
	return nil
}

// Failover kills the primary, waits until a replica has taken over, and returns what was killed.
func (s *RedisSentinel) Failover(ctx context.Context) (*Redis, error) {
	dead := s.Primary(ctx)
	if dead == nil {
		return nil, errors.New("there is no primary")
	}
	dead.Kill()
	return dead, until(ctx, "a replica has taken over", func() bool {
		now := s.Primary(ctx)
		return now != nil && now != dead && now.primary(ctx)
	})
}

// Close ends all servers and deletes their folders.
func (s *RedisSentinel) Close() { closeAll(append(s.sentinels, s.Servers...)) }

// RedisCluster is six servers: three primaries with a replica each.
type RedisCluster struct {
	Servers []*Redis // the first three begin as primaries, each followed by the one three places behind it
}

// StartRedisCluster starts them; a replica takes over about two seconds after its primary is gone.
func StartRedisCluster(ctx context.Context, o RedisOptions) (*RedisCluster, error) {
	ctx, cancel := context.WithTimeout(ctx, redisJoin)
	defer cancel()
	c := &RedisCluster{}
	if err := c.begin(ctx, o); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *RedisCluster) begin(ctx context.Context, o RedisOptions) error {
	settings := o.Settings
	for range 6 {
		bus, err := freePort()
		if err != nil {
			return err
		}
		o.Settings = append([]string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0",
			"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}, settings...)
		r, err := StartRedis(ctx, o)
		if err != nil {
			return err
		}
		c.Servers = append(c.Servers, r)
		client := r.Client()
		err = client.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", c.Servers[0].port, busOf(c.Servers[0])).Err()
		if len(c.Servers) <= 3 && err == nil {
			first := (len(c.Servers) - 1) * 16384 / 3
			err = client.ClusterAddSlotsRange(ctx, first, len(c.Servers)*16384/3-1).Err()
		}
		if err := errors.Join(err, client.Close()); err != nil {
			return fmt.Errorf("joining a cluster: %w", err)
		}
	}
	for i, r := range c.Servers[3:] {
		of, client := c.Servers[i].Client(), r.Client()
		id, err := of.ClusterMyID(ctx).Result()
		if err == nil {
			err = until(ctx, "a replica knows its primary", func() bool { return client.ClusterReplicate(ctx, id).Err() == nil })
		}
		if err := errors.Join(err, of.Close(), client.Close()); err != nil {
			return err
		}
	}
	return c.Whole(ctx)
}

// busOf reads the port of the cluster's bus from what a server was started with.
func busOf(r *Redis) string {
	for i, arg := range r.args {
		if arg == "--cluster-port" {
			return r.args[i+1]
		}
	}
	return ""
}

// Whole waits until every server sees all slots served, and every replica follows its primary.
func (c *RedisCluster) Whole(ctx context.Context) error {
	for _, r := range c.Servers {
		client := r.Client()
		err := until(ctx, "the cluster is whole", func() bool {
			info, err := client.ClusterInfo(ctx).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:6") && (r.primary(ctx) || r.linked(ctx))
		})
		if err := errors.Join(err, client.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Addrs is where the servers listen.
func (c *RedisCluster) Addrs() []string { return addrs(c.Servers) }

// Owner is the primary that holds a key now; nil: none answers.
func (c *RedisCluster) Owner(ctx context.Context, key string) *Redis { return c.owner(ctx, key, nil) }

func (c *RedisCluster) owner(ctx context.Context, key string, but *Redis) *Redis {
	for _, r := range c.Servers {
		if r == but {
			continue
		}
		client := r.Client()
		err := client.Exists(ctx, key).Err() // anybody else answers MOVED
		_ = client.Close()
		if err == nil {
			return r
		}
	}
	return nil
}

// FlushAll forgets everything on all primaries.
func (c *RedisCluster) FlushAll(ctx context.Context) error {
	for _, r := range c.Servers {
		if !r.primary(ctx) {
			continue
		}
		if err := r.FlushAll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Failover kills the primary that holds a key, waits until its replica has taken over, and returns what was killed.
func (c *RedisCluster) Failover(ctx context.Context, key string) (*Redis, error) {
	dead := c.Owner(ctx, key)
	if dead == nil {
		return nil, errors.New("no primary holds that key")
	}
	dead.Kill()
	return dead, c.TakenOver(ctx, key, dead)
}

// TakenOver waits until another server than one that does not answer holds a key.
func (c *RedisCluster) TakenOver(ctx context.Context, key string, from *Redis) error {
	return until(ctx, "a replica has taken over", func() bool { return c.owner(ctx, key, from) != nil })
}

// Close ends all servers and deletes their folders.
func (c *RedisCluster) Close() { closeAll(c.Servers) }

func addrs(of []*Redis) (all []string) {
	for _, r := range of {
		all = append(all, r.Addr())
	}
	return all
}

func closeAll(servers []*Redis) {
	for _, r := range servers {
		r.Close()
	}
}
