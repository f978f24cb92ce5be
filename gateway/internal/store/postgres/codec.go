package postgres

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// highest is behind every identifier.
var highest = gateway.ID(bytes.Repeat([]byte{0xff}, 16))

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("postgres: " + err.Error()) // our own plain types always encode
	}
	return string(b)
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
