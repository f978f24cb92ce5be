package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// FaultPoints names the steps of a transaction at which tests kill the process.
var FaultPoints = [...]string{"store: before commit", "store: after commit"}

// A transaction of work that is not urgent takes no further operation once it has lasted bulkTime, so that urgent work
// never waits long for it. The commit that follows costs about 0.5 ms more.
const bulkTime = 1500 * time.Microsecond

// errClosed is the answer once the store is closing.
var errClosed = gateway.Faultf(gateway.CodeUnavailable, "the ledger is closed")

// writer commits for everybody who waits: while one transaction is at the disk, the next one gathers. Urgent operations
// go before all others, into the transaction that is open if there is one, and are committed at once.
type writer struct {
	store  *Store
	conn   *lite.Conn
	at     func(string)
	urgent chan *op
	bulk   chan *op
	stop   chan struct{}
	once   sync.Once
	done   chan struct{}
	check  *checkpointer
	frozen map[int64]*frozen // broadcasts by number
	refs   map[int64]int     // length of the provider's ids on each channel, of late
	live   live
	money  money
	failed atomic.Bool // the last transaction could not begin or be committed
	trying atomic.Bool // an empty one is under way, to see whether that is over
}

// op is one operation; run may be called again after a rollback, so it sets its results anew each time.
type op struct {
	run   func(*txn) error
	taken atomic.Bool // by the writer, or by a caller who gave up
	done  chan error
	err   error
}

// txn is one transaction.
type txn struct {
	*lite.Conn
	w       *writer
	now     int64 // of the store's clock
	tallies map[tallyKey]int
	tallied int            // how often something was noted in tallies
	stopped map[int64]bool // of broadcasts, as this transaction has read it
	charges map[chargeKey]int64
}

func newWriter(s *Store, path string, at func(string)) (*writer, error) {
	conn, err := lite.Open(path, pragmas(writerCache)...)
	if err != nil {
		return nil, err
	}
	check, err := newCheckpointer(path, s.log)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w := &writer{store: s, conn: conn, at: at, check: check, urgent: make(chan *op, 256), bulk: make(chan *op, 1024),
		stop: make(chan struct{}), done: make(chan struct{}), frozen: map[int64]*frozen{}, refs: map[int64]int{}, live: newLive(), money: newMoney()}
	go w.loop()
	return w, nil
}

// do has run carried out in a transaction together with others, and returns once it is committed. A caller whose
// context ends before the writer took its operation gets the context's error and nothing is written.
func (w *writer) do(ctx context.Context, urgent bool, run func(*txn) error) error {
	o := &op{run: run, done: make(chan error, 1)}
	lane := w.bulk
	if urgent {
		lane = w.urgent
	}
	select {
	case <-w.stop:
		return errClosed
	default:
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
		urgent := true
		select {
		case first = <-w.urgent:
		default:
			select {
			case first = <-w.urgent:
			case first = <-w.check.lane(w.bulk):
				urgent = false
			case <-w.check.copied:
				w.check.look(w.conn, true)
				continue
			case <-w.check.again.C:
				w.check.look(w.conn, false)
				continue
			case done := <-w.check.scrubs:
				w.check.take(done, w.conn)
				continue
			case <-w.stop:
				return
			}
		}
		if !first.taken.CompareAndSwap(false, true) {
			continue
		}
		batch := w.transact(first, urgent)
		for _, o := range batch {
			o.done <- readable(o.err)
		}
		w.check.committed(w.conn)
	}
}

// next gives what else goes into the open transaction: whatever is urgent, or else more bulk work if none was urgent
// and there is time.
func (w *writer) next(began time.Time, urgent *bool) *op {
	for {
		var o *op
		select {
		case o = <-w.urgent:
			*urgent = true
		default:
			if *urgent || time.Since(began) >= bulkTime {
				return nil
			}
			select {
			case o = <-w.bulk:
			default:
				return nil
			}
		}
		if o.taken.CompareAndSwap(false, true) {
			return o
		}
	}
}

// transact carries out first and what else waits, in one transaction. If an operation fails after it wrote or counted
// something, or a fault of the disk ended the transaction, all is rolled back and each is tried on its own: one that fails
// spoils nothing for the others.
func (w *writer) transact(first *op, urgent bool) []*op {
	began := time.Now()
	var batch []*op
	spoilt := w.together(func(t *txn) bool {
		for o := first; o != nil; o = w.next(began, &urgent) {
			batch = append(batch, o)
			rows, notes := t.TotalChanges(), t.tallied
			if o.err = t.guard(o.run); o.err != nil && (t.TotalChanges() != rows || t.tallied != notes || !t.InTransaction()) {
				return false
			}
		}
		return true
	})
	if spoilt == nil {
		return batch
	}
	if len(batch) == 0 { // it could not even begin
		batch = append(batch, first)
	}
	if len(batch) == 1 {
		if batch[0].err == nil {
			batch[0].err = spoilt
		}
		return batch
	}
	for _, o := range batch {
		alone := w.together(func(t *txn) bool {
			o.err = t.guard(o.run)
			return o.err == nil
		})
		if o.err == nil {
			o.err = alone
		}
	}
	return batch
}

// errSpoilt says that an operation, whose own error tells why, had the transaction rolled back.
var errSpoilt = errors.New("rolled back")

// together runs work in a transaction, which is rolled back unless work says that all is well.
func (w *writer) together(work func(*txn) bool) (err error) {
	t := &txn{Conn: w.conn, w: w, now: w.store.micros()}
	if err := w.conn.Prepare("BEGIN IMMEDIATE").Run(); err != nil {
		w.failed.Store(true)
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() {
		if err != nil {
			w.money.forget()
			clear(w.frozen) // a broadcast of this transaction may be among them, whose number the next one gets
		}
		if err != nil && w.conn.InTransaction() {
			err = errors.Join(err, w.conn.Prepare("ROLLBACK").Run())
		}
		w.live.ended(err == nil)
	}()
	if !work(t) {
		return errSpoilt
	}
	if err := errors.Join(t.flushTallies(), t.flushCharges()); err != nil {
		return err
	}
	w.at(FaultPoints[0])
	if err := w.conn.Prepare("COMMIT").Run(); err != nil {
		w.failed.Store(true)
		return fmt.Errorf("committing: %w", err)
	}
	w.failed.Store(false)
	w.at(FaultPoints[1])
	return nil
}

// guard turns a panic of one operation into its error.
func (t *txn) guard(run func(*txn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the ledger's writer met %w", gateway.DefectOf(r))
			t.w.store.log.Error("an operation of the ledger was rolled back", "error", err)
		}
	}()
	return run(t)
}

// readable turns an error of the disk into one that says what to do.
func readable(err error) error {
	var e *lite.Error
	if errors.As(err, &e) && e.Locked() {
		return gateway.Faultf(gateway.CodeUnavailable, "the ledger cannot be written, nothing was taken in; another program keeps its file locked, end that: %w", err)
	}
	if errors.As(err, &e) && e.Full() {
		return gateway.Faultf(gateway.CodeUnavailable, "the ledger cannot be written, nothing was taken in; see that the data folder's disk has room and is sound: %w", err)
	}
	return err
}

// Writable says whether what was to be committed last was, without waiting. If not, it is tried again beside, so that a ledger
// that nobody else writes to is known to be well again.
func (s *Store) Writable() bool {
	w := s.write
	if !w.failed.Load() {
		return true
	}
	if w.trying.CompareAndSwap(false, true) {
		go func() {
			defer w.trying.Store(false)
			_ = w.do(context.Background(), true, func(*txn) error { return nil }) // failed says what came of it
		}()
	}
	return false
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.stop) })
	<-w.done
	return errors.Join(w.check.close(), w.conn.Exec("PRAGMA wal_checkpoint(TRUNCATE)"), w.conn.Close())
}

// exec runs a statement and returns how many rows it changed.
func (t *txn) exec(text string, args ...any) (int, error) {
	if err := t.Prepare(text).Bind(args...).Run(); err != nil {
		return 0, err
	}
	return t.Changes(), nil
}

// query reads within the transaction; scan is called for each row.
func (t *txn) query(text string, args []any, scan func(*lite.Stmt) error) error {
	return query(t.Conn, text, args, scan)
}
