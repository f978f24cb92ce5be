package postgres

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// highest is behind every identifier.
var highest = gateway.ID(bytes.Repeat([]byte{0xff}, 16))

// clean has texts among arguments as row.Clean gives them; whole slices of them are cleaned as they are written.
func clean(args []any) []any {
	for i := range args {
		if text, ok := args[i].(string); ok {
			if cleaned := row.Clean(text); cleaned != text {
				args[i] = cleaned
			}
		}
	}
	return args
}

// cleanBatch is clean for all that is queued.
func cleanBatch(batch *pgx.Batch) *pgx.Batch {
	for _, q := range batch.QueuedQueries {
		clean(q.Arguments)
	}
	return batch
}

func fromJSON(text string, into any) error { return json.Unmarshal([]byte(text), into) }

// clock reads the store's clock.
func (s *Store) clock(ctx context.Context) (now int64, err error) {
	if now = s.fixed(); now != 0 {
		return now, nil
	}
	err = s.query(ctx, "SELECT "+clockSQL, nil, func(r pgx.Rows) error { return r.Scan(&now) })
	return now, err
}

// readBudget reads a group's budget; none is the zero one.
func readBudget(text string) (b gateway.Budget, err error) {
	if text != "" {
		err = fromJSON(text, &b)
	}
	return b, err
}
