package sqlite

import (
	"context"
	"strings"

	"github.com/carillon-gateway/carillon/gateway/internal/store/move"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Count implements move.Source.
func (s *Store) Count(ctx context.Context, t *move.Table) (n int64, err error) {
	err = s.one(ctx, "table", "SELECT count(*) FROM "+t.Name, nil, &n)
	return n, err
}

// Rows implements move.Source: one statement, read as it goes.
func (s *Store) Rows(ctx context.Context, t *move.Table, behind move.Key, each func(func() move.Key, move.Row) error) error {
	key := strings.Split(t.Key, ", ")
	columns := append([]string{}, key...)
	for _, c := range t.Columns {
		columns = append(columns, c.Expr)
	}
	text := "SELECT " + strings.Join(columns, ", ") + " FROM " + t.From
	if behind != nil {
		text += " WHERE (" + t.Key + ") > (" + strings.TrimSuffix(strings.Repeat("?, ", len(key)), ", ") + ")"
	}
	return s.reading(ctx, func(c *lite.Conn) error {
		return queryOnce(c, text+" ORDER BY "+t.Key, behind, func(r *lite.Stmt) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			row := make(move.Row, len(t.Columns))
			for i, column := range t.Columns {
				row[i] = cell(r, len(key)+i, column.Kind)
			}
			return each(func() move.Key { return keyOf(r, len(key)) }, row)
		})
	})
}

func cell(r *lite.Stmt, i int, kind move.Kind) any {
	if r.ColNull(i) {
		return nil
	}
	switch kind {
	case move.UUID:
		return [16]byte(r.ColID(i))
	case move.Bytes:
		return append([]byte{}, r.ColBlob(i)...) // an empty one is not NULL
	case move.Text:
		return row.Clean(r.ColText(i)) // SQLite keeps any bytes
	case move.Bool:
		return r.ColInt(i) != 0
	}
	return r.ColInt(i)
}

// keyOf takes the first columns of a row for its key.
func keyOf(r *lite.Stmt, n int) move.Key {
	key := make(move.Key, n)
	for i := range key {
		key[i] = r.ColAny(i)
	}
	return key
}

var _ move.Source = (*Store)(nil)
