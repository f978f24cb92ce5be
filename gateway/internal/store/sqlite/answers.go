package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	answeredQuery  = "SELECT once, at FROM answered WHERE group_id = ? AND to_id = ?"
	forgetAnswered = "DELETE FROM answered INDEXED BY answered_at WHERE at <= ?"
)

// MayAnswer counts an answer.
func (s *Store) MayAnswer(ctx context.Context, group, to gateway.ID, key string) (may bool, err error) {
	err = s.write.do(ctx, true, func(t *txn) error {
		var tally row.Answers
		if err := t.query(answeredQuery, []any{group[:], to[:]}, func(r *lite.Stmt) error {
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
		_, err := t.exec("INSERT INTO answered (group_id, to_id, once, at) VALUES (?,?,?,?)", group[:], to[:], key, t.now)
		return err
	})
	return may, err
}

var _ gateway.AnswerLimits = (*Store)(nil)
