package sqlite

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// spent is what a group may spend in the present month of its zone, and has.
type spent struct {
	gateway.Budget
	id       gateway.ID
	group    int64
	month    string
	from, to int64
	micros   int64 // in the budget's currency
	segments int64
	warned   [3]bool // of warnings, in this life of the process
}

// The places of spent.warned.
const (
	warnedSoft = iota
	warnedHard
	warnedPassed
)

// spentOf gives the writer's sums for a group; they are read anew when the month is over.
func (t *txn) spentOf(group int64) (*spent, error) {
	b := t.w.money.budgets[group]
	if b != nil && t.now < b.to && t.now >= b.from {
		return b, nil
	}
	b, err := readSpent(t.Conn, group, t.now)
	if err != nil {
		return nil, err
	}
	for k, n := range t.charges { // not written yet
		if k.group == group {
			if err := t.add(b, k.price, n); err != nil {
				return nil, err
			}
		}
	}
	if len(t.w.money.budgets) >= keptPrices {
		clear(t.w.money.budgets)
	}
	t.w.money.budgets[group] = b
	return b, nil
}

func readSpent(c *lite.Conn, group, now int64) (*spent, error) {
	b := &spent{group: group}
	var zone, budget string
	if err := query(c, "SELECT id, zone, budget FROM groups WHERE no = ?", []any{group}, func(r *lite.Stmt) error { return r.Scan(&b.id, &zone, &budget) }); err != nil {
		return nil, err
	}
	if budget != "" {
		if err := fromJSON(budget, &b.Budget); err != nil {
			return nil, err
		}
	}
	month, from, to := gateway.MonthOf(zone, time.UnixMicro(now))
	b.month, b.from, b.to = month, row.ToMicros(from), row.ToMicros(to)
	err := query(c, "SELECT COALESCE(SUM(s.segments), 0), COALESCE(SUM(CASE WHEN p.currency = ? THEN s.segments * p.micros END), 0) FROM spends s LEFT JOIN price_points p ON p.no = s.price_no WHERE s.group_no = ? AND s.month = ?",
		[]any{b.Currency, group, month}, func(r *lite.Stmt) error {
			b.segments, b.micros = r.ColInt(0), r.ColInt(1)
			return nil
		})
	return b, err
}

// capped says whether a message must wait because its group's hard cap is reached. Messages of exempt classes pass, and
// their group's owners are told.
func (t *txn) capped(info *frozen, price int64) (bool, error) {
	if price == row.PriceFree {
		return false, nil
	}
	b, err := t.spentOf(info.groupNo)
	if err != nil {
		return false, err
	}
	if _, hard := b.Passed(b.micros, b.segments); !hard {
		return false, nil
	}
	if info.Class.Exempt() {
		return false, t.alarm(b, warnedPassed, gateway.NoticePassed)
	}
	return true, nil
}

// park lets a delivery wait for its group's cap.
func (t *txn) park(c *claimed, info *frozen) error {
	t.tally(info.groupNo, c.broadcast, c.channel, gateway.Waiting, "", -1)
	t.tally(info.groupNo, c.broadcast, c.channel, gateway.Waiting, gateway.ReasonCapped, 1)
	return t.Prepare("UPDATE deliveries SET state = 5, reason = 'capped' WHERE no = ?").Int(1, c.no).Run()
}

// warn writes a notice for each cap that the sums have come to.
func (t *txn) warn(b *spent) error {
	soft, hard := b.Passed(b.micros, b.segments)
	if soft && !hard {
		if err := t.alarm(b, warnedSoft, gateway.NoticeSoft); err != nil {
			return err
		}
	}
	if hard {
		return t.alarm(b, warnedHard, gateway.NoticeHard)
	}
	return nil
}

// alarm has a group's owners told, once for each month and set of caps.
func (t *txn) alarm(b *spent, which int, wording string) error {
	if b.warned[which] {
		return nil
	}
	b.warned[which] = true
	return t.putNotice(row.CapNotice(wording, b.id, b.month, b.Budget, b.micros, b.segments))
}

// Spend says what a group's present month has cost.
func (s *Store) Spend(ctx context.Context, group gateway.ID) (out gateway.Spend, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		no, err := s.groups.no(c, group)
		if err != nil {
			return err
		}
		if no == 0 {
			return row.Missing("group")
		}
		b, err := readSpent(c, no, s.micros())
		if err != nil {
			return err
		}
		out = gateway.Spend{Month: b.month, From: row.FromMicros(b.from), To: row.FromMicros(b.to), Segments: b.segments, Amounts: []gateway.Money{}}
		out.Soft, out.Hard = b.Passed(b.micros, b.segments)
		if b.Budget != (gateway.Budget{}) {
			out.Budget = &b.Budget
		}
		if err := query(c, "SELECT p.currency, SUM(s.segments), SUM(s.segments * p.micros) FROM spends s LEFT JOIN price_points p ON p.no = s.price_no WHERE s.group_no = ? AND s.month = ? GROUP BY p.currency ORDER BY p.currency",
			[]any{no, b.month}, func(r *lite.Stmt) error {
				if r.ColNull(0) {
					out.Unpriced = r.ColInt(1)
				} else {
					out.Amounts = append(out.Amounts, gateway.Money{Currency: r.ColText(0), Micros: r.ColInt(2)})
				}
				return nil
			}); err != nil {
			return err
		}
		return query(c, cappedCountQuery, []any{no}, func(r *lite.Stmt) error { return r.Scan(&out.Held) })
	})
	return out, err
}

// Uncap makes deliveries of groups whose cap binds no more due again.
func (s *Store) Uncap(ctx context.Context, limit int) (int, error) {
	var nos []int64
	if err := s.reading(ctx, func(c *lite.Conn) error {
		var groups []int64
		if err := query(c, cappedGroupsQuery, nil, func(r *lite.Stmt) error {
			groups = append(groups, r.ColInt(0))
			return nil
		}); err != nil {
			return err
		}
		for _, group := range groups {
			b, err := readSpent(c, group, s.micros())
			if err != nil {
				return err
			}
			if _, hard := b.Passed(b.micros, b.segments); hard {
				continue
			}
			if err := query(c, cappedQuery, []any{group, limit - len(nos)}, func(r *lite.Stmt) error {
				nos = append(nos, r.ColInt(0))
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil || len(nos) == 0 {
		return 0, err
	}
	return s.changeAll(ctx, nos, func(_ *txn, d *delivery) error {
		row.Uncap(d)
		return nil
	})
}

// The index of these holds only what waits for a cap.
const (
	cappedCountQuery  = "SELECT COUNT(*) FROM deliveries INDEXED BY deliveries_capped WHERE group_no = ? AND state = 5"
	cappedGroupsQuery = "SELECT DISTINCT group_no FROM deliveries INDEXED BY deliveries_capped WHERE state = 5"
	cappedQuery       = "SELECT no FROM deliveries INDEXED BY deliveries_capped WHERE group_no = ? AND state = 5 LIMIT ?"
)

// Place derives the countries of addresses that an earlier release took in, at most limit of them; it returns how many.
func (s *Store) Place(ctx context.Context, limit int) (int, error) {
	type row struct {
		group, member, point gateway.ID
		kind                 string
		address, key         []byte
	}
	rows, err := list(ctx, s, unplacedQuery, []any{limit}, func(r *row) []any {
		return []any{&r.group, &r.member, &r.point, &r.kind, &r.address, &r.key}
	})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	countries := make([]string, len(rows))
	for i, r := range rows {
		key, err := s.groupKey(ctx, r.group)
		if err != nil {
			return 0, err
		}
		var address gateway.Private
		if box, err := sealed.Member(key, r.member, r.key); err == nil {
			if address, err = sealed.Open(box, r.address, r.point, "address"); err != nil {
				return 0, err
			}
		}
		countries[i] = s.country(r.kind, address)
	}
	return len(rows), s.write.do(ctx, false, func(t *txn) error {
		for i, r := range rows {
			if _, err := t.exec("UPDATE contact_points SET country = ? WHERE group_id = ? AND member_id = ? AND id = ? AND country IS NULL", countries[i], r.group[:], r.member[:], r.point[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

const unplacedQuery = `SELECT p.group_id, p.member_id, p.id, p.kind, p.address_sealed, m.key_sealed FROM contact_points p INDEXED BY contact_points_unplaced
	CROSS JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id WHERE p.country IS NULL LIMIT ?`
