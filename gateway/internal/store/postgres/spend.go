package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// uncapRows is how many deliveries one transaction of Uncap lets go.
const uncapRows = 500

const pricesQuery = "SELECT kind, channel, country, currency, micros FROM prices WHERE owner_id = $1 ORDER BY kind, channel, country"

// Prices lists an owner's prices.
func (s *Store) Prices(ctx context.Context, owner gateway.ID) ([]gateway.Price, error) {
	return list(ctx, s, pricesQuery, []any{owner}, func(p *gateway.Price) []any { return []any{&p.Kind, &p.Channel, &p.Country, &p.Currency, &p.Micros} })
}

// SetPrices changes an owner's prices; they are in force from the next claim on.
func (s *Store) SetPrices(ctx context.Context, owner gateway.ID, all bool, prices []gateway.Price) error {
	return s.do(ctx, false, func(t *txn) error {
		if err := t.moneyChanged(); err != nil { // it also has two changes follow one another
			return err
		}
		if all {
			if _, err := t.exec("DELETE FROM prices WHERE owner_id = $1", owner); err != nil {
				return err
			}
		}
		batch := &pgx.Batch{}
		for _, p := range prices {
			if p.Micros < 0 {
				batch.Queue("DELETE FROM prices WHERE owner_id = $1 AND kind = $2 AND channel = $3 AND country = $4", owner, p.Kind, p.Channel, p.Country)
				continue
			}
			batch.Queue("INSERT INTO prices (owner_id, kind, channel, country, currency, micros) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT (owner_id, kind, channel, country) DO UPDATE SET currency = excluded.currency, micros = excluded.micros",
				owner, p.Kind, p.Channel, p.Country, p.Currency, p.Micros)
		}
		count := 0
		batch.Queue("SELECT COUNT(*) FROM prices WHERE owner_id = $1", owner).QueryRow(func(row pgx.Row) error { return row.Scan(&count) })
		if err := t.send(batch); err != nil {
			return err
		}
		if count > gateway.MaxPrices {
			return gateway.Faultf(gateway.CodeInvalid, "the list would have %d prices; %d is the most", count, gateway.MaxPrices)
		}
		return nil
	})
}

// Charges says what a broadcast has cost.
func (s *Store) Charges(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Charge, error) {
	all := []gateway.Charge{}
	err := s.query(ctx, `SELECT c.channel_id, SUM(c.segments)::bigint, p.currency, COALESCE(p.micros, 0) FROM charges c LEFT JOIN price_points p ON p.no = c.price_no
		WHERE c.group_id = $1 AND c.broadcast_id = $2 GROUP BY c.channel_id, c.price_no, p.currency, p.micros ORDER BY c.channel_id, c.price_no`, []any{group, broadcast}, func(r pgx.Rows) error {
		var channel gateway.ID
		var segments, micros int64
		var currency *string
		if err := r.Scan(&channel, &segments, &currency, &micros); err != nil {
			return err
		}
		price := gateway.Money{Micros: micros}
		if currency != nil {
			price.Currency = *currency
		}
		all = append(all, gateway.NewCharge(channel, segments, price, currency != nil))
		return nil
	})
	return all, err
}

const (
	budgetQuery = "SELECT zone, budget FROM groups WHERE id = $1"
	spendsQuery = `SELECT p.currency, SUM(s.segments)::bigint, COALESCE(SUM(s.segments * p.micros), 0)::bigint FROM spends s LEFT JOIN price_points p ON p.no = s.price_no
		WHERE s.group_id = $1 AND s.month = $2 GROUP BY p.currency ORDER BY p.currency`
	cappedCountQuery  = "SELECT COUNT(*) FROM deliveries WHERE group_id = $1 AND state = 5"
	cappedGroupsQuery = "SELECT DISTINCT group_id FROM deliveries WHERE state = 5"
	uncapStatement    = `UPDATE deliveries SET state = 0, reason = '' WHERE id = ANY (ARRAY(SELECT id FROM deliveries WHERE group_id = $1 AND state = 5 LIMIT $2 FOR UPDATE SKIP LOCKED))
		RETURNING broadcast_id, channel_id`
)

// Spend says what a group's present month has cost.
func (s *Store) Spend(ctx context.Context, group gateway.ID) (out gateway.Spend, err error) {
	now, err := s.clock(ctx)
	if err != nil {
		return out, err
	}
	var zone, text string
	if err := s.one(ctx, "group", budgetQuery, []any{group}, &zone, &text); err != nil {
		return out, err
	}
	budget, err := readBudget(text)
	if err != nil {
		return out, err
	}
	month, from, to := gateway.MonthOf(zone, time.UnixMicro(now))
	out = gateway.Spend{Month: month, From: from, To: to, Amounts: []gateway.Money{}}
	micros := int64(0)
	if err := s.query(ctx, spendsQuery, []any{group, month}, func(r pgx.Rows) error {
		var currency *string
		var segments, sum int64
		if err := r.Scan(&currency, &segments, &sum); err != nil {
			return err
		}
		out.Segments += segments
		if currency == nil {
			out.Unpriced = segments
			return nil
		}
		if *currency == budget.Currency {
			micros = sum
		}
		out.Amounts = append(out.Amounts, gateway.Money{Currency: *currency, Micros: sum})
		return nil
	}); err != nil {
		return out, err
	}
	out.Soft, out.Hard = budget.Passed(micros, out.Segments)
	if budget != (gateway.Budget{}) {
		out.Budget = &budget
	}
	return out, s.query(ctx, cappedCountQuery, []any{group}, func(r pgx.Rows) error { return r.Scan(&out.Held) })
}

// Uncap makes deliveries of groups whose cap binds no more due again. Any number of processes may do so at once: each takes
// other rows.
func (s *Store) Uncap(ctx context.Context, limit int) (n int, err error) {
	groups, err := list(ctx, s, cappedGroupsQuery, nil, func(id *gateway.ID) []any { return []any{id} })
	if err != nil {
		return 0, err
	}
	for _, group := range groups {
		spend, err := s.Spend(ctx, group)
		if err != nil {
			return n, err
		}
		for taken := uncapRows; !spend.Hard && taken == uncapRows && n < limit; {
			most := min(uncapRows, limit-n)
			if err := s.do(ctx, false, func(t *txn) error {
				taken = 0
				return t.query(uncapStatement, []any{group, most}, func(r pgx.Rows) error {
					var broadcast, channel gateway.ID
					err := r.Scan(&broadcast, &channel)
					t.tally(tallyKey{group, broadcast, channel, gateway.Waiting, gateway.ReasonCapped}, -1)
					t.tally(tallyKey{group, broadcast, channel, gateway.Waiting, ""}, 1)
					taken++
					return err
				})
			}); err != nil {
				return n, err
			}
			n += taken
		}
	}
	return n, nil
}
