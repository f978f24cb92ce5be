package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// RotateKeys wraps every group's and channel's key anew under the ring's current key, a few at a time, while any number of
// processes runs. Every one of them must have the new key in its ring before the first makes it current. It returns how
// many were wrapped; zero means that older ring keys are no longer needed.
func (s *Store) RotateKeys(ctx context.Context, limit int) (n int, err error) {
	err = s.do(ctx, false, func(t *txn) error {
		n = 0
		for _, table := range [...]struct{ name, column, place string }{{"groups", "key_sealed", "key"}, {"channels", "options_sealed", "options"}} {
			if err := t.rewrap(table.name, table.column, table.place, limit-n, &n); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func (t *txn) rewrap(table, column, where string, limit int, n *int) error {
	type row struct {
		id      gateway.ID
		key     string
		wrapped []byte
	}
	var rows []row
	current := t.s.ring.Current()
	for left := true; left && len(rows) == 0 && limit > 0; {
		// Rows that another process has just wrapped drop out once it has committed; there may be others behind them.
		if err := t.query("SELECT id, key_id, "+column+" FROM "+table+" WHERE key_id <> $1 ORDER BY id LIMIT $2 FOR UPDATE", []any{current, limit}, func(r pgx.Rows) error {
			var one row
			err := r.Scan(&one.id, &one.key, &one.wrapped)
			rows = append(rows, one)
			return err
		}); err != nil {
			return err
		}
		if err := t.query("SELECT EXISTS (SELECT 1 FROM "+table+" WHERE key_id <> $1)", []any{current}, func(r pgx.Rows) error { return r.Scan(&left) }); err != nil {
			return err
		}
	}
	for _, r := range rows {
		id, wrapped, err := t.s.keys.Rewrap(r.key, r.wrapped, sealed.Place(r.id, where))
		if err != nil {
			return err
		}
		if _, err := t.exec("UPDATE "+table+" SET key_id = $1, "+column+" = $2 WHERE id = $3", id, wrapped, r.id); err != nil {
			return err
		}
		*n++
	}
	return nil
}
