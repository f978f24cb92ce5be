package postgres

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// FaultPoints names the steps of a transaction at which tests kill the process.
var FaultPoints = [...]string{"store: before commit", "store: after commit"}

// mostTries is how often a transaction is carried out that the server ends for the sake of another.
const mostTries = 10

// txn is one transaction. Only the goroutine that began it uses it.
type txn struct {
	ctx     context.Context
	conn    *pgxpool.Conn
	s       *Store
	now     int64 // of the store's clock, as the transaction began
	xid     int64 // the server's number of the transaction
	money   int64 // the revision of prices, budgets and channels
	shard   int16
	stamp   int64      // of all that this process commits, only this transaction leaves it under its shard
	again   bool       // it was tried before
	last    *pgx.Batch // is written with the commit, before all else; nil: nothing is
	tallies map[tallyKey]int64
	submits *frozen  // the broadcast that it stores; nil: none
	learned []func() // what this process remembers once the transaction is committed
	rows
	spending
}

// The server keeps the plan of a statement, and one made while a table is small reads all of it, even when it has grown
// since. So rows are found one by one through an index, and statements are planned each time, by what the tables hold by
// then. What is switched off counts as very dear where nothing else is left, and for dear statements the server would
// compile code, which takes a hundred times as long as they do: that is off as well. On the hot path planning takes longer
// than all the rest: there the server keeps plans that serve all arguments, once the tables are of grownSize, in bytes. It
// knows by their size alone then that only a key will do; a table that stays small must have been looked at.
//
// A process that is stopped within a transaction, or whose computer is gone, would keep its locks until somebody ends it:
// nobody could stop its broadcast or send what it was about to. So the server waits for pausedTime, in milliseconds, and no
// longer.
const (
	pausedTime = "3000"
	beginText  = "BEGIN"
	readText   = "BEGIN READ ONLY"
	hotText    = "SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('idle_in_transaction_session_timeout', '" + pausedTime + "', true)"
	plansText  = hotText + ", set_config('plan_cache_mode', 'force_custom_plan', true)"
	// customText is what plansText adds.
	customText = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"
	// pageMore is for statements that take the next page of an index: a server that knows nothing of a table yet, or wrong
	// things, would rather sort all that is left of it.
	pageMore = ", set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)"
	// The clock is read with the first statement.
	clockText = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_current_xact_id()::text::bigint, n FROM revisions WHERE name = 'money'"
	grownText = `SELECT least(pg_relation_size('attempts'), pg_relation_size('deliveries'),
		(SELECT min(CASE WHEN reltuples < 0 THEN pg_relation_size(oid) ELSE $1 END) FROM pg_class WHERE oid IN ('members'::regclass, 'contact_points'::regclass)))`
	grownSize = int64(1 << 20)
)

// planning is what a transaction says first, about how its statements are planned; empty: nothing.
type planning struct {
	hot   string // of the hot path, and of what is found by its key
	plans string // of all others
	page  string // of the next page of an index
}

// Behind a pooler a connection is another one with each transaction; otherwise it is told once what does not change.
var (
	pooledPlanning = planning{hotText, plansText, plansText + pageMore}
	directPlanning = planning{"", customText, customText + pageMore}
	sessionText    = strings.ReplaceAll(hotText+", set_config('plan_cache_mode', 'force_generic_plan', true)", ", true)", ", false)") // what has no wishes of its own is hot
)

// clockSQL is the database's clock in a statement of its own; its value holds for the whole statement, so an index can be
// searched with it.
const clockSQL = "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint"

// fixed is the store's clock if it is not the database's, else 0; see nowSQL.
func (s *Store) fixed() int64 {
	if s.now == nil {
		return 0
	}
	return s.now().UnixMicro()
}

// nowSQL is the store's clock as an expression; arg is the place of fixed among the arguments, like "$1".
func nowSQL(arg string) string {
	return "(CASE WHEN " + arg + "::bigint > 0 THEN " + arg + "::bigint ELSE " + clockSQL + " END)"
}

// do carries out run in a transaction and commits it. run is called again if the server ended the transaction for the
// sake of another, or lost the connection before the commit began, so it sets its results anew each time. Work that is
// not urgent leaves a few connections free. An error of run rolls back and is returned as it is.
func (s *Store) do(ctx context.Context, urgent bool, run func(*txn) error) error {
	return s.transact(ctx, urgent, func(t *txn) (bool, error) {
		if err := t.beginWith(s.planning.plans, &pgx.Batch{}); err != nil {
			return false, err
		}
		if err := run(t); err != nil {
			return false, err
		}
		return t.commit()
	})
}

// transact gives work a connection, and repeats it as do says. work begins and commits for itself, and says whether a
// commit was sent.
func (s *Store) transact(ctx context.Context, urgent bool, work func(t *txn) (sent bool, err error)) (err error) {
	if !urgent {
		leave, err := s.waitTurn(ctx)
		if err != nil {
			return err
		}
		defer leave()
	}
	defer s.waits.begin()()
	for try := 1; ; try++ {
		sent := false
		if sent, err = s.once(ctx, try > 1, work); err == nil {
			return nil
		}
		if try == mostTries || ctx.Err() != nil || !repeatable(err) && !errors.Is(err, errMore) && (sent || !broken(err) || try > 2) {
			return readable(err)
		}
		if try > 2 { // not at the same moment as whoever it met
			select {
			case <-time.After(time.Duration(rand.Int64N(int64(try) * int64(5*time.Millisecond)))):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// waitTurn takes a place for work that can wait, which leaves some connections to work that cannot. Nobody who has one asks
// for another.
func (s *Store) waitTurn(ctx context.Context) (leave func(), err error) {
	select {
	case s.bulk <- struct{}{}:
		return func() { <-s.bulk }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) once(ctx context.Context, again bool, work func(*txn) (bool, error)) (sent bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	asked := ctx
	ctx, cancel := s.patience(ctx)
	defer cancel()
	defer func() { s.giveUp(asked, err) }()
	shard := s.shards.take()
	defer s.shards.give(shard)
	t := &txn{ctx: ctx, conn: conn, s: s, shard: shard, stamp: s.marks.Add(1), again: again, rows: newRows(), spending: newSpending()}
	defer func() {
		if t.conn != nil {
			endOpen(ctx, conn)
			conn.Release()
		}
	}()
	if sent, err = work(t); err != nil {
		return sent, err
	}
	for _, keep := range t.learned {
		keep()
	}
	return sent, nil
}

// answerTime is how long one try of a transaction, or of a question, may take until the server is taken for gone: one whose
// computer lost its power closes no connection.
const answerTime = 20 * time.Second

// patience bounds one try.
func (s *Store) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.answer <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.answer)
}

// giveUp has all connections made anew if the server behind them is not the one to ask any more: it does not answer, or only
// reads since another has taken over.
func (s *Store) giveUp(asked context.Context, err error) {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "25006" || errors.Is(err, context.DeadlineExceeded) && asked.Err() == nil {
		s.pool.Reset()
	}
}

// begin opens a transaction of the hot path, with what else is in the batch, in one round trip.
func (t *txn) begin(more *pgx.Batch) error {
	if t.s.grown.Load() {
		return t.beginWith(t.s.planning.hot, more)
	}
	size := int64(0)
	batch := &pgx.Batch{}
	batch.Queue(grownText, grownSize).QueryRow(func(r pgx.Row) error { return r.Scan(&size) })
	batch.QueuedQueries = append(batch.QueuedQueries, more.QueuedQueries...)
	err := t.beginWith(t.s.planning.plans, batch)
	if size >= grownSize {
		t.s.grown.Store(true)
	}
	return err
}

func (t *txn) beginWith(plans string, more *pgx.Batch) error {
	batch := openBatch(plans)
	batch.Queue(clockText).QueryRow(func(row pgx.Row) error { return row.Scan(&t.now, &t.xid, &t.money) })
	batch.QueuedQueries = append(batch.QueuedQueries, more.QueuedQueries...)
	err := t.conn.SendBatch(t.ctx, cleanBatch(batch)).Close()
	if t.s.now != nil {
		t.now = t.s.now().UnixMicro()
	}
	return err
}

func openBatch(plans string) *pgx.Batch {
	batch := &pgx.Batch{}
	batch.Queue(beginText)
	if plans != "" {
		batch.Queue(plans)
	}
	return batch
}

// exec runs a statement and returns how many rows it changed.
func (t *txn) exec(text string, args ...any) (int, error) {
	tag, err := t.conn.Exec(t.ctx, text, clean(args)...)
	return int(tag.RowsAffected()), err
}

// query reads within the transaction; scan is called for each row.
func (t *txn) query(text string, args []any, scan func(pgx.Rows) error) error {
	rows, err := t.conn.Query(t.ctx, text, clean(args)...)
	return each(rows, err, scan)
}

// send runs what is queued in one round trip.
func (t *txn) send(batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return t.conn.SendBatch(t.ctx, cleanBatch(batch)).Close()
}

// question is a statement that only reads; scan is called for each row.
type question struct {
	text string
	args []any
	scan func(pgx.Rows) error
}

// query reads as of one moment, in one round trip; scan is called for each row. It is tried twice more if the connection
// turns out to be dead before the first row, so scan sets its results anew when it begins. It leaves a few connections free.
func (s *Store) query(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	return s.ask(ctx, s.planning.plans, question{text, args, scan})
}

// queryPage is query for the next page of an index.
func (s *Store) queryPage(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	return s.ask(ctx, s.planning.page, question{text, args, scan})
}

// ask is query for some questions, one after the other.
func (s *Store) ask(ctx context.Context, settings string, questions ...question) error {
	leave, err := s.waitTurn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.askNow(ctx, settings, questions...)
}

// queryNow is query for what urgent work waits for, and for what is found by its key.
func (s *Store) queryNow(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	return s.askNow(ctx, s.planning.plans, question{text, args, scan})
}

// queryKey is queryNow for what is found by its key, a row or a few; its plan lasts.
func (s *Store) queryKey(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	if s.grown.Load() {
		return s.askNow(ctx, s.planning.hot, question{text, args, scan})
	}
	return s.queryNow(ctx, text, args, scan)
}

func (s *Store) askNow(ctx context.Context, settings string, questions ...question) error {
	defer s.waits.begin()()
	for try := 1; ; try++ {
		seen, err := s.askOnce(ctx, settings, questions...)
		if err == nil || seen || try > 2 || !broken(err) || ctx.Err() != nil {
			return readable(err)
		}
	}
}

// askOnce says too whether a row was seen.
func (s *Store) askOnce(ctx context.Context, settings string, questions ...question) (seen bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	asked := ctx
	ctx, cancel := s.patience(ctx)
	defer cancel()
	defer func() { s.giveUp(asked, err) }()
	defer conn.Release()
	batch := &pgx.Batch{}
	if settings != "" || len(questions) > 1 {
		batch.Queue(readText)
	}
	if settings != "" {
		batch.Queue(settings)
	}
	for _, q := range questions {
		batch.Queue(q.text, q.args...).Query(func(rows pgx.Rows) error {
			return each(rows, nil, func(r pgx.Rows) error {
				seen = true
				return q.scan(r)
			})
		})
	}
	if batch.Len() > len(questions) {
		batch.Queue("COMMIT")
	}
	err = conn.SendBatch(ctx, cleanBatch(batch)).Close()
	endOpen(ctx, conn)
	return seen, err
}

// endOpen rolls back what a failed batch has left open, so that the connection is good for the next.
func endOpen(ctx context.Context, conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() || conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTime)
	defer cancel()
	if _, err := conn.Exec(end, "ROLLBACK"); err != nil {
		_ = conn.Conn().Close(end)
	}
}

// list reads all rows; columns names where the columns of one go.
func list[T any](ctx context.Context, s *Store, text string, args []any, columns func(*T) []any) ([]T, error) {
	all := []T{}
	err := s.query(ctx, text, args, func(r pgx.Rows) error {
		var one T
		err := r.Scan(columns(&one)...)
		all = append(all, one)
		return err
	})
	return all, err
}

// one reads the only row; none is CodeNotFound.
func (s *Store) one(ctx context.Context, what, text string, args []any, into ...any) error {
	found := false
	err := s.queryKey(ctx, text, args, func(r pgx.Rows) error {
		found = true
		return r.Scan(into...)
	})
	if err == nil && !found {
		return row.Missing(what)
	}
	return err
}

// repeatable says whether the server ended a transaction for the sake of another: a deadlock, or a conflict.
func repeatable(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001")
}

// broken says whether the connection was lost, or none could be made.
func broken(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P") || e.Code == "25P03" // it waited for us for pausedTime
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed)
}

const busyText = "the ledger is too busy with the same rows, nothing was taken in; try again"

// readable turns an error of the database into one that says what to do.
func readable(err error) error {
	var fault *gateway.Fault
	if err == nil || errors.As(err, &fault) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !broken(err) {
		return err
	}
	if errors.Is(err, errMore) {
		return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: busyText}
	}
	if why := away(err); why == "" && errors.Is(err, context.DeadlineExceeded) {
		return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: "the ledger does not answer in time: PostgreSQL hangs, or somebody holds a lock there (carillon doctor --config names who)"}
	} else if broken(err) {
		return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err,
			Text: "the ledger cannot be reached" + why + "; see that PostgreSQL runs and that the address, user and password of the ledger are right"}
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		if text := refused(e); text != "" {
			return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: text}
		}
		switch {
		case strings.HasPrefix(e.Code, "53"): // disk full, out of memory, too many connections
			return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: "the ledger's server has run out of something, nothing was taken in (" + e.Message + "); see its disk, its memory and its limit of connections"}
		case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "23"), strings.HasPrefix(e.Code, "54"):
			return &gateway.Fault{Code: gateway.CodeInvalid, Err: err, Text: "the ledger cannot keep this: something in it is of no form or length that PostgreSQL takes (SQLSTATE " + e.Code + ")"}
		case strings.HasPrefix(e.Code, "28"), e.Code == "3D000":
			return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: "the ledger's server refuses us (" + e.Message + "); see the user, the password and the database in the ledger's address"}
		case e.Code == "25006":
			return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: "the ledger's server only reads; its address must lead to the primary, where default_transaction_read_only is off"}
		case repeatable(err):
			return &gateway.Fault{Code: gateway.CodeUnavailable, Err: err, Text: busyText}
		}
	}
	return err
}
