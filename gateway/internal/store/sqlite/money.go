package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// keptPrices bounds the prices and budgets held in memory.
const keptPrices = 4096

// money is what the writer's goroutine remembers of prices and of what groups have spent. It is forgotten whenever a
// transaction is rolled back.
type money struct {
	priced  map[pricedKey]int64
	points  map[int64]gateway.Money
	budgets map[int64]*spent // by group
}

// pricedKey is what the price of a message depends on; the kind follows from the channel.
type pricedKey struct {
	group, channel int64
	country        string
}

func newMoney() money {
	return money{priced: map[pricedKey]int64{}, points: map[int64]gateway.Money{}, budgets: map[int64]*spent{}}
}

func (m *money) forget() {
	clear(m.priced)
	clear(m.points)
	clear(m.budgets)
}

// priceOf gives the number of the price in force for one unit, which is then frozen in the attempt.
func (t *txn) priceOf(group, channel int64, kind, country string) (int64, error) {
	m, key := &t.w.money, pricedKey{group, channel, country}
	if no, ok := m.priced[key]; ok {
		return no, nil
	}
	table, err := readPriceTable(t.Conn, group)
	if err != nil {
		return 0, err
	}
	var name string
	if err := t.query("SELECT name FROM channels WHERE no = ?", []any{channel}, func(r *lite.Stmt) error { return r.Scan(&name) }); err != nil {
		return 0, err
	}
	price, priced := table.Of(kind, name, country)
	no := int64(row.PriceUnknown)
	switch {
	case priced && price.Currency == "":
		no = row.PriceFree
	case priced:
		if no, err = t.pricePoint(price); err != nil {
			return 0, err
		}
	}
	if len(m.priced) >= keptPrices {
		clear(m.priced)
	}
	m.priced[key] = no
	return no, nil
}

// pricePoint gives the number of an amount, which it keeps for ever.
func (t *txn) pricePoint(p gateway.Money) (no int64, err error) {
	if _, err := t.exec("INSERT INTO price_points (currency, micros) VALUES (?, ?) ON CONFLICT DO NOTHING", p.Currency, p.Micros); err != nil {
		return 0, err
	}
	err = t.query("SELECT no FROM price_points WHERE currency = ? AND micros = ?", []any{p.Currency, p.Micros}, func(r *lite.Stmt) error { return r.Scan(&no) })
	return no, err
}

func readPriceTable(c *lite.Conn, group int64) (*gateway.PriceTable, error) {
	var id gateway.ID
	if err := query(c, "SELECT id FROM groups WHERE no = ?", []any{group}, func(r *lite.Stmt) error { return r.Scan(&id) }); err != nil {
		return nil, err
	}
	own, err := readPrices(c, id)
	if err != nil {
		return nil, err
	}
	operators, err := readPrices(c, gateway.ID{})
	return gateway.NewPriceTable(own, operators), err
}

func readPrices(c *lite.Conn, owner gateway.ID) ([]gateway.Price, error) {
	all := []gateway.Price{}
	err := query(c, "SELECT kind, channel, country, currency, micros FROM prices WHERE owner_id = ? ORDER BY kind, channel, country", []any{owner[:]}, func(r *lite.Stmt) error {
		all = append(all, gateway.Price{Kind: r.ColText(0), Channel: r.ColText(1), Country: r.ColText(2), Currency: r.ColText(3), Micros: r.ColInt(4)})
		return nil
	})
	return all, err
}

// Prices lists an owner's prices.
func (s *Store) Prices(ctx context.Context, owner gateway.ID) (all []gateway.Price, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		all, err = readPrices(c, owner)
		return err
	})
	return all, err
}

// SetPrices changes an owner's prices; they are in force from the next claim on.
func (s *Store) SetPrices(ctx context.Context, owner gateway.ID, all bool, prices []gateway.Price) error {
	return s.write.do(ctx, false, func(t *txn) error {
		clear(t.w.money.priced)
		if all {
			if _, err := t.exec("DELETE FROM prices WHERE owner_id = ?", owner[:]); err != nil {
				return err
			}
		}
		for _, p := range prices {
			if _, err := t.exec("DELETE FROM prices WHERE owner_id = ? AND kind = ? AND channel = ? AND country = ?", owner[:], p.Kind, p.Channel, p.Country); err != nil {
				return err
			}
			if p.Micros < 0 {
				continue
			}
			if _, err := t.exec("INSERT INTO prices (owner_id, kind, channel, country, currency, micros) VALUES (?,?,?,?,?,?)", owner[:], p.Kind, p.Channel, p.Country, p.Currency, p.Micros); err != nil {
				return err
			}
		}
		count := 0
		if err := t.query("SELECT COUNT(*) FROM prices WHERE owner_id = ?", []any{owner[:]}, func(r *lite.Stmt) error { return r.Scan(&count) }); err != nil {
			return err
		}
		if count > gateway.MaxPrices {
			return gateway.Faultf(gateway.CodeInvalid, "the list would have %d prices; %d is the most", count, gateway.MaxPrices)
		}
		return nil
	})
}

// moneyOf gives the amount of a price's number; false: nobody knows it.
func (t *txn) moneyOf(no int64) (gateway.Money, bool, error) {
	if no <= 0 {
		return gateway.Money{}, false, nil
	}
	p, ok := t.w.money.points[no]
	if ok {
		return p, true, nil
	}
	p, ok, err := readMoney(t.Conn, no)
	if err == nil && ok {
		if len(t.w.money.points) >= keptPrices {
			clear(t.w.money.points)
		}
		t.w.money.points[no] = p
	}
	return p, ok, err
}

func readMoney(c *lite.Conn, no int64) (p gateway.Money, ok bool, err error) {
	err = query(c, "SELECT currency, micros FROM price_points WHERE no = ?", []any{no}, func(r *lite.Stmt) error {
		ok = true
		return r.Scan(&p.Currency, &p.Micros)
	})
	return p, ok, err
}

// chargeKey names one counter.
type chargeKey struct{ group, broadcast, channel, price int64 }

// Charge notes what an attempt handed over: at once for the claims behind it, and in the ledger at the transaction's end.
func (t *txn) Charge(a *attempt, segments int) error {
	if a.Cost += segments; segments == 0 || a.Price == row.PriceFree {
		return nil
	}
	b, err := t.spentOf(a.Group)
	if err != nil {
		return fmt.Errorf("reading what a group has spent: %w", err)
	}
	if t.charges == nil {
		t.charges = map[chargeKey]int64{}
	}
	t.charges[chargeKey{a.Group, a.Broadcast, a.Channel, a.Price}] += int64(segments)
	return t.add(b, a.Price, int64(segments))
}

// add counts segments at a price.
func (t *txn) add(b *spent, no, segments int64) error {
	price, priced, err := t.moneyOf(no)
	if priced && price.Currency == b.Currency {
		b.micros += segments * price.Micros
	}
	b.segments += segments
	return err
}

// Heal charges for an attempt in doubt that a receipt proves: nobody told what it cost, but its text is frozen.
func (t *txn) Heal(a *attempt, d *delivery) error {
	if a.FirstPart > 0 {
		return nil // the parts before it were charged to the attempt that sent them
	}
	info, err := t.frozenOf(d.Broadcast)
	if err != nil {
		return err
	}
	said, err := saidBy(t.Conn, info, a, d.Neutral, a.Channel)
	if err != nil {
		return err
	}
	cost := 0
	err = t.query(`SELECT r.cost FROM renderings r JOIN broadcasts b ON b.group_id = r.group_id AND b.id = r.broadcast_id JOIN channels c ON c.kind = r.kind
		WHERE b.no = ? AND c.no = ? AND r.locale = ? AND r.neutral = ?`, []any{d.Broadcast, a.Channel, info.Text(d.Locale, said), said == row.SaidPointer}, func(r *lite.Stmt) error { return r.Scan(&cost) })
	if err != nil || cost <= a.Cost {
		return err
	}
	return t.Charge(a, cost-a.Cost)
}

// flushCharges writes what the transaction's messages cost, and sees whether that reaches a cap.
func (t *txn) flushCharges() error {
	for k, n := range t.charges {
		s := t.Prepare("INSERT INTO charges (group_no, broadcast_no, channel_no, price_no, segments) VALUES (?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET segments = segments + ?5")
		if err := s.Int(1, k.group).Int(2, k.broadcast).Int(3, k.channel).Int(4, k.price).Int(5, n).Run(); err != nil {
			return fmt.Errorf("writing what messages cost: %w", err)
		}
		b, err := t.spentOf(k.group)
		if err != nil {
			return fmt.Errorf("reading what a group has spent: %w", err)
		}
		s = t.Prepare("INSERT INTO spends (group_no, month, price_no, segments) VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET segments = segments + ?4")
		if err := s.Int(1, k.group).Text(2, b.month).Int(3, k.price).Int(4, n).Run(); err != nil {
			return fmt.Errorf("writing what a group has spent: %w", err)
		}
		if err := t.warn(b); err != nil {
			return err
		}
	}
	return nil
}

// Charges says what a broadcast has cost.
func (s *Store) Charges(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Charge, error) {
	all := []gateway.Charge{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		no, err := broadcastNo(c, group, broadcast)
		if err != nil || no == 0 {
			return err
		}
		return query(c, "SELECT h.channel_no, h.segments, p.currency, p.micros FROM charges h LEFT JOIN price_points p ON p.no = h.price_no WHERE h.broadcast_no = ? AND h.group_no = (SELECT no FROM groups WHERE id = ?) ORDER BY h.channel_no, h.price_no",
			[]any{no, group[:]}, func(r *lite.Stmt) error {
				channel, err := s.channels.id(c, r.ColInt(0))
				all = append(all, gateway.NewCharge(channel, r.ColInt(1), gateway.Money{Currency: r.ColText(2), Micros: r.ColInt(3)}, !r.ColNull(2)))
				return err
			})
	})
	return all, err
}

// attemptCharge says what one attempt cost; nil if nothing.
func attemptCharge(c *lite.Conn, a *attempt) (*gateway.Charge, error) {
	if a.Price == row.PriceFree || a.Cost == 0 {
		return nil, nil
	}
	price, priced, err := readMoney(c, a.Price)
	if err != nil {
		return nil, err
	}
	charge := gateway.NewCharge(gateway.ID{}, int64(a.Cost), price, priced)
	return &charge, nil
}
