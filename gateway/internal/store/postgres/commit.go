package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-gateway/carillon/gateway"
)

// carry begins, writes and commits, in one round trip. It is for what may be done again: if its answer is lost, it counts as
// not sent.
func (t *txn) carry(more *pgx.Batch) (sent bool, err error) {
	plans := t.s.planning.plans
	if t.s.grown.Load() {
		plans = t.s.planning.hot
	}
	batch := openBatch(plans)
	batch.QueuedQueries = append(batch.QueuedQueries, more.QueuedQueries...)
	t.writeTallies(batch)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitTime)
	defer cancel()
	err = t.end(ctx, batch)
	return err == nil, err
}

// end sends what is queued, and commits.
func (t *txn) end(ctx context.Context, batch *pgx.Batch) error {
	var end pgconn.CommandTag
	batch.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error { end = tag; return nil })
	t.s.at(FaultPoints[0])
	if err := t.conn.SendBatch(ctx, cleanBatch(batch)).Close(); err != nil {
		return err
	}
	if end.String() != "COMMIT" {
		return errors.New("the server rolled back what was to be committed")
	}
	t.s.at(FaultPoints[1])
	return nil
}

// commit writes what has changed and been counted, and commits, in one round trip. A caller who gives up does not cut it
// off. If the connection breaks in it, the server is asked what became of the transaction; sent is false if it is certain
// that nothing was written.
func (t *txn) commit() (sent bool, err error) {
	batch := &pgx.Batch{}
	if t.last != nil {
		batch = t.last
	}
	t.writeRows(batch)
	if err := t.writeCharges(batch); err != nil {
		return false, err
	}
	t.writeTallies(batch)
	batch.Queue(markText, t.s.id, t.shard, t.stamp, t.now)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitTime)
	defer cancel()
	err = t.end(ctx, batch)
	switch {
	case err == nil:
		return true, nil
	case !broken(err) && !errors.Is(err, context.DeadlineExceeded):
		return false, err // the server says that it failed
	}
	_ = t.conn.Conn().Close(ctx)
	t.conn.Release() // its place may be the last one for the question
	t.conn = nil
	return t.fate(ctx, err)
}

// commitTime is how long a commit may take, with asking after it.
const commitTime = 30 * time.Second

// markText leaves the mark of a transaction.
const markText = `INSERT INTO marks (process, shard, n, at) VALUES ($1, $2, $3, $4)
	ON CONFLICT (process, shard) DO UPDATE SET n = excluded.n, at = excluded.at`

// fate finds out whether the transaction was committed; its commit got no answer, because of an error. The server knows
// whether it is still at work on it, but not that it is ours: one that died gives a number again that nobody committed under.
// So what was committed proves itself by its mark, and only what has left none and is not under way was not done.
func (t *txn) fate(ctx context.Context, cause error) (sent bool, err error) {
	for {
		status, mark, standby := "", int64(0), false
		_, err := t.s.askOnce(ctx, t.s.planning.plans, question{statusText, []any{t.xid}, func(r pgx.Rows) error { return r.Scan(&status, &standby) }})
		if status == "aborted" && !standby {
			return false, cause
		}
		if err == nil && status != "in progress" && !standby { // so the mark is seen if it was left
			_, err = t.s.askOnce(ctx, t.s.planning.plans, question{"SELECT n FROM marks WHERE process = $1 AND shard = $2", []any{t.s.id, t.shard}, func(r pgx.Rows) error { return r.Scan(&mark) }})
			switch {
			case err == nil && mark == t.stamp:
				return true, nil
			case err == nil:
				return false, cause
			}
		}
		if err != nil && !broken(err) {
			return true, errUnknown
		}
		select {
		case <-time.After(fateTime): // it is starting, or has not noticed yet that we are gone
		case <-ctx.Done():
			return true, errUnknown
		}
	}
}

// statusText asks for the state of a transaction; it is "none" if the server has not given its number yet, or long ago.
const statusText = `SELECT CASE WHEN $1::bigint::text::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN COALESCE(pg_xact_status($1::bigint::text::xid8), 'none') ELSE 'none' END, pg_is_in_recovery()`

// fateTime is how long fate waits between two questions.
const fateTime = 50 * time.Millisecond

var errUnknown = gateway.Faultf(gateway.CodeUnavailable, "the ledger's server went away in a commit, and nobody knows whether it was done; look before doing it again")
