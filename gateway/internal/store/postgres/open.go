// Package postgres keeps the ledger in PostgreSQL, for any number of processes at once.
//
// Every transaction reads committed rows, takes the locks of the rows that it changes in one order (attempts, deliveries,
// groups' caps, contact points, counters; each by identifier), and is repeated when the server ends it for the sake of
// another. Nothing is kept in a session, so a connection pooler in transaction mode may stand in between.
package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// UsualConns is how many connections a process takes at most unless it is told; urgentConns of them are kept for work
// that cannot wait.
const (
	UsualConns  = 16
	urgentConns = 2
	fewestConns = urgentConns + 2
)

var errAddress = gateway.Faultf(gateway.CodeInvalid, "the ledger's address cannot be read; expected postgres://user:password@host:port/database")

// connectTime is how long one try to reach the server may take.
const connectTime = 5 * time.Second

// pingTime is how long a connection that was idle may take to show that it is alive.
const pingTime = 2 * time.Second

// Options says where the ledger is and how it seals.
type Options struct {
	URL string // as libpq takes it: postgres://user:password@host:port/database
	// Pooled says that a connection pooler in transaction mode (PgBouncer) stands in between: no named prepared statements.
	Pooled   bool
	MaxConns int // 0: UsualConns; at least fewestConns
	// Country gives the country of a canonical address (ISO 3166; gateway.UnknownCountry: nobody can tell), or nothing for
	// kinds without countries. Nil: no kind has any.
	Country func(kind string, address gateway.Private) string
	Ring    *seal.Ring       // the instance's keys
	Now     func() time.Time // the store's clock; nil: the database's
	Log     *slog.Logger     // nil: nothing is logged
	At      func(string)     // called at each of FaultPoints, by tests that kill; nil in production

	trace pgx.QueryTracer // sees every statement, in tests
}

// Store is a ledger in PostgreSQL. It is safe for concurrent use, beside any number of others on the same database.
type Store struct {
	pool     *pgxpool.Pool
	ring     *seal.Ring
	now      func() time.Time // nil: the database's
	log      *slog.Logger
	at       func(string)
	country  func(kind string, address gateway.Private) string
	keys     *sealed.Keys
	bulk     chan struct{} // a place for each connection that work may have which can wait
	id       gateway.ID    // of this process, for its marks
	marks    atomic.Int64
	shards   *shards
	memory   *memory
	quiet    gateway.QuietBook
	money    *money
	scans    scans
	waits    waits
	planning planning
	answer   time.Duration // of one try; 0: as long as it takes
	grown    atomic.Bool   // the tables of the hot path are large enough for plans that last
}

// Open opens the ledger and brings its tables up to date; several processes may do so at once. It answers CodeConflict
// while a move into the database is unfinished.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	unfinished, err := s.unfinished(ctx)
	if err == nil && unfinished {
		err = gateway.Faultf(gateway.CodeConflict, "a ledger is being moved into this database, or was and did not get to its end; run carillon move again")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	if o.Country == nil {
		o.Country = func(string, gateway.Private) string { return "" }
	}
	if o.MaxConns == 0 {
		o.MaxConns = UsualConns
	}
	if o.MaxConns < fewestConns {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the ledger may have %d connections; it needs %d", o.MaxConns, fewestConns)
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil { // its text may show the password
		return nil, errAddress
	}
	config.MaxConns = int32(o.MaxConns)
	config.ConnConfig.ConnectTimeout, config.PingTimeout = connectTime, pingTime
	config.ConnConfig.Tracer = o.trace
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = working
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		teach(c.TypeMap())
		if o.Pooled {
			return nil
		}
		_, err := c.Exec(ctx, sessionText)
		return err
	}
	plans := directPlanning
	if o.Pooled {
		plans = pooledPlanning
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	waiting, migrated := context.WithCancel(ctx)
	migrator := toMigrate(config.ConnConfig)
	go tellBlame(waiting, migrator, o.Log)
	err = migrate(ctx, migrator)
	migrated()
	if err != nil {
		return nil, fmt.Errorf("bringing the ledger's tables up to date: %w", readable(err))
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, readable(err)
	}
	s := &Store{pool: pool, id: gateway.NewID(), ring: o.Ring, now: o.Now, log: o.Log, at: o.At, country: o.Country, bulk: make(chan struct{}, o.MaxConns-urgentConns),
		keys: sealed.NewKeys(o.Ring), shards: newShards(), memory: newMemory(), money: newMoney(), scans: scans{at: map[gateway.ID]gateway.ID{}}, planning: plans, answer: answerTime}
	if err := s.checkKeys(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends all connections; it waits for those at work.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// migrationLock is the number of the lock that keeps two processes from migrating at once.
const migrationLock = 0x6361_7269_6c6c_6f6e

// toMigrate is the configuration of a start's connections that bring the tables up to date. They stand under a name of their own, so
// that what keeps this start waiting is told from what other starts wait for.
func toMigrate(config *pgx.ConnConfig) *pgx.ConnConfig {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	name := config.RuntimeParams["application_name"]
	if name == working {
		name = migrating
	}
	config.RuntimeParams["application_name"] = name + " " + rand.Text()[:8]
	return config
}

// migrate brings the tables up to date. The lock belongs to a transaction, not to a session, so that it holds behind a
// pooler as well; it is gone with the process, however that ends. The pooler must have two connections to give.
func migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := suits(ctx, db); err != nil {
		return err
	}
	lock, err := db.BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = lock.Rollback() }()
	for _, text := range []string{"SET LOCAL idle_in_transaction_session_timeout = 0", "SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0", fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(migrationLock))} {
		if _, err := lock.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return store.Migrate(ctx, db, "postgres")
}

// suits refuses a server on which the ledger cannot be kept, before anything is made there.
func suits(ctx context.Context, db *sql.DB) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	var s server
	err = c.Raw(func(driver any) (err error) {
		s, err = askServer(ctx, driver.(*stdlib.Conn).Conn())
		return err
	})
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	return s.unfit()
}

// shards lends each transaction a number that no other one of this process has at the time, so that their counters
// are different rows. Processes begin at different numbers; two that meet only wait for each other.
type shards struct {
	mu   sync.Mutex
	free []int16 // the next is the last
	next int16
}

// shardCount bounds the rows of one counter.
const shardCount = 512

func newShards() *shards {
	id := gateway.NewID() // its last bytes are random
	return &shards{next: (int16(id[14])<<8 | int16(id[15])) & (shardCount - 1)}
}

func (s *shards) take() int16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		shard := s.free[n-1]
		s.free = s.free[:n-1]
		return shard
	}
	shard := s.next
	s.next = (s.next + 1) & (shardCount - 1)
	return shard
}

func (s *shards) give(shard int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, shard)
}

var _ store.Store = (*Store)(nil)
