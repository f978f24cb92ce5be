package postgres

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// keptPrices bounds the prices and budgets held in memory.
const keptPrices = 4096

// money is what a process remembers of prices and budgets, as of one revision. It is safe for concurrent use.
type money struct {
	mu       sync.Mutex
	revision int64
	priced   map[pricedKey]int64
	points   map[int64]gateway.Money // never change
	budgets  map[gateway.ID]*budget
}

// pricedKey is what the price of a message depends on; the kind follows from the channel.
type pricedKey struct {
	group, channel gateway.ID
	country        string
}

// budget is what a group may spend, and the present month in its zone.
type budget struct {
	gateway.Budget
	zone, month string
	from, to    int64
}

func newMoney() *money {
	return &money{priced: map[pricedKey]int64{}, points: map[int64]gateway.Money{}, budgets: map[gateway.ID]*budget{}}
}

// at runs use if what is remembered is of a revision; what is older is forgotten first.
func (m *money) at(revision int64, use func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision < revision {
		m.revision = revision
		clear(m.priced)
		clear(m.budgets)
	}
	if m.revision == revision {
		use()
	}
}

// spent is what a group with a budget has spent in the present month. The transaction holds the group's lock.
type spent struct {
	*budget
	id               gateway.ID
	micros, segments int64 // of the budget's currency
	changed          bool
}

// spending is what a transaction spends.
type spending struct {
	charges map[chargeKey]int64
	spent   map[gateway.ID]*spent // groups with a budget
	told    map[string]bool       // notices written by this transaction
	priced  map[pricedKey]int64
}

// chargeKey names one counter.
type chargeKey struct {
	group, broadcast, channel gateway.ID
	price                     int64
}

func newSpending() spending {
	return spending{charges: map[chargeKey]int64{}, spent: map[gateway.ID]*spent{}, told: map[string]bool{}, priced: map[pricedKey]int64{}}
}

// budgetOf reads what a group may spend.
func (t *txn) budgetOf(group gateway.ID) (b *budget, err error) {
	t.s.money.at(t.money, func() { b = t.s.money.budgets[group] })
	if b != nil && t.now >= b.from && t.now < b.to {
		return b, nil
	}
	b = &budget{}
	var text string
	if err := t.query(budgetQuery, []any{group}, func(r pgx.Rows) error { return r.Scan(&b.zone, &text) }); err != nil {
		return nil, err
	}
	if b.Budget, err = readBudget(text); err != nil {
		return nil, err
	}
	month, from, to := gateway.MonthOf(b.zone, time.UnixMicro(t.now))
	b.month, b.from, b.to = month, row.ToMicros(from), row.ToMicros(to)
	t.s.money.at(t.money, func() {
		if len(t.s.money.budgets) >= keptPrices {
			clear(t.s.money.budgets)
		}
		t.s.money.budgets[group] = b
	})
	return b, nil
}

const spentQuery = `SELECT COALESCE(SUM(s.segments), 0)::bigint, COALESCE(SUM(CASE WHEN p.currency = $1 THEN s.segments * p.micros END), 0)::bigint
	FROM spends s LEFT JOIN price_points p ON p.no = s.price_no WHERE s.group_id = $2 AND s.month = $3`

// takeBudgets reads the sums of the groups in hand that have a budget, one transaction at a time. A group without one
// keeps nobody waiting.
func (t *txn) takeBudgets() error {
	groups := map[gateway.ID]bool{}
	for _, group := range t.owners {
		groups[group] = true
	}
	locks, sums := &pgx.Batch{}, &pgx.Batch{}
	for _, group := range sorted(groups) {
		b, err := t.budgetOf(group)
		if err != nil {
			return fmt.Errorf("reading what a group may spend: %w", err)
		}
		if b.Budget == (gateway.Budget{}) {
			continue
		}
		s := &spent{budget: b, id: group}
		t.spent[group] = s
		locks.Queue("SELECT pg_advisory_xact_lock($1)", lockNumber(budgetLock, group, nil))
		sums.Queue(spentQuery, b.Currency, group, b.month).QueryRow(func(r pgx.Row) error { return r.Scan(&s.segments, &s.micros) })
	}
	locks.QueuedQueries = append(locks.QueuedQueries, sums.QueuedQueries...)
	if err := t.send(locks); err != nil {
		return fmt.Errorf("reading what a group has spent: %w", err)
	}
	return nil
}

// priceOf gives the number of the price in force for one unit, which is then frozen in the attempt.
func (t *txn) priceOf(group, channel gateway.ID, kind, country string) (no int64, err error) {
	m, key := t.s.money, pricedKey{group, channel, country}
	no, found := t.priced[key]
	if found {
		return no, nil
	}
	m.at(t.money, func() { no, found = m.priced[key] })
	if found {
		t.priced[key] = no
		return no, nil
	}
	table, err := t.priceTable(group)
	if err != nil {
		return 0, err
	}
	var name string
	if err := t.query("SELECT name FROM channels WHERE id = $1", []any{channel}, func(r pgx.Rows) error { return r.Scan(&name) }); err != nil {
		return 0, err
	}
	price, priced := table.Of(kind, name, country)
	no = row.PriceUnknown
	switch {
	case priced && price.Currency == "":
		no = row.PriceFree
	case priced:
		if no, err = t.pricePoint(price); err != nil {
			return 0, err
		}
	}
	t.priced[key] = no
	// For others the number is only good once its row is committed.
	t.learned = append(t.learned, func() {
		m.at(t.money, func() {
			if len(m.priced) >= keptPrices {
				clear(m.priced)
			}
			m.priced[key] = no
		})
	})
	return no, nil
}

// pricePoint gives the number of an amount, which is kept for ever.
func (t *txn) pricePoint(p gateway.Money) (no int64, err error) {
	const known = "SELECT no FROM price_points WHERE currency = $1 AND micros = $2"
	scan := func(r pgx.Rows) error { return r.Scan(&no) }
	if err := t.query(known, []any{p.Currency, p.Micros}, scan); err != nil || no != 0 {
		return no, err
	}
	if _, err := t.exec("INSERT INTO price_points (currency, micros) VALUES ($1, $2) ON CONFLICT DO NOTHING", p.Currency, p.Micros); err != nil {
		return 0, err
	}
	return no, t.query(known, []any{p.Currency, p.Micros}, scan)
}

func (t *txn) priceTable(group gateway.ID) (*gateway.PriceTable, error) {
	var lists [2][]gateway.Price
	for i, owner := range [...]gateway.ID{group, {}} {
		if err := t.query(pricesQuery, []any{owner}, func(r pgx.Rows) error {
			var p gateway.Price
			err := r.Scan(&p.Kind, &p.Channel, &p.Country, &p.Currency, &p.Micros)
			lists[i] = append(lists[i], p)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return gateway.NewPriceTable(lists[0], lists[1]), nil
}

// moneyOf gives the amount of a price's number; false: nobody knows it.
func moneyOf(s *Store, q querier, no int64) (p gateway.Money, ok bool, err error) {
	if no <= 0 {
		return p, false, nil
	}
	s.money.mu.Lock()
	p, ok = s.money.points[no]
	s.money.mu.Unlock()
	if ok {
		return p, true, nil
	}
	err = q.query("SELECT currency, micros FROM price_points WHERE no = $1", []any{no}, func(r pgx.Rows) error {
		ok = true
		return r.Scan(&p.Currency, &p.Micros)
	})
	if err == nil && ok {
		s.money.mu.Lock()
		defer s.money.mu.Unlock()
		if len(s.money.points) >= keptPrices {
			clear(s.money.points)
		}
		s.money.points[no] = p
	}
	return p, ok, err
}

// capped says whether a message must wait because its group's hard cap is reached. Messages of exempt classes pass, and
// their group's owners are told.
func (t *txn) capped(info *frozen, price int64) (bool, error) {
	b := t.spent[info.Group]
	if price == row.PriceFree || b == nil {
		return false, nil
	}
	if _, hard := b.Passed(b.micros, b.segments); !hard {
		return false, nil
	}
	if info.Class.Exempt() {
		return false, t.alarm(b, gateway.NoticePassed)
	}
	return true, nil
}

// alarm has a group's owners told, once for each month and set of caps.
func (t *txn) alarm(b *spent, wording string) error {
	n := row.CapNotice(wording, b.id, b.month, b.Budget, b.micros, b.segments)
	if t.told[n.Once] {
		return nil
	}
	t.told[n.Once] = true
	return t.putNotice(n)
}

// Charge notes what an attempt handed over: at once for the claims behind it, and in the ledger at the transaction's end.
func (t *txn) Charge(a *attempt, segments int) error {
	if a.Cost += segments; segments == 0 || a.Price == row.PriceFree {
		return nil
	}
	t.charges[chargeKey{a.Group, a.Broadcast, a.Channel, a.Price}] += int64(segments)
	b := t.spent[a.Group]
	if b == nil {
		return nil
	}
	price, priced, err := moneyOf(t.s, t, a.Price)
	if priced && price.Currency == b.Currency {
		b.micros += int64(segments) * price.Micros
	}
	b.segments, b.changed = b.segments+int64(segments), true
	return err
}

// Heal charges for an attempt in doubt that a receipt proves: nobody told what it cost, but its text is frozen.
func (t *txn) Heal(a *attempt, d *delivery) error {
	if a.FirstPart > 0 {
		return nil // the parts before it were charged to the attempt that sent them
	}
	info, err := t.s.frozenOf(t, d.Group, d.Broadcast)
	if err != nil {
		return err
	}
	said, err := saidBy(t, t.fits, info, a, d.Neutral, a.Channel)
	if err != nil {
		return err
	}
	cost := 0
	err = t.query(`SELECT r.cost FROM channels c JOIN renderings r ON r.kind = c.kind AND r.group_id = $1 AND r.broadcast_id = $2 AND r.locale = $4 AND r.neutral = $5 WHERE c.id = $3`,
		[]any{d.Group, d.Broadcast, a.Channel, info.Text(d.Locale, said), said == row.SaidPointer}, func(r pgx.Rows) error { return r.Scan(&cost) })
	if err != nil || cost <= a.Cost {
		return err
	}
	return t.Charge(a, cost-a.Cost)
}

// writeCharges has owners told whose group has come to a cap, and queues what the transaction's messages cost.
func (t *txn) writeCharges(batch *pgx.Batch) error {
	if len(t.charges) == 0 {
		return nil
	}
	type spendKey struct {
		group gateway.ID
		month string
		price int64
	}
	spends := map[spendKey]int64{}
	keys := slices.SortedFunc(maps.Keys(t.charges), func(a, b chargeKey) int {
		return cmp.Or(bytes.Compare(a.group[:], b.group[:]), bytes.Compare(a.broadcast[:], b.broadcast[:]), bytes.Compare(a.channel[:], b.channel[:]), cmp.Compare(a.price, b.price))
	})
	for _, k := range keys {
		b, err := t.budgetOf(k.group)
		if err != nil {
			return fmt.Errorf("reading what a group may spend: %w", err)
		}
		spends[spendKey{k.group, b.month, k.price}] += t.charges[k]
	}
	for _, b := range t.spent {
		if err := t.warn(b); err != nil {
			return err
		}
	}
	batch.Queue(`INSERT INTO charges AS c (group_id, broadcast_id, channel_id, price_no, shard, segments) SELECT g, b, ch, p, $5::smallint, n FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $6::bigint[]) AS u (g, b, ch, p, n)
	ON CONFLICT (group_id, broadcast_id, channel_id, price_no, shard) DO UPDATE SET segments = c.segments + excluded.segments`,
		column(keys, func(k chargeKey) gateway.ID { return k.group }), column(keys, func(k chargeKey) gateway.ID { return k.broadcast }), column(keys, func(k chargeKey) gateway.ID { return k.channel }),
		column(keys, func(k chargeKey) int64 { return k.price }), t.shard, column(keys, func(k chargeKey) int64 { return t.charges[k] }))
	sums := slices.SortedFunc(maps.Keys(spends), func(a, b spendKey) int {
		return cmp.Or(bytes.Compare(a.group[:], b.group[:]), cmp.Compare(a.month, b.month), cmp.Compare(a.price, b.price))
	})
	batch.Queue(`INSERT INTO spends AS s (group_id, month, price_no, shard, segments) SELECT g, m, p, $4::smallint, n FROM unnest($1::uuid[], $2::text[], $3::bigint[], $5::bigint[]) AS u (g, m, p, n)
	ON CONFLICT (group_id, month, price_no, shard) DO UPDATE SET segments = s.segments + excluded.segments`,
		column(sums, func(k spendKey) gateway.ID { return k.group }), column(sums, func(k spendKey) string { return k.month }), column(sums, func(k spendKey) int64 { return k.price }),
		t.shard, column(sums, func(k spendKey) int64 { return spends[k] }))
	return nil
}

// warn writes a notice for each cap that the sums have come to.
func (t *txn) warn(b *spent) error {
	soft, hard := b.Passed(b.micros, b.segments)
	switch {
	case !b.changed:
		return nil
	case hard:
		return t.alarm(b, gateway.NoticeHard)
	case soft:
		return t.alarm(b, gateway.NoticeSoft)
	}
	return nil
}
