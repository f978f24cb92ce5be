package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// elsewhereQuery looks at the attempts of a time: their numbers begin with it.
const elsewhereQuery = "SELECT 1 FROM attempts WHERE no BETWEEN ? AND ? AND channel_no = ? AND no <> ? AND instr(' ' || refs || ' ', ?) > 0 LIMIT 1"

// Elsewhere reports whether another attempt has a provider's id.
func (s *Store) Elsewhere(ctx context.Context, attempt gateway.ID, providerID string) (others bool, err error) {
	err = s.reading(ctx, func(c *lite.Conn) (err error) {
		no, tail := halves(attempt)
		r := c.Prepare("SELECT "+attemptColumns+" FROM attempts a WHERE a.no = ?").Int(1, no)
		var a *row.Attempt[int64]
		if r.Step() && r.ColInt(1) == tail {
			a = &row.Attempt[int64]{}
			readAttempt(r, 0, a)
		}
		if err := r.Reset(); err != nil || a == nil {
			return err
		}
		others, err = elsewhere(c, a, providerID)
		return err
	})
	return others, err
}

func elsewhere(c *lite.Conn, a *row.Attempt[int64], providerID string) (bool, error) {
	first, last := gateway.Around(joined(a.No, 0), a.Span())
	from, _ := halves(first)
	to, _ := halves(last)
	r := c.Prepare(elsewhereQuery).Int(1, from).Int(2, to).Int(3, a.Channel).Int(4, a.No).Text(5, " "+row.Ref(providerID)+" ")
	others := r.Step()
	return others, r.Reset()
}

var _ gateway.Known = (*Store)(nil)
