package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// ground is what a world stands on: nothing but its folder, or a database and a Redis that are named in a file there.
type ground struct {
	Postgres string `json:"postgres,omitempty"`
	Redis    string `json:"redis,omitempty"`
}

const groundFile = "ground.json"

// groundOf reads what a folder's world stands on.
func groundOf(dir string) (g ground, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, groundFile))
	if errors.Is(err, os.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(raw, &g)
}

func (g ground) scaled() bool { return g.Postgres != "" }

func (g ground) ledger(ctx context.Context, dir string, ring *seal.Ring) (store.Store, error) {
	if g.scaled() {
		return postgres.Open(ctx, postgres.Options{URL: g.Postgres, Ring: ring})
	}
	return sqlite.Open(ctx, sqlite.Options{Dir: filepath.Join(dir, "data"), Ring: ring})
}

// queue opens the queue; end closes it.
func (g ground) queue(ctx context.Context, dir string) (q queue.Queue, end func() error, err error) {
	if !g.scaled() {
		return memq.New(queue.Window), func() error { return nil }, nil
	}
	r, err := redisq.Open(ctx, redisq.Options{Addrs: []string{g.Redis}, Prefix: "bench-" + filepath.Base(dir)})
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}

// storage is that section of carillon.yaml.
func (g ground) storage(dir string) (string, error) {
	if !g.scaled() {
		return "", nil
	}
	err := os.WriteFile(filepath.Join(dir, "postgres"), []byte(g.Postgres), 0o600)
	return fmt.Sprintf("storage: {profile: scaled, postgres: {file: postgres}, redis: {addresses: [%q]}}\n", g.Redis), err
}

// machinery is the servers of a run in the profile scaled, on this machine and with the durability of a ledger: PostgreSQL
// syncs at every commit, Redis once a second.
type machinery struct {
	postgres *servers.Postgres
	redis    *servers.Redis
}

func startMachinery(ctx context.Context) (*machinery, error) {
	p, err := servers.StartPostgres(ctx, servers.PostgresOptions{SharedBuffers: "512MB", Settings: []string{"max_wal_size=4GB", "checkpoint_timeout=15min"}})
	if err != nil {
		return nil, err
	}
	r, err := servers.StartRedis(ctx, servers.RedisOptions{AppendOnly: true})
	if err != nil {
		p.Close()
		return nil, err
	}
	return &machinery{p, r}, nil
}

func (m *machinery) close() {
	if m != nil {
		m.redis.Close()
		m.postgres.Close()
	}
}

// use is the processor time of the servers so far.
type use struct{ postgres, redis time.Duration }

func (m *machinery) used(ctx context.Context) (u use, err error) {
	if m == nil {
		return u, nil
	}
	u.postgres = m.postgres.Used()
	u.redis, err = m.redis.Used(ctx)
	return u, err
}

// since says what each of n messages has cost the servers.
func (u use) since(before use, n int) string {
	if u == (use{}) {
		return ""
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(n) / 1000 }
	return fmt.Sprintf(", PostgreSQL %.1f µs, Redis %.1f µs", each(u.postgres-before.postgres), each(u.redis-before.redis))
}

// place makes the folder of a world, and what it stands on.
func (r *run) place(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if r.machinery == nil {
		return dir, nil
	}
	database, err := r.machinery.postgres.NewDatabase(ctx)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(ground{Postgres: r.machinery.postgres.URL(database), Redis: r.machinery.redis.Addr()})
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, groundFile), raw, 0o600)
}
