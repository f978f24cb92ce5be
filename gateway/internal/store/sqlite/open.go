// Package sqlite keeps the ledger in one SQLite file: one writer that commits for everybody who waits, and a few
// readers.
//
// The tables that a message passes through are keyed by whole numbers: a delivery and an attempt by the first half of
// their identifiers, which rises with time, so that planning and claiming append; groups, channels and broadcasts by a
// number of their own, which the Store translates.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", for migrations

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// The page caches are small and fixed, in KiB: memory must not grow with the number of members, and the operating
// system caches the file as well. The writer's is what a large ledger takes more of than a small one.
const (
	writerCache = 2 << 10
	readerCache = 512
	readerCount = 4
)

// busyTimeout is how long a connection waits for a lock, in milliseconds. Nobody else has the file open, unless a person
// looks into it.
const busyTimeout = 10_000

// Options says where the ledger is and how it seals.
type Options struct {
	Dir string // the data folder; made if it is missing
	// Country gives the country of a canonical address (ISO 3166; gateway.UnknownCountry: nobody can tell), or nothing for
	// kinds without countries. Nil: no kind has any.
	Country func(kind string, address gateway.Private) string
	Ring    *seal.Ring       // the instance's keys
	Now     func() time.Time // the store's clock; nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
	At      func(string)     // called at each of FaultPoints, by tests that kill; nil in production
	Moving  bool             // it is opened to be moved: also if it was left already, so that what was cut at its end goes on
}

// Store is a ledger in one SQLite file. It is safe for concurrent use.
type Store struct {
	ring  *seal.Ring
	now   func() time.Time
	log   *slog.Logger
	dir   string
	left  bool // see Left
	lock  *os.File
	read  *readers
	write *writer

	country    func(kind string, address gateway.Private) string
	unscrubbed atomic.Bool  // something was deleted that may still stand in the journal; so may what a process before this one deleted
	sweptAt    atomic.Int64 // when the last sweep of the gaps began; 0: one is due

	keys     *sealed.Keys
	groups   *names
	quiet    gateway.QuietBook
	channels *names

	importing sync.Map // imports that a caller of this process is at, by id; a hidden one that is not here was left behind

	mu    sync.Mutex
	scans map[scanKey]gateway.ID // where Lapse and Release go on
}

// Open opens or makes the ledger and brings its tables up to date. It answers CodeLocked if another process has it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	where, err := os.ReadFile(filepath.Join(o.Dir, leftName))
	if err == nil && !o.Moving {
		return nil, errors.Join(gateway.Faultf(gateway.CodeConflict, "%s Whatever it had planned is sent from there. Name that database in carillon.yaml, or, if the move was a mistake and nothing was sent from there, delete %s",
			where, filepath.Join(o.Dir, leftName)), lock.Close())
	}
	if o.Country == nil {
		o.Country = func(string, gateway.Private) string { return "" }
	}
	s := &Store{left: err == nil, country: o.Country, ring: o.Ring, now: o.Now, log: o.Log, dir: o.Dir, lock: lock, groups: newNames("groups"), channels: newNames("channels"),
		keys: sealed.NewKeys(o.Ring), scans: map[scanKey]gateway.ID{}}
	s.unscrubbed.Store(true)
	if err := s.open(ctx, filepath.Join(o.Dir, "carillon.db"), o.At); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, at func(string)) error {
	// SQLite would make the file readable for all that the folder lets in, and makes its journal like the file.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the ledger's file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("opening the ledger's file: %w", err)
	}
	if err := migrate(ctx, path); err != nil {
		return fmt.Errorf("bringing the ledger's tables up to date: %w", err)
	}
	if s.write, err = newWriter(s, path, at); err != nil {
		return err
	}
	if s.read, err = newReaders(path); err != nil {
		return err
	}
	return s.checkKeys(ctx)
}

// pragmas are what every connection is set to. Only the checkpointer moves pages from the journal into the file.
func pragmas(cache int, more ...string) []string {
	return append([]string{fmt.Sprintf("busy_timeout=%d", busyTimeout), "journal_mode=wal", "synchronous=full", fmt.Sprintf("cache_size=-%d", cache), "temp_store=memory",
		"wal_autocheckpoint=0", "journal_size_limit=67108864", "secure_delete=on"}, more...)
}

func migrate(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(wal)&_txlock=immediate", path, busyTimeout))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	return store.Migrate(ctx, db, "sqlite")
}

// lockFolder makes sure that one process has the folder. The lock goes with the process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, "carillon.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, gateway.Faultf(gateway.CodeLocked, "another carillon is running on this data folder (%s is locked); stop it first, or give this one a data folder of its own", path)
	}
	return f, nil
}

// leftName is the file that says that a ledger was moved away.
const leftName = "carillon.moved"

// MoveAway says that the ledger goes on in PostgreSQL, and that nobody is to open it here again: the same messages would be sent
// twice. That is on the disk when it returns.
func (s *Store) MoveAway() error {
	f, err := os.OpenFile(filepath.Join(s.dir, leftName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "this ledger was moved to PostgreSQL on %s.", time.Now().UTC().Format("2 January 2006, 15:04 UTC"))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	folder, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Left says that MoveAway was called before this ledger was opened.
func (s *Store) Left() bool { return s.left }

// Close waits for what is being written, and leaves one whole file without a journal.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.close())
	}
	if s.write != nil {
		errs = append(errs, s.write.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

func (s *Store) micros() int64 { return s.now().UnixMicro() }

// readers is a small pool of connections that only read.
type readers struct {
	idle chan *lite.Conn
	stop chan struct{}
	once sync.Once
}

func newReaders(path string) (*readers, error) {
	r := &readers{idle: make(chan *lite.Conn, readerCount), stop: make(chan struct{})}
	for range readerCount {
		c, err := lite.Open(path, pragmas(readerCache, "query_only=on")...)
		if err != nil {
			r.once.Do(func() { close(r.stop) })
			return nil, errors.Join(err, r.drain(len(r.idle)))
		}
		r.idle <- c
	}
	return r, nil
}

// reading runs read with a connection of the pool. All that one call reads is not of one moment unless it is one
// statement.
func (s *Store) reading(ctx context.Context, read func(*lite.Conn) error) error {
	select {
	case <-s.read.stop:
		return errClosed
	default:
	}
	select {
	case c := <-s.read.idle:
		defer func() { s.read.idle <- c }()
		return read(c)
	case <-ctx.Done():
		return ctx.Err()
	case <-s.read.stop:
		return errClosed
	}
}

func (r *readers) close() error {
	r.once.Do(func() { close(r.stop) })
	return r.drain(readerCount)
}

func (r *readers) drain(n int) error {
	var errs []error
	for range n {
		errs = append(errs, (<-r.idle).Close())
	}
	return errors.Join(errs...)
}

var _ store.Store = (*Store)(nil)
