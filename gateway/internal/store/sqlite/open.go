// Package sqlite keeps the ledger in one SQLite file: one writer that commits for everybody who waits, and a few readers.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// The page caches are small and fixed, in KiB: memory must not grow with the number of members, and the operating
// system caches the file as well.
const (
	writerCache = 16 << 10
	readerCache = 4 << 10
	readers     = 4
)

// Options says where the ledger is and how it seals.
type Options struct {
	Dir  string           // the data folder; made if it is missing
	Ring *seal.Ring       // the instance's keys
	Now  func() time.Time // the store's clock; nil: time.Now
	Log  *slog.Logger     // nil: nothing is logged
	At   func(string)     // called at each of FaultPoints, by tests that kill; nil in production
}

// Store is a ledger in one SQLite file. It is safe for concurrent use.
type Store struct {
	ring  *seal.Ring
	now   func() time.Time
	log   *slog.Logger
	lock  *os.File
	read  *sql.DB
	write *writer

	mu         sync.Mutex
	groupKeys  map[gateway.ID]*seal.Group
	broadcasts map[gateway.ID]*frozen
	scans      map[scanKey]gateway.ID // where Lapse and Release go on
}

// Open opens or makes the ledger and brings its tables up to date. It answers CodeLocked if another process has it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{ring: o.Ring, now: o.Now, log: o.Log, lock: lock,
		groupKeys: map[gateway.ID]*seal.Group{}, broadcasts: map[gateway.ID]*frozen{}, scans: map[scanKey]gateway.ID{}}
	if err := s.open(ctx, filepath.Join(o.Dir, "carillon.db"), o.At); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, at func(string)) error {
	write, err := sql.Open("sqlite", dsn(path, writerCache, false))
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return errors.Join(fmt.Errorf("bringing the ledger's tables up to date: %w", err), write.Close())
	}
	if s.write, err = newWriter(ctx, s, write, at); err != nil {
		return errors.Join(err, write.Close())
	}
	if s.read, err = sql.Open("sqlite", dsn(path, readerCache, true)); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s.read.PingContext(ctx)
}

func dsn(path string, cache int, readOnly bool) string {
	q := fmt.Sprintf("file:%s?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)&_pragma=secure_delete(on)&_pragma=cache_size(-%d)&_pragma=wal_autocheckpoint(4000)&_txlock=immediate", path, cache)
	if readOnly {
		q += "&_pragma=query_only(on)"
	}
	return q
}

func migrate(ctx context.Context, db *sql.DB) error {
	folder, err := fs.Sub(store.Migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
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

// Close waits for what is being written, and leaves one whole file without a journal.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

func (s *Store) micros() int64 { return s.now().UnixMicro() }

var _ store.Store = (*Store)(nil)
