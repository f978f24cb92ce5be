package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// overAnswered finds answers of all groups that count no more.
const overAnswered = "SELECT group_id, to_id, once FROM answered WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED"

// MayAnswer counts an answer. Two processes that answer the same contact point at once take turns.
func (s *Store) MayAnswer(ctx context.Context, group, to gateway.ID, key string) (may bool, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		if err := t.lock(answerLock, to, false); err != nil {
			return err
		}
		var tally row.Answers
		if err := t.query("SELECT once, at FROM answered WHERE group_id = $1 AND to_id = $2", []any{group, to}, func(r pgx.Rows) error {
			var once string
			var at int64
			err := r.Scan(&once, &at)
			tally.Count(once == key, at, t.now)
			return err
		}); err != nil {
			return err
		}
		if may = tally.May(); !may || tally.Known {
			return nil
		}
		_, err := t.exec("INSERT INTO answered (group_id, to_id, once, at) VALUES ($1,$2,$3,$4)", group, to, key, t.now)
		return err
	})
	return may, err
}

var _ gateway.AnswerLimits = (*Store)(nil)
