package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/carillon-gateway/carillon/gateway"
)

// FaultPoints names the steps of a transaction at which tests kill the process.
var FaultPoints = [...]string{"store: before commit", "store: after commit"}

// bulkRows bounds a transaction of work that is not urgent, so that urgent work never waits long for it.
const bulkRows = 600

// errClosed is the answer once the store is closing.
var errClosed = gateway.Faultf(gateway.CodeUnavailable, "the ledger is closed")

// writer commits for everybody who waits: while one transaction is at the disk, the next one gathers. Urgent operations
// go first and take no bulk work with them.
type writer struct {
	store  *Store
	db     *sql.DB
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	at     func(string)
	urgent chan *op
	bulk   chan *op
	stop   chan struct{}
	once   sync.Once
	done   chan struct{}
}

// op is one operation; run may be called again after a rollback, so it sets its results anew each time.
type op struct {
	run   func(*txn) error
	rows  int
	taken atomic.Bool // by the writer, or by a caller who gave up
	done  chan error
}

// txn is one transaction.
type txn struct {
	w       *writer
	now     int64 // of the store's clock
	writes  int
	tallies map[tallyKey]int
}

func newWriter(ctx context.Context, s *Store, db *sql.DB, at func(string)) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if at == nil {
		at = func(string) {}
	}
	w := &writer{store: s, db: db, conn: conn, stmts: map[string]*sql.Stmt{}, at: at,
		urgent: make(chan *op, 256), bulk: make(chan *op, 1024), stop: make(chan struct{}), done: make(chan struct{})}
	go w.loop()
	return w, nil
}

// do has run carried out in a transaction together with others, and returns once it is committed. A caller whose
// context ends before the writer took its operation gets the context's error and nothing is written.
func (w *writer) do(ctx context.Context, urgent bool, rows int, run func(*txn) error) error {
	o := &op{run: run, rows: rows, done: make(chan error, 1)}
	lane := w.bulk
	if urgent {
		lane = w.urgent
	}
	select {
	case lane <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stop:
		return errClosed
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-o.done
	case <-w.done:
		select {
		case err := <-o.done:
			return err
		default:
			return errClosed
		}
	}
}

func (w *writer) loop() {
	defer close(w.done)
	for {
		var first *op
		select {
		case first = <-w.urgent:
		default:
			select {
			case first = <-w.urgent:
			case first = <-w.bulk:
			case <-w.stop:
				return
			}
		}
		w.commit(w.gather(first))
	}
}

// gather takes what waits: all urgent operations, or else bulk ones up to bulkRows.
func (w *writer) gather(first *op) []*op {
	var batch []*op
	rows := 0
	take := func(o *op) {
		if o.taken.CompareAndSwap(false, true) {
			batch = append(batch, o)
			rows += o.rows
		}
	}
	take(first)
	for rows < bulkRows {
		select {
		case o := <-w.urgent:
			take(o)
			continue
		default:
		}
		if len(w.urgent) > 0 {
			continue
		}
		select {
		case o := <-w.bulk:
			take(o)
			continue
		default:
		}
		break
	}
	return batch
}

func (w *writer) commit(batch []*op) {
	if len(batch) == 0 {
		return
	}
	errs, err := w.transact(batch)
	if err != nil && len(batch) > 1 { // one of them spoilt it for all: each on its own
		for _, o := range batch {
			errs, err := w.transact([]*op{o})
			o.done <- errors.Join(err, errs[0])
		}
		return
	}
	for i, o := range batch {
		if err != nil {
			o.done <- err
		} else {
			o.done <- errs[i]
		}
	}
}

// transact runs the operations in one transaction. An operation that fails before it wrote anything fails alone; after
// that the whole transaction is rolled back.
func (w *writer) transact(batch []*op) (errs []error, err error) {
	ctx := context.Background()
	errs = make([]error, len(batch))
	t := &txn{w: w, now: w.store.micros()}
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return errs, fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() {
		if err != nil {
			_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
		}
	}()
	for i, o := range batch {
		before := t.writes
		if errs[i] = t.guard(o.run); errs[i] != nil && t.writes != before {
			return errs, errs[i]
		}
	}
	if err := t.flushTallies(); err != nil {
		return errs, err
	}
	w.at(FaultPoints[0])
	if _, err := t.exec("COMMIT"); err != nil {
		return errs, fmt.Errorf("committing: %w", err)
	}
	w.at(FaultPoints[1])
	return errs, nil
}

// guard turns a panic of one operation into its error.
func (t *txn) guard(run func(*txn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			t.writes++ // nobody knows what it did: roll back
			err = fmt.Errorf("the ledger's writer met a defect: %v", r)
		}
	}()
	return run(t)
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.stop) })
	<-w.done
	for _, stmt := range w.stmts {
		_ = stmt.Close()
	}
	_, err := w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, w.conn.Close(), w.db.Close())
}

// prepare keeps a statement for the life of the connection; the number of texts is bounded by the code.
func (t *txn) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := t.w.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := t.w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("preparing %.60q: %w", query, err)
	}
	t.w.stmts[query] = stmt
	return stmt, nil
}

// exec runs a statement and returns how many rows it changed.
func (t *txn) exec(query string, args ...any) (int, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		t.writes++
		return 0, err
	}
	n, err := result.RowsAffected()
	t.writes += int(n)
	return int(n), err
}

// query reads within the transaction; scan is called for each row.
func (t *txn) query(query string, args []any, scan func(*sql.Rows) error) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// change is query for a statement that writes and returns rows.
func (t *txn) change(query string, args []any, scan func(*sql.Rows) error) error {
	t.writes++
	return t.query(query, args, scan)
}
