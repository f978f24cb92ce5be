// Package redisq is the queue between processes, and what else they share, on Redis 7: one server, servers behind Sentinel,
// or a Cluster. Redis holds ids and numbers only, and may lose them at any time; see docs/adr/0017.
package redisq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// Options sets up a Queue. What has no default beside it is required.
type Options struct {
	Addrs              []string    // host:port of the server, of sentinels, or of some servers of a Cluster
	Master             string      // the name that sentinels know the servers by; empty: no sentinels
	Cluster            bool        // a Cluster, even if one address is given only
	Username, Password string      // of the servers; empty: none
	SentinelPassword   string      // empty: none
	TLS                *tls.Config // nil: none

	Prefix  string        // of all keys and of the topic of signals; "carillon"
	Window  int           // ids of each group that a lane holds waiting; queue.Window
	Hold    time.Duration // after which popped ids are forgotten if nobody says Done: their popper died; 15 s
	Timeout time.Duration // of one exchange with the server; 1 s
	Log     *slog.Logger  // nil: none
}

func (o *Options) complete() {
	lasting := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	lasting(&o.Hold, 15*time.Second)
	lasting(&o.Timeout, time.Second)
	if o.Window <= 0 {
		o.Window = queue.Window
	}
	if o.Prefix == "" {
		o.Prefix = "carillon"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// client says how to connect. Nothing is sent twice by the client: a script whose answer was lost may have run. ReadTimeout
// follows the contexts.
func (o *Options) client() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs:      slices.Clone(o.Addrs), // the client writes behind its end
		MasterName: o.Master, IsClusterMode: o.Cluster, Username: o.Username, Password: o.Password, SentinelPassword: o.SentinelPassword, TLSConfig: o.TLS,
		Protocol: 2, MaxRetries: -1, DialTimeout: o.Timeout, DialerRetries: 1, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true,
		PoolSize: 64, PoolTimeout: o.Timeout, PipelinePoolSize: -1, FailingTimeoutSeconds: 1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Queue is a queue that processes share, the signals between them and their rates.
type Queue struct {
	o       Options
	client  redis.UniversalClient
	scripts scripts
	topic   string
	self    gateway.ID // of this process, so that it does not listen to itself

	lost      chan struct{}
	nudged    chan queue.Lane
	announced chan struct{}
	deaf      atomic.Bool // signals do not come: who waits looks for himself

	mu       sync.RWMutex
	channels map[gateway.ID]*channel

	telling tells
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// Open connects, and refuses a Redis that would lose or not take what it is given, but not one that is full now: what is due
// waits in the ledger until it has room. Close ends it.
func Open(ctx context.Context, o Options) (*Queue, error) {
	o.complete()
	logging.Disable() // what the client prints by itself comes back to us as an error as well
	if len(o.Addrs) == 0 {
		return nil, errors.New("no address of a Redis server is given")
	}
	q := &Queue{o: o, scripts: newScripts(), topic: o.Prefix + ":signals", self: gateway.NewID(), channels: map[gateway.ID]*channel{},
		lost: make(chan struct{}, 1), nudged: make(chan queue.Lane, 256), announced: make(chan struct{}, 1), telling: newTells()}
	q.client = redis.NewUniversalClient(o.client())
	if err := q.Check(ctx); err != nil && !full(err) {
		return nil, errors.Join(err, q.client.Close())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	q.stop = stop
	q.deaf.Store(true)
	q.ended.Go(func() { q.listen(background) })
	q.ended.Go(func() { q.watch(background) })
	q.ended.Go(func() { q.tell(background) })
	return q, nil
}

// Close forgets what is Done, and disconnects. Nothing may be called after it.
func (q *Queue) Close() error {
	q.mu.RLock()
	var all []*channel
	for _, c := range q.channels {
		all = append(all, c)
	}
	q.mu.RUnlock()
	for _, c := range all {
		if q.flush(c) != nil { // what was not told is forgotten by its time
			break
		}
	}
	q.stop()
	q.ended.Wait()
	return q.client.Close()
}

// each asks every server that takes writes, those of a Cluster at once.
func each(ctx context.Context, client redis.UniversalClient, ask func(context.Context, *redis.Client) error) error {
	switch c := client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, ask)
	case *redis.Client:
		return ask(ctx, c)
	}
	return fmt.Errorf("a client of type %T is not known", client)
}

// once is a command that the client never sends again by itself.
type once struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

// run executes a script, once: an error leaves open whether it ran. It may be sent again where it certainly did not.
func (q *Queue) run(ctx context.Context, s *script, keys []string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.o.Timeout)
	defer cancel()
	eval := func(how, what string) (any, error) {
		all := make([]any, 0, 3+len(keys)+len(args))
		all = append(all, how, what, len(keys))
		for _, k := range keys {
			all = append(all, k)
		}
		cmd := once{redis.NewCmd(ctx, append(all, args...)...)}
		err := q.client.Process(ctx, cmd)
		return cmd.Val(), err
	}
	reply, err := eval("evalsha", s.sha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, err = eval("eval", s.text)
	}
	if err != nil {
		q.askWho(err)
		return nil, unreachable(err)
	}
	list, _ := reply.([]any)
	return list, nil
}

// askWho has a Cluster asked which server holds what: by itself the client does so every ten seconds, and for answers that
// send it elsewhere, but not when a server is gone.
func (q *Queue) askWho(err error) {
	var answer redis.Error
	if c, ok := q.client.(*redis.ClusterClient); ok && (!errors.As(err, &answer) || redis.HasErrorPrefix(err, "CLUSTERDOWN")) {
		c.ReloadState(context.Background()) // of many such calls it asks once, and not again for a while
	}
}

// channel is what this process knows of the lanes of one channel.
type channel struct {
	id         gateway.ID
	tag        string // begins all its keys
	generation string // key
	lanes      [len(gateway.Lanes)]laneKeys

	mu    sync.Mutex
	known string        // the generation that was seen last; empty: none
	ahead int64         // how many milliseconds the server's clock is ahead of ours, as far as is known
	timed bool          // ahead is known
	wake  chan struct{} // closed and replaced when there may be something to pop
	done  [len(gateway.Lanes)][]byte
	armed bool // what is done will be told
}

// laneKeys are the keys of a lane: see pushText.
type laneKeys struct {
	turns, present, more string
	groups               string // a prefix
}

func (q *Queue) channel(id gateway.ID) *channel {
	q.mu.RLock()
	c := q.channels[id]
	q.mu.RUnlock()
	if c != nil {
		return c
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if c = q.channels[id]; c == nil {
		c = &channel{id: id, tag: q.o.Prefix + ":{" + id.String() + "}:", wake: make(chan struct{})}
		c.generation = c.tag + "generation"
		for i := range c.lanes {
			lane := c.tag + strconv.Itoa(i)
			c.lanes[i] = laneKeys{turns: lane + ":turns", present: lane + ":present", more: lane + ":more", groups: lane + ":of:"}
		}
		q.channels[id] = c
	}
	return c
}

// learn takes over what an answer tells: the generation, and the server's time.
func (q *Queue) learn(c *channel, generation string, now int64) {
	q.saw(c, generation)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.timed = now-time.Now().UnixMilli(), true
}

// saw takes over the generation that is there; empty: there is none. One other than was seen last is a loss.
func (q *Queue) saw(c *channel, generation string) {
	c.mu.Lock()
	lost := c.known != "" && c.known != generation
	c.known = generation
	c.mu.Unlock()
	if lost {
		signal(q.lost)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// waits gives what is closed when there may be something to pop.
func (c *channel) waits() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wake
}

func (c *channel) wakeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.wake)
	c.wake = make(chan struct{})
}

// Lost implements queue.Queue.
func (q *Queue) Lost() <-chan struct{} { return q.lost }

// watchEvery is how often it is seen whether Redis still holds what it held.
const watchEvery = time.Second

// watch sees now and then whether the generations are still there.
func (q *Queue) watch(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			q.look(ctx)
		}
	}
}

// look compares the generations that are known with those that are there.
func (q *Queue) look(ctx context.Context) {
	q.mu.RLock()
	all := make([]*channel, 0, len(q.channels))
	for _, c := range q.channels {
		all = append(all, c)
	}
	q.mu.RUnlock()
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, q.o.Timeout)
	defer cancel()
	pipe := q.client.Pipeline()
	answers := make([]*redis.StringCmd, len(all))
	for i, c := range all {
		answers[i] = pipe.Get(ctx, c.generation)
	}
	_, _ = pipe.Exec(ctx) // each answer says for itself
	for i, c := range all {
		is, err := answers[i].Result()
		if err == nil || errors.Is(err, redis.Nil) {
			q.saw(c, is)
		}
	}
}

var (
	_ queue.Queue   = (*Queue)(nil)
	_ queue.Signals = (*Queue)(nil)
)
