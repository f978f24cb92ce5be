package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	scanRows   = 2000 // how many deliveries one look of Lapse passes
	changeRows = 100  // how many deliveries one transaction of Lapse and Release changes
)

// scanKey names a broadcast that Lapse goes through.
type scanKey struct{ broadcast int64 }

// Lapse ends waiting deliveries of expired broadcasts. It reads outside the writer, so a long broadcast holds up nobody.
func (s *Store) Lapse(ctx context.Context, limit int) (int, error) {
	type over struct {
		group, no, waiting int64
		replaced           bool
	}
	var expired []over
	if err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, lapseQuery, []any{s.micros()}, func(r *lite.Stmt) error {
			expired = append(expired, over{r.ColInt(0), r.ColInt(1), r.ColInt(2), r.ColInt(3) != 0})
			return nil
		})
	}); err != nil {
		return 0, err
	}
	n := 0
	for _, b := range expired {
		if b.waiting == 0 {
			if err := s.write.do(ctx, false, func(t *txn) error {
				_, err := t.exec("UPDATE broadcasts SET lapsed = 1 WHERE no = ?", b.no)
				return err
			}); err != nil {
				return n, err
			}
			continue
		}
		for more := true; more && n < limit; {
			ended, goesOn, err := s.lapse(ctx, b.group, b.no, b.replaced, limit-n)
			if n += ended; err != nil {
				return n, fmt.Errorf("ending what has expired: %w", err)
			}
			more = goesOn
		}
	}
	return n, nil
}

const lapseQuery = `SELECT g.no, b.no, COALESCE((SELECT SUM(n) FROM tallies t WHERE t.group_no = g.no AND t.broadcast_no = b.no AND t.state = 'waiting'), 0), b.replaced
	FROM broadcasts b JOIN groups g ON g.id = b.group_id WHERE b.lapsed = 0 AND b.expires_at <= ? AND b.state = 'planned' LIMIT 8`

// lapse looks at the next scanRows deliveries of a broadcast, behind where the last look ended, and ends those that
// wait. More is false at the end, and the next look begins anew.
func (s *Store) lapse(ctx context.Context, group, broadcast int64, replaced bool, limit int) (n int, more bool, err error) {
	key := scanKey{broadcast}
	s.mu.Lock()
	after := s.scans[key]
	s.mu.Unlock()
	var hits []int64
	looked := 0
	if err := s.reading(ctx, func(c *lite.Conn) error {
		r := c.Prepare(lookQuery).Int(1, group).Int(2, broadcast).Key(3, after).Int(4, scanRows)
		for len(hits) < limit && r.Step() {
			looked++
			after = r.ColID(1)
			if r.ColInt(2) != 0 {
				hits = append(hits, r.ColInt(0))
			}
		}
		return r.Reset()
	}); err != nil {
		return 0, false, err
	}
	n, err = s.changeAll(ctx, hits, func(t *txn, d *delivery) error { return row.Lapse(t, d, replaced) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if more = len(hits) == limit || looked == scanRows; more {
		s.scans[key] = after
	} else {
		delete(s.scans, key)
	}
	return n, more, err
}

const lookQuery = "SELECT no, member_id, state IN (0, 4, 5) FROM deliveries INDEXED BY deliveries_once WHERE group_no = ? AND broadcast_no = ? AND member_id > ? ORDER BY member_id LIMIT ?"

// changeAll changes deliveries a few at a time; it returns how many changed their state.
func (s *Store) changeAll(ctx context.Context, nos []int64, change func(*txn, *delivery) error) (n int, err error) {
	for len(nos) > 0 {
		chunk := nos[:min(len(nos), changeRows)]
		nos = nos[len(chunk):]
		changed := 0
		if err := s.write.do(ctx, false, func(t *txn) error {
			changed = 0
			for _, no := range chunk {
				r := t.Prepare("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.no = ?").Int(1, no)
				d := &delivery{}
				if r.Step() {
					readDelivery(r, 0, d)
				}
				if err := r.Reset(); err != nil {
					return err
				}
				was := *d
				if err := change(t, d); err != nil {
					return err
				}
				if *d == was {
					continue
				}
				changed++
				row.Moved(t, d, was.StateWith(nil), d.StateWith(nil))
				if err := t.store(nil, d); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return n, err
		}
		n += changed
	}
	return n, nil
}

// Release makes held deliveries due again; with failed set, it gives dead letters another try as well.
func (s *Store) Release(ctx context.Context, group, broadcast gateway.ID, failed bool, limit int) (int, error) {
	var nos []int64
	if err := s.reading(ctx, func(c *lite.Conn) error {
		var no int64
		stopped, found := false, false
		if err := query(c, "SELECT no, stopped FROM broadcasts WHERE group_id = ? AND id = ?", []any{group[:], broadcast[:]}, func(r *lite.Stmt) error {
			found = true
			return r.Scan(&no, &stopped)
		}); err != nil {
			return err
		}
		if !found {
			return row.Missing("broadcast")
		}
		var queries []string
		if !stopped { // else they are held for good reason
			queries = append(queries, heldQuery)
		}
		if failed {
			queries = append(queries, failedQuery)
		}
		for _, text := range queries {
			r := c.Prepare(text).Int(1, no).Int(2, int64(limit-len(nos)))
			for r.Step() {
				nos = append(nos, r.ColInt(0))
			}
			if err := r.Reset(); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return 0, err
	}
	return s.changeAll(ctx, nos, func(t *txn, d *delivery) error {
		policy, err := t.PolicyOf(d.Broadcast)
		if err != nil {
			return err
		}
		row.Release(t, d, policy.Tries)
		return nil
	})
}

const (
	heldQuery   = "SELECT no FROM deliveries WHERE broadcast_no = ? AND state = 4 LIMIT ?"
	failedQuery = "SELECT no FROM deliveries WHERE broadcast_no = ? AND state = 2 AND reason = 'failed' LIMIT ?"
)

// Resend gives a delivery that is in doubt or failed another try.
func (s *Store) Resend(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, true, func(t *txn) error {
		groupNo, err := s.groups.no(t.Conn, group)
		if err != nil {
			return err
		}
		a, d, err := t.loadDelivery(id)
		if err != nil {
			return err
		}
		if d == nil || d.Group != groupNo {
			return row.Missing("delivery")
		}
		info, err := t.frozenOf(d.Broadcast)
		if err != nil {
			return err
		}
		var replaced bool
		if err := t.query("SELECT replaced FROM broadcasts WHERE no = ?", []any{d.Broadcast}, func(r *lite.Stmt) error { return r.Scan(&replaced) }); err != nil {
			return err
		}
		if err := row.Resend(t, d, a, replaced, info.Policy, row.Expiry(d.Expires, info.Expires)); err != nil {
			return err
		}
		return t.store(a, d)
	})
}
